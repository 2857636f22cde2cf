//! Time in templates: `now()`, `as_timestamp`, `timestamp_custom` and what they give. All of it in UTC: a hub's time zone is no part
//! of what a device announced.

use std::fmt;
use std::sync::Arc;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::Object;
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::NOW;
use super::filters::pay;

pub(super) fn add(engine: &mut Environment<'_>) {
    engine.add_function("now", now);
    engine.add_function("utcnow", now);
    engine.add_function("as_timestamp", seconds);
    engine.add_filter("as_timestamp", seconds);
    engine.add_function("as_datetime", datetime);
    engine.add_filter("as_datetime", datetime);
    engine.add_filter("as_local", |value: Value| value);
    engine.add_filter("timestamp_custom", custom);
    engine.add_filter("timestamp_local", iso);
    engine.add_filter("timestamp_utc", iso);
}

/// A moment, in UTC.
#[derive(Debug)]
struct Moment(Timestamp);

impl Moment {
    fn zoned(&self) -> Zoned {
        self.0.to_zoned(TimeZone::UTC)
    }

    fn iso(&self) -> String {
        strtime::format("%Y-%m-%dT%H:%M:%S+00:00", &self.zoned()).unwrap_or_default()
    }
}

impl Object for Moment {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let zoned = self.zoned();
        Some(Value::from(match key.as_str()? {
            "year" => i64::from(zoned.year()),
            "month" => i64::from(zoned.month()),
            "day" => i64::from(zoned.day()),
            "hour" => i64::from(zoned.hour()),
            "minute" => i64::from(zoned.minute()),
            "second" => i64::from(zoned.second()),
            _ => return None,
        }))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "timestamp" => Ok(seconds_of(self.0)),
            "isoformat" => Ok(Value::from(self.iso())),
            "weekday" => Ok(Value::from(i64::from(self.zoned().weekday().to_monday_zero_offset()))),
            "strftime" => written(self.0, args.first().and_then(Value::as_str).unwrap_or_default()),
            _ => Err(ErrorKind::UnknownMethod.into()),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso())
    }
}

fn now(state: &State<'_, '_>) -> Value {
    let micros = state.lookup(NOW).and_then(|micros| micros.as_i64()).unwrap_or(0);
    Value::from_object(Moment(Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)))
}

#[expect(clippy::cast_precision_loss, reason = "templates count seconds as floats, as Python does")]
fn seconds_of(time: Timestamp) -> Value {
    Value::from(time.as_microsecond() as f64 / 1e6)
}

/// A moment out of what templates have: one of ours, seconds since 1970, or a text.
fn parse(value: &Value) -> Option<Timestamp> {
    if let Some(moment) = value.downcast_object_ref::<Moment>() {
        return Some(moment.0);
    }
    let number = f64::try_from(value.clone()).ok().or_else(|| value.as_str()?.trim().parse().ok());
    if let Some(number) = number.filter(|number| number.is_finite()) {
        #[expect(clippy::cast_possible_truncation, reason = "what no calendar holds is refused in the next line")]
        return Timestamp::from_microsecond((number * 1e6).round() as i64).ok();
    }
    let text = value.as_str()?.trim();
    // Without a time zone it is taken for UTC.
    text.parse().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

fn or_default(found: Option<Value>, default: Option<Value>, value: &Value) -> Result<Value, Error> {
    found.or(default).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("'{value:.40}' is no time")))
}

fn seconds(state: &State<'_, '_>, value: Value, default: Option<Value>) -> Result<Value, Error> {
    pay(state, &value)?;
    or_default(parse(&value).map(seconds_of), default, &value)
}

fn datetime(state: &State<'_, '_>, value: Value, default: Option<Value>) -> Result<Value, Error> {
    pay(state, &value)?;
    or_default(parse(&value).map(|time| Value::from_object(Moment(time))), default, &value)
}

fn iso(state: &State<'_, '_>, value: Value, default: Option<Value>) -> Result<Value, Error> {
    pay(state, &value)?;
    or_default(parse(&value).map(|time| Value::from(Moment(time).iso())), default, &value)
}

/// `timestamp_custom(format, local, default)`: of seconds since 1970.
fn custom(
    value: Value,
    pattern: Option<String>,
    _local: Option<Value>,
    default: Option<Value>,
) -> Result<Value, Error> {
    let pattern = pattern.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".to_owned());
    let found = parse(&value).map(|time| written(time, &pattern)).transpose()?;
    or_default(found, default, &value)
}

fn written(time: Timestamp, pattern: &str) -> Result<Value, Error> {
    // Each directive makes a few dozen bytes at most, unless it asks for a width.
    const PATTERN_BYTES_MAX: usize = 256;
    let widths = pattern.as_bytes().windows(4).any(|four| four[0] == b'%' && four[1..].iter().all(u8::is_ascii_digit));
    if pattern.len() > PATTERN_BYTES_MAX || widths {
        return Err(Error::new(ErrorKind::InvalidOperation, "the format of a time is too long"));
    }
    let text = strtime::format(pattern, &time.to_zoned(TimeZone::UTC));
    text.map(Value::from).map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}
