//! What a device asks for: whether there is something new for it, and the file at once.

use axum::Json;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use housewire_core::DeviceId;

use crate::caller::Caller;
use crate::firmware::{Offer, Said, Who};
use crate::http::describe::{Forbidden, NotFound, NotModified, OutOfRange};
use crate::http::firmware::describe::{DamagedAnswer, RunningParams};
use crate::http::firmware::download::{send, speaks_for};
use crate::http::firmware::firmware;
use crate::http::path::DevicePath;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::refusal::Refusal;
use crate::view::firmware::OfferView;
use crate::view::schema::AnyBytes;

/// What libraries put before the names of their headers.
const PREFIXES: [&str; 2] = ["x-esp8266-", "x-esp32-"];

/// `GET /api/devices/{id}/firmware.json`
#[utoipa::path(
    get, path = "/api/devices/{id}/firmware.json", operation_id = "getFirmwareOffer", tag = "Firmware",
    summary = "Asks whether there is new firmware for a device",
    description = "For the device, and whoever may read and write all that it says. `version` tells the hub what runs. The same is retained in \
                   `devices/{id}/$firmware`.",
    params(DevicePath, RunningParams),
    responses(
        (status = 200, description = "What to fetch.", body = OfferView<'static>),
        (status = 204, description = "There is nothing for it, or it runs that already."),
        Forbidden, NotFound,
    ),
)]
pub(crate) async fn offer(
    caller: Caller,
    DevicePath(id): DevicePath,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let offer = ask(&caller, &id, &query, &headers)?;
    Ok(match offer {
        Some(offer) => Json(OfferView::from(&offer)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// `GET /api/devices/{id}/firmware.bin`
#[utoipa::path(
    get, path = "/api/devices/{id}/firmware.bin", operation_id = "getFirmwareUpdate", tag = "Firmware",
    summary = "Fetches new firmware for a device, if there is any",
    description = "As ESP8266httpUpdate and HTTPUpdate ask for it: 304 if there is nothing new, and with the file its `x-MD5`.",
    params(DevicePath, RunningParams),
    responses(
        (status = 200, description = "The file.", body = AnyBytes, content_type = "application/octet-stream"),
        (status = 206, description = "The part that `Range` asks for.", body = AnyBytes, content_type = "application/octet-stream"),
        NotModified, Forbidden, NotFound, OutOfRange, DamagedAnswer,
    ),
)]
pub(crate) async fn update(
    caller: Caller,
    DevicePath(id): DevicePath,
    query: Query,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    must_want_a_program(&headers)?;
    let Some(offer) = ask(&caller, &id, &query, &headers)? else { return Ok(StatusCode::NOT_MODIFIED.into_response()) };
    if let Some(room) = number(&headers, "free-space").filter(|room| *room < offer.file.size) {
        let reason =
            format!("It has room for {room} bytes, and {} {} has {}.", offer.name, offer.version, offer.file.size);
        firmware(&caller).fail(id.as_str(), &offer, reason);
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let Offer { name, version, file } = offer;
    send(&caller, &(name, version), &file, Some(id.as_str()), &method, &headers).await
}

fn ask(caller: &Caller, id: &DeviceId, query: &Query, headers: &HeaderMap) -> Result<Option<Offer>, Problem> {
    if !speaks_for(caller, id) {
        let detail =
            format!("{} may not fetch firmware for {id}: use a token of that device.", caller.principal().name());
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let device = caller.hub().device(id);
    let device = device.ok_or_else(|| {
        Refusal::NotFound(format!("There is no device '{id}'. It is registered by its first report, or with PUT."))
    })?;
    let model = device.lock().info.model.clone();
    let who = Who { device: id.as_str(), model: model.as_deref() };
    let said = Said {
        version: query.first("version").or_else(|| header(headers, "version")),
        md5: header(headers, "sketch-md5"),
        ..Said::default()
    };
    Ok(firmware(caller).ask(who, said))
}

/// What an image of files is fetched by the same way, and would be overwritten with a program.
fn must_want_a_program(headers: &HeaderMap) -> Result<(), Problem> {
    match header(headers, "mode").as_deref() {
        None | Some("sketch") => Ok(()),
        Some(_) => Err(Problem::not_found("There are only programs here, no images of file systems.")),
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = PREFIXES.iter().find_map(|prefix| headers.get(format!("{prefix}{name}")));
    values.and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty()).map(str::to_owned)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    header(headers, name)?.parse().ok()
}
