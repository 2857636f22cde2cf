//! aedes on Node, as its own examples start it: `bench/peers/aedes.mjs`.

use std::fs;
use std::process::Command;

use super::programs::{Programs, SETUP, output};
use super::{Door, Ports, port_of};

/// What the package asks for.
const NODE_MIN: u32 = 20;

pub(super) fn version(programs: &Programs) -> Result<String, String> {
    let node = output(&programs.node, &["--version"]).map_err(|why| format!("{why}; {SETUP}"))?;
    let major = node.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < NODE_MIN {
        return Err(format!("it needs Node.js {NODE_MIN} or newer, and this is {node}"));
    }
    let manifest = programs.scripts.join("node_modules/aedes/package.json");
    let text = fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}; {SETUP}", manifest.display()))?;
    let package: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}; {SETUP}", manifest.display()))?;
    let aedes = package["version"].as_str().unwrap_or("of unknown version");
    Ok(format!("{aedes} (Node {})", node.trim_start_matches('v')))
}

pub(super) fn command(programs: &Programs, ports: &Ports) -> Command {
    let mut command = Command::new(&programs.node);
    command.arg(programs.scripts.join("aedes.mjs"));
    command.arg(port_of(ports, Door::Mqtt).to_string()).arg(port_of(ports, Door::MqttWebSocket).to_string());
    // Packages leave checks out then, as they recommend for use.
    command.env("NODE_ENV", "production");
    command
}
