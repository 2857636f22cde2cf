//! A WebSocket that says what it hears, message by message: what the protocol itself costs, and what its conformance is tried on.
//!
//! Nothing is held but the message that is on its way back: while a client does not read, it is not read from.

use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tracing::debug;

use crate::caller::Caller;
use crate::limits::{TICK_BYTES_MAX, TICK_FRAMES_MAX};
use crate::ws::end::{End, say_goodbye};
use crate::ws::line::{Going, Line};
use crate::ws::socket::Socket;

/// Serves a WebSocket until its client leaves or the hub stops.
pub(super) async fn run(socket: Socket, caller: Caller) {
    let mut line = Line::new(socket);
    let end = tokio::select! {
        end = talk(&mut line, &caller) => end,
        () = caller.shard.stopping() => End::Stopping,
    };
    debug!(peer = %caller.peer, "echo ends: {end:?}");
    say_goodbye(line.socket, &end).await;
}

async fn talk(line: &mut Line, caller: &Caller) -> End {
    loop {
        if let Err(end) = turn(line, caller).await {
            return end;
        }
    }
}

async fn turn(line: &mut Line, caller: &Caller) -> Going {
    tokio::select! {
        biased;
        _ = line.pings.tick() => line.ping().await?,
        message = line.socket.next() => {
            let mut next = Some(message);
            let (mut bytes, mut frames) = (0, 0);
            while let Some(message) = next.take() {
                let message = line.heard(message)?;
                bytes += message.len();
                frames += 1;
                match message {
                    Message::Text(_) | Message::Binary(_) => line.feed(message).await?,
                    // A ping is answered by the library, with the next flush.
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    Message::Close(close) => return Err(End::Left(close.map(|close| close.code))),
                }
                if bytes < TICK_BYTES_MAX && frames < TICK_FRAMES_MAX {
                    next = line.socket.next_ready();
                } else {
                    // Others have their turn.
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    // Rights may have changed since; whoever may write nothing puts no load on the hub either.
    if !caller.principal().may_write_something() {
        return Err(End::Refused(CloseCode::Policy, "the right to write was taken away"));
    }
    if !caller.shard.accounts.is_valid(&caller.login) {
        return Err(End::Refused(CloseCode::Policy, "what this was opened with is not valid any more"));
    }
    line.flush().await
}
