//! Tokens and certificates of devices and apps, API keys of people: given out, changed, revoked.

use std::sync::Arc;
use std::time::Duration;

use housewire_core::{DeviceId, Grant, Permissions, Timestamp};
use housewire_store::{CredentialKind, CredentialOwner, CredentialRecord};

use crate::accounts::credential::{Credential, CredentialId, Secret, hash as credential_hash};
use crate::accounts::grant::{GrantChange, check_grant};
use crate::accounts::state::principal_name;
use crate::accounts::{AccountError, Accounts, Change, Deed, Event, name};
use crate::config::parse_duration;
use crate::shard::now;

/// Tokens and certificates that there may be; more are refused.
const CREDENTIALS_MAX: usize = 100_000;
/// Of one device.
const PER_DEVICE_MAX: usize = 32;
/// API keys of one person.
const PER_PERSON_MAX: usize = 32;

/// For whom a token is.
pub(crate) enum TokenOwner {
    Device(DeviceId),
    App(Grant),
    /// A person, by name, who may do by it what he may.
    Person(String),
}

/// A token that is to be made.
pub(crate) struct NewToken {
    pub(crate) owner: TokenOwner,
    /// An app's is its name.
    pub(crate) label: String,
    pub(crate) expires: Expiry,
}

/// When something ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expiry(pub(crate) Option<Timestamp>);

/// What is to be changed of a token; `None` stays.
#[derive(Default)]
pub(crate) struct TokenChange {
    /// Of a device: an app's name is what it is.
    pub(crate) label: Option<String>,
    /// Of an app.
    pub(crate) rights: GrantChange,
    pub(crate) expires: Option<Expiry>,
    /// Of a person: whether it opens anything at the moment.
    pub(crate) enabled: Option<bool>,
}

impl Expiry {
    /// As people write it: a moment (RFC 3339), or how long from now (`90d`, `12h`); what lies in the past is refused.
    pub(crate) fn parse(text: &str, now: Timestamp) -> Result<Self, AccountError> {
        let refuse = || {
            AccountError::Unusable(format!(
                "'{}' is no time in the future: write 90d, 12h, or a moment such as 2027-01-31T00:00:00Z.",
                crate::refusal::shorten(text)
            ))
        };
        let at = match text.parse::<jiff::Timestamp>() {
            Ok(moment) => Timestamp::from_micros(moment.as_microsecond()),
            Err(_) => now.after(parse_days(text).ok_or_else(refuse)?),
        };
        if at > now { Ok(Self(Some(at))) } else { Err(refuse()) }
    }
}

fn parse_days(text: &str) -> Option<Duration> {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    const DAYS_MAX: u32 = 36_500;
    match text.strip_suffix('d') {
        Some(days) => days.parse().ok().filter(|days| *days <= DAYS_MAX).map(|days| DAY * days),
        None => parse_duration(text).ok(),
    }
}

impl Accounts {
    /// Tokens and certificates, in the order in which they were made; those of one device if it is named.
    pub(crate) fn tokens(&self, device: Option<&DeviceId>) -> Vec<Arc<Credential>> {
        let state = self.state.read();
        let all = state.credentials.values().filter(|credential| credential.person().is_none());
        match device {
            None => all.cloned().collect(),
            Some(device) => {
                let owner = CredentialOwner::Device(device.clone());
                all.filter(|credential| credential.record.owner == owner).cloned().collect()
            }
        }
    }

    /// API keys, of one person if he is named, in the order in which they were made.
    pub(crate) fn keys(&self, person: Option<&str>) -> Vec<Arc<Credential>> {
        let state = self.state.read();
        let all = state.credentials.values().filter(|credential| credential.is_key());
        all.filter(|key| person.is_none_or(|person| key.person() == Some(person))).cloned().collect()
    }

    pub(crate) fn token(&self, id: CredentialId) -> Result<Arc<Credential>, AccountError> {
        self.given_out(id).ok().filter(|credential| !credential.is_key()).ok_or_else(|| {
            AccountError::NotFound("There is no such token; it may have been revoked already.".to_owned())
        })
    }

    pub(crate) fn key(&self, id: CredentialId) -> Result<Arc<Credential>, AccountError> {
        self.given_out(id).ok().filter(|credential| credential.is_key()).ok_or_else(|| {
            AccountError::NotFound("There is no such API key; it may have been deleted already.".to_owned())
        })
    }

