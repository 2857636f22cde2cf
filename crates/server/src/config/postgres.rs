//! What the settings say of a PostgreSQL server that gets the history too, and whether it makes sense.

use std::path::PathBuf;

use serde::Deserialize;

use super::{ConfigError, Secret};

/// The table's name when nobody says otherwise.
const TABLE: &str = "housewire_points";
/// What waits on disk for the server at most, in MiB, when nobody says otherwise.
const QUEUE_MB: u64 = 1024;
/// Names of PostgreSQL that need no care: what it cuts longer ones to, less what is put behind ours.
const NAME_BYTES_MAX: usize = 50;

/// The config file's `[postgres]`; without `url` there is no such server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct PostgresSettings {
    /// A PostgreSQL server that gets every point of history too: postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(
        id = "postgres_url",
        long = "postgres-url",
        env = "HOUSEWIRE_POSTGRES_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub url: Option<Secret>,
    /// The table there, made if it does not exist [default: housewire_points]
    #[arg(id = "postgres_table", long = "postgres-table", env = "HOUSEWIRE_POSTGRES_TABLE", value_name = "NAME")]
    pub table: Option<String>,
    /// The CA that vouches for the server: PEM [default: the system's]
    #[arg(id = "postgres_ca", long = "postgres-ca", env = "HOUSEWIRE_POSTGRES_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// What may wait on disk while the server is away, in MiB [default: 1024]
    #[arg(id = "postgres_queue_mb", long = "postgres-queue-mb", env = "HOUSEWIRE_POSTGRES_QUEUE_MB", value_name = "N")]
    pub queue_mb: Option<u64>,
}

impl PostgresSettings {
    pub(super) fn or(self, weaker: Self) -> Self {
        Self {
            url: self.url.or(weaker.url),
            table: self.table.or(weaker.table),
            ca: self.ca.or(weaker.ca),
            queue_mb: self.queue_mb.or(weaker.queue_mb),
        }
    }
}

/// A PostgreSQL server as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresConfig {
    /// Where it is and who logs in, as libpq writes it.
    pub url: Secret,
    /// The table, perhaps with its schema; needs no quotes.
    pub table: String,
    /// The CA that vouches for it; else the system's.
    pub ca: Option<PathBuf>,
    /// What may wait for it on disk, in bytes.
    pub queue_bytes: u64,
}

pub(super) fn choose(settings: PostgresSettings) -> Result<Option<PostgresConfig>, ConfigError> {
    let PostgresSettings { url, table, ca, queue_mb } = settings;
    let Some(url) = url else {
        let idle = [
            ("postgres.table", table.is_some()),
            ("postgres.ca", ca.is_some()),
            ("postgres.queue_mb", queue_mb.is_some()),
        ];
        return match idle.into_iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => Err(senseless(key, "…", "it says how postgres.url is used, which is missing")),
            None => Ok(None),
        };
    };
    check_url(&url)?;
    let table = table.unwrap_or_else(|| TABLE.to_owned());
    if !is_table(&table) {
        const RULE: &str = "it must be a name of a-z, 0-9 and _, perhaps with that of its schema and a dot before it";
        return Err(senseless("postgres.table", &table, RULE));
    }
    let queue_mb = queue_mb.unwrap_or(QUEUE_MB);
    if !(16..=1024 * 1024).contains(&queue_mb) {
        return Err(senseless("postgres.queue_mb", &queue_mb.to_string(), "it must be between 16 and 1048576"));
    }
    Ok(Some(PostgresConfig { url, table, ca, queue_bytes: queue_mb * 1024 * 1024 }))
}

#[cfg(feature = "postgres")]
fn check_url(url: &Secret) -> Result<(), ConfigError> {
    const RULE: &str =
        "it must look like postgres://USER:PASSWORD@HOST:5432/DATABASE, with % codes for special characters";
    // Not shown: there may be a password in it.
    match url.0.parse::<tokio_postgres::Config>() {
        Ok(config) if !config.get_hosts().is_empty() => Ok(()),
        _ => Err(senseless("postgres.url", "…", RULE)),
    }
}

#[cfg(not(feature = "postgres"))]
fn check_url(_url: &Secret) -> Result<(), ConfigError> {
    const RULE: &str = "this program was built without PostgreSQL (feature `postgres`)";
    Err(senseless("postgres.url", "…", RULE))
}

fn senseless(key: &'static str, value: &str, rule: &'static str) -> ConfigError {
    ConfigError::Senseless { key, value: value.to_owned(), rule }
}

fn is_table(text: &str) -> bool {
    let is_name = |name: &str| {
        (1..=NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !name.as_bytes()[0].is_ascii_digit()
    };
    text.split('.').count() <= 2 && text.split('.').all(is_name)
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<PostgresConfig>, ConfigError> {
        choose(toml::from_str(text).unwrap())
    }

    #[test]
    fn what_is_needed_is_the_url() {
        assert_eq!(read("").unwrap(), None);
        let config = read("url = \"postgres://me:pw@db.example/home\"").unwrap().unwrap();
        assert_eq!((config.table.as_str(), config.queue_bytes), ("housewire_points", 1 << 30));
        assert!(!format!("{config:?}").contains("pw"), "passwords are not printed");
        let config =
            read("url = \"host=/run/postgresql user=me\"\ntable = \"iot.points\"\nqueue_mb = 16").unwrap().unwrap();
        assert_eq!((config.table.as_str(), config.queue_bytes), ("iot.points", 1 << 24));
    }

    #[test]
    fn nonsense_is_refused_without_showing_passwords() {
        for (text, key) in [
            ("table = \"points\"", "postgres.table"),
            ("url = \"postgres://\"", "postgres.url"),
            ("url = \"mysql://me:pw@db.example/home\"", "postgres.url"),
            ("url = \"postgres://h/d\"\ntable = \"Points\"", "postgres.table"),
            ("url = \"postgres://h/d\"\ntable = \"a.b.c\"", "postgres.table"),
            ("url = \"postgres://h/d\"\ntable = \"a; drop table b\"", "postgres.table"),
            ("url = \"postgres://h/d\"\nqueue_mb = 1", "postgres.queue_mb"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(key) && !error.contains("pw"), "{text}: {error}");
        }
    }
}
