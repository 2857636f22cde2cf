//! Whom the hub's own program trusts to vouch for a server that it asks: the system's authorities, or the one in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use thiserror::Error;

use crate::tls::setup::PROVIDER;

/// Nobody can be trusted so.
#[derive(Debug, Error)]
pub(crate) enum TrustError {
    /// The file of the CA cannot be read.
    #[error("cannot read {}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// It holds no CA.
    #[error("cannot use {} as a CA: {why}", .path.display())]
    NoCa { path: PathBuf, why: String },
    /// The system's authorities cannot be had.
    #[error("cannot set up TLS")]
    Machine(#[from] rustls::Error),
}

/// How a server is known. A CA that is named is the only one, so that no other can vouch for a false server.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER)).with_safe_default_protocol_versions()?;
    let Some(path) = ca_file else {
        return Ok(builder.with_platform_verifier()?.with_no_client_auth());
    };
    let refuse = |why: String| TrustError::NoCa { path: path.to_owned(), why };
    let file = std::fs::read(path).map_err(|source| TrustError::File { path: path.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&file) {
        let certificate = certificate.map_err(|error| refuse(format!("it is damaged PEM ({error})")))?;
        roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refuse("it holds no certificate in PEM".to_owned()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_ca_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.crt");
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, reason) in [("", "no certificate"), ("nonsense", "no certificate"), (damaged, "cannot use")] {
            std::fs::write(&path, text).unwrap();
            let refused = client_config(Some(&path)).unwrap_err().to_string();
            assert!(refused.contains(reason) && refused.contains("/ca.crt"), "{refused}");
        }
        assert!(matches!(client_config(Some(&folder.path().join("none"))), Err(TrustError::File { .. })));
    }
}
