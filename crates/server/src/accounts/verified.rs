//! Passwords that were right a moment ago: HTTP's Basic shows one with every request, and each check takes a thread for a
//! while.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::accounts::credential::hash;

/// How long a password that was right need not be checked again.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Passwords remembered at once; all are forgotten then.
const REMEMBERED_MAX: usize = 256;

/// See the module. Keeps no password, only a hash of it with a secret that never leaves the hub.
pub(super) struct Verified {
    secret: Vec<u8>,
    known: Mutex<HashMap<[u8; 32], Known>>,
}

struct Known {
    /// Of the hash on disk that it was right for: another one, and it is forgotten.
    stamp: [u8; 32],
    until: Instant,
}

impl Verified {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self { secret: secret.to_owned(), known: Mutex::default() }
    }

    /// Whether this password was right for this hash a moment ago.
    pub(super) fn contains(&self, stored: &str, name: &str, password: &[u8], now: Instant) -> bool {
        let known = self.known.lock();
        known
            .get(&self.key(name, password))
            .is_some_and(|known| known.stamp == hash(stored.as_bytes()) && now < known.until)
    }

    pub(super) fn add(&self, stored: &str, name: &str, password: &[u8], now: Instant) {
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(self.key(name, password), Known { stamp: hash(stored.as_bytes()), until: now + REMEMBERED });
    }

    fn key(&self, name: &str, password: &[u8]) -> [u8; 32] {
        hash(&[&self.secret, name.as_bytes(), &[0], password].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_of_the_same_person_is_remembered_and_not_for_long() {
        let verified = Verified::new(b"secret");
        let now = crate::shard::now().instant;
        verified.add("hash", "anna", b"horse", now);
        for (stored, name, password, later, expected) in [
            ("hash", "anna", "horse", Duration::ZERO, true),
            ("hash", "anna", "horse", REMEMBERED, false),
            ("other hash", "anna", "horse", Duration::ZERO, false),
            ("hash", "ben", "horse", Duration::ZERO, false),
            ("hash", "anna", "Horse", Duration::ZERO, false),
        ] {
            assert_eq!(verified.contains(stored, name, password.as_bytes(), now + later), expected);
        }
        for number in 0..REMEMBERED_MAX + 10 {
            verified.add("hash", &number.to_string(), b"horse", now);
        }
        assert!(verified.known.lock().len() <= REMEMBERED_MAX);
    }
}
