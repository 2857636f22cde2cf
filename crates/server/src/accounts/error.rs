//! Why an account is not changed.

use housewire_core::Role;
use housewire_store::StoreError;
use thiserror::Error;

use crate::reasons::with_reasons;

/// See the module. In words for the one who asked: what, why, what to do.
#[derive(Debug, Error)]
pub(crate) enum AccountError {
    /// There is somebody of that name.
    #[error("The name '{0}' is taken. Choose another one, or change the one that is there.")]
    Taken(String),
    /// There is nobody of that name, or no such token.
    #[error("{0}")]
    NotFound(String),
    /// A name, a password, a filter, a time cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// Nobody would be left who may change anything.
    #[error("'{0}' is the only {role}. Make somebody else one first.", role = Role::Admin.name())]
    LastAdmin(String),
    /// The link was used, or somebody was faster.
    #[error("This hub has been set up already. Sign in instead; an admin makes further accounts.")]
    SetUpAlready,
    /// The link is of another start.
    #[error(
        "This set-up link is not valid any more. The hub prints a new one each time it starts, until it is set up."
    )]
    WrongKey,
    /// One more than fits.
    #[error("{0}")]
    Full(String),
    /// The disk did not take it, so that nothing was changed.
    #[error("This could not be saved, so nothing was changed: {0}. Look after the disk and try again.")]
    Disk(String),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Disk(with_reasons(&error).to_string())
    }
}
