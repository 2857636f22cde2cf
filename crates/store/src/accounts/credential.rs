//! Rows of the table `credential`: tokens, certificates of clients and sessions of browsers, each by a hash of what its bearer
//! shows.

use housewire_core::{DeviceId, Grant, Timestamp};
use rusqlite::{Connection, Error, Row, ToSql};

use crate::accounts::person::{grant_columns, read_grant};
use crate::row::{BadRow, Readable, ask, execute, get};

/// What kind of thing is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A text: a token, or an API key of a person.
    Token,
    /// A client's certificate, in a TLS handshake.
    Certificate,
    /// A browser's cookie.
    Session,
}

impl CredentialKind {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Session => "session",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Token, Self::Certificate, Self::Session].into_iter().find(|kind| kind.name() == name)
    }
}

/// Whom a credential makes of its bearer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CredentialOwner {
    /// A person, by name.
    Person(String),
    /// A device, which may be unknown yet.
    Device(DeviceId),
    /// An app, by name.
    App(String),
}

impl CredentialOwner {
    fn columns(&self) -> (&'static str, &str) {
        match self {
            Self::Person(name) => ("person", name),
            Self::Device(id) => ("device", id.as_str()),
            Self::App(name) => ("app", name),
        }
    }

    fn parse(kind: &str, name: String) -> Result<Self, BadRow> {
        match kind {
            "person" => Ok(Self::Person(name)),
            "device" => DeviceId::parse(&name).map(Self::Device).map_err(BadRow::because),
            "app" => Ok(Self::App(name)),
            other => Err(BadRow(format!("there are no owners of kind '{other}'"))),
        }
    }
}

/// Something that opens the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRecord {
    /// Given out by the hub, never again.
    pub id: u32,
    /// What is shown.
    pub kind: CredentialKind,
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// Whom it makes of its bearer.
    pub owner: CredentialOwner,
    /// What people call it; of a session, the browser.
    pub label: String,
    /// What an app may do; other owners have their rights elsewhere.
    pub grant: Option<Grant>,
    /// Since when it has been there.
    pub created: Timestamp,
    /// From when on it opens nothing.
    pub expires: Option<Timestamp>,
    /// When it was shown last, and from which address.
    pub used: Option<(Timestamp, String)>,
    /// Since when its owner has had it off, if he has.
    pub disabled: Option<Timestamp>,
}

/// That a credential was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialUse {
    /// Which one.
    pub id: u32,
    /// When.
    pub time: Timestamp,
    /// From where.
    pub address: String,
    /// When it ends from now on, if that is moved by each use.
    pub expires: Option<Timestamp>,
}

impl Readable for CredentialRecord {
    const TABLE: &'static str = "credential";
    const SELECT: &'static str = "SELECT id, kind, hash, owner_kind, owner, label, role, read, write, deny, created_us, \
         expires_us, used_us, used_from, disabled_us FROM credential ORDER BY id";
    const KEY_COLUMNS: usize = 1;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        let kind: String = get(row, "kind")?;
        let grant = read_grant(row)?;
        let owner = CredentialOwner::parse(&get::<String>(row, "owner_kind")?, get(row, "owner")?)?;
        if matches!(owner, CredentialOwner::App(_)) != grant.is_some() {
            return Err(BadRow("an app, and nobody else, has a role here".to_owned()));
        }
        let used: Option<i64> = get(row, "used_us")?;
        let from: Option<String> = get(row, "used_from")?;
        Ok(Self {
            id: get(row, "id")?,
            kind: CredentialKind::parse(&kind).ok_or_else(|| BadRow(format!("there is no kind '{kind}'")))?,
            hash: get(row, "hash")?,
            owner,
            label: get(row, "label")?,
            grant,
            created: Timestamp::from_micros(get(row, "created_us")?),
            expires: get::<Option<i64>>(row, "expires_us")?.map(Timestamp::from_micros),
            used: used.map(|used| (Timestamp::from_micros(used), from.unwrap_or_default())),
            disabled: get::<Option<i64>>(row, "disabled_us")?.map(Timestamp::from_micros),
        })
    }
}

/// What a credential opens, and to whom, is never changed; another one is made for that.
pub(super) fn write(connection: &Connection, record: &CredentialRecord) -> Result<(), Error> {
    let CredentialRecord { id, kind, hash, owner, label, grant, created, expires, used: _, disabled } = record;
    let (owner_kind, owner) = owner.columns();
    let [role, read, write, deny] = grant_columns(grant.as_ref());
    execute(
        connection,
        "INSERT INTO credential
             (id, kind, hash, owner_kind, owner, label, role, read, write, deny, created_us, expires_us, disabled_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (id) DO UPDATE SET
             label = ?6, role = ?7, read = ?8, write = ?9, deny = ?10, expires_us = ?12, disabled_us = ?13",
        &[
            id,
            &kind.name(),
            hash,
            &owner_kind,
            &owner,
            label,
            &role,
            &read,
            &write,
            &deny,
            &created.as_micros(),
            &expires.map(Timestamp::as_micros) as &dyn ToSql,
            &disabled.map(Timestamp::as_micros),
        ],
    )
    .map(drop)
}

pub(super) fn note_use(connection: &Connection, used: &CredentialUse) -> Result<(), Error> {
    let CredentialUse { id, time, address, expires } = used;
    let sql = "UPDATE credential SET used_us = ?2, used_from = ?3, expires_us = CASE WHEN ?4 IS NULL THEN expires_us ELSE max(ifnull(expires_us, 0), ?4) END WHERE id = ?1";
    let expires = expires.map(Timestamp::as_micros);
    execute(connection, sql, &[id, &time.as_micros(), address, &expires]).map(drop)
}

/// The highest id that was ever given out.
pub(super) fn last_id(connection: &Connection) -> Result<u32, Error> {
    Ok(ask(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'credential'")?.unwrap_or(0))
}

pub(super) fn delete(connection: &Connection, id: u32) -> Result<(), Error> {
    execute(connection, "DELETE FROM credential WHERE id = ?1", &[&id]).map(drop)
}

pub(super) fn delete_of(connection: &Connection, owner: &CredentialOwner) -> Result<(), Error> {
    let (kind, name) = owner.columns();
    execute(connection, "DELETE FROM credential WHERE owner_kind = ?1 AND owner = ?2", &[&kind, &name]).map(drop)
}
