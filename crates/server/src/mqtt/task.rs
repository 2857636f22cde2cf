//! The task of an MQTT connection, from the first byte to the last.
//!
//! Written by hand, as `active` is: what a connection needs to begin and to end is in a box that is gone while it is there.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::mqtt::active::Active;
use crate::mqtt::connection::{Newcomer, begin, end};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// See the module.
enum Task {
    /// It has no session yet; nothing comes of it if it is refused.
    Beginning(Boxed<Option<Active>>),
    /// Boxed, as tokio rounds a task up to whole cache lines.
    Serving(Box<Active>),
    Ending(Boxed<()>),
    Over,
}

/// Serves the MQTT client that turns out to be there, if one does.
pub(crate) fn serve(
    newcomer: impl Future<Output = Option<Newcomer>> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    Task::Beginning(Box::pin(async { begin(newcomer.await?).await }))
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            *this = match this {
                Self::Beginning(beginning) => match ready!(beginning.as_mut().poll(context)) {
                    Some(active) => Self::Serving(Box::new(active)),
                    None => Self::Over,
                },
                Self::Serving(active) => {
                    let shard = active.connection.shard().clone();
                    let mut turn = shard.turn.lock();
                    turn.begin();
                    let reason = ready!(active.poll(context, &mut turn));
                    let rest = mem::take(&mut *turn);
                    match mem::replace(this, Self::Over) {
                        Self::Serving(active) => Self::Ending(Box::pin(end(*active, reason, rest))),
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
