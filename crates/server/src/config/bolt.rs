//! The settings under `[bolt]`.

use serde::Deserialize;

/// How programs are answered that were written for Bolt's cloud API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoltSettings {
    /// Whether the API is served at all [default: true]
    pub enabled: bool,
    /// Whether `success` is a number in all answers, not only where Bolt's manual shows one [default: false]
    pub integers: bool,
}

impl Default for BoltSettings {
    fn default() -> Self {
        Self { enabled: true, integers: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_make_sense() {
        let read = |text: &str| toml::from_str::<BoltSettings>(text);
        assert_eq!(read("").unwrap(), BoltSettings::default());
        assert_eq!(read("enabled = false\nintegers = true").unwrap(), BoltSettings { enabled: false, integers: true });
        for text in ["ports = [80]", "integers = 1", "enabled = \"yes\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
