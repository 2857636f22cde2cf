//! What a WebSocket of the API speaks: the same operations and fields in JSON, in text frames, or in CBOR, in binary ones.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::outbox::Encoding;
use crate::ws::request::Frame;
use crate::ws::{cbor, reply};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Json,
    Cbor,
}

impl Language {
    /// The subprotocols, the one that is meant by who names none first.
    pub(super) const SUBPROTOCOLS: [&'static str; 2] = ["housewire.v1.json", "housewire.v1.cbor"];

    pub(super) fn of(subprotocol: Option<&str>) -> Self {
        if subprotocol == Some("housewire.v1.cbor") { Self::Cbor } else { Self::Json }
    }

    pub(super) fn encoding(self) -> Encoding {
        match self {
            Self::Json => reply::JSON,
            Self::Cbor => cbor::ENCODING,
        }
    }

    /// A frame of what the hub wrote in this language.
    pub(super) fn frame(self, bytes: Bytes) -> Message {
        match self {
            Self::Json => {
                let text = Utf8Bytes::try_from(bytes).expect("messages are written as JSON, which is UTF-8");
                Message::Text(text)
            }
            Self::Cbor => Message::Binary(bytes),
        }
    }

    /// What the payload of a client's frame holds; JSON came in a text frame and is UTF-8.
    pub(super) fn parse(self, bytes: &[u8]) -> Frame<'_> {
        match self {
            Self::Json => Frame::parse(std::str::from_utf8(bytes).unwrap_or_default()),
            Self::Cbor => cbor::parse(bytes),
        }
    }

    /// What is said of a frame of the other kind.
    pub(super) fn wrong_kind(self) -> &'static str {
        match self {
            Self::Json => {
                "frames are JSON in text frames, not in binary ones; for CBOR, ask for the subprotocol housewire.v1.cbor"
            }
            Self::Cbor => "frames are CBOR in binary frames, not in text ones, as the subprotocol is housewire.v1.cbor",
        }
    }
}
