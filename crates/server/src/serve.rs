//! Starting and stopping the whole hub.
//!
//! Configuration is read here and nowhere else later; each part is given only what it uses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use housewire_core::{DeviceId, Hub, HubOptions};
use housewire_store::{Secrecy, Store, StoreError};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::accounts::{Accounts, Change, Deed, Event, Via};
use crate::admission::Admission;
use crate::auth::Guests;
use crate::clients::Clients;
use crate::config::{Config, Port, PortChoice, TlsMode};
use crate::demo::Demo;
use crate::discovery::Discovery;
use crate::history::Recorder;
use crate::hosts::Hosts;
use crate::house::House;
use crate::http::Lobby;
use crate::listener::{self, HANDOFF_MAX, ListenError, ShardInlet, Speaks};
use crate::mail::Mailer;
use crate::mdns::{self, Mdns};
use crate::mqtt::{Owner, Sessions, message_ids};
use crate::names;
use crate::notifications::Notifications;
use crate::persist::{Durability, Persister};
use crate::pins::Lines;
use crate::players::Access;
use crate::presence::Presence;
use crate::shard::{Shard, Shared, now};
use crate::stats::Stats;
use crate::sys;
use crate::tls::{self, Tls, TlsError};
use crate::users::Users;

/// How long connections may take to close properly; with what follows the whole stop stays below five seconds.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// Of certificates, in the data folder.
const TLS_FOLDER: &str = "tls";
/// How often deadlines of devices (pending requests, presence) are looked at.
const TICK: Duration = Duration::from_millis(100);

/// The hub cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A port.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Certificates, or their files.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Threads or sockets.
    #[error("the system refused what the hub needs to run: {0}. Check the limits on threads and open files.")]
    System(#[from] std::io::Error),
}

/// Where the hub is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The one port.
    pub http: SocketAddr,
    /// MQTT's own port, or the one port if that is not open.
    pub mqtt: SocketAddr,
    /// MQTT's own port with TLS, if that is open; the one port speaks TLS too.
    pub mqtts: Option<SocketAddr>,
}

/// A running hub.
pub struct Server {
    addresses: Addresses,
    shutdown: watch::Sender<bool>,
    clients: Arc<Clients>,
    demo: Arc<Demo>,
    discovery: Arc<Discovery>,
    house: Arc<House>,
    mdns: Option<Mdns>,
    shards: Vec<JoinHandle<()>>,
    accounts: Arc<Accounts>,
    tls: Option<Arc<Tls>>,
    history: Option<Arc<Recorder>>,
    notifications: Arc<Notifications>,
    mailer: Option<Mailer>,
    persister: Persister,
}

impl Server {
    /// Opens ports and data, restores what was kept, starts serving. On return everything answers.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let listeners = Listeners::open(&config)?;
        let addresses = listeners.addresses()?;
        let store = Store::open(&config.data)?;
        if let Some(restored) = store.restored() {
            let aside = restored.aside.display();
            info!(
                "a backup was put in place; what was there before is in '{aside}', and can be deleted when all is well"
            );
        }
        let tls = match config.tls.mode {
            TlsMode::Off => None,
            TlsMode::On | TlsMode::Only => {
                Some(Arc::new(Tls::start(store.vault(TLS_FOLDER), &config.tls, &config.names)?))
            }
        };
        let hub =
            Arc::new(Hub::new(HubOptions { online_timeout: config.online_timeout, limits: config.limits.of_hub() }));
        let loaded = store.load()?;
        for skipped in &loaded.skipped {
            warn!("{skipped}");
        }
        if loaded.skipped_count > loaded.skipped.len() {
            warn!("{} rows of the database could not be used in all", loaded.skipped_count);
        }
        hub.restore(loaded.snapshot);

