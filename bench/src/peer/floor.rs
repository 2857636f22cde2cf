//! This program itself, as the server that does nothing: see `crate::floor`.

use std::env;
use std::process::Command;

use super::{Door, Ports, port_of};

pub(super) fn version() -> String {
    "this program".to_owned()
}

pub(super) fn command(ports: &Ports) -> anyhow::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("floor").arg(port_of(ports, Door::Http).to_string());
    Ok(command)
}
