use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::mailbox::{Delivery, Mailbox, Offer};
use crate::message::Run;
use crate::principal::{Permissions, Principal};

struct Nowhere;

impl Mailbox for Nowhere {
    fn offer(&self, _: &Run<'_>, _: &Delivery) -> Offer {
        Offer::Closed
    }

    fn is_congested(&self) -> bool {
        false
    }
}

fn subscription(session: u64) -> Subscription {
    let principal = Arc::new(Principal::new("test", Permissions::all()));
    let subscriber = Arc::new(Subscriber::new(SessionId(session), principal, Arc::new(Nowhere)));
    Subscription { subscriber, options: SubscribeOptions::default(), share: None }
}

/// The ten lines that say what a match is.
fn naive_match(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) => true,
        (["+", rest @ ..], [_, topic @ ..]) => naive_match(rest, topic),
        ([want, rest @ ..], [have, topic @ ..]) => want == have && naive_match(rest, topic),
        (rest, have) => rest.is_empty() && have.is_empty(),
    }
}

fn naive(filter: &str, topic: &str) -> bool {
    let filter = filter.strip_prefix("$share/g/").or(filter.strip_prefix("$share/h/")).unwrap_or(filter);
    let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
    !(topic[0].starts_with('$') && ["+", "#"].contains(&filter[0])) && naive_match(&filter, &topic)
}

fn levels(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(words), 1..5)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("not empty", |text| !text.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let path = levels(&["a", "b", "", "+", "$s"]);
    let below = levels(&["a", "b", "", "+", "$s"]).prop_map(|path| format!("{path}/#"));
    let share = prop::sample::select(vec!["", "", "$share/g/", "$share/h/"]);
    let filter = prop_oneof![4 => path, 4 => below, 1 => Just("#".to_owned())];
    (share, filter)
        .prop_map(|(share, filter)| format!("{share}{filter}"))
        .prop_filter("not empty inside", |filter| !filter.ends_with("$share/g/") && !filter.ends_with("$share/h/"))
}

proptest! {
    #[test]
    fn agrees_with_the_naive_matcher(
        steps in prop::collection::vec((any::<bool>(), 0..6u64, filter()), 0..60),
        topics in prop::collection::vec(levels(&["a", "b", "", "$s"]), 1..20),
    ) {
        let mut trie = Trie::default();
        let mut model = BTreeSet::new();
        for (add, session, filter) in steps {
            let parsed = Filter::parse(&filter).unwrap();
            if add {
                let (_, existed) = trie.insert(&parsed, subscription(session));
                prop_assert_eq!(existed, !model.insert((session, filter)));
            } else {
                let existed = trie.remove(&parsed, SessionId(session)).is_some();
                prop_assert_eq!(existed, model.remove(&(session, filter)));
            }
        }
        for (session, filter) in &model {
            let parsed = Filter::parse(filter).unwrap();
            prop_assert!(trie.contains(&parsed, SessionId(*session)) && !trie.contains(&parsed, SessionId(9)));
        }
        for topic in topics {
            let mut found = Vec::new();
            trie.for_each_match(TopicRef::parse(&topic).unwrap(), |have| found.push(have.subscriber.id().0));
            found.sort_unstable();
            let expected: Vec<_> =
                model.iter().filter(|(_, filter)| naive(filter, &topic)).map(|(session, _)| *session).collect();
            prop_assert_eq!(found, expected, "topic {}", topic);
        }
        for filter in ["$share/g/a", "$share/h/a/#", "$share/g/+/b"] {
            let of = |filter: &str| {
                let members = trie.members(&Filter::parse(filter).unwrap());
                members.iter().map(|have| have.subscriber.id().0).collect::<Vec<_>>()
            };
            let expected: Vec<_> =
                model.iter().filter(|(_, have)| have == filter).map(|(session, _)| *session).collect();
            prop_assert_eq!(of(filter), expected, "members of {}", filter);
        }
        let places: BTreeSet<_> = model.iter().map(|(session, filter)| {
            let node = trie.find(&Filter::parse(filter).unwrap()).unwrap();
            (node, *session)
        }).collect();
        for (place, session) in places {
            trie.remove_all_at(place, SessionId(session), |filter| {
                assert!(model.remove(&(session, filter.as_str().to_owned())), "{filter} of {session}");
            });
        }
        prop_assert!(model.is_empty(), "left: {:?}", model);
        prop_assert!(trie.edges.is_empty() && trie.level_ids.is_empty(), "an empty trie keeps nothing");
        let level = trie.levels.insert(Level { text: "".into(), users: 0 });
        prop_assert_eq!((trie.len(), trie.shared_len(), level.get()), (0, 0, 3), "nor levels but the wildcards");
        prop_assert_eq!(trie.nodes.insert(Node::new(None, PLUS)).get(), 2, "nor nodes but the root");
    }
}

#[test]
fn the_room_of_a_peak_is_given_back() {
    let mut trie = Trie::default();
    let filters: Vec<_> = (0..5_000).map(|number| Filter::parse(&format!("a/{number}/+/#")).unwrap()).collect();
    let subscription = subscription(1);
    let places: Vec<_> = filters.iter().map(|filter| trie.insert(filter, subscription.clone()).0).collect();
    for (number, (filter, place)) in filters.iter().zip(places).enumerate().skip(10) {
        match number % 2 {
            0 => assert_eq!(trie.remove(filter, SessionId(1)), Some(place)),
            _ => trie.remove_all_at(place, SessionId(1), |removed| assert_eq!(removed, filter)),
        }
    }
    assert!(trie.edges.capacity() < 1_000 && trie.level_ids.capacity() < 1_000);
    let topic = |number| format!("a/{number}/x/y");
    let matches = |number: usize| {
        let mut count = 0;
        trie.for_each_match(TopicRef::parse(&topic(number)).unwrap(), |_| count += 1);
        count
    };
    assert_eq!([matches(0), matches(9), matches(10), matches(4_999)], [1, 1, 0, 0]);
}

/// By itself such a filter would lack the levels of a shared one.
#[test]
fn whoever_shares_a_filter_that_begins_like_a_shared_one_may_leave() {
    let mut trie = Trie::default();
    for text in ["$share/g/$share/x", "$share/g/$share/x/y", "$share/g/$share/x//"] {
        let filter = Filter::parse(text).unwrap();
        let (place, _) = trie.insert(&filter, subscription(1));
        let mut removed = Vec::new();
        trie.remove_all_at(place, SessionId(1), |filter| removed.push(filter.clone()));
        assert_eq!((removed, trie.len(), trie.shared_len()), (vec![filter], 0, 0));
    }
}

#[test]
fn a_node_fits_a_cache_line() {
    assert!(size_of::<Option<Node>>() <= 64, "{} bytes", size_of::<Option<Node>>());
}
