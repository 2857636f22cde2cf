//! The load generator: one thread, one epoll, packets encoded beforehand, one write for all that is due to a connection.
//!
//! It makes one kind of load, described by a [`Plan`], on a server that runs, and measures what comes back. Which loads there
//! are belongs to `scenario`.

pub(crate) mod connection;
pub(crate) mod ledger;
pub(crate) mod plan;
pub(crate) mod stamp;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use self::connection::{Connection, Scratch};
use self::ledger::{Ledger, Totals, packet_id};
use self::plan::{Language, Plan, Timing};
use self::stamp::Stamp;
use crate::wire::{Incoming, Template, blynk, http};

/// What came of a load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// While it was measured.
    pub(crate) deliveries: u64,
    pub(crate) took: Duration,
    /// Of the server.
    pub(crate) server_cpu: Duration,
    /// Microseconds: half, 99 % and 99.9 % took no longer, from when the message was due until it was there.
    pub(crate) latency_us: [f64; 3],
    /// From begin to end, warming up included.
    pub(crate) missing: u64,
    pub(crate) misplaced: u64,
    /// The part of the time that the generator computed. Near 1 it is the generator that is measured, not the server, as far
    /// as time goes; the server's CPU time is right even then.
    pub(crate) load_share: f64,
}

/// A connection that publishes, or asks.
struct Sender {
    connection: usize,
    templates: Vec<Template>,
    /// The template of its next message.
    turn: usize,
    /// When its last message left; for those that have one in flight.
    sent_ns: u64,
}

struct Generator<'p> {
    plan: &'p Plan,
    connections: Vec<Connection>,
    senders: Vec<Sender>,
    /// By connection.
    sender_of: Vec<Option<usize>>,
    receiver_of: Vec<Option<usize>>,
    ledger: Ledger,
    epoll: rustix::fd::OwnedFd,
    /// For paced load: epoll's own timeout is counted in milliseconds.
    timer: rustix::fd::OwnedFd,
    scratch: Scratch,
    began: Instant,
    /// Connections with something to write, senders with room.
    to_flush: Vec<usize>,
    to_fill: Vec<usize>,
    /// Of paced load: how many messages were due so far.
    due_so_far: u64,
    is_sending: bool,
}

/// The timer among the connections.
const TIMER: u64 = u64::MAX;

/// Nothing comes for so long: what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the load, and measures it while `timing` says so. `server_cpu` tells what the server has used so far.
pub(crate) fn run(
    address: SocketAddr,
    plan: &Plan,
    timing: Timing,
    server_cpu: impl Fn() -> anyhow::Result<Duration>,
) -> anyhow::Result<Measured> {
    let mut generator = Generator::connect(address, plan)?;
    generator.turn_until(|_, now| now >= timing.warm_up)?;
    generator.ledger.forget_latencies();
    let before = Point::take(&generator, server_cpu()?)?;
    let end = timing.warm_up + timing.measured;
    generator.turn_until(|_, now| now >= end)?;
    let after = Point::take(&generator, server_cpu()?)?;
    let ledger = &generator.ledger;
    let latency_us = [0.5, 0.99, 0.999].map(|quantile| ledger.latency_us(quantile));
    generator.is_sending = false;
    let mut seen = (0, Duration::ZERO);
    generator.turn_until(|ledger, now| {
        if ledger.totals.delivered != seen.0 {
            seen = (ledger.totals.delivered, now);
        }
        ledger.is_settled() || now > seen.1.max(end) + PATIENCE
    })?;
    let took = after.at - before.at;
    Ok(Measured {
        deliveries: after.totals.delivered - before.totals.delivered,
        took,
        server_cpu: after.server_cpu - before.server_cpu,
        latency_us,
        missing: generator.ledger.missing(),
        misplaced: generator.ledger.totals.misplaced,
        load_share: (after.own_cpu - before.own_cpu).as_secs_f64() / took.as_secs_f64(),
    })
}

/// Where a load stands at one moment.
struct Point {
    at: Duration,
    totals: Totals,
    server_cpu: Duration,
    own_cpu: Duration,
}

