//! `housewire import blynk`: what users of Blynk's old server had, taken over in one command.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use crate::limits::BLYNK_FILE_BYTES_MAX;

const EXAMPLE: &str = "\
FILE is a user file of Blynk's server: NAME.user in its data folder. Its devices become devices here and keep their tokens, pins
become properties, projects become dashboards. What is there already stays as it is; all of a file is checked before anything is
changed.

Example:
  housewire import blynk data/me@example.com.Blynk.user --dry-run
  housewire import blynk data/*.user";

/// A large file may take a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments of `housewire import blynk`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Blynk {
    /// User files of Blynk's server
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show what would be made, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What the hub says of a file.
#[derive(Debug, Deserialize)]
struct Told {
    devices: Vec<ToldDevice>,
    dashboards: Vec<ToldDashboard>,
    left: Vec<ToldLeft>,
    more: usize,
}

#[derive(Debug, Deserialize)]
struct ToldDevice {
    id: String,
    change: String,
    properties: usize,
}

#[derive(Debug, Deserialize)]
struct ToldDashboard {
    id: String,
    change: String,
    widgets: usize,
}

#[derive(Debug, Deserialize)]
struct ToldLeft {
    what: String,
    why: String,
}

impl Blynk {
    pub(super) async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        // All are read before the first is sent: one that is not there is noticed in time.
        let files = self.files.iter().map(|path| Ok((path, read(path)?)));
        let files: Vec<_> = files.collect::<Result<_, Failure>>()?;
        for (path, bytes) in files {
            let what = format!("cannot import {}", path.display());
            let mut url = client.hub.api(["import", "blynk"]);
            url.query_pairs_mut().append_pair("dry_run", if self.dry_run { "true" } else { "false" });
            let request = client.patient_request(Method::POST, url, PATIENCE);
            let request = request.header("Content-Type", "application/json").body(bytes);
            let told: Box<RawValue> = client.fetch(&what, request).await?;
            if output.is_json() {
                output.json(&told)?;
                continue;
            }
            let told: Told = serde_json::from_str(told.get())
                .map_err(|error| client.strange(&what, format!("the answer is not understood ({error})")))?;
            print(&told, self.dry_run, output)?;
        }
        Ok(())
    }
}

fn print(told: &Told, is_dry: bool, output: &Output) -> Result<(), Failure> {
    let mut changed = 0;
    for ToldDevice { id, change, properties } in told.devices.iter().filter(|device| device.change != "none") {
        changed += 1;
        output.line(&format!("{change} device {id}: {properties} properties"))?;
    }
    for ToldDashboard { id, change, widgets } in told.dashboards.iter().filter(|dashboard| dashboard.change != "none") {
        changed += 1;
        output.line(&format!("{change} dashboard {id}: {widgets} widgets"))?;
    }
    for ToldLeft { what, why } in &told.left {
        output.line(&format!("left out {what}: {why}"))?;
    }
    let left = told.left.len() + told.more;
    let same = told.devices.len() + told.dashboards.len() - changed;
    output.note(&match is_dry {
        true => format!("{changed} changes, {same} as they should be, {left} left out. Nothing was changed."),
        false => format!("{changed} changed, {same} as they should be, {left} left out."),
    });
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::File { what: format!("cannot read {}", path.display()), error };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    if fs::metadata(path).map_err(failed)?.is_dir() {
        let why = "it is a folder; user files are in it, NAME.user".to_owned();
        return Err(Failure::Usage { what: format!("cannot use {}", path.display()), why, next: "Name the files." });
    }
    file.take(BLYNK_FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > BLYNK_FILE_BYTES_MAX {
        return Err(Failure::Usage {
            what: format!("cannot use {}", path.display()),
            why: format!("it has more than {BLYNK_FILE_BYTES_MAX} bytes, which is the most there may be"),
            next: "Look whether it is a user file of Blynk's server.",
        });
    }
    Ok(bytes)
}
