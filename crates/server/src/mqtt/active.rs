//! An MQTT connection that has a session: reads, publishes, answers, until it ends.

mod subscriptions;

use std::time::Duration;

use housewire_core::{BatchNumber, Denied, Presence, Publisher, Qos};
use housewire_protocols::mqtt::{
    Ack, Acknowledgement, Batch, Event, Packet, PacketId, ProtocolError, ReasonCode, SHORT_ACK_BYTES, Traffic, Version,
    decode,
};
use tokio::sync::Notify;
use tracing::debug;

use crate::mqtt::connection::Connection;
use crate::mqtt::end::End;
use crate::mqtt::outcome::outcomes;
use crate::mqtt::sessions::Session;
use crate::mqtt::withheld::{Answer, Withheld};
use crate::shard::{Flush, now};
use crate::socket::{is_large, read_in_place, read_into_scratch};

/// How long a leaving connection may take to drain its output.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// What one client may have done for it in one turn, counted in packets and in subscribers that its messages are offered to:
/// about a millisecond. A read of small packets to many subscribers is worth far more.
const TURN_WORK_MAX: usize = 8_192;

/// What a read leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The socket may have more at once.
    More,
    /// The socket was emptied.
    Emptied,
}

/// A connection that has a session.
pub(super) struct Active<'c> {
    connection: &'c mut Connection,
    session: &'c Session,
    publisher: Publisher,
    /// The session outlives the process.
    is_durable: bool,
    /// The tail holds whole packets, for the next turn.
    is_behind: bool,
    /// What was done in this turn; see [`TURN_WORK_MAX`].
    work: usize,
    withheld: Withheld,
    acks: Vec<Acknowledgement>,
    replies: Vec<u8>,
    /// Of this read, not counted yet.
    traffic: Traffic,
}

impl<'c> Active<'c> {
    /// `replies` is an empty buffer.
    pub(super) fn new(connection: &'c mut Connection, session: &'c Session, replies: Vec<u8>) -> Self {
        let shard = &connection.shard;
        let publisher = shard.publisher(connection.principal.clone(), session.id, "mqtt", Presence::Connected);
        let withheld = Withheld::new(shard.durability.clone());
        let is_durable = session.mailbox.is_durable();
        let traffic = Traffic::default();
        Self {
            connection,
            session,
            publisher,
            is_durable,
            is_behind: false,
            work: 0,
            withheld,
            acks: Vec::new(),
            replies,
            traffic,
        }
    }

    /// Serves the client until the connection ends, and says why it does.
    pub(super) async fn serve(&mut self, wake: &Notify, wanted: &Notify) -> End {
        let shard = self.connection.shard.clone();
        let stopping = shard.stopping();
        tokio::pin!(stopping);
        // The client may have sent more behind its CONNECT.
        let mut may_read = !self.connection.tail.is_empty();
        let timer = tokio::time::sleep_until(far_future());
        tokio::pin!(timer);
        loop {
            if std::mem::take(&mut may_read) {
                match self.read() {
                    Ok(Reading::Emptied) => {}
                    // Neither tokio nor the socket makes a client wait that always has more to say.
                    Ok(Reading::More) => tokio::task::yield_now().await,
                    Err(end) => return end,
                }
            }
            let replays_more = self.continue_replays();
            let status = self.session.mailbox.status();
            if status.is_broken {
                return End::Lost;
            }
            let deadline = self.connection.inbound.poll_timeout().map_or_else(far_future, Into::into);
            if timer.deadline() != deadline && (timer.deadline() > deadline || timer.is_elapsed()) {
                timer.as_mut().reset(deadline);
            }
            let may_go_on = !status.is_backlogged && !self.withheld.is_full();
            tokio::select! {
                biased;
                () = &mut stopping => return End::shutting_down(),
                () = wanted.notified() => {
                    let text = "another client connected with this client id".to_owned();
                    return End::Hub(ReasonCode::SessionTakenOver, text);
                }
                () = self.session.client.unwanted() => {
                    let text = "an administrator disconnected this client".to_owned();
                    return End::Hub(ReasonCode::AdministrativeAction, text);
                }
                () = wake.notified() => {}
                ready = self.connection.socket.writable(), if status.is_blocked => {
                    if ready.is_err() {
                        return End::Lost;
                    }
                    self.session.mailbox.flush();
                }
                () = self.withheld.changed(), if !self.withheld.is_empty() => {
                    let released = self.withheld.release(&mut self.connection.inbound, &mut self.replies);
                    if let Err(error) = self.session.mailbox.respond(&mut self.acks, &mut self.replies) {
                        return error.into();
                    }
                    if let Err(end) = released {
                        return end;
                    }
                }
                ready = self.connection.socket.readable(), if may_go_on && !self.is_behind => {
                    if ready.is_err() {
                        return End::Lost;
                    }
                    may_read = true;
                }
                () = tokio::task::yield_now(), if replays_more => {}
                () = tokio::task::yield_now(), if may_go_on && self.is_behind => may_read = true,
                () = &mut timer => {
                    if self.withheld.is_full() {
                        self.connection.inbound.excuse_silence(now().instant);
                    }
                    if let Err(error) = self.connection.inbound.handle_timeout(now().instant) {
                        return error.into();
                    }
                }
            }
        }
    }

