//! Who is at the far end of a connection, as far as the connection itself tells.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::tls::ClientCertificate;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    address: SocketAddr,
    is_proxied: bool,
    is_secure: bool,
    certificate: Option<Arc<ClientCertificate>>,
}

impl Peer {
    /// Connected to us itself.
    pub(crate) fn direct(address: SocketAddr) -> Self {
        Self { address, is_proxied: false, is_secure: false, certificate: None }
    }

    /// Connected through a proxy, which told its address.
    pub(crate) fn proxied(address: SocketAddr) -> Self {
        Self { is_proxied: true, ..Self::direct(address) }
    }

    /// The same one behind a TLS handshake with us, in which it may have shown a certificate.
    pub(crate) fn secured(self, certificate: Option<Arc<ClientCertificate>>) -> Self {
        Self { is_secure: true, certificate, ..self }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether nobody on the way reads along: it came by TLS, as far as we can see. What a proxy did before does not count.
    pub(crate) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// What it showed in the handshake. It had the key, and the certificate was valid then.
    pub(crate) fn client_certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.certificate.as_ref()
    }

    /// Whether it is certainly a program on this machine. Nothing that came through a proxy is, whatever the proxy says: a
    /// wrong word of it would open the hub.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        !self.is_proxied && is_loopback(self.address.ip())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// IPv4 addresses that come as IPv6 ones are taken for what they are.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_direct_connection_from_loopback_is_of_this_machine() {
        for (address, expected) in [
            ("127.0.0.1:9", true),
            ("127.9.9.9:9", true),
            ("[::1]:9", true),
            ("[::ffff:127.0.0.1]:9", true),
            ("192.0.2.7:9", false),
            ("[2001:db8::1]:9", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(Peer::direct(address).is_on_this_machine(), expected, "{address}");
            assert!(!Peer::proxied(address).is_on_this_machine(), "{address}");
        }
    }
}
