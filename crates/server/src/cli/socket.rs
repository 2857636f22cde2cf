//! A WebSocket to the hub: frames out, frames in, and why it ended.
//!
//! What frames are sent and what is done with those that come belongs to the commands, and so does reconnecting.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::client::{CONNECT_LIMIT, Client};
use super::failure::{Failure, distrust, root_cause};

/// After so long without a word the hub is asked whether it is still there; after as long again it is not.
const QUIET: Duration = Duration::from_secs(20);

/// Why a connection ended.
pub(super) type Lost = String;

/// One open connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// A ping is out, and nothing has come since.
    is_doubted: bool,
}

/// What the hub sends; which fields are there depends on `op`.
#[derive(Debug, Deserialize)]
pub(super) struct Frame<'a> {
    pub(super) op: String,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) topic: Option<String>,
    #[serde(borrow)]
    pub(super) payload: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) retain: bool,
    pub(super) time: Option<String>,
    pub(super) via: Option<String>,
}

impl Socket {
    pub(super) async fn connect(client: &Client, what: &str) -> Result<Self, Failure> {
        let unreachable = |why: String| Failure::Unreachable { hub: client.hub.to_string(), why };
        let connector = client.tls.clone().map_or(Connector::Plain, Connector::Rustls);
        let mut request = client.hub.socket().into_client_request().map_err(|error| unreachable(error.to_string()))?;
        if let Some(bearer) = &client.bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        let connecting = connect_async_tls_with_config(request, None, false, Some(connector));
        match timeout(CONNECT_LIMIT, connecting).await {
            Ok(Ok((stream, _))) => Ok(Self { stream, is_doubted: false }),
            Ok(Err(tungstenite::Error::Http(answer))) => {
                let status =
                    reqwest::StatusCode::from_u16(answer.status().as_u16()).expect("it was a status code a moment ago");
                Err(client.refusal(what, status, answer.body().as_deref().unwrap_or_default()))
            }
            Ok(Err(tungstenite::Error::Io(error))) => Err(match distrust(&error) {
                Some(why) => Failure::Untrusted { hub: client.hub.to_string(), why },
                None => unreachable(root_cause(&error)),
            }),
            Ok(Err(error)) => Err(client.strange(what, format!("it speaks no WebSocket ({})", root_cause(&error)))),
            Err(_) => Err(unreachable(format!("it does not answer within {} s", CONNECT_LIMIT.as_secs()))),
        }
    }

    pub(super) async fn send(&mut self, frame: &impl Serialize) -> Result<(), Lost> {
        let text = serde_json::to_string(frame).map_err(|error| error.to_string())?;
        self.stream.send(Message::text(text)).await.map_err(|error| root_cause(&error))
    }

    /// The next text frame.
    pub(super) async fn next(&mut self) -> Result<Utf8Bytes, Lost> {
        loop {
            match timeout(QUIET, self.stream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.is_doubted = false;
                    return Ok(text);
                }
                Ok(Some(Ok(Message::Close(frame)))) => {
                    let reason = frame.map(|frame| frame.reason.to_string()).filter(|reason| !reason.is_empty());
                    return Err(reason.unwrap_or_else(|| "the hub closed it".to_owned()));
                }
                Ok(Some(Ok(_))) => self.is_doubted = false,
                Ok(Some(Err(error))) => return Err(root_cause(&error)),
                Ok(None) => return Err("the hub closed it".to_owned()),
                Err(_) if self.is_doubted => return Err("the hub has fallen silent".to_owned()),
                Err(_) => {
                    self.is_doubted = true;
                    self.stream.send(Message::Ping(Vec::new().into())).await.map_err(|error| root_cause(&error))?;
                }
            }
        }
    }

    /// Says goodbye; that the hub no longer listens does not matter then.
    pub(super) async fn close(mut self) {
        const FAREWELL: Duration = Duration::from_millis(500);
        let _closed = timeout(FAREWELL, self.stream.close(None)).await.is_ok();
    }
}
