//! QoS 1 and 2 messages that were sent and are not acknowledged to the end, with their packet identifiers.
//!
//! What is sent, and when, belongs to `outbound`.

use std::collections::VecDeque;
use std::sync::Arc;

use housewire_core::{Delivery, Message, Qos, Share};

use super::event::AckStep;
use crate::limits::HELD_BYTES;
use crate::mqtt::packet::PacketId;

/// How many packet identifiers there are: 1 to 65,535.
const IDS: u16 = u16::MAX;
/// A table or queue that is empty gives its memory back if it grew beyond this.
pub(super) const IDLE_LEN_MAX: usize = 32;

/// A message held for one receiver: to be sent, or to be sent again.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its number on disk; 0 if it is not kept there.
    pub id: u64,
    /// Shared with other receivers.
    pub message: Arc<Message>,
    /// Of the delivery.
    pub qos: Qos,
    /// The flag to show.
    pub retain: bool,
    /// Of the subscriptions that matched.
    pub identifiers: Arc<[u32]>,
    /// The group in whose name it came: others may get it in this session's place.
    pub share: Option<Arc<Share>>,
}

impl Held {
    pub(super) fn new(id: u64, message: &Arc<Message>, qos: Qos, delivery: &Delivery) -> Self {
        let identifiers = Arc::clone(&delivery.identifiers);
        Self {
            id,
            message: Arc::clone(message),
            qos,
            retain: delivery.retain,
            identifiers,
            share: delivery.share.clone(),
        }
    }

    /// What it counts for against the bound. Topic and payload are shared with other receivers, but may be kept by this
    /// one alone.
    pub(super) fn bytes(&self) -> usize {
        HELD_BYTES + self.message.bytes()
    }
}

#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) packet_id: PacketId,
    /// What the client has to say next; [`AckStep::PubComp`] from when PUBREL was sent.
    pub(super) awaits: AckStep,
    /// It may have been sent before, on this connection or an earlier one.
    pub(super) was_sent: bool,
    /// Its number on disk; 0 if it is not kept there.
    pub(super) id: u64,
    /// What the disk must have before the next packet of this exchange leaves; see `Journal`.
    pub(super) mark: u64,
    /// What to send again after a new connection; `None` if that will never be, and after PUBREC.
    pub(super) held: Option<Held>,
}

/// Unfinished exchanges in the order in which they were begun [MQTT-4.6.0-1], [MQTT-4.6.0-4].
///
/// Invariant: identifiers rise from front to back, around the end of their range at most once, since the newest never
/// laps the oldest. So the next identifier is free without a search, and an acknowledged one is found by bisection.
#[derive(Debug)]
pub(super) struct InFlight {
    exchanges: VecDeque<Exchange>,
    next: PacketId,
}

impl InFlight {
    pub(super) fn new() -> Self {
        Self { exchanges: VecDeque::new(), next: PacketId::FIRST }
    }

    pub(super) fn len(&self) -> usize {
        self.exchanges.len()
    }

    /// How many identifiers can be handed out before the oldest exchange has to end. One is always left, so that the
    /// newest being one step behind the oldest does not look like its being the same.
    pub(super) fn ids_free(&self) -> usize {
        let span = self.exchanges.front().map_or(0, |oldest| distance(oldest.packet_id, self.next));
        usize::from(IDS - 1 - span)
    }

    /// The identifier of the exchange that is begun next.
    pub(super) fn next_id(&self) -> PacketId {
        self.next
    }

    /// So many exchanges are about to be begun.
    pub(super) fn reserve(&mut self, count: usize) {
        self.exchanges.reserve(count);
    }

    /// Begins an exchange. There must be an identifier free.
    pub(super) fn begin(&mut self, qos: Qos, mark: u64, held: Option<Held>) -> PacketId {
        debug_assert!(self.ids_free() > 0, "the window is below the range of identifiers");
        let packet_id = self.next;
        let id = held.as_ref().map_or(0, |held| held.id);
        self.push(Exchange { packet_id, awaits: first_step(qos), was_sent: false, id, mark, held });
        packet_id
    }

    /// Goes on with an exchange that was begun before; its identifier comes after the last one's.
    pub(super) fn push(&mut self, exchange: Exchange) {
        self.next = exchange.packet_id.next();
        self.exchanges.push_back(exchange);
    }

    /// Whether an identifier keeps the invariant if it comes next.
    pub(super) fn may_come_next(&self, packet_id: PacketId) -> bool {
        let Some(oldest) = self.exchanges.front().map(|exchange| exchange.packet_id) else { return true };
        distance(oldest, packet_id) >= distance(oldest, self.next) && packet_id.next() != oldest
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter()
    }

    /// Where the exchange with this identifier stands.
    pub(super) fn find(&self, packet_id: PacketId) -> Option<usize> {
        let oldest = self.exchanges.front()?.packet_id;
        if oldest == packet_id {
            return Some(0);
        }
        let wanted = distance(oldest, packet_id);
        self.exchanges.binary_search_by_key(&wanted, |exchange| distance(oldest, exchange.packet_id)).ok()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Exchange> {
        self.exchanges.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Exchange> {
        self.exchanges.get_mut(index)
    }

    /// Ends an exchange.
    pub(super) fn remove(&mut self, index: usize) -> Option<Exchange> {
        // The oldest, nearly always.
        let exchange = if index == 0 { self.exchanges.pop_front() } else { self.exchanges.remove(index) };
        if self.exchanges.is_empty() && self.exchanges.capacity() > IDLE_LEN_MAX {
            self.exchanges = VecDeque::new();
        }
        exchange
    }
}

/// What the client answers to a PUBLISH.
pub(super) fn first_step(qos: Qos) -> AckStep {
    if qos == Qos::ExactlyOnce { AckStep::PubRec } else { AckStep::PubAck }
}

/// Steps from one identifier to another, around the end of their range; at most 65,534.
fn distance(from: PacketId, to: PacketId) -> u16 {
    let (from, to) = (from.get(), to.get());
    if to >= from { to - from } else { IDS - (from - to) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_go_around_and_never_lap_the_oldest() {
        let mut in_flight = InFlight::new();
        let begin = |in_flight: &mut InFlight| in_flight.begin(Qos::AtLeastOnce, 0, None);
        let first = begin(&mut in_flight);
        while in_flight.ids_free() > 0 {
            let id = begin(&mut in_flight);
            if id.get() % 2 == 0 {
                let index = in_flight.find(id).unwrap();
                in_flight.remove(index).unwrap();
            }
        }
        assert_eq!((in_flight.next_id().get(), in_flight.find(first)), (65_535, Some(0)));
        in_flight.remove(0).unwrap();
        assert_eq!(in_flight.ids_free(), 2, "3 is the oldest now");
        assert_eq!((begin(&mut in_flight).get(), begin(&mut in_flight).get()), (65_535, 1));
        assert_eq!(in_flight.ids_free(), 0);
        for id in [3, 65_535, 65_533, 1, 5] {
            let index = in_flight.find(PacketId::new(id).unwrap()).unwrap();
            assert_eq!(in_flight.remove(index).unwrap().packet_id.get(), id);
        }
        assert_eq!(in_flight.find(PacketId::new(4).unwrap()), None);
    }
}
