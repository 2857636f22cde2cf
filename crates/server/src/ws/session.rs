//! What one WebSocket is to the hub: a publisher and a subscriber, for as long as it lives.
//!
//! Reading and writing the socket belongs to `connection`.

use std::sync::Arc;

use housewire_core::{BatchNumber, Filter, Hub, Message, Presence, Properties, Publisher, SessionId, Topic};

use crate::caller::Caller;
use crate::clients::Protocol;
use crate::feed::Feed;
use crate::publish::{Publication, publish};
use crate::refusal::Refusal;
use crate::shard;
use crate::stats::{Bound, Stats};
use crate::ws::reply;
use crate::ws::request::{Frame, Publish, Request};

/// See the module.
pub(super) struct Session {
    /// What it is subscribed to.
    pub(super) feed: Feed,
    publisher: Publisher,
    subscriptions_max: usize,
    stats: Arc<Stats>,
    _presence: PresenceGuard,
}

/// An answer, and where it belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Before anything that waits to be written: the answer to a subscription comes before its stored values.
    First(String),
    /// Behind what waits: no message comes after the answer to the end of its subscription.
    Last(String),
    /// As the last: `ok` with this id when the disk has the batch, an error if it refuses it.
    Durable(Option<String>, BatchNumber),
}

/// Devices that a session reported for are online while it lives.
struct PresenceGuard {
    hub: Arc<Hub>,
    session: SessionId,
}

impl Drop for PresenceGuard {
    fn drop(&mut self) {
        self.hub.session_ended(self.session, shard::now());
    }
}

impl Session {
    pub(super) fn new(caller: &Caller) -> Self {
        let hub = Arc::clone(caller.hub());
        let session = hub.new_session();
        Self {
            feed: Feed::new(caller, session, Protocol::WebSocket, reply::ENCODING),
            publisher: caller.publisher(session, "ws", Presence::Connected),
            subscriptions_max: caller.shard.config.limits.ws_subscriptions,
            stats: Arc::clone(&caller.shard.stats),
            _presence: PresenceGuard { hub, session },
        }
    }

    /// Does what a text frame asks for.
    pub(super) fn handle(&mut self, frame: Frame<'_>) -> Answer {
        let Frame { id, request } = frame;
        let id = id.as_deref();
        match request.and_then(|request| self.fulfil(request)) {
            Ok(Outcome::Subscribed) => Answer::First(reply::ok(id)),
            Ok(Outcome::Done) => Answer::Last(reply::ok(id)),
            Ok(Outcome::Published(due)) => match due {
                Some(batch) => Answer::Durable(id.map(str::to_owned), batch),
                None => Answer::Last(reply::ok(id)),
            },
            Ok(Outcome::Found(message)) => Answer::Last(reply::present(id, &message)),
            Err(refusal) => Answer::Last(reply::error(id, &refusal)),
        }
    }

    fn fulfil(&mut self, request: Request<'_>) -> Result<Outcome, Refusal> {
        match request {
            Request::Subscribe(filter) => self.subscribe(filter),
            Request::Unsubscribe(filter) => {
                // Whether there was one or not: now there is none.
                let _was_subscribed = self.feed.unsubscribe(&filter);
                Ok(Outcome::Done)
            }
            Request::Publish(message) => self.publish(message),
            Request::Get(topic) => self.get(&topic),
            Request::Ping => Ok(Outcome::Done),
        }
    }

    fn subscribe(&mut self, filter: Filter) -> Result<Outcome, Refusal> {
        let bound = self.subscriptions_max;
        if self.feed.subscription_count() >= bound {
            self.stats.reach(Bound::WsSubscriptions);
            let why =
                format!("a WebSocket may have {bound} subscriptions (limits.ws_subscriptions): use wider filters");
            return Err(Refusal::Full(why));
        }
        self.feed.subscribe(filter)?;
        Ok(Outcome::Subscribed)
    }

    fn publish(&self, message: Publish<'_>) -> Result<Outcome, Refusal> {
        let Publish { topic, payload, qos, retain, ttl } = message;
        let properties = Properties { expiry: ttl, ..Properties::default() };
        let publication = Publication { topic: &topic, payload: &payload, qos, retain, properties };
        publish(&self.publisher, publication).map(Outcome::Published)
    }

    fn get(&self, topic: &Topic) -> Result<Outcome, Refusal> {
        let message = self.publisher.hub().get(self.publisher.principal(), topic.borrow(), shard::now())?;
        message.map(Outcome::Found).ok_or_else(|| Refusal::NotFound(format!("nothing is kept under '{topic}'")))
    }
}

enum Outcome {
    Subscribed,
    Published(Option<BatchNumber>),
    Done,
    Found(Message),
}
