//! Lists: whole, piece by piece, or a page at a time (`?limit=&after=`), always an array in the order of its keys.
//!
//! Where an answer ends before the list does, a `Link` with `rel="next"` (RFC 8288) leads on. What the entries are belongs to
//! their routes, each of which is a [`Source`].

use std::convert::Infallible;
use std::hash::Hasher as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustc_hash::FxHasher;

use crate::aside::aside;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::tag;
use crate::limits::{PAGE_BYTES_MAX, PAGE_ITEMS_MAX};

/// What a request says of the part that it wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Entries at the most; `None`: all there are.
    pub(crate) limit: Option<usize>,
    /// The key behind which to begin.
    pub(crate) after: Option<String>,
}

impl Page {
    pub(crate) fn of(query: &Query) -> Result<Self, Problem> {
        let wrong = || Problem::bad_request(format!("?limit= must be a number from 1 to {PAGE_ITEMS_MAX}."));
        let limit = query.first("limit").map(|text| text.parse().map_err(|_| wrong())).transpose()?;
        match limit {
            Some(0) => Err(wrong()),
            Some(more) if more > PAGE_ITEMS_MAX => Err(wrong()),
            limit => Ok(Self { limit, after: query.first("after") }),
        }
    }
}

/// Something that has entries in order.
pub(crate) trait Source: Send + 'static {
    /// Adds some of the next entries, as much as may be done at once; whether there may be more. Called on a thread beside
    /// the shard.
    fn add_some(&mut self, items: &mut Items) -> bool;
}

/// Entries as JSON, on their way into an answer.
#[derive(Debug, Default)]
pub(crate) struct Items {
    bytes: Vec<u8>,
    count: usize,
    limit: Option<usize>,
    /// Of the last entry.
    last: String,
    /// There was one more than there may be.
    is_cut: bool,
}

impl Items {
    fn new(limit: Option<usize>) -> Self {
        Self { limit, bytes: b"[".to_vec(), ..Self::default() }
    }

    /// Adds the entry of this key; whether there is room for more.
    pub(crate) fn push(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.limit.is_some_and(|limit| self.count >= limit || (self.count > 0 && self.bytes.len() > PAGE_BYTES_MAX))
        {
            self.is_cut = true;
            return false;
        }
        if self.count > 0 {
            self.bytes.push(b',');
        }
        self.count += 1;
        write(&mut self.bytes);
        if self.limit.is_some() {
            key.clone_into(&mut self.last);
        }
        true
    }

    fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes).into()
    }
}

