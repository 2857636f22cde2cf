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
use crate::topic::{Topic, TopicRef};
use crate::trie::SubscribeOptions;
use crate::{Hub, HubOptions, RouteCache};

/// Remembers payloads, and is as ready as it is told to be. It drops what does not fit that, as a mailbox does.
struct Member {
    seen: Mutex<Vec<u32>>,
    dropped: Mutex<Vec<u32>>,
    readiness: Mutex<Readiness>,
    /// It closed a moment ago.
    refuses: AtomicBool,
    /// It is ready, but these messages are too large for it.
    is_narrow: AtomicBool,
}

impl Mailbox for Member {
    fn offer(&self, run: &Run<'_>, delivery: &Delivery) -> Offer {
        if self.refuses.load(Ordering::Relaxed) {
            return Offer::Closed;
        }
        assert!(!delivery.retain);
        let keeps = delivery.qos.min(run.published_qos()) > Qos::AtMostOnce;
        let has_room = match *self.readiness.lock() {
            Readiness::Ready => true,
            Readiness::Away => keeps,
            Readiness::Full => false,
            Readiness::Closed => return Offer::Closed,
        };
        let fits = has_room && !self.is_narrow.load(Ordering::Relaxed);
        let numbers = run.payloads().iter().map(|payload| u32::from_be_bytes((*payload).try_into().unwrap()));
        if fits { &self.seen } else { &self.dropped }.lock().extend(numbers);
        if fits { Offer::Taken } else { Offer::Dropped }
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
        self.join_with(filter, Qos::AtLeastOnce)
    }

    fn join_with(&self, filter: &str, qos: Qos) -> (Arc<Member>, Arc<Subscriber>) {
        let member = Arc::new(Member {
            seen: Mutex::default(),
            dropped: Mutex::default(),
            readiness: Mutex::new(Readiness::Ready),
            refuses: AtomicBool::new(false),
            is_narrow: AtomicBool::new(false),
        });
        let mailbox = Arc::clone(&member);
        let subscriber = Hub::subscriber(self.hub.new_session(), Arc::clone(&self.principal), mailbox);
        self.subscribe_with(&subscriber, filter, qos);
        (member, subscriber)
    }

    fn subscribe(&self, subscriber: &Arc<Subscriber>, filter: &str) {
        self.subscribe_with(subscriber, filter, Qos::AtLeastOnce);
    }

    fn subscribe_with(&self, subscriber: &Arc<Subscriber>, filter: &str, qos: Qos) {
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
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

    /// Members come, go away and fill up between runs: still each message once, and none is dropped that somebody would
    /// have kept.
    #[test]
    fn no_message_is_lost_or_doubled_while_members_change(
        steps in prop::collection::vec((0..4_usize, 0..4_u8, 1..6_u32), 1..30),
    ) {
        let mut house = House::new();
        let qos_of = |place| if place % 2 == 0 { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let members: Vec<_> = (0..4).map(|place| house.join_with("$share/g/t", qos_of(place))).collect();
        let mut lost = Vec::new();
        for (place, change, count) in steps {
            let (mailbox, subscriber) = &members[place];
            match change {
                0 => mailbox.becomes(Readiness::Ready),
                1 => mailbox.becomes(Readiness::Away),
                2 => mailbox.becomes(Readiness::Full),
                _ if members.iter().filter(|(_, other)| other.subscription_count() > 0).count() > 1 => {
                    house.hub.unsubscribe_all(subscriber);
                }
                _ => house.subscribe_with(subscriber, "$share/g/t", qos_of(place)),
            }
            let would_have_it = |(place, (mailbox, subscriber)): (usize, &(Arc<Member>, Arc<Subscriber>))| {
                let readiness = mailbox.readiness();
                let keeps = readiness == Readiness::Away && qos_of(place) > Qos::AtMostOnce;
                subscriber.subscription_count() > 0 && (readiness == Readiness::Ready || keeps)
            };
            if !members.iter().enumerate().any(would_have_it) {
                lost.extend(house.published..house.published + count);
            }
            house.publish("t", count);
        }
        let mut seen: Vec<_> = members.iter().flat_map(|(mailbox, _)| mailbox.seen()).collect();
        let mut dropped: Vec<_> = members.iter().flat_map(|(mailbox, _)| mailbox.dropped.lock().clone()).collect();
        dropped.sort_unstable();
        prop_assert_eq!(&dropped, &lost);
        seen.extend(dropped);
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..house.published).collect::<Vec<_>>());
    }

