//! The AsyncAPI document.

use serde_json::{Value, json};

/// Makes the document.
pub(super) fn make() -> Value {
    json!({})
}
