//! Firmware that a roll-out has for a device that speaks Blynk: what it is told, and where it fetches the file.
//!
//! Libraries fetch from an address and show no token there. So the address itself opens the one file to the one device, for as
//! long as the hub runs and the roll-out has it for that device; whoever reads it learns no token from it.

use std::net::SocketAddr;
use std::sync::OnceLock;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

use housewire_core::DeviceId;

use crate::config::{BlynkSettings, TlsMode};

/// Below it are files of firmware, in the API of Blynk 2.0.
pub(crate) const UPDATES: &str = "firmware/";
/// Of the key in an address: 128 bits, in hexadecimal digits.
const KEY_CHARS: usize = 32;

/// What a device is to fetch, as the hub says it in `devices/<device>/$firmware`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Update {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) size: u64,
}

impl Update {
    /// `None` if there is nothing to fetch.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }
}

/// A file that an address opens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    pub(crate) version: String,
}

/// See the module.
pub(crate) struct Fetch {
    secret: [u8; 32],
    /// The port that speaks HTTP.
    port: OnceLock<u16>,
}

impl Default for Fetch {
    fn default() -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system has random numbers");
        Self { secret, port: OnceLock::new() }
    }
}

impl Fetch {
    /// Which port speaks HTTP, once that is known.
    pub(crate) fn set_port(&self, port: u16) {
        // A hub listens once.
        let _was_set = self.port.set(port).is_ok();
    }

    /// Where a device fetches an update. `local` is the hub's end of its connection, which is where it knows the hub to be;
    /// `None` if neither that nor the configuration says where that is.
    pub(crate) fn url(
        &self,
        (blynk, tls): (&BlynkSettings, TlsMode),
        local: Option<SocketAddr>,
        device: &DeviceId,
        update: &Update,
    ) -> Option<String> {
        let (name, version) = (&update.name, &update.version);
        let host = match (&blynk.address, local) {
            (Some(address), _) => address.clone(),
            (None, Some(local)) => SocketAddr::new(local.ip().to_canonical(), *self.port.get()?).to_string(),
            (None, None) => return None,
        };
        let scheme = if tls == TlsMode::Only { "https" } else { "http" };
        let key = self.key(device.as_str(), name, version);
        Some(format!("{scheme}://{host}/external/api/{UPDATES}{device}/{name}/{version}/{key}"))
    }

    /// What the rest of a path behind [`UPDATES`] opens.
    pub(crate) fn open(&self, path: &str) -> Option<Opened> {
        let parts: Vec<&str> = path.split('/').collect();
        let [device, name, version, key] = parts.as_slice() else { return None };
        let expected = hex::<16>(key)?;
        self.mac(device, name, version).verify_truncated_left(&expected).ok()?;
        let device = DeviceId::parse(device).ok()?;
        Some(Opened { device, name: (*name).to_owned(), version: (*version).to_owned() })
    }

    fn mac(&self, device: &str, name: &str, version: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any length of key will do");
        // None of them has a slash.
        mac.update(format!("{device}/{name}/{version}").as_bytes());
        mac
    }

    fn key(&self, device: &str, name: &str, version: &str) -> String {
        let bytes = self.mac(device, name, version).finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..KEY_CHARS].to_owned()
    }
}

fn hex<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let mut bytes = [0; LEN];
    if text.len() != 2 * LEN || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_opens_one_file_to_one_device() {
        let fetch = Fetch::default();
        let device = DeviceId::parse("lamp").unwrap();
        let update = Update::read(br#"{"name":"lamp","version":"1.2.0","size":7,"sha256":"x","url":"/y"}"#).unwrap();
        assert_eq!(Update::read(b""), None);
        let mut blynk = BlynkSettings::default();
        let local = "[::ffff:192.0.2.7]:1883".parse().ok();
        assert_eq!(fetch.url((&blynk, TlsMode::On), local, &device, &update), None, "no port is known yet");
        fetch.set_port(8080);
        let url = fetch.url((&blynk, TlsMode::On), local, &device, &update).unwrap();
        let path = url.strip_prefix("http://192.0.2.7:8080/external/api/firmware/").unwrap();
        let opened = fetch.open(path).unwrap();
        assert_eq!((opened.device, &*opened.name, &*opened.version), (device.clone(), "lamp", "1.2.0"));
        let other = Fetch::default();
        for wrong in
            [&path[..path.len() - 1], &path.replace("1.2.0", "1.2.1"), &path.replace("lamp/", "lamq/"), "", "///"]
        {
            assert_eq!(fetch.open(wrong), None, "{wrong}");
        }
        assert_eq!(other.open(path), None, "another hub's");
        blynk.address = Some("hub.example.org:80".to_owned());
        assert!(
            fetch.url((&blynk, TlsMode::On), None, &device, &update).unwrap().starts_with("http://hub.example.org:80/")
        );
    }
}
