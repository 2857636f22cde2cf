//! The HTTPS API of Blynk 2.0: `/external/api/ACTION?token=TOKEN&…`.

use axum::body::Body;
use axum::http::{Method, Request, Response};
use housewire_protocols::blynk::Pin;
use housewire_protocols::limits::BLYNK_EVENT_CHARS_MAX;
use serde_json::value::RawValue;

use crate::http::blynk::device::Device;
use crate::http::blynk::{Door, past, reply, update as files};
use crate::http::query::Query;
use crate::notifications::{Kind, NewNotification};
use crate::pins::UPDATES;

const WRONG_PIN: &str = "Wrong pin format.";
const NO_STREAM: &str = "No datastream setup for that pin.";
const WRONG_TYPE: &str = "Value doesn't match the Datastream data type.";
const WRONG_FIELD: &str = "Wrong metaField format.";
/// What says whose pin it is or what is done with it, and is none itself.
const NO_PINS: [&str; 4] = ["token", "pin", "value", "dataStreamId"];

pub(super) async fn answer(door: Door<'_>, action: &str, request: Request<Body>) -> Response<Body> {
    if let Some(path) = action.strip_prefix(UPDATES) {
        return files::answer(door, path, request.method(), request.headers()).await;
    }
    let query = Query::of(request.uri());
    let token = query.first("token").unwrap_or_default();
    if token.is_empty() && action == "data/get" {
        return reply::error("No token provided.");
    }
    let Some(device) = Device::by_token(door, &token) else { return reply::error("Invalid token.") };
    match (request.method(), action) {
        (&Method::POST, "batch/update") => {
            let pin = query.first("pin").as_deref().and_then(Pin::parse);
            let Some(pin) = pin else { return reply::error(WRONG_PIN) };
            return past::add_batch(&device, pin, request).await;
        }
        // The pictures and files of an app that is Blynk's own.
        (&Method::POST, "upload") => return reply::no_upload("This server keeps no files of devices."),
        (&Method::GET, _) => {}
        _ => return reply::unknown(),
    }
    match action {
        "data/get" => past::link(&device, &query, request.headers(), request.uri().query().unwrap_or_default()).await,
        "data/file.zip" => past::zip(&device, &query).await,
        // What a template would have brought is declared here; which one it was is kept.
        "provision" => match query.first("templateId").filter(|template| !template.is_empty()) {
            Some(template) if device.set_meta_field("templateId", &template) => reply::done(),
            _ => reply::error("Invalid templateId."),
        },
        "get" => get(&device, &query),
        "getAll" => {
            let fields = device.read_all().into_iter().map(|(pin, values)| field(pin, &values));
            reply::json(format!("{{{}}}", fields.collect::<Vec<_>>().join(",")))
        }
        "update" | "batch/update" => update(&device, &query),
        "update/property" => {
            let pin = query.first("pin").as_deref().and_then(Pin::parse);
            let Some(pin) = pin else { return reply::error(WRONG_PIN) };
            let mut names = query.names().filter(|name| !NO_PINS.contains(name));
            match names.find_map(|name| device.set_property(pin, name, &query.decoded(name))) {
                Some(true) => reply::done(),
                Some(false) | None => reply::error(WRONG_TYPE),
            }
        }
        "logEvent" => {
            let Some(code) = query.first("code").filter(|code| !code.is_empty()) else {
                return reply::error("Event code is not provided.");
            };
            let said = query.first("description").unwrap_or_default();
            let said: String = said.chars().take(BLYNK_EVENT_CHARS_MAX).collect();
            device.tell(NewNotification { code: Some(code), ..NewNotification::new(Kind::Event, &said) });
            reply::done()
        }
        "isHardwareConnected" => reply::json(device.is_online().to_string()),
        "device/meta" => match meta_name(&query) {
            None => reply::error(WRONG_FIELD),
            Some(field) => match device.meta_field(&field) {
                None => reply::error("MetaField doesn't exist."),
                Some(value) => reply::text(value),
            },
        },
        "device/meta/update" => match (meta_name(&query), query.first("value")) {
            (None, _) => reply::error("Wrong metaField format"),
            (Some(field), Some(value)) if device.set_meta_field(&field, &value) => reply::done(),
            (Some(_), _) => reply::error("Wrong value"),
        },
        _ => reply::unknown(),
    }
}

fn meta_name(query: &Query) -> Option<String> {
    let name = query.first("metaFieldId").or_else(|| query.first("metaFieldName"))?;
    (!name.is_empty()).then_some(name)
}

/// Pins that a query names.
fn pins(query: &Query) -> impl Iterator<Item = (&str, Option<Pin>)> {
    query.names().filter(|name| !NO_PINS.contains(name)).map(|name| (name, Pin::parse(name)))
}

fn get(device: &Device<'_>, query: &Query) -> Response<Body> {
    if query.first("dataStreamId").is_some() {
        // Numbers of data streams belong to templates of Blynk's own service.
        return reply::error(&format!("Requested dataStream doesn't exist in the product {}", device.id));
    }
    let Some(pins) = pins(query).map(|(_, pin)| pin).collect::<Option<Vec<Pin>>>().filter(|pins| !pins.is_empty())
    else {
        return reply::error(WRONG_PIN);
    };
    let read: Option<Vec<(Pin, Vec<String>)>> = pins.iter().map(|pin| Some((*pin, device.read(*pin)?))).collect();
    match read.as_deref() {
        None => reply::error(NO_STREAM),
        Some([(_, values)]) => match values.as_slice() {
            [value] => reply::text(value.clone()),
            values => reply::json(serde_json::Value::from(values).to_string()),
        },
        Some(many) => {
            let fields = many.iter().map(|(pin, values)| field(*pin, values));
            reply::json(format!("{{{}}}", fields.collect::<Vec<_>>().join(",")))
        }
    }
}

/// Numbers are not quoted, texts are, and many values are a list.
fn field(pin: Pin, values: &[String]) -> String {
    let one = |value: &String| {
        let is_number = value.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            && serde_json::from_str::<&RawValue>(value).is_ok_and(|raw| raw.get() == value);
        if is_number { value.clone() } else { serde_json::Value::from(value.as_str()).to_string() }
    };
    match values {
        [value] => format!("\"{pin}\":{}", one(value)),
        values => format!("\"{pin}\":[{}]", values.iter().map(one).collect::<Vec<_>>().join(",")),
    }
}

fn update(device: &Device<'_>, query: &Query) -> Response<Body> {
    if query.first("dataStreamId").is_some() {
        return reply::error("Wrong dataStreamId format.");
    }
    let named = query.first("pin").map(|pin| (Pin::parse(&pin), query.decoded("value")));
    let writes: Vec<_> = match named {
        Some(named) => vec![named],
        None => pins(query).map(|(name, pin)| (pin, query.decoded(name))).collect(),
    };
    let writes: Option<Vec<(Pin, Vec<String>)>> =
        writes.into_iter().map(|(pin, values)| Some((pin?, values))).collect();
    let Some(writes) = writes.filter(|writes| !writes.is_empty()) else { return reply::error(WRONG_PIN) };
    // All or none: whoever hears that it was wrong sends all of it again.
    let written = writes.iter().all(|(pin, values)| device.takes(*pin, values))
        && writes.iter().all(|(pin, values)| device.write(*pin, values));
    if written { reply::done() } else { reply::error(WRONG_TYPE) }
}
