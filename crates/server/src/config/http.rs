//! The settings under `[http]`.

use serde::{Deserialize, Deserializer, de};

/// How the hub speaks HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// Sites whose pages may use the API from a browser, as `https://app.example.org`, or `*` for all. None by default.
    pub cors_origins: Origins,
}

/// Origins of web pages (RFC 6454): scheme, host and port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    is_any: bool,
    named: Vec<String>,
}

impl Origins {
    /// Whether no page of another site is allowed.
    pub fn is_empty(&self) -> bool {
        !self.is_any && self.named.is_empty()
    }

    /// Whether pages of this origin are allowed. What sandboxes and files call themselves, `null`, could be anybody.
    pub fn allow(&self, origin: &[u8]) -> bool {
        origin != b"null" && (self.is_any || self.named.iter().any(|named| named.as_bytes() == origin))
    }

    fn read(texts: &[String]) -> Result<Self, String> {
        let mut origins = Self::default();
        for text in texts {
            if text == "*" {
                origins.is_any = true;
            } else {
                origins.named.push(read_one(text)?);
            }
        }
        Ok(origins)
    }
}

/// As browsers write it: in small letters and without a port that goes without saying.
fn read_one(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "'{text}' is no origin: write http:// or https://, a host and perhaps a port, such as https://app.example.org"
        )
    };
    let lower = text.to_ascii_lowercase();
    let (scheme, authority) = lower.split_once("://").ok_or_else(wrong)?;
    let usual_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(wrong()),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let authority = authority.strip_suffix(usual_port).unwrap_or(authority);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if authority.is_empty() || !authority.bytes().all(is_name) {
        return Err(wrong());
    }
    Ok(format!("{scheme}://{authority}"))
}

impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Vec::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Result<Origins, String> {
        let settings: Result<HttpSettings, _> = toml::from_str(&format!("cors_origins = [{list}]"));
        settings.map(|settings| settings.cors_origins).map_err(|error| error.to_string())
    }

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        let origins = read("\"https://App.example.org\", \"http://localhost:3000/\", \"https://x:443\"").unwrap();
        for (origin, allowed) in [
            ("https://app.example.org", true),
            ("http://localhost:3000", true),
            ("https://x", true),
            ("http://app.example.org", false),
            ("https://app.example.org:8443", false),
            ("https://evil.example/https://app.example.org", false),
            ("https://app.example.org.evil.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origins.allow(origin.as_bytes()), allowed, "{origin}");
        }
        assert!(!origins.is_empty());
    }

    #[test]
    fn none_all_and_nonsense() {
        assert!(Origins::default().is_empty() && !Origins::default().allow(b"https://x"));
        let any = read("\"*\"").unwrap();
        assert!(any.allow(b"https://x") && !any.allow(b"null") && !any.is_empty());
        for wrong in
            ["\"app.example.org\"", "\"ftp://x\"", "\"https://\"", "\"https://x/path\"", "\"https://*.x\"", "\"null\""]
        {
            assert!(read(wrong).unwrap_err().contains("is no origin"), "{wrong}");
        }
    }
}
