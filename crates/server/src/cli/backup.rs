//! `housewire backup` and `housewire restore`: a backup of a running hub into a file, and a file into the data folder of one that does not run.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use housewire_store::{BackupError, Manifest, Offline, verify_backup};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::{HubCommand, HubOptions};

const BACKUP_EXAMPLE: &str = "\
The hub goes on while its backup is made; whatever it acknowledged before is in it. FILE is a
gzipped tar archive, and has every secret of the hub: hashes of passwords, the keys of TLS. It is
read back and verified before it gets its name.

Example:
  housewire backup hub-$(date +%F).tar.gz --token-file housewire-data/local/token
  housewire backup --verify hub-2026-11-23.tar.gz";

const RESTORE_EXAMPLE: &str = "\
The archive is read to its end and verified before anything is changed. With --replace, what is
there is moved aside in the same folder, to before-restore-1 and so on.

Example:
  housewire restore hub-2026-11-23.tar.gz --data housewire-data --replace";

/// To make a backup of a large hub takes long.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);
/// How often it is said how far it is.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Arguments of `housewire backup`.
#[derive(Debug, Args)]
#[command(after_help = BACKUP_EXAMPLE)]
pub struct Backup {
    /// The archive
    file: PathBuf,
    /// Only look whether this archive is whole; no hub is asked
    #[arg(long)]
    verify: bool,
    /// Replace the file if it is there
    #[arg(long, conflicts_with = "verify")]
    force: bool,
    #[command(flatten)]
    options: HubOptions,
}

/// Arguments of `housewire restore`.
#[derive(Debug, Args)]
#[command(after_help = RESTORE_EXAMPLE)]
pub struct Restore {
    /// The archive
    file: PathBuf,
    /// The data folder; made if it does not exist
    #[arg(long, env = "HOUSEWIRE_DATA", value_name = "DIR", default_value = "housewire-data")]
    data: PathBuf,
    /// Move what is in the data folder aside
    #[arg(long)]
    replace: bool,
    /// Print JSON, errors too
    #[arg(long)]
    pub(super) json: bool,
    /// Print nothing but what was asked for
    #[arg(long)]
    pub(super) quiet: bool,
}

impl Backup {
    pub(super) fn only_verifies(&self) -> bool {
        self.verify
    }

    pub(super) fn check(&self, output: &Output) -> Result<(), Failure> {
        let manifest = verified(&self.file)?;
        output.done(&format!("{} is whole: {}", self.file.display(), words(&manifest)), &facts(&manifest))
    }

    /// Receives it under another name; what broke off is no backup, and gets none.
    async fn receive(&self, part: &Path, client: &Client, output: &Output) -> Result<Manifest, Failure> {
        const WHAT: &str = "cannot make a backup";
        let cannot_write = |error| Failure::File { what: format!("cannot write {}", part.display()), error };
        let request = client.patient_request(Method::GET, client.hub.api(["backup"]), PATIENCE);
        output.note("The hub copies its data …");
        let mut answer = client.send(WHAT, request).await?;
        let mut file = private(part).map_err(cannot_write)?;
        let (mut bytes, mut said) = (0, Instant::now());
        while let Some(piece) = client.piece(WHAT, &mut answer).await? {
            file.write_all(&piece).map_err(cannot_write)?;
            bytes += piece.len() as u64;
            if said.elapsed() >= SAY_EVERY {
                output.note(&format!("{} received …", size(bytes)));
                said = Instant::now();
            }
        }
        file.sync_all().map_err(cannot_write)?;
        output.note(&format!("{} received; reading them back …", size(bytes)));
        verified(part)
    }
}

impl HubCommand for Backup {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        if !self.force && self.file.exists() {
            return Err(Failure::Usage {
                what: "cannot make a backup".to_owned(),
                why: format!("{} is there already", self.file.display()),
                next: "Choose another name, or say --force to replace it.",
            });
        }
        let mut part = self.file.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let received = self.receive(&part, client, output).await;
        let manifest = match received {
            Ok(manifest) => manifest,
            Err(failure) => {
                // The failure at hand says more than one to tidy up after it would.
                std::fs::remove_file(&part).ok();
                return Err(failure);
            }
        };
        let named = std::fs::rename(&part, &self.file);
        named.map_err(|error| Failure::File { what: format!("cannot write {}", self.file.display()), error })?;
        output.done(&format!("Wrote {}: {}", self.file.display(), words(&manifest)), &facts(&manifest))
    }
}

impl Restore {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        // Before the folder is made or touched.
        let file = open(&self.file)?;
        let folder = Offline::lock(&self.data).map_err(BackupError::from)?;
        output.note("Reading and verifying the backup …");
        let (manifest, restored) = folder.restore(BufReader::new(file), self.replace)?;
        let had = std::fs::read_dir(&restored.aside).is_ok_and(|mut entries| entries.next().is_some());
        let aside = if had {
            format!("; what was there is in {}", restored.aside.display())
        } else {
            // An empty folder would only puzzle.
            std::fs::remove_dir(&restored.aside).ok();
            String::new()
        };
        let mut facts = facts(&manifest);
        facts["aside"] = if had { json!(restored.aside) } else { Value::Null };
        output.done(&format!("Put in place in {}: {}{aside}.", self.data.display(), words(&manifest)), &facts)
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::File { what: format!("cannot read {}", path.display()), error })
}

fn verified(path: &Path) -> Result<Manifest, Failure> {
    Ok(verify_backup(BufReader::new(open(path)?))?)
}

/// For this user alone: it has every secret of the hub.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create(true).truncate(true).open(path)
}

fn words(manifest: &Manifest) -> String {
    let (files, bytes) = (manifest.files.len(), size(manifest.bytes()));
    format!("made {} by version {}, {files} files with {bytes}", manifest.made, manifest.version)
}

fn facts(manifest: &Manifest) -> Value {
    let made = manifest.made.to_string();
    json!({"version": manifest.version, "made": made, "files": manifest.files.len(), "bytes": manifest.bytes()})
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
