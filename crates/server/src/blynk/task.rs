//! The task of a Blynk connection, from the first byte to the last.
//!
//! Written by hand, as `active` is: what a connection needs to begin is in a box that is gone while it is there.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tracing::info;

use crate::blynk::active::Active;
use crate::blynk::begin::{Newcomer, begin};

/// See the module.
enum Task {
    /// It has not logged in; nothing comes of it if it does not.
    Beginning(Pin<Box<dyn Future<Output = Option<Active>> + Send>>),
    /// Boxed, as tokio rounds a task up to whole cache lines.
    Serving(Box<Active>),
    Over,
}

/// Serves a device until it leaves or the hub stops.
pub(crate) fn serve(newcomer: Newcomer) -> impl Future<Output = ()> + Send + 'static {
    Task::Beginning(Box::pin(begin(newcomer)))
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
                    let end = ready!(active.poll(context));
                    if active.shard().sessions.may_log() {
                        let (device, peer) = (active.device(), active.peer());
                        info!(%device, peer, reason = %end, "Blynk device disconnected");
                    }
                    Self::Over
                }
                Self::Over => return Poll::Ready(()),
            };
        }
    }
}
