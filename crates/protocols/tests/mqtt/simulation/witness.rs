//! Sees everything that clients were promised and what became of it. Knows nothing of how the hub works.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::Qos;

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// QoS 2 arrived twice.
    Twice,
    /// What was acknowledged did not arrive.
    Lost,
    /// Messages of one publisher to one topic changed places, or acknowledgements did.
    Order,
    /// More than a bound allows.
    Bound,
    /// A will too early, twice, or not at all; or one that was taken back.
    Will,
    /// A session was there that should be gone, or the other way round.
    Session,
    /// What the journal said does not fit what it said before.
    Journal,
    /// One side said what the other did not expect.
    Protocol,
    /// Something is left that should be done.
    Unsettled,
}

#[derive(Debug)]
pub(super) struct Violation {
    pub(super) kind: Kind,
    pub(super) text: String,
}

pub(super) fn violation<T>(kind: Kind, text: String) -> Result<T, Violation> {
    Err(Violation { kind, text })
}

/// The number of the message that this is the payload of.
pub(super) fn number_of(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

/// One life of a client's session: from a CONNACK without a session to the end of what was promised in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Life {
    pub(super) client: usize,
    pub(super) life: u32,
    /// It outlives connections, and the hub.
    pub(super) is_kept: bool,
}

/// What has to happen in some of the simulations, so that a run in which nothing went wrong is noticed.
const HAPPENINGS: [&str; 10] = [
    "crash",
    "take-over",
    "batch refused",
    "message refused",
    "overflow",
    "message once",
    "message again",
    "will",
    "will taken back",
    "session ended",
];

