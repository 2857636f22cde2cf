//! TLS as HTTP tells of it: what the hub shows, the local CA for whoever is to trust it, certificates for devices, and the way to https
//! for those who have to take it.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::Expiry;
use crate::aside::aside;
use crate::caller::Caller;
use crate::config::{ClientAuth, TlsMode};
use crate::http::body::Upload;
use crate::http::describe::{BodyAnswers, Conflict, Forbidden, NoRoom, Unusable};
use crate::http::gate::is_api;
use crate::http::path::DevicePath;
use crate::http::problem::Problem;
use crate::http::tokens::must_hand_out;
use crate::limits::CSR_BYTES_MAX;
use crate::peer::Peer;
use crate::shard::{Shard, now};
use crate::tls::{self, DeviceCertificate, Facts, Tls, TlsError};
use crate::view::account::TokenJson;

/// What makes browsers and phones offer to trust it, in PEM and DER alike.
const AUTHORITY_TYPE: &str = "application/x-x509-ca-cert";
/// What makes iOS and macOS offer to install it.
const PROFILE_TYPE: &str = "application/x-apple-aspen-config";

/// What is answered whoever asks, before it is known who that is: the local CA's certificate, which a client needs before it can trust the
/// hub, and that only https is served.
pub(crate) fn answer_anybody(shard: &Shard, peer: &Peer, request: &Request<Body>) -> Option<Response> {
    let path = request.uri().path();
    if let Some(tls) = &shard.tls
        && matches!(*request.method(), Method::GET | Method::HEAD)
        && let Some(answer) = authority(tls, path)
    {
        return Some(answer);
    }
    tls::must_be_secure(shard.config.tls.mode, peer).then(|| show_the_way(request))
}

fn authority(tls: &Tls, path: &str) -> Option<Response> {
    let (content_type, body) = match path {
        "/ca.crt" => (AUTHORITY_TYPE, tls.authority_pem().into_bytes()),
        "/ca.der" => (AUTHORITY_TYPE, tls.authority_der()),
        "/ca.mobileconfig" => (PROFILE_TYPE, profile(tls.authority(), &tls.authority_der()).into_bytes()),
        _ => return None,
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")];
    Some((headers, body).into_response())
}

/// A configuration profile of Apple's with one certificate.
fn profile(facts: &Facts, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let uuid = |first: u8| {
        let mut digits: String = facts.fingerprint.0[..16].iter().map(|byte| format!("{byte:02X}")).collect();
        digits.replace_range(..2, &format!("{first:02X}"));
        for at in [8, 13, 18, 23] {
            digits.insert(at, '-');
        }
        digits
    };
    let name = facts.subject.replace('&', "&amp;").replace('<', "&lt;");
    include_str!("tls/profile.xml")
        .replace("{name}", &name)
        .replace("{certificate}", &body)
        .replace("{inner}", &uuid(1))
        .replace("{outer}", &uuid(2))
}

/// A page is sent to where it is served; a program hears what to do.
fn show_the_way(request: &Request<Body>) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let base = host.and_then(tls::https_base);
    let uri = request.uri();
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD) && !is_api(uri.path());
    if let Some(base) = base.as_deref().filter(|_| is_page) {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if let Ok(place) = HeaderValue::from_str(&format!("{base}{path}")) {
            // Not for ever: the configuration may change.
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response();
        }
    }
    const OFFER: [(HeaderName, &str); 2] =
        [(header::UPGRADE, "TLS/1.2, HTTP/1.1"), (header::CONNECTION, "upgrade, close")];
    let base = base.as_deref().unwrap_or("https://…");
    let detail = format!(
        "This hub answers other machines over TLS only (tls.mode = \"only\"): use {base}, and trust the CA from /ca.crt. \
         What was sent with this request was readable on its way; change a password or token that was in it."
    );
    (OFFER, Problem::new(StatusCode::UPGRADE_REQUIRED, "tls_required", detail)).into_response()
}

/// What `GET /api/tls` tells.
#[derive(Serialize, ToSchema)]
#[schema(as = Tls)]
pub(crate) struct TlsView {
    mode: &'static str,
    client_auth: &'static str,
    certificate: Option<CertificateView>,
    ca: Option<AuthorityView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TlsCertificate)]
struct CertificateView {
    issued_by: &'static str,
    #[serde(flatten)]
    facts: FactsView,
    names: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TlsAuthority)]
struct AuthorityView {
    #[serde(flatten)]
    facts: FactsView,
    url: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CertificateFacts)]
struct FactsView {
    subject: String,
    issuer: String,
    not_before: String,
    not_after: String,
    fingerprint: String,
}

impl FactsView {
    fn new(facts: &Facts) -> Self {
        Self {
            subject: facts.subject.clone(),
            issuer: facts.issuer.clone(),
            not_before: facts.not_before.to_string(),
            not_after: facts.not_after.to_string(),
            fingerprint: facts.fingerprint.to_string(),
        }
    }
}

