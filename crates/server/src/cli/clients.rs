//! `housewire clients`: who is connected and who may come back, for people (tables) and for programs (`--json`, the hub's
//! own words).

use clap::{Args, Subcommand};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::client::Client;
use super::failure::Failure;
use super::output::{Output, printable};
use super::view::age;
use super::{HubCommand, HubOptions, table};

const EXAMPLE: &str = "\
Without a command it lists all clients.

Example:
  housewire clients
  housewire clients show kitchen
  housewire clients disconnect kitchen";

const LIST_EXAMPLE: &str = "\
Example:
  housewire clients list --connected
  housewire clients list --json";

const SHOW_EXAMPLE: &str = "\
Example:
  housewire clients show kitchen";

const DISCONNECT_EXAMPLE: &str = "\
Most clients connect again at once and find their session as it was. With --forget it is gone, and
all that waited in it.

Example:
  housewire clients disconnect kitchen
  housewire clients disconnect kitchen --forget";

/// Arguments of `housewire clients`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Clients {
    #[command(subcommand)]
    command: Option<ClientsCommand>,
    #[command(flatten)]
    options: HubOptions,
}

/// What can be done with clients.
#[derive(Debug, Subcommand)]
enum ClientsCommand {
    /// List MQTT clients, WebSockets and event streams
    #[command(after_help = LIST_EXAMPLE)]
    List {
        /// Without those that are away
        #[arg(long)]
        connected: bool,
    },
    /// Show everything about one client
    #[command(after_help = SHOW_EXAMPLE)]
    Show {
        /// Its client id
        #[arg(value_parser = parse_id)]
        id: String,
    },
    /// End a client's connection
    #[command(visible_alias = "kick", after_help = DISCONNECT_EXAMPLE)]
    Disconnect {
        /// Its client id
        #[arg(value_parser = parse_id)]
        id: String,
        /// End its session too, even if the client is away
        #[arg(long)]
        forget: bool,
    },
}

