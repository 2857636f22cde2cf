//! The log: every point, in order of arrival, in files that are only ever appended to.
//!
//! Belongs here: what waits for a commit, the file that is written to, and which files there are. How a file looks is in `frame`,
//! how files are read at the start in `replay`, what is done to them in `files`. Does not: when a point is in a chunk, so that the
//! log may forget it.

pub(crate) mod files;
pub(crate) mod frame;
pub(crate) mod replay;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashSet;

use self::files::{LogFile, LogFiles};
use self::frame::{HEADER_BYTES, PointsFrame};
use super::answers::SeriesInfo;
use super::reading::Reading;
use crate::error::StoreError;

/// A file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Counts up; its name.
    pub(crate) number: u64,
    /// The number that its first point has or would have.
    pub(crate) first: u64,
    /// The number of its last point; `first - 1` without any.
    pub(crate) last: u64,
    /// What of it is sound.
    pub(crate) bytes: u64,
}

/// The name of a file of the log.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:010}.log")
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    files: Arc<dyn LogFiles>,
    segment_bytes_max: u64,
    /// The one that is written to; none before the first commit, and after an error.
    open: Option<Open>,
    next_number: u64,
    /// Frames that wait for the next commit, and the one that points are still added to.
    pending: Vec<u8>,
    frame: PointsFrame,
    pending_points: u64,
    pending_series: FxHashSet<u32>,
}

#[derive(Debug)]
struct Open {
    file: Box<dyn LogFile>,
    segment: Segment,
    /// Series whose names are in it, so that it can be read without the database.
    named: FxHashSet<u32>,
}

/// What a commit wrote.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) points: u64,
    pub(crate) bytes: u64,
    /// The same in whole pages, of which the last one is written again by the next commit: what the disk gets.
    pub(crate) page_bytes: u64,
    /// The file as it is now.
    pub(crate) segment: Segment,
}

impl Log {
    pub(crate) fn new(folder: &Path, files: Arc<dyn LogFiles>, segment_bytes_max: u64, next_number: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            files,
            segment_bytes_max,
            open: None,
            next_number,
            pending: Vec::new(),
            frame: PointsFrame::default(),
            pending_points: 0,
            pending_series: FxHashSet::default(),
        }
    }

    /// Adds a point to what waits. Numbers come in order, without gaps.
    pub(crate) fn append(&mut self, number: u64, series: u32, time: i64, reading: &Reading) {
        self.frame.add(number, series, time, reading);
        self.pending_points += 1;
        self.pending_series.insert(series);
        if self.frame.is_full() {
            self.frame.finish(&mut self.pending);
        }
    }

    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.len() + self.frame.len()
    }

    /// The file that is written to, which is not to be deleted.
    pub(crate) fn open_number(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.segment.number)
    }

    /// The next commit begins a new file.
    pub(crate) fn rotate(&mut self) {
        self.open = None;
    }

    /// Writes what waits, and waits for the disk. `name_of` tells the names of series; those without one are left without. After an
    /// error everything still waits.
    pub(crate) fn commit(
        &mut self,
        next_point: u64,
        name_of: impl Fn(u32) -> Option<SeriesInfo>,
    ) -> Result<Option<Written>, StoreError> {
        self.frame.finish(&mut self.pending);
        if self.pending.is_empty() {
            return Ok(None);
        }
        let first = next_point - self.pending_points;
        let is_full = |open: &Open| open.segment.bytes >= self.segment_bytes_max;
        if self.open.as_ref().is_some_and(is_full) {
            self.open = None;
        }
        let is_new = self.open.is_none();
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin(first)?,
        };
        let bytes = self.bytes_for(&mut open, is_new, name_of);
        let path = self.folder.join(segment_name(open.segment.number));
        if let Err(source) = self.write(&mut open, &bytes, is_new) {
            // Whatever is there now of this write is not relied on: it is cut off if that can be done, and what waits goes into
            // another file. Should both be found later, points are told apart by their numbers.
            self.cut_back(&open.segment, is_new);
            return Err(StoreError::file("write", &path, source));
        }
        let from = open.segment.bytes;
        open.segment.bytes += bytes.len() as u64;
        open.segment.last = next_point - 1;
        let written = Written {
            points: self.pending_points,
            bytes: bytes.len() as u64,
            page_bytes: open.segment.bytes.next_multiple_of(PAGE_BYTES) - from / PAGE_BYTES * PAGE_BYTES,
            segment: open.segment.clone(),
        };
        self.open = Some(open);
        self.pending.clear();
        self.pending.shrink_to(PENDING_KEPT_BYTES);
        self.pending_points = 0;
        self.pending_series.clear();
        Ok(Some(written))
    }

    fn begin(&mut self, first: u64) -> Result<Open, StoreError> {
        let number = self.next_number;
        let path = self.folder.join(segment_name(number));
        let file = self.files.create(&path).map_err(|source| StoreError::file("create", &path, source))?;
        self.next_number += 1;
        let segment = Segment { number, first, last: first - 1, bytes: 0 };
        Ok(Open { file, segment, named: FxHashSet::default() })
    }

    /// The head of a new file, names that are missing in it, and the points.
    fn bytes_for(&self, open: &mut Open, is_new: bool, name_of: impl Fn(u32) -> Option<SeriesInfo>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.pending.len() + HEADER_BYTES);
        if is_new {
            frame::put_header(&mut bytes, open.segment.number, open.segment.first);
        }
        for series in &self.pending_series {
            if open.named.insert(*series)
                && let Some(info) = name_of(*series)
            {
                frame::put_series(&mut bytes, &info);
            }
        }
        bytes.extend_from_slice(&self.pending);
        bytes
    }

    fn write(&self, open: &mut Open, bytes: &[u8], is_new: bool) -> std::io::Result<()> {
        open.file.append(bytes)?;
        open.file.sync()?;
        if is_new { self.files.sync_folder(&self.folder) } else { Ok(()) }
    }

    fn cut_back(&self, segment: &Segment, is_new: bool) {
        let path = self.folder.join(segment_name(segment.number));
        // The error at hand says more than a failure to tidy up after it would.
        if is_new {
            self.files.remove(&path).ok();
        } else {
            self.files.truncate(&path, segment.bytes).ok();
        }
    }
}

/// What systems write at once.
const PAGE_BYTES: u64 = 4096;
/// What the buffer keeps between commits; more is given back.
const PENDING_KEPT_BYTES: usize = 256 * 1024;