/// `GET /api/tls`: which certificate the hub shows, and the CA behind it. All of that every client sees in a handshake.
#[utoipa::path(
    get, path = "/api/tls", operation_id = "getTls", tag = "Hub",
    summary = "Shows which certificate the hub has, and the CA behind it",
    description = "For anybody: all of it is seen in every handshake. The CA itself is at `/ca.crt` (PEM), `/ca.der` and `/ca.mobileconfig`.",
    responses((status = 200, description = "The certificates.", body = TlsView)),
    security(()),
)]
pub(crate) async fn show(caller: Caller) -> Json<TlsView> {
    let config = &caller.shard.config.tls;
    let tls = caller.shard.tls.as_deref();
    let certificate = tls.map(|tls| {
        let shown = tls.shown();
        let names = shown.facts.names.iter().map(ToString::to_string).collect();
        CertificateView { issued_by: shown.origin.name(), facts: FactsView::new(&shown.facts), names }
    });
    let ca = tls.map(|tls| AuthorityView { facts: FactsView::new(tls.authority()), url: "/ca.crt" });
    let mode = match config.mode {
        TlsMode::Off => "off",
        TlsMode::On => "on",
        TlsMode::Only => "only",
    };
    let client_auth = match config.client_auth {
        ClientAuth::Off => "off",
        ClientAuth::Optional => "optional",
        ClientAuth::Required => "required",
    };
    Json(TlsView { mode, client_auth, certificate, ca })
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CertificateRequest)]
struct Wish {
    csr: Option<String>,
}

/// What `POST /api/devices/{id}/certificate` answers.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedCertificate)]
pub(crate) struct Issued {
    certificate: String,
    key: Option<String>,
    ca: String,
    #[serde(flatten)]
    entry: TokenJson,
}

/// `POST /api/devices/{id}/certificate`: with a request (`{"csr": "PEM"}`) for the key in that, without one for a new key, which is told
/// once and kept nowhere.
#[utoipa::path(
    post, path = "/api/devices/{id}/certificate", operation_id = "createDeviceCertificate", tag = "Tokens",
    summary = "Issues a client certificate for a device",
    description = "For administrators, and people who may do all that the device may. With a certificate signing request for the key in that; without \
                   one for a new key, which is in this answer and nowhere else.",
    params(DevicePath),
    request_body(content = Option<Wish>, description = "A request, or no body."),
    responses(
        (status = 201, description = "The certificate.", body = Issued),
        BodyAnswers, Forbidden, Conflict, Unusable, NoRoom,
    ),
)]
pub(crate) async fn issue(caller: Caller, DevicePath(device): DevicePath, upload: Upload) -> Result<Response, Problem> {
    must_hand_out(&caller, &device)?;
    let Some(tls) = caller.shard.tls.clone() else {
        let detail = "There is no TLS (tls.mode = \"off\"), so a certificate would be of no use. Turn it on first.";
        return Err(Problem::new(StatusCode::CONFLICT, "tls_off", detail));
    };
    let request = wish(&upload)?.csr;
    let (made, ca) = aside(move || {
        let made = tls.issue_device(&device, request.as_deref(), now().wall).map(|made| (made, device));
        (made, tls.authority_pem())
    })
    .await;
    let (DeviceCertificate { pem, key_pem, facts, .. }, device) = made.map_err(problem)?;
    let by = caller.change();
    let registered = caller.accounts(move |accounts| {
        let (label, expires) = ("certificate".to_owned(), Expiry(Some(facts.not_after)));
        accounts.register_certificate(facts.fingerprint.0, device, label, expires, &by)
    });
    let entry = TokenJson::new(&*registered.await?);
    let issued = Issued { certificate: pem, key: key_pem, ca, entry };
    Ok((StatusCode::CREATED, Json(issued)).into_response())
}

fn wish(upload: &Upload) -> Result<Wish, Problem> {
    if upload.bytes.is_empty() {
        return Ok(Wish::default());
    }
    if upload.bytes.len() > CSR_BYTES_MAX {
        let detail =
            format!("The body is larger than {CSR_BYTES_MAX} bytes, which no certificate signing request needs.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail));
    }
    serde_json::from_slice(&upload.bytes).map_err(|error| {
        Problem::bad_request(format!(
            "Expected no body or {{\"csr\": \"-----BEGIN CERTIFICATE REQUEST-----…\"}}: {error}."
        ))
    })
}

fn problem(error: TlsError) -> Problem {
    match error {
        TlsError::Request(why) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_csr", why),
        other => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("{other}. Try again; report it if it stays."),
        ),
    }
}

#[cfg(test)]
mod tests;