    /// A token, a certificate or a key.
    fn given_out(&self, id: CredentialId) -> Result<Arc<Credential>, AccountError> {
        let found = self.state.read().credentials.get(&id).cloned();
        found.filter(|credential| credential.record.kind != CredentialKind::Session).ok_or_else(|| {
            AccountError::NotFound("There is no such token or key; it may have been taken back already.".to_owned())
        })
    }

    /// Makes a token; its secret is shown this once.
    pub(crate) fn create_token(&self, new: NewToken, by: &Change) -> Result<(Secret, Arc<Credential>), AccountError> {
        let secret = match new.owner {
            TokenOwner::Person(_) => Secret::random_key(),
            _ => Secret::random(),
        };
        let credential = self.add(CredentialKind::Token, secret.hash(), new, by)?;
        Ok((secret, credential))
    }

    /// Has a token that was given out elsewhere open the door to a device, as if it had been made here.
    pub(crate) fn adopt_token(
        &self,
        shown: &str,
        device: DeviceId,
        label: String,
        by: &Change,
    ) -> Result<Arc<Credential>, AccountError> {
        let new = NewToken { owner: TokenOwner::Device(device), label, expires: Expiry::default() };
        self.add(CredentialKind::Token, credential_hash(shown.as_bytes()), new, by)
    }

    /// Whose a token is: `None` for one that opens nothing.
    pub(crate) fn whose_token(&self, shown: &str) -> Option<CredentialOwner> {
        let state = self.state.read();
        state.find(&credential_hash(shown.as_bytes())).map(|credential| credential.record.owner.clone())
    }

    /// Whether so many more can be made.
    pub(crate) fn has_room_for(&self, more: usize) -> bool {
        self.state.read().credentials.len() + more <= CREDENTIALS_MAX
    }

    /// Has a certificate, by the SHA-256 of its DER, open the door to a device.
    pub(crate) fn register_certificate(
        &self,
        fingerprint: [u8; 32],
        device: DeviceId,
        label: String,
        expires: Expiry,
        by: &Change,
    ) -> Result<Arc<Credential>, AccountError> {
        let new = NewToken { owner: TokenOwner::Device(device), label, expires };
        self.add(CredentialKind::Certificate, fingerprint, new, by)
    }

    fn add(
        &self,
        kind: CredentialKind,
        hash: [u8; 32],
        new: NewToken,
        by: &Change,
    ) -> Result<Arc<Credential>, AccountError> {
        let NewToken { owner, label, expires } = new;
        let label = name::label(&label)?;
        let (owner, grant) = match owner {
            TokenOwner::Device(id) => (CredentialOwner::Device(id), None),
            TokenOwner::Person(name) => (CredentialOwner::Person(self.person(&name)?.record.name), None),
            TokenOwner::App(_) if label.is_empty() => {
                return Err(AccountError::Unusable("An app's token needs a name, so that you know it again.".into()));
            }
            TokenOwner::App(_) if self.is_of_the_house(&label) => return Err(AccountError::Taken(label)),
            TokenOwner::App(grant) => (CredentialOwner::App(label.clone()), Some(grant)),
        };
        grant.as_ref().map_or(Ok(()), check_grant)?;
        let mut store = self.store.lock();
        self.must_have_room(&owner)?;
        // Only one that was not made here can be known.
        if self.state.read().find(&hash).is_some_and(|known| known.record.owner != owner) {
            return Err(AccountError::Unusable("That opens the door to somebody else already.".to_owned()));
        }
        let id = self.next_id()?;
        let record = CredentialRecord {
            id,
            kind,
            hash,
            owner,
            label,
            grant,
            created: now().wall,
            expires: expires.0,
            used: None,
            disabled: None,
        };
        store.write_credential(&record)?;
        let event = match kind {
            CredentialKind::Certificate => Event::CertificateCreated,
            _ => Event::TokenCreated,
        };
        let subject = principal_name(&record.owner);
        let credential = self
            .state
            .write()
            .put_credential(record)
            .ok_or_else(|| AccountError::NotFound("That person was deleted meanwhile.".to_owned()))?;
        drop(store);
        self.audit.note(Deed { event, by, subject: Some(&subject), detail: None });
        Ok(credential)
    }

    /// Sessions belong to names, so that no app may be called as one of the hub's own.
    fn is_of_the_house(&self, app: &str) -> bool {
        self.house.iter().any(|(_, login)| login.principal.name().strip_prefix("app:") == Some(app))
    }

