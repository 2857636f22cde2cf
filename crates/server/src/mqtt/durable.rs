//! What of MQTT sessions the disk does not have yet: collected by their mailboxes, taken by the writer, told in the store's
//! words.
//!
//! What happens to a session's messages is noted by `protocols`; subscriptions, deadlines and the will are noted here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use housewire_core::{Filter, Message, Now, SubscribeOptions, Timestamp};
use housewire_protocols::mqtt::{Detached, Inbound, JournalChanges, KeptMessage, MessageChange, Step, WillMessage};
use housewire_store as store;
use housewire_store::{QueuedRecord, SessionChanges, SubscriptionRecord, WillRecord};
use parking_lot::Mutex;

use crate::mqtt::mailbox::MqttMailbox;

/// Mailboxes with something that the disk does not have.
#[derive(Default)]
pub(super) struct Unsaved {
    mailboxes: Mutex<Vec<Arc<MqttMailbox>>>,
    /// Some of it was just sent to a client that is there, and needs no disk if the client acknowledges it soon.
    expects_acks: AtomicBool,
}

impl Unsaved {
    /// The caller sees to it that a mailbox is noted once until it was taken.
    pub(super) fn note(&self, mailbox: Arc<MqttMailbox>) {
        self.mailboxes.lock().push(mailbox);
    }

    /// Says that what was noted may soon be acknowledged.
    pub(super) fn expect_acks(&self) {
        self.expects_acks.store(true, Ordering::Relaxed);
    }

    /// Whether that was said since the last time.
    pub(super) fn take_expects_acks(&self) -> bool {
        self.expects_acks.swap(false, Ordering::Relaxed)
    }

    /// Takes what the disk does not have of all sessions.
    pub(super) fn take(&self) -> TakenChanges {
        let mailboxes = std::mem::take(&mut *self.mailboxes.lock()).into_iter();
        TakenChanges(mailboxes.filter_map(|mailbox| mailbox.take_changes().map(|part| (mailbox, part))).collect())
    }
}

/// The sessions' part of a batch, on its way to disk.
pub(crate) struct TakenChanges(Vec<(Arc<MqttMailbox>, SessionPart)>);

impl TakenChanges {
    /// In the store's words.
    pub(crate) fn to_store(&self) -> SessionChanges {
        let mut batch = SessionChanges::default();
        for (_, part) in &self.0 {
            part.write_to(&mut batch);
        }
        batch
    }

    /// The disk has them; what waited for that is sent.
    pub(crate) fn saved(self) {
        for (mailbox, part) in self.0 {
            mailbox.saved(part.taken);
        }
    }

    /// The disk refused them; they are part of what is taken next.
    pub(crate) fn put_back(self) {
        for (mailbox, part) in self.0 {
            mailbox.put_back(part);
        }
    }
}

/// What a session is, apart from its messages and subscriptions.
#[derive(Clone)]
pub(super) struct SessionFacts {
    pub(super) client_id: Arc<str>,
    pub(super) owner: String,
    pub(super) expiry_s: u32,
    pub(super) state: FactsState,
}

/// What is due when.
#[derive(Clone)]
pub(super) enum FactsState {
    /// The will, with its delay in seconds.
    Connected(Option<(WillMessage, u32)>),
    /// The will and the session's end, with the moments they are due.
    Away { will: Option<(WillMessage, Timestamp)>, ends: Option<Timestamp> },
}

impl FactsState {
    pub(super) fn of_connected(inbound: &Inbound) -> Self {
        let delay_s = |delay: std::time::Duration| u32::try_from(delay.as_secs()).unwrap_or(u32::MAX);
        Self::Connected(inbound.will().map(|(will, delay)| (will.clone(), delay_s(delay))))
    }

    pub(super) fn of_away(detached: &Detached, now: Now) -> Self {
        let on_the_wall = |at: std::time::Instant| now.wall.after(at.saturating_duration_since(now.instant));
        Self::Away {
            will: detached.will().map(|(at, will)| (will.clone(), on_the_wall(at))),
            ends: detached.end_at().map(on_the_wall),
        }
    }
}

/// One session's part of a batch.
pub(super) struct SessionPart {
    pub(super) number: u64,
    pub(super) facts: Option<SessionFacts>,
    /// With options, or ended.
    pub(super) subscriptions: BTreeMap<Filter, Option<SubscribeOptions>>,
    pub(super) is_ended: bool,
    pub(super) journal: JournalChanges,
    /// For [`housewire_protocols::mqtt::Outbound::saved`].
    pub(super) taken: u64,
}

