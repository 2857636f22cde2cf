use housewire_core::{DeviceId, Filter, Grant, Role, Timestamp};

use super::*;
use crate::Store;

fn filters(texts: &[&str]) -> Vec<Filter> {
    texts.iter().map(|text| Filter::parse(text).unwrap()).collect()
}

fn anna() -> PersonRecord {
    PersonRecord {
        name: "anna".to_owned(),
        password: "$argon2id$…".to_owned(),
        grant: Grant { read: Some(filters(&["home/#", "a\"b"])), write: Some(Vec::new()), ..Grant::of(Role::Member) },
        created: Timestamp::from_micros(1),
        signed_in: None,
    }
}

fn credential(id: u32, owner: CredentialOwner) -> CredentialRecord {
    let grant = matches!(owner, CredentialOwner::App(_)).then(|| Grant::of(Role::Viewer));
    CredentialRecord {
        id,
        kind: CredentialKind::Token,
        hash: [u8::try_from(id).unwrap(); 32],
        owner,
        label: "a label".to_owned(),
        grant,
        created: Timestamp::from_micros(2),
        expires: None,
        used: None,
        disabled: None,
    }
}

fn lamp() -> CredentialOwner {
    CredentialOwner::Device(DeviceId::parse("lamp").unwrap())
}

struct House {
    folder: tempfile::TempDir,
    store: Option<Store>,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Some(Store::open(folder.path()).unwrap());
        Self { folder, store }
    }

    fn accounts(&mut self) -> AccountStore {
        self.store.as_ref().unwrap().accounts().unwrap()
    }

    /// What the next start finds.
    fn reload(&mut self) -> LoadedAccounts {
        self.store = None;
        self.store = Some(Store::open(self.folder.path()).unwrap());
        self.accounts().load().unwrap()
    }
}

#[test]
fn accounts_are_found_again() {
    let mut house = House::new();
    let mut accounts = house.accounts();
    let anna = anna();
    let credentials = [
        credential(1, lamp()),
        CredentialRecord { kind: CredentialKind::Session, ..credential(2, CredentialOwner::Person("anna".into())) },
        CredentialRecord {
            expires: Some(Timestamp::from_micros(9)),
            ..credential(7, CredentialOwner::App("Node-RED".to_owned()))
        },
    ];
    accounts.write_person(&anna).unwrap();
    credentials.iter().for_each(|record| accounts.write_credential(record).unwrap());
    drop(accounts);
    let loaded = house.reload();
    assert_eq!(loaded.people, [anna]);
    assert_eq!(loaded.credentials, credentials);
    assert_eq!(loaded.skipped, []);
}

#[test]
fn what_changes_is_written_and_nothing_else() {
    let mut house = House::new();
    let mut accounts = house.accounts();
    let signed_in = Timestamp::from_micros(5);
    accounts.write_person(&anna()).unwrap();
    accounts.note_sign_in("anna", signed_in).unwrap();
    let promoted = PersonRecord { grant: Grant::of(Role::Admin), signed_in: Some(signed_in), ..anna() };
    accounts.write_person(&PersonRecord { signed_in: None, ..promoted.clone() }).unwrap();
    accounts.write_credential(&credential(1, lamp())).unwrap();
    let used = CredentialUse { id: 1, time: signed_in, address: "192.0.2.7".to_owned(), expires: None };
    accounts.note_uses(&[used.clone(), CredentialUse { id: 99, ..used }]).unwrap();
    let disabled = Some(Timestamp::from_micros(5));
    let renamed = CredentialRecord { label: "new".to_owned(), hash: [9; 32], disabled, ..credential(1, lamp()) };
    accounts.write_credential(&renamed).unwrap();
    drop(accounts);
    let loaded = house.reload();
    assert_eq!(loaded.people, [promoted]);
    let used = Some((signed_in, "192.0.2.7".to_owned()));
    assert_eq!(loaded.credentials, [CredentialRecord { hash: [1; 32], used, ..renamed }]);
}

