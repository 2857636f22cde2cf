//! The hub on its network: it tells by mDNS (DNS-SD) that it is there, and hears what else is.
//!
//! What is told is decided in `plan`, what is heard becomes devices in `links`; here are the daemon of the library, with a thread of
//! its own, and one of ours that listens to it. Nothing of this is needed to serve: what fails is told in the log, and the hub goes on.
//! Who adopts what is found belongs elsewhere; he gives [`start`] a place to put it.

mod plan;

use std::collections::{BTreeSet, VecDeque};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use housewire_links::discovery::Event;
use housewire_links::discovery::mdns::{Neighbours, SERVICES, Service};
use mdns_sd::{DaemonEvent, IfKind, Receiver, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use tracing::{debug, info, warn};

use self::plan::{Interfaces, Plan};
use crate::config::Config;
use crate::limits::{MDNS_EVENTS_PER_TICK_MAX, MDNS_SERVICES_MAX};
use crate::serve::Addresses;

/// How often it is looked what was heard. A device that came half a second ago is early enough.
const TICK: Duration = Duration::from_millis(500);
/// A search that ended is begun again after so many of them: half a minute.
const SEARCH_AGAIN_TICKS: u32 = 60;
/// How long saying goodbye may take.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// The hub is told of on the network until this is stopped.
pub(crate) struct Mdns {
    daemon: ServiceDaemon,
    stop: SyncSender<()>,
    listener: JoinHandle<()>,
}

/// Tells the network of the hub and listens to it, unless the configuration says otherwise or nobody elsewhere could reach the hub.
///
/// `sink` is given what is found and what is gone, on a thread where it may take a moment; it says whether it took that. What was not
/// taken is offered again.
pub(crate) fn start(
    config: &Config,
    addresses: Addresses,
    sink: impl Fn(&Event) -> bool + Send + 'static,
) -> Option<Mdns> {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plan = Plan::of(config, addresses, &machine, &format!("{:016x}", fastrand::u64(..)))?;
    match run(plan, sink) {
        Ok(mdns) => Some(mdns),
        Err(error) => {
            warn!(
                "the network cannot be told of this hub ({error}); it is reached by its address all the same. With --no-mdns it is \
                 not tried."
            );
            None
        }
    }
}

fn run(plan: Plan, sink: impl Fn(&Event) -> bool + Send + 'static) -> Result<Mdns, Box<dyn std::error::Error>> {
    let daemon = ServiceDaemon::new()?;
    for kind in [IfKind::LoopbackV4, IfKind::LoopbackV6] {
        daemon.disable_interface(kind)?;
    }
    match plan.interfaces {
        Interfaces::All => {}
        Interfaces::IPv4 => daemon.disable_interface(IfKind::IPv6)?,
        Interfaces::Of(address) => {
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(IfKind::Addr(address))?;
        }
    }
    let monitor = daemon.monitor()?;
    for offer in &plan.offers {
        let txt: Vec<(&str, &str)> = offer.txt.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let service = match plan.interfaces {
            Interfaces::Of(address) => {
                ServiceInfo::new(offer.kind, &plan.name, plan::HOST, address, offer.port, &txt[..])?
            }
            Interfaces::All | Interfaces::IPv4 => {
                ServiceInfo::new(offer.kind, &plan.name, plan::HOST, "", offer.port, &txt[..])?.enable_addr_auto()
            }
        };
        daemon.register(service)?;
    }
    let searches = SERVICES.map(|kind| Search::begin(&daemon, kind));
    let (stop, stopped) = sync_channel(1);
    let mut listener = Listener {
        daemon: daemon.clone(),
        monitor,
        searches,
        neighbours: Neighbours::new(&plan.id),
        untaken: VecDeque::new(),
        told: BTreeSet::new(),
        sink,
    };
    let listen = move || {
        while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            listener.tick();
        }
    };
    let listener = std::thread::Builder::new().name("mdns".into()).spawn(listen)?;
    debug!("the network is told of '{}' as {}", plan.name, plan::HOST);
    Ok(Mdns { daemon, stop, listener })
}

impl Mdns {
    /// Says goodbye, so that nobody shows a hub that is gone.
    pub(crate) fn stop(self) {
        let Self { daemon, stop, listener } = self;
        // Before the searches end with the daemon: that would look as if everything had gone.
        drop(stop);
        if listener.join().is_err() {
            warn!("the thread that listens to the network died");
        }
        let said = daemon.shutdown().is_ok_and(|done| done.recv_timeout(GOODBYE_TIMEOUT).is_ok());
        if !said {
            debug!("the network could not be told that this hub goes");
        }
    }
}

/// One type of services that is looked for.
struct Search {
    kind: &'static str,
    heard: Option<Receiver<ServiceEvent>>,
    /// Until it is begun again.
    wait_ticks: u32,
    known: BTreeSet<String>,
}