impl SessionPart {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            facts: None,
            subscriptions: BTreeMap::new(),
            is_ended: false,
            journal: JournalChanges::default(),
            taken: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_none() && self.subscriptions.is_empty() && !self.is_ended && self.journal.is_empty()
    }

    /// Adds what the disk refused before; what was noted since then wins.
    pub(super) fn put_back(&mut self, refused: Self) {
        self.is_ended |= refused.is_ended;
        if self.is_ended {
            return self.forget_all();
        }
        self.facts = self.facts.take().or(refused.facts);
        for (filter, options) in refused.subscriptions {
            self.subscriptions.entry(filter).or_insert(options);
        }
    }

    /// Of a session that is over nothing else matters, and it may have to wait for a disk that takes nothing.
    pub(super) fn forget_all(&mut self) {
        self.facts = None;
        self.subscriptions = BTreeMap::new();
        self.is_ended = true;
    }

    /// Adds itself to a batch.
    fn write_to(&self, batch: &mut SessionChanges) {
        let session = self.number;
        if self.is_ended {
            batch.finished.extend(self.journal.messages.keys());
            return batch.ended.push(session);
        }
        for (id, change) in &self.journal.messages {
            match change {
                MessageChange::Finished => batch.finished.push(*id),
                MessageChange::New(kept) => batch.queued.push(queued_record(*id, session, kept)),
                MessageChange::Moved(step) => batch.steps.push((*id, store_step(*step))),
            }
        }
        batch.sessions.extend(self.facts.as_ref().map(|facts| session_record(session, facts)));
        for (filter, options) in &self.subscriptions {
            let filter = filter.to_string();
            match options {
                Some(options) => batch.subscriptions.push(SubscriptionRecord { session, filter, options: *options }),
                None => batch.unsubscribed.push((session, filter)),
            }
        }
        for (packet_id, is_received) in &self.journal.received {
            let list = if *is_received { &mut batch.received } else { &mut batch.released };
            list.push((session, packet_id.get()));
        }
    }
}

fn session_record(number: u64, facts: &SessionFacts) -> store::SessionRecord {
    let (is_connected, ends, will) = match &facts.state {
        FactsState::Connected(will) => (true, None, will.as_ref().map(|(will, delay_s)| (will, *delay_s, None))),
        FactsState::Away { will, ends } => (false, *ends, will.as_ref().map(|(will, due)| (will, 0, Some(*due)))),
    };
    store::SessionRecord {
        number,
        client_id: facts.client_id.to_string(),
        owner: facts.owner.clone(),
        expiry_s: facts.expiry_s,
        ends,
        is_connected,
        will: will.map(|(will, delay_s, due)| WillRecord { message: will_to_message(will), delay_s, due }),
    }
}

fn will_to_message(will: &WillMessage) -> Message {
    Message {
        topic: will.topic.clone(),
        payload: will.payload.clone(),
        qos: will.qos,
        retain: will.retain,
        properties: will.properties.clone(),
        via: "mqtt",
        time: Timestamp::default(),
    }
}

pub(super) fn will_of_message(message: Message) -> WillMessage {
    let Message { topic, payload, qos, retain, properties, .. } = message;
    WillMessage { topic, payload, qos, retain, properties }
}

fn queued_record(id: u64, session: u64, kept: &KeptMessage) -> QueuedRecord {
    let held = kept.held.as_ref();
    QueuedRecord {
        id,
        session,
        step: store_step(kept.step),
        message: held.map(|held| Message::clone(&held.message)),
        qos: held.map(|held| held.qos).unwrap_or_default(),
        retain: held.is_some_and(|held| held.retain),
        identifiers: held.map(|held| held.identifiers.to_vec()).unwrap_or_default(),
        share: held.and_then(|held| held.share.as_ref()).map(|share| share.filter().to_string()),
    }
}

fn store_step(step: Step) -> store::Step {
    match step {
        Step::Waiting => store::Step::Waiting,
        Step::Sent(packet_id) => store::Step::Sent(packet_id.get()),
        Step::Released(packet_id) => store::Step::Released(packet_id.get()),
    }
}