        let (shutdown, stopped) = watch::channel(false);
        let (durability, desk) = Durability::new(config.durability);
        let desk = if config.history.sd_card { desk.seldom() } else { desk };
        let clients = Arc::new(Clients::default());
        let stats = Arc::new(Stats::new(config.shards));
        let limits = config.limits;
        let ids = message_ids(&loaded.sessions);
        let parts = (Arc::clone(&clients), Arc::clone(&stats));
        let sessions = Arc::new(Sessions::new(Arc::clone(&hub), parts, &limits, durability.clone(), ids));
        let guests = Guests::new(config.guest, config.guest_deny.clone(), Hosts::new(names::of_machine(&config.names)));
        let names = config.users.keys().cloned().collect();
        let accounts = Accounts::open(store.accounts()?, Arc::clone(&hub), Arc::clone(&clients), guests, names)?;
        // Whoever may read the data folder may do everything with it anyway: also when nobody remembers a password.
        let local = accounts.local_token().reveal().as_bytes();
        store.vault("local").write("token", local, Secrecy::Secret)?;
        // People come first, whatever the file says later.
        let mut configured = config.users.clone();
        configured.retain(|name, _| !accounts.has_person(name));
        let users = Arc::new(Users::new(&configured, accounts.secret("scram")?));
        let of_user = |name: &str| users.principal(name).map_or(Owner::Gone, Owner::Found);
        // A device that a CA of the configuration vouches for has nothing here that could be found.
        let vouched_for = |name: &str| {
            let device = name.strip_prefix("device:").filter(|_| config.tls.client_ca.is_some())?;
            Some(accounts.device_principal(DeviceId::parse(device).ok()?))
        };
        let owner_of = |name: &str| match accounts.owner_of(name) {
            Owner::Gone => vouched_for(name).map_or_else(|| of_user(name), Owner::Found),
            known => known,
        };
        sessions.restore(loaded.sessions, owner_of, now());
        let history = Recorder::start(config.history, config.postgres.clone(), &store, &hub, &durability);
        let accounts = Arc::new(accounts);
        let discovery = Arc::new(Discovery::start(&store, &hub, &clients, &accounts, config.discovery)?);
        let house = Arc::new(House::open(&store, &accounts)?);
        let notifications = Arc::new(Notifications::open(store.documents("notification")?)?);
        house.firmware.begin(&hub);
        let blynk = Arc::<Lines>::default();
        if config.blynk.enabled {
            blynk.begin(&hub);
            blynk.fetch.set_port(addresses.http.port());
        }
        let persister = Persister::start(desk, Arc::clone(&hub), Arc::clone(&sessions), store)?;
        let shared = Shared {
            hub: Arc::clone(&hub),
            durability,
            sessions,
            clients,
            taps: Arc::default(),
            refusals: Arc::default(),
            presence: Presence::start(&hub),
            kept: Arc::default(),
            blynk,
            notifications,
            stats,
            admission: Arc::new(Admission::new(limits.connections_per_address, limits.connection_rate_per_address)),
            accounts,
            users,
            tls: tls.clone(),
            history: history.clone(),
            lobby: Arc::new(Lobby::new(&config, now().instant)),
            demo: Arc::new(Demo::new()),
            discovery,
            house,
            config: Arc::new(config),
            started: Instant::now(),
            shutdown: stopped,
        };
        let mail = shared.config.mail.clone();
        let start = |mail| Mailer::start(mail, Arc::clone(&shared.notifications), Arc::clone(&shared.hub));
        let mailer = mail.map(start).transpose()?;
        let shards = start_shards(&shared, listeners)?;
        // What is found on the network goes from here to whoever adopts devices.
        let discovery = Arc::clone(&shared.discovery);
        let found_on_the_network = move |event: &housewire_links::discovery::Event| discovery.sighted(event.clone());
        let mdns = mdns::start(&shared.config, addresses, found_on_the_network);
        if shared.config.demo {
            let token = shared.accounts.demo_token().reveal().into();
            shared.demo.start(Access::new(addresses.http, addresses.http, token));
        }
        shared.house.virtual_devices.begin(Access::new(addresses.http, addresses.http, "".into()));
        Ok(Self {
            addresses,
            shutdown,
            clients: shared.clients,
            demo: shared.demo,
            discovery: shared.discovery,
            house: shared.house,
            mdns,
            shards,
            accounts: shared.accounts,
            tls,
            history,
            notifications: shared.notifications,
            mailer,
            persister,
        })
    }

    /// Where it is reached; a wildcard address is shown as loopback, which can be typed.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Where the first admin is made, on the page; `None` once there is one.
    pub fn setup_link(&self) -> Option<String> {
        let key = self.accounts.setup_key()?.reveal();
        Some(format!("http://{}/setup#{key}", self.addresses.http))
    }

    /// Reads certificates of the configuration again, and renews the hub's own if that is due. Connections go on. Waits for the disk.
    pub fn reload(&self) {
        match &self.tls {
            Some(tls) => {
                tls.reload();
                let by = Change { who: None, address: None, via: Via::Hub };
                self.accounts.audit.note(Deed { event: Event::TlsChanged, by: &by, subject: None, detail: None });
            }
            None => info!("nothing is read again: there is no TLS, and everything else needs a restart"),
        }
    }

    /// Closes every connection properly, writes what is left, and returns when all is done.
    pub fn stop(self) {
        // First: nobody should come to a hub that is about to go.
        if let Some(mdns) = self.mdns {
            mdns.stop();
        }
        self.demo.end();
        self.house.virtual_devices.end();
        // While there is somebody to hear the farewell.
        self.discovery.stop();
        self.shutdown.send_replace(true);
        self.clients.stop_polled();
        for shard in self.shards {
            if shard.join().is_err() {
                error!("a shard's thread died");
            }
        }
        self.accounts.save_all();
        if let Some(mailer) = &self.mailer {
            mailer.stop();
        }
        self.notifications.save_all();
        self.house.firmware.end();
        if let Some(history) = &self.history {
            history.finish();
        }
        self.persister.finish();
    }
}

