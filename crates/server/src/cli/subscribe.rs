//! `housewire sub`: prints messages as they come, across restarts of the hub.
//!
//! A first connection that fails ends the command, so that a script learns of a wrong address; later ones are tried
//! again for as long as it takes.

use std::cell::Cell;
use std::time::Duration;

use clap::Args;
use housewire_core::Filter;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::socket::{Frame, Lost, Socket};
use super::{HubCommand, HubOptions};
use crate::backoff::Backoff;
use crate::config::parse_duration;

const EXAMPLE: &str = "\
Prints one line for each message: the topic, a space, the payload. Stored values come first.

Example:
  housewire sub 'devices/#'
  housewire sub 'devices/+/temperature' --live --json
  housewire sub devices/button/button --live --count 1 --timeout 1m";

/// Arguments of `housewire sub`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Subscribe {
    /// Topics; + stands for one level, a final # for all that follow
    #[arg(value_name = "FILTER", required = true, value_parser = parse_filter)]
    filters: Vec<Filter>,
    /// Leave out what was stored before, print new messages only
    #[arg(long)]
    live: bool,
    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time; with --count it is a failure if fewer have come
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    options: HubOptions,
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|error| error.to_string())
}

/// Why following a connection ended.
enum End {
    /// All that was wanted has come.
    Enough,
    Lost(Lost),
    Failed(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl HubCommand for Subscribe {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        let printed = Cell::new(0);
        let follow = self.follow(client, output, &printed);
        let Some(limit) = self.timeout else { return follow.await };
        match (tokio::time::timeout(limit, follow).await, self.count) {
            (Ok(result), _) => result,
            (Err(_), None) => Ok(()),
            (Err(_), Some(count)) => Err(Failure::TimedOut {
                what: format!("cannot print {count} messages"),
                why: format!("within {} s there came {}", limit.as_secs_f64(), printed.get()),
                next: "Give it longer with --timeout, or check the filter with 'housewire sub'.",
            }),
        }
    }
}

impl Subscribe {
    fn what(&self) -> String {
        let filters: Vec<_> = self.filters.iter().map(ToString::to_string).collect();
        format!("cannot subscribe to {}", filters.join(" "))
    }

    async fn follow(&self, client: &Client, output: &Output, printed: &Cell<u64>) -> Result<(), Failure> {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));
        let mut socket = Socket::connect(client, &self.what()).await?;
        loop {
            let Err(end) = self.follow_connection(&mut socket, &mut backoff, output, printed).await;
            let why = match end {
                End::Enough => {
                    socket.close().await;
                    return Ok(());
                }
                End::Failed(failure) => return Err(failure),
                End::Lost(why) => why,
            };
            output.note(&format!("The connection to {} is lost: {why}. Trying again until it is back.", client.hub));
            socket = loop {
                tokio::time::sleep(backoff.next_delay()).await;
                match Socket::connect(client, &self.what()).await {
                    Ok(socket) => break socket,
                    // Not there, or not ready: both pass. Being refused does not.
                    Err(Failure::Unreachable { .. } | Failure::Strange { .. }) => {}
                    Err(failure) => return Err(failure),
                }
            };
            output.note(&format!("Connected to {} again.", client.hub));
        }
    }

    /// Prints until something ends it.
    async fn follow_connection(
        &self,
        socket: &mut Socket,
        backoff: &mut Backoff,
        output: &Output,
        printed: &Cell<u64>,
    ) -> Result<std::convert::Infallible, End> {
        for (id, filter) in self.filters.iter().enumerate() {
            let frame = json!({"op": "subscribe", "id": id, "filter": filter.to_string()});
            socket.send(&frame).await.map_err(End::Lost)?;
        }
        loop {
            let text = socket.next().await.map_err(End::Lost)?;
            // A connection that works is no reason to wait longer after the next.
            backoff.reset();
            // What a newer hub may say besides is not for us.
            let Ok(frame) = serde_json::from_str::<Frame<'_>>(&text) else { continue };
            match frame.op.as_str() {
                "message" if !(self.live && frame.retain) => {
                    print(output, &frame)?;
                    printed.set(printed.get() + 1);
                    if Some(printed.get()) == self.count {
                        return Err(End::Enough);
                    }
                }
                "error" => return Err(End::Failed(self.refusal(&frame))),
                _ => {}
            }
        }
    }

    fn refusal(&self, frame: &Frame<'_>) -> Failure {
        let detail =
            frame.message.clone().or_else(|| frame.code.clone()).unwrap_or_else(|| "no reason given".to_owned());
        Failure::Refused { what: self.what(), detail }
    }
}

/// One message, as `--json` prints it.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    payload: &'a RawValue,
    retain: bool,
    time: Option<&'a str>,
    via: Option<&'a str>,
}

fn print(output: &Output, frame: &Frame<'_>) -> Result<(), Failure> {
    let (Some(topic), Some(payload)) = (frame.topic.as_deref(), frame.payload) else { return Ok(()) };
    if output.is_json() {
        let (time, via) = (frame.time.as_deref(), frame.via.as_deref());
        output.json(&Line { topic, payload, retain: frame.retain, time, via })
    } else {
        output.line(&format!("{topic} {}", payload_shown(payload)))
    }
}

/// Strings without quotes; everything else as the JSON that it came as, digit by digit.
fn payload_shown(payload: &RawValue) -> String {
    serde_json::from_str::<String>(payload.get()).unwrap_or_else(|_| payload.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_shown_as_they_came() {
        for (json, expected) in [
            ("\"a \\\"b\\\"\"", "a \"b\""),
            ("21.50", "21.50"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("{\"a\":1}", "{\"a\":1}"),
            ("true", "true"),
            ("null", "null"),
        ] {
            assert_eq!(payload_shown(serde_json::from_str(json).unwrap()), expected);
        }
    }

    #[test]
    fn frames_are_read_whatever_they_hold() {
        let text = r#"{"op":"message","topic":"a/b","payload":21.50,"retain":true,"time":"t","via":null,"more":[]}"#;
        let frame: Frame<'_> = serde_json::from_str(text).unwrap();
        assert_eq!((frame.topic.as_deref(), frame.payload.map(RawValue::get)), (Some("a/b"), Some("21.50")));
        assert!(frame.retain);
        let frame: Frame<'_> = serde_json::from_str(r#"{"op":"ok","id":1}"#).unwrap();
        assert_eq!(frame.op, "ok");
        assert!(!frame.retain);
    }
}
