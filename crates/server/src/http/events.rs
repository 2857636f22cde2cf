//! The event stream: server-sent events, one per message, stored values first, each with a number to come back by.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use housewire_core::{Encoded, Filter, Run};

use crate::caller::Caller;
use crate::clients::Protocol;
use crate::feed::Feed;
use crate::http::describe::{BadRequest, FilterParam, Forbidden, LastEventParam};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resume::{LastEvent, Open, Stream, retry};
use crate::limits::{EVENT_COMMENT_EVERY, EVENT_RETRY_AFTER};
use crate::outbox::{Encoding, end_message};
use crate::shard::Shard;
use crate::view::message::MessageWriter;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const ENCODING: Encoding =
    Encoding { key: 0x0003_0000, write: write_events, number: never_numbered, name: "event-stream" };

/// An event stream is not kept, so that none of its messages has a number of its own.
fn never_numbered(message: &[u8], _sequence: u64, out: &mut BytesMut) {
    out.extend_from_slice(message);
}

/// `GET /api/events?filter=…`
#[utoipa::path(
    get, path = "/api/events", operation_id = "streamEvents", tag = "Live",
    summary = "Streams messages as server-sent events",
    description = "First what is stored, with `retain` true, then what comes. The `data` of each event is as `/api/asyncapi.json` says; an event named \
                   `lost` says how many messages are missing because the client did not keep up. A comment line comes after 15 s of silence. The \
                   stream has no end; whoever comes back with the last `id` as `Last-Event-ID` gets what he missed, or an event named `reset`.",
    params(FilterParam, LastEventParam),
    responses(
        (status = 200, description = "The stream.", body = String, content_type = "text/event-stream"),
        BadRequest, Forbidden,
    ),
)]
pub(crate) async fn stream(caller: Caller, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    let filters = query.filters()?;
    let shard = caller.shard.clone();
    let mut opening = retry(EVENT_RETRY_AFTER);
    // Some clients, curl among them, show nothing of an answer before its body begins.
    opening.push_str(": listening\n\n");
    let mut missed = Vec::new();
    let mut resumed = None;
    if let Some(last) = headers.get(LAST_EVENT_ID) {
        let last = last.to_str().ok().and_then(LastEvent::parse);
        if let Some(last) = last {
            resumed = shard.lobby.streams.resume(&caller, last, &filters).await;
        }
        if resumed.is_none() {
            opening.push_str(RESET);
        }
    }
    let stream = match resumed {
        Some((stream, chunks)) => {
            missed = chunks;
            stream
        }
        None => Box::new(open(&caller, filters)?),
    };
    let open = Open::new(stream, shard.clone());
    let opening = stream::iter(std::iter::once(Bytes::from(opening)).chain(missed).map(Ok::<_, Infallible>));
    let chunks = stream::unfold((open, shard), |(mut open, shard)| async move {
        let chunk = next_chunk(&mut open, &shard).await?;
        Some((Ok::<_, Infallible>(chunk), (open, shard)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // Said to proxies that would gather the stream.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(opening.chain(chunks))).into_response())
}

/// Says to a client that it was away for too long, or that the stream is not his: stored values follow, as for anybody new.
const RESET: &str = "event: reset\ndata: {\"reason\":\"what came since your last event is not kept any more; the present values follow\"}\n\n";

fn open(caller: &Caller, filters: Vec<Filter>) -> Result<Stream, Problem> {
    let mut feed = Feed::new(caller, caller.hub().new_session(), Protocol::Events, ENCODING);
    for filter in &filters {
        feed.subscribe(filter.clone())?;
    }
    Ok(Stream::new(caller, filters, feed))
}

/// What goes out next; `None` when the hub stops, somebody ends the stream, or its client went on with it elsewhere.
async fn next_chunk(open: &mut Open, shard: &Shard) -> Option<Bytes> {
    open.has_begun = true;
    loop {
        // Other connections have their turn between two chunks.
        tokio::task::yield_now().await;
        let stream = open.stream()?;
        let client = Arc::clone(stream.feed.client());
        if client.unwanted().now_or_never().is_some() {
            open.end();
            return None;
        }
        if let Some(batch) = stream.feed.take() {
            return Some(stream.number(&batch));
        }
        tokio::select! {
            () = open.filled() => {}
            () = open.wanted() => open.hand_over(),
            () = shard.stopping() => return None,
            () = client.unwanted() => {}
            () = tokio::time::sleep(EVENT_COMMENT_EVERY) => return Some(Bytes::from_static(b": still here\n\n")),
        }
    }
}

fn write_events(run: &Run<'_>, is_stored: bool, encoded: &mut Encoded) {
    let writer = MessageWriter::new(run, is_stored);
    for payload in run.payloads() {
        let out = &mut encoded.bytes;
        out.extend_from_slice(b"data: {");
        writer.write(payload, out);
        out.extend_from_slice(b"}\n\n");
        end_message(encoded);
    }
}
