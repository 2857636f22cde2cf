//! The header of the PROXY protocol's version 2 in bytes: a head of fixed length, then addresses, then extensions, which are
//! skipped.

use std::net::{Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::limits::PROXY_HEADER_BYTES_MAX;

/// Length of what every header begins with: signature, version and command, family and protocol, length of the rest.
pub(super) const HEAD_BYTES: usize = 16;
/// Made of bytes that begin no other protocol.
pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What a header of version 1 begins with.
const TEXT_SIGNATURE: &[u8] = b"PROXY ";

/// Why bytes are no header that we take, and what to do about it.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// Something else came first.
    #[error(
        "it did not begin with a PROXY header, which proxy_from demands of its address: let the proxy send one of version 2 \
         (HAProxy: send-proxy-v2), or take the address out of proxy_from"
    )]
    Missing,
    /// The text form.
    #[error(
        "its PROXY header is of version 1, which is not understood here: let the proxy send version 2 (HAProxy: \
         send-proxy-v2 instead of send-proxy)"
    )]
    Text,
    /// A version to come.
    #[error("its PROXY header is of version {0}: let the proxy send version 2")]
    Version(u8),
    /// Neither LOCAL nor PROXY.
    #[error("its PROXY header has the unknown command {0}: let the proxy send version 2 as it is specified")]
    Command(u8),
    /// Not something that TCP could be for.
    #[error(
        "its PROXY header speaks of family and protocol {0:#04x}, not of a TCP connection: check the proxy's set-up"
    )]
    Family(u8),
    /// Addresses do not fit into what the header says it is long.
    #[error("its PROXY header is too short for the addresses it promises: check the proxy's set-up")]
    Short,
    /// More than anybody needs.
    #[error(
        "its PROXY header has {0} bytes, more than {PROXY_HEADER_BYTES_MAX}: let the proxy send fewer extensions, such as \
         certificates"
    )]
    Long(usize),
}

/// Whether so many bytes may become a header.
pub(super) fn check_beginning(seen: &[u8]) -> Result<(), HeaderError> {
    let length = seen.len().min(SIGNATURE.len());
    if seen[..length] == SIGNATURE[..length] {
        return Ok(());
    }
    if seen.starts_with(TEXT_SIGNATURE) {
        return Err(HeaderError::Text);
    }
    // "P" may become the text form, of which it is better to know.
    if TEXT_SIGNATURE.starts_with(seen) { Ok(()) } else { Err(HeaderError::Missing) }
}

/// What a header is about; the low half says how the proxy was reached, which must be TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// The proxy does not know, or says something that has no place here (a socket in its file system).
    Untold,
    V4,
    V6,
}

/// The first part of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    family: Family,
    body_bytes: usize,
}

impl Head {
    pub(super) fn parse(bytes: [u8; HEAD_BYTES]) -> Result<Self, HeaderError> {
        check_beginning(&bytes)?;
        let [.., version_and_command, transport, high, low] = bytes;
        let (version, command) = (version_and_command >> 4, version_and_command & 0x0f);
        if version != 2 {
            return Err(HeaderError::Version(version));
        }
        let family = match (command, transport) {
            // LOCAL: the proxy speaks for itself, to see whether we are there. What it says of addresses means nothing.
            (0, _) => Family::Untold,
            (1, 0x11) => Family::V4,
            (1, 0x21) => Family::V6,
            (1, 0x00 | 0x01 | 0x31) => Family::Untold,
            (1, other) => return Err(HeaderError::Family(other)),
            (other, _) => return Err(HeaderError::Command(other)),
        };
        let body_bytes = usize::from(u16::from_be_bytes([high, low]));
        match () {
            () if body_bytes > PROXY_HEADER_BYTES_MAX => Err(HeaderError::Long(body_bytes)),
            () if body_bytes < family.address_bytes() => Err(HeaderError::Short),
            () => Ok(Self { family, body_bytes }),
        }
    }

    /// How many bytes follow before the client's first.
    pub(super) fn body_bytes(self) -> usize {
        self.body_bytes
    }

    /// The client's address; `body` is what follows the head.
    pub(super) fn source(self, body: &[u8]) -> Result<Option<SocketAddr>, HeaderError> {
        let address = match self.family {
            Family::Untold => return Ok(None),
            Family::V4 => {
                let (address, port) = split::<4>(body)?;
                SocketAddr::from((address, port))
            }
            Family::V6 => {
                let (address, port) = split::<16>(body)?;
                // One client has one address, however its proxy listens.
                SocketAddr::from((Ipv6Addr::from(address).to_canonical(), port))
            }
        };
        Ok(Some(address))
    }
}

impl Family {
    /// Two addresses and two ports.
    fn address_bytes(self) -> usize {
        match self {
            Self::Untold => 0,
            Self::V4 => 2 * (4 + 2),
            Self::V6 => 2 * (16 + 2),
        }
    }
}

/// Source address and port. Behind the source's address stand the destination's, the source's port and the destination's.
fn split<const N: usize>(body: &[u8]) -> Result<([u8; N], u16), HeaderError> {
    let (source, rest) = body.split_first_chunk::<N>().ok_or(HeaderError::Short)?;
    let (_destination, rest) = rest.split_first_chunk::<N>().ok_or(HeaderError::Short)?;
    let (port, _rest) = rest.split_first_chunk::<2>().ok_or(HeaderError::Short)?;
    Ok((*source, u16::from_be_bytes(*port)))
}
