//! Somebody shows something: who that makes of him.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use housewire_core::{DeviceId, Principal};
use housewire_protocols::scram::prepared;
use housewire_store::{CredentialKind, CredentialOwner};
use thiserror::Error;

use crate::accounts::credential::{Credential, CredentialId, KEY_CHARS, SECRET_CHARS, hash};
use crate::accounts::{Accounts, Change, Deed, Event, Via, password};
use crate::peer::Peer;
use crate::shard::now;
use crate::tls::IssuedBy;

/// Why somebody with a certificate is not let in.
const REVOKED: &str = "This certificate was revoked, or its device was deleted. Have an admin make another one.";
const NO_DEVICE: &str = "The common name (CN) of your certificate is no device id, which has 1 to 64 characters of \
     A-Z a-z 0-9 _ -. Use a certificate that names the device.";

/// Who came in.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) principal: Arc<Principal>,
    pub(crate) kind: Kind,
    /// What was shown, if it can be taken back by itself.
    pub(crate) credential: Option<CredentialId>,
    /// The hash of what is stored of the password that was shown, if one was: with another password it opens nothing any more.
    pub(crate) shown: Option<[u8; 32]>,
}

/// What kind of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nobody yet, who may do nothing but say who he is.
    Nobody,
    /// Whoever comes without a credential, where that is allowed.
    Guest,
    /// With an account, or from the config file.
    Person,
    Device,
    App,
    /// Whoever has a share link.
    Share,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum LoginError {
    /// Which of the two, is nobody's business.
    #[error("the user name or the password is wrong")]
    Refused,
    /// It opens nothing, or does so no longer.
    #[error("this token is not valid: it was revoked, has expired, or was not written down whole")]
    NoToken,
    /// Too many failures.
    #[error("too many attempts failed; try again in {} s", .0.as_secs() + 1)]
    Slowed(Duration),
    /// See [`crate::limits::PASSWORD_CHECKS_MAX`].
    #[error("too many passwords are being checked at once; try again later")]
    Busy,
    /// The operating system has no random numbers, or no thread.
    #[error("the hub's machine cannot check passwords at the moment; the hub's log says why")]
    Machine,
}

/// Why an API key opens nothing.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// It is none.
    #[error("this API key is not valid: it was deleted, has expired, or was not written down whole")]
    Unknown,
    /// Its owner has switched it off.
    #[error("this API key is switched off; its owner can switch it on again")]
    Disabled,
}

impl Login {
    /// Somebody who showed nothing that could be taken back.
    pub(crate) fn of(principal: Arc<Principal>, kind: Kind) -> Self {
        Self { principal, kind, credential: None, shown: None }
    }

    /// Something that belongs to the hub itself.
    pub(super) fn of_house(principal: Arc<Principal>) -> Self {
        Self::of(principal, Kind::App)
    }

    fn by(credential: &Credential) -> Self {
        let kind = match credential.record.owner {
            CredentialOwner::Person(_) => Kind::Person,
            CredentialOwner::Device(_) => Kind::Device,
            CredentialOwner::App(_) => Kind::App,
        };
        Self { principal: Arc::clone(&credential.principal), kind, credential: Some(credential.id()), shown: None }
    }
}

impl Accounts {
    /// Whose token that is; `None` if it is none. Whoever may be mistaken in good faith asks this, and
    /// [`Accounts::by_token`] otherwise.
    pub(crate) fn find_token(&self, shown: &str, address: IpAddr) -> Option<Login> {
        // Whatever has another length was never given out.
        if shown.len() != SECRET_CHARS {
            return None;
        }
        if let Some((_, login)) = self.house.iter().find(|(secret, _)| secret.is(shown)) {
            return Some(login.clone());
        }
        let shown = hash(shown.as_bytes());
        if let Some(player) = self.players.find(&shown) {
            return Some(player);
        }
        self.find(CredentialKind::Token, &shown, address)
    }

    /// Whose token that is. Who shows many that are none has to wait.
    pub(crate) fn by_token(&self, shown: &str, address: IpAddr, via: Via) -> Result<Login, LoginError> {
        self.find_token(shown, address).ok_or_else(|| self.refuse_credential("token", address, via))
    }

    /// Whose API key that is, which opens the door to what is asked with keys and to nothing else.
    pub(crate) fn by_key(&self, shown: &str, address: IpAddr, via: Via) -> Result<Login, KeyError> {
        // As UUIDs are compared (RFC 9562 section 4).
        let hash = (shown.len() == KEY_CHARS).then(|| hash(shown.to_ascii_lowercase().as_bytes()));
        let known = hash.and_then(|hash| self.state.read().find(&hash).cloned());
        let key = known.filter(|key| key.is_key());
        let now = now().wall;
        match key.filter(|key| !key.is_expired(now)) {
            None => {
                // Bolt has no word for it that one has to wait: that shows where passwords and tokens are asked for.
                self.refuse_credential("key", address, via);
                Err(KeyError::Unknown)
            }
            Some(key) if key.is_disabled() => Err(KeyError::Disabled),
            Some(key) => {
                key.note_use(address, now);
                Ok(Login::by(&key))
            }
        }
    }

    /// Whose browser has this cookie, of a session or a share link; `None` if that is over.
    pub(crate) fn by_cookie(&self, shown: &str, address: IpAddr) -> Option<Login> {
        if shown.len() != SECRET_CHARS {
            return None;
        }
        let session = self.find(CredentialKind::Session, &hash(shown.as_bytes()), address);
        session.or_else(|| self.find_share(shown))
    }

    /// Whose certificate has this fingerprint (SHA-256 of its DER).
    pub(crate) fn by_certificate(
        &self,
        fingerprint: &[u8; 32],
        address: IpAddr,
        via: Via,
    ) -> Result<Login, LoginError> {
        let found = self.find(CredentialKind::Certificate, fingerprint, address);
        found.ok_or_else(|| self.refuse_credential("certificate", address, via))
    }

