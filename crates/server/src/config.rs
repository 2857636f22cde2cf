//! Configuration: defaults, then the config file, then environment variables, then flags; validated once, read-only after.
//!
//! Every key but `[http]`, `[blynk]`, `[bolt]`, `[mail]`, `[limits]` and `[users]` is a flag (`mqtt_port` is `--mqtt-port`, `key` of `[tls]` is `--tls-key`) and an environment
//! variable (`HOUSEWIRE_MQTT_PORT`, `HOUSEWIRE_TLS_KEY`), and so is what most people want of `[history]`.

mod blynk;
mod bolt;
mod history;
mod http;
mod limits;
mod mail;
mod postgres;
mod proxies;
mod tls;
mod users;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use housewire_core::Filter;
use housewire_protocols::scram::Credentials;
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

pub use self::blynk::BlynkSettings;
pub use self::bolt::BoltSettings;
pub(crate) use self::history::RETENTION_DAYS_MAX;
pub use self::history::{HistoryConfig, HistorySettings};
pub use self::http::{HttpSettings, Origins};
pub use self::limits::Limits;
pub use self::mail::{MailConfig, MailSettings, MailTls};
pub use self::postgres::{PostgresConfig, PostgresSettings};
pub use self::tls::{ClientAuth, OwnFiles, TlsConfig, TlsMode, TlsSettings};
pub(crate) use self::users::check_name as check_user_name;
pub use self::users::{Secret, UserSettings};
use crate::auth::GuestPolicy;
use crate::names::HostName;
use crate::persist::DurabilityMode;
use crate::proxy::{Network, Proxies};

/// A port, or no listener at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Listen here; 0 takes any free port.
    On(u16),
    /// Do not listen.
    Off,
}

impl FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::On).map_err(|_| format!("'{text}' is neither a port (0 to 65535) nor 'off'")),
        }
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u16),
            Text(String),
        }
        match Form::deserialize(deserializer) {
            Ok(Form::Number(port)) => Ok(Self::On(port)),
            Ok(Form::Text(text)) => text.parse().map_err(de::Error::custom),
            Err(_) => Err(de::Error::custom("expected a port (0 to 65535) or \"off\"")),
        }
    }
}

/// A port, and whether somebody named it: a busy default is skipped, a busy named port is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortChoice {
    /// Where to listen.
    pub port: Port,
    /// Named in a flag, a variable or the file.
    pub named: bool,
}

/// Every setting of the hub.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that settings were read from, if there is one.
    pub file: Option<PathBuf>,
    /// Folder of the database; made if it does not exist.
    pub data: PathBuf,
    /// Address to listen on.
    pub bind: IpAddr,
    /// The one port, which speaks everything.
    pub port: u16,
    /// MQTT's own port.
    pub mqtt_port: PortChoice,
    /// MQTT's own port with TLS.
    pub mqtts_port: PortChoice,
    /// TLS.
    pub tls: TlsConfig,
    /// Names and addresses of the hub, besides those that the machine says of itself.
    pub names: Vec<HostName>,
    /// Tell the network of this hub, and look for devices there.
    pub mdns: bool,
    /// Run the demo house.
    pub demo: bool,
    /// Log filter: `error`, `warn`, `info`, `debug`, `trace`, or per module.
    pub log: String,
    /// Who is let in without a credential, if somebody decided that.
    pub guest: Option<GuestPolicy>,
    /// Topics that whoever is let in without a credential may neither read nor write.
    pub guest_deny: Vec<Filter>,
    /// What an acknowledgement promises.
    pub durability: DurabilityMode,
    /// Who says with a PROXY header whose its connections are.
    pub proxies: Proxies,
    /// Who may log in by name, and what he has to know.
    pub users: BTreeMap<String, Credentials>,
    /// Threads that connections live on.
    pub shards: usize,
    /// How long a report over HTTP shows its device online.
    pub online_timeout: Duration,
    /// How often the hub tells its figures under `$SYS`; `None`: not at all.
    pub sys_interval: Option<Duration>,
    /// What values were.
    pub history: HistoryConfig,
    /// How HTTP is spoken.
    pub http: HttpSettings,
    /// How devices that speak Blynk are served.
    pub blynk: BlynkSettings,
    /// How programs are answered that were written for Bolt's cloud API.
    pub bolt: BoltSettings,
    /// Who takes mails of devices.
    pub mail: Option<MailConfig>,
    /// Where history is written once more.
    pub postgres: Option<PostgresConfig>,
    /// Whether devices that announce themselves may be found at all; the rest is set while the hub runs.
    pub discovery: bool,
    /// Bounds.
    pub limits: Limits,
}