impl Point {
    fn take(generator: &Generator<'_>, server_cpu: Duration) -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
        let own_cpu = Duration::from_nanos(stat.split(' ').next().unwrap_or_default().parse()?);
        Ok(Self { at: generator.began.elapsed(), totals: generator.ledger.totals, server_cpu, own_cpu })
    }
}

impl<'p> Generator<'p> {
    fn connect(address: SocketAddr, plan: &'p Plan) -> anyhow::Result<Self> {
        let language = plan.language;
        let mut connections = Vec::new();
        let (mut sender_of, mut receiver_of) = (Vec::new(), Vec::new());
        for (number, filters) in plan.receivers.iter().enumerate() {
            let language = language.of_receivers();
            connections.push(Connection::open(address, language, &format!("receiver-{number}"), filters)?);
            receiver_of.push(Some(number));
            sender_of.push(plan.share_connections.then_some(number));
        }
        // Of boards the tokens with which they log in, or which stand in the paths of their pins.
        let mut tokens = Vec::new();
        if matches!(language, Language::Blynk | Language::BlynkGet | Language::BlynkUpdate) {
            let boards = plan.senders.iter().flatten().filter_map(|topic| topic.split('/').nth(1));
            tokens = blynk::tokens(address, boards.map(str::to_owned))?;
        }
        if !plan.share_connections {
            for number in 0..plan.senders.len() {
                let token = tokens.get(number).map(std::slice::from_ref).unwrap_or_default();
                connections.push(Connection::open(address, language, &format!("sender-{number}"), token)?);
                receiver_of.push(None);
                sender_of.push(Some(number));
            }
        }
        if language == Language::HttpGet {
            plan.senders.iter().flatten().try_for_each(|path| http::put_once(address, path))?;
        }
        let path_of = |number: usize, topic: &str| match language {
            Language::BlynkGet => format!("/{}/get/{}", tokens[number], pin_of(topic)),
            Language::BlynkUpdate => format!("/{}/update/{}", tokens[number], pin_of(topic)),
            _ => topic.to_owned(),
        };
        if language == Language::BlynkGet {
            for topic in plan.senders.iter().flatten() {
                http::put_once(address, &format!("/api/{topic}"))?;
            }
        }
        let first_sender = if plan.share_connections { 0 } else { plan.receivers.len() };
        let host = address.to_string();
        let senders = plan.senders.iter().enumerate().map(|(number, topics)| Sender {
            connection: first_sender + number,
            templates: topics.iter().map(|topic| language.template(&host, &path_of(number, topic))).collect(),
            turn: 0,
            sent_ns: 0,
        });
        let senders: Vec<_> = senders.collect();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (at, connection) in connections.iter().enumerate() {
            epoll::add(&epoll, connection.socket(), epoll::EventData::new_u64(at as u64), epoll::EventFlags::IN)?;
        }
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), epoll::EventFlags::IN)?;
        let ledger = Ledger::new(plan.senders.len(), plan.receivers.len(), plan.fan_out, language.acknowledges());
        Ok(Self {
            plan,
            connections,
            to_fill: (0..senders.len()).collect(),
            senders,
            sender_of,
            receiver_of,
            ledger,
            epoll,
            timer,
            scratch: Scratch::new(),
            began: Instant::now(),
            to_flush: Vec::new(),
            due_so_far: 0,
            is_sending: true,
        })
    }

    /// Takes turns until `is_over` says so, which is asked after each.
    fn turn_until(&mut self, mut is_over: impl FnMut(&Ledger, Duration) -> bool) -> anyhow::Result<()> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(1_024);
        loop {
            if self.is_sending {
                match self.plan.per_second {
                    Some(rate) => self.send_due(rate),
                    None => self.fill_windows(),
                }
            }
            self.flush()?;
            if is_over(&self.ledger, self.began.elapsed()) {
                return Ok(());
            }
            let wait = self.time_to_wait()?;
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&wait))?;
            for event in events.drain(..) {
                if event.data.u64() == TIMER {
                    continue;
                }
                let (at, flags) = (event.data.u64() as usize, event.flags);
                if flags.contains(epoll::EventFlags::OUT) {
                    self.to_flush.push(at);
                }
                if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
                    self.read(at)?;
                }
            }
        }
    }

    /// How long to wait for the connections. The timer wakes the thread when the next message is due.
    fn time_to_wait(&self) -> anyhow::Result<Timespec> {
        const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let Some(rate) = self.plan.per_second.filter(|_| self.is_sending) else { return Ok(TICK) };
        let wait = due_at(self.due_so_far, rate).saturating_sub(self.began.elapsed());
        if wait.is_zero() {
            return Ok(NOW);
        }
        let it_value = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: NOW, it_value })?;
        Ok(TICK)
    }

    fn read(&mut self, at: usize) -> anyhow::Result<()> {
        let Self { connections, ledger, scratch, began, to_fill, sender_of, receiver_of, senders, .. } = self;
        let connection = &mut connections[at];
        connection.receive(scratch)?;
        let now_ns = began.elapsed().as_nanos() as u64;
        let (sender, receiver) = (sender_of[at], receiver_of[at]);
        connection.take(scratch, |incoming| match (incoming, sender, receiver) {
            (Incoming::Message(payload), _, Some(receiver)) => {
                if let Some(stamp) = Stamp::read(payload) {
                    to_fill.push(ledger.deliver(receiver, stamp, now_ns));
                }
            }
            (Incoming::Acknowledged(id), Some(sender), _) => {
                ledger.acknowledge(sender, id);
                to_fill.push(sender);
            }
            (Incoming::Answered, Some(sender), _) => {
                ledger.answer(sender, senders[sender].sent_ns, now_ns);
                to_fill.push(sender);
            }
            _ => {}
        })?;
        if connection.has_output() {
            self.to_flush.push(at);
        }
        Ok(())
    }

    fn fill_windows(&mut self) {
        let mut to_fill = std::mem::take(&mut self.to_fill);
        to_fill.sort_unstable();
        to_fill.dedup();
        let now_ns = self.began.elapsed().as_nanos() as u64;
        for sender in to_fill.drain(..) {
            while self.ledger.in_flight(sender) < self.plan.window {
                self.send(sender, now_ns);
            }
        }
        self.to_fill = to_fill;
    }

    fn send_due(&mut self, rate: u32) {
        let now = self.began.elapsed();
        self.to_fill.clear();
        while due_at(self.due_so_far, rate) <= now {
            let sender = (self.due_so_far % self.senders.len() as u64) as usize;
            self.send(sender, due_at(self.due_so_far, rate).as_nanos() as u64);
            self.due_so_far += 1;
        }
    }

    fn send(&mut self, number: usize, due_ns: u64) {
        let message = self.ledger.send(number);
        let sender = &mut self.senders[number];
        sender.sent_ns = due_ns;
        let stamp = Stamp { sender: number as u32, number: message, due_ns };
        let template = &sender.templates[sender.turn];
        sender.turn = (sender.turn + 1) % sender.templates.len();
        self.connections[sender.connection].put(template, packet_id(message), stamp);
        self.to_flush.push(sender.connection);
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let mut to_flush = std::mem::take(&mut self.to_flush);
        to_flush.sort_unstable();
        to_flush.dedup();
        for at in to_flush.drain(..) {
            let connection = &mut self.connections[at];
            if connection.flush()? {
                let out = if connection.has_output() { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
                let data = epoll::EventData::new_u64(at as u64);
                epoll::modify(&self.epoll, connection.socket(), data, epoll::EventFlags::IN | out)?;
            }
        }
        self.to_flush = to_flush;
        Ok(())
    }
}

/// The pin that a property is, by its topic.
fn pin_of(topic: &str) -> &str {
    topic.rsplit('/').next().unwrap_or_default()
}

/// When the message with this number is due, counted over all senders.
fn due_at(number: u64, per_second: u32) -> Duration {
    Duration::from_nanos(number * 1_000_000_000 / u64::from(per_second))
}
