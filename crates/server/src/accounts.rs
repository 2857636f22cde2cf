//! Accounts: who may come in, by what, and what they may do then.
//!
//! People have a password, devices and apps have tokens or certificates, browsers have sessions; whatever is shown makes a
//! [`Login`], and what that may do is checked in `core`. All of it is kept in memory and changed on disk first, so that what
//! is answered was written. Changes reach connections that exist: rights are replaced in place, and whoever showed what was
//! taken back is turned out. Which bytes carry a credential belongs to the transports, the guest to `auth`.

mod audit;
mod change;
mod checks;
mod credential;
mod error;
mod grant;
mod login;
mod name;
mod password;
mod people;
mod players;
mod shares;
mod state;
mod throttle;
mod tokens;
mod verified;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use housewire_core::{DeviceId, Hub, Permissions, Principal, Role, Timestamp};
use housewire_store::{AccountStore, AuditQuery, AuditRecord, CredentialOwner, StoreError};
use parking_lot::{Mutex, RwLock};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, Semaphore};
use tracing::{error, warn};

pub(crate) use self::audit::{Audit, Deed, Event, Via};
pub(crate) use self::change::Change;
use self::checks::Checks;
pub(crate) use self::credential::{Credential, CredentialId, SECRET_CHARS, SESSION_LIFE, Secret};
pub(crate) use self::error::AccountError;
pub(crate) use self::grant::GrantChange;
pub(crate) use self::login::{KeyError, Kind, Login, LoginError};
pub(crate) use self::people::{NewPerson, PersonChange};
use self::players::Players;
use self::shares::Shares;
pub(crate) use self::shares::share_of;
pub(crate) use self::state::PersonView;
use self::state::State;
use self::throttle::Throttle;
pub(crate) use self::tokens::{Expiry, NewToken, TokenChange, TokenOwner};
use self::verified::Verified;
use crate::auth::{GuestPolicy, Guests};
use crate::clients::Clients;
use crate::mqtt::Owner;
use crate::reasons::with_reasons;
use crate::shard::now;
use crate::tls;

/// Changes made at once; more wait for their turn.
const CHANGES_AT_ONCE_MAX: usize = 2;
/// How often what is no hurry is written: when credentials were used, what the log gathered.
const SAVE_USES_EVERY: Duration = Duration::from_secs(60);
const SAVE_AUDIT_EVERY: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Accounts {
    hub: Arc<Hub>,
    clients: Arc<Clients>,
    /// Changed under the lock of `store` only.
    state: RwLock<State>,
    /// One change at a time: looked at, written, taken over.
    store: Mutex<AccountStore>,
    verified: Verified,
    checks: Checks,
    throttle: Throttle,
    pub(crate) audit: Audit,
    pub(crate) guests: Guests,
    /// Kept beside the list, as every request asks.
    has_admin: AtomicBool,
    /// Some people could not be read at start.
    has_unreadable_people: bool,
    /// Of the link that makes the first admin, as long as there is none.
    setup_key: Secret,
    /// Of the demo house and of this machine's command line; they end with the process.
    house: [(Secret, Login); 2],
    /// Of virtual devices that are played; they end with their play.
    players: Players,
    /// What share links open.
    shares: Shares,
    /// The names that the config file's users have.
    reserved: Vec<String>,
    /// Rung when somebody is turned out, for requests that wait.
    turned_out: Notify,
    /// Called when what somebody may do has changed; see [`Accounts::on_change`].
    on_change: OnceLock<OnChange>,
}

type OnChange = Box<dyn Fn() + Send + Sync>;

impl Accounts {
    /// Reads all accounts. `reserved` are names that no person may have.
    pub(crate) fn open(
        mut store: AccountStore,
        hub: Arc<Hub>,
        clients: Arc<Clients>,
        guests: Guests,
        reserved: Vec<String>,
    ) -> Result<Self, StoreError> {
        let loaded = store.load()?;
        for skipped in &loaded.skipped {
            warn!("{skipped}");
        }
        let fresh = Secret::random();
        let secret = store.secret("passwords", fresh.reveal().as_bytes())?;
        let audit = Audit::new(store.last_audit_id()?);
        // Somebody whose row is damaged may be the admin: that must not open the hub.
        let has_unreadable_people = loaded.skipped.iter().any(|skipped| skipped.table == "person");
        let state = State::new(loaded);
        let has_admin = AtomicBool::new(state.has_admin() || has_unreadable_people);
        for name in reserved.iter().filter(|name| state.people.contains_key(*name)) {
            warn!("[users.{name}] of the config file counts for nothing: a person with an account has that name");
        }
        let house =
            |name: &str, permissions| (Secret::random(), Login::of_house(Arc::new(Principal::new(name, permissions))));
        let accounts = Self {
            hub,
            clients,
            guests,
            state: RwLock::new(state),
            store: Mutex::new(store),
            verified: Verified::new(&secret),
            checks: Checks::default(),
            throttle: Throttle::default(),
            audit,
            has_admin,
            has_unreadable_people,
            setup_key: Secret::random(),
            house: [house("app:demo", Role::Member.permissions()), house("local", Permissions::all())],
            players: Players::default(),
            shares: Shares::default(),
            reserved,
            turned_out: Notify::new(),
            on_change: OnceLock::new(),
        };
        accounts.apply_guest_policy();
        Ok(accounts)
    }

