//! What is left of a session on this side when its connection is gone: the will, the deadline, what was received.
//!
//! What waits to be sent stays in [`super::Outbound`]; subscriptions stay in `core`. The shell keeps a table of these.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use housewire_core::{Properties, Qos, Topic, TopicRef};
use rustc_hash::FxHashSet;

use super::error::ProtocolError;
use crate::mqtt::packet::{PacketId, Will};

/// The message that tells others that a client is gone, to be published in its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WillMessage {
    /// Where to.
    pub topic: Topic,
    /// Any bytes.
    pub payload: Bytes,
    /// As the client asked for.
    pub qos: Qos,
    /// As the client asked for.
    pub retain: bool,
    /// As in a PUBLISH; expiry counts from when it is published.
    pub properties: Option<Arc<Properties>>,
}

/// A will while the client is there: what, and how long after.
#[derive(Debug)]
pub(super) struct PendingWill {
    pub(super) message: WillMessage,
    pub(super) delay: Duration,
}

impl PendingWill {
    /// A delay over the bound is cut to it.
    pub(super) fn new(will: &Will<'_>, delay_max_s: u32) -> Result<Self, ProtocolError> {
        let topic = TopicRef::parse(will.topic).map_err(ProtocolError::TopicName)?;
        let message = WillMessage {
            topic: topic.to_topic(),
            payload: Bytes::copy_from_slice(will.payload),
            qos: will.qos,
            retain: will.retain,
            properties: will.properties.clone(),
        };
        Ok(Self { message, delay: Duration::from_secs(will.delay_s.min(delay_max_s).into()) })
    }
}

/// What has come due of a detached session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Publish it.
    Will(Box<WillMessage>),
    /// Forget the session: subscriptions, queue and all.
    SessionEnd,
}

/// A session without a connection.
#[derive(Debug)]
pub struct Detached {
    /// QoS 2 messages that were received and not yet released by the client; not to be published again when the
    /// client repeats them [MQTT-4.3.3-10].
    pub(super) received: FxHashSet<PacketId>,
    will: Option<(Instant, Box<WillMessage>)>,
    /// `None`: never.
    end: Option<Instant>,
}

impl Detached {
    /// `session_expiry_s` is [`u32::MAX`] for ever.
    pub(super) fn new(
        received: FxHashSet<PacketId>,
        will: Option<Box<PendingWill>>,
        session_expiry_s: u32,
        now: Instant,
    ) -> Self {
        let end = (session_expiry_s != u32::MAX).then(|| now + Duration::from_secs(session_expiry_s.into()));
        // The will is due after its delay or when the session ends, whichever is first [MQTT-3.1.3-9].
        let will = will.map(|will| {
            let after_delay = now + will.delay;
            (end.map_or(after_delay, |end| end.min(after_delay)), Box::new(will.message))
        });
        Self { received, will, end }
    }

    /// What the disk has of a session: identifiers of QoS 2 messages received and not released, the will with the
    /// moment it is due, the moment when the session ends (`None`: never).
    pub fn restore(
        received: impl IntoIterator<Item = PacketId>,
        will: Option<(Instant, WillMessage)>,
        end: Option<Instant>,
    ) -> Self {
        let will = will.map(|(at, will)| (at, Box::new(will)));
        Self { received: received.into_iter().collect(), will, end }
    }

    /// The will that waits for its delay, and the moment it is due.
    pub fn will(&self) -> Option<(Instant, &WillMessage)> {
        self.will.as_ref().map(|(at, will)| (*at, &**will))
    }

    /// When the session ends; `None`: never.
    pub fn end_at(&self) -> Option<Instant> {
        self.end
    }

    /// When something comes due next; `None`: never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (&self.will, self.end) {
            (Some((at, _)), _) => Some(*at),
            (None, end) => end,
        }
    }

    /// What is due now; to be called until there is nothing more.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if let Some((_, will)) = self.will.take_if(|(at, _)| *at <= now) {
            return Some(Due::Will(will));
        }
        self.end.take_if(|end| *end <= now).map(|_| Due::SessionEnd)
    }

    /// The session ends before its time, for a clean start or because the server stops: the will is due now.
    pub fn end(self) -> Option<WillMessage> {
        self.will.map(|(_, will)| *will)
    }
}
