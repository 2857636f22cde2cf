//! A file of firmware on its way out: read piece by piece as it is taken, with one range at the most.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use housewire_core::{Device, DeviceId, Filter};

use crate::accounts::Kind;
use crate::aside::aside;
use crate::caller::Caller;
use crate::firmware::{FileKey, FileNote, Firmware, Who};
use crate::http::describe::{Forbidden, NotFound, NotModified, OutOfRange, RangeParam, Unusable};
use crate::http::firmware::describe::DamagedAnswer;
use crate::http::firmware::{FilePath, firmware};
use crate::http::problem::Problem;
use crate::http::range::{self, Part};
use crate::http::tag;
use crate::limits::DEVICES_AT_ONCE;
use crate::view::schema::AnyBytes;

/// Read at once, and held for a device that takes its time.
const PIECE_BYTES: usize = 16 * 1024;

/// `GET /api/firmware/{name}/{version}/file`
#[utoipa::path(
    get, path = "/api/firmware/{name}/{version}/file", operation_id = "getFirmwareFile", tag = "Firmware",
    summary = "Fetches a file of firmware",
    description = "For administrators, and for devices that a roll-out offers it to. `Range` asks for a part.",
    params(FilePath, RangeParam),
    responses(
        (
            status = 200, description = "The file.", body = AnyBytes, content_type = "application/octet-stream",
            headers(
                ("ETag" = String, description = "Its SHA-256."),
                ("x-MD5" = String, description = "Its MD5, as ESP8266httpUpdate and HTTPUpdate check it."),
            ),
        ),
        (status = 206, description = "The part that `Range` asks for.", body = AnyBytes, content_type = "application/octet-stream"),
        NotModified, Forbidden, NotFound, OutOfRange, DamagedAnswer, Unusable,
    ),
)]
pub(crate) async fn file(
    caller: Caller,
    FilePath(key): FilePath,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let device = if caller.principal().may_administer() { None } else { Some(device_of(&caller, &key).await?) };
    let note = firmware(&caller).file(&key)?;
    send(&caller, &key, &note, device.as_deref(), &method, &headers).await
}

/// The device that fetches it, if the file is meant for it.
async fn device_of(caller: &Caller, key: &FileKey) -> Result<String, Problem> {
    let is_meant = |device: &Device| {
        let model = device.lock().info.model.clone();
        let who = Who { device: device.id().as_str(), model: model.as_deref() };
        firmware(caller).offer(who).is_some_and(|offer| offer.name == key.0 && offer.version == key.1)
    };
    let own = caller.principal().name().strip_prefix("device:").filter(|_| caller.login.kind == Kind::Device);
    if let Some(id) = own.and_then(|id| DeviceId::parse(id).ok()) {
        if caller.hub().device(&id).is_some_and(|device| is_meant(&device)) {
            return Ok(id.as_str().to_owned());
        }
    } else {
        let mut after = None;
        loop {
            let devices = caller.hub().devices_behind(after.as_ref(), DEVICES_AT_ONCE);
            let found = devices.iter().find(|device| speaks_for(caller, device.id()) && is_meant(device));
            if let Some(found) = found {
                return Ok(found.id().as_str().to_owned());
            }
            after = devices.last().map(|device| device.id().clone());
            if devices.len() < DEVICES_AT_ONCE {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let detail = format!(
        "No roll-out offers {} {} to {}. An admin can put it into one (PUT /api/rollouts/{}).",
        key.0,
        key.1,
        caller.principal().name(),
        key.0
    );
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
}

/// Whether the caller is the device, or may say everything that it says: then it could pass for it anyway.
pub(super) fn speaks_for(caller: &Caller, device: &DeviceId) -> bool {
    let principal = caller.principal();
    let below = Filter::parse(&format!("devices/{device}/#")).expect("made of a valid id");
    let is_it = caller.login.kind == Kind::Device && principal.name().strip_prefix("device:") == Some(device.as_str());
    is_it || principal.may_administer() || principal.permissions().allow_all_within(&below)
}

/// Answers with a file. `device` is noted to fetch it.
pub(super) async fn send(
    caller: &Caller,
    key: &FileKey,
    note: &FileNote,
    device: Option<&str>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", note.sha256);
    if tag::is_known(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    send_of(firmware(caller), key, note, device, method, headers).await
}

/// Answers likewise, whoever asks.
pub(in crate::http) async fn send_of(
    firmware: &Arc<Firmware>,
    key: &FileKey,
    note: &FileNote,
    device: Option<&str>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", note.sha256);
    let (own, kept, from_disk) = (key.clone(), note.clone(), Arc::clone(firmware));
    let file = aside(move || from_disk.bytes(&own, &kept)).await?;
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits");
    let part = range::asked(method, headers, note.size, &tag);
    let (status, from, to) = match part {
        Part::Whole => (StatusCode::OK, 0, note.size),
        Part::Bytes(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Part::Outside => return Ok(range::outside(note.size)),
    };
    if let Some(device) = device.filter(|_| from == 0 && *method == Method::GET) {
        firmware.fetch(device, key);
    }
    let body = if *method == Method::GET { stream_of(file, from, to) } else { Body::empty() };
    let mut response = (status, body).into_response();
    let said = response.headers_mut();
    let mut say = |name, value: &str| said.insert(name, HeaderValue::from_str(value).expect("ASCII"));
    say(header::CONTENT_TYPE, "application/octet-stream");
    // Said, as the program on a microcontroller reserves as much before it begins.
    say(header::CONTENT_LENGTH, &(to - from).to_string());
    say(header::ACCEPT_RANGES, "bytes");
    say(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{}-{}.bin\"", key.0, key.1));
    if status == StatusCode::PARTIAL_CONTENT {
        say(header::CONTENT_RANGE, &format!("bytes {from}-{}/{}", to - 1, note.size));
    } else {
        say(header::HeaderName::from_static("x-md5"), &note.md5);
    }
    said.insert(header::ETAG, tag);
    Ok(response)
}

/// Reads as fast as the device takes it.
fn stream_of(file: File, from: u64, to: u64) -> Body {
    let file = Arc::new(file);
    Body::from_stream(stream::unfold((file, from), move |(file, at)| async move {
        let length = usize::try_from(to - at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        if length == 0 {
            return None;
        }
        let reading = Arc::clone(&file);
        let read = aside(move || {
            let mut piece = vec![0; length];
            reading.read_exact_at(&mut piece, at).map(|()| Bytes::from(piece))
        });
        let read: std::io::Result<Bytes> = read.await;
        // An error ends the connection, so that nobody takes a part for the whole.
        let next = if read.is_ok() { at + length as u64 } else { to };
        Some((read, (file, next)))
    }))
}
