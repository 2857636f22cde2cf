//! The long poll: a request that is answered when its property changes.

use std::sync::Arc;
use std::time::Duration;

use housewire_core::{Delivery, Filter, Mailbox, Offer, Run};
use tokio::sync::Notify;

use crate::caller::Caller;
use crate::feed::Listening;
use crate::http::path::PropertyPath;
use crate::limits::WAIT_MAX;
use crate::refusal::{Refusal, parse_filter};

/// Waits until `is_news` says so, which is asked again whenever something happens to the property; at most `time`, and
/// no longer than the hub runs.
pub(crate) async fn until(
    caller: &Caller,
    path: &PropertyPath,
    time: Duration,
    is_news: impl Fn() -> Result<bool, Refusal>,
) -> Result<(), Refusal> {
    if time.is_zero() || is_news()? {
        return Ok(());
    }
    let bell = Arc::new(Bell::default());
    let _listening = listen(caller, path, &bell)?;
    let end = tokio::time::sleep(time.min(WAIT_MAX));
    tokio::pin!(end);
    // Asked only now that nothing can be missed any more.
    while !is_news()? {
        tokio::select! {
            () = bell.0.notified() => {}
            () = &mut end => break,
            () = caller.shard.stopping() => break,
        }
    }
    caller.must_still_be_let_in()
}

/// Subscribes to what changes a property: its reports, its target, and declarations of its device.
fn listen(caller: &Caller, path: &PropertyPath, bell: &Arc<Bell>) -> Result<Listening, Refusal> {
    let listening = Listening::new(caller, caller.hub().new_session(), Arc::clone(bell) as Arc<dyn Mailbox>);
    listening.subscribe(&Filter::exactly(path.topic("").borrow()))?;
    let others =
        [Filter::exactly(path.topic("/target").borrow()), parse_filter(&format!("devices/{}/$changed", path.device))?];
    for filter in others.iter().filter(|filter| caller.principal().may_subscribe(filter)) {
        listening.subscribe(filter)?;
    }
    Ok(listening)
}

/// A mailbox that keeps nothing: it only says that something came.
#[derive(Default)]
struct Bell(Notify);

impl Mailbox for Bell {
    fn offer(&self, _run: &Run<'_>, _delivery: &Delivery) -> Offer {
        // Keeps at most one wake-up, however much comes.
        self.0.notify_one();
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }
}
