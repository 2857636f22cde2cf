//! HTTP/1.1, one request at a time on a connection that stays open.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, ensure};

use super::{Incoming, Template};
use crate::load::stamp::BLANK;

/// A PUT to be filled in.
pub(crate) fn put(host: &str, path: &str) -> Template {
    let mut bytes = format!(
        "PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        BLANK.len()
    )
    .into_bytes();
    let payload_at = bytes.len();
    bytes.extend(BLANK);
    Template { bytes, packet_id_at: None, payload_at: Some(payload_at) }
}

/// A GET.
pub(crate) fn get(host: &str, path: &str) -> Template {
    let bytes = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\n\r\n").into_bytes();
    Template { bytes, packet_id_at: None, payload_at: None }
}

/// Puts a value there, on a connection of its own, so that there is one to get.
pub(crate) fn put_once(address: SocketAddr, path: &str) -> anyhow::Result<()> {
    let mut socket = TcpStream::connect(address)?;
    socket.write_all(&put(&address.to_string(), path).bytes)?;
    let (mut answer, mut is_answered) = (Vec::new(), false);
    while !is_answered {
        let mut space = [0; 4_096];
        let read = socket.read(&mut space)?;
        ensure!(read > 0, "the server closes the connection");
        answer.extend_from_slice(&space[..read]);
        take(&answer, |_| is_answered = true)?;
    }
    Ok(())
}

/// Takes answers apart; how many bytes were whole ones.
pub(crate) fn take<'a>(bytes: &'a [u8], mut found: impl FnMut(Incoming<'a>)) -> anyhow::Result<usize> {
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = response.parse(rest)? else { return Ok(used) };
        let code = response.code.unwrap_or_default();
        ensure!((200..300).contains(&code), "the server answered {}", String::from_utf8_lossy(rest));
        let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length = match length {
            Some(header) => str::from_utf8(header.value)?.parse().context("a Content-Length that is no number")?,
            None => 0,
        };
        if rest.len() < head + length {
            return Ok(used);
        }
        used += head + length;
        found(Incoming::Answered);
    }
}
