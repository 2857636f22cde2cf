//! Work that may take longer than a shard may be busy: done on a thread beside it, while the shard goes on.
//!
//! Few at once, the others wait for their turn; a task gives short pieces of work, so that nobody's turn is far.

use std::panic::resume_unwind;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::limits::ASIDE_AT_ONCE_MAX;

static TURNS: Semaphore = Semaphore::const_new(ASIDE_AT_ONCE_MAX);

/// Does the work aside; a panic in it is the caller's.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let turn = TURNS.acquire().await.expect("nobody closes it");
    let working = spawn_blocking(move || {
        // Until the work is done, whether or not somebody still waits for it.
        let _turn = turn;
        work()
    });
    match working.await {
        Ok(done) => done,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The shard is about to end, and with it whoever waits.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn the_shard_goes_on_meanwhile() {
        let (tell, told) = mpsc::sync_channel(1);
        let work = aside(move || told.recv_timeout(Duration::from_secs(10)));
        let (done, sent) = tokio::join!(work, async move { tell.send(7) });
        assert_eq!((done, sent), (Ok(7), Ok(())));
    }

    #[tokio::test]
    async fn all_have_their_turn() {
        let works = (0..10 * ASIDE_AT_ONCE_MAX).map(|number| aside(move || number * 2));
        assert_eq!(join_all(works).await, (0..10 * ASIDE_AT_ONCE_MAX).map(|number| number * 2).collect::<Vec<_>>());
    }
}
