//! Everything that can end a command early: its text for people, its exit code for scripts.
//!
//! Texts read "what happened: why. What to do next.". What the hub itself says (the `detail` of its problem documents)
//! is passed on unchanged, as it is written the same way.

use std::error::Error as StdError;
use std::time::Duration;

use thiserror::Error;

/// Why a command did not do what was asked.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// Arguments that only make no sense together, or input that is not what it should be.
    #[error("{what}: {why}. {next}")]
    Usage { what: String, why: String, next: &'static str },
    /// No connection.
    #[error(
        "cannot reach the hub at {hub}: {why}. Start it with 'housewire serve', or name another one with --hub URL."
    )]
    Unreachable { hub: String, why: String },
    /// Somebody answers, and does not prove to be the hub.
    #[error(
        "cannot trust the hub at {hub}: {why}. Name its CA with --ca-file FILE; the hub has it in its data folder, as tls/ca.crt, and at /ca.crt. \
         It has to be reached by a name that 'curl {hub}/api/tls -k' lists."
    )]
    Untrusted { hub: String, why: String },
    /// Connected, but no answer.
    #[error("{what}: the hub gave no answer within {} s. Try again; if it stays so, look into the hub's log.", .limit.as_secs())]
    Silent { what: String, limit: Duration },
    /// The hub says no, or that it failed.
    #[error("{what}: {detail}")]
    Refused { what: String, detail: String },
    /// The hub lets in nobody who shows nothing.
    #[error(
        "{what}: {detail} For this command: --token TOKEN or --token-file FILE; on the hub's own machine the file local/token in its data folder will do."
    )]
    Stranger { what: String, detail: String },
    /// The hub does not know what was asked for.
    #[error("{what}: {detail}")]
    NotFound { what: String, detail: String },
    /// Not what a hub answers.
    #[error("{what}: {why}. Check that {hub} is the address of a Housewire hub and not of something else.")]
    Strange { what: String, why: String, hub: String },
    /// What `housewire doctor` found.
    #[error("{what} wrong; see above what to do")]
    Unwell { what: String },
    /// The time given is over.
    #[error("{what}: {why}. {next}")]
    TimedOut { what: String, why: String, next: &'static str },
    /// The device did something else.
    #[error("{what}: {why}. {next}")]
    Unfulfilled { what: String, why: String, next: &'static str },
    /// The operating system says no.
    #[error("{what}: {error}. Check the path and its permissions.")]
    File { what: String, error: std::io::Error },
    /// A backup that cannot be made, believed or put in place; it names its own remedy.
    #[error(transparent)]
    Backup(#[from] housewire_store::BackupError),
    /// The operating system says no, and no path is involved.
    #[error("{what}: {error}. Free some memory or end other programs, then try again.")]
    Machine { what: String, error: std::io::Error },
    /// The hub's settings cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The hub ended with an error, which names its own remedy.
    #[error(transparent)]
    Serve(#[from] crate::serve::StartError),
    /// Whoever read our output has seen enough; this is how `head` ends, and no fault.
    #[error("standard output is closed")]
    OutputClosed,
    /// The output cannot be written.
    #[error("cannot write the output: {0}. Check where it goes, and whether the disk is full.")]
    Output(std::io::Error),
}

impl Failure {
    /// As documented in `housewire --help`.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Refused { .. }
            | Self::Stranger { .. }
            | Self::Unwell { .. }
            | Self::Strange { .. }
            | Self::Unfulfilled { .. }
            | Self::Machine { .. }
            | Self::Output(_)
            | Self::Backup(_)
            | Self::Serve(_) => 1,
            Self::Usage { .. } | Self::File { .. } | Self::Config(_) => 2,
            Self::Unreachable { .. } | Self::Untrusted { .. } => 3,
            Self::TimedOut { .. } | Self::Silent { .. } => 4,
            Self::NotFound { .. } => 5,
        }
    }
}

/// Why the other side's certificate was not taken, if an error comes of that.
pub(super) fn distrust(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return Some(why.to_string());
        }
        // What an I/O error holds is not in its chain.
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = held.map(|held| held as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

/// The innermost reason of an error chain: what a person can act on ("Connection refused").
pub(super) fn root_cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    // "(os error 111)" helps nobody who reads the words before it.
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
