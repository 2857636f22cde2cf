//! What stands behind the question mark: `qos`, `wait`, `ttl`, `filter`, choices.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use housewire_core::{Filter, Qos};
use percent_encoding::percent_decode;

use crate::config::parse_duration;
use crate::http::problem::Problem;
use crate::limits::EVENT_FILTERS_MAX;
use crate::refusal::{Refusal, parse_filter, parse_qos, shorten};

/// The query as it came, not yet decoded. Parameters that a route does not know are no concern of its.
pub(crate) struct Query(String);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.uri))
    }
}

impl Query {
    pub(crate) fn of(uri: &Uri) -> Self {
        Self(uri.query().unwrap_or_default().to_owned())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(move |(have, _)| *have == name).map(|(_, value)| value)
    }

    /// The names of all parameters, as they were written.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).filter(|name| !name.is_empty())
    }

    /// Decoded as forms encode it, so that a plus is a space.
    pub(crate) fn first(&self, name: &str) -> Option<String> {
        self.all(name).next().map(|value| {
            String::from_utf8_lossy(&percent_decode(value.replace('+', " ").as_bytes()).collect::<Vec<_>>())
                .into_owned()
        })
    }

    /// All values of this name, decoded likewise.
    pub(crate) fn decoded(&self, name: &str) -> Vec<String> {
        let decode = |value: &str| percent_decode(value.replace('+', " ").as_bytes()).collect::<Vec<_>>();
        self.all(name).map(|value| String::from_utf8_lossy(&decode(value)).into_owned()).collect()
    }

    /// `?qos=`, 0 if it is not there.
    pub(crate) fn qos(&self) -> Result<Qos, Refusal> {
        let Some(text) = self.first("qos") else { return parse_qos(None) };
        // What is no number is no QoS either.
        parse_qos(Some(text.parse().unwrap_or(u8::MAX)))
    }

    /// A duration as people write it, such as `?wait=30s`.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.first(name) else { return Ok(None) };
        parse_duration(&text).map(Some).map_err(|error| Problem::bad_request(format!("?{name}=: {error}")))
    }

    /// A choice such as `?connected=true`; `None` if it is not there.
    pub(crate) fn choice(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.first(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Problem::bad_request(format!("?{name}= must be true or false"))),
        }
    }

    /// A number such as `?limit=100`; `None` if it is not there.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.first(name) else { return Ok(None) };
        let number = text.parse().map(Some);
        number.map_err(|_| Problem::bad_request(format!("?{name}= must be a number; '{}' is none.", shorten(&text))))
    }

    /// `?filter=` of a list: `#` if it is not there.
    pub(crate) fn filter(&self) -> Result<Filter, Problem> {
        let mut all = self.all("filter");
        let filter = all.next().map_or_else(|| parse_filter("#"), decode_filter)?;
        if all.next().is_some() || filter.is_shared() {
            return Err(Problem::bad_request("A list takes one ?filter=, and none that is shared."));
        }
        Ok(filter)
    }

    /// `?filter=`, once or several times.
    pub(crate) fn filters(&self) -> Result<Vec<Filter>, Problem> {
        let filters: Vec<_> =
            self.all("filter").take(EVENT_FILTERS_MAX + 1).map(decode_filter).collect::<Result<_, _>>()?;
        match filters.len() {
            0 => {
                Err(Problem::bad_request("Say what to listen to, for example ?filter=devices/%23 (%23 stands for #)."))
            }
            1..=EVENT_FILTERS_MAX => Ok(filters),
            _ => {
                Err(Refusal::Full(format!("At most {EVENT_FILTERS_MAX} filters in one stream: use wider ones.")).into())
            }
        }
    }
}

/// In a query a `+` may be the wildcard, as people type it, or a space, as forms write it. A wildcard fills a whole
/// level, so the place tells.
fn decode_filter(raw: &str) -> Result<Filter, Refusal> {
    let mut text = Vec::with_capacity(raw.len());
    let mut pluses = Vec::new();
    for (number, part) in raw.split('+').enumerate() {
        if number > 0 {
            pluses.push(text.len());
            text.push(b'+');
        }
        text.extend(percent_decode(part.as_bytes()));
    }
    for at in pluses {
        let begins_level = at == 0 || text[at - 1] == b'/';
        let ends_level = text.get(at + 1).is_none_or(|next| *next == b'/');
        if !(begins_level && ends_level) {
            text[at] = b' ';
        }
    }
    match String::from_utf8(text) {
        Ok(text) => parse_filter(&text),
        Err(_) => Err(Refusal::Filter(shorten(raw), "it is not UTF-8".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query(text.to_owned())
    }

    #[test]
    fn a_plus_is_a_wildcard_where_it_can_be_one() {
        for (raw, expected) in [
            ("devices/+/power", Some("devices/+/power")),
            ("devices/%2B/power", Some("devices/+/power")),
            ("devices%2F+%2Fpower", Some("devices/+/power")),
            ("+", Some("+")),
            ("+/+", Some("+/+")),
            ("my+room/x", Some("my room/x")),
            ("a%2B", None),
            ("devices/%23", Some("devices/#")),
            ("", None),
            ("%FF", None),
            ("%23a", None),
        ] {
            let filter = decode_filter(raw);
            assert_eq!(filter.as_ref().ok().map(Filter::as_str), expected, "{raw}: {filter:?}");
        }
    }

    #[test]
    fn parameters() {
        assert_eq!(query("").qos().unwrap(), Qos::AtMostOnce);
        assert_eq!(query("a=b&qos=2").qos().unwrap(), Qos::ExactlyOnce);
        for wrong in ["qos=3", "qos=-1", "qos=high", "qos=1.5", "qos=", "qos"] {
            assert!(query(wrong).qos().is_err(), "{wrong}");
        }
        assert_eq!(query("wait=1.5s").duration("wait").unwrap(), Some(Duration::from_millis(1_500)));
        assert_eq!(query("ttl=1").duration("wait").unwrap(), None);
        for wrong in ["wait=", "wait=soon", "wait=-1s"] {
            assert!(query(wrong).duration("wait").is_err(), "{wrong}");
        }
        for (text, expected) in [("x=true", Some(true)), ("x=false", Some(false)), ("y=true", None)] {
            assert_eq!(query(text).choice("x").unwrap(), expected, "{text}");
        }
        for (text, expected) in [("x=a+b", "a b"), ("x=a%2Bb", "a+b"), ("x=a%20b", "a b")] {
            assert_eq!(query(text).first("x").unwrap(), expected, "{text}");
        }
        assert!(query("x=yes").choice("x").is_err() && query("x").choice("x").is_err());
        assert_eq!(query("filter=a&filter=b/%23").filters().unwrap().len(), 2);
        assert!(query("").filters().is_err());
        assert!(query(&"filter=a&".repeat(EVENT_FILTERS_MAX + 1)).filters().is_err());
    }
}
