//! Several shards at once: what was subscribed to before a publish gets it, and what was ended before does not.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use super::*;

/// Enough to find a place used twice, or a change told too early, nearly always.
const ROUNDS: usize = 200;
const TOPICS: [&str; 4] = ["a", "a/b", "a/b/c", "x/b"];
const FILTERS: [&str; 10] = ["#", "+", "+/b", "a", "a/#", "a/+", "a/b", "a/b/#", "$share/g/a/#", "$share/g/a/b"];

/// Publishes what it is told to through a cache of its own, and says when that is done.
fn shard(hub: &Arc<Hub>, jobs: &Receiver<&'static str>, done: &SyncSender<()>, now: Now) {
    let guest = Arc::new(Principal::new("guest", Permissions::all()));
    let publisher = Publisher::new(Arc::clone(hub), Arc::default(), guest, hub.new_session(), "mqtt", Presence::None);
    let publish = |topic: &str, payload: &[u8]| {
        publisher.publish_run(Run::new(TopicRef::parse(topic).unwrap(), &[payload]), now).unwrap();
    };
    for round in 0.. {
        match jobs.try_recv() {
            Ok(topic) => {
                publish(topic, b"x");
                done.send(()).unwrap();
            }
            // Routes are looked at all the time, also in the middle of a change.
            Err(TryRecvError::Empty) => publish(TOPICS[round % TOPICS.len()], b"-"),
            Err(TryRecvError::Disconnected) => return,
        }
    }
}

/// Comes and goes, so that places in the trie are given back and used again, until told to stop.
fn churn(hub: &Hub, stop: &AtomicBool, seed: usize) {
    let principal = Arc::new(Principal::new("guest", Permissions::all()));
    for round in seed.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let subscriber = Hub::subscriber(hub.new_session(), Arc::clone(&principal), Arc::new(Log::default()));
        let filters: Vec<_> =
            (0..1 + round % 90).map(|step| Filter::parse(FILTERS[(round + step * 7) % 10]).unwrap()).collect();
        for (step, filter) in filters.iter().enumerate() {
            // Beside the real ones, some that nobody else has.
            let own = Filter::parse(&format!("{seed}/{step}/{filter}").replace("$share", "share")).unwrap();
            for filter in [filter, &own] {
                hub.subscribe(&subscriber, filter, SubscribeOptions::default()).unwrap();
            }
        }
        filters.iter().step_by(3).for_each(|filter| {
            hub.unsubscribe(&subscriber, filter);
        });
        hub.unsubscribe_all(&subscriber);
        assert_eq!(subscriber.subscription_count(), 0);
    }
}

#[test]
fn a_route_of_another_shard_is_never_behind_what_was_answered() {
    let house = House::new();
    let (hub, now) = (&house.hub, house.now());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let shards: Vec<_> = (0..2)
            .map(|_| {
                let ((jobs, to_do), (done, is_done)) = (sync_channel(1), sync_channel(1));
                scope.spawn(move || shard(hub, &to_do, &done, now));
                (jobs, is_done)
            })
            .collect();
        let stop = &stop;
        (0..2).for_each(|seed| drop(scope.spawn(move || churn(hub, stop, seed * 5))));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for round in 0..ROUNDS {
                let filter = FILTERS[..8][round % 8];
                let (log, subscriber) =
                    house.subscribe_as(&Arc::new(Principal::new("guest", Permissions::all())), &[filter]);
                let filter = Filter::parse(filter).unwrap();
                for is_subscribed in [true, false] {
                    for topic in TOPICS {
                        shards.iter().for_each(|(jobs, _)| jobs.send(topic).unwrap());
                        shards.iter().for_each(|(_, is_done)| is_done.recv().unwrap());
                        let matches = is_subscribed && filter.matches(TopicRef::parse(topic).unwrap());
                        let got = log.take().iter().filter(|seen| seen.ends_with('x')).count();
                        assert_eq!(got, usize::from(matches) * shards.len(), "{topic} for {filter}");
                    }
                    match round % 2 {
                        0 => assert_eq!(hub.unsubscribe(&subscriber, &filter), is_subscribed),
                        _ => hub.unsubscribe_all(&subscriber),
                    }
                }
            }
        }));
        stop.store(true, Ordering::Relaxed);
        drop(shards);
        outcome.unwrap();
    });
    assert_eq!(house.hub.figures().subscriptions, 0);
}
