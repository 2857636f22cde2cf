//! One HTTP/2 connection: its bounds, its idling, its end.
//!
//! Frames, header compression and flow control are hyper's, as are the bounds of streams that are reset, of CONTINUATION
//! frames and of answers to PING and SETTINGS, which it sends before it reads on. What a request means is not decided here.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use crate::http::front::Front;
use crate::limits::{
    H2_PING_EVERY, H2_PING_TIMEOUT, H2_RESETS_MAX, H2_SEND_BYTES_MAX, H2_STREAM_WINDOW_BYTES, H2_STREAMS_MAX,
    H2_UPLOAD_BODIES_MAX, H2_WINDOW_BYTES, HEAD_BYTES_MAX, HEAD_TIMEOUT, STOP_GRACE, WRITE_TIMEOUT,
};
use crate::shard::Shard;

/// Serves the connection until it ends, idles too long, takes nothing of its answers, or the hub stops: then requests in
/// flight are finished. `heard` is told of the first request.
pub(crate) async fn serve<S>(stream: S, shard: Shard, front: Front, routes: &'static Router, heard: Arc<Notify>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upload_bytes_max = shard.config.limits.http_body_bytes.saturating_mul(H2_UPLOAD_BODIES_MAX);
    let activity = Arc::new(Activity::new(upload_bytes_max));
    let of_requests = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        heard.notify_one();
        let (front, activity) = (front.clone(), Arc::clone(&of_requests));
        async move {
            let exchange = Exchange::begin(activity);
            let request = request.map(|body| Body::new(Upload::new(body, Arc::clone(&exchange.activity))));
            let response = front.answer(request, routes).await;
            Ok::<_, Infallible>(response.map(|body| Download { body, exchange }))
        }
    });
    let mut connection = pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(H2_STREAMS_MAX)
            .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).expect("a small constant"))
            .initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(H2_WINDOW_BYTES)
            .max_send_buf_size(H2_SEND_BYTES_MAX)
            .max_pending_accept_reset_streams(H2_RESETS_MAX)
            .max_local_error_reset_streams(H2_RESETS_MAX)
            .keep_alive_interval(H2_PING_EVERY)
            .keep_alive_timeout(H2_PING_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shard.stopping() => {
            connection.as_mut().graceful_shutdown();
            timeout(STOP_GRACE, connection).await.unwrap_or(Ok(()))
        }
        why = activity.over() => {
            debug!("HTTP/2 connection closed: {why}");
            connection.as_mut().graceful_shutdown();
            timeout(STOP_GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!("HTTP/2 connection ended: {error}");
    }
}

/// What goes on on a connection, for whoever decides that it goes on no more.
struct Activity {
    state: Mutex<State>,
    upload_bytes_max: usize,
}

struct State {
    /// Requests whose answers are not finished …
    in_flight: usize,
    /// … and of these, those with a piece of an answer given to the connection and no other asked for since.
    owing: usize,
    /// Of bodies that are being gathered.
    upload_bytes: usize,
    /// When the last of these changed.
    changed: Instant,
}

impl Activity {
    fn new(upload_bytes_max: usize) -> Self {
        let state = State { in_flight: 0, owing: 0, upload_bytes: 0, changed: Instant::now() };
        Self { state: Mutex::new(state), upload_bytes_max }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        state.changed = Instant::now();
    }

    /// Resolves when there has been nothing to do for long, or the client has taken nothing for long; says which.
    async fn over(&self) -> &'static str {
        loop {
            let (deadline, why) = self.deadline();
            let is_over = deadline <= Instant::now();
            if let Some(why) = why
                && is_over
            {
                return why;
            }
            // Looked at again only when the time would be over: requests come and go more often than that.
            let again = if is_over { Instant::now() + HEAD_TIMEOUT.min(WRITE_TIMEOUT) } else { deadline };
            sleep_until(again).await;
        }
    }

    /// When to look again, and what is the matter if nothing changes until then.
    fn deadline(&self) -> (Instant, Option<&'static str>) {
        let state = self.state.lock();
        let after = |time: Duration| state.changed + time;
        if state.in_flight == 0 {
            (after(HEAD_TIMEOUT), Some("it idled"))
        } else if state.owing == state.in_flight {
            (after(WRITE_TIMEOUT), Some("the client took nothing of its answers"))
        } else {
            (after(WRITE_TIMEOUT), None)
        }
    }
}

/// One request and its answer, while it lasts.
struct Exchange {
    activity: Arc<Activity>,
    is_owing: bool,
}

impl Exchange {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.change(|state| state.in_flight += 1);
        Self { activity, is_owing: false }
    }

    fn set_owing(&mut self, is_owing: bool) {
        if self.is_owing != is_owing {
            self.is_owing = is_owing;
            self.activity.change(|state| if is_owing { state.owing += 1 } else { state.owing -= 1 });
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.set_owing(false);
        self.activity.change(|state| state.in_flight -= 1);
    }
}

/// The body of an answer. The connection asks it for another piece when the client's window has room for one.
struct Download {
    body: Body,
    exchange: Exchange,
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let is_piece = matches!(polled, Poll::Ready(Some(_)));
        self.exchange.set_owing(is_piece);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// More bodies come at once than one connection may have gathered.
#[derive(Debug, Error)]
#[error("more than {0} bytes of bodies came at once over this connection; send fewer requests in parallel")]
struct TooMuchAtOnce(usize);

/// The body of a request, counted until it has been dealt with.
struct Upload {
    body: Incoming,
    activity: Arc<Activity>,
    bytes: usize,
}

impl Upload {
    fn new(body: Incoming, activity: Arc<Activity>) -> Self {
        Self { body, activity, bytes: 0 }
    }

    /// Whether there is room for so much more.
    fn count(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let mut sum = 0;
        self.activity.change(|state| {
            state.upload_bytes += bytes;
            sum = state.upload_bytes;
        });
        sum <= self.activity.upload_bytes_max
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.activity.change(|state| state.upload_bytes -= self.bytes);
        }
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
            && !self.count(data.len())
        {
            return Poll::Ready(Some(Err(io::Error::other(TooMuchAtOnce(self.activity.upload_bytes_max)))));
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
