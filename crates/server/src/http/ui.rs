//! The page: the files that the build embedded, or a page that says how to build them.
//!
//! What is on the page belongs to `ui/`; the headers that keep it safe are in `gate`.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use percent_encoding::percent_decode_str;

use crate::http::problem::Problem;
use crate::refusal::shorten;

/// A file of the page.
struct Asset {
    bytes: Cow<'static, [u8]>,
    tag: String,
}

/// Any path but those of the API. Files are what they are; every other path is one of the page's own, which reads it.
pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = percent_decode_str(uri.path().trim_start_matches('/')).decode_utf8_lossy();
    if let Some(asset) = embedded::file(&path) {
        return answer(&path, asset, &headers);
    }
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        return Problem::not_found(format!("There is no file /{}.", shorten(&path))).into_response();
    }
    let entry = entry(&path);
    match embedded::file(entry) {
        Some(page) => answer(entry, page, &headers),
        None => Html(include_str!("ui/unbuilt.html")).into_response(),
    }
}

/// Which of the pages has this path.
fn entry(path: &str) -> &'static str {
    if path.split('/').next() == Some("docs") { "docs.html" } else { "index.html" }
}

fn answer(path: &str, asset: Asset, headers: &HeaderMap) -> Response {
    let caching = if is_named_by_content(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag = HeaderValue::from_str(&asset.tag).expect("quoted hexadecimal digits");
    let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| *known == tag);
    let common = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static(caching))];
    if is_known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, content_type(path))], asset.bytes).into_response()
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
            let response = answer(path, asset(), &HeaderMap::new());
            assert_eq!(response.headers()[header::CACHE_CONTROL], caching, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], content_type, "{path}");
            assert_eq!(response.headers()[header::ETAG], "\"1\"");
        }
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("\"1\""))]);
        assert_eq!(answer("index.html", asset(), &known).status(), StatusCode::NOT_MODIFIED);
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
        for (path, status) in [("/", 200), ("/device/lamp", 200), ("/assets/none.js", 404), ("/a/b.txt", 404)] {
            let response = serve(path.parse().unwrap(), HeaderMap::new()).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
        }
    }
}
