//! What the task of a connection is told from outside, and how it is woken.
//!
//! One word and one waker for each connection, whoever calls: a flusher, another connection, an administrator, the hub that
//! stops. What follows from a call belongs to the transport.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Poll, Waker};

use futures_util::task::AtomicWaker;

/// What a connection may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Call {
    /// Another connection wants its session.
    MakeWay = 1,
    /// Somebody who looks after the hub wants it to end.
    Leave = 2,
    /// The hub stops.
    Stop = 4,
}

/// See the module. Calls stay until they are heard or withdrawn, so that none is missed before the task listens.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    calls: AtomicU8,
    waker: AtomicWaker,
}

impl Signal {
    /// Has the task look at what it looks after by itself.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    pub(crate) fn call(&self, call: Call) {
        self.calls.fetch_or(call as u8, Ordering::Release);
        self.waker.wake();
    }

    /// The call means no connection that comes after this.
    pub(crate) fn withdraw(&self, call: Call) {
        self.calls.fetch_and(!(call as u8), Ordering::AcqRel);
    }

    /// Has the task woken by whatever comes from now on; to be called before it looks. One task listens at a time.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// What was called and not withdrawn, the weightiest first: whoever stops makes way for nobody.
    pub(crate) fn heard(&self) -> Option<Call> {
        match self.calls.load(Ordering::Acquire) {
            0 => None,
            calls => [Call::Stop, Call::MakeWay, Call::Leave].into_iter().find(|call| calls & *call as u8 != 0),
        }
    }

    /// Resolves when this is called.
    pub(crate) async fn called(&self, call: Call) {
        poll_fn(|context| {
            self.listen(context.waker());
            let is_called = self.calls.load(Ordering::Acquire) & call as u8 != 0;
            if is_called { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_call_stays_until_it_is_withdrawn() {
        let signal = Signal::default();
        assert_eq!(signal.heard(), None);
        signal.call(Call::Leave);
        assert_eq!(signal.heard(), Some(Call::Leave));
        signal.call(Call::MakeWay);
        signal.call(Call::Stop);
        assert_eq!(signal.heard(), Some(Call::Stop));
        signal.withdraw(Call::Stop);
        assert_eq!(signal.heard(), Some(Call::MakeWay));
        signal.withdraw(Call::MakeWay);
        assert_eq!(signal.heard(), Some(Call::Leave));
        assert!(signal.called(Call::Leave).now_or_never().is_some());
        signal.withdraw(Call::Leave);
        assert!(signal.called(Call::Leave).now_or_never().is_none());
    }

    #[tokio::test]
    async fn who_listens_is_woken() {
        let signal = Signal::default();
        let caller = async {
            tokio::task::yield_now().await;
            signal.wake();
            signal.call(Call::Leave);
        };
        tokio::join!(signal.called(Call::Leave), caller);
        assert_eq!(signal.heard(), Some(Call::Leave));
    }
}