/// Any text but the two that no path can hold.
fn parse_id(text: &str) -> Result<String, String> {
    match text {
        "" => Err("a client id has at least one character".to_owned()),
        "." | ".." => Err("a path cannot hold this id; it is in the list".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// One client as the hub shows it, as far as people are told.
#[derive(Debug, Deserialize)]
struct ClientView {
    id: String,
    protocol: String,
    version: Option<String>,
    transport: Option<String>,
    address: Option<String>,
    user: String,
    connected: bool,
    since: String,
    subscriptions: u64,
    in_flight: u64,
    queued: Queued,
    dropped: Dropped,
    bytes: Bytes,
    keep_alive_s: Option<u64>,
    session_expiry_s: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Queued {
    messages: u64,
    bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Dropped {
    overflow: u64,
    memory: u64,
    too_large: u64,
    #[serde(default)]
    unclaimed: u64,
    expired: u64,
}

#[derive(Debug, Deserialize)]
struct Bytes {
    r#in: u64,
    out: u64,
}

impl HubCommand for Clients {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        match self.command.unwrap_or(ClientsCommand::List { connected: false }) {
            ClientsCommand::List { connected } => list(client, output, connected).await,
            ClientsCommand::Show { id } => show(client, output, &id).await,
            ClientsCommand::Disconnect { id, forget } => disconnect(client, output, &id, forget).await,
        }
    }
}

async fn list(client: &Client, output: &Output, connected: bool) -> Result<(), Failure> {
    let what = "cannot list the clients";
    let mut url = client.hub.api(["clients"]);
    if connected {
        url.set_query(Some("connected=true"));
    }
    let request = client.request(Method::GET, url);
    if output.is_json() {
        return output.json(&client.fetch::<Box<RawValue>>(what, request).await?);
    }
    let clients: Vec<ClientView> = client.fetch(what, request).await?;
    if clients.is_empty() {
        output.note("There are no clients. Try one in another terminal: housewire sub 'devices/#'");
        return Ok(());
    }
    output.text(&client_table(&clients, Timestamp::now()))
}

fn client_table(clients: &[ClientView], now: Timestamp) -> String {
    let rows: Vec<_> = clients
        .iter()
        .map(|client| {
            let state = if client.connected { "connected" } else { "away" };
            vec![
                client.id.clone(),
                client.protocol(),
                client.address.clone().unwrap_or_default(),
                client.user.clone(),
                format!("{state} {}", age(&client.since, now)),
                client.subscriptions.to_string(),
                client.in_flight.to_string(),
                client.queued.messages.to_string(),
                client.dropped.sum().to_string(),
            ]
        })
        .collect();
    table::render(&["ID", "PROTOCOL", "ADDRESS", "USER", "STATE", "SUBS", "IN FLIGHT", "QUEUED", "DROPPED"], &rows)
}

impl ClientView {
    fn protocol(&self) -> String {
        self.version.as_ref().map_or_else(|| self.protocol.clone(), |version| format!("{} {version}", self.protocol))
    }
}

impl Dropped {
    fn in_words(&self) -> String {
        let causes = [
            (self.overflow, "not read in time"),
            (self.memory, "for want of memory"),
            (self.too_large, "too large"),
            (self.expired, "expired"),
            (self.unclaimed, "that nobody of its group took over"),
        ];
        let lost = causes.iter().filter(|(count, _)| *count > 0).map(|(count, cause)| format!("{count} {cause}"));
        let lost: Vec<_> = lost.collect();
        if lost.is_empty() { "nothing".to_owned() } else { lost.join(", ") }
    }

    fn sum(&self) -> u64 {
        self.overflow + self.memory + self.too_large + self.expired + self.unclaimed
    }
}

async fn show(client: &Client, output: &Output, id: &str) -> Result<(), Failure> {
    let what = format!("cannot show {id}");
    let request = client.request(Method::GET, client.hub.api(["clients", id]));
    if output.is_json() {
        return output.json(&client.fetch::<Box<RawValue>>(&what, request).await?);
    }
    let view: ClientView = client.fetch(&what, request).await?;
    output.text(&client_page(&view, Timestamp::now()))
}

fn client_page(client: &ClientView, now: Timestamp) -> String {
    let state = if client.connected { "connected" } else { "away" };
    let expiry = match (client.protocol.as_str(), client.session_expiry_s) {
        ("mqtt", None) => "the session is kept until it is forgotten".to_owned(),
        (_, None | Some(0)) => "the session ends with the connection".to_owned(),
        (_, Some(seconds)) => format!("the session is kept for {seconds} s"),
    };
    let facts = [
        ("id", Some(client.id.clone())),
        ("protocol", Some(client.protocol())),
        ("transport", client.transport.clone()),
        ("address", client.address.clone()),
        ("user", Some(client.user.clone())),
        ("state", Some(format!("{state} for {}", age(&client.since, now)))),
        (
            "keep-alive",
            client.keep_alive_s.map(|seconds| if seconds == 0 { "none".to_owned() } else { format!("{seconds} s") }),
        ),
        ("expiry", Some(expiry)),
        ("subscribed", Some(format!("filters: {}", client.subscriptions))),
        ("in flight", Some(format!("messages: {}", client.in_flight))),
        ("queued", Some(format!("messages: {}, bytes: {}", client.queued.messages, client.queued.bytes))),
        ("dropped", Some(client.dropped.in_words())),
        ("bytes", Some(format!("{} in, {} out", client.bytes.r#in, client.bytes.out))),
    ];
    let mut page = String::new();
    for (name, fact) in facts {
        if let Some(fact) = fact {
            page.push_str(&format!("{name:<10} {}\n", printable(&fact)));
        }
    }
    page
}

async fn disconnect(client: &Client, output: &Output, id: &str, forget: bool) -> Result<(), Failure> {
    let mut url = client.hub.api(["clients", id]);
    if forget {
        url.set_query(Some("forget=true"));
    }
    let answer = client.send(&format!("cannot disconnect {id}"), client.request(Method::DELETE, url)).await?;
    let is_done = answer.status() != StatusCode::ACCEPTED;
    let sentence = match (is_done, forget) {
        (true, true) => format!("Disconnected {id} and ended its session."),
        (true, false) => format!("Disconnected {id}."),
        (false, _) => format!("{id} was told to leave and has not left yet."),
    };
    output.done(&sentence, &json!({"disconnected": id, "forgotten": forget, "done": is_done}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kitchen() -> ClientView {
        serde_json::from_value(json!({
            "id": "kitchen", "protocol": "mqtt", "version": "3.1.1", "transport": "tcp", "address": "192.0.2.7:4711",
            "user": "guest", "connected": true, "since": "2025-01-01T00:00:00Z", "subscriptions": 2, "in_flight": 1,
            "queued": {"messages": 3, "bytes": 400}, "dropped": {"overflow": 5, "memory": 0, "too_large": 1, "expired": 0},
            "bytes": {"in": 10, "out": 20}, "keep_alive_s": 60, "session_expiry_s": null,
        }))
        .unwrap()
    }

    #[test]
    fn the_list_has_a_line_for_each_client() {
        let stream: ClientView = serde_json::from_value(json!({
            "id": "websocket-1", "protocol": "ws", "version": null, "transport": "websocket", "address": null,
            "user": "guest", "connected": false, "since": "2025-01-01T00:00:00Z", "subscriptions": 0, "in_flight": 0,
            "queued": {"messages": 0, "bytes": 0}, "dropped": {"overflow": 0, "memory": 0, "too_large": 0, "expired": 0},
            "bytes": {"in": 0, "out": 0}, "keep_alive_s": null, "session_expiry_s": 0,
        }))
        .unwrap();
        let now = "2025-01-01T00:02:00Z".parse().unwrap();
        let expected = "\
ID           PROTOCOL    ADDRESS         USER   STATE            SUBS  IN FLIGHT  QUEUED  DROPPED
kitchen      mqtt 3.1.1  192.0.2.7:4711  guest  connected 2 min  2     1          3       6
websocket-1  ws                          guest  away 2 min       0     0          0       0
";
        assert_eq!(client_table(&[kitchen(), stream], now), expected);
    }

    #[test]
    fn the_page_of_a_client_tells_what_it_lost() {
        let now = "2025-01-01T00:02:00Z".parse().unwrap();
        let expected = "\
id         kitchen
protocol   mqtt 3.1.1
transport  tcp
address    192.0.2.7:4711
user       guest
state      connected for 2 min
keep-alive 60 s
expiry     the session is kept until it is forgotten
subscribed filters: 2
in flight  messages: 1
queued     messages: 3, bytes: 400
dropped    5 not read in time, 1 too large
bytes      10 in, 20 out
";
        assert_eq!(client_page(&kitchen(), now), expected);
    }
}
