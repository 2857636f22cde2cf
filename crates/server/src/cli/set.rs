//! `housewire set`: asks a device for a new value and, if wanted, waits until the device says that it has it.

use std::time::Duration;

use clap::Args;
use housewire_core::{DeviceId, PropertyName};
use reqwest::{Method, StatusCode, header};
use tokio::time::Instant;

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::view::{StateView, payload_text};
use super::{HubCommand, HubOptions};
use crate::config::parse_duration;

const EXAMPLE: &str = "\
A request stays pending until the device reports the value, or until it expires (60s, unless --ttl says otherwise).

Example:
  housewire set lamp power true
  housewire set lamp color '#ff8800' --wait 5s";

/// Longest the hub is asked to wait with one answer; then it is asked again.
const POLL: Duration = Duration::from_secs(25);

/// Arguments of `housewire set`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Set {
    /// The device to ask
    #[arg(value_parser = parse_device)]
    device: DeviceId,
    /// Its property
    #[arg(value_parser = parse_property)]
    property: PropertyName,
    /// The value to ask for
    #[arg(allow_negative_numbers = true)]
    value: String,
    /// Let the request expire after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    ttl: Option<Duration>,
    /// Wait until the device confirms, at most this long [default: 10s]
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "10s", value_parser = parse_duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    options: HubOptions,
}

pub(super) fn parse_device(text: &str) -> Result<DeviceId, String> {
    DeviceId::parse(text).map_err(|error| error.to_string())
}

fn parse_property(text: &str) -> Result<PropertyName, String> {
    PropertyName::parse(text).map_err(|error| error.to_string())
}

impl HubCommand for Set {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        let began = Instant::now();
        // Only what is reported after this can be a confirmation.
        let before = if self.wait.is_some() { self.read(client, None, None).await? } else { None };
        let asked = self.ask(client).await?;
        let name = format!("{} {}", self.device, self.property);
        let Some(wait) = self.wait else {
            let sentence = format!("Asked for {name} = {}.", self.value);
            return output.done(&sentence, &asked);
        };
        let request = Request {
            value: if asked.target.is_null() { self.value.clone() } else { payload_text(&asked.kind, &asked.target) },
            is_event: asked.target.is_null(),
            before: before.and_then(|(state, _)| state.time),
        };
        let state = self.confirmed(client, &request, began + wait, wait).await?;
        let seconds = began.elapsed().as_secs_f64();
        let sentence =
            format!("{name} is {}, confirmed after {seconds:.1} s.", payload_text(&state.kind, &state.value));
        output.done(&sentence, &state)
    }
}

impl Set {
    fn what(&self) -> String {
        format!("cannot set {} {} to {}", self.device, self.property, self.value)
    }

    async fn ask(&self, client: &Client) -> Result<StateView, Failure> {
        let mut url = client.hub.api(["devices", self.device.as_str(), self.property.as_str(), "set"]);
        if let Some(ttl) = self.ttl {
            url.set_query(Some(&format!("ttl={}ms", ttl.as_millis())));
        }
        let request = client
            .request(Method::POST, url)
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(self.value.clone());
        client.fetch(&self.what(), request).await
    }

