use std::fmt::Write as _;

use super::*;
use crate::Store;

/// A database of each released version, as the sqlite3 shell dumps it; a newer one has the rows of the older ones and more.
const FIXTURES: &[&str] = &[
    include_str!("fixtures/v1.sql"),
    include_str!("fixtures/v2.sql"),
    include_str!("fixtures/v3.sql"),
    include_str!("fixtures/v4.sql"),
    include_str!("fixtures/v5.sql"),
    include_str!("fixtures/v6.sql"),
];
/// What fixtures hold from version 6 on.
const KEY_ROWS: &str = "credential 4 token Person(\"anna\") balcony off\n";
/// What fixtures hold from version 5 on.
const BINDING_ROWS: &str = "binding lamp/level blynk:V1\n";
/// What fixtures hold from version 4 on.
const DOCUMENT_ROWS: &str = "document plug {\"title\":\"Plug\"}\n";
/// What fixtures hold from version 3 on.
const ACCOUNT_ROWS: &str = "person anna Admin without secret/#\n\
    credential 3 token Device(DeviceId(\"lamp\")) kitchen board from 192.0.2.7\n\
    audit 1 token_created\n";
/// What fixtures hold from version 2 on.
const SESSION_ROWS: &str = "session 1 lamp-1 Some(Timestamp(1700000003600000)) will home/lamp/state\n\
    session 4 panel None\n\
    subscription 1 home/#\n\
    subscription 4 $share/panels/home/+\n\
    queued 8 to 1 Waiting hello\n\
    queued 9 to 4 Sent(12) hello\n\
    queued 10 to 4 Released(13)\n\
    received 1 65535\n";
/// What all fixtures hold.
const ROWS: &str = "device lamp Some(\"Desk lamp\")\n\
    device thermometer None\n\
    property lamp/level int Some(0.0) 80\n\
    property lamp/mode enum None night\n\
    property thermometer/temperature float None 21.5\n\
    retained devices/lamp/level 80\n\
    retained home/note hello\n";

/// What the fixture of a version holds.
fn rows_of(version: usize) -> String {
    let parts = [ROWS, SESSION_ROWS, ACCOUNT_ROWS, DOCUMENT_ROWS, BINDING_ROWS, KEY_ROWS];
    parts[..version.min(parts.len())].concat()
}

fn folder_with(dump: &str) -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    Connection::open(temp.path().join(DATABASE)).unwrap().execute_batch(dump).unwrap();
    temp
}

/// Everything that makes a schema, in the order of names.
fn schema(database: &Path) -> Vec<String> {
    let connection = open_existing(database).unwrap();
    let sql = "SELECT type || ' ' || name || ' on ' || tbl_name || ': ' || ifnull(sql, '') FROM sqlite_schema";
    let mut statement = connection.prepare(sql).unwrap();
    let mut schema: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    schema.push(format!("application {:?}", ask::<i32>(&connection, "PRAGMA application_id").unwrap()));
    schema.push(format!("version {:?}", ask::<i64>(&connection, "SELECT version FROM schema_version").unwrap()));
    schema.sort();
    schema
}

fn rows(folder: &Path) -> String {
    let store = Store::open(folder).unwrap();
    let loaded = store.load().unwrap();
    assert_eq!(loaded.skipped, []);
    let mut text = String::new();
    for device in loaded.snapshot.devices {
        writeln!(text, "device {} {:?}", device.id, device.info.name).unwrap();
    }
    let mut bindings = String::new();
    for property in loaded.snapshot.properties {
        let (value, ..) = property.last.unwrap();
        let value = String::from_utf8_lossy(&value);
        let spec = property.spec;
        for binding in &spec.bindings {
            writeln!(bindings, "binding {}/{} {binding}", property.device, property.name).unwrap();
        }
        writeln!(text, "property {}/{} {} {:?} {value}", property.device, property.name, spec.kind, spec.min).unwrap();
    }
    for message in loaded.snapshot.retained {
        writeln!(text, "retained {} {}", message.topic, String::from_utf8_lossy(&message.payload)).unwrap();
    }
    write_sessions(&mut text, &loaded.sessions);
    write_accounts(&mut text, &store.accounts().unwrap());
    for (id, body) in store.documents("device_template").unwrap().load().unwrap().documents {
        writeln!(text, "document {id} {body}").unwrap();
    }
    text += &bindings;
    write_keys(&mut text, &store.accounts().unwrap());
    text
}

