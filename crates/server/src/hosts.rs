//! The names under which browsers may ask for this hub.
//!
//! A site can give its own name the hub's address (DNS rebinding); its page is then of the same origin as the hub, as far as the
//! browser can tell. What it cannot do is have the browser send another name than its own. So whoever is known by a cookie,
//! or by where he is, has to ask under a name that is ours. An address is nobody's name.

use std::collections::BTreeSet;

use crate::names::HostName;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Hosts(BTreeSet<HostName>);

impl Hosts {
    pub(crate) fn new(names: BTreeSet<HostName>) -> Self {
        Self(names)
    }

    /// Whether `host` or `host:port` is one of ours, or an address.
    pub(crate) fn knows(&self, authority: &str) -> bool {
        match host_name(authority).and_then(|host| host.parse().ok()) {
            Some(HostName::Address(_)) => true,
            Some(HostName::Dns(name)) => {
                name.ends_with(".localhost") || is_second_of_our_kind(&name) || self.0.contains(&HostName::Dns(name))
            }
            None => false,
        }
    }
}

/// `housewire-2.local`: what a hub is called in a network that has a `housewire.local` already. Who may take one of these names
/// may take the other.
fn is_second_of_our_kind(name: &str) -> bool {
    let number = name.strip_prefix("housewire-").and_then(|rest| rest.strip_suffix(".local"));
    number.is_some_and(|number| (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The host part of `host` or `host:port`, without the brackets of an IPv6 address; `None` if it is neither.
pub(crate) fn host_name(authority: &str) -> Option<&str> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_is_fine = rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    port_is_fine.then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_and_addresses_are_known() {
        let ours = ["hub.example.org", "raspi", "raspi.local", "housewire.local", "localhost"];
        let hosts = Hosts::new(ours.map(|name| name.parse().unwrap()).into());
        for known in [
            "localhost",
            "LOCALHOST:8080",
            "app.localhost",
            "raspi",
            "raspi.local:8080",
            "housewire.local",
            "housewire-2.local:8080",
            "hub.example.org.",
            "192.0.2.7:8080",
            "[2001:db8::1]:8080",
            "127.0.0.1",
        ] {
            assert!(hosts.knows(known), "{known}");
        }
        for foreign in [
            "evil.example",
            "raspi.evil.example",
            "localhost.evil.example",
            "housewire-.local",
            "housewire-x.local",
            "housewire-2.local.evil.example",
            "",
            "[::1]x",
            "127.0.0.1:x",
            "1.2.3.4.evil",
        ] {
            assert!(!hosts.knows(foreign), "{foreign}");
        }
    }
}
