//! The languages of the doors, as little of them as the load needs: packets encoded beforehand, answers taken apart in bulk.
//!
//! Belongs here: bytes. Does not: sockets (but for the simple [`blocking`] client) and what the load is.

pub(crate) mod blocking;
pub(crate) mod blynk;
pub(crate) mod channel;
pub(crate) mod http;
pub(crate) mod mqtt;
pub(crate) mod websocket;

/// A message encoded once, with places to be written over before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) bytes: Vec<u8>,
    /// Where the packet identifier is, if it has one.
    pub(crate) packet_id_at: Option<usize>,
    /// Where the payload begins, if it has one.
    pub(crate) payload_at: Option<usize>,
}

impl Template {
    /// The same in a WebSocket frame of its own.
    pub(crate) fn in_frame(self) -> Self {
        let bytes = websocket::frame(websocket::BINARY, &self.bytes);
        let header = bytes.len() - self.bytes.len();
        let moved = |at: Option<usize>| at.map(|at| at + header);
        Self { bytes, packet_id_at: moved(self.packet_id_at), payload_at: moved(self.payload_at) }
    }
}

/// What the load cares about in what a server sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Incoming<'a> {
    /// A message for a subscriber.
    Message(&'a [u8]),
    /// The acknowledgement of the publish with this packet identifier.
    Acknowledged(u16),
    /// The answer to the oldest request.
    Answered,
}
