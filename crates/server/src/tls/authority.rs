//! The local CA: made once, at first start, and what it signs.
//!
//! Where it is kept belongs to `keeper`; which programs trust it, to their users.

use std::collections::BTreeSet;

use housewire_core::{DeviceId, Timestamp};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use time::OffsetDateTime;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use crate::names::HostName;
use crate::tls::clock::{self, Validity};
use crate::tls::error::TlsError;
use crate::tls::facts::Facts;
use crate::tls::identity::Identity;

/// Longest common name (RFC 5280 appendix A.1, `ub-common-name`).
const COMMON_NAME_BYTES_MAX: usize = 64;

/// A certificate of a device, and its key if that was made here.
pub(crate) struct DeviceCertificate {
    pub(crate) pem: String,
    pub(crate) key_pem: Option<String>,
    pub(crate) facts: Facts,
}

/// See the module.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pub(crate) facts: Facts,
}

impl Authority {
    /// Makes a CA of its own for the hub on this host.
    pub(crate) fn create(host: &str) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        // So that the CAs of two hubs, or of one that was set up anew, can be told apart in a list.
        let mut tag = [0; 3];
        fill_randomly(&mut tag)?;
        let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        let beginning: String = format!("Housewire CA of {host}").chars().take(COMMON_NAME_BYTES_MAX - 9).collect();
        params.distinguished_name = name(&format!("{beginning} ({tag})"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, clock::OF_THE_AUTHORITY);
        params.serial_number = Some(serial_number()?);
        let certificate = params.self_signed(&key)?.der().clone();
        let facts = Facts::of(&certificate)?;
        Ok(Self { issuer: Issuer::new(params, key), certificate, facts })
    }

    /// Reads what [`Authority::to_file`] wrote; the reason why not, in words.
    pub(crate) fn from_file(file: &[u8]) -> Result<Self, String> {
        let certificate =
            CertificateDer::from_pem_slice(file).map_err(|error| format!("it holds no certificate ({error})"))?;
        let key = PrivateKeyDer::from_pem_slice(file).map_err(|error| format!("it holds no private key ({error})"))?;
        let key = KeyPair::try_from(&key).map_err(|error| format!("its private key is of no use ({error})"))?;
        let facts = Facts::of(&certificate).map_err(|error| error.to_string())?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).map_err(|error| error.to_string())?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err("its private key belongs to another certificate".to_owned());
        }
        if !parsed.is_ca() {
            return Err("its certificate is not one of a CA".to_owned());
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|error| error.to_string())?;
        Ok(Self { issuer, certificate, facts })
    }

    /// Certificate and key in PEM, in one file, so that one is never there without the other.
    pub(crate) fn to_file(&self) -> String {
        self.pem() + self.issuer.key().serialize_pem().as_str()
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Whether that certificate is one that was issued here.
    pub(crate) fn has_signed(&self, certificate: &CertificateDer<'_>) -> bool {
        let parsed = x509_parser::parse_x509_certificate(certificate);
        let own = x509_parser::parse_x509_certificate(&self.certificate);
        let (Ok((_, parsed)), Ok((_, own))) = (parsed, own) else { return false };
        parsed.issuer() == own.subject() && parsed.verify_signature(Some(own.public_key())).is_ok()
    }

    /// The certificate alone, which is public.
    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// A certificate for the hub itself, with a new key.
    pub(crate) fn issue_server(&self, names: &BTreeSet<HostName>, now: Timestamp) -> Result<Identity, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = self.leaf("Housewire hub", ExtendedKeyUsagePurpose::ServerAuth, clock::of_the_hub(now))?;
        for name in names {
            params.subject_alt_names.push(match name {
                HostName::Dns(name) => SanType::DnsName(Ia5String::try_from(name.as_str())?),
                HostName::Address(address) => SanType::IpAddress(*address),
            });
        }
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| TlsError::Setup(error.to_owned()))?;
        Identity::new(vec![certificate], key)
    }

    /// A certificate for a device: for the key in its request, or with a new key.
    pub(crate) fn issue_device(
        &self,
        device: &DeviceId,
        request: Option<&str>,
        now: Timestamp,
    ) -> Result<DeviceCertificate, TlsError> {
        let params = self.leaf(device.as_str(), ExtendedKeyUsagePurpose::ClientAuth, clock::of_a_device(now))?;
        let (certificate, key_pem) = match request {
            Some(request) => (params.signed_by(&requested_key(request)?, &self.issuer)?, None),
            None => {
                let key = KeyPair::generate()?;
                (params.signed_by(&key, &self.issuer)?, Some(key.serialize_pem()))
            }
        };
        let certificate = certificate.der().clone();
        let facts = Facts::of(&certificate)?;
        Ok(DeviceCertificate { pem: pem("CERTIFICATE", &certificate), key_pem, facts })
    }

    fn leaf(
        &self,
        common_name: &str,
        purpose: ExtendedKeyUsagePurpose,
        validity: Validity,
    ) -> Result<CertificateParams, TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(common_name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial_number()?);
        set_validity(&mut params, validity);
        Ok(params)
    }
}

/// The key of a certificate signing request (PKCS #10) that proves to have it. Whatever else it asks for is not granted.
fn requested_key(request: &str) -> Result<SubjectPublicKeyInfo, TlsError> {
    let refuse = |why: &str| TlsError::Request(format!("The certificate signing request cannot be used: {why}."));
    let der = CertificateSigningRequestDer::from_pem_slice(request.as_bytes())
        .map_err(|_| refuse("it is not PEM that begins with -----BEGIN CERTIFICATE REQUEST-----"))?;
    let (_, parsed) =
        X509CertificationRequest::from_der(&der).map_err(|_| refuse("it is no PKCS #10 request behind the PEM"))?;
    parsed.verify_signature().map_err(|_| refuse("its signature does not belong to its key"))?;
    let key = parsed.certification_request_info.subject_pki.raw;
    SubjectPublicKeyInfo::from_der(key)
        .map_err(|_| refuse("its key is of a kind that is not served; use ECDSA with P-256 or P-384, Ed25519 or RSA"))
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name.push(DnType::OrganizationName, "Housewire");
    name
}

fn set_validity(params: &mut CertificateParams, validity: Validity) {
    // Years that every calendar has, see `clock`.
    let time = |timestamp: Timestamp| {
        OffsetDateTime::from_unix_timestamp(timestamp.as_micros().div_euclid(1_000_000))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    params.not_before = time(validity.not_before);
    params.not_after = time(validity.not_after);
}

/// 126 random bits (RFC 5280 section 4.1.2.2: positive, at most 20 bytes, never given twice).
fn serial_number() -> Result<SerialNumber, TlsError> {
    let mut bytes = [0; 16];
    fill_randomly(&mut bytes)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn fill_randomly(bytes: &mut [u8]) -> Result<(), TlsError> {
    getrandom::fill(bytes).map_err(|error| TlsError::Setup(format!("the system gives no random numbers ({error})")))
}

/// PEM with lines of 64 characters (RFC 7468), as every program reads it.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

#[cfg(test)]
mod tests;
