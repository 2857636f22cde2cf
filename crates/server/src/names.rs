//! Under which names and addresses the hub may be reached: what the machine says of itself, and what the configuration adds.
//!
//! The hub's certificate is made out to these, and a request that names none of them did not mean this hub.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use crate::limits::{MACHINE_ADDRESSES_MAX, NAME_BYTES_MAX};

/// A DNS name or an address under which clients reach the hub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostName {
    /// In lower case, without a final dot.
    Dns(String),
    /// As IPv4 where it is one.
    Address(IpAddr),
}

impl HostName {
    fn dns(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // What looks like an address of IPv4 is one, or nothing.
        let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = name.len() <= NAME_BYTES_MAX
            && name.split('.').all(is_label)
            && !name.rsplit('.').next().is_none_or(is_number);
        is_name.then_some(Self::Dns(name))
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = address.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        Self::dns(text).ok_or_else(|| {
            format!("'{text}' is neither a host name (hub.example.org, without port or *) nor an address (192.0.2.7)")
        })
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Names that every hub answers to.
const ALWAYS: [&str; 2] = ["localhost", "housewire.local"];

/// The names at this moment: addresses come and go. Asks the system, which may take a while; not for a shard.
pub(crate) fn of_machine(configured: &[HostName]) -> BTreeSet<HostName> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // Where the system does not tell, what the configuration names is left.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.into_iter().map(|interface| interface.ip()).take(MACHINE_ADDRESSES_MAX);
    gather(&host, addresses, configured)
}

fn gather(host: &str, addresses: impl Iterator<Item = IpAddr>, configured: &[HostName]) -> BTreeSet<HostName> {
    let mut names: BTreeSet<_> = ALWAYS.iter().filter_map(|name| HostName::dns(name)).collect();
    let first_label = host.split('.').next().unwrap_or_default();
    names.extend([host, first_label, &format!("{first_label}.local")].into_iter().filter_map(HostName::dns));
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let named = addresses.map(|address| address.to_canonical()).filter(|address| can_be_typed(*address));
    names.extend(loopback.into_iter().chain(named).map(HostName::Address));
    names.extend(configured.iter().cloned());
    names
}

/// Addresses of one link only (`fe80::1%eth0`) are written with an interface, which no certificate can name.
fn can_be_typed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_unspecified() && !address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read_as_people_write_them() {
        for (text, expected) in [
            ("hub", Some("hub")),
            ("Hub.Example.ORG.", Some("hub.example.org")),
            ("192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("hub:8080", None),
            ("*.example.org", None),
            ("-hub", None),
            ("hub..org", None),
            ("hub_1", None),
            ("", None),
            (".", None),
            ("192.0.2", None),
            ("http://hub", None),
            (&"a".repeat(64), None),
        ] {
            let name = text.parse::<HostName>().ok().map(|name| name.to_string());
            assert_eq!(name.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_a_machine_is_called() {
        let names = |host, addresses: &[&str], more: &[&str]| -> Vec<String> {
            let more: Vec<HostName> = more.iter().map(|name| name.parse().unwrap()).collect();
            let addresses = addresses.iter().map(|address| address.parse().unwrap());
            gather(host, addresses, &more).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            names("Pi", &["192.0.2.7", "fe80::1", "127.0.0.1", "2001:db8::1"], &["home.example.org"]),
            [
                "home.example.org",
                "housewire.local",
                "localhost",
                "pi",
                "pi.local",
                "127.0.0.1",
                "192.0.2.7",
                "::1",
                "2001:db8::1"
            ]
        );
        let full = names("pi.lan", &[], &[]);
        assert!(["pi.lan", "pi", "pi.local"].iter().all(|name| full.contains(&(*name).to_owned())), "{full:?}");
        // A machine without a usable name has the others.
        assert_eq!(names("(none)", &[], &[]), ["housewire.local", "localhost", "127.0.0.1", "::1"]);
    }

    #[test]
    fn this_machine_has_names() {
        let names = of_machine(&[]);
        assert!(names.contains(&"127.0.0.1".parse().unwrap()) && names.contains(&"localhost".parse().unwrap()));
    }
}
