//! Claim codes: somebody makes a short code, a device shows it once and is from then on a device of the house with a token of its own.
//! So the firmware of a hundred boards holds a code that soon means nothing, and no secret.
//!
//! A code is kept as a keyed hash; what it opens, for how many and until when is a document. One lock is held from the look at a
//! code to the token that comes of it, so that the last use is one device's. How fast somebody may guess belongs to `accounts`.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use housewire_core::{DeclareMode, DeviceId, DeviceInfo, Hub, Timestamp};
use housewire_store::{Documents, StoreError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tracing::warn;

use crate::accounts::{
    AccountError, Accounts, Change, CredentialId, Deed, Event, Expiry, LoginError, NewToken, Secret, TokenOwner,
};
use crate::device_templates::TemplateSheet;
use crate::refusal::Refusal;
use crate::shard::now;

/// Codes that may be given out at a time; more are refused. Also what keeps a guess from hitting one of many.
pub(crate) const CLAIMS_MAX: usize = 256;
/// Devices that may show one code; more are refused.
pub(crate) const USES_MAX: u32 = 1_000;
/// How long a code lives if nobody says, and at the most.
const LIFE_S: u64 = 3_600;
const LIFE_S_MAX: i64 = 30 * 24 * 3_600;
/// Longest hardware id and model that a device may give; longer ones are refused.
const LABEL_CHARS_MAX: usize = 64;
/// Characters of a code that nobody confuses with others (Crockford's), 40 bits in all.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_CHARS: usize = 8;

/// What a code is for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Purpose {
    pub(crate) name: Option<String>,
    pub(crate) room: Option<String>,
    pub(crate) template: Option<String>,
    /// This one, and no new one.
    pub(crate) device: Option<String>,
    pub(crate) uses: u32,
}

/// A code that was given out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claim {
    hash: String,
    #[serde(flatten)]
    pub(crate) purpose: Purpose,
    created: i64,
    expires: i64,
    pub(crate) by: Option<String>,
    pub(crate) claimed: Vec<Claimed>,
}

/// A device that showed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claimed {
    pub(crate) device: String,
    pub(crate) hardware_id: Option<String>,
    /// The token that came of it.
    token: u32,
}

impl Claim {
    pub(crate) fn created(&self) -> Timestamp {
        Timestamp::from_micros(self.created)
    }

    pub(crate) fn expires(&self) -> Timestamp {
        Timestamp::from_micros(self.expires)
    }

    /// How many more devices it is for.
    pub(crate) fn left(&self) -> u32 {
        self.purpose.uses.saturating_sub(u32::try_from(self.claimed.len()).unwrap_or(u32::MAX))
    }
}

/// What a device says of itself beside the code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claimant {
    pub(crate) hardware_id: Option<String>,
    pub(crate) model: Option<String>,
}

/// What a device gets.
pub(crate) struct Redeemed {
    pub(crate) device: DeviceId,
    pub(crate) token: Secret,
    pub(crate) template: Option<Arc<TemplateSheet>>,
    /// It was not there before.
    pub(crate) is_new: bool,
}

