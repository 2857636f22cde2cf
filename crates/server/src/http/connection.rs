//! One HTTP connection, from its first byte to its end, upgrades included; HTTP/2 is handed on to `h2`.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::debug;

use crate::http::front::Front;
use crate::http::h2;
use crate::http::linger::Lingering;
use crate::http::preface::{self, Version};
use crate::limits::{HEAD_BYTES_MAX, HEAD_TIMEOUT, STOP_GRACE};
use crate::peer::Peer;
use crate::routes;
use crate::shard::{ConnectionGuard, Shard};
use crate::tap::{Spoken, Tapped};

/// All routes, without state: what a request needs comes with it, so that nothing here keeps a shard alive.
static ROUTES: LazyLock<Router> = LazyLock::new(|| routes::described().0);

/// Makes the routes, so that no shard has to when its first request comes.
pub(crate) fn prepare() {
    LazyLock::force(&ROUTES);
}

/// Serves a connection until it ends or the hub stops: then a request in flight is finished, streams and waiting
/// requests end. A WebSocket that it becomes takes the guard along, so that nothing of this is kept for it.
pub(crate) async fn serve<S>(stream: S, peer: Peer, guard: Arc<ConnectionGuard>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let shard = guard.shard().clone();
    guard.tap().note_peer(&peer, Spoken::Http);
    let greeting = timeout(
        shard.config.limits.greeting_timeout,
        preface::hear(Lingering::new(Tapped::new(stream, Arc::clone(guard.tap())))),
    );
    let greeting = tokio::select! {
        greeting = greeting => greeting,
        () = shard.stopping() => return,
    };
    let Ok(Ok((version, stream))) = greeting else {
        debug!(%peer, "HTTP connection closed: no request came");
        return;
    };
    if version == Version::Http2 {
        guard.tap().note_http2();
    }
    let front = Front::new(peer.clone(), guard);
    let first_request = Arc::new(Notify::new());
    let silence = pin!(silence(&first_request, shard.config.limits.greeting_timeout));
    let heard = Arc::clone(&first_request);
    // Pinned where they are made, as whatever is moved is kept room for twice.
    let served = pin!(async {
        match version {
            Version::Http1 => serve_http1(stream, &shard, front, heard).await,
            // In a box, as most connections are of the other kind.
            Version::Http2 => Box::pin(h2::serve(stream, shard.clone(), front, &ROUTES, heard)).await,
        }
    });
    tokio::select! {
        () = served => {}
        () = silence => debug!(%peer, "HTTP connection closed: no request came"),
    }
}

async fn serve_http1<S>(stream: S, shard: &Shard, front: Front, heard: Arc<Notify>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        heard.notify_one();
        front.clone().answer(request.map(Body::new), &ROUTES).map(Ok::<_, Infallible>)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shard.stopping() => {
            connection.as_mut().graceful_shutdown();
            timeout(STOP_GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!("HTTP connection ended: {error}");
    }
}

/// Resolves if the head of the first request is not there in time; what comes later may be slower.
async fn silence(first_request: &Notify, time: Duration) {
    if timeout(time, first_request.notified()).await.is_err() {
        return;
    }
    pending().await
}
