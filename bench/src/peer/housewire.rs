//! Housewire: one port for all doors, its defaults, and what a scenario asks for on top.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::programs::{Programs, output};
use super::{Durability, Setup};

pub(super) fn version(programs: &Programs) -> Result<String, String> {
    let text = output(&programs.housewire, &["--version"])
        .map_err(|why| format!("{why}; `cargo build --release --package housewire` builds it"))?;
    Ok(text.trim_start_matches("housewire ").to_owned())
}

pub(super) fn command(setup: &Setup, programs: &Programs, folder: &Path) -> anyhow::Result<Command> {
    let config = folder.join("housewire.toml");
    fs::write(&config, &setup.config)?;
    let durability = match setup.durability {
        Durability::Strict => "strict",
        Durability::Relaxed => "relaxed",
    };
    let mut command = Command::new(&programs.housewire);
    // One port for everything, which the hub picks; MQTT's own ports might be taken by another broker.
    command.args(["serve", "--bind", "127.0.0.1", "--port", "0", "--mqtt-port", "off", "--mqtts-port", "off"]);
    command.args(["--log", "error", "--durability", durability, "--shards", &setup.shards.to_string()]);
    command.arg("--config").arg(&config);
    command.arg("--data").arg(setup.data.as_deref().unwrap_or(&folder.join("data")));
    Ok(command)
}

/// The address in the line that the hub prints once it serves.
pub(super) fn ready(out: &str) -> Option<SocketAddr> {
    let (line, _rest) = out.split_once('\n')?;
    let address = line.strip_prefix("ready http://")?;
    address.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_not_ready_yet() {
        assert_eq!(ready(""), None);
        assert_eq!(ready("ready http://127.0.0.1:80"), None);
        let whole = "ready http://127.0.0.1:8080 mqtt://127.0.0.1:8080\n";
        assert_eq!(ready(whole), Some(SocketAddr::from(([127, 0, 0, 1], 8080))));
    }
}
