//! What is asked of the history and what it answers. Plain data.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use housewire_core::Timestamp;
use thiserror::Error;

use super::reading::{Point, Reading, SeriesId};

/// How the history is kept.
#[derive(Clone, Debug)]
pub struct HistoryOptions {
    /// For how long points are kept one by one, where a series does not say otherwise. Default: 30 days.
    pub raw: Duration,
    /// For how long there are values for each minute. Default: 730 days.
    pub minutes: Duration,
    /// For how long there are values for each hour. Default: 3,650 days.
    pub hours: Duration,
    /// How long nothing is forgotten after the clock was set forward by more than a day, or by more than 30 while the hub was off: it may
    /// be set right again. Default: 1 day.
    pub clock_doubted: Duration,
    /// Memory for points that are not in chunks yet. Default: [`crate::limits::HISTORY_HEADS_BYTES_MAX`].
    pub heads_bytes_max: usize,
    /// One file of the log. Default: [`crate::limits::HISTORY_SEGMENT_BYTES_MAX`].
    pub segment_bytes_max: u64,
    /// All files of the log whose points are not all in chunks. Default: [`crate::limits::HISTORY_LOG_BYTES_MAX`].
    pub log_bytes_max: u64,
    /// Points of a chunk, minutes or hours of a list. Default: [`crate::limits::HISTORY_CHUNK_POINTS_MAX`].
    pub chunk_points: usize,
    /// Points that are looked at one by one, whatever the question. Default: [`crate::limits::HISTORY_EXACT_POINTS_MAX`].
    pub exact_points: u64,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        Self {
            raw: days(30),
            minutes: days(730),
            hours: days(3_650),
            clock_doubted: days(1),
            heads_bytes_max: crate::limits::HISTORY_HEADS_BYTES_MAX,
            segment_bytes_max: crate::limits::HISTORY_SEGMENT_BYTES_MAX,
            log_bytes_max: crate::limits::HISTORY_LOG_BYTES_MAX,
            chunk_points: crate::limits::HISTORY_CHUNK_POINTS_MAX,
            exact_points: crate::limits::HISTORY_EXACT_POINTS_MAX,
        }
    }
}

/// What opening found that a person should know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Points that were in the log and in no chunk; they are there again.
    pub points: u64,
    /// What was wrong, one sentence each, for the log; empty after an orderly end and after most others.
    pub notes: Vec<String>,
    /// Files that could not be used and were set aside under these names.
    pub set_aside: Vec<PathBuf>,
}

/// Why a point was not taken. Nothing has happened to the history.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AppendRefused {
    /// The series was removed, or never made: ask for it by its name again.
    #[error("the history of this property was removed; it begins anew with the next value")]
    NoSuchSeries,
    /// As much as may wait for the disk does: commit, and try again.
    #[error("{} MiB of history wait for the disk: free some space on it, or replace it", crate::limits::HISTORY_PENDING_BYTES_MAX >> 20)]
    Full,
}

/// What a commit has brought to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitReport {
    /// So many points.
    pub points: u64,
    /// So many bytes of the log.
    pub bytes: u64,
    /// The number of the last point that is on the disk; 0 if there never was one.
    pub last: u64,
}

/// What was written on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WearDay {
    /// Days since 1970-01-01, in UTC.
    pub day: i64,
    /// Bytes of the log, in whole pages as the disk gets them: a commit of few points writes 4 KiB.
    pub log: u64,
    /// Bytes of chunks, before the database adds its own.
    pub chunks: u64,
    /// Bytes that the database wrote, chunks among them: its log, and what was taken over from that.
    pub database: u64,
    /// Points that arrived.
    pub points: u64,
}

impl WearDay {
    /// All that was written to the disk.
    pub fn bytes(&self) -> u64 {
        self.log + self.database
    }
}

/// What one series causes.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesWear {
    /// Which.
    pub info: SeriesInfo,
    /// Points of the last whole day, or of today if there are more.
    pub points_per_day: u64,
    /// Its part of the bytes that are written for them, estimated from its chunks and its part of the log.
    pub bytes_per_day: u64,
}

/// What the history costs the disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wear {
    /// Newest first, [`crate::limits::HISTORY_WEAR_DAYS_MAX`] at most.
    pub days: Vec<WearDay>,
    /// Those that cause most first.
    pub series: Vec<SeriesWear>,
    /// Bytes of all files.
    pub on_disk: u64,
    /// Of those, the log.
    pub log_on_disk: u64,
    /// Bytes of compressed chunks for each point in them; `None` without any.
    pub bytes_per_point: Option<f64>,
    /// Points that are kept one by one.
    pub points: u64,
    /// Of those, points that are in no chunk yet, and on the disk in the log alone.
    pub points_in_memory: u64,
    /// Memory taken by points that are in no chunk.
    pub heads_bytes: usize,
    /// Bytes that wait for the next commit.
    pub pending_bytes: usize,
    /// Chunks that could not be read since the start: what they hold is missing in answers.
    pub damaged_chunks: u64,
}

/// A series by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesInfo {
    /// Its number.
    pub id: SeriesId,
    /// The device.
    pub device: Arc<str>,
    /// The property.
    pub property: Arc<str>,
}

/// From when to when there is something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The earliest time, of a point or of an aggregate.
    pub first: Timestamp,
    /// The latest.
    pub last: Timestamp,
    /// Points that are kept one by one.
    pub points: u64,
}

/// Where a list of points goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawCursor {
    /// The time of the last point that was seen.
    pub time: Timestamp,
    /// How many points of this time were seen.
    pub seen: u32,
}

/// A part of a list of points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawPage {
    /// In order of time, those of one time in order of arrival.
    pub points: Vec<Point>,
    /// Where it goes on; `None` at the end.
    pub next: Option<RawCursor>,
}

/// Points for a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extremes {
    /// Whether these are all points, and not only the lowest and the highest of each bucket.
    pub is_raw: bool,
    /// In order of time.
    pub points: Vec<Point>,
}

/// How a window is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buckets {
    /// Into so many of equal length.
    Count(usize),
    /// Into ones of this length; the last may be cut short. More than [`crate::limits::HISTORY_BUCKETS_MAX`] become as many.
    Step(Duration),
}

/// What becomes of the points of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agg {
    /// The sum by the number of numbers.
    Mean,
    /// The lowest.
    Min,
    /// The highest.
    Max,
    /// The one with the latest time.
    Last,
    /// How many, states among them.
    Count,
    /// All numbers together.
    Sum,
}

/// A stretch during which a state held.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// When it began, or the beginning of the window.
    pub from: Timestamp,
    /// When the next one began, or the end of the window.
    pub to: Timestamp,
    /// The state.
    pub reading: Reading,
}

/// Which state held when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct States {
    /// In order of time, without gaps. Equal neighbours are one. The first begins with the window if there was a point before it.
    pub intervals: Vec<Interval>,
    /// How long each state held, longest first.
    pub time_in_state: Vec<(Reading, Duration)>,
    /// More changes than may be listed; what is listed are the first, and `time_in_state` tells of those alone.
    pub is_cut: bool,
}

/// A point as it stands in the log, for what follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// Counts up by one from point to point, and never comes twice.
    pub number: u64,
    /// Whose.
    pub series: SeriesId,
    /// What.
    pub point: Point,
}

/// What a [`super::Tail`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Followed {
    /// In the order of their numbers. Points of series that were removed are left out.
    pub points: Vec<Logged>,
    /// The number of the last point that was looked at; to be kept by who follows.
    pub last: u64,
    /// Points that had left the log before they were asked for.
    pub lost: u64,
}
