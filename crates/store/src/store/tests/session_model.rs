//! Random changes of sessions, and the maps that the disk is measured against.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::{Qos, SubscribeOptions};
use proptest::prelude::*;

use super::model::{message, text, time, topic};
use super::{QueuedRecord, SessionChanges, SessionRecord, Sessions, Step, SubscriptionRecord, WillRecord};

/// What the disk should hold about sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionModel {
    sessions: BTreeMap<u64, SessionRecord>,
    subscriptions: BTreeMap<(u64, String), SubscribeOptions>,
    queued: BTreeMap<u64, QueuedRecord>,
    received: BTreeSet<(u64, u16)>,
}

/// Messages have no equality; what they show of themselves is all that there is.
impl PartialEq for SessionModel {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl SessionModel {
    pub(super) fn apply(&mut self, changes: &SessionChanges) {
        for number in &changes.ended {
            self.forget(*number);
        }
        for record in &changes.sessions {
            let same_client =
                |have: &&SessionRecord| have.client_id == record.client_id && have.number != record.number;
            let others: Vec<u64> = self.sessions.values().filter(same_client).map(|have| have.number).collect();
            others.into_iter().for_each(|other| self.forget(other));
            self.sessions.insert(record.number, record.clone());
        }
        for SubscriptionRecord { session, filter, options } in &changes.subscriptions {
            self.subscriptions.insert((*session, filter.clone()), *options);
        }
        for key in &changes.unsubscribed {
            self.subscriptions.remove(key);
        }
        for id in &changes.finished {
            self.queued.remove(id);
        }
        for record in &changes.queued {
            let QueuedRecord { id, session, step, qos, .. } = *record;
            self.queued.insert(id, if is_released(step) { released(id, session, step, qos) } else { record.clone() });
        }
        for (id, step) in &changes.steps {
            let Some(record) = self.queued.get_mut(id) else { continue };
            if is_released(*step) {
                *record = released(*id, record.session, *step, record.qos);
            } else if !is_released(record.step) {
                record.step = *step;
            }
        }
        self.received.extend(&changes.received);
        for pair in &changes.released {
            self.received.remove(pair);
        }
    }

    fn forget(&mut self, number: u64) {
        self.sessions.remove(&number);
        self.subscriptions.retain(|(session, _), _| *session != number);
        self.received.retain(|(session, _)| *session != number);
    }

    /// What loading does beside reading; how many rows that were.
    pub(super) fn drop_orphans(&mut self) -> usize {
        let rows = |model: &Self| model.subscriptions.len() + model.queued.len() + model.received.len();
        let before = rows(self);
        let is_known = |number: &u64| self.sessions.contains_key(number);
        self.subscriptions.retain(|(session, _), _| is_known(session));
        self.queued.retain(|_, record| is_known(&record.session));
        self.received.retain(|(session, _)| is_known(session));
        before - rows(self)
    }

    pub(super) fn of(loaded: &Sessions) -> Self {
        let sessions: BTreeMap<_, _> = loaded.records.iter().map(|record| (record.number, record.clone())).collect();
        let subscription = |record: &SubscriptionRecord| ((record.session, record.filter.clone()), record.options);
        let queued: BTreeMap<_, _> = loaded.queued.iter().map(|record| (record.id, record.clone())).collect();
        assert!(loaded.queued.is_sorted_by_key(|record| record.id), "the order of delivery");
        let marks = (loaded.last_number, loaded.last_queued_id);
        let highest = (sessions.keys().max().copied().unwrap_or(0), queued.keys().max().copied().unwrap_or(0));
        assert!(marks.0 >= highest.0 && marks.1 >= highest.1, "{marks:?} below {highest:?}");
        // Rows that belong to nobody, and could not be deleted, count as well.
        assert!(marks == highest || loaded.orphans_count > 0, "{marks:?} instead of {highest:?}");
        Self {
            sessions,
            subscriptions: loaded.subscriptions.iter().map(subscription).collect(),
            queued,
            received: loaded.received.iter().copied().collect(),
        }
    }
}

fn is_released(step: Step) -> bool {
    matches!(step, Step::Released(_))
}

fn released(id: u64, session: u64, step: Step, qos: Qos) -> QueuedRecord {
    QueuedRecord { id, session, step, message: None, qos, retain: false, identifiers: Vec::new(), share: None }
}

/// Few numbers, so that changes meet what is there.
fn session_number() -> impl Strategy<Value = u64> {
    1_u64..6
}

fn queued_id() -> impl Strategy<Value = u64> {
    1_u64..16
}

fn packet_id() -> impl Strategy<Value = u16> {
    prop_oneof![1_u16..4, Just(u16::MAX)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Waiting), packet_id().prop_map(Step::Sent), packet_id().prop_map(Step::Released)]
}

