//! Services on the network, as they are told by mDNS (DNS-SD): what a host offers makes it a device that was found.
//!
//! Here is what a service says; asking the network belongs to `server`. A host with several services is one device. It has no
//! properties of its own: it shows that something is there, what it is and where, and joins what the same thing announces by MQTT.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::draft::{Draft, clean_label, mac_identifier, quoted};
use super::limits::{HOST_ADDRESSES_MAX, HOST_SERVICES_MAX, HOSTS_MAX};
use super::model::{Event, Found, Source};
use super::said::Said;

/// Types of services that are looked for.
pub const SERVICES: [&str; 5] = [
    "_http._tcp.local.",
    "_wled._tcp.local.",
    "_esphomelib._tcp.local.",
    "_mqtt._tcp.local.",
    "_housewire._tcp.local.",
];
/// In TXT, tells apart one start of a hub from another: a hub that hears this of itself has not found anything.
pub const OWN_ID: &str = "id";

/// A service that was resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its whole name, with its type: `desk._wled._tcp.local.`
    pub fullname: String,
    /// Its type, one of [`SERVICES`].
    pub kind: String,
    /// The host that offers it: `wled-desk.local.`
    pub host: String,
    /// Where it listens there.
    pub port: u16,
    /// Of the host.
    pub addresses: Vec<IpAddr>,
    /// What it says of itself. Keys are the same in any case.
    pub txt: Vec<(String, String)>,
}

impl Service {
    fn text(&self, key: &str) -> Option<&str> {
        let text = self.txt.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, text)| text.as_str());
        text.filter(|text| !text.is_empty())
    }

    /// What people called it.
    fn instance(&self) -> Option<String> {
        let end = self.fullname.len().checked_sub(self.kind.len() + 1)?;
        // A dot in the name itself is written with a backslash.
        clean_label(&self.fullname.get(..end)?.replace('\\', ""))
    }

    fn mac(&self) -> Option<String> {
        self.text("mac").and_then(mac_identifier)
    }

    /// How much its name says of what it is: the smallest first.
    fn rank(&self) -> usize {
        const ORDER: [&str; 5] = ["_housewire", "_esphomelib", "_wled", "_mqtt", "_http"];
        ORDER.iter().position(|kind| self.is(kind)).unwrap_or(ORDER.len())
    }

    fn is(&self, kind: &str) -> bool {
        self.kind.strip_prefix(kind).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Everything that hosts offer at the moment.
pub struct Neighbours {
    own_id: String,
    /// By the host, then by the whole name.
    hosts: BTreeMap<String, BTreeMap<String, Service>>,
    said: Said,
}

impl Neighbours {
    /// Nobody is known; services whose [`OWN_ID`] is this one are one's own.
    pub fn new(own_id: &str) -> Self {
        Self { own_id: own_id.to_owned(), hosts: BTreeMap::new(), said: Said::default() }
    }

    /// A service is there, or says something else than before.
    pub fn resolved(&mut self, mut service: Service) -> Vec<Event> {
        let mut events = Vec::new();
        if service.text(OWN_ID) == Some(self.own_id.as_str()) {
            return events;
        }
        service.host.make_ascii_lowercase();
        // It may have moved from another host.
        if self.host_of(&service.fullname).is_some_and(|host| host != service.host) {
            events = self.removed(&service.fullname);
        }
        let topic = service.kind.clone();
        let mut problem = |reason: String| events.push(Event::Problem { topic: topic.clone(), reason });
        if !self.hosts.contains_key(&service.host) && self.hosts.len() >= HOSTS_MAX {
            problem(format!(
                "There are {HOSTS_MAX} hosts with services already; {} is left out.",
                quoted(&service.host)
            ));
            return events;
        }
        let host = service.host.clone();
        let before = self.key_of(&host);
        let services = self.hosts.entry(host.clone()).or_default();
        if services.len() >= HOST_SERVICES_MAX && !services.contains_key(&service.fullname) {
            problem(format!(
                "The host {} offers {HOST_SERVICES_MAX} services already; one is left out.",
                quoted(&host)
            ));
            return events;
        }
        services.insert(service.fullname.clone(), service);
        // A service may tell an address that does not change, which those before did not.
        let after = self.key_of(&host);
        if let Some(before) = before.filter(|before| Some(before) != after.as_ref()) {
            self.said.moved(&before, &mut events);
            self.say(&before, &topic, &mut events);
        }
        if let Some(key) = after {
            self.say(&key, &topic, &mut events);
        }
        events
    }

    /// A service is gone: it said so, or was not heard of for too long.
    pub fn removed(&mut self, fullname: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let Some(host) = self.host_of(fullname).map(str::to_owned) else { return events };
        let before = self.key_of(&host);
        let kind = fullname.to_owned();
        if let Some(services) = self.hosts.get_mut(&host) {
            services.remove(fullname);
            if services.is_empty() {
                self.hosts.remove(&host);
            }
        }
        let after = self.key_of(&host);
        if let (Some(before), Some(_)) = (&before, &after)
            && before != after.as_ref().unwrap_or(before)
        {
            self.said.moved(before, &mut events);
        }
        for key in before.into_iter().chain(after) {
            self.say(&key, &kind, &mut events);
        }
        events
    }

    fn host_of(&self, fullname: &str) -> Option<&str> {
        self.hosts.iter().find(|(_, services)| services.contains_key(fullname)).map(|(host, _)| host.as_str())
    }

    /// Who the host is: its hardware address where it tells one, as names change.
    fn key_of(&self, host: &str) -> Option<String> {
        let services = self.hosts.get(host)?;
        let mac = services.values().find_map(Service::mac);
        Some(mac.unwrap_or_else(|| format!("host:{}", host.trim_end_matches('.'))))
    }

    /// Says what is known under a key now: of the host, or the first of several, as one that was renamed is there twice for a while.
    fn say(&mut self, key: &str, topic: &str, events: &mut Vec<Event>) {
        let host = self.hosts.keys().find(|host| self.key_of(host).as_deref() == Some(key));
        match host.and_then(|host| Some((host, self.hosts.get(host)?))) {
            Some((host, services)) => {
                let found = describe(key, host, services);
                self.said.found(found, topic, events);
            }
            None => self.said.gone(key, events),
        }
    }
}

/// A host with all that it offers.
fn describe(key: &str, host: &str, services: &BTreeMap<String, Service>) -> Found {
    let mut draft = Draft::new(Source::Mdns, key);
    let mut services: Vec<&Service> = services.values().collect();
    services.sort_by_key(|service| (service.rank(), &service.fullname));
    let found = &mut draft.found;
    let host = host.trim_end_matches('.');
    found.identifiers = services.iter().filter_map(|service| service.mac()).collect();
    found.identifiers.dedup();
    found.identifiers.push(format!("id:host/{host}"));
    for service in services.iter().rev() {
        // The one whose name says most comes last, and wins.
        let said = What::of(service);
        found.name = said.name.or(service.instance()).or(found.name.take());
        found.manufacturer = said.manufacturer.or(found.manufacturer.take());
        found.model = said.model.or(found.model.take());
        found.sw_version = said.version.or(found.sw_version.take());
    }
    found.name = found.name.take().or_else(|| clean_label(host));
    let page = services.iter().find(|service| ["_housewire", "_wled", "_http"].iter().any(|kind| service.is(kind)));
    found.url = page.and_then(|service| {
        let address = addresses(service).next()?;
        let path = service.text("path").filter(|path| is_path(path)).unwrap_or("/");
        Some(format!("http://{}{path}", authority(address, service.port)))
    });
    let mut all: Vec<String> = services
        .iter()
        .flat_map(|service| addresses(service).map(|address| authority(address, service.port)))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|address| seen.insert(address.clone()));
    all.truncate(HOST_ADDRESSES_MAX);
    found.addresses = all;
    draft.finish()
}

