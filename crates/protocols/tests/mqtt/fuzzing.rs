//! What is done with the bytes of a fuzzer, and what must hold whatever they are.
//!
//! Shared by the targets in `fuzz/`, which find such bytes, and by `replay`, which tries those that were found on the
//! toolchain that everybody has.

use std::collections::BTreeMap;
use std::time::Duration;

use housewire_core::{Qos, Run};
use housewire_protocols::limits::MqttLimits;
use housewire_protocols::mqtt::*;

use crate::broker::{Broker, topic};

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

/// The first byte chooses the version, the second the sizes of pieces and of the largest packet; then comes what is read from
/// the connection. In pieces it means the same as in one, and what was decoded encodes to itself.
pub(crate) fn decode_bytes(input: &[u8]) {
    let [version, sizes, bytes @ ..] = input else { return };
    let version = VERSIONS[usize::from(*version) % 3];
    let bytes_max = if sizes & 0x80 == 0 { usize::MAX } else { 64 };
    let piece_bytes = usize::from(sizes & 0x7f) + 1;
    let whole = read(bytes, bytes.len().max(1), version, bytes_max);
    let pieces = read(bytes, piece_bytes, version, bytes_max);
    assert_eq!(whole, pieces, "in pieces of {piece_bytes} bytes it means something else");
}

/// What comes out of bytes that arrive in pieces, as text, and the error that ends it.
fn read(bytes: &[u8], piece_bytes: usize, version: Version, bytes_max: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut unread = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        unread.extend_from_slice(piece);
        loop {
            match decode(&unread, version, bytes_max) {
                Ok(None) => break,
                Ok(Some((packet, used))) => {
                    assert!(used <= bytes_max, "a packet of {used} bytes was let in");
                    encodes_to_itself(&packet, version);
                    seen.push(format!("{packet:?}"));
                    unread.drain(..used);
                }
                Err(error) => {
                    seen.push(format!("{error:?}"));
                    return seen;
                }
            }
        }
    }
    seen
}

fn encodes_to_itself(packet: &Packet<'_>, version: Version) {
    let mut bytes = Vec::new();
    encode(packet, version, &mut bytes);
    assert_eq!(decode(&bytes, version, usize::MAX), Ok(Some((packet.clone(), bytes.len()))), "{bytes:02x?}");
}

const CLIENTS: [&str; 3] = ["a", "b", "c"];

/// Bytes as steps of up to three clients and the hub. A step is a byte, whose lower half says what happens and whose upper
/// half to whom, and one for how much of it; after a send, so many bytes follow. A client that is not connected connects
/// before it sends.
pub(crate) fn run_session(input: &[u8]) {
    let limits = MqttLimits { queue_len_max: 5, in_flight_max: 3, output_bytes_max: 300, ..MqttLimits::default() };
    let mut table = Table { broker: Broker::new(limits), clients: BTreeMap::new() };
    let mut rest = input;
    while let [step, amount, after @ ..] = rest {
        let client = CLIENTS[usize::from(step >> 4) % CLIENTS.len()];
        let amount_wide = u64::from(*amount);
        rest = after;
        match step & 0x07 {
            0..4 => {
                let (bytes, after) = after.split_at(after.len().min(usize::from(*amount)));
                rest = after;
                let (first, second) = bytes.split_at(bytes.len() * usize::from(step & 0x03) / 4);
                table.send(client, first);
                table.send(client, second);
            }
            4 => table.broker.wait(Duration::from_secs(amount_wide)),
            5 => table.broker.wait(Duration::from_secs(amount_wide * 100_000)),
            6 => table.lose(client),
            _ => table.publish(*amount),
        }
        table.read();
    }
}

struct Table {
    broker: Broker,
    clients: BTreeMap<&'static str, Client>,
}

/// What a client said until it is known which version it speaks.
#[derive(Default)]
struct Client {
    said: Vec<u8>,
    version: Option<Version>,
}

impl Table {
    fn send(&mut self, name: &'static str, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !self.broker.connections.get(name).is_some_and(|connection| connection.is_open()) {
            self.broker.connect(name);
            self.clients.insert(name, Client::default());
        }
        let client = self.clients.get_mut(name).expect("it has connected");
        if client.version.is_none() {
            client.said.extend_from_slice(bytes);
            if let Ok(Some((Packet::Connect(connect), _))) = decode(&client.said, Version::V3_1_1, usize::MAX) {
                client.version = Some(connect.version);
            }
        }
        self.broker.receive(name, bytes);
    }

    fn lose(&mut self, name: &str) {
        if self.broker.connections.contains_key(name) {
            self.broker.lose(name);
        }
    }

    /// The hub has something to say; in the amount stand QoS, retain flag, topic and how many.
    fn publish(&mut self, amount: u8) {
        let qos = Qos::from_number(amount % 3).expect("one of three");
        let payloads = [b"1".as_slice(), b"22", b"", b"four"];
        let run =
            Run::new(topic(["t", "a/b"][usize::from(amount >> 2 & 1)]), &payloads[..1 + usize::from(amount >> 6)]);
        self.broker.publish(&run.qos(qos).retain(amount & 0x08 != 0), None);
    }

    /// Clients read; what they are sent is whole packets of their version.
    fn read(&mut self) {
        for (name, connection) in &mut self.broker.connections {
            let sent = std::mem::take(&mut connection.sent);
            let version = self.clients.get(name.as_str()).and_then(|client| client.version);
            // One that is refused may not have said what it speaks.
            let is_good = match version {
                Some(version) => is_whole(&sent, version),
                None => VERSIONS.iter().any(|version| is_whole(&sent, *version)),
            };
            assert!(is_good, "{name} speaks {version:?} and was sent {sent:02x?}");
        }
    }
}

fn is_whole(mut bytes: &[u8], version: Version) -> bool {
    while let Ok(Some((_, used))) = decode(bytes, version, usize::MAX) {
        bytes = &bytes[used..];
    }
    bytes.is_empty()
}
