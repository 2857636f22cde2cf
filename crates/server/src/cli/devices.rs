//! `housewire devices`: the registry, for people (tables) and for programs (`--json`, the hub's own words).

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use housewire_core::DeviceId;
use jiff::Timestamp;
use reqwest::{Method, StatusCode, header};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::Failure;
use super::output::{Output, printable};
use super::publish::{open, read_all};
use super::set::parse_device;
use super::view::{DeviceView, PropertyView, age, payload_text};
use super::{HubCommand, HubOptions, table};

const EXAMPLE: &str = "\
Without a command it lists all devices.

Example:
  housewire devices
  housewire devices show lamp
  housewire devices remove --demo";

const DECLARE_EXAMPLE: &str = r#"Example of a FILE:
  {"name": "Heating", "room": "Bath", "properties": {
    "temperature": {"type": "float", "unit": "°C", "access": "read"},
    "setpoint": {"type": "float", "unit": "°C", "min": 5, "max": 30, "step": 0.5},
    "mode": {"type": "enum", "options": ["off", "eco", "comfort"]}}}

Example:
  housewire devices declare heating --file heating.json"#;

const LIST_EXAMPLE: &str = "\
Example:
  housewire devices list --json";

const SHOW_EXAMPLE: &str = "\
Example:
  housewire devices show lamp";

const REMOVE_EXAMPLE: &str = "\
A device that still reports comes back with its next report.

Example:
  housewire devices remove lamp
  housewire devices remove --demo";

/// Arguments of `housewire devices`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Devices {
    #[command(subcommand)]
    command: Option<DevicesCommand>,
    #[command(flatten)]
    options: HubOptions,
}

/// What can be done with the registry.
#[derive(Debug, Subcommand)]
enum DevicesCommand {
    /// List all devices with their values
    #[command(after_help = LIST_EXAMPLE)]
    List,
    /// Show one device with what its properties may hold
    #[command(after_help = SHOW_EXAMPLE)]
    Show {
        /// Its id
        #[arg(value_parser = parse_device)]
        id: DeviceId,
    },
    /// Remove a device, or the whole demo house
    #[command(after_help = REMOVE_EXAMPLE, group = ArgGroup::new("which").required(true).args(["id", "demo"]))]
    Remove {
        /// Its id
        #[arg(value_parser = parse_device)]
        id: Option<DeviceId>,
        /// Stop and remove the demo house
        #[arg(long)]
        demo: bool,
    },
    /// Declare a device: its name, its room, its properties and their rules
    #[command(after_help = DECLARE_EXAMPLE)]
    Declare {
        /// Its id
        #[arg(value_parser = parse_device)]
        id: DeviceId,
        /// The declaration as JSON; - reads it from standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
}

impl HubCommand for Devices {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        match self.command.unwrap_or(DevicesCommand::List) {
            DevicesCommand::List => list(client, output).await,
            DevicesCommand::Show { id } => show(client, output, &id).await,
            DevicesCommand::Remove { id: Some(id), .. } => remove(client, output, &id).await,
            DevicesCommand::Remove { id: None, .. } => remove_demo(client, output).await,
            DevicesCommand::Declare { id, file } => declare(client, output, &id, file).await,
        }
    }
}

async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let what = "cannot list the devices";
    let request = client.request(Method::GET, client.hub.api(["devices"]));
    if output.is_json() {
        return output.json(&client.fetch::<Box<RawValue>>(what, request).await?);
    }
    let devices: Vec<DeviceView> = client.fetch(what, request).await?;
    if devices.is_empty() {
        output.note(
            "There are no devices yet. The first report of one registers it: housewire pub devices/lamp/power true",
        );
        return Ok(());
    }
    output.text(&device_table(&devices, Timestamp::now()))
}

fn device_table(devices: &[DeviceView], now: Timestamp) -> String {
    let mut rows = Vec::new();
    for device in devices {
        let online = if device.online { "yes" } else { "no" };
        let mut row =
            vec![device.id.clone(), device.name.clone(), device.room.clone().unwrap_or_default(), online.to_owned()];
        for (name, property) in &device.properties {
            row.extend([name.clone(), property.state.shown(), property_age(property, now)]);
            rows.push(std::mem::replace(&mut row, vec![String::new(); 4]));
        }
        if device.properties.is_empty() {
            rows.push(row);
        }
    }
    table::render(&["ID", "NAME", "ROOM", "ONLINE", "PROPERTY", "VALUE", "AGE"], &rows)
}

fn property_age(property: &PropertyView, now: Timestamp) -> String {
    property.state.time.as_deref().map_or_else(String::new, |time| age(time, now))
}

async fn show(client: &Client, output: &Output, id: &DeviceId) -> Result<(), Failure> {
    let what = format!("cannot show {id}");
    let request = client.request(Method::GET, client.hub.api(["devices", id.as_str()]));
    if output.is_json() {
        return output.json(&client.fetch::<Box<RawValue>>(&what, request).await?);
    }
    let device: DeviceView = client.fetch(&what, request).await?;
    output.text(&device_page(&device, Timestamp::now()))
}

