//! The one place that prints: results to standard output, everything else to standard error.
//!
//! How a result looks belongs to the command. A closed standard output is reported as [`Failure::OutputClosed`], so
//! that every command ends quietly under `| head`.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

use serde::Serialize;

use super::failure::Failure;
use crate::reasons::with_reasons;

/// Where a command prints, and how much.
#[derive(Debug)]
pub(super) struct Output {
    json: bool,
    quiet: bool,
    terminal: bool,
}

impl Output {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet, terminal: std::io::stdout().is_terminal() }
    }

    /// For commands without `--json` and `--quiet`.
    pub(super) fn plain() -> Self {
        Self::new(false, false)
    }

    /// Whether results are to be JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person looks at it.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// A part of a long result, as it is.
    pub(super) fn piece(&self, bytes: &[u8]) -> Result<(), Failure> {
        write(&[bytes])
    }

    /// One line of the result. What devices say is theirs; a terminal must not obey it.
    pub(super) fn line(&self, text: &str) -> Result<(), Failure> {
        let text = if self.terminal { printable(text) } else { Cow::Borrowed(text) };
        write(&[text.as_bytes(), b"\n"])
    }

    /// A result as it is, be it text or not; a terminal gets the line end that a pipe does without.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.line(text),
            Err(_) => write(&[bytes]),
        }
    }

    /// A finished text, such as a table.
    pub(super) fn text(&self, text: &str) -> Result<(), Failure> {
        write(&[text.as_bytes()])
    }

    /// One JSON value on a line of its own.
    pub(super) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(value).map_err(|error| Failure::Output(error.into()))?;
        line.push(b'\n');
        write(&[&line])
    }

    /// Says that something was done: as a sentence, or as JSON.
    pub(super) fn done(&self, sentence: &str, json: &impl Serialize) -> Result<(), Failure> {
        match (self.json, self.quiet) {
            (true, _) => self.json(json),
            (false, true) => Ok(()),
            (false, false) => self.line(sentence),
        }
    }

    /// Something to know that is no result.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            write_error(text);
        }
    }

    /// Why the command failed.
    pub(super) fn failure(&self, failure: &Failure) {
        match failure {
            Failure::OutputClosed => {}
            _ if self.json => {
                let exit = failure.exit_code();
                write_error(&serde_json::json!({"error": with_reasons(failure), "exit": exit}).to_string());
            }
            _ => write_error(&format!("error: {}", printable(&with_reasons(failure)))),
        }
    }
}

/// The text without control characters that could command a terminal.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect())
    }
}

fn write(parts: &[&[u8]]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = parts.iter().try_for_each(|part| stdout.write_all(part)).and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::Output(error),
    })
}

fn write_error(line: &str) {
    // Nobody is left to tell when standard error is closed too.
    let _told = writeln!(std::io::stderr().lock(), "{line}").is_ok();
}