    /// What is left behind is taken once, or by nobody; and by nobody only if nobody could.
    #[test]
    fn what_is_handed_on_is_taken_by_one_or_by_none(
        members in prop::collection::vec((0..4_u8, any::<bool>(), any::<bool>()), 0..6),
        takers in prop::sample::select(vec![Takers::Ready, Takers::Kept]),
        count in 1..10_u32,
    ) {
        let house = House::new();
        let (leaving, from) = house.join("$share/g/t");
        let mut could_take = false;
        let mut mailboxes = Vec::new();
        for (readiness, is_kept, is_narrow) in members {
            let qos = if is_kept { Qos::AtLeastOnce } else { Qos::AtMostOnce };
            let (mailbox, _) = house.join_with("$share/g/t", qos);
            let kinds = [Readiness::Ready, Readiness::Away, Readiness::Full, Readiness::Closed];
            mailbox.becomes(kinds[usize::from(readiness)]);
            mailbox.is_narrow.store(is_narrow, Ordering::Relaxed);
            let keeps = readiness == 1 && is_kept && takers == Takers::Kept;
            could_take |= !is_narrow && (readiness == 0 || keeps);
            mailboxes.push(mailbox);
        }
        let mut others = house.hub.others(&Share::new(&Filter::parse("$share/g/t").unwrap()), from.id());
        for number in 0..count {
            prop_assert_eq!(others.offer(&message("t", number), takers), could_take);
        }
        let mut seen: Vec<_> = mailboxes.iter().flat_map(|mailbox| mailbox.seen()).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, if could_take { (0..count).collect::<Vec<_>>() } else { vec![] });
        prop_assert!(leaving.seen().is_empty());
        prop_assert!(mailboxes.iter().all(|mailbox| mailbox.seen().is_sorted()));
    }
}

fn message(topic: &str, number: u32) -> crate::Message {
    let payload = number.to_be_bytes();
    let payloads = [&payload[..]];
    let topic = Topic::parse(topic).unwrap();
    Run::new(topic.borrow(), &payloads).qos(Qos::AtLeastOnce).message(&topic, 0)
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
    assert_eq!([one.seen(), two.seen(), three.seen()], [vec![], vec![2, 3], vec![0, 1]]);
    assert_eq!(*one.dropped.lock(), [4, 5], "it is the last one, and what it drops it counts");
    two.becomes(Readiness::Away);
    one.becomes(Readiness::Ready);
    one.refuses.store(true, Ordering::Relaxed);
    house.publish("t", 1);
    assert_eq!(two.seen(), [2, 3, 6], "who closed between the look and the offer is passed over");
}

#[test]
fn in_place_of_who_has_just_closed_the_best_of_the_others_is_asked() {
    let mut house = House::new();
    let (closed, _) = house.join("$share/g/t");
    let (forgetful, _) = house.join_with("$share/g/t", Qos::AtMostOnce);
    let (kept, _) = house.join("$share/g/t");
    closed.refuses.store(true, Ordering::Relaxed);
    forgetful.becomes(Readiness::Away);
    kept.becomes(Readiness::Away);
    (0..4).for_each(|_| house.publish("t", 1));
    assert_eq!((kept.seen(), forgetful.dropped.lock().len()), (vec![0, 1, 2, 3], 0));
}

#[test]
fn who_is_away_and_wants_qos_0_gets_nothing_that_another_keeps() {
    let mut house = House::new();
    let (kept, _) = house.join("$share/g/t");
    let (forgetful, _) = house.join_with("$share/g/t", Qos::AtMostOnce);
    for member in [&kept, &forgetful] {
        member.becomes(Readiness::Away);
    }
    (0..5).for_each(|_| house.publish("t", 1));
    house.publish("t", 5);
    assert_eq!((kept.seen(), forgetful.dropped.lock().len()), ((0..10).collect(), 0));
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
    let hand_on = |takers| house.hub.others(&share, from.id()).offer(&message("t", 7), takers);
    assert!(hand_on(Takers::Ready));
    ready.becomes(Readiness::Full);
    assert!(!hand_on(Takers::Ready));
    assert!(hand_on(Takers::Kept));
    away.becomes(Readiness::Closed);
    assert!(!hand_on(Takers::Kept));
    assert_eq!([leaving.seen(), ready.seen(), away.seen()], [vec![], vec![7], vec![7]]);
}

#[test]
fn members_take_turns_with_what_another_leaves() {
    let house = House::new();
    let members: Vec<_> = (0..4).map(|_| house.join("$share/g/#")).collect();
    let [(_, from), (forbidden, subscriber), rest @ ..] = &members[..] else { unreachable!() };
    let share = Share::new(&Filter::parse("$share/g/#").unwrap());
    let mut others = house.hub.others(&share, from.id());
    assert!(others.is_of(&share) && !others.is_of(&Share::new(&Filter::parse("$share/h/#").unwrap())));
    (0..6).for_each(|number| assert!(others.offer(&message("t", number), Takers::Ready)));
    assert!(members[1..].iter().all(|(mailbox, _)| mailbox.seen().len() == 2));
    // All are one principal here: what it may not read, nobody gets.
    house.hub.set_permissions(subscriber.principal(), Permissions { read: vec![], ..Permissions::all() });
    assert!(!others.offer(&message("t", 6), Takers::Kept));
    house.hub.set_permissions(subscriber.principal(), Permissions::all());
    // Who goes away meanwhile is asked as one who is away, and who fills up not at all.
    forbidden.becomes(Readiness::Full);
    rest.iter().for_each(|(mailbox, _)| mailbox.becomes(Readiness::Away));
    assert!(!others.offer(&message("t", 7), Takers::Ready));
    assert!(others.offer(&message("t", 8), Takers::Kept));
    assert_eq!(rest.iter().filter(|(mailbox, _)| mailbox.seen().last() == Some(&8)).count(), 1);
    assert_eq!(forbidden.seen().len(), 2);
}
