//! How many connections one address may have, and how fast it gets new ones.
//!
//! An address that asks for more than its share is slowed, never banned: its connections wait their turn. This machine's
//! own programs are neither counted nor slowed. What all addresses together may have belongs to `listener`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A burst may be as long as so many seconds of the allowed rate.
const BURST_SECONDS: f64 = 4.0;
/// Longest wait of one connection: it must come before whoever connected has given up.
const DELAY_MAX: Duration = Duration::from_secs(5);
/// Addresses remembered; when there are more, those without connections are forgotten, and if that is not enough new ones
/// are counted together.
const ADDRESSES_MAX: usize = 16_384;

/// What one address has.
struct Address {
    connections: usize,
    /// Connections that may come at once; below zero are those that wait.
    tokens: f64,
    refilled: Instant,
}

/// See the module.
pub(crate) struct Admission {
    connections_max: usize,
    rate: f64,
    addresses: Mutex<HashMap<Network, Address>>,
}

/// A connection that may be served, after a while.
pub(crate) struct Admitted {
    pub(crate) delay: Duration,
    pub(crate) counted: Counted,
}

/// Counts a connection for its address while it lives; `None` for this machine's own.
pub(crate) struct Counted(Option<(Arc<Admission>, Network)>);

impl Admitted {
    /// Neither counted nor slowed.
    pub(crate) const EXEMPT: Self = Self { delay: Duration::ZERO, counted: Counted(None) };
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some((admission, key)) = &self.0
            && let Some(address) = admission.addresses.lock().get_mut(key)
        {
            address.connections -= 1;
        }
    }
}

impl Admission {
    pub(crate) fn new(connections_max: usize, rate: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "nobody means more than 2^52 connections in a second")]
        let rate = rate as f64;
        Self { connections_max, rate, addresses: Mutex::default() }
    }

    /// Whether this address may have one more connection; `None` if it has as many as it may.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Option<Admitted> {
        let peer = peer.to_canonical();
        if peer.is_loopback() {
            return Some(Admitted::EXEMPT);
        }
        let mut addresses = self.addresses.lock();
        let mut key = Network::of(peer);
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&key) {
            addresses.retain(|_, address| address.connections > 0 || self.tokens(address, now) < self.burst());
            if addresses.len() >= ADDRESSES_MAX {
                key = Network::V6(0);
            }
        }
        let address =
            addresses.entry(key).or_insert_with(|| Address { connections: 0, tokens: self.burst(), refilled: now });
        if address.connections >= self.connections_max {
            return None;
        }
        address.tokens = self.tokens(address, now);
        address.refilled = now;
        // Whoever waits longest stands for all behind it.
        address.tokens = (address.tokens - 1.0).max(-self.rate * DELAY_MAX.as_secs_f64());
        address.connections += 1;
        let delay = Duration::from_secs_f64((-address.tokens / self.rate).max(0.0)).min(DELAY_MAX);
        Some(Admitted { delay, counted: Counted(Some((Arc::clone(self), key))) })
    }

    /// The most connections that one address has at the moment.
    pub(crate) fn busiest(&self) -> usize {
        self.addresses.lock().values().map(|address| address.connections).max().unwrap_or(0)
    }

    fn burst(&self) -> f64 {
        self.rate * BURST_SECONDS
    }

    fn tokens(&self, address: &Address, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(address.refilled).as_secs_f64();
        (address.tokens + passed * self.rate).min(self.burst())
    }
}

/// What counts as one address: of IPv6 the network, as every host in it has as many addresses as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Network {
    V4(Ipv4Addr),
    V6(u64),
}

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_connections_and_no_more() {
        let admission = Arc::new(Admission::new(2, 100));
        let now = crate::shard::now().instant;
        let admit = |text| admission.admit(address(text), now);
        let first = admit("192.0.2.7").unwrap();
        let _second = admit("::ffff:192.0.2.7").unwrap();
        assert!(admit("192.0.2.7").is_none(), "an IPv4 address in IPv6 is the same one");
        assert_eq!(admission.busiest(), 2);
        let _other = admit("192.0.2.8").unwrap();
        drop(first);
        let _third = admit("192.0.2.7").unwrap();
        let _neighbours = [admit("2001:db8::1").unwrap(), admit("2001:db8::2").unwrap()];
        assert!(admit("2001:db8::3").is_none(), "one network");
        let _own: Vec<_> = (0..10).map(|_| admit("127.0.0.1").unwrap()).collect();
        let _own: Vec<_> = (0..10).map(|_| admit("::1").unwrap()).collect();
    }

    #[test]
    fn who_comes_too_often_waits_and_is_never_turned_away() {
        let admission = Arc::new(Admission::new(usize::MAX, 10));
        let start = crate::shard::now().instant;
        let delay = |text, now| admission.admit(address(text), now).unwrap().delay;
        for _ in 0..40 {
            assert_eq!(delay("192.0.2.7", start), Duration::ZERO);
        }
        assert_eq!(delay("192.0.2.7", start), Duration::from_millis(100));
        assert_eq!(delay("192.0.2.7", start), Duration::from_millis(200));
        assert_eq!(delay("192.0.2.8", start), Duration::ZERO, "somebody else");
        assert_eq!(delay("127.0.0.1", start), Duration::ZERO);
        for _ in 0..1_000 {
            assert!(delay("192.0.2.7", start) <= DELAY_MAX);
        }
        assert_eq!(delay("192.0.2.7", start), DELAY_MAX);
        assert_eq!(delay("192.0.2.7", start + Duration::from_secs(60)), Duration::ZERO);
    }

    #[test]
    fn addresses_are_remembered_within_a_bound() {
        let admission = Arc::new(Admission::new(10, 10));
        let start = crate::shard::now().instant;
        let many = |count: usize, now| -> Vec<_> {
            let addresses = (0..count).map(|number| IpAddr::from([10, 0, (number / 256) as u8, (number % 256) as u8]));
            addresses.filter_map(|address| admission.admit(address, now)).collect()
        };
        let held = many(ADDRESSES_MAX, start);
        assert_eq!(held.len(), ADDRESSES_MAX);
        let together: Vec<_> = (0..20).filter_map(|_| admission.admit(address("192.0.2.7"), start)).collect();
        assert_eq!(together.len(), 10, "those who find no place share one");
        assert_eq!(admission.addresses.lock().len(), ADDRESSES_MAX + 1);
        drop((held, together));
        let later = start + Duration::from_secs(60);
        let _one = admission.admit(address("192.0.2.9"), later).unwrap();
        assert_eq!(admission.addresses.lock().len(), 1);
    }
}
