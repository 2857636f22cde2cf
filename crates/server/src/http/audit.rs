//! The audit log, for administrators.

use axum::Json;
use housewire_store::AuditQuery;

use crate::caller::Caller;
use crate::http::describe::{AuditLimit, BadRequest, BeforeParam, EventParam, Forbidden, NoRoom, WhoParam};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::view::account::AuditJson;

/// Entries in one answer, if not said otherwise, and at the most.
const LIMIT_USUAL: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// `GET /api/audit`: the newest first.
#[utoipa::path(
    get, path = "/api/audit", operation_id = "listAudit", tag = "Hub",
    summary = "Lists sign-ins, refusals and changes of rights, the newest first",
    description = "For administrators.",
    params(AuditLimit, BeforeParam, EventParam, WhoParam),
    responses((status = 200, description = "The entries.", body = [AuditJson]), BadRequest, Forbidden, NoRoom),
)]
pub(crate) async fn list(caller: Caller, query: Query) -> Result<Json<Vec<AuditJson>>, Problem> {
    caller.must_administer()?;
    let query = AuditQuery {
        limit: query.number("limit")?.unwrap_or(LIMIT_USUAL).clamp(1, LIMIT_MAX),
        before: query.number("before")?,
        event: query.first("event"),
        who: query.first("who"),
    };
    let entries = caller.accounts(move |accounts| accounts.read_audit(&query)).await?;
    Ok(Json(entries.into_iter().map(AuditJson::from).collect()))
}
