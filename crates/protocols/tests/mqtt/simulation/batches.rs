//! How the hub's batches are made, and how it starts with what they left on the disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use housewire_core::Qos;
use housewire_protocols::limits::MqttLimits;
use housewire_protocols::mqtt::*;

use super::disk::{Batch, Disk, Facts, Part, When};
use super::given::{Clock, Mistake, Surroundings};
use super::hub::{Answer, Hub, Session};
use super::witness::{Kind, Violation, violation};

impl Hub {
    /// A hub that finds this on its disk.
    pub(super) fn start(limits: Arc<MqttLimits>, mistake: Mistake, disk: &Disk, with: &mut Surroundings<'_>) -> Self {
        let mut hub = Self {
            limits,
            mistake,
            ids: Arc::new(MessageIds::after(disk.last_id())),
            sessions: BTreeMap::new(),
            connections: BTreeMap::new(),
            closed: Vec::new(),
            sessions_begun: 0,
            unsaved: BTreeMap::new(),
            taken: 0,
            saved: 0,
            writing: None,
            disk_is_failing: false,
        };
        let now_ms = with.clock.ms;
        for (client, row) in &disk.rows {
            let holds_back = mistake != Mistake::HoldsNothingBack;
            let mut outbound = Outbound::durable(Arc::clone(&hub.limits), Arc::clone(&hub.ids), holds_back);
            let kept = |(id, (held, step)): (&u64, &(Option<Held>, Step))| (*id, KeptMessage::new(held.clone(), *step));
            outbound.restore(row.messages.iter().map(kept));
            let end_ms = row.facts.end.map(|end| end.resolve(now_ms));
            let will = row.facts.will.clone().map(|(will, due)| {
                let due_ms = due.resolve(now_ms);
                (with.clock.at(end_ms.map_or(due_ms, |end_ms| end_ms.min(due_ms))), will)
            });
            let end = end_ms.map(|end_ms| with.clock.at(end_ms));
            let detached = Some(Detached::restore(row.received.iter().copied(), will, end));
            let subscriptions = row.facts.subscriptions.clone();
            hub.sessions_begun += 1;
            let number = hub.sessions_begun;
            let session = Session { number, is_durable: true, outbound, detached, subscriptions, connection: None };
            hub.sessions.insert(client.clone(), session);
            // The connection is gone, which the disk does not know.
            hub.unsaved.insert(client.clone(), false);
        }
        disk.rows.keys().for_each(|client| hub.handle_due(client, with));
        hub
    }

    /// Whether there is something to write.
    pub(super) fn has_changes(&self) -> bool {
        let is_changed = |session: &Session| session.is_durable && session.outbound.has_changes();
        !self.unsaved.is_empty() || self.sessions.values().any(is_changed)
    }

    /// Whether somebody waits for the next batch.
    pub(super) fn is_waited_for(&self) -> bool {
        let waits = self.connections.values().any(|connection| {
            connection.connack.is_some() || connection.withheld.iter().any(|(until, _)| *until > self.saved)
        });
        waits || self.sessions.values().any(|session| session.outbound.waits_for_disk())
    }

    /// Takes everything that changed. What happens between two calls of this is in one batch.
    pub(super) fn begin_batch(&mut self, clock: Clock) {
        self.taken += 1;
        let mut unsaved = std::mem::take(&mut self.unsaved);
        for (client, session) in &self.sessions {
            if session.is_durable && session.outbound.has_changes() {
                unsaved.entry(client.clone()).or_default();
            }
        }
        let parts = unsaved.into_iter().map(|(client, begins_anew)| {
            let facts = self.facts(&client, clock);
            let session = self.sessions.get_mut(&client).filter(|session| session.is_durable);
            let (session, (taken, changes)) = match session {
                Some(session) => (session.number, session.outbound.take_changes()),
                None => (0, Default::default()),
            };
            Part { client, session, begins_anew, facts, taken, changes }
        });
        let parts = parts.collect();
        self.writing = Some(Batch { number: self.taken, parts });
    }

