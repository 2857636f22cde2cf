//! Backups over HTTP, for administrators: one is made and sent while the hub runs; one is taken in, to be put in place at the next start.
//!
//! Both are work of minutes for a disk, so each has a thread of its own, with a few pieces between it and the connection.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use housewire_store::{BackupError, Backups, Manifest, Snapshot, StoreError};
use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{error, warn};
use utoipa::ToSchema;

use crate::accounts::{Deed, Event};
use crate::caller::Caller;
use crate::http::describe::{BadBackup, BadRequest, Busy, Forbidden, NoRoom, NotFound, TooSlow};
use crate::http::problem::Problem;
use crate::limits::{BACKUP_PIECES_MAX, BACKUP_SILENCE_MAX};
use crate::reasons::with_reasons;
use crate::shard::now;
use crate::view::schema::AnyBytes;

/// What is gathered before it is handed on.
const PIECE_BYTES: usize = 64 * 1024;
/// How long it takes to look again whether a piece is taken: a few of them are under way.
const PIECE_PAUSE: Duration = Duration::from_millis(2);
/// The configuration file's name in a backup, and so below a data folder that one was put in place of.
const CONFIG_NAME: &str = "config/housewire.toml";
/// How many bytes the files have, for whoever shows how far it is.
const BYTES: HeaderName = HeaderName::from_static("housewire-backup-bytes");

/// A backup that waits for the next start.
#[derive(Serialize, ToSchema)]
#[schema(as = StagedBackup)]
pub(crate) struct StagedJson {
    /// Whether there is one.
    staged: bool,
    /// Of the program that made it.
    version: Option<String>,
    #[schema(format = DateTime)]
    made: Option<String>,
    /// How many it has.
    files: usize,
    /// What they have together.
    bytes: u64,
}

impl From<Option<Manifest>> for StagedJson {
    fn from(manifest: Option<Manifest>) -> Self {
        match manifest {
            None => Self { staged: false, version: None, made: None, files: 0, bytes: 0 },
            Some(manifest) => Self {
                staged: true,
                made: Some(manifest.made.to_string()),
                files: manifest.files.len(),
                bytes: manifest.bytes(),
                version: Some(manifest.version),
            },
        }
    }
}

/// `GET /api/backup`
#[utoipa::path(
    get, path = "/api/backup", operation_id = "getBackup", tag = "Hub",
    summary = "Makes a backup of everything and sends it",
    description = "For administrators. A gzipped tar archive: the database, the history, the CA and certificates, the configuration file, and in front a \
                   manifest with the SHA-256 of each. Made while the hub runs: whatever was acknowledged before is in it. It has every secret of the hub. \
                   The answer begins when all is copied, which may take minutes and as much room on the disk; one that breaks off is not whole, which \
                   its reader sees.",
    responses(
        (
            status = 200, description = "The archive.", body = AnyBytes, content_type = "application/gzip",
            headers(("Housewire-Backup-Bytes" = u64, description = "What its files have together.")),
        ),
        Forbidden, Busy, NoRoom,
    ),
)]
pub(crate) async fn get(caller: Caller) -> Result<Response, Problem> {
    caller.must_administer()?;
    // What was said to be safe has to be where it is copied from; and what was only published should be.
    caller.shard.durability.flushed(caller.hub().next_batch()).await?;
    caller.history_settled().await?;
    caller
        .accounts(|accounts| {
            accounts.save_all();
            Ok(())
        })
        .await?;
    let (backups, config) = (caller.shard.house.backups.clone(), caller.shard.config.file.clone());
    let made = now().wall;
    let (tell, told) = oneshot::channel();
    let (pieces, mut sent) = mpsc::channel::<Bytes>(BACKUP_PIECES_MAX);
    on_a_thread("backup", move || {
        let beside = config.as_deref().filter(|file| file.is_file()).map(|file| (CONFIG_NAME, file));
        make(&backups, made, beside.as_slice(), tell, pieces);
    })?;
    let manifest = told.await.map_err(|_| broken())??;
    let made_by = Deed { event: Event::BackupMade, by: &caller.change(), subject: None, detail: None };
    caller.shard.accounts.audit.note(made_by);
    let day = made.to_string();
    let name = format!("attachment; filename=\"housewire-{}.tar.gz\"", &day[..10]);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/gzip")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).expect("a date needs no escaping")),
        (BYTES, HeaderValue::from(manifest.bytes())),
    ];
    let pieces = stream::poll_fn(move |cx| sent.poll_recv(cx)).map(Ok::<_, Infallible>);
    Ok((headers, Body::from_stream(pieces)).into_response())
}

