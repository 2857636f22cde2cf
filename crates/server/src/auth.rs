//! Who gets in without a credential (who has one is in `users`): until accounts exist, the guest from loopback, and nobody else unless the
//! configuration opens the hub to the local network.
//!
//! What a principal may do is checked in `core`.

use std::sync::Arc;

use axum::http::{HeaderMap, Uri, header};
use housewire_core::{DeviceId, Filter, Permissions, Principal};
use serde::Deserialize;

use crate::mqtt::Owner;
use crate::peer::{Peer, is_loopback};
use crate::tls::ClientCertificate;

/// Who is let in without a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum GuestPolicy {
    /// Nobody.
    Off,
    /// Programs on this machine.
    #[default]
    Loopback,
    /// Everybody who reaches the hub.
    Lan,
}

/// Why somebody is not let in, and what to do about it.
pub(crate) const REFUSAL: &str = "This hub lets in only programs on its own machine, and over MQTT the users of \
     its config file, as it has no accounts yet. \
     To open it to your network, start it with --guest lan (or guest = \"lan\" in its config file).";

/// Why a request from loopback is not taken for a guest's.
pub(crate) const BORROWED: &str = "This request came through a proxy, under a foreign name or from another site's page, \
     so it does not count as one of this machine. Open the hub by its own address, or start it with --guest lan.";

/// Why somebody with a certificate is not let in.
const NO_DEVICE: &str = "The common name (CN) of your certificate is no device id, which has 1 to 64 characters of \
     A-Z a-z 0-9 _ -. Use a certificate that names the device.";

/// Why a browser's request with a certificate is not taken for its device's.
const FOREIGN_PAGE: &str = "This request comes from another site's page, which may not use this browser's certificate. \
     Open the hub by its own address.";

/// The device whose certificate that is; it may read and write what is below its own topic.
fn device(certificate: &ClientCertificate) -> Result<Arc<Principal>, &'static str> {
    let id = DeviceId::parse(&certificate.subject).map_err(|_| NO_DEVICE)?;
    let own = vec![Filter::parse(&format!("devices/{id}/#")).expect("made of a valid id")];
    let permissions = Permissions { read: own.clone(), write: own, deny: Vec::new() };
    Ok(Arc::new(Principal::new(format!("device:{id}"), permissions)))
}

/// Hands out guests' principals.
#[derive(Debug)]
pub(crate) struct Guests {
    policy: GuestPolicy,
    guest: Arc<Principal>,
    nobody: Arc<Principal>,
}

impl Guests {
    pub(crate) fn new(policy: GuestPolicy) -> Self {
        let principal = |name, permissions| Arc::new(Principal::new(name, permissions));
        Self {
            policy,
            guest: principal("guest", Permissions::all()),
            nobody: principal("nobody", Permissions::default()),
        }
    }

    /// Whoever has not shown yet who he is, and may do nothing.
    pub(crate) fn nobody(&self) -> Arc<Principal> {
        Arc::clone(&self.nobody)
    }

    /// The principal of whoever connects like this, by a protocol that browsers and proxies do not speak: the device whose certificate it
    /// showed, or a guest.
    pub(crate) fn admit_address(&self, peer: &Peer) -> Result<Arc<Principal>, &'static str> {
        if let Some(certificate) = peer.client_certificate() {
            return device(certificate);
        }
        let admitted = match self.policy {
            GuestPolicy::Off => false,
            GuestPolicy::Loopback => peer.is_on_this_machine(),
            GuestPolicy::Lan => true,
        };
        if admitted { Ok(Arc::clone(&self.guest)) } else { Err(REFUSAL) }
    }

    /// Whom a name that was kept, of a session's owner for one, means; `None` if it is no guest's.
    pub(crate) fn find(&self, name: &str) -> Option<Owner> {
        (name == self.guest.name()).then(|| match self.policy {
            GuestPolicy::Off => Owner::ShutOut,
            GuestPolicy::Loopback | GuestPolicy::Lan => Owner::Found(Arc::clone(&self.guest)),
        })
    }

    /// The principal of an HTTP request. A web page or a tunnel reaches the hub from loopback too: what shows signs of
    /// either is no guest from loopback, and a page of another site is no guest at all.
    pub(crate) fn admit_request(
        &self,
        peer: &Peer,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Arc<Principal>, &'static str> {
        let guest = self.admit_address(peer)?;
        if peer.client_certificate().is_some() {
            // A browser shows it for whatever page asks.
            return if origin_is_foreign(headers) { Err(FOREIGN_PAGE) } else { Ok(guest) };
        }
        let is_borrowed = match self.policy {
            GuestPolicy::Off => true,
            GuestPolicy::Loopback => {
                is_forwarded(headers) || !host_is_loopback(uri, headers) || origin_is_foreign(headers)
            }
            GuestPolicy::Lan => origin_is_foreign(headers),
        };
        if is_borrowed { Err(BORROWED) } else { Ok(guest) }
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name == "forwarded" || name == "via" || name.starts_with("x-forwarded-") || name == "x-real-ip"
    })
}