    /// Its state and the state's tag; with a known tag only once that has changed. `None` if it did not, or if there
    /// is no such property yet.
    async fn read(
        &self,
        client: &Client,
        known: Option<&str>,
        wait: Option<Duration>,
    ) -> Result<Option<(StateView, Option<String>)>, Failure> {
        let what = self.what();
        let mut url = client.hub.api(["devices", self.device.as_str(), self.property.as_str()]);
        let wait = wait.unwrap_or_default();
        if known.is_some() && !wait.is_zero() {
            url.set_query(Some(&format!("wait={}ms", wait.as_millis())));
        }
        let mut request = client.patient_request(Method::GET, url, wait);
        if let Some(tag) = known {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let answer = match client.send(&what, request).await {
            Err(Failure::NotFound { .. }) => return Ok(None),
            answer => answer?,
        };
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok(Some((client.read(&what, answer).await?, tag)))
    }

    async fn confirmed(
        &self,
        client: &Client,
        request: &Request,
        deadline: Instant,
        wait: Duration,
    ) -> Result<StateView, Failure> {
        let mut tag = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some((state, new_tag)) = self.read(client, tag.as_deref(), Some(left.min(POLL))).await? {
                tag = new_tag;
                match request.verdict(&state) {
                    Verdict::Pending => {}
                    Verdict::Confirmed => return Ok(state),
                    Verdict::Differs => {
                        return Err(Failure::Unfulfilled {
                            what: self.what(),
                            why: format!("the device settled on {}", payload_text(&state.kind, &state.value)),
                            next: "Check what it accepts with 'housewire devices show'.",
                        });
                    }
                    Verdict::Replaced => {
                        return Err(Failure::Unfulfilled {
                            what: self.what(),
                            why: format!("somebody asked for {} instead", payload_text(&state.kind, &state.target)),
                            next: "Ask again if you still want it.",
                        });
                    }
                    Verdict::Expired => {
                        return Err(Failure::TimedOut {
                            what: self.what(),
                            why: "the request expired before the device confirmed it".to_owned(),
                            next: "Check that the device is online with 'housewire devices', or give it longer with --ttl.",
                        });
                    }
                }
            }
            if Instant::now() >= deadline {
                return Err(Failure::TimedOut {
                    what: self.what(),
                    why: format!("the device has not confirmed it within {} s", wait.as_secs_f64()),
                    next: "Check that the device is online with 'housewire devices', or wait longer with --wait TIME.",
                });
            }
        }
    }
}

/// What was asked for, and what was known then.
#[derive(Debug)]
struct Request {
    /// As the hub writes it.
    value: String,
    /// A happening has no pending request.
    is_event: bool,
    /// When the last report had come.
    before: Option<String>,
}

/// What a state means for a request.
#[derive(Debug, PartialEq)]
enum Verdict {
    Pending,
    Confirmed,
    /// The device came to rest at another value.
    Differs,
    /// A later request took its place.
    Replaced,
    /// It is over, and the device has said nothing.
    Expired,
}

impl Request {
    fn verdict(&self, state: &StateView) -> Verdict {
        let is_news = state.time != self.before;
        let fits = payload_text(&state.kind, &state.value) == self.value;
        if !state.target.is_null() {
            return if payload_text(&state.kind, &state.target) == self.value {
                Verdict::Pending
            } else {
                Verdict::Replaced
            };
        }
        match (is_news, fits) {
            (true, true) => Verdict::Confirmed,
            (true, false) if self.is_event => Verdict::Pending,
            (true, false) => Verdict::Differs,
            (false, _) if self.is_event => Verdict::Pending,
            (false, _) => Verdict::Expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(is_event: bool, value: Value, target: Value, second: i64, expected: Verdict) {
        let request = Request { value: "40".to_owned(), is_event, before: Some("100".to_owned()) };
        let state = StateView { value, target, time: Some(second.to_string()), kind: "int".to_owned(), unit: None };
        assert_eq!(request.verdict(&state), expected, "event: {is_event}, {state:?}");
    }

    #[test]
    fn a_request_is_confirmed_by_a_later_report_of_its_value() {
        check(false, json!(10), json!(40), 100, Verdict::Pending);
        check(false, json!(20), json!(40), 101, Verdict::Pending);
        check(false, json!(40), Value::Null, 101, Verdict::Confirmed);
        // The value was there before: still pending until the device says so again.
        check(false, json!(40), json!(40), 100, Verdict::Pending);
        check(false, json!(40), Value::Null, 100, Verdict::Expired);
        check(false, json!(20), Value::Null, 101, Verdict::Differs);
        check(false, json!(10), json!(50), 100, Verdict::Replaced);
        check(false, json!(10), Value::Null, 100, Verdict::Expired);
    }

    #[test]
    fn an_event_is_confirmed_when_it_happens() {
        check(true, json!(40), Value::Null, 100, Verdict::Pending);
        check(true, json!(10), Value::Null, 101, Verdict::Pending);
        check(true, json!(40), Value::Null, 101, Verdict::Confirmed);
    }
}
