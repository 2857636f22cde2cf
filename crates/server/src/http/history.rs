//! The past over HTTP: what properties were, as JSON, CSV or lines of JSON; and what is kept of them.
//!
//! Whoever may read a property now may read its past, and whoever may report it may add to its past, delete it and say what is kept.

mod answer;
mod ask;
mod csv;
mod export;
mod import;
mod moment;
mod params;
mod wear;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{Access, DeviceId, PropertyName, Type};

use self::answer::{Subject, look_up, write_answer};
use self::ask::{Ask, Format, stretch};
pub(crate) use self::import::{__path_import, import};
use self::params::{HistoryParams, HistoryView, ManyView, SeriesParam, StretchParams};
pub(crate) use self::wear::{__path_show_wear, show_wear, write_metrics};
use crate::caller::Caller;
use crate::history::{Name, NoAnswer, NotKept, Policy, Recorder, has_history, wall};
use crate::http::body::Upload;
use crate::http::describe::{BadRequest, BodyAnswers, Busy, Conflict, Forbidden, NoRoom, NotFound, Unusable};
use crate::http::path::PropertyPath;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::{HISTORY_POINTS_MAX, HISTORY_POLICIES_MAX, HISTORY_SERIES_MAX};
use crate::reasons::with_reasons;
use crate::refusal::shorten;

/// `GET /api/devices/{id}/{property}/history`
#[utoipa::path(
    get, path = "/api/devices/{id}/{property}/history", operation_id = "getHistory", tag = "History",
    summary = "Tells what a property was",
    description = "All points of a time; with `points` about so many, the lowest and the highest of each stretch among them; with `agg` one value for \
                   each stretch. As CSV and lines of JSON there is no bound.",
    params(PropertyPath, HistoryParams),
    responses(
        (
            status = 200, description = "The points, in order of time.",
            headers(("Content-Disposition" = String, description = "With `format=csv` and `ndjson`: a name for the file.")),
            content(
                (HistoryView = "application/json"),
                (String = "text/csv"),
                (String = "application/x-ndjson"),
            ),
        ),
        BadRequest, Forbidden, NotFound, Conflict, Unusable, Busy, NoRoom,
    ),
)]
pub(crate) async fn get(caller: Caller, path: PropertyPath, query: Query) -> Result<Response, Problem> {
    let recorder = recorder(&caller)?;
    let now = wall();
    let ask = Ask::of(&query, now)?;
    let subject = subject(&caller, path.device, path.property)?;
    must_be_there(&recorder, std::slice::from_ref(&subject)).await?;
    if ask.format != Format::Json {
        let file = format!("{}-{}", subject.name.device, subject.name.property);
        return Ok(export::answer(caller, recorder, vec![subject], ask, &file));
    }
    let body = recorder.ask_on(move |reader| {
        let answer = look_up(reader, &subject, &ask, now, HISTORY_POINTS_MAX)?;
        let mut out = b"{".to_vec();
        write_answer(&subject, &ask, &answer, &mut out);
        out.push(b'}');
        Ok(out)
    });
    Ok(as_json(body.await.map_err(no_answer)?))
}

