//! Connections that exist, and the wire tap: whoever looks at one sees its frames as they go by.
//!
//! Nobody looks at most connections at most times: then a read or a write costs one look at a flag, [`Tap::is_watched`], and the bytes go
//! on untouched. While somebody looks, the connection's own shard cuts what goes by into frames and puts copies into the bounded queue of
//! whoever looks; a full queue loses frames, never time. What frames mean is told later, by who asked, with `annotate` of `protocols`.

mod probe;
mod stream;
mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use housewire_core::{Principal, Timestamp};
use housewire_protocols::annotate::follow::{Content, Direction, Frame, Speaks};
use housewire_protocols::annotate::websocket::Inside;
use housewire_protocols::mqtt::Version;
use parking_lot::Mutex;

use crate::clients::{Client, Transport};
use crate::limits::{CLIENTS_AT_ONCE, TAP_NEWCOMER_WAIT, TAP_NEWCOMERS_MAX, TAP_WATCHES_MAX};
use crate::peer::Peer;
use crate::shard::now;
use crate::tap::probe::Probe;
pub(crate) use crate::tap::stream::Tapped;
pub(crate) use crate::tap::watch::{Counted, Event, Seen, Wanted, Watch};

/// What is spoken over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    Mqtt,
    Blynk,
    Http,
    WebSocket,
}

impl Spoken {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Blynk => "blynk",
            Self::Http => "http",
            Self::WebSocket => "ws",
        }
    }
}

/// Where in a connection bytes go by: MQTT or Blynk in a WebSocket goes by twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    /// HTTP/1.1, and the WebSocket that it becomes.
    Http,
    /// What may be inside of it, or stands by itself: MQTT, Blynk.
    Stream,
}

/// One connection, for those who look at it. It lives as long as the connection counts.
pub(crate) struct Tap {
    pub(crate) id: u64,
    pub(crate) since: Timestamp,
    /// Somebody looks: the only thing that is looked at for each read and write.
    is_watched: AtomicBool,
    /// The address of the principal that was told last, so that a request of the same one takes no lock.
    told: AtomicUsize,
    facts: Mutex<Facts>,
}

struct Facts {
    peer: SocketAddr,
    over: Option<Transport>,
    spoken: Option<Spoken>,
    is_http2: bool,
    /// A WebSocket that is another protocol's bytes.
    is_stream: bool,
    /// Somebody looks on over this one, who would look at himself.
    is_mute: bool,
    user: Option<Arc<Principal>>,
    client_id: Option<Arc<str>>,
    /// Whose mailbox is here, or was; not kept for this.
    client: Weak<Client>,
    probe: Option<Box<Probe>>,
}

/// What is known of a connection.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) id: u64,
    pub(crate) since: Timestamp,
    pub(crate) peer: SocketAddr,
    pub(crate) over: Option<Transport>,
    /// `None` until it has said something.
    pub(crate) spoken: Option<Spoken>,
    pub(crate) is_http2: bool,
    pub(crate) user: Option<Arc<Principal>>,
    pub(crate) client_id: Option<Arc<str>>,
    pub(crate) client: Option<Arc<Client>>,
    /// While somebody looks: frames since then, in and out.
    pub(crate) counted: Option<[Counted; 2]>,
}

impl Tap {
    fn new(id: u64, peer: SocketAddr) -> Self {
        let facts = Facts {
            peer,
            over: None,
            spoken: None,
            is_http2: false,
            is_stream: false,
            is_mute: false,
            user: None,
            client_id: None,
            client: Weak::new(),
            probe: None,
        };
        let (is_watched, told) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { id, since: now().wall, is_watched, told, facts: Mutex::new(facts) }
    }

