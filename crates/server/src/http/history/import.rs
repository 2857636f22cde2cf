//! Points that come from elsewhere: read as they arrive, taken a few thousand at a time.
//!
//! Whoever sends faster than the disk takes waits, since nothing more is read meanwhile.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use housewire_core::{Access, TopicRef, Type};
use housewire_store::Point;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::aside::aside;
use crate::caller::Caller;
use crate::history::{Name, Recorder, has_history, kind_of, parse};
use crate::http::body::Upload;
use crate::http::describe::{BodyAnswers, Busy, Conflict, Forbidden, NoRoom, NotFound, Unusable};
use crate::http::history::csv::{Line, Lines};
use crate::http::history::{known, moment, must_be_there, no_answer, no_device, no_history, recorder};
use crate::http::path::PropertyPath;
use crate::http::problem::Problem;
use crate::limits::{BODY_TIMEOUT, HISTORY_IMPORT_BYTES_MAX, HISTORY_POINTS_AT_ONCE, HISTORY_REFUSED_SHOWN_MAX};
use crate::refusal::{shorten, shorten_json_error};
use crate::view::json::payload_of;
use crate::view::schema::Payload;

/// Read in one piece aside.
const BYTES_AT_ONCE: usize = 128 * 1024;

/// Points as JSON.
#[derive(ToSchema)]
#[schema(as = HistoryImport)]
#[expect(dead_code, reason = "it is only described")]
pub(crate) struct ImportBody {
    /// Of each the time and the value.
    points: Vec<Vec<Payload>>,
}

/// What became of an import.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = HistoryImported)]
pub(crate) struct Imported {
    /// Points that were taken; they are on the disk.
    imported: u64,
    /// The first of those that were not.
    refused: Vec<RefusedLine>,
    /// How many were not.
    refused_count: u64,
}

/// A line that is no point.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryRefused)]
pub(crate) struct RefusedLine {
    /// In the file, from 1; of JSON the place in the list.
    line: u64,
    reason: String,
}

/// `POST /api/devices/{id}/{property}/history`
#[utoipa::path(
    post, path = "/api/devices/{id}/{property}/history", operation_id = "importHistory", tag = "History",
    summary = "Adds points from elsewhere",
    description = "CSV with lines `time,value`, with or without a header, or JSON. A time is RFC 3339 or a number of seconds, milliseconds or \
                   microseconds since 1970. The property must be known: declared, or reported once. Points are taken as they come, also those that are there already; lines that are no points are \
                   told and left out.",
    params(PropertyPath),
    request_body(
        description = "The points.",
        content((String = "text/csv"), (ImportBody = "application/json")),
    ),
    responses(
        (status = 200, description = "What became of it.", body = Imported),
        BodyAnswers, Forbidden, NotFound, Conflict, Unusable, Busy, NoRoom,
    ),
)]
pub(crate) async fn import(caller: Caller, path: PropertyPath, request: Request) -> Result<Response, Problem> {
    caller.must(Access::Write, path.topic("").borrow())?;
    let recorder = recorder(&caller)?;
    let name = Name { device: path.device, property: path.property };
    if caller.hub().device(&name.device).is_none() {
        return Err(no_device(&name.device));
    }
    let kind = kind_of(caller.hub(), &name);
    if let Some(kind) = kind.filter(|kind| !has_history(*kind)) {
        return Err(no_history(kind));
    }
    let subject = known(&caller, name.device.clone(), name.property.clone());
    must_be_there(&recorder, std::slice::from_ref(&subject)).await?;
    let (parts, body) = request.into_parts();
    let reader = Reader { kind, points: Vec::new(), imported: Imported::default(), is_first: true };
    let mut import = Import { caller: caller.clone(), recorder, name, reader };
    if is_json(&parts.headers) {
        let upload = Upload::receive(&caller, &parts.headers, body).await?;
        import.take_json(upload).await?;
    } else {
        import.take_csv(&parts.headers, body).await?;
    }
    let imported = import.reader.imported;
    if imported.imported == 0
        && let Some(first) = imported.refused.first()
    {
        let detail = format!(
            "None of it can be read, and nothing was imported. The first of {} lines that are wrong is line {}: {}.",
            imported.refused_count, first.line, first.reason
        );
        return Err(Problem::bad_request(detail));
    }
    Ok((StatusCode::OK, Json(imported)).into_response())
}

