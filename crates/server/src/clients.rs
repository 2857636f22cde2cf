//! Everybody who has a mailbox at the hub, whatever door they came through: for those who look after it.
//!
//! A list and nothing more: sessions begin and end where their transports say so. How a client is shown belongs to `view`.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use housewire_core::{SessionId, Subscriber, Timestamp};
use housewire_protocols::mqtt::Version;
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxBuildHasher;
use tokio::sync::Notify;

use crate::accounts::CredentialId;
use crate::shard::now;
use crate::signal::{Call, Signal};

/// What a client speaks. Two clients of one id may differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Mqtt,
    WebSocket,
    Events,
    Blynk,
}

impl Protocol {
    /// Behind which nothing of the same id comes.
    const LAST: Self = Self::Blynk;
}

/// A place in the list of all clients.
pub(crate) enum Behind {
    Nothing,
    Client(Arc<Client>),
    /// Whether or not there is such a client.
    Id(Arc<str>),
}

/// What carries the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Tls,
    WebSocket,
    WebSocketOverTls,
    Http,
    HttpOverTls,
}

impl Transport {
    /// The same, inside of TLS if that is so.
    pub(crate) fn secured(self, is_secure: bool) -> Self {
        match self {
            Self::Tcp if is_secure => Self::Tls,
            Self::WebSocket if is_secure => Self::WebSocketOverTls,
            Self::Http if is_secure => Self::HttpOverTls,
            other => other,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::WebSocket => "websocket",
            Self::WebSocketOverTls => "wss",
            Self::Http => "http",
            Self::HttpOverTls => "https",
        }
    }
}

/// What a mailbox says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Sent and not acknowledged to the end.
    pub(crate) in_flight: usize,
    /// Waiting to be sent.
    pub(crate) queued: usize,
    /// What waits, unsent output included.
    pub(crate) queued_bytes: usize,
    /// Of that, output that is ready to be sent.
    pub(crate) output_bytes: usize,
    pub(crate) bytes_out: u64,
    pub(crate) dropped: Dropped,
    /// Values that a newer one replaced while they waited.
    pub(crate) conflated: u64,
}

/// Messages that a client did not get, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// It did not keep up, and a bound of its own was reached.
    pub(crate) overflow: u64,
    /// The bound of all clients together was reached.
    pub(crate) memory: u64,
    /// Larger than it takes.
    pub(crate) too_large: u64,
    /// Their time was over.
    pub(crate) expired: u64,
    /// It left, and no other member of its group was there to take them over.
    pub(crate) unclaimed: u64,
}

/// A mailbox that can say how full it is.
pub(crate) trait Measured: Send + Sync {
    fn figures(&self) -> Figures;
}

/// What is known of a client's connection, or of its last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    /// What opened the door, if it can be taken back.
    pub(crate) credential: Option<CredentialId>,
    pub(crate) transport: Transport,
    /// Of MQTT.
    pub(crate) version: Option<Version>,
    /// 0 for none.
    pub(crate) keep_alive_s: u16,
    /// How long the session is kept without a connection; `None`: for ever.
    pub(crate) session_expiry_s: Option<u32>,
}

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whereabouts {
    pub(crate) is_connected: bool,
    /// Since when it is connected, or away.
    pub(crate) since: Timestamp,
    /// `None` if there was none since the hub started.
    pub(crate) connection: Option<Connection>,
    /// How long its session outlives a connection, if it comes from disk and there was none since; `None` for ever.
    pub(crate) restored_expiry_s: Option<u32>,
}

/// One client.
pub(crate) struct Client {
    key: Key,
    pub(crate) subscriber: Arc<Subscriber>,
    mailbox: Arc<dyn Measured>,
    state: Mutex<State>,
    bytes_in: AtomicU64,
    /// What the connection's task is told.
    pub(crate) signal: Signal,
    /// The session is to end with its connection.
    is_ended: AtomicBool,
}

struct State {
    whereabouts: Whereabouts,
    /// Those who wait for the connection to end.
    left: Option<Arc<Notify>>,
}

impl Client {
    pub(crate) fn id(&self) -> &Arc<str> {
        &self.key.0
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.key.1
    }

