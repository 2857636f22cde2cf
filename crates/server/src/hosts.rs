//! The names under which browsers may ask for this hub.
//!
//! A site can give its own name the hub's address (DNS rebinding); its page is then of the same origin as the hub, as far as the
//! browser can tell. What it cannot do is have the browser send another name than its own. So whoever is known by a cookie,
//! or by where he is, has to ask under a name that is ours. An address is nobody's name.

use std::net::IpAddr;

/// See the module.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// In lower case.
    names: Vec<String>,
}

impl Hosts {
    /// Those that the configuration names, and those that this machine (`machine`) has by itself.
    pub(crate) fn new(configured: &[String], machine: Option<&str>) -> Self {
        let lower = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
        let mut names: Vec<String> = configured.iter().map(|name| lower(name)).collect();
        names.extend(["localhost", "housewire.local"].map(str::to_owned));
        if let Some(machine) = machine.map(lower).filter(|machine| !machine.is_empty()) {
            names.push(format!("{machine}.local"));
            names.push(machine);
        }
        Self { names }
    }

    /// Whether `host` or `host:port` is one of ours, or an address.
    pub(crate) fn knows(&self, authority: &str) -> bool {
        let Some(host) = host_name(authority) else { return false };
        if host.parse::<IpAddr>().is_ok() {
            return true;
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        host.ends_with(".localhost") || self.names.contains(&host)
    }
}

/// What this machine is called.
pub(crate) fn machine_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
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
        let hosts = Hosts::new(&["Hub.Example.org".to_owned()], Some("raspi"));
        for known in [
            "localhost",
            "LOCALHOST:8080",
            "app.localhost",
            "raspi",
            "raspi.local:8080",
            "housewire.local",
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
            "",
            "[::1]x",
            "127.0.0.1:x",
            "1.2.3.4.evil",
        ] {
            assert!(!hosts.knows(foreign), "{foreign}");
        }
    }
}
