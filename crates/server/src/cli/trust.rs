//! Whom a command trusts to vouch for a hub at `https://…`: the system's authorities, or the one in a file.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::failure::{Failure, root_cause};

/// What is wrong with a file that should hold a CA, and where to get one.
const NEXT: &str = "Get the hub's CA from http://HOST:8080/ca.crt, and name that file";

/// How a hub is known. A CA that is named is the only one, so that no other can vouch for a false hub.
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, Failure> {
    let builder = builder()?;
    let Some(path) = ca_file else {
        let trusting = builder.with_platform_verifier().map_err(|error| machine(&error))?;
        return Ok(trusting.with_no_client_auth());
    };
    let refuse = |why: String| Failure::Usage { what: format!("cannot use {}", path.display()), why, next: NEXT };
    let file = std::fs::read(path)
        .map_err(|error| Failure::File { what: format!("cannot read {}", path.display()), error })?;
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

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Failure> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| machine(&error))
}

fn machine(error: &rustls::Error) -> Failure {
    Failure::Machine { what: "cannot set up TLS".to_owned(), error: std::io::Error::other(root_cause(error)) }
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
            let refused = config(Some(&path)).unwrap_err().to_string();
            assert!(refused.contains(reason) && refused.contains("/ca.crt"), "{refused}");
        }
        assert!(matches!(config(Some(&folder.path().join("none"))), Err(Failure::File { .. })));
    }
}
