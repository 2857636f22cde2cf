//! One connection of the load: buffers, and whatever its language asks for before the load begins.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::plan::Language;
use super::stamp::{PAYLOAD_LEN, Stamp};
use crate::wire::{Incoming, Template, blynk, channel, http, mqtt, websocket};

/// What all connections read into.
pub(super) struct Scratch {
    bytes: Vec<u8>,
    filled: usize,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; 1 << 20], filled: 0 }
    }
}

/// See the module.
pub(crate) struct Connection {
    socket: TcpStream,
    language: Language,
    /// Bytes that are no whole packet or frame yet.
    tail: Vec<u8>,
    /// MQTT out of frames that is no whole packet yet.
    inner: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    is_blocked: bool,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Connection {
    /// Connects and subscribes; a board logs in, with the token that stands for its filter.
    pub(crate) fn open(
        address: SocketAddr,
        language: Language,
        name: &str,
        filters: &[String],
    ) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let (tail, inner) = (Vec::new(), Vec::new());
        let mut new = Self { socket, language, tail, inner, output: Vec::new(), written: 0, is_blocked: false };
        let host = address.to_string();
        match language {
            Language::Mqtt { qos } => new.greet_mqtt(name, filters, qos)?,
            Language::MqttInWebSocket { qos } => {
                new.upgrade(&websocket::handshake(&host, "/mqtt", Some("mqtt")))?;
                new.greet_mqtt(name, filters, qos)?;
            }
            Language::Channel => {
                new.upgrade(&websocket::handshake(&host, "/api/ws", None))?;
                for filter in filters {
                    new.socket.write_all(&channel::subscribe(filter))?;
                    new.await_answer()?;
                }
            }
            Language::Blynk => new.greet_blynk(filters.first().context("a board has a token")?)?,
            Language::HttpPut | Language::HttpGet | Language::BlynkGet | Language::BlynkUpdate => {}
        }
        new.socket.set_read_timeout(None)?;
        new.socket.set_nonblocking(true)?;
        Ok(new)
    }

    fn greet_mqtt(&mut self, name: &str, filters: &[String], qos: u8) -> anyhow::Result<()> {
        self.ask_mqtt(&mqtt::connect(name, true))?;
        // As many at once as every broker takes.
        for filters in filters.chunks(50) {
            self.ask_mqtt(&mqtt::subscribe(filters.iter().map(String::as_str), qos))?;
        }
        Ok(())
    }

    fn greet_blynk(&mut self, token: &str) -> anyhow::Result<()> {
        self.socket.write_all(&blynk::greeting(token))?;
        let mut answers = 0;
        while answers < blynk::GREETED {
            self.read_more()?;
            let used = blynk::take(&self.tail, |_| answers += 1)?;
            self.tail.drain(..used);
        }
        Ok(())
    }

    /// Sends a packet and waits for the answer, which must grant it.
    fn ask_mqtt(&mut self, packet: &[u8]) -> anyhow::Result<()> {
        let in_frames = matches!(self.language, Language::MqttInWebSocket { .. });
        match in_frames {
            true => self.socket.write_all(&websocket::frame(websocket::BINARY, packet))?,
            false => self.socket.write_all(packet)?,
        }
        let mut answer = Vec::new();
        loop {
            self.read_more()?;
            if in_frames {
                let used = websocket::take(&self.tail, &mut Vec::new(), |bytes| {
                    answer.extend_from_slice(bytes);
                    Ok(())
                })?;
                self.tail.drain(..used);
            } else {
                answer.append(&mut self.tail);
            }
            if let Some(packet) = mqtt::first_packet(&answer)? {
                ensure!(packet.2 == answer.len(), "the server sent more than the answer");
                return mqtt::check_granted(packet);
            }
        }
    }

