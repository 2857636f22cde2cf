//! One run: a hub that crashes, a disk that is slow and refuses batches, clients, connections that break, and a seed that
//! decides when.

use std::sync::Arc;
use std::time::Instant;

use housewire_core::Qos;
use housewire_protocols::limits::MqttLimits;

use super::client::{Client, Keep, Profile};
use super::disk::Disk;
use super::given::{Clock, Mistake, Surroundings};
use super::hub::Hub;
use super::network::Network;
use super::witness::{Counts, Kind, Violation, Witness, violation};
use crate::pair::Random;

const STEPS: usize = 1_200;
/// Rounds in which everything that is due goes as far as it can; a settled world needs a few dozen.
const SETTLE_ROUNDS_MAX: usize = 2_000;
/// What a socket takes before it is full.
const SOCKET_BYTES_MAX: usize = 120;
/// On top of the bounds for output and replies: a packet, and the answers that one batch set free.
const OUTPUT_SLACK_BYTES: usize = 300;
/// Longer than any will's delay and any expiry but "never", in seconds.
const FOREVER_S: u64 = 100;

struct World {
    random: Random,
    clock: Clock,
    limits: Arc<MqttLimits>,
    mistake: Mistake,
    network: Network,
    disk: Disk,
    /// Until when the batch that is being written takes.
    written_ms: u64,
    /// `None` while it is down, until this moment.
    hub: Option<Hub>,
    restart_ms: u64,
    clients: Vec<Client>,
    departed: Vec<usize>,
    witness: Witness,
}

/// Runs one seed to its end and checks every promise.
pub(super) fn run(seed: u64, mistake: Mistake) -> Result<Counts, Violation> {
    let mut world = World::new(seed, mistake);
    for _ in 0..STEPS {
        world.step()?;
    }
    world.depart();
    world.settle()?;
    // In small steps: what comes due first happens first.
    for _ in 0..FOREVER_S {
        world.clock.ms += 1_000;
        world.work()?;
    }
    world.settle()?;
    world.check()?;
    Ok(world.witness.counts)
}

fn any_limits(random: &mut Random) -> MqttLimits {
    // What fills first: nothing, the number of messages, or their bytes.
    let (queue_len_max, queue_bytes_max) = match random.below(4) {
        0 | 1 => (100_000, 10_000_000),
        2 => (3 + random.below(8), 10_000_000),
        _ => (100_000, 100 + random.below(300)),
    };
    MqttLimits {
        receive_maximum: 1 + random.below(6) as u16,
        in_flight_max: 1 + random.below(8) as u16,
        queue_len_max,
        queue_bytes_max,
        output_bytes_max: 60 + random.below(300),
        reply_bytes_max: 40,
        ..MqttLimits::default()
    }
}

/// The first one is always there to see the others' wills, and never forgets.
fn any_profile(random: &mut Random, is_first: bool) -> Profile {
    let keep = match random.below(5) {
        _ if is_first => Keep::Ever,
        0 => Keep::Not,
        1 | 2 => Keep::For(3 + random.below(40) as u32),
        _ => Keep::Ever,
    };
    let mut subscriptions = Vec::new();
    for filter in ["t/0", "t/1", "t/+", "w/+"] {
        let qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce, Qos::ExactlyOnce][random.below(4)];
        match filter {
            "t/+" | "w/+" if is_first => subscriptions.push((filter.to_owned(), Qos::ExactlyOnce)),
            _ if random.below(3) == 0 => subscriptions.push((filter.to_owned(), qos)),
            _ => {}
        }
    }
    Profile {
        keep,
        subscriptions,
        publishes: random.below(4) > 0,
        leaves_wills: keep != Keep::Not && random.below(2) == 0,
        receive_maximum: 1 + random.below(8) as u16,
        window: 1 + random.below(6),
    }
}

impl World {
    fn new(seed: u64, mistake: Mistake) -> Self {
        let mut random = Random::new(seed);
        #[allow(clippy::disallowed_methods)] // any moment will do; it never matters which
        let clock = Clock { started: Instant::now(), ms: 0 };
        let limits = Arc::new(any_limits(&mut random));
        let clients: Vec<_> = (0..3 + random.below(4))
            .map(|index| {
                let mut profile = any_profile(&mut random, index == 0);
                profile.window = profile.window.min(usize::from(limits.receive_maximum));
                Client::new(index, profile)
            })
            .collect();
        Self {
            random,
            clock,
            limits,
            mistake,
            network: Network::default(),
            disk: Disk::default(),
            written_ms: 0,
            hub: None,
            restart_ms: 0,
            clients,
            departed: Vec::new(),
            witness: Witness::default(),
        }
    }

    fn step(&mut self) -> Result<(), Violation> {
        self.clock.ms += self.random.below(10) as u64;
        if self.random.below(80) == 0 {
            self.clock.ms += self.random.below(6_000) as u64;
        }
        if self.random.below(250) == 0 {
            self.crash()?;
        }
        self.start();
        let refuses = self.random.below(10) == 0;
        self.write(refuses)?;
        self.work()?;
        match self.random.below(100) {
            0..33 => self.deliver_to_hub()?,
            33..65 => self.deliver_to_client()?,
            65..98 => self.act(),
            98 => self.cut(),
            _ => {}
        }
        self.flush()
    }

