//! What the hub costs without any door: `cargo bench -p housewire-core`, or with part of a name behind `--`.
//!
//! Whole rows between processes are measured in `bench/`.

#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros, and a benchmark that cannot begin may panic")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use housewire_core::{
    Delivery, Filter, Hub, HubOptions, Mailbox, Now, Offer, Permissions, Presence, Principal, Publisher, Qos,
    RouteCache, Run, SubscribeOptions, Subscriber, Timestamp, TopicRef,
};

/// Takes everything and keeps nothing.
struct Nowhere;

impl Mailbox for Nowhere {
    fn offer(&self, run: &Run<'_>, _: &Delivery) -> Offer {
        black_box(run);
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }
}

fn now() -> Now {
    #[expect(clippy::disallowed_methods, reason = "a benchmark is a shell")]
    let instant = Instant::now();
    Now { instant, wall: Timestamp::default() }
}

struct House {
    hub: Arc<Hub>,
    guest: Arc<Principal>,
    publisher: Publisher,
    now: Now,
}

impl House {
    fn new() -> Self {
        let hub = Arc::new(Hub::new(HubOptions::default()));
        let guest = Arc::new(Principal::new("guest", Permissions::all()));
        let (session, routes) = (hub.new_session(), Arc::new(RouteCache::new()));
        let publisher =
            Publisher::new(Arc::clone(&hub), routes, Arc::clone(&guest), session, "bench", Presence::Connected);
        Self { hub, guest, publisher, now: now() }
    }

    fn subscriber(&self) -> Arc<Subscriber> {
        Hub::subscriber(self.hub.new_session(), Arc::clone(&self.guest), Arc::new(Nowhere))
    }

    fn subscribe(&self, subscriber: &Arc<Subscriber>, filter: &str) {
        self.hub.subscribe(subscriber, &Filter::parse(filter).unwrap(), SubscribeOptions::default()).unwrap();
    }

    /// As many subscribers with a filter each as there are filters.
    fn join(&self, filters: impl IntoIterator<Item = String>) -> Vec<Arc<Subscriber>> {
        let join = |filter: String| {
            let subscriber = self.subscriber();
            self.subscribe(&subscriber, &filter);
            subscriber
        };
        filters.into_iter().map(join).collect()
    }

    fn publish(&self, topic: &str, payloads: &[&[u8]]) {
        let run = Run::new(TopicRef::parse(topic).unwrap(), payloads).qos(Qos::AtMostOnce);
        black_box(self.publisher.publish_run(run, self.now).unwrap());
    }
}

fn numbered(count: usize, name: impl Fn(usize) -> String) -> impl Iterator<Item = String> {
    (0..count).map(name)
}

/// A payload of a sensor, so often.
fn payloads(count: usize) -> Vec<&'static [u8]> {
    vec![b"21.5"; count]
}

/// What each message costs that meets a cached route.
fn publish(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish");
    for receivers in [0, 1, 100] {
        let house = House::new();
        house.join(numbered(receivers, |_| "home/kitchen/light".to_owned()));
        for messages in [1, 64] {
            let payloads = payloads(messages);
            group.throughput(Throughput::Elements(messages as u64));
            group.bench_function(format!("plain/{messages} to {receivers}"), |b| {
                b.iter(|| house.publish("home/kitchen/light", &payloads));
            });
        }
    }
    for messages in [1, 64] {
        let house = House::new();
        house.join(["devices/stove/temperature".to_owned()]);
        let payloads = payloads(messages);
        group.throughput(Throughput::Elements(messages as u64));
        group.bench_function(format!("device/{messages} to 1"), |b| {
            b.iter(|| house.publish("devices/stove/temperature", &payloads));
        });
    }
    for members in [1, 10, 1_000] {
        let house = House::new();
        house.join(numbered(members, |_| "$share/g/home/kitchen/light".to_owned()));
        let payloads = payloads(64);
        group.throughput(Throughput::Elements(64));
        group.bench_function(format!("group/64 to {members}"), |b| {
            b.iter(|| house.publish("home/kitchen/light", &payloads));
        });
    }
    group.finish();
}

/// Each message goes to another topic than the one before, and each to one of 100 subscribers with a hundred filters.
fn round_robin(c: &mut Criterion) {
    let house = House::new();
    let subscribers: Vec<_> = (0..100).map(|_| house.subscriber()).collect();
    for number in 0..10_000 {
        house.subscribe(&subscribers[number % 100], &format!("w/{number}/+/x"));
    }
    let topics: Vec<_> = numbered(10_000, |number| format!("w/{number}/y/x")).collect();
    let mut turns = topics.iter().cycle();
    let payloads = payloads(1);
    c.bench_function("publish/wildcard/1 to 1 of 10000", |b| {
        b.iter(|| house.publish(turns.next().unwrap(), &payloads));
    });
}

