//! A WebSocket as a stream of bytes, for a protocol that could as well run over TCP: the bytes are those of its binary frames,
//! wherever these begin and end. A text frame ends it.
//!
//! The task that carries them waits for whichever side is slower, and little is on its way in either direction, so that the
//! bounds of the protocol inside stay those that they are on a socket.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tracing::debug;

use crate::caller::Caller;
use crate::limits::WS_CLOSE_TIMEOUT;
use crate::stream::FarEnd;
use crate::ws::Socket;
use crate::ws::end::{End, say_goodbye};

/// Carries bytes until one side ends, then ends the other.
pub(super) async fn carry(socket: Socket, far: FarEnd, caller: Caller) {
    let (mut sink, mut frames) = socket.split();
    let mut end = {
        let too_late = async {
            far.abandoned().await;
            sleep(WS_CLOSE_TIMEOUT).await;
        };
        tokio::select! {
            biased;
            end = carry_out(&far, &mut sink) => end,
            end = carry_in(&mut frames, &far) => end,
            () = too_late => End::Lost,
        }
    };
    if end == End::Finished && caller.shard.stopping().now_or_never().is_some() {
        end = End::Stopping;
    }
    debug!(peer = %caller.peer, "WebSocket of bytes ends: {end:?}");
    // The protocol inside ends now, not after the farewell.
    drop(far);
    if let Ok(socket) = sink.reunite(frames) {
        say_goodbye(socket, &end).await;
    }
}

/// What is written leaves as frames, each when the one before was taken.
async fn carry_out(far: &FarEnd, sink: &mut SplitSink<Socket, Message>) -> End {
    while let Some(bytes) = far.take().await {
        if let Err(error) = sink.send(Message::Binary(bytes)).await {
            return End::of(&error);
        }
    }
    End::Finished
}

/// What frames hold is read, as far as there is room.
async fn carry_in(frames: &mut SplitStream<Socket>, far: &FarEnd) -> End {
    while let Some(message) = frames.next().await {
        match message {
            Ok(Message::Binary(bytes)) => far.give(bytes).await,
            Ok(Message::Text(_)) => {
                return End::Refused(CloseCode::Unsupported, "bytes come in binary frames, not in text");
            }
            // A ping is answered by the library, with the next read.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Ok(Message::Close(_)) => return End::Left,
            Err(error) => return End::of(&error),
        }
    }
    End::Lost
}
