//! Names of people and apps.

use crate::accounts::error::AccountError;
use crate::config::check_user_name;

/// Longest label of a token or of an app; longer ones are refused.
const LABEL_CHARS_MAX: usize = 64;

/// The form in which a person's name is kept and compared.
pub(super) fn person(name: &str) -> Result<String, AccountError> {
    let refuse = |rule: &str| AccountError::Unusable(format!("'{}' cannot be a name: {rule}.", shorten(name)));
    let prepared = check_user_name(name).map_err(refuse)?;
    if prepared.chars().count() > LABEL_CHARS_MAX {
        return Err(refuse("a name has at most 64 characters"));
    }
    // A colon ends the name in HTTP's Basic, and marks devices and apps; a slash ends it in a path.
    match prepared.chars().find(|char| matches!(char, ':' | '/' | '?' | '#') || char.is_control()) {
        Some(char) => Err(refuse(&format!("it holds {char:?}, which has a meaning of its own"))),
        None if prepared.trim() != prepared => Err(refuse("it begins or ends with a space")),
        None if matches!(prepared.as_str(), "local" | "." | "..") => Err(refuse("that name has a meaning of its own")),
        None => Ok(prepared),
    }
}

/// What people call a token or an app.
pub(super) fn label(text: &str) -> Result<String, AccountError> {
    let text = text.trim();
    if text.chars().count() > LABEL_CHARS_MAX || text.chars().any(char::is_control) {
        let shown = shorten(text);
        return Err(AccountError::Unusable(format!(
            "'{shown}' cannot be a name: it has at most {LABEL_CHARS_MAX} characters, and no control characters."
        )));
    }
    Ok(text.to_owned())
}

fn shorten(text: &str) -> String {
    crate::refusal::shorten(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_else_are_refused() {
        for name in ["anna", "Anna B.", "ö", "a@b.example", &"x".repeat(64)] {
            assert!(person(name).is_ok(), "{name}");
        }
        let long = "x".repeat(65);
        for name in ["", "guest", "local", "device:lamp", "app:x", "a/b", "a#", " a", "a ", "a\n", ".", "..", &long] {
            assert!(person(name).is_err(), "{name:?}");
        }
        assert_eq!(label("  Node-RED ").unwrap(), "Node-RED");
        assert!(label("a\u{7}").is_err() && label(&long).is_err());
    }
}
