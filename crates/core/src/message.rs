//! Messages: borrowed as a [`Run`] on their way through, owned as a [`Message`] where they stay.
//!
//! How a message looks on a wire belongs to the transports; they keep their encodings beside the run
//! ([`Run::encoded`]) so that one run is encoded once per variant, whatever the number of subscribers.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::time::Timestamp;
use crate::topic::{Topic, TopicRef};

/// Quality of service, MQTT's three levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// Fire and forget.
    #[default]
    AtMostOnce = 0,
    /// Acknowledged; may arrive twice.
    AtLeastOnce = 1,
    /// Acknowledged in two steps; arrives once.
    ExactlyOnce = 2,
}

impl Qos {
    /// From the number on the wire; `None` for anything but 0, 1, 2.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// The number on the wire.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// What a message may carry beside its payload (MQTT 5 section 3.3.2.3); passed on unchanged and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// The sender says that the payload is UTF-8 text.
    pub payload_is_text: bool,
    /// The message is worthless after so long; for a request, how long it stays pending.
    pub expiry: Option<Duration>,
    /// MIME type of the payload.
    pub content_type: Option<String>,
    /// Where an answer is expected.
    pub response_topic: Option<String>,
    /// Tells answers apart.
    pub correlation: Option<Bytes>,
    /// Name and value pairs; names may repeat, order is kept [MQTT-3.3.2-17], [MQTT-3.3.2-18].
    pub user: Vec<(String, String)>,
}

impl Properties {
    /// Whether there is anything to pass on.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The texts and bytes among them, together.
    pub(crate) fn bytes(&self) -> usize {
        let user: usize = self.user.iter().map(|(name, value)| name.len() + value.len()).sum();
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        user + self.correlation.as_ref().map_or(0, Bytes::len) + text(&self.content_type) + text(&self.response_topic)
    }
}

/// A session, for the hub's purposes: a subscriber's and publisher's identity while the hub runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

/// How long a report shows that its device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// While the session is connected.
    Connected,
    /// For the hub's `online_timeout`: a door without lasting connections, such as HTTP.
    Momentary,
    /// Not at all: the hub itself speaks.
    None,
}

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The door: `"mqtt"`, `"http"`, `"ws"` …; `"hub"` for the hub's own messages.
    pub via: &'static str,
    /// The session that published.
    pub session: SessionId,
    /// What the message says about its device's presence.
    pub presence: Presence,
}

/// An owned message, immutable and cheap to clone; made only to retain, queue or resend.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its address.
    pub topic: Topic,
    /// Any bytes.
    pub payload: Bytes,
    /// As published.
    pub qos: Qos,
    /// Whether it was published to be kept.
    pub retain: bool,
    /// `None` when there are none, the usual case.
    pub properties: Option<Arc<Properties>>,
    /// The door it came through.
    pub via: &'static str,
    /// When it arrived.
    pub time: Timestamp,
}

/// Consecutive messages to one topic with the same options, borrowed from the buffer they were read into.
///
/// Whoever publishes gives topic, payloads, QoS, retain flag and properties; [`crate::Publisher`] adds origin and time.
pub struct Run<'a> {
    topic: TopicRef<'a>,
    payloads: &'a [&'a [u8]],
    qos: Qos,
    retain: bool,
    properties: Option<&'a Arc<Properties>>,
    pub(crate) origin: Origin,
    pub(crate) time: Timestamp,
    /// What the registry says of it, if anything; see [`Run::is_state`].
    is_state: Cell<Option<bool>>,
    payload_bytes: Cell<Option<u64>>,
    encodings: RefCell<Vec<(u32, Rc<Encoded>)>>,
    messages: OnceCell<Vec<Arc<Message>>>,
}

/// One encoding of a run: the bytes, and where in them each receiver writes something of its own
/// (a packet identifier, say).
#[derive(Debug, Default)]
pub struct Encoded {
    /// All messages of the run, one behind the other.
    pub bytes: Vec<u8>,
    /// Offsets in `bytes`, one per message, where the receiver patches; empty when nothing is patched.
    pub marks: Vec<u32>,
}