fn write_accounts(text: &mut String, accounts: &crate::AccountStore) {
    let loaded = accounts.load().unwrap();
    assert_eq!(loaded.skipped, []);
    for person in loaded.people {
        let denied: Vec<_> = person.grant.deny.iter().map(|filter| filter.as_str()).collect();
        writeln!(text, "person {} {:?} without {}", person.name, person.grant.role, denied.join(" ")).unwrap();
    }
    for credential in loaded.credentials.into_iter().filter(|credential| credential.disabled.is_none()) {
        let crate::CredentialRecord { id, kind, owner, label, used, .. } = credential;
        let from = used.map(|(_, from)| from).unwrap_or_default();
        writeln!(text, "credential {id} {} {owner:?} {label} from {from}", kind.name()).unwrap();
    }
    let query = crate::AuditQuery { limit: 10, ..crate::AuditQuery::default() };
    for record in accounts.read_audit(&query).unwrap() {
        writeln!(text, "audit {} {}", record.id, record.entry.event).unwrap();
    }
}

fn write_keys(text: &mut String, accounts: &crate::AccountStore) {
    for key in accounts.load().unwrap().credentials.iter().filter(|credential| credential.disabled.is_some()) {
        let crate::CredentialRecord { id, kind, owner, label, .. } = key;
        writeln!(text, "credential {id} {} {owner:?} {label} off", kind.name()).unwrap();
    }
}

