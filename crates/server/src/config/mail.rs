//! The settings under `[mail]`: the server that takes mails of devices, and whether they make sense.

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::PathBuf;

use lettre::message::Mailbox;
use serde::Deserialize;

use super::{ConfigError, Secret};

/// Mails of one device in an hour, when nobody says otherwise.
const RATE: u32 = 20;
const RATE_MAX: u32 = 1_000;
/// A file with a password is no longer.
const PASSWORD_BYTES_MAX: u64 = 1_024;

/// The config file's `[mail]`; without `server` no mail is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSettings {
    /// The SMTP server that mails are handed to; without it none is sent
    pub server: Option<String>,
    /// Its port [default: 587 with starttls, 465 with wrapper, 25 with none]
    pub port: Option<u16>,
    /// starttls, wrapper (TLS from the first byte) or none [default: starttls]
    pub tls: Option<MailTls>,
    /// The CA that vouches for it: PEM [default: the system's]
    pub ca: Option<PathBuf>,
    /// Who logs in there
    pub user: Option<String>,
    /// His password; better in a file
    pub password: Option<Secret>,
    /// A file with his password
    pub password_file: Option<PathBuf>,
    /// The sender: hub@example.com, or Hub <hub@example.com>
    pub from: Option<String>,
    /// Who gets mails of devices that name nobody
    pub to: Option<String>,
    /// Mails of one device in an hour; further ones are not sent [default: 20]
    pub rate: Option<u32>,
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// In the clear at first, then TLS, or not at all (RFC 3207).
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Wrapper,
    /// In the clear.
    None,
}

/// A mail server as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailConfig {
    /// Its name.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: MailTls,
    /// The CA that vouches for it; else the system's.
    pub ca: Option<PathBuf>,
    /// Who logs in.
    pub login: Option<(String, Secret)>,
    /// The sender.
    pub from: Mailbox,
    /// Who gets what names nobody.
    pub to: Option<Mailbox>,
    /// Mails of one device in an hour.
    pub rate: u32,
}

pub(super) fn choose(settings: MailSettings) -> Result<Option<MailConfig>, ConfigError> {
    let MailSettings { server, port, tls, ca, user, password, password_file, from, to, rate } = settings;
    let Some(server) = server.filter(|server| !server.is_empty()) else {
        let idle = [port.is_some(), tls.is_some(), user.is_some(), password.is_some(), from.is_some(), to.is_some()];
        return match idle.contains(&true) {
            true => Err(senseless("mail.server", "", "it is missing, and the other keys of [mail] say how it is used")),
            false => Ok(None),
        };
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    if server.len() > crate::limits::NAME_BYTES_MAX || !server.bytes().all(is_name) {
        return Err(senseless("mail.server", &server, "it must be a name or an address; its port is mail.port"));
    }
    let tls = tls.unwrap_or_default();
    let password = match (password, password_file) {
        (Some(_), Some(_)) => {
            return Err(senseless("mail.password", "…", "there is mail.password_file too: keep one of them"));
        }
        (None, Some(file)) => Some(read_password(&file)?),
        (password, None) => password,
    };
    let login = match (user, password) {
        (None, None) => None,
        (Some(user), Some(password)) => Some((user, password)),
        (Some(user), None) => {
            return Err(senseless("mail.user", &user, "it needs mail.password_file or mail.password"));
        }
        (None, Some(_)) => return Err(senseless("mail.password", "…", "it needs mail.user, whose it is")),
    };
    let is_here = server == "localhost" || server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if tls == MailTls::None && login.is_some() && !is_here {
        return Err(senseless("mail.tls", "none", "a password is not sent in the clear: say starttls or wrapper"));
    }
    let Some(from) = from else {
        return Err(senseless("mail.from", "", "it is missing: mails need a sender, such as hub@example.com"));
    };
    let rate = rate.unwrap_or(RATE);
    if !(1..=RATE_MAX).contains(&rate) {
        return Err(senseless("mail.rate", &rate.to_string(), "it must be between 1 and 1000"));
    }
    let usual = match tls {
        MailTls::Starttls => 587,
        MailTls::Wrapper => 465,
        MailTls::None => 25,
    };
    Ok(Some(MailConfig {
        server,
        port: port.unwrap_or(usual),
        tls,
        ca,
        login,
        from: mailbox("mail.from", &from)?,
        to: to.map(|to| mailbox("mail.to", &to)).transpose()?,
        rate,
    }))
}

fn mailbox(key: &'static str, text: &str) -> Result<Mailbox, ConfigError> {
    text.parse().map_err(|_| senseless(key, text, "it must be an address: me@example.com, or Me <me@example.com>"))
}

/// Its first line.
fn read_password(file: &std::path::Path) -> Result<Secret, ConfigError> {
    let shown = file.display().to_string();
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text));
    if read.is_err() {
        return Err(senseless("mail.password_file", &shown, "it must be a file with text that the hub may read"));
    }
    match text.lines().next().map(str::trim_end) {
        Some(password) if !password.is_empty() => Ok(Secret(password.to_owned())),
        _ => Err(senseless("mail.password_file", &shown, "it is empty: its first line must be the password")),
    }
}

