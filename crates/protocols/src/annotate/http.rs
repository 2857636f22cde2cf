//! Heads and bodies of HTTP/1.1 (RFC 9110, RFC 9112).
//!
//! What opens a door is hidden wherever it may stand: in Authorization, cookies and headers that are named after a secret, and in the
//! query of a target. Of a body whoever follows the connection says whether it is shown at all.

use std::ops::Range;

use super::{Annotation, HIDDEN, Reader, Step, Stop, bytes_of, hidden, shown, text_or_size};

/// Whether something of this name is nobody's to see: a header, a parameter of a query, a user property.
pub fn names_a_secret(name: &str) -> bool {
    const WITHIN: [&str; 9] =
        ["token", "password", "passwd", "secret", "api-key", "apikey", "api_key", "credential", "authorization"];
    const WHOLE: [&str; 9] = ["cookie", "set-cookie", "key", "auth", "code", "claim", "session", "pass", "pwd"];
    let name = name.to_ascii_lowercase();
    WHOLE.contains(&name.as_str()) || WITHIN.iter().any(|part| name.contains(part))
}

/// Takes the head of a request or an answer apart, of which `bytes` were kept of `whole`.
pub fn annotate_head(bytes: &[u8], whole: usize) -> Annotation {
    let mut reader = Reader::new(bytes, whole);
    let read = if bytes.starts_with(b"HTTP/") { answer(&mut reader) } else { request(&mut reader) };
    // A head that makes no sense may hold anything.
    reader.finish(read, true)
}

/// A piece of a body; of one that may hold secrets nothing is shown.
pub fn annotate_body(bytes: &[u8], whole: usize, is_shown: bool) -> Annotation {
    if !is_shown {
        return hidden("body", whole, "bodies of these requests may hold secrets");
    }
    let mut reader = Reader::new(bytes, whole);
    reader.made.kind = "body".into();
    let read = reader.take(whole, "the body").map(|(range, kept)| {
        let value = text_or_size(kept, whole);
        reader.made.summary = format!("{} · {value}", bytes_of(whole));
        reader.field(range, "body", value, "", "RFC 9112 §6");
    });
    reader.finish(read, false)
}

/// A chunk, with its size and the empty line behind it; the last one has no data, but may have trailers.
pub fn annotate_chunk(bytes: &[u8], whole: usize, is_shown: bool) -> Annotation {
    let mut reader = Reader::new(bytes, whole);
    reader.made.kind = "chunk".into();
    let read = chunk(&mut reader, is_shown);
    reader.finish(read, !is_shown)
}

fn chunk(reader: &mut Reader<'_>, is_shown: bool) -> Step<()> {
    let (range, line) = line(reader)?;
    let (size, extensions) = line.split_once(';').map_or((line, ""), |(size, rest)| (size, rest));
    let digits = size.trim();
    let length = usize::from_str_radix(digits, 16)
        .map_err(|_| Stop::Broken(format!("'{}' is no length in hexadecimal digits", shown(digits))))?;
    let note = if extensions.is_empty() { "hexadecimal".into() } else { format!("extensions: {}", shown(extensions)) };
    reader.field(range, "chunk size", format!("{digits} = {}", bytes_of(length)), note, "RFC 9112 §7.1");
    if length == 0 {
        reader.made.summary = "the last one".into();
        let rest = reader.left();
        let (range, _) = reader.take(rest, "the trailers")?;
        if rest > 2 {
            reader.redact(range.clone());
            reader.field(range, "trailers", HIDDEN, "not shown", "RFC 9112 §7.1.2");
        } else {
            reader.field(range, "end", "empty line", "the end of the body", "RFC 9112 §7.1");
        }
        return Ok(());
    }
    let (range, data) = reader.take(length, "the data")?;
    if is_shown {
        let value = text_or_size(data, length);
        reader.made.summary = format!("{} · {value}", bytes_of(length));
        reader.field(range, "data", value, "", "RFC 9112 §7.1");
    } else {
        reader.made.summary = format!("{} · not shown", bytes_of(length));
        reader.redact(range.clone());
        reader.field(range, "data", HIDDEN, "bodies of these requests may hold secrets", "RFC 9112 §7.1");
    }
    let (range, _) = reader.take(2, "the end of the data")?;
    reader.field(range, "end", "CR LF", "", "RFC 9112 §7.1");
    Ok(())
}