fn write_sessions(text: &mut String, sessions: &crate::Sessions) {
    assert_eq!(sessions.orphans_count, 0);
    for record in &sessions.records {
        let will = record.will.as_ref().map(|will| format!(" will {}", will.message.topic)).unwrap_or_default();
        writeln!(text, "session {} {} {:?}{will}", record.number, record.client_id, record.ends).unwrap();
    }
    for record in &sessions.subscriptions {
        writeln!(text, "subscription {} {}", record.session, record.filter).unwrap();
    }
    for record in &sessions.queued {
        let payload = record.message.as_ref().map(|message| String::from_utf8_lossy(&message.payload));
        let payload = payload.map(|payload| format!(" {payload}")).unwrap_or_default();
        writeln!(text, "queued {} to {} {:?}{payload}", record.id, record.session, record.step).unwrap();
    }
    for (session, packet_id) in &sessions.received {
        writeln!(text, "received {session} {packet_id}").unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn open(folder: &Path, migrations: &[&str]) -> Result<PathBuf, StoreError> {
    bring_up_to_date(&DataFolder::open(folder).unwrap(), migrations)
}

#[test]
fn every_numbered_file_is_in_the_list() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/migrations");
    let names = names(&files);
    assert_eq!(names.len(), MIGRATIONS.len(), "{names:?}");
    for (at, name) in names.iter().enumerate() {
        assert!(name.starts_with(&format!("{:04}_", at + 1)) && name.ends_with(".sql"), "{name}");
        assert_eq!(std::fs::read_to_string(files.join(name)).unwrap(), MIGRATIONS[at], "{name}");
    }
}

#[test]
fn every_old_schema_upgraded_equals_the_fresh_one() {
    let fresh = tempfile::tempdir().unwrap();
    let fresh = schema(&open(fresh.path(), MIGRATIONS).unwrap());
    assert_eq!(FIXTURES.len(), MIGRATIONS.len(), "each version needs a fixture that shows how it looked");
    for (at, fixture) in FIXTURES.iter().enumerate() {
        let version = at + 1;
        let old = folder_with(fixture);
        // A released migration that is changed makes two schemas of the same version.
        let made = tempfile::tempdir().unwrap();
        let made = open(made.path(), &MIGRATIONS[..version]).unwrap();
        assert_eq!(schema(&made), schema(&old.path().join(DATABASE)), "the files no longer lead to version {version}");

        let upgraded = open(old.path(), MIGRATIONS).unwrap();
        assert_eq!(schema(&upgraded), fresh, "from version {version}");
        assert_eq!(rows(old.path()), rows_of(version), "from version {version}");
    }
}

/// The released migrations and one more.
fn with_next(sql: &str) -> Vec<&str> {
    MIGRATIONS.iter().copied().chain([sql]).collect()
}

#[test]
fn an_upgrade_takes_over_what_still_stood_in_the_log() {
    let running = folder_with(FIXTURES[MIGRATIONS.len() - 1]);
    let writer = open_existing(&running.path().join(DATABASE)).unwrap();
    assert_eq!(ask::<String>(&writer, "PRAGMA journal_mode = WAL").unwrap().as_deref(), Some("wal"));
    writer.execute("UPDATE device SET name = 'in the log' WHERE id = 'lamp'", []).unwrap();
    // The folder as it is left by a hub that is killed now.
    let killed = tempfile::tempdir().unwrap();
    for name in names(running.path()) {
        std::fs::copy(running.path().join(&name), killed.path().join(&name)).unwrap();
    }
    let log = killed.path().join("housewire.db-wal");
    assert!(log.metadata().unwrap().len() > 0, "the change must not stand in the database yet");

    let upgraded = open(killed.path(), &with_next("ALTER TABLE device ADD COLUMN floor TEXT")).unwrap();
    assert!(!log.exists(), "it would be played into the new database");
    let connection = open_existing(&upgraded).unwrap();
    let name: Option<String> = ask(&connection, "SELECT name FROM device WHERE floor IS NULL AND id = 'lamp'").unwrap();
    assert_eq!(name.as_deref(), Some("in the log"));
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_database() {
    let too_early = "UPDATE device SET name = 'half done'; ALTER TABLE nothing ADD COLUMN x TEXT";
    let dangling = "DELETE FROM device WHERE id = 'lamp'";
    for sql in [too_early, dangling, "no SQL"] {
        let old = folder_with(FIXTURES[MIGRATIONS.len() - 1]);
        let failed = open(old.path(), &with_next(sql)).unwrap_err();
        assert!(matches!(failed, StoreError::Migration { .. }), "{failed:?}");
        assert!(failed.to_string().contains("it was not changed"), "{failed}");
        assert_eq!(names(old.path()), [DATABASE, "housewire.lock"]);
        assert_eq!(rows(old.path()), rows_of(MIGRATIONS.len()));
    }
}

#[test]
fn a_copy_that_was_left_behind_is_thrown_away() {
    let old = folder_with(FIXTURES[0]);
    for name in [COPY, "housewire.db.new-wal", "housewire.db.new-journal"] {
        std::fs::write(old.path().join(name), "half done").unwrap();
    }
    assert_eq!(rows(old.path()), ROWS);
    assert_eq!(names(old.path()), [DATABASE, "housewire.lock"]);
}

#[test]
fn a_log_without_its_database_is_set_aside() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("housewire.db-wal"), "of a database that was moved away").unwrap();
    assert_eq!(rows(temp.path()), "");
    assert_eq!(names(temp.path()), [DATABASE, "housewire.db-wal.stray", "housewire.lock"]);
}

#[test]
fn an_empty_file_becomes_a_database() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join(DATABASE), "").unwrap();
    assert_eq!(rows(temp.path()), "");
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let newer = folder_with(FIXTURES[MIGRATIONS.len() - 1]);
    let path = newer.path().join(DATABASE);
    open_existing(&path).unwrap().execute("UPDATE schema_version SET version = 1000", []).unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = Store::open(newer.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 1000, .. }), "{refused:?}");
    assert!(refused.to_string().contains("update the program"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_foreign_database_is_refused_and_left_alone() {
    for dump in ["CREATE TABLE book (title TEXT)", "CREATE TABLE schema_version (version INTEGER)"] {
        let foreign = folder_with(dump);
        let path = foreign.path().join(DATABASE);
        let before = std::fs::read(&path).unwrap();
        let refused = Store::open(foreign.path()).unwrap_err();
        assert!(matches!(refused, StoreError::NotOurs { .. }), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
