//! An MQTT client that waits for each answer, where speed does not matter.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::mqtt::{self, first_packet};

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

impl Client {
    /// Connects; whether the broker had a session of this name.
    pub(crate) fn connect(address: SocketAddr, name: &str, clean: bool) -> anyhow::Result<(Self, bool)> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { socket, unread: Vec::new() };
        client.send(&mqtt::connect(name, clean))?;
        let connack = client.next()?.context("the broker closed the connection")?;
        ensure!(connack.first == 0x20 && connack.body.get(1) == Some(&0), "refused: {:?}", connack.body);
        Ok((client, connack.body[0] == 1))
    }

    pub(crate) fn subscribe(&mut self, filter: &str) -> anyhow::Result<()> {
        self.send(&mqtt::subscribe([filter], 1))?;
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
            if let Some((first, body, used)) = first_packet(&self.unread)? {
                let packet = Packet { first, body: body.to_vec() };
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
