//! rumqttd with the configuration that its crate ships, on our ports and with the limits out of the way.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::programs::{Programs, SETUP, output};
use super::{Door, Ports, port_of};

pub(super) fn version(programs: &Programs) -> Result<String, String> {
    let text = output(&programs.rumqttd, &["--version"]).map_err(|why| format!("{why}; {SETUP}"))?;
    Ok(text.trim_start_matches("rumqttd ").to_owned())
}

/// As shipped, but for these lines:
/// - `max_payload_size` is 20,480 and counts the whole packet; so that no scenario's size matters it is Housewire's.
/// - `max_inflight_count` is 100 for TCP and 500 in a WebSocket; here what Housewire has.
/// - `next_connection_delay_ms` is 1 and makes 10,000 connections wait for 10 s.
/// - The console, Prometheus and the port for MQTT 5, which nobody here asks, are not opened.
///
/// `max_connections`, 10,010, stays: it is as many as the crate recommends, and no scenario has more.
const CONNECTIONS: &str = "\
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 4096
dynamic_filters = true
";

pub(super) fn command(programs: &Programs, folder: &Path, ports: &Ports) -> anyhow::Result<Command> {
    let (tcp, ws) = (port_of(ports, Door::Mqtt), port_of(ports, Door::MqttWebSocket));
    let mut text = "\
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
"
    .to_owned();
    for (table, port) in [("v4", tcp), ("ws", ws)] {
        text += &format!(
            "\n[{table}.1]\nname = \"{table}-1\"\nlisten = \"127.0.0.1:{port}\"\nnext_connection_delay_ms = 0\n\n\
             [{table}.1.connections]\n{CONNECTIONS}"
        );
    }
    let config = folder.join("rumqttd.toml");
    fs::write(&config, text)?;
    let mut command = Command::new(&programs.rumqttd);
    command.arg("--quiet").arg("--config").arg(&config);
    Ok(command)
}