impl<'a> Run<'a> {
    /// Messages with these payloads, in this order, to one topic: QoS 0, not retained, no properties.
    pub fn new(topic: TopicRef<'a>, payloads: &'a [&'a [u8]]) -> Self {
        Self {
            topic,
            payloads,
            qos: Qos::AtMostOnce,
            retain: false,
            properties: None,
            origin: Origin { via: "hub", session: SessionId(0), presence: Presence::None },
            time: Timestamp::default(),
            is_state: Cell::new(None),
            payload_bytes: Cell::new(None),
            encodings: RefCell::new(Vec::new()),
            messages: OnceCell::new(),
        }
    }

    /// Sets the quality of service.
    #[must_use]
    pub fn qos(mut self, qos: Qos) -> Self {
        self.qos = qos;
        self
    }

    /// Sets whether the last payload is retained.
    #[must_use]
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// Sets the properties that travel with every message of the run.
    #[must_use]
    pub fn properties(mut self, properties: Option<&'a Arc<Properties>>) -> Self {
        self.properties = properties;
        self
    }

    /// The same run with other payloads, keeping origin and time.
    pub(crate) fn with_payloads<'b>(&self, payloads: &'b [&'b [u8]]) -> Run<'b>
    where
        'a: 'b,
    {
        let mut run = Run::new(self.topic, payloads).qos(self.qos).retain(self.retain).properties(self.properties);
        run.origin = self.origin;
        run.time = self.time;
        run.is_state.set(self.is_state.get());
        run
    }

    /// The topic that all messages of the run go to.
    pub fn topic(&self) -> TopicRef<'a> {
        self.topic
    }

    /// One payload per message, never empty.
    pub fn payloads(&self) -> &'a [&'a [u8]] {
        self.payloads
    }

    /// The length of all payloads together; counted once, however many subscribers ask.
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes.get().unwrap_or_else(|| {
            let bytes = self.payloads.iter().map(|payload| payload.len() as u64).sum();
            self.payload_bytes.set(Some(bytes));
            bytes
        })
    }

    /// As published.
    pub fn published_qos(&self) -> Qos {
        self.qos
    }

    /// As published.
    pub fn is_retained(&self) -> bool {
        self.retain
    }

    /// Whether its messages say how something is, so that a newer one of the topic makes the older ones worthless: a device's
    /// values, except those of event properties, and what is retained. Anything else is a happening, each for itself.
    pub fn is_state(&self) -> bool {
        self.is_state.get().unwrap_or(self.retain)
    }

    /// The registry knows better than the retain flag.
    pub(crate) fn set_state(&self, is_state: bool) {
        self.is_state.set(Some(is_state));
    }

    /// As published.
    pub fn message_properties(&self) -> Option<&'a Arc<Properties>> {
        self.properties
    }

    /// Where it came from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// When it arrived.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The encoding under `key`, built by the first subscriber that asks for it and shared with the rest.
    ///
    /// Keys belong to the transports: each takes its own range (its number in the upper 16 bits).
    pub fn encoded(&self, key: u32, build: impl FnOnce(&Self, &mut Encoded)) -> Rc<Encoded> {
        if let Some((_, encoded)) = self.encodings.borrow().iter().find(|(have, _)| *have == key) {
            return Rc::clone(encoded);
        }
        let mut encoded = Encoded::default();
        build(self, &mut encoded);
        let encoded = Rc::new(encoded);
        self.encodings.borrow_mut().push((key, Rc::clone(&encoded)));
        encoded
    }

    /// One message of the run, owned; `topic` is the run's.
    pub(crate) fn message(&self, topic: &Topic, place: usize) -> Message {
        match self.messages.get() {
            Some(messages) => Message::clone(&messages[place]),
            None => self.own(topic, self.payloads[place]),
        }
    }

    fn own(&self, topic: &Topic, payload: &[u8]) -> Message {
        Message {
            topic: topic.clone(),
            payload: Bytes::copy_from_slice(payload),
            qos: self.qos,
            retain: self.retain,
            properties: self.properties.cloned(),
            via: self.origin.via,
            time: self.time,
        }
    }

    /// The messages of the run, owned; made once, however many subscribers queue them.
    pub fn messages(&self) -> &[Arc<Message>] {
        self.messages.get_or_init(|| {
            let topic = self.topic.to_topic();
            self.payloads.iter().map(|payload| Arc::new(self.own(&topic, payload))).collect()
        })
    }
}

impl Message {
    /// What it takes up: topic, payload and properties, in bytes.
    pub fn bytes(&self) -> usize {
        self.topic.as_str().len()
            + self.payload.len()
            + self.properties.as_ref().map_or(0, |properties| properties.bytes())
    }

    /// Whether the sender gave the message a life and it is over.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        let expiry = self.properties.as_ref().and_then(|properties| properties.expiry);
        expiry.is_some_and(|expiry| now.since(self.time) >= expiry)
    }

    /// Hands the message to `use_run` as a run of one.
    pub(crate) fn as_run<R>(&self, session: SessionId, use_run: impl FnOnce(&Run<'_>) -> R) -> R {
        let payloads = [self.payload.as_ref()];
        let mut run = Run::new(self.topic.borrow(), &payloads)
            .qos(self.qos)
            .retain(self.retain)
            .properties(self.properties.as_ref());
        run.origin = Origin { via: self.via, session, presence: Presence::None };
        run.time = self.time;
        use_run(&run)
    }
}