/// Others, who are subscribed elsewhere, and others who come and go all the time.
fn unrelated(c: &mut Criterion) {
    let mut group = c.benchmark_group("unrelated");
    for (others, filter) in [(0, "other/"), (10_000, "other/"), (10_000, "home/other/")] {
        let house = House::new();
        house.join(["home/kitchen/light".to_owned()]);
        house.join(numbered(others, |number| format!("{filter}{number}/x")));
        let payloads = payloads(1);
        group.bench_function(format!("idle/{others} at {filter}"), |b| {
            b.iter(|| house.publish("home/kitchen/light", &payloads));
        });
    }
    for receivers in [1, 100] {
        for (name, filter) in [("elsewhere", "other/x/y"), ("+/x", "+/x"), ("below", "home/kitchen/+/x")] {
            let house = House::new();
            house.join(numbered(receivers, |_| "home/kitchen/light".to_owned()));
            let (guest, filter) = (house.subscriber(), Filter::parse(filter).unwrap());
            let payloads = payloads(1);
            // What the coming and going costs itself is not measured.
            let come_and_go = || {
                house.hub.subscribe(&guest, &filter, SubscribeOptions::default()).unwrap();
                house.hub.unsubscribe(&guest, &filter);
            };
            group.bench_function(format!("churn/{name}, 1 to {receivers}"), |b| {
                let publish = |()| house.publish("home/kitchen/light", &payloads);
                b.iter_batched(come_and_go, publish, BatchSize::PerIteration);
            });
        }
    }
    group.finish();
}

/// What a topic costs that was not published to before.
fn miss(c: &mut Criterion) {
    let mut group = c.benchmark_group("miss");
    for filters in [1, 10_000] {
        let house = House::new();
        house.join(numbered(filters, |number| format!("home/{number}/+/x")));
        let mut turns = (0_u64..).map(|number| format!("home/{}/{number}/x", number % filters as u64));
        let payloads = payloads(1);
        group.bench_function(format!("new topic, 1 of {filters} filters"), |b| {
            b.iter_batched(|| turns.next().unwrap(), |topic| house.publish(&topic, &payloads), BatchSize::SmallInput);
        });
    }
    let house = House::new();
    let filter = |number: usize| deep(|level| if number >> (level % 14) & 1 == 1 { "+" } else { "a" });
    house.join(numbered(10_000, |number| format!("{}/#", filter(number))));
    group.sample_size(10);
    // Every filter matches, and each goes another way.
    let mut turns = (0_u64..).map(|number| format!("{}/{number}", deep(|_| "a")));
    let payloads = payloads(1);
    group.bench_function("new topic, 10000 filters of 127 levels", |b| {
        b.iter_batched(|| turns.next().unwrap(), |topic| house.publish(&topic, &payloads), BatchSize::PerIteration);
    });
    group.finish();
}

/// A text of 126 levels.
fn deep(level: impl Fn(usize) -> &'static str) -> String {
    (0..126).map(level).collect::<Vec<_>>().join("/")
}

fn subscribe(c: &mut Criterion) {
    let mut group = c.benchmark_group("subscribe");
    let house = House::new();
    house.join(numbered(10_000, |number| format!("home/{number}/x")));
    let subscriber = house.subscriber();
    for text in ["home/5000/x", "home/new/x", "other/new/x", "#"] {
        let filter = Filter::parse(text).unwrap();
        group.bench_function(format!("and unsubscribe/{text}"), |b| {
            b.iter(|| {
                house.hub.subscribe(&subscriber, &filter, SubscribeOptions::default()).unwrap();
                house.hub.unsubscribe(&subscriber, &filter)
            });
        });
    }
    group.sample_size(10);
    for (name, levels) in [("3", 3), ("127", 127)] {
        let filters: Vec<_> = numbered(10_000, |number| {
            let mut text = format!("end/{number}");
            text.push_str(&"/a".repeat(levels - 2));
            text
        })
        .collect();
        group.bench_function(format!("end of 10000 filters of {name} levels"), |b| {
            let begin = || {
                let house = House::new();
                let subscriber = house.subscriber();
                filters.iter().for_each(|filter| house.subscribe(&subscriber, filter));
                (house, subscriber)
            };
            let end = |(house, subscriber): (House, Arc<Subscriber>)| {
                house.hub.unsubscribe_all(&subscriber);
                (house, subscriber)
            };
            b.iter_batched(begin, end, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, publish, round_robin, unrelated, miss, subscribe);
criterion_main!(benches);