/// `[discovery]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscoverySection {
    /// Whether devices that announce themselves may be found at all [default: true]
    pub enabled: bool,
}

impl Default for DiscoverySection {
    fn default() -> Self {
        Self { enabled: true }
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(de::Error::custom)
}

fn optional_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

/// A time, or `None` where people write `off`. A type of its own, as an optional setting is one that nobody made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(pub Option<Duration>);

/// A duration as [`parse_duration`] reads it, or `off`, which 0 means too.
pub fn parse_period(text: &str) -> Result<Period, String> {
    if text == "off" {
        return Ok(Period(None));
    }
    let time = parse_duration(text).map_err(|error| format!("{error}, or off"))?;
    Ok(Period((!time.is_zero()).then_some(time)))
}

fn period<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_period(&text).map_err(de::Error::custom)
}

fn optional_period<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Period>, D::Error> {
    period(deserializer).map(Some)
}

/// A duration as people write it: `500ms`, `30s`, `5m`, `2h`, or plain seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no duration: write 500ms, 30s, 5m, 2h or a number of seconds");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong()),
    };
    const YEAR_SECONDS: f64 = 31_536_000.0;
    let seconds = number * scale;
    if seconds > YEAR_SECONDS { Err(wrong()) } else { Ok(Duration::from_secs_f64(seconds)) }
}

/// What a config file, or the flags and variables, say; everything is optional.
#[derive(Clone, Debug, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Folder for the database; made if it does not exist [default: housewire-data]
    #[arg(long, env = "HOUSEWIRE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address to listen on [default: 0.0.0.0]
    #[arg(long, env = "HOUSEWIRE_BIND", value_name = "ADDR")]
    pub bind: Option<IpAddr>,
    /// The one port: HTTP, WebSocket and MQTT, with and without TLS; 0 picks a free one [default: 8080]
    #[arg(long, env = "HOUSEWIRE_PORT", value_name = "N")]
    pub port: Option<u16>,
    /// MQTT's own port, or off [default: 1883, skipped if busy]
    #[arg(long, env = "HOUSEWIRE_MQTT_PORT", value_name = "N|off")]
    pub mqtt_port: Option<Port>,
    /// MQTT's own port with TLS, or off [default: 8883, skipped if busy]
    #[arg(long, env = "HOUSEWIRE_MQTTS_PORT", value_name = "N|off")]
    pub mqtts_port: Option<Port>,
    /// TLS; a section of its own in the config file.
    #[command(flatten)]
    pub tls: TlsSettings,
    /// Further names and addresses of the hub, divided by commas: for its certificate, and for who asks it by them
    #[arg(long, env = "HOUSEWIRE_NAMES", value_name = "NAME", value_delimiter = ',')]
    pub names: Option<Vec<HostName>>,
    /// Tell the network of this hub by mDNS, and look for devices there [default: true]
    #[arg(long, env = "HOUSEWIRE_MDNS", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub mdns: Option<bool>,
    /// Neither tell the network nor look there, whatever else says so
    #[arg(long)]
    #[serde(skip)]
    pub no_mdns: bool,
    /// Run the demo house: four simulated devices
    #[arg(long, env = "HOUSEWIRE_DEMO", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub demo: Option<bool>,
    /// What to log: error, warn, info, debug, trace [default: info]
    #[arg(long, env = "HOUSEWIRE_LOG", value_name = "LEVEL")]
    pub log: Option<String>,
    /// Who gets in without a credential [default: loopback until there is an admin, then off]
    #[arg(long, env = "HOUSEWIRE_GUEST", value_enum)]
    pub guest: Option<GuestPolicy>,
    /// Topics that guests may neither read nor write; may be given several times
    #[arg(long, env = "HOUSEWIRE_GUEST_DENY", value_name = "FILTER", value_delimiter = ' ')]
    pub guest_deny: Option<Vec<String>>,
    /// What an acknowledgement promises: on disk, or there within a second [default: strict]
    #[arg(long, env = "HOUSEWIRE_DURABILITY", value_enum)]
    pub durability: Option<DurabilityMode>,
    /// Take connections from proxies, which say by PROXY protocol version 2 whose they are
    #[arg(long, env = "HOUSEWIRE_PROXY_PROTOCOL", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub proxy_protocol: Option<bool>,
    /// Addresses or networks of these proxies, divided by commas [default: this machine]
    #[arg(long, env = "HOUSEWIRE_PROXY_FROM", value_name = "ADDR", value_delimiter = ',')]
    pub proxy_from: Option<Vec<Network>>,
    /// Threads that connections live on [default: 1]
    #[arg(long, env = "HOUSEWIRE_SHARDS", value_name = "N")]
    pub shards: Option<usize>,
    /// How long a report over HTTP shows its device online [default: 5m]
    #[arg(long, env = "HOUSEWIRE_ONLINE_TIMEOUT", value_name = "TIME", value_parser = parse_duration)]
    #[serde(deserialize_with = "optional_seconds")]
    pub online_timeout: Option<Duration>,
    /// How often the hub tells its figures under $SYS, or off [default: 10s]
    #[arg(long, env = "HOUSEWIRE_SYS_INTERVAL", value_name = "TIME|off", value_parser = parse_period)]
    #[serde(deserialize_with = "optional_period")]
    pub sys_interval: Option<Period>,
    /// What values were; a section of its own in the config file.
    #[command(flatten)]
    pub history: HistorySettings,
    /// A PostgreSQL server; a section of its own in the config file.
    #[command(flatten)]
    pub postgres: PostgresSettings,
    /// How HTTP is spoken; in the config file only.
    #[arg(skip)]
    pub http: Option<HttpSettings>,
    /// Devices that speak Blynk; in the config file only.
    #[arg(skip)]
    pub blynk: Option<BlynkSettings>,
    /// Programs that were written for Bolt's cloud API; in the config file only.
    #[arg(skip)]
    pub bolt: Option<BoltSettings>,
    /// A mail server; in the config file only.
    #[arg(skip)]
    pub mail: Option<MailSettings>,
    /// Devices that announce themselves; in the config file only.
    #[arg(skip)]
    pub discovery: Option<DiscoverySection>,
    /// Bounds; in the config file only.
    #[arg(skip)]
    pub limits: Option<Limits>,
    /// Who may log in by name; in the config file only.
    #[arg(skip)]
    pub users: Option<BTreeMap<String, UserSettings>>,
}

