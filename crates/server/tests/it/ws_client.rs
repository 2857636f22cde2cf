//! A client for tests of the WebSocket API: frames out, frames in.

use std::collections::VecDeque;
use std::net::TcpStream;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::test_hub::{PATIENCE, TestHub};

/// See the module.
pub(crate) struct Ws {
    pub(crate) socket: WebSocket<TcpStream>,
    /// Messages that came while an answer was waited for.
    messages: VecDeque<Value>,
    last_id: u64,
}

impl Ws {
    #[track_caller]
    pub(crate) fn open(hub: &TestHub) -> Self {
        let stream = TcpStream::connect_timeout(&hub.http(), PATIENCE).expect("the hub listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        let (socket, _) = client(format!("ws://{}/api/ws", hub.http()), stream).expect("a WebSocket");
        Self { socket, messages: VecDeque::new(), last_id: 0 }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("the hub reads");
    }

    /// The next text frame, whatever it says.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Value {
        loop {
            match self.socket.read().expect("the hub goes on") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// Sends a frame under a number of its own and waits for the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, mut frame: Value) -> Value {
        self.last_id += 1;
        frame["id"] = json!(self.last_id);
        self.send(&frame.to_string());
        loop {
            let answer = self.frame();
            if answer["op"] == "message" {
                self.messages.push_back(answer);
            } else {
                assert_eq!(answer["id"], frame["id"], "{answer}");
                return answer;
            }
        }
    }

    /// Asks for something that must be done.
    #[track_caller]
    pub(crate) fn ok(&mut self, frame: Value) -> Value {
        let answer = self.ask(frame);
        assert_eq!(answer["op"], "ok", "{answer}");
        answer
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, filter: &str) {
        self.ok(json!({"op": "subscribe", "filter": filter}));
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        self.messages.pop_front().unwrap_or_else(|| {
            let frame = self.frame();
            assert_eq!(frame["op"], "message", "{frame}");
            frame
        })
    }

    /// Reads until the hub says goodbye; its code.
    #[track_caller]
    pub(crate) fn close_code(&mut self) -> CloseCode {
        loop {
            match self.socket.read() {
                Ok(Message::Close(close)) => return close.expect("a reason").code,
                Ok(_) => {}
                Err(error) => panic!("no close frame: {error}"),
            }
        }
    }
}
