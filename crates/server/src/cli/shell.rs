//! `housewire completions` and `housewire man`: what a shell and a manual need to know of this command line.

use clap::{Args, CommandFactory as _};

use super::Cli;
use super::failure::Failure;
use super::output::Output;

const COMPLETIONS_EXAMPLE: &str = "\
Example:
  housewire completions bash > ~/.local/share/bash-completion/completions/housewire";

const MAN_EXAMPLE: &str = "\
Example:
  housewire man | man -l -
  housewire man set > housewire-set.1";

/// Arguments of `housewire completions`.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLE)]
pub struct Completions {
    /// For which shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "housewire", &mut script);
        output.text(&String::from_utf8_lossy(&script))
    }
}

/// Arguments of `housewire man`.
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLE)]
pub struct Man {
    /// Of this command; of the whole program if none is named
    command: Option<String>,
}

impl Man {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let mut program = Cli::command();
        program.build();
        let command = match &self.command {
            None => program,
            Some(name) => match program.find_subcommand(name) {
                Some(command) => command.clone(),
                None => {
                    return Err(Failure::Usage {
                        what: format!("cannot describe '{name}'"),
                        why: "there is no such command".to_owned(),
                        next: "'housewire --help' lists them.",
                    });
                }
            },
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).map_err(Failure::Output)?;
        output.text(&String::from_utf8_lossy(&page))
    }
}
