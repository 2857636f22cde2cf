//! Why an MQTT connection ends, and its last words.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::time::Duration;

use housewire_protocols::mqtt::{ProtocolError, ReasonCode};

use crate::presence::Reason;
use crate::stream::ByteStream;

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client said goodbye.
    Client,
    /// The connection broke, or the client closed it without a word.
    Lost,
    /// The client broke the protocol, or a time ran out.
    Protocol(ProtocolError),
    /// The hub's own reason, told to MQTT 5 clients.
    Hub(ReasonCode, String),
}

impl From<ProtocolError> for End {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl End {
    pub(super) fn shutting_down() -> Self {
        Self::Hub(ReasonCode::ServerShuttingDown, "the hub is shutting down".to_owned())
    }

    /// The reason, for the log.
    pub(super) fn describe(&self) -> Cow<'_, str> {
        match self {
            Self::Client => "it said goodbye".into(),
            Self::Lost => "the connection was closed or lost".into(),
            Self::Protocol(error) => error.to_string().into(),
            Self::Hub(_, text) => text.as_str().into(),
        }
    }

    /// Why the devices that spoke over it are away now.
    pub(super) fn reason_of_absence(&self) -> Reason {
        match self {
            Self::Client => Reason::Goodbye,
            Self::Lost => Reason::Network,
            Self::Protocol(error) if error.reason() == ReasonCode::KeepAliveTimeout => Reason::KeepAlive,
            Self::Protocol(_) => Reason::Protocol,
            Self::Hub(ReasonCode::SessionTakenOver, _) => Reason::Replaced,
            Self::Hub(ReasonCode::ServerShuttingDown, _) => Reason::HubRestart,
            Self::Hub(ReasonCode::AdministrativeAction | ReasonCode::NotAuthorized, _) => Reason::Revoked,
            Self::Hub(..) => Reason::Protocol,
        }
    }

    /// Whether nobody is left to tell anything.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::Client | Self::Lost)
    }

    /// The reason and words to tell the client, unless it left by itself.
    pub(super) fn farewell(&self) -> Option<(ReasonCode, String)> {
        match self {
            Self::Client | Self::Lost => None,
            Self::Protocol(error) => Some((error.reason(), error.to_string())),
            Self::Hub(reason, text) => Some((*reason, text.clone())),
        }
    }
}

/// How long a leaving connection may take for its last bytes.
const LINGER: Duration = Duration::from_secs(1);

/// Writes what is left to say and closes so that it arrives: to close while the client still sends would reset the
/// connection, and the client might never read why.
pub(super) async fn say_last_words(stream: &ByteStream, bytes: &[u8]) {
    let farewell = async {
        write_all(stream, bytes).await?;
        stream.end_writing()?;
        discard_rest(stream).await
    };
    // Whatever comes of it, the connection is over.
    let _ended = tokio::time::timeout(LINGER, farewell).await.is_ok();
}

/// Writes to the end; waits for the socket as long as that takes.
pub(super) async fn write_all(stream: &ByteStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => {
                if stream.tap().is_watched() {
                    stream.tap().wrote(&bytes[..written], true);
                }
                bytes = &bytes[written..];
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn discard_rest(stream: &ByteStream) -> std::io::Result<()> {
    const DISCARDED_BYTES_MAX: usize = 4 * 1024 * 1024;
    let mut space = [0; 4 * 1024];
    let mut discarded = 0;
    while discarded < DISCARDED_BYTES_MAX {
        stream.readable().await?;
        match stream.try_read(&mut space) {
            Ok(0) => break,
            Ok(read) => discarded += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        // Others have their turn, however fast this client sends.
        tokio::task::yield_now().await;
    }
    Ok(())
}
