use std::sync::atomic::AtomicBool;
use std::time::Instant;

use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;
use crate::mailbox::{Delivery, Mailbox, Subscriber};
use crate::message::{Presence, Qos};
use crate::principal::{Permissions, Principal};
use crate::publisher::Publisher;
use crate::time::{Now, Timestamp};
use crate::topic::TopicRef;
use crate::trie::SubscribeOptions;
use crate::{Hub, HubOptions, RouteCache};

/// Remembers payloads, and is as ready as it is told to be.
struct Member {
    seen: Mutex<Vec<u32>>,
    readiness: Mutex<Readiness>,
    refuses: AtomicBool,
}

impl Mailbox for Member {
    fn offer(&self, run: &Run<'_>, delivery: &Delivery) -> Offer {
        if self.refuses.load(Ordering::Relaxed) {
            return Offer::Closed;
        }
        assert!(!delivery.retain);
        self.seen
            .lock()
            .extend(run.payloads().iter().map(|payload| u32::from_be_bytes((*payload).try_into().unwrap())));
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }

    fn readiness(&self) -> Readiness {
        *self.readiness.lock()
    }
}

struct House {
    hub: Arc<Hub>,
    publisher: Publisher,
    principal: Arc<Principal>,
    published: u32,
}

impl House {
    fn new() -> Self {
        let hub = Arc::new(Hub::new(HubOptions::default()));
        let principal = Arc::new(Principal::new("test", Permissions::all()));
        let routes = Arc::new(RouteCache::new());
        let session = hub.new_session();
        let publisher =
            Publisher::new(Arc::clone(&hub), routes, Arc::clone(&principal), session, "test", Presence::None);
        Self { hub, publisher, principal, published: 0 }
    }

    fn join(&self, filter: &str) -> (Arc<Member>, Arc<Subscriber>) {
        let (seen, readiness) = (Mutex::default(), Mutex::new(Readiness::Ready));
        let member = Arc::new(Member { seen, readiness, refuses: AtomicBool::new(false) });
        let mailbox = Arc::clone(&member);
        let subscriber = Hub::subscriber(self.hub.new_session(), Arc::clone(&self.principal), mailbox);
        self.subscribe(&subscriber, filter);
        (member, subscriber)
    }

    fn subscribe(&self, subscriber: &Arc<Subscriber>, filter: &str) {
        let options = SubscribeOptions { qos: Qos::AtLeastOnce, ..SubscribeOptions::default() };
        self.hub.subscribe(subscriber, &Filter::parse(filter).unwrap(), options).unwrap();
    }

    /// Publishes numbers that rise, as one run.
    fn publish(&mut self, topic: &str, count: u32) {
        let numbers: Vec<_> = (self.published..self.published + count).map(u32::to_be_bytes).collect();
        let payloads: Vec<&[u8]> = numbers.iter().map(|number| &number[..]).collect();
        self.published += count;
        let run = Run::new(TopicRef::parse(topic).unwrap(), &payloads).qos(Qos::AtLeastOnce);
        self.publisher.publish_run(run, now()).unwrap();
    }
}

fn now() -> Now {
    #[expect(clippy::disallowed_methods, reason = "nothing here looks at it")]
    let instant = Instant::now();
    Now { instant, wall: Timestamp::default() }
}

impl Member {
    fn seen(&self) -> Vec<u32> {
        self.seen.lock().clone()
    }

    fn becomes(&self, readiness: Readiness) {
        *self.readiness.lock() = readiness;
    }
}

