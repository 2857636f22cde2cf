//! Handshakes over real sockets between this end and rustls's other one. Other programs are met in the end-to-end tests.

use std::collections::BTreeSet;

use housewire_store::Store;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

use super::*;
use crate::config::{ClientAuth, OwnFiles};
use crate::tls::client::IssuedBy;

const NAME: &str = "localhost";

struct Served {
    tls: Tls,
    listener: TcpListener,
    folder: TempDir,
    _store: Store,
}

/// A certificate and its key in PEM.
type Shown = (String, String);

impl Served {
    async fn new(configure: impl FnOnce(&mut TlsConfig, &TempDir)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("data")).unwrap();
        let mut config = TlsConfig::default();
        configure(&mut config, &folder);
        let tls = Tls::start(store.vault("tls"), &config, &["hub.example".parse().unwrap()]).unwrap();
        Self { tls, listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), folder, _store: store }
    }

    fn client(&self, shown: Option<&Shown>) -> ClientConfig {
        self.client_of(&rustls::version::TLS13, shown)
    }

    /// A client that trusts the local CA.
    fn client_of(&self, version: &'static rustls::SupportedProtocolVersion, shown: Option<&Shown>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.tls.authority_der())).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::clone(&setup::PROVIDER))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        match shown {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => config
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
        }
    }

    fn device(&self, id: &str, now: Timestamp) -> Shown {
        let made = self.tls.issue_device(&DeviceId::parse(id).unwrap(), None, now).unwrap();
        (made.pem, made.key_pem.unwrap())
    }

    /// One connection: what the hub says of it, and what the client got to read or why not.
    async fn meet(&self, config: &Arc<ClientConfig>) -> (Result<Secured, HandshakeError>, Result<String, String>) {
        let address = self.listener.local_addr().unwrap();
        let hub = async {
            let (socket, _) = self.listener.accept().await.unwrap();
            let mut met = self.tls.accept(socket).await;
            if let Ok(secured) = &mut met {
                secured.stream.write_all(b"welcome").await.unwrap();
                secured.stream.flush().await.unwrap();
            }
            met
        };
        let config = Arc::clone(config);
        let client = async move {
            let socket = TcpStream::connect(address).await.unwrap();
            let connector = TlsConnector::from(config);
            let mut stream = connector.connect(ServerName::try_from(NAME).unwrap(), socket).await.map_err(words)?;
            let mut said = [0; 7];
            stream.read_exact(&mut said).await.map_err(words)?;
            Ok(String::from_utf8(said.to_vec()).unwrap())
        };
        tokio::join!(hub, client)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn words(error: std::io::Error) -> String {
    error.to_string()
}

#[tokio::test]
async fn both_versions_are_served_and_nobody_needs_a_certificate() {
    let served = Served::new(|_, _| ()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (met, heard) = served.meet(&Arc::new(served.client_of(version, None))).await;
        assert!(met.unwrap().certificate.is_none());
        assert_eq!(heard.unwrap(), "welcome");
    }
    let shown = served.tls.shown();
    let expected: BTreeSet<HostName> = [NAME, "hub.example"].iter().map(|name| name.parse().unwrap()).collect();
    assert!(shown.facts.names.is_superset(&expected));
}

#[tokio::test]
async fn a_device_is_known_by_its_certificate_when_it_comes_back_too() {
    let served = Served::new(|_, _| ()).await;
    let shown = served.device("lamp", now().wall);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = Arc::new(served.client_of(version, Some(&shown)));
        for kind in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
            let (met, heard) = served.meet(&client).await;
            let met = met.unwrap();
            assert_eq!(heard.unwrap(), "welcome");
            assert_eq!(met.stream.get_ref().1.handshake_kind(), Some(kind), "{version:?}");
            let certificate = met.certificate.expect("it showed one");
            assert_eq!((certificate.subject.as_str(), certificate.issued_by), ("lamp", IssuedBy::Local));
            let der = CertificateDer::from_pem_slice(shown.0.as_bytes()).unwrap();
            assert_eq!(certificate.fingerprint, Fingerprint::of(&der));
        }
    }
    assert_eq!(served.tls.counts(), Counts { full: 2, resumed: 2, failed: 0 });
}