    pub(crate) fn figures(&self) -> Figures {
        self.mailbox.figures()
    }

    pub(crate) fn whereabouts(&self) -> Whereabouts {
        self.state.lock().whereabouts
    }

    /// Its session comes from disk.
    pub(crate) fn note_restored(&self, expiry_s: Option<u32>) {
        self.state.lock().whereabouts.restored_expiry_s = expiry_s;
    }

    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    pub(crate) fn add_bytes_in(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Resolves when somebody wants the connection to end. For the connection's task alone.
    pub(crate) async fn unwanted(&self) {
        self.signal.called(Call::Leave).await;
    }

    /// Whether the session is to end with its connection.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Relaxed)
    }

    /// Ends the connection, if there is one, without waiting for it; of a channel also what waits for its client to come back.
    pub(crate) fn turn_out(&self) {
        let state = self.state.lock();
        let is_channel = matches!(self.protocol(), Protocol::WebSocket | Protocol::Events);
        if is_channel {
            self.is_ended.store(true, Ordering::Relaxed);
        }
        if state.whereabouts.is_connected || is_channel {
            // Under the lock, so that it is this connection and no later one that is called.
            self.signal.call(Call::Leave);
        }
    }

    /// Ends the connection, and the session too if wanted; resolves when it is over. `false` if there was none.
    pub(crate) async fn disconnect(&self, end_session: bool) -> bool {
        if end_session {
            self.is_ended.store(true, Ordering::Relaxed);
        }
        let left = {
            let mut state = self.state.lock();
            if !state.whereabouts.is_connected {
                return false;
            }
            // Under the lock, so that it is this connection and no later one that is called.
            self.signal.call(Call::Leave);
            Arc::clone(state.left.get_or_insert_default())
        };
        let has_left = left.notified();
        tokio::pin!(has_left);
        // Listening starts before looking once more, so that an end in between is not missed.
        has_left.as_mut().enable();
        if self.state.lock().left.as_ref().is_some_and(|have| Arc::ptr_eq(have, &left)) {
            has_left.await;
        }
        true
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Clients {
    list: RwLock<BTreeSet<Listed>>,
    /// For who wants to know whose a message is. Changed beside the list, never under its lock.
    by_session: RwLock<HashMap<SessionId, Arc<Client>, FxBuildHasher>>,
    mqtt: AtomicUsize,
    mqtt_connected: AtomicUsize,
    mqtt_connected_max: AtomicUsize,
    mqtt_expired: AtomicU64,
}

type Key = (Arc<str>, Protocol);

/// A client by its key, which is in no second place.
struct Listed(Arc<Client>);

impl Borrow<Key> for Listed {
    fn borrow(&self) -> &Key {
        &self.0.key
    }
}

impl Ord for Listed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.key.cmp(&other.0.key)
    }
}

impl PartialOrd for Listed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Listed {}

/// How many MQTT clients there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MqttClients {
    pub(crate) total: usize,
    pub(crate) connected: usize,
    pub(crate) connected_max: usize,
    /// Sessions that ended because their clients were away for too long.
    pub(crate) expired: u64,
}

impl Clients {
    /// A client begins; it is away until [`Clients::connected`].
    pub(crate) fn add(
        &self,
        id: Arc<str>,
        protocol: Protocol,
        subscriber: Arc<Subscriber>,
        mailbox: Arc<dyn Measured>,
    ) -> Arc<Client> {
        let whereabouts =
            Whereabouts { is_connected: false, since: now().wall, connection: None, restored_expiry_s: None };
        let client = Arc::new(Client {
            key: (id, protocol),
            subscriber,
            mailbox,
            state: Mutex::new(State { whereabouts, left: None }),
            bytes_in: AtomicU64::new(0),
            signal: Signal::default(),
            is_ended: AtomicBool::new(false),
        });
        self.by_session.write().insert(client.subscriber.id(), Arc::clone(&client));
        let replaced = self.list.write().replace(Listed(Arc::clone(&client)));
        if replaced.is_none() && protocol == Protocol::Mqtt {
            self.mqtt.fetch_add(1, Ordering::Relaxed);
        }
        client
    }

