//! What the network is told of the hub, decided from its configuration.

use std::net::IpAddr;

use housewire_links::discovery::mdns::OWN_ID;

use crate::config::{Config, TlsMode};
use crate::serve::Addresses;

/// What the hub is called on every network, if nobody else is.
pub(super) const HOST: &str = "housewire.local.";
/// Longest name of a service: one label of DNS.
const NAME_BYTES_MAX: usize = 63;

/// Where the network is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interfaces {
    /// Everywhere but on loopback; addresses are those that the machine has at the moment.
    All,
    /// The same, without IPv6, on which nobody would answer.
    IPv4,
    /// Where this address is.
    Of(IpAddr),
}

/// One service of the hub.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) kind: &'static str,
    pub(super) port: u16,
    pub(super) txt: Vec<(&'static str, String)>,
}

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) interfaces: Interfaces,
    /// What people see in a list of services.
    pub(super) name: String,
    pub(super) offers: Vec<Offer>,
    /// Tells this start of this hub apart from all others.
    pub(super) id: String,
}

impl Plan {
    /// None if the network is not to be told, or could not reach the hub anyway.
    pub(super) fn of(config: &Config, addresses: Addresses, machine: &str, id: &str) -> Option<Self> {
        let bind = config.bind.to_canonical();
        if !config.mdns || bind.is_loopback() {
            return None;
        }
        let interfaces = match bind {
            // A socket for any address of IPv6 takes those of IPv4, too.
            IpAddr::V6(address) if address.is_unspecified() => Interfaces::All,
            IpAddr::V4(address) if address.is_unspecified() => Interfaces::IPv4,
            address => Interfaces::Of(address),
        };
        let version = env!("CARGO_PKG_VERSION");
        let about = || vec![("version", version.to_owned()), (OWN_ID, id.to_owned())];
        let tls = match config.tls.mode {
            TlsMode::Off => "off",
            TlsMode::On => "on",
            TlsMode::Only => "only",
        };
        let mut txt = about();
        txt.extend(
            [("path", "/"), ("api", "/api"), ("ws", "/api/ws"), ("tls", tls)].map(|(key, text)| (key, text.to_owned())),
        );
        let mut offers = vec![Offer { kind: "_housewire._tcp.local.", port: addresses.http.port(), txt }];
        // Where other machines get in with TLS alone, plain MQTT would be refused.
        if config.tls.mode != TlsMode::Only {
            offers.push(Offer { kind: "_mqtt._tcp.local.", port: addresses.mqtt.port(), txt: about() });
        }
        if let Some(mqtts) = addresses.mqtts {
            offers.push(Offer { kind: "_secure-mqtt._tcp.local.", port: mqtts.port(), txt: about() });
        }
        Some(Self { interfaces, name: name_of(machine), offers, id: id.to_owned() })
    }
}

/// `Housewire on pi`; without control characters and within one label.
fn name_of(machine: &str) -> String {
    let machine: String =
        machine.split('.').next().unwrap_or_default().chars().filter(|c| c.is_ascii_graphic()).collect();
    let mut name = if machine.is_empty() { "Housewire".to_owned() } else { format!("Housewire on {machine}") };
    // Room for the number of one who comes second.
    name.truncate(NAME_BYTES_MAX - " (99)".len());
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn plan(file: &str, mqtts: Option<&str>) -> Option<Plan> {
        let config = toml::from_str::<Settings>(file).unwrap().into_config().unwrap();
        let addresses = Addresses {
            http: "127.0.0.1:8080".parse().unwrap(),
            mqtt: "127.0.0.1:1883".parse().unwrap(),
            mqtts: mqtts.map(|address| address.parse().unwrap()),
        };
        Plan::of(&config, addresses, "pi.lan", "42")
    }

    #[test]
    fn nobody_is_told_of_what_nobody_could_reach() {
        for file in [
            "mdns = false",
            "bind = \"127.0.0.1\"",
            "bind = \"127.1.2.3\"",
            "bind = \"::1\"",
            "bind = \"::ffff:127.0.0.1\"",
        ] {
            assert_eq!(plan(file, None), None, "{file}");
        }
    }

    #[test]
    fn the_network_is_told_what_is_served_there() {
        for (file, mqtts, interfaces, offers) in [
            ("", Some("127.0.0.1:8883"), Interfaces::IPv4, "_housewire:8080 _mqtt:1883 _secure-mqtt:8883"),
            ("[tls]\nmode = \"off\"", None, Interfaces::IPv4, "_housewire:8080 _mqtt:1883"),
            ("[tls]\nmode = \"only\"", Some("127.0.0.1:8883"), Interfaces::IPv4, "_housewire:8080 _secure-mqtt:8883"),
            ("bind = \"::\"", None, Interfaces::All, "_housewire:8080 _mqtt:1883"),
            ("bind = \"192.0.2.7\"", None, Interfaces::Of("192.0.2.7".parse().unwrap()), "_housewire:8080 _mqtt:1883"),
        ] {
            let plan = plan(file, mqtts).unwrap();
            let short = |offer: &Offer| format!("{}:{}", offer.kind.trim_end_matches("._tcp.local."), offer.port);
            let offered = plan.offers.iter().map(short).collect::<Vec<_>>().join(" ");
            assert_eq!((plan.interfaces, offered.as_str()), (interfaces, offers), "{file}");
            assert!(plan.offers.iter().all(|offer| offer.txt.contains(&("id", "42".to_owned()))));
        }
        let plan = plan("", None).unwrap();
        assert!(plan.offers[0].txt.contains(&("tls", "on".to_owned())) && plan.name == "Housewire on pi");
    }

    #[test]
    fn names_fit_into_a_label() {
        assert_eq!(name_of(""), "Housewire");
        assert_eq!(name_of("k\u{7}üche"), "Housewire on kche");
        assert_eq!(name_of(&"x".repeat(200)).len(), NAME_BYTES_MAX - 5);
    }
}