impl Search {
    fn begin(daemon: &ServiceDaemon, kind: &'static str) -> Self {
        Self { kind, heard: daemon.browse(kind).ok(), wait_ticks: SEARCH_AGAIN_TICKS, known: BTreeSet::new() }
    }
}

/// What our thread does each tick.
struct Listener<S> {
    daemon: ServiceDaemon,
    monitor: Receiver<DaemonEvent>,
    searches: [Search; SERVICES.len()],
    neighbours: Neighbours,
    /// What the sink had no room for; while there is some, nothing more is heard.
    untaken: VecDeque<Event>,
    /// Names that were changed, as there is one such event for each address.
    told: BTreeSet<String>,
    sink: S,
}

impl<S: Fn(&Event) -> bool> Listener<S> {
    fn tick(&mut self) {
        self.hear_of_ourselves();
        self.pass_on();
        for place in 0..self.searches.len() {
            if self.untaken.is_empty() {
                self.hear(place);
                self.pass_on();
            }
        }
    }

    /// The library gives us another name where ours is taken.
    fn hear_of_ourselves(&mut self) {
        const TOLD_MAX: usize = 100;
        while let Ok(event) = self.monitor.try_recv() {
            match event {
                DaemonEvent::NameChange(change) => {
                    let (from, to) = (change.original.trim_end_matches('.'), change.new_name.trim_end_matches('.'));
                    if self.told.len() < TOLD_MAX && self.told.insert(to.to_owned()) {
                        info!("another one on this network is called {from}: this hub is {to} there");
                    }
                }
                DaemonEvent::Error(error) => debug!("mDNS: {error}"),
                other => debug!("mDNS: {other:?}"),
            }
        }
    }

    fn hear(&mut self, place: usize) {
        let search = &mut self.searches[place];
        let Some(heard) = &search.heard else {
            search.wait_ticks = search.wait_ticks.saturating_sub(1);
            if search.wait_ticks == 0 {
                *search = Search::begin(&self.daemon, search.kind);
            }
            return;
        };
        for _ in 0..MDNS_EVENTS_PER_TICK_MAX {
            match heard.try_recv() {
                Ok(ServiceEvent::ServiceResolved(resolved)) => {
                    if search.known.len() >= MDNS_SERVICES_MAX && !search.known.contains(&resolved.fullname) {
                        return self.give_up(place);
                    }
                    search.known.insert(resolved.fullname.clone());
                    self.untaken.extend(self.neighbours.resolved(service(&resolved)));
                }
                Ok(ServiceEvent::ServiceRemoved(_, fullname)) => {
                    search.known.remove(&fullname);
                    self.untaken.extend(self.neighbours.removed(&fullname));
                }
                Ok(_) => {}
                Err(_) if heard.is_disconnected() => return self.begin_anew(place),
                Err(_) => return,
            }
        }
    }

    /// The library ends a search whose events are not taken in time. What was missed is not known, so all is heard anew.
    fn begin_anew(&mut self, place: usize) {
        let search = &mut self.searches[place];
        (search.heard, search.wait_ticks) = (None, SEARCH_AGAIN_TICKS);
        for fullname in std::mem::take(&mut search.known) {
            self.untaken.extend(self.neighbours.removed(&fullname));
        }
    }

    /// Nobody has so many: somebody fills our memory and that of the library, which keeps what it is asked to look for.
    fn give_up(&mut self, place: usize) {
        let kind = self.searches[place].kind;
        warn!(
            "the network tells of more than {MDNS_SERVICES_MAX} services {kind}: they are no longer looked for until the next start"
        );
        if let Err(error) = self.daemon.stop_browse(kind) {
            debug!("mDNS: {error}");
        }
        self.begin_anew(place);
        self.searches[place].wait_ticks = u32::MAX;
    }

    fn pass_on(&mut self) {
        while let Some(event) = self.untaken.front() {
            match event {
                Event::Problem { topic, reason } => debug!("{topic}: {reason}"),
                Event::Found(found) => debug!(
                    "on the network: {} {} {} at {}",
                    found.key,
                    found.name.as_deref().unwrap_or_default(),
                    found.model.as_deref().or(found.manufacturer.as_deref()).unwrap_or_default(),
                    found.addresses.join(" ")
                ),
                Event::Gone { key, .. } => debug!("no longer on the network: {key}"),
                Event::Ask(_) => {}
            }
            let is_for_the_sink = matches!(event, Event::Found(_) | Event::Gone { .. });
            if is_for_the_sink && !(self.sink)(event) {
                return;
            }
            self.untaken.pop_front();
        }
    }
}

/// As `links` knows it: texts instead of bytes.
fn service(resolved: &ResolvedService) -> Service {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let txt = resolved.txt_properties.iter().map(|property| (property.key().to_owned(), text(property.val())));
    Service {
        fullname: resolved.fullname.clone(),
        kind: resolved.ty_domain.clone(),
        host: resolved.host.clone(),
        port: resolved.port,
        addresses: resolved.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr).collect(),
        txt: txt.collect(),
    }
}
