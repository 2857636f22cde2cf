//! What opens the door: secrets, and what is known of those that were given out.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use housewire_core::{DeviceId, Principal, Timestamp};
use housewire_store::{CredentialKind, CredentialOwner, CredentialRecord};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

/// Characters of a secret: what Blynk's clients insist on, so that one token serves every door.
pub(crate) const SECRET_CHARS: usize = 32;
/// A browser's session lives so long after its last use.
pub(crate) const SESSION_LIFE: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3_600);
/// Uses closer together than this are one.
const USE_NOTED_EVERY_MICROS: i64 = 60_000_000;

/// Characters of an API key: a UUID as text (RFC 9562 section 4).
pub(crate) const KEY_CHARS: usize = 36;

/// A token or a cookie: 24 random bytes, which nobody guesses, as 32 characters that need no escaping anywhere.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn random() -> Self {
        let mut bytes = [0; SECRET_CHARS / 4 * 3];
        getrandom::fill(&mut bytes).expect("the operating system has random numbers: it had some when the hub started");
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// An API key: 122 random bits as a UUID of version 4 (RFC 9562 section 5.4), which is what clients of Bolt's API are given.
    pub(crate) fn random_key() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has random numbers: it had some when the hub started");
        let number = u128::from_be_bytes(bytes) & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let hex = format!("{number:032x}");
        Self([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
    }

    /// For whom it is made; nobody else should see it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        hash(self.0.as_bytes())
    }

    /// Whether somebody shows this very one; how long it takes says nothing of where they differ.
    pub(crate) fn is(&self, shown: &str) -> bool {
        hash(shown.as_bytes()) == self.hash()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// As secrets are kept. They hold 192 random bits, so that nothing slower is needed; see docs/security.md.
pub(crate) fn hash(shown: &[u8]) -> [u8; 32] {
    Sha256::digest(shown).into()
}

/// Names a credential, for as long as the database lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CredentialId(NonZeroU32);

impl CredentialId {
    pub(crate) fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    pub(crate) fn number(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something that opens the door, as long as it is not taken back.
pub(crate) struct Credential {
    /// As it stands on disk, but for its last use and, of a session, its end.
    pub(crate) record: CredentialRecord,
    pub(crate) principal: Arc<Principal>,
    /// In microseconds; 0 for never.
    used: AtomicI64,
    used_from: Mutex<String>,
    /// What the disk knows of it.
    use_saved: AtomicI64,
    /// In microseconds; `i64::MAX` for never.
    expires: AtomicI64,
    /// That it has expired was noticed.
    has_ended: AtomicBool,
}

impl Credential {
    pub(crate) fn new(record: CredentialRecord, principal: Arc<Principal>) -> Self {
        let (used, from) = record.used.clone().map_or((0, String::new()), |(time, from)| (time.as_micros(), from));
        let expires = AtomicI64::new(record.expires.map_or(i64::MAX, Timestamp::as_micros));
        let (used_from, use_saved) = (Mutex::new(from), AtomicI64::new(used));
        Self {
            record,
            principal,
            used: AtomicI64::new(used),
            used_from,
            use_saved,
            expires,
            has_ended: AtomicBool::new(false),
        }
    }

    pub(crate) fn id(&self) -> CredentialId {
        CredentialId::new(self.record.id).expect("numbers are given out from 1 on, and none that is read is 0")
    }

    /// Which device's it is, if it is one's.
    pub(crate) fn device(&self) -> Option<&DeviceId> {
        match &self.record.owner {
            CredentialOwner::Device(id) => Some(id),
            _ => None,
        }
    }

    /// Whose it is, if it is a person's.
    pub(crate) fn person(&self) -> Option<&str> {
        match &self.record.owner {
            CredentialOwner::Person(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is a person's API key.
    pub(crate) fn is_key(&self) -> bool {
        self.record.kind == CredentialKind::Token && self.person().is_some()
    }

    /// Whether its owner has switched it off.
    pub(crate) fn is_disabled(&self) -> bool {
        self.record.disabled.is_some()
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        now.as_micros() >= self.expires.load(Ordering::Relaxed)
    }

    /// Whether it has expired, and this is the first to notice.
    pub(super) fn ends_now(&self, now: Timestamp) -> bool {
        // A clock that jumped ahead and was put right has ended nothing for good.
        let is_over = self.is_expired(now);
        let was_over = self.has_ended.swap(is_over, Ordering::Relaxed);
        is_over && !was_over
    }

    pub(crate) fn expires(&self) -> Option<Timestamp> {
        let expires = self.expires.load(Ordering::Relaxed);
        (expires < i64::MAX).then(|| Timestamp::from_micros(expires))
    }

    /// Notes that it was shown. A session that is used lives on.
    pub(crate) fn note_use(&self, address: IpAddr, now: Timestamp) {
        let micros = now.as_micros();
        let before = self.used.load(Ordering::Relaxed);
        if before != 0 && (micros - before).abs() < USE_NOTED_EVERY_MICROS {
            return;
        }
        self.used.store(micros, Ordering::Relaxed);
        *self.used_from.lock() = address.to_canonical().to_string();
        if self.record.kind == CredentialKind::Session {
            // Never earlier: the clock may have gone back.
            self.expires.fetch_max(now.after(SESSION_LIFE).as_micros(), Ordering::Relaxed);
        }
    }

    /// When and from where it was shown last.
    pub(crate) fn used(&self) -> Option<(Timestamp, String)> {
        let used = self.used.load(Ordering::Relaxed);
        (used != 0).then(|| (Timestamp::from_micros(used), self.used_from.lock().clone()))
    }

    /// The disk did not take it.
    pub(super) fn put_back_use(&self) {
        self.use_saved.store(0, Ordering::Relaxed);
    }

    /// A use that the disk does not know of; it counts as known from now on.
    pub(crate) fn take_use(&self) -> Option<housewire_store::CredentialUse> {
        if self.use_saved.load(Ordering::Relaxed) == self.used.load(Ordering::Relaxed) {
            return None;
        }
        let (time, address) = self.used()?;
        let saved = self.use_saved.swap(time.as_micros(), Ordering::Relaxed);
        let expires = (self.record.kind == CredentialKind::Session).then(|| self.expires()).flatten();
        let used = housewire_store::CredentialUse { id: self.record.id, time, address, expires };
        (saved != used.time.as_micros()).then_some(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_uuids_of_version_4() {
        for _ in 0..64 {
            let key = Secret::random_key();
            let text = key.reveal();
            assert_eq!(text.len(), KEY_CHARS);
            let groups: Vec<_> = text.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "{text}");
            assert!(text.as_bytes()[14] == b'4' && matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
            assert!(key.is(text) && !key.is(Secret::random_key().reveal()));
        }
    }
}
