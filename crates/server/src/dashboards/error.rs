//! Why a dashboard is not shown or changed.

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::accounts::AccountError;
use crate::dashboards::Kept;

/// See the module. In words for the one who asked: what, why, what to do.
#[derive(Debug, Error)]
pub(crate) enum DashboardError {
    /// The disk, a name, a bound.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Somebody who may see it may not do that.
    #[error("{0}")]
    Forbidden(String),
    /// Somebody else was faster.
    #[error(
        "The dashboard was changed meanwhile{}: get it again and make your changes there, or send yours with the version that is \
         current to overwrite what was done.",
        .0.updated_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default()
    )]
    Changed(Box<Current>),
}

/// What a dashboard is by now.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CurrentVersion)]
pub(crate) struct Current {
    version: u64,
    #[schema(format = DateTime)]
    updated: String,
    updated_by: Option<String>,
}

impl Current {
    pub(super) fn of(kept: &Kept) -> Self {
        Self { version: kept.version, updated: kept.updated.to_string(), updated_by: kept.updated_by.clone() }
    }
}
