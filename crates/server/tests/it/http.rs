//! What every request meets, whatever it asks for: who is let in, methods, bounds, headers, and the page.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::http_client::{call, get, json, send, text};
use crate::test_hub::{PATIENCE, RawClient, TestHub};

#[test]
fn the_hub_is_well() {
    let hub = TestHub::start();
    let health = get(&hub, "/api/health").expect(200).json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["uptime_s"].is_u64());
}

#[test]
fn what_is_not_there() {
    let hub = TestHub::start();
    for path in ["/api", "/api/", "/api/nothing", "/api/devices/a/b/c", "/api/topics/"] {
        get(&hub, path).expect_problem(404, "not_found", &[]);
    }
    for (method, path, allowed) in [
        ("POST", "/api/devices", "GET,HEAD"),
        ("PATCH", "/api/health", "GET,HEAD"),
        ("GET", "/api/devices/a/b/set", "POST"),
        ("BREW", "/api/devices", "GET,HEAD"),
        ("GET", "/api/demo", "DELETE"),
        ("POST", "/", "GET,HEAD"),
        ("DELETE", "/device/lamp", "GET,HEAD"),
    ] {
        let answer = call(&hub, method, path, &[], b"");
        answer.expect_problem(405, "method_not_allowed", &[method]);
        let mut seen: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        let mut expected: Vec<_> = allowed.split(',').collect();
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!(seen, expected, "{method} {path}");
    }
}

#[test]
fn what_a_path_takes() {
    let hub = TestHub::start();
    for (path, allowed) in [
        ("/api/topics/a", "GET, HEAD, PUT, POST, DELETE, OPTIONS"),
        ("/api/devices", "GET, HEAD, OPTIONS"),
        ("/api/devices/a/b/set", "POST, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("*", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    ] {
        let answer = call(&hub, "OPTIONS", path, &[], b"").expect(204);
        let mut seen: Vec<_> = answer.header("allow").split(", ").collect();
        let mut expected: Vec<_> = allowed.split(", ").collect();
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!((seen, answer.body.len()), (expected, 0), "{path}");
    }
    call(&hub, "OPTIONS", "/api/nothing", &[], b"").expect_problem(404, "not_found", &[]);
}

#[test]
fn the_target_may_name_the_host() {
    let hub = TestHub::start();
    text(&hub, "PUT", "http://localhost:8080/api/topics/a", "hello").expect(204);
    assert_eq!(get(&hub, "http://LOCALHOST/api/topics/a").expect(200).body, b"hello");
    // The name in the target counts, whatever Host says (RFC 9112 section 3.2.2).
    let evil = [("Host", "evil.example")];
    assert_eq!(call(&hub, "GET", "http://127.0.0.1/api/devices", &evil, b"").status, 200);
    get(&hub, "http://evil.example/api/devices").expect_problem(401, "unauthorized", &[]);
    get(&hub, "http://me@localhost/api/health").expect_problem(400, "bad_request", &["Authorization"]);
    call(&hub, "CONNECT", "localhost:1", &[], b"").expect_problem(501, "not_implemented", &["proxy"]);
    call(&hub, "GET", "*", &[], b"").expect_problem(400, "bad_request", &["OPTIONS"]);
}

#[test]
fn problems_say_what_they_are_about() {
    let hub = TestHub::start();
    let problem = get(&hub, "/api/devices/lamp?secret=word");
    problem.expect_problem(404, "not_found", &["lamp"]);
    assert_eq!(problem.json()["instance"], "/api/devices/lamp");
    let head = call(&hub, "HEAD", "/api/devices/lamp", &[], b"").expect(404);
    assert_eq!(
        (head.header("content-length"), head.body.len()),
        (&*get(&hub, "/api/devices/lamp").body.len().to_string(), 0)
    );
}

#[test]
fn head_is_get_without_a_body() {
    let hub = TestHub::start();
    text(&hub, "PUT", "/api/topics/a", "hello").expect(204);
    let head = call(&hub, "HEAD", "/api/topics/a", &[], b"").expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), ("5", 0));
    assert_eq!(call(&hub, "HEAD", "/api/events?filter=a", &[], b"").expect(200).body, b"");
    assert_eq!(call(&hub, "HEAD", "/api/topics/none", &[], b"").expect(404).body, b"");
}

#[test]
fn only_this_machine_is_let_in() {
    let hub = TestHub::start();
    for (name, value) in [
        ("Host", "hub.example"),
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("X-Forwarded-For", "192.0.2.7"),
        ("Forwarded", "for=192.0.2.7"),
    ] {
        for (method, path) in [("GET", "/api/devices"), ("PUT", "/api/devices/a/b"), ("GET", "/api/nothing")] {
            let answer = call(&hub, method, path, &[(name, value)], b"");
            answer.expect_problem(401, "unauthorized", &["token"]);
            assert!(!answer.header("www-authenticate").is_empty());
        }
        // The page is the same for everybody; it is where people say who they are.
        let page = call(&hub, "GET", "/", &[(name, value)], b"").expect(200);
        assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    }
    get(&hub, "/api/devices/a").expect_problem(404, "not_found", &[]);
    let own = format!("http://{}", hub.http());
    call(&hub, "GET", "/api/devices", &[("Host", &own[7..]), ("Origin", &own)], b"").expect(200);
}