/// Why a code opens nothing.
#[derive(Debug, Error)]
pub(crate) enum ClaimError {
    /// Which of these, is nobody's business.
    #[error(
        "This code opens nothing: it was never given out, or has been used up or has expired. Have a new one made: 'housewire claim new'."
    )]
    Wrong,
    #[error(transparent)]
    Slowed(#[from] LoginError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// See the module. Every call waits for the disk.
pub(crate) struct Claims {
    key: [u8; 32],
    book: Mutex<Book>,
}

struct Book {
    documents: Documents,
    claims: BTreeMap<u32, Claim>,
    last: u32,
}

impl Claims {
    /// `key` is the hub's own: a hash of so short a code could be undone without it.
    pub(crate) fn open(documents: Documents, key: [u8; 32]) -> Result<Self, StoreError> {
        let loaded = documents.load()?;
        for skipped in &loaded.skipped {
            warn!("{skipped}");
        }
        let mut claims = BTreeMap::new();
        for (id, body) in loaded.documents {
            match (id.parse::<u32>(), serde_json::from_str::<Claim>(&body)) {
                (Ok(id), Ok(claim)) => drop(claims.insert(id, claim)),
                _ => warn!("the claim code {id} cannot be read and opens nothing: make another one"),
            }
        }
        let last = claims.last_key_value().map_or(0, |(id, _)| *id);
        Ok(Self { key, book: Mutex::new(Book { documents, claims, last }) })
    }

    fn hash(&self, code: &str) -> String {
        let digest = Sha256::new().chain_update(self.key).chain_update(code).finalize();
        BASE64_URL_SAFE_NO_PAD.encode(digest)
    }

    /// Makes a code; it is shown this once.
    pub(crate) fn create(
        &self,
        purpose: Purpose,
        expires: Expiry,
        accounts: &Accounts,
        by: &Change,
    ) -> Result<(String, u32, Claim), AccountError> {
        let now = now().wall;
        let expires = expires.0.unwrap_or_else(|| now.after(std::time::Duration::from_secs(LIFE_S)));
        check(&purpose, expires, now)?;
        let mut book = self.book.lock();
        book.forget_expired(now)?;
        if book.claims.len() >= CLAIMS_MAX {
            return Err(AccountError::Full(format!("There are {CLAIMS_MAX} claim codes already: delete some.")));
        }
        let code = random_code();
        let claim = Claim {
            hash: self.hash(&code),
            purpose,
            created: now.as_micros(),
            expires: expires.as_micros(),
            by: by.who.clone(),
            claimed: Vec::new(),
        };
        let id =
            book.last.checked_add(1).ok_or_else(|| AccountError::Full("No more claim codes can be made.".into()))?;
        book.write(id, &claim)?;
        book.last = id;
        book.claims.insert(id, claim.clone());
        drop(book);
        note(accounts, Event::ClaimCreated, by, id, None);
        Ok((format!("{}-{}", &code[..CODE_CHARS / 2], &code[CODE_CHARS / 2..]), id, claim))
    }

    /// Those that live, in the order in which they were made.
    pub(crate) fn list(&self) -> Vec<(u32, Claim)> {
        let now = now().wall;
        let book = self.book.lock();
        let living = book.claims.iter().filter(|(_, claim)| claim.expires() > now);
        living.map(|(id, claim)| (*id, claim.clone())).collect()
    }

    pub(crate) fn remove(&self, id: u32, accounts: &Accounts, by: &Change) -> Result<(), AccountError> {
        let mut book = self.book.lock();
        if !book.claims.contains_key(&id) {
            let text = "There is no such claim code; it may have expired, or been deleted already.";
            return Err(AccountError::NotFound(text.to_owned()));
        }
        book.documents.delete(&id.to_string())?;
        book.claims.remove(&id);
        drop(book);
        note(accounts, Event::ClaimDeleted, by, id, None);
        Ok(())
    }

    /// A device shows a code. Registers it, with what the template says, and makes its token.
    pub(crate) fn redeem(
        &self,
        code: &str,
        claimant: &Claimant,
        hub: &Hub,
        accounts: &Accounts,
        template: impl Fn(&str) -> Result<Arc<TemplateSheet>, AccountError>,
        by: &Change,
    ) -> Result<Redeemed, ClaimError> {
        for text in [&claimant.hardware_id, &claimant.model].into_iter().flatten() {
            if text.is_empty() || text.chars().count() > LABEL_CHARS_MAX || text.chars().any(char::is_control) {
                let why = format!(
                    "hardware_id and model have 1 to {LABEL_CHARS_MAX} characters, none of them control characters."
                );
                return Err(AccountError::Unusable(why).into());
            }
        }
        let address = by.address.expect("whoever shows a code comes from somewhere");
        // Counted before it is looked at, so that many at once get no further than one after the other.
        accounts.begin_claim(address)?;
        let hash = plain(code).map(|code| self.hash(&code));
        let mut book = self.book.lock();
        let now = now();
        let found =
            book.claims.iter().find(|(_, claim)| Some(&claim.hash) == hash.as_ref() && claim.expires() > now.wall);
        let Some((id, mut claim)) = found.map(|(id, claim)| (*id, claim.clone())) else {
            note(accounts, Event::ClaimRefused, by, 0, Some("a claim code that is not valid".to_owned()));
            return Err(ClaimError::Wrong);
        };
        let known = claimant.hardware_id.as_ref().and_then(|hardware| {
            claim.claimed.iter().position(|claimed| claimed.hardware_id.as_ref() == Some(hardware))
        });
        if known.is_none() && claim.left() == 0 {
            note(accounts, Event::ClaimRefused, by, id, Some("a claim code that is used up".to_owned()));
            return Err(ClaimError::Wrong);
        }
        let template = claim.purpose.template.as_deref().map(template).transpose()?;
        let device = match known {
            Some(at) => DeviceId::parse(&claim.claimed[at].device).map_err(Refusal::from)?,
            None => choose_id(hub, &claim.purpose, claimant)?,
        };
        let before = claim.clone();
        let at = known.unwrap_or_else(|| {
            let hardware_id = claimant.hardware_id.clone();
            claim.claimed.push(Claimed { device: device.to_string(), hardware_id, token: 0 });
            claim.claimed.len() - 1
        });
        book.write(id, &claim).map_err(AccountError::from)?;
        let made = admit(hub, accounts, &device, &claim.purpose, claimant, template.as_deref(), by);
        let (is_new, token, credential) = match made {
            Ok(made) => made,
            Err(error) => {
                // Nothing came of it, so it was not used. If the disk takes that neither, the use is lost.
                if let Err(problem) = book.write(id, &before) {
                    warn!("that a claim code was not used could not be saved: {problem}");
                }
                return Err(error);
            }
        };
        let old = std::mem::replace(&mut claim.claimed[at].token, credential.number());
        if let Err(problem) = book.write(id, &claim) {
            warn!("which token came of a claim code could not be saved: {problem}");
        }
        book.claims.insert(id, claim);
        drop(book);
        accounts.claim_succeeded(address);
        // The one that it had forgotten opens nothing any more.
        if let Some(Err(problem)) = CredentialId::new(old).map(|old| accounts.revoke(old, by)) {
            tracing::debug!("the token before is gone already: {problem}");
        }
        note(accounts, Event::ClaimUsed, by, id, Some(format!("for the device {device}")));
        Ok(Redeemed { device, token, template, is_new })
    }
}

impl Book {
    fn write(&mut self, id: u32, claim: &Claim) -> Result<(), StoreError> {
        let body = serde_json::to_string(claim).expect("numbers and texts are JSON");
        self.documents.write(&id.to_string(), &body)
    }

    fn forget_expired(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if !crate::tls::is_plausible(now) {
            return Ok(());
        }
        let expired: Vec<_> =
            self.claims.iter().filter(|(_, claim)| claim.expires() <= now).map(|(id, _)| *id).collect();
        let names: Vec<_> = expired.iter().map(u32::to_string).collect();
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        if !rows.is_empty() {
            self.documents.apply(&rows)?;
        }
        expired.iter().for_each(|id| drop(self.claims.remove(id)));
        Ok(())
    }
}

fn check(purpose: &Purpose, expires: Timestamp, now: Timestamp) -> Result<(), AccountError> {
    let unusable = |why: String| Err(AccountError::Unusable(why));
    if !(1..=USES_MAX).contains(&purpose.uses) {
        return unusable(format!("A claim code is for 1 to {USES_MAX} devices, not for {}.", purpose.uses));
    }
    if purpose.device.is_some() && purpose.uses != 1 {
        return unusable("A claim code for one device has one use: leave uses out, or device.".to_owned());
    }
    if expires.as_micros() - now.as_micros() > LIFE_S_MAX * 1_000_000 {
        return unusable("A claim code lives for 30 days at the most: make another one then.".to_owned());
    }
    let labels = [&purpose.name, &purpose.room];
    let max = housewire_core::limits::LABEL_BYTES_MAX;
    if labels.into_iter().flatten().any(|label| label.len() > max) {
        return unusable(format!("name and room have at most {max} bytes."));
    }
    Ok(())
}

fn note(accounts: &Accounts, event: Event, by: &Change, id: u32, detail: Option<String>) {
    let subject = (id != 0).then(|| format!("claim code {id}"));
    accounts.audit.note(Deed { event, by, subject: subject.as_deref(), detail });
}

fn random_code() -> String {
    let mut bytes = [0; CODE_CHARS];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers: it had some when the hub started");
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// A code as people type it; `None` if it cannot be one.
fn plain(code: &str) -> Option<String> {
    if code.len() > 32 {
        return None;
    }
    let chars =
        code.chars().filter(|char| !matches!(char, '-' | ' ' | '_')).map(|char| match char.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
    let code: String = chars.collect();
    let is_code = code.len() == CODE_CHARS && code.bytes().all(|byte| ALPHABET.contains(&byte));
    is_code.then_some(code)
}

/// The fixed one, or one that nobody has: made of what the device says of itself.
fn choose_id(hub: &Hub, purpose: &Purpose, claimant: &Claimant) -> Result<DeviceId, ClaimError> {
    if let Some(device) = &purpose.device {
        return Ok(DeviceId::parse(device).map_err(Refusal::from)?);
    }
    let word = |text: &str| {
        let word: String = text.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
        Some(word.to_ascii_lowercase()).filter(|word| !word.is_empty())
    };
    let stem = claimant.model.as_deref().and_then(word).or_else(|| purpose.template.as_deref().and_then(word));
    let stem = stem.unwrap_or_else(|| "device".to_owned());
    let own = claimant.hardware_id.as_deref().and_then(|hardware| {
        let chars: Vec<char> = hardware.chars().filter(char::is_ascii_alphanumeric).collect();
        let last: String = chars[chars.len().saturating_sub(6)..].iter().collect();
        word(&last)
    });
    let mut ending = own.clone();
    for _ in 0..16 {
        let suffix = ending.take().unwrap_or_else(|| {
            let random = random_code()[..4].to_ascii_lowercase();
            own.as_ref().map_or_else(|| random.clone(), |own| format!("{own}-{random}"))
        });
        let id = DeviceId::parse(&format!("{stem}-{suffix}")).map_err(Refusal::from)?;
        if hub.device(&id).is_none() {
            return Ok(id);
        }
    }
    Err(AccountError::Full("No free name for another device was found: give its model or hardware_id.".into()).into())
}

/// Registers the device and makes its token.
fn admit(
    hub: &Hub,
    accounts: &Accounts,
    device: &DeviceId,
    purpose: &Purpose,
    claimant: &Claimant,
    template: Option<&TemplateSheet>,
    by: &Change,
) -> Result<(bool, Secret, CredentialId), ClaimError> {
    let is_new = hub.device(device).is_none();
    let specs = template.filter(|_| is_new).map(TemplateSheet::specs).transpose()?.unwrap_or_default();
    let info = |known: &DeviceInfo| {
        if !is_new {
            return known.clone();
        }
        let model = claimant.model.clone().or(known.model.clone());
        let (name, room) = (purpose.name.clone(), purpose.room.clone());
        let info =
            DeviceInfo { name: name.or(known.name.clone()), room: room.or(known.room.clone()), model, ..known.clone() };
        template.map_or(info.clone(), |template| template.complete(info))
    };
    hub.declare(device, specs, DeclareMode::Merge, info, now()).map_err(Refusal::from)?;
    let new =
        NewToken { owner: TokenOwner::Device(device.clone()), label: "claimed".to_owned(), expires: Expiry::default() };
    match accounts.create_token(new, by) {
        Ok((secret, credential)) => Ok((is_new, secret, credential.id())),
        Err(error) => {
            if is_new {
                let _was_there: bool = hub.remove_device(device, now());
            }
            Err(error.into())
        }
    }
}

#[cfg(test)]
mod tests;