    /// Who connects like this, apart from what he may still show: the device whose certificate it is, or a guest.
    pub(crate) fn by_connection(&self, peer: &Peer, via: Via) -> Result<Login, &'static str> {
        let Some(certificate) = peer.client_certificate() else {
            return self.guests.admit_address(peer, self.has_admin());
        };
        match certificate.issued_by {
            IssuedBy::Local => {
                let address = peer.address().ip();
                self.by_certificate(&certificate.fingerprint.0, address, via).map_err(|_| REVOKED)
            }
            // Its CA vouches for the name, and is the one to take it back.
            IssuedBy::Further => {
                let device = DeviceId::parse(&certificate.subject).map_err(|_| NO_DEVICE)?;
                Ok(Login::of(self.device_principal(device), Kind::Device))
            }
        }
    }

    fn find(&self, kind: CredentialKind, hash: &[u8; 32], address: IpAddr) -> Option<Login> {
        let now = now().wall;
        let state = self.state.read();
        let credential = state.find(hash)?;
        if credential.record.kind != kind || credential.is_expired(now) {
            return None;
        }
        credential.note_use(address, now);
        Some(Login::by(credential))
    }

    fn refuse_credential(&self, what: &str, address: IpAddr, via: Via) -> LoginError {
        let by = Change { who: None, address: Some(address), via };
        let detail = Some(format!("a {what} that is not valid"));
        self.audit.note(Deed { event: Event::RequestRefused, by: &by, subject: None, detail });
        self.note_wrong_credential(address).err().unwrap_or(LoginError::NoToken)
    }

    /// Who has this name and password, checked with patience.
    pub(crate) async fn by_password(
        &self,
        name: &str,
        password: Vec<u8>,
        address: IpAddr,
        via: Via,
    ) -> Result<Login, LoginError> {
        let name = prepared(name).unwrap_or_default();
        let (stored, principal) = {
            let state = self.state.read();
            let person = state.people.get(&name);
            (person.map(|person| person.record.password.clone()), person.map(|person| Arc::clone(&person.principal)))
        };
        let expected = stored.clone();
        let check = move || match password::matches(&password, expected.as_deref()) {
            true => Ok(()),
            false => Err(LoginError::Refused),
        };
        self.slowly(&name, address, via, check).await?;
        // It took a while, in which the password may have been changed because somebody else knew it.
        let is_current = {
            let state = self.state.read();
            state.people.get(&name).map(|person| &person.record.password) == stored.as_ref()
        };
        let principal = principal.filter(|_| is_current);
        let shown = stored.map(|stored| hash(stored.as_bytes()));
        principal.map(|principal| Login { shown, ..Login::of(principal, Kind::Person) }).ok_or(LoginError::Refused)
    }

    /// As [`Accounts::by_password`], for what shows the password with every request.
    pub(crate) async fn by_password_again(
        &self,
        name: &str,
        password: Vec<u8>,
        address: IpAddr,
    ) -> Result<Login, LoginError> {
        let known = prepared(name).unwrap_or_default();
        let person = {
            let state = self.state.read();
            state.people.get(&known).map(|person| (person.record.password.clone(), Arc::clone(&person.principal)))
        };
        let verified = &self.verified;
        if let Some((stored, principal)) = &person
            && verified.contains(stored, &known, &password, now().instant)
        {
            let shown = Some(hash(stored.as_bytes()));
            return Ok(Login { shown, ..Login::of(Arc::clone(principal), Kind::Person) });
        }
        let login = self.by_password(name, password.clone(), address, Via::Http).await?;
        if let Some((stored, _)) = person {
            verified.add(&stored, &known, &password, now().instant);
        }
        Ok(login)
    }

    /// Has a log-in succeed or fail, unless too many have failed before; and notes what came of it.
    pub(crate) async fn slowly(
        &self,
        name: &str,
        address: IpAddr,
        via: Via,
        check: impl FnOnce() -> Result<(), LoginError> + Send + 'static,
    ) -> Result<(), LoginError> {
        let name = prepared(name).unwrap_or_default();
        // What is no name is not written down: it may be a token or a password that got into the wrong field.
        let is_somebody = self.state.read().people.contains_key(&name) || self.reserved.contains(&name);
        let by = Change { who: is_somebody.then(|| name.clone()), address: Some(address), via };
        let done = self.check_in_turn(&name, address, check).await;
        let event = if done.is_ok() { Event::SignIn } else { Event::SignInRefused };
        let detail = done.err().map(|error| why_in_the_log(error).to_owned());
        self.audit.note(Deed { event, by: &by, subject: None, detail });
        done
    }

    async fn check_in_turn(
        &self,
        name: &str,
        address: IpAddr,
        check: impl FnOnce() -> Result<(), LoginError> + Send + 'static,
    ) -> Result<(), LoginError> {
        // Who has to wait anyway does not stand in line.
        self.throttle.begin(address, name, now().instant)?.withdraw();
        let turn = self.checks.turn().await?;
        // Counted only now: a whole room of boards that come back at once stands in line, and none of them has failed.
        let attempt = self.throttle.begin(address, name, now().instant)?;
        let done = turn.check(check).await;
        match done {
            Ok(()) => attempt.succeed(),
            Err(LoginError::Refused) => {}
            Err(_) => attempt.withdraw(),
        }
        done
    }
}

fn why_in_the_log(error: LoginError) -> &'static str {
    match error {
        LoginError::Refused | LoginError::NoToken => "wrong name or password",
        LoginError::Slowed(_) => "too many failures",
        LoginError::Busy | LoginError::Machine => "could not be checked",
    }
}
