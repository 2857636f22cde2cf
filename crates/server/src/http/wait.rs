//! The long poll: a request that is answered when something happens to what it asks for.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use housewire_core::{Delivery, Filter, Mailbox, Offer, Run};
use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::caller::Caller;
use crate::feed::Listening;
use crate::http::path::PropertyPath;
use crate::limits::WAIT_MAX;
use crate::refusal::{Refusal, parse_filter};

/// Listens, for a limited time and no longer than the hub runs. Whoever waits looks once more after this was made: from then
/// on nothing is missed.
pub(crate) struct Wait {
    bell: Arc<Bell>,
    _listening: Listening,
    end: Pin<Box<Sleep>>,
    caller: Caller,
}

impl Wait {
    /// Subscribes to what must be heard, an error if it may not be, and to what else may be.
    pub(crate) fn new(caller: &Caller, needed: &Filter, others: &[Filter], time: Duration) -> Result<Self, Refusal> {
        let bell = Arc::new(Bell::default());
        let listening = Listening::new(caller, caller.hub().new_session(), Arc::clone(&bell) as Arc<dyn Mailbox>);
        listening.subscribe(needed)?;
        for filter in others.iter().filter(|filter| caller.principal().may_subscribe(filter)) {
            listening.subscribe(filter)?;
        }
        let end = Box::pin(tokio::time::sleep(time.min(WAIT_MAX)));
        Ok(Self { bell, _listening: listening, end, caller: caller.clone() })
    }

    /// What changes a property: its reports, its target, and declarations of its device.
    pub(crate) fn for_property(caller: &Caller, path: &PropertyPath, time: Duration) -> Result<Self, Refusal> {
        let others = [
            Filter::exactly(path.topic("/target").borrow()),
            parse_filter(&format!("devices/{}/$changed", path.device))?,
        ];
        Self::new(caller, &Filter::exactly(path.topic("").borrow()), &others, time)
    }

    /// Resolves when something happened (`true`), or nothing will any more; an error if who waits was turned out meanwhile.
    pub(crate) async fn next(&mut self) -> Result<bool, Refusal> {
        let accounts = Arc::clone(&self.caller.shard.accounts);
        let happened = loop {
            let turned_out = accounts.turned_out();
            tokio::pin!(turned_out);
            // Listening starts before looking, so that nobody is turned out unnoticed in between.
            turned_out.as_mut().enable();
            self.caller.must_still_be_let_in()?;
            tokio::select! {
                () = self.bell.0.notified() => break true,
                () = &mut self.end => break false,
                () = self.caller.shard.stopping() => break false,
                () = turned_out => {}
            }
        };
        self.caller.must_still_be_let_in()?;
        Ok(happened)
    }

    /// Lets more happen before the next look.
    pub(crate) async fn pause(&mut self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = &mut self.end => {}
            () = self.caller.shard.stopping() => {}
        }
    }
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
