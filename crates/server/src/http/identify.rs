//! Who makes a request: what its headers, its address and its query say.
//!
//! Whatever is shown and wrong is refused, and never taken for a guest: a client with a wrong token wants to hear of it. What a
//! browser adds by itself, a cookie, counts only for requests of our own page.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;

use crate::accounts::{Login, LoginError, Via};
use crate::http::problem::Problem;
use crate::peer::Peer;
use crate::shard::Shard;

/// Of a browser that is signed in; over TLS it has a name that no other host and no page without TLS can set (RFC 6265bis
/// section 4.1.3.2).
pub(crate) const COOKIE: &str = "housewire";
pub(crate) const SECURE_COOKIE: &str = "__Host-housewire";

/// What a request shows of itself, before anybody reads its body.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
}

/// Why it is not known who makes a request.
pub(crate) enum Unidentified {
    /// He showed nothing, and is no guest; why not.
    Unknown(&'static str),
    /// He showed something that is wrong; the answer to it.
    Refused(Problem),
}

impl From<Problem> for Unidentified {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// Who makes this request.
pub(crate) async fn identify(shard: &Shard, peer: &Peer, shown: Shown<'_>) -> Result<Login, Unidentified> {
    let (accounts, address) = (&shard.accounts, peer.address().ip());
    if let Some(value) = shown.headers.get(header::AUTHORIZATION) {
        return Ok(authorize(shard, peer, value).await?);
    }
    if let Some(token) = query_token(shown.uri) {
        return Ok(accounts.by_token(&token, address, Via::Http).map_err(refusal)?);
    }
    if let Some(cookie) = cookie(peer, shown.headers)
        && let Some(login) = accounts.by_cookie(cookie, address)
    {
        must_be_our_page(shard, peer, shown)?;
        return Ok(login);
    }
    if peer.client_certificate().is_some() {
        let login = accounts.by_connection(peer, Via::Http).map_err(Problem::unauthorized)?;
        // A browser shows it for whatever page asks.
        must_be_our_page(shard, peer, shown)?;
        return Ok(login);
    }
    let guest = accounts.guests.admit_request(peer, shown.uri, shown.headers, accounts.has_admin());
    guest.map_err(Unidentified::Unknown)
}

/// RFC 6750 (Bearer) and RFC 7617 (Basic).
async fn authorize(shard: &Shard, peer: &Peer, value: &HeaderValue) -> Result<Login, Problem> {
    let (accounts, address) = (&shard.accounts, peer.address().ip());
    let (scheme, shown) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
    let shown = shown.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return accounts.by_token(shown, address, Via::Http).map_err(refusal);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        let text = "Authorization is understood as 'Bearer TOKEN', or 'Basic' with a user's name and password.";
        return Err(Problem::unauthorized(text));
    }
    let pair = BASE64_STANDARD.decode(shown).ok().and_then(|pair| String::from_utf8(pair).ok());
    let Some((name, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else {
        return Err(Problem::unauthorized("The header Authorization is not what RFC 7617 describes for Basic."));
    };
    // Programs that know nothing but names and passwords show a token as either.
    if let Some(login) = accounts.find_token(password, address) {
        return Ok(login);
    }
    if password.is_empty()
        && let Some(login) = accounts.find_token(name, address)
    {
        return Ok(login);
    }
    // Apart, as few requests come so and each would keep the room for it.
    let login = Box::pin(accounts.by_password_again(name, password.as_bytes().to_vec(), address));
    login.await.map_err(refusal)
}

/// `?token=`: for what can set no header.
fn query_token(uri: &Uri) -> Option<String> {
    let query = uri.query().filter(|query| query.contains("token="))?;
    let token = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    Some(percent_decode_str(token).decode_utf8_lossy().into_owned())
}

/// The browser's secret.
pub(crate) fn cookie<'h>(peer: &Peer, headers: &'h HeaderMap) -> Option<&'h str> {
    let wanted = if peer.is_secure() { SECURE_COOKIE } else { COOKIE };
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// No other site's page acts for whoever is signed in: not from its own origin, not under a name of its own, not by a
/// form. The cookie's `SameSite=Strict` says the same to browsers that heed it.
pub(crate) fn must_be_our_page(shard: &Shard, peer: &Peer, shown: Shown<'_>) -> Result<(), Problem> {
    let is_safe = matches!(*shown.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let site = shown.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let is_from_elsewhere = !is_safe && !matches!(site, None | Some(b"same-origin" | b"none"));
    if is_from_elsewhere || !shard.accounts.guests.is_from_our_page(peer, shown.uri, shown.headers) {
        let text = "This request came from another site's page, or asked for the hub under a name that is not its own. \
             Open the hub by its address, or add the name to 'names' in its config file.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_page", text));
    }
    Ok(())
}

/// What somebody hears who showed something wrong; the only place that says so over HTTP.
pub(crate) fn refusal(error: LoginError) -> Problem {
    let text = sentence(&error.to_string());
    match error {
        LoginError::Refused | LoginError::NoToken => Problem::unauthorized(&text),
        LoginError::Slowed(wait) => Problem::slowed(wait, &text),
        LoginError::Busy | LoginError::Machine => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| format!("{}{}.", first.to_uppercase(), chars.as_str())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_the_query() {
        for (uri, expected) in [
            ("/x?token=abc", Some("abc")),
            ("/x?a=b&token=a%2Db&c", Some("a-b")),
            ("/x?mytoken=abc", None),
            ("/x?token", None),
            ("/x", None),
        ] {
            assert_eq!(query_token(&uri.parse().unwrap()).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn our_cookie_is_found_among_others() {
        let peer = Peer::direct(([192, 0, 2, 7], 9).into());
        for (cookies, expected) in [
            (vec!["housewire=abc"], Some("abc")),
            (vec!["a=b; housewire=abc; c=d"], Some("abc")),
            (vec!["a=b", "housewire=abc"], Some("abc")),
            (vec!["xhousewire=abc; housewire2=x"], None),
            (vec!["__Host-housewire=abc"], None),
        ] {
            let headers = cookies.iter().map(|cookie| (header::COOKIE, cookie.parse().unwrap())).collect();
            assert_eq!(cookie(&peer, &headers), expected, "{cookies:?}");
        }
    }
}
