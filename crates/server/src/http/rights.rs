//! Rights in the bodies of requests: a role and lists of filters, for people and apps alike.

use housewire_core::{Filter, Grant, Role};
use serde::{Deserialize, Deserializer};

use crate::accounts::{AccountError, GrantChange};
use crate::refusal::{parse_filter, shorten};

/// A list that may be named, cleared (`null`, which is what the role has) or left as it is.
pub(crate) type Named<T> = Option<Option<T>>;

/// Reads a field that is there; serde takes `null` for one that is not otherwise.
pub(crate) fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Named<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn parse_role(name: &str) -> Result<Role, AccountError> {
    Role::parse(name).ok_or_else(|| {
        AccountError::Unusable(format!("'{}' is no role: choose admin, member or viewer.", shorten(name)))
    })
}

fn parse_filters(texts: Vec<String>) -> Result<Vec<Filter>, AccountError> {
    let parse = |text: &String| parse_filter(text).map_err(|error| AccountError::Unusable(error.to_string()));
    texts.iter().map(parse).collect()
}

/// See [`Named`].
fn parse_named(texts: Named<Vec<String>>) -> Result<Named<Vec<Filter>>, AccountError> {
    texts.map(|texts| texts.map(parse_filters).transpose()).transpose()
}

/// The rights of somebody new.
pub(crate) fn parse_grant(
    role: &str,
    read: Option<Vec<String>>,
    write: Option<Vec<String>>,
    deny: Option<Vec<String>>,
) -> Result<Grant, AccountError> {
    Ok(Grant {
        role: parse_role(role)?,
        read: read.map(parse_filters).transpose()?,
        write: write.map(parse_filters).transpose()?,
        deny: deny.map(parse_filters).transpose()?.unwrap_or_default(),
    })
}

/// What is to be changed of somebody's rights.
pub(crate) fn parse_change(
    role: Option<String>,
    read: Named<Vec<String>>,
    write: Named<Vec<String>>,
    deny: Option<Vec<String>>,
) -> Result<GrantChange, AccountError> {
    Ok(GrantChange {
        role: role.as_deref().map(parse_role).transpose()?,
        read: parse_named(read)?,
        write: parse_named(write)?,
        deny: deny.map(parse_filters).transpose()?,
    })
}
