//! Error chains as one line: what failed, then in brackets what led to it.

use std::error::Error;

/// The error's own words and those of its sources, innermost last.
pub(crate) fn with_reasons(error: &(dyn Error + 'static)) -> String {
    let mut reasons = Vec::new();
    let mut next = error.source();
    while let Some(reason) = next {
        reasons.push(reason.to_string());
        next = reason.source();
    }
    if reasons.is_empty() { error.to_string() } else { format!("{error} ({})", reasons.join(": ")) }
}
