//! What handshakes go by: certificate and key, versions, whose certificates clients may show, and what may be spoken inside.

use std::sync::{Arc, LazyLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;

use crate::config::ClientAuth;
use crate::limits::TLS_RECORD_BYTES_MAX;
use crate::tls::client::ClientVerifiers;
use crate::tls::error::TlsError;
use crate::tls::facts::Facts;
use crate::tls::identity::Identity;

/// What a client may ask for by ALPN, besides nothing.
pub(super) const ALPN_MQTT: &[u8] = b"mqtt";
const ALPN_HTTP1: &[u8] = b"http/1.1";
const ALPN_HTTP2: &[u8] = b"h2";

/// Where the arithmetic is done; docs/adr/0016 says why there.
pub(super) static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

/// Who issued what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The local CA.
    Local,
    /// Whoever the configuration's files are from.
    Own,
}

impl Origin {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Own => "own",
        }
    }

    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Local => "the local CA; clients get that at /ca.crt",
            Self::Own => "its own, from the files of the configuration",
        }
    }
}

/// What is shown, in public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) facts: Facts,
    pub(crate) origin: Origin,
}

/// See the module.
pub(super) struct Setup {
    pub(super) config: Arc<ServerConfig>,
    pub(super) clients: Option<Arc<ClientVerifiers>>,
    pub(super) shown: Shown,
}

/// Whose certificates clients may show.
pub(super) struct ClientRoots<'a> {
    pub(super) auth: ClientAuth,
    pub(super) local: &'a CertificateDer<'static>,
    pub(super) further: &'a [CertificateDer<'static>],
}

impl Setup {
    pub(super) fn new(identity: &Identity, origin: Origin, roots: &ClientRoots<'_>) -> Result<Self, TlsError> {
        let failed = |error: rustls::Error| TlsError::Setup(error.to_string());
        let clients = ClientVerifiers::new(roots)?.map(Arc::new);
        let verifier = match &clients {
            Some(clients) => clients.of_handshakes(),
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(failed)?;
        config.alpn_protocols = [ALPN_HTTP2, ALPN_HTTP1, ALPN_MQTT].map(<[u8]>::to_vec).into();
        config.max_fragment_size = Some(TLS_RECORD_BYTES_MAX);
        // A device that comes back spares both sides most of the arithmetic. The keys are made anew every few hours, and with each setup,
        // so that nobody is taken for whom an earlier one took him. Early data, which could be replayed, stays off.
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(failed)?;
        Ok(Self { config: Arc::new(config), clients, shown: Shown { facts: identity.facts.clone(), origin } })
    }
}