fn make(
    backups: &Backups,
    made: housewire_core::Timestamp,
    beside: &[(&str, &Path)],
    tell: oneshot::Sender<Result<Manifest, BackupError>>,
    pieces: mpsc::Sender<Bytes>,
) {
    let snapshot: Snapshot = match backups.snapshot(made, beside) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            warn!("no backup was made: {}", with_reasons(&error));
            // Whoever does not wait any more need not know.
            return drop(tell.send(Err(error)));
        }
    };
    let mut pieces = Pieces { gathered: Vec::with_capacity(PIECE_BYTES), to: pieces, silence_max: BACKUP_SILENCE_MAX };
    if tell.send(Ok(snapshot.manifest().clone())).is_ok()
        && let Err(error) = snapshot.write(&mut pieces)
    {
        // The archive has no end then, which whoever reads it notices.
        warn!("a backup was not sent to its end: {error}");
    }
    // Whoever sees the end may ask for the next one at once.
    drop(snapshot);
    drop(pieces);
}

/// `GET /api/backup/restore`
#[utoipa::path(
    get, path = "/api/backup/restore", operation_id = "getStagedBackup", tag = "Hub",
    summary = "Says whether a backup waits for the next start",
    description = "For administrators.",
    responses((status = 200, description = "What waits.", body = StagedJson), Forbidden),
)]
pub(crate) async fn show(caller: Caller) -> Result<Json<StagedJson>, Problem> {
    caller.must_administer()?;
    let backups = caller.shard.house.backups.clone();
    Ok(Json(caller.accounts(move |_| Ok(backups.staged())).await?.into()))
}

/// `POST /api/backup/restore`
#[utoipa::path(
    post, path = "/api/backup/restore", operation_id = "stageBackup", tag = "Hub",
    summary = "Takes in a backup, to be put in place at the next start",
    description = "For administrators. The body is the archive. It is read to its end and verified before anything else; nothing changes until the hub is \
                   started again, and what was there then is moved aside in the data folder. One that waited already is replaced.",
    request_body(content = AnyBytes, description = "The archive.", content_type = "application/gzip"),
    responses(
        (status = 202, description = "It waits for the next start.", body = StagedJson),
        BadRequest, Forbidden, TooSlow, BadBackup, Busy, NoRoom,
    ),
)]
pub(crate) async fn stage(caller: Caller, request: Request) -> Result<Response, Problem> {
    caller.must_administer()?;
    let (accounts, by) = (Arc::clone(&caller.shard.accounts), caller.change());
    let staging = caller.shard.house.backups.staging()?;
    let (tell, told) = oneshot::channel();
    let (pieces, taken) = mpsc::channel(BACKUP_PIECES_MAX);
    on_a_thread("restore", move || {
        let taken_in = staging.take_in(Taken { pieces: taken, piece: Bytes::new(), is_over: false });
        // Here, as it is so whether or not somebody still waits for the answer.
        if let Ok(manifest) = &taken_in {
            let detail = Some(format!("made {} by version {}", manifest.made, manifest.version));
            accounts.audit.note(Deed { event: Event::RestoreStaged, by: &by, subject: None, detail });
        }
        // Free for the next one before anybody is told.
        drop(staging);
        drop(tell.send(taken_in));
    })?;
    // A task of its own, as what was sent to its end counts, whether or not somebody still waits for the answer.
    let handed_on = tokio::spawn(hand_on(caller, request.into_body(), pieces, told)).await;
    let manifest = handed_on.map_err(|_| broken())??;
    Ok((StatusCode::ACCEPTED, Json(StagedJson::from(Some(manifest)))).into_response())
}

/// Hands a body on, piece by piece, and says what became of it.
async fn hand_on(
    caller: Caller,
    body: Body,
    pieces: mpsc::Sender<Piece>,
    mut told: oneshot::Receiver<Result<Manifest, BackupError>>,
) -> Result<Manifest, Problem> {
    let mut body = body.into_data_stream();
    let end = loop {
        let piece = tokio::select! {
            // It was refused before all of it was sent.
            early = &mut told => break early,
            piece = timeout(BACKUP_SILENCE_MAX, body.next()) => piece.map_err(|_| Problem::too_slow())?,
        };
        let piece = match piece {
            // What took hours may have been begun by an admin who is none any more.
            None => {
                caller.must_still_be_let_in()?;
                caller.must_administer()?;
                Piece::End
            }
            Some(piece) => Piece::Bytes(piece.map_err(|error| {
                Problem::bad_request(format!("The backup broke off: {error}. Nothing was changed.")).closing()
            })?),
        };
        let is_end = matches!(piece, Piece::End);
        // One that nobody takes was refused: why is told.
        let is_taken = pieces.send(piece).await.is_ok();
        if is_end || !is_taken {
            break told.await;
        }
    };
    end.map_err(|_| broken())?.map_err(|error| Problem::from(error).closing())
}