fn device_page(device: &DeviceView, now: Timestamp) -> String {
    let facts = [
        ("id", Some(device.id.clone())),
        ("name", Some(device.name.clone())),
        ("room", device.room.clone()),
        ("model", device.model.clone()),
        ("online", Some(if device.online { "yes" } else { "no" }.to_owned())),
        ("via", device.via.clone()),
        ("demo", device.demo.then(|| "yes".to_owned())),
        ("refused", refusals(device, now)),
    ];
    let mut page = String::new();
    for (name, fact) in facts {
        if let Some(fact) = fact {
            page.push_str(&format!("{name:<8} {}\n", printable(&fact)));
        }
    }
    let rows: Vec<_> = device
        .properties
        .iter()
        .map(|(name, property)| {
            let rule = rule(property);
            let access = property.access.join(" ");
            vec![
                name.clone(),
                property.state.shown(),
                property_age(property, now),
                property.state.kind.clone(),
                rule,
                access,
            ]
        })
        .collect();
    if !rows.is_empty() {
        page.push('\n');
        page.push_str(&table::render(&["PROPERTY", "VALUE", "AGE", "TYPE", "RULE", "ACCESS"], &rows));
    }
    page
}

/// How many messages broke the declared rules, and the last of them.
fn refusals(device: &DeviceView, now: Timestamp) -> Option<String> {
    let last = device.rejected.last.as_ref()?;
    let (count, value) = (device.rejected.count, payload_text("", &last.value));
    let age = age(&last.time, now);
    Some(format!("{count} messages, the last {age} ago: {} = {value}, but {}", last.property, last.reason))
}

fn rule(property: &PropertyView) -> String {
    match (property.min, property.max, &property.options) {
        (_, _, Some(options)) if !options.is_empty() => options.join(" "),
        (Some(min), Some(max), _) => format!("{min} to {max}"),
        (Some(min), None, _) => format!("at least {min}"),
        (None, Some(max), _) => format!("at most {max}"),
        (None, None, _) => String::new(),
    }
}

async fn remove(client: &Client, output: &Output, id: &DeviceId) -> Result<(), Failure> {
    let url = client.hub.api(["devices", id.as_str()]);
    client.send(&format!("cannot remove {id}"), client.request(Method::DELETE, url)).await?;
    output.done(&format!("Removed {id}."), &json!({"removed": id.as_str()}))
}

async fn remove_demo(client: &Client, output: &Output) -> Result<(), Failure> {
    client.send("cannot remove the demo house", client.request(Method::DELETE, client.hub.api(["demo"]))).await?;
    output.done("Removed the demo house.", &json!({"removed": "demo"}))
}

async fn declare(client: &Client, output: &Output, id: &DeviceId, file: PathBuf) -> Result<(), Failure> {
    let what = format!("cannot declare {id}");
    let name = if file.as_os_str() == "-" { "standard input".to_owned() } else { file.display().to_string() };
    let text = read_all(open(&file)?, &name)?;
    let declaration: Value = serde_json::from_slice(&text).map_err(|error| Failure::Usage {
        what: what.clone(),
        why: format!("{name} is no valid JSON ({error})"),
        next: "'housewire devices declare --help' shows an example.",
    })?;
    let request = client
        .request(Method::PUT, client.hub.api(["devices", id.as_str()]))
        .header(header::CONTENT_TYPE, "application/json")
        .body(declaration.to_string());
    let answer = client.send(&what, request).await?;
    let sentence = match answer.status() {
        StatusCode::CREATED => format!("Declared {id}."),
        _ => format!("Declared {id} anew."),
    };
    let view: Box<RawValue> = client.read(&what, answer).await?;
    output.done(&sentence, &view)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lamp() -> DeviceView {
        serde_json::from_value(json!({
            "id": "lamp", "name": "Lamp", "room": "Hall", "model": null, "icon": null, "via": "mqtt", "demo": false,
            "online": true,
            "rejected": {"count": 2, "last": {"property": "level", "value": "abc", "reason": "it must be a number",
                "time": "2025-01-01T00:00:00Z"}},
            "properties": {
                "power": {"type": "bool", "unit": null, "min": null, "max": null, "step": null, "options": null,
                    "access": ["read", "set"], "role": null, "declared": false, "value": true, "target": false,
                    "time": "2025-01-01T00:00:05Z", "via": "mqtt"},
                "level": {"type": "int", "unit": "%", "min": 0.0, "max": 100.0, "step": null, "options": null,
                    "access": ["read"], "role": null, "declared": true, "value": null, "target": null,
                    "time": null, "via": null},
            },
        }))
        .unwrap()
    }

    fn bare() -> DeviceView {
        DeviceView { id: "a".to_owned(), room: None, online: false, properties: [].into(), ..lamp() }
    }

    #[test]
    fn the_list_has_a_line_for_each_property() {
        let now = "2025-01-01T00:00:10Z".parse().unwrap();
        let expected = "\
ID    NAME  ROOM  ONLINE  PROPERTY  VALUE         AGE
lamp  Lamp  Hall  yes     level     –
                          power     true → false  5 s
a     Lamp        no
";
        assert_eq!(device_table(&[lamp(), bare()], now), expected);
    }

    #[test]
    fn the_page_of_a_device_tells_its_rules() {
        let now = "2025-01-01T00:01:00Z".parse().unwrap();
        let expected = "\
id       lamp
name     Lamp
room     Hall
online   yes
via      mqtt
refused  2 messages, the last 1 min ago: level = abc, but it must be a number

PROPERTY  VALUE         AGE   TYPE  RULE      ACCESS
level     –                   int   0 to 100  read
power     true → false  55 s  bool            read set
";
        assert_eq!(device_page(&lamp(), now), expected);
    }
}
