//! Rows of the table `person`, and the columns of rights, which `credential` has too.

use housewire_core::{Filter, Grant, Role, Timestamp};
use rusqlite::{Connection, Error, Row, ToSql};

use crate::row::{BadRow, Readable, execute, get, list_from_json};

/// Somebody with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRecord {
    /// How he signs in.
    pub name: String,
    /// The hash of his password, in the PHC string format.
    pub password: String,
    /// What he may do.
    pub grant: Grant,
    /// Since when he has been there.
    pub created: Timestamp,
    /// When he showed his password last.
    pub signed_in: Option<Timestamp>,
}

impl Readable for PersonRecord {
    const TABLE: &'static str = "person";
    const SELECT: &'static str =
        "SELECT name, password, role, read, write, deny, created_us, signed_in_us FROM person ORDER BY name";
    const KEY_COLUMNS: usize = 1;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        Ok(Self {
            name: get(row, "name")?,
            password: get(row, "password")?,
            grant: read_grant(row)?.ok_or_else(|| BadRow("it has no role".to_owned()))?,
            created: Timestamp::from_micros(get(row, "created_us")?),
            signed_in: get::<Option<i64>>(row, "signed_in_us")?.map(Timestamp::from_micros),
        })
    }
}

pub(super) fn write(connection: &Connection, person: &PersonRecord) -> Result<(), Error> {
    let PersonRecord { name, password, grant, created, signed_in } = person;
    let [role, read, write, deny] = grant_columns(Some(grant));
    execute(
        connection,
        "INSERT INTO person (name, password, role, read, write, deny, created_us, signed_in_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (name) DO UPDATE SET password = ?2, role = ?3, read = ?4, write = ?5, deny = ?6",
        &[
            name,
            password,
            &role,
            &read,
            &write,
            &deny,
            &created.as_micros(),
            &signed_in.map(Timestamp::as_micros) as &dyn ToSql,
        ],
    )
    .map(drop)
}

pub(super) fn note_sign_in(connection: &Connection, name: &str, time: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE person SET signed_in_us = ?2 WHERE name = ?1";
    execute(connection, sql, &[&name, &time.as_micros()]).map(drop)
}

pub(super) fn delete(connection: &Connection, name: &str) -> Result<(), Error> {
    execute(connection, "DELETE FROM person WHERE name = ?1", &[&name]).map(drop)
}

/// The columns `role`, `read`, `write` and `deny`. A list that is there and empty grants nothing, which is not the same as none.
pub(super) fn grant_columns(grant: Option<&Grant>) -> [Option<String>; 4] {
    let Some(Grant { role, read, write, deny }) = grant else { return [None, None, None, None] };
    let list = |filters: &[Filter]| {
        serde_json::Value::from(filters.iter().map(Filter::as_str).collect::<Vec<_>>()).to_string()
    };
    let deny = (!deny.is_empty()).then(|| list(deny));
    [Some(role.name().to_owned()), read.as_deref().map(list), write.as_deref().map(list), deny]
}

/// See [`grant_columns`]. A list that cannot be read makes the whole row unusable: half of somebody's rights may be the wrong
/// half.
pub(super) fn read_grant(row: &Row<'_>) -> Result<Option<Grant>, BadRow> {
    let Some(role) = get::<Option<String>>(row, "role")? else { return Ok(None) };
    let role = Role::parse(&role).ok_or_else(|| BadRow(format!("there is no role '{role}'")))?;
    let list = |column: &'static str| -> Result<Option<Vec<Filter>>, BadRow> {
        let Some(json) = get::<Option<String>>(row, column)? else { return Ok(None) };
        let parse = |text: &String| Filter::parse(text).map_err(|error| BadRow(format!("{column}: '{text}': {error}")));
        list_from_json(column, Some(&json))?.iter().map(parse).collect::<Result<_, _>>().map(Some)
    };
    Ok(Some(Grant { role, read: list("read")?, write: list("write")?, deny: list("deny")?.unwrap_or_default() }))
}
