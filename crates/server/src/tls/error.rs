//! Why there is no TLS, or no certificate.

use std::path::PathBuf;

use housewire_store::StoreError;
use thiserror::Error;

/// See the module.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The local CA's file cannot be used. It is never replaced by itself, as clients trust what is in it.
    #[error(
        "'{}' cannot be used as the local CA: {why}. Put a backup in its place; or move it away to get a new CA, which every client then has to be given anew.", .path.display()
    )]
    Authority {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file that the configuration names cannot be read.
    #[error("cannot read {} ({key}): {error}. Check the path and its permissions.", .path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file that the configuration names does not hold what it should.
    #[error("{} ({key}) cannot be used: {why}.", .path.display())]
    Unusable {
        /// Which one.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Bytes that are no certificate.
    #[error("it is no X.509 certificate ({0})")]
    NotACertificate(String),
    /// A request for a certificate that cannot be granted.
    #[error("{0}")]
    Request(String),
    /// A certificate cannot be made; none of ours should be refused.
    #[error("cannot make a certificate: {0}")]
    Making(#[from] rcgen::Error),
    /// What was made or read does not work together.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Threads.
    #[error("the system refused a thread for TLS: {0}. Check the limit on threads.")]
    System(#[from] std::io::Error),
}
