//! Where the peers' programs are on this machine, and what they say of themselves.
//!
//! `scripts/setup bench` puts them there; nothing is installed from here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the peers are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(super) housewire: PathBuf,
    pub(super) mosquitto: PathBuf,
    pub(super) rumqttd: PathBuf,
    pub(super) node: PathBuf,
    /// `bench/peers` of the repository, with its `node_modules`.
    pub(super) scripts: PathBuf,
    /// Python with Flask and gunicorn.
    pub(super) python: PathBuf,
}

/// What to do about a peer that is not there.
pub(super) const SETUP: &str = "`scripts/setup bench` installs it";

impl Programs {
    /// `root` is the repository's folder.
    pub(crate) fn new(housewire: &Path, root: &Path) -> Self {
        Self {
            housewire: housewire.to_owned(),
            mosquitto: on_path("mosquitto"),
            rumqttd: root.join(".cache/peers/bin/rumqttd"),
            node: on_path("node"),
            scripts: root.join("bench/peers"),
            python: root.join(".cache/bench-venv/bin/python"),
        }
    }
}

/// Also looks where Debian puts servers, which is on nobody's `PATH` but root's.
fn on_path(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file()).unwrap_or_else(|| name.into())
}

/// What the program prints; an error says why it could not be run.
pub(super) fn output(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if text.is_empty() {
        let why = String::from_utf8_lossy(&output.stderr);
        let why = why.lines().last().unwrap_or("it printed nothing");
        return Err(format!("{} does not work here: {why}", program.display()));
    }
    Ok(text)
}
