//! A hub for one test: free ports, a temporary folder, stopped when dropped.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use housewire::config::{Config, DiscoverySection, Limits, Port, Settings};
use housewire::serve::{Addresses, Server};
use tempfile::TempDir;

/// Longest wait for anything; only a test that fails waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Prepares a [`TestHub`].
pub(crate) struct TestHubBuilder {
    settings: Settings,
    limits: Limits,
}

impl TestHubBuilder {
    /// Changes settings; ports and folder are set already.
    pub(crate) fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Changes bounds.
    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Starts it with a fresh folder.
    pub(crate) fn start(self) -> TestHub {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = Settings { limits: Some(self.limits), ..self.settings };
        let server = start_in(folder.path(), &settings);
        TestHub { server: Some(server), settings, folder }
    }
}

fn start_in(folder: &Path, settings: &Settings) -> Server {
    let settings = Settings { data: Some(folder.to_owned()), ..settings.clone() };
    let config: Config = settings.into_config().expect("settings that make sense");
    Server::start(config).expect("a hub on free ports starts")
}

/// A running hub.
pub(crate) struct TestHub {
    server: Option<Server>,
    settings: Settings,
    folder: TempDir,
}

impl TestHub {
    /// A builder with loopback, free ports and default bounds.
    pub(crate) fn builder() -> TestHubBuilder {
        let settings = Settings {
            bind: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: Some(0),
            mqtt_port: Some(Port::On(0)),
            mqtts_port: Some(Port::Off),
            // It says by a message that it is there; what is sent here is what the tests send.
            discovery: Some(DiscoverySection { enabled: false }),
            ..Settings::default()
        };
        TestHubBuilder { settings, limits: Limits::default() }
    }

    /// A hub with default settings.
    pub(crate) fn start() -> Self {
        Self::builder().start()
    }

    /// The one port.
    pub(crate) fn http(&self) -> SocketAddr {
        self.server().addresses().http
    }

    /// MQTT's own port.
    pub(crate) fn mqtt(&self) -> SocketAddr {
        self.server().addresses().mqtt
    }

    pub(crate) fn addresses(&self) -> Addresses {
        self.server().addresses()
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("the hub runs")
    }

    /// Stops the hub and starts it again on the same folder, on new ports.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.server = Some(start_in(self.folder.path(), &self.settings));
    }

    /// The same with other settings.
    pub(crate) fn restart_with(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.restart();
    }

    /// Stops the hub properly.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A socket that sends and expects exact bytes.
pub(crate) struct RawClient(TcpStream);

impl RawClient {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect_timeout(&address, PATIENCE).expect("the hub listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        socket.set_nodelay(true).expect("a socket option");
        Self(socket)
    }

    /// Sends bytes given in hex; blanks are ignored.
    pub(crate) fn send_hex(&mut self, hex: &str) {
        self.send(&from_hex(hex));
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the hub reads");
    }

    /// Reads exactly what is given in hex.
    #[track_caller]
    pub(crate) fn expect_hex(&mut self, hex: &str) {
        let expected = from_hex(hex);
        let mut seen = vec![0; expected.len()];
        if let Err(error) = self.0.read_exact(&mut seen) {
            panic!("expected {hex}, got {error}");
        }
        assert_eq!(to_hex(&seen), to_hex(&expected));
    }

    /// Reads exactly so many bytes.
    #[track_caller]
    pub(crate) fn read(&mut self, len: usize) -> Vec<u8> {
        let mut seen = vec![0; len];
        self.0.read_exact(&mut seen).expect("so many bytes");
        seen
    }

    /// Reads one MQTT packet: its first byte and its body.
    #[track_caller]
    pub(crate) fn read_packet(&mut self) -> (u8, Vec<u8>) {
        let first = self.read(1)[0];
        let mut length = 0;
        for shift in (0..28).step_by(7) {
            let byte = self.read(1)[0];
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        (first, self.read(length))
    }

    /// Reads until the hub closes; what it still said.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => rest,
            Err(error) => panic!("the hub should have closed: {error}, after {}", to_hex(&rest)),
        }
    }
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two hex digits")).collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
