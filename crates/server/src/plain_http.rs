//! HTTP clients that speak no TLS: of the demo house, and of commands for a hub at `http://…`.
//!
//! Whoever asks for TLS says whom to trust; see `cli::trust`.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// A client that trusts nobody. To be used instead of `reqwest::Client::builder`, which would read all that the system trusts,
/// for nothing, and fail on a machine that has no such list.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    let nobody = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has what the default versions need")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(nobody)
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_a_client_whatever_the_system_trusts() {
        super::builder().build().unwrap();
    }
}