    /// The client is over. Another one of the same id may have taken its place already.
    pub(crate) fn remove(&self, client: &Arc<Client>) {
        self.left(client);
        self.by_session.write().remove(&client.subscriber.id());
        let mut list = self.list.write();
        if list.get(&client.key).is_some_and(|Listed(have)| Arc::ptr_eq(have, client)) {
            list.remove(&client.key);
            if client.protocol() == Protocol::Mqtt {
                self.mqtt.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn connected(&self, client: &Client, connection: Connection) {
        let whereabouts = Whereabouts {
            is_connected: true,
            since: now().wall,
            connection: Some(connection),
            restored_expiry_s: None,
        };
        let before = {
            let mut state = client.state.lock();
            // Whoever wanted the connection before to end means no other.
            client.signal.withdraw(Call::Leave);
            client.is_ended.store(false, Ordering::Relaxed);
            std::mem::replace(&mut state.whereabouts, whereabouts)
        };
        if client.protocol() == Protocol::Mqtt && !before.is_connected {
            let connected = self.mqtt_connected.fetch_add(1, Ordering::Relaxed) + 1;
            self.mqtt_connected_max.fetch_max(connected, Ordering::Relaxed);
        }
    }

    /// The connection is over; nothing happens if there was none.
    pub(crate) fn left(&self, client: &Client) {
        let left = {
            let mut state = client.state.lock();
            let whereabouts = &mut state.whereabouts;
            if !whereabouts.is_connected {
                return;
            }
            *whereabouts = Whereabouts { is_connected: false, since: now().wall, ..*whereabouts };
            state.left.take()
        };
        if client.protocol() == Protocol::Mqtt {
            self.mqtt_connected.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(left) = left {
            left.notify_waiters();
        }
    }

    /// Ends the connections of which this is true.
    pub(crate) fn turn_out(&self, which: impl Fn(&Connection, &Client) -> bool) {
        for Listed(client) in &*self.list.read() {
            if client.whereabouts().connection.is_some_and(|connection| which(&connection, client)) {
                client.turn_out();
            }
        }
    }

    /// Has every connection of MQTT and Blynk end, as the hub does: one that begins after this looks for itself. The other
    /// transports hear of it in their own way.
    pub(crate) fn stop_polled(&self) {
        for Listed(client) in &*self.list.read() {
            if matches!(client.protocol(), Protocol::Mqtt | Protocol::Blynk) {
                client.signal.call(Call::Stop);
            }
        }
    }

    /// A session's time without its client is over.
    pub(crate) fn count_expired(&self) {
        self.mqtt_expired.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn mqtt(&self) -> MqttClients {
        let read = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        MqttClients {
            total: read(&self.mqtt),
            connected: read(&self.mqtt_connected),
            connected_max: read(&self.mqtt_connected_max),
            expired: self.mqtt_expired.load(Ordering::Relaxed),
        }
    }

    /// The client whose session this is, if it is one that lasts longer than a request.
    pub(crate) fn of_session(&self, session: SessionId) -> Option<Arc<Client>> {
        self.by_session.read().get(&session).cloned()
    }

    /// The client of this id; the one that speaks MQTT if there are several.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Client>> {
        let first = (Arc::from(id), Protocol::Mqtt);
        let list = self.list.read();
        list.range::<Key, _>(first..)
            .next()
            .filter(|Listed(have)| &**have.id() == id)
            .map(|Listed(have)| Arc::clone(have))
    }

    /// Some clients behind that place, by id; fewer than `len_max` at the end.
    pub(crate) fn page(&self, behind: &Behind, len_max: usize) -> Vec<Arc<Client>> {
        let all_of_id;
        let start = match behind {
            Behind::Nothing => Bound::Unbounded,
            Behind::Client(client) => Bound::Excluded(&client.key),
            Behind::Id(id) => {
                // Whatever they speak.
                all_of_id = (Arc::clone(id), Protocol::LAST);
                Bound::Excluded(&all_of_id)
            }
        };
        let list = self.list.read();
        let rest = list.range::<Key, _>((start, Bound::Unbounded));
        rest.take(len_max).map(|Listed(client)| Arc::clone(client)).collect()
    }
}

#[cfg(test)]
mod tests {
    use housewire_core::{Delivery, Hub, HubOptions, Mailbox, Offer, Permissions, Principal, Run};

    use super::*;

    struct Nothing;

    impl Measured for Nothing {
        fn figures(&self) -> Figures {
            Figures::default()
        }
    }

    impl Mailbox for Nothing {
        fn offer(&self, _run: &Run<'_>, _delivery: &Delivery) -> Offer {
            Offer::Closed
        }

        fn is_congested(&self) -> bool {
            false
        }
    }

    fn add(clients: &Clients, id: &str, protocol: Protocol) -> Arc<Client> {
        // One for all: sessions of two hubs may be called alike.
        static HUB: std::sync::LazyLock<Hub> = std::sync::LazyLock::new(|| Hub::new(HubOptions::default()));
        let hub = &*HUB;
        let somebody = Arc::new(Principal::new("test", Permissions::all()));
        let subscriber = Hub::subscriber(hub.new_session(), somebody, Arc::new(Nothing));
        clients.add(id.into(), protocol, subscriber, Arc::new(Nothing))
    }

    const CONNECTION: Connection = Connection {
        credential: None,
        peer: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1),
        transport: Transport::Tcp,
        version: None,
        keep_alive_s: 0,
        session_expiry_s: Some(0),
    };

    #[tokio::test]
    async fn pages_go_on_where_they_ended() {
        let clients = Clients::default();
        for (id, protocol) in
            [("b", Protocol::Events), ("a", Protocol::Mqtt), ("b", Protocol::Mqtt), ("a/b c", Protocol::Mqtt)]
        {
            add(&clients, id, protocol);
        }
        let mut seen = Vec::new();
        let mut last = Behind::Nothing;
        while let Some(client) = clients.page(&last, 1).pop() {
            seen.push((client.id().to_string(), client.protocol()));
            last = Behind::Client(client);
        }
        let expected =
            [("a", Protocol::Mqtt), ("a/b c", Protocol::Mqtt), ("b", Protocol::Mqtt), ("b", Protocol::Events)];
        assert_eq!(seen, expected.map(|(id, protocol)| (id.to_owned(), protocol)));
        assert_eq!(clients.page(&Behind::Id("a".into()), 9).len(), 3);
        assert!(clients.page(&Behind::Id("b".into()), 9).is_empty());
        assert_eq!(clients.get("b").unwrap().protocol(), Protocol::Mqtt);
        assert!(clients.get("").is_none() && clients.get("a/").is_none());
    }

    #[tokio::test]
    async fn an_old_session_leaves_its_successor_alone() {
        let clients = Clients::default();
        let old = add(&clients, "a", Protocol::Mqtt);
        clients.connected(&old, CONNECTION);
        let new = add(&clients, "a", Protocol::Mqtt);
        clients.connected(&new, CONNECTION);
        clients.remove(&old);
        assert!(Arc::ptr_eq(&clients.get("a").unwrap(), &new));
        assert!(clients.of_session(old.subscriber.id()).is_none());
        assert!(Arc::ptr_eq(&clients.of_session(new.subscriber.id()).unwrap(), &new));
        let mqtt = clients.mqtt();
        assert_eq!((mqtt.total, mqtt.connected, mqtt.connected_max), (1, 1, 2));
        clients.remove(&new);
        assert_eq!((clients.mqtt().total, clients.mqtt().connected), (0, 0));
    }

    #[tokio::test]
    async fn who_disconnects_a_client_waits_until_it_left() {
        let clients = Arc::new(Clients::default());
        let client = add(&clients, "a", Protocol::Mqtt);
        assert!(!client.disconnect(false).await, "it is away");
        clients.connected(&client, CONNECTION);
        let connection = async {
            client.unwanted().await;
            clients.left(&client);
        };
        assert_eq!(tokio::join!(client.disconnect(true), connection), (true, ()));
        assert!(client.is_ended());
    }
}
