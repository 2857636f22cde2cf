//! The task of an MQTT connection, from the first byte to the last.
//!
//! Written by hand, as `active` is: what a connection needs to begin and to end is in a box that is gone while it is there.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{mem, net::SocketAddr};

use housewire_core::Principal;

use crate::mqtt::active::Active;
use crate::mqtt::connection::{begin, end};
use crate::shard::ConnectionGuard;
use crate::stream::ByteStream;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// See the module.
#[expect(clippy::large_enum_variant, reason = "the large one is the one that lasts")]
enum Task {
    /// It has no session yet; nothing comes of it if it is refused.
    Beginning(Boxed<Option<Active>>),
    Serving(Active),
    Ending(Boxed<()>),
    Over,
}

/// Serves an MQTT client. Whoever was not `admitted` hears why, in answer to its CONNECT.
pub(crate) fn serve(
    socket: ByteStream,
    peer: SocketAddr,
    admitted: Result<Arc<Principal>, &'static str>,
    guard: ConnectionGuard,
) -> impl Future<Output = ()> + Send + use<> {
    Task::Beginning(Box::pin(begin(socket, peer, admitted, guard)))
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            *this = match this {
                Self::Beginning(beginning) => match ready!(beginning.as_mut().poll(context)) {
                    Some(active) => Self::Serving(active),
                    None => Self::Over,
                },
                Self::Serving(active) => {
                    let shard = active.connection.shard().clone();
                    let mut turn = shard.turn.lock();
                    turn.begin();
                    let reason = ready!(active.poll(context, &mut turn));
                    let rest = mem::take(&mut *turn);
                    match mem::replace(this, Self::Over) {
                        Self::Serving(active) => Self::Ending(Box::pin(end(active, reason, rest))),
                        other => other,
                    }
                }
                Self::Ending(ending) => {
                    ready!(ending.as_mut().poll(context));
                    Self::Over
                }
                Self::Over => return Poll::Ready(()),
            };
        }
    }
}
