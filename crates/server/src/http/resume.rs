//! Event streams that their clients come back to: what was sent last is kept, and a stream whose connection is gone goes on
//! gathering for a while.
//!
//! Who comes back says with `Last-Event-ID` which event was the last one; it gets what came behind it, in order and each
//! once, or is told that it was away for too long. Costs nothing but memory, of streams that exist. What an event looks like
//! belongs to `events`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use housewire_core::{Filter, Principal};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use crate::caller::Caller;
use crate::clients::Client;
use crate::feed::Feed;
use crate::limits::{EVENT_HANDOVER_TIMEOUT, EVENT_STREAMS_AWAY_MAX};
use crate::outbox::Batch;
use crate::shard::Shard;

/// The last event that a client has: of which stream, and its number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastEvent {
    stream: u64,
    number: u64,
}

impl LastEvent {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (stream, number) = text.split_once('.')?;
        let is_hex = stream.len() == 16 && stream.bytes().all(|byte| byte.is_ascii_hexdigit());
        let stream = u64::from_str_radix(stream, 16).ok().filter(|_| is_hex)?;
        Some(Self { stream, number: number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))? })
    }
}

/// Messages that were sent, and where each of them ends.
struct Chunk {
    first: u64,
    ends: Vec<usize>,
    bytes: Bytes,
}

/// Whose a stream is, and of what: nobody else comes back to it.
#[derive(Clone)]
struct Whose {
    principal: Arc<Principal>,
    filters: Arc<[Filter]>,
}

impl Whose {
    fn is(&self, caller: &Caller, filters: &[Filter]) -> bool {
        Arc::ptr_eq(&self.principal, caller.principal()) && *self.filters == *filters
    }
}

/// A stream of events, whatever connection it goes over.
pub(crate) struct Stream {
    name: u64,
    pub(crate) feed: Feed,
    whose: Whose,
    /// What was sent last, as much as may be kept.
    sent: VecDeque<Chunk>,
    sent_bytes: usize,
    sent_bytes_max: usize,
    /// Of the last event that was sent; 0 before the first.
    last: u64,
}

impl Stream {
    pub(crate) fn new(caller: &Caller, filters: Vec<Filter>, feed: Feed) -> Self {
        let limits = &caller.shard.config.limits;
        let sent_bytes_max = if limits.event_resume_time.is_zero() { 0 } else { limits.event_resume_bytes };
        let whose = Whose { principal: Arc::clone(caller.principal()), filters: filters.into() };
        let name = fastrand::u64(..);
        Self { name, feed, whose, sent: VecDeque::new(), sent_bytes: 0, sent_bytes_max, last: 0 }
    }

    /// Gives each message its number, and the losses behind them one of their own.
    pub(crate) fn number(&mut self, batch: &Batch) -> Bytes {
        let first = self.last + 1;
        let mut bytes = BytesMut::with_capacity(batch.bytes.len() + 32 * (batch.lengths.len() + 1));
        let mut ends = Vec::with_capacity(batch.lengths.len() + 1);
        let mut rest = &batch.bytes[..];
        for length in &batch.lengths {
            let (message, behind) = rest.split_at(*length);
            rest = behind;
            self.end_event(message, &mut bytes, &mut ends);
        }
        if batch.lost > 0 {
            let told = format!("event: lost\ndata: {{\"count\":{}}}\n\n", batch.lost);
            self.end_event(told.as_bytes(), &mut bytes, &mut ends);
        }
        let bytes = bytes.freeze();
        self.sent_bytes += bytes.len();
        self.sent.push_back(Chunk { first, ends, bytes: bytes.clone() });
        while self.sent_bytes > self.sent_bytes_max
            && let Some(oldest) = self.sent.pop_front()
        {
            self.sent_bytes -= oldest.bytes.len();
        }
        bytes
    }

    fn end_event(&mut self, event: &[u8], bytes: &mut BytesMut, ends: &mut Vec<usize>) {
        self.last += 1;
        bytes.extend_from_slice(format!("id: {:016x}.{}\n", self.name, self.last).as_bytes());
        bytes.extend_from_slice(event);
        ends.push(bytes.len());
    }

