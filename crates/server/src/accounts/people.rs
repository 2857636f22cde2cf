//! People: made, changed and deleted, and their browsers' sessions.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use housewire_core::{Grant, Permissions, Role};
use housewire_protocols::scram::prepared;
use housewire_store::{CredentialKind, CredentialOwner, CredentialRecord, PersonRecord};
use tracing::warn;

use crate::accounts::credential::{Credential, CredentialId, SESSION_LIFE, Secret, hash};
use crate::accounts::grant::{GrantChange, check_grant, permissions_of_person};
use crate::accounts::state::PersonView;
use crate::accounts::{AccountError, Accounts, Change, Deed, Event, name, password};
use crate::reasons::with_reasons;
use crate::refusal::shorten;
use crate::shard::now;
use crate::tls::FIRST_TIME;

/// As much of what a browser says of itself is kept: its name stands behind its engine's, 100 characters in.
const AGENT_CHARS_MAX: usize = 200;

/// People that there may be; more are refused.
const PEOPLE_MAX: usize = 10_000;
/// Browsers that one person may be signed in with; the one that was used least lately is signed out.
const SESSIONS_MAX: usize = 50;

/// Somebody who is to get an account.
pub(crate) struct NewPerson {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) grant: Grant,
}

/// What is to be changed of somebody; `None` stays.
#[derive(Default)]
pub(crate) struct PersonChange {
    pub(crate) rights: GrantChange,
    pub(crate) password: Option<String>,
}

impl Accounts {
    /// Everybody, in the order of names.
    pub(crate) fn people(&self) -> Vec<PersonView> {
        let state = self.state.read();
        let mut sessions = std::collections::HashMap::<&str, usize>::new();
        for credential in state.credentials.values() {
            if let (CredentialKind::Session, CredentialOwner::Person(name)) =
                (credential.record.kind, &credential.record.owner)
            {
                *sessions.entry(name).or_default() += 1;
            }
        }
        let view = |record: &PersonRecord| PersonView {
            record: record.clone(),
            sessions: sessions.get(record.name.as_str()).copied().unwrap_or(0),
        };
        state.people.values().map(|person| view(&person.record)).collect()
    }

    pub(crate) fn person(&self, name: &str) -> Result<PersonView, AccountError> {
        let state = self.state.read();
        let person = prepared(name).and_then(|name| state.people.get(&name)).ok_or_else(|| nobody(name))?;
        Ok(PersonView { record: person.record.clone(), sessions: state.sessions_of(&person.record.name).len() })
    }

    /// Makes the first admin. Whoever does that shows the key of the link, unless he has full rights already.
    pub(crate) fn set_up(
        &self,
        key: Option<&str>,
        has_full_rights: bool,
        name: &str,
        password: &str,
        by: &Change,
    ) -> Result<PersonView, AccountError> {
        let is_invited = match (self.setup_key(), key) {
            (None, _) => return Err(AccountError::SetUpAlready),
            (Some(right), Some(shown)) => right.is(shown),
            (Some(_), None) => has_full_rights,
        };
        if !is_invited {
            return Err(AccountError::WrongKey);
        }
        let new = NewPerson { name: name.to_owned(), password: password.to_owned(), grant: Grant::of(Role::Admin) };
        self.add_person(new, by, Event::Setup, |accounts| {
            // Looked at again, as somebody may have been faster.
            if accounts.state.read().has_admin() { Err(AccountError::SetUpAlready) } else { Ok(()) }
        })
    }

    pub(crate) fn create_person(&self, new: NewPerson, by: &Change) -> Result<PersonView, AccountError> {
        self.add_person(new, by, Event::UserCreated, |_| Ok(()))
    }

