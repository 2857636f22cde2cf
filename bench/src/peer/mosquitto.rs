//! Mosquitto as Debian packages it, with a configuration of its own instead of `/etc/mosquitto`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::programs::{Programs, SETUP, output};
use super::{Door, Ports, Setup, port_of};

pub(super) fn version(programs: &Programs) -> Result<String, String> {
    let text = output(&programs.mosquitto, &["-h"]).map_err(|why| format!("{why}; {SETUP}"))?;
    let first = text.lines().next().unwrap_or_default();
    Ok(first.trim_start_matches("mosquitto version ").to_owned())
}

pub(super) fn command(setup: &Setup, programs: &Programs, folder: &Path, ports: &Ports) -> anyhow::Result<Command> {
    let config = folder.join("mosquitto.conf");
    let mut lines = vec![
        format!("listener {} 127.0.0.1", port_of(ports, Door::Mqtt)),
        format!("listener {} 127.0.0.1", port_of(ports, Door::MqttWebSocket)),
        "protocol websockets".to_owned(),
        // Since version 2 nobody gets in otherwise. Housewire lets loopback in by itself.
        "allow_anonymous true".to_owned(),
        // By default 20 on their way to one client and 1,000 waiting behind them; what comes beyond that is dropped, and
        // deliveries would be missing. 0 is no bound. Housewire's own bounds are 4,096 each.
        "max_inflight_messages 0".to_owned(),
        "max_queued_messages 0".to_owned(),
        // Its default log tells of every client that comes and goes. Housewire is started with `--log error` too.
        "log_type error".to_owned(),
        "log_dest stderr".to_owned(),
        // Started by root it would become the user `mosquitto`, who may not read our folder. Others ignore this line.
        "user root".to_owned(),
    ];
    match &setup.data {
        // Without this line everything is in memory.
        None => lines.push("persistence false".to_owned()),
        Some(data) => {
            fs::create_dir_all(data)?;
            lines.push("persistence true".to_owned());
            lines.push(format!("persistence_location {}/", data.display()));
            // The file is written when the broker stops and, by default, each half hour. Each second is the most often it can
            // be asked for, and what Housewire's `relaxed` promises.
            lines.push("autosave_interval 1".to_owned());
        }
    }
    fs::write(&config, lines.join("\n") + "\n")?;
    let mut command = Command::new(&programs.mosquitto);
    command.arg("-c").arg(&config);
    Ok(command)
}