fn qos() -> impl Strategy<Value = Qos> {
    prop::sample::select(vec![Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce])
}

fn filter() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(vec!["#", "home/+", "$share/g/home/+"]).prop_map(str::to_owned), text()]
}

fn session() -> impl Strategy<Value = SessionRecord> {
    let message = (topic(), any::<bool>()).prop_flat_map(|(topic, retain)| message(topic, 0..40, retain));
    let will = (message, any::<u32>(), prop::option::of(time())).prop_map(|(message, delay_s, due)| WillRecord {
        message,
        delay_s,
        due,
    });
    let client_id = prop_oneof![prop::sample::select(vec!["lamp", "", "Küche"]).prop_map(str::to_owned), text()];
    let rest = (text(), any::<u32>(), prop::option::of(time()), any::<bool>(), prop::option::of(will));
    (session_number(), client_id, rest).prop_map(|(number, client_id, (owner, expiry_s, ends, is_connected, will))| {
        SessionRecord { number, client_id, owner, expiry_s, ends, is_connected, will }
    })
}

fn subscription() -> impl Strategy<Value = SubscriptionRecord> {
    let options = (qos(), any::<bool>(), any::<bool>(), prop::option::of(any::<u32>())).prop_map(
        |(qos, no_local, retain_as_published, identifier)| SubscribeOptions {
            qos,
            no_local,
            retain_as_published,
            identifier,
        },
    );
    (session_number(), filter(), options).prop_map(|(session, filter, options)| SubscriptionRecord {
        session,
        filter,
        options,
    })
}

/// Payloads of up to `payload_bytes_max`: long ones lie on pages of their own.
fn queued(payload_bytes_max: usize) -> impl Strategy<Value = QueuedRecord> {
    let sizes = prop_oneof![4 => Just(0..100), 1 => Just(0..payload_bytes_max)];
    let message = (topic(), sizes, any::<bool>()).prop_flat_map(|(topic, sizes, retain)| message(topic, sizes, retain));
    let rest = (qos(), any::<bool>(), prop::collection::vec(any::<u32>(), 0..3), prop::option::of(text()));
    (queued_id(), session_number(), step(), message, rest).prop_map(
        |(id, session, step, message, (qos, retain, identifiers, share))| {
            let message = (!is_released(step)).then_some(message);
            QueuedRecord { id, session, step, message, qos, retain, identifiers, share }
        },
    )
}

pub(super) fn session_changes() -> impl Strategy<Value = SessionChanges> {
    use prop::collection::vec;
    let sessions = (vec(session_number(), 0..2), vec(session(), 0..4));
    let subscriptions = (vec(subscription(), 0..4), vec((session_number(), filter()), 0..2));
    let queued = (vec(queued_id(), 0..3), vec(queued(10_000), 0..6), vec((queued_id(), step()), 0..4));
    let pair = || (session_number(), packet_id());
    let received = (vec(pair(), 0..3), vec(pair(), 0..2));
    (sessions, subscriptions, queued, received).prop_map(
        |((ended, mut sessions), (subscriptions, unsubscribed), (finished, queued, steps), (received, released))| {
            let (mut numbers, mut clients) = (BTreeSet::new(), BTreeSet::new());
            sessions.retain(|session| numbers.insert(session.number) && clients.insert(session.client_id.clone()));
            SessionChanges { ended, sessions, subscriptions, unsubscribed, finished, queued, steps, received, released }
        },
    )
}
