//! The newest lines of the log, for administrators: read, and streamed as they come.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tracing::Level;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::http::describe::{BadRequest, Busy, Forbidden, LastEventParam, LogAfterParam, LogLevelParam, LogLimitParam};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::{EVENT_COMMENT_EVERY, LOG_LINES_MAX, LOG_STREAM_PAUSE, LOG_STREAMS_MAX};
use crate::logs::{Excerpt, LOGS, Line};
use crate::refusal::shorten;

/// Lines in one answer, if not said otherwise.
const LIMIT_USUAL: usize = 500;
/// Lines of one event of the stream.
const LINES_AT_ONCE: usize = 256;

/// Some of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = Log)]
pub(crate) struct LogJson {
    /// The oldest first.
    lines: Vec<LineJson>,
    /// To go on with, as `after`.
    next: u64,
}

/// A line of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = LogLine)]
pub(crate) struct LineJson {
    /// Counts up from 1 at each start of the hub.
    seq: u64,
    #[schema(format = DateTime)]
    time: String,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[schema(example = "info")]
    level: &'static str,
    /// The part of the program.
    #[schema(example = "housewire::mqtt::connection")]
    target: String,
    message: String,
    fields: BTreeMap<&'static str, String>,
}

impl From<Line> for LineJson {
    fn from(line: Line) -> Self {
        let Line { number, time, level, target, message, fields } = line;
        Self { seq: number, time: time.to_string(), level: name_of(level), target, message, fields }
    }
}

/// `GET /api/logs`
#[utoipa::path(
    get, path = "/api/logs", operation_id = "listLog", tag = "Hub",
    summary = "Shows the newest lines of the log",
    description = "For administrators. 4,000 lines are remembered; how much is logged at all is said by `--log`. Without `after` the newest.",
    params(LogLevelParam, LogAfterParam, LogLimitParam),
    responses((status = 200, description = "The lines.", body = LogJson), BadRequest, Forbidden),
)]
pub(crate) async fn list(caller: Caller, query: Query) -> Result<Json<LogJson>, Problem> {
    caller.must_administer()?;
    let limit = query.number("limit")?.unwrap_or(LIMIT_USUAL).clamp(1, LOG_LINES_MAX);
    let Excerpt { lines, next, .. } = LOGS.read(level(&query)?, query.number("after")?, limit);
    Ok(Json(LogJson { lines: lines.into_iter().map(LineJson::from).collect(), next }))
}

/// `GET /api/logs/stream`
#[utoipa::path(
    get, path = "/api/logs/stream", operation_id = "streamLog", tag = "Hub",
    summary = "Streams the log as server-sent events",
    description = "For administrators. The `data` of each event is a line, and its `id` the line's `seq`; an event named `lost` says how many \
                   lines are not kept any more. Begins behind `after` or `Last-Event-ID`, or with what comes. A comment line comes after 15 s of silence.",
    params(LogLevelParam, LogAfterParam, LastEventParam),
    responses(
        (status = 200, description = "The stream.", body = String, content_type = "text/event-stream"),
        BadRequest, Forbidden, Busy,
    ),
)]
pub(crate) async fn stream(caller: Caller, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    static STREAMS: Semaphore = Semaphore::const_new(LOG_STREAMS_MAX);
    caller.must_administer()?;
    let seat = STREAMS.try_acquire().map_err(|_| {
        let text =
            format!("{LOG_STREAMS_MAX} streams of the log are open, which is as many as there may be: close one.");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text)
    })?;
    let news = LOGS.news();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let after = last.or(query.number("after")?).unwrap_or(*news.borrow());
    let following = Following { caller, level: level(&query)?, after, news, _seat: seat };
    let opening = Bytes::from_static(b": listening\n\n");
    let lines = stream::unfold(Some((following, Some(opening))), |state| async move {
        let (mut following, opening) = state?;
        let piece = match opening {
            Some(opening) => opening,
            None => following.next().await?,
        };
        Some((Ok::<_, Infallible>(piece), Some((following, None))))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // Said to proxies that would gather the stream.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Somebody who reads along.
struct Following {
    caller: Caller,
    level: Level,
    after: u64,
    news: watch::Receiver<u64>,
    _seat: SemaphorePermit<'static>,
}

impl Following {
    /// What goes out next; `None` when the hub stops, or he may not read it any more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.caller.must_still_be_let_in().is_err() || self.caller.must_administer().is_err() {
                return None;
            }
            self.news.mark_unchanged();
            let Excerpt { lines, next, lost } = LOGS.read(self.level, Some(self.after), LINES_AT_ONCE);
            self.after = next;
            if !lines.is_empty() || lost > 0 {
                return Some(events(lines, lost));
            }
            tokio::select! {
                changed = self.news.changed() => changed.ok()?,
                () = self.caller.shard.stopping() => return None,
                () = tokio::time::sleep(EVENT_COMMENT_EVERY) => return Some(Bytes::from_static(b": still here\n\n")),
            }
            // At level trace sending a line is logged itself: a pause keeps that from going round and round.
            tokio::time::sleep(LOG_STREAM_PAUSE).await;
        }
    }
}

fn events(lines: Vec<Line>, lost: u64) -> Bytes {
    let mut out = Vec::new();
    if lost > 0 {
        out.extend_from_slice(format!("event: lost\ndata: {{\"lost\":{lost}}}\n\n").as_bytes());
    }
    for line in lines {
        out.extend_from_slice(format!("id: {}\ndata: ", line.number).as_bytes());
        serde_json::to_writer(&mut out, &LineJson::from(line)).expect("texts and numbers are JSON");
        out.extend_from_slice(b"\n\n");
    }
    out.into()
}

const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

fn name_of(level: Level) -> &'static str {
    LEVELS.iter().find(|(_, one)| *one == level).map_or("trace", |(name, _)| name)
}

/// Lines as grave as this and graver ones; all if it is not said.
fn level(query: &Query) -> Result<Level, Problem> {
    let Some(named) = query.first("level") else { return Ok(Level::TRACE) };
    let found = LEVELS.iter().find(|(name, _)| *name == named).map(|(_, level)| *level);
    found.ok_or_else(|| {
        Problem::bad_request(format!(
            "?level= is error, warn, info, debug or trace; '{}' is none of them.",
            shorten(&named)
        ))
    })
}