fn is_json(headers: &HeaderMap) -> bool {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

struct Import {
    caller: Caller,
    recorder: Arc<Recorder>,
    name: Name,
    reader: Reader,
}

/// Makes points of lines.
struct Reader {
    /// `None` until the first value of a property that is new says what it is.
    kind: Option<Type>,
    points: Vec<Point>,
    imported: Imported,
    is_first: bool,
}

impl Import {
    async fn take_csv(&mut self, headers: &HeaderMap, body: Body) -> Result<(), Problem> {
        if headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            return Err(Problem::content_coding());
        }
        let mut chunks = body.into_data_stream();
        let (mut lines, mut gathered, mut bytes) = (Lines::default(), Vec::new(), 0_u64);
        loop {
            let chunk = timeout(BODY_TIMEOUT, chunks.next()).await.map_err(|_| self.broken(Problem::too_slow()))?;
            let is_last = chunk.is_none();
            if let Some(chunk) = chunk {
                let broke = |error| Problem::bad_request(format!("The body broke off: {error}. {}", self.so_far()));
                let chunk = chunk.map_err(broke)?;
                bytes += chunk.len() as u64;
                if bytes > HISTORY_IMPORT_BYTES_MAX {
                    let detail = format!(
                        "A file may have {HISTORY_IMPORT_BYTES_MAX} bytes. {} Send the rest as another file.",
                        self.so_far()
                    );
                    return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).closing());
                }
                gathered.extend_from_slice(&chunk);
            }
            if gathered.len() >= BYTES_AT_ONCE || is_last {
                (lines, gathered) = self.read_lines(lines, gathered, is_last).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Reads what was gathered, aside, and has the points taken.
    async fn read_lines(
        &mut self,
        mut lines: Lines,
        mut gathered: Vec<u8>,
        is_last: bool,
    ) -> Result<(Lines, Vec<u8>), Problem> {
        let recorder = Arc::clone(&self.recorder);
        let _turn = recorder.import_turn().await.map_err(|error| self.broken(no_answer(error)))?;
        let mut reader = self.reader.take();
        let (lines, gathered, reader) = aside(move || {
            lines.feed(&gathered, |number, line| reader.take_line(number, &line));
            if is_last {
                lines.finish(|number, line| reader.take_line(number, &line));
            }
            gathered.clear();
            (lines, gathered, reader)
        })
        .await;
        self.reader = reader;
        self.hand_over().await?;
        Ok((lines, gathered))
    }

    async fn take_json(&mut self, upload: Upload) -> Result<(), Problem> {
        let mut reader = self.reader.take();
        let (reader, read) = aside(move || {
            let read = reader.take_list(&upload.bytes);
            (reader, read)
        })
        .await;
        self.reader = reader;
        read?;
        self.hand_over().await
    }

    /// Returns when the points are on the disk.
    async fn hand_over(&mut self) -> Result<(), Problem> {
        let points = std::mem::take(&mut self.reader.points);
        let mut points = points.into_iter();
        loop {
            let some: Vec<_> = points.by_ref().take(HISTORY_POINTS_AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            if self.caller.hub().device(&self.name.device).is_none() {
                return Err(self.broken(no_device(&self.name.device)));
            }
            // Both may have been taken back since the piece before.
            let topic = format!("devices/{}/{}", self.name.device, self.name.property);
            let topic = TopicRef::parse(&topic).expect("made of valid names");
            let may = self.caller.must_still_be_let_in().and_then(|()| Ok(self.caller.must(Access::Write, topic)?));
            may.map_err(|refusal| self.broken(refusal.into()))?;
            let taken = self.recorder.import(self.name.clone(), some).await;
            let taken = taken.map_err(|error| match self.caller.hub().device(&self.name.device) {
                Some(_) => self.broken(no_answer(error)),
                // It was deleted while the history had this piece.
                None => self.broken(no_device(&self.name.device)),
            })?;
            self.reader.imported.imported += taken as u64;
        }
    }

    fn so_far(&self) -> String {
        format!("{} points were taken before that.", self.reader.imported.imported)
    }

    fn broken(&self, problem: Problem) -> Problem {
        problem.adding(&self.so_far())
    }
}

impl Reader {
    /// As it is; nothing is left.
    fn take(&mut self) -> Self {
        let (points, imported) = (std::mem::take(&mut self.points), std::mem::take(&mut self.imported));
        Self { kind: self.kind, points, imported, is_first: self.is_first }
    }

    fn take_line(&mut self, number: u64, line: &Line<'_>) {
        let is_first = std::mem::take(&mut self.is_first);
        match line {
            Line::Fields(fields) if is_first && is_header(fields) => {}
            Line::Fields(fields) => match &**fields {
                [time, value] => self.take_point(number, time.trim(), value.as_bytes()),
                _ => self.refuse(number, format!("it has {} fields, and must have two: time,value", fields.len())),
            },
            Line::TooLong => self.refuse(number, "it is too long".into()),
            Line::NotText(_) => self.refuse(number, "it is not UTF-8".into()),
        }
    }

    fn take_point(&mut self, number: u64, time: &str, value: &[u8]) {
        let Some(time) = moment::of_file(time) else {
            let what = shorten(time);
            return self
                .refuse(number, format!("'{what}' is no time: write RFC 3339, or seconds or milliseconds since 1970"));
        };
        let kind = *self.kind.get_or_insert_with(|| Type::infer(value.trim_ascii()));
        let is_text = matches!(kind, Type::String | Type::Enum);
        match parse(kind, if is_text { value } else { value.trim_ascii() }) {
            Some(reading) => self.points.push(Point { time, reading }),
            None => {
                let value = shorten(&String::from_utf8_lossy(value));
                self.refuse(number, format!("'{value}' cannot be kept: {}", rule(kind)));
            }
        }
    }

    fn take_list(&mut self, body: &[u8]) -> Result<(), Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct List<'a> {
            #[serde(borrow)]
            points: Vec<(&'a RawValue, &'a RawValue)>,
        }
        let list: List<'_> = serde_json::from_slice(body).map_err(|error| {
            let error = shorten_json_error(&error);
            Problem::bad_request(format!(
                "The body must be JSON such as {{\"points\":[[\"2026-01-31T09:05:00Z\",21.5]]}}: {error}. Nothing was imported."
            ))
        })?;
        for (number, (time, value)) in (1..).zip(list.points) {
            match (payload_of(time), payload_of(value)) {
                (Ok(time), Ok(value)) => self.take_point(number, &String::from_utf8_lossy(&time), &value),
                (Err(error), _) | (_, Err(error)) => self.refuse(number, error.to_string()),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, line: u64, reason: String) {
        self.imported.refused_count += 1;
        if self.imported.refused.len() < HISTORY_REFUSED_SHOWN_MAX {
            self.imported.refused.push(RefusedLine { line, reason });
        }
    }
}

