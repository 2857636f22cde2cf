//! Content codings: what a client takes a file in (RFC 9110 section 12.5.3).

use axum::http::{HeaderMap, header};

/// How the bytes of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
    /// As they are.
    Identity,
}

impl Coding {
    /// Those that make less of it, the best first.
    pub(crate) const COMPRESSED: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// As `Content-Encoding` calls it; nothing is said of a file as it is.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    /// What the build put behind the name of such a file.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Identity => "",
        }
    }
}

/// The codings that a client takes, the one that it likes best first; of those that it likes alike, the smallest.
pub(crate) fn by_preference(headers: &HeaderMap) -> Vec<Coding> {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<_> = accepted.flat_map(|value| value.split(',')).map(weighed).collect();
    let quality = |coding: Coding| {
        let find = |wanted: &str| accepted.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, q)| *q);
        match coding.name() {
            Some(name) => find(name).or_else(|| find("*")).unwrap_or(0.0),
            // Always taken, unless it says otherwise, but liked less than what is named.
            None => find("identity").or_else(|| find("*")).unwrap_or(f32::MIN_POSITIVE),
        }
    };
    let mut codings = vec![Coding::Brotli, Coding::Gzip, Coding::Identity];
    codings.retain(|coding| quality(*coding) > 0.0);
    // Stable: the order above decides where they are liked alike.
    codings.sort_by(|a, b| quality(*b).total_cmp(&quality(*a)));
    codings
}

fn weighed(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (name, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Identity};
    use super::*;

    #[test]
    fn what_is_liked_best() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", &[Brotli, Gzip, Identity][..]),
            ("gzip", &[Gzip, Identity]),
            ("GZIP;q=0.5", &[Gzip, Identity]),
            ("br;q=0.5, gzip", &[Gzip, Brotli, Identity]),
            ("br;q=0.5, gzip;q=0", &[Brotli, Identity]),
            ("gzip;q=0.5, identity", &[Identity, Gzip]),
            ("*", &[Brotli, Gzip, Identity]),
            ("*;q=0.1, gzip", &[Gzip, Brotli, Identity]),
            ("identity;q=0, br", &[Brotli]),
            ("*;q=0", &[]),
            ("", &[Identity]),
            ("deflate", &[Identity]),
            ("gzip;q=high", &[Identity]),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, accepted.parse().unwrap())]);
            assert_eq!(by_preference(&headers), expected, "{accepted}");
        }
        assert_eq!(by_preference(&HeaderMap::new()), [Identity]);
    }
}
