//! One connection to PostgreSQL: the tables, and batches of points that arrive once.
//!
//! How far a hub has come stands in the server's own database and changes in the transaction that adds the points. Each point has its
//! number in the hub's log in its key as well, so that a position that was put back adds nothing twice.

use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt as _;
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::PostgresConfig;
use crate::reasons::with_reasons;
use crate::tls::{TrustError, client_config};

/// How long the server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take for one statement.
const STATEMENT_TIMEOUT_MS: u32 = 120_000;

/// Why nothing could be written.
#[derive(Debug, Error)]
pub(super) enum DatabaseError {
    /// The server, or the way to it. Its own words, as they are more to the point than those around them.
    #[error("{}", words(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// Who vouches for the server.
    #[error("{}", with_reasons(.0))]
    Trust(#[from] TrustError),
    /// It does not answer.
    #[error("the server did not answer within {} s", CONNECT_TIMEOUT.as_secs())]
    NoAnswer,
    /// Another program writes in this hub's name.
    #[error("another program writes for this hub: it has come to point {0}. Give each hub a data folder of its own")]
    Moved(u64),
}

fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("PostgreSQL says: {}", said.message()),
        None => with_reasons(error),
    }
}

/// An open connection; what it does fails for good once the server is gone.
pub(super) struct Database {
    client: Client,
    /// Carries bytes between the client and the socket.
    carrier: JoinHandle<()>,
    table: String,
    hub: String,
}

impl Drop for Database {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

impl Database {
    /// Connects and makes what is missing of the tables. Gives the number of the last point that the server has.
    pub(super) async fn open(config: &PostgresConfig, hub: &str) -> Result<(Self, u64), DatabaseError> {
        let mut options: Config = config.url.0.parse()?;
        options.connect_timeout(CONNECT_TIMEOUT).application_name("housewire");
        let opened = tokio::time::timeout(2 * CONNECT_TIMEOUT, connect(&options, config));
        let (client, carrier) = opened.await.map_err(|_| DatabaseError::NoAnswer)??;
        let mut database = Self { client, carrier, table: config.table.clone(), hub: hub.to_owned() };
        let last = database.prepare().await?;
        Ok((database, last))
    }

    async fn prepare(&mut self) -> Result<u64, DatabaseError> {
        let Self { client, table, hub, .. } = self;
        let settings = format!("SET statement_timeout = {STATEMENT_TIMEOUT_MS}; SET client_min_messages = warning");
        client.batch_execute(&settings).await?;
        let transaction = client.transaction().await?;
        // Of several hubs that come at once, one makes the tables.
        transaction.execute("SELECT pg_advisory_xact_lock(hashtext('housewire'))", &[]).await?;
        let is_there = |name: String| {
            let transaction = &transaction;
            // Asked for first: to make a table "if it does not exist" takes the right to make one, even if it does.
            async move {
                let row = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await?;
                Ok::<bool, tokio_postgres::Error>(row.get(0))
            }
        };
        if !is_there(table.clone()).await? {
            transaction.batch_execute(&points_table(table)).await?;
            let timescale = "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'";
            if transaction.query_opt(timescale, &[]).await?.is_some() {
                transaction.execute("SELECT create_hypertable($1::text::regclass, 'time')", &[&*table]).await?;
            }
        }
        if !is_there(format!("{table}_hubs")).await? {
            transaction.batch_execute(&hubs_table(table)).await?;
        }
        let first = format!("INSERT INTO {table}_hubs (hub, last) VALUES ($1, 0) ON CONFLICT DO NOTHING");
        transaction.execute(&first, &[&*hub]).await?;
        let position = format!("SELECT last FROM {table}_hubs WHERE hub = $1");
        let last: i64 = transaction.query_one(&position, &[&*hub]).await?.get(0);
        transaction.commit().await?;
        client.batch_execute(INCOMING_TABLE).await?;
        Ok(u64::try_from(last).unwrap_or(0))
    }

