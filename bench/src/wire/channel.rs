//! Housewire's own WebSocket channel: JSON in text frames.

use anyhow::bail;

use super::{Incoming, Template, websocket};
use crate::load::stamp::{BLANK, PAYLOAD_LEN};

/// Subscribes.
pub(crate) fn subscribe(filter: &str) -> Vec<u8> {
    websocket::frame(websocket::TEXT, format!(r#"{{"op":"subscribe","id":1,"filter":"{filter}"}}"#).as_bytes())
}

/// A publish to be filled in.
pub(crate) fn template(topic: &str) -> Template {
    let payload = str::from_utf8(&BLANK).expect("letters");
    let json = format!(r#"{{"op":"publish","id":2,"topic":"{topic}","payload":"{payload}"}}"#);
    let bytes = websocket::frame(websocket::TEXT, json.as_bytes());
    let payload_at = bytes.len() - PAYLOAD_LEN - 2;
    Template { packet_id_at: None, payload_at: Some(payload_at), bytes }
}

/// Takes a frame apart. It has as many `ok` as publishes, which the load needs not tell apart.
pub(crate) fn take<'a>(json: &'a [u8], mut found: impl FnMut(Incoming<'a>)) -> anyhow::Result<()> {
    const MESSAGE: &[u8] = br#"{"op":"message","#;
    const OK: &[u8] = br#"{"op":"ok","#;
    if json.starts_with(MESSAGE) {
        const PAYLOAD: &[u8] = br#""payload":""#;
        let at = json.windows(PAYLOAD.len()).position(|part| part == PAYLOAD);
        match at.and_then(|at| json.get(at + PAYLOAD.len()..at + PAYLOAD.len() + PAYLOAD_LEN)) {
            Some(payload) => found(Incoming::Message(payload)),
            None => bail!("a message without a payload: {}", String::from_utf8_lossy(json)),
        }
    } else if json.starts_with(OK) {
        found(Incoming::Answered);
    } else {
        bail!("the hub answered {}", String::from_utf8_lossy(json));
    }
    Ok(())
}
