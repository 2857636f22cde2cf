//! Which addresses must begin with a PROXY header: what the settings say, and whether it makes sense.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::ConfigError;
use crate::proxy::{Network, Proxies};

/// `demo_at` is the address to listen on if the demo house runs, which connects to it like any client.
pub(super) fn choose(is_on: bool, from: Option<Vec<Network>>, demo_at: Option<IpAddr>) -> Result<Proxies, ConfigError> {
    let senseless = |key, value: &str, rule| Err(ConfigError::Senseless { key, value: value.into(), rule });
    match from {
        Some(_) if !is_on => senseless("proxy_protocol", "false", "proxy_from is named; say proxy_protocol = true too"),
        Some(from) if from.is_empty() => senseless("proxy_from", "[]", "name the proxies' addresses, or leave it out"),
        from => {
            let proxies = if is_on { Proxies::from_networks(from) } else { Proxies::none() };
            if demo_at.is_some_and(|bind| proxies.contains(own_address(bind))) {
                let rule = "its devices connect from this machine, where only proxies may; name others in proxy_from";
                return senseless("demo", "true", rule);
            }
            Ok(proxies)
        }
    }
}

/// Where a program on this machine that connects to `bind` comes from.
fn own_address(bind: IpAddr) -> IpAddr {
    match bind {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn proxies_are_named_and_wanted() {
        let config = |text: &str| toml::from_str::<Settings>(text).unwrap().into_config();
        let expects = |text: &str, address: &str| config(text).unwrap().proxies.contains(address.parse().unwrap());
        assert!(!expects("", "127.0.0.1"));
        assert!(!expects("proxy_protocol = false", "127.0.0.1"));
        assert!(expects("proxy_protocol = true", "127.0.0.1"));
        let named = "proxy_protocol = true\nproxy_from = [\"192.0.2.7\", \"10.0.0.0/8\"]\ndemo = true";
        for (address, expected) in [("192.0.2.7", true), ("10.1.2.3", true), ("127.0.0.1", false)] {
            assert_eq!(expects(named, address), expected, "{address}");
        }
        assert!(expects("proxy_protocol = true\nbind = \"192.0.2.7\"\ndemo = true", "127.0.0.1"));
        for text in [
            "proxy_from = [\"192.0.2.7\"]",
            "proxy_protocol = true\nproxy_from = []",
            "proxy_protocol = true\ndemo = true",
        ] {
            assert!(matches!(config(text), Err(ConfigError::Senseless { .. })), "{text}");
        }
        assert!(toml::from_str::<Settings>("proxy_from = [\"nginx\"]").is_err());
    }
}
