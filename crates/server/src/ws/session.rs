//! What one WebSocket of the API means: its subscriptions, its publisher, and what it is answered.
//!
//! Reading and writing the socket belongs to `connection`; what outlives it to `kept`.

use std::sync::Arc;
use std::time::Duration;

use housewire_core::{Filter, Hub, Message as Stored, Presence, Properties, Publisher, SessionId, Topic};
use tokio_tungstenite::tungstenite::Message;

use crate::caller::Caller;
use crate::clients::Protocol;
use crate::feed::Feed;
use crate::kept::{KeptFeed, KeptFeeds, NotHanded, Seat};
use crate::limits::WS_SESSION_KEEP;
use crate::persist::Due;
use crate::presence::Reason;
use crate::publish::{Publication, publish};
use crate::refusal::Refusal;
use crate::refusals::{Whose, topic_of};
use crate::shard::{self, Shard};
use crate::stats::Bound;
use crate::ws::language::Language;
use crate::ws::reply::{self, Value};
use crate::ws::request::{Hello, Operation, Publish, Request};

/// See the module.
pub(super) struct Session {
    caller: Caller,
    language: Language,
    channel: Channel,
    publisher: Publisher,
    presence_guard: PresenceGuard,
}

/// What it is subscribed to.
enum Channel {
    /// Ends with the connection.
    Passing(Box<Feed>),
    Kept(Box<KeptFeed>),
}