/// A line without its end, and where it is with it.
fn line<'b>(reader: &mut Reader<'b>) -> Step<(Range<usize>, &'b str)> {
    let rest = reader.bytes.get(reader.at..).unwrap_or_default();
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        return Err(if reader.bytes.len() < reader.whole {
            Stop::Cut
        } else {
            Stop::Broken("a line has no end".into())
        });
    };
    let (range, bytes) = reader.take(end + 1, "a line")?;
    let text = std::str::from_utf8(bytes).map_err(|_| Stop::Broken("a line is not UTF-8".into()));
    // What cannot be read is not passed over.
    let text = text.inspect_err(|_| reader.at = range.start)?;
    Ok((range, text.trim_end_matches(['\r', '\n'])))
}

fn request(reader: &mut Reader<'_>) -> Step<()> {
    reader.made.kind = "request".into();
    let start = reader.at;
    let (_, text) = line(reader)?;
    let mut parts = text.splitn(3, ' ');
    let (method, target, version) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if target.is_empty() || version.is_empty() {
        reader.at = start;
        return Err(Stop::Broken("a request line has a method, a target and a version (RFC 9112 §3)".into()));
    }
    let mut at = start + method.len();
    reader.field(start..at, "method", shown(method), method_note(method), "RFC 9110 §9");
    at += 1;
    let safe_target = hide_in_target(reader, target, at);
    reader.field(at..at + target.len(), "target", shown(&safe_target), "", "RFC 9112 §3.2");
    reader.made.summary = shown(&format!("{method} {safe_target}"));
    at += target.len() + 1;
    reader.field(at..at + version.len(), "version", shown(version), "", "RFC 9112 §2.3");
    headers(reader)
}

fn answer(reader: &mut Reader<'_>) -> Step<()> {
    reader.made.kind = "answer".into();
    let start = reader.at;
    let (_, text) = line(reader)?;
    let mut parts = text.splitn(3, ' ');
    let (version, status, reason) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    reader.field(start..start + version.len(), "version", shown(version), "", "RFC 9112 §2.3");
    let at = start + version.len() + 1;
    let (note, clause) = status_note(status);
    reader.field(at..at + status.len(), "status", shown(status), note, clause);
    if !reason.is_empty() {
        let at = at + status.len() + 1;
        reader.field(at..at + reason.len(), "reason phrase", shown(reason), "for people", "RFC 9112 §4");
    }
    reader.made.summary = shown(&format!("{status} {reason}"));
    headers(reader)
}

fn headers(reader: &mut Reader<'_>) -> Step<()> {
    loop {
        let (range, text) = line(reader)?;
        if text.is_empty() {
            reader.field(range, "end", "empty line", "the end of the head", "RFC 9112 §2.1");
            return Ok(());
        }
        let Some((name, value)) = text.split_once(':') else {
            reader.at = range.start;
            return Err(Stop::Broken("a header has a name and a colon (RFC 9112 §5)".into()));
        };
        let value_at = range.start + name.len() + 1;
        let value = hide_in_value(reader, name, value, value_at);
        let (note, clause) = header_note(name);
        reader.field(range, shown(name), shown(value.trim()), note, clause);
    }
}

/// The value of a header, as it is shown; `at` is its first byte.
fn hide_in_value(reader: &mut Reader<'_>, name: &str, value: &str, at: usize) -> String {
    let lower = name.trim().to_ascii_lowercase();
    match lower.as_str() {
        "authorization" | "proxy-authorization" => {
            let inner = value.trim_start();
            let lead = value.len() - inner.len();
            // The scheme tells nothing: what follows it does.
            let scheme = inner.split_once(' ').map_or(0, |(scheme, _)| scheme.len() + 1);
            reader.redact(at + lead + scheme..at + value.len());
            format!("{}{HIDDEN}", &inner[..scheme])
        }
        "cookie" | "set-cookie" => {
            let mut shown_parts = Vec::new();
            let mut place = at;
            // Of Set-Cookie the first pair is the cookie, and the others say what becomes of it.
            for (number, pair) in value.split(';').enumerate() {
                match pair.find('=') {
                    Some(sign) if lower == "cookie" || number == 0 => {
                        reader.redact(place + sign + 1..place + pair.len());
                        shown_parts.push(format!("{}={HIDDEN}", pair[..sign].trim()));
                    }
                    None if lower == "cookie" || number == 0 => {
                        reader.redact(place..place + pair.len());
                        shown_parts.push(HIDDEN.to_owned());
                    }
                    _ => shown_parts.push(pair.trim().to_owned()),
                }
                place += pair.len() + 1;
            }
            shown_parts.join("; ")
        }
        "referer" | "location" | "content-location" | "link" | "origin" => hide_in_target(reader, value, at),
        // WebSocket's key opens nothing. Some show their token as a subprotocol, as a browser lets them name nothing else.
        "sec-websocket-key" => value.to_owned(),
        "sec-websocket-protocol" => hide_in_subprotocols(reader, value, at),
        other if names_a_secret(other) => {
            reader.redact(at..at + value.len());
            HIDDEN.to_owned()
        }
        _ => value.to_owned(),
    }
}