    /// All that is in memory is gone, and every connection. The batch that is being written is on disk, or it is not.
    fn crash(&mut self) -> Result<(), Violation> {
        let Some(hub) = self.hub.take() else { return Ok(()) };
        self.witness.counts.count("crash");
        let down_ms_max = [10, 100, 3_000][self.random.below(3)];
        self.restart_ms = self.clock.ms + self.random.below(down_ms_max) as u64;
        if let Some(batch) = hub.writing.filter(|_| self.random.below(2) == 0) {
            self.disk.apply(&batch, &self.limits)?;
        }
        for connection in self.network.connections.values_mut() {
            connection.cut(self.clock.ms);
            connection.hub_is_there = false;
            connection.will.into_iter().for_each(|will| self.witness.will_is_due(will, self.clock.ms));
        }
        Ok(())
    }

    fn start(&mut self) {
        if self.hub.is_some() || self.clock.ms < self.restart_ms {
            return;
        }
        let Self { limits, mistake, disk, clock, witness, random, .. } = self;
        let mut with = Surroundings { clock: *clock, witness, random };
        self.hub = Some(Hub::start(Arc::clone(limits), *mistake, disk, &mut with));
    }

    /// Ends the batch that is being written, or begins one. A disk that refuses a batch may have it all the same.
    fn write(&mut self, refuses: bool) -> Result<(), Violation> {
        let Some(hub) = &mut self.hub else { return Ok(()) };
        if self.clock.ms >= self.written_ms
            && let Some(batch) = hub.writing.take()
        {
            if !refuses || self.random.below(3) == 0 {
                self.disk.apply(&batch, &self.limits)?;
            }
            if refuses {
                self.witness.counts.count("batch refused");
                let Self { clock, witness, random, .. } = self;
                hub.batch_is_refused(batch, &mut Surroundings { clock: *clock, witness, random });
            } else {
                hub.batch_is_saved(&batch, self.clock);
            }
        }
        let patience = if hub.is_waited_for() { 2 } else { 40 };
        if hub.writing.is_none() && self.random.below(patience) == 0 && (hub.is_waited_for() || hub.has_changes()) {
            hub.begin_batch(self.clock);
            let slow_ms_max = [10, 40, 1_000][self.random.below(3)];
            self.written_ms = self.clock.ms + self.random.below(slow_ms_max) as u64;
        }
        self.note_closed();
        Ok(())
    }

    fn work(&mut self) -> Result<(), Violation> {
        let Self { clock, witness, random, .. } = self;
        let Some(hub) = &mut self.hub else { return Ok(()) };
        hub.work(&mut Surroundings { clock: *clock, witness, random })?;
        self.note_closed();
        Ok(())
    }

    /// The hub closed some connections.
    fn note_closed(&mut self) {
        let Some(hub) = &mut self.hub else { return };
        for id in std::mem::take(&mut hub.closed) {
            let Some(connection) = self.network.connections.get_mut(&id) else { continue };
            connection.hub_is_there = false;
            let lost_ms = *connection.lost_ms.get_or_insert(self.clock.ms);
            connection.will.into_iter().for_each(|will| self.witness.will_is_due(will, lost_ms));
        }
    }

    fn deliver_to_hub(&mut self) -> Result<(), Violation> {
        let Some((id, _)) = self.network.any(&mut self.random) else { return Ok(()) };
        self.deliver_to_hub_from(id)
    }

    fn deliver_to_hub_from(&mut self, id: u32) -> Result<(), Violation> {
        let Self { clock, witness, random, .. } = self;
        let (Some(hub), Some(connection)) = (&mut self.hub, self.network.connections.get_mut(&id)) else {
            return Ok(());
        };
        if !connection.hub_is_there {
            return Ok(());
        }
        let bytes = connection.to_hub.take(random);
        let has_ended = connection.has_ended_for_hub();
        let mut with = Surroundings { clock: *clock, witness, random };
        if !bytes.is_empty() {
            if !hub.knows(id) {
                hub.open(id, *clock);
            }
            hub.receive(id, &bytes, &mut with)?;
        }
        if has_ended {
            connection.hub_is_there = false;
            hub.lose(id, &mut with);
        }
        self.note_closed();
        Ok(())
    }

    fn deliver_to_client(&mut self) -> Result<(), Violation> {
        let Some((id, _)) = self.network.any(&mut self.random) else { return Ok(()) };
        self.deliver_to_client_from(id)
    }

    fn deliver_to_client_from(&mut self, id: u32) -> Result<(), Violation> {
        let Some(connection) = self.network.connections.get_mut(&id) else { return Ok(()) };
        let client = &mut self.clients[connection.client];
        if client.link.as_ref().is_none_or(|link| link.id != id) {
            return Ok(());
        }
        let bytes = connection.to_client.take(&mut self.random);
        client.receive(&bytes, connection, &mut self.witness, self.clock.ms)?;
        if connection.has_ended_for_client() {
            client.hang_up(&mut self.network, &mut self.witness, self.clock.ms);
        }
        Ok(())
    }

