//! `housewire token`: what lets devices and apps in. A token is printed once, when it is made.

use clap::{Args, Subcommand};
use housewire_core::{DeviceId, Role};
use jiff::Timestamp;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::users::{Rights, parse_role, rights};
use super::view::age;
use super::{HubCommand, HubOptions, table};

const EXAMPLE: &str = "\
Without a command it lists all tokens. A device's token opens what is below devices/ID and nothing else, over HTTP,
WebSocket and MQTT alike.

Example:
  housewire token device lamp
  housewire token app Node-RED --role member
  housewire token revoke 7";

/// Arguments of `housewire token`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Tokens {
    #[command(subcommand)]
    command: Option<TokensCommand>,
    #[command(flatten)]
    options: HubOptions,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
enum TokensCommand {
    /// List tokens and certificates
    List {
        /// Of this device only
        #[arg(long, value_name = "ID", value_parser = parse_device)]
        device: Option<DeviceId>,
    },
    /// Make a token for a device, and the device if there is none; prints the token
    Device {
        /// Its id
        #[arg(value_parser = parse_device)]
        id: DeviceId,
        /// What to call the token
        #[arg(long)]
        name: Option<String>,
        /// When it ends: 90d, 12h, or a moment such as 2027-01-31T00:00:00Z [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Make a token for an app or script; prints the token
    App {
        /// What to call it
        name: String,
        /// What it may do: admin, member or viewer
        #[arg(long, value_parser = parse_role, default_value = "member")]
        role: Role,
        #[command(flatten)]
        rights: Rights,
        /// When it ends: 90d, 12h, or a moment such as 2027-01-31T00:00:00Z [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Take a token or certificate back, at once
    Revoke {
        /// Its number, as listed
        id: u32,
    },
}

fn parse_device(text: &str) -> Result<DeviceId, String> {
    DeviceId::parse(text).map_err(|error| error.to_string())
}

/// One token as the hub shows it, as far as people are told.
#[derive(Debug, Deserialize)]
struct TokenView {
    id: u32,
    kind: String,
    credential: String,
    device: Option<String>,
    name: String,
    role: Option<String>,
    read: Option<Vec<String>>,
    write: Option<Vec<String>>,
    deny: Vec<String>,
    expires: Option<String>,
    last_used: Option<String>,
}

impl HubCommand for Tokens {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        match self.command.unwrap_or(TokensCommand::List { device: None }) {
            TokensCommand::List { device } => list(client, output, device.as_ref()).await,
            TokensCommand::Device { id, name, expires } => {
                let mut body = Map::new();
                body.extend(name.map(|name| ("name".to_owned(), json!(name))));
                let url = client.hub.api(["devices", id.as_str(), "token"]);
                make(client, output, url, body, expires, &format!("cannot make a token for {id}")).await
            }
            TokensCommand::App { name, role, rights, expires } => {
                let what = format!("cannot make a token for {name}");
                let mut body =
                    Map::from_iter([("name".to_owned(), json!(name)), ("role".to_owned(), json!(role.name()))]);
                rights.add_to(&mut body);
                make(client, output, client.hub.api(["tokens"]), body, expires, &what).await
            }
            TokensCommand::Revoke { id } => {
                let request = client.request(Method::DELETE, client.hub.api(["tokens", &id.to_string()]));
                client.send(&format!("cannot revoke token {id}"), request).await?;
                output.done(&format!("Revoked token {id}; whoever used it is out."), &json!({"revoked": id}))
            }
        }
    }
}

async fn make(
    client: &Client,
    output: &Output,
    url: Url,
    mut body: Map<String, Value>,
    expires: Option<String>,
    what: &str,
) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Made {
        token: String,
    }
    body.extend(expires.map(|expires| ("expires".to_owned(), json!(expires))));
    let request = client.request(Method::POST, url).json(&body);
    let made: Box<RawValue> = client.fetch(what, request).await?;
    if output.is_json() {
        return output.json(&made);
    }
    let Made { token } = serde_json::from_str(made.get())
        .map_err(|error| client.strange(what, format!("the answer is not understood ({error})")))?;
    // Nothing else goes to standard output, so that a script can take it as it is.
    output.line(&token)?;
    output.note(
        "Keep it safe: it is shown this once. 'housewire token' lists it, 'housewire token revoke' takes it back.",
    );
    Ok(())
}

async fn list(client: &Client, output: &Output, device: Option<&DeviceId>) -> Result<(), Failure> {
    let what = "cannot list the tokens";
    let mut url = client.hub.api(["tokens"]);
    if let Some(device) = device {
        url.query_pairs_mut().append_pair("device", device.as_str());
    }
    let request = client.request(Method::GET, url);
    if output.is_json() {
        return output.json(&client.fetch::<Box<RawValue>>(what, request).await?);
    }
    let tokens: Vec<TokenView> = client.fetch(what, request).await?;
    if tokens.is_empty() {
        output.note("There are no tokens. Make one: housewire token device ID");
        return Ok(());
    }
    let now = Timestamp::now();
    let rows: Vec<_> = tokens.iter().map(|token| token.row(now)).collect();
    output.text(&table::render(&["ID", "FOR", "KIND", "NAME", "MAY", "EXPIRES", "LAST USED"], &rows))
}

impl TokenView {
    fn row(&self, now: Timestamp) -> Vec<String> {
        let whom = self.device.clone().unwrap_or_else(|| self.kind.clone());
        let own = rights(self.read.as_deref(), self.write.as_deref(), &self.deny);
        let may = match &self.role {
            Some(role) if own.is_empty() => role.clone(),
            Some(role) => format!("{role}; {own}"),
            None => "its own topics".to_owned(),
        };
        let day = |time: &String| time.get(..10).unwrap_or(time).to_owned();
        vec![
            self.id.to_string(),
            whom,
            self.credential.clone(),
            self.name.clone(),
            may,
            self.expires.as_ref().map(day).unwrap_or_default(),
            self.last_used.as_deref().map(|time| age(time, now)).unwrap_or_else(|| "never".to_owned()),
        ]
    }
}
