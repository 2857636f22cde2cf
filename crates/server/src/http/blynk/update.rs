//! Firmware that a device was told of over Blynk, fetched from the address that it was given.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::firmware::{Offer, Who};
use crate::http::blynk::{Door, reply};
use crate::http::firmware::send_of;

/// `firmware/DEVICE/NAME/VERSION/KEY`: the file, as long as a roll-out has it for that device.
pub(super) async fn answer(door: Door<'_>, path: &str, method: &Method, headers: &HeaderMap) -> Response<Body> {
    if *method != Method::GET && *method != Method::HEAD {
        return reply::unknown();
    }
    let Some(opened) = door.shard.blynk.fetch.open(path) else { return reply::unknown() };
    let firmware = &door.shard.house.firmware;
    let Some(device) = door.shard.hub.device(&opened.device) else { return reply::unknown() };
    let model = device.lock().info.model.clone();
    let who = Who { device: opened.device.as_str(), model: model.as_deref() };
    let offer = firmware.offer(who).filter(|offer| offer.name == opened.name && offer.version == opened.version);
    let Some(Offer { name, version, file }) = offer else { return reply::unknown() };
    let sha256 = BASE64_STANDARD.encode(bytes_of(&file.sha256));
    let key = (name, version);
    let sent = send_of(firmware, &key, &file, Some(opened.device.as_str()), method, headers).await;
    let mut response = match sent {
        Ok(response) => response,
        Err(problem) => return axum::response::IntoResponse::into_response(problem),
    };
    for (name, value) in [
        ("x-sha256", &*sha256),
        ("x-md5", &file.md5),
        ("x-fw-type", &key.0),
        ("x-fw-ver", &key.1),
        ("x-fw-build", &key.1),
    ] {
        let value = HeaderValue::from_str(value).expect("digits, and names that were checked");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

/// Of hexadecimal digits.
fn bytes_of(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).filter_map(|at| digits.get(at..at + 2));
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
