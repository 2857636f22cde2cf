use std::net::IpAddr;

use housewire_core::{Access, DeviceId, Filter, Grant, HubOptions, TopicRef};
use housewire_store::Store;

use super::*;
use crate::hosts::Hosts;

const PASSWORD: &str = "correct horse";

struct House {
    folder: tempfile::TempDir,
    accounts: Arc<Accounts>,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let accounts = open(folder.path());
        Self { folder, accounts }
    }

    /// With Anna, who is an admin.
    fn with_anna() -> Self {
        let house = Self::new();
        house.accounts.set_up(None, true, "anna", PASSWORD, &by()).unwrap();
        house
    }

    /// As the next start finds it.
    fn reopen(self) -> Self {
        let Self { folder, accounts } = self;
        accounts.save_all();
        drop(accounts);
        let accounts = open(folder.path());
        Self { folder, accounts }
    }

    fn add(&self, name: &str, role: Role) {
        let new = NewPerson { name: name.to_owned(), password: PASSWORD.to_owned(), grant: Grant::of(role) };
        self.accounts.create_person(new, &by()).unwrap();
    }

    fn device_token(&self, device: &str) -> (Secret, Arc<Credential>) {
        let owner = TokenOwner::Device(DeviceId::parse(device).unwrap());
        let new = NewToken { owner, label: String::new(), expires: Expiry::default() };
        self.accounts.create_token(new, &by()).unwrap()
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<Login, LoginError> {
        self.accounts.by_password(name, password.into(), address(), Via::Mqtt).await
    }

    fn events(&self) -> Vec<String> {
        let query = AuditQuery { limit: 100, ..AuditQuery::default() };
        let records = self.accounts.read_audit(&query).unwrap();
        records.into_iter().map(|record| record.entry.event).collect()
    }
}

fn open(folder: &std::path::Path) -> Arc<Accounts> {
    let hub = Arc::new(Hub::new(HubOptions::default()));
    let store = Store::open(folder).unwrap().accounts().unwrap();
    let guests = Guests::new(None, Vec::new(), Hosts::default());
    let reserved = vec!["scrammy".to_owned()];
    Arc::new(Accounts::open(store, hub, Arc::new(Clients::default()), guests, reserved).unwrap())
}

fn address() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

fn by() -> Change {
    Change { who: Some("test".to_owned()), address: Some(address()), via: Via::Http }
}

fn may_write(login: &Login, topic: &str) -> bool {
    login.principal.may(Access::Write, TopicRef::parse(topic).unwrap())
}

#[tokio::test]
async fn the_first_admin_is_made_once_and_by_whom_the_link_was_given() {
    let house = House::new();
    let accounts = &house.accounts;
    assert!(accounts.guests.guest().may(Access::Write, TopicRef::parse("x").unwrap()));
    let key = accounts.setup_key().unwrap().reveal().to_owned();
    let set_up = |key: Option<&str>, full| accounts.set_up(key, full, "anna", PASSWORD, &by());
    assert!(matches!(set_up(Some("wrong"), true), Err(AccountError::WrongKey)));
    assert!(matches!(set_up(None, false), Err(AccountError::WrongKey)));
    assert!(matches!(accounts.set_up(Some(&key), false, "anna", "short", &by()), Err(AccountError::Unusable(_))));
    set_up(Some(&key), false).unwrap();
    assert!(matches!(set_up(Some(&key), true), Err(AccountError::SetUpAlready)));
    assert!(accounts.setup_key().is_none() && accounts.has_admin());
    assert!(!accounts.guests.guest().may(Access::Write, TopicRef::parse("x").unwrap()), "the guest is out");
    let login = house.log_in("anna", PASSWORD).await.unwrap();
    assert!(login.principal.may_administer());
    assert_eq!(house.log_in("anna", "wrong horse").await.unwrap_err(), LoginError::Refused);
    assert_eq!(house.log_in("ben", PASSWORD).await.unwrap_err(), LoginError::Refused);
    let house = house.reopen();
    assert!(house.accounts.has_admin());
    house.log_in("anna", PASSWORD).await.unwrap();
    let events = house.events();
    assert!(["setup", "sign_in", "sign_in_refused"].iter().all(|event| events.iter().any(|have| have == event)));
}