/// `GET /api/history`
#[utoipa::path(
    get, path = "/api/history", operation_id = "getHistories", tag = "History",
    summary = "Tells what several properties were",
    description = "As for one property. All of them must be there and may be read; otherwise nothing is answered. What all of them may have of points \
                   in one answer is divided between them.",
    params(SeriesParam, HistoryParams),
    responses(
        (
            status = 200, description = "One answer for each, in the order of the question.",
            headers(("Content-Disposition" = String, description = "With `format=csv` and `ndjson`: a name for the file.")),
            content(
                (ManyView = "application/json"),
                (String = "text/csv"),
                (String = "application/x-ndjson"),
            ),
        ),
        BadRequest, Forbidden, NotFound, Conflict, Unusable, Busy, NoRoom,
    ),
)]
pub(crate) async fn get_many(caller: Caller, query: Query) -> Result<Response, Problem> {
    let recorder = recorder(&caller)?;
    let now = wall();
    let ask = Ask::of(&query, now)?;
    if ask.after.is_some() {
        return Err(Problem::bad_request("?after= goes on with one property: ask for it by itself."));
    }
    let names = series_of(&query)?;
    let points_max = HISTORY_POINTS_MAX / names.len();
    if let Some(points) = ask.points().filter(|points| *points > points_max) {
        let detail = format!(
            "{points} points of {} properties are more than {HISTORY_POINTS_MAX}, which one answer has: ask for {points_max}.",
            names.len()
        );
        return Err(Problem::bad_request(detail));
    }
    let subjects = names.into_iter().map(|name| subject(&caller, name.device, name.property));
    let subjects = subjects.collect::<Result<Vec<_>, _>>()?;
    must_be_there(&recorder, &subjects).await?;
    if ask.format != Format::Json {
        return Ok(export::answer(caller, recorder, subjects, ask, "history"));
    }
    let body = recorder.ask_on(move |reader| {
        let mut out = format!("{{\"from\":\"{}\",\"to\":\"{}\",\"series\":[", ask.from, ask.to).into_bytes();
        for (number, subject) in subjects.iter().enumerate() {
            let answer = look_up(reader, subject, &ask, now, points_max)?;
            out.extend_from_slice(if number > 0 { b",{" } else { b"{" });
            write_answer(subject, &ask, &answer, &mut out);
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
        Ok(out)
    });
    Ok(as_json(body.await.map_err(no_answer)?))
}

/// `DELETE /api/devices/{id}/{property}/history`
#[utoipa::path(
    delete, path = "/api/devices/{id}/{property}/history", operation_id = "deleteHistory", tag = "History",
    summary = "Deletes what a property was",
    description = "What lies between `from` and `to`; all of it without both. It is gone from the disk when this is answered.",
    params(PropertyPath, StretchParams),
    responses((status = 204, description = "It is gone."), BadRequest, Forbidden, NotFound, Conflict, Busy, NoRoom),
)]
pub(crate) async fn remove(caller: Caller, path: PropertyPath, query: Query) -> Result<StatusCode, Problem> {
    caller.must(Access::Write, path.topic("").borrow())?;
    let recorder = recorder(&caller)?;
    let window = stretch(&query, wall())?;
    let subject = known(&caller, path.device, path.property);
    must_be_there(&recorder, std::slice::from_ref(&subject)).await?;
    recorder.forget(subject.name, window).await.map_err(no_answer)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/devices/{id}/{property}/history/policy`
#[utoipa::path(
    get, path = "/api/devices/{id}/{property}/history/policy", operation_id = "getHistoryPolicy", tag = "History",
    summary = "Tells what is kept of a property",
    params(PropertyPath),
    responses((status = 200, description = "What is kept.", body = Policy), BadRequest, Forbidden, NotFound, Conflict, Busy),
)]
pub(crate) async fn policy(caller: Caller, path: PropertyPath) -> Result<Json<Policy>, Problem> {
    caller.must_read(&path.device, &path.property)?;
    let recorder = recorder(&caller)?;
    if caller.hub().device(&path.device).is_none() {
        return Err(no_device(&path.device));
    }
    let policy = recorder.policy(Name { device: path.device, property: path.property }).await;
    policy.map(Json).map_err(no_answer)
}

/// `PUT /api/devices/{id}/{property}/history/policy`
#[utoipa::path(
    put, path = "/api/devices/{id}/{property}/history/policy", operation_id = "putHistoryPolicy", tag = "History",
    summary = "Says what is kept of a property",
    description = "From now on; what was kept stays, until it is too old. The property may be one that has not reported yet.",
    params(PropertyPath),
    request_body(content = Policy, description = "What is to be kept.", example = json!({"keep": "every", "every_s": 60, "raw_days": 7})),
    responses(
        (status = 200, description = "What is kept.", body = Policy),
        BodyAnswers, Forbidden, NotFound, Conflict, Unusable, Busy, NoRoom,
    ),
)]
pub(crate) async fn set_policy(caller: Caller, path: PropertyPath, upload: Upload) -> Result<Json<Policy>, Problem> {
    caller.must(Access::Write, path.topic("").borrow())?;
    let recorder = recorder(&caller)?;
    if caller.hub().device(&path.device).is_none() {
        return Err(no_device(&path.device));
    }
    let policy: Policy = upload.json("keep and, if wanted, every_s and raw_days")?;
    let senseless = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unusable", format!("{why}."));
    policy.check().map_err(senseless)?;
    let kept = recorder.keep(Name { device: path.device, property: path.property }, policy).await;
    match kept.map_err(no_answer)? {
        Ok(()) => Ok(Json(policy)),
        Err(NotKept::Full) => {
            let detail =
                format!("There are {HISTORY_POLICIES_MAX} policies already: set some back to {{\"keep\":\"all\"}}.");
            Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "full", detail))
        }
        Err(NotKept::Disk(error)) => {
            Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "disk_failing", with_reasons(&error)))
        }
    }
}

/// The history, if there is one.
fn recorder(caller: &Caller) -> Result<Arc<Recorder>, Problem> {
    caller.shard.history.clone().ok_or_else(|| {
        let why = if caller.shard.config.history.enabled {
            "There is no history until the hub is started again: its files could not be used, and the log says why."
        } else {
            "This hub keeps no history: history.enabled is false, or it was started with --no-history."
        };
        Problem::new(StatusCode::CONFLICT, "history_off", why)
    })
}

/// A property that may be read and that can have a past.
fn subject(caller: &Caller, device: DeviceId, property: PropertyName) -> Result<Subject, Problem> {
    caller.must_read(&device, &property)?;
    let subject = known(caller, device, property);
    match subject.kind.filter(|kind| !has_history(*kind)) {
        Some(kind) => Err(no_history(kind)),
        None => Ok(subject),
    }
}

fn known(caller: &Caller, device: DeviceId, property: PropertyName) -> Subject {
    let found = caller.hub().device(&device).and_then(|device| {
        let state = device.lock();
        state.properties.get(&property).map(|property| (property.spec.kind, property.spec.unit.clone()))
    });
    let (kind, unit) = found.unzip();
    Subject { name: Name { device, property }, kind, unit: unit.flatten() }
}

/// What the registry does not know may have a past all the same. What was published before can be read behind this.
async fn must_be_there(recorder: &Arc<Recorder>, subjects: &[Subject]) -> Result<(), Problem> {
    let unknown: Vec<Subject> = subjects.iter().filter(|subject| subject.kind.is_none()).cloned().collect();
    let missing = recorder.ask(move |reader| {
        Ok(unknown.into_iter().find(|subject| subject.find(reader).is_none()).map(|subject| subject.name))
    });
    match missing.await.map_err(no_answer)? {
        None => Ok(()),
        Some(Name { device, property }) => Err(Problem::not_found(format!(
            "Nothing is known of '{device}/{property}', now or before. A property has a history from its first report on."
        ))),
    }
}

/// `?series=lamp/power,lamp/level`
fn series_of(query: &Query) -> Result<Vec<Name>, Problem> {
    let text = query.first("series").filter(|text| !text.is_empty());
    let text =
        text.ok_or_else(|| Problem::bad_request("Say which properties, for example ?series=lamp/power,lamp/level."))?;
    let names: Vec<&str> = text.split(',').collect();
    if names.len() > HISTORY_SERIES_MAX {
        let detail =
            format!("At most {HISTORY_SERIES_MAX} properties in one question, not {}: ask twice.", names.len());
        return Err(Problem::bad_request(detail));
    }
    let parse = |name: &&str| {
        let wrong =
            || format!("?series=: '{}' is no property; write device/property, divided by commas.", shorten(name));
        Name::parse(name).ok_or_else(|| Problem::bad_request(wrong()))
    };
    let names: Vec<Name> = names.iter().map(parse).collect::<Result<_, _>>()?;
    let is_repeated = |(at, name): (usize, &Name)| names[..at].contains(name);
    if names.iter().enumerate().any(is_repeated) {
        return Err(Problem::bad_request("?series= names a property twice: once is enough."));
    }
    Ok(names)
}

fn no_device(device: &DeviceId) -> Problem {
    Problem::not_found(format!("There is no device '{device}'. It is registered by its first report, or with PUT."))
}

fn no_history(kind: Type) -> Problem {
    let detail = format!("Properties of type {kind} have no history: numbers, bool, enum, string and color have.");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_history", detail)
}

/// In words for whoever asked.
pub(crate) fn no_answer(error: NoAnswer) -> Problem {
    let wait = matches!(error, NoAnswer::Busy).then_some(Duration::from_secs(2));
    let problem = Problem::from(error);
    match wait {
        Some(wait) => problem.retry_after(wait),
        None => problem,
    }
}

fn as_json(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], body).into_response()
}
