//! `housewire claim`: short codes that devices show to get a token. A code is printed once, when it is made.

use clap::{Args, Subcommand};
use housewire_core::DeviceId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, json};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::{HubCommand, HubOptions, table};

const EXAMPLE: &str = "\
Without a command it lists the codes that live. A device shows its code at POST /api/claim and gets a token.

Example:
  housewire claim new --template thermometer --room Cellar
  housewire claim new --uses 20 --expires 2h
  housewire claim delete 3";

/// Arguments of `housewire claim`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Claims {
    #[command(subcommand)]
    command: Option<ClaimsCommand>,
    #[command(flatten)]
    options: HubOptions,
}

/// What can be done with claim codes.
#[derive(Debug, Subcommand)]
enum ClaimsCommand {
    /// List the codes that live, without the codes
    List,
    /// Make a code; prints it
    New {
        /// What to call its devices
        #[arg(long)]
        name: Option<String>,
        /// Where they are
        #[arg(long)]
        room: Option<String>,
        /// What they are: the name of a template
        #[arg(long)]
        template: Option<String>,
        /// The id of the one device that it is for
        #[arg(long, value_name = "ID", value_parser = parse_device, conflicts_with = "uses")]
        device: Option<DeviceId>,
        /// For how many devices it is
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
        /// When it ends: 30m, 2h, or a moment such as 2027-01-31T00:00:00Z [default: 1h]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Delete a code; devices that showed it keep their tokens
    Delete {
        /// Its number, as listed
        id: u32,
    },
}

fn parse_device(text: &str) -> Result<DeviceId, String> {
    DeviceId::parse(text).map_err(|error| error.to_string())
}

/// A code as the hub lists it.
#[derive(Debug, Deserialize)]
struct ClaimView {
    id: u32,
    name: Option<String>,
    room: Option<String>,
    template: Option<String>,
    device: Option<String>,
    uses: u32,
    left: u32,
    expires: String,
    devices: Vec<String>,
}

impl HubCommand for Claims {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        match self.command.unwrap_or(ClaimsCommand::List) {
            ClaimsCommand::List => list(client, output).await,
            ClaimsCommand::New { name, room, template, device, uses, expires } => {
                let mut body = Map::from_iter([("uses".to_owned(), json!(uses))]);
                let device = device.map(|device| device.to_string());
                let words = [("name", name), ("room", room), ("template", template), ("device", device)];
                let words = words.into_iter().chain([("expires", expires)]);
                body.extend(words.filter_map(|(key, word)| Some((key.to_owned(), json!(word?)))));
                let what = "cannot make a claim code";
                let request = client.request(Method::POST, client.hub.api(["claims"])).json(&body);
                let made: Box<RawValue> = client.fetch(what, request).await?;
                if output.is_json() {
                    return output.json(&made);
                }
                #[derive(Deserialize)]
                struct Made {
                    code: String,
                    expires: String,
                }
                let Made { code, expires } = serde_json::from_str(made.get())
                    .map_err(|error| client.strange(what, format!("the answer is not understood ({error})")))?;
                output.line(&code)?;
                output.note(&format!("It is shown this once, and opens nothing any more from {expires} on."));
                Ok(())
            }
            ClaimsCommand::Delete { id } => {
                let request = client.request(Method::DELETE, client.hub.api(["claims", &id.to_string()]));
                client.send(&format!("cannot delete claim code {id}"), request).await?;
                output.done(&format!("Deleted claim code {id}."), &json!({"deleted": id}))
            }
        }
    }
}

async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let what = "cannot list the claim codes";
    let request = client.request(Method::GET, client.hub.api(["claims"]));
    if output.is_json() {
        return output.json(&client.fetch::<Box<RawValue>>(what, request).await?);
    }
    let claims: Vec<ClaimView> = client.fetch(what, request).await?;
    if claims.is_empty() {
        output.note("There are no claim codes. Make one: housewire claim new");
        return Ok(());
    }
    let rows: Vec<_> = claims
        .into_iter()
        .map(|claim| {
            let whom = claim.device.or(claim.template).unwrap_or_default();
            let labels = [claim.name, claim.room].into_iter().flatten().collect::<Vec<_>>().join(", ");
            let left = format!("{} of {}", claim.left, claim.uses);
            vec![claim.id.to_string(), whom, labels, left, claim.expires, claim.devices.join(" ")]
        })
        .collect();
    output.text(&table::render(&["ID", "FOR", "NAME", "LEFT", "EXPIRES", "CLAIMED"], &rows))
}
