//! Where the hub is, and which paths of it name what.
//!
//! Talking to it belongs to `client` and `socket`.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// The port of a hub that was named without one.
const DEFAULT_PORT: u16 = 8080;

/// The address of a hub: `http://HOST:PORT` or `https://HOST:PORT`, nothing behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HubAddress(Url);

impl FromStr for HubAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&named)
            .map_err(|error| format!("{error}; write http://HOST:PORT, for example http://192.168.1.20:8080"))?;
        match url.scheme() {
            "http" | "https" => {}
            other => return Err(format!("'{other}' is not spoken here; write http://HOST:PORT or https://HOST:PORT")),
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(
                "only http://HOST:PORT or https://HOST:PORT is understood, nothing before or behind it".to_owned()
            );
        }
        if url.port().is_none() && !text.contains("://") {
            // Only fails for addresses without a host, which http:// does not allow.
            url.set_port(Some(DEFAULT_PORT)).map_err(|()| "it has no host".to_owned())?;
        }
        Ok(Self(url))
    }
}

impl fmt::Display for HubAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl HubAddress {
    /// Whether it is reached by TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it is reached without any network.
    pub(super) fn is_on_this_machine(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse().is_ok_and(crate::peer::is_loopback)
    }

    /// `/api/` and these levels, each escaped.
    pub(super) fn api<'a>(&self, levels: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut().expect("http addresses have paths").clear().push("api").extend(levels);
        url
    }

    /// `/api/topics/TOPIC`; `None` for the two topics that a path cannot hold.
    pub(super) fn topic(&self, topic: &str) -> Option<Url> {
        let is_dots = |level: &str| matches!(level, "." | "..");
        if is_dots(topic) {
            None
        } else if topic.split('/').any(is_dots) {
            // As one escaped level, or every client and proxy on the way would take `..` for a step up.
            Some(self.api(["topics", topic]))
        } else {
            Some(self.api(["topics"].into_iter().chain(topic.split('/'))))
        }
    }

    /// The WebSocket.
    pub(super) fn socket(&self) -> String {
        let http = self.api(["ws"]);
        http.as_str().replacen("http", "ws", 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for (text, expected) in [
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://pi.local/", Some("http://pi.local")),
            ("pi.local", Some("http://pi.local:8080")),
            ("192.168.1.20:9000", Some("http://192.168.1.20:9000")),
            ("[::1]:8080", Some("http://[::1]:8080")),
            ("localhost:9000", Some("http://localhost:9000")),
            ("https://pi.local", Some("https://pi.local")),
            ("https://pi.local:8080/", Some("https://pi.local:8080")),
            ("wss://pi.local", None),
            ("mqtt://pi.local", None),
            ("http://pi.local/api", None),
            ("http://me@pi.local", None),
            ("http://", None),
            ("", None),
            ("pi local", None),
        ] {
            let parsed = text.parse::<HubAddress>().ok().map(|hub| hub.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn topics_survive_the_path() {
        let hub: HubAddress = "pi:1".parse().unwrap();
        for (topic, path) in [
            ("a/b", "/api/topics/a/b"),
            ("/a", "/api/topics//a"),
            ("a//b/", "/api/topics/a//b/"),
            ("a b/ü?#%", "/api/topics/a%20b/%C3%BC%3F%23%25"),
            ("a/../b", "/api/topics/a%2F..%2Fb"),
            ("$x/+", "/api/topics/$x/+"),
        ] {
            assert_eq!(hub.topic(topic).unwrap().path(), path, "{topic}");
        }
        assert_eq!(hub.topic(".."), None);
        assert_eq!(hub.socket(), "ws://pi:1/api/ws");
        assert_eq!("https://pi:1".parse::<HubAddress>().unwrap().socket(), "wss://pi:1/api/ws");
        assert_eq!(hub.api(["devices", "lamp"]).as_str(), "http://pi:1/api/devices/lamp");
    }
}
