//! Who gets in without a credential (who has one is in `accounts`): programs on this machine until there is an admin, and after
//! that nobody unless the configuration keeps the door open. And which requests a browser may make for somebody at all.
//!
//! What a principal may do is checked in `core`.

use std::sync::Arc;

use axum::http::{HeaderMap, Uri, header};
use housewire_core::{Filter, Permissions, Principal, Role};
use serde::Deserialize;

use crate::accounts::{Kind, Login};
use crate::hosts::{Hosts, host_name};
use crate::peer::{Peer, is_loopback};

/// Who is let in without a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum GuestPolicy {
    /// Nobody.
    Off,
    /// Programs on this machine.
    Loopback,
    /// Everybody who reaches the hub.
    Lan,
}

impl GuestPolicy {
    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Loopback => "loopback",
            Self::Lan => "lan",
        }
    }
}

/// Why somebody without a credential is not let in, and what to do about it.
pub(crate) const REFUSAL: &str = "This hub does not know who you are. Sign in, or show a token: as 'Authorization: Bearer TOKEN' over HTTP, \
     as the password over MQTT. An admin makes tokens on the page, under Settings, or with 'housewire token'.";

/// The same, as long as nobody looks after the hub.
pub(crate) const NOT_SET_UP: &str = "This hub has no accounts yet and lets in only programs on its own machine. Open the set-up link that it \
     printed when it started, or start it with --guest lan to open it to your network.";

/// Why a request from loopback is not taken for a guest's.
pub(crate) const BORROWED: &str = "This request came through a proxy, under a foreign name or from another site's page, \
     so it does not count as one of this machine. Sign in or show a token, or open the hub by its own address.";

/// Hands out guests' principals.
#[derive(Debug)]
pub(crate) struct Guests {
    configured: Option<GuestPolicy>,
    deny: Vec<Filter>,
    pub(crate) hosts: Hosts,
    guest: Arc<Principal>,
    /// The guest of this machine, who may do everything as long as nobody else looks after the hub.
    owner: Arc<Principal>,
    nobody: Arc<Principal>,
}

/// What guests are called: sessions belong to names.
const GUEST: &str = "guest";

impl Guests {
    /// `configured` is what somebody decided; the rights of guests are set by [`Guests::rights`].
    pub(crate) fn new(configured: Option<GuestPolicy>, deny: Vec<Filter>, hosts: Hosts) -> Self {
        let principal = |name| Arc::new(Principal::new(name, Permissions::default()));
        let (guest, owner, nobody) = (principal(GUEST), principal(GUEST), principal("nobody"));
        Self { configured, deny, hosts, guest, owner, nobody }
    }

    /// Who is let in without a credential: what somebody decided, or this machine's programs until there is an admin.
    pub(crate) fn policy(&self, has_admin: bool) -> GuestPolicy {
        let usual = if has_admin { GuestPolicy::Off } else { GuestPolicy::Loopback };
        self.configured.unwrap_or(usual)
    }

    /// Whether guests are let in though there are accounts, as somebody decided so.
    pub(crate) fn is_kept(&self, has_admin: bool) -> bool {
        has_admin && self.policy(has_admin) != GuestPolicy::Off
    }

    /// What guests may do.
    pub(crate) fn rights(&self, has_admin: bool) -> [(&Principal, Permissions); 2] {
        let without = |permissions| Permissions { deny: self.deny.clone(), ..permissions };
        let nothing = Permissions::default();
        if self.policy(has_admin) == GuestPolicy::Off {
            return [(&self.guest, nothing.clone()), (&self.owner, nothing)];
        }
        let guests = without(Role::Member.permissions());
        let owners = if has_admin { guests.clone() } else { without(Permissions::all()) };
        [(&self.guest, guests), (&self.owner, owners)]
    }

    /// The guest whom sessions belong to.
    pub(crate) fn guest(&self) -> &Arc<Principal> {
        &self.guest
    }

    /// The guest of this machine.
    pub(crate) fn owner(&self) -> &Arc<Principal> {
        &self.owner
    }

    /// Whoever has not shown yet who he is, and may do nothing.
    pub(crate) fn nobody(&self) -> Login {
        Login::of(Arc::clone(&self.nobody), Kind::Nobody)
    }

    /// Whoever connects from this address, by a protocol that browsers and proxies do not speak.
    pub(crate) fn admit_address(&self, peer: &Peer, has_admin: bool) -> Result<Login, &'static str> {
        let admitted = match self.policy(has_admin) {
            GuestPolicy::Off => false,
            GuestPolicy::Loopback => peer.is_on_this_machine(),
            GuestPolicy::Lan => true,
        };
        match admitted {
            true => Ok(Login::of(Arc::clone(&self.guest), Kind::Guest)),
            false if has_admin => Err(REFUSAL),
            false => Err(NOT_SET_UP),
        }
    }

    /// Whoever makes an HTTP request. A web page or a tunnel reaches the hub from loopback too: what shows signs of
    /// either is no guest from loopback, and a page of another site is no guest at all.
    pub(crate) fn admit_request(
        &self,
        peer: &Peer,
        uri: &Uri,
        headers: &HeaderMap,
        has_admin: bool,
    ) -> Result<Login, &'static str> {
        let guest = self.admit_address(peer, has_admin)?;
        let is_ours = peer.is_on_this_machine()
            && !is_forwarded(headers)
            && names_in(uri, headers).all(|name| name.is_some_and(name_is_loopback))
            && !origin_is_foreign(peer, headers);
        match self.policy(has_admin) {
            _ if is_ours => Ok(Login { principal: Arc::clone(&self.owner), ..guest }),
            GuestPolicy::Lan if self.is_from_our_page(peer, uri, headers) => Ok(guest),
            _ => Err(BORROWED),
        }
    }

    /// Whether a browser may make this request for whom it knows: under one of the hub's names, or another site could take
    /// a name of its own to the hub's address (DNS rebinding), and from no other site's page.
    pub(crate) fn is_from_our_page(&self, peer: &Peer, uri: &Uri, headers: &HeaderMap) -> bool {
        names_in(uri, headers).all(|name| name.is_some_and(|name| self.hosts.knows(name)))
            && !origin_is_foreign(peer, headers)
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name == "forwarded" || name == "via" || name.starts_with("x-forwarded-") || name == "x-real-ip"
    })
}