    /// Reads once, handles the packets that are whole, answers in one go.
    fn read(&mut self) -> Result<Reading, End> {
        let shard = self.connection.shard.clone();
        let mut tail = std::mem::take(&mut self.connection.tail);
        let known = tail.len();
        if self.is_behind || is_large(&tail) {
            let is_last = !self.is_behind && read_in_place(&self.connection.socket, &mut tail);
            let used = self.answer_to(&tail, tail.len() - known, is_last)?;
            tail.drain(..used);
            tail.shrink_to(tail.len().next_power_of_two());
            self.connection.tail = tail;
            return Ok(Reading::More);
        }
        let mut scratch = shard.scratch.lock();
        let read = read_into_scratch(&self.connection.socket, &mut scratch, &mut tail);
        let used = self.answer_to(read.data, read.data.len() - known, read.is_last)?;
        tail.extend_from_slice(&read.data[used..]);
        self.connection.tail = tail;
        Ok(if read.is_full { Reading::More } else { Reading::Emptied })
    }

    /// Handles what is there, of which so many bytes are new, and sends the answers; how many bytes were used.
    fn answer_to(&mut self, data: &[u8], new_bytes: usize, is_last: bool) -> Result<usize, End> {
        let handled = self.handle(data);
        self.connection.shard.traffic().received(new_bytes, &std::mem::take(&mut self.traffic));
        self.session.client.add_bytes_in(new_bytes);
        // Replies to what came before a broken packet still go out.
        let responded = self.session.mailbox.respond(&mut self.acks, &mut self.replies);
        let used = handled?;
        responded?;
        if is_last { Err(End::Lost) } else { Ok(used) }
    }

