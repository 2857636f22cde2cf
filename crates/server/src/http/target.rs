//! What a request asks, and whom: every way of writing it becomes the usual one, a path and one Host header, before anybody
//! decides anything by it (RFC 9112 section 3.2, RFC 9113 section 8.3.1).

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri, Version, header};

use crate::http::problem::Problem;
use crate::refusal::shorten;

/// Rewrites the target. Of `GET http://hub/path` the name counts and a Host header does not; HTTP/2 says in `:authority`
/// what HTTP/1.1 says in Host.
pub(crate) fn settle(request: &mut Request<Body>) -> Result<(), Problem> {
    if !names_its_host(request) {
        return Err(Problem::bad_request("A request of HTTP/1.1 needs exactly one Host header."));
    }
    // How nearly every request comes.
    if request.uri().authority().is_none() && request.version() != Version::HTTP_2 && request.uri().path() != "*" {
        return if *request.method() == Method::CONNECT { Err(no_proxy()) } else { Ok(()) };
    }
    if *request.method() == Method::CONNECT {
        return Err(no_proxy());
    }
    if request.uri().path() == "*" && *request.method() != Method::OPTIONS {
        return Err(Problem::bad_request("The target * goes with OPTIONS only; ask for a path."));
    }
    if let Some(authority) = request.uri().authority() {
        let authority = authority.as_str();
        if authority.contains('@') {
            let detail = "The target names a user before the host. Send who you are in a header (Authorization).";
            return Err(Problem::bad_request(detail));
        }
        let name = HeaderValue::from_str(authority).expect("what names a host is a header value");
        if request.version() == Version::HTTP_2 && differs(request, authority) {
            let detail = format!("Host does not say what :authority says ({}). Leave Host out.", shorten(authority));
            return Err(Problem::bad_request(detail));
        }
        request.headers_mut().insert(header::HOST, name);
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    } else if request.version() == Version::HTTP_2 && !request.headers().contains_key(header::HOST) {
        return Err(Problem::bad_request("A request of HTTP/2 needs :authority."));
    }
    Ok(())
}

/// RFC 9112 section 3.2; two names would let a page pass under the better one.
fn names_its_host(request: &Request<Body>) -> bool {
    let names = request.headers().get_all(header::HOST).iter().count();
    names == 1 || (names == 0 && request.version() != Version::HTTP_11)
}

/// Whether a Host header says something else.
fn differs(request: &Request<Body>, authority: &str) -> bool {
    request
        .headers()
        .get_all(header::HOST)
        .iter()
        .any(|host| !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()))
}

fn no_proxy() -> Problem {
    let detail = "This is no proxy: it opens no connections to others. Ask for a path of the hub's own.";
    Problem::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, method: &str, target: &str, hosts: &[&str], expected: Option<(&str, &[&str])>) {
        let mut request = Request::builder().version(version).method(method).uri(target).body(Body::empty()).unwrap();
        for host in hosts {
            request.headers_mut().append(header::HOST, host.parse().unwrap());
        }
        let settled = settle(&mut request);
        let names: Vec<_> = request.headers().get_all(header::HOST).iter().map(|name| name.to_str().unwrap()).collect();
        let seen = settled.is_ok().then(|| (request.uri().to_string(), names));
        let expected = expected.map(|(target, names)| (target.to_owned(), names.to_vec()));
        assert_eq!(seen, expected, "{version:?} {method} {target} {hosts:?}");
    }

    #[test]
    fn every_form_becomes_the_usual_one() {
        let old = Version::HTTP_11;
        check(old, "GET", "/a?b", &["hub"], Some(("/a?b", &["hub"])));
        check(old, "GET", "/a", &["hub", "evil"], None);
        check(old, "GET", "/a", &[], None);
        check(Version::HTTP_10, "GET", "/a", &[], Some(("/a", &[])));
        check(old, "GET", "http://hub:8080/a?b", &["evil"], Some(("/a?b", &["hub:8080"])));
        check(old, "GET", "http://hub", &["hub"], Some(("/", &["hub"])));
        check(old, "GET", "http://me:pw@hub/a", &["hub"], None);
        check(old, "OPTIONS", "*", &["hub"], Some(("*", &["hub"])));
        check(old, "GET", "*", &["hub"], None);
        check(old, "CONNECT", "other:443", &["other:443"], None);
        let new = Version::HTTP_2;
        check(new, "GET", "https://hub:8080/a?b", &[], Some(("/a?b", &["hub:8080"])));
        check(new, "GET", "https://hub/a", &["HUB"], Some(("/a", &["hub"])));
        check(new, "GET", "https://hub/a", &["evil"], None);
        check(new, "GET", "/a", &["hub"], Some(("/a", &["hub"])));
        check(new, "GET", "/a", &[], None);
        check(new, "GET", "https://me@hub/a", &[], None);
    }
}