    /// Whether what goes by is to be shown to [`Tap::read`] and the like.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed)
    }

    /// It comes from there, and may be secured by now.
    pub(crate) fn note_peer(&self, peer: &Peer, spoken: Spoken) {
        let mut facts = self.facts.lock();
        facts.peer = peer.address();
        let transport = match (spoken, facts.spoken) {
            // What it was before carries it.
            (Spoken::Mqtt | Spoken::Blynk, Some(Spoken::Http | Spoken::WebSocket)) => Transport::WebSocket,
            (Spoken::Mqtt | Spoken::Blynk | Spoken::Http, _) => Transport::Tcp,
            (Spoken::WebSocket, _) => Transport::WebSocket,
        };
        facts.over = Some(transport.secured(peer.is_secure()));
        facts.spoken = Some(spoken);
        facts.is_stream |= spoken != Spoken::WebSocket && transport == Transport::WebSocket;
    }

    pub(crate) fn note_http2(&self) {
        self.facts.lock().is_http2 = true;
    }

    /// It became a WebSocket; `is_stream` if that carries another protocol.
    pub(crate) fn note_websocket(&self, peer: &Peer, is_stream: bool) {
        self.note_peer(peer, Spoken::WebSocket);
        self.facts.lock().is_stream = is_stream;
    }

    /// Whoever it is says so. Costs no lock as long as it is the same one.
    pub(crate) fn note_user(&self, taps: &Taps, user: &Arc<Principal>) {
        let address = Arc::as_ptr(user).addr();
        if self.told.load(Ordering::Relaxed) == address {
            return;
        }
        self.told.store(address, Ordering::Relaxed);
        self.facts.lock().user = Some(Arc::clone(user));
        taps.consider(self);
    }

    /// The name that its client goes by, before anybody knows whether it may.
    pub(crate) fn note_client_id(&self, id: &Arc<str>) {
        self.facts.lock().client_id = Some(Arc::clone(id));
    }

    /// The client that has its mailbox here.
    pub(crate) fn note_client(&self, taps: &Taps, client: &Arc<Client>) {
        {
            let mut facts = self.facts.lock();
            facts.client_id = Some(Arc::clone(client.id()));
            facts.client = Arc::downgrade(client);
        }
        self.note_user(taps, client.subscriber.principal());
    }

    /// Nobody looks at this one any more: somebody looks on over it.
    pub(crate) fn mute(&self) {
        let mut facts = self.facts.lock();
        facts.is_mute = true;
        self.drop_probe(&mut facts);
    }

    pub(crate) fn known(&self) -> Known {
        let facts = self.facts.lock();
        Known {
            id: self.id,
            since: self.since,
            peer: facts.peer,
            over: facts.over,
            spoken: facts.spoken,
            is_http2: facts.is_http2,
            user: facts.user.clone(),
            client_id: facts.client_id.clone(),
            client: facts.client.upgrade(),
            counted: facts.probe.as_ref().map(|probe| probe.counted()),
        }
    }

    /// MQTT or Blynk was read. `known` came before and belongs to a packet that was not whole then; it is told of if nothing else was.
    pub(crate) fn read(&self, known: &[u8], bytes: &[u8]) {
        self.pass(Layer::Stream, Direction::In, &[known, bytes], true);
    }

    /// MQTT or Blynk was written; `begins` if a packet begins with the first byte.
    pub(crate) fn wrote(&self, bytes: &[u8], begins: bool) {
        self.pass(Layer::Stream, Direction::Out, &[bytes], begins);
    }

    /// HTTP was read or written, or what it became.
    fn pass_http(&self, direction: Direction, bytes: &[u8]) {
        self.pass(Layer::Http, direction, &[bytes], false);
    }

    fn pass(&self, layer: Layer, direction: Direction, pieces: &[&[u8]], begins: bool) {
        let mut facts = self.facts.lock();
        let speaks = match layer {
            Layer::Http if facts.is_http2 => return,
            Layer::Http => match facts.spoken {
                Some(Spoken::Http) | None => Speaks::Http,
                _ => Speaks::WebSocket(if facts.is_stream { Inside::Stream } else { Inside::Text }),
            },
            Layer::Stream if facts.spoken == Some(Spoken::Blynk) => Speaks::Blynk,
            Layer::Stream => {
                let connection = facts.client.upgrade().and_then(|client| client.whereabouts().connection);
                Speaks::Mqtt(connection.and_then(|connection| connection.version).unwrap_or(Version::V3_1_1))
            }
        };
        if let Some(probe) = &mut facts.probe {
            probe.pass(self.id, layer == Layer::Stream, speaks, direction, pieces, begins);
        }
    }

    /// A head of HTTP/2, written as HTTP/1.1 would have it.
    pub(crate) fn pass_head(&self, direction: Direction, head: Vec<u8>) {
        if let Some(probe) = &mut self.facts.lock().probe {
            let whole = head.len();
            probe.tell(self.id, Frame { direction, content: Content::Head, bytes: head, whole }, true);
        }
    }

    /// Has this one looked at for a watch; what it looks at already stays.
    fn attach(&self, watch: &Arc<Watch>) {
        let mut facts = self.facts.lock();
        if facts.is_mute {
            return;
        }
        facts.probe.get_or_insert_with(|| Box::new(Probe::new(false))).attach(watch);
        self.is_watched.store(true, Ordering::Relaxed);
    }

    /// Nobody looks for this watch any more; `is_awaited` if somebody else may turn out to want the connection.
    fn detach(&self, watch: &Arc<Watch>, is_awaited: bool) {
        let mut facts = self.facts.lock();
        let Some(probe) = &mut facts.probe else { return };
        let was_seen = probe.detach(watch);
        if probe.is_idle() && (was_seen || !is_awaited) {
            self.drop_probe(&mut facts);
        }
    }

    /// Does without what only those who may come would look at.
    fn give_up(&self, is_too_much: bool) {
        let mut facts = self.facts.lock();
        if is_too_much && facts.probe.as_ref().is_some_and(|probe| probe.is_idle()) {
            self.drop_probe(&mut facts);
        }
    }

    fn drop_probe(&self, facts: &mut Facts) {
        facts.probe = None;
        self.is_watched.store(false, Ordering::Relaxed);
    }
}

