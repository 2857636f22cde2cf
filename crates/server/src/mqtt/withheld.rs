//! Answers that may not leave before the disk has what they promise.
//!
//! They leave in the order of the requests [MQTT-4.6.0-2], [MQTT-4.6.0-3], so one that waits holds back those behind
//! it, even if these promise nothing that has to be on disk.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use housewire_core::{Denied, Qos};
use housewire_protocols::mqtt::{Inbound, Packet, PacketId, PacketKind, ReasonCode, Version};
use tokio::sync::watch;

use crate::mqtt::end::End;
use crate::mqtt::outcome::OwnedOutcome;
use crate::persist::{DiskState, Due, Durability};

/// As many may wait; nothing more is read from the client then.
const WITHHELD_MAX: usize = 4_096;
/// Codes and texts in them that may wait, in bytes, and what one read brings; the same is done then.
const WITHHELD_BYTES_MAX: usize = 64 * 1024;

/// An answer to be.
pub(super) enum Answer {
    /// A PUBACK or PUBREC, with how many subscribers the message was offered to.
    Ack { packet_id: PacketId, qos: Qos, outcome: OwnedOutcome, receivers: usize },
    /// Anything else.
    Packet(Packet<'static>),
}

impl Answer {
    fn send(&self, inbound: &mut Inbound, replies: &mut Vec<u8>) {
        match self {
            Self::Ack { packet_id, qos, outcome, .. } => {
                inbound.acknowledge(*packet_id, *qos, outcome.as_outcome(), replies);
            }
            Self::Packet(packet) => inbound.reply(packet, replies),
        }
    }

    /// The memory that it takes beside its place in the queue. Of each receiver that may keep the message something waits in a
    /// journal for the same batch: a publisher to very many of them makes no batch that is out of all proportion.
    fn bytes(&self) -> usize {
        match self {
            Self::Ack { outcome, receivers, .. } => outcome.as_outcome().text.map_or(0, str::len) + receivers,
            Self::Packet(Packet::SubAck(ack) | Packet::UnsubAck(ack)) => ack.reasons.len(),
            Self::Packet(_) => 0,
        }
    }

