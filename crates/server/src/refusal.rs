//! Everything a request can be refused for, whatever the transport: the hub's own errors and those of reading it.
//!
//! Each transport maps these to its status or error codes in one function of its own.

use housewire_core::{DeclareError, Denied, Filter, IdError, Qos, Rejection, Topic};
use thiserror::Error;

use crate::history::NoAnswer;

/// Why a request is refused, in words for the one who made it: what, why, what to do.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// By the hub.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// By the declared rules of a property.
    #[error("{0}")]
    Rejected(Box<Rejection>),
    /// A declaration makes no sense or finds no room.
    #[error(transparent)]
    Declaration(#[from] DeclareError),
    /// No name of a device or property.
    #[error(transparent)]
    Name(#[from] IdError),
    /// No topic.
    #[error("'{0}' is no topic: {1}")]
    Topic(String, String),
    /// No filter.
    #[error("'{0}' is no filter: {1}")]
    Filter(String, String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// Only who looks after the hub may do this.
    #[error("{0} may not do this: only an admin may. Ask one, or sign in as one")]
    NotAdmin(String),
    /// What somebody came in with was taken back meanwhile.
    #[error("what you came in with is not valid any more: sign in again, or use another token")]
    TurnedOut,
    /// It cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    /// Nobody has, or may have, the session that was asked for.
    #[error(
        "There is no such session: it ended, was never there, or belongs to somebody else. Begin a new one and subscribe again."
    )]
    UnknownSession,
    /// By the history.
    #[error("{0}")]
    History(#[from] NoAnswer),
    /// One more than fits.
    #[error("{0}")]
    Full(String),
}

/// As much of a text that made no sense as is shown of it.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The text of a JSON error, which may quote what was sent; its place stands at the end and stays.
pub(crate) fn shorten_json_error(error: &serde_json::Error) -> String {
    let error = error.to_string();
    match error.rsplit_once(" at line ") {
        Some((what, place)) if what.len() > JSON_ERROR_BYTES_SHOWN => format!("{} at line {place}", shorten(what)),
        _ => error,
    }
}

/// Long enough for a list of the fields there are.
const JSON_ERROR_BYTES_SHOWN: usize = 300;

pub(crate) fn parse_topic(text: &str) -> Result<Topic, Refusal> {
    Topic::parse(text).map_err(|error| Refusal::Topic(shorten(text), error.to_string()))
}

pub(crate) fn parse_filter(text: &str) -> Result<Filter, Refusal> {
    Filter::parse(text).map_err(|error| Refusal::Filter(shorten(text), error.to_string()))
}

pub(crate) fn parse_qos(number: Option<u8>) -> Result<Qos, Refusal> {
    let qos = number.map_or(Some(Qos::default()), Qos::from_number);
    qos.ok_or_else(|| Refusal::BadRequest("qos must be 0, 1 or 2".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_quote_only_the_beginning_of_what_was_sent() {
        let error = parse_topic(&"ä".repeat(5_000)).unwrap_err().to_string();
        assert!(error.starts_with("'ää") && error.chars().count() < 200, "{error}");
        assert_eq!(parse_filter("a/#/b").unwrap_err().to_string().split(':').next(), Some("'a/#/b' is no filter"));
    }
}