/// Every connection, and whoever looks at some.
#[derive(Default)]
pub(crate) struct Taps {
    next: AtomicU64,
    list: Mutex<BTreeMap<u64, Arc<Tap>>>,
    /// How many watches want connections that do not exist yet, so that a new one need not ask the list.
    expecting: AtomicUsize,
    watches: Mutex<Vec<Arc<Watch>>>,
}

impl Taps {
    /// A connection begins.
    pub(crate) fn add(&self, peer: SocketAddr) -> Arc<Tap> {
        let tap = Arc::new(Tap::new(self.next.fetch_add(1, Ordering::Relaxed) + 1, peer));
        self.list.lock().insert(tap.id, Arc::clone(&tap));
        if self.expecting.load(Ordering::Relaxed) > 0 {
            // Whose it is, is said in its first frames: they are kept until that is known.
            tap.facts.lock().probe = Some(Box::new(Probe::new(true)));
            tap.is_watched.store(true, Ordering::Relaxed);
            self.consider(&tap);
        }
        tap
    }

    /// A connection is over.
    pub(crate) fn remove(&self, tap: &Tap) {
        self.list.lock().remove(&tap.id);
        if tap.is_watched() {
            let mut facts = tap.facts.lock();
            if let Some(probe) = &mut facts.probe {
                probe.end(tap.id);
            }
            facts.probe = None;
        }
    }

    /// The connection of this number.
    pub(crate) fn get(&self, id: u64) -> Option<Arc<Tap>> {
        self.list.lock().get(&id).cloned()
    }

    /// Some connections behind that one, in the order they came.
    pub(crate) fn behind(&self, id: u64, len_max: usize) -> Vec<Arc<Tap>> {
        let list = self.list.lock();
        list.range((Bound::Excluded(id), Bound::Unbounded)).take(len_max).map(|(_, tap)| Arc::clone(tap)).collect()
    }

    /// Begins to look; `None` if too many do.
    pub(crate) fn watch(&self, wanted: Wanted) -> Option<Arc<Watch>> {
        let mut watches = self.watches.lock();
        if watches.len() >= TAP_WATCHES_MAX {
            return None;
        }
        let expects = wanted.expects();
        let watch = Arc::new(Watch::new(wanted));
        watches.push(Arc::clone(&watch));
        if expects {
            self.expecting.fetch_add(1, Ordering::Relaxed);
        }
        drop(watches);
        Some(watch)
    }

    /// Ends looking.
    pub(crate) fn unwatch(&self, watch: &Arc<Watch>) {
        self.watches.lock().retain(|have| !Arc::ptr_eq(have, watch));
        let expecting = usize::from(watch.wanted().expects());
        let is_awaited = self.expecting.fetch_sub(expecting, Ordering::Relaxed) > expecting;
        self.each(|tap| {
            if tap.is_watched() {
                tap.detach(watch, is_awaited);
            }
        });
    }

    /// Attaches a watch to the connections that it wants, of which some may have become so since it last looked. `spoken_for` says of a
    /// connection's client whether it speaks for the device that is wanted.
    pub(crate) async fn renew(&self, watch: &Arc<Watch>, spoken_for: impl Fn(&Client) -> bool) {
        let time = now().wall;
        let mut newcomers = 0;
        self.each_in_turn(|tap| {
            let known = tap.known();
            let speaks = known.client.as_ref().is_some_and(|client| spoken_for(client));
            if speaks || watch.wanted().is(&known) {
                tap.attach(watch);
            } else if tap.is_watched() {
                newcomers += 1;
                let is_old = time.since(tap.since) > TAP_NEWCOMER_WAIT;
                tap.give_up(is_old || newcomers > TAP_NEWCOMERS_MAX);
            }
        })
        .await;
    }

    /// More is known of a connection: somebody may have waited for it.
    fn consider(&self, tap: &Tap) {
        if self.expecting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let known = tap.known();
        let watches: Vec<_> = self.watches.lock().iter().filter(|watch| watch.wanted().is(&known)).cloned().collect();
        for watch in watches {
            tap.attach(&watch);
        }
    }

    fn each(&self, mut look: impl FnMut(&Tap)) {
        let mut last = Some(0);
        while let Some(behind) = last {
            last = self.look_at_some(behind, &mut look);
        }
    }

    /// Looks at every connection; others have their turn between some and some, as there may be tens of thousands.
    pub(crate) async fn each_in_turn(&self, mut look: impl FnMut(&Tap)) {
        let mut last = Some(0);
        while let Some(behind) = last {
            last = self.look_at_some(behind, &mut look);
            tokio::task::yield_now().await;
        }
    }

    /// Says which was the last; `None` if none was left.
    fn look_at_some(&self, behind: u64, look: &mut impl FnMut(&Tap)) -> Option<u64> {
        let some = self.behind(behind, CLIENTS_AT_ONCE);
        some.iter().for_each(|tap| look(tap));
        some.last().map(|tap| tap.id)
    }
}

#[cfg(test)]
mod tests;
