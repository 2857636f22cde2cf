//! WebSocket (RFC 6455), the client's side.

use std::ops::Range;

use anyhow::{bail, ensure};

/// Opcodes of frames.
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The request that opens it.
pub(crate) fn handshake(host: &str, path: &str, protocol: Option<&str>) -> String {
    let protocol = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
    )
}

/// A final frame. Masked with a key of zeros, which is as much work for the server as any other and none for the load.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// The first frame, if it is there whole: its opcode, where its payload is, and how many bytes it takes.
fn first_frame(bytes: &[u8]) -> anyhow::Result<Option<(u8, Range<usize>)>> {
    let [first, second, ..] = bytes else { return Ok(None) };
    ensure!(second & 0x80 == 0, "the server sent a masked frame");
    let (start, length) = match second & 0x7f {
        126 => match bytes.get(2..4) {
            Some(length) => (4, usize::from(u16::from_be_bytes([length[0], length[1]]))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10) {
            Some(length) => (10, u64::from_be_bytes(length.try_into()?) as usize),
            None => return Ok(None),
        },
        length => (2, usize::from(length)),
    };
    Ok((bytes.len() >= start + length).then_some((first & 0x0f, start..start + length)))
}

/// Takes frames apart; pings are answered in `answers`. How many bytes were whole frames.
pub(crate) fn take<'a>(
    bytes: &'a [u8],
    answers: &mut Vec<u8>,
    mut found: impl FnMut(&'a [u8]) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let mut used = 0;
    while let Some((opcode, range)) = first_frame(&bytes[used..])? {
        let payload = &bytes[used + range.start..used + range.end];
        used += range.end;
        match opcode {
            // A server may cut a message into several; for a stream of bytes it is all the same.
            0..=2 => found(payload)?,
            PING => answers.extend(frame(PONG, payload)),
            PONG => {}
            _ => bail!("the server closes the WebSocket"),
        }
    }
    Ok(used)
}
