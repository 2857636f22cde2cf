//! Guessing is slow: who fails, from one address or at one name, soon has to wait for the next try.
//!
//! Leaky buckets that fill with failures. A try counts as failed until it has succeeded, so that many at once get no further
//! than one after the other. Whoever signed in to a name from an address before is counted by himself there: neither what others
//! do to that name from elsewhere keeps him out, nor a board at the same address that goes on showing an old password.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::accounts::login::LoginError;
use crate::admission::Network;

/// So many failures at once, then one in so long.
#[derive(Clone, Copy)]
struct Pace {
    burst: f64,
    per_second: f64,
}

/// Passwords tried from one address, and for one name.
const PASSWORDS: Pace = Pace { burst: 10.0, per_second: 0.1 };
/// Tokens that are none, from one address: a board that was not told its new one tries again and again, and harms nobody.
const TOKENS: Pace = Pace { burst: 30.0, per_second: 1.0 };
/// Addresses or names that are remembered; further ones share one bucket.
const REMEMBERED_MAX: usize = 16_384;
/// Addresses from which somebody signed in; the oldest is forgotten.
const KNOWN_PER_NAME_MAX: usize = 8;

/// See the module.
#[derive(Default)]
pub(super) struct Throttle {
    passwords_from: Mutex<Buckets<Option<Network>>>,
    passwords_for: Mutex<Buckets<Option<String>>>,
    /// For a name from where it signed in before.
    passwords_known: Mutex<Buckets<Option<(Network, String)>>>,
    tokens_from: Mutex<Buckets<Option<Network>>>,
    known: Mutex<HashMap<String, Vec<Network>>>,
}

/// A try, which has failed unless it succeeds.
pub(super) struct Attempt<'t> {
    throttle: &'t Throttle,
    network: Network,
    name: &'t str,
    is_known: bool,
}

impl Throttle {
    /// Begins to try a password, or says how long to wait.
    pub(super) fn begin<'t>(&'t self, address: IpAddr, name: &'t str, now: Instant) -> Result<Attempt<'t>, LoginError> {
        let network = Network::of(address.to_canonical());
        let is_known = self.known.lock().get(name).is_some_and(|known| known.contains(&network));
        if is_known {
            self.passwords_known.lock().fill(Some((network, name.to_owned())), PASSWORDS, now)?;
        } else {
            self.passwords_from.lock().fill(Some(network), PASSWORDS, now)?;
            if let Err(slowed) = self.passwords_for.lock().fill(Some(name.to_owned()), PASSWORDS, now) {
                // It was not tried, so it does not count.
                self.passwords_from.lock().drain(&Some(network));
                return Err(slowed);
            }
        }
        Ok(Attempt { throttle: self, network, name, is_known })
    }

    /// Begins to try a claim code, or says how long to wait; it has failed unless [`Throttle::claimed`] is called.
    pub(super) fn begin_claim(&self, address: IpAddr, now: Instant) -> Result<(), LoginError> {
        self.passwords_from.lock().fill(Some(Network::of(address.to_canonical())), PASSWORDS, now)
    }

    /// The claim code was right.
    pub(super) fn claimed(&self, address: IpAddr) {
        self.passwords_from.lock().drain(&Some(Network::of(address.to_canonical())));
    }

    /// Somebody showed what opens nothing; says how long to wait if that happens too often.
    pub(super) fn note_wrong_credential(&self, address: IpAddr, now: Instant) -> Result<(), LoginError> {
        self.tokens_from.lock().fill(Some(Network::of(address.to_canonical())), TOKENS, now)
    }
}

impl Attempt<'_> {
    /// The password was right.
    pub(super) fn succeed(self) {
        let (throttle, network, name) = (self.throttle, self.network, self.name);
        self.withdraw();
        let mut known = throttle.known.lock();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        let known = known.entry(name.to_owned()).or_default();
        known.retain(|have| *have != network);
        known.insert(0, network);
        known.truncate(KNOWN_PER_NAME_MAX);
    }

    /// Nothing was tried, for want of time or memory.
    pub(super) fn withdraw(self) {
        let Self { throttle, network, name, is_known } = self;
        if is_known {
            throttle.passwords_known.lock().drain(&Some((network, name.to_owned())));
        } else {
            throttle.passwords_from.lock().drain(&Some(network));
            throttle.passwords_for.lock().drain(&Some(name.to_owned()));
        }
    }
}

struct Bucket {
    level: f64,
    at: Instant,
}

