//! The event stream: server-sent events, one per message, stored values first.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use housewire_core::{Encoded, Run};

use crate::caller::Caller;
use crate::clients::Protocol;
use crate::feed::Feed;
use crate::http::describe::{BadRequest, FilterParam, Forbidden};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::EVENT_COMMENT_EVERY;
use crate::outbox::{Batch, Encoding, end_message};
use crate::shard::Shard;
use crate::view::message::MessageWriter;

const ENCODING: Encoding = Encoding { key: 0x0003_0000, write: write_events, name: "event-stream" };

/// `GET /api/events?filter=…`
#[utoipa::path(
    get, path = "/api/events", operation_id = "streamEvents", tag = "Live",
    summary = "Streams messages as server-sent events",
    description = "First what is stored, with `retain` true, then what comes. The `data` of each event is a `Message` of \
                   `/api/asyncapi.json`; an event named `lost` says how many messages are missing because the client did not keep up. A \
                   comment line comes after 15 s of silence. The stream has no end.",
    params(FilterParam),
    responses(
        (status = 200, description = "The stream.", body = String, content_type = "text/event-stream"),
        BadRequest, Forbidden,
    ),
)]
pub(crate) async fn stream(caller: Caller, query: Query) -> Result<Response, Problem> {
    let filters = query.filters()?;
    let mut feed = Feed::new(&caller, caller.hub().new_session(), Protocol::Events, ENCODING);
    for filter in filters {
        feed.subscribe(filter)?;
    }
    let shard = caller.shard.clone();
    // Some clients, curl among them, show nothing of an answer before its body begins.
    let greeting = stream::once(async { Ok(Bytes::from_static(b": listening\n\n")) });
    let chunks = stream::unfold((feed, shard), |(mut feed, shard)| async move {
        let chunk = next_chunk(&mut feed, &shard).await?;
        Some((Ok::<_, Infallible>(chunk), (feed, shard)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // Said to proxies that would gather the stream.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(greeting.chain(chunks))).into_response())
}

/// What goes out next; `None` when the hub stops, or somebody ends the stream.
async fn next_chunk(feed: &mut Feed, shard: &Shard) -> Option<Bytes> {
    let client = Arc::clone(feed.client());
    loop {
        // Other connections have their turn between two chunks.
        tokio::task::yield_now().await;
        if client.unwanted().now_or_never().is_some() {
            return None;
        }
        if let Some(batch) = feed.take() {
            return Some(with_losses(batch));
        }
        tokio::select! {
            () = feed.filled() => {}
            () = shard.stopping() => return None,
            () = client.unwanted() => return None,
            () = tokio::time::sleep(EVENT_COMMENT_EVERY) => return Some(Bytes::from_static(b": still here\n\n")),
        }
    }
}

/// Says behind the messages how many are missing. A name of its own keeps it from those who listen for messages.
fn with_losses(batch: Batch) -> Bytes {
    if batch.lost == 0 {
        return batch.bytes;
    }
    let mut chunk = BytesMut::from(batch.bytes);
    chunk.extend_from_slice(format!("event: lost\ndata: {{\"count\":{}}}\n\n", batch.lost).as_bytes());
    chunk.freeze()
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
