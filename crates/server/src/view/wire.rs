//! Connections and what goes over them, as JSON.

use housewire_core::{DeviceId, Hub};
use housewire_protocols::annotate::follow::Direction;
use housewire_protocols::annotate::{Annotation, Field};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clients::Transport;
use crate::tap::{Counted, Known, Seen};

/// What `/api/connections` shows of one.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
pub(crate) struct ConnectionView {
    /// For `/api/wire`; no two connections of one run of the hub have the same.
    #[schema(example = "c17")]
    pub(crate) id: String,
    /// What is spoken: `mqtt`, `blynk`, `ws` or `http`; `unknown` while it has said nothing.
    #[schema(example = "mqtt")]
    transport: &'static str,
    /// What carries it: `tcp`, `tls`, `ws` or `wss`.
    over: &'static str,
    /// `1.1` or `2`, of HTTP.
    http: Option<&'static str>,
    #[schema(example = "192.0.2.20:49152")]
    peer: String,
    /// Who it turned out to be; of HTTP who asked last.
    user: Option<String>,
    client_id: Option<String>,
    /// The device that its credential is of, or that it reports for.
    pub(crate) device: Option<String>,
    #[schema(format = DateTime)]
    since: String,
    /// What came while somebody looked on; `null` while nobody does, as counting would cost everybody.
    r#in: Option<FramesView>,
    out: Option<FramesView>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = FrameCounts)]
struct FramesView {
    bytes: u64,
    frames: u64,
}

impl From<Counted> for FramesView {
    fn from(Counted { frames, bytes }: Counted) -> Self {
        Self { bytes, frames }
    }
}

impl ConnectionView {
    pub(crate) fn new(known: &Known, hub: &Hub) -> Self {
        let user = known.user.as_ref().map(|user| user.name().to_owned());
        let counted = known.counted.map(|both| both.map(FramesView::from));
        Self {
            id: format!("c{}", known.id),
            transport: known.spoken.map_or("unknown", crate::tap::Spoken::name),
            over: match known.over {
                None | Some(Transport::Tcp | Transport::Http) => "tcp",
                Some(Transport::Tls | Transport::HttpOverTls) => "tls",
                Some(Transport::WebSocket) => "ws",
                Some(Transport::WebSocketOverTls) => "wss",
            },
            http: (known.spoken == Some(crate::tap::Spoken::Http)).then_some(if known.is_http2 { "2" } else { "1.1" }),
            peer: known.peer.to_string(),
            client_id: known.client_id.as_deref().map(str::to_owned),
            device: device_of(known, hub).map(|id| id.to_string()),
            user,
            since: known.since.to_string(),
            r#in: counted.map(|both| both[0]),
            out: counted.map(|both| both[1]),
        }
    }
}

/// The device that a connection is of, or reports for.
pub(crate) fn device_of(known: &Known, hub: &Hub) -> Option<DeviceId> {
    let named = known.user.as_ref().and_then(|user| user.name().strip_prefix("device:"));
    let named = named.and_then(|id| DeviceId::parse(id).ok());
    named.or_else(|| hub.spoken_for(known.client.as_ref()?.subscriber.id()).into_iter().next())
}

/// The `data` of an event named `frame`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Frame)]
pub(crate) struct FrameView {
    /// Counts the events of this stream.
    seq: u64,
    #[schema(format = DateTime)]
    time: String,
    #[schema(example = "c17")]
    connection: String,
    /// As the hub sees it: `in` from the client, `out` to it.
    direction: &'static str,
    /// Of this frame: `mqtt`, `blynk`, `ws`, `http`, or `unknown` for what began before anybody looked.
    transport: &'static str,
    /// How long it is; 0 for heads of HTTP/2, which go over the wire compressed and are shown decoded.
    bytes: usize,
    #[schema(example = "PUBLISH")]
    kind: String,
    #[schema(example = "devices/lamp/power · QoS 1 · 4 bytes")]
    summary: String,
    /// Its first 4 KiB; `••` for each byte that nobody is shown.
    #[schema(example = "30 1d")]
    hex: String,
    /// There is more of it than `hex` shows.
    cut: bool,
    fields: Vec<FieldView>,
    /// Bytes that nobody is shown: the first, and the one behind the last.
    redacted: Vec<[usize; 2]>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FrameField)]
struct FieldView {
    /// Its first byte.
    from: usize,
    /// The byte behind its last one.
    to: usize,
    #[schema(example = "packet type")]
    name: String,
    #[schema(example = "3 PUBLISH")]
    value: String,
    note: String,
    /// The clause of the standard that describes it.
    #[serde(rename = "ref")]
    #[schema(example = "MQTT 5.0 §2.1.2")]
    reference: String,
}

impl FrameView {
    pub(crate) fn new(seq: u64, seen: &Seen) -> Self {
        let frame = &seen.frame;
        let Annotation { kind, summary, fields, redacted } = frame.annotate();
        // What is decoded has no place among the bytes on the wire.
        let place = |at: usize| if seen.is_http2 { 0 } else { at };
        let field = |field: Field| {
            let Field { from, to, name, value, note, reference } = field;
            FieldView { from: place(from), to: place(to), name, value, note, reference }
        };
        let hex = if seen.is_http2 { String::new() } else { hex(&frame.bytes, &redacted) };
        Self {
            seq,
            time: seen.time.to_string(),
            connection: format!("c{}", seen.connection),
            direction: if frame.direction == Direction::In { "in" } else { "out" },
            transport: frame.content.transport(),
            bytes: place(frame.whole),
            kind,
            summary: if seen.is_http2 { format!("{summary} · HTTP/2, decoded") } else { summary },
            hex,
            cut: !seen.is_http2 && frame.whole > frame.bytes.len(),
            fields: fields.into_iter().map(field).collect(),
            redacted: if seen.is_http2 {
                Vec::new()
            } else {
                redacted.iter().map(|range| [range.start, range.end]).collect()
            },
        }
    }
}

/// Two digits for each byte, or two dots.
fn hex(bytes: &[u8], redacted: &[std::ops::Range<usize>]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut is_hidden = vec![false; bytes.len()];
    for range in redacted {
        let (start, end) = (range.start.min(bytes.len()), range.end.min(bytes.len()));
        is_hidden[start..end].fill(true);
    }
    let mut hex = String::with_capacity(bytes.len() * 3);
    for (byte, is_hidden) in bytes.iter().zip(is_hidden) {
        if !hex.is_empty() {
            hex.push(' ');
        }
        if is_hidden {
            hex.push_str("••");
        } else {
            hex.push(char::from(DIGITS[usize::from(byte >> 4)]));
            hex.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_bytes_keep_their_place() {
        assert_eq!(hex(&[0x10, 0xab, 0xff, 0], &[1..3, 9..12]), "10 •• •• 00");
        assert_eq!(hex(&[], &[]), "");
    }
}
