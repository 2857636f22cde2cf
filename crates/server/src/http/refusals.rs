//! What the hub refused lately, and the long poll for what it refuses next.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::http::describe::{AfterParam, BadRequest, Forbidden, WaitForMoreParam};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::WAIT_MAX;
use crate::refusals::Refused;

/// The answer of `/api/refusals`.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusals)]
pub(crate) struct RefusalsView {
    /// The oldest first.
    refusals: Vec<RefusalView>,
    /// What to give as `after` next.
    next: u64,
}

/// One refusal.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(crate) struct RefusalView {
    seq: u64,
    #[schema(format = DateTime)]
    time: String,
    /// The door: `mqtt`, `blynk`, `ws` or `http`; `tls` or `tcp` for what did not come so far.
    #[schema(example = "mqtt")]
    transport: &'static str,
    #[schema(example = "192.0.2.20:49152")]
    peer: Option<String>,
    client_id: Option<String>,
    /// Who it was, once that is known; never what was shown as a credential.
    user: Option<String>,
    /// By the credential, the topic, or a client id that is a device's.
    device: Option<String>,
    /// Or what was meant as one.
    topic: Option<String>,
    /// `credentials`, `permission`, `topic`, `type`, `tls`, `protocol` or `limit`.
    #[schema(example = "credentials")]
    kind: &'static str,
    /// What happened.
    #[schema(example = "The user name or the password is wrong.")]
    what: String,
    /// What to do.
    next: &'static str,
}

impl From<Refused> for RefusalView {
    fn from(refused: Refused) -> Self {
        let Refused { seq, time, transport, peer, client_id, user, device, topic, kind, what, next } = refused;
        let (peer, device) = (peer.map(|peer| peer.to_string()), device.map(|device| device.to_string()));
        Self {
            seq,
            time: time.to_string(),
            transport,
            peer,
            client_id,
            user,
            device,
            topic,
            kind: kind.name(),
            what,
            next,
        }
    }
}

/// `GET /api/refusals`
#[utoipa::path(
    get, path = "/api/refusals", operation_id = "listRefusals", tag = "Wire",
    summary = "Lists what was refused lately, whatever the door, or waits for the next",
    description = "Failed credentials, missing rights, values and topics that may not be, TLS handshakes that failed, broken protocols, bounds. The last \
                   1,000 since the hub started, 50 of a second at the most. For administrators.",
    params(AfterParam, WaitForMoreParam),
    responses((status = 200, description = "The refusals.", body = RefusalsView), BadRequest, Forbidden),
)]
pub(crate) async fn list(caller: Caller, query: Query) -> Result<Json<RefusalsView>, Problem> {
    caller.must_administer()?;
    let after = query.number("after")?.unwrap_or(0);
    let wait = query.duration("wait")?.unwrap_or_default().min(WAIT_MAX);
    let refusals = &caller.shard.refusals;
    let end = tokio::time::sleep(wait);
    tokio::pin!(end);
    loop {
        let more = refusals.more();
        tokio::pin!(more);
        // Listening starts before looking, so that none is missed in between.
        more.as_mut().enable();
        let (found, next) = refusals.behind(after, |_| true);
        let is_over = !found.is_empty() || wait.is_zero();
        let is_over = is_over
            || tokio::select! {
                () = more => false,
                () = &mut end => true,
                () = caller.shard.stopping() => true,
            };
        if is_over {
            // Who waited may have been turned out meanwhile.
            caller.must_still_be_let_in()?;
            caller.must_administer()?;
            return Ok(Json(RefusalsView { refusals: found.into_iter().map(RefusalView::from).collect(), next }));
        }
    }
}
