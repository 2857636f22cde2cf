//! How many requests one address may make: so many in a second, and more in a burst.
//!
//! Each address has a bucket, which its connections keep, so that a request costs one look at the clock and one word of
//! memory. This machine's own programs are not counted. How fast connections may come belongs to `admission`, how fast
//! somebody may guess passwords to `auth`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;

use crate::limits::RATE_ADDRESSES_MAX;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const REST: HeaderName = HeaderName::from_static("ratelimit");

/// The buckets of all addresses.
pub(crate) struct Rates {
    /// `None`: nobody is counted.
    pace: Option<Pace>,
    began: Instant,
    buckets: Mutex<HashMap<IpAddr, Arc<Bucket>>>,
}

/// One rate, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    /// For one request.
    each: u64,
    /// For a whole burst.
    burst: u64,
}

/// What one address has used, as the moment at which all of it will have been given back (the generic cell rate algorithm:
/// one number instead of a count and a time).
#[derive(Debug, Default)]
pub(crate) struct Bucket(AtomicU64);

/// What is left of a bucket after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    requests: u64,
    /// Until all is given back, in whole seconds, rounded up.
    reset_s: u64,
}

/// A request too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// After which another one is taken.
    pub(crate) retry_after: Duration,
}

impl Rates {
    /// `rate` requests in a second on average, `burst` at once; a rate of 0 is none.
    pub(crate) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        let pace = (rate > 0).then(|| {
            let each = (1_000_000_000 / u64::from(rate)).max(1);
            Pace { each, burst: each * u64::from(burst.max(1)) }
        });
        Self { pace, began: now, buckets: Mutex::default() }
    }

    /// The bucket of an address; `None` if it is not counted.
    pub(crate) fn bucket(&self, address: IpAddr, now: Instant) -> Option<Arc<Bucket>> {
        let pace = self.pace?;
        let address = network(address.to_canonical());
        if address.is_loopback() {
            return None;
        }
        let mut buckets = self.buckets.lock();
        if let Some(bucket) = buckets.get(&address) {
            return Some(Arc::clone(bucket));
        }
        let mut key = address;
        if buckets.len() >= RATE_ADDRESSES_MAX {
            let now = self.nanos(now);
            buckets.retain(|_, bucket| Arc::strong_count(bucket) > 1 || bucket.0.load(Ordering::Relaxed) > now);
            if buckets.len() >= RATE_ADDRESSES_MAX {
                // All further ones together.
                key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        debug_assert!(pace.each > 0);
        Some(Arc::clone(buckets.entry(key).or_default()))
    }

    /// Takes one request out of a bucket.
    pub(crate) fn take(&self, bucket: &Bucket, now: Instant) -> Result<Rest, TooMany> {
        let Some(Pace { each, burst }) = self.pace else { return Ok(Rest { requests: u64::MAX, reset_s: 0 }) };
        let now = self.nanos(now);
        let mut used_until = bucket.0.load(Ordering::Relaxed);
        loop {
            let next = used_until.max(now) + each;
            if next - now > burst {
                return Err(TooMany { retry_after: Duration::from_nanos(next - now - burst) });
            }
            match bucket.0.compare_exchange_weak(used_until, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    let reset_s = (next - now).div_ceil(1_000_000_000);
                    return Ok(Rest { requests: (burst - (next - now)) / each, reset_s });
                }
                Err(other) => used_until = other,
            }
        }
    }

    /// Says what the rule is and what is left (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn tell(&self, rest: Result<Rest, TooMany>, headers: &mut HeaderMap) {
        let Some(Pace { each, burst }) = self.pace else { return };
        let (requests, seconds) = match rest {
            Ok(rest) => (rest.requests, rest.reset_s),
            Err(TooMany { retry_after }) => (0, seconds_up(retry_after)),
        };
        let policy = format!("\"requests\";q={};w={}", burst / each, burst.div_ceil(1_000_000_000));
        let rest = format!("\"requests\";r={requests};t={seconds}");
        for (name, value) in [(POLICY, policy), (REST, rest)] {
            headers.insert(name, HeaderValue::from_str(&value).expect("ASCII"));
        }
    }

    fn nanos(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.began).as_nanos();
        u64::try_from(passed).expect("a process runs for less than 500 years")
    }
}

/// Whole seconds, as headers say them, never too few.
pub(crate) fn seconds_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// What counts as one address: of IPv6 the network, as every host in it has as many addresses as it likes.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let rates = Rates::new(10, 5, start);
        let bucket = rates.bucket(LAMP, start).unwrap();
        for left in (0..5).rev() {
            assert_eq!(rates.take(&bucket, start), Ok(Rest { requests: left, reset_s: 1 }));
        }
        assert_eq!(rates.take(&bucket, start), Err(TooMany { retry_after: Duration::from_millis(100) }));
        let later = start + Duration::from_millis(100);
        assert!(rates.take(&bucket, later).is_ok() && rates.take(&bucket, later).is_err());
        // What was not used is given back, but no more than a burst.
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!((0..10).filter(|_| rates.take(&bucket, much_later).is_ok()).count(), 5);
    }

    #[test]
    fn addresses_are_counted_apart_and_this_machine_is_not() {
        let now = Instant::now();
        let rates = Rates::new(1, 1, now);
        let bucket = |text: &str| rates.bucket(text.parse().unwrap(), now);
        assert!(bucket("127.0.0.1").is_none() && bucket("::1").is_none() && bucket("::ffff:127.0.0.1").is_none());
        assert!(Arc::ptr_eq(&bucket("192.0.2.1").unwrap(), &bucket("::ffff:192.0.2.1").unwrap()));
        assert!(Arc::ptr_eq(&bucket("2001:db8::1").unwrap(), &bucket("2001:db8::2").unwrap()));
        assert!(!Arc::ptr_eq(&bucket("2001:db8::1").unwrap(), &bucket("2001:db8:1::1").unwrap()));
        assert!(Rates::new(0, 1, now).bucket(LAMP, now).is_none());
    }

    #[test]
    fn as_many_addresses_as_there_are_cost_a_bounded_memory() {
        let start = Instant::now();
        let rates = Rates::new(1, 1, start);
        let address = |number: usize| IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0A00_0000 + number as u32));
        let kept: Vec<_> =
            (0..RATE_ADDRESSES_MAX).map(|number| rates.bucket(address(number), start).unwrap()).collect();
        let others = [0, 1].map(|number| rates.bucket(address(RATE_ADDRESSES_MAX + number), start).unwrap());
        assert!(Arc::ptr_eq(&others[0], &others[1]));
        assert_eq!(rates.buckets.lock().len(), RATE_ADDRESSES_MAX + 1);
        // Those that nobody needs any more make room.
        drop(kept);
        assert!(!Arc::ptr_eq(&rates.bucket(address(1 << 20), start).unwrap(), &others[0]));
        assert!(rates.buckets.lock().len() < 10);
    }

    #[test]
    fn what_is_told() {
        let now = Instant::now();
        let rates = Rates::new(1_000, 5_000, now);
        let bucket = rates.bucket(LAMP, now).unwrap();
        let mut headers = HeaderMap::new();
        rates.tell(rates.take(&bucket, now), &mut headers);
        assert_eq!(headers[POLICY], "\"requests\";q=5000;w=5");
        assert_eq!(headers[REST], "\"requests\";r=4999;t=1");
        rates.tell(Err(TooMany { retry_after: Duration::from_millis(1_200) }), &mut headers);
        assert_eq!(headers[REST], "\"requests\";r=0;t=2");
    }
}
