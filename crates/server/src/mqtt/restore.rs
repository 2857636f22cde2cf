//! Sessions that the disk has: put back at start, before anybody connects.

use std::collections::HashMap;
use std::sync::Arc;

use housewire_core::{Filter, Now, Principal, Share, Timestamp};
use housewire_protocols::mqtt::{Detached, Held, KeptMessage, MessageIds, PacketId, Step};
use housewire_store as store;
use housewire_store::{QueuedRecord, SessionRecord};
use tracing::{info, warn};

use crate::mqtt::durable::{FactsState, will_of_message};
use crate::mqtt::sessions::{Away, Sessions};

/// Whom a session on disk belongs to.
pub(crate) enum Owner {
    /// Somebody who may come back to it.
    Found(Arc<Principal>),
    /// Somebody who is not let in as the hub is started now; another start may let him in again.
    ShutOut,
    /// Nobody any more.
    Gone,
}

impl Sessions {
    /// Puts back what the disk has. Sessions that were connected have lost their connection now. A session whose
    /// owner is gone ends; that of an owner who is shut out stays on disk as it is.
    pub(crate) fn restore(&self, found: store::Sessions, owner_of: impl Fn(&str) -> Owner, now: Now) {
        self.numbers.store(found.last_number + 1, std::sync::atomic::Ordering::Relaxed);
        let mut messages: HashMap<u64, Vec<QueuedRecord>> = HashMap::new();
        for record in found.queued {
            messages.entry(record.session).or_default().push(record);
        }
        let mut received: HashMap<u64, Vec<PacketId>> = HashMap::new();
        for (session, packet_id) in found.received {
            received.entry(session).or_default().extend(PacketId::new(packet_id));
        }
        let mut subscriptions: HashMap<u64, Vec<store::SubscriptionRecord>> = HashMap::new();
        for record in found.subscriptions {
            subscriptions.entry(record.session).or_default().push(record);
        }
        let (mut count, mut queued, mut shut_out) = (0, 0, 0);
        for record in found.records {
            let number = record.number;
            let (messages, subscriptions) =
                (messages.remove(&number).unwrap_or_default(), subscriptions.remove(&number).unwrap_or_default());
            let principal = match owner_of(&record.owner) {
                Owner::Found(principal) => principal,
                Owner::ShutOut => {
                    shut_out += 1;
                    continue;
                }
                Owner::Gone => {
                    warn!(client_id = record.client_id, owner = record.owner, "a session ends: its owner is gone");
                    self.discard(record, messages);
                    continue;
                }
            };
            count += 1;
            queued += messages.len();
            let client_id: Arc<str> = record.client_id.as_str().into();
            let mut outbound = self.new_outbound();
            outbound.restore(messages.into_iter().filter_map(kept_message));
            let session = self.durable_session(&client_id, &principal, outbound, number);
            for record in subscriptions {
                let subscribed = Filter::parse(&record.filter).map_err(|error| error.to_string()).and_then(|filter| {
                    let granted = self.hub.subscribe(session.subscriber(), &filter, record.options);
                    granted.map(drop).map_err(|error| error.to_string())
                });
                if let Err(error) = subscribed {
                    warn!(client_id = &*client_id, filter = record.filter, "a subscription ends: {error}");
                    if let Ok(filter) = Filter::parse(&record.filter) {
                        session.mailbox.note_subscription(filter, None);
                    }
                }
            }
            let was_connected = record.is_connected;
            let expiry_s = record.expiry_s;
            let detached = detached_of(record, received.remove(&number).unwrap_or_default(), now);
            if was_connected {
                // Its time runs from now, not from each start anew.
                self.note_facts(&session, &client_id, expiry_s, FactsState::of_away(&detached, now));
            }
            session.client.note_restored(Some(expiry_s).filter(|seconds| *seconds != u32::MAX));
            // Nobody is there yet who could wait for it.
            self.put_away(&client_id, session, Away { detached, expiry_s }).tell();
        }
        if count > 0 {
            info!("{count} MQTT sessions are back, with {queued} messages on their way");
        }
        if shut_out > 0 {
            info!("{shut_out} MQTT sessions of guests stay on disk until a start that lets guests in");
        }
    }

    /// Ends a session that nobody may come back to.
    fn discard(&self, record: SessionRecord, messages: Vec<QueuedRecord>) {
        let mut outbound = self.new_outbound();
        outbound.restore(messages.into_iter().filter_map(kept_message));
        let nobody = Arc::new(Principal::new(record.owner, housewire_core::Permissions::default()));
        let session = self.durable_session(&record.client_id.into(), &nobody, outbound, record.number);
        self.forget(&session);
    }
}

fn kept_message(record: QueuedRecord) -> Option<(u64, KeptMessage)> {
    let QueuedRecord { id, step, message, qos, retain, identifiers, share, .. } = record;
    let step = match step {
        store::Step::Waiting => Step::Waiting,
        store::Step::Sent(packet_id) => Step::Sent(PacketId::new(packet_id)?),
        store::Step::Released(packet_id) => Step::Released(PacketId::new(packet_id)?),
    };
    let held = message.map(|message| Held {
        id,
        message: Arc::new(message),
        qos,
        retain,
        identifiers: identifiers.into(),
        share: share.and_then(|filter| Filter::parse(&filter).ok()).map(|filter| Share::new(&filter)),
    });
    Some((id, KeptMessage::new(held, step)))
}

fn detached_of(record: SessionRecord, received: Vec<PacketId>, now: Now) -> Detached {
    let on_our_clock = |at: Timestamp| now.instant + at.since(now.wall);
    let in_seconds = |seconds: u32| now.instant + std::time::Duration::from_secs(seconds.into());
    let (end, will_due) = if record.is_connected {
        let end = (record.expiry_s != u32::MAX).then(|| in_seconds(record.expiry_s));
        let due = record.will.as_ref().map(|will| in_seconds(will.delay_s));
        (end, due.map(|due| end.map_or(due, |end| end.min(due))))
    } else {
        let due = record.will.as_ref().map(|will| will.due.map_or(now.instant, on_our_clock));
        (record.ends.map(on_our_clock), due)
    };
    let will = record.will.zip(will_due).map(|(will, due)| (due, will_of_message(will.message)));
    Detached::restore(received, will, end)
}

/// Numbers of messages that go on after those on disk.
pub(crate) fn message_ids(found: &store::Sessions) -> MessageIds {
    MessageIds::after(found.last_queued_id)
}
