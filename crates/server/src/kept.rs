//! Channels that outlive their connection for a while: a client that comes back in time goes on where it was.
//!
//! A feed has one owner at a time: the task of a connection or, while its client is away, a task that waits. Whoever shows the token
//! asks the owner for the feed, even while the connection before still stands, of which its client may know that it is dead. What the
//! client missed is in the feed's queue; nothing of this outlives the hub.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use housewire_core::Principal;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use crate::accounts::Secret;
use crate::caller::Caller;
use crate::clients::Client;
use crate::feed::Feed;
use crate::limits::HAND_OVER_TIMEOUT;
use crate::shard::Shard;
use crate::signal::Call;
use crate::stats::Bound;

/// Of all shards, by token.
#[derive(Default)]
pub(crate) struct KeptFeeds {
    seats: Mutex<HashMap<String, Arc<Seat>>>,
}

/// Why a feed is not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotHanded {
    /// There is none of this token, or it is somebody else's.
    Unknown,
    /// Whoever has it does not answer.
    Busy,
}

/// A feed's place, whoever owns it.
pub(crate) struct Seat {
    token: String,
    /// Whom it belongs to, not only the name: somebody of the same name may come later.
    principal: Arc<Principal>,
    client: Arc<Client>,
    state: Mutex<SeatState>,
    /// Tells the owner that the state changed.
    changed: Notify,
}

enum SeatState {
    Owned,
    /// Somebody else wants it.
    Wanted(oneshot::Sender<KeptFeed>),
    Over,
}

/// A feed that is not over when this is dropped: it waits for its client, or goes to whoever wants it.
pub(crate) struct KeptFeed {
    /// `None` only while it is dropped.
    feed: Option<Feed>,
    seat: Arc<Seat>,
    shard: Shard,
    keep: Duration,
}

impl KeptFeeds {
    /// Has a feed kept from now on, or gives it back if there are too many already, in all or of this principal.
    pub(crate) fn keep(caller: &Caller, feed: Feed, keep: Duration) -> Result<KeptFeed, Feed> {
        let shard = caller.shard.clone();
        let seat = Arc::new(Seat {
            token: Secret::random().reveal().to_owned(),
            principal: Arc::clone(caller.principal()),
            client: Arc::clone(feed.client()),
            state: Mutex::new(SeatState::Owned),
            changed: Notify::new(),
        });
        {
            let mut seats = shard.kept.seats.lock();
            let bound = shard.config.limits.ws_sessions;
            let own = seats.values().filter(|seat| Arc::ptr_eq(&seat.principal, caller.principal())).count();
            // One of them, stolen or gone wild, leaves room for the others.
            if seats.len() >= bound || own >= bound.div_ceil(2) {
                shard.stats.reach(Bound::WsSessions);
                return Err(feed);
            }
            seats.insert(seat.token.clone(), Arc::clone(&seat));
        }
        feed.keep(caller, keep);
        Ok(KeptFeed { feed: Some(feed), seat, shard, keep })
    }

    /// Takes the feed of this token from its owner.
    pub(crate) async fn claim(&self, token: &str, principal: &Arc<Principal>) -> Result<KeptFeed, NotHanded> {
        let handed = {
            let seats = self.seats.lock();
            let seat = seats.get(token).filter(|seat| Arc::ptr_eq(&seat.principal, principal));
            seat.and_then(|seat| seat.want()).ok_or(NotHanded::Unknown)?
        };
        match timeout(HAND_OVER_TIMEOUT, handed).await {
            Ok(Ok(kept)) => Ok(kept),
            // It ended, or somebody else wants it since.
            Ok(Err(_)) => Err(NotHanded::Unknown),
            Err(_) => Err(NotHanded::Busy),
        }
    }

