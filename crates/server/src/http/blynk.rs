//! Blynk's own APIs over HTTP, for sketches and scripts that were written for them: `/TOKEN/get/V1` of old, `/external/api/` of 2.0.
//!
//! What they answer is theirs, to the byte, so that these are not among the routes of our API and not described there. The token in
//! the address is a device's; what is written is its value from then on, and reaches it if it is there.

mod device;
mod legacy;
mod past;
mod reply;
mod update;
mod v2;

use axum::body::Body;
use axum::http::{Request, Response};

use crate::accounts::SECRET_CHARS;
use crate::peer::Peer;
use crate::shard::Shard;
use crate::tap::Tap;

/// Where Blynk 2.0 has its API.
const V2: &str = "/external/api/";

/// Where a request came in.
#[derive(Clone, Copy)]
pub(super) struct Door<'s> {
    pub(super) shard: &'s Shard,
    pub(super) peer: &'s Peer,
    /// Of its connection.
    pub(super) tap: &'s Tap,
}

/// What of a path is Blynk's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// A token, and what is behind it.
    Legacy(String, String),
    /// What is behind [`V2`].
    V2(String),
}

impl Call {
    /// `None` if the path is none of Blynk's.
    pub(super) fn of(path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix(V2) {
            return Some(Self::V2(rest.to_owned()));
        }
        let (token, rest) = path.strip_prefix('/')?.split_once('/')?;
        // What has another length is no token, and what begins so belongs to the page.
        let is_token = token.len() == SECRET_CHARS && token.bytes().all(is_of_token);
        is_token.then(|| Self::Legacy(token.to_owned(), rest.to_owned()))
    }

    /// Answers it.
    pub(super) async fn answer(self, door: Door<'_>, request: Request<Body>) -> Response<Body> {
        match self {
            Self::Legacy(token, rest) => legacy::answer(door, &token, &rest, request).await,
            Self::V2(rest) => v2::answer(door, &rest, request).await,
        }
    }
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_blynks() {
        let token = "0123456789abcdef0123456789abcd-_";
        assert_eq!(Call::of(&format!("/{token}/get/V1")), Some(Call::Legacy(token.into(), "get/V1".into())));
        assert_eq!(Call::of("/external/api/get"), Some(Call::V2("get".into())));
        for path in ["/", "/devices/lamp", "/external/api", "/api/devices", &format!("/{token}"), "/0123/get/V1"] {
            assert_eq!(Call::of(path), None, "{path}");
        }
    }
}