#[test]
fn whoever_is_deleted_leaves_no_open_door() {
    let mut house = House::new();
    let mut accounts = house.accounts();
    accounts.write_person(&anna()).unwrap();
    accounts.write_credential(&credential(1, CredentialOwner::Person("anna".to_owned()))).unwrap();
    // Of the same name, and somebody else.
    accounts.write_credential(&credential(2, CredentialOwner::App("anna".to_owned()))).unwrap();
    accounts.write_credential(&credential(3, lamp())).unwrap();
    accounts.delete_person("anna").unwrap();
    accounts.delete_credentials(&[3, 77]).unwrap();
    drop(accounts);
    let loaded = house.reload();
    assert_eq!(loaded.people, []);
    assert_eq!(loaded.credentials.iter().map(|record| record.id).collect::<Vec<_>>(), [2]);
    assert_eq!(loaded.last_credential, 3, "an id is not given out again");
}

#[test]
fn a_damaged_row_lets_nobody_in() {
    let mut house = House::new();
    let mut accounts = house.accounts();
    accounts.write_person(&anna()).unwrap();
    accounts.write_credential(&credential(1, lamp())).unwrap();
    accounts.write_credential(&credential(2, CredentialOwner::App("x".to_owned()))).unwrap();
    let damage = "UPDATE person SET deny = '[\"a/#/b\"]'; UPDATE credential SET owner = 'no id' WHERE id = 1;
                  UPDATE credential SET role = NULL WHERE id = 2";
    accounts.connection.execute_batch(damage).unwrap();
    drop(accounts);
    let loaded = house.reload();
    assert_eq!((loaded.people, loaded.credentials, loaded.last_credential), (vec![], vec![], 2));
    assert_eq!(loaded.skipped.len(), 3);
}

#[test]
fn two_credentials_never_have_the_same_hash() {
    let mut house = House::new();
    let mut accounts = house.accounts();
    accounts.write_credential(&credential(1, lamp())).unwrap();
    assert!(accounts.write_credential(&CredentialRecord { hash: [1; 32], ..credential(2, lamp()) }).is_err());
}

#[test]
fn the_log_is_read_backwards_and_bounded() {
    let mut house = House::new();
    let mut accounts = house.accounts();
    assert_eq!(accounts.last_audit_id().unwrap(), 0);
    let record = |id: i64| AuditRecord {
        id,
        time: Timestamp::from_micros(id),
        entry: AuditEntry {
            event: if id % 2 == 0 { "sign_in" } else { "sign_out" }.to_owned(),
            who: Some(format!("p{}", id % 3)),
            via: "http".to_owned(),
            ..AuditEntry::default()
        },
        count: 1,
    };
    let last = i64::try_from(crate::limits::AUDIT_ENTRIES_MAX).unwrap() + 10;
    let records: Vec<_> = (1..=last).map(record).collect();
    accounts.write_audit(&records).unwrap();
    accounts.write_audit(&[AuditRecord { count: 5, ..record(last) }]).unwrap();
    assert_eq!(accounts.last_audit_id().unwrap(), last);
    let ids = |query: AuditQuery| -> Vec<_> {
        accounts.read_audit(&query).unwrap().into_iter().map(|record| (record.id, record.count)).collect()
    };
    let all = AuditQuery { limit: usize::MAX, ..AuditQuery::default() };
    assert_eq!(ids(all.clone()).len(), crate::limits::AUDIT_ENTRIES_MAX);
    assert_eq!(ids(AuditQuery { limit: 2, ..all.clone() }), [(last, 5), (last - 1, 1)]);
    assert_eq!(ids(AuditQuery { limit: 1, before: Some(last), ..all.clone() }), [(last - 1, 1)]);
    let of = AuditQuery { limit: 1, event: Some("sign_out".to_owned()), who: Some("p0".to_owned()), ..all };
    let (id, _) = ids(of)[0];
    assert_eq!((id % 2, id % 3), (1, 0));
}

#[test]
fn a_secret_stays_the_same() {
    let mut house = House::new();
    assert_eq!(house.accounts().secret("a", b"first").unwrap(), b"first");
    assert_eq!(house.accounts().secret("a", b"second").unwrap(), b"first");
    assert_eq!(house.accounts().secret("b", b"second").unwrap(), b"second");
}
