//! Dashboards without a hub around them: ids, versions, who may do what, and what links open.

use std::net::IpAddr;

use housewire_core::{Access, Grant, Hub, HubOptions, Permissions, Principal, Role, TopicRef};
use housewire_store::Store;

use super::*;
use crate::accounts::{Change, Expiry, GrantChange, Kind, Login, NewPerson, NewToken, TokenChange, TokenOwner, Via};
use crate::auth::Guests;
use crate::clients::Clients;
use crate::hosts::Hosts;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

struct House {
    folder: tempfile::TempDir,
    accounts: Arc<Accounts>,
    dashboards: Arc<Dashboards>,
    store: Store,
}

impl House {
    fn open(folder: tempfile::TempDir) -> Self {
        let store = Store::open(folder.path()).unwrap();
        let hub = Arc::new(Hub::new(HubOptions::default()));
        let guests = Guests::new(None, Vec::new(), Hosts::default());
        let opened = Accounts::open(store.accounts().unwrap(), hub, Arc::new(Clients::default()), guests, Vec::new());
        let accounts = Arc::new(opened.unwrap());
        let documents = |kind| store.documents(kind).unwrap();
        let dashboards = Dashboards::open(documents("dashboard"), documents("share"), &accounts).unwrap();
        Self { folder, accounts, dashboards, store }
    }

    fn new() -> Self {
        let house = Self::open(tempfile::tempdir().unwrap());
        for (name, role) in
            [("anna", Role::Admin), ("ben", Role::Member), ("carl", Role::Member), ("eve", Role::Viewer)]
        {
            let new = NewPerson { name: name.into(), password: "copper kettle".into(), grant: Grant::of(role) };
            house.accounts.create_person(new, &by()).unwrap();
        }
        house
    }

    fn restarted(self) -> Self {
        let Self { folder, accounts, dashboards, store } = self;
        drop((accounts, dashboards, store));
        Self::open(folder)
    }

    fn asker(&self, name: &str) -> Asker {
        let login = Login::of(self.accounts.principal(name).unwrap(), Kind::Person);
        Asker::new(&login, &self.accounts, |_| None)
    }

    fn make(&self, name: &str, sent: &str) -> Arc<Kept> {
        self.dashboards.create(&self.asker(name), read(sent)).unwrap()
    }
}

fn by() -> Change {
    Change { who: None, address: None, via: Via::Hub }
}

