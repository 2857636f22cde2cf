//! The handshake, and the thread on which it is done: hundreds of clients that begin one together cost their own time, and nobody
//! else's. One thread for all, which takes them in turn, so that they get no more than one processor.

use std::io;
use std::sync::Arc;

use rustls::HandshakeKind;
use thiserror::Error;
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tls::client::ClientCertificate;
use crate::tls::setup::{ALPN_MQTT, Setup};

/// Why a handshake came to nothing.
#[derive(Debug, Error)]
pub(crate) enum HandshakeError {
    /// One side did not like the other.
    #[error("{error}{}", hint(.error))]
    Tls {
        /// What it did not like.
        error: rustls::Error,
    },
    /// The connection was gone.
    #[error("the connection was closed or lost ({0})")]
    Lost(io::Error),
    /// The hub is about to end.
    #[error("the hub is stopping")]
    Stopping,
}

/// What to do about the errors that people meet.
fn hint(error: &rustls::Error) -> &'static str {
    use rustls::AlertDescription::{BadCertificate, CertificateUnknown, UnknownCA};
    match error {
        rustls::Error::AlertReceived(UnknownCA | CertificateUnknown | BadCertificate) => {
            ": the client does not trust the hub's certificate. Give it the CA from /ca.crt, and address the hub by a name that /api/tls lists"
        }
        rustls::Error::InvalidCertificate(_) => ": the certificate that the client showed is not taken here",
        rustls::Error::NoCertificatesPresented => ": tls.client_auth is required, and the client showed none",
        rustls::Error::PeerIncompatible(_) => ": the hub speaks TLS 1.2 and 1.3 only",
        _ => "",
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => Self::Tls { error: tls.clone() },
            None => Self::Lost(error),
        }
    }
}

/// A connection that is secure from here on.
pub(crate) struct Secured {
    pub(crate) stream: TlsStream<TcpStream>,
    /// What the client showed.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
}

/// What a client has said behind the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// By ALPN: MQTT, whatever its first byte is.
    Mqtt,
    /// Told by its first byte, which is still to be read.
    Byte(u8),
    /// Nothing: it ended.
    Nothing,
}

impl Secured {
    /// Whether the client took up an earlier connection.
    pub(super) fn is_resumed(&self) -> bool {
        self.stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Waits until it is clear what will be spoken.
    pub(crate) async fn inside(&mut self) -> Inside {
        if self.stream.get_ref().1.alpn_protocol() == Some(ALPN_MQTT) {
            return Inside::Mqtt;
        }
        match self.stream.fill_buf().await {
            Ok([first, ..]) => Inside::Byte(*first),
            Ok([]) | Err(_) => Inside::Nothing,
        }
    }
}

/// One handshake.
pub(super) async fn meet(setup: Arc<Setup>, socket: TcpStream) -> Result<Secured, HandshakeError> {
    let stream = TlsAcceptor::from(Arc::clone(&setup.config)).accept(socket).await?;
    let shown = stream.get_ref().1.peer_certificates();
    let certificate = match (&setup.clients, shown) {
        (Some(clients), Some(chain)) => clients.look_at(chain).map_err(|error| HandshakeError::Tls { error })?,
        _ => None,
    };
    Ok(Secured { stream, certificate: certificate.map(Arc::new) })
}

/// The thread.
pub(super) struct Handshakes {
    thread: Handle,
    /// Dropped with this, which ends the thread and what it was about.
    _end: oneshot::Sender<()>,
}

impl Handshakes {
    pub(super) fn start() -> io::Result<Self> {
        // Neither sockets nor timers: those stay with the shard that waits for the handshake.
        let runtime = Builder::new_current_thread().build()?;
        let thread = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("handshakes".to_owned()).spawn(move || {
            // An error is what is waited for: the other end is gone.
            let _is_over = runtime.block_on(ended).is_err();
        })?;
        Ok(Self { thread, _end: end })
    }

    pub(super) async fn carry_out<T: Send + 'static>(
        &self,
        handshake: impl Future<Output = Result<T, HandshakeError>> + Send + 'static,
    ) -> Result<T, HandshakeError> {
        let mut under_way = UnderWay(self.thread.spawn(handshake));
        match (&mut under_way.0).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(HandshakeError::Stopping),
        }
    }
}

/// Ends a handshake that nobody waits for any more.
struct UnderWay<T>(JoinHandle<T>);

impl<T> Drop for UnderWay<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