    fn add_person(
        &self,
        new: NewPerson,
        by: &Change,
        event: Event,
        may_go_on: impl FnOnce(&Self) -> Result<(), AccountError>,
    ) -> Result<PersonView, AccountError> {
        let NewPerson { name, password, grant } = new;
        let name = name::person(&name)?;
        check_grant(&grant)?;
        if self.reserved.contains(&name) {
            return Err(AccountError::Taken(name));
        }
        let password = password::accept(&name, &password)?;
        let mut store = self.store.lock();
        may_go_on(self)?;
        {
            let state = self.state.read();
            if state.people.contains_key(&name) {
                return Err(AccountError::Taken(name));
            }
            if state.people.len() >= PEOPLE_MAX {
                return Err(AccountError::Full(format!(
                    "There are {PEOPLE_MAX} people, which is as many as there may be."
                )));
            }
        }
        let record = PersonRecord { name, password, grant, created: now().wall, signed_in: None };
        store.write_person(&record)?;
        self.state.write().put_person(record.clone());
        // Before the next change is made: what is applied last has to be what was made last.
        self.note_admins();
        drop(store);
        self.tell_change();
        let detail = Some(record.grant.role.name().to_owned());
        self.audit.note(Deed { event, by, subject: Some(&record.name), detail });
        Ok(PersonView { record, sessions: 0 })
    }

    pub(crate) fn change_person(
        &self,
        name: &str,
        change: PersonChange,
        keep: Option<CredentialId>,
        by: &Change,
    ) -> Result<PersonView, AccountError> {
        let before = self.person(name)?.record;
        let PersonChange { rights, password } = change;
        let changes_rights = !rights.is_empty();
        let password = password.map(|password| password::accept(&before.name, &password)).transpose()?;
        let has_new_password = password.is_some();
        let mut store = self.store.lock();
        let mut record = self.person(name)?.record;
        if rights.role.is_some_and(|role| role != Role::Admin) && record.grant.role == Role::Admin {
            self.must_not_be_last(&record.name)?;
        }
        rights.apply(&mut record.grant)?;
        record.password = password.unwrap_or(record.password);
        store.write_person(&record)?;
        let principal = self.state.write().put_person(record.clone());
        self.set_permissions(&principal, permissions_of_person(&record.grant));
        self.note_admins();
        drop(store);
        self.tell_change();
        if changes_rights {
            let detail = Some(record.grant.role.name().to_owned());
            self.audit.note(Deed { event: Event::UserChanged, by, subject: Some(&record.name), detail });
        }
        if has_new_password {
            self.audit.note(Deed { event: Event::PasswordChanged, by, subject: Some(&record.name), detail: None });
            self.end_logins_of(&record.name, keep)?;
        }
        self.person(&record.name)
    }

    pub(crate) fn delete_person(&self, name: &str, by: &Change) -> Result<(), AccountError> {
        let mut store = self.store.lock();
        let record = self.person(name)?.record;
        if record.grant.role == Role::Admin {
            self.must_not_be_last(&record.name)?;
        }
        store.delete_person(&record.name)?;
        let forgotten = self.state.write().forget_person(&record.name);
        if let Some((person, _)) = forgotten {
            self.set_permissions(&person.principal, Permissions::default());
            self.turn_out_all_of(&person.principal);
        }
        drop(store);
        self.tell_change();
        self.audit.note(Deed { event: Event::UserDeleted, by, subject: Some(&record.name), detail: None });
        Ok(())
    }

