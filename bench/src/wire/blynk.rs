//! Blynk's hardware protocol, and the addresses of its old API.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, bail, ensure};

use super::{Incoming, Template, http};
use crate::load::stamp::BLANK;

const LOGIN: u8 = 29;
const PING: u8 = 6;
const INTERNAL: u8 = 17;
const HARDWARE: u8 = 20;
const HEADER: usize = 5;
/// "ok", where other frames have the length of their body.
const OK: u16 = 200;

/// Answers that [`greeting`] gets.
pub(crate) const GREETED: usize = 3;

fn frame(command: u8, id: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a few dozen bytes");
    let mut bytes = vec![command];
    bytes.extend(id.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// Logs in and says what a board says of itself. With a long heartbeat, as nothing is said while it is measured.
pub(crate) fn greeting(token: &str) -> Vec<u8> {
    let info = b"ver\x001.4.0\0h-beat\x00600\0buff-in\x001024\0dev\0ESP8266";
    [frame(LOGIN, 1, token.as_bytes()), frame(INTERNAL, 2, info), frame(PING, 3, b"")].concat()
}

/// A value of a pin to be filled in. `topic` is the property's, `devices/NAME/vPIN`.
pub(crate) fn template(topic: &str) -> Template {
    let pin = topic.rsplit('/').next().and_then(|pin| pin.strip_prefix('v')).unwrap_or("0");
    let body = [format!("vw\0{pin}\0").as_bytes(), &BLANK].concat();
    let bytes = frame(HARDWARE, 4, &body);
    let payload_at = bytes.len() - BLANK.len();
    Template { packet_id_at: None, payload_at: Some(payload_at), bytes }
}

/// Takes frames apart; how many bytes were whole ones. Of what is asked of the device nothing is expected here.
pub(crate) fn take<'a>(bytes: &'a [u8], mut found: impl FnMut(Incoming<'a>)) -> anyhow::Result<usize> {
    let mut used = 0;
    while let [command, _, _, high, low, ..] = bytes[used..] {
        let word = u16::from_be_bytes([high, low]);
        ensure!(command == 0, "the hub sent the command {command}");
        ensure!(word == OK, "the hub answered {word}");
        used += HEADER;
        found(Incoming::Answered);
    }
    Ok(used)
}

/// The request that reads a pin.
pub(crate) fn get(host: &str, path: &str) -> Template {
    let bytes = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
    Template { bytes, packet_id_at: None, payload_at: None }
}

/// The request that writes a pin, to be filled in.
pub(crate) fn update(host: &str, path: &str) -> Template {
    let mut bytes = format!("GET {path}?value=").into_bytes();
    let payload_at = bytes.len();
    bytes.extend(BLANK);
    bytes.extend(format!(" HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes());
    Template { bytes, packet_id_at: None, payload_at: Some(payload_at) }
}

/// Tokens for these devices, made over one connection.
pub(crate) fn tokens(address: SocketAddr, devices: impl Iterator<Item = String>) -> anyhow::Result<Vec<String>> {
    let mut socket = TcpStream::connect(address)?;
    let mut token_of = |device: String| {
        let request = format!(
            "POST /api/devices/{device}/token HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"
        );
        socket.write_all(request.as_bytes())?;
        let (mut answer, mut is_answered) = (Vec::new(), false);
        while !is_answered {
            let mut space = [0; 4_096];
            let read = socket.read(&mut space)?;
            ensure!(read > 0, "the hub closes the connection");
            answer.extend_from_slice(&space[..read]);
            http::take(&answer, |_| is_answered = true)?;
        }
        token_in(&String::from_utf8_lossy(&answer))
    };
    devices.map(&mut token_of).collect()
}

fn token_in(answer: &str) -> anyhow::Result<String> {
    let (_, rest) = answer.split_once(r#""token":"#).context("the hub's answer has no token")?;
    match rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        Some((token, _)) => Ok(token.to_owned()),
        None => bail!("the hub's answer has no token: {answer}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_written_and_taken_apart() {
        let Template { bytes, payload_at, .. } = template("devices/board/v12");
        assert_eq!(&bytes[..11], b"\x14\0\x04\0\x46vw\x0012\0");
        assert_eq!(&bytes[payload_at.unwrap()..], BLANK);
        let mut count = 0;
        assert_eq!(take(b"\0\0\x01\0\xc8\0\0\x02\0\xc8\0\0", |_| count += 1).unwrap(), 10);
        assert_eq!(count, 2);
        assert!(take(b"\0\0\x01\0\x09", |_| ()).is_err());
        assert!(take(b"\x14\0\x01\0\0", |_| ()).is_err());
        assert_eq!(token_in(r#"{"id":7, "token": "abc"}"#).unwrap(), "abc");
        assert!(token_in("{}").is_err());
        let Template { bytes, payload_at, .. } = update("h", "/t/update/v1");
        assert_eq!(&bytes[..payload_at.unwrap()], b"GET /t/update/v1?value=");
    }
}
