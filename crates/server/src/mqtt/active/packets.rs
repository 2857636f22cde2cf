//! What a connection's client wants: packet by packet, consecutive messages to one topic together.

use housewire_core::{Denied, Now, Qos};
use housewire_protocols::mqtt::{
    Ack, Batch, Event, Packet, PacketId, ProtocolError, ReasonCode, SHORT_ACK_BYTES, Version, decode,
};
use tracing::debug;

use super::{Active, TURN_WORK_MAX, Turn};
use crate::mqtt::end::End;
use crate::mqtt::outcome::outcomes;
use crate::mqtt::withheld::Answer;
use crate::persist::Due;
use crate::refusals::Kind;
use crate::shard::now;

impl Active {
    /// Handles the packets in `data`, or as many as one turn has room for; how many bytes they took.
    pub(super) fn handle(&mut self, data: &[u8], turn: &mut Turn) -> Result<usize, End> {
        let time = now();
        self.is_behind = false;
        turn.work = 0;
        let mut batch = Batch::new();
        let mut used = 0;
        loop {
            let inbound = &mut self.connection.inbound;
            // No more than the turn has room for: a read may hold twice as many.
            let end = data.len().min(used + (TURN_WORK_MAX - turn.work) * SHORT_ACK_BYTES);
            let short_acks = inbound.take_short_acks(&data[used..end], &mut turn.acks, time.instant);
            used += short_acks * SHORT_ACK_BYTES;
            turn.traffic.packets += short_acks as u64;
            turn.work += short_acks;
            if turn.work >= TURN_WORK_MAX {
                self.is_behind = true;
                break;
            }
            let decoded = decode(&data[used..], inbound.version(), inbound.packet_bytes_max());
            let step = decoded.map_err(ProtocolError::from).and_then(|decoded| match decoded {
                Some((packet, length)) => {
                    inbound.handle_packet(packet, time.instant).map(|event| Some((event, length)))
                }
                None => Ok(None),
            });
            let (event, length) = match step {
                Ok(Some(step)) => step,
                Ok(None) => break,
                Err(error) => {
                    // What came before the broken packet counts.
                    self.publish(&mut batch, time, turn)?;
                    return Err(error.into());
                }
            };
            used += length;
            turn.traffic.packets += 1;
            turn.work += 1;
            if let Event::Publish(publication) = event {
                // A run is never cut: what it costs is known when it is over.
                let Err(publication) = batch.push(publication) else { continue };
                let packet_id = publication.packet_id;
                self.publish(&mut batch, time, turn).inspect_err(|_| self.forget_received(packet_id))?;
                let pushed = batch.push(publication).is_ok();
                debug_assert!(pushed, "an empty batch takes anything");
            } else {
                self.publish(&mut batch, time, turn)?;
                self.handle_event(event, turn)?;
            }
            if turn.work >= TURN_WORK_MAX {
                self.is_behind = true;
                break;
            }
        }
        self.publish(&mut batch, time, turn)?;
        Ok(used)
    }

    fn handle_event(&mut self, event: Event<'_>, turn: &mut Turn) -> Result<(), End> {
        match event {
            Event::Acknowledged(ack) => turn.acks.push(ack),
            // A repeat of what waits for the disk is no more acknowledged than the first, even on another connection. It is
            // never refused: the disk may have its identifier, and a new message with it would look like one more repeat.
            Event::Reply(Packet::PubRec(ack)) if self.is_durable || !self.withheld.is_empty() => {
                let ack = Ack::new(ack.packet_id, ack.reason);
                self.answer(Answer::Packet(Packet::PubRec(ack)), turn);
            }
            // The client may use the identifier for a new message, which must not look like the old one after a crash.
            Event::Reply(Packet::PubComp(ack)) if self.is_durable => {
                self.session().mailbox.note_released(ack.packet_id);
                let ack = Ack::new(ack.packet_id, ack.reason);
                self.answer(Answer::Packet(Packet::PubComp(ack)), turn);
            }
            Event::Reply(packet) => self.connection.inbound.reply(&packet, &mut turn.replies),
            Event::Subscribe { packet_id, identifier, requests } => {
                self.subscribe(packet_id, identifier, requests, turn)?
            }
            Event::Unsubscribe { packet_id, filters } => self.unsubscribe(packet_id, filters, turn),
            Event::Authenticate(step) => {
                let user = self.guard.session().subscriber().principal().name();
                self.connection.reauthenticate(step, user, &mut turn.replies)?;
            }
            Event::Disconnect => return Err(End::Client),
            // The machine refuses a second CONNECT, and publications were taken before.
            Event::Connect(_) | Event::Publish(_) => {}
        }
        Ok(())
    }