/// Times begin with a digit or a sign.
fn is_header(fields: &[String]) -> bool {
    fields.first().is_some_and(|first| first.trim_start().starts_with(char::is_alphabetic))
}

fn rule(kind: Type) -> String {
    match kind {
        Type::Bool => "it must be true or false (bool)".into(),
        Type::Int => "it must be a whole number (int)".into(),
        Type::Float => "it must be a number (float), and neither infinite nor NaN".into(),
        Type::Color => "it must be a color like #ff8800 (color)".into(),
        Type::Enum | Type::String => format!("a text may have {} bytes", housewire_store::limits::STATE_BYTES_MAX),
        Type::Json | Type::Bytes => "properties of this type have no history".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Option<Type>, file: &str) -> Reader {
        let mut reader = Reader { kind, points: Vec::new(), imported: Imported::default(), is_first: true };
        let mut lines = Lines::default();
        lines.feed(file.as_bytes(), |number, line| reader.take_line(number, &line));
        lines.finish(|number, line| reader.take_line(number, &line));
        reader
    }

    #[test]
    fn files_with_points_and_with_other_things() {
        let file = "time,value\n2026-01-31T09:05:00Z,21.5\n0,1\n1700000000123, 2 \nsoon,3\n5,nan\n6,inf\n7,1e999\n8\n9,1,2\n4102444800,-4e3\n";
        let reader = read(Some(Type::Float), file);
        let points: Vec<_> =
            reader.points.iter().map(|point| (point.time.as_micros(), point.reading.to_string())).collect();
        let expected =
            [(1_769_850_300_000_000, "21.5"), (0, "1"), (1_700_000_000_123_000, "2"), (4_102_444_800_000_000, "-4000")];
        assert_eq!(points, expected.map(|(time, value)| (time, value.to_owned())));
        let refused: Vec<_> = reader.imported.refused.iter().map(|refused| refused.line).collect();
        assert_eq!(refused, [5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn the_first_value_says_what_a_new_property_is() {
        for (file, kind) in
            [("0,true\n1,false\n2,7\n", Type::Bool), ("0,on\n1, off\n", Type::String), ("0,3\n", Type::Float)]
        {
            assert_eq!(read(None, file).kind, Some(kind), "{file}");
        }
        assert_eq!(read(None, "0,true\n1,7\n").imported.refused_count, 1);
        assert_eq!(read(None, "0,on\n1, off\n").points[1].reading.to_string(), " off");
    }

    #[test]
    fn what_is_refused_is_told_up_to_a_bound() {
        let reader = read(Some(Type::Int), &"x,y\n".repeat(1_000));
        // The first might be a header.
        assert_eq!(reader.imported.refused_count, 999);
        assert_eq!(reader.imported.refused.len(), HISTORY_REFUSED_SHOWN_MAX);
    }

    #[test]
    fn lists_as_json() {
        let mut reader = read(Some(Type::String), "");
        let body = r#"{"points":[["2026-01-31T09:05:00Z","on"],[1700000000,"off"],["x","off"],[2,"a b"]]}"#;
        assert!(reader.take_list(body.as_bytes()).is_ok());
        assert_eq!(reader.points.len(), 3);
        assert_eq!(reader.imported.refused[0].line, 3);
        for wrong in ["", "[]", "{}", r#"{"points":[1]}"#, r#"{"points":[[1,2,3]]}"#, r#"{"points":[],"x":1}"#] {
            assert!(reader.take_list(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
