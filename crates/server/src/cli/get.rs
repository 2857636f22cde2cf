//! `housewire get`: the last value of a property, or the retained message of a topic.

use clap::Args;
use housewire_core::{DeviceId, PropertyName, Topic};
use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::view::{StateView, payload_json};
use super::{HubCommand, HubOptions};

const EXAMPLE: &str = "\
Example:
  housewire get lamp power
  housewire get devices/lamp/power
  housewire get --json weather/today";

/// Arguments of `housewire get`.
#[derive(Debug, Args)]
#[command(
    override_usage = "housewire get [OPTIONS] <DEVICE> <PROPERTY>\n       housewire get [OPTIONS] <TOPIC>",
    after_help = EXAMPLE
)]
pub struct Get {
    /// A device, with the property behind it; or a topic
    #[arg(value_name = "DEVICE|TOPIC")]
    subject: String,
    /// The property to read
    property: Option<String>,
    #[command(flatten)]
    options: HubOptions,
}

/// What is to be read.
#[derive(Debug, PartialEq)]
enum Subject {
    Property(DeviceId, PropertyName),
    Topic(Topic),
}

impl Subject {
    /// A topic that names a property is that property: both hold the same value.
    fn parse(subject: &str, property: Option<&str>) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::Usage {
            what: format!("cannot read {subject}"),
            why,
            next: "Write 'housewire get DEVICE PROPERTY' or 'housewire get TOPIC'.",
        };
        if let Some(property) = property {
            let device = DeviceId::parse(subject).map_err(|error| wrong(error.to_string()))?;
            let property = PropertyName::parse(property).map_err(|error| wrong(error.to_string()))?;
            return Ok(Self::Property(device, property));
        }
        let topic = Topic::parse(subject).map_err(|error| wrong(error.to_string()))?;
        let levels = subject.strip_prefix("devices/").and_then(|rest| rest.split_once('/'));
        Ok(match levels.map(|(device, property)| (DeviceId::parse(device), PropertyName::parse(property))) {
            Some((Ok(device), Ok(property))) => Self::Property(device, property),
            _ => Self::Topic(topic),
        })
    }
}

impl HubCommand for Get {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        match Subject::parse(&self.subject, self.property.as_deref())? {
            Subject::Property(device, property) => read_property(client, output, &device, &property).await,
            Subject::Topic(topic) => read_topic(client, output, &topic).await,
        }
    }
}

async fn read_property(
    client: &Client,
    output: &Output,
    device: &DeviceId,
    property: &PropertyName,
) -> Result<(), Failure> {
    let what = format!("cannot read {device} {property}");
    let url = client.hub.api(["devices", device.as_str(), property.as_str()]);
    let state: StateView = client.fetch(&what, client.request(Method::GET, url)).await?;
    if output.is_json() {
        return output.json(&state);
    }
    match state.payload() {
        Some(payload) => output.bytes(&payload),
        None => Err(Failure::NotFound { what, detail: "the device has not reported it yet.".to_owned() }),
    }
}

async fn read_topic(client: &Client, output: &Output, topic: &Topic) -> Result<(), Failure> {
    let what = format!("cannot read {topic}");
    let url = client.hub.topic(topic.as_str()).ok_or_else(|| unaddressable(&what))?;
    let answer = client.send(&what, client.request(Method::GET, url)).await?;
    let payload = client.body(&what, answer).await?;
    if output.is_json() {
        output.json(&json!({"topic": topic.as_str(), "payload": payload_json(&payload)}))
    } else {
        output.bytes(&payload)
    }
}

/// `.` and `..` mean something else in every path.
pub(super) fn unaddressable(what: &str) -> Failure {
    Failure::Usage {
        what: what.to_owned(),
        why: "topics named '.' or '..' cannot be addressed over HTTP".to_owned(),
        next: "Use another topic, or an MQTT client.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(subject: &str, property: Option<&str>, expected: Option<&str>) {
        let parsed = Subject::parse(subject, property).ok().map(|subject| match subject {
            Subject::Property(device, property) => format!("property {device} {property}"),
            Subject::Topic(topic) => format!("topic {topic}"),
        });
        assert_eq!(parsed.as_deref(), expected, "{subject} {property:?}");
    }

    #[test]
    fn a_subject_is_a_property_or_a_topic() {
        check("lamp", Some("power"), Some("property lamp power"));
        check("devices/lamp/power", None, Some("property lamp power"));
        check("devices/lamp/$online", None, Some("topic devices/lamp/$online"));
        check("devices/lamp/power/target", None, Some("topic devices/lamp/power/target"));
        check("weather/today", None, Some("topic weather/today"));
        check("lamp", None, Some("topic lamp"));
        check("weather/#", None, None);
        check("a/b", Some("power"), None);
        check("lamp", Some("set"), None);
        check("", None, None);
    }
}