/// By what they count for; `None` is whoever finds no place of his own.
struct Buckets<K>(HashMap<K, Bucket>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Buckets<Option<T>> {
    fn fill(&mut self, key: Option<T>, pace: Pace, now: Instant) -> Result<(), LoginError> {
        let level_now = |bucket: &Bucket| {
            (bucket.level - now.saturating_duration_since(bucket.at).as_secs_f64() * pace.per_second).max(0.0)
        };
        let key = if self.0.len() >= REMEMBERED_MAX && !self.0.contains_key(&key) {
            self.0.retain(|_, bucket| level_now(bucket) > 0.0);
            if self.0.len() >= REMEMBERED_MAX { None } else { key }
        } else {
            key
        };
        let bucket = self.0.entry(key).or_insert(Bucket { level: 0.0, at: now });
        bucket.level = level_now(bucket);
        bucket.at = now;
        if bucket.level + 1.0 > pace.burst {
            let wait = (bucket.level + 1.0 - pace.burst) / pace.per_second;
            return Err(LoginError::Slowed(Duration::from_secs_f64(wait)));
        }
        bucket.level += 1.0;
        Ok(())
    }

    fn drain(&mut self, key: &Option<T>) {
        if let Some(bucket) = self.0.get_mut(key) {
            bucket.level = (bucket.level - 1.0).max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "192.0.2.7";
    const AWAY: &str = "198.51.100.9";

    fn tries(throttle: &Throttle, address: &str, name: &str, now: Instant) -> usize {
        (0..100).take_while(|_| throttle.begin(address.parse().unwrap(), name, now).is_ok()).count()
    }

    #[test]
    fn failures_from_one_address_soon_have_to_wait() {
        let (throttle, now) = (Throttle::default(), crate::shard::now().instant);
        assert_eq!(tries(&throttle, HOME, "anna", now), 10);
        assert_eq!(tries(&throttle, HOME, "ben", now), 0, "another name does not help");
        let slowed = throttle.begin(HOME.parse().unwrap(), "anna", now).err();
        assert_eq!(slowed, Some(LoginError::Slowed(Duration::from_secs(10))));
        assert_eq!(tries(&throttle, HOME, "carl", now + Duration::from_secs(20)), 2);
        assert_eq!(tries(&throttle, AWAY, "ben", now), 10, "somebody else");
    }

    #[test]
    fn failures_at_one_name_keep_out_who_never_was_there() {
        let (throttle, now) = (Throttle::default(), crate::shard::now().instant);
        throttle.begin(HOME.parse().unwrap(), "anna", now).unwrap().succeed();
        assert_eq!(tries(&throttle, AWAY, "anna", now), 10);
        assert_eq!(tries(&throttle, "203.0.113.5", "anna", now), 0, "from anywhere");
        assert_eq!(tries(&throttle, "203.0.113.5", "ben", now), 10, "what was refused did not count");
        assert_eq!(tries(&throttle, HOME, "anna", now), 10, "she was there before");
    }

    #[test]
    fn a_board_that_goes_on_failing_keeps_out_nobody_who_was_there_before() {
        let (throttle, now) = (Throttle::default(), crate::shard::now().instant);
        throttle.begin(HOME.parse().unwrap(), "anna", now).unwrap().succeed();
        assert_eq!(tries(&throttle, HOME, "board", now), 10);
        assert_eq!(tries(&throttle, HOME, "ben", now), 0, "who never was there waits");
        assert_eq!(tries(&throttle, HOME, "anna", now), 10, "and is slowed as anybody is");
    }

    #[test]
    fn what_succeeds_or_was_not_tried_costs_nothing() {
        let (throttle, now) = (Throttle::default(), crate::shard::now().instant);
        for _ in 0..100 {
            throttle.begin(HOME.parse().unwrap(), "anna", now).unwrap().succeed();
            throttle.begin(HOME.parse().unwrap(), "ben", now).unwrap().withdraw();
        }
        assert_eq!(tries(&throttle, HOME, "anna", now), 10);
    }

    #[test]
    fn wrong_tokens_are_slowed_by_address() {
        let (throttle, now) = (Throttle::default(), crate::shard::now().instant);
        let note = |address: &str, now| throttle.note_wrong_credential(address.parse().unwrap(), now);
        assert_eq!((0..100).take_while(|_| note(HOME, now).is_ok()).count(), 30);
        assert_eq!(note(HOME, now), Err(LoginError::Slowed(Duration::from_secs(1))));
        assert!(note(AWAY, now).is_ok() && note(HOME, now + Duration::from_secs(2)).is_ok());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (throttle, now) = (Throttle::default(), crate::shard::now().instant);
        for number in 0..REMEMBERED_MAX + 100 {
            let address = IpAddr::from([10, 0, (number / 256) as u8, (number % 256) as u8]);
            let _attempt = throttle.begin(address, &format!("name {number}"), now);
        }
        assert!(throttle.passwords_from.lock().0.len() <= REMEMBERED_MAX + 1);
        assert!(throttle.passwords_for.lock().0.len() <= REMEMBERED_MAX + 1);
        assert_eq!(tries(&throttle, "172.16.0.1", "somebody", now), 0, "those who find no place share one");
        let later = now + Duration::from_secs(60);
        assert_eq!(tries(&throttle, "172.16.0.1", "somebody", later), 10);
    }
}