    /// Adds points, which are lines as `rows` writes them: those behind the number `after`, up to `last`. All of them or none; when
    /// this returns, the server has them for good. Gives how many were new to it.
    pub(super) async fn write(&mut self, lines: Bytes, after: u64, last: u64) -> Result<u64, DatabaseError> {
        let Self { client, table, hub, .. } = self;
        let transaction = client.transaction().await?;
        let position = format!("SELECT last FROM {table}_hubs WHERE hub = $1 FOR UPDATE");
        let stands_at: i64 = transaction.query_one(&position, &[&*hub]).await?.get(0);
        let stands_at = u64::try_from(stands_at).unwrap_or(0);
        if stands_at > after {
            return Err(DatabaseError::Moved(stands_at));
        }
        let copy = transaction.copy_in::<_, Bytes>("COPY housewire_incoming FROM STDIN").await?;
        let mut copy = std::pin::pin!(copy);
        copy.send(lines).await?;
        copy.finish().await?;
        let added = transaction.execute(&add_points(table), &[&*hub]).await?;
        let moved = format!("UPDATE {table}_hubs SET last = $2, written = now() WHERE hub = $1");
        let last = i64::try_from(last).unwrap_or(i64::MAX);
        transaction.execute(&moved, &[&*hub, &last]).await?;
        transaction.commit().await?;
        Ok(added)
    }
}

async fn connect(options: &Config, config: &PostgresConfig) -> Result<(Client, JoinHandle<()>), DatabaseError> {
    if is_plain(options) {
        let (client, connection) = options.connect(NoTls).await?;
        return Ok((client, tokio::spawn(async move { drop(connection.await) })));
    }
    let mut options = options.clone();
    // A server that could fall back to plain text would give the password away to whoever stands in between.
    options.ssl_mode(SslMode::Require);
    let (client, connection) = options.connect(MakeRustlsConnect::new(client_config(config.ca.as_deref())?)).await?;
    Ok((client, tokio::spawn(async move { drop(connection.await) })))
}

/// Whether TLS is needless or refused: nobody stands between programs of one machine.
fn is_plain(options: &Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    };
    match options.get_ssl_mode() {
        SslMode::Disable => true,
        SslMode::Require => false,
        _ => options.get_hosts().iter().all(is_here),
    }
}

/// `time` is in the key as TimescaleDB wants it to be.
fn points_table(table: &str) -> String {
    let name = table.replace('.', "_");
    format!(
        "CREATE TABLE {table} (
            time timestamptz NOT NULL,
            hub text NOT NULL,
            seq bigint NOT NULL,
            device text NOT NULL,
            property text NOT NULL,
            number double precision,
            text text,
            PRIMARY KEY (time, hub, seq)
        );
        CREATE INDEX {name}_of_property ON {table} (device, property, time DESC);"
    )
}

fn hubs_table(table: &str) -> String {
    format!("CREATE TABLE {table}_hubs (hub text PRIMARY KEY, last bigint NOT NULL, written timestamptz)")
}

const INCOMING_TABLE: &str = "CREATE TEMPORARY TABLE housewire_incoming (
        us bigint, seq bigint, device text, property text, number double precision, text text
    ) ON COMMIT DELETE ROWS";

/// Whole seconds and the rest apart: both are exact as doubles, which intervals are multiplied by.
fn add_points(table: &str) -> String {
    format!(
        "INSERT INTO {table} (time, hub, seq, device, property, number, text)
         SELECT timestamptz 'epoch' + us / 1000000 * interval '1 second' + us % 1000000 * interval '1 microsecond',
                $1, seq, device, property, number, text
         FROM housewire_incoming ON CONFLICT DO NOTHING"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_are_spoken_to_by_tls() {
        for (url, plain) in [
            ("postgres://me@127.0.0.1/home", true),
            ("postgres://me@localhost/home", true),
            ("host=/run/postgresql user=me", true),
            ("postgres://me@[::1]/home", true),
            ("postgres://me@db.example/home", false),
            ("postgres://me@192.0.2.1/home?sslmode=prefer", false),
            ("postgres://me@192.0.2.1/home?sslmode=disable", true),
            ("postgres://me@127.0.0.1/home?sslmode=require", false),
            ("host=localhost,db.example user=me", false),
        ] {
            assert_eq!(is_plain(&url.parse().unwrap()), plain, "{url}");
        }
    }
}
