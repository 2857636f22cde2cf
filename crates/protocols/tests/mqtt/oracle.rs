//! Another codec judges ours: what one of them encodes the other decodes to the same, and of changed packets both say the
//! same, but for the differences that are listed.
//!
//! Ours alone may read wrongly what it wrongly wrote; two codecs rarely make the same mistake. The other one is
//! `rmqtt-codec`, of another broker: it takes whole frames, for both versions, and its packets are plain structs.

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU32};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use housewire_core::{Properties, Qos};
use housewire_protocols::mqtt::*;

use crate::pair::Random;
use crate::replay::{chance, corpus};
use chooser::Chooser;
use differences::{DIFFERENCES, Seen};
use theirs::Theirs;

#[path = "../../src/mqtt/codec/tests/chooser.rs"]
mod chooser;
mod differences;
mod theirs;

/// Packets per test; `FUZZ_ROUNDS` asks for more.
const ROUNDS: u64 = 50_000;

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

/// What a difference of judgement comes to.
#[derive(Debug, PartialEq)]
enum Judgement {
    Same,
    /// The row of the table that explains it.
    Known(usize),
}

/// Both decode the bytes; an error says what they made of them.
fn judge(bytes: &[u8], version: Version) -> Result<Judgement, String> {
    let ours = decode(bytes, version, usize::MAX);
    // A CONNECT says itself which version it is.
    let version = match &ours {
        Ok(Some((Packet::Connect(connect), _))) => connect.version,
        _ => version,
    };
    let theirs = Theirs::decode(bytes, version);
    let is_same = match (&ours, &theirs) {
        (Ok(Some((packet, used))), Ok(Some((other, other_used)))) => {
            used == other_used && Theirs::from_ours(packet, version).as_ref() == Some(other)
        }
        (Ok(None), Ok(None)) => true,
        // We refuse as soon as we can, the other codec when the packet is complete.
        (Err(_), Err(_) | Ok(None)) => true,
        _ => false,
    };
    if is_same {
        return Ok(Judgement::Same);
    }
    let report = format!("{version:?} {bytes:02x?}\nours:   {ours:?}\ntheirs: {theirs:?}");
    let ours = match ours {
        Ok(Some((packet, _))) => Ok(packet),
        Ok(None) => return Err(report),
        Err(error) => Err(error),
    };
    let seen = Seen { bytes, version, ours: &ours, is_theirs: matches!(theirs, Ok(Some(_))) };
    let row = DIFFERENCES.iter().position(|difference| difference.explains(&seen));
    row.map(Judgement::Known).ok_or(report)
}

/// Numbers and texts from which a packet is made.
struct Material {
    version: Version,
    numbers: Vec<u32>,
    texts: Vec<String>,
}

impl Material {
    fn new(random: &mut Random) -> Self {
        const CHARACTERS: [char; 12] = ['a', 'b', 'c', '/', '/', '+', '#', '$', ' ', 'ä', '€', '\u{1f600}'];
        let numbers = (0..random.below(60)).map(|_| random.below(1 << 32) as u32).collect();
        let texts = (0..1 + random.below(5)).map(|_| {
            let len = if random.below(5) == 0 { 100 + random.below(200) } else { random.below(12) };
            (0..len).map(|_| CHARACTERS[random.below(CHARACTERS.len())]).collect()
        });
        let texts = texts.collect();
        Self { version: VERSIONS[random.below(3)], numbers, texts }
    }

    fn packet(&self) -> Packet<'_> {
        Chooser { numbers: self.numbers.iter(), texts: &self.texts }.packet(self.version)
    }
}

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(packet, version, &mut bytes);
    bytes
}

