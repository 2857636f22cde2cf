//! `housewire export` and `housewire import`: the whole house as files, one for each device, template and virtual device, in an order and
//! a form that version control likes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use housewire_core::DeviceId;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::blynk::Blynk;
use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::{HubCommand, HubOptions};
use crate::house::format::{Format, SHEET_BYTES_MAX};
use crate::house::plan::HouseSheet;

const EXPORT_EXAMPLE: &str = "\
FOLDER gets a file for each device (devices/), template (templates/) and virtual device (virtual/). A house that did not change is written
the same, byte for byte. Files of an earlier export whose device is gone are deleted; values, tokens and people are not exported.

Example:
  housewire export my-house
  housewire export my-house --format toml";

const IMPORT_EXAMPLE: &str = "\
What the files name becomes so; what they do not name stays, unless --prune deletes it. All files are checked before anything is changed.

Example:
  housewire import my-house --dry-run
  housewire import my-house
  housewire import my-house --prune
  housewire import blynk data/me@example.com.Blynk.user";

/// What lies in the folder of an export, and says that it is one.
const MARK: &str = ".housewire";
const MARK_TEXT: &str =
    "This folder was written by 'housewire export', which deletes files here whose device is gone.\n";
/// A whole house may take a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments of `housewire export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLE)]
pub struct Export {
    /// Where to; made if it is not there
    folder: PathBuf,
    /// The language of the files
    #[arg(long, value_enum, default_value = "yaml")]
    format: Format,
    #[command(flatten)]
    options: HubOptions,
}

/// Arguments of `housewire import`.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLE, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Import {
    #[command(subcommand)]
    source: Option<Source>,
    /// Where from
    #[arg(required = true)]
    folder: Option<PathBuf>,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete what the files do not name
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    options: HubOptions,
}

/// What else there is to be imported than a house of ours.
#[derive(Debug, Subcommand)]
enum Source {
    /// Take over what users of Blynk's old server had
    Blynk(Blynk),
}

impl HubCommand for Export {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        let request = client.patient_request(Method::GET, client.hub.api(["house"]), PATIENCE);
        let house: HouseSheet = client.fetch("cannot export the house", request).await?;
        let mut files = BTreeMap::new();
        write_down(&mut files, "devices", &house.devices, self.format)?;
        write_down(&mut files, "templates", &house.templates, self.format)?;
        write_down(&mut files, "virtual", &house.r#virtual, self.format)?;
        let is_ours = self.folder.join(MARK).exists();
        let failed = |path: &Path| {
            let what = format!("cannot write {}", path.display());
            move |error| Failure::File { what, error }
        };
        let mut changed = 0;
        for (name, text) in &files {
            let path = self.folder.join(name);
            if fs::read(&path).is_ok_and(|known| known == text.as_bytes()) {
                continue;
            }
            replace(&path, text).map_err(failed(&path))?;
            changed += 1;
        }
        let mut deleted = 0;
        if is_ours {
            for path in sheets_in(&self.folder)? {
                let is_there = path.strip_prefix(&self.folder).is_ok_and(|name| files.contains_key(name));
                if !is_there {
                    fs::remove_file(&path).map_err(failed(&path))?;
                    deleted += 1;
                }
            }
        }
        let mark = self.folder.join(MARK);
        replace(&mark, MARK_TEXT).map_err(failed(&mark))?;
        let done = format!(
            "Exported {} files to {}: {changed} changed, {deleted} deleted.",
            files.len(),
            self.folder.display()
        );
        output.done(&done, &json!({"files": files.len(), "changed": changed, "deleted": deleted}))
    }
}

fn write_down(
    files: &mut BTreeMap<PathBuf, String>,
    kind: &str,
    sheets: &BTreeMap<String, impl Serialize>,
    format: Format,
) -> Result<(), Failure> {
    for (id, sheet) in sheets {
        // What becomes a path is checked, whoever the hub is.
        let id = DeviceId::parse(id).map_err(|error| senseless(Path::new(id), error.to_string()))?;
        let name = Path::new(kind).join(format!("{id}.{}", format.extension()));
        let text = format.write(sheet).map_err(|error| senseless(&name, error.to_string()))?;
        files.insert(name, text);
    }
    Ok(())
}

