//! What pins were, as Blynk's APIs hand it out: minutes of a pin as a gzipped file (of old), and an archive of files (2.0); and
//! points that come with a time of their own.

use std::io::Write as _;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, header};
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};
use housewire_core::{PropertyName, Timestamp};
use housewire_protocols::blynk::Pin;
use housewire_store::{Agg, Buckets, HistoryReader, StoreError, Window};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::aside::aside;
use crate::history::{NoAnswer, wall};
use crate::http::blynk::device::Device;
use crate::http::blynk::reply;
use crate::http::query::Query;
use crate::limits::{BLYNK_FILES_MAX, BLYNK_HTTP_BODY_BYTES_MAX, BLYNK_POINTS_BODY_BYTES_MAX, HISTORY_POINTS_AT_ONCE};
use crate::pins::{NoPoints, Timed, keep_points, read_points, timed};

const MINUTE_MICROS: i64 = 60 * 1_000_000;
const DAY_MICROS: i64 = 24 * 60 * MINUTE_MICROS;
const WRONG_TYPE: &str = "Value doesn't match the Datastream data type.";

/// `data/V1` of the old API: where the file is, if there is anything.
pub(super) async fn file_of(device: &Device<'_>, token: &str, pin: Pin) -> Response<Body> {
    match minutes(device, pin).await {
        Ok(lines) if lines.is_empty() => reply::refused("No data."),
        Ok(_) => reply::moved(&format!("/{token}/{}_{pin}.csv.gz", device.id)),
        Err(why) => reply::failed(why.to_string()),
    }
}

/// `<device>_v1.csv.gz` behind the token, which [`file_of`] names; `None` if it is called otherwise.
pub(super) fn pin_of_file(device: &Device<'_>, name: &str) -> Option<Pin> {
    let pin = name.strip_suffix(".csv.gz")?.strip_prefix(device.id.as_str())?.strip_prefix('_')?;
    Pin::parse(pin)
}

/// The file: lines of value, milliseconds since 1970, and the device's number in its project, which is always the first.
pub(super) async fn file(device: &Device<'_>, pin: Pin) -> Response<Body> {
    let lines = match minutes(device, pin).await {
        Ok(lines) if lines.is_empty() => return reply::refused("No data."),
        Ok(lines) => lines,
        Err(why) => return reply::failed(why.to_string()),
    };
    let packed = aside(move || {
        let mut text = String::new();
        for (time, value) in lines {
            text += &format!("{value},{},0\n", millis(time));
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).and_then(|()| gzip.finish())
    });
    match packed.await {
        Ok(bytes) => reply::file(bytes, "application/gzip"),
        Err(error) => reply::failed(error.to_string()),
    }
}

/// Means of minutes, of a month.
async fn minutes(device: &Device<'_>, pin: Pin) -> Result<Vec<(Timestamp, f64)>, NoAnswer> {
    let to = wall();
    let window = Window { from: Timestamp::from_micros(to.as_micros() - 31 * DAY_MICROS), to: behind(to) };
    let Some(history) = &device.shard.history else { return Ok(Vec::new()) };
    let (id, property) = (device.id.clone(), device.property_of(pin));
    history.ask(move |reader| buckets(reader, id.as_str(), &property, window, MINUTE_MICROS, Agg::Mean)).await
}

fn buckets(
    reader: &HistoryReader,
    device: &str,
    property: &PropertyName,
    window: Window,
    step_micros: i64,
    agg: Agg,
) -> Result<Vec<(Timestamp, f64)>, StoreError> {
    let Some(series) = reader.find(device, property.as_str()) else { return Ok(Vec::new()) };
    // Buckets begin with whole minutes, hours and days.
    let from = Timestamp::from_micros(window.from.as_micros().div_euclid(step_micros) * step_micros);
    let step = std::time::Duration::from_micros(step_micros.unsigned_abs());
    let values = reader.aggregate(series, Window { from, ..window }, Buckets::Step(step), agg)?;
    let is_said = |value: &f64| agg != Agg::Count || *value > 0.0;
    Ok(values.into_iter().filter_map(|(time, value)| Some((time, value.filter(is_said)?))).collect())
}

fn millis(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000)
}

fn behind(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros() + 1)
}

/// What `data/get` of 2.0 is asked for.
#[derive(Clone, Copy)]
pub(super) struct Export {
    span_micros: i64,
    /// `None` for all points.
    step_micros: Option<i64>,
    agg: Agg,
    form: Form,
}

/// How times are written.
#[derive(Clone, Copy)]
enum Form {
    Millis,
    /// With a T and a Z.
    Iso,
    /// With a space, in UTC.
    Simple,
}