/// A list of subprotocols; of those that are not known only how many they are. `at` is its first byte.
fn hide_in_subprotocols(reader: &mut Reader<'_>, value: &str, at: usize) -> String {
    const KNOWN: [&str; 5] = ["mqtt", "mqttv3.1", "blynk", "housewire.v1.json", "housewire.v1.cbor"];
    let mut place = at;
    let shown_parts: Vec<_> = value
        .split(',')
        .map(|part| {
            let range = place..place + part.len();
            place = range.end + 1;
            if KNOWN.contains(&part.trim()) {
                return part.trim();
            }
            reader.redact(range);
            HIDDEN
        })
        .collect();
    shown_parts.join(", ")
}

/// A target without its secrets; `at` is its first byte.
fn hide_in_target(reader: &mut Reader<'_>, target: &str, at: usize) -> String {
    let secrets = secrets_of(target);
    for secret in &secrets {
        reader.redact(at + secret.start..at + secret.end);
    }
    without(target, &secrets)
}

/// A target or a path as it may be shown and logged: without what opens a door.
pub fn without_secrets(target: &str) -> String {
    without(target, &secrets_of(target))
}

fn without(target: &str, secrets: &[Range<usize>]) -> String {
    let (mut safe, mut from) = (String::with_capacity(target.len()), 0);
    for secret in secrets {
        safe.push_str(&target[from..secret.start]);
        safe.push_str(HIDDEN);
        from = secret.end;
    }
    safe.push_str(&target[from..]);
    safe
}

/// The path of a target, which may say scheme and host, too.
pub(super) fn path_of(target: &str) -> &str {
    let before_query = target.split('?').next().unwrap_or_default();
    match before_query.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').map_or("", |slash| &rest[slash..]),
        _ => before_query,
    }
}

/// Where the secrets of a target are, in their order: tokens that are a part of the path, as Blynk's old API has them, and what the
/// query says in parameters that are named after a secret.
fn secrets_of(target: &str) -> Vec<Range<usize>> {
    let mut secrets: Vec<_> = userinfo_of(target).into_iter().collect();
    let query = target.find('?').map_or(target.len(), |mark| mark + 1);
    let path = path_of(target);
    // Names in paths of the API are not secret, and as long as any.
    let behind_api = path.trim_start().strip_prefix("/api");
    if !behind_api.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        let before_query = target.find('?').unwrap_or(target.len());
        let mut place = before_query - path.len();
        let mut is_first = true;
        for part in path.split('/') {
            let length = longest_of_token(&decoded(part));
            if length >= TOKEN_CHARS || (is_first && length >= TOKEN_CHARS_PERHAPS) {
                secrets.push(place..place + part.len());
            }
            is_first &= part.trim().is_empty();
            place += part.len() + 1;
        }
    }
    let mut place = query;
    for pair in target[query..].split('&') {
        let end = place + pair.len();
        match pair.split_once('=') {
            Some((name, _)) if names_a_secret(&decoded(name)) => secrets.push(place + name.len() + 1..end),
            None if longest_of_token(&decoded(pair)) >= TOKEN_CHARS || hides_a_secret(&decoded(pair)) => {
                secrets.push(place..end);
            }
            _ => secrets.extend(secret_behind_semicolon(pair).map(|at| place + at..end)),
        }
        place = end + 1;
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

/// Where the secret of a parameter begins that stands behind a `;`, as some write their queries.
fn secret_behind_semicolon(pair: &str) -> Option<usize> {
    pair.match_indices(';').find_map(|(at, _)| {
        let (name, _) = pair[at + 1..].split_once('=')?;
        names_a_secret(&decoded(name)).then_some(at + 1 + name.len() + 1)
    })
}

/// Who somebody says he is in front of a host, as `user:password@host` (RFC 3986 section 3.2.1).
fn userinfo_of(target: &str) -> Option<Range<usize>> {
    let (scheme, rest) = target.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?']))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let start = scheme.len() + 3;
    authority.rfind('@').map(|end| start..start + end)
}

/// Of a token as the hub makes them, and Blynk did.
const TOKEN_CHARS: usize = 32;
/// Somebody may have copied a part only, which others would guess the rest of.
const TOKEN_CHARS_PERHAPS: usize = 20;

/// How many characters in a row might be a token's.
fn longest_of_token(text: &str) -> usize {
    let is_other = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    text.split(is_other).map(str::len).max().unwrap_or(0)
}

/// Whether it has become a parameter with a secret once it is decoded.
fn hides_a_secret(pair: &str) -> bool {
    pair.split_once('=').is_some_and(|(name, _)| names_a_secret(name))
}

/// A name without its percent signs, so that `t%6fken` is none to hide behind.
fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex =
            behind.first_chunk::<2>().filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn method_note(method: &str) -> &'static str {
    match method {
        "GET" => "reads",
        "HEAD" => "reads the head only",
        "PUT" => "puts something in its place",
        "POST" => "asks for something to be done",
        "PATCH" => "changes a part",
        "DELETE" => "removes",
        "OPTIONS" => "asks what is allowed",
        _ => "",
    }
}