/// Listening sockets, not yet accepting.
struct Listeners {
    one_port: std::net::TcpListener,
    mqtt: Option<std::net::TcpListener>,
    mqtts: Option<std::net::TcpListener>,
    /// Further ones that are what the one port is.
    blynk: Vec<std::net::TcpListener>,
}

impl Listeners {
    fn open(config: &Config) -> Result<Self, ListenError> {
        let one_port = listener::bind(config.bind, config.port, "--port")?;
        let mqtt = open_choice(config.bind, config.mqtt_port, "--mqtt-port")?;
        let mqtts = match config.tls.mode {
            TlsMode::Off => None,
            TlsMode::On | TlsMode::Only => open_choice(config.bind, config.mqtts_port, "--mqtts-port")?,
        };
        let ports: &[u16] = if config.blynk.enabled { &config.blynk.ports } else { &[] };
        let blynk = ports.iter().map(|port| listener::bind(config.bind, *port, "blynk.ports"));
        Ok(Self { one_port, mqtt, mqtts, blynk: blynk.collect::<Result<_, _>>()? })
    }

    fn addresses(&self) -> std::io::Result<Addresses> {
        let http = typeable(self.one_port.local_addr()?);
        let mqtt = match &self.mqtt {
            Some(listener) => typeable(listener.local_addr()?),
            None => http,
        };
        let mqtts = self.mqtts.as_ref().map(std::net::TcpListener::local_addr).transpose()?.map(typeable);
        Ok(Addresses { http, mqtt, mqtts })
    }
}

/// Opens a port that may be off; a busy one that nobody named is skipped, as another broker may have it.
fn open_choice(
    address: IpAddr,
    choice: PortChoice,
    flag: &'static str,
) -> Result<Option<std::net::TcpListener>, ListenError> {
    let Port::On(port) = choice.port else { return Ok(None) };
    match listener::bind(address, port, flag) {
        Err(busy @ ListenError::Busy { .. }) if !choice.named => {
            warn!("{busy} Going on without it: MQTT is served on the one port too.");
            Ok(None)
        }
        opened => opened.map(Some),
    }
}

fn typeable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn start_shards(shared: &Shared, listeners: Listeners) -> std::io::Result<Vec<JoinHandle<()>>> {
    crate::http::prepare();
    let mut inlets = Vec::new();
    let mut starts = Vec::new();
    for number in 0..shared.config.shards {
        let shard = Shard::new(shared.clone(), number);
        let (inlet, outlet) = mpsc::channel(HANDOFF_MAX);
        inlets.push(ShardInlet { shard: shard.clone(), inlet });
        starts.push((shard, outlet));
    }
    let inlets: Arc<[ShardInlet]> = inlets.into();
    let mut first = Some((listeners, inlets));
    let mut threads = Vec::new();
    for (number, (shard, outlet)) in starts.into_iter().enumerate() {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        if let Some((listeners, inlets)) = first.take() {
            spawn_hub_tasks(&runtime, shared, listeners, &inlets)?;
        }
        let thread = std::thread::Builder::new().name(format!("shard-{number}"));
        threads.push(thread.spawn(move || run_shard(&runtime, &shard, outlet))?);
    }
    Ok(threads)
}

