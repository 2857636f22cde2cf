//! Checks of passwords: slow on purpose, so each on a thread of its own and few at once, whatever kind of password it is.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::error;

use crate::accounts::login::LoginError;
use crate::limits::{PASSWORD_CHECK_WAIT, PASSWORD_CHECKS_MAX};

/// See the module.
pub(super) struct Checks(Arc<Semaphore>);

/// One of the few that may check at a time.
#[derive(Debug)]
pub(super) struct Turn(OwnedSemaphorePermit);

impl Default for Checks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PASSWORD_CHECKS_MAX)))
    }
}

impl Checks {
    /// Waits for a turn, but not for long.
    pub(super) async fn turn(&self) -> Result<Turn, LoginError> {
        let turn = Arc::clone(&self.0).acquire_owned();
        let turn = tokio::time::timeout(PASSWORD_CHECK_WAIT, turn).await.map_err(|_| LoginError::Busy)?;
        Ok(Turn(turn.expect("nobody closes it")))
    }
}

impl Turn {
    /// Carries out a check.
    pub(super) async fn check<T: Send + 'static>(
        self,
        check: impl FnOnce() -> Result<T, LoginError> + Send + 'static,
    ) -> Result<T, LoginError> {
        let checking = tokio::task::spawn_blocking(move || {
            // Held until the check is over, whether or not the client still waits for it.
            let _turn = self.0;
            check()
        });
        checking.await.unwrap_or_else(|problem| {
            error!("a password could not be checked: {problem}");
            Err(LoginError::Machine)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_for_a_check_is_told() {
        let checks = Checks::default();
        let mut turns = Vec::new();
        for _ in 0..PASSWORD_CHECKS_MAX {
            turns.push(checks.turn().await.expect("there is room"));
        }
        assert_eq!(checks.turn().await.err(), Some(LoginError::Busy));
        assert_eq!(turns.pop().expect("one").check(|| Ok(7)).await, Ok(7));
        assert!(checks.turn().await.is_ok(), "its turn is over");
    }
}