/// Whole or not at all, whatever happens meanwhile.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("part");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

/// Files that may be sheets, in order.
fn sheets_in(folder: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let mut found = BTreeSet::new();
    for kind in ["devices", "templates", "virtual"] {
        let folder = folder.join(kind);
        let failed = |error| Failure::File { what: format!("cannot read {}", folder.display()), error };
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if Format::of_extension(extension).is_some() && path.is_file() {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

fn senseless(path: &Path, why: String) -> Failure {
    Failure::Usage {
        what: format!("cannot use {}", path.display()),
        why,
        next: "Nothing was changed; mend it and try again.",
    }
}

/// The language of a file, by its ending.
pub(super) fn sheet_format(path: &Path) -> Result<Format, Failure> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format = Format::of_extension(extension);
    format.ok_or_else(|| senseless(path, "its name ends neither in .yaml nor in .toml or .json".to_owned()))
}

/// Reads one sheet.
pub(super) fn read_file<T: DeserializeOwned + Default>(path: &Path, format: Format) -> Result<T, Failure> {
    let failed = |error| Failure::File { what: format!("cannot read {}", path.display()), error };
    if fs::metadata(path).map_err(failed)?.len() > SHEET_BYTES_MAX as u64 {
        return Err(senseless(
            path,
            format!("it has more than {SHEET_BYTES_MAX} bytes, which is the most there may be"),
        ));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    format.read(&text).map_err(|error| senseless(path, error.to_string()))
}

/// Reads a whole house.
fn read_house(folder: &Path) -> Result<HouseSheet, Failure> {
    fs::read_dir(folder).map_err(|error| Failure::File { what: format!("cannot read {}", folder.display()), error })?;
    let mut house = HouseSheet::default();
    let mut known = BTreeSet::new();
    for path in sheets_in(folder)? {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let id = DeviceId::parse(stem).map_err(|error| senseless(&path, error.to_string()))?.to_string();
        if !known.insert(path.with_extension("")) {
            let why = "another file there is of the same name, and differs only in its ending".to_owned();
            return Err(senseless(&path, why));
        }
        let format = sheet_format(&path)?;
        let kind = path.parent().and_then(Path::file_name).and_then(|kind| kind.to_str());
        match kind {
            Some("devices") => drop(house.devices.insert(id, read_file(&path, format)?)),
            Some("templates") => drop(house.templates.insert(id, read_file(&path, format)?)),
            _ => drop(house.r#virtual.insert(id, read_file(&path, format)?)),
        }
    }
    Ok(house)
}

/// What the hub says of it.
#[derive(Debug, Deserialize)]
struct Told {
    changes: Vec<Changed>,
    more: usize,
    unchanged: usize,
}

#[derive(Debug, Deserialize)]
struct Changed {
    kind: String,
    id: String,
    change: String,
    fields: Vec<String>,
}

impl HubCommand for Import {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        if let Some(Source::Blynk(command)) = self.source {
            return command.run(client, output).await;
        }
        let folder = self.folder.unwrap_or_default();
        let house = read_house(&folder)?;
        if house == HouseSheet::default() {
            let why = "there are no files in its devices, templates and virtual folders".to_owned();
            return Err(senseless(&folder, why));
        }
        let what = "cannot import the house";
        let mut url = client.hub.api(["house"]);
        for (key, flag) in [("dry_run", self.dry_run), ("prune", self.prune)] {
            url.query_pairs_mut().append_pair(key, if flag { "true" } else { "false" });
        }
        let request = client.patient_request(Method::POST, url, PATIENCE).json(&house);
        let told: Box<RawValue> = client.fetch(what, request).await?;
        if output.is_json() {
            return output.json(&told);
        }
        let Told { changes, more, unchanged } = serde_json::from_str(told.get())
            .map_err(|error| client.strange(what, format!("the answer is not understood ({error})")))?;
        for Changed { kind, id, change, fields } in &changes {
            let fields = if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) };
            output.line(&format!("{change} {kind} {id}{fields}"))?;
        }
        let count = changes.len() + more;
        output.note(&match self.dry_run {
            true => format!("{count} changes, {unchanged} as they should be. Nothing was changed."),
            false => format!("{count} changed, {unchanged} as they should be."),
        });
        Ok(())
    }
}
