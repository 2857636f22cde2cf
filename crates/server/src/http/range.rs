//! Parts of an answer (RFC 9110 section 14): one range of bytes. Who asks for several at once gets the whole, as nobody has to
//! be given less than he asked for.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::http::problem::Problem;

/// What a `Range` header means for a body of so many bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// From the first of these up to, not including, the second.
    Bytes(u64, u64),
    /// Nothing of it is there.
    Outside,
}

/// Answers GET with the part that was asked for; `tag` is that of the whole.
pub(crate) fn answer(method: &Method, headers: &HeaderMap, body: Bytes, tag: &HeaderValue) -> Response {
    let length = body.len() as u64;
    match asked(method, headers, length, tag) {
        Part::Whole => body.into_response(),
        Part::Bytes(start, end) => {
            let place = format!("bytes {start}-{}/{length}", end - 1);
            let place = HeaderValue::from_str(&place).expect("ASCII");
            // Both are within the body.
            let part = body.slice(start as usize..end as usize);
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, place)], part).into_response()
        }
        Part::Outside => outside(length),
    }
}

/// The part of a body of so many bytes that is asked for; `tag` is that of the whole.
pub(crate) fn asked(method: &Method, headers: &HeaderMap, length: u64, tag: &HeaderValue) -> Part {
    match headers.get(header::RANGE).and_then(|range| range.to_str().ok()) {
        Some(range) if *method == Method::GET && holds(headers, tag) => parse(range, length),
        _ => Part::Whole,
    }
}

/// The answer to who asks for what is not there.
pub(crate) fn outside(length: u64) -> Response {
    let detail = format!("Range asks for bytes that are not there: there are {length}.");
    let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", detail);
    let place = HeaderValue::from_str(&format!("bytes */{length}")).expect("ASCII");
    ([(header::CONTENT_RANGE, place)], problem).into_response()
}

/// Whether the part still belongs to what the client has of the rest (`If-Range`, section 13.1.5): told by its tag
/// alone, as there may be several states in a second.
fn holds(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|known| known == tag)
}

fn parse(range: &str, length: u64) -> Part {
    let Some((unit, set)) = range.split_once('=') else { return Part::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Part::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return Part::Whole };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // What is too large for a number is behind every end.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Part::Whole,
        (Some(first), last) if last.is_some() || set.trim().ends_with('-') => {
            if first >= length {
                return Part::Outside;
            }
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            Part::Bytes(first, end)
        }
        (None, Some(suffix)) if first.is_empty() => {
            if suffix == 0 || length == 0 {
                return Part::Outside;
            }
            Part::Bytes(length - suffix.min(length), length)
        }
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_part_is_meant() {
        for (range, expected) in [
            ("bytes=0-3", Part::Bytes(0, 4)),
            ("bytes=0-0", Part::Bytes(0, 1)),
            ("Bytes = 2-", Part::Bytes(2, 10)),
            ("bytes=8-99", Part::Bytes(8, 10)),
            ("bytes=9-9", Part::Bytes(9, 10)),
            ("bytes=-3", Part::Bytes(7, 10)),
            ("bytes=-99", Part::Bytes(0, 10)),
            ("bytes=3-99999999999999999999999", Part::Bytes(3, 10)),
            ("bytes=10-", Part::Outside),
            ("bytes=99999999999999999999999-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=3-2", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=1-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes 1-2", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(parse(range, 10), expected, "{range}");
        }
        assert_eq!(parse("bytes=0-", 0), Part::Outside);
        assert_eq!(parse("bytes=-1", 0), Part::Outside);
    }

    #[test]
    fn a_part_belongs_to_one_state() {
        let tag = HeaderValue::from_static("\"a\"");
        let seen = |method: Method, more: &[(header::HeaderName, &str)]| {
            let mut headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=1-2"))]);
            headers.extend(more.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())));
            answer(&method, &headers, Bytes::from_static(b"abcd"), &tag).status().as_u16()
        };
        assert_eq!(seen(Method::GET, &[]), 206);
        assert_eq!(seen(Method::GET, &[(header::IF_RANGE, "\"a\"")]), 206);
        assert_eq!(seen(Method::GET, &[(header::IF_RANGE, "Sun, 22 Nov 2026 09:00:00 GMT")]), 200);
        assert_eq!(seen(Method::GET, &[(header::IF_RANGE, "\"b\"")]), 200);
        assert_eq!(seen(Method::GET, &[(header::IF_RANGE, "W/\"a\"")]), 200);
        assert_eq!(seen(Method::HEAD, &[]), 200);
    }
}
