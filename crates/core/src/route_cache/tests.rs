use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::{Delivery, Filter, HubOptions, Mailbox, Offer, Permissions, Principal, Run, SubscribeOptions};

/// Counts what it is offered.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Mailbox for Counter {
    fn offer(&self, run: &Run<'_>, _: &Delivery) -> Offer {
        self.0.fetch_add(run.payloads().len(), Ordering::Relaxed);
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe(usize, &'static str),
    Unsubscribe(usize, &'static str),
    Leave(usize),
    /// What nobody may read from now on.
    Deny(Option<&'static str>),
    Publish(&'static str),
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    let filter = prop::sample::select(vec![
        "#",
        "+",
        "+/b",
        "a",
        "a/#",
        "a/+",
        "a/b",
        "a/b/#",
        "b/#",
        "$s/#",
        "a/+/c",
        "$share/g/a/b",
        "$share/h/a/b",
        "$share/g/#",
    ]);
    let topic = prop::sample::select(vec!["a", "b", "a/b", "c/b", "a/b/c", "$s/b"]);
    prop_oneof![
        4 => (0..3_usize, filter.clone()).prop_map(|(who, filter)| Step::Subscribe(who, filter)),
        2 => (0..3_usize, filter.clone()).prop_map(|(who, filter)| Step::Unsubscribe(who, filter)),
        1 => (0..3_usize).prop_map(Step::Leave),
        1 => prop::option::of(filter).prop_map(Step::Deny),
        6 => topic.prop_map(Step::Publish),
        1 => Just(Step::Purge),
    ]
}

proptest! {
    /// Whatever is remembered, evicted, changed and purged: a message goes to whoever is subscribed at that moment.
    #[test]
    fn a_remembered_route_is_what_would_be_found_now(
        steps in prop::collection::vec(step(), 1..80),
        len_max in prop::sample::select(vec![2, 4, 100]),
    ) {
        let (hub, cache) = (Hub::new(HubOptions::default()), RouteCache::bounded(len_max, usize::MAX));
        let principal = Arc::new(Principal::new("test", Permissions::all()));
        let counters: Vec<_> = (0..3).map(|_| Arc::new(Counter::default())).collect();
        let subscribe = |counter: &Arc<Counter>| {
            let mailbox = Arc::clone(counter);
            Hub::subscriber(hub.new_session(), Arc::clone(&principal), mailbox)
        };
        let subscribers: Vec<_> = counters.iter().map(subscribe).collect();
        let mut model: BTreeSet<(usize, &str)> = BTreeSet::new();
        let mut denied: Option<&str> = None;
        let parse = |filter: &str| Filter::parse(filter).unwrap();
        for step in steps {
            match step {
                Step::Subscribe(who, filter) => {
                    if hub.subscribe(&subscribers[who], &parse(filter), SubscribeOptions::default()).is_ok() {
                        model.insert((who, filter));
                    }
                }
                Step::Unsubscribe(who, filter) => {
                    let existed = hub.unsubscribe(&subscribers[who], &parse(filter));
                    prop_assert_eq!(existed, model.remove(&(who, filter)));
                }
                Step::Leave(who) => {
                    hub.unsubscribe_all(&subscribers[who]);
                    model.retain(|(have, _)| *have != who);
                }
                Step::Deny(filter) => {
                    denied = filter;
                    let deny = filter.map(parse).into_iter().collect();
                    hub.set_permissions(&principal, Permissions { deny, ..Permissions::all() });
                }
                Step::Publish(text) => {
                    let topic = TopicRef::parse(text).unwrap();
                    cache.route(&hub, topic).offer(&Run::new(topic, &[b"x"]));
                    let may = denied.is_none_or(|filter| !parse(filter).matches(topic));
                    let matches = |filter: &str| may && parse(filter).matches(topic);
                    let matching = model.iter().filter(|(_, filter)| matches(filter));
                    let (shared, plain): (Vec<_>, Vec<_>) = matching.partition(|(_, filter)| parse(filter).is_shared());
                    let mut from_groups = BTreeSet::from_iter(shared.iter().map(|(_, group)| *group)).len();
                    for (who, counter) in counters.iter().enumerate() {
                        let own = usize::from(plain.iter().any(|(have, _)| *have == who));
                        let got = counter.0.swap(0, Ordering::Relaxed);
                        let groups = shared.iter().filter(|(have, _)| *have == who).count();
                        prop_assert!((own..=own + groups.min(from_groups)).contains(&got), "{got} of {text}");
                        from_groups -= got - own;
                    }
                    prop_assert_eq!(from_groups, 0, "each group gets one {}", text);
                }
                Step::Purge => cache.purge(&hub),
            }
            for (who, subscriber) in subscribers.iter().enumerate() {
                let filters = model.iter().filter(|(have, _)| *have == who).map(|(_, filter)| *filter);
                prop_assert!(filters.clone().all(|filter| hub.is_subscribed(subscriber, &parse(filter))));
                prop_assert_eq!(subscriber.subscription_count(), filters.count());
            }
        }
    }
}

fn topic(number: usize) -> Topic {
    Topic::parse(&format!("t/{number}")).unwrap()
}

#[test]
fn what_is_used_stays_while_much_else_passes() {
    let (hub, cache) = (Hub::new(HubOptions::default()), RouteCache::bounded(100, usize::MAX));
    let hot = topic(0);
    let route = cache.route(&hub, hot.borrow());
    let passing: Vec<_> = (1..1_000).map(topic).collect();
    for (number, other) in passing.iter().enumerate() {
        cache.route(&hub, other.borrow());
        if number % 40 == 0 {
            assert!(Arc::ptr_eq(&route, &cache.route(&hub, hot.borrow())), "it was thrown away");
        }
        let cached = cache.cached.lock();
        let leaving = cached.leaving.as_ref().map_or(0, ExactSizeIterator::len);
        assert!(cached.young.len() + cached.old.len() <= 100 && leaving <= 50);
    }
    let weak = Arc::downgrade(&cache.route(&hub, topic(1).borrow()));
    assert!(weak.upgrade().is_some());
    (2..1_000).for_each(|number| drop(cache.route(&hub, topic(number).borrow())));
    assert!(weak.upgrade().is_none(), "what nobody asked for leaves");
}

#[test]
fn stale_routes_are_dropped() {
    let (hub, cache) = (Hub::new(HubOptions::default()), RouteCache::new());
    let [one, two] = [1, 2].map(|number| Arc::downgrade(&cache.route(&hub, topic(number).borrow())));
    cache.purge(&hub);
    assert_eq!((one.strong_count(), two.strong_count()), (1, 1));
    hub.generations.changed(&Filter::parse("+/2").unwrap());
    cache.purge(&hub);
    assert_eq!((one.strong_count(), two.strong_count()), (1, 0));
}

#[test]
fn bytes_are_a_bound_too() {
    let (hub, cache) = (Hub::new(HubOptions::default()), RouteCache::bounded(1_000, 2_000));
    (0..100).for_each(|number| drop(cache.route(&hub, topic(number).borrow())));
    assert_is_bounded(&cache, 1_000);
    assert!(cache.cached.lock().old.len() > 1);
}

/// Half of the bound for those that are young, and half for the old ones.
fn assert_is_bounded(cache: &RouteCache, half: usize) {
    let cached = cache.cached.lock();
    let bytes = |routes: &Routes| routes.iter().map(|(topic, route)| bytes_of(topic, route)).sum::<usize>();
    assert_eq!(bytes(&cached.young), cached.young_bytes);
    let is_bounded = |routes: &Routes| routes.len() <= 1 || bytes(routes) <= half;
    assert!(
        is_bounded(&cached.young) && is_bounded(&cached.old),
        "{} and {}",
        bytes(&cached.young),
        bytes(&cached.old)
    );
}

#[test]
fn what_was_no_subscription_makes_no_route_stale_when_it_ends() {
    let (hub, cache) = (Hub::new(HubOptions::default()), RouteCache::new());
    let principal = Arc::new(Principal::new("test", Permissions::all()));
    let subscriber = Hub::subscriber(hub.new_session(), principal, Arc::new(Counter::default()));
    let topic = topic(1);
    let before = cache.route(&hub, topic.borrow());
    for filter in ["#", "t/1", "t/+"] {
        assert!(!hub.unsubscribe(&subscriber, &Filter::parse(filter).unwrap()));
    }
    assert!(Arc::ptr_eq(&before, &cache.route(&hub, topic.borrow())));
}

#[test]
fn routes_that_grow_meet_the_bound_too() {
    let (hub, cache) = (Hub::new(HubOptions::default()), RouteCache::bounded(1_000, 100_000));
    let principal = Arc::new(Principal::new("test", Permissions::all()));
    let topics: Vec<_> = (0..100).map(topic).collect();
    for _ in 0..100 {
        topics.iter().for_each(|topic| drop(cache.route(&hub, topic.borrow())));
        assert_is_bounded(&cache, 50_000);
        let subscriber = Hub::subscriber(hub.new_session(), Arc::clone(&principal), Arc::new(Counter::default()));
        hub.subscribe(&subscriber, &Filter::parse("#").unwrap(), SubscribeOptions::default()).unwrap();
    }
    cache.purge(&hub);
    assert_is_bounded(&cache, 50_000);
}

#[test]
fn long_topics_meet_the_bound_too() {
    let (hub, cache) = (Hub::new(HubOptions::default()), RouteCache::bounded(1_000, 100_000));
    for number in 0..100 {
        let long = format!("{number}/{}", "x".repeat(4_000));
        drop(cache.route(&hub, TopicRef::parse(&long).unwrap()));
    }
    assert_is_bounded(&cache, 50_000);
    assert!(cache.cached.lock().young.len() <= 12);
}
