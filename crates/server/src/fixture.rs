//! A shard without ports, for tests of `http` and `ws`: connections are pipes in memory, and the clock is
//! the test's (`#[tokio::test(start_paused = true)]`), so that minutes pass at once.
//!
//! What needs a whole hub and real sockets is tested in `tests/it`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{Hub, HubOptions, Permissions, Presence, Principal, Publisher, RouteCache, Run, TopicRef};
use housewire_protocols::mqtt::MessageIds;
use housewire_store::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::accounts::Accounts;
use crate::admission::{Admission, Admitted};
use crate::auth::Guests;
use crate::clients::Clients;
use crate::config::{Limits, Settings};
use crate::demo::Demo;
use crate::discovery::Discovery;
use crate::hosts::Hosts;
use crate::house::House;
use crate::http;
use crate::mqtt::Sessions;
use crate::notifications::Notifications;
use crate::peer::Peer;
use crate::persist::{Durability, Persister};
use crate::presence::Presence as DevicePresence;
use crate::shard::{Shard, Shared, now};
use crate::stats::Stats;
use crate::users::Users;

/// Bytes on their way through a pipe, as in a socket's buffers; further ones make the writer wait.
pub(crate) const PIPE_BYTES: usize = 16 * 1024;

/// See the module.
pub(crate) struct Fixture {
    pub(crate) shard: Shard,
    pub(crate) publisher: Publisher,
    stop: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let hub = Arc::new(Hub::new(HubOptions::default()));
        let config = Settings { limits: Some(limits), ..Settings::default() }.into_config().unwrap();
        let (stop, shutdown) = watch::channel(false);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let clients = Arc::new(Clients::default());
        let guests = Guests::new(None, Vec::new(), Hosts::default());
        let accounts = store.accounts().unwrap();
        let accounts = Accounts::open(accounts, Arc::clone(&hub), Arc::clone(&clients), guests, Vec::new()).unwrap();
        let accounts = Arc::new(accounts);
        let (durability, desk) = Durability::new(config.durability);
        let stats = Arc::new(Stats::new(1));
        let parts = (Arc::clone(&clients), Arc::clone(&stats));
        let ids = MessageIds::after(0);
        let sessions = Arc::new(Sessions::new(Arc::clone(&hub), parts, &limits, durability.clone(), ids));
        let discovery = Discovery::start(&store, &hub, &clients, &accounts, config.discovery).unwrap();
        let house = Arc::new(House::open(&store, &accounts).unwrap());
        let notifications = Arc::new(Notifications::open(store.documents("notification").unwrap()).unwrap());
        let _persister = Persister::start(desk, Arc::clone(&hub), Arc::clone(&sessions), store).unwrap();
        let lobby = Arc::new(http::Lobby::new(&config, now().instant));
        let shared = Shared {
            lobby,
            history: None,
            hub: Arc::clone(&hub),
            durability,
            config: Arc::new(config),
            sessions,
            clients,
            taps: Arc::default(),
            refusals: Arc::default(),
            presence: DevicePresence::start(&hub),
            kept: Arc::default(),
            blynk: Arc::default(),
            notifications,
            stats,
            admission: Arc::new(Admission::new(limits.connections_per_address, limits.connection_rate_per_address)),
            demo: Arc::new(Demo::new()),
            discovery: Arc::new(discovery),
            house,
            accounts,
            users: Arc::new(Users::new(&BTreeMap::new(), [7; 32])),
            tls: None,
            started: Instant::now(),
            shutdown,
        };
        let shard = Shard::new(shared, 0);
        let own = shard.clone();
        tokio::spawn(async move { own.run().await });
        let somebody = Arc::new(Principal::new("test", Permissions::all()));
        let session = hub.new_session();
        let publisher = Publisher::new(hub, Arc::new(RouteCache::new()), somebody, session, "test", Presence::None);
        Self { shard, publisher, stop, _folder: folder }
    }

    /// Opens a connection from this machine; the handle ends with the hub's side of it.
    pub(crate) fn connect(&self) -> (DuplexStream, JoinHandle<()>) {
        let (client, server) = duplex(PIPE_BYTES);
        let peer = Peer::direct("127.0.0.1:1".parse().unwrap());
        let guard = Arc::new(self.shard.admit(Admitted::EXEMPT.counted, peer.address()));
        let ended = Arc::downgrade(&guard);
        let served = async move {
            http::serve(server, peer, guard).await;
            // What the connection became holds it.
            while ended.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        (client, tokio::spawn(served))
    }

    /// Publishes; how many subscribers there are.
    pub(crate) fn publish(&self, topic: &str, payload: &str) -> usize {
        let payloads = [payload.as_bytes()];
        let run = Run::new(TopicRef::parse(topic).unwrap(), &payloads);
        let receipt = self.publisher.publish_run(run, now()).unwrap();
        assert!(receipt.refused.is_empty());
        receipt.matched
    }

    /// Stops the hub.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// A client that speaks HTTP by hand.
pub(crate) struct RawHttp {
    pub(crate) stream: DuplexStream,
    seen: Vec<u8>,
}

impl RawHttp {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream, seen: Vec::new() }
    }

    /// Sends a request without body.
    pub(crate) async fn get(&mut self, path: &str, more: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")).await;
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until the text has come, and takes everything up to its end.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> impl Future<Output = String> {
        let place = std::panic::Location::caller();
        async move {
            loop {
                let at = self.seen.windows(text.len()).position(|window| window == text.as_bytes());
                if let Some(at) = at {
                    let rest = self.seen.split_off(at + text.len());
                    return String::from_utf8(std::mem::replace(&mut self.seen, rest)).unwrap();
                }
                let mut buffer = [0; 4_096];
                let read = self.stream.read(&mut buffer).await.unwrap();
                let seen = String::from_utf8_lossy(&self.seen);
                assert!(read > 0, "the connection ended before {text:?} came ({place}); it said {seen}");
                self.seen.extend_from_slice(&buffer[..read]);
            }
        }
    }

    /// Reads to the end of the connection.
    pub(crate) async fn rest(mut self) -> String {
        self.stream.read_to_end(&mut self.seen).await.unwrap();
        String::from_utf8(self.seen).unwrap()
    }
}

/// Lets time pass and everything that is due happen.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