    /// Ends the feed of a client that is away; whether there was one.
    pub(crate) fn end_away(&self, client: &Arc<Client>) -> bool {
        let mut seats = self.seats.lock();
        let found = seats.values().find(|seat| Arc::ptr_eq(&seat.client, client)).map(Arc::clone);
        let Some(seat) = found.filter(|_| !client.whereabouts().is_connected) else { return false };
        seats.remove(&seat.token);
        *seat.state.lock() = SeatState::Over;
        seat.changed.notify_one();
        true
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.seats.lock().len()
    }
}

impl Seat {
    /// `None` if it is over.
    fn want(&self) -> Option<oneshot::Receiver<KeptFeed>> {
        let (give, handed) = oneshot::channel();
        {
            let mut state = self.state.lock();
            if matches!(*state, SeatState::Over) {
                return None;
            }
            *state = SeatState::Wanted(give);
        }
        self.changed.notify_one();
        Some(handed)
    }

    fn taker(&self) -> Option<oneshot::Sender<KeptFeed>> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, SeatState::Owned) {
            SeatState::Wanted(taker) => Some(taker),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Resolves when the owner is to give the feed away, or to end it. For the owner's task alone.
    pub(crate) async fn claimed(&self) {
        while matches!(*self.state.lock(), SeatState::Owned) {
            self.changed.notified().await;
        }
    }

    fn is_over(&self) -> bool {
        matches!(*self.state.lock(), SeatState::Over)
    }
}

impl KeptFeed {
    /// What its client shows to have it again.
    pub(crate) fn token(&self) -> &str {
        &self.seat.token
    }

    /// For who waits for it to be claimed.
    pub(crate) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// How long it is kept without its client.
    pub(crate) fn keep(&self) -> Duration {
        self.keep
    }

    /// Goes on over this connection; see [`Feed::resume`].
    pub(crate) fn resume(&mut self, caller: &Caller, last: u64, keep: Duration) -> Option<u64> {
        let lost = Feed::resume(self, caller, last, keep)?;
        self.keep = keep;
        self.shard = caller.shard.clone();
        Some(lost)
    }

    /// Ends it: nobody comes back.
    pub(crate) fn end(mut self) {
        self.feed = None;
        end(&self.seat, &self.shard);
    }
}

impl Deref for KeptFeed {
    type Target = Feed;

    fn deref(&self) -> &Feed {
        self.feed.as_ref().expect("there until it is dropped")
    }
}

impl DerefMut for KeptFeed {
    fn deref_mut(&mut self) -> &mut Feed {
        self.feed.as_mut().expect("there until it is dropped")
    }
}

impl Drop for KeptFeed {
    fn drop(&mut self) {
        let Some(feed) = self.feed.take() else { return };
        let (seat, shard) = (Arc::clone(&self.seat), self.shard.clone());
        match Handle::try_current() {
            Ok(runtime) if !shard.is_stopping() => {
                feed.leave();
                runtime.spawn(wait(feed, seat, shard, self.keep));
            }
            _ => end(&seat, &shard),
        }
    }
}

/// Owns a feed while its client is away.
async fn wait(feed: Feed, seat: Arc<Seat>, shard: Shard, keep: Duration) {
    // Who was merely disconnected may come back; who was turned out may not, also if that happens only now.
    seat.client.signal.withdraw(Call::Leave);
    if seat.client.is_ended() {
        return end(&seat, &shard);
    }
    tokio::select! {
        // Whoever wants it gets it, however late it is.
        biased;
        () = seat.claimed() => {}
        () = sleep(keep) => return end(&seat, &shard),
        () = seat.client.unwanted() => return end(&seat, &shard),
        () = shard.stopping() => return end(&seat, &shard),
    }
    if seat.is_over() {
        return;
    }
    if let Some(taker) = seat.taker() {
        let kept = KeptFeed { feed: Some(feed), seat, shard, keep };
        // Who no longer wants it gives it back by dropping it.
        let _is_taken = taker.send(kept).is_ok();
    }
}

/// Nobody finds it from now on; who waits for it hears that there is none.
fn end(seat: &Arc<Seat>, shard: &Shard) {
    *seat.state.lock() = SeatState::Over;
    shard.kept.seats.lock().remove(&seat.token);
}
