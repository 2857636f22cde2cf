//! MQTT 3.1.1 as bytes, as little as the scenarios need, written and read in bulk.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

/// A connection to a broker.
pub(crate) struct Client {
    socket: TcpStream,
    unread: Vec<u8>,
}

/// A packet that came: its first byte and what is behind the length.
pub(crate) struct Packet {
    pub(crate) first: u8,
    pub(crate) body: Vec<u8>,
}

impl Packet {
    /// Of a PUBLISH.
    pub(crate) fn topic_len(&self) -> anyhow::Result<usize> {
        let length = self.body.first_chunk::<2>().context("a PUBLISH without a topic")?;
        Ok(usize::from(u16::from_be_bytes(*length)))
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u16).to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let more = length >= 0x80;
        bytes.push((length & 0x7f) as u8 | if more { 0x80 } else { 0 });
        length >>= 7;
        if !more {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

/// A QoS 1 PUBLISH.
pub(crate) fn publish(topic: &str, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    qos_1(0x32, topic, packet_id, payload)
}

/// A QoS 1 PUBLISH to be retained.
pub(crate) fn publish_retained(topic: &str, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    qos_1(0x33, topic, packet_id, payload)
}

fn qos_1(first: u8, topic: &str, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    body.extend(packet_id.to_be_bytes());
    body.extend(payload);
    packet(first, &body)
}

impl Client {
    /// Connects; whether the broker had a session of this name.
    pub(crate) fn connect(address: SocketAddr, name: &str, clean: bool) -> anyhow::Result<(Self, bool)> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { socket, unread: Vec::new() };
        let mut body = Vec::new();
        text(&mut body, "MQTT");
        body.extend([4, if clean { 2 } else { 0 }, 0, 0]);
        text(&mut body, name);
        client.send(&packet(0x10, &body))?;
        let connack = client.next()?.context("the broker closed the connection")?;
        ensure!(connack.first == 0x20 && connack.body.get(1) == Some(&0), "refused: {:?}", connack.body);
        Ok((client, connack.body[0] == 1))
    }

    pub(crate) fn subscribe(&mut self, filter: &str) -> anyhow::Result<()> {
        let mut body = vec![0, 1];
        text(&mut body, filter);
        body.push(1);
        self.send(&packet(0x82, &body))?;
        let suback = self.next()?.context("the broker closed the connection")?;
        ensure!(suback.first == 0x90, "no SUBACK");
        Ok(())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.socket.write_all(bytes)?)
    }

    /// How long to wait for packets.
    pub(crate) fn set_patience(&self, patience: Duration) -> anyhow::Result<()> {
        Ok(self.socket.set_read_timeout(Some(patience))?)
    }

    /// The next packet; `None` at the end, or if none comes in time.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Packet>> {
        loop {
            if let Some((packet, used)) = whole_packet(&self.unread)? {
                self.unread.drain(..used);
                return Ok(Some(packet));
            }
            let mut space = [0; 16 * 1024];
            match self.socket.read(&mut space) {
                Ok(0) => return Ok(None),
                Ok(read) => self.unread.extend_from_slice(&space[..read]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Says goodbye and waits until the broker has closed.
    pub(crate) fn leave(mut self) -> anyhow::Result<()> {
        self.send(&[0xe0, 0])?;
        while self.next()?.is_some() {}
        Ok(())
    }
}

fn whole_packet(bytes: &[u8]) -> anyhow::Result<Option<(Packet, usize)>> {
    let Some(first) = bytes.first() else { return Ok(None) };
    let mut length = 0;
    for place in 0..4 {
        let Some(byte) = bytes.get(1 + place) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let start = 2 + place;
            let Some(body) = bytes.get(start..start + length) else { return Ok(None) };
            return Ok(Some((Packet { first: *first, body: body.to_vec() }, start + length)));
        }
    }
    bail!("the broker sent a length of more than four bytes")
}
