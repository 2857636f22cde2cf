//! The command line: what can be said, and how each command ends.
//!
//! Every command but `serve` is a client of the public API like any other program; nothing here reaches into the hub.
//! Commands hand everything they print to `output`, and everything that goes wrong to `failure`, which knows the exit
//! codes. What the hub does after `serve` belongs to `crate::serve`.

mod address;
mod backup;
mod blynk;
mod claims;
mod client;
mod clients;
mod devices;
mod doctor;
mod failure;
mod found;
mod get;
mod history;
mod house;
mod keys;
mod output;
mod password;
mod publish;
mod scram;
mod serve;
mod set;
mod shell;
mod socket;
mod subscribe;
mod table;
mod tokens;
mod trust;
mod users;
mod view;
mod virtual_devices;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use self::address::HubAddress;
use self::client::Client;
use self::failure::Failure;
use self::output::Output;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused, or failed
  2  wrong usage
  3  the hub cannot be reached
  4  timed out
  5  not found

Examples:
  housewire serve --demo
  housewire devices
  housewire set lamp power true --wait";

/// Housewire: every device, whatever language it speaks, on one set of live values
#[derive(Debug, Parser)]
#[command(name = "housewire", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the hub
    Serve(Box<serve::Serve>),
    /// Publish a message
    Pub(publish::Publish),
    /// Print messages as they come
    Sub(subscribe::Subscribe),
    /// Read a value
    Get(get::Get),
    /// Ask a device for a new value
    Set(set::Set),
    /// Print what properties were
    History(history::History),
    /// List, show, declare and remove devices
    Devices(devices::Devices),
    /// List devices that announced themselves
    Found(found::Found),
    /// Make devices of what was found
    Adopt(found::Adopt),
    /// List, show and disconnect clients
    Clients(clients::Clients),
    /// List, add, change and remove people with accounts
    User(users::Users),
    /// List, make and revoke tokens of devices and apps
    Token(tokens::Tokens),
    /// List, make, switch and delete API keys of people
    Key(keys::Keys),
    /// List, make and delete codes that devices show to get a token
    Claim(claims::Claims),
    /// Write the house down as files
    Export(house::Export),
    /// Make the house as files say
    Import(house::Import),
    /// List, add, start and stop devices that the hub plays itself
    Virtual(virtual_devices::VirtualDevices),
    /// Make a backup of a running hub, or look whether one is whole
    Backup(backup::Backup),
    /// Put a backup in place, while no hub runs there
    Restore(backup::Restore),
    /// Say what is wrong or risky with the hub and its machine, and what to do
    Doctor(Box<doctor::Doctor>),
    /// Turn a password into a user of the config file
    Scram(scram::Scram),
    /// Print the completions of a shell
    Completions(shell::Completions),
    /// Print the manual page
    Man(shell::Man),
}

/// What all commands that talk to a hub have in common.
#[derive(Debug, Args)]
struct HubOptions {
    /// Address of the hub
    #[arg(
        long,
        global = true,
        env = "HOUSEWIRE_HUB",
        hide_env_values = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    hub: HubAddress,
    /// Trust this CA, and no other, to vouch for a hub at https://… [default: those of the system]
    #[arg(long, global = true, env = "HOUSEWIRE_CA_FILE", hide_env_values = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// What lets this command in: a token; safer in HOUSEWIRE_TOKEN or a file than here, where others see it
    #[arg(
        long,
        global = true,
        env = "HOUSEWIRE_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        allow_hyphen_values = true
    )]
    token: Option<String>,
    /// Read the token from this file; DATA/local/token on the hub's machine may do everything
    #[arg(
        long,
        global = true,
        env = "HOUSEWIRE_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE",
        conflicts_with = "token"
    )]
    token_file: Option<PathBuf>,
    /// Print JSON, errors too
    #[arg(long, global = true)]
    json: bool,
    /// Print nothing but what was asked for
    #[arg(long, global = true)]
    quiet: bool,
}

impl HubOptions {
    /// The token, wherever it is.
    fn token(&self) -> Result<Option<String>, Failure> {
        let Some(file) = &self.token_file else { return Ok(self.token.clone()) };
        let text = std::fs::read_to_string(file).map_err(|error| {
            let what = format!("cannot read the token file {}", file.display());
            Failure::File { what, error }
        })?;
        Ok(Some(text.trim().to_owned()))
    }
}

/// A command that talks to a hub.
trait HubCommand {
    fn options(&self) -> &HubOptions;

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure>;
}

/// Carries out a command; the result is what the process ends with.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let plain = Output::plain();
    match cli.command {
        Command::Serve(command) => finish(&plain, command.run(&plain)),
        Command::Scram(command) => finish(&plain, command.run(&plain)),
        Command::Completions(command) => finish(&plain, command.run(&plain)),
        Command::Man(command) => finish(&plain, command.run(&plain)),
        Command::Pub(command) => talk(command),
        Command::Sub(command) => talk(command),
        Command::Get(command) => talk(command),
        Command::Set(command) => talk(command),
        Command::History(command) => talk(command),
        Command::Devices(command) => talk(command),
        Command::Found(command) => talk(command),
        Command::Adopt(command) => talk(command),
        Command::Clients(command) => talk(command),
        Command::User(command) => talk(command),
        Command::Token(command) => talk(command),
        Command::Key(command) => talk(command),
        Command::Claim(command) => talk(command),
        Command::Export(command) => talk(command),
        Command::Import(command) => talk(command),
        Command::Virtual(command) => talk(command),
        Command::Backup(command) if command.only_verifies() => {
            let output = Output::new(command.options().json, command.options().quiet);
            finish(&output, command.check(&output))
        }
        Command::Backup(command) => talk(command),
        Command::Restore(command) => {
            let output = Output::new(command.json, command.quiet);
            finish(&output, command.run(&output))
        }
        Command::Doctor(command) => talk(*command),
    }
}

fn talk(command: impl HubCommand) -> ExitCode {
    let output = Output::new(command.options().json, command.options().quiet);
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Machine { what: "cannot start".to_owned(), error })
        .and_then(|runtime| {
            runtime.block_on(async {
                let client = Client::new(command.options())?;
                command.run(&client, &output).await
            })
        });
    finish(&output, result)
}

fn finish(output: &Output, result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

#[cfg(test)]
mod tests;
