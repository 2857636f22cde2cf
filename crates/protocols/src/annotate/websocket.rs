//! A frame of a WebSocket (RFC 6455 section 5).

use std::ops::Range;

use super::{Annotation, Reader, Step, Stop, bytes_of, text_or_size};

/// What is inside of data frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Whatever somebody says.
    Text,
    /// Another protocol, which is shown by itself: its secrets are not told here, so that none of its bytes are.
    Stream,
}

/// How long the head of a frame is, and what comes behind it; `None` while it is not there whole.
///
/// Whoever follows a connection asks this; it says nothing about whether the frame keeps the rules.
pub fn measure(bytes: &[u8]) -> Option<(usize, u64)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let _: u8 = first;
    let (extended, length) = match second & 0x7f {
        126 => (2, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (8, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (0, u64::from(short)),
    };
    let head = 2 + extended + if second & 0x80 != 0 { 4 } else { 0 };
    Some((head, length))
}

/// Whether these bytes begin like a frame of this side: no reserved bit, an opcode that exists, and a mask from clients only
/// (sections 5.1 and 5.2).
pub fn begins_like_one(bytes: &[u8], is_from_client: bool) -> bool {
    let (Some(first), second) = (bytes.first(), bytes.get(1)) else { return false };
    let is_known = matches!(first & 0x0f, 0..=2 | 8..=10);
    let is_masked = second.is_none_or(|second| (second & 0x80 != 0) == is_from_client);
    first & 0x70 == 0 && is_known && is_masked
}

/// Takes a frame apart, of which `bytes` were kept of `whole`.
pub fn annotate(bytes: &[u8], whole: usize, inside: Inside) -> Annotation {
    let mut reader = Reader::new(bytes, whole);
    let read = frame(&mut reader, inside);
    // What may be another protocol's stays hidden also where the frame is broken.
    reader.finish(read, inside == Inside::Stream)
}

const NAMES: [(u8, &str, &str); 6] = [
    (0x0, "continuation", "goes on with the message before"),
    (0x1, "text", "UTF-8"),
    (0x2, "binary", "bytes"),
    (0x8, "close", "the last frame of its side"),
    (0x9, "ping", "is answered by a pong with the same bytes"),
    (0xa, "pong", "the answer to a ping, or a sign of life"),
];

fn frame(reader: &mut Reader<'_>, inside: Inside) -> Step<()> {
    let (range, [first]) = reader.number("the first byte")?;
    let opcode = first & 0x0f;
    let (name, about) = NAMES
        .iter()
        .find(|(number, ..)| *number == opcode)
        .map_or(("reserved", "means nothing yet: whoever gets it ends the connection"), |(_, name, about)| {
            (name, about)
        });
    reader.made.kind = name.into();
    let is_final = first & 0x80 != 0;
    let fin_note = if is_final { "the last frame of its message" } else { "more frames of the message follow" };
    reader.field(range.clone(), "FIN", bit(is_final), fin_note, "RFC 6455 §5.2");
    let reserved = first >> 4 & 0x07;
    let note = if reserved == 0 { "" } else { "must be 0: no extension was agreed on" };
    reader.field(range.clone(), "RSV1–3", format!("{reserved:03b}"), note, "RFC 6455 §5.2");
    reader.field(range, "opcode", format!("0x{opcode:x} {name}"), about, "RFC 6455 §5.2, §11.8");

    let (range, [second]) = reader.number("the length")?;
    let (is_masked, short) = (second & 0x80 != 0, second & 0x7f);
    let note = if is_masked { "as every frame of a client" } else { "as every frame of a server" };
    reader.field(range.clone(), "MASK", bit(is_masked), note, "RFC 6455 §5.1");
    let note = match short {
        126 => "the next 2 bytes say it",
        127 => "the next 8 bytes say it",
        _ => "",
    };
    reader.field(range, "payload length", short.to_string(), note, "RFC 6455 §5.2");
    let length = match short {
        126 => {
            let (range, length) = reader.number("the extended length")?;
            let length = u64::from(u16::from_be_bytes(length));
            let note = if length < 126 { "not the shortest form, which the standard demands" } else { "" };
            reader.field(range, "extended length", bytes_of_u64(length), note, "RFC 6455 §5.2");
            length
        }
        127 => {
            let (range, length) = reader.number("the extended length")?;
            let length = u64::from_be_bytes(length);
            let note = match length {
                0..=0xffff => "not the shortest form, which the standard demands",
                0x8000_0000_0000_0000.. => "the first bit must be 0",
                _ => "",
            };
            reader.field(range, "extended length", bytes_of_u64(length), note, "RFC 6455 §5.2");
            length
        }
        short => u64::from(short),
    };
    if opcode >= 8 && (length > 125 || !is_final) {
        let why = "a control frame has 125 bytes at the most and is not cut in pieces (RFC 6455 §5.5)";
        return Err(Stop::Broken(why.into()));
    }
    let mut mask = [0; 4];
    if is_masked {
        let (range, key) = reader.number("the masking key")?;
        mask = key;
        let text = key.map(|byte| format!("{byte:02x}")).join(" ");
        reader.field(
            range,
            "masking key",
            text,
            "each byte behind it is XORed with one of these in turn",
            "RFC 6455 §5.3",
        );
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    payload(reader, opcode, length, mask, inside)
}

fn payload(reader: &mut Reader<'_>, opcode: u8, length: usize, mask: [u8; 4], inside: Inside) -> Step<()> {
    reader.made.summary = bytes_of(length);
    let start = reader.at;
    let (range, masked) = reader.take(length, "the payload")?;
    let plain: Vec<u8> = masked.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    match (opcode, inside) {
        (0x8, _) => return close(reader, &plain, start, length),
        (0x0..=0x2, Inside::Stream) => {
            reader.redact(range.clone());
            let note = "bytes of the protocol inside, which is shown by itself";
            reader.field(range, "payload", bytes_of(length), note, "RFC 6455 §5.2");
        }
        _ if length > 0 => {
            let secrets = if opcode <= 0x1 { secrets_in_json(&plain) } else { secrets_in_cbor(&plain) };
            let mut covered = plain;
            for place in secrets {
                covered[place.clone()].fill(b'*');
                reader.redact(start + place.start..start + place.end);
            }
            let value = text_or_size(&covered, length);
            reader.made.summary = format!("{} · {value}", bytes_of(length));
            let note = if mask == [0; 4] { "" } else { "without its mask" };
            reader.field(range, "payload", value, note, "RFC 6455 §5.6");
        }
        _ => {}
    }
    Ok(())
}

/// Status code and reason of a close frame.
fn close(reader: &mut Reader<'_>, plain: &[u8], start: usize, length: usize) -> Step<()> {
    let Some(code) = plain.first_chunk::<2>() else {
        reader.made.summary = "without a reason".into();
        return if length == 0 { Ok(()) } else { Err(Stop::Broken("a status code has 2 bytes".into())) };
    };
    let code = u16::from_be_bytes(*code);
    let meaning = close_code(code);
    reader.field(start..start + 2, "status code", code.to_string(), meaning, "RFC 6455 §7.4");
    let reason = text_or_size(&plain[2..], length - 2);
    reader.made.summary = format!("{code} {meaning}");
    if length > 2 {
        reader.made.summary = format!("{code} {meaning} · {reason}");
        reader.field(start + 2..start + length, "reason", reason, "UTF-8, for people", "RFC 6455 §7.1.6");
    }
    Ok(())
}

/// What a status code of a close frame says (RFC 6455 section 7.4.1, and the register of section 11.7).
pub fn close_code(code: u16) -> &'static str {
    match code {
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1005 | 1006 | 1015 => "reserved: never sent",
        1007 => "invalid payload: not UTF-8 where it must be",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "an extension is missing",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        3000..=3999 => "registered by a library or framework",
        4000..=4999 => "private use",
        _ => "not in use",
    }
}

/// Names of what a frame of the hub's own API may hold and nobody is to see: a session that its owner may come back to, and what
/// somebody shows who takes it for a door.
const SECRETS: [&str; 9] =
    ["session", "token", "password", "passwd", "secret", "authorization", "api_key", "apikey", "credential"];

/// Where the texts are that stand behind such a name. A message that was cut into several frames is looked at as far as this one
/// goes.
fn secrets_in_json(plain: &[u8]) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let mut at = 0;
    while let Some(text) = text_in_json(plain, at) {
        at = text.end + 1;
        let name = plain[text].to_ascii_lowercase();
        let is_secret = SECRETS.iter().any(|secret| name.windows(secret.len()).any(|part| part == secret.as_bytes()));
        let behind = plain.get(at..).unwrap_or_default();
        let value = behind.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b':');
        let is_key = value.is_some_and(|value| behind[..value].contains(&b':'));
        if let Some(value) = value
            && is_secret
            && is_key
        {
            let value = at + value;
            let is_text = plain[value] == b'"';
            let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']');
            let secret = if is_text {
                text_in_json(plain, value).unwrap_or(value..plain.len())
            } else {
                value..plain[value..].iter().position(is_end).map_or(plain.len(), |length| value + length)
            };
            at = secret.end + usize::from(is_text);
            secrets.push(secret);
        }
    }
    secrets
}

