//! The config file's `[users]`: who may log in by name. `housewire scram` writes such a section.

use std::collections::BTreeMap;

use housewire_protocols::limits::USER_NAME_BYTES_MAX;
use housewire_protocols::scram::{Credentials, prepared};
use serde::Deserialize;

use super::ConfigError;
use crate::limits::USERS_MAX;

/// One `[users.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSettings {
    /// The stored form of the password, as `housewire scram` prints it.
    pub scram_sha_256: Secret,
}

/// A text that stays out of logs.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Who comes without a credential is called so in logs, and sessions belong to names.
const GUEST: &str = "guest";

/// Names as they are compared, with their keys.
pub(super) fn parse(users: BTreeMap<String, UserSettings>) -> Result<BTreeMap<String, Credentials>, ConfigError> {
    if users.len() > USERS_MAX {
        let value = format!("{} users", users.len());
        return Err(ConfigError::Senseless { key: "users", value, rule: "there may be at most 10000" });
    }
    let mut parsed = BTreeMap::new();
    for (name, user) in users {
        let refuse = |rule: String| ConfigError::User { name: name.clone(), rule };
        let credentials = user.scram_sha_256.0.parse::<Credentials>();
        let credentials = credentials.map_err(|error| refuse(format!("scram_sha_256: {error}")))?;
        let prepared = check_name(&name).map_err(|rule| refuse(rule.to_owned()))?;
        if parsed.insert(prepared, credentials).is_some() {
            return Err(refuse("another user has the same name but for how it is written".to_owned()));
        }
    }
    Ok(parsed)
}

/// The name as it is compared, or why it cannot be one.
pub(crate) fn check_name(name: &str) -> Result<String, &'static str> {
    if name.len() > USER_NAME_BYTES_MAX {
        return Err("a name has at most 256 bytes");
    }
    let prepared =
        prepared(name).ok_or("a name is not empty, holds no control characters and has at most 256 bytes")?;
    match prepared.as_str() {
        GUEST => Err("'guest' is whoever comes without a credential; choose another name"),
        "local" | "nobody" => Err("that name means somebody of the hub's own; choose another one"),
        _ if prepared.starts_with("device:") || prepared.starts_with("app:") => {
            Err("names that begin with device: or app: are those of devices and apps; choose another one")
        }
        _ => Ok(prepared),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_a_name_and_keys() {
        let keys = Credentials::derive(b"x", b"salt", 4_096).to_string();
        let check = |name: &str, keys: &str| {
            let user = UserSettings { scram_sha_256: Secret(keys.to_owned()) };
            parse(BTreeMap::from([(name.to_owned(), user)])).map_err(|error| error.to_string())
        };
        assert_eq!(check("anna", &keys).unwrap()["anna"].to_string(), keys);
        assert!(check(&"a".repeat(256), &keys).is_ok());
        // One character that is eighteen when it is compared.
        let (long, longer) = ("a".repeat(257), "\u{fdfa}".repeat(85));
        for (name, keys, word) in [
            ("guest", &*keys, "guest"),
            ("", &keys, "empty"),
            ("a\u{7}", &keys, "control"),
            (&long, &keys, "256 bytes"),
            (&longer, &keys, "256 bytes"),
            ("a", "1:2", "ITERATIONS"),
        ] {
            let error = check(name, keys).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        let user = UserSettings { scram_sha_256: Secret(keys) };
        let twins = BTreeMap::from([("a\u{ad}b".to_owned(), user.clone()), ("ab".to_owned(), user)]);
        assert!(!format!("{twins:?}").contains("4096"));
        assert!(parse(twins).is_err());
    }

    #[test]
    fn the_file_says_it_so() {
        assert!(toml::from_str::<super::super::Settings>("[users.a]\nscram_sha_256 = \"x\"").is_ok());
        for text in ["[users.a]", "[users.a]\nscram_sha_256 = 1", "[users.a]\nscram_sha_256 = \"x\"\npassword = \"y\""]
        {
            assert!(toml::from_str::<super::super::Settings>(text).is_err(), "{text}");
        }
    }
}
