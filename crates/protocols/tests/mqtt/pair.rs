//! Both machines joined, the one sending and the other receiving, over a connection that breaks at any byte.
//!
//! Whatever happens: QoS 2 arrives exactly once and in order, QoS 1 at least once and at first in order, QoS 0 at most
//! once and in order, nothing is lost but what was counted, and no bound is passed.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Instant;

use housewire_core::{Delivery, Qos, Run, Timestamp};
use housewire_protocols::limits::MqttLimits;
use housewire_protocols::mqtt::*;

use crate::broker::topic;

const SEEDS: u64 = 400;
const STEPS: usize = 400;

/// SplitMix64: enough chance for tests, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % bound
    }
}

struct Pair {
    random: Random,
    limits: Arc<MqttLimits>,
    started: Instant,
    sender: Outbound,
    /// `None` while there is no connection.
    receiver: Option<Inbound>,
    between: Option<Detached>,
    version: Version,
    /// Read by the receiver, and no whole packet yet.
    unread: Vec<u8>,
    /// On the way back.
    replies: Vec<u8>,
    /// Numbers offered and not counted as lost, by QoS.
    offered: [usize; 3],
    arrived: [Vec<u32>; 3],
    next: u32,
    /// Where each number was published to.
    topics: Vec<&'static str>,
}

/// Topics that are worth an alias, more than there are aliases sometimes, and one that is not.
fn topic_of(number: u32) -> &'static str {
    ["t", "a/lamp", "a/fan", "a/door", "a/lamp"][number as usize % 5]
}

impl Pair {
    fn new(seed: u64) -> Self {
        let limits = Arc::new(MqttLimits {
            in_flight_max: 5,
            queue_len_max: 8,
            queue_bytes_max: 150,
            output_bytes_max: 100,
            ..MqttLimits::default()
        });
        #[allow(clippy::disallowed_methods)] // any moment will do; it never matters which
        let started = Instant::now();
        let mut pair = Self {
            random: Random::new(seed),
            sender: Outbound::new(Arc::clone(&limits)),
            limits,
            started,
            receiver: None,
            between: None,
            version: Version::V3_1_1,
            unread: Vec::new(),
            replies: Vec::new(),
            offered: [0; 3],
            arrived: [const { Vec::new() }; 3],
            next: 0,
            topics: Vec::new(),
        };
        pair.connect();
        pair
    }

    fn connect(&mut self) {
        self.version = [Version::V3_1_1, Version::V5][self.random.below(2)];
        let mut connect = Connect::new(self.version, "receiver");
        connect.clean_start = false;
        if self.version == Version::V5 {
            connect.session_expiry_s = u32::MAX;
            connect.topic_alias_maximum = self.random.below(4) as u16;
            connect.receive_maximum = NonZeroU16::new(1 + self.random.below(8) as u16).unwrap();
        }
        let mut receiver = Inbound::new(Arc::clone(&self.limits), self.started);
        receiver.handle_packet(Packet::Connect(Box::new(connect)), self.started).unwrap();
        let (_, link) = receiver.accept(self.between.take(), None);
        self.sender.connect(link, &[], Timestamp::default());
        self.receiver = Some(receiver);
    }

    /// The socket is gone with all that was in it.
    fn disconnect(&mut self) {
        let Some(receiver) = self.receiver.take() else { return };
        self.between = Some(receiver.detach(self.started));
        self.sender.disconnect();
        self.unread.clear();
        self.replies.clear();
    }

    fn offer(&mut self) {
        let qos = Qos::from_number(self.random.below(3) as u8).unwrap();
        let numbers: Vec<_> =
            (0..1 + self.random.below(4)).map(|index| (self.next + index as u32).to_be_bytes()).collect();
        let payloads: Vec<&[u8]> = numbers.iter().map(|number| &number[..]).collect();
        let run = Run::new(topic(topic_of(self.next)), &payloads).qos(qos);
        let identifiers = if self.random.below(4) == 0 { Arc::from([7]) } else { Arc::default() };
        let delivery = Delivery { qos: Qos::ExactlyOnce, retain: false, identifiers, share: None };
        let lost_before = self.sender.losses().overflow;
        self.sender.offer(&run, &delivery, Timestamp::default());
        let lost = (self.sender.losses().overflow - lost_before) as usize;
        self.offered[usize::from(qos.number())] += numbers.len() - lost;
        let topics = numbers.iter().map(|_| topic_of(self.next));
        self.topics.extend(topics.collect::<Vec<_>>());
        self.next += numbers.len() as u32;
    }

