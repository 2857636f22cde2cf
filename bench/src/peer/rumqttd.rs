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
/// - `max_payload_size` is 20,480 and counts the whole packet; here it is Housewire's, so that no scenario's size matters.
/// - `next_connection_delay_ms` is 1, which makes 10,000 connections wait for 10 s.
/// - The console, Prometheus and the port for MQTT 5, which nobody here asks, are not opened.
///
/// What stays: `max_connections`, as no scenario has more; `max_inflight_count`, which despite its name is how many packets are
/// taken from a socket in one go. Its window towards a client is 100 messages, in its code; what waits behind it is kept in its
/// log, of 1 GB for each filter.
///
/// It refuses a client without keep-alive, so whoever speaks to all brokers asks for one.
const CONNECTIONS: &str = "\
connection_timeout_ms = 60000
max_payload_size = 1048576
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
    for (table, port, at_once) in [("v4", tcp, 100), ("ws", ws, 500)] {
        text += &format!(
            "\n[{table}.1]\nname = \"{table}-1\"\nlisten = \"127.0.0.1:{port}\"\nnext_connection_delay_ms = 0\n\n\
             [{table}.1.connections]\n{CONNECTIONS}max_inflight_count = {at_once}\n"
        );
    }
    let config = folder.join("rumqttd.toml");
    fs::write(&config, text)?;
    let mut command = Command::new(&programs.rumqttd);
    command.arg("--quiet").arg("--config").arg(&config);
    Ok(command)
}