/// What we encode the other codec reads, and what it encodes of the same packet we read.
fn both_ways(random: &mut Random, counts: &mut [u64]) -> Result<(), String> {
    let material = Material::new(random);
    let version = material.version;
    let packet = material.packet();
    // `None` where the other codec has no way to say it; then it must refuse to read it, for a reason that is listed.
    let meant = Theirs::from_ours(&packet, version);
    let mut encodings = vec![encoded(&packet, version)];
    // The other codec writes a CONNECT of MQTT 3.1 with level 4, which belongs to no version: see the table.
    let is_unwritable = matches!((&packet, version), (Packet::Connect(_), Version::V3_1));
    encodings.extend(meant.clone().filter(|_| !is_unwritable).map(Theirs::encode));
    for bytes in encodings {
        let judgement = judge(&bytes, version)?;
        let read = Theirs::decode(&bytes, version).map(|decoded| decoded.map(|(packet, _)| packet));
        // They may agree with each other, and not with what was meant.
        if judgement == Judgement::Same && read != Ok(meant.clone()) {
            return Err(format!("{version:?}\nmeant:   {meant:?}\nencoded: {bytes:02x?}\nread:    {read:?}"));
        }
        count(judgement, counts);
    }
    Ok(())
}

/// Where changes start from: a packet, or what the fuzzer has found.
fn original(random: &mut Random, corpus: &[(String, Vec<u8>)]) -> (Vec<u8>, Version) {
    if random.below(4) == 0 {
        // The first two bytes choose version and sizes.
        let input = &corpus[random.below(corpus.len())].1;
        return (input.get(2..).unwrap_or_default().to_vec(), VERSIONS[random.below(3)]);
    }
    let material = Material::new(random);
    (encoded(&material.packet(), material.version), material.version)
}