    /// A client does something of its own accord.
    fn act(&mut self) {
        let Self { network, witness, random, .. } = self;
        let index = random.below(self.clients.len());
        let client = &mut self.clients[index];
        if client.link.is_none() {
            if self.hub.is_some() && random.below(3) == 0 {
                client.begins_anew |= index > 0 && client.profile.keep != Keep::Not && random.below(12) == 0;
                client.connect(network, witness, random, self.clock.ms);
            }
            return;
        }
        match random.below(120) {
            0 => client.say_goodbye(network, witness, self.clock.ms),
            1 => client.hang_up(network, witness, self.clock.ms),
            2 if self.hub.is_some() => client.connect(network, witness, random, self.clock.ms),
            3..60 => client.publish(network, witness, random),
            _ => client.answer(network, 1 + random.below(5)),
        }
    }

    fn cut(&mut self) {
        let now_ms = self.clock.ms;
        let Some((_, connection)) = self.network.any(&mut self.random) else { return };
        connection.cut(now_ms);
        connection.will.into_iter().for_each(|will| self.witness.will_is_due(will, now_ms));
    }

    /// What the hub has to say goes to the sockets, as far as they take it.
    fn flush(&mut self) -> Result<(), Violation> {
        let Some(hub) = &mut self.hub else { return Ok(()) };
        let output_bytes_max = self.limits.output_bytes_max + self.limits.reply_bytes_max + OUTPUT_SLACK_BYTES;
        for session in hub.sessions.values_mut() {
            let Some(connection) = session.connection.and_then(|id| self.network.connections.get_mut(&id)) else {
                continue;
            };
            let output = session.outbound.output();
            if output.len() > output_bytes_max {
                return violation(Kind::Bound, format!("{} bytes of output, {:?}", output.len(), self.limits));
            }
            let len = output.len().min(SOCKET_BYTES_MAX.saturating_sub(connection.to_client.len()));
            connection.send_to_client(&output[..len]);
            session.outbound.consume(len, self.clock.now().wall);
        }
        self.network.sweep();
        Ok(())
    }

    /// Some of those whose sessions end are gone for good.
    fn depart(&mut self) {
        for client in &mut self.clients {
            if matches!(client.profile.keep, Keep::For(_)) && self.random.below(2) == 0 {
                client.hang_up(&mut self.network, &mut self.witness, self.clock.ms);
                self.witness.ended(client.life());
                self.departed.push(client.index);
            }
        }
    }

    /// Nothing breaks any more, and everybody finishes.
    fn settle(&mut self) -> Result<(), Violation> {
        for _ in 0..SETTLE_ROUNDS_MAX {
            self.clock.ms += 20;
            self.restart_ms = self.restart_ms.min(self.clock.ms);
            self.start();
            self.write(false)?;
            self.work()?;
            for id in self.network.connections.keys().copied().collect::<Vec<_>>() {
                self.deliver_to_hub_from(id)?;
                self.flush()?;
                self.deliver_to_client_from(id)?;
            }
            let Self { network, witness, random, .. } = self;
            for client in self.clients.iter_mut().filter(|client| !self.departed.contains(&client.index)) {
                if client.link.is_none() {
                    client.connect(network, witness, random, self.clock.ms);
                }
                client.answer(network, usize::MAX);
            }
            self.flush()?;
            if self.is_settled() {
                return Ok(());
            }
        }
        let waiting = self.clients.iter().filter(|client| !client.is_done()).map(|client| &client.name);
        violation(Kind::Unsettled, format!("it does not come to rest: {:?}", waiting.collect::<Vec<_>>()))
    }

    fn is_settled(&self) -> bool {
        let Some(hub) = &self.hub else { return false };
        let has_departed = |client: &Client| self.departed.contains(&client.index);
        let mut connections = self.network.connections.values();
        connections.all(|connection| {
            let is_whole = connection.hub_is_there && connection.client_is_there;
            is_whole && connection.to_hub.len() + connection.to_client.len() == 0
        }) && self.clients.iter().all(|client| has_departed(client) || client.is_done())
            && hub.sessions.values().all(|session| session.outbound.output().is_empty())
            && hub.writing.is_none()
            && !hub.has_changes()
            && !hub.is_waited_for()
    }

    fn check(&self) -> Result<(), Violation> {
        let Some(hub) = &self.hub else { return violation(Kind::Unsettled, "the hub is down".to_owned()) };
        hub.check_rest(&self.disk)?;
        let has_session = |index: &&usize| hub.sessions.contains_key(&self.clients[**index].name);
        if let Some(index) = self.departed.iter().find(has_session) {
            return violation(Kind::Session, format!("client {index} is gone for good, its session is not"));
        }
        self.witness.check()
    }
}
