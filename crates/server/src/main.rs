//! The `housewire` program: see `cli`.

use std::process::ExitCode;

use clap::Parser;
use housewire::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
