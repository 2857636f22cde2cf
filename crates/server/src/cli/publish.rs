//! `housewire pub`: one message, or one for each line of standard input.
//!
//! Goes over HTTP, which takes any bytes as they are; over a WebSocket a payload would have to be text.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use housewire_core::Topic;
use reqwest::{Method, Url};
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::get::unaddressable;
use super::output::Output;
use super::{HubCommand, HubOptions};

const EXAMPLE: &str = "\
Example:
  housewire pub home/mode away --retain
  housewire pub camera/porch/picture --file porch.jpg
  some-sensor | housewire pub devices/sensor/level - --lines";

/// Largest payload read from a file or standard input; longer input is refused. The hub's own bound is lower by default.
const INPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Arguments of `housewire pub`.
#[derive(Debug, Args)]
#[command(
    override_usage = "housewire pub [OPTIONS] <TOPIC> <PAYLOAD|--file <FILE>|--empty>",
    after_help = EXAMPLE,
    group = ArgGroup::new("input").required(true).args(["payload", "file", "empty"])
)]
pub struct Publish {
    /// Where to
    #[arg(value_parser = parse_topic)]
    topic: Topic,
    /// The payload; - reads it from standard input
    #[arg(allow_negative_numbers = true)]
    payload: Option<String>,
    /// Take the payload from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Publish an empty payload; with --retain it clears what is retained
    #[arg(long)]
    empty: bool,
    /// Publish each line of the input as a message of its own
    #[arg(long, conflicts_with = "empty")]
    lines: bool,
    /// 0: at most once; 1: at least once; 2: exactly once
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// Let the hub keep it for those who subscribe later
    #[arg(long)]
    retain: bool,
    #[command(flatten)]
    options: HubOptions,
}

fn parse_topic(text: &str) -> Result<Topic, String> {
    Topic::parse(text).map_err(|error| error.to_string())
}

impl HubCommand for Publish {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        let what = format!("cannot publish to {}", self.topic);
        let mut url = client.hub.topic(self.topic.as_str()).ok_or_else(|| unaddressable(&what))?;
        url.set_query(Some(&format!("qos={}", self.qos)));
        let mut count = 0_u64;
        if self.lines {
            let mut input = self.input()?;
            while let Some(line) = read_line(&mut input, &self.input_name())? {
                self.publish(client, &what, &url, line).await?;
                count += 1;
            }
        } else {
            let payload = self.payload()?;
            self.publish(client, &what, &url, payload).await?;
            count = 1;
        }
        let json = json!({"topic": self.topic.as_str(), "qos": self.qos, "retain": self.retain, "count": count});
        let messages = if count == 1 { "message" } else { "messages" };
        output.done(&format!("Published {count} {messages} to {}.", self.topic), &json)
    }
}

impl Publish {
    async fn publish(&self, client: &Client, what: &str, url: &Url, payload: Vec<u8>) -> Result<(), Failure> {
        let method = match (self.retain, payload.is_empty()) {
            (true, true) => Method::DELETE,
            (true, false) => Method::PUT,
            (false, _) => Method::POST,
        };
        client.send(what, client.request(method, url.clone()).body(payload)).await.map(drop)
    }

    fn payload(&self) -> Result<Vec<u8>, Failure> {
        match &self.payload {
            _ if self.empty => Ok(Vec::new()),
            Some(text) if text != "-" => Ok(text.clone().into_bytes()),
            _ => read_all(self.input()?, &self.input_name()),
        }
    }

    /// What the payload, or its lines, are read from.
    fn input(&self) -> Result<Box<dyn BufRead>, Failure> {
        match (&self.file, &self.payload) {
            (Some(file), _) => open(file),
            (None, Some(text)) if text != "-" => Ok(Box::new(std::io::Cursor::new(text.clone().into_bytes()))),
            _ => Ok(Box::new(std::io::stdin().lock())),
        }
    }

    fn input_name(&self) -> String {
        self.file.as_ref().map_or_else(|| "standard input".to_owned(), |file| file.display().to_string())
    }
}

/// Opens a file to read from; `-` is standard input.
pub(super) fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let file = std::fs::File::open(path)
        .map_err(|error| Failure::File { what: format!("cannot open {}", path.display()), error })?;
    Ok(Box::new(std::io::BufReader::new(file)))
}

/// Reads to the end, within the bound.
pub(super) fn read_all(input: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    input
        .take(INPUT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::File { what: format!("cannot read {name}"), error })?;
    within_bound(bytes, name)
}

/// The next line without its end; `None` after the last.
fn read_line(input: &mut dyn BufRead, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    let read = input
        .take(INPUT_BYTES_MAX + 1)
        .read_until(b'\n', &mut line)
        .map_err(|error| Failure::File { what: format!("cannot read {name}"), error })?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    within_bound(line, name).map(Some)
}

fn within_bound(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>, Failure> {
    if bytes.len() as u64 <= INPUT_BYTES_MAX {
        return Ok(bytes);
    }
    Err(Failure::Usage {
        what: format!("cannot publish {name}"),
        why: format!("a message of more than {} MiB is no message", INPUT_BYTES_MAX / (1024 * 1024)),
        next: "Publish a link to it instead.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_either_way_or_not_at_all() {
        let mut input: Box<dyn BufRead> = Box::new(&b"one\ntwo\r\n\nlast"[..]);
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input, "the test").unwrap() {
            lines.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(lines, ["one", "two", "", "last"]);
    }

    #[test]
    fn input_without_end_is_refused() {
        let endless = std::io::repeat(b'x');
        assert!(matches!(read_all(endless, "the test"), Err(Failure::Usage { .. })));
    }
}
