//! What the settings say of TLS, and whether it makes sense.

use std::path::PathBuf;

use serde::Deserialize;

use super::{ConfigError, Port, PortChoice};
use crate::limits::NAMES_MAX;
use crate::names::HostName;

/// Whether TLS is served, and whether anything else is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Without TLS.
    Off,
    /// With and without, as the client likes.
    #[default]
    On,
    /// Other machines get in with TLS only.
    Only,
}

/// Whether clients may, or must, show a certificate in the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They are not asked for one.
    Off,
    /// They may.
    #[default]
    Optional,
    /// Without one the handshake fails.
    Required,
}

/// The config file's `[tls]`; everything is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// Serve TLS; only: other machines get in with TLS alone [default: on]
    #[arg(id = "tls_mode", long = "tls", env = "HOUSEWIRE_TLS", value_enum)]
    pub mode: Option<TlsMode>,
    /// Certificates to show instead of one of the local CA: PEM, the hub's own first; read again on SIGHUP
    #[arg(id = "tls_certificate", long = "tls-certificate", env = "HOUSEWIRE_TLS_CERTIFICATE", value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// The private key of that certificate: PEM
    #[arg(id = "tls_key", long = "tls-key", env = "HOUSEWIRE_TLS_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// A CA whose certificates name devices (CN), besides the local one: PEM
    #[arg(id = "tls_client_ca", long = "tls-client-ca", env = "HOUSEWIRE_TLS_CLIENT_CA", value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// Whether clients show certificates of their own [default: optional]
    #[arg(id = "tls_client_auth", long = "tls-client-auth", env = "HOUSEWIRE_TLS_CLIENT_AUTH", value_enum)]
    pub client_auth: Option<ClientAuth>,
}

impl TlsSettings {
    pub(super) fn or(self, weaker: Self) -> Self {
        Self {
            mode: self.mode.or(weaker.mode),
            certificate: self.certificate.or(weaker.certificate),
            key: self.key.or(weaker.key),
            client_ca: self.client_ca.or(weaker.client_ca),
            client_auth: self.client_auth.or(weaker.client_auth),
        }
    }
}

/// Files of a certificate that somebody else issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFiles {
    /// Certificates, the hub's own first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// TLS as it is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Whether it is served.
    pub mode: TlsMode,
    /// What is shown; without it, a certificate of the local CA.
    pub own: Option<OwnFiles>,
    /// A further CA of clients.
    pub client_ca: Option<PathBuf>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
}

/// `mqtts_port` is what the settings say of the port that is of no use without TLS.
pub(super) fn choose(settings: TlsSettings, mqtts_port: PortChoice) -> Result<TlsConfig, ConfigError> {
    let TlsSettings { mode, certificate, key, client_ca, client_auth } = settings;
    let (mode, client_auth) = (mode.unwrap_or_default(), client_auth.unwrap_or_default());
    let senseless =
        |key, value: &PathBuf, rule| Err(ConfigError::Senseless { key, value: value.display().to_string(), rule });
    let own = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(OwnFiles { certificate, key }),
        (Some(lone), None) => return senseless("tls.certificate", &lone, "name its private key in tls.key too"),
        (None, Some(lone)) => return senseless("tls.key", &lone, "name its certificate in tls.certificate too"),
        (None, None) => None,
    };
    if mode == TlsMode::Off {
        if let Some(OwnFiles { certificate, .. }) = &own {
            return senseless("tls.certificate", certificate, "tls.mode is off; leave one of the two out");
        }
        if let PortChoice { port: Port::On(port), named: true } = mqtts_port {
            let rule = "it speaks TLS, and tls.mode is off; leave one of the two out";
            return Err(ConfigError::Senseless { key: "mqtts_port", value: port.to_string(), rule });
        }
    }
    match &client_ca {
        Some(path) if mode == TlsMode::Off || client_auth == ClientAuth::Off => {
            senseless("tls.client_ca", path, "nobody is asked for a certificate: tls.mode or tls.client_auth is off")
        }
        _ => Ok(TlsConfig { mode, own, client_ca, client_auth }),
    }
}

/// Names of the hub that the settings add.
pub(super) fn names(names: Option<Vec<HostName>>) -> Result<Vec<HostName>, ConfigError> {
    let names = names.unwrap_or_default();
    if names.len() > NAMES_MAX {
        let value = format!("{} names", names.len());
        return Err(ConfigError::Senseless { key: "names", value, rule: "there may be at most 100" });
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn what_the_settings_say_of_tls() {
        let config = |text: &str| toml::from_str::<Settings>(text).unwrap().into_config();
        let tls = |text: &str| config(text).unwrap().tls;
        assert_eq!(tls(""), TlsConfig::default());
        let all =
            "[tls]\nmode = \"only\"\ncertificate = \"a\"\nkey = \"b\"\nclient_ca = \"c\"\nclient_auth = \"required\"";
        let own = Some(OwnFiles { certificate: "a".into(), key: "b".into() });
        let expected =
            TlsConfig { mode: TlsMode::Only, own, client_ca: Some("c".into()), client_auth: ClientAuth::Required };
        assert_eq!(tls(all), expected);
        for text in [
            "[tls]\ncertificate = \"a\"",
            "[tls]\nkey = \"a\"",
            "[tls]\nmode = \"off\"\ncertificate = \"a\"\nkey = \"b\"",
            "[tls]\nmode = \"off\"\nclient_ca = \"a\"",
            "[tls]\nclient_auth = \"off\"\nclient_ca = \"a\"",
            "mqtts_port = 8883\n[tls]\nmode = \"off\"",
        ] {
            assert!(matches!(config(text), Err(ConfigError::Senseless { .. })), "{text}");
        }
        assert_eq!(tls("mqtts_port = \"off\"\n[tls]\nmode = \"off\"").mode, TlsMode::Off);
        for text in ["[tls]\nmode = \"maybe\"", "[tls]\ncertificat = \"a\"", "names = [\"a b\"]"] {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn flags_win_one_by_one() {
        let file: Settings = toml::from_str("[tls]\nmode = \"only\"\ncertificate = \"a\"\nkey = \"b\"").unwrap();
        let flags = TlsSettings { mode: Some(TlsMode::On), ..TlsSettings::default() };
        let config = Settings { tls: flags, ..Settings::default() }.or(file).into_config().unwrap();
        assert!(config.tls.mode == TlsMode::On && config.tls.own.is_some());
    }
}