/// The configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the config file {path}: {error}. Check the path given with --config and its permissions.")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not what we understand.
    #[error(
        "the config file {path} is not valid:\n{error}\nMend or remove that key; docs/ref/config.md lists them all."
    )]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// A user cannot be one.
    #[error("[users.{name}] cannot be used: {rule}. 'housewire scram {name}' prints a section that can.")]
    User {
        /// Which one.
        name: String,
        /// What is wrong.
        rule: String,
    },
    /// A value makes no sense.
    #[error("{key} = {value} cannot be used: {rule}")]
    Senseless {
        /// Which key.
        key: &'static str,
        /// What it says.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
}

impl Settings {
    /// Reads a config file.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
        toml::from_str(&text).map_err(|error| ConfigError::Invalid { path: path.to_owned(), error: Box::new(error) })
    }

    /// These settings, with those of `weaker` where these say nothing.
    #[must_use]
    pub fn or(self, weaker: Self) -> Self {
        Self {
            data: self.data.or(weaker.data),
            bind: self.bind.or(weaker.bind),
            port: self.port.or(weaker.port),
            mqtt_port: self.mqtt_port.or(weaker.mqtt_port),
            mqtts_port: self.mqtts_port.or(weaker.mqtts_port),
            tls: self.tls.or(weaker.tls),
            names: self.names.or(weaker.names),
            mdns: self.no_mdns.then_some(false).or(self.mdns).or(weaker.mdns),
            no_mdns: false,
            demo: self.demo.or(weaker.demo),
            log: self.log.or(weaker.log),
            guest: self.guest.or(weaker.guest),
            guest_deny: self.guest_deny.or(weaker.guest_deny),
            durability: self.durability.or(weaker.durability),
            proxy_protocol: self.proxy_protocol.or(weaker.proxy_protocol),
            proxy_from: self.proxy_from.or(weaker.proxy_from),
            shards: self.shards.or(weaker.shards),
            online_timeout: self.online_timeout.or(weaker.online_timeout),
            sys_interval: self.sys_interval.or(weaker.sys_interval),
            history: self.history.or(weaker.history),
            postgres: self.postgres.or(weaker.postgres),
            http: self.http.or(weaker.http),
            blynk: self.blynk.or(weaker.blynk),
            bolt: self.bolt.or(weaker.bolt),
            mail: self.mail.or(weaker.mail),
            discovery: self.discovery.or(weaker.discovery),
            limits: self.limits.or(weaker.limits),
            users: self.users.or(weaker.users),
        }
    }

    /// The configuration, defaults filled in.
    pub fn into_config(self) -> Result<Config, ConfigError> {
        const SHARDS_MAX: usize = 64;
        let choice =
            |port: Option<Port>, default| PortChoice { port: port.unwrap_or(Port::On(default)), named: port.is_some() };
        let shards = self.shards.unwrap_or(1);
        if !(1..=SHARDS_MAX).contains(&shards) {
            let value = shards.to_string();
            return Err(ConfigError::Senseless { key: "shards", value, rule: "it must be between 1 and 64" });
        }
        let bind = self.bind.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let demo = self.demo.unwrap_or(false);
        let mdns = self.mdns.unwrap_or(true) && !self.no_mdns;
        let proxies = proxies::choose(self.proxy_protocol.unwrap_or(false), self.proxy_from, demo.then_some(bind))?;
        let limits = self.limits.unwrap_or_default();
        limits.validate()?;
        let blynk = self.blynk.unwrap_or_default();
        blynk.validate()?;
        let bolt = self.bolt.unwrap_or_default();
        let mqtts_port = choice(self.mqtts_port, 8883);
        Ok(Config {
            file: None,
            data: self.data.unwrap_or_else(|| PathBuf::from("housewire-data")),
            bind,
            port: self.port.unwrap_or(8080),
            mqtt_port: choice(self.mqtt_port, 1883),
            mqtts_port,
            tls: tls::choose(self.tls, mqtts_port)?,
            names: tls::names(self.names)?,
            mdns,
            demo,
            log: self.log.unwrap_or_else(|| "info".to_owned()),
            guest: self.guest,
            guest_deny: parse_guest_deny(self.guest_deny.unwrap_or_default())?,
            durability: self.durability.unwrap_or_default(),
            proxies,
            users: users::parse(self.users.unwrap_or_default())?,
            shards,
            online_timeout: self.online_timeout.unwrap_or(Duration::from_secs(300)),
            sys_interval: self.sys_interval.map_or(Some(Duration::from_secs(10)), |period| period.0),
            history: history::choose(self.history)?,
            http: self.http.unwrap_or_default(),
            blynk,
            bolt,
            mail: mail::choose(self.mail.unwrap_or_default())?,
            postgres: postgres::choose(self.postgres)?,
            discovery: self.discovery.unwrap_or_default().enabled,
            limits,
        })
    }
}

