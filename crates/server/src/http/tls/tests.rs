//! What is answered to anybody, and the way to https.

use axum::body::to_bytes;

use super::*;
use crate::tls::Fingerprint;

fn request(method: &str, path: &str, host: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).header(header::HOST, host).body(Body::empty()).unwrap()
}

#[test]
fn a_page_is_sent_to_https_and_a_program_told() {
    for (method, path, host, status, place) in [
        ("GET", "/device/lamp?x=1", "hub:8080", 307, Some("https://hub:8080/device/lamp?x=1")),
        ("HEAD", "/", "hub.local", 307, Some("https://hub.local/")),
        ("POST", "/", "hub", 426, None),
        ("GET", "/api/devices", "hub", 426, None),
        ("GET", "/mqtt", "hub", 426, None),
        ("GET", "/", "h@b", 426, None),
    ] {
        let answer = show_the_way(&request(method, path, host));
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        let told = answer.headers().get(header::LOCATION).map(|place| place.to_str().unwrap());
        assert_eq!(told, place, "{method} {path}");
        assert_eq!(answer.headers().contains_key(header::UPGRADE), status == 426);
    }
}

#[tokio::test]
async fn who_is_refused_hears_where_to_go() {
    let answer = show_the_way(&request("GET", "/api/devices", "hub:8080"));
    let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["code"], "tls_required");
    assert!(body["detail"].as_str().unwrap().contains("https://hub:8080"), "{body}");
}

#[test]
fn a_profile_holds_the_certificate_and_two_different_ids() {
    let facts = Facts {
        subject: "CA of <this> & that".into(),
        issuer: String::new(),
        names: std::collections::BTreeSet::new(),
        not_before: housewire_core::Timestamp::default(),
        not_after: housewire_core::Timestamp::default(),
        fingerprint: Fingerprint([0xab; 32]),
    };
    let profile = profile(&facts, b"certificate");
    assert!(profile.contains("<data>Y2VydGlmaWNhdGU=</data>") && profile.contains("CA of &lt;this> &amp; that"));
    for id in ["01ABABAB-ABAB-ABAB-ABAB-ABABABABABAB", "02ABABAB-ABAB-ABAB-ABAB-ABABABABABAB"] {
        assert!(profile.contains(id), "{profile}");
    }
    assert!(!profile.contains('{'));
}