    /// Signs a browser in, which `shown` that password (see [`crate::accounts::Login`]): the secret for its cookie.
    pub(crate) fn open_session(
        &self,
        name: &str,
        shown: Option<[u8; 32]>,
        agent: &str,
        address: IpAddr,
    ) -> Result<(Secret, Arc<Credential>), AccountError> {
        let (secret, time) = (Secret::random(), now().wall);
        let mut store = self.store.lock();
        let person = self.person(name)?.record;
        if shown.is_some_and(|shown| shown != hash(person.password.as_bytes())) {
            let text = "The password was changed meanwhile. Sign in with the new one.";
            return Err(AccountError::Unusable(text.to_owned()));
        }
        let record = CredentialRecord {
            id: self.next_id()?,
            kind: CredentialKind::Session,
            hash: secret.hash(),
            owner: CredentialOwner::Person(person.name.clone()),
            label: agent.chars().take(AGENT_CHARS_MAX).collect(),
            grant: None,
            created: time,
            // A clock that was not set yet ends nothing once it is.
            expires: Some(time.max(FIRST_TIME).after(SESSION_LIFE)),
            used: None,
            disabled: None,
        };
        store.write_credential(&record)?;
        // Only for people to read: a sign-in is none the worse for it.
        if let Err(problem) = store.note_sign_in(&person.name, time) {
            warn!("when {} signed in could not be written: {}", person.name, with_reasons(&problem));
        }
        let credential = {
            let mut state = self.state.write();
            if let Some(person) = state.people.get_mut(&person.name) {
                person.record.signed_in = Some(time);
            }
            state.put_credential(record).expect("the person is there: only this lock's holder deletes anybody")
        };
        drop(store);
        credential.note_use(address, time);
        self.end_surplus_sessions(&person.name)?;
        Ok((secret, credential))
    }

    fn end_surplus_sessions(&self, name: &str) -> Result<(), AccountError> {
        let mut sessions = self.sessions(name);
        let surplus = sessions.len().saturating_sub(SESSIONS_MAX);
        if surplus == 0 {
            return Ok(());
        }
        sessions.sort_by_key(|session| session.used().map(|(time, _)| time));
        let ids: Vec<_> = sessions[..surplus].iter().map(|session| session.id()).collect();
        self.forget(&ids)
    }

    /// The browsers that somebody is signed in with.
    pub(crate) fn sessions(&self, name: &str) -> Vec<Arc<Credential>> {
        self.state.read().sessions_of(name)
    }

    /// Signs a browser out.
    pub(crate) fn end_session(&self, id: CredentialId, event: Event, by: &Change) -> Result<(), AccountError> {
        let owner = self.state.read().credentials.get(&id).map(|session| session.record.owner.clone());
        let Some(CredentialOwner::Person(name)) = owner else {
            return Err(AccountError::NotFound("There is no such session; it may have ended already.".to_owned()));
        };
        self.forget(&[id])?;
        self.audit.note(Deed { event, by, subject: Some(&name), detail: None });
        Ok(())
    }

    /// Ends all that somebody is signed in with, but for `keep`.
    fn end_logins_of(&self, name: &str, keep: Option<CredentialId>) -> Result<(), AccountError> {
        let sessions = self.sessions(name);
        let ids: Vec<_> = sessions.iter().map(|session| session.id()).filter(|id| Some(*id) != keep).collect();
        let forgotten = self.forget(&ids);
        // Whoever showed the old password and nothing else, by MQTT, too; whatever became of the browsers.
        self.clients.turn_out(|connection, client| {
            client.subscriber.principal().name() == name && (keep.is_none() || connection.credential != keep)
        });
        forgotten
    }

    /// The number of the next credential; asked for under the lock of the store.
    pub(super) fn next_id(&self) -> Result<u32, AccountError> {
        self.state.read().next_id().ok_or_else(|| AccountError::Full("The hub has given out all its numbers.".into()))
    }

    fn must_not_be_last(&self, name: &str) -> Result<(), AccountError> {
        let is_last = !self.state.read().has_other_admin(name);
        if is_last { Err(AccountError::LastAdmin(name.to_owned())) } else { Ok(()) }
    }

    /// Looks again whether there is an admin: the guest's rights depend on it.
    fn note_admins(&self) {
        let has_admin = self.state.read().has_admin() || self.has_unreadable_people;
        self.has_admin.store(has_admin, Ordering::Release);
        self.apply_guest_policy();
    }
}

fn nobody(name: &str) -> AccountError {
    AccountError::NotFound(format!("There is no user '{}'.", shorten(name)))
}
