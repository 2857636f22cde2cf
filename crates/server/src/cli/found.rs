//! `housewire found` and `housewire adopt`: devices that announced themselves.

use clap::Args;
use housewire_core::DeviceId;
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, json};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::view::age;
use super::{HubCommand, HubOptions, table};

const FOUND_EXAMPLE: &str = "\
Example:
  housewire found
  housewire adopt ha-aabbccddeeff --room Kitchen";

const ADOPT_EXAMPLE: &str = "\
'housewire found' lists the ids. The new device's id is printed.

Example:
  housewire adopt ha-aabbccddeeff
  housewire adopt z2m-0x00124b0001 z2m-0x00124b0002 --room Hall
  housewire adopt ha-aabbccddeeff --device old-lamp   # it takes the place of a device that is there";

/// Arguments of `housewire found`.
#[derive(Debug, Args)]
#[command(after_help = FOUND_EXAMPLE)]
pub struct Found {
    /// Those that are ignored or removed, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    options: HubOptions,
}

/// Arguments of `housewire adopt`.
#[derive(Debug, Args)]
#[command(after_help = ADOPT_EXAMPLE)]
pub struct Adopt {
    /// Which ones, by the ids that 'housewire found' lists
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The id of the device it becomes [default: made of its name]
    #[arg(long, value_name = "ID", value_parser = parse_device)]
    device: Option<DeviceId>,
    /// What to call it
    #[arg(long)]
    name: Option<String>,
    /// Where it is
    #[arg(long)]
    room: Option<String>,
    #[command(flatten)]
    options: HubOptions,
}

fn parse_device(text: &str) -> Result<DeviceId, String> {
    DeviceId::parse(text).map_err(|error| error.to_string())
}

/// A find as the hub shows it, as far as people are told.
#[derive(Debug, Deserialize)]
struct FindView {
    id: String,
    source: String,
    name: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    properties: Vec<RawName>,
    state: String,
    device: Option<String>,
    ghost: bool,
    last_seen: String,
}

#[derive(Debug, Deserialize)]
struct RawName {
    name: String,
}

impl HubCommand for Found {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        let what = "cannot list what was found";
        let request = client.request(Method::GET, client.hub.api(["discovered"]));
        if output.is_json() {
            return output.json(&client.fetch::<Box<RawValue>>(what, request).await?);
        }
        let mut finds: Vec<FindView> = client.fetch(what, request).await?;
        finds.retain(|find| self.all || !matches!(find.state.as_str(), "ignored" | "removed"));
        if finds.is_empty() {
            output.note("Nothing was found. Devices are found when they announce themselves over MQTT.");
            return Ok(());
        }
        let now = Timestamp::now();
        let rows: Vec<_> = finds.iter().map(|find| find.row(now)).collect();
        output.text(&table::render(&["ID", "NAME", "WHAT", "FROM", "STATE", "SEEN", "PROPERTIES"], &rows))
    }
}

impl FindView {
    fn row(&self, now: Timestamp) -> Vec<String> {
        let what = [&self.manufacturer, &self.model].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        let state = match &self.device {
            Some(device) => format!("{} as {device}", self.state),
            None if self.ghost => format!("{}, never seen live", self.state),
            None => self.state.clone(),
        };
        let names: Vec<_> = self.properties.iter().map(|property| property.name.as_str()).collect();
        vec![
            self.id.clone(),
            self.name.clone().unwrap_or_default(),
            what,
            self.source.clone(),
            state,
            age(&self.last_seen, now),
            names.join(" "),
        ]
    }
}

impl HubCommand for Adopt {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Adopted {
            device: String,
        }
        if self.ids.len() > 1 && (self.device.is_some() || self.name.is_some()) {
            return Err(Failure::Usage {
                what: "cannot adopt several as one".to_owned(),
                why: "--device and --name go with one ID".to_owned(),
                next: "Adopt them one after the other.",
            });
        }
        let mut body = Map::new();
        body.extend(self.device.map(|device| ("device".to_owned(), json!(device.as_str()))));
        body.extend(self.name.map(|name| ("name".to_owned(), json!(name))));
        body.extend(self.room.map(|room| ("room".to_owned(), json!(room))));
        for id in &self.ids {
            let what = format!("cannot adopt {id}");
            let request = client.request(Method::POST, client.hub.api(["discovered", id, "adopt"])).json(&body);
            let Adopted { device } = client.fetch(&what, request).await?;
            output.done(&format!("Adopted {id} as {device}."), &json!({"adopted": id, "device": device}))?;
        }
        Ok(())
    }
}
