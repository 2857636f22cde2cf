//! Bridges: other devices that a device writes to, by their tokens, under keys of its own. They end with its connection.

use housewire_core::DeviceId;

use crate::accounts::Login;
use crate::limits::BLYNK_BRIDGES_MAX;

/// Whose pins are written under a key.
#[derive(Debug)]
pub(super) struct Target {
    key: Box<[u8]>,
    pub(super) device: DeviceId,
    /// By the token that was shown, with its rights; it may be taken back meanwhile.
    pub(super) login: Login,
}

/// See the module. Most devices have none.
#[derive(Debug, Default)]
pub(super) struct Bridges(Vec<Target>);

impl Bridges {
    /// From now on the key means this device; `false` if there are too many keys.
    pub(super) fn bind(&mut self, key: &[u8], device: DeviceId, login: Login) -> bool {
        let target = Target { key: key.into(), device, login };
        let is_full = self.0.len() >= BLYNK_BRIDGES_MAX;
        match self.0.iter_mut().find(|known| *known.key == *key) {
            Some(known) => *known = target,
            None if is_full => return false,
            None => self.0.push(target),
        }
        true
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Target> {
        self.0.iter().find(|target| *target.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use housewire_core::{Permissions, Principal};

    use crate::accounts::Kind;

    use super::*;

    #[test]
    fn keys_are_bound_again_and_there_are_not_too_many() {
        let mut bridges = Bridges::default();
        let principal = Arc::new(Principal::new("test", Permissions::default()));
        let login = Login { principal, kind: Kind::Device, credential: None, shown: None };
        let mut bind = |key: usize, device: &str| {
            bridges.bind(key.to_string().as_bytes(), DeviceId::parse(device).unwrap(), login.clone())
        };
        assert!((0..BLYNK_BRIDGES_MAX).all(|key| bind(key, "one")));
        assert!(!bind(BLYNK_BRIDGES_MAX, "one"));
        assert!(bind(7, "two"));
        assert_eq!(bridges.get(b"7").map(|target| target.device.as_str()), Some("two"));
        assert_eq!(bridges.get(b"8").map(|target| target.device.as_str()), Some("one"));
        assert!(bridges.get(b"x").is_none());
    }
}
