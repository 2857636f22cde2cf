//! Connections, and the stream of what goes over some of them; see `tap`.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, Request, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use housewire_core::{DeviceId, SessionId};
use housewire_protocols::annotate::follow::Direction;
use tokio::time::{Instant, sleep_until};

use crate::accounts::Kind;
use crate::caller::Caller;
use crate::clients::Client;
use crate::http::describe::{
    BadRequest, Busy, ConnectionParam, Forbidden, KnownTag, NotFound, NotModified, OfDeviceParam, PageOfConnections,
    PeerParam,
};
use crate::http::page::{self, Items, Page, Source};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::{CLIENTS_AT_ONCE, EVENT_COMMENT_EVERY, TAP_RENEW_EVERY, TAP_WATCHES_MAX};
use crate::refusal::Refusal;
use crate::tap::{Event, Known, Tap, Wanted, Watch};
use crate::view::wire::{ConnectionView, FrameView};

/// `GET /api/connections`
#[utoipa::path(
    get, path = "/api/connections", operation_id = "listConnections", tag = "Wire",
    summary = "Lists connections, in the order they came",
    description = "Every connection to the hub, whatever it speaks; who does not administer the hub sees those that came with his own name.",
    params(PageOfConnections, KnownTag),
    responses(
        (
            status = 200, description = "The connections.", body = [ConnectionView],
            headers(
                ("ETag" = String, description = "Of a page, with `limit`."),
                ("Link" = String, description = "Where the list goes on, with `rel=\"next\"`; not on the last page."),
            ),
        ),
        NotModified, BadRequest, Forbidden,
    ),
)]
pub(crate) async fn connections(
    caller: Caller,
    uri: Uri,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = Page::of(&query)?;
    let last = page.after.as_deref().map_or(Some(0), number).ok_or_else(|| no_number("after"))?;
    Ok(page::answer(Listing { caller, last }, &uri, &page, &headers).await)
}

/// What is left of the list.
struct Listing {
    caller: Caller,
    last: u64,
}

impl Source for Listing {
    fn add_some(&mut self, items: &mut Items) -> bool {
        let taps = self.caller.shard.taps.behind(self.last, CLIENTS_AT_ONCE);
        for tap in &taps {
            let known = tap.known();
            if !may_see(&self.caller, &known) {
                continue;
            }
            let view = ConnectionView::new(&known, self.caller.hub());
            let is_pushed = items.push(&view.id, |out| {
                serde_json::to_writer(out, &view).expect("a view is JSON, and memory takes it");
            });
            if !is_pushed {
                return false;
            }
        }
        let is_full = taps.len() == CLIENTS_AT_ONCE;
        if let Some(last) = taps.last() {
            self.last = last.id;
        }
        is_full
    }
}

/// Whether it is the caller's own, or he looks after the hub. Guests share a name, and so nothing is theirs.
fn may_see(caller: &Caller, known: &Known) -> bool {
    let is_own = matches!(caller.login.kind, Kind::Person | Kind::Device | Kind::App)
        && known.user.as_ref().is_some_and(|user| user.name() == caller.principal().name());
    is_own || caller.principal().may_administer()
}

/// `GET /api/wire?connection=…`
#[utoipa::path(
    get, path = "/api/wire", operation_id = "watchWire", tag = "Wire",
    summary = "Streams what goes over connections, frame by frame",
    description = "Server-sent events. `frame`: one MQTT packet, Blynk frame, HTTP head or body, or WebSocket frame, taken apart field by field, with the clause \
                   of the standard; `gap` with `lost`: so many did not fit into the queue; `end` with `connection`: it is over, and the stream with it if \
                   it was the only one asked for. Exactly one of `connection`, `device` and `peer` is named. Passwords, tokens, cookies and whatever may \
                   hold them are hidden before they leave the hub. The connection of this stream itself is not shown. For administrators alone: a \
                   connection carries what many say.",
    params(ConnectionParam, OfDeviceParam, PeerParam),
    responses(
        (status = 200, description = "The stream.", body = FrameView, content_type = "text/event-stream"),
        BadRequest, Forbidden, NotFound, Busy,
    ),
)]
pub(crate) async fn stream(caller: Caller, query: Query) -> Result<Response, Problem> {
    let wanted = wanted(&caller, &query)?;
    caller.alive.tap().mute();
    let watch = caller.shard.taps.watch(wanted).ok_or_else(|| {
        let text = format!(
            "{TAP_WATCHES_MAX} look at connections already: close one of these pages or streams, and try again."
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text)
    })?;
    let mut looking = Looking { caller, watch, seq: 0, renew_at: Instant::now() + TAP_RENEW_EVERY, is_over: false };
    looking.renew().await;
    let opening = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b": looking\n\n"))]);
    let chunks = stream::unfold(looking, |mut looking| async move {
        let chunk = looking.next_chunk().await?;
        Some((Ok::<_, Infallible>(chunk), looking))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // Said to proxies that would gather the stream.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(futures_util::StreamExt::chain(opening, chunks))).into_response())
}

/// What is asked for. A connection carries what others say, too: a gateway's is that of many devices, one behind a proxy that of many
/// people. So whose it is proves nothing.
fn wanted(caller: &Caller, query: &Query) -> Result<Wanted, Problem> {
    caller.must_administer()?;
    let named = [query.first("connection"), query.first("device"), query.first("peer")];
    match named {
        [Some(id), None, None] => {
            let tap = number(&id).and_then(|id| caller.shard.taps.get(id));
            let known = tap.map(|tap| tap.known()).ok_or_else(|| {
                let id = crate::refusal::shorten(&id);
                Refusal::NotFound(format!("There is no connection '{id}'; /api/connections lists them."))
            })?;
            Ok(Wanted::Connection(known.id))
        }
        [None, Some(device), None] => Ok(Wanted::Device(DeviceId::parse(&device)?)),
        [None, None, Some(peer)] => {
            let peer: Option<SocketAddr> =
                peer.parse().ok().or_else(|| peer.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 0)));
            peer.map(Wanted::Peer).ok_or_else(|| {
                Problem::bad_request("peer is an address, with or without a port: 192.0.2.20 or 192.0.2.20:49152.")
            })
        }
        _ => Err(Problem::bad_request("Name one of: connection=c17, device=lamp, peer=192.0.2.20.")),
    }
}

