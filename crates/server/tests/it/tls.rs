//! TLS as a client meets it that speaks by hand inside: every port, every language, ends and refusals. Other programs' TLS is
//! met in the end-to-end tests.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire::config::{ClientAuth, Port, TlsMode, TlsSettings};
use housewire::serve::Server;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::test_hub::{PATIENCE, TestHub, TestHubBuilder, from_hex};

const CONNECT: &str = "10 0d 0004 4d515454 04 02 003c 0001 61";
const WELCOME: &str = "20 02 00 00";
const NOT_AUTHORIZED: &str = "20 02 00 05";
const DISCONNECT: &str = "e0 00";
/// From 192.0.2.7, says a proxy.
const FROM_LAN: &str = "0d0a0d0a 000d0a51 5549540a 21 11 000c c0000207 0a000001 3039 075b";

fn builder() -> TestHubBuilder {
    TestHub::builder().settings(|settings| settings.mqtts_port = Some(Port::On(0)))
}

/// A hub behind a proxy, which other machines may reach.
fn behind_proxy(mode: TlsMode) -> TestHubBuilder {
    builder().settings(move |settings| {
        settings.proxy_protocol = Some(true);
        settings.guest = Some(housewire::GuestPolicy::Lan);
        settings.tls.mode = Some(mode);
    })
}

/// The local CA's certificate with its key.
fn authority(hub: &TestHub) -> Vec<u8> {
    std::fs::read(hub.folder().join("tls/ca.pem")).expect("made at the first start")
}

fn config(hub: &TestHub, shown: Option<(&str, &str)>, alpn: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&authority(hub)).expect("a certificate")).expect("a CA");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
    let config = config.with_root_certificates(roots);
    let mut config = match shown {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
            config.with_client_auth_cert(vec![certificate], key).expect("they go together")
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn socket(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&address, PATIENCE).expect("the hub listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    socket
}

/// A client inside of TLS.
struct Tls(StreamOwned<ClientConnection, TcpStream>);

impl Tls {
    fn over(socket: TcpStream, config: Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        Self(StreamOwned::new(ClientConnection::new(config, name).expect("a client"), socket))
    }

    fn to(hub: &TestHub, address: SocketAddr) -> Self {
        Self::over(socket(address), config(hub, None, &[]))
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the hub reads");
        self.0.flush().expect("the hub reads");
    }

    #[track_caller]
    fn expect(&mut self, bytes: &[u8]) {
        let mut seen = vec![0; bytes.len()];
        self.0.read_exact(&mut seen).expect("the hub answers");
        assert_eq!(seen, bytes);
    }

    /// Everything up to a proper end, which TLS tells from a cut.
    #[track_caller]
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("it ends with close_notify");
        rest
    }

    #[track_caller]
    fn expect_mqtt(&mut self) {
        self.send(&from_hex(CONNECT));
        self.expect(&from_hex(WELCOME));
        self.send(&from_hex("c0 00"));
        self.expect(&from_hex("d0 00"));
    }

    /// Status and body of a request, after which the connection ends.
    #[track_caller]
    fn http(mut self, head: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let text = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.send(text.as_bytes());
        split(&self.rest())
    }
}

#[track_caller]
fn split(answer: &[u8]) -> (u16, String) {
    let answer = String::from_utf8_lossy(answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("an answer, not {answer:?}"));
    (head[9..12].parse().expect("a status"), body.to_owned())
}

fn mqtts(hub: &TestHub) -> SocketAddr {
    hub.addresses().mqtts.expect("the port is open")
}

#[test]
fn the_one_port_speaks_everything_inside_of_tls_and_8883_mqtt() {
    let hub = builder().start();
    Tls::to(&hub, hub.http()).expect_mqtt();
    Tls::to(&hub, mqtts(&hub)).expect_mqtt();
    let (status, body) = Tls::to(&hub, hub.http()).http("GET /api/health", "");
    assert_eq!(status, 200, "{body}");
    // What 8883 does not speak ends without an answer, as on 1883.
    let mut http = Tls::to(&hub, mqtts(&hub));
    http.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut rest = Vec::new();
    let ended = http.0.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{ended:?}");
}