    fn facts(&self, client: &str, clock: Clock) -> Option<Facts> {
        let session = self.sessions.get(client).filter(|session| session.is_durable)?;
        let subscriptions = session.subscriptions.clone();
        if let Some(detached) = &session.detached {
            let at = |instant| When::At(clock.ms_of(instant));
            let will = detached.will().map(|(due, will)| (will.clone(), at(due)));
            return Some(Facts { subscriptions, will, end: detached.end_at().map(at) });
        }
        let inbound = &self.connections[&session.connection?].inbound;
        let will = inbound.will().map(|(will, delay)| (will.clone(), When::AfterLoss(delay.as_millis() as u64)));
        let expiry_s = inbound.session_expiry_s();
        let end = (expiry_s != u32::MAX).then(|| When::AfterLoss(u64::from(expiry_s) * 1_000));
        Some(Facts { subscriptions, will, end })
    }

    /// The disk has the batch.
    pub(super) fn batch_is_saved(&mut self, batch: &Batch, clock: Clock) {
        self.saved = batch.number;
        self.disk_is_failing = false;
        for part in &batch.parts {
            let session = self.sessions.get_mut(&part.client).filter(|session| session.number == part.session);
            if let Some(session) = session {
                session.outbound.saved(part.taken, clock.now().wall);
            }
        }
    }

    /// The disk refused the batch, as far as it said.
    pub(super) fn batch_is_refused(&mut self, batch: Batch, with: &mut Surroundings<'_>) {
        self.disk_is_failing = true;
        for part in batch.parts {
            *self.unsaved.entry(part.client.clone()).or_default() |= part.begins_anew;
            let session = self.sessions.get_mut(&part.client).filter(|session| session.number == part.session);
            if let Some(session) = session {
                session.outbound.put_back(part.changes);
            }
        }
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            self.refuse_withheld(id, with);
        }
    }

    /// The disk refused what publications wait for. MQTT 5 is told of QoS 1, for MQTT 3 the connection ends. A QoS 2
    /// message was published and noted: to take that back could not be told from a repetition, so it waits on.
    fn refuse_withheld(&mut self, id: u32, with: &mut Surroundings<'_>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let says_so = connection.inbound.version() == Version::V5;
        for (until, answer) in &mut connection.withheld {
            match answer {
                Answer::Publication(..) if !says_so => return self.close(id, with),
                Answer::Publication(_, qos, reason)
                    if *qos == Qos::AtLeastOnce || self.mistake == Mistake::RefusesPublished =>
                {
                    (*until, *reason) = (0, ReasonCode::QuotaExceeded);
                }
                _ => break,
            }
        }
        self.release(id, with.clock);
    }

    /// Every promise is kept and every client up to date: nothing may be left but the sessions themselves.
    pub(super) fn check_rest(&self, disk: &Disk) -> Result<(), Violation> {
        for (client, session) in &self.sessions {
            if session.outbound.waits_for_disk() || session.outbound.has_changes() || session.outbound.is_congested() {
                return violation(Kind::Unsettled, format!("{client} still has {:?}", session.outbound));
            }
        }
        for (client, row) in &disk.rows {
            if !row.messages.is_empty() || !row.received.is_empty() {
                return violation(Kind::Unsettled, format!("the disk still has of {client}: {row:?}"));
            }
        }
        let durable = self.sessions.iter().filter(|(_, session)| session.is_durable).map(|(client, _)| client);
        if !durable.eq(disk.rows.keys()) {
            let (memory, disk): (Vec<_>, Vec<_>) = (self.sessions.keys().collect(), disk.rows.keys().collect());
            return violation(Kind::Session, format!("sessions in memory: {memory:?}, on disk: {disk:?}"));
        }
        Ok(())
    }
}