fn read(text: &str) -> Sent {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn looks_at(sources: &str) -> String {
    format!(
        r#"{{"title":"Home","others":"edit","widgets":[{{"id":"w","kind":"x","title":null,"at":{{"desktop":{{"x":0,"y":0,"w":1,"h":1}},"phone":null}},"sources":[{sources}]}}]}}"#
    )
}

fn may(principal: &Principal, access: Access, topic: &str) -> bool {
    principal.may(access, TopicRef::parse(topic).unwrap())
}

#[test]
fn ids_are_made_of_titles() {
    let house = House::new();
    let make = |title: &str| house.make("ben", &format!(r#"{{"title":"{title}"}}"#)).id.clone();
    assert_eq!(
        ["Living  Room!", "Living room", "مطبخ", "مطبخ"].map(make),
        ["living-room", "living-room-2", "dashboard", "dashboard-2"]
    );
    let taken = house.dashboards.create(&house.asker("ben"), read(r#"{"id":"dashboard","title":"x"}"#));
    assert!(matches!(taken, Err(DashboardError::Account(AccountError::Taken(_)))), "{taken:?}");
}

#[test]
fn no_version_comes_twice() {
    let house = House::new();
    let first = house.make("ben", r#"{"id":"home","title":"Home"}"#);
    let ben = house.asker("ben");
    let second = house.dashboards.replace(&ben, "home", Some(first.version), read(r#"{"title":"Home 2"}"#)).unwrap();
    assert!(second.version > first.version);
    let late = house.dashboards.replace(&ben, "home", Some(first.version), read(r#"{"title":"Home 3"}"#));
    assert!(matches!(&late, Err(DashboardError::Changed(_))), "{late:?}");
    house.dashboards.remove(&ben, "home").unwrap();
    let house = house.restarted();
    let third = house.make("ben", r#"{"id":"home","title":"Home"}"#);
    assert!(third.version > second.version);
    let house = house.restarted();
    let again = house.dashboards.get(&house.asker("ben"), "home").unwrap();
    assert_eq!((again.version, again.view(true, false)), (third.version, third.view(true, false)));
}

#[test]
fn who_may_see_and_change_what() {
    let house = House::new();
    for others in ["nothing", "see", "edit"] {
        house.make("ben", &format!(r#"{{"id":"{others}","title":"x","others":"{others}"}}"#));
    }
    for (name, expected) in [
        ("anna", [(true, true), (true, true), (true, true)]),
        ("ben", [(true, true), (true, true), (true, true)]),
        ("carl", [(false, false), (true, false), (true, true)]),
        ("eve", [(false, false), (true, false), (true, false)]),
    ] {
        let asker = house.asker(name);
        let found = ["nothing", "see", "edit"].map(|id| {
            let seen = house.dashboards.get(&asker, id).ok();
            (seen.is_some(), seen.is_some_and(|kept| asker.may_edit(&kept)))
        });
        assert_eq!(found, expected, "{name}");
    }
    let carl = house.asker("carl");
    assert!(house.dashboards.remove(&carl, "edit").is_err(), "to change is not to delete");
    assert!(house.dashboards.replace(&carl, "edit", None, read(r#"{"title":"y","others":"nothing"}"#)).is_err());
    assert!(house.dashboards.replace(&carl, "edit", None, read(r#"{"title":"y","owner":"carl"}"#)).is_err());
    assert!(house.dashboards.replace(&carl, "edit", None, read(r#"{"title":"y"}"#)).is_ok());
    assert!(house.dashboards.create(&house.asker("eve"), read(r#"{"title":"x"}"#)).is_err());
    house.dashboards.inherit("ben", Some("anna")).unwrap();
    assert_eq!(house.dashboards.get(&house.asker("anna"), "nothing").unwrap().owner.as_deref(), Some("anna"));
}

#[test]
fn a_link_opens_what_its_maker_may_see_and_follows_the_dashboard() {
    let house = House::new();
    let secret_room =
        Grant { deny: vec![housewire_core::Filter::parse("devices/safe/#").unwrap()], ..Grant::of(Role::Member) };
    let new = NewPerson { name: "dora".into(), password: "copper kettle".into(), grant: secret_room };
    house.accounts.create_person(new, &by()).unwrap();
    let kept =
        house.make("dora", &looks_at(r#"{"property":"lamp/power"},{"property":"safe/door"},{"topic":"home/x"}"#));
    let dora = house.asker("dora");
    let make = |control| {
        let new = NewShare { control, ..NewShare::default() };
        house.dashboards.create_share(&dora, &kept.id, new, &by()).unwrap()
    };
    let ((looks, ..), (uses, link, _)) = (make(false), make(true));
    let enter = |secret: &crate::accounts::Secret| house.accounts.by_share(secret.reveal(), HOME);
    let (looker, user) = (enter(&looks).unwrap().principal, enter(&uses).unwrap().principal);
    for (topic, reads, writes) in [
        ("devices/lamp/power", true, false),
        ("devices/lamp", true, false),
        ("devices/lamp/power/target", true, false),
        ("devices/lamp/power/set", false, true),
        ("devices/lamp/level", false, false),
        ("devices/safe/door", false, false),
        ("devices/safe/door/set", false, false),
        ("home/x", true, true),
        ("$SYS/broker/uptime", false, false),
    ] {
        assert_eq!(may(&looker, Access::Read, topic), reads, "{topic}");
        assert_eq!(may(&user, Access::Write, topic), writes, "{topic}");
        assert!(!may(&looker, Access::Write, topic), "{topic}");
    }
    // Who may not see it does not open it to others; who may, does, as far as who made the link may.
    let wider = looks_at(r#"{"property":"lamp/level"},{"property":"safe/code"}"#);
    assert!(matches!(house.dashboards.replace(&dora, &kept.id, None, read(&wider)), Err(DashboardError::Forbidden(_))));
    house.dashboards.replace(&house.asker("anna"), &kept.id, None, read(&wider)).unwrap();
    assert!(may(&looker, Access::Read, "devices/lamp/level") && !may(&looker, Access::Read, "devices/lamp/power"));
    assert!(!may(&looker, Access::Read, "devices/safe/code"));

    house.dashboards.revoke_share(&dora, &kept.id, &link, &by()).unwrap();
    assert!(enter(&uses).is_err() && *user.permissions() == Permissions::default());
    let id = kept.id.clone();
    let house = house.restarted();
    let again = house.accounts.by_share(looks.reveal(), HOME).unwrap().principal;
    assert!(may(&again, Access::Read, "devices/lamp/level"));
    assert!(house.accounts.by_share(uses.reveal(), HOME).is_err());
    house.accounts.delete_person("dora", &by()).unwrap();
    assert!(house.accounts.by_share(looks.reveal(), HOME).is_err(), "nobody answers for it any more");
    assert_eq!(house.dashboards.shares(&house.asker("anna"), &id).unwrap().len(), 0);
}

#[test]
fn a_link_tells_no_more_of_a_device_than_its_maker_may_know() {
    let house = House::new();
    let filters = |texts: &[&str]| texts.iter().map(|text| housewire_core::Filter::parse(text).unwrap()).collect();
    let grant = Grant {
        read: Some(filters(&["devices/lamp/power", "devices/fan/+"])),
        deny: filters(&["devices/fan/$online"]),
        ..Grant::of(Role::Member)
    };
    let new = NewPerson { name: "dora".into(), password: "copper kettle".into(), grant };
    house.accounts.create_person(new, &by()).unwrap();
    let kept = house.make("dora", &looks_at(r#"{"property":"lamp/power"},{"property":"fan/speed"}"#));
    let made = house.dashboards.create_share(&house.asker("dora"), &kept.id, NewShare::default(), &by());
    let visitor = house.accounts.by_share(made.unwrap().0.reveal(), HOME).unwrap().principal;
    for (topic, reads) in [
        ("devices/lamp/power", true),
        ("devices/lamp/power/target", false),
        ("devices/lamp", false),
        ("devices/lamp/$online", false),
        ("devices/fan/speed", true),
        ("devices/fan/$online", false),
    ] {
        assert_eq!(may(&visitor, Access::Read, topic), reads, "{topic}");
    }
}

#[test]
fn a_dashboard_that_cannot_be_read_keeps_its_place_and_its_links() {
    let house = House::new();
    let kept = house.make("anna", r#"{"id":"home","title":"Home"}"#);
    let anna = house.asker("anna");
    let (secret, ..) = house.dashboards.create_share(&anna, &kept.id, NewShare::default(), &by()).unwrap();
    let mut documents = house.store.documents("dashboard").unwrap();
    documents.write("home", r#"{"of":"another version"}"#).unwrap();
    drop(documents);

    let house = house.restarted();
    assert!(house.accounts.by_share(secret.reveal(), HOME).is_err());
    let anna = house.asker("anna");
    let again = house.dashboards.create(&anna, read(r#"{"id":"home","title":"Home"}"#));
    assert!(matches!(again, Err(DashboardError::Account(AccountError::Taken(_)))), "{again:?}");
    assert_eq!(house.make("anna", r#"{"title":"Home"}"#).id, "home-2");
    house.dashboards.refresh_shares();
    let mut documents = house.store.documents("dashboard").unwrap();
    assert!(documents.load().unwrap().documents.contains(&("home".into(), r#"{"of":"another version"}"#.into())));
    documents.write("home", &kept.record()).unwrap();
    drop(documents);

    let house = house.restarted();
    assert_eq!(house.dashboards.get(&house.asker("anna"), "home").unwrap().version, kept.version);
    assert!(house.accounts.by_share(secret.reveal(), HOME).is_ok());
}

#[test]
fn a_link_of_an_app_follows_its_token() {
    let house = House::new();
    let kept = house.make("anna", &looks_at(r#"{"property":"lamp/power"}"#));
    let new = NewToken {
        owner: TokenOwner::App(Grant::of(Role::Admin)),
        label: "panel".to_owned(),
        expires: Expiry::default(),
    };
    let (_, token) = house.accounts.create_token(new, &by()).unwrap();
    let app = Asker::new(&Login::of(Arc::clone(&token.principal), Kind::App), &house.accounts, |_| None);
    let (secret, ..) = house.dashboards.create_share(&app, &kept.id, NewShare::default(), &by()).unwrap();
    let visitor = house.accounts.by_share(secret.reveal(), HOME).unwrap().principal;
    let sees = || may(&visitor, Access::Read, "devices/lamp/power");
    assert!(sees());

    let deny = |filters: &[&str]| {
        let deny = filters.iter().map(|filter| housewire_core::Filter::parse(filter).unwrap()).collect();
        let rights = GrantChange { deny: Some(deny), ..GrantChange::default() };
        let change = TokenChange { rights, ..TokenChange::default() };
        house.accounts.change_token(token.id(), change, &by()).unwrap();
    };
    deny(&["devices/lamp/#"]);
    assert!(!sees(), "as soon as the app may not");
    deny(&[]);
    assert!(sees());

    let expire = |expires| {
        let change = TokenChange { expires: Some(expires), ..TokenChange::default() };
        house.accounts.change_token(token.id(), change, &by()).unwrap();
    };
    expire(Expiry(Some(now().wall.after(std::time::Duration::from_millis(1)))));
    while sees() {
        house.accounts.save_all();
        std::thread::yield_now();
    }
    expire(Expiry(None));
    assert!(sees(), "somebody extended it");

    house.accounts.revoke(token.id(), &by()).unwrap();
    assert!(!sees() && house.accounts.by_share(secret.reveal(), HOME).is_err());
    assert_eq!(house.dashboards.state.read().shares.len(), 0);
}

#[test]
fn a_link_of_a_hub_without_accounts_ends_when_it_is_set_up() {
    let house = House::open(tempfile::tempdir().unwrap());
    let owner = Login::of(Arc::clone(house.accounts.guests.owner()), Kind::Guest);
    let guest = Asker::new(&owner, &house.accounts, |_| None);
    let sent = looks_at(r#"{"property":"lamp/power"}"#);
    let kept = house.dashboards.create(&guest, read(&sent)).unwrap();
    let (secret, ..) = house.dashboards.create_share(&guest, &kept.id, NewShare::default(), &by()).unwrap();
    let house = house.restarted();
    let visitor = house.accounts.by_share(secret.reveal(), HOME).unwrap().principal;
    assert!(may(&visitor, Access::Read, "devices/lamp/power"));
    house.accounts.set_up(None, true, "anna", "copper kettle", &by()).unwrap();
    assert!(!may(&visitor, Access::Read, "devices/lamp/power"));
    assert!(house.accounts.by_share(secret.reveal(), HOME).is_err());
    assert!(house.restarted().accounts.by_share(secret.reveal(), HOME).is_err());
}

#[test]
fn links_end_and_are_few() {
    let house = House::new();
    let kept = house.make("ben", r#"{"title":"x"}"#);
    let ben = house.asker("ben");
    let make = |expires| {
        let new = NewShare { expires, ..NewShare::default() };
        house.dashboards.create_share(&ben, &kept.id, new, &by())
    };
    let (secret, ..) = make(Expiry(Some(now().wall.after(std::time::Duration::from_millis(1))))).unwrap();
    while house.accounts.by_share(secret.reveal(), HOME).is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(house.dashboards.shares(&ben, &kept.id).unwrap().len(), 0);
    for _ in 0..crate::limits::SHARES_PER_DASHBOARD_MAX {
        make(Expiry(None)).unwrap();
    }
    assert!(matches!(make(Expiry(None)), Err(DashboardError::Account(AccountError::Full(_)))));
    house.dashboards.remove(&ben, &kept.id).unwrap();
    assert_eq!(house.restarted().dashboards.state.read().shares.len(), 0);
}