/// The whole list, as it is being written.
fn stream_whole(source: impl Source) -> Response {
    let pieces = stream::unfold(Some((source, Items::new(None))), |state| async move {
        let (mut source, mut items) = state?;
        let (piece, rest) = aside(move || {
            if source.add_some(&mut items) {
                return (items.take(), Some((source, items)));
            }
            items.bytes.push(b']');
            (items.take(), None)
        })
        .await;
        Some((Ok::<_, Infallible>(piece), rest))
    });
    ([(header::CONTENT_TYPE, JSON)], Body::from_stream(pieces)).into_response()
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A page that was made whole.
pub(crate) struct Made {
    body: Bytes,
    tag: String,
    /// The key to go on behind, if there is more.
    next: Option<String>,
}

impl Made {
    /// Gathers a page, piece by piece aside.
    pub(crate) async fn gather(source: impl Source, limit: usize) -> Self {
        let mut state = (source, Items::new(Some(limit)));
        loop {
            let (is_over, rest) = aside(move || {
                let (mut source, mut items) = state;
                let is_over = !source.add_some(&mut items) || items.is_cut;
                (is_over, (source, items))
            })
            .await;
            state = rest;
            if is_over {
                break;
            }
        }
        let (_, mut items) = state;
        items.bytes.push(b']');
        let (body, next) = (items.take(), items.is_cut.then_some(items.last));
        let (tag, body) = aside(move || {
            let mut hasher = FxHasher::default();
            hasher.write(&body);
            (tag::quoted(hasher.finish()), body)
        })
        .await;
        Self { body, tag, next }
    }

    /// Whether the client has exactly this.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        tag::is_known(headers, &self.tag)
    }

    /// The answer; 304 if the client has it.
    pub(crate) fn into_answer(self, uri: &Uri, page: &Page, headers: &HeaderMap) -> Response {
        let status = if self.is_known(headers) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let common = [
            (header::ETAG, HeaderValue::from_str(&self.tag).expect("quoted hexadecimal digits")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        let mut answer = match status {
            StatusCode::NOT_MODIFIED => (status, common).into_response(),
            _ => (common, [(header::CONTENT_TYPE, JSON)], self.body).into_response(),
        };
        if let Some(next) = &self.next {
            answer.headers_mut().insert(header::LINK, link_to(uri, page.limit.unwrap_or_default(), next));
        }
        answer
    }
}

/// Answers with the part of a list that was asked for.
pub(crate) async fn answer(source: impl Source, uri: &Uri, page: &Page, headers: &HeaderMap) -> Response {
    match page.limit {
        None => stream_whole(source),
        Some(limit) => Made::gather(source, limit).await.into_answer(uri, page, headers),
    }
}

/// In a query everything else has a meaning, or might have.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Where the list goes on: the same question, behind that key. A token that was in it is left out.
fn link_to(uri: &Uri, limit: usize, next: &str) -> HeaderValue {
    let others = uri.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !matches!(name, "" | "limit" | "after" | "token" | "wait")
    });
    let mut target = format!("<{}?", uri.path());
    for other in others {
        target.push_str(other);
        target.push('&');
    }
    target.push_str(&format!("limit={limit}&after={}>; rel=\"next\"", utf8_percent_encode(next, KEY)));
    HeaderValue::from_str(&target).expect("made of a request's target and ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers, three at once.
    struct Numbers(std::ops::Range<usize>);

    impl Source for Numbers {
        fn add_some(&mut self, items: &mut Items) -> bool {
            for number in self.0.by_ref().take(3) {
                let text = number.to_string();
                if !items.push(&text, |out| out.extend_from_slice(text.as_bytes())) {
                    return false;
                }
            }
            !self.0.is_empty()
        }
    }

    async fn shown(query: &str, numbers: std::ops::Range<usize>) -> (String, Option<String>) {
        let uri: Uri = format!("/api/x?{query}").parse().unwrap();
        let page = Page::of(&Query::of(&uri)).unwrap();
        let answer = answer(Numbers(numbers), &uri, &page, &HeaderMap::new()).await;
        let link = answer.headers().get(header::LINK).map(|link| link.to_str().unwrap().to_owned());
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (String::from_utf8(body.to_vec()).unwrap(), link)
    }

    #[tokio::test]
    async fn whole_lists_and_pages() {
        assert_eq!(shown("", 0..0).await, ("[]".into(), None));
        assert_eq!(shown("", 0..7).await, ("[0,1,2,3,4,5,6]".into(), None));
        assert_eq!(shown("limit=3", 0..0).await, ("[]".into(), None));
        let link = |text: &str| Some(format!("</api/x?{text}>; rel=\"next\""));
        for limit in 1..7 {
            let expected = (0..limit).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
            let leads_on = link(&format!("limit={limit}&after={}", limit - 1));
            assert_eq!(shown(&format!("limit={limit}"), 0..7).await, (format!("[{expected}]"), leads_on), "{limit}");
        }
        assert_eq!(shown("limit=7", 0..7).await.1, None);
        assert_eq!(shown("limit=100", 0..7).await.1, None);
        let (_, leads_on) = shown("a=b%20c&token=secret&after=x&limit=2&filter=d/%23", 0..7).await;
        assert_eq!(leads_on, link("a=b%20c&filter=d/%23&limit=2&after=1"));
    }

    #[test]
    fn keys_of_every_kind_come_back() {
        let key = "a b/ü&=#?%+\"<>";
        let link = link_to(&"/api/x".parse().unwrap(), 1, key);
        let target = link.to_str().unwrap().split(['<', '>']).nth(1).unwrap().to_owned();
        let page = Page::of(&Query::of(&target.parse().unwrap())).unwrap();
        assert_eq!(page, Page { limit: Some(1), after: Some(key.into()) });
    }

    #[test]
    fn limits_that_make_no_sense() {
        for wrong in ["limit=0", "limit=-1", "limit=", "limit=ten", "limit=1.5", "limit=10001"] {
            assert!(Page::of(&Query::of(&format!("/?{wrong}").parse().unwrap())).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_page_that_has_not_changed_is_not_sent_again() {
        let tag = Made::gather(Numbers(0..5), 3).await.tag;
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.parse().unwrap())]);
        let uri = "/api/x?limit=3".parse().unwrap();
        let page = Page { limit: Some(3), after: None };
        assert_eq!(answer(Numbers(0..5), &uri, &page, &known).await.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer(Numbers(1..5), &uri, &page, &known).await.status(), StatusCode::OK);
    }
}