/// The host part of `host` or `host:port`, without the brackets of an IPv6 address; `None` if it is neither.
fn host_name(authority: &str) -> Option<&str> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_is_fine = rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    port_is_fine.then_some(host)
}

fn name_is_loopback(authority: &str) -> bool {
    host_name(authority)
        .is_some_and(|host| host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback))
}

/// Every name that the request gives for the hub. HTTP/1.0 clients may give none; then none is foreign.
fn host_is_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::HOST).iter().map(|host| host.to_str().ok());
    let asked = uri.authority().map(|authority| Some(authority.as_str()));
    named.chain(asked).all(|authority| authority.is_some_and(name_is_loopback))
}

/// A page of another site sends its own origin; ours sends the host it asked.
fn origin_is_foreign(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    headers.get_all(header::ORIGIN).iter().any(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        match (origin, host) {
            (Some(("http" | "https", authority)), Some(host)) => !authority.eq_ignore_ascii_case(host),
            _ => true, // "null" too
        }
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn check(policy: GuestPolicy, peer: &str, headers: &[(&'static str, &str)], admitted: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let peer = Peer::direct((peer.parse::<IpAddr>().unwrap(), 9).into());
        let result = Guests::new(policy).admit_request(&peer, &Uri::from_static("/"), &map);
        assert_eq!(result.is_ok(), admitted, "{policy:?} {peer} {headers:?}");
    }

    #[test]
    fn only_this_machine_is_a_guest_by_default() {
        use GuestPolicy::{Lan, Loopback, Off};
        let local = ("host", "localhost:8080");
        check(Loopback, "127.0.0.1", &[local], true);
        check(Loopback, "::ffff:127.0.0.1", &[local], true);
        check(Loopback, "::1", &[("host", "[::1]:8080")], true);
        check(Loopback, "127.0.0.1", &[("host", "127.0.0.1:8080")], true);
        check(Loopback, "127.0.0.1", &[], true);
        check(Loopback, "192.0.2.7", &[local], false);
        check(Off, "127.0.0.1", &[local], false);
        check(Lan, "192.0.2.7", &[("host", "hub.local:8080")], true);
    }

    #[test]
    fn what_came_through_a_proxy_is_no_guest_from_loopback() {
        let peer = Peer::proxied(([127, 0, 0, 1], 9).into());
        for (policy, admitted) in [(GuestPolicy::Off, false), (GuestPolicy::Loopback, false), (GuestPolicy::Lan, true)]
        {
            let guests = Guests::new(policy);
            assert_eq!(guests.admit_address(&peer).is_ok(), admitted, "{policy:?}");
            let request = guests.admit_request(&peer, &Uri::from_static("/"), &HeaderMap::new());
            assert_eq!(request.is_ok(), admitted, "{policy:?}");
        }
    }

    #[test]
    fn pages_and_tunnels_cannot_borrow_the_guest() {
        use GuestPolicy::{Lan, Loopback};
        let local = ("host", "localhost:8080");
        check(Loopback, "127.0.0.1", &[local, ("origin", "http://localhost:8080")], true);
        check(Loopback, "127.0.0.1", &[local, ("origin", "http://evil.example")], false);
        check(Loopback, "127.0.0.1", &[local, ("origin", "http://localhost:3000")], false);
        check(Loopback, "127.0.0.1", &[local, ("origin", "null")], false);
        check(Loopback, "127.0.0.1", &[local, ("x-forwarded-for", "192.0.2.7")], false);
        check(Loopback, "127.0.0.1", &[local, ("forwarded", "for=192.0.2.7")], false);
        check(Loopback, "127.0.0.1", &[("host", "evil.example")], false);
        check(Loopback, "127.0.0.1", &[local, ("host", "evil.example")], false);
        check(Loopback, "127.0.0.1", &[("host", "[::1]evil.example")], false);
        check(Loopback, "127.0.0.1", &[("host", "127.0.0.1:8080@evil.example")], false);
        check(Loopback, "127.0.0.1", &[local, ("origin", "ftp://localhost:8080")], false);
        check(Loopback, "127.0.0.1", &[local, ("origin", "http://localhost:8080"), ("origin", "http://x")], false);
        let evil = Uri::from_static("http://evil.example/api");
        let peer = Peer::direct(([127, 0, 0, 1], 9).into());
        assert!(Guests::new(Loopback).admit_request(&peer, &evil, &HeaderMap::new()).is_err());
        check(Lan, "192.0.2.7", &[("host", "hub:8080"), ("origin", "http://evil.example")], false);
        check(Lan, "192.0.2.7", &[("host", "hub:8080"), ("origin", "http://hub:8080")], true);
    }
}