/// 17 of `c17`.
fn number(id: &str) -> Option<u64> {
    id.strip_prefix('c')?.parse().ok()
}

fn no_number(name: &str) -> Problem {
    Problem::bad_request(format!("{name} is the id of a connection, as c17."))
}

/// Somebody who looks, as long as his stream lives.
struct Looking {
    caller: Caller,
    watch: Arc<Watch>,
    seq: u64,
    renew_at: Instant,
    is_over: bool,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.caller.shard.taps.unwatch(&self.watch);
    }
}

impl Looking {
    /// Looks for connections that are wanted by now.
    async fn renew(&mut self) {
        self.renew_at = Instant::now() + TAP_RENEW_EVERY;
        let speakers: Vec<SessionId> = match self.watch.wanted() {
            Wanted::Device(device) => self.caller.hub().speakers(device),
            _ => Vec::new(),
        };
        let spoken_for = |client: &Client| speakers.contains(&client.subscriber.id());
        self.caller.shard.taps.renew(&self.watch, spoken_for).await;
        if let Wanted::Connection(id) = self.watch.wanted()
            && self.caller.shard.taps.get(*id).is_none()
        {
            self.is_over = true;
        }
    }

    /// What goes out next; `None` at the end.
    async fn next_chunk(&mut self) -> Option<Bytes> {
        /// Events written together; taking frames apart is work, and others have their turn between two of them.
        const EVENTS_AT_ONCE: usize = 8;
        let silence = Instant::now() + EVENT_COMMENT_EVERY;
        loop {
            tokio::task::yield_now().await;
            let mut chunk = Vec::new();
            for _ in 0..EVENTS_AT_ONCE {
                let Some(event) = self.watch.take() else { break };
                self.write(&event, &mut chunk);
            }
            if !chunk.is_empty() {
                return Some(chunk.into());
            }
            if self.is_over || self.caller.must_still_be_let_in().is_err() {
                return None;
            }
            let shard = self.caller.shard.clone();
            tokio::select! {
                () = self.watch.filled() => {}
                () = sleep_until(self.renew_at) => self.renew().await,
                () = sleep_until(silence) => return Some(Bytes::from_static(b": still here\n\n")),
                () = shard.stopping() => return None,
            }
        }
    }

    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        self.seq += 1;
        let (name, data) = match event {
            Event::Seen(seen) => {
                let view = FrameView::new(self.seq, seen);
                ("frame", serde_json::to_string(&view).expect("a view is JSON"))
            }
            Event::Lost(lost) => ("gap", format!("{{\"seq\":{},\"lost\":{lost}}}", self.seq)),
            Event::End(connection) => {
                self.is_over |= *self.watch.wanted() == Wanted::Connection(*connection);
                ("end", format!("{{\"seq\":{},\"connection\":\"c{connection}\"}}", self.seq))
            }
        };
        out.extend_from_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
    }
}

/// Shows a request of HTTP/2 to those who look; to whom its answer is to be shown, too.
pub(crate) fn tap_request(tap: &Arc<Tap>, request: &Request<Body>) -> Option<Arc<Tap>> {
    if !tap.is_watched() || request.version() != Version::HTTP_2 {
        return None;
    }
    let mut head = format!("{} {} HTTP/2\r\n", request.method(), request.uri()).into_bytes();
    write_headers(request.headers(), &mut head);
    tap.pass_head(Direction::In, head);
    Some(Arc::clone(tap))
}

/// Shows an answer of HTTP/2.
pub(crate) fn tap_answer(tap: Option<&Arc<Tap>>, answer: &Response) {
    let Some(tap) = tap else { return };
    let mut head = format!("HTTP/2 {}\r\n", answer.status()).into_bytes();
    write_headers(answer.headers(), &mut head);
    tap.pass_head(Direction::Out, head);
}

fn write_headers(headers: &HeaderMap, head: &mut Vec<u8>) {
    for (name, value) in headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
}