proptest! {
    /// Whatever the runs: each group gets each message once, each member in order and as many as any other.
    #[test]
    fn groups_share_fairly(
        sizes in prop::collection::vec(1..5_usize, 1..4),
        runs in prop::collection::vec(1..12_u32, 1..20),
    ) {
        let mut house = House::new();
        let groups: Vec<Vec<_>> = sizes
            .iter()
            .enumerate()
            .map(|(group, size)| (0..*size).map(|_| house.join(&format!("$share/g{group}/t/#")).0).collect())
            .collect();
        let plain = house.join("t/+").0;
        for count in runs {
            house.publish("t/x", count);
            for members in &groups {
                let counts: Vec<_> = members.iter().map(|member| member.seen().len()).collect();
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                prop_assert!(most - least <= 1, "{counts:?}");
            }
        }
        let everything: Vec<u32> = (0..house.published).collect();
        prop_assert_eq!(plain.seen(), everything.clone());
        for members in groups {
            prop_assert!(members.iter().all(|member| member.seen().is_sorted_by(|one, next| one < next)));
            let mut all: Vec<_> = members.iter().flat_map(|member| member.seen()).collect();
            all.sort_unstable();
            prop_assert_eq!(&all, &everything);
        }
    }

    /// Members come, go away and fill up between runs: still each message once.
    #[test]
    fn no_message_is_lost_or_doubled_while_members_change(
        steps in prop::collection::vec((0..4_usize, 0..4_u8, 1..6_u32), 1..30),
    ) {
        let mut house = House::new();
        let members: Vec<_> = (0..4).map(|_| house.join("$share/g/t")).collect();
        for (member, change, count) in steps {
            let (mailbox, subscriber) = &members[member];
            match change {
                0 => mailbox.becomes(Readiness::Ready),
                1 => mailbox.becomes(Readiness::Away),
                2 => mailbox.becomes(Readiness::Full),
                _ if members.iter().filter(|(_, other)| other.subscription_count() > 0).count() > 1 => {
                    house.hub.unsubscribe_all(subscriber);
                }
                _ => house.subscribe(subscriber, "$share/g/t"),
            }
            house.publish("t", count);
        }
        let mut all: Vec<_> = members.iter().flat_map(|(mailbox, _)| mailbox.seen()).collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..house.published).collect::<Vec<_>>());
    }
}

#[test]
fn who_is_there_and_has_room_comes_first() {
    let mut house = House::new();
    let (one, _) = house.join("$share/g/t");
    let (two, _) = house.join("$share/g/t");
    let (three, _) = house.join("$share/g/t");
    one.becomes(Readiness::Full);
    two.becomes(Readiness::Away);
    house.publish("t", 2);
    three.becomes(Readiness::Closed);
    house.publish("t", 2);
    two.becomes(Readiness::Closed);
    house.publish("t", 2);
    assert_eq!([one.seen(), two.seen(), three.seen()], [vec![4, 5], vec![2, 3], vec![0, 1]]);
    one.refuses.store(true, Ordering::Relaxed);
    house.publish("t", 1);
    assert_eq!(two.seen(), [2, 3, 6], "who closed between the look and the offer is passed over");
}

#[test]
fn a_member_may_be_subscribed_for_itself_too() {
    let mut house = House::new();
    let (member, subscriber) = house.join("$share/g/t");
    house.subscribe(&subscriber, "t");
    house.subscribe(&subscriber, "$share/h/t");
    house.publish("t", 1);
    assert_eq!(member.seen(), [0, 0, 0]);
    let shared = Filter::parse("$share/g/t").unwrap();
    assert!(house.hub.unsubscribe(&subscriber, &shared) && !house.hub.unsubscribe(&subscriber, &shared));
    house.publish("t", 1);
    assert_eq!(member.seen(), [0, 0, 0, 1, 1]);
    house.hub.unsubscribe_all(&subscriber);
    house.publish("t", 1);
    assert_eq!(member.seen().len(), 5);
}

#[test]
fn rights_are_those_to_the_filter_inside() {
    let house = House::new();
    let (_, subscriber) = house.join("x");
    let read = vec![Filter::parse("open/#").unwrap()];
    house.hub.set_permissions(&house.principal, Permissions { read, ..Permissions::all() });
    let subscribe =
        |filter| house.hub.subscribe(&subscriber, &Filter::parse(filter).unwrap(), SubscribeOptions::default()).is_ok();
    assert!(subscribe("$share/g/open/+") && !subscribe("$share/g/secret") && !subscribe("$share/open/#"));
}

#[test]
fn what_a_member_leaves_goes_to_another() {
    let house = House::new();
    let (leaving, from) = house.join("$share/g/t");
    let (ready, _) = house.join("$share/g/t");
    let (away, _) = house.join("$share/g/t");
    house.join("$share/other/t");
    away.becomes(Readiness::Away);
    let share = Share::new(&Filter::parse("$share/g/t").unwrap());
    let payload = 7_u32.to_be_bytes();
    let payloads = [&payload[..]];
    let message = Run::new(TopicRef::parse("t").unwrap(), &payloads).qos(Qos::AtLeastOnce).message(0);
    let hand_on = |takers| house.hub.hand_on(&share, &message, from.id(), takers);
    assert!(hand_on(Takers::Ready));
    ready.becomes(Readiness::Full);
    assert!(!hand_on(Takers::Ready));
    assert!(hand_on(Takers::Kept));
    away.becomes(Readiness::Closed);
    assert!(!hand_on(Takers::Kept));
    assert_eq!([leaving.seen(), ready.seen(), away.seen()], [vec![], vec![7], vec![7]]);
}