/// How often each of them happened.
#[derive(Debug)]
pub(super) struct Counts(BTreeMap<&'static str, usize>);

impl Default for Counts {
    fn default() -> Self {
        Self(HAPPENINGS.iter().map(|happening| (*happening, 0)).collect())
    }
}

impl Counts {
    pub(super) fn count(&mut self, happening: &str) {
        *self.0.get_mut(happening).unwrap() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (happening, times) in &other.0 {
            *self.0.get_mut(happening).unwrap() += times;
        }
    }

    pub(super) fn all_happened(&self) -> bool {
        self.0.values().all(|times| *times > 0)
    }
}

struct Message {
    publisher: usize,
    topic: String,
    qos: Qos,
    will: Option<Will>,
    /// PUBACK or PUBREC came; for a will, CONNACK.
    is_acknowledged: bool,
    was_refused: bool,
    /// Who was subscribed, not with QoS 0, when it was published for the first time.
    due_to: BTreeSet<Life>,
}

struct Will {
    delay_ms: u64,
    /// When the connection was gone.
    lost_ms: Option<u64>,
    /// The client said goodbye, or tried to come back: whether the hub knew in time is not known.
    is_doubtful: bool,
    /// The session was ended before its time, and the will with it.
    is_hastened: bool,
    is_taken_back: bool,
}

/// Messages are known by their number, which is their payload's beginning.
#[derive(Default)]
pub(super) struct Witness {
    messages: Vec<Message>,
    /// Who has a subscription.
    subscribed: BTreeMap<Life, Vec<(String, Qos)>>,
    arrived: BTreeMap<Life, Vec<u32>>,
    /// Dropped over a bound and not taken since.
    dropped: BTreeSet<(usize, u32)>,
    ever_dropped: BTreeSet<(usize, u32)>,
    pub(super) counts: Counts,
}

/// The highest QoS of the subscriptions that match; `None` if none does.
fn granted(subscriptions: &[(String, Qos)], topic: &str) -> Option<Qos> {
    let matches = |filter: &str| match filter.strip_suffix('+') {
        Some(start) => topic.starts_with(start),
        None => filter == topic,
    };
    subscriptions.iter().filter(|(filter, _)| matches(filter)).map(|(_, qos)| *qos).max()
}

impl Witness {
    /// A client publishes this for the first time.
    pub(super) fn publishes(&mut self, publisher: usize, topic: &str, qos: Qos) -> u32 {
        self.add(publisher, topic, qos, None)
    }

    /// A client leaves a will.
    pub(super) fn wills(&mut self, publisher: usize, topic: &str, delay_ms: u64) -> u32 {
        let will = Will { delay_ms, lost_ms: None, is_doubtful: false, is_hastened: false, is_taken_back: false };
        self.add(publisher, topic, Qos::ExactlyOnce, Some(will))
    }

    fn add(&mut self, publisher: usize, topic: &str, qos: Qos, will: Option<Will>) -> u32 {
        let has = |(_, subscriptions): &(_, &Vec<_>)| granted(subscriptions, topic) > Some(Qos::AtMostOnce);
        let due_to = self.subscribed.iter().filter(has).map(|(life, _)| *life).collect();
        let topic = topic.to_owned();
        self.messages.push(Message { publisher, topic, qos, will, is_acknowledged: false, was_refused: false, due_to });
        self.messages.len() as u32 - 1
    }

    pub(super) fn acknowledged(&mut self, number: u32) {
        self.messages[number as usize].is_acknowledged = true;
    }

    /// The hub does not take it now; the client may never hear of it, and send it again.
    pub(super) fn refused(&mut self, number: u32) {
        self.counts.count("message refused");
        self.messages[number as usize].was_refused = true;
    }

    /// SUBACK came.
    pub(super) fn subscribed(&mut self, life: Life, subscriptions: &[(String, Qos)]) {
        self.subscribed.insert(life, subscriptions.to_vec());
    }

    /// The session is no more; what it was owed is forgotten with it.
    pub(super) fn ended(&mut self, life: Life) {
        self.counts.count("session ended");
        self.subscribed.remove(&life);
    }

    pub(super) fn dropped(&mut self, client: usize, number: u32) {
        self.counts.count("overflow");
        self.dropped.insert((client, number));
        self.ever_dropped.insert((client, number));
    }

    pub(super) fn taken(&mut self, client: usize, number: u32) {
        self.dropped.remove(&(client, number));
    }

    /// A message is handed to the program behind a client.
    pub(super) fn arrives(
        &mut self,
        life: Life,
        number: u32,
        subscriptions: &[(String, Qos)],
        now_ms: u64,
    ) -> Result<(), Violation> {
        let Some(message) = self.messages.get(number as usize) else {
            return violation(Kind::Protocol, format!("there is no message {number}"));
        };
        let qos = granted(subscriptions, &message.topic).map(|granted| granted.min(message.qos));
        let arrived = self.arrived.entry(life).or_default();
        let is_repeated = arrived.contains(&number);
        arrived.push(number);
        if let Some(will) = &message.will {
            self.counts.count("will");
            let is_early = will.lost_ms.is_none_or(|lost_ms| now_ms < lost_ms + will.delay_ms);
            if will.is_taken_back || (is_early && !will.is_hastened) {
                let cause = if will.is_taken_back { "was taken back" } else { "is not due" };
                return violation(Kind::Will, format!("will {number} {cause}: lost {:?}, now {now_ms}", will.lost_ms));
            }
        }
        match qos {
            None => violation(Kind::Protocol, format!("{life:?} is not subscribed to message {number}")),
            // QoS 0 is delivered at once. If its publisher has to send it again, it is a new message.
            Some(granted) if granted < Qos::ExactlyOnce && message.qos > Qos::AtMostOnce => {
                if is_repeated {
                    self.counts.count("message again");
                }
                Ok(())
            }
            Some(_) if is_repeated => violation(Kind::Twice, format!("message {number} came to {life:?} twice")),
            Some(_) => {
                self.counts.count("message once");
                Ok(())
            }
        }
    }

    /// The connection that a will belongs to is gone.
    pub(super) fn will_is_due(&mut self, number: u32, now_ms: u64) {
        if let Some(will) = &mut self.messages[number as usize].will {
            will.lost_ms.get_or_insert(now_ms);
        }
    }

    /// DISCONNECT was sent.
    pub(super) fn says_goodbye(&mut self, will: u32) {
        self.messages[will as usize].will.iter_mut().for_each(|will| will.is_doubtful = true);
    }

    /// A client asks to be let in again.
    pub(super) fn comes_back(&mut self, client: usize, begins_anew: bool) {
        for message in self.messages.iter_mut().filter(|message| message.publisher == client) {
            let Some(will) = &mut message.will else { continue };
            if begins_anew {
                will.is_hastened = true;
            } else if will.delay_ms > 0 {
                will.is_doubtful = true;
            }
        }
    }

    /// A client is let in to the session that it had.
    pub(super) fn is_back(&mut self, client: usize, present: Option<u32>, now_ms: u64) {
        for (number, message) in self.messages.iter_mut().enumerate() {
            let Some(will) = message.will.as_mut().filter(|_| message.publisher == client) else { continue };
            let is_in_time = will.lost_ms.is_some_and(|lost_ms| now_ms < lost_ms + will.delay_ms);
            if present != Some(number as u32) && is_in_time && !will.is_hastened && !will.is_taken_back {
                will.is_taken_back = true;
                self.counts.count("will taken back");
            }
        }
    }

    /// Everything is settled: did everybody get what is due?
    pub(super) fn check(&self) -> Result<(), Violation> {
        for (number, message) in (0..).zip(&self.messages) {
            let is_lossless = match &message.will {
                None => message.is_acknowledged,
                Some(will) => {
                    message.is_acknowledged && !will.is_taken_back && !will.is_doubtful && will.lost_ms.is_some()
                }
            };
            let is_kept_for = |life: &&Life| life.is_kept && is_lossless && self.subscribed.contains_key(life);
            for life in message.due_to.iter().filter(is_kept_for).filter(|_| message.qos > Qos::AtMostOnce) {
                let has_arrived = self.arrived.get(life).is_some_and(|arrived| arrived.contains(&number));
                if !has_arrived && !self.dropped.contains(&(life.client, number)) {
                    let kind = if message.will.is_some() { Kind::Will } else { Kind::Lost };
                    let (publisher, qos) = (message.publisher, message.qos);
                    return violation(
                        kind,
                        format!("message {number} of {publisher}, {qos:?}, did not come to {life:?}"),
                    );
                }
            }
        }
        self.arrived.iter().try_for_each(|(life, arrived)| self.check_order(*life, arrived))
    }

    /// Per publisher, topic and QoS, by first arrival [MQTT-4.6.0-5]. A message that was turned away once, by the hub or
    /// by a full queue, may be let in later; one that was published before the subscription, or went with QoS 0 to a client
    /// that was not there, may be published again.
    fn check_order(&self, life: Life, arrived: &[u32]) -> Result<(), Violation> {
        let mut last = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for number in arrived {
            let message = &self.messages[*number as usize];
            let was_turned_away = message.was_refused || self.ever_dropped.contains(&(life.client, *number));
            let was_there = message.qos == Qos::AtMostOnce || message.due_to.contains(&life);
            let is_ordered = message.will.is_none() && !was_turned_away && was_there;
            if !seen.insert(*number) || !is_ordered {
                continue;
            }
            let before = last.insert((message.publisher, &message.topic, message.qos), *number);
            if let Some(before) = before.filter(|before| before > number) {
                return violation(Kind::Order, format!("message {number} came to {life:?} after {before}"));
            }
        }
        Ok(())
    }
}