fn parse_guest_deny(texts: Vec<String>) -> Result<Vec<Filter>, ConfigError> {
    let parse = |text: String| {
        const RULE: &str = "it must be a topic filter such as secret/#";
        Filter::parse(&text).map_err(|_| ConfigError::Senseless { key: "guest_deny", value: text, rule: RULE })
    };
    texts.into_iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file() {
        let file: Settings = toml::from_str("port = 1\nmqtt_port = \"off\"\nonline_timeout = \"2m\"").unwrap();
        let flags = Settings { port: Some(2), ..Settings::default() };
        let config = flags.or(file).into_config().unwrap();
        assert_eq!(config.port, 2);
        assert_eq!(config.mqtt_port, PortChoice { port: Port::Off, named: true });
        assert_eq!(config.mqtts_port, PortChoice { port: Port::On(8883), named: false });
        assert_eq!(config.online_timeout, Duration::from_secs(120));
    }

    #[test]
    fn the_network_is_told_unless_somebody_says_no() {
        let mdns = |flags: Settings, file: &str| {
            let file: Settings = toml::from_str(file).unwrap();
            flags.or(file).into_config().unwrap().mdns
        };
        let no = Settings { no_mdns: true, ..Settings::default() };
        let yes = Settings { mdns: Some(true), ..Settings::default() };
        // As it is with HOUSEWIRE_MDNS=true in the environment.
        let both = Settings { mdns: Some(true), no_mdns: true, ..Settings::default() };
        assert!(mdns(Settings::default(), "") && mdns(Settings::default(), "mdns = true") && mdns(yes, "mdns = false"));
        assert!(!mdns(both, ""));
        assert!(!mdns(no.clone(), "") && !mdns(no, "mdns = true") && !mdns(Settings::default(), "mdns = false"));
        assert!(toml::from_str::<Settings>("no_mdns = true").is_err(), "a flag only");
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in
            ["prot = 1", "port = \"x\"", "port = 70000", "mqtt_port = \"of\"", "[limits]\nx = 1", "guest = \"all\""]
        {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
        for settings in [
            Settings { shards: Some(0), ..Settings::default() },
            Settings { limits: Some(Limits { connections: 0, ..Limits::default() }), ..Settings::default() },
            Settings { limits: Some(Limits { mqtt_packet_bytes: 10, ..Limits::default() }), ..Settings::default() },
        ] {
            assert!(matches!(settings.into_config(), Err(ConfigError::Senseless { .. })));
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, expected) in
            [("500ms", Some(500)), ("30s", Some(30_000)), ("1.5m", Some(90_000)), ("2", Some(2_000))]
        {
            assert_eq!(parse_duration(text).ok().map(|time| time.as_millis()), expected, "{text}");
        }
        for text in ["", "s", "5 parsecs", "-1s", "1e99s", "99999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