    /// Some bytes get to the receiver, who answers.
    fn forward(&mut self, len_max: usize) {
        let Some(receiver) = &mut self.receiver else { return };
        let len = len_max.min(self.sender.output().len());
        self.unread.extend_from_slice(&self.sender.output()[..len]);
        self.sender.consume(len, Timestamp::default());
        let mut rest = &self.unread[..];
        while let Some((packet, used)) = decode(rest, self.version, usize::MAX).unwrap() {
            rest = &rest[used..];
            // It was made for a client, who alone may get identifiers; to this receiver they would be an error.
            let packet = match packet {
                Packet::Publish(publish) => {
                    Packet::Publish(Publish { subscription_identifiers: Vec::new(), ..publish })
                }
                other => other,
            };
            match receiver.handle_packet(packet, self.started).unwrap() {
                Event::Publish(publication) => {
                    let number = u32::from_be_bytes(publication.payload.try_into().unwrap());
                    assert_eq!(publication.topic.borrow().as_str(), self.topics[number as usize]);
                    self.arrived[usize::from(publication.qos.number())].push(number);
                    if let Some(packet_id) = publication.packet_id {
                        receiver.acknowledge(packet_id, publication.qos, Outcome::SUCCESS, &mut self.replies);
                    }
                }
                Event::Reply(packet) => receiver.reply(&packet, &mut self.replies),
                other => panic!("{other:?}"),
            }
        }
        self.unread = rest.to_vec();
    }

    /// Answers get back to the sender, as many whole packets as there are in so many bytes, a few at a time.
    fn answer(&mut self, len_max: usize) {
        let len = len_max.min(self.replies.len());
        let mut at = 0;
        let mut acks = Vec::new();
        while let Some((packet, used)) = decode(&self.replies[at..len], self.version, usize::MAX).unwrap() {
            at += used;
            let (step, ack) = match packet {
                Packet::PubAck(ack) => (AckStep::PubAck, ack),
                Packet::PubRec(ack) => (AckStep::PubRec, ack),
                Packet::PubComp(ack) => (AckStep::PubComp, ack),
                other => panic!("{other:?}"),
            };
            acks.push(Acknowledgement { step, packet_id: ack.packet_id, reason: ack.reason });
            if self.random.below(4) == 0 {
                self.sender.handle_acks(acks.drain(..), Timestamp::default()).unwrap();
            }
        }
        self.sender.handle_acks(acks, Timestamp::default()).unwrap();
        self.replies.drain(..at);
    }

    fn step(&mut self) {
        let len = self.random.below(60);
        match self.random.below(20) {
            0 => self.disconnect(),
            1..3 if self.receiver.is_none() => self.connect(),
            1..9 => self.offer(),
            9..15 => self.forward(len),
            _ => self.answer(len),
        }
        // The bound, one packet over it, and PUBRELs, which answer what the receiver sent.
        assert!(self.sender.output().len() <= self.limits.output_bytes_max + 30 + 6 * 5, "output over its bound");
    }

    /// The connection holds, and everybody finishes.
    fn settle(&mut self) {
        self.disconnect();
        self.connect();
        while !self.sender.output().is_empty() || !self.replies.is_empty() {
            self.forward(usize::MAX);
            self.answer(usize::MAX);
        }
    }
}

fn rises(numbers: &[u32]) -> bool {
    numbers.is_sorted_by(|one, next| one < next)
}

fn check(seed: u64) {
    let mut pair = Pair::new(seed);
    for _ in 0..STEPS {
        pair.step();
    }
    pair.settle();
    let [zero, one, two] = &pair.arrived;
    assert!(rises(zero) && zero.len() <= pair.offered[0], "seed {seed}: QoS 0 came twice, or out of order");
    let mut first = Vec::new();
    for number in one {
        if !first.contains(number) {
            first.push(*number);
        }
    }
    assert!(rises(&first), "seed {seed}: QoS 1 came out of order");
    assert_eq!(first.len(), pair.offered[1], "seed {seed}: QoS 1 was lost");
    assert!(rises(two), "seed {seed}: QoS 2 came twice, or out of order");
    assert_eq!(two.len(), pair.offered[2], "seed {seed}: QoS 2 was lost");
    assert!(!pair.sender.is_congested(), "seed {seed}: something is left");
}

#[test]
fn every_level_keeps_its_promise() {
    for seed in 0..SEEDS {
        check(seed);
    }
}
