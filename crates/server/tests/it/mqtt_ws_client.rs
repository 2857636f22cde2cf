//! A client for tests of MQTT over WebSocket: bytes out in frames of one's choice, bytes in wherever frames end.

use std::net::TcpStream;

use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::test_hub::{PATIENCE, TestHub, from_hex, to_hex};

/// See the module.
pub(crate) struct MqttWs {
    pub(crate) socket: WebSocket<TcpStream>,
    /// The answer to the handshake.
    pub(crate) answer: Response,
    /// Bytes that came and were not expected yet.
    seen: Vec<u8>,
}

impl MqttWs {
    /// A WebSocket of which the subprotocol is `mqtt`.
    #[track_caller]
    pub(crate) fn open(hub: &TestHub) -> Self {
        Self::open_with(hub, &[("sec-websocket-protocol", "mqtt")])
    }

    /// A WebSocket of which the request says more.
    #[track_caller]
    pub(crate) fn open_with(hub: &TestHub, headers: &[(&'static str, &str)]) -> Self {
        let stream = TcpStream::connect_timeout(&hub.http(), PATIENCE).expect("the hub listens");
        Self::over(hub, stream, headers)
    }

    /// A WebSocket over a socket that was prepared.
    #[track_caller]
    pub(crate) fn over(hub: &TestHub, stream: TcpStream, headers: &[(&'static str, &str)]) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        stream.set_nodelay(true).expect("a socket option");
        let mut request = format!("ws://{}/mqtt", hub.http()).into_client_request().expect("an address");
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        let (socket, answer) = client(request, stream).expect("a WebSocket");
        Self { socket, answer, seen: Vec::new() }
    }

    /// As [`Self::open`], behind the answer to a CONNECT.
    #[track_caller]
    pub(crate) fn connected(hub: &TestHub, client_id: u8) -> Self {
        let mut client = Self::open(hub);
        client.send(&format!("10 0d 0004 4d515454 04 02 003c 0001 {client_id:02x}"));
        client.expect("20 02 00 00");
        client
    }

    /// Sends a binary frame of bytes given in hex.
    #[track_caller]
    pub(crate) fn send(&mut self, hex: &str) {
        self.socket.send(Message::binary(from_hex(hex))).expect("the hub reads");
    }

    /// Reads exactly what is given in hex.
    #[track_caller]
    pub(crate) fn expect(&mut self, hex: &str) {
        let expected = from_hex(hex);
        assert_eq!(to_hex(&self.take(expected.len())), to_hex(&expected));
    }

    /// Reads one MQTT packet shorter than 128 bytes: its first byte and its body.
    #[track_caller]
    pub(crate) fn packet(&mut self) -> (u8, Vec<u8>) {
        let head = self.take(2);
        assert!(head[1] < 128, "a short packet");
        (head[0], self.take(head[1].into()))
    }

    /// Reads exactly so many bytes, in however many frames.
    #[track_caller]
    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        while self.seen.len() < len {
            assert!(self.read_frame(), "the hub closes after {}", to_hex(&self.seen));
        }
        let rest = self.seen.split_off(len);
        std::mem::replace(&mut self.seen, rest)
    }

    /// Reads one frame; whether it was not the last.
    #[track_caller]
    fn read_frame(&mut self) -> bool {
        match self.socket.read().expect("the hub goes on") {
            Message::Binary(bytes) => self.seen.extend_from_slice(&bytes),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return false,
            other => panic!("unexpected {other:?}"),
        }
        true
    }

    /// Reads until the hub says goodbye: what it still said, and its code.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) -> (Vec<u8>, CloseCode) {
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => self.seen.extend_from_slice(&bytes),
                Ok(Message::Close(close)) => return (std::mem::take(&mut self.seen), close.expect("a reason").code),
                Ok(_) => {}
                Err(error) => panic!("no close frame: {error}"),
            }
        }
    }
}
