//! The API of Blynk's old server: `/TOKEN/ACTION/PIN`.

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response, header};
use housewire_protocols::blynk::{Pin, PinKind};
use housewire_protocols::limits::BLYNK_NOTIFICATION_CHARS_MAX;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::http::blynk::device::Device;
use crate::http::blynk::{Door, past, reply};
use crate::http::query::Query;
use crate::limits::{BLYNK_HTTP_BODY_BYTES_MAX, BLYNK_POINTS_BODY_BYTES_MAX};
use crate::notifications::{Kind, NewNotification};
use crate::pins::local_seconds;
use crate::shard::now;

const WRONG_PIN: &str = "Wrong pin format.";
const NO_PIN: &str = "Requested pin doesn't exist in the app.";
const WRONG_REQUEST: &str = "Wrong request format.";

pub(super) async fn answer(door: Door<'_>, token: &str, rest: &str, request: Request<Body>) -> Response<Body> {
    let Some(device) = Device::by_token(door, token) else { return reply::refused("Invalid token.") };
    let mut steps = rest.split('/');
    let (action, place, more) = (steps.next().unwrap_or_default(), steps.next(), steps.next());
    match (request.method(), action, place, more) {
        (&Method::GET, "get", Some(pin), None) => match Pin::parse(pin).map(|pin| device.read(pin)) {
            None => reply::refused(WRONG_PIN),
            Some(None) => reply::refused(NO_PIN),
            Some(Some(values)) => reply::json(serde_json::Value::from(values).to_string()),
        },
        (&Method::GET, "update", Some(pin), None) => update(&device, pin, &Query::of(request.uri())),
        (&Method::PUT, "update" | "pin", Some(pin), None) => {
            let Some(pin) = Pin::parse(pin) else { return reply::refused(WRONG_PIN) };
            match body_of::<Vec<String>>(request).await {
                Err(refusal) => refusal,
                Ok(values) if values.is_empty() => reply::refused("No pin for update provided."),
                Ok(values) => done_if(device.write(pin, &values)),
            }
        }
        (&Method::PUT, "extra", Some("pin"), Some(pin)) => {
            let Some(pin) = Pin::parse(pin) else { return reply::refused(WRONG_PIN) };
            match bytes_of(request, BLYNK_POINTS_BODY_BYTES_MAX).await {
                Err(refusal) => refusal,
                Ok(body) => past::add_extra(&device, pin, body).await,
            }
        }
        (&Method::GET, "data", Some(pin), None) => match Pin::parse(pin) {
            None => reply::refused(WRONG_PIN),
            Some(pin) => past::file_of(&device, token, pin).await,
        },
        (&Method::GET, "project", None, None) => reply::json(project(&device).to_string()),
        (&Method::GET, file, None, None) if file.ends_with(".csv.gz") => match past::pin_of_file(&device, file) {
            None => reply::unknown(),
            Some(pin) => past::file(&device, pin).await,
        },
        (&Method::GET, "isHardwareConnected", None, None) => reply::json(device.is_online().to_string()),
        // The page is what the app was: it is there as long as the hub is.
        (&Method::GET, "isAppConnected", None, None) => reply::json("true".to_owned()),
        (&Method::GET, "rtc", None, None) => {
            reply::json(format!("[{}]", local_seconds(now().wall, &TimeZone::system())))
        }
        (&Method::POST, "notify", None, None) => match body_of::<Push>(request).await {
            Err(refusal) => refusal,
            Ok(Push { body }) if body.is_empty() || body.chars().count() > BLYNK_NOTIFICATION_CHARS_MAX => {
                reply::refused("Body is empty or larger than 255 chars.")
            }
            Ok(Push { body }) => {
                device.tell(NewNotification::new(Kind::Push, &body));
                reply::done()
            }
        },
        (&Method::POST, "email", None, None) => match body_of::<Email>(request).await {
            Err(refusal) => refusal,
            Ok(email) if email.to.is_empty() || email.subj.is_empty() => {
                reply::refused("Email body is wrong. Missing or empty fields 'to', 'subj'.")
            }
            Ok(Email { to, subj, title }) => {
                let text = NewNotification::new(Kind::Email, &title);
                device.tell(NewNotification { to: Some(to), title: Some(subj), ..text });
                reply::done()
            }
        },
        _ => reply::unknown(),
    }
}

fn update(device: &Device<'_>, pin: &str, query: &Query) -> Response<Body> {
    let Some(pin) = Pin::parse(pin) else { return reply::refused(WRONG_PIN) };
    let values = query.decoded("value");
    if !values.is_empty() {
        return done_if(device.write(pin, &values));
    }
    let set = query.names().find_map(|name| device.set_property(pin, name, &query.decoded(name)));
    done_if(set == Some(true))
}

fn done_if(is_done: bool) -> Response<Body> {
    if is_done { reply::done() } else { reply::refused(WRONG_REQUEST) }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Push {
    body: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Email {
    to: String,
    subj: String,
    title: String,
}

/// The project that the device stands in for: one dashboard with the values of its pins. The old server's is the file of a whole
/// dashboard, of which the hub has none.
fn project(device: &Device<'_>) -> serde_json::Value {
    let pins = device.read_all().into_iter().enumerate().map(|(place, (pin, values))| {
        serde_json::json!({
            "id": place + 1, "type": "LABELED_VALUE_DISPLAY", "deviceId": 0, "label": pin.to_string(),
            "pinType": kind_of(pin), "pin": pin.number, "value": values.join("\0"),
        })
    });
    let devices = [serde_json::json!({
        "id": 0, "name": device.name(), "status": if device.is_online() { "ONLINE" } else { "OFFLINE" },
    })];
    serde_json::json!({
        "id": 1, "name": device.name(), "isActive": true, "isAppConnectedOn": true,
        "widgets": pins.collect::<Vec<_>>(), "devices": devices,
    })
}

fn kind_of(pin: Pin) -> &'static str {
    match pin.kind {
        PinKind::Virtual => "VIRTUAL",
        PinKind::Digital => "DIGITAL",
        PinKind::Analog => "ANALOG",
    }
}

/// A body of JSON; or what is answered if it is none.
async fn body_of<T: serde::de::DeserializeOwned>(request: Request<Body>) -> Result<T, Response<Body>> {
    let bytes = bytes_of(request, BLYNK_HTTP_BODY_BYTES_MAX).await?;
    serde_json::from_slice(&bytes)
        .map_err(|_| reply::failed(format!("Error parsing body param. {}", String::from_utf8_lossy(&bytes))))
}

/// A body that is said to be JSON.
async fn bytes_of(request: Request<Body>, bytes_max: usize) -> Result<Bytes, Response<Body>> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(reply::failed("Unexpected content type. Expecting application/json.".to_owned()));
    }
    let bytes = axum::body::to_bytes(request.into_body(), bytes_max).await;
    bytes.map_err(|_| reply::refused(WRONG_REQUEST))
}
