//! The PROXY protocol, version 2: a proxy that passes connections on says, before the client's first byte, whose they are.
//!
//! Only addresses that the configuration names may say so, and these must: a receiver that guesses could be lied to by
//! anybody (section 2 of the specification, <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>). What a header
//! looks like belongs to `header`.

mod header;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use self::header::{HEAD_BYTES, Head, HeaderError, check_beginning};

/// An address, or all addresses that begin alike: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| format!("'{text}' is neither an address (192.0.2.7) nor a network (192.0.2.0/24)");
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => text.parse().map_err(wrong)?,
        };
        Ok(Self(net))
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Who must begin with a PROXY header, and is believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<Network>);

impl Proxies {
    /// Nobody: the protocol is not spoken.
    pub fn none() -> Self {
        Self::default()
    }

    /// Those in these networks; without any named, those on this machine.
    pub fn from_networks(networks: Option<Vec<Network>>) -> Self {
        let this_machine = || vec![Network(IpNet::V4(LOOPBACK_V4)), Network(IpNet::V6(LOOPBACK_V6))];
        Self(networks.unwrap_or_else(this_machine))
    }

    /// Whether a connection from this address must begin with a PROXY header.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

const LOOPBACK_V4: Ipv4Net = Ipv4Net::new_assert(std::net::Ipv4Addr::new(127, 0, 0, 0), 8);
const LOOPBACK_V6: Ipv6Net = Ipv6Net::new_assert(std::net::Ipv6Addr::LOCALHOST, 128);

/// Why a connection from a proxy is closed.
#[derive(Debug, Error)]
pub(crate) enum ProxyError {
    /// It does not say whose the connection is.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It ended, or broke.
    #[error("the connection ended within its PROXY header: {0}")]
    Lost(#[from] io::Error),
}

/// Reads a header, and not a byte more; the client's address, unless the proxy does not tell or speaks for itself.
pub(crate) async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, ProxyError> {
    let mut bytes = [0; HEAD_BYTES];
    let mut filled = 0;
    while filled < HEAD_BYTES {
        let length = stream.read(&mut bytes[filled..]).await?;
        if length == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        filled += length;
        // Whoever begins with something else may be waiting for an answer to it.
        check_beginning(&bytes[..filled])?;
    }
    let head = Head::parse(bytes)?;
    let mut body = vec![0; head.body_bytes()];
    stream.read_exact(&mut body).await?;
    Ok(head.source(&body)?)
}

#[cfg(test)]
mod tests;