    /// What was sent behind this event; `None` if not all of it is kept, or the event was never sent.
    fn behind(&self, number: u64) -> Option<Vec<Bytes>> {
        if number > self.last {
            return None;
        }
        let kept_from = self.sent.front().map_or(self.last + 1, |chunk| chunk.first);
        if number + 1 < kept_from {
            return None;
        }
        let missing = self.sent.iter().filter_map(|chunk| {
            let known = usize::try_from((number + 1).saturating_sub(chunk.first)).expect("fewer than are kept");
            match known {
                0 => Some(chunk.bytes.clone()),
                known if known < chunk.ends.len() => Some(chunk.bytes.slice(chunk.ends[known - 1]..)),
                _ => None,
            }
        });
        Some(missing.collect())
    }
}

/// How a stream is asked for by who comes back, while the connection before still has it.
struct Wanted {
    whose: Whose,
    bell: Notify,
    by: Mutex<Option<oneshot::Sender<Box<Stream>>>>,
}

enum Place {
    /// On a connection.
    Open(Arc<Wanted>),
    /// On none.
    Away(Box<Stream>, Absence),
}

/// The event streams of a hub.
#[derive(Default)]
pub(crate) struct Streams {
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    by_name: HashMap<u64, Place>,
    away: usize,
    /// Ever.
    absences: u64,
}

/// Tells one absence of a client from the next, which has a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Absence(u64);

impl Streams {
    /// The stream that a client had, and what it missed of it; `None` if it is not there any more, or not his.
    pub(crate) async fn resume(
        &self,
        caller: &Caller,
        last: LastEvent,
        filters: &[Filter],
    ) -> Option<(Box<Stream>, Vec<Bytes>)> {
        let stream = self.take(last.stream, caller, filters).await?;
        let missed = stream.behind(last.number)?;
        stream.feed.come_back(caller);
        Some((stream, missed))
    }

    async fn take(&self, name: u64, caller: &Caller, filters: &[Filter]) -> Option<Box<Stream>> {
        let (sender, receiver) = oneshot::channel();
        let wanted = {
            let mut places = self.places.lock();
            let whose = match places.by_name.get(&name)? {
                Place::Away(stream, _) => &stream.whose,
                Place::Open(wanted) => &wanted.whose,
            };
            if !whose.is(caller, filters) {
                return None;
            }
            match places.by_name.remove(&name)? {
                Place::Away(stream, _) => {
                    places.away -= 1;
                    return Some(stream);
                }
                Place::Open(wanted) => {
                    *wanted.by.lock() = Some(sender);
                    places.by_name.insert(name, Place::Open(Arc::clone(&wanted)));
                    wanted
                }
            }
        };
        wanted.bell.notify_one();
        // A connection that is stuck in the middle of a write gives nothing up.
        let taken = timeout(EVENT_HANDOVER_TIMEOUT, receiver).await;
        wanted.by.lock().take();
        taken.ok()?.ok()
    }