#[tokio::test]
async fn a_token_opens_the_door_until_it_is_revoked() {
    let house = House::with_anna();
    let (secret, credential) = house.device_token("lamp");
    assert_eq!(secret.reveal().len(), 32);
    assert!(secret.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    let house = house.reopen();
    let accounts = &house.accounts;
    let login = accounts.by_token(secret.reveal(), address(), Via::Http).unwrap();
    assert_eq!((login.principal.name(), login.kind), ("device:lamp", Kind::Device));
    assert!(may_write(&login, "devices/lamp/power") && !may_write(&login, "devices/fan/power"));
    assert!(accounts.by_cookie(secret.reveal(), address()).is_none(), "a token is no cookie");
    let (used, from) = accounts.token(credential.id()).unwrap().used().unwrap();
    assert!(used <= now().wall && from == "192.0.2.7");

    accounts.revoke(credential.id(), &by()).unwrap();
    assert!(accounts.by_token(secret.reveal(), address(), Via::Http).is_err());
    assert!(!accounts.is_valid(&login) && !may_write(&login, "devices/lamp/power"), "also for whoever is in");
    assert!(matches!(accounts.revoke(credential.id(), &by()), Err(AccountError::NotFound(_))));
    assert!(house.reopen().accounts.find_token(secret.reveal(), address()).is_none());
}

#[test]
fn a_device_with_another_token_goes_on() {
    let house = House::with_anna();
    let (_, first) = house.device_token("lamp");
    let (second, _) = house.device_token("lamp");
    house.accounts.revoke(first.id(), &by()).unwrap();
    let login = house.accounts.find_token(second.reveal(), address()).unwrap();
    assert!(may_write(&login, "devices/lamp/power"));
    let lamp = DeviceId::parse("lamp").unwrap();
    house.accounts.revoke_all_of(&lamp, &by()).unwrap();
    assert!(house.accounts.find_token(second.reveal(), address()).is_none());
    assert!(house.accounts.tokens(Some(&lamp)).is_empty());
}

#[test]
fn an_expired_token_opens_nothing() {
    let house = House::with_anna();
    let now = now().wall;
    let expires = Expiry(Some(now.after(Duration::from_millis(30))));
    let new = NewToken { owner: TokenOwner::App(Grant::of(Role::Viewer)), label: "wall".to_owned(), expires };
    let (secret, credential) = house.accounts.create_token(new, &by()).unwrap();
    assert!(house.accounts.find_token(secret.reveal(), address()).is_some());
    while !credential.is_expired(crate::shard::now().wall) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(house.accounts.find_token(secret.reveal(), address()).is_none());
    house.accounts.save_all();
    assert_eq!(house.accounts.tokens(None).len(), 1, "it is still listed, so that it can be prolonged");
    for text in ["90d", "12h", "2999-01-01T00:00:00Z"] {
        assert!(Expiry::parse(text, now).is_ok(), "{text}");
    }
    for text in ["", "soon", "-1d", "0d", "99999999d", "2001-01-01T00:00:00Z"] {
        assert!(Expiry::parse(text, now).is_err(), "{text}");
    }
}

#[test]
fn an_apps_rights_change_at_once() {
    let house = House::with_anna();
    let accounts = &house.accounts;
    let app = |role| NewToken {
        owner: TokenOwner::App(Grant::of(role)),
        label: "Node-RED".to_owned(),
        expires: Expiry::default(),
    };
    let (secret, credential) = accounts.create_token(app(Role::Member), &by()).unwrap();
    assert!(matches!(accounts.create_token(app(Role::Member), &by()), Err(AccountError::Taken(_))));
    let login = accounts.find_token(secret.reveal(), address()).unwrap();
    assert!(may_write(&login, "x"));
    let change = TokenChange {
        rights: GrantChange { write: Some(Some(vec![Filter::parse("y/#").unwrap()])), ..GrantChange::default() },
        ..TokenChange::default()
    };
    accounts.change_token(credential.id(), change, &by()).unwrap();
    assert!(!may_write(&login, "x") && may_write(&login, "y/z"));
    let back = TokenChange {
        rights: GrantChange { write: Some(None), role: Some(Role::Viewer), ..GrantChange::default() },
        ..TokenChange::default()
    };
    accounts.change_token(credential.id(), back, &by()).unwrap();
    assert!(!may_write(&login, "y/z"));
    let (_, device) = house.device_token("lamp");
    let change = TokenChange {
        rights: GrantChange { role: Some(Role::Admin), ..GrantChange::default() },
        ..TokenChange::default()
    };
    assert!(matches!(accounts.change_token(device.id(), change, &by()), Err(AccountError::Unusable(_))));
}

#[tokio::test]
async fn people_change_and_there_is_always_an_admin() {
    let house = House::with_anna();
    let accounts = &house.accounts;
    house.add("ben", Role::Viewer);
    for name in ["ben", "scrammy", "Ben/x", "guest"] {
        let new = NewPerson { name: name.to_owned(), password: PASSWORD.to_owned(), grant: Grant::of(Role::Viewer) };
        assert!(accounts.create_person(new, &by()).is_err(), "{name}");
    }
    let ben = house.log_in("ben", PASSWORD).await.unwrap();
    assert!(!may_write(&ben, "x"));
    let change = |role| PersonChange {
        rights: GrantChange { role: Some(role), ..GrantChange::default() },
        ..PersonChange::default()
    };
    assert!(matches!(
        accounts.change_person("anna", change(Role::Member), None, &by()),
        Err(AccountError::LastAdmin(_))
    ));
    assert!(matches!(accounts.delete_person("anna", &by()), Err(AccountError::LastAdmin(_))));
    accounts.change_person("ben", change(Role::Admin), None, &by()).unwrap();
    assert!(may_write(&ben, "x") && ben.principal.may_administer(), "at once");
    accounts.delete_person("anna", &by()).unwrap();
    assert!(matches!(accounts.delete_person("anna", &by()), Err(AccountError::NotFound(_))));
    let house = house.reopen();
    assert!(house.log_in("anna", PASSWORD).await.is_err());
    assert!(house.log_in("ben", PASSWORD).await.unwrap().principal.may_administer());
}

#[tokio::test]
async fn whoever_is_deleted_may_nothing_any_more() {
    let house = House::with_anna();
    house.add("ben", Role::Member);
    let login = house.log_in("ben", PASSWORD).await.unwrap();
    let (cookie, _) = house.accounts.open_session("ben", None, "Firefox", address()).unwrap();
    house.accounts.delete_person("ben", &by()).unwrap();
    assert!(!may_write(&login, "x") && !house.accounts.is_valid(&login));
    assert!(house.accounts.by_cookie(cookie.reveal(), address()).is_none());
}

#[tokio::test]
async fn a_new_password_ends_what_the_old_one_opened() {
    let house = House::with_anna();
    let accounts = &house.accounts;
    let (kept, session) = accounts.open_session("anna", None, "Firefox", address()).unwrap();
    let (ended, _) = accounts.open_session("anna", None, "Chromium", address()).unwrap();
    assert_eq!(accounts.person("anna").unwrap().sessions, 2);
    let change = PersonChange { password: Some("battery staple".to_owned()), ..PersonChange::default() };
    accounts.change_person("anna", change, Some(session.id()), &by()).unwrap();
    assert!(accounts.by_cookie(kept.reveal(), address()).is_some());
    assert!(accounts.by_cookie(ended.reveal(), address()).is_none());
    assert!(house.log_in("anna", PASSWORD).await.is_err());
    house.log_in("anna", "battery staple").await.unwrap();
}

#[test]
fn one_person_has_so_many_sessions_and_no_more() {
    let house = House::with_anna();
    let open = || house.accounts.open_session("anna", None, "Firefox", address()).unwrap();
    let (first, _) = open();
    let rest: Vec<_> = (0..50).map(|_| open()).collect();
    assert_eq!(house.accounts.sessions("anna").len(), 50);
    assert!(house.accounts.by_cookie(first.reveal(), address()).is_none(), "the oldest is signed out");
    assert!(house.accounts.by_cookie(rest[49].0.reveal(), address()).is_some());
    let by = by();
    house.accounts.end_session(rest[49].1.id(), Event::SignOut, &by).unwrap();
    assert!(house.accounts.by_cookie(rest[49].0.reveal(), address()).is_none(), "a cookie that is replayed");
}

#[tokio::test]
async fn guessing_passwords_is_slowed() {
    let house = House::with_anna();
    let mut slowed = 0;
    for _ in 0..15 {
        slowed += usize::from(matches!(house.log_in("anna", "wrong horse").await, Err(LoginError::Slowed(_))));
    }
    assert_eq!(slowed, 5);
    assert!(matches!(house.log_in("anna", PASSWORD).await, Err(LoginError::Slowed(_))), "not even the right one");
    let elsewhere = "198.51.100.1".parse().unwrap();
    let shown = house.accounts.by_token(&"x".repeat(32), elsewhere, Via::Http);
    assert_eq!(shown.unwrap_err(), LoginError::NoToken);
}

#[tokio::test]
async fn a_password_is_not_hashed_for_every_request() {
    let house = House::with_anna();
    let again = || house.accounts.by_password_again("anna", PASSWORD.into(), address());
    again().await.unwrap();
    let before = house.events().len();
    for _ in 0..20 {
        again().await.unwrap();
    }
    assert_eq!(house.events().len(), before);
    let wrong = house.accounts.by_password_again("anna", "wrong horse".into(), address()).await;
    assert_eq!(wrong.unwrap_err(), LoginError::Refused);
}
