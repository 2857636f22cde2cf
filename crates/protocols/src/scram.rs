//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side: a client proves that it knows a password without sending it.
//!
//! Two steps: [`ClientFirst::parse`] says who wants in, [`ClientFirst::challenge`] asks for a proof, [`Challenge::verify`]
//! judges it. Which packets carry the texts belongs to the protocol, where keys are kept to the shell; the nonce comes
//! from outside. Channel binding is not offered, as there is no TLS below.

mod credentials;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use thiserror::Error;

use crate::limits::{SCRAM_MESSAGE_BYTES_MAX, USER_NAME_BYTES_MAX};

pub use self::credentials::{Credentials, CredentialsError, Shape, prepared};

/// As it is called in MQTT's Authentication Method and in SASL.
pub const MECHANISM: &str = "SCRAM-SHA-256";

/// Why an exchange fails.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ScramError {
    /// Not a message that this step expects.
    #[error("the SCRAM message is not what RFC 5802 asks for here: {0}")]
    Malformed(&'static str),
    /// The user is unknown or the proof wrong; which, is nobody's business.
    #[error("the user name or the password is wrong")]
    Refused,
}

/// A client's first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirst {
    username: String,
    nonce: String,
    /// What stands in front of the message proper, `n,,` or `y,,`, and comes back in base64.
    header: String,
    /// The message without it, which the proof covers.
    bare: String,
}

impl ClientFirst {
    /// Reads the message.
    pub fn parse(data: &[u8]) -> Result<Self, ScramError> {
        let text = text(data)?;
        let mut parts = text.splitn(3, ',');
        let (binding, identity) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let bare = parts.next().ok_or(ScramError::Malformed("it has no header"))?;
        if !matches!(binding, "n" | "y") {
            return Err(ScramError::Malformed("channel binding is not offered"));
        }
        let mut attributes = bare.split(',');
        let username = attribute(attributes.next(), "n=", "it begins with the user name")?;
        let nonce = attribute(attributes.next(), "r=", "the client's nonce comes second")?;
        if nonce.is_empty() {
            return Err(ScramError::Malformed("the nonce is empty"));
        }
        let username =
            unescaped(username).ok_or(ScramError::Malformed("the user name is not escaped as it should be"))?;
        // One may act for oneself only.
        let acts_for =
            if identity.is_empty() { None } else { Some(attribute(Some(identity), "a=", "it has no header")?) };
        if acts_for.is_some_and(|name| unescaped(name).as_ref() != Some(&username)) {
            return Err(ScramError::Refused);
        }
        // Nobody is called so, which is all that there is to say.
        if username.len() > USER_NAME_BYTES_MAX {
            return Err(ScramError::Refused);
        }
        let username = prepared(&username).ok_or(ScramError::Malformed("the user name holds forbidden characters"))?;
        let header = text[..text.len() - bare.len()].to_owned();
        Ok(Self { username, nonce: nonce.to_owned(), header, bare: bare.to_owned() })
    }

    /// Who wants in, prepared for comparing.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// What to send, and what to do with the answer. `nonce` is printable, holds no comma and was never used before. Of
    /// somebody unknown the credentials are [`Credentials::fake`].
    pub fn challenge(self, credentials: Credentials, nonce: &str) -> (Challenge, String) {
        let nonce = format!("{}{nonce}", self.nonce);
        let salt = BASE64_STANDARD.encode(credentials.salt());
        let server_first = format!("r={nonce},s={salt},i={}", credentials.iterations());
        let transcript = format!("{},{server_first}", self.bare);
        (Challenge { credentials, nonce, header: self.header, transcript }, server_first)
    }
}

/// An exchange that waits for the client's proof.
#[derive(Clone, Debug)]
pub struct Challenge {
    credentials: Credentials,
    nonce: String,
    header: String,
    transcript: String,
}

impl Challenge {
    /// Judges the client's last message; the server's last one, which proves that it knows the keys, if all is well.
    pub fn verify(self, data: &[u8]) -> Result<String, ScramError> {
        let text = text(data)?;
        let (unproven, proof) = text.rsplit_once(",p=").ok_or(ScramError::Malformed("it ends with a proof"))?;
        let mut attributes = unproven.split(',');
        let binding = attribute(attributes.next(), "c=", "it begins with the channel binding")?;
        let nonce = attribute(attributes.next(), "r=", "the nonce comes second")?;
        if BASE64_STANDARD.decode(binding).ok().as_deref() != Some(self.header.as_bytes()) {
            return Err(ScramError::Malformed("the channel binding is not that of the first message"));
        }
        if nonce != self.nonce {
            return Err(ScramError::Malformed("the nonce is not the one that was agreed on"));
        }
        let proof = BASE64_STANDARD.decode(proof).map_err(|_| ScramError::Malformed("the proof is not base64"))?;
        let transcript = format!("{},{unproven}", self.transcript);
        let signature = self.credentials.verify(&proof, transcript.as_bytes()).ok_or(ScramError::Refused)?;
        Ok(format!("v={}", BASE64_STANDARD.encode(signature)))
    }
}

fn text(data: &[u8]) -> Result<&str, ScramError> {
    if data.len() > SCRAM_MESSAGE_BYTES_MAX {
        return Err(ScramError::Malformed("it is far longer than a name and a nonce need"));
    }
    std::str::from_utf8(data).map_err(|_| ScramError::Malformed("it is not UTF-8"))
}

fn attribute<'a>(part: Option<&'a str>, name: &str, rule: &'static str) -> Result<&'a str, ScramError> {
    part.and_then(|part| part.strip_prefix(name)).ok_or(ScramError::Malformed(rule))
}

/// Commas and equals signs in names are written `=2C` and `=3D`; there are no other escapes.
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        plain.push(sign);
        plain.push_str(rest);
    }
    Some(plain)
}

#[cfg(test)]
mod tests;