    fn must_have_room(&self, owner: &CredentialOwner) -> Result<(), AccountError> {
        let state = self.state.read();
        if state.credentials.len() >= CREDENTIALS_MAX {
            return Err(AccountError::Full(format!(
                "There are {CREDENTIALS_MAX} tokens, which is as many as there may be: revoke some."
            )));
        }
        let of_owner = state.of_owner(owner).count();
        match owner {
            CredentialOwner::App(name) if of_owner > 0 => Err(AccountError::Taken(name.clone())),
            CredentialOwner::Device(id) if of_owner >= PER_DEVICE_MAX => Err(AccountError::Full(format!(
                "The device '{id}' has {PER_DEVICE_MAX} tokens, which is as many as it may have: revoke some."
            ))),
            CredentialOwner::Person(name) => {
                let keys = state.of_owner(owner).filter(|credential| credential.is_key());
                if keys.count() < PER_PERSON_MAX {
                    return Ok(());
                }
                let text =
                    format!("'{name}' has {PER_PERSON_MAX} API keys, which is as many as there may be: delete some.");
                Err(AccountError::Full(text))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn change_token(
        &self,
        id: CredentialId,
        change: TokenChange,
        by: &Change,
    ) -> Result<Arc<Credential>, AccountError> {
        let TokenChange { label, rights, expires, enabled } = change;
        let mut store = self.store.lock();
        let before = self.given_out(id)?;
        let mut record = before.record.clone();
        let is_app = record.grant.is_some();
        let is_key = before.is_key();
        if !is_app && !rights.is_empty() {
            let text = match is_key {
                true => "An API key may do what its person may: change the rights of that person.",
                false => "A device may do what is its own, and nothing else: its rights cannot be changed.",
            };
            return Err(AccountError::Unusable(text.to_owned()));
        }
        if !is_key && enabled.is_some() {
            let text = "API keys can be switched off and on, tokens and certificates can be revoked.";
            return Err(AccountError::Unusable(text.to_owned()));
        }
        if let Some(label) = label {
            if is_app && label != record.label {
                let text = "An app keeps its name, as its sessions belong to it. Make another token instead.";
                return Err(AccountError::Unusable(text.to_owned()));
            }
            record.label = name::label(&label)?;
        }
        if let Some(grant) = &mut record.grant {
            rights.apply(grant)?;
        }
        if let Some(enabled) = enabled {
            record.disabled = (!enabled).then(|| record.disabled.unwrap_or(now().wall));
        }
        record.used = before.used();
        record.expires = expires.map_or(before.expires(), |expiry| expiry.0);
        store.write_credential(&record)?;
        let changed = self
            .state
            .write()
            .put_credential(record)
            .ok_or_else(|| AccountError::NotFound("Its person was deleted meanwhile.".to_owned()))?;
        if let Some(grant) = &changed.record.grant {
            self.set_permissions(&changed.principal, grant.permissions());
        }
        drop(store);
        if changed.is_disabled() {
            self.turn_out(&[id]);
        }
        self.tell_change();
        let subject = principal_name(&changed.record.owner);
        let detail = enabled.map(|enabled| if enabled { "enabled" } else { "disabled" }.to_owned());
        self.audit.note(Deed { event: Event::TokenChanged, by, subject: Some(&subject), detail });
        Ok(changed)
    }

    pub(crate) fn revoke(&self, id: CredentialId, by: &Change) -> Result<(), AccountError> {
        let credential = self.given_out(id)?;
        self.forget(&[id])?;
        self.note_revoked(&credential, by);
        Ok(())
    }

    /// A device is gone, and what opened the door to it with it.
    pub(crate) fn revoke_all_of(&self, device: &DeviceId, by: &Change) -> Result<(), AccountError> {
        let tokens = self.tokens(Some(device));
        if tokens.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = tokens.iter().map(|credential| credential.id()).collect();
        self.forget(&ids)?;
        tokens.iter().for_each(|credential| self.note_revoked(credential, by));
        Ok(())
    }

    fn note_revoked(&self, credential: &Credential, by: &Change) {
        let subject = principal_name(&credential.record.owner);
        let detail = Some(credential.record.label.clone()).filter(|label| !label.is_empty());
        self.audit.note(Deed { event: Event::TokenRevoked, by, subject: Some(&subject), detail });
    }

    /// Principals that nobody can be any more have no rights either.
    pub(super) fn disarm(&self, orphans: &[Arc<housewire_core::Principal>]) {
        for principal in orphans {
            self.set_permissions(principal, Permissions::default());
            // Also who came in by something else, such as a certificate of another CA: with no rights left it would only seem to be there.
            self.turn_out_all_of(principal);
        }
    }
}
