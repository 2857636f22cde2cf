//! `housewire serve`: settings from flags, variables and the file become a configuration; the rest is `crate::serve`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::failure::Failure;
use super::output::Output;
use crate::config::{Config, Settings};
use crate::logs;
use crate::names::{self, HostName};
use crate::serve::{Addresses, Server, Stopped, run_until_signal};

const EXAMPLE: &str = "\
Once it serves, one line is printed: ready http://ADDR:PORT mqtt://ADDR:PORT mqtts://ADDR:PORT

Example:
  housewire serve --data /var/lib/housewire --mqtt-port off";

/// Arguments of `housewire serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Serve {
    /// Read settings from this TOML file; flags and variables win
    #[arg(long, env = "HOUSEWIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub(super) fn run(self, output: &Output) -> Result<(), Failure> {
        let file = self.config.as_deref().map(Settings::from_file).transpose()?;
        let config = self.settings.or(file.unwrap_or_default()).into_config()?;
        let config = Config { file: self.config, ..config };
        start_log(&config.log)?;
        // Where it is reached from elsewhere at all.
        let names = config.bind.is_unspecified().then(|| names::of_machine(&config.names));
        let ready = |server: &Server| {
            let addresses = server.addresses();
            if let Some(link) = server.setup_link() {
                let elsewhere = names.as_ref().and_then(|names| elsewhere(&link, names));
                let elsewhere = elsewhere.map(|link| format!("\n  from another machine: {link}")).unwrap_or_default();
                output.note(&format!("This hub has no accounts yet. Make yours, once, at {link}{elsewhere}"));
            }
            // Whoever closed standard output does not wait for this line.
            let _printed = output.line(&ready_line(addresses)).is_ok();
        };
        match run_until_signal(config, ready)? {
            Stopped::ForGood => Ok(()),
            Stopped::ToStartAgain => Err(start_again()),
        }
    }
}

/// This process becomes a new one, with the same number, arguments and standard streams; it returns only if that fails.
fn start_again() -> Failure {
    use std::os::unix::process::CommandExt as _;
    let mut arguments = std::env::args_os();
    let typed = arguments.next().unwrap_or_default();
    // The program's file may have been replaced by a newer one meanwhile: then that is started.
    let program = std::env::current_exe().ok().filter(|program| program.is_file());
    let program = program.unwrap_or_else(|| typed.into());
    let error = std::process::Command::new(&program).args(arguments).exec();
    Failure::File { what: format!("the hub has stopped, and {} cannot be started again", program.display()), error }
}

/// The link as it is typed on another machine, where the hub is reached from there.
fn elsewhere(link: &str, names: &BTreeSet<HostName>) -> Option<String> {
    let (_, rest) = link.split_once("//")?.1.split_once(':')?;
    // Names in `.local` are found by whoever has mDNS; an address by everybody.
    let is_ours =
        |name: &&HostName| matches!(name, HostName::Address(address) if address.is_ipv4() && !address.is_loopback());
    names.iter().find(is_ours).map(|name| format!("http://{name}:{rest}"))
}

/// MQTT over TLS is named if it has a port of its own; the one port speaks it in any case.
fn ready_line(Addresses { http, mqtt, mqtts }: Addresses) -> String {
    let mqtts = mqtts.map(|address| format!(" mqtts://{address}")).unwrap_or_default();
    format!("ready http://{http} mqtt://{mqtt}{mqtts}")
}

/// Everything but the one line that says where the hub is goes to standard error.
fn start_log(filter: &str) -> Result<(), Failure> {
    const NEXT: &str = "Use error, warn, info, debug or trace, or one of them for a module: warn,housewire=debug.";
    let refuse = |why: String| Failure::Usage { what: format!("cannot log '{filter}'"), why, next: NEXT };
    // A lone word that is no level would be taken for a module, and nothing would ever be logged.
    if !filter.contains('=') && filter.split(',').any(|level| level.parse::<LevelFilter>().is_err()) {
        return Err(refuse("this is no level".to_owned()));
    }
    let parsed = EnvFilter::try_new(directives(filter)).map_err(|error| refuse(error.to_string()))?;
    let written = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // Whoever closed standard error does not want to hear that nothing can be written there: it would be a panic.
        .log_internal_errors(false);
    tracing_subscriber::registry().with(parsed).with(written).with(logs::Listener).init();
    Ok(())
}

/// A bare level is about the hub; the libraries below it are of interest only when something is wrong.
fn directives(filter: &str) -> Cow<'_, str> {
    match filter {
        "info" | "debug" | "trace" => Cow::Owned(format!("warn,housewire={filter}")),
        _ => Cow::Borrowed(filter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_about_the_hub() {
        for (filter, expected) in
            [("debug", "warn,housewire=debug"), ("error", "error"), ("info,hyper=debug", "info,hyper=debug")]
        {
            assert_eq!(directives(filter), expected);
        }
    }
}