#[test]
fn a_client_may_say_by_alpn_what_it_speaks() {
    let hub = builder().start();
    for (alpn, chosen) in [(&["mqtt"][..], "mqtt"), (&["http/1.1"], "http/1.1"), (&["x", "mqtt"], "mqtt")] {
        let mut client = Tls::over(socket(hub.http()), config(&hub, None, alpn));
        if chosen == "mqtt" {
            client.expect_mqtt();
        } else {
            client.send(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
            client.expect(b"HTTP/1.1 200");
        }
        assert_eq!(client.0.conn.alpn_protocol(), Some(chosen.as_bytes()));
    }
    // RFC 7301 section 3.2.
    let mut client = Tls::over(socket(hub.http()), config(&hub, None, &["gopher"]));
    let error = client.0.write_all(b"x").expect_err("nothing that both speak");
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn what_is_not_tls_on_8883_is_closed_and_so_is_tls_on_1883() {
    let hub = builder().start();
    for (address, bytes) in [
        (mqtts(&hub), from_hex(CONNECT)),
        (mqtts(&hub), b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (hub.mqtt(), from_hex("16 03 01 00 05 0100000100")),
    ] {
        let mut socket = socket(address);
        socket.write_all(&bytes).expect("the hub reads");
        assert_eq!(read_to_end(&mut socket), b"", "{bytes:?}");
    }
    Tls::to(&hub, mqtts(&hub)).expect_mqtt();
}

/// To the end, however abrupt.
fn read_to_end(socket: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    match socket.read_to_end(&mut rest) {
        Ok(_) => rest,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => rest,
        Err(error) => panic!("no end: {error}"),
    }
}

#[test]
fn large_messages_pass_in_both_directions() {
    let hub = builder().start();
    let payload = "x".repeat(500_000);
    let mut subscriber = Tls::to(&hub, hub.http());
    subscriber.expect_mqtt();
    subscriber.send(&from_hex("82 08 0001 0003 612f62 00"));
    subscriber.expect(&from_hex("90 03 0001 00"));
    let (status, body) = Tls::to(&hub, hub.http()).http("POST /api/topics/a/b", &payload);
    assert_eq!(status, 204, "{body}");
    // PUBLISH of 5 + 500,000 bytes.
    subscriber.expect(&from_hex("30 a5c21e 0003 612f62"));
    subscriber.expect(payload.as_bytes());

    let mut publisher = Tls::to(&hub, mqtts(&hub));
    publisher.send(&from_hex("10 0d 0004 4d515454 04 02 003c 0001 62"));
    publisher.expect(&from_hex(WELCOME));
    publisher.send(&from_hex("31 a5c21e 0003 612f62"));
    publisher.send(payload.as_bytes());
    subscriber.expect(&from_hex("30 a5c21e 0003 612f62"));
    subscriber.expect(payload.as_bytes());
}

#[test]
fn a_body_that_is_refused_while_it_comes_is_answered() {
    let hub = TestHub::builder().limits(|limits| limits.http_body_bytes = 1_000).start();
    let (status, body) = Tls::to(&hub, hub.http()).http("PUT /api/topics/a", &"x".repeat(300_000));
    assert_eq!(status, 413, "{body}");
}

#[test]
fn a_client_that_goes_without_a_word_is_gone() {
    let hub = builder().start();
    for is_polite in [true, false] {
        let mut client = Tls::to(&hub, mqtts(&hub));
        client.expect_mqtt();
        if is_polite {
            client.send(&from_hex(DISCONNECT));
            assert_eq!(client.rest(), b"");
        }
        drop(client);
        let began = Instant::now();
        while connected(&hub) > 0 {
            assert!(began.elapsed() < PATIENCE, "it is still connected");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// MQTT clients, as the API shows them.
fn connected(hub: &TestHub) -> usize {
    let (status, body) = Tls::to(hub, hub.http()).http("GET /api/clients?connected=true", "");
    assert_eq!(status, 200, "{body}");
    json(&body).as_array().expect("a list").len()
}

/// The body of an answer that may be in chunks.
fn json(body: &str) -> Value {
    let start = body.find(['[', '{']).expect("JSON");
    let end = body.rfind([']', '}']).expect("JSON");
    let whole: String = body[start..=end].split("\r\n").step_by(2).collect();
    serde_json::from_str(&whole).or_else(|_| serde_json::from_str(&body[start..=end])).expect("JSON")
}

#[test]
fn the_list_of_clients_says_how_they_came() {
    let hub = builder().start();
    let mut client = Tls::to(&hub, mqtts(&hub));
    client.expect_mqtt();
    let (_, body) = Tls::to(&hub, hub.http()).http("GET /api/clients/a", "");
    assert_eq!(json(&body)["transport"], "tls", "{body}");
}

#[test]
fn a_hub_with_idle_tls_clients_stops_in_time_and_says_goodbye() {
    let mut hub = builder().start();
    let mut mqtt: Vec<Tls> = (0..20)
        .map(|number| {
            let mut client = Tls::to(&hub, if number % 2 == 0 { hub.http() } else { mqtts(&hub) });
            // MQTT 5, a client id of one letter.
            client.send(&from_hex(&format!("10 0e 0004 4d515454 05 02 003c 00 0001 {:02x}", b'a' + number)));
            let mut head = [0; 2];
            client.0.read_exact(&mut head).expect("CONNACK");
            let mut rest = vec![0; usize::from(head[1])];
            client.0.read_exact(&mut rest).expect("CONNACK");
            client
        })
        .collect();
    let mut http: Vec<Tls> = (0..5).map(|_| Tls::to(&hub, hub.http())).collect();
    for client in &mut http {
        client.send(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.expect(b"HTTP/1.1 200 OK");
    }
    let half_open: Vec<TcpStream> = (0..20).map(|_| half_open(hub.http())).collect();
    let began = Instant::now();
    hub.stop();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for client in &mut mqtt {
        let rest = client.rest();
        // DISCONNECT with 0x8B, server shutting down.
        assert_eq!((rest[0], rest[2]), (0xe0, 0x8b), "{rest:?}");
    }
    for client in &mut http {
        client.rest();
    }
    drop(half_open);
}

fn half_open(address: SocketAddr) -> TcpStream {
    let mut socket = socket(address);
    socket.write_all(&from_hex("16 03 01 02 00 01")).expect("the hub reads");
    socket
}

#[test]
fn hundreds_of_half_open_handshakes_are_in_nobodys_way_and_end() {
    let hub = builder().limits(|limits| limits.greeting_timeout = Duration::from_secs(2)).start();
    let mut half_open: Vec<TcpStream> = (0..300).map(|_| half_open(hub.http())).collect();
    let mut silent: Vec<Tls> = (0..20).map(|_| Tls::to(&hub, hub.http())).collect();
    for client in &mut silent {
        // A whole handshake, and nothing behind it.
        while client.0.conn.is_handshaking() {
            client.0.conn.complete_io(&mut client.0.sock).expect("a handshake");
        }
    }
    let began = Instant::now();
    Tls::to(&hub, mqtts(&hub)).expect_mqtt();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    for socket in &mut half_open {
        assert_eq!(read_to_end(socket), b"");
    }
    for client in &mut silent {
        assert_eq!(read_to_end(&mut client.0.sock).first().copied().filter(|first| *first != 0x17), None);
    }
}

#[test]
fn without_tls_who_asks_for_it_hears_so() {
    let hub = TestHub::builder().settings(|settings| settings.tls.mode = Some(TlsMode::Off)).start();
    let mut socket = half_open(hub.http());
    // Alert, fatal, handshake_failure.
    assert_eq!(read_to_end(&mut socket), from_hex("15 03 03 00 02 02 28"));
    assert!(!hub.folder().join("tls").exists(), "no CA is made for nothing");
}

#[test]
fn with_tls_only_other_machines_get_in_by_tls_alone() {
    let hub = behind_proxy(TlsMode::Only).start();
    let proxied = |address| {
        let mut socket = socket(address);
        socket.write_all(&from_hex(FROM_LAN)).expect("the hub reads");
        socket
    };
    for address in [hub.http(), hub.mqtt()] {
        let mut plain = proxied(address);
        plain.write_all(&from_hex(CONNECT)).expect("the hub reads");
        assert_eq!(read_to_end(&mut plain), from_hex(NOT_AUTHORIZED));
    }
    let plain_http = |head: &str| {
        let mut plain = proxied(hub.http());
        let text = format!("{head} HTTP/1.1\r\nHost: hub:8080\r\nConnection: close\r\n\r\n");
        plain.write_all(text.as_bytes()).expect("the hub reads");
        String::from_utf8(read_to_end(&mut plain)).expect("text")
    };
    assert!(plain_http("GET /api/health").contains("tls_required"));
    assert!(plain_http("GET /devices").contains("location: https://hub:8080/devices\r\n"));
    assert!(plain_http("GET /ca.crt").contains("-----BEGIN CERTIFICATE-----"), "which has to be had first");
    for address in [hub.http(), mqtts(&hub)] {
        Tls::over(proxied(address), config(&hub, None, &[])).expect_mqtt();
    }
    let (status, body) = Tls::over(proxied(hub.http()), config(&hub, None, &[])).http("GET /api/health", "");
    assert_eq!(status, 200, "{body}");
}

/// A device's certificate and key, as the hub gives them.
fn certificate(hub: &TestHub, device: &str) -> (String, String) {
    let (status, body) = Tls::to(hub, hub.http()).http(&format!("POST /api/devices/{device}/certificate"), "");
    assert_eq!(status, 201, "{body}");
    let issued = json(&body);
    let text = |name: &str| issued[name].as_str().expect("PEM").to_owned();
    (text("certificate"), text("key"))
}

#[test]
fn a_device_is_who_its_certificate_says_and_may_do_what_is_its_own() {
    let hub = builder().settings(|settings| settings.tls.client_auth = Some(ClientAuth::Optional)).start();
    let (certificate, key) = certificate(&hub, "lamp");
    let shown = Some((certificate.as_str(), key.as_str()));
    for address in [hub.http(), mqtts(&hub)] {
        let mut device = Tls::over(socket(address), config(&hub, shown, &[]));
        device.expect_mqtt();
        device.send(&subscribe(1, "devices/lamp/#"));
        device.expect(&from_hex("90 03 0001 00"));
        device.send(&subscribe(2, "#"));
        device.expect(&from_hex("90 03 0002 80"));
        let (_, body) = Tls::to(&hub, hub.http()).http("GET /api/clients/a", "");
        assert_eq!(json(&body)["user"], "device:lamp", "{body}");
    }
    let (status, body) =
        Tls::over(socket(hub.http()), config(&hub, shown, &[])).http("PUT /api/devices/lamp/power", "true");
    assert_eq!(status, 204, "{body}");
    for head in ["PUT /api/devices/fan/power", "POST /api/devices/lamp/certificate"] {
        let (status, body) = Tls::over(socket(hub.http()), config(&hub, shown, &[])).http(head, "");
        assert_eq!(status, 403, "{head}: {body}");
    }
}

fn subscribe(id: u8, filter: &str) -> Vec<u8> {
    let length = u8::try_from(filter.len()).expect("a short filter");
    let mut packet = vec![0x82, length + 5, 0, id, 0, length];
    packet.extend_from_slice(filter.as_bytes());
    packet.push(0);
    packet
}

#[test]
fn a_foreign_page_cannot_use_a_browsers_certificate() {
    let hub = builder().start();
    let (certificate, key) = certificate(&hub, "lamp");
    let shown = Some((certificate.as_str(), key.as_str()));
    let head = "PUT /api/devices/lamp/power HTTP/1.1\r\nOrigin: https://evil.example\r\nX:";
    let (status, body) = Tls::over(socket(hub.http()), config(&hub, shown, &[])).http(head, "true");
    assert_eq!(status, 403, "{body}");
}

#[test]
fn a_certificate_that_has_ended_is_refused() {
    let hub = builder().start();
    let file = authority(&hub);
    let key = PrivateKeyDer::from_pem_slice(&file).expect("a key");
    let issuer = Issuer::from_ca_cert_der(
        &CertificateDer::from_pem_slice(&file).expect("a certificate"),
        KeyPair::try_from(&key).expect("a key"),
    );
    let issuer = issuer.expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "lamp");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (from, until, is_taken) in [(2020, 2021, false), (2048, 2049, false), (2020, 2049, true)] {
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &issuer).expect("a certificate").pem();
        let shown = Some((certificate.as_str(), &*key.serialize_pem()));
        let mut client = Tls::over(socket(mqtts(&hub)), config(&hub, shown, &[]));
        if is_taken {
            // The handshake took it; the hub knows it not, as it did not give it to any device.
            client.0.write_all(&from_hex(CONNECT)).expect("sent");
            let mut connack = [0; 4];
            client.0.read_exact(&mut connack).expect("an answer");
            assert_eq!(connack, [0x20, 2, 0, 5]);
            continue;
        }
        // In TLS 1.3 the client hears of it after its own part is done.
        let heard = client.0.write_all(&from_hex(CONNECT)).and_then(|()| client.0.read_exact(&mut [0; 4]));
        let error = heard.expect_err("refused").to_string();
        assert!(error.contains("CertificateExpired"), "{from} to {until}: {error}");
    }
}

#[test]
fn files_that_cannot_be_used_end_the_start_with_the_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("own.pem");
    std::fs::write(&path, "nonsense").expect("a file");
    for (tls, reason) in [
        (
            TlsSettings { certificate: Some(path.clone()), key: Some(path.clone()), ..TlsSettings::default() },
            "tls.certificate",
        ),
        (TlsSettings { client_ca: Some(folder.path().join("none")), ..TlsSettings::default() }, "tls.client_ca"),
    ] {
        let settings = housewire::config::Settings {
            data: Some(folder.path().join("data")),
            bind: Some("127.0.0.1".parse().expect("an address")),
            port: Some(0),
            mqtt_port: Some(Port::Off),
            mqtts_port: Some(Port::Off),
            tls,
            ..Default::default()
        };
        let Err(error) = Server::start(settings.into_config().expect("it makes sense")) else { panic!("it started") };
        assert!(error.to_string().contains(reason), "{error}");
    }
}
