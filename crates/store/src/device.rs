//! Rows of the table `device`: what a device is called.
//!
//! Its properties are rows of their own, in `property`.

use std::collections::BTreeSet;

use housewire_core::limits::LABEL_BYTES_MAX;
use housewire_core::{DeviceId, DeviceInfo, DeviceRecord};
use rusqlite::{Connection, Error, Row};

use crate::row::{BadRow, Readable, execute, get};

/// As it stands in the table.
#[derive(Debug)]
struct DeviceRow {
    id: String,
    name: Option<String>,
    room: Option<String>,
    model: Option<String>,
    icon: Option<String>,
    demo: bool,
}

/// The record of a device; its properties are filled in when they are read.
impl Readable for DeviceRecord {
    const TABLE: &'static str = "device";
    const SELECT: &'static str = "SELECT id, name, room, model, icon, demo FROM device ORDER BY id";
    const KEY_COLUMNS: usize = 1;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        let row = DeviceRow {
            id: get(row, "id")?,
            name: get(row, "name")?,
            room: get(row, "room")?,
            model: get(row, "model")?,
            icon: get(row, "icon")?,
            demo: get(row, "demo")?,
        };
        row.into_record()
    }
}

impl DeviceRow {
    fn into_record(self) -> Result<DeviceRecord, BadRow> {
        let id = DeviceId::parse(&self.id).map_err(BadRow::because)?;
        let labels = [&self.name, &self.room, &self.model, &self.icon];
        if labels.into_iter().flatten().any(|label| label.len() > LABEL_BYTES_MAX) {
            return Err(BadRow(format!("name, room, model or icon is longer than {LABEL_BYTES_MAX} bytes")));
        }
        let Self { name, room, model, icon, demo, .. } = self;
        Ok(DeviceRecord { id, info: DeviceInfo { name, room, model, icon, demo }, properties: Vec::new() })
    }
}

/// Writes a device and deletes the properties that it does not name.
pub(crate) fn write(connection: &Connection, record: &DeviceRecord) -> Result<(), Error> {
    let DeviceInfo { name, room, model, icon, demo } = &record.info;
    execute(
        connection,
        "INSERT INTO device (id, name, room, model, icon, demo) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET name = ?2, room = ?3, model = ?4, icon = ?5, demo = ?6",
        &[&record.id.as_str(), name, room, model, icon, demo],
    )?;
    let named: BTreeSet<_> = record.properties.iter().map(|name| name.as_str().as_bytes()).collect();
    let stored: Vec<Vec<u8>> = connection
        .prepare_cached("SELECT CAST(name AS BLOB) FROM property WHERE device = ?1")?
        .query_map([record.id.as_str()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for name in stored.iter().filter(|name| !named.contains(name.as_slice())) {
        let sql = "DELETE FROM property WHERE device = ?1 AND name = CAST(?2 AS TEXT)";
        execute(connection, sql, &[&record.id.as_str(), name])?;
    }
    Ok(())
}

/// Sees to it that a property's device is there. A device that has just been registered may come one batch later than its
/// first value.
pub(crate) fn ensure(connection: &Connection, id: &DeviceId) -> Result<(), Error> {
    let sql = "INSERT INTO device (id, demo) VALUES (?1, 0) ON CONFLICT (id) DO NOTHING";
    execute(connection, sql, &[&id.as_str()]).map(drop)
}

/// Deletes a device with all its properties.
pub(crate) fn delete(connection: &Connection, id: &DeviceId) -> Result<(), Error> {
    execute(connection, "DELETE FROM device WHERE id = ?1", &[&id.as_str()]).map(drop)
}