/// Tasks of the hub as a whole live on the first shard.
fn spawn_hub_tasks(
    runtime: &Runtime,
    shared: &Shared,
    listeners: Listeners,
    inlets: &Arc<[ShardInlet]>,
) -> std::io::Result<()> {
    let _inside = runtime.enter();
    let one_port = TcpListener::from_std(listeners.one_port)?;
    spawn_vital("accept", listener::accept(one_port, Speaks::Anything, Arc::clone(inlets)));
    if let Some(mqtt) = listeners.mqtt {
        let mqtt = TcpListener::from_std(mqtt)?;
        spawn_vital("accept MQTT", listener::accept(mqtt, Speaks::Mqtt, Arc::clone(inlets)));
    }
    spawn_vital("accounts", Arc::clone(&shared.accounts).keep());
    if let Some(mqtts) = listeners.mqtts {
        let mqtts = TcpListener::from_std(mqtts)?;
        spawn_vital("accept MQTT over TLS", listener::accept(mqtts, Speaks::MqttOverTls, Arc::clone(inlets)));
    }
    for blynk in listeners.blynk {
        let blynk = TcpListener::from_std(blynk)?;
        spawn_vital("accept Blynk", listener::accept(blynk, Speaks::Anything, Arc::clone(inlets)));
    }
    spawn_vital("notifications", Arc::clone(&shared.notifications).keep());
    if let Some(tls) = &shared.tls {
        spawn_vital("certificates", tls::run(Arc::clone(tls)));
    }
    let sessions = Arc::clone(&shared.sessions);
    spawn_vital("sessions", async move { sessions.run().await });
    spawn_vital("deadlines", keep_deadlines(Arc::clone(&shared.hub)));
    if let Some(interval) = shared.config.sys_interval {
        spawn_vital("$SYS", sys::run(sys::Sources::of(shared), interval));
    }
    Ok(())
}

/// Spawns a task that the hub cannot do without: should it panic, the process ends rather than go on half alive.
fn spawn_vital(name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let task = tokio::spawn(task);
    tokio::spawn(async move {
        if task.await.is_err_and(|error| error.is_panic()) {
            error!("the hub's task '{name}' failed, which is a bug; the hub ends, start it again and report this");
            std::process::abort();
        }
    });
}

async fn keep_deadlines(hub: Arc<Hub>) {
    loop {
        tokio::time::sleep(TICK).await;
        let now = now();
        if hub.poll_timeout().is_some_and(|at| at <= now.instant) {
            hub.handle_timeout(now);
        }
    }
}

fn run_shard(runtime: &Runtime, shard: &Shard, outlet: mpsc::Receiver<listener::Accepted>) {
    runtime.block_on(async {
        spawn_vital("inlet", listener::run_inlet(shard.clone(), outlet));
        let own = shard.clone();
        spawn_vital("flusher", async move { own.run().await });
        shard.stopping().await;
        let drained = async {
            while shard.connection_count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
            warn!("{} connections did not close in time", shard.connection_count());
        }
    });
}

/// Why a hub has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// By a signal.
    ForGood,
    /// An admin wants it to start again, perhaps because a backup waits for that.
    ToStartAgain,
}

/// Runs a hub until SIGTERM or Ctrl-C, or until an admin has it start again; SIGHUP has it read its certificates again. `ready` is called as soon as it serves.
pub fn run_until_signal(config: Config, ready: impl FnOnce(&Server)) -> Result<Stopped, StartError> {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        warn!("cannot raise the limit of open files: {error}");
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Before anything starts: a signal that comes early must stop the hub properly, too.
    let mut signals = {
        let _inside = runtime.enter();
        Signals::listen()?
    };
    let server = Server::start(config)?;
    ready(&server);
    let house = Arc::clone(&server.house);
    let mut next = async || {
        tokio::select! {
            signal = signals.next() => signal,
            () = house.restart.notified() => Signal::StartAgain,
        }
    };
    let (why, stopped) = loop {
        match runtime.block_on(next()) {
            Signal::Stop(name) => break (format!("{name} received, stopping"), Stopped::ForGood),
            Signal::StartAgain => {
                break ("an admin has the hub start again, stopping".to_owned(), Stopped::ToStartAgain);
            }
            Signal::Reload => server.reload(),
        }
    };
    info!("{why}");
    server.stop();
    info!("stopped");
    Ok(stopped)
}

/// What somebody who runs the hub wants of it.
enum Signal {
    Stop(&'static str),
    StartAgain,
    Reload,
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}
