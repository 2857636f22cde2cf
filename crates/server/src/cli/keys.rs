//! `housewire key`: API keys of people, for programs that were written for Bolt's cloud. A key is printed once, when it is made.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::view::age;
use super::{HubCommand, HubOptions, table};

const EXAMPLE: &str = "\
Without a command it lists keys. Whoever has a key may do over Bolt's cloud API what its person may, and nothing else.

Example:
  housewire key make 'Balcony script' --user anna
  housewire key off 7
  housewire key delete 7";

/// Arguments of `housewire key`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Keys {
    #[command(subcommand)]
    command: Option<KeysCommand>,
    #[command(flatten)]
    options: HubOptions,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// List keys: all of them for admins, else your own
    List,
    /// Make a key; prints it
    Make {
        /// What to call it
        name: String,
        /// Whose it is to be [default: your own]
        #[arg(long)]
        user: Option<String>,
        /// When it ends: 90d, 12h, or a moment such as 2027-01-31T00:00:00Z [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Switch a key on again
    On {
        /// Its number, as listed
        id: u32,
    },
    /// Switch a key off, at once
    Off {
        /// Its number, as listed
        id: u32,
    },
    /// Delete a key, at once
    Delete {
        /// Its number, as listed
        id: u32,
    },
}

/// One key as the hub shows it, as far as people are told.
#[derive(Debug, Deserialize)]
struct KeyView {
    id: u32,
    user: String,
    name: String,
    enabled: bool,
    expires: Option<String>,
    last_used: Option<String>,
}

impl HubCommand for Keys {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        match self.command.unwrap_or(KeysCommand::List) {
            KeysCommand::List => list(client, output).await,
            KeysCommand::Make { name, user, expires } => make(client, output, name, user, expires).await,
            KeysCommand::On { id } => switch(client, output, id, true).await,
            KeysCommand::Off { id } => switch(client, output, id, false).await,
            KeysCommand::Delete { id } => {
                let request = client.request(Method::DELETE, client.hub.api(["keys", &id.to_string()]));
                client.send(&format!("cannot delete key {id}"), request).await?;
                output.done(&format!("Deleted key {id}; it opens nothing any more."), &json!({"deleted": id}))
            }
        }
    }
}

async fn make(
    client: &Client,
    output: &Output,
    name: String,
    user: Option<String>,
    expires: Option<String>,
) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Made {
        key: String,
    }
    let what = "cannot make a key";
    let mut body = Map::from_iter([("name".to_owned(), Value::from(name))]);
    body.extend(user.map(|user| ("user".to_owned(), Value::from(user))));
    body.extend(expires.map(|expires| ("expires".to_owned(), Value::from(expires))));
    let request = client.request(Method::POST, client.hub.api(["keys"])).json(&body);
    let made: Box<RawValue> = client.fetch(what, request).await?;
    if output.is_json() {
        return output.json(&made);
    }
    let Made { key } = serde_json::from_str(made.get())
        .map_err(|error| client.strange(what, format!("the answer is not understood ({error})")))?;
    // Nothing else goes to standard output, so that a script can take it as it is.
    output.line(&key)?;
    output.note("Keep it safe: it is shown this once. 'housewire key' lists it, 'housewire key delete' deletes it.");
    Ok(())
}

async fn switch(client: &Client, output: &Output, id: u32, enabled: bool) -> Result<(), Failure> {
    let word = if enabled { "on" } else { "off" };
    let url = client.hub.api(["keys", &id.to_string()]);
    let request = client.request(Method::PATCH, url).json(&json!({"enabled": enabled}));
    client.send(&format!("cannot switch key {id} {word}"), request).await?;
    output.done(&format!("Key {id} is {word}."), &json!({"id": id, "enabled": enabled}))
}

async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let what = "cannot list the keys";
    let request = client.request(Method::GET, client.hub.api(["keys"]));
    if output.is_json() {
        return output.json(&client.fetch::<Box<RawValue>>(what, request).await?);
    }
    let keys: Vec<KeyView> = client.fetch(what, request).await?;
    if keys.is_empty() {
        output.note("There are no keys. Make one: housewire key make NAME --user USER");
        return Ok(());
    }
    let now = Timestamp::now();
    let rows: Vec<_> = keys.iter().map(|key| key.row(now)).collect();
    output.text(&table::render(&["ID", "USER", "NAME", "STATE", "EXPIRES", "LAST USED"], &rows))
}

impl KeyView {
    fn row(&self, now: Timestamp) -> Vec<String> {
        let day = |time: &String| time.get(..10).unwrap_or(time).to_owned();
        vec![
            self.id.to_string(),
            self.user.clone(),
            self.name.clone(),
            if self.enabled { "on" } else { "off" }.to_owned(),
            self.expires.as_ref().map(day).unwrap_or_default(),
            self.last_used.as_deref().map(|time| age(time, now)).unwrap_or_else(|| "never".to_owned()),
        ]
    }
}
