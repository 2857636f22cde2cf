//! What both MQTT doors share: the topics, the queue between the library's event loop and the device, and the way to
//! end.
//!
//! The two versions are two sets of types in the library, so each has a door of its own; nothing else differs.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::door::{DoorError, Incoming, read};

/// The hub takes a device that says nothing for one and a half of this for dead.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Reports waiting for the event loop; the device waits when they are too many.
pub(crate) const OUTGOING_MAX: usize = 32;
const OPEN_LIMIT: Duration = Duration::from_secs(5);
const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// Requests waiting for the device; the event loop waits when they are too many.
const INCOMING_MAX: usize = 32;

/// What the event loop's task says.
#[derive(Debug)]
pub(crate) enum Word {
    Connected,
    Incoming(Incoming),
    Lost(DoorError),
}

/// The device's end of a connection that an event loop drives in a task of its own: the library must be polled without
/// interruption, a device stops listening whenever it acts.
#[derive(Debug)]
pub(crate) struct Line {
    words: mpsc::Receiver<Word>,
    task: JoinHandle<()>,
}

impl Line {
    /// Runs the event loop until it ends, and waits for the connection.
    pub(crate) async fn open<F: Future<Output = ()> + Send + 'static>(
        run: impl FnOnce(mpsc::Sender<Word>) -> F,
    ) -> Result<Self, DoorError> {
        let (sender, words) = mpsc::channel(INCOMING_MAX);
        let mut line = Self { words, task: tokio::spawn(run(sender)) };
        match timeout(OPEN_LIMIT, line.words.recv()).await {
            Ok(Some(Word::Connected)) => Ok(line),
            Ok(Some(Word::Lost(error))) => Err(error),
            Ok(_) => Err(DoorError::lost("the connection ended")),
            Err(_) => Err(DoorError::lost("the hub does not answer")),
        }
    }

    pub(crate) async fn next(&mut self) -> Result<Incoming, DoorError> {
        loop {
            match self.words.recv().await {
                Some(Word::Incoming(incoming)) => return Ok(incoming),
                Some(Word::Lost(error)) => return Err(error),
                Some(Word::Connected) => {}
                None => return Err(DoorError::lost("the connection ended")),
            }
        }
    }

    /// Waits until a disconnect that was asked for has happened.
    pub(crate) async fn close(mut self) {
        self.words.close();
        let _in_time = timeout(CLOSE_LIMIT, &mut self.task).await.is_ok();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The host as the library wants it.
pub(crate) fn host(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// What a message means for the device; a retained request is an old one and means nothing.
pub(crate) fn heard(device: &str, topic: &[u8], payload: &[u8], retain: bool) -> Option<Word> {
    let (topic, payload) = (std::str::from_utf8(topic).ok()?, std::str::from_utf8(payload).ok()?);
    if retain { None } else { read(device, topic, payload).map(Word::Incoming) }
}

/// Where a device says whether it is there; its will says `false`.
pub(crate) fn online_topic(device: &str) -> String {
    format!("devices/{device}/$online")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_live_requests_are_heard() {
        let topic = b"devices/lamp/power/set";
        assert!(matches!(heard("lamp", topic, b"true", false), Some(Word::Incoming(_))));
        assert!(heard("lamp", topic, b"true", true).is_none());
        assert!(heard("lamp", topic, b"\xff", false).is_none());
    }

    #[test]
    fn hosts_can_have_a_port_behind_them() {
        for (address, expected) in [("127.0.0.1:1", "127.0.0.1"), ("[::1]:1", "[::1]")] {
            assert_eq!(host(address.parse().unwrap()), expected);
        }
    }
}