#[test]
fn a_request_names_one_host() {
    let hub = TestHub::start();
    for (head, status) in [
        ("GET /api/health HTTP/1.1\r\n\r\n", "400"),
        ("GET /api/health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "400"),
        ("GET /api/health HTTP/1.0\r\n\r\n", "200"),
    ] {
        let mut client = RawClient::connect(hub.http());
        client.send(head.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes());
        let answer = String::from_utf8(client.expect_end()).expect("text");
        assert_eq!(answer.split(' ').nth(1), Some(status), "{head}{answer}");
    }
}

#[test]
fn answers_cannot_be_turned_into_pages() {
    let hub = TestHub::start();
    call(&hub, "PUT", "/api/topics/a", &[("Content-Type", "text/html")], b"<script>alert(1)</script>").expect(204);
    // What has a tag may be kept and asked for again; nobody but the client itself keeps anything.
    for (path, caching) in [("/api/topics/a", "no-cache"), ("/api/devices", "no-store"), ("/api/nothing", "no-store")] {
        let answer = get(&hub, path);
        assert!(answer.header("content-security-policy").contains("sandbox"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), caching, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[test]
fn the_page() {
    let hub = TestHub::start();
    for path in ["/", "/devices/lamp", "/index.html"] {
        let page = get(&hub, path);
        if path == "/index.html" && page.status == 404 {
            continue; // built without the page
        }
        let page = page.expect(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        for rule in ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(page.text().contains("<title>Housewire"), "{}", page.text());
    }
    get(&hub, "/assets/none.js").expect_problem(404, "not_found", &["/assets/none.js"]);
    get(&hub, "/../Cargo.toml").expect_problem(404, "not_found", &[]);
}

#[test]
fn bodies_are_bounded() {
    let hub = TestHub::builder().limits(|limits| limits.http_body_bytes = 1_000).start();
    text(&hub, "PUT", "/api/topics/a", &"x".repeat(1_000)).expect(204);
    for path in ["/api/topics/a", "/api/devices/a", "/api/devices/a/b"] {
        text(&hub, "PUT", path, &"x".repeat(1_001)).expect_problem(413, "too_large", &["1000"]);
    }
    // So large that the hub does not read it to its end, and still the client is told.
    text(&hub, "PUT", "/api/topics/a", &"x".repeat(5_000_000)).expect_problem(413, "too_large", &[]);
    let mut chunked = TcpStream::connect_timeout(&hub.http(), PATIENCE).expect("the hub listens");
    chunked.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    let head = "PUT /api/topics/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    chunked.write_all(format!("{head}{}", chunk.repeat(1_000)).as_bytes()).expect("the hub reads");
    let mut answer = String::new();
    chunked.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(get(&hub, "/api/topics/a").body.len(), 1_000);
}

#[test]
fn heads_are_bounded() {
    let hub = TestHub::start();
    for head in [
        format!("GET /api/topics/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(200_000)),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(50_000)),
    ] {
        let mut client = RawClient::connect(hub.http());
        client.send(head.as_bytes());
        assert!(client.expect_end().starts_with(b"HTTP/1.1 4"));
    }
    let longest = format!("/api/topics/{}", "%C3%BC".repeat(2_048));
    text(&hub, "PUT", &longest, "fits").expect(204);
}

#[test]
fn broken_json_is_told_where() {
    let hub = TestHub::start();
    for path in ["/api/devices/a", "/api/devices/a/b", "/api/topics/a"] {
        json(&hub, "PUT", path, "{\n\"name\": }").expect_problem(400, "bad_request", &["line 2 column 9"]);
        json(&hub, "PUT", path, "").expect_problem(400, "bad_request", &["line 1 column 0"]);
    }
    assert_eq!(get(&hub, "/api/devices").json(), serde_json::json!([]));
}

#[test]
fn one_connection_serves_many_requests() {
    let hub = TestHub::start();
    let mut client = RawClient::connect(hub.http());
    let request = "GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    client.send(format!("{request}{request}{last}").as_bytes());
    let answers = String::from_utf8(client.expect_end()).expect("text");
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 3);
}

#[test]
fn stopping_finishes_what_is_there() {
    let mut hub = TestHub::start();
    let mut events = send(&hub, "GET", "/api/events?filter=a", &[], b"");
    events.next_chunk().expect("a greeting");
    hub.stop();
    assert!(events.next_chunk().is_none(), "the stream ends properly");
}
