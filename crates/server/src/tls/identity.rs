//! A certificate with its key, as it stands in files: what a server shows.

use std::fmt;
use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::limits::TLS_FILE_BYTES_MAX;
use crate::tls::authority::pem;
use crate::tls::error::TlsError;
use crate::tls::facts::Facts;

/// See the module.
pub(crate) struct Identity {
    /// The server's own first, then those who vouch for it, in order.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) facts: Facts,
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key(), facts: self.facts.clone() }
    }
}

impl Identity {
    /// Whether the key belongs to the certificate is found out when the two are used.
    pub(crate) fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let first = chain.first().ok_or_else(|| TlsError::NotACertificate("there is none".to_owned()))?;
        let facts = Facts::of(first)?;
        Ok(Self { chain, key, facts })
    }

    /// Reads what [`Identity::to_file`] wrote; `None` if it is not that.
    pub(crate) fn from_file(file: &[u8]) -> Option<Self> {
        let chain = CertificateDer::pem_slice_iter(file).collect::<Result<Vec<_>, _>>().ok()?;
        Self::new(chain, PrivateKeyDer::from_pem_slice(file).ok()?).ok()
    }

    /// Certificates and key in PEM, in one file, so that one is never there without the other.
    pub(crate) fn to_file(&self) -> String {
        let mut file: String = self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect();
        let label = match &self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        file += &pem(label, self.key.secret_der());
        file
    }

    /// Reads files that the configuration names.
    pub(crate) fn own(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        const CERTIFICATE: &str = "tls.certificate";
        const KEY: &str = "tls.key";
        let chain = certificates(certificate, CERTIFICATE)?;
        let text = read(key, KEY)?;
        let unusable = |why: &str| TlsError::Unusable { path: key.to_owned(), key: KEY, why: why.to_owned() };
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
            let is_encrypted = text.windows(9).any(|window| window == b"ENCRYPTED");
            unusable(if is_encrypted {
                "its private key is encrypted, and nobody is there to type the password; \
                 'openssl pkey -in OLD -out NEW' takes it away"
            } else {
                "it holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"
            })
        })?;
        Self::new(chain, key).map_err(|error| TlsError::Unusable {
            path: certificate.to_owned(),
            key: CERTIFICATE,
            why: error.to_string(),
        })
    }
}

/// Reads the certificates of a file that the configuration names; there is at least one.
pub(crate) fn certificates(path: &Path, key: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path, key)?;
    let unusable = |why: String| TlsError::Unusable { path: path.to_owned(), key, why };
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| unusable(format!("it is damaged PEM ({error})")))?;
    if found.is_empty() {
        return Err(unusable("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok(found)
}

fn read(path: &Path, key: &'static str) -> Result<Vec<u8>, TlsError> {
    use std::io::Read as _;
    let unreadable = |error| TlsError::Unreadable { path: path.to_owned(), key, error };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(TLS_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > TLS_FILE_BYTES_MAX {
        let why = format!("it is larger than {TLS_FILE_BYTES_MAX} bytes");
        return Err(TlsError::Unusable { path: path.to_owned(), key, why });
    }
    Ok(bytes)
}