    fn is_suback(&self) -> bool {
        matches!(self, Self::Packet(packet) if packet.kind() == PacketKind::SubAck)
    }
}

/// See the module. Takes memory only while something waits.
#[derive(Default)]
pub(super) struct Withheld(Option<Box<Waiting>>);

/// Answers that wait; one at least.
struct Waiting {
    /// With the bytes of each.
    queue: VecDeque<(Due, Answer, usize)>,
    bytes: usize,
    /// How many of them are SUBACKs.
    subacks: usize,
    disk: watch::Receiver<DiskState>,
    /// Resolves when the disk took or refused something since the last release.
    changed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Withheld {
    /// Sends the answer now, or when what is `due` is so and all before it were sent.
    pub(super) fn send(
        &mut self,
        answer: Answer,
        due: Option<Due>,
        durability: &Durability,
        inbound: &mut Inbound,
        replies: &mut Vec<u8>,
    ) {
        let due = due.and_then(|due| due.under(durability.mode()));
        if due.is_none() && self.0.is_none() {
            return answer.send(inbound, replies);
        }
        // What waits for nothing itself waits for those before it.
        let due = due.unwrap_or_default();
        let is_first = self.0.is_none();
        let waiting = self.0.get_or_insert_with(|| Box::new(Waiting::new(durability, due)));
        waiting.subacks += usize::from(answer.is_suback());
        let bytes = answer.bytes();
        waiting.bytes += bytes;
        waiting.queue.push_back((due, answer, bytes));
        if is_first && due.batch.is_some() {
            durability.hurry();
        }
    }

    /// Sends those that the disk allows. If it refuses, QoS 1 is acknowledged with the reason. The connection ends instead
    /// before MQTT 5, which cannot say it, and for QoS 2: that was published, and its repetition must not be another message.
    pub(super) fn release(
        &mut self,
        durability: &Durability,
        inbound: &mut Inbound,
        replies: &mut Vec<u8>,
    ) -> Result<(), End> {
        let Some(waiting) = &mut self.0 else { return Ok(()) };
        waiting.changed = None;
        let disk = *waiting.disk.borrow_and_update();
        while let Some((due, answer, bytes)) = waiting.queue.front_mut() {
            if !disk.has(*due) {
                match answer {
                    Answer::Ack { qos, outcome, .. } if disk.refuses(*due) => {
                        let why = Denied::DiskFailing.to_string();
                        if inbound.version() < Version::V5 || *qos == Qos::ExactlyOnce {
                            return Err(End::Hub(ReasonCode::QuotaExceeded, why));
                        }
                        *outcome = OwnedOutcome::failed(ReasonCode::QuotaExceeded, why);
                    }
                    _ => break,
                }
            }
            answer.send(inbound, replies);
            waiting.subacks -= usize::from(answer.is_suback());
            waiting.bytes -= *bytes;
            waiting.queue.pop_front();
        }
        match waiting.queue.front() {
            None => self.0 = None,
            // What is still due was noted after the batch that was just written.
            Some((Due { batch: Some(batch), .. }, ..)) if *batch > disk.saved && !disk.is_failing => durability.hurry(),
            Some(_) => {}
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|waiting| waiting.queue.len() >= WITHHELD_MAX || waiting.bytes >= WITHHELD_BYTES_MAX)
    }

    /// Whether a SUBACK waits, which goes out before the retained messages of its subscriptions.
    pub(super) fn has_suback(&self) -> bool {
        self.0.as_ref().is_some_and(|waiting| waiting.subacks > 0)
    }

    /// Ready when something waits and the disk took or refused something since the last release; never if the hub has
    /// stopped writing.
    pub(super) fn poll_changed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(waiting) = &mut self.0 else { return Poll::Pending };
        let changed = waiting.changed.get_or_insert_with(|| {
            let mut disk = waiting.disk.clone();
            Box::pin(async move {
                if disk.changed().await.is_err() {
                    std::future::pending().await
                }
            })
        });
        changed.as_mut().poll(context)
    }
}

impl Waiting {
    fn new(durability: &Durability, due: Due) -> Self {
        let mut disk = durability.disk();
        let state: DiskState = *disk.borrow_and_update();
        if state.has(due) || state.is_failing {
            // It took, or refused, what is waited for before this was there to be told.
            disk.mark_changed();
        }
        Self { queue: VecDeque::new(), bytes: 0, subacks: 0, disk, changed: None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use housewire_core::BatchNumber;
    use housewire_protocols::limits::MqttLimits;
    use housewire_protocols::mqtt::SubAck;

    use super::*;
    use crate::persist::DurabilityMode;
    use crate::shard::now;

    /// Withholds answers until it is full, then has them sent; how many they were.
    fn filled(answer: impl Fn() -> Answer) -> usize {
        let (durability, _desk) = Durability::new(DurabilityMode::Strict);
        let mut withheld = Withheld::default();
        let mut inbound = Inbound::new(Arc::new(MqttLimits::default()), now().instant);
        let mut replies = Vec::new();
        let mut count = 0;
        while !withheld.is_full() {
            // What the disk has before anything was written.
            withheld.send(answer(), Some(BatchNumber::default().into()), &durability, &mut inbound, &mut replies);
            count += 1;
        }
        assert!(replies.is_empty() && withheld.0.as_ref().is_some_and(|waiting| waiting.queue.len() == count));
        assert!(withheld.release(&durability, &mut inbound, &mut replies).is_ok());
        assert!(!replies.is_empty() && withheld.is_empty() && !withheld.is_full());
        count
    }

    #[test]
    fn answers_wait_for_room_in_any_mode_and_keep_their_order() {
        for mode in [DurabilityMode::Strict, DurabilityMode::Relaxed] {
            let (durability, _desk) = Durability::new(mode);
            let mut withheld = Withheld::default();
            let mut inbound = Inbound::new(Arc::new(MqttLimits::default()), now().instant);
            let mut replies = Vec::new();
            let room = Due { batch: Some(BatchNumber::default()), needs_room: true };
            let mut send = |due, withheld: &mut Withheld, replies: &mut Vec<u8>| {
                let answer = Answer::Packet(Packet::SubAck(SubAck::new(PacketId::new(1).unwrap(), Vec::new())));
                withheld.send(answer, due, &durability, &mut inbound, replies);
            };
            durability.set_crowded(true);
            send(Some(room), &mut withheld, &mut replies);
            send(None, &mut withheld, &mut replies);
            assert!(replies.is_empty() && !withheld.is_empty());
            let mut inbound = Inbound::new(Arc::new(MqttLimits::default()), now().instant);
            assert!(withheld.release(&durability, &mut inbound, &mut replies).is_ok());
            assert!(replies.is_empty(), "there is no room yet");
            durability.set_crowded(false);
            assert!(withheld.release(&durability, &mut inbound, &mut replies).is_ok());
            assert!(withheld.is_empty() && !replies.is_empty());
        }
    }

    #[test]
    fn who_begins_to_wait_when_there_is_room_again_does_not_wait_for_ever() {
        let (durability, _desk) = Durability::new(DurabilityMode::Relaxed);
        let mut withheld = Withheld::default();
        let mut inbound = Inbound::new(Arc::new(MqttLimits::default()), now().instant);
        let answer = Answer::Packet(Packet::SubAck(SubAck::new(PacketId::new(1).unwrap(), Vec::new())));
        // There was none when the message was offered.
        withheld.send(answer, Some(Due { batch: None, needs_room: true }), &durability, &mut inbound, &mut Vec::new());
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(withheld.poll_changed(&mut context).is_ready());
    }

    #[test]
    fn answers_that_wait_are_bounded_in_number_and_in_bytes() {
        let packet_id = PacketId::new(1).unwrap();
        let codes = |len| move || SubAck::new(packet_id, vec![ReasonCode::Success; len]);
        assert_eq!(filled(|| Answer::Packet(Packet::SubAck(codes(1)()))), WITHHELD_MAX);
        assert_eq!(filled(|| Answer::Packet(Packet::SubAck(codes(1_024)()))), 64);
        assert_eq!(filled(|| Answer::Packet(Packet::UnsubAck(codes(1_000)()))), 66);
        let ack = |text: Option<usize>| {
            let outcome = text
                .map_or(OwnedOutcome::SUCCESS, |len| OwnedOutcome::failed(ReasonCode::NotAuthorized, "x".repeat(len)));
            Answer::Ack { packet_id, qos: Qos::AtLeastOnce, outcome, receivers: 0 }
        };
        assert_eq!(filled(|| ack(None)), WITHHELD_MAX);
        assert_eq!(filled(|| ack(Some(4_096))), 16);
    }
}
