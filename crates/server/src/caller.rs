//! Who makes an HTTP request or opens a WebSocket, and over which connection.
//!
//! Decided once per request, before any route sees it; what it may do is checked in `core`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use housewire_core::{
    Access, Denied, DeviceId, Hub, Presence, Principal, PropertyName, Publisher, SessionId, TopicRef,
};

use crate::accounts::{AccountError, Accounts, Change, Kind, Login, Via};
use crate::peer::Peer;
use crate::publish::{Publication, publish};
use crate::refusal::Refusal;
use crate::shard::{ConnectionGuard, Shard};

/// Comes with every request that was let in.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) shard: Shard,
    /// Nobody where routes are concerned that are open to all.
    pub(crate) login: Login,
    /// Why nobody is let in further; see the gate.
    pub(crate) refusal: Option<&'static str>,
    pub(crate) peer: Peer,
    /// Of the connection the request came over.
    pub(crate) session: SessionId,
    /// Held by what outlives the request, a WebSocket, so that the connection counts until that ends.
    pub(crate) alive: Arc<ConnectionGuard>,
}

impl Caller {
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.shard.hub
    }

    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.login.principal
    }

    /// What looking after the hub takes.
    pub(crate) fn must_administer(&self) -> Result<(), Refusal> {
        if self.principal().may_administer() {
            return Ok(());
        }
        Err(Refusal::NotAdmin(self.principal().name().to_owned()))
    }

    /// For what took a while: who was let in may have been turned out meanwhile.
    pub(crate) fn must_still_be_let_in(&self) -> Result<(), Refusal> {
        let is_valid = self.shard.accounts.is_valid(&self.login);
        if is_valid { Ok(()) } else { Err(Refusal::TurnedOut) }
    }

    /// Who changes something, for the audit log.
    pub(crate) fn change(&self) -> Change {
        let who = (self.login.kind != Kind::Nobody).then(|| self.principal().name().to_owned());
        Change { who, address: Some(self.peer.address().ip()), via: Via::Http }
    }

    /// Looks up or changes accounts, aside from the shard.
    pub(crate) async fn accounts<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Accounts) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        self.shard.accounts.aside(work).await
    }

    /// Keeps the request's connection counted after the request: for what it became.
    pub(crate) fn into_guard(self) -> ConnectionGuard {
        ConnectionGuard::of_upgraded(self.shard, self.alive)
    }

    /// A publisher for the caller, whose messages come through the door `via`.
    pub(crate) fn publisher(&self, session: SessionId, via: &'static str, presence: Presence) -> Publisher {
        self.shard.publisher(Arc::clone(self.principal()), session, via, presence)
    }

    /// Publishes what an HTTP request brought; returns when it is as safe as its QoS promises.
    pub(crate) async fn publish(&self, publication: Publication<'_>) -> Result<(), Refusal> {
        let publisher = self.publisher(self.session, "http", Presence::Momentary);
        if let Some(due) = publish(&publisher, publication)? {
            self.shard.durability.reached(due).await?;
        }
        Ok(())
    }

    /// Notes that a device is about to be deleted, so that its history goes with it, whatever happens. Comes first, as it may be refused.
    pub(crate) async fn bury(&self, device: &DeviceId) -> Result<(), Refusal> {
        match &self.shard.history {
            Some(history) => Ok(history.bury(device).await?),
            None => Ok(()),
        }
    }

    /// Resolves when the history of what this request deleted is gone.
    pub(crate) async fn history_settled(&self) -> Result<(), Refusal> {
        match &self.shard.history {
            Some(history) => Ok(history.settled().await?),
            None => Ok(()),
        }
    }

    /// Resolves when the disk has what this request changed in the registry, or refused it.
    pub(crate) async fn registry_saved(&self) -> Result<(), Denied> {
        self.shard.durability.reached(self.hub().next_batch()).await
    }

    /// Registry entries are read and written by whoever may read and write the device's own topic, `devices/<device>`;
    /// `devices/<device>/#` covers it.
    pub(crate) fn must_reach(&self, access: Access, device: &DeviceId) -> Result<(), Denied> {
        self.must_name(access, &format!("devices/{device}"))
    }

    /// A property of the registry is read by whoever may read its topic.
    pub(crate) fn must_read(&self, device: &DeviceId, property: &PropertyName) -> Result<(), Denied> {
        self.must_name(Access::Read, &format!("devices/{device}/{property}"))
    }

    fn must_name(&self, access: Access, topic: &str) -> Result<(), Denied> {
        self.must(access, TopicRef::parse(topic).expect("made of valid names"))
    }

    /// What `core` would say if a message to the topic were read or written now.
    pub(crate) fn must(&self, access: Access, topic: TopicRef<'_>) -> Result<(), Denied> {
        self.principal().require(access, topic)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().expect("every request passes the gate, which says who calls"))
    }
}
