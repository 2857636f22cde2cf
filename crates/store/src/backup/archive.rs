//! The archive: tar in gzip, the manifest first. Read with nothing taken for granted: whoever sends one may mean harm.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, Entry, EntryType, Header};

use crate::backup::error::BackupError;
use crate::backup::manifest::{self, Manifest};
use crate::limits::{BACKUP_MANIFEST_BYTES_MAX, BACKUP_TAIL_BYTES_MAX};

pub(super) fn write(manifest: &Manifest, folder: &Path, to: impl Write) -> io::Result<()> {
    // Most of it, the history, is compressed already.
    let mut archive = Builder::new(GzEncoder::new(to, Compression::fast()));
    let text = manifest.write();
    archive.append(&header(manifest, manifest::NAME, text.len() as u64)?, text.as_slice())?;
    for (path, file) in &manifest.files {
        // As long as the manifest says: tar has no way to say otherwise afterwards.
        let content = File::open(folder.join(path))?.take(file.bytes);
        archive.append(&header(manifest, path, file.bytes)?, content)?;
    }
    archive.into_inner()?.finish()?.flush()
}

fn header(manifest: &Manifest, path: &str, bytes: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(manifest.made.as_micros() / 1_000_000).unwrap_or(0));
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// Reads an archive to its end and compares everything with what its manifest says.
pub fn verify(from: impl Read) -> Result<Manifest, BackupError> {
    read(from, |_| Ok(()), |_, _| Ok(Box::new(io::sink())))
}

/// As [`verify`], and hands out what is in it: `begin` sees the manifest before anything else is read, `open` gives the place for a
/// file, which gets all of it before it is compared.
pub(super) fn read<'w>(
    from: impl Read,
    begin: impl FnOnce(&Manifest) -> Result<(), BackupError>,
    mut open: impl FnMut(&str, u64) -> Result<Box<dyn Finish + 'w>, BackupError>,
) -> Result<Manifest, BackupError> {
    let mut archive = Archive::new(GzDecoder::new(BufReader::new(from)));
    let manifest = {
        // As they lie there: what belongs to long names and sparse files is no file of ours.
        let mut entries = archive.entries().map_err(damaged)?.raw(true);
        let first = entries.next().ok_or_else(|| BackupError::Foreign("it is empty".to_owned()))?;
        let mut first = first.map_err(|error| {
            sort(error, |why| BackupError::Foreign(format!("it is no gzipped tar archive ({why})")))
        })?;
        let manifest = read_manifest(&mut first)?;
        begin(&manifest)?;
        let mut missing = manifest.files.clone();
        for entry in entries {
            let mut entry = entry.map_err(damaged)?;
            let path = name_of(&entry)?;
            // Every name in the manifest was checked; one that is not there, or came already, is not looked at further.
            let expected = missing.remove(&path).ok_or_else(|| {
                BackupError::Damaged(format!("it has a file that its manifest does not name, '{}'", shorten(&path)))
            })?;
            if entry.size() != expected.bytes {
                return Err(BackupError::Damaged(format!("'{path}' is not as long as its manifest says")));
            }
            let mut place = open(&path, expected.bytes)?;
            if copy(&mut entry, &mut place)? != expected.sha256 {
                return Err(BackupError::Damaged(format!("'{path}' is not what its manifest says (SHA-256)")));
            }
            place.finish()?;
        }
        if let Some(path) = missing.keys().next() {
            return Err(BackupError::Damaged(format!("'{path}' is missing in it")));
        }
        manifest
    };
    // To the end of the gzip stream, whose checksum stands there.
    let mut gzip = archive.into_inner();
    let rest = io::copy(&mut (&mut gzip).take(BACKUP_TAIL_BYTES_MAX), &mut io::sink()).map_err(damaged)?;
    // And to the end of what it is read from: whoever sends it may take it back until then.
    let is_over = gzip.into_inner().fill_buf().map_err(damaged)?.is_empty();
    if rest >= BACKUP_TAIL_BYTES_MAX || !is_over {
        return Err(BackupError::Damaged("something follows it".to_owned()));
    }
    Ok(manifest)
}

/// A place for a file.
pub(super) trait Finish: Write {
    /// All of it was written.
    fn finish(&mut self) -> Result<(), BackupError>;

    /// What a failure to write to it is.
    fn failed(&self, error: io::Error) -> BackupError;
}

impl Finish for io::Sink {
    fn finish(&mut self) -> Result<(), BackupError> {
        Ok(())
    }

    fn failed(&self, error: io::Error) -> BackupError {
        BackupError::Source(error)
    }
}

fn read_manifest<R: Read>(entry: &mut Entry<'_, R>) -> Result<Manifest, BackupError> {
    let is_one = name_of(entry).is_ok_and(|name| name == manifest::NAME);
    if !is_one {
        return Err(BackupError::Foreign(format!("its first file is not {}", manifest::NAME)));
    }
    if entry.size() > BACKUP_MANIFEST_BYTES_MAX {
        return Err(BackupError::Foreign("its first file is too long for a manifest".to_owned()));
    }
    let mut text = Vec::new();
    entry.read_to_end(&mut text).map_err(damaged)?;
    Manifest::read(&text)
}

/// Only plain files have a name here: no links, which could lead out of the folder, and no devices.
fn name_of<R: Read>(entry: &Entry<'_, R>) -> Result<String, BackupError> {
    let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    if entry.header().entry_type() != EntryType::Regular {
        return Err(BackupError::Damaged(format!("'{}' in it is no plain file", shorten(&name))));
    }
    Ok(name)
}

fn copy<R: Read>(entry: &mut Entry<'_, R>, to: &mut Box<dyn Finish + '_>) -> Result<[u8; 32], BackupError> {
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let read = entry.read(&mut piece).map_err(damaged)?;
        if read == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&piece[..read]);
        to.write_all(&piece[..read]).map_err(|error| to.failed(error))?;
    }
}

fn damaged(error: io::Error) -> BackupError {
    sort(error, BackupError::Damaged)
}

/// What could not be read because it did not come is not the archive's fault.
fn sort(error: io::Error, otherwise: impl FnOnce(String) -> BackupError) -> BackupError {
    match error.kind() {
        io::ErrorKind::ConnectionAborted => BackupError::Source(error),
        _ => otherwise(error.to_string()),
    }
}

fn shorten(name: &str) -> String {
    name.chars().take(80).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
