//! The WebSocket door: JSON frames on `/api/ws`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::Access;
use super::door::{Door, DoorError, Farewell, Incoming, filters, read};
use super::model::{Report, ReportKind};

const OPEN_LIMIT: Duration = Duration::from_secs(5);
const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// A ping goes out so often; when nothing has come since the last one, the connection is dead.
const PING_EVERY: Duration = Duration::from_secs(20);

/// See the module.
#[derive(Debug)]
pub(crate) struct WsDoor {
    stream: WebSocketStream<TcpStream>,
    device: Arc<str>,
    ping_at: Instant,
    has_heard: bool,
}

impl WsDoor {
    async fn send(&mut self, frame: &Value) -> Result<(), DoorError> {
        self.stream.send(Message::text(frame.to_string())).await.map_err(DoorError::lost)
    }

    async fn ping(&mut self) -> Result<(), DoorError> {
        if !self.has_heard {
            return Err(DoorError::lost("the hub has fallen silent"));
        }
        self.has_heard = false;
        self.ping_at = Instant::now() + PING_EVERY;
        self.stream.send(Message::Ping(Vec::new().into())).await.map_err(DoorError::lost)
    }
}

impl Door for WsDoor {
    async fn open(access: Access, device: Arc<str>) -> Result<Self, DoorError> {
        let connect = async {
            let socket = TcpStream::connect(access.http).await.map_err(DoorError::lost)?;
            socket.set_nodelay(true).map_err(DoorError::lost)?;
            let mut request = format!("ws://{}/api/ws", access.http).into_client_request().map_err(DoorError::lost)?;
            let bearer = HeaderValue::from_str(&format!("Bearer {}", access.token)).map_err(DoorError::lost)?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
            match client_async(request, socket).await {
                Ok((stream, _)) => Ok(stream),
                Err(tungstenite::Error::Http(answer)) => Err(DoorError::Refused(answer.status().to_string())),
                Err(error) => Err(DoorError::lost(error)),
            }
        };
        let stream = timeout(OPEN_LIMIT, connect).await.map_err(|_| DoorError::lost("the hub does not answer"))??;
        let mut door = Self { stream, device, ping_at: Instant::now() + PING_EVERY, has_heard: true };
        for (id, filter) in filters(&door.device).into_iter().enumerate() {
            door.send(&json!({"op": "subscribe", "id": id, "filter": filter})).await?;
        }
        Ok(door)
    }

    async fn next(&mut self) -> Result<Incoming, DoorError> {
        loop {
            let frame = tokio::select! {
                frame = self.stream.next() => frame,
                () = sleep_until(self.ping_at) => {
                    self.ping().await?;
                    continue;
                }
            };
            let message = frame.ok_or_else(|| DoorError::lost("the hub closed it"))?.map_err(DoorError::lost)?;
            self.has_heard = true;
            match message {
                Message::Text(text) => {
                    if let Some(incoming) = read_frame(&self.device, &text)? {
                        return Ok(incoming);
                    }
                }
                Message::Close(_) => return Err(DoorError::lost("the hub closed it")),
                _ => {}
            }
        }
    }

    async fn report(&mut self, report: Report) -> Result<(), DoorError> {
        let topic = format!("devices/{}/{}", self.device, report.property);
        let retain = report.kind == ReportKind::State;
        self.send(&json!({"op": "publish", "topic": topic, "payload": report.payload, "retain": retain})).await
    }

    async fn close(mut self, _farewell: Farewell) {
        let goodbye = async {
            if self.stream.close(None).await.is_ok() {
                // The hub's answer, so that it is not the hub that has to clear up.
                while self.stream.next().await.is_some_and(|frame| frame.is_ok()) {}
            }
        };
        let _in_time = timeout(CLOSE_LIMIT, goodbye).await.is_ok();
    }
}

/// What a frame brings; `None` for answers and for what is of no concern.
fn read_frame(device: &str, text: &str) -> Result<Option<Incoming>, DoorError> {
    let frame: Value = serde_json::from_str(text).map_err(DoorError::lost)?;
    match frame["op"].as_str() {
        Some("message") => {}
        Some("error") => return Err(DoorError::Refused(frame["message"].to_string())),
        _ => return Ok(None),
    }
    // A request is for now: one that was stored is not.
    let is_stored = frame["retain"] == true;
    let payload = match &frame["payload"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let topic = frame["topic"].as_str().filter(|_| !is_stored);
    Ok(topic.and_then(|topic| read(device, topic, &payload)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_understood() {
        let frame = |payload: &str, retain: bool| {
            let topic = "devices/button/button/set";
            format!(r#"{{"op":"message","topic":"{topic}","payload":{payload},"retain":{retain}}}"#)
        };
        let request = |payload: &str| Incoming::Request { property: "button".to_owned(), payload: payload.to_owned() };
        for (text, expected) in [
            (frame("\"press\"", false), Some(request("press"))),
            (frame("true", false), Some(request("true"))),
            (frame("\"press\"", true), None),
            (r#"{"op":"ok","id":1}"#.to_owned(), None),
        ] {
            assert_eq!(read_frame("button", &text).unwrap(), expected, "{text}");
        }
        for text in ["{", r#"{"op":"error","code":"rejected","message":"no"}"#] {
            assert!(read_frame("button", text).is_err(), "{text}");
        }
    }
}