/// With a few changes. Most get a length that is right for them, since all others end at the header.
fn changed(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    let header_len = bytes.iter().skip(1).take(4).position(|byte| byte & 0x80 == 0).map(|at| at + 2);
    let header_len = header_len.filter(|_| random.below(8) > 0);
    let mut body = bytes.split_off(header_len.unwrap_or(0));
    for _ in 0..1 + random.below(3) {
        // Half of them near the front, where flags and lengths are.
        let within = if random.below(2) == 0 { body.len().min(16) } else { body.len() };
        let at = random.below(within + 1);
        match random.below(6) {
            0 => body.truncate(at),
            1 => body.insert(at, [0, 1, 2, 0xff, random.below(256) as u8][random.below(5)]),
            2 if at < body.len() => drop(body.remove(at)),
            3 if at < body.len() => body[at] = random.below(256) as u8,
            _ if at < body.len() => body[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    if header_len.is_none() {
        return body;
    }
    bytes.truncate(1);
    if random.below(16) == 0 {
        bytes[0] ^= 1 << random.below(8);
    }
    let mut len = body.len();
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.append(&mut body);
    bytes
}

fn count(judgement: Judgement, counts: &mut [u64]) {
    if let Judgement::Known(row) = judgement {
        counts[row] += 1;
    }
}

/// So many rounds; says how often each known difference was seen.
fn run(seed: u64, rounds: u64, mut each: impl FnMut(&mut Random, &mut [u64]) -> Result<(), String>) -> String {
    let mut random = Random::new(seed);
    let mut counts = vec![0; DIFFERENCES.len()];
    for round in 0..rounds {
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| each(&mut random, &mut counts)));
        let outcome = outcome.unwrap_or_else(|_| Err("one of the codecs panicked".to_owned()));
        assert!(outcome.is_ok(), "FUZZ_SEED={seed}, round {round}: {}", outcome.unwrap_err());
    }
    let seen = DIFFERENCES.iter().zip(&counts).filter(|(_, count)| **count > 0);
    seen.map(|(difference, count)| format!("{count:8} times {}\n", difference.why)).collect()
}

#[test]
fn what_one_codec_encodes_the_other_reads() {
    let (seed, rounds) = chance(ROUNDS);
    println!("to see the same again: FUZZ_SEED={seed} FUZZ_ROUNDS={rounds}");
    println!("{}", run(seed, rounds, both_ways));
}

#[test]
fn of_changed_packets_both_codecs_say_the_same() {
    let corpus = corpus("mqtt_decode");
    let (seed, rounds) = chance(ROUNDS);
    println!("to see the same again: FUZZ_SEED={seed} FUZZ_ROUNDS={rounds}");
    let seen = run(seed, rounds, |random, counts| {
        let (bytes, version) = original(random, &corpus);
        count(judge(&changed(random, bytes), version)?, counts);
        Ok(())
    });
    println!("{seen}");
}

/// First byte, what stands before the properties and what behind them, for every place that has some.
const PLACES: [(u8, &[u8], &[u8]); 14] = [
    (0x10, b"\0\x04MQTT\x05\x02\0\0", b"\0\0"),
    (0x10, b"\0\x04MQTT\x05\x06\0\0\0\0\0", b"\0\x01t\0\0"), // in the will
    (0x20, b"\0\0", b""),
    (0x30, b"\0\x01t", b""),
    (0x40, b"\0\x01\0", b""),
    (0x50, b"\0\x01\0", b""),
    (0x62, b"\0\x01\0", b""),
    (0x70, b"\0\x01\0", b""),
    (0x82, b"\0\x01", b"\0\x01t\0"),
    (0x90, b"\0\x01", b"\0"),
    (0xa2, b"\0\x01", b"\0\x01t"),
    (0xb0, b"\0\x01", b"\0"),
    (0xe0, b"\0", b""),
    (0xf0, b"\0", b""),
];

/// Values of all types of properties, and at their bounds; most are wrong for most.
const VALUES: [&[u8]; 12] = [
    b"\0",
    b"\x01",
    b"\x02",
    b"\0\0",
    b"\0\x01",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\0",
    b"\0\0\0\x01",
    b"\xff\xff\xff\xff",
    b"\0\x01a",
    b"\0\x01+",
    b"\0\x01a\0\x01b",
];

/// Every property in every place, once and twice.
#[test]
fn both_codecs_know_the_same_properties() {
    let mut taken = BTreeSet::new();
    for (first, before, behind) in PLACES {
        for (number, value) in (0..=0x7f).flat_map(|number| VALUES.map(|value| (number, value))) {
            let property = [&[number], value].concat();
            for properties in [property.clone(), property.repeat(2)] {
                let body = [before, &[properties.len() as u8], &properties, behind].concat();
                let packet = [&[first, body.len() as u8], &body[..]].concat();
                judge(&packet, Version::V5).unwrap();
                if decode(&packet, Version::V5, usize::MAX).is_ok() {
                    taken.insert((before, first, number));
                }
            }
        }
    }
    // So many pairs are in the table of section 2.2.2.2; a mistake in the bytes above would have both refuse more.
    assert_eq!(taken.len(), 64);
}

/// Every number as a reason, or return code, of every packet that has one.
#[test]
fn both_codecs_know_the_same_reasons() {
    let mut taken = 0;
    for number in 0..=0xff {
        let in_5: [&[u8]; 9] = [
            &[0x20, 3, 0, number, 0],
            &[0x40, 3, 0, 1, number],
            &[0x50, 3, 0, 1, number],
            &[0x62, 3, 0, 1, number],
            &[0x70, 3, 0, 1, number],
            &[0x90, 4, 0, 1, 0, number],
            &[0xb0, 4, 0, 1, 0, number],
            &[0xe0, 1, number],
            &[0xf0, 2, number, 0],
        ];
        let in_3: [&[u8]; 2] = [&[0x20, 2, 0, number], &[0x90, 3, 0, 1, number]];
        let all = in_5.map(|bytes| (bytes, Version::V5)).into_iter().chain(in_3.map(|bytes| (bytes, Version::V3_1_1)));
        for (bytes, version) in all {
            judge(bytes, version).unwrap();
            taken += usize::from(decode(bytes, version, usize::MAX).is_ok());
        }
    }
    // So many are in the tables of the packets, in the order above.
    assert_eq!(taken, (22 + 9 + 9 + 2 + 2 + 12 + 7 + 30 + 3) + (6 + 4));
}

#[test]
fn every_known_difference_is_still_one() {
    for (row, difference) in DIFFERENCES.iter().enumerate() {
        let (version, bytes) = difference.specimen;
        assert_eq!(judge(bytes, version), Ok(Judgement::Known(row)), "{}: {bytes:02x?}", difference.why);
    }
}