    fn upgrade(&mut self, request: &str) -> anyhow::Result<()> {
        self.socket.write_all(request.as_bytes())?;
        loop {
            self.read_more()?;
            if let Some(end) = self.tail.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.tail[..end]).into_owned();
                ensure!(head.starts_with("HTTP/1.1 101"), "the server does not open a WebSocket: {head}");
                self.tail.drain(..end + 4);
                return Ok(());
            }
        }
    }

    fn await_answer(&mut self) -> anyhow::Result<()> {
        let mut is_answered = false;
        while !is_answered {
            self.read_more()?;
            let used = websocket::take(&self.tail, &mut Vec::new(), |json| {
                channel::take(json, |incoming| is_answered |= matches!(incoming, Incoming::Answered))
            })?;
            self.tail.drain(..used);
        }
        Ok(())
    }

    fn read_more(&mut self) -> anyhow::Result<()> {
        let mut space = [0; 4_096];
        let read = self.socket.read(&mut space).context("the server does not answer")?;
        ensure!(read > 0, "the server closes the connection");
        self.tail.extend_from_slice(&space[..read]);
        Ok(())
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Reads once, behind what was left over.
    pub(super) fn receive(&mut self, scratch: &mut Scratch) -> anyhow::Result<()> {
        let known = self.tail.len();
        scratch.bytes[..known].copy_from_slice(&self.tail);
        self.tail.clear();
        let read = match self.socket.read(&mut scratch.bytes[known..]) {
            Ok(0) => bail!("the server closed a connection in the middle of the load"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error).context("the server broke a connection in the middle of the load"),
        };
        scratch.filled = known + read;
        Ok(())
    }

    /// Takes apart what was received.
    pub(super) fn take(&mut self, scratch: &Scratch, mut found: impl FnMut(Incoming<'_>)) -> anyhow::Result<()> {
        let bytes = &scratch.bytes[..scratch.filled];
        let Self { inner, output, language, tail, .. } = self;
        let used = match language {
            Language::Mqtt { .. } => mqtt::take(bytes, output, found)?,
            Language::MqttInWebSocket { .. } => {
                let mut control = Vec::new();
                let used = websocket::take(bytes, &mut control, |bytes| {
                    inner.extend_from_slice(bytes);
                    Ok(())
                })?;
                output.append(&mut control);
                let mut answers = Vec::new();
                let taken = mqtt::take(inner, &mut answers, found)?;
                inner.drain(..taken);
                // One frame for the answers of one read, as a library that gathers its writes sends them.
                if !answers.is_empty() {
                    output.extend(websocket::frame(websocket::BINARY, &answers));
                }
                used
            }
            Language::Channel => websocket::take(bytes, output, |json| channel::take(json, &mut found))?,
            Language::Blynk => blynk::take(bytes, found)?,
            Language::HttpPut | Language::HttpGet | Language::BlynkGet | Language::BlynkUpdate => {
                http::take(bytes, found)?
            }
        };
        tail.extend_from_slice(&bytes[used..]);
        Ok(())
    }

    /// Appends a message to what is to be written.
    pub(super) fn put(&mut self, template: &Template, packet_id: u16, stamp: Stamp) {
        let start = self.output.len();
        self.output.extend_from_slice(&template.bytes);
        let message = &mut self.output[start..];
        if let Some(at) = template.packet_id_at {
            message[at..at + 2].copy_from_slice(&packet_id.to_be_bytes());
        }
        if let Some(at) = template.payload_at {
            stamp.write(&mut message[at..at + PAYLOAD_LEN]);
        }
    }

    pub(super) fn has_output(&self) -> bool {
        self.written < self.output.len()
    }

    /// Writes as much as the socket takes; whether it began or ceased to be too little.
    pub(super) fn flush(&mut self) -> anyhow::Result<bool> {
        while self.has_output() {
            match self.socket.write(&self.output[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("the server broke a connection in the middle of the load"),
            }
        }
        if !self.has_output() {
            self.output.clear();
            self.written = 0;
        }
        let was_blocked = std::mem::replace(&mut self.is_blocked, self.written < self.output.len());
        Ok(was_blocked != self.is_blocked)
    }
}
