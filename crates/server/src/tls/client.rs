//! Certificates of clients: whose are taken, and what they say of who shows them.

use std::sync::Arc;

use housewire_core::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::config::ClientAuth;
use crate::tls::error::TlsError;
use crate::tls::facts::{Facts, Fingerprint};
use crate::tls::setup::{ClientRoots, PROVIDER};

/// Whose word a client's certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssuedBy {
    /// The hub's, which knows each that it gave, and may have taken it back.
    Local,
    /// That of the CA in `tls.client_ca`, which vouches for the name.
    Further,
}

/// A certificate that a client showed, and whose key it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    pub(crate) fingerprint: Fingerprint,
    /// The common name: a device's id.
    pub(crate) subject: String,
    pub(crate) not_after: Timestamp,
    pub(crate) issued_by: IssuedBy,
}

/// See the module.
#[derive(Debug)]
pub(super) struct ClientVerifiers {
    /// Takes all that are taken.
    all: Arc<dyn ClientCertVerifier>,
    /// Takes those of the local CA.
    local: Arc<dyn ClientCertVerifier>,
}

impl ClientVerifiers {
    /// `None` if clients are not asked.
    pub(super) fn new(roots: &ClientRoots<'_>) -> Result<Option<Self>, TlsError> {
        let must = match roots.auth {
            ClientAuth::Off => return Ok(None),
            ClientAuth::Optional => false,
            ClientAuth::Required => true,
        };
        let local = verifier(&[roots.local], must)?;
        let all: Vec<_> = std::iter::once(roots.local).chain(roots.further).collect();
        Ok(Some(Self { all: verifier(&all, must)?, local }))
    }

    pub(super) fn of_handshakes(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.all)
    }

    /// What the chain that a client showed says. It is verified once more: a connection that takes up an earlier one is not, and
    /// the certificate may have ended meanwhile.
    pub(super) fn look_at(&self, chain: &[CertificateDer<'_>]) -> Result<Option<ClientCertificate>, rustls::Error> {
        let Some((own, others)) = chain.split_first() else { return Ok(None) };
        let now = UnixTime::now();
        let issued_by = match self.local.verify_client_cert(own, others, now) {
            Ok(_) => IssuedBy::Local,
            Err(_) => self.all.verify_client_cert(own, others, now).map(|_| IssuedBy::Further)?,
        };
        let facts = Facts::of(own).map_err(|error| rustls::Error::General(error.to_string()))?;
        let Facts { fingerprint, subject, not_after, .. } = facts;
        Ok(Some(ClientCertificate { fingerprint, subject, not_after, issued_by }))
    }
}

fn verifier(roots: &[&CertificateDer<'static>], must: bool) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let failed = |why: String| TlsError::Setup(format!("certificates of clients cannot be checked: {why}"));
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add((*root).clone()).map_err(|error| failed(error.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::clone(&PROVIDER));
    let builder = if must { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| failed(error.to_string()))
}
