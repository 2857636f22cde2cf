//! What went through the hub, counted where it happens, for `$SYS` and `/api/metrics`.
//!
//! Traffic is counted per shard, a few additions for each read and each flush, so that shards do not meet here; what
//! happens seldom is counted once for all. What the figures are called belongs to those who show them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use housewire_protocols::mqtt::Traffic;

/// Counts in one direction, of MQTT.
#[derive(Debug, Default)]
struct Direction {
    bytes: AtomicU64,
    packets: AtomicU64,
    publishes: AtomicU64,
    publish_bytes: AtomicU64,
}

impl Direction {
    fn add(&self, bytes: usize, traffic: &Traffic) {
        add(&self.bytes, bytes as u64);
        add(&self.packets, traffic.packets);
        add(&self.publishes, traffic.publishes);
        add(&self.publish_bytes, traffic.publish_bytes);
    }

    fn sum(&self, into: &mut Flow) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        into.bytes += read(&self.bytes);
        into.packets += read(&self.packets);
        into.publishes += read(&self.publishes);
        into.publish_bytes += read(&self.publish_bytes);
    }
}

fn add(counter: &AtomicU64, number: u64) {
    if number > 0 {
        counter.fetch_add(number, Ordering::Relaxed);
    }
}

/// What went through the connections of one shard. On cache lines of its own, as the shards count at the same time.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ShardStats {
    received: Direction,
    sent: Direction,
    sockets: AtomicU64,
    connects: AtomicU64,
}

impl ShardStats {
    /// A read brought this.
    pub(crate) fn received(&self, bytes: usize, traffic: &Traffic) {
        self.received.add(bytes, traffic);
    }

    /// A flush took this.
    pub(crate) fn sent(&self, bytes: usize, traffic: &Traffic) {
        self.sent.add(bytes, traffic);
    }

    /// A connection turned out to be MQTT.
    pub(crate) fn opened_socket(&self) {
        add(&self.sockets, 1);
    }

    /// A CONNECT came.
    pub(crate) fn connected(&self) {
        add(&self.connects, 1);
    }
}

/// A bound that may be reached, called as its key under `[limits]`; one counter each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Connections,
    ConnectionsPerAddress,
    ConnectionRatePerAddress,
    MqttSessions,
    MqttSubscriptions,
    MqttPacketBytes,
    WsSubscriptions,
    WsSessions,
    WsSessionBytes,
    ChannelQueueBytes,
}

const BOUNDS: usize = Bound::ChannelQueueBytes as usize + 1;

/// See the module.
#[derive(Debug)]
pub(crate) struct Stats {
    shards: Vec<ShardStats>,
    reached: [AtomicU64; BOUNDS],
    /// Messages to MQTT clients that a bound had dropped.
    dropped: AtomicU64,
    /// Values to channels that newer ones replaced while they waited.
    conflated: AtomicU64,
    /// Open at the moment, of every kind.
    connections: AtomicUsize,
}

/// Everything in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) publishes: u64,
    pub(crate) publish_bytes: u64,
}

/// What all shards counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) received: Flow,
    pub(crate) sent: Flow,
    pub(crate) dropped: u64,
    pub(crate) sockets: u64,
    pub(crate) connects: u64,
}

impl Stats {
    pub(crate) fn new(shards: usize) -> Self {
        let shards = (0..shards).map(|_| ShardStats::default()).collect();
        Self {
            shards,
            reached: Default::default(),
            dropped: AtomicU64::new(0),
            conflated: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
        }
    }

    pub(crate) fn open_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn close_connection(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many connections are open, of every kind.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Of the shard with this number.
    pub(crate) fn shard(&self, number: usize) -> &ShardStats {
        &self.shards[number]
    }

    pub(crate) fn reach(&self, bound: Bound) {
        self.reach_by(bound, 1);
    }

    /// A bound cost so many messages.
    pub(crate) fn reach_by(&self, bound: Bound, times: u64) {
        add(&self.reached[bound as usize], times);
    }

    pub(crate) fn reached(&self, bound: Bound) -> u64 {
        self.reached[bound as usize].load(Ordering::Relaxed)
    }

    /// Messages to MQTT clients were dropped.
    pub(crate) fn drop_messages(&self, count: u64) {
        add(&self.dropped, count);
    }

    /// Values to channels were replaced while they waited.
    pub(crate) fn conflate(&self, count: u64) {
        add(&self.conflated, count);
    }

    pub(crate) fn conflated(&self) -> u64 {
        self.conflated.load(Ordering::Relaxed)
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals { dropped: self.dropped.load(Ordering::Relaxed), ..Totals::default() };
        for shard in &self.shards {
            shard.received.sum(&mut totals.received);
            shard.sent.sum(&mut totals.sent);
            totals.sockets += shard.sockets.load(Ordering::Relaxed);
            totals.connects += shard.connects.load(Ordering::Relaxed);
        }
        totals
    }
}

/// The program's memory as the system sees it, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) resident_max: u64,
}

/// `None` where the system does not tell. It tells from memory: nothing blocks.
pub(crate) fn memory() -> Option<Memory> {
    memory_of(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn memory_of(status: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1_024)
    };
    Some(Memory { resident: bytes("VmRSS:")?, resident_max: bytes("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_add_up() {
        let stats = Stats::new(2);
        let traffic = Traffic { packets: 3, publishes: 2, publish_bytes: 10 };
        stats.shard(0).received(100, &traffic);
        stats.shard(1).received(1, &Traffic::default());
        stats.shard(1).sent(7, &traffic);
        stats.shard(1).connected();
        stats.drop_messages(4);
        stats.reach(Bound::ChannelQueueBytes);
        let expected = Totals {
            received: Flow { bytes: 101, packets: 3, publishes: 2, publish_bytes: 10 },
            sent: Flow { bytes: 7, packets: 3, publishes: 2, publish_bytes: 10 },
            dropped: 4,
            sockets: 0,
            connects: 1,
        };
        assert_eq!(stats.totals(), expected);
        assert_eq!((stats.reached(Bound::ChannelQueueBytes), stats.reached(Bound::Connections)), (1, 0));
    }

    #[test]
    fn memory_is_read_off_the_status() {
        let status = "Name:\thousewire\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t3\n";
        assert_eq!(memory_of(status), Some(Memory { resident: 1024 * 1024, resident_max: 2048 * 1024 }));
        assert_eq!(memory_of("Name:\thousewire\n"), None);
    }
}