fn status_note(status: &str) -> (&'static str, &'static str) {
    match status.as_bytes().first() {
        Some(b'1') => ("not the last answer", "RFC 9110 §15.2"),
        Some(b'2') => ("it worked", "RFC 9110 §15.3"),
        Some(b'3') => ("look elsewhere, or at what is known", "RFC 9110 §15.4"),
        Some(b'4') => ("the client's mistake", "RFC 9110 §15.5"),
        Some(b'5') => ("the server's trouble", "RFC 9110 §15.6"),
        _ => ("", "RFC 9112 §4"),
    }
}

/// Headers that say something about how to go on.
fn header_note(name: &str) -> (&'static str, &'static str) {
    match name.to_ascii_lowercase().as_str() {
        "host" => ("which server is meant", "RFC 9110 §7.2"),
        "user-agent" => ("the client's program", "RFC 9110 §10.1.5"),
        "accept" => ("what the client likes to get", "RFC 9110 §12.5.1"),
        "accept-encoding" => ("how it may be compressed", "RFC 9110 §12.5.3"),
        "content-type" => ("what the body is", "RFC 9110 §8.3"),
        "content-length" => ("bytes of the body", "RFC 9110 §8.6"),
        "transfer-encoding" => ("how the body is cut into pieces", "RFC 9112 §6.1"),
        "connection" => ("about this connection only", "RFC 9110 §7.6.1"),
        "upgrade" => ("another protocol on this connection", "RFC 9110 §7.8"),
        "authorization" => ("who asks; never shown", "RFC 9110 §11.6.2"),
        "www-authenticate" => ("how to say who asks", "RFC 9110 §11.6.1"),
        "cookie" => ("values are never shown", "RFC 6265 §5.4"),
        "set-cookie" => ("values are never shown", "RFC 6265 §4.1"),
        "etag" => ("the version of what is sent", "RFC 9110 §8.8.3"),
        "if-none-match" => ("only if it changed", "RFC 9110 §13.1.2"),
        "if-match" => ("only if it did not change", "RFC 9110 §13.1.1"),
        "expect" => ("the client waits before its body", "RFC 9110 §10.1.1"),
        "location" => ("where to look", "RFC 9110 §10.2.2"),
        "retry-after" => ("when to try again", "RFC 9110 §10.2.3"),
        "cache-control" => ("what may be kept", "RFC 9111 §5.2"),
        "date" => ("when it was answered", "RFC 9110 §6.6.1"),
        "origin" => ("whose page asks", "RFC 6454 §7"),
        "sec-websocket-key" => ("chance that the answer must show it has read; no secret", "RFC 6455 §11.3.1"),
        "sec-websocket-accept" => ("made of the request's key", "RFC 6455 §11.3.3"),
        "sec-websocket-version" => ("13 is the only one", "RFC 6455 §11.3.5"),
        "sec-websocket-protocol" => ("what is spoken inside", "RFC 6455 §11.3.4"),
        "sec-websocket-extensions" => ("", "RFC 6455 §11.3.2"),
        "last-event-id" => ("where an event stream goes on", "HTML §9.2.4"),
        _ => ("", "RFC 9110 §5"),
    }
}
