//! Who is connected, and who may come back: list, show, disconnect.
//!
//! Seen by whoever may read `$SYS/broker/clients`, disconnected by whoever may write there: rights are topics here, too,
//! and nothing is ever published to this one.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use housewire_core::{Access, Denied, TopicRef};

use crate::caller::Caller;
use crate::clients::{Behind, Client, Protocol};
use crate::http::describe::{
    BadRequest, ConnectedParam, Forbidden, ForgetParam, KnownTag, NoRoom, NotConnected, NotFound, NotModified,
    PageParams,
};
use crate::http::page::{self, Items, Page, Source};
use crate::http::path::ClientPath;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::CLIENTS_AT_ONCE;
use crate::refusal::{Refusal, shorten};
use crate::view::client::ClientView;

/// How long a connection may take to end before the answer says that it is on its way.
const DISCONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// `GET /api/clients`: written aside and piece by piece, as it may be long.
#[utoipa::path(
    get, path = "/api/clients", operation_id = "listClients", tag = "Clients",
    summary = "Lists clients, sorted by id",
    description = "MQTT clients, connected or away with a session, and the WebSockets and event streams that are open. Needs the right to \
                   read `$SYS/broker/clients`.",
    params(ConnectedParam, PageParams, KnownTag),
    responses(
        (
            status = 200, description = "The clients.", body = [ClientView<'static>],
            headers(
                ("ETag" = String, description = "Of a page, with `limit`."),
                ("Link" = String, description = "Where the list goes on, with `rel=\"next\"`; not on the last page."),
            ),
        ),
        NotModified, BadRequest, Forbidden,
    ),
)]
pub(crate) async fn list(caller: Caller, uri: Uri, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    must_read(&caller)?;
    let page = Page::of(&query)?;
    let last = page.after.as_deref().map_or(Behind::Nothing, |id| Behind::Id(id.into()));
    let listing = Listing { caller, connected: query.choice("connected")?, last };
    Ok(page::answer(listing, &uri, &page, &headers).await)
}

/// `GET /api/clients/{id}`
#[utoipa::path(
    get, path = "/api/clients/{id}", operation_id = "getClient", tag = "Clients",
    summary = "Shows one client",
    params(ClientPath),
    responses((status = 200, description = "The client.", body = ClientView<'static>), Forbidden, NotFound),
)]
pub(crate) async fn get(caller: Caller, ClientPath(id): ClientPath) -> Result<Response, Problem> {
    must_read(&caller)?;
    let client = find(&caller, &id)?;
    let mut body = Vec::new();
    write(&client, &mut body);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// `DELETE /api/clients/{id}`: ends the connection; with `?forget=true` the session, too.
#[utoipa::path(
    delete, path = "/api/clients/{id}", operation_id = "disconnectClient", tag = "Clients",
    summary = "Disconnects a client",
    description = "Tells an MQTT 5 client 0x98 and closes a WebSocket with 1008. For administrators.",
    params(ClientPath, ForgetParam),
    responses(
        (status = 204, description = "It is gone."),
        (status = 202, description = "It is told, and did not leave within 5 s."),
        BadRequest, Forbidden, NotFound, NotConnected, NoRoom,
    ),
)]
pub(crate) async fn disconnect(
    caller: Caller,
    ClientPath(id): ClientPath,
    query: Query,
) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let forget = query.choice("forget")?.unwrap_or(false);
    let client = find(&caller, &id)?;
    let status = end(&caller, &client, &id, forget).await?;
    if forget {
        // A session that was forgotten must not be there again after a crash.
        caller.registry_saved().await?;
    }
    Ok(status)
}

async fn end(caller: &Caller, client: &Arc<Client>, id: &str, forget: bool) -> Result<StatusCode, Problem> {
    match tokio::time::timeout(DISCONNECT_PATIENCE, client.disconnect(forget)).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        // It is told, and ends as soon as its socket lets it.
        Err(_) => Ok(StatusCode::ACCEPTED),
        Ok(false) if !forget => {
            let detail = format!(
                "The client '{}' is not connected. To end the session that is kept for it, ask for that: ?forget=true, or --forget on the command line.",
                shorten(id)
            );
            Err(Problem::new(StatusCode::CONFLICT, "not_connected", detail))
        }
        Ok(false) if client.protocol() == Protocol::Mqtt && caller.shard.sessions.end_away(id) => {
            Ok(StatusCode::NO_CONTENT)
        }
        Ok(false) if client.protocol() == Protocol::Events && caller.shard.lobby.streams.end_away(client) => {
            Ok(StatusCode::NO_CONTENT)
        }
        Ok(false) if client.protocol() == Protocol::WebSocket && caller.shard.kept.end_away(client) => {
            Ok(StatusCode::NO_CONTENT)
        }
        // It came back or ended in this very moment.
        Ok(false) => match tokio::time::timeout(DISCONNECT_PATIENCE, client.disconnect(forget)).await {
            Ok(true) => Ok(StatusCode::NO_CONTENT),
            Ok(false) => Err(no_client(id).into()),
            Err(_) => Ok(StatusCode::ACCEPTED),
        },
    }
}

fn must_read(caller: &Caller) -> Result<(), Denied> {
    caller.must(Access::Read, TopicRef::parse("$SYS/broker/clients").expect("a constant that parses"))
}

fn find(caller: &Caller, id: &str) -> Result<Arc<Client>, Refusal> {
    caller.shard.clients.get(id).ok_or_else(|| no_client(id))
}

fn no_client(id: &str) -> Refusal {
    Refusal::NotFound(format!("There is no client '{}', neither connected nor with a session.", shorten(id)))
}

fn write(client: &Client, out: &mut Vec<u8>) {
    serde_json::to_writer(out, &ClientView::new(client)).expect("a view is JSON, and memory takes it");
}

/// What is left of the list.
struct Listing {
    caller: Caller,
    /// Which clients, if not all.
    connected: Option<bool>,
    last: Behind,
}

impl Source for Listing {
    fn add_some(&mut self, items: &mut Items) -> bool {
        let clients = self.caller.shard.clients.page(&self.last, CLIENTS_AT_ONCE);
        for client in &clients {
            let is_shown = self.connected.is_none_or(|connected| client.whereabouts().is_connected == connected);
            if is_shown && !items.push(client.id(), |out| write(client, out)) {
                return false;
            }
        }
        let is_full = clients.len() == CLIENTS_AT_ONCE;
        if let Some(last) = clients.into_iter().next_back() {
            self.last = Behind::Client(last);
        }
        is_full
    }
}