    /// Answers when the disk has everything that happened until now, if the session is one that outlives the process.
    pub(super) fn answer(&mut self, answer: Answer, turn: &mut Turn) {
        let due = self.due();
        self.send(answer, due, turn);
    }

    pub(super) fn due(&self) -> Option<Due> {
        self.is_durable.then(|| self.hub().next_batch().into())
    }

    fn publish(&mut self, batch: &mut Batch<'_>, time: Now, turn: &mut Turn) -> Result<(), End> {
        let Some(run) = batch.run() else { return Ok(()) };
        let topic = run.topic();
        turn.traffic.publishes += run.payloads().len() as u64;
        turn.traffic.publish_bytes += run.payload_bytes();
        let qos = batch.qos();
        let notes_received = self.is_durable && qos == Qos::ExactlyOnce;
        let origin = Self::origin(self.session());
        let (result, received_with) = {
            // That a message was published and that its identifier was received is true of both or of neither after a crash.
            let _together = notes_received.then(|| self.hub().in_one_batch());
            let result = match &self.connection.dialect {
                None => self.connection.shard().publish_run(self.principal(), origin, run, time),
                Some(dialect) => self.publish_in_dialect(dialect, origin, run, time),
            };
            if notes_received && result.is_ok() {
                self.session().mailbox.note_received(batch.packet_ids().iter().copied());
            }
            (result, notes_received.then(|| self.hub().next_batch().into()))
        };
        match &result {
            Ok(receipt) => {
                for (_, rejection) in &receipt.refused {
                    self.note_refusal(Kind::Type, rejection, topic.as_str());
                }
            }
            Err(denied) => self.note_refusal(denied.into(), denied, topic.as_str()),
        }
        let receivers = result.as_ref().map_or(0, |receipt| receipt.matched);
        turn.work += receivers;
        if let Err(denied) = &result {
            debug!(client_id = self.client_id(), %denied, "publish refused");
            if *denied == Denied::DiskFailing
                && qos > Qos::AtMostOnce
                && self.connection.inbound.version() < Version::V5
            {
                // Not acknowledged, which is all that MQTT 3 can say.
                self.forget_received(batch.packet_ids().iter().copied());
                return Err(End::Hub(ReasonCode::QuotaExceeded, denied.to_string()));
            }
        }
        let due = Due::both(result.as_ref().ok().and_then(|receipt| Due::of(receipt, qos)), received_with);
        for (packet_id, outcome) in batch.packet_ids().iter().copied().zip(outcomes(&result)) {
            if qos == Qos::ExactlyOnce && outcome.is_error() && self.connection.inbound.version() == Version::V5 {
                // PUBREC with an error ends the exchange, and it was not published if that gets lost.
                self.forget_received([packet_id]);
                if notes_received {
                    self.session().mailbox.note_released(packet_id);
                }
            }
            let answer = Answer::Ack { packet_id, qos, outcome, receivers };
            self.send(answer, due, turn);
        }
        batch.clear();
        Ok(())
    }

    /// These were not published: when they come again, they are new.
    fn forget_received(&mut self, packet_ids: impl IntoIterator<Item = PacketId>) {
        packet_ids.into_iter().for_each(|packet_id| self.connection.inbound.forget_received(packet_id));
    }
}