fn name_is_loopback(authority: &str) -> bool {
    host_name(authority)
        .is_some_and(|host| host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback))
}

/// Every name that the request gives for the hub; `None` if it cannot be read. HTTP/1.0 clients may give none; then none is
/// foreign.
fn names_in<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> impl Iterator<Item = Option<&'r str>> {
    let named = headers.get_all(header::HOST).iter().map(|host| host.to_str().ok());
    named.chain(uri.authority().map(|authority| Some(authority.as_str())))
}

/// A page of another site sends its own origin; ours sends the host it asked. Over TLS a page that came without is another
/// site's: anybody on the way could have written it.
fn origin_is_foreign(peer: &Peer, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    headers.get_all(header::ORIGIN).iter().any(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        match (origin, host) {
            (Some(("http", _)), Some(_)) if peer.is_secure() => true,
            (Some(("http" | "https", authority)), Some(host)) => !authority.eq_ignore_ascii_case(host),
            _ => true, // "null" too
        }
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn guests(policy: GuestPolicy) -> Guests {
        Guests::new(
            Some(policy),
            Vec::new(),
            Hosts::new(["hub", "raspi.local"].map(|name| name.parse().unwrap()).into()),
        )
    }

    fn check(policy: GuestPolicy, peer: &str, headers: &[(&'static str, &str)], admitted: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let peer = Peer::direct((peer.parse::<IpAddr>().unwrap(), 9).into());
        let guests = guests(policy);
        let result = guests.admit_request(&peer, &Uri::from_static("/"), &map, false);
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
        check(Lan, "192.0.2.7", &[("host", "raspi.local:8080")], true);
        check(Lan, "192.0.2.7", &[("host", "evil.example")], false);
    }

    #[test]
    fn what_came_through_a_proxy_is_no_guest_from_loopback() {
        let peer = Peer::proxied(([127, 0, 0, 1], 9).into());
        for (policy, admitted) in [(GuestPolicy::Off, false), (GuestPolicy::Loopback, false), (GuestPolicy::Lan, true)]
        {
            let guests = guests(policy);
            assert_eq!(guests.admit_address(&peer, false).is_ok(), admitted, "{policy:?}");
            let request = guests.admit_request(&peer, &Uri::from_static("/"), &HeaderMap::new(), false);
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
        assert!(guests(Loopback).admit_request(&peer, &evil, &HeaderMap::new(), false).is_err());
        check(Lan, "192.0.2.7", &[("host", "hub:8080"), ("origin", "http://evil.example")], false);
        check(Lan, "192.0.2.7", &[("host", "hub:8080"), ("origin", "http://hub:8080")], true);
    }

    #[test]
    fn guests_have_rights_until_there_is_an_admin() {
        let check = |configured, has_admin, policy, kept, guest_writes, owner_administers| {
            let guests = Guests::new(configured, Vec::new(), Hosts::default());
            assert_eq!(guests.policy(has_admin), policy, "{configured:?} {has_admin}");
            assert_eq!(guests.is_kept(has_admin), kept, "{configured:?} {has_admin}");
            let [(_, guest), (_, owner)] = guests.rights(has_admin);
            assert_eq!(!guest.write.is_empty(), guest_writes, "{configured:?} {has_admin}");
            assert_eq!(owner.administer, owner_administers, "{configured:?} {has_admin}");
            assert!(!guest.administer);
        };
        use GuestPolicy::{Lan, Loopback, Off};
        check(None, false, Loopback, false, true, true);
        check(None, true, Off, false, false, false);
        check(Some(Loopback), true, Loopback, true, true, false);
        check(Some(Lan), true, Lan, true, true, false);
        check(Some(Lan), false, Lan, false, true, true);
        check(Some(Off), false, Off, false, false, false);
    }

    #[test]
    fn topics_are_taken_away_from_guests() {
        let deny = vec![Filter::parse("secret/#").unwrap()];
        let guests = Guests::new(None, deny.clone(), Hosts::default());
        assert!(guests.rights(false).iter().all(|(_, permissions)| permissions.deny == deny));
    }

    #[test]
    fn a_page_that_came_without_tls_is_foreign_to_one_that_came_with_it() {
        let headers = |origin: &'static str| {
            let mut map = HeaderMap::new();
            map.insert(header::HOST, "hub:8080".parse().unwrap());
            map.insert(header::ORIGIN, origin.parse().unwrap());
            map
        };
        let plain = Peer::direct(([192, 0, 2, 7], 9).into());
        let check = |origin, expected| {
            assert_eq!(origin_is_foreign(&plain, &headers(origin)), expected, "{origin}");
        };
        check("http://hub:8080", false);
        check("https://hub:8080", false);
        check("http://hub", true);
        let secure = plain.clone().secured(None);
        assert!(origin_is_foreign(&secure, &headers("http://hub:8080")), "anybody on the way could have written it");
        assert!(!origin_is_foreign(&secure, &headers("https://hub:8080")));
    }
}