    /// The connection is gone: the stream waits for its client, if there is room.
    fn leave(&self, stream: Box<Stream>, shard: &Shard) {
        let time = shard.config.limits.event_resume_time;
        let name = stream.name;
        let client = Arc::clone(stream.feed.client());
        let absence = {
            let mut places = self.places.lock();
            places.by_name.remove(&name);
            // Who has seen no event cannot say where to go on.
            if shard.is_stopping() || time.is_zero() || stream.last == 0 || places.away >= EVENT_STREAMS_AWAY_MAX {
                return;
            }
            stream.feed.leave();
            places.away += 1;
            places.absences += 1;
            let absence = Absence(places.absences);
            places.by_name.insert(name, Place::Away(stream, absence));
            absence
        };
        let shard = shard.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = sleep(time) => {}
                () = client.unwanted() => {}
                () = shard.stopping() => {}
            }
            shard.lobby.streams.end_absence(name, absence);
        });
    }

    /// Ends what is still the same absence.
    fn end_absence(&self, name: u64, absence: Absence) {
        let mut places = self.places.lock();
        if !matches!(places.by_name.get(&name), Some(Place::Away(_, since)) if *since == absence) {
            return;
        }
        places.away -= 1;
        // Dropped behind the lock: ending subscriptions takes others.
        let ended = places.by_name.remove(&name);
        drop(places);
        drop(ended);
    }

    /// Ends the stream of a client that is away; whether there was one.
    pub(crate) fn end_away(&self, client: &Arc<Client>) -> bool {
        let mut places = self.places.lock();
        let is_its =
            |place: &Place| matches!(place, Place::Away(stream, _) if Arc::ptr_eq(stream.feed.client(), client));
        let name = places.by_name.iter().find(|(_, place)| is_its(place)).map(|(name, _)| *name);
        let Some(name) = name else { return false };
        places.away -= 1;
        // Dropped behind the lock: ending subscriptions takes others.
        let ended = places.by_name.remove(&name);
        drop(places);
        ended.is_some()
    }
}

/// A stream on its connection; leaves it when this is dropped.
pub(crate) struct Open {
    stream: Option<Box<Stream>>,
    wanted: Arc<Wanted>,
    shard: Shard,
    /// The client has seen something of it.
    pub(crate) has_begun: bool,
}

impl Open {
    pub(crate) fn new(stream: Box<Stream>, shard: Shard) -> Self {
        let wanted = Wanted { whose: stream.whose.clone(), bell: Notify::new(), by: Mutex::default() };
        let wanted = Arc::new(wanted);
        shard.lobby.streams.places.lock().by_name.insert(stream.name, Place::Open(Arc::clone(&wanted)));
        // Who had something of it before may come back for the rest, whatever becomes of this connection.
        let has_begun = stream.last > 0;
        Self { stream: Some(stream), wanted, shard, has_begun }
    }

    /// `None` once it was handed over.
    pub(crate) fn stream(&mut self) -> Option<&mut Stream> {
        self.stream.as_deref_mut()
    }

    /// Resolves when the stream has something to take.
    pub(crate) async fn filled(&self) {
        match &self.stream {
            Some(stream) => stream.feed.filled().await,
            None => std::future::pending().await,
        }
    }

    /// Resolves when the client came back over another connection.
    pub(crate) async fn wanted(&self) {
        self.wanted.bell.notified().await;
    }

    /// Ends the stream: nobody shall come back to it.
    pub(crate) fn end(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.shard.lobby.streams.places.lock().by_name.remove(&stream.name);
        }
    }

    /// Gives the stream to the connection that asked for it.
    pub(crate) fn hand_over(&mut self) {
        let asker = self.wanted.by.lock().take();
        if let Some(asker) = asker
            && let Some(stream) = self.stream.take()
        {
            self.shard.lobby.streams.places.lock().by_name.remove(&stream.name);
            // Whoever asked gave up: then it waits for the next.
            if let Err(stream) = asker.send(stream) {
                self.shard.lobby.streams.leave(stream, &self.shard);
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.hand_over();
        if let Some(stream) = self.stream.take() {
            if self.has_begun {
                self.shard.lobby.streams.leave(stream, &self.shard);
            } else {
                self.stream = Some(stream);
                self.end();
            }
        }
    }
}

/// Says how long a client should wait before it comes back, in the words of the standard.
pub(crate) fn retry(time: Duration) -> String {
    format!("retry: {}\n", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_it_has() {
        let parsed = |text: &str| LastEvent::parse(text).map(|last| (last.stream, last.number));
        assert_eq!(parsed("00000000000000ff.12"), Some((255, 12)));
        for wrong in
            ["", "ff.12", "00000000000000ff", "00000000000000ff.", "00000000000000ff.+1", "+0000000000000ff.1", "x.1"]
        {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
        assert_eq!(parsed(&format!("00000000000000ff.{}", "9".repeat(30))), None);
    }
}
