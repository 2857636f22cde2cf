//! Whether a client would rather have a bare text than JSON (RFC 9110 section 12.5.1).

use axum::http::{HeaderMap, header};

/// True if `text/plain` is liked better than `application/json`. Whoever likes both alike, or says nothing, gets JSON.
pub(crate) fn prefers_text(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<_> = accepted.flat_map(|value| value.split(',')).map(Range::parse).collect();
    quality(&ranges, "text", "plain") > quality(&ranges, "application", "json")
}

/// True if `application/json`, or what says so of problems, is liked better than a page.
pub(crate) fn prefers_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<_> = accepted.flat_map(|value| value.split(',')).map(Range::parse).collect();
    let json = quality(&ranges, "application", "json").max(quality(&ranges, "application", "problem+json"));
    json > quality(&ranges, "text", "html")
}

struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: f32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next().unwrap_or_default().split_once('/').unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Self { kind, subtype, quality: weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)) }
    }

    /// How exactly it names the type: 0 not at all.
    fn fit(&self, kind: &str, subtype: &str) -> u8 {
        match (self.kind, self.subtype) {
            ("*", "*") => 1,
            (have, "*") if have.eq_ignore_ascii_case(kind) => 2,
            (have, sub) if have.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => 3,
            _ => 0,
        }
    }
}

/// The most exact range decides.
fn quality(ranges: &[Range<'_>], kind: &str, subtype: &str) -> f32 {
    let fitting = ranges.iter().filter(|range| range.fit(kind, subtype) > 0);
    fitting.max_by_key(|range| range.fit(kind, subtype)).map_or(0.0, |range| range.quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_for_text_gets_it() {
        for (accept, expected) in [
            ("text/plain", true),
            ("TEXT/Plain; charset=utf-8", true),
            ("text/*", true),
            ("text/plain, */*;q=0.1", true),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/plain, */*", false),
            ("text/plain;q=0.5, application/json", false),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            ("", false),
            ("nonsense", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(prefers_text(&headers), expected, "{accept}");
        }
        assert!(!prefers_text(&HeaderMap::new()));
    }
}
