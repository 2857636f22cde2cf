//! The tables of accounts: who there is, and what opens the door to whom.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use housewire_core::{DeviceId, Permissions, Principal, Role, Timestamp};
use housewire_store::{CredentialKind, CredentialOwner, CredentialRecord, CredentialUse, LoadedAccounts, PersonRecord};

use crate::accounts::credential::{Credential, CredentialId};
use crate::accounts::grant::permissions_of_person;

/// Somebody with a password, and who he is for `core`.
pub(super) struct Person {
    pub(super) record: PersonRecord,
    pub(super) principal: Arc<Principal>,
}

/// What is told of a person.
pub(crate) struct PersonView {
    pub(crate) record: PersonRecord,
    /// Browsers that are signed in.
    pub(crate) sessions: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct State {
    pub(super) people: BTreeMap<String, Person>,
    pub(super) credentials: BTreeMap<CredentialId, Arc<Credential>>,
    by_hash: HashMap<[u8; 32], CredentialId>,
    /// Of devices and apps that have a credential: one for all of them.
    principals: HashMap<CredentialOwner, Arc<Principal>>,
    last_id: u32,
}

/// What a principal is called: sessions belong to names.
pub(super) fn principal_name(owner: &CredentialOwner) -> String {
    match owner {
        CredentialOwner::Person(name) => name.clone(),
        CredentialOwner::Device(id) => format!("device:{id}"),
        CredentialOwner::App(name) => format!("app:{name}"),
    }
}

impl State {
    pub(super) fn new(loaded: LoadedAccounts) -> Self {
        let mut state = Self { last_id: loaded.last_credential, ..Self::default() };
        for record in loaded.people {
            state.put_person(record);
        }
        for record in loaded.credentials {
            state.put_credential(record);
        }
        state
    }

    /// Adds a person or replaces what is known of one; returns who he is.
    pub(super) fn put_person(&mut self, record: PersonRecord) -> Arc<Principal> {
        let principal = match self.people.get(&record.name) {
            Some(person) => Arc::clone(&person.principal),
            None => Arc::new(Principal::new(record.name.clone(), permissions_of_person(&record.grant))),
        };
        self.people.insert(record.name.clone(), Person { record, principal: Arc::clone(&principal) });
        principal
    }

    /// Adds a credential or replaces what is known of one; `None` if its owner is nobody.
    pub(super) fn put_credential(&mut self, record: CredentialRecord) -> Option<Arc<Credential>> {
        let id = CredentialId::new(record.id)?;
        self.last_id = self.last_id.max(record.id);
        let principal = match &record.owner {
            CredentialOwner::Person(name) => Arc::clone(&self.people.get(name)?.principal),
            owner => self.principal_of(owner, record.grant.as_ref().map(|grant| grant.permissions())),
        };
        self.by_hash.insert(record.hash, id);
        let credential = Arc::new(Credential::new(record, principal));
        self.credentials.insert(id, Arc::clone(&credential));
        Some(credential)
    }

    /// Who a device or an app is; `permissions` are an app's.
    pub(super) fn principal_of(&mut self, owner: &CredentialOwner, permissions: Option<Permissions>) -> Arc<Principal> {
        let principal = self.principals.entry(owner.clone()).or_insert_with(|| {
            let permissions = permissions.unwrap_or_else(|| match owner {
                CredentialOwner::Device(id) => Permissions::of_device(id),
                _ => Permissions::default(),
            });
            Arc::new(Principal::new(principal_name(owner), permissions))
        });
        Arc::clone(principal)
    }

    pub(super) fn known_principal(&self, owner: &CredentialOwner) -> Option<Arc<Principal>> {
        self.principals.get(owner).cloned()
    }

    pub(super) fn next_id(&self) -> Option<u32> {
        self.last_id.checked_add(1)
    }

    pub(super) fn find(&self, hash: &[u8; 32]) -> Option<&Arc<Credential>> {
        self.by_hash.get(hash).and_then(|id| self.credentials.get(id))
    }

    /// Credentials of an owner, in the order in which they were made.
    pub(super) fn of_owner(&self, owner: &CredentialOwner) -> impl Iterator<Item = &Arc<Credential>> {
        self.credentials.values().filter(move |credential| credential.record.owner == *owner)
    }

    pub(super) fn sessions_of(&self, name: &str) -> Vec<Arc<Credential>> {
        let owner = CredentialOwner::Person(name.to_owned());
        let of_owner = self.of_owner(&owner).filter(|credential| credential.record.kind == CredentialKind::Session);
        of_owner.cloned().collect()
    }

    pub(super) fn is_session(&self, id: CredentialId) -> bool {
        self.credentials.get(&id).is_some_and(|credential| credential.record.kind == CredentialKind::Session)
    }

    /// Forgets credentials. Devices and apps that have none any more are nobody; their principals are returned.
    pub(super) fn forget(&mut self, ids: &[CredentialId]) -> Vec<Arc<Principal>> {
        let mut orphans = Vec::new();
        for id in ids {
            let Some(credential) = self.credentials.remove(id) else { continue };
            self.by_hash.remove(&credential.record.hash);
            let owner = &credential.record.owner;
            if !matches!(owner, CredentialOwner::Person(_)) && self.of_owner(owner).next().is_none() {
                orphans.extend(self.principals.remove(owner));
            }
        }
        orphans
    }

    pub(super) fn forget_person(&mut self, name: &str) -> Option<(Person, Vec<CredentialId>)> {
        let person = self.people.remove(name)?;
        let owner = CredentialOwner::Person(name.to_owned());
        let ids: Vec<_> = self.of_owner(&owner).map(|credential| credential.id()).collect();
        self.forget(&ids);
        Some((person, ids))
    }

    pub(super) fn has_admin(&self) -> bool {
        self.people.values().any(|person| person.record.grant.role == Role::Admin)
    }

    /// Whether there is an admin beside this person.
    pub(super) fn has_other_admin(&self, name: &str) -> bool {
        self.people.values().any(|person| person.record.name != name && person.record.grant.role == Role::Admin)
    }

    /// Whom a principal's name means.
    pub(super) fn principal(&self, name: &str) -> Option<Arc<Principal>> {
        let owner = if let Some(id) = name.strip_prefix("device:") {
            CredentialOwner::Device(DeviceId::parse(id).ok()?)
        } else if let Some(app) = name.strip_prefix("app:") {
            CredentialOwner::App(app.to_owned())
        } else {
            return self.people.get(name).map(|person| Arc::clone(&person.principal));
        };
        self.principals.get(&owner).cloned()
    }

    pub(super) fn take_uses(&self) -> Vec<CredentialUse> {
        self.credentials.values().filter_map(|credential| credential.take_use()).collect()
    }

    /// These uses could not be written: they are taken again.
    pub(super) fn put_back_uses(&self, uses: &[CredentialUse]) {
        let ids = uses.iter().filter_map(|used| CredentialId::new(used.id));
        ids.filter_map(|id| self.credentials.get(&id)).for_each(|credential| credential.put_back_use());
    }

    /// Credentials that have expired since this was asked last.
    pub(super) fn newly_expired(&self, now: Timestamp) -> Vec<CredentialId> {
        let due = self.credentials.values().filter(|credential| credential.ends_now(now));
        due.map(|credential| credential.id()).collect()
    }
}