impl Export {
    /// `None` if a parameter is none of those there are.
    pub(super) fn of(query: &Query) -> Option<Self> {
        let or = |name: &str, usual: &str| query.first(name).unwrap_or_else(|| usual.to_owned());
        let days = match &*or("period", "MONTH") {
            "HOUR" => DAY_MICROS / 24,
            "DAY" => DAY_MICROS,
            "WEEK" => 7 * DAY_MICROS,
            "MONTH" => 31 * DAY_MICROS,
            "THREE_MONTHS" => 92 * DAY_MICROS,
            _ => return None,
        };
        let step_micros = match &*or("granularityType", "RAW_DATA") {
            "RAW_DATA" => None,
            "MINUTE" => Some(MINUTE_MICROS),
            "HOURLY" => Some(60 * MINUTE_MICROS),
            "DAILY" => Some(DAY_MICROS),
            _ => return None,
        };
        let agg = match &*or("sourceType", "AVG") {
            "AVG" => Agg::Mean,
            "MIN" => Agg::Min,
            "MAX" => Agg::Max,
            "SUM" => Agg::Sum,
            "COUNT" => Agg::Count,
            _ => return None,
        };
        let form = match &*or("format", "TS") {
            "TS" => Form::Millis,
            "ISO_US" => Form::Iso,
            "ISO_SIMPLE" => Form::Simple,
            _ => return None,
        };
        Some(Self { span_micros: days, step_micros, agg, form })
    }

    fn window(self) -> Window {
        let to = wall();
        Window { from: Timestamp::from_micros(to.as_micros() - self.span_micros), to: behind(to) }
    }

    fn write(self, time: Timestamp, out: &mut String) {
        let moment = jiff::Timestamp::from_microsecond(time.as_micros()).unwrap_or_default();
        match self.form {
            Form::Millis => *out += &millis(time).to_string(),
            Form::Iso => *out += &moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            Form::Simple => *out += &moment.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        }
    }

