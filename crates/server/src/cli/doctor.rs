//! `housewire doctor`: looks at the hub and at the machine it runs on, and says what is wrong or risky and what to do.
//!
//! Asks the hub only what everybody may know, so that it needs no token; what it looks at on the machine is what the
//! configuration names. What is judged how stands in `judge`, apart from where it comes from.

mod judge;
mod machine;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;

use self::judge::{HubFacts, SessionFacts, TlsFacts};
use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::{HubCommand, HubOptions};
use crate::config::{Config, Settings};

const EXAMPLE: &str = "\
Exit code 1 if something is wrong, 0 if nothing is or if it is merely risky. Give it the settings that the hub is started with, and run it
as the hub's user on the hub's machine; from elsewhere only the hub itself is looked at.

Example:
  housewire doctor
  housewire doctor --config /etc/housewire.toml --json";

/// Arguments of `housewire doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Doctor {
    /// The config file that the hub is started with
    #[arg(long, env = "HOUSEWIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder that the hub is started with [default: as configured, else housewire-data]
    #[arg(long, env = "HOUSEWIRE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    options: HubOptions,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// As it should be.
    Good,
    /// It works, and somebody may be sorry one day.
    Risky,
    /// It does not work, or not for long.
    Wrong,
}

/// What was looked at and found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    about: &'static str,
    severity: Severity,
    /// What is the case.
    found: String,
    /// What to do; empty if nothing is.
    #[serde(rename = "do")]
    advice: String,
}

impl Finding {
    fn good(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, severity: Severity::Good, found: found.into(), advice: String::new() }
    }

    fn risky(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, severity: Severity::Risky, found: found.into(), advice: advice.into() }
    }

    fn wrong(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, severity: Severity::Wrong, found: found.into(), advice: advice.into() }
    }
}

impl HubCommand for Doctor {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        let hub = ask(client).await;
        let mut findings = judge::hub(&hub, Timestamp::now());
        if client.hub.is_on_this_machine() {
            findings.extend(self.look_at_machine(hub.is_there()));
        }
        show(output, &findings)?;
        let wrong = findings.iter().filter(|finding| finding.severity == Severity::Wrong).count();
        if wrong == 0 {
            return Ok(());
        }
        let things = if wrong == 1 { "one thing is".to_owned() } else { format!("{wrong} things are") };
        Err(Failure::Unwell { what: things })
    }
}

impl Doctor {
    fn look_at_machine(&self, hub_is_there: bool) -> Vec<Finding> {
        let config = match self.settings() {
            Ok(config) => config,
            Err(error) => {
                return vec![Finding::wrong("configuration", error.to_string(), "Mend the file, or name another one.")];
            }
        };
        let mut findings = vec![match &self.config {
            Some(file) => Finding::good("configuration", format!("{} is understood", file.display())),
            None => Finding::good("configuration", "no file: flags, variables and defaults count"),
        }];
        findings.extend(machine::look(&config, hub_is_there));
        findings
    }

    fn settings(&self) -> Result<Config, crate::config::ConfigError> {
        let file = self.config.as_deref().map(Settings::from_file).transpose()?.unwrap_or_default();
        Settings { data: self.data.clone(), ..Settings::default() }.or(file).into_config()
    }
}

/// What the hub says; each part by itself, as an older hub may not know all of them.
async fn ask(client: &Client) -> HubFacts {
    let url = |path| client.hub.api([path]);
    let health = client.fetch("cannot ask the hub", client.request(Method::GET, url("health"))).await;
    let health = match health {
        Ok(health) => health,
        Err(failure) => return HubFacts::Silent(failure.to_string()),
    };
    let session: Result<SessionFacts, _> =
        client.fetch("cannot ask for accounts", client.request(Method::GET, url("session"))).await;
    let tls: Result<TlsFacts, _> = client.fetch("cannot ask for TLS", client.request(Method::GET, url("tls"))).await;
    HubFacts::Answers {
        health,
        session: session.map_err(|failure| failure.to_string()),
        tls: tls.map_err(|failure| failure.to_string()),
    }
}

fn show(output: &Output, findings: &[Finding]) -> Result<(), Failure> {
    if output.is_json() {
        return output.json(&findings);
    }
    for Finding { about, severity, found, advice } in findings {
        let mark = match severity {
            Severity::Good => "ok   ",
            Severity::Risky => "risky",
            Severity::Wrong => "WRONG",
        };
        output.line(&format!("{mark}  {about}: {found}"))?;
        if !advice.is_empty() {
            output.line(&format!("       {advice}"))?;
        }
    }
    Ok(())
}
