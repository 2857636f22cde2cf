//! Points as CSV or as lines of JSON, as many as there are: written piece by piece, as fast as the client takes them.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use housewire_core::Timestamp;
use housewire_store::{HistoryReader, RawCursor, StoreError};
use thiserror::Error;
use tracing::debug;

use crate::caller::Caller;
use crate::history::{NoAnswer, Recorder, wall};
use crate::http::history::answer::{Answer, Shown, Subject, look_up};
use crate::http::history::ask::{Ask, Format, How};
use crate::limits::HISTORY_POINTS_AT_ONCE;

/// What is left of an export.
struct Export {
    caller: Caller,
    recorder: Arc<Recorder>,
    subjects: VecDeque<Subject>,
    /// Where the first of them goes on.
    cursor: Option<RawCursor>,
    ask: Ask,
    /// Several are told apart.
    is_named: bool,
    is_begun: bool,
}

/// Why it breaks off; the client sees that it does.
#[derive(Debug, Error)]
enum Broken {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("the caller may not read it any more")]
    Denied,
}

/// Answers with all points of all properties, one property behind the other.
pub(super) fn answer(
    caller: Caller,
    recorder: Arc<Recorder>,
    subjects: Vec<Subject>,
    ask: Ask,
    file: &str,
) -> Response {
    let (kind, ending) = match ask.format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        Format::Ndjson | Format::Json => ("application/x-ndjson", "ndjson"),
    };
    let disposition = format!("attachment; filename=\"{file}.{ending}\"");
    let disposition = HeaderValue::from_str(&disposition).expect("made of valid names");
    let is_named = subjects.len() > 1;
    let (subjects, cursor, is_begun) = (subjects.into(), None, false);
    let export = Export { caller, recorder, subjects, cursor, ask, is_named, is_begun };
    let pieces = stream::unfold(Some(export), |export| async move {
        let mut export = export?;
        match export.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(export))),
            Ok(None) => None,
            Err(broken) => {
                debug!("an export breaks off: {broken}");
                Some((Err(broken), None))
            }
        }
    });
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)],
        Body::from_stream(pieces),
    )
        .into_response()
}

impl Export {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.is_begun, true) && self.ask.format == Format::Csv {
            let head = if self.is_named { "time,device,property,value\n" } else { "time,value\n" };
            out.extend_from_slice(head.as_bytes());
        }
        // A piece without a byte would be none.
        loop {
            let Some(subject) = self.subjects.front().cloned() else {
                return Ok((!out.is_empty()).then(|| out.into()));
            };
            if self.caller.must_still_be_let_in().is_err()
                || self.caller.must_read(&subject.name.device, &subject.name.property).is_err()
            {
                return Err(Broken::Denied);
            }
            let (ask, cursor, is_named, now) = (self.ask, self.cursor, self.is_named, wall());
            let piece = self.recorder.ask_on(move |reader| {
                let (points, next) = points(reader, &subject, &ask, cursor, now)?;
                for (time, value) in &points {
                    write_line(&subject, is_named, ask.format, *time, value, &mut out);
                }
                Ok((out, next))
            });
            let (written, next) = piece.await?;
            self.cursor = next;
            if self.cursor.is_none() {
                self.subjects.pop_front();
            }
            if !written.is_empty() {
                return Ok(Some(written.into()));
            }
            out = written;
        }
    }
}

type Points = Vec<(Timestamp, Shown)>;

fn points(
    reader: &HistoryReader,
    subject: &Subject,
    ask: &Ask,
    cursor: Option<RawCursor>,
    now: Timestamp,
) -> Result<(Points, Option<RawCursor>), StoreError> {
    if ask.how != How::Raw {
        let Answer { points, .. } = look_up(reader, subject, ask, now, HISTORY_POINTS_AT_ONCE)?;
        return Ok((points, None));
    }
    let Some(series) = subject.find(reader) else { return Ok((Vec::new(), None)) };
    let page = reader.raw(series, ask.window(), HISTORY_POINTS_AT_ONCE, cursor)?;
    Ok((page.points.into_iter().map(|point| (point.time, Shown::Reading(point.reading))).collect(), page.next))
}

fn write_line(subject: &Subject, is_named: bool, format: Format, time: Timestamp, value: &Shown, out: &mut Vec<u8>) {
    let (device, property) = (&subject.name.device, &subject.name.property);
    match (format, is_named) {
        (Format::Csv, false) => out.extend_from_slice(format!("{time},").as_bytes()),
        (Format::Csv, true) => out.extend_from_slice(format!("{time},{device},{property},").as_bytes()),
        (_, false) => out.extend_from_slice(format!("{{\"time\":\"{time}\",\"value\":").as_bytes()),
        (_, true) => {
            let names = format!("{{\"time\":\"{time}\",\"device\":\"{device}\",\"property\":\"{property}\",\"value\":");
            out.extend_from_slice(names.as_bytes());
        }
    }
    match format {
        Format::Csv => value.write_csv(out),
        Format::Json | Format::Ndjson => {
            value.write_json(out);
            out.push(b'}');
        }
    }
    out.push(b'\n');
}