    /// The hub that they are let into.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Has this called whenever somebody got other rights, or has none any more: for what others may do in his name. Only the first counts.
    pub(crate) fn on_change(&self, call: impl Fn() + Send + Sync + 'static) {
        drop(self.on_change.set(Box::new(call)));
    }

    /// Rights have changed. To be called without any lock, and never on a shard.
    fn tell_change(&self) {
        if let Some(call) = self.on_change.get() {
            call();
        }
    }

    /// The guest's rights depend on whether there is an admin.
    fn apply_guest_policy(&self) {
        let has_admin = self.has_admin();
        for (principal, permissions) in self.guests.rights(has_admin) {
            self.set_permissions(principal, permissions);
        }
        if self.guests.policy(has_admin) == GuestPolicy::Off {
            self.turn_out_all_of(self.guests.guest());
        }
    }

    /// What was logged, the newest first.
    pub(crate) fn read_audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, AccountError> {
        self.save(false);
        Ok(self.store.lock().read_audit(query)?)
    }

    /// A secret of the hub that stays the same from start to start.
    pub(crate) fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let kept = self.store.lock().secret(name, Secret::random().reveal().as_bytes())?;
        Ok(credential::hash(&kept))
    }

    /// Whether somebody looks after the hub; until then the guest does.
    pub(crate) fn has_admin(&self) -> bool {
        self.has_admin.load(Ordering::Acquire)
    }

    /// Whether names, passwords and tokens mean something to this hub.
    pub(crate) fn knows_anybody(&self) -> bool {
        let state = self.state.read();
        !state.people.is_empty() || !state.credentials.is_empty()
    }

    /// What the link to set the hub up ends with; `None` once there is an admin.
    pub(crate) fn setup_key(&self) -> Option<&Secret> {
        (!self.has_admin()).then_some(&self.setup_key)
    }

    /// What the demo house shows.
    pub(crate) fn demo_token(&self) -> &Secret {
        &self.house[0].0
    }

    /// What shows that somebody may read the data folder, and so may do anything.
    pub(crate) fn local_token(&self) -> &Secret {
        &self.house[1].0
    }

    /// Whom a name that was kept, of a session's owner for one, means.
    pub(crate) fn principal(&self, name: &str) -> Option<Arc<Principal>> {
        if name == self.guests.guest().name() {
            let is_shut_out = self.guests.policy(self.has_admin()) == GuestPolicy::Off;
            return (!is_shut_out).then(|| Arc::clone(self.guests.guest()));
        }
        if let Some((_, login)) = self.house.iter().find(|(_, login)| login.principal.name() == name) {
            return Some(Arc::clone(&login.principal));
        }
        self.state.read().principal(name)
    }

    /// Whether all that let an app of this name in has expired; whoever extends it lets the app in again.
    pub(crate) fn has_lapsed(&self, name: &str) -> bool {
        let Some(app) = name.strip_prefix("app:") else { return false };
        let (owner, now) = (CredentialOwner::App(app.to_owned()), now().wall);
        let state = self.state.read();
        let mut own = state.of_owner(&owner).peekable();
        own.peek().is_some() && own.all(|credential| credential.is_expired(now))
    }

    /// Whether what somebody came in with still opens the door.
    pub(crate) fn is_valid(&self, login: &Login) -> bool {
        let state = self.state.read();
        if let Some(shown) = login.shown {
            let person = state.people.get(login.principal.name());
            return person.is_some_and(|person| credential::hash(person.record.password.as_bytes()) == shown);
        }
        let Some(id) = login.credential else {
            // Rights are taken from whoever has no credential of his own.
            return login.kind == Kind::Nobody || *login.principal.permissions() != Permissions::default();
        };
        let now = now().wall;
        state.credentials.get(&id).is_some_and(|credential| !credential.is_expired(now) && !credential.is_disabled())
    }

    /// Turns out whoever came in by one of these.
    fn turn_out(&self, ids: &[CredentialId]) {
        let ids: HashSet<_> = ids.iter().collect();
        self.clients.turn_out(|connection, _| connection.credential.is_some_and(|id| ids.contains(&id)));
        self.turned_out.notify_waiters();
    }

    /// Resolves when somebody is turned out; whoever waits then asks [`Accounts::is_valid`] whether it is he.
    pub(crate) fn turned_out(&self) -> Notified<'_> {
        self.turned_out.notified()
    }

    /// Turns out everybody of this name.
    fn turn_out_all_of(&self, principal: &Principal) {
        self.clients.turn_out(|_, client| client.subscriber.principal().name() == principal.name());
        self.turned_out.notify_waiters();
    }

    /// Gives somebody other rights, at once and everywhere.
    fn set_permissions(&self, principal: &Principal, permissions: Permissions) {
        if *principal.permissions() != permissions {
            self.hub.set_permissions(principal, permissions);
        }
    }

    /// Writes what is no hurry, and ends what has expired, for as long as the hub runs; [`Accounts::save_all`] writes the rest.
    pub(crate) async fn keep(self: Arc<Self>) {
        let mut since_uses = Duration::ZERO;
        loop {
            tokio::time::sleep(SAVE_AUDIT_EVERY).await;
            since_uses += SAVE_AUDIT_EVERY;
            let saves_uses = since_uses >= SAVE_USES_EVERY;
            if saves_uses {
                since_uses = Duration::ZERO;
                password::give_back_workspaces();
            }
            let accounts = Arc::clone(&self);
            let saved = tokio::task::spawn_blocking(move || accounts.save(saves_uses)).await;
            if let Err(error) = saved {
                error!("looking after accounts failed, which is a bug; it is tried again: {error}");
            }
        }
    }

    /// Writes all that is not written yet, as when nobody comes in any more.
    pub(crate) fn save_all(&self) {
        self.save(true);
    }

    fn save(&self, saves_uses: bool) {
        let records = self.audit.take();
        if !records.is_empty()
            && let Err(problem) = self.store.lock().write_audit(&records)
        {
            self.audit.put_back(records, &problem);
        }
        self.end_expired();
        self.end_shares();
        if saves_uses {
            let uses = self.state.read().take_uses();
            if !uses.is_empty()
                && let Err(problem) = self.store.lock().note_uses(&uses)
            {
                warn!("when tokens were last used could not be written: {}", with_reasons(&problem));
                self.state.read().put_back_uses(&uses);
            }
        }
    }

    /// Turns out whoever came in by what has expired, and forgets sessions of browsers that have.
    fn end_expired(&self) {
        let now = now().wall;
        if !tls::is_plausible(now) {
            // A clock that was not set yet, or jumped: it ends nothing.
            return;
        }
        let expired = self.state.read().newly_expired(now);
        if expired.is_empty() {
            return;
        }
        self.turn_out(&expired);
        let sessions: Vec<_> = expired.iter().copied().filter(|id| self.state.read().is_session(*id)).collect();
        if sessions.len() < expired.len() {
            self.tell_change();
        }
        if !sessions.is_empty()
            && let Err(problem) = self.forget(&sessions)
        {
            warn!("sessions that have expired could not be deleted: {problem}");
        }
    }

    /// Deletes credentials: on disk, here, and their connections.
    fn forget(&self, ids: &[CredentialId]) -> Result<(), AccountError> {
        let mut store = self.store.lock();
        let numbers: Vec<_> = ids.iter().map(|id| id.number()).collect();
        store.delete_credentials(&numbers)?;
        let orphans = self.state.write().forget(ids);
        self.disarm(&orphans);
        self.turn_out(ids);
        drop(store);
        if !orphans.is_empty() {
            self.tell_change();
        }
        Ok(())
    }

    /// Does what takes a disk or a hash, on a thread of its own; it is done whether or not somebody still waits for it.
    pub(crate) async fn aside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        static TURNS: Semaphore = Semaphore::const_new(CHANGES_AT_ONCE_MAX);
        let turn = TURNS.acquire().await.expect("nobody closes it");
        let accounts = Arc::clone(self);
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&accounts)
        });
        match working.await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The shard is about to end, and with it whoever waits.
            Err(_) => std::future::pending().await,
        }
    }

    /// When what somebody came in with ends.
    pub(crate) fn expires(&self, id: CredentialId) -> Option<Timestamp> {
        self.state.read().credentials.get(&id).and_then(|credential| credential.expires())
    }

    /// What somebody is to the house.
    pub(crate) fn role_of(&self, name: &str) -> Option<Role> {
        self.state.read().people.get(name).map(|person| person.record.grant.role)
    }

    /// Whether there is a person of this name.
    pub(crate) fn has_person(&self, name: &str) -> bool {
        self.state.read().people.contains_key(name)
    }

    /// Who a device is, whatever it shows.
    pub(crate) fn device_principal(&self, device: DeviceId) -> Arc<Principal> {
        let owner = CredentialOwner::Device(device);
        let known = self.state.read().known_principal(&owner);
        known.unwrap_or_else(|| self.state.write().principal_of(&owner, None))
    }

    /// Whom sessions of this name belong to.
    pub(crate) fn owner_of(&self, name: &str) -> Owner {
        match self.principal(name) {
            Some(principal) => Owner::Found(principal),
            None if name == self.guests.guest().name() => Owner::ShutOut,
            None => Owner::Gone,
        }
    }

    /// Somebody shows a claim code, which counts as a sign-in that failed until [`Accounts::claim_succeeded`] is called.
    pub(crate) fn begin_claim(&self, address: IpAddr) -> Result<(), LoginError> {
        self.throttle.begin_claim(address, now().instant)
    }

    /// The claim code was right.
    pub(crate) fn claim_succeeded(&self, address: IpAddr) {
        self.throttle.claimed(address);
    }

    /// Somebody showed what opens nothing; says how long to wait if that happens too often.
    pub(crate) fn note_wrong_credential(&self, address: IpAddr) -> Result<(), LoginError> {
        self.throttle.note_wrong_credential(address, now().instant)
    }
}

#[cfg(test)]
mod tests;
