//! Values with a time of their own, several at once: for the history of a property.

use housewire_core::{DeviceId, PropertyName, Timestamp, Type};
use housewire_store::Point;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::history::{Name, NoAnswer, has_history, kind_of, parse};
use crate::limits::BLYNK_POINTS_MAX;
use crate::shard::Shard;
use crate::view::json::payload_of;

/// Points may be so old, or so early: a month, as Blynk has it.
const AWAY_MICROS_MAX: i64 = 31 * 24 * 3_600 * 1_000_000;

/// Why points are not kept.
#[derive(Debug, Error)]
pub(crate) enum NoPoints {
    /// Not `[[ms,value],…]`.
    #[error("it must be a JSON list such as [[1795333236000,21.5]]: milliseconds since 1970, and a value")]
    Unreadable,
    #[error("there may be {BLYNK_POINTS_MAX} points at once")]
    TooMany,
    /// Of another type than the property, or with a time that is too far away.
    #[error("point {0} does not fit: its value is none of the property, or its time is more than a month away")]
    Unfit(usize),
    #[error("properties of this type have no history")]
    NoHistory,
    #[error("the hub keeps no history")]
    Off,
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

/// A value and when it was, in the order in which they came.
pub(crate) type Timed = (Timestamp, Vec<u8>);

/// Reads `[[ms,value],…]`.
pub(crate) fn read_points(body: &[u8], now: Timestamp) -> Result<Vec<Timed>, NoPoints> {
    let list: Vec<(f64, &RawValue)> = serde_json::from_slice(body).map_err(|_| NoPoints::Unreadable)?;
    timed(list, now)
}

/// Gives values their times.
pub(crate) fn timed(list: Vec<(f64, &RawValue)>, now: Timestamp) -> Result<Vec<Timed>, NoPoints> {
    if list.len() > BLYNK_POINTS_MAX {
        return Err(NoPoints::TooMany);
    }
    let point = |(place, (millis, value)): (usize, (f64, &RawValue))| {
        let micros = millis * 1_000.0;
        let away = micros - now.as_micros() as f64;
        let value = payload_of(value).map_err(|_| NoPoints::Unfit(place + 1))?;
        // Not a number is away from everything.
        if away.abs() <= AWAY_MICROS_MAX as f64 && !value.is_empty() {
            Ok((Timestamp::from_micros(micros as i64), value.to_vec()))
        } else {
            Err(NoPoints::Unfit(place + 1))
        }
    };
    list.into_iter().enumerate().map(point).collect()
}

/// Adds points to the history of a property; they are on the disk when this returns.
pub(crate) async fn keep_points(
    shard: &Shard,
    device: DeviceId,
    property: PropertyName,
    timed: Vec<Timed>,
) -> Result<(), NoPoints> {
    let Some(history) = &shard.history else { return Err(NoPoints::Off) };
    let name = Name { device, property };
    let Some((_, first)) = timed.first() else { return Ok(()) };
    let kind = kind_of(&shard.hub, &name).unwrap_or_else(|| Type::infer(first));
    if !has_history(kind) {
        return Err(NoPoints::NoHistory);
    }
    let point = |(place, (time, value)): (usize, Timed)| {
        // A value is never an empty text here, and true is 1 to those who wrote it.
        let reading = parse(kind, &value).or_else(|| match (kind, &*value) {
            (Type::Bool, b"1") => parse(kind, b"true"),
            (Type::Bool, b"0") => parse(kind, b"false"),
            _ => None,
        });
        reading.map(|reading| Point { time, reading }).ok_or(NoPoints::Unfit(place + 1))
    };
    let points: Vec<Point> = timed.into_iter().enumerate().map(point).collect::<Result<_, _>>()?;
    history.import(name, points).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_points() {
        let now = Timestamp::from_micros(1_795_333_236_000_000);
        let read = |body: &str| read_points(body.as_bytes(), now);
        let points = read(r#"[[1795333236000,21.5],[1795333235000,"warm"],[1795333234000,true]]"#).unwrap();
        let texts: Vec<_> = points.iter().map(|(_, value)| String::from_utf8_lossy(value)).collect();
        assert_eq!(texts, ["21.5", "warm", "true"]);
        assert_eq!(points[1].0.as_micros(), 1_795_333_235_000_000);
        for wrong in ["", "{}", "[1]", "[[1795333236000]]", "[[\"x\",1]]", "[[1795333236000,1,2]]"] {
            assert!(matches!(read(wrong), Err(NoPoints::Unreadable)), "{wrong}");
        }
        for wrong in ["[[0,1]]", "[[1795333236000,1],[1799999999000,1]]", "[[1795333236000,\"\"]]"] {
            assert!(matches!(read(wrong), Err(NoPoints::Unfit(_))), "{wrong}");
        }
        let many = format!("[{}[1795333236000,1]]", "[1795333236000,1],".repeat(BLYNK_POINTS_MAX));
        assert!(matches!(read(&many), Err(NoPoints::TooMany)));
    }
}