    /// Handles the packets in `data`, or as many as one turn has room for; how many bytes they took.
    fn handle(&mut self, data: &[u8]) -> Result<usize, End> {
        let time = now();
        self.is_behind = false;
        self.work = 0;
        let mut batch = Batch::new();
        let mut used = 0;
        loop {
            let inbound = &mut self.connection.inbound;
            let short_acks = inbound.take_short_acks(&data[used..], &mut self.acks, time.instant);
            used += short_acks * SHORT_ACK_BYTES;
            self.traffic.packets += short_acks as u64;
            self.work += short_acks;
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
                    self.publish(&mut batch)?;
                    return Err(error.into());
                }
            };
            used += length;
            self.traffic.packets += 1;
            self.work += 1;
            if let Event::Publish(publication) = event {
                // A run is never cut: what it costs is known when it is over.
                let Err(publication) = batch.push(publication) else { continue };
                let packet_id = publication.packet_id;
                self.publish(&mut batch).inspect_err(|_| self.forget_received(packet_id))?;
                let pushed = batch.push(publication).is_ok();
                debug_assert!(pushed, "an empty batch takes anything");
            } else {
                self.publish(&mut batch)?;
                self.handle_event(event)?;
            }
            if self.work >= TURN_WORK_MAX {
                self.is_behind = true;
                break;
            }
        }
        self.publish(&mut batch)?;
        Ok(used)
    }

    fn handle_event(&mut self, event: Event<'_>) -> Result<(), End> {
        match event {
            Event::Acknowledged(ack) => self.acks.push(ack),
            // A repeat of what waits for the disk is no more acknowledged than the first, even on another connection. It is
            // never refused: the disk may have its identifier, and a new message with it would look like one more repeat.
            Event::Reply(Packet::PubRec(ack)) if self.is_durable || !self.withheld.is_empty() => {
                let ack = Ack::new(ack.packet_id, ack.reason);
                self.answer(Answer::Packet(Packet::PubRec(ack)));
            }
            // The client may use the identifier for a new message, which must not look like the old one after a crash.
            Event::Reply(Packet::PubComp(ack)) if self.is_durable => {
                self.session.mailbox.note_released(ack.packet_id);
                let ack = Ack::new(ack.packet_id, ack.reason);
                self.answer(Answer::Packet(Packet::PubComp(ack)));
            }
            Event::Reply(packet) => self.connection.inbound.reply(&packet, &mut self.replies),
            Event::Subscribe { packet_id, identifier, requests } => self.subscribe(packet_id, identifier, requests)?,
            Event::Unsubscribe { packet_id, filters } => self.unsubscribe(packet_id, filters),
            Event::Authenticate(step) => self.connection.reauthenticate(step, &mut self.replies)?,
            Event::Disconnect => return Err(End::Client),
            // The machine refuses a second CONNECT, and publications were taken before.
            Event::Connect(_) | Event::Publish(_) => {}
        }
        Ok(())
    }

    /// Answers when the disk has everything that happened until now, if the session is one that outlives the process.
    fn answer(&mut self, answer: Answer) {
        let due = self.due();
        self.withheld.send(answer, due, &mut self.connection.inbound, &mut self.replies);
    }

    fn due(&self) -> Option<BatchNumber> {
        self.is_durable.then(|| self.publisher.hub().next_batch())
    }

    fn publish(&mut self, batch: &mut Batch<'_>) -> Result<(), End> {
        let Some(run) = batch.run() else { return Ok(()) };
        self.traffic.publishes += run.payloads().len() as u64;
        self.traffic.publish_bytes += run.payload_bytes();
        let qos = batch.qos();
        let notes_received = self.is_durable && qos == Qos::ExactlyOnce;
        let (result, received_with) = {
            // That a message was published and that its identifier was received is true of both or of neither after a crash.
            let _together = notes_received.then(|| self.publisher.hub().in_one_batch());
            let result = self.publisher.publish_run(run, now());
            if notes_received && result.is_ok() {
                self.session.mailbox.note_received(batch.packet_ids().iter().copied());
            }
            (result, notes_received.then(|| self.publisher.hub().next_batch()))
        };
        let receivers = result.as_ref().map_or(0, |receipt| receipt.matched);
        self.work += receivers;
        if let Err(denied) = &result {
            debug!(peer = %self.connection.peer, %denied, "publish refused");
            if *denied == Denied::DiskFailing
                && qos > Qos::AtMostOnce
                && self.connection.inbound.version() < Version::V5
            {
                // Not acknowledged, which is all that MQTT 3 can say.
                self.forget_received(batch.packet_ids().iter().copied());
                return Err(End::Hub(ReasonCode::QuotaExceeded, denied.to_string()));
            }
        }
        let due = result.as_ref().ok().and_then(|receipt| receipt.durable_with).max(received_with);
        for (packet_id, outcome) in batch.packet_ids().iter().copied().zip(outcomes(&result)) {
            if qos == Qos::ExactlyOnce && outcome.is_error() && self.connection.inbound.version() == Version::V5 {
                // PUBREC with an error ends the exchange, and it was not published if that gets lost.
                self.forget_received([packet_id]);
                if notes_received {
                    self.session.mailbox.note_released(packet_id);
                }
            }
            let answer = Answer::Ack { packet_id, qos, outcome, receivers };
            self.withheld.send(answer, due, &mut self.connection.inbound, &mut self.replies);
        }
        batch.clear();
        Ok(())
    }

    /// These were not published: when they come again, they are new.
    fn forget_received(&mut self, packet_ids: impl IntoIterator<Item = PacketId>) {
        packet_ids.into_iter().for_each(|packet_id| self.connection.inbound.forget_received(packet_id));
    }

    /// Sends what waits for the disk, when the disk has it.
    async fn send_withheld(&mut self) {
        while self.withheld.release(&mut self.connection.inbound, &mut self.replies).is_ok()
            && !self.withheld.is_empty()
            && !self.session.mailbox.status().is_broken
        {
            self.withheld.changed().await;
        }
    }

    /// Tells the client what it still waits for, and why it ends, as far as its protocol can.
    pub(super) async fn say_farewell(&mut self, end: &End) {
        if matches!(end, End::Lost) {
            return;
        }
        if tokio::time::timeout(DRAIN_TIMEOUT, self.send_withheld()).await.is_err() {
            debug!(peer = %self.connection.peer, "the disk does not have in time what the client still waits for");
        }
        if self.session.mailbox.respond(&mut self.acks, &mut self.replies).is_err() {
            return;
        }
        if let Some((reason, text)) = end.farewell()
            && let Some(packet) = self.connection.inbound.farewell(reason, Some(&text))
        {
            self.connection.inbound.reply(&packet, &mut self.replies);
            if self.session.mailbox.respond(&mut self.acks, &mut self.replies).is_err() {
                return;
            }
        }
        let socket = &self.connection.socket;
        let drained = async {
            loop {
                self.session.mailbox.flush();
                if self.session.mailbox.is_drained() || socket.writable().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
            debug!(peer = %self.connection.peer, "the client did not take its last messages");
        }
    }
}

fn far_future() -> tokio::time::Instant {
    const DAY: Duration = Duration::from_secs(86_400);
    tokio::time::Instant::now() + DAY * 365
}