/// What is between the next two quotation marks.
fn text_in_json(plain: &[u8], from: usize) -> Option<Range<usize>> {
    let start = from + plain.get(from..)?.iter().position(|byte| *byte == b'"')? + 1;
    let mut end = start;
    while let Some(byte) = plain.get(end) {
        match byte {
            b'"' => break,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    Some(start..end.min(plain.len()))
}

/// The same in CBOR, where a name has its length in front (RFC 8949 section 3.1).
fn secrets_in_cbor(plain: &[u8]) -> Vec<Range<usize>> {
    let mut secrets: Vec<_> = SECRETS
        .iter()
        .flat_map(|name| {
            let key: Vec<u8> = [&[0x60 + u8::try_from(name.len()).unwrap_or(0x17)], name.as_bytes()].concat();
            let places = (0..plain.len()).filter(move |at| plain[*at..].starts_with(&key));
            places.map(|at| text_in_cbor(plain, at + 1 + name.len())).collect::<Vec<_>>()
        })
        .collect();
    secrets.sort_by_key(|secret| secret.start);
    secrets
}

/// The text that begins there, or all that follows if it is something else.
fn text_in_cbor(plain: &[u8], at: usize) -> Range<usize> {
    let (head, length) = match plain.get(at..).unwrap_or_default() {
        [short @ 0x60..=0x77, ..] => (1, usize::from(short - 0x60)),
        [0x78, length, ..] => (2, usize::from(*length)),
        [0x79, high, low, ..] => (3, usize::from(u16::from_be_bytes([*high, *low]))),
        _ => (0, plain.len()),
    };
    let open = (at + head).min(plain.len());
    open..open.saturating_add(length).min(plain.len())
}

fn bit(is_set: bool) -> &'static str {
    if is_set { "1" } else { "0" }
}

fn bytes_of_u64(length: u64) -> String {
    format!("{length} bytes")
}
