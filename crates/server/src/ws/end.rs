//! Why a WebSocket ends, and the way to end it.

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tracing::debug;

use crate::limits::{LINGER_TIMEOUT, WS_CLOSE_TIMEOUT};
use crate::ws::socket::Socket;

/// Why a socket ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client says goodbye, with this code.
    Left(Option<CloseCode>),
    /// The client is out of reach: there is nobody to tell.
    Lost,
    /// All is said.
    Finished,
    /// The client broke a rule, or is too slow.
    Refused(CloseCode, &'static str),
    /// The hub stops.
    Stopping,
}

/// A close frame has room for 123 bytes of it.
const TOO_LARGE: &str = "the message is too large (limits.ws_message_bytes; for MQTT limits.mqtt_packet_bytes)";

impl End {
    /// Errors of the socket to close codes (RFC 6455 section 7.4.1); the only place that does.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::Refused(CloseCode::Size, TOO_LARGE),
            Error::Utf8(_) => Self::Refused(CloseCode::Invalid, "a text frame must be UTF-8"),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Lost,
            Error::Protocol(_) => Self::Refused(CloseCode::Protocol, "this is not the WebSocket protocol"),
            _ => Self::Lost,
        }
    }
}

/// Ends the socket so that the client hears why: the close frame, the client's own, then the end of the connection.
pub(super) async fn say_goodbye(mut socket: Socket, end: &End) {
    let close = match end {
        End::Lost => return,
        End::Left(_) => None,
        End::Finished => Some((CloseCode::Normal, "")),
        End::Refused(code, reason) => Some((*code, *reason)),
        End::Stopping => Some((CloseCode::Away, "the hub stops")),
    };
    let farewell = async {
        if let Some((code, reason)) = close {
            let reason = Utf8Bytes::from_static(reason);
            socket.write(Message::Close(Some(CloseFrame { code, reason })))?;
            socket.flush().await?;
        }
        while let Some(message) = socket.next().await {
            message?;
        }
        Ok::<_, Error>(())
    };
    if let Ok(Err(error)) = timeout(WS_CLOSE_TIMEOUT, farewell).await {
        debug!("WebSocket broke off at its end: {error}");
    }
    let patience = if *end == End::Stopping { WS_CLOSE_TIMEOUT } else { LINGER_TIMEOUT };
    // Whatever comes of it, the connection is over.
    let _ended = timeout(patience, socket.shutdown()).await.is_ok();
}
