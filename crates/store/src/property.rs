//! Rows of the table `property`: what a property may hold, and its last value.
//!
//! Requests that are pending are not stored: they do not outlive the hub.

use bytes::Bytes;
use housewire_core::{DeviceId, PropertyAccess, PropertyName, PropertyRecord, PropertySpec, Timestamp};
use rusqlite::{Connection, Error, Row};

use crate::row::{BadRow, Readable, door, execute, get, list_from_json, list_to_json};

/// As it stands in the table.
#[derive(Debug)]
struct PropertyRow {
    device: String,
    name: String,
    kind: String,
    unit: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
    step: Option<f64>,
    options: Option<String>,
    access: PropertyAccess,
    role: Option<String>,
    bindings: Option<String>,
    declared: bool,
    value: Option<Vec<u8>>,
    time_us: Option<i64>,
    via: Option<String>,
}

impl Readable for PropertyRecord {
    const TABLE: &'static str = "property";
    const SELECT: &'static str = "SELECT device, name, type, unit, min, max, step, options, readable, settable, event,
             role, declared, value, time_us, via, bindings
         FROM property ORDER BY device, name";
    const KEY_COLUMNS: usize = 2;

    fn read(row: &Row<'_>) -> Result<Self, BadRow> {
        let access =
            PropertyAccess { read: get(row, "readable")?, set: get(row, "settable")?, event: get(row, "event")? };
        let row = PropertyRow {
            device: get(row, "device")?,
            name: get(row, "name")?,
            kind: get(row, "type")?,
            unit: get(row, "unit")?,
            min: get(row, "min")?,
            max: get(row, "max")?,
            step: get(row, "step")?,
            options: get(row, "options")?,
            access,
            role: get(row, "role")?,
            bindings: get(row, "bindings")?,
            declared: get(row, "declared")?,
            value: get(row, "value")?,
            time_us: get(row, "time_us")?,
            via: get(row, "via")?,
        };
        row.into_record()
    }
}

impl PropertyRow {
    fn into_record(self) -> Result<PropertyRecord, BadRow> {
        let spec = PropertySpec {
            kind: self.kind.parse().map_err(BadRow::because)?,
            unit: self.unit,
            min: self.min,
            max: self.max,
            step: self.step,
            options: list_from_json("options", self.options.as_deref())?,
            access: self.access,
            role: self.role,
            bindings: list_from_json("bindings", self.bindings.as_deref())?,
            declared: self.declared,
        };
        spec.validate().map_err(BadRow::because)?;
        let last = match (self.value, self.time_us, self.via) {
            (Some(value), Some(time), Some(via)) => {
                spec.parse(&value).map_err(|broken| BadRow(format!("its value is not accepted: {broken}")))?;
                Some((Bytes::from(value), Timestamp::from_micros(time), door(&via)))
            }
            (None, None, None) => None,
            _ => return Err(BadRow("value, time and via must be there together".to_owned())),
        };
        Ok(PropertyRecord {
            device: DeviceId::parse(&self.device).map_err(BadRow::because)?,
            name: PropertyName::parse(&self.name).map_err(BadRow::because)?,
            spec,
            last,
        })
    }
}

/// Writes a property; its device must be there.
pub(crate) fn write(connection: &Connection, record: &PropertyRecord) -> Result<(), Error> {
    let PropertySpec { kind, unit, min, max, step, options, access, role, bindings, declared } = &record.spec;
    let (value, time, via) = match &record.last {
        Some((value, time, via)) => (Some(value.as_ref()), Some(time.as_micros()), Some(*via)),
        None => (None, None, None),
    };
    execute(
        connection,
        "INSERT INTO property (device, name, type, unit, min, max, step, options, readable, settable, event, role,
             declared, value, time_us, via, bindings)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT (device, name) DO UPDATE SET type = ?3, unit = ?4, min = ?5, max = ?6, step = ?7, options = ?8,
             readable = ?9, settable = ?10, event = ?11, role = ?12, declared = ?13, value = ?14, time_us = ?15,
             via = ?16, bindings = ?17",
        &[
            &record.device.as_str(),
            &record.name.as_str(),
            &kind.name(),
            unit,
            min,
            max,
            step,
            &list_to_json(options),
            &access.read,
            &access.set,
            &access.event,
            role,
            declared,
            &value,
            &time,
            &via,
            &list_to_json(bindings),
        ],
    )
    .map(drop)
}
