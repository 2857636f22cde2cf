//! A file of firmware on its way in: taken piece by piece, and kept when it is whole.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use crate::accounts::Event;
use crate::aside::aside;
use crate::caller::Caller;
use crate::firmware::{Arriving, FirmwareError, Naming, parse_note};
use crate::http::describe::{BodyAnswers, Busy, Conflict, Forbidden, NoRoom, Unusable};
use crate::http::firmware::describe::UploadParams;
use crate::http::firmware::{FileJson, FilePath, change, firmware, note};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::{BODY_TIMEOUT, FIRMWARE_BYTES_MAX};
use crate::view::schema::AnyBytes;

/// Gathered before it is written.
const PIECE_BYTES: usize = 256 * 1024;

/// `PUT /api/firmware/{name}/{version}`
#[utoipa::path(
    put, path = "/api/firmware/{name}/{version}", operation_id = "putFirmware", tag = "Firmware",
    summary = "Uploads a file of firmware",
    description = "For administrators. The body is the file, of 16 MiB at the most. Nothing is kept of one that breaks off. A version never becomes \
                   another file (409 `taken`); the same bytes once more change nothing.",
    params(FilePath, UploadParams),
    request_body(content = AnyBytes, content_type = "application/octet-stream", description = "The program, byte by byte."),
    responses(
        (status = 200, description = "The file, which was there already.", body = FileJson),
        (status = 201, description = "The file, which is new.", body = FileJson),
        BodyAnswers, Forbidden, Conflict, Unusable, Busy, NoRoom,
    ),
)]
pub(crate) async fn put(
    caller: Caller,
    FilePath(key): FilePath,
    query: Query,
    request: Request,
) -> Result<(StatusCode, Json<FileJson>), Problem> {
    caller.must_administer()?;
    let naming = Naming {
        key: key.clone(),
        note: parse_note(query.first("note"))?,
        sha256: query.first("sha256"),
        by: caller.change().who,
    };
    let (parts, body) = request.into_parts();
    must_be_plausible(&parts.headers)?;
    let arrived = {
        let _turn = firmware(&caller).upload_turn()?;
        receive(&caller, body).await?
    };
    caller.must_still_be_let_in()?;
    caller.must_administer()?;
    let (kept, is_new) = change(&caller, move |firmware| firmware.keep(arrived, naming)).await?;
    if is_new {
        let detail = format!("{} bytes, SHA-256 {}", kept.size, kept.sha256);
        note(&caller, Event::FirmwareUploaded, &format!("{}/{}", key.0, key.1), Some(detail));
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(FileJson::new(firmware(&caller), key, kept))))
}

/// Says no before the file is sent, where that is possible.
fn must_be_plausible(headers: &HeaderMap) -> Result<(), Problem> {
    let coding = headers.get(header::CONTENT_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::content_coding());
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > FIRMWARE_BYTES_MAX) {
        return Err(Problem::from(FirmwareError::TooLarge).closing());
    }
    Ok(())
}

async fn receive(caller: &Caller, body: Body) -> Result<Arriving, Problem> {
    let mut arriving = change(caller, crate::firmware::Firmware::receive).await?;
    let mut chunks = body.into_data_stream();
    let mut gathered = Vec::new();
    loop {
        let chunk = timeout(BODY_TIMEOUT, chunks.next()).await.map_err(|_| Problem::too_slow())?;
        let is_last = chunk.is_none();
        if let Some(chunk) = chunk {
            let broke =
                |error| Problem::bad_request(format!("The file broke off: {error}. Nothing was kept; send it again."));
            gathered.extend_from_slice(&chunk.map_err(broke)?);
        }
        if gathered.len() >= PIECE_BYTES || is_last {
            let written;
            (arriving, gathered, written) = aside(move || {
                let written = arriving.write(&gathered);
                gathered.clear();
                (arriving, gathered, written)
            })
            .await;
            written.map_err(|error| Problem::from(error).closing())?;
        }
        if is_last {
            return Ok(arriving);
        }
    }
}