#[tokio::test]
async fn certificates_that_are_not_taken_end_the_handshake_with_the_right_alert() {
    let served = Served::new(|_, _| ()).await;
    let elsewhere = Authority::create("elsewhere").unwrap();
    let foreign = elsewhere.issue_device(&DeviceId::parse("lamp").unwrap(), None, now().wall).unwrap();
    let day = |text: &str| Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let cases = [
        ((foreign.pem, foreign.key_pem.unwrap()), "UnknownCA"),
        (served.device("lamp", day("2049-01-01T00:00:00Z")), "CertificateExpired"),
    ];
    for (shown, alert) in cases {
        let (met, heard) = served.meet(&Arc::new(served.client(Some(&shown)))).await;
        let Err(HandshakeError::Tls { error }) = met else { panic!("{alert}: it was let in") };
        assert!(matches!(error, rustls::Error::InvalidCertificate(_)), "{error}");
        let heard = heard.unwrap_err();
        assert!(heard.contains(alert), "{heard}, not {alert}");
    }
}

#[tokio::test]
async fn one_that_has_ended_is_refused_even_to_who_comes_back() {
    let served = Served::new(|_, _| ()).await;
    let setup = Arc::clone(&served.tls.current.read());
    let clients = setup.clients.as_ref().unwrap();
    let shown = served.device("lamp", now().wall);
    let chain = vec![CertificateDer::from_pem_slice(shown.0.as_bytes()).unwrap()];
    assert!(clients.look_at(&chain).unwrap().is_some());
    assert!(clients.look_at(&[]).unwrap().is_none());
    let elsewhere = Authority::create("elsewhere").unwrap();
    let foreign = elsewhere.issue_device(&DeviceId::parse("lamp").unwrap(), None, now().wall).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(foreign.pem.as_bytes()).unwrap()];
    assert!(clients.look_at(&chain).is_err(), "as in a handshake");
}

#[tokio::test]
async fn a_further_ca_vouches_for_names_and_the_local_one_still_does() {
    let elsewhere = Authority::create("elsewhere").unwrap();
    let served = Served::new(|config, folder| {
        let path = folder.path().join("clients.pem");
        std::fs::write(&path, elsewhere.pem()).unwrap();
        config.client_ca = Some(path);
        config.client_auth = ClientAuth::Required;
    });
    let served = served.await;
    let foreign = elsewhere.issue_device(&DeviceId::parse("fan").unwrap(), None, now().wall).unwrap();
    let own = served.device("lamp", now().wall);
    for (shown, subject, issued_by) in
        [((foreign.pem, foreign.key_pem.unwrap()), "fan", IssuedBy::Further), (own, "lamp", IssuedBy::Local)]
    {
        let (met, heard) = served.meet(&Arc::new(served.client(Some(&shown)))).await;
        let certificate = met.unwrap().certificate.unwrap();
        assert_eq!((certificate.subject.as_str(), certificate.issued_by), (subject, issued_by));
        assert_eq!(heard.unwrap(), "welcome");
    }
    let (met, heard) = served.meet(&Arc::new(served.client(None))).await;
    assert!(matches!(met, Err(HandshakeError::Tls { error: rustls::Error::NoCertificatesPresented })));
    assert!(heard.unwrap_err().contains("CertificateRequired"));
}

