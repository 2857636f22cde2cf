//! Whole installations of other servers, taken over.

use axum::Json;
use axum::extract::Request;
use housewire_links::blynk_file;

use crate::accounts::AccountError;
use crate::caller::Caller;
use crate::house::blynk::{BlynkPlan, Report};
use crate::http::body::Upload;
use crate::http::dashboards::asker;
use crate::http::describe::{BodyAnswers, DryRunParam, Forbidden, NoRoom, Unusable};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::BLYNK_FILE_BYTES_MAX;
use crate::view::schema::AnyObject;

/// `POST /api/import/blynk`
#[utoipa::path(
    post, path = "/api/import/blynk", operation_id = "importBlynk", tag = "House",
    summary = "Takes over what a user of Blynk's old server had",
    description = "For administrators. The body is a user file of that server (`NAME.user`), at most 8 MiB. Its devices keep their tokens, so that \
                   their sketches need nothing but another host name; pins that widgets show become properties with names and types; each project \
                   becomes a dashboard. All of it is checked before anything is changed. What is there already stays as it is, so that the same file \
                   may be sent again.",
    params(DryRunParam),
    request_body(content = inline(AnyObject), description = "The file."),
    responses((status = 200, description = "What was made, or would be, and what could not be.", body = Report), BodyAnswers, Forbidden, Unusable, NoRoom),
)]
pub(crate) async fn blynk(caller: Caller, query: Query, request: Request) -> Result<Json<Report>, Problem> {
    caller.must_administer()?;
    let is_dry = query.choice("dry_run")?.unwrap_or(false);
    let (parts, body) = request.into_parts();
    let upload = Upload::receive_up_to(&caller, &parts.headers, body, BLYNK_FILE_BYTES_MAX).await?;
    let (hub, house) = (caller.hub().clone(), caller.shard.house.clone());
    let (asker, by) = (asker(&caller), caller.change());
    let work = move |accounts: &_| {
        let moved = blynk_file::read(&upload.bytes)
            .map_err(|error| AccountError::Unusable(format!("This is no user file of Blynk's server: {error}.")))?;
        let plan = BlynkPlan::new(moved, &hub, accounts, &house.dashboards, &asker)?;
        let carried_out = match is_dry {
            true => Ok(()),
            false => plan.carry_out(&hub, accounts, &house.dashboards, &asker, &by),
        };
        Ok(carried_out.map(|()| plan.report(is_dry)))
    };
    let report = caller.accounts(work).await??;
    if !is_dry {
        caller.registry_saved().await?;
    }
    Ok(Json(report))
}
