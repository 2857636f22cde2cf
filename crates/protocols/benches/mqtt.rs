//! What MQTT costs without a socket: `cargo bench -p housewire-protocols`, or with part of a name behind `--`.
//!
//! The usual case: 64 messages of 64 bytes to one topic, or one of them. Whole rows between processes are measured in
//! `bench/`.

#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros, and a benchmark that cannot begin may panic")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use housewire_core::{Delivery, Qos, Run, Timestamp, TopicRef};
use housewire_protocols::limits::MqttLimits;
use housewire_protocols::mqtt::{
    AckStep, Acknowledgement, Batch, Connect, Event, Inbound, Link, Outbound, Outcome, Packet, PacketId, Publish,
    ReasonCode, Version, decode, encode,
};

const TOPIC: &str = "devices/stove/temperature";
const PAYLOAD: &[u8] = &[b'x'; 64];
const BOTH: [Qos; 2] = [Qos::AtMostOnce, Qos::AtLeastOnce];

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a benchmark is a shell")]
    Instant::now()
}

fn packet_id(number: usize) -> PacketId {
    PacketId::new(u16::try_from(number).unwrap() + 1).unwrap()
}

fn publish(qos: Qos, number: usize) -> Packet<'static> {
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: TOPIC,
        packet_id: (qos > Qos::AtMostOnce).then(|| packet_id(number)),
        topic_alias: None,
        subscription_identifiers: Vec::new(),
        properties: None,
        payload: PAYLOAD,
    })
}

/// What a client sends in one go.
fn wire(qos: Qos, count: usize, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    (0..count).for_each(|number| encode(&publish(qos, number), version, &mut bytes));
    bytes
}

fn connected(version: Version) -> (Inbound, Link) {
    let mut inbound = Inbound::new(Arc::new(MqttLimits::default()), now());
    inbound.handle_packet(Packet::Connect(Box::new(Connect::new(version, "bench"))), now()).unwrap();
    let (_, link) = inbound.accept(None, None);
    (inbound, link)
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    for (version, name) in [(Version::V3_1_1, "3.1.1"), (Version::V5, "5")] {
        for qos in BOTH {
            let bytes = wire(qos, 64, version);
            group.throughput(Throughput::Elements(64));
            group.bench_function(format!("decode 64, QoS {}, {name}", qos.number()), |b| {
                b.iter(|| {
                    let mut rest = &bytes[..];
                    while let Some((packet, len)) = decode(rest, version, usize::MAX).unwrap() {
                        black_box(packet);
                        rest = &rest[len..];
                    }
                });
            });
            let packets: Vec<_> = (0..64).map(|number| publish(qos, number)).collect();
            let mut out = Vec::new();
            group.bench_function(format!("encode 64, QoS {}, {name}", qos.number()), |b| {
                b.iter(|| {
                    out.clear();
                    packets.iter().for_each(|packet| encode(packet, version, &mut out));
                    black_box(&out);
                });
            });
        }
    }
    group.finish();
}

/// From the bytes of a read to a run, and its acknowledgements.
fn inbound(c: &mut Criterion) {
    let mut group = c.benchmark_group("inbound");
    for (qos, count) in BOTH.into_iter().flat_map(|qos| [(qos, 1), (qos, 64)]) {
        let bytes = wire(qos, count, Version::V3_1_1);
        let (mut inbound, _) = connected(Version::V3_1_1);
        let mut replies = Vec::new();
        let now = now();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("to a run of {count}, QoS {}", qos.number()), |b| {
            b.iter(|| {
                let mut batch = Batch::new();
                let mut rest = &bytes[..];
                while let Some((packet, len)) = decode(rest, Version::V3_1_1, usize::MAX).unwrap() {
                    let Event::Publish(publication) = inbound.handle_packet(packet, now).unwrap() else {
                        unreachable!("nothing else was sent")
                    };
                    batch.push(publication).unwrap();
                    rest = &rest[len..];
                }
                black_box(batch.run());
                replies.clear();
                for id in batch.packet_ids() {
                    let outcome = Outcome { reason: ReasonCode::Success, text: None };
                    inbound.acknowledge(*id, qos, outcome, &mut replies);
                }
            });
        });
    }
    group.finish();
}

/// From a run to the bytes of a write, for many receivers: it is encoded once.
fn outbound(c: &mut Criterion) {
    const RECEIVERS: usize = 100;
    let mut group = c.benchmark_group("outbound");
    for (qos, count) in BOTH.into_iter().flat_map(|qos| [(qos, 1), (qos, 64)]) {
        let limits = Arc::new(MqttLimits::default());
        let mut receivers: Vec<_> = (0..RECEIVERS)
            .map(|_| {
                let mut outbound = Outbound::new(Arc::clone(&limits));
                outbound.connect(connected(Version::V3_1_1).1, &[], Timestamp::default());
                outbound
            })
            .collect();
        let payloads = vec![PAYLOAD; count];
        let delivery = Delivery { qos, retain: false, identifiers: Arc::new([]), share: None };
        let topic = TopicRef::parse(TOPIC).unwrap();
        let mut buffer = Some(Vec::new());
        let mut next_ids = vec![PacketId::FIRST; RECEIVERS];
        group.throughput(Throughput::Elements((count * RECEIVERS) as u64));
        group.bench_function(format!("{count} to {RECEIVERS}, QoS {}", qos.number()), |b| {
            b.iter(|| {
                let run = Run::new(topic, &payloads).qos(qos);
                for (outbound, next_id) in receivers.iter_mut().zip(&mut next_ids) {
                    outbound.lend_buffer(buffer.take().unwrap_or_default());
                    outbound.offer(&run, &delivery, Timestamp::default());
                    let len = outbound.output().len();
                    outbound.consume(len, Timestamp::default());
                    buffer = outbound.reclaim_buffer();
                    if qos > Qos::AtMostOnce {
                        for _ in 0..count {
                            let (step, packet_id, reason) = (AckStep::PubAck, *next_id, ReasonCode::Success);
                            let ack = Acknowledgement { step, packet_id, reason };
                            outbound.handle_acks([ack], Timestamp::default()).unwrap();
                            *next_id = next_id.next();
                        }
                    }
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, codec, inbound, outbound);
criterion_main!(benches);
