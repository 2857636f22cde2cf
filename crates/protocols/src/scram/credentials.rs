//! What a server keeps of a password: enough to check who knows it, too little to log in elsewhere.
//!
//! Written as one line of text, `ITERATIONS:SALT:STOREDKEY:SERVERKEY`, the last three in base64.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::limits::{PASSWORD_BYTES_MAX, SCRAM_ITERATIONS, SCRAM_SALT_BYTES_MAX, USER_NAME_BYTES_MAX};

type Key = [u8; 32];

/// The stored form of a password (RFC 5802 section 3).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: Key,
    server_key: Key,
}

/// What a challenge tells of credentials, beside what is different for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    iterations: u32,
    salt_bytes: usize,
}

/// That of credentials made by `housewire scram` without further options.
impl Default for Shape {
    fn default() -> Self {
        Self { iterations: *SCRAM_ITERATIONS.start(), salt_bytes: 16 }
    }
}

/// Why a text is not the stored form of a password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CredentialsError {
    /// Not four parts.
    #[error("it must be ITERATIONS:SALT:STOREDKEY:SERVERKEY")]
    Parts,
    /// See [`SCRAM_ITERATIONS`].
    #[error("the iterations must be a number from {} to {}", SCRAM_ITERATIONS.start(), SCRAM_ITERATIONS.end())]
    Iterations,
    /// See [`SCRAM_SALT_BYTES_MAX`].
    #[error("the salt must be base64 of 1 to {SCRAM_SALT_BYTES_MAX} bytes")]
    Salt,
    /// Of another hash, or cut short.
    #[error("the keys must be base64 of 32 bytes each")]
    Keys,
}

impl Credentials {
    /// Of a password. Slow on purpose: tens of milliseconds and more.
    pub fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted: Key = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(&prepared_password(password), salt, iterations);
        let stored_key = Sha256::digest(hmac(&salted, b"Client Key")).into();
        Self { iterations, salt: salt.to_owned(), stored_key, server_key: hmac(&salted, b"Server Key") }
    }

    /// For somebody unknown: always the same for one name and secret, and in the shape of some user's (of the default one
    /// if there are none), so that neither asking twice nor comparing tells anybody that there is no such user. Nobody knows
    /// a password for it.
    pub fn fake(secret: &Key, username: &str, shapes: &[Shape]) -> Self {
        let of = |purpose: &str| hmac(secret, format!("{purpose}:{username}").as_bytes());
        let [a, b, c, d, ..] = of("shape");
        let chosen = u32::from_be_bytes([a, b, c, d]) as usize % shapes.len().max(1);
        let Shape { iterations, salt_bytes } = shapes.get(chosen).copied().unwrap_or_default();
        let mut salt = of("salt").to_vec();
        while salt.len() < salt_bytes {
            salt.extend(of(&format!("salt from {}", salt.len())));
        }
        salt.truncate(salt_bytes);
        Self { iterations, salt, stored_key: of("stored key"), server_key: of("server key") }
    }

    /// What a challenge tells of them.
    pub fn shape(&self) -> Shape {
        Shape { iterations: self.iterations, salt_bytes: self.salt.len() }
    }

    /// Rounds that turn the password into keys.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Makes equal passwords look different.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Whether this is the password. As slow as [`Credentials::derive`], but for one that is longer than any may be.
    pub fn is_password(&self, password: &[u8]) -> bool {
        if password.len() > PASSWORD_BYTES_MAX {
            return false;
        }
        let derived = Self::derive(password, &self.salt, self.iterations);
        derived.stored_key.ct_eq(&self.stored_key).into()
    }

    /// The server's signature of the transcript, if the proof is that of somebody who knows the password.
    pub(super) fn verify(&self, proof: &[u8], transcript: &[u8]) -> Option<Key> {
        let mut client_key: Key = proof.try_into().ok()?;
        let signature = hmac(&self.stored_key, transcript);
        client_key.iter_mut().zip(signature).for_each(|(byte, mask)| *byte ^= mask);
        let is_known: bool = Sha256::digest(client_key).as_slice().ct_eq(&self.stored_key).into();
        is_known.then(|| hmac(&self.server_key, transcript))
    }
}

fn hmac(key: &[u8], data: &[u8]) -> Key {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// A name in the form in which it is compared (RFC 4013): what looks the same is the same. `None` if it is empty, longer
/// than [`USER_NAME_BYTES_MAX`] before or after, or holds what no name may hold.
pub fn prepared(name: &str) -> Option<String> {
    if name.len() > USER_NAME_BYTES_MAX {
        return None;
    }
    let prepared = stringprep::saslprep(name).ok()?;
    (1..=USER_NAME_BYTES_MAX).contains(&prepared.len()).then(|| prepared.into_owned())
}

/// As RFC 5802 asks for; bytes that are no such text count as they are.
fn prepared_password(password: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(password).ok();
    let prepared = text.and_then(|text| stringprep::saslprep(text).ok());
    prepared.map_or_else(|| password.to_owned(), |text| text.as_bytes().to_owned())
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored_key, server_key] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(|bytes| BASE64_STANDARD.encode(bytes));
        write!(f, "{}:{salt}:{stored_key}:{server_key}", self.iterations)
    }
}

/// Whoever reads a log must not be able to guess passwords with it.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} iterations)", self.iterations)
    }
}

impl FromStr for Credentials {
    type Err = CredentialsError;

    fn from_str(text: &str) -> Result<Self, CredentialsError> {
        let parts: Vec<_> = text.split(':').collect();
        let [iterations, salt, stored_key, server_key] = parts[..] else { return Err(CredentialsError::Parts) };
        let iterations = iterations.parse().ok().filter(|count| SCRAM_ITERATIONS.contains(count));
        let salt = BASE64_STANDARD.decode(salt).ok().filter(|salt| (1..=SCRAM_SALT_BYTES_MAX).contains(&salt.len()));
        let key = |text| {
            let bytes = BASE64_STANDARD.decode(text).map_err(|_| CredentialsError::Keys)?;
            Key::try_from(bytes).map_err(|_| CredentialsError::Keys)
        };
        Ok(Self {
            iterations: iterations.ok_or(CredentialsError::Iterations)?,
            salt: salt.ok_or(CredentialsError::Salt)?,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        })
    }
}