/// `DELETE /api/backup/restore`
#[utoipa::path(
    delete, path = "/api/backup/restore", operation_id = "forgetStagedBackup", tag = "Hub",
    summary = "Has the backup that waits not put in place",
    description = "For administrators.",
    responses((status = 204, description = "Nothing waits any more."), Forbidden, NotFound, Busy, NoRoom),
)]
pub(crate) async fn forget(caller: Caller) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let (backups, by) = (caller.shard.house.backups.clone(), caller.change());
    let forgotten = caller.accounts(move |accounts| {
        let forgotten = backups.staging().and_then(|staging| Ok(staging.forget()?));
        if let Ok(true) = forgotten {
            accounts.audit.note(Deed { event: Event::RestoreForgotten, by: &by, subject: None, detail: None });
        }
        Ok(forgotten)
    });
    if !forgotten.await?? {
        return Err(Problem::not_found("No backup waits for the next start."));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// One of its own, so that a hub that stops waits for no disk: what is half done then is tidied up at the next start.
fn on_a_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Problem> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| {
        error!("the system gives no thread for a {name}: {error}");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "The system has no thread for this at the moment. Try again later.",
        )
    })
}

fn broken() -> Problem {
    let text = "The backup failed, which is a bug; the hub's log says more. Nothing was changed.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", text)
}

/// Hands on what is written, in pieces; waits for whoever takes them, but not for ever: meanwhile nobody else gets a backup.
struct Pieces {
    gathered: Vec<u8>,
    to: mpsc::Sender<Bytes>,
    silence_max: Duration,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let mut piece = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE_BYTES)).into();
        let begun = Instant::now();
        loop {
            piece = match self.to.try_send(piece) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => {
                    return Err(io::Error::new(io::ErrorKind::BrokenPipe, "its client is gone"));
                }
                Err(TrySendError::Full(_)) if begun.elapsed() >= self.silence_max => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "its client takes nothing any more"));
                }
                Err(TrySendError::Full(piece)) => piece,
            };
            // This thread has no runtime, and so no timer that could end a wait.
            std::thread::sleep(PIECE_PAUSE);
        }
    }
}

/// A piece of what is taken in.
enum Piece {
    Bytes(Bytes),
    /// All of it came.
    End,
}

/// Reads pieces as they come.
struct Taken {
    pieces: mpsc::Receiver<Piece>,
    piece: Bytes,
    is_over: bool,
}

impl Read for Taken {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if self.is_over {
                return Ok(0);
            }
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(piece)) => self.piece = piece,
                Some(Piece::End) => self.is_over = true,
                None => return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was lost")),
            }
        }
        let len = out.len().min(self.piece.len());
        out[..len].copy_from_slice(&self.piece.split_to(len));
        Ok(len)
    }
}

impl From<BackupError> for Problem {
    /// Refusals of backups to status codes; the only place that does.
    fn from(error: BackupError) -> Self {
        let (status, code) = match &error {
            BackupError::Foreign(_) => (StatusCode::UNPROCESSABLE_ENTITY, "no_backup"),
            BackupError::Damaged(_) => (StatusCode::UNPROCESSABLE_ENTITY, "damaged_backup"),
            BackupError::Newer { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "newer_backup"),
            BackupError::NoRoom { .. } | BackupError::Store(StoreError::Full { .. }) => {
                (StatusCode::INSUFFICIENT_STORAGE, "full")
            }
            BackupError::Occupied(_) => (StatusCode::CONFLICT, "taken"),
            BackupError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            BackupError::Source(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            BackupError::Store(_) => (StatusCode::INSUFFICIENT_STORAGE, "disk_failing"),
        };
        Self::new(status, code, format!("{}.", with_reasons(&error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(silence_max: Duration) -> (Pieces, mpsc::Receiver<Bytes>) {
        let (to, taken) = mpsc::channel(1);
        (Pieces { gathered: Vec::new(), to, silence_max }, taken)
    }

    #[test]
    fn a_client_that_stops_reading_holds_no_backup_for_ever() {
        let (mut stuck, _taken) = pieces(Duration::from_millis(10));
        let piece = [0; PIECE_BYTES];
        stuck.write_all(&piece).unwrap();
        assert_eq!(stuck.write_all(&piece).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn one_that_reads_slowly_gets_all_of_it() {
        let (mut slow, mut taken) = pieces(Duration::from_secs(60));
        let reader = std::thread::spawn(move || {
            let mut bytes = 0;
            while let Some(piece) = taken.blocking_recv() {
                std::thread::sleep(Duration::from_millis(5));
                bytes += piece.len();
            }
            bytes
        });
        for _ in 0..5 {
            slow.write_all(&[0; PIECE_BYTES]).unwrap();
        }
        slow.write_all(b"end").and_then(|()| slow.flush()).unwrap();
        drop(slow);
        assert_eq!(reader.join().unwrap(), 5 * PIECE_BYTES + 3);
    }
}
