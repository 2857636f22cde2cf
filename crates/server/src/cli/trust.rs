//! Whom a command trusts to vouch for a hub at `https://…`.

use std::path::Path;

use rustls::ClientConfig;

use super::failure::{Failure, root_cause};
use crate::tls::{TrustError, client_config};

/// What is wrong with a file that should hold a CA, and where to get one.
const NEXT: &str = "Get the hub's CA from http://HOST:8080/ca.crt, and name that file";

/// How a hub is known.
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, Failure> {
    client_config(ca_file).map_err(|error| match error {
        TrustError::File { path, source } => {
            Failure::File { what: format!("cannot read {}", path.display()), error: source }
        }
        TrustError::NoCa { path, why } => {
            Failure::Usage { what: format!("cannot use {}", path.display()), why, next: NEXT }
        }
        TrustError::Machine(error) => {
            Failure::Machine { what: "cannot set up TLS".to_owned(), error: std::io::Error::other(root_cause(&error)) }
        }
    })
}
