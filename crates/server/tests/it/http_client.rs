//! A client for tests of the HTTP API: one request, one answer, and the event stream line by line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::test_hub::{PATIENCE, TestHub};

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header by its name in lower case; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(have, _)| have == name).map_or("", |(_, value)| value)
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// It must be an error of this status and code, whose text names these words.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str, named: &[&str]) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        let seen = (self.status, problem["status"].as_u64(), problem["code"].as_str());
        assert_eq!(seen, (status, Some(status.into()), Some(code)), "{problem}");
        let detail = problem["detail"].as_str().expect("a detail");
        for word in named {
            assert!(detail.contains(word), "{word:?} is not named: {detail}");
        }
    }
}

/// An answer whose head has come.
pub(crate) struct Incoming {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
}

/// Sends a request on a connection of its own. What `more` says of headers comes behind those that every request needs.
#[track_caller]
pub(crate) fn send(hub: &TestHub, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Incoming {
    let mut socket = TcpStream::connect_timeout(&hub.http(), PATIENCE).expect("the hub listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !more.iter().any(|(name, _)| *name == "Host") {
        head.push_str("Host: localhost\r\n");
    }
    for (name, value) in more {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    socket.write_all(format!("{head}\r\n").as_bytes()).expect("the hub reads");
    socket.write_all(body).expect("the hub reads");
    Incoming::read_head(BufReader::new(socket))
}

/// Sends a request and reads its answer.
#[track_caller]
pub(crate) fn call(hub: &TestHub, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
    send(hub, method, path, more, body).read_whole(method)
}

#[track_caller]
pub(crate) fn get(hub: &TestHub, path: &str) -> Answer {
    call(hub, "GET", path, &[], b"")
}

/// Sends a plain text.
#[track_caller]
pub(crate) fn text(hub: &TestHub, method: &str, path: &str, body: &str) -> Answer {
    call(hub, method, path, &[("Content-Type", "text/plain")], body.as_bytes())
}

/// Sends JSON.
#[track_caller]
pub(crate) fn json(hub: &TestHub, method: &str, path: &str, body: &str) -> Answer {
    call(hub, method, path, &[("Content-Type", "application/json")], body.as_bytes())
}

impl Incoming {
    #[track_caller]
    fn read_head(mut reader: BufReader<TcpStream>) -> Self {
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line of the head");
            line.trim_end().to_owned()
        };
        let status = line();
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{status}"));
        let mut headers = Vec::new();
        loop {
            let line = line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Self { status, headers, reader }
    }

    #[track_caller]
    fn read_whole(mut self, method: &str) -> Answer {
        let mut body = Vec::new();
        if self.is_chunked() && method != "HEAD" {
            while let Some(chunk) = self.next_chunk() {
                body.extend(chunk);
            }
        } else {
            self.reader.read_to_end(&mut body).expect("a body");
        }
        Answer { status: self.status, headers: self.headers, body }
    }

    fn is_chunked(&self) -> bool {
        self.headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked")
    }

    /// The next piece of a body that comes in pieces; `None` at its proper end.
    #[track_caller]
    pub(crate) fn next_chunk(&mut self) -> Option<Vec<u8>> {
        let mut length = String::new();
        self.reader.read_line(&mut length).expect("the length of a chunk");
        let length = usize::from_str_radix(length.trim_end(), 16).expect("a length in hex");
        let mut chunk = vec![0; length + 2];
        self.reader.read_exact(&mut chunk).expect("a whole chunk");
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(length);
        (length > 0).then_some(chunk)
    }
}

/// An event stream.
pub(crate) struct Events {
    incoming: Incoming,
    seen: String,
    /// Of the last message: its id, and its name if it has one.
    pub(crate) last_id: String,
    pub(crate) last_event: String,
}

impl Events {
    #[track_caller]
    pub(crate) fn open(hub: &TestHub, query: &str) -> Self {
        Self::open_with(hub, query, &[])
    }

    /// Comes back behind the event of this id.
    #[track_caller]
    pub(crate) fn resume(hub: &TestHub, query: &str, last: &str) -> Self {
        Self::open_with(hub, query, &[("Last-Event-ID", last)])
    }

    #[track_caller]
    fn open_with(hub: &TestHub, query: &str, headers: &[(&str, &str)]) -> Self {
        let incoming = send(hub, "GET", &format!("/api/events?{query}"), headers, b"");
        assert_eq!(incoming.status, 200);
        Self { incoming, seen: String::new(), last_id: String::new(), last_event: String::new() }
    }

    /// The next message; comments are passed over.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        loop {
            while let Some((event, rest)) = self.seen.split_once("\n\n") {
                let event = event.to_owned();
                self.seen = rest.to_owned();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let Some(data) = field("data: ") {
                    self.last_id = field("id: ").unwrap_or_default();
                    self.last_event = field("event: ").unwrap_or_default();
                    return serde_json::from_str(&data).expect("JSON on one line");
                }
                assert!(event.starts_with("retry: ") || event.starts_with(':'), "{event}");
            }
            let chunk = self.incoming.next_chunk().expect("the stream goes on");
            self.seen.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// Waits for the proper end of the stream.
    #[track_caller]
    pub(crate) fn expect_end(mut self) {
        while self.incoming.next_chunk().is_some() {}
    }
}