fn senseless(key: &'static str, value: &str, rule: &'static str) -> ConfigError {
    ConfigError::Senseless { key, value: value.to_owned(), rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<MailConfig>, ConfigError> {
        choose(toml::from_str(text).unwrap())
    }

    #[test]
    fn what_is_needed_is_a_server_and_a_sender() {
        assert_eq!(read("").unwrap(), None);
        let config = read("server = \"mail.example\"\nfrom = \"Hub <hub@example.com>\"").unwrap().unwrap();
        assert_eq!((config.port, config.tls, config.rate, config.login), (587, MailTls::Starttls, 20, None));
        let config = read(
            "server = \"mail.example\"\nfrom = \"hub@example.com\"\ntls = \"wrapper\"\nuser = \"u\"\npassword = \"hunter2\"",
        );
        let config = config.unwrap().unwrap();
        assert_eq!(config.port, 465);
        assert!(!format!("{config:?}").contains("hunter2"), "passwords are not printed");
    }

    #[test]
    fn passwords_come_from_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = |path: &std::path::Path| {
            format!("server = \"m\"\nfrom = \"a@b.c\"\nuser = \"u\"\npassword_file = {:?}", path.display().to_string())
        };
        assert!(read(&text(file.path())).unwrap_err().to_string().contains("it is empty"));
        std::fs::write(file.path(), "hunter2\n").unwrap();
        assert_eq!(read(&text(file.path())).unwrap().unwrap().login.unwrap().1.0, "hunter2");
        assert!(read(&text(std::path::Path::new("/nonexistent"))).unwrap_err().to_string().contains("may read"));
    }

    #[test]
    fn nonsense_is_refused_without_showing_passwords() {
        let whole = "server = \"mail.example\"\nfrom = \"hub@example.com\"\n";
        for (text, key) in [
            ("from = \"hub@example.com\"".to_owned(), "mail.server"),
            ("server = \"mail.example:25\"\nfrom = \"a b\"".to_owned(), "mail.from"),
            ("server = \"http://mail\"\nfrom = \"a@b.c\"".to_owned(), "mail.server"),
            ("server = \"mail.example\"".to_owned(), "mail.from"),
            (format!("{whole}to = \"everybody\""), "mail.to"),
            (format!("{whole}user = \"me\""), "mail.user"),
            (format!("{whole}password = \"hunter2\""), "mail.password"),
            (format!("{whole}user = \"me\"\npassword = \"hunter2\"\npassword_file = \"x\""), "mail.password"),
            (format!("{whole}user = \"me\"\npassword = \"hunter2\"\ntls = \"none\""), "mail.tls"),
            (format!("{whole}rate = 0"), "mail.rate"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(key) && !error.contains("hunter2"), "{text}: {error}");
        }
        assert!(toml::from_str::<MailSettings>("tls = \"ssl\"").is_err());
    }
}