/// An answer, and where it belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Before anything that waits to be written: the answer to a subscription comes before its stored values.
    First(Message),
    /// Behind what waits: no message comes after the answer to the end of its subscription.
    Last(Message),
    /// As the last: `ok` with this id when what is due is so, an error if the disk refuses it.
    Durable(Option<Vec<u8>>, Due),
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
    pub(super) fn new(caller: Caller, language: Language) -> Self {
        let hub = Arc::clone(caller.hub());
        let session = hub.new_session();
        Self {
            channel: Channel::Passing(Box::new(new_feed(&caller, session, language))),
            publisher: caller.publisher(session, "ws", Presence::Connected),
            caller,
            language,
            presence_guard: PresenceGuard { hub, session },
        }
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.caller.shard
    }

    pub(super) fn feed(&self) -> &Feed {
        match &self.channel {
            Channel::Passing(feed) => feed,
            Channel::Kept(kept) => kept,
        }
    }

    pub(super) fn feed_mut(&mut self) -> &mut Feed {
        match &mut self.channel {
            Channel::Passing(feed) => feed,
            Channel::Kept(kept) => kept,
        }
    }

    /// Where others ask for what is kept of it, if it is.
    pub(super) fn seat(&self) -> Option<Arc<Seat>> {
        match &self.channel {
            Channel::Passing(_) => None,
            Channel::Kept(kept) => Some(Arc::clone(kept.seat())),
        }
    }

    /// Ends for good, whatever was to be kept.
    pub(super) fn end(self) {
        if let Channel::Kept(kept) = self.channel {
            kept.end();
        }
    }

    /// Does what an operation asks for, if it is no `hello`.
    pub(super) fn handle(&mut self, operation: Operation<'_>) -> Answer {
        let Operation { id, request } = operation;
        let (language, id) = (self.language, id.as_deref());
        match request.and_then(|request| self.fulfil(request)) {
            Ok(Outcome::Subscribed) => Answer::First(reply::ok(language, id)),
            Ok(Outcome::Done) => Answer::Last(reply::ok(language, id)),
            Ok(Outcome::Published(due)) => match due {
                Some(due) => Answer::Durable(id.map(<[u8]>::to_vec), due),
                None => Answer::Last(reply::ok(language, id)),
            },
            Ok(Outcome::Found(message)) => Answer::Last(reply::present(language, id, &message)),
            Err(refusal) => {
                self.tell_refusal(&refusal);
                Answer::Last(reply::error(language, id, &refusal))
            }
        }
    }

    fn tell_refusal(&self, refusal: &Refusal) {
        if matches!(refusal, Refusal::NotFound(_)) {
            return;
        }
        let shard = &self.caller.shard;
        let topic = topic_of(refusal);
        let (client_id, user) = (Some(&**self.feed().client().id()), Some(self.caller.principal().name()));
        let peer = Some(self.caller.peer.address());
        let whose = Whose { transport: "ws", peer, client_id, user, topic: topic.as_deref() };
        shard.refusals.note(&shard.hub, whose, refusal.into(), refusal.to_string());
    }

    /// Why the devices that spoke over it are about to be away.
    pub(super) fn note_end(&self, reason: Reason) {
        let shard = &self.caller.shard;
        shard.presence.note_end(&shard.hub, self.presence_guard.session, reason);
    }

    /// Answers `hello`, the only operation that waits for somebody.
    pub(super) async fn greet(&mut self, id: Option<&[u8]>, hello: Hello) -> Answer {
        match self.hello(hello).await {
            // What comes again comes behind it.
            Ok(lost) => Answer::First(self.welcome(id, lost)),
            Err(refusal) => Answer::Last(reply::error(self.language, id, &refusal)),
        }
    }

    fn welcome(&self, id: Option<&[u8]>, lost: Option<u64>) -> Message {
        let Channel::Kept(kept) = &self.channel else { unreachable!("whoever is welcome has a session") };
        let fields = [
            ("session", Value::Text(kept.token())),
            ("resumed", Value::Bool(lost.is_some())),
            ("lost", Value::Number(lost.unwrap_or(0))),
            ("keep", Value::Number(kept.keep().as_secs())),
        ];
        reply::Answer { op: "ok", id, fields: &fields }.write(self.language)
    }

    /// Has a session that outlives the connection: a new one, or one from before, of which so many messages are lost.
    async fn hello(&mut self, hello: Hello) -> Result<Option<u64>, Refusal> {
        if matches!(self.channel, Channel::Kept(_)) || self.feed().subscription_count() > 0 {
            let why = "hello comes first, once in a connection and before subscribe";
            return Err(Refusal::BadRequest(why.into()));
        }
        let keep = hello.keep.unwrap_or(WS_SESSION_KEEP).min(self.caller.shard.config.limits.ws_session_keep);
        match hello.session {
            None => self.begin(keep).map(|()| None),
            Some((token, last)) => self.resume(&token, last, keep).await.map(Some),
        }
    }

    fn begin(&mut self, keep: Duration) -> Result<(), Refusal> {
        let feed = new_feed(&self.caller, self.caller.hub().new_session(), self.language);
        let kept = KeptFeeds::keep(&self.caller, feed, keep).map_err(|_| {
            let bound = self.caller.shard.config.limits.ws_sessions;
            Refusal::Full(format!(
                "there are {bound} sessions already (limits.ws_sessions), or half as many of yours: go on without one"
            ))
        })?;
        self.channel = Channel::Kept(Box::new(kept));
        Ok(())
    }

    async fn resume(&mut self, token: &str, last: u64, keep: Duration) -> Result<u64, Refusal> {
        let claimed = self.caller.shard.kept.claim(token, self.caller.principal()).await;
        let mut kept = claimed.map_err(|reason| match reason {
            NotHanded::Unknown => Refusal::UnknownSession,
            NotHanded::Busy => Refusal::Full("the connection before does not let go of the session: try again".into()),
        })?;
        if !kept.is_encoded(&self.language.encoding()) {
            let why = "the session speaks another subprotocol: come back with the one it began with";
            return Err(Refusal::BadRequest(why.into()));
        }
        let Some(lost) = kept.resume(&self.caller, last, keep) else {
            return Err(Refusal::BadRequest(format!("last is {last}, but that number was never sent")));
        };
        self.channel = Channel::Kept(Box::new(kept));
        Ok(lost)
    }

    fn fulfil(&mut self, request: Request<'_>) -> Result<Outcome, Refusal> {
        match request {
            Request::Subscribe(filter) => self.subscribe(filter),
            Request::Unsubscribe(filter) => {
                // Whether there was one or not: now there is none.
                let _was_subscribed = self.feed_mut().unsubscribe(&filter);
                Ok(Outcome::Done)
            }
            Request::Publish(message) => self.publish(message),
            Request::Get(topic) => self.get(&topic),
            Request::Acknowledge(last) => self.acknowledge(last),
            Request::Ping => Ok(Outcome::Done),
            Request::Hello(_) => unreachable!("is greeted, not handled"),
        }
    }

    fn subscribe(&mut self, filter: Filter) -> Result<Outcome, Refusal> {
        let bound = self.caller.shard.config.limits.ws_subscriptions;
        if self.feed().subscription_count() >= bound {
            self.caller.shard.stats.reach(Bound::WsSubscriptions);
            let why =
                format!("a WebSocket may have {bound} subscriptions (limits.ws_subscriptions): use wider filters");
            return Err(Refusal::Full(why));
        }
        self.feed_mut().subscribe(filter)?;
        Ok(Outcome::Subscribed)
    }

    fn acknowledge(&self, last: u64) -> Result<Outcome, Refusal> {
        if self.feed().acknowledge(last) {
            return Ok(Outcome::Done);
        }
        Err(Refusal::BadRequest(format!("last is {last}, but no message with that number was sent in this session")))
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

fn new_feed(caller: &Caller, session: SessionId, language: Language) -> Feed {
    Feed::new(caller, session, Protocol::WebSocket, language.encoding())
}

enum Outcome {
    Subscribed,
    Published(Option<Due>),
    Done,
    Found(Stored),
}
