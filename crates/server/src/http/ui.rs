//! The page: the files that the build embedded, or a page that says how to build them.
//!
//! What is on the page belongs to `ui/`; the headers that keep it safe are in `gate`.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use housewire_protocols::annotate::http::without_secrets;
use percent_encoding::percent_decode_str;

use crate::http::coding::{self, Coding};
use crate::http::problem::Problem;
use crate::http::{range, tag};
use crate::refusal::shorten;

/// A file of the page, in one coding.
struct Asset {
    bytes: Cow<'static, [u8]>,
    tag: String,
}

/// Any path but those of the API. Files are what they are; every other path is one of the page's own, which reads it.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = percent_decode_str(uri.path().trim_start_matches('/')).decode_utf8_lossy();
    if is_file(&path) {
        return answer(&path, &method, &headers);
    }
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        return Problem::not_found(format!("There is no file /{}.", shorten(&without_secrets(&path)))).into_response();
    }
    let entry = entry(&path);
    if is_file(entry) {
        return answer(entry, &method, &headers);
    }
    Html(include_str!("ui/unbuilt.html")).into_response()
}

/// Which of the pages has this path.
fn entry(path: &str) -> &'static str {
    if path.split('/').next() == Some("docs") { "docs.html" } else { "index.html" }
}

/// What the build put beside a file in another coding is that file, and not one of its own.
fn is_file(path: &str) -> bool {
    let is_coded = Coding::COMPRESSED.iter().any(|coding| path.ends_with(coding.suffix()));
    !is_coded && embedded::file(path).is_some()
}

/// Answers with a file that is there, in the coding that the client likes best.
fn answer(path: &str, method: &Method, headers: &HeaderMap) -> Response {
    let in_coding = |coding: Coding| embedded::file(&format!("{path}{}", coding.suffix()));
    let liked = coding::by_preference(headers).into_iter();
    let found = liked.filter_map(|coding| Some((coding, in_coding(coding)?))).next();
    // Whoever takes none of them gets the file as it is, rather than nothing (RFC 9110 section 12.5.3).
    let (coding, asset) =
        found.unwrap_or_else(|| (Coding::Identity, in_coding(Coding::Identity).expect("it is there")));
    let varies = Coding::COMPRESSED.iter().any(|coding| in_coding(*coding).is_some());
    show(path, coding, asset, varies, method, headers)
}

fn show(path: &str, coding: Coding, asset: Asset, varies: bool, method: &Method, headers: &HeaderMap) -> Response {
    let caching = if is_named_by_content(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag = HeaderValue::from_str(&asset.tag).expect("quoted hexadecimal digits");
    let mut response = if tag::is_known(headers, &asset.tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = match asset.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let mut response = range::answer(method, headers, bytes, &tag);
        if !response.status().is_client_error() {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
            if let Some(name) = coding.name() {
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
            }
        }
        response
    };
    let said = response.headers_mut();
    said.insert(header::ETAG, tag);
    said.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    said.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if varies {
        said.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

/// The build puts a hash of the content into these files' names, so they never change.
fn is_named_by_content(path: &str) -> bool {
    path.starts_with("assets/")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(ui)]
mod embedded {
    use super::Asset;

    #[derive(rust_embed::RustEmbed)]
    #[folder = "../../ui/dist/"]
    struct Dist;

    pub(super) fn file(path: &str) -> Option<Asset> {
        let file = <Dist as rust_embed::RustEmbed>::get(path)?;
        let hash = file.metadata.sha256_hash();
        let tag = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Some(Asset { bytes: file.data, tag: format!("\"{tag}\"") })
    }
}

/// Built without the page.
#[cfg(not(ui))]
mod embedded {
    use super::Asset;

    pub(super) fn file(_path: &str) -> Option<Asset> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset() -> Asset {
        Asset { bytes: Cow::Borrowed(b"x"), tag: "\"1\"".into() }
    }

    #[test]
    fn files_are_cached_as_long_as_they_cannot_change() {
        for (path, caching, content_type) in [
            ("index.html", "no-cache", "text/html; charset=utf-8"),
            ("assets/index-B2x9.js", "public, max-age=31536000, immutable", "text/javascript; charset=utf-8"),
            ("favicon.svg", "no-cache", "image/svg+xml"),
        ] {
            let response = show(path, Coding::Brotli, asset(), true, &Method::GET, &HeaderMap::new());
            let header = |name: header::HeaderName| response.headers()[name].to_str().unwrap();
            assert_eq!(header(header::CACHE_CONTROL), caching, "{path}");
            assert_eq!(header(header::CONTENT_TYPE), content_type, "{path}");
            assert_eq!(header(header::ETAG), "\"1\"");
            assert_eq!((header(header::CONTENT_ENCODING), header(header::VARY)), ("br", "accept-encoding"));
        }
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("\"1\""))]);
        let response = show("index.html", Coding::Gzip, asset(), true, &Method::GET, &known);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert!(response.headers().get(header::CONTENT_ENCODING).is_none());
        assert_eq!(response.headers()[header::VARY], "accept-encoding");
    }

    #[test]
    fn a_part_of_a_file() {
        let part = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=0-0"))]);
        let asset = Asset { bytes: Cow::Borrowed(b"xyz"), tag: "\"1\"".into() };
        let response = show("favicon.svg", Coding::Identity, asset, false, &Method::GET, &part);
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 0-0/3");
        assert!(response.headers().get(header::VARY).is_none());
    }

    #[test]
    fn each_page_has_its_paths() {
        for (path, expected) in [
            ("", "index.html"),
            ("docs", "docs.html"),
            ("docs/getDevice", "docs.html"),
            ("docsearch", "index.html"),
            ("devices/docs", "index.html"),
        ] {
            assert_eq!(entry(path), expected, "{path}");
        }
    }

    #[tokio::test]
    async fn paths_of_the_page_and_files_that_are_not_there() {
        for (path, status) in [
            ("/", 200),
            ("/device/lamp", 200),
            ("/assets/none.js", 404),
            ("/a/b.txt", 404),
            ("/index.html.br", 404),
            ("/../Cargo.toml", 404),
            ("/%2e%2e/%2e%2e/etc/passwd.txt", 404),
        ] {
            let response = serve(Method::GET, path.parse().unwrap(), HeaderMap::new()).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
        }
    }
}
