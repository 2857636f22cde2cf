//! Simulated devices: what the demo house and virtual devices have in common.
//!
//! A player is a pure model (what it is, how it reacts; time and chance handed in) that `life` connects through a door. It is a
//! real client over loopback and knows nothing of the hub's inside: what it does any device could do. Which models there are
//! belongs to those who play them.

pub(crate) mod door;
pub(crate) mod http_door;
pub(crate) mod life;
pub(crate) mod model;
pub(crate) mod mqtt3_door;
pub(crate) mod mqtt5_door;
mod mqtt_line;
pub(crate) mod registrar;
pub(crate) mod ws_door;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Where the hub listens, and what it lets players in for.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// HTTP and WebSocket.
    pub(crate) http: SocketAddr,
    /// MQTT; may be the same port.
    pub(crate) mqtt: SocketAddr,
    /// What they show.
    pub(crate) token: Arc<str>,
    /// Whether they are the demo house: only a device that is marked so is theirs then.
    pub(crate) is_demo: bool,
}

impl Access {
    /// Of a hub that is bound so; a wildcard address is reached over loopback.
    pub(crate) fn new(http: SocketAddr, mqtt: SocketAddr, token: Arc<str>) -> Self {
        Self { http: reachable(http), mqtt: reachable(mqtt), token, is_demo: false }
    }

    /// The same for the demo house, which is removed as a whole.
    pub(crate) fn of_demo(self) -> Self {
        Self { is_demo: true, ..self }
    }
}

/// Where a client on this machine reaches a listener.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcard_addresses_are_reached_over_loopback() {
        for (bound, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("192.0.2.7:1", "192.0.2.7:1"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()), expected.parse().unwrap());
        }
    }
}
