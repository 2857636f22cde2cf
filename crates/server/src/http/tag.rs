//! Entity tags: what tells one state of a thing from another (RFC 9110 section 8.8.3).

use axum::http::{HeaderMap, StatusCode, header};

use crate::http::problem::Problem;

/// A tag made of a number.
pub(crate) fn quoted(number: u64) -> String {
    format!("\"{number:016x}\"")
}

/// Whether the client has this state already (RFC 9110 section 13.1.2).
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Which version a change was made of, by `If-Match`; `None` for `*`, whatever it is. It must be said, and be one version.
pub(crate) fn named_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut tags = headers.get_all(header::IF_MATCH).iter().map(|tag| tag.to_str().unwrap_or_default().trim());
    match (tags.next(), tags.next()) {
        (None, _) => {
            let text = "A change names the version that it was made of: send the header If-Match with the ETag that came with it, or * \
                        for whatever it is by now.";
            Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "if_match_needed", text))
        }
        (Some("*"), None) => Ok(None),
        (Some(tag), None) => {
            // Proxies that compress answers weaken their tags, which takes nothing from a number.
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            let number = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.parse().ok());
            number
                .map(Some)
                .ok_or_else(|| Problem::bad_request("If-Match is no ETag of this hub, which is \"7\" for version 7."))
        }
        _ => Err(Problem::bad_request("If-Match names one version.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_are_named() {
        for (sent, expected) in [
            (vec!["\"7\""], Ok(Some(7))),
            (vec!["W/\"7\""], Ok(Some(7))),
            (vec!["*"], Ok(None)),
            (vec![], Err(428)),
            (vec!["7"], Err(400)),
            (vec!["\"x\""], Err(400)),
            (vec!["\"7\", \"8\""], Err(400)),
            (vec!["\"7\"", "\"8\""], Err(400)),
        ] {
            let headers = sent.iter().map(|tag| (header::IF_MATCH, tag.parse().unwrap())).collect();
            assert_eq!(named_version(&headers).map_err(|problem| problem.status().as_u16()), expected, "{sent:?}");
        }
    }

    #[test]
    fn tags_that_are_known() {
        for (sent, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, sent.parse().unwrap())]);
            assert_eq!(is_known(&headers, "\"a\""), expected, "{sent}");
        }
        assert!(!is_known(&HeaderMap::new(), "\"a\""));
    }
}