    /// Lines of `time,value` of a property, with a bound.
    fn lines(self, reader: &HistoryReader, device: &str, property: &PropertyName) -> Result<String, StoreError> {
        let mut out = String::new();
        if let Some(step) = self.step_micros {
            for (time, value) in buckets(reader, device, property, self.window(), step, self.agg)? {
                self.write(time, &mut out);
                out += &format!(",{value}\n");
            }
            return Ok(out);
        }
        let Some(series) = reader.find(device, property.as_str()) else { return Ok(out) };
        let mut after = None;
        while out.len() < BLYNK_POINTS_BODY_BYTES_MAX {
            let page = reader.raw(series, self.window(), HISTORY_POINTS_AT_ONCE, after)?;
            for point in page.points {
                self.write(point.time, &mut out);
                out += &format!(",{}\n", quoted(&point.reading.to_string()));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(out)
    }
}

/// As CSV has texts (RFC 4180 section 2).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// `data/get`: where the archive is, if there is anything.
pub(super) async fn link(device: &Device<'_>, query: &Query, headers: &HeaderMap, uri_query: &str) -> Response<Body> {
    match archive(device, query).await {
        Err(refusal) => refusal,
        Ok(_) => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
            let scheme = if device.is_secure { "https" } else { "http" };
            let link = format!("{scheme}://{host}/external/api/data/file.zip?{uri_query}");
            reply::json(serde_json::json!({ "link": link }).to_string())
        }
    }
}

/// `data/file.zip`: the archive.
pub(super) async fn zip(device: &Device<'_>, query: &Query) -> Response<Body> {
    match archive(device, query).await {
        Err(refusal) => refusal,
        Ok(bytes) => reply::file(bytes, "application/zip"),
    }
}

async fn archive(device: &Device<'_>, query: &Query) -> Result<Vec<u8>, Response<Body>> {
    const WRONG: &str = "Request with incorrect parameters";
    let export = Export::of(query).ok_or_else(|| reply::error(WRONG))?;
    let pins: Vec<Pin> = match query.first("pin") {
        Some(pin) => vec![Pin::parse(&pin).ok_or_else(|| reply::error(WRONG))?],
        None => device.read_all().into_iter().map(|(pin, _)| pin).take(BLYNK_FILES_MAX).collect(),
    };
    let named: Vec<_> = pins.into_iter().map(|pin| (pin, device.property_of(pin))).collect();
    let Some(history) = &device.shard.history else { return Err(reply::no_data()) };
    let id = device.id.clone();
    let files = history.ask(move |reader| {
        let mut files = Vec::new();
        for (pin, property) in named {
            let lines = export.lines(reader, id.as_str(), &property)?;
            if !lines.is_empty() {
                files.push((format!("{pin}.csv"), lines));
            }
        }
        Ok(pack(&files))
    });
    match files.await {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(reply::no_data()),
        Err(why) => Err(reply::failed(why.to_string())),
    }
}

/// A ZIP archive (APPNOTE 4.3.6) of texts; `None` of none.
fn pack(files: &[(String, String)]) -> Option<Vec<u8>> {
    const DEFLATED: u16 = 8;
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let mut crc = Crc::new();
        crc.update(text.as_bytes());
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
        let packed = deflate.write_all(text.as_bytes()).and_then(|()| deflate.finish()).ok()?;
        let offset = u32::try_from(out.len()).ok()?;
        let mut head = Vec::new();
        // Version 2.0, no flags, deflated, midnight of 1980-01-01: nobody knows when it was written.
        [20, 0, DEFLATED, 0, 0x21].iter().for_each(|number: &u16| head.extend(number.to_le_bytes()));
        head.extend(crc.sum().to_le_bytes());
        head.extend(u32::try_from(packed.len()).ok()?.to_le_bytes());
        head.extend(u32::try_from(text.len()).ok()?.to_le_bytes());
        head.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
        head.extend(0_u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&head);
        // No comment, the first disk, nothing said of the file.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, begin) = (u16::try_from(files.len()).ok().filter(|count| *count > 0)?, u32::try_from(out.len()).ok()?);
    let size = u32::try_from(directory.len()).ok()?;
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(begin.to_le_bytes());
    out.extend([0; 2]);
    Some(out)
}

/// `extra/pin/V1` of the old API: points, the last of which becomes the value.
pub(super) async fn add_extra(device: &Device<'_>, pin: Pin, body: Bytes) -> Response<Body> {
    let points = match aside(move || read_extra(&body)).await {
        Ok(points) => points,
        Err(NoExtra::Unreadable(shown)) => return reply::failed(format!("Error parsing body param. {shown}")),
        Err(NoExtra::Empty) => return reply::refused("No pin for update provided."),
        Err(NoExtra::Unfit) => return reply::refused("Wrong request format."),
    };
    let last = points.last().map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    let written = last.is_some_and(|last| device.write(pin, &[last]));
    if !written {
        return reply::refused("Wrong request format.");
    }
    match keep_points(device.shard, device.id.clone(), device.property_of(pin), points).await {
        Ok(()) | Err(NoPoints::Off) => reply::done(),
        Err(NoPoints::NoAnswer(why)) => reply::failed(why.to_string()),
        Err(_) => reply::refused("Wrong request format."),
    }
}

/// Why points are none.
enum NoExtra {
    /// With what was sent.
    Unreadable(String),
    Empty,
    Unfit,
}

fn read_extra(body: &[u8]) -> Result<Vec<Timed>, NoExtra> {
    #[derive(Deserialize)]
    struct Extra<'b> {
        #[serde(borrow)]
        value: &'b RawValue,
        timestamp: f64,
    }
    let list = serde_json::from_slice::<Vec<Extra<'_>>>(body);
    let shown = || String::from_utf8_lossy(&body[..body.len().min(BLYNK_HTTP_BODY_BYTES_MAX)]).into_owned();
    let list = list.map_err(|_| NoExtra::Unreadable(shown()))?;
    if list.is_empty() {
        return Err(NoExtra::Empty);
    }
    let points = timed(list.into_iter().map(|extra| (extra.timestamp, extra.value)).collect(), wall());
    points.map_err(|_| NoExtra::Unfit)
}

/// `batch/update` of 2.0 with POST.
pub(super) async fn add_batch(device: &Device<'_>, pin: Pin, request: Request<Body>) -> Response<Body> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return reply::error("Unknown content type.");
    }
    const TOO_MUCH: &str = "Too much data in batch. Maximum batch size is 10000 points.";
    let body: Result<Bytes, _> = axum::body::to_bytes(request.into_body(), BLYNK_POINTS_BODY_BYTES_MAX).await;
    let Ok(body) = body else { return reply::error(TOO_MUCH) };
    let points = match aside(move || read_points(&body, wall())).await {
        Ok(points) => points,
        Err(NoPoints::TooMany) => return reply::error(TOO_MUCH),
        Err(_) => return reply::error(WRONG_TYPE),
    };
    let newest = points.iter().max_by_key(|(time, _)| *time).map(|(_, value)| value.clone());
    // A pin that nobody knows becomes what came last, so that it is known.
    if let Some(newest) = newest.filter(|_| device.read(pin).is_none()) {
        let newest = String::from_utf8_lossy(&newest).into_owned();
        if !device.write(pin, &[newest]) {
            return reply::error(WRONG_TYPE);
        }
    }
    match keep_points(device.shard, device.id.clone(), device.property_of(pin), points).await {
        Ok(()) => reply::text("OK".to_owned()),
        Err(NoPoints::Off | NoPoints::NoAnswer(_)) => reply::failed("The history cannot take it.".to_owned()),
        Err(_) => reply::error(WRONG_TYPE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        for (text, expected) in [("21.5", "21.5"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\"")] {
            assert_eq!(quoted(text), expected);
        }
        assert!(pack(&[]).is_none());
    }
}
