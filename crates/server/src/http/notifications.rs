//! What devices wanted people to be told, as a list.

use axum::Json;
use housewire_core::{Access, TopicRef};
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::http::describe::{AfterNoteParam, AuditLimit, BadRequest};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::notifications::{Kind, MailState, Notification};

/// Entries in one answer, if not said otherwise, and at the most.
const LIMIT_USUAL: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// A part of the list, and where it goes on.
#[derive(Serialize, ToSchema)]
#[schema(as = Notifications)]
pub(crate) struct NotificationsView {
    notifications: Vec<NotificationView>,
    /// `after` of what comes next.
    next: u64,
}

/// Something that a device wanted people to be told.
#[derive(Serialize, ToSchema)]
#[schema(as = Notification)]
pub(crate) struct NotificationView {
    /// Counts up, and never comes twice.
    id: u64,
    #[schema(format = DateTime)]
    time: String,
    /// Which device; `null` for the hub itself.
    #[schema(example = "lamp")]
    device: Option<String>,
    /// How it wanted that: `push`, `email`, `sms`, `tweet`, or `event` and `clear` for what happened and is over.
    #[schema(value_type = String, example = "push")]
    kind: Kind,
    /// Of an event: which kind of thing.
    code: Option<String>,
    /// Of a mail: to whom, if the device says so.
    to: Option<String>,
    /// Of a mail: its subject.
    title: Option<String>,
    text: String,
    /// Of a mail: what became of it; `null` if the hub has no mail server.
    mail: Option<MailView>,
}

/// What became of a mail.
#[derive(Serialize, ToSchema)]
#[schema(as = NotificationMail)]
pub(crate) struct MailView {
    /// `waiting`, `sent` or `failed`.
    #[schema(value_type = String, example = "sent")]
    state: &'static str,
    /// Why it failed, or still waits.
    reason: Option<String>,
}

impl From<&MailState> for MailView {
    fn from(state: &MailState) -> Self {
        let (state, reason) = match state {
            MailState::Waiting(reason) => ("waiting", reason.clone()),
            MailState::Sent => ("sent", None),
            MailState::Failed(reason) => ("failed", Some(reason.clone())),
        };
        Self { state, reason }
    }
}

impl From<&Notification> for NotificationView {
    fn from(notification: &Notification) -> Self {
        let Notification { id, time, what, mail } = notification;
        let what = what.clone();
        Self {
            id: *id,
            time: time.to_string(),
            device: what.device.map(|device| device.to_string()),
            kind: what.kind,
            code: what.code,
            to: what.to,
            title: what.title,
            text: what.text,
            mail: mail.as_ref().map(MailView::from),
        }
    }
}

/// `GET /api/notifications`: the oldest first.
#[utoipa::path(
    get, path = "/api/notifications", operation_id = "listNotifications", tag = "Devices",
    summary = "Lists what devices wanted people to be told, the oldest first",
    description = "Of devices that the caller may read. The hub keeps the last 1,000.",
    params(AuditLimit, AfterNoteParam),
    responses((status = 200, description = "The notifications.", body = NotificationsView), BadRequest),
)]
pub(crate) async fn list(caller: Caller, query: Query) -> Result<Json<NotificationsView>, Problem> {
    let after = query.number("after")?.unwrap_or(0);
    let limit = query.number("limit")?.unwrap_or(LIMIT_USUAL).clamp(1, LIMIT_MAX);
    let is_readable = |notification: &Notification| match &notification.what.device {
        Some(device) => {
            let topic = format!("devices/{device}/$online");
            TopicRef::parse(&topic).is_ok_and(|topic| caller.principal().may(Access::Read, topic))
        }
        None => caller.principal().may_administer(),
    };
    let found = caller.shard.notifications.behind(after, limit, is_readable);
    let next = found.last().map_or(after, |notification| notification.id);
    Ok(Json(NotificationsView { notifications: found.iter().map(|found| found.as_ref().into()).collect(), next }))
}