#[tokio::test]
async fn who_connects_after_a_reload_gets_the_new_certificate_and_connections_go_on() {
    let issue = |folder: &std::path::Path, authority: &Authority| {
        let names = [NAME.parse().unwrap()].into();
        let identity = authority.issue_server(&names, now().wall).unwrap();
        let path = folder.join("own.pem");
        std::fs::write(&path, identity.to_file()).unwrap();
        (path, identity.facts.fingerprint)
    };
    // In one file, which a configuration may name twice.
    let authority = Authority::create("elsewhere").unwrap();
    let mut first = None;
    let served = Served::new(|config, folder| {
        let (path, fingerprint) = issue(folder.path(), &authority);
        first = Some(fingerprint);
        config.own = Some(OwnFiles { certificate: path.clone(), key: path });
    })
    .await;
    let client = || {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::clone(&setup::PROVIDER));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    };
    let (met, heard) = served.meet(&client()).await;
    let mut before = met.unwrap().stream;
    assert_eq!(heard.unwrap(), "welcome");
    assert_eq!(Some(served.tls.shown().facts.fingerprint), first);

    let (path, second) = issue(served.folder.path(), &authority);
    served.tls.reload();
    assert_eq!(served.tls.shown().facts.fingerprint, second);
    let (met, heard) = served.meet(&client()).await;
    assert!(met.is_ok() && heard.is_ok());
    assert!(before.write_all(b"still here").await.is_ok());

    std::fs::write(&path, "nonsense").unwrap();
    served.tls.reload();
    assert_eq!(served.tls.shown().facts.fingerprint, second);
    let (met, heard) = served.meet(&client()).await;
    assert!(met.is_ok() && heard.is_ok());
}

#[tokio::test]
async fn nonsense_behind_the_first_byte_is_told_from_a_lost_connection() {
    let served = Served::new(|_, _| ()).await;
    let address = served.listener.local_addr().unwrap();
    for (bytes, is_tls) in
        [(&b"\x16\x03\x01\x00\x05hello"[..], true), (b"\x16\xff\xff\xff\xff\xff", true), (b"\x16", false)]
    {
        let client = async {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(bytes).await.unwrap();
            socket.shutdown().await.unwrap();
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).await.unwrap();
            rest
        };
        let hub = async {
            let (socket, _) = served.listener.accept().await.unwrap();
            served.tls.accept(socket).await
        };
        let (met, heard) = tokio::join!(hub, client);
        let Err(error) = met else { panic!("{bytes:?} was a handshake") };
        assert_eq!(matches!(error, HandshakeError::Tls { .. }), is_tls, "{bytes:?}: {error}");
        // An alert, if anything.
        assert!(heard.first().is_none_or(|first| *first == 0x15), "{bytes:?}: {heard:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_nobody_waits_for_ends() {
    let served = Served::new(|_, _| ()).await;
    let address = served.listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"\x16\x03\x01").await.unwrap();
    let (socket, _) = served.listener.accept().await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), served.tls.accept(socket)).await.is_err());
    assert_eq!(served.tls.counts(), Counts { failed: 1, ..Counts::default() });
    let ended = tokio::time::timeout(Duration::from_secs(10), client.read(&mut [0; 1])).await;
    assert_eq!(ended.expect("the hub closes it").unwrap(), 0);
}

#[test]
fn the_same_place_by_https() {
    for (host, expected) in [
        ("hub.local:8080", Some("https://hub.local:8080")),
        ("192.0.2.7", Some("https://192.0.2.7")),
        ("[2001:db8::1]:8080", Some("https://[2001:db8::1]:8080")),
        ("evil@hub", None),
        ("hub/evil", None),
        ("", None),
    ] {
        assert_eq!(https_base(host).as_deref(), expected, "{host:?}");
    }
}

#[test]
fn who_has_to_come_by_tls() {
    let lan = || Peer::direct("192.0.2.7:1".parse().unwrap());
    let own = || Peer::direct("127.0.0.1:1".parse().unwrap());
    let proxied = || Peer::proxied("127.0.0.1:1".parse().unwrap());
    for (mode, peer, expected) in [
        (TlsMode::On, lan(), false),
        (TlsMode::Only, lan(), true),
        (TlsMode::Only, proxied(), true),
        (TlsMode::Only, own(), false),
        (TlsMode::Only, lan().secured(None), false),
    ] {
        assert_eq!(must_be_secure(mode, &peer), expected, "{mode:?} {peer:?}");
    }
}
