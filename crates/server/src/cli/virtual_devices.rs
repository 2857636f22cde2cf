//! `housewire virtual`: devices that the hub plays itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use housewire_core::DeviceId;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::client::Client;
use super::failure::Failure;
use super::house::{read_file, sheet_format};
use super::output::Output;
use super::{HubCommand, HubOptions, table};
use crate::virtual_devices::sheet::VirtualSheet;

const EXAMPLE: &str = "\
Without a command it lists them. A definition is a file in YAML, TOML or JSON; see docs/guide/virtual-devices.md.

Example:
  housewire virtual add cellar cellar.yaml
  housewire virtual stop cellar";

/// Arguments of `housewire virtual`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct VirtualDevices {
    #[command(subcommand)]
    command: Option<VirtualCommand>,
    #[command(flatten)]
    options: HubOptions,
}

/// What can be done with virtual devices.
#[derive(Debug, Subcommand)]
enum VirtualCommand {
    /// List them, and how they do
    List,
    /// Play one, from its beginning
    Start {
        /// Its device's id
        #[arg(value_parser = parse_device)]
        device: DeviceId,
    },
    /// Stop playing one; it stays so when the hub starts again
    Stop {
        /// Its device's id
        #[arg(value_parser = parse_device)]
        device: DeviceId,
    },
    /// Add one, or replace it
    Add {
        /// Its device's id
        #[arg(value_parser = parse_device)]
        device: DeviceId,
        /// Its definition: a file that ends in .yaml, .toml or .json
        file: PathBuf,
    },
    /// Remove one; its device stays until it is removed, too
    Remove {
        /// Its device's id
        #[arg(value_parser = parse_device)]
        device: DeviceId,
    },
}

fn parse_device(text: &str) -> Result<DeviceId, String> {
    DeviceId::parse(text).map_err(|error| error.to_string())
}

/// One as the hub shows it, as far as people are told.
#[derive(Debug, Deserialize)]
struct PlayedView {
    device: String,
    door: String,
    running: bool,
    connected: bool,
    problem: Option<String>,
}

impl PlayedView {
    fn state(&self) -> &'static str {
        match (self.running, self.connected) {
            (true, true) => "connected",
            (true, false) => "away",
            (false, _) => "stopped",
        }
    }
}

impl HubCommand for VirtualDevices {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        match self.command.unwrap_or(VirtualCommand::List) {
            VirtualCommand::List => list(client, output).await,
            VirtualCommand::Start { device } => {
                let url = client.hub.api(["virtual", device.as_str(), "start"]);
                run(client, output, url, &format!("cannot start {device}"), &format!("Started {device}.")).await
            }
            VirtualCommand::Stop { device } => {
                let url = client.hub.api(["virtual", device.as_str(), "stop"]);
                run(client, output, url, &format!("cannot stop {device}"), &format!("Stopped {device}.")).await
            }
            VirtualCommand::Add { device, file } => {
                let sheet: VirtualSheet = read_file(&file, sheet_format(&file)?)?;
                let what = format!("cannot add {device}");
                let url = client.hub.api(["virtual", device.as_str()]);
                client.send(&what, client.request(Method::PUT, url).json(&sheet)).await?;
                output.done(&format!("Added {device}."), &json!({"added": device.as_str()}))
            }
            VirtualCommand::Remove { device } => {
                let url = client.hub.api(["virtual", device.as_str()]);
                client.send(&format!("cannot remove {device}"), client.request(Method::DELETE, url)).await?;
                output.done(&format!("Removed {device}."), &json!({"removed": device.as_str()}))
            }
        }
    }
}

async fn run(client: &Client, output: &Output, url: Url, what: &str, done: &str) -> Result<(), Failure> {
    let played: Box<RawValue> = client.fetch(what, client.request(Method::POST, url)).await?;
    output.done(done, &played)
}

async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let what = "cannot list the virtual devices";
    let request = client.request(Method::GET, client.hub.api(["virtual"]));
    if output.is_json() {
        return output.json(&client.fetch::<Box<RawValue>>(what, request).await?);
    }
    let all: Vec<PlayedView> = client.fetch(what, request).await?;
    if all.is_empty() {
        output.note("There are no virtual devices. Add one: housewire virtual add ID FILE");
        return Ok(());
    }
    let row = |one: &PlayedView| {
        vec![one.device.clone(), one.door.clone(), one.state().to_owned(), one.problem.clone().unwrap_or_default()]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    output.text(&table::render(&["DEVICE", "DOOR", "STATE", "PROBLEM"], &rows))
}