/// What a service says of the thing that offers it.
#[derive(Default)]
struct What {
    name: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    version: Option<String>,
}

impl What {
    fn of(service: &Service) -> Self {
        let text = |key: &str| service.text(key).and_then(clean_label);
        let fixed = |text: &str| Some(text.to_owned());
        if service.is("_esphomelib") {
            // A project is written as its author and its name, divided by a point.
            let project = text("project_name");
            let (author, name) = match project.as_deref().and_then(|project| project.split_once('.')) {
                Some((author, name)) => (clean_label(author), clean_label(name)),
                None => (None, project),
            };
            Self {
                name: text("friendly_name"),
                manufacturer: author.or_else(|| fixed("ESPHome")),
                model: name.or_else(|| text("board")),
                version: text("project_version").or_else(|| text("version")),
            }
        } else if service.is("_wled") {
            Self { manufacturer: fixed("WLED"), ..Self::default() }
        } else if service.is("_housewire") {
            Self { manufacturer: fixed("Housewire"), model: fixed("Hub"), version: text("version"), name: None }
        } else if service.is("_mqtt") {
            Self { model: fixed("MQTT broker"), ..Self::default() }
        } else {
            Self::default()
        }
    }
}

/// Those that can be written into an address, the shorter ones first. Of one link only, an address needs a name of an interface.
fn addresses(service: &Service) -> impl Iterator<Item = IpAddr> {
    let mut addresses: Vec<IpAddr> = service.addresses.iter().map(IpAddr::to_canonical).collect();
    addresses.retain(|address| match address {
        IpAddr::V4(address) => !address.is_unspecified() && !address.is_loopback() && !address.is_multicast(),
        IpAddr::V6(address) => {
            !address.is_unspecified()
                && !address.is_loopback()
                && !address.is_multicast()
                && !address.is_unicast_link_local()
        }
    });
    addresses.sort();
    addresses.dedup();
    addresses.into_iter().take(HOST_ADDRESSES_MAX)
}

fn authority(address: IpAddr, port: u16) -> String {
    match address {
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    }
}

fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= 128
        && path.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
