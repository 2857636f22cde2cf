//! Opening: the database, then what the log has beyond it.

use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::History;
use super::answers::{HistoryOptions, Recovered, SeriesInfo};
use super::database::{Database, free_name};
use super::forget::Rounds;
use super::log::files::{LogFiles, create_folder};
use super::log::frame::FramePoint;
use super::log::replay::{self, Names, Verdict};
use super::log::{Log, Segment, segment_name};
use super::memory::{Memory, Shared};
use super::reading::SeriesId;
use super::rows;
use super::wear::WearBook;
use crate::error::StoreError;
use crate::folder::DataFolder;

/// What is found while the log is read.
struct Replay {
    names: Names,
    /// Points without a series: how many.
    nameless: u64,
    /// The number of the last point that was read; a write that was repeated is in two files.
    last: u64,
    damaged: Vec<(Segment, &'static str, u64)>,
}

impl History {
    pub(crate) fn open_with(
        folder: &Path,
        options: HistoryOptions,
        files: Arc<dyn LogFiles>,
    ) -> Result<(Self, Recovered), StoreError> {
        let lock = DataFolder::open(folder)?;
        let log_folder = folder.join("log");
        create_folder(&log_folder).map_err(|source| StoreError::file("create", &log_folder, source))?;
        lock.sync()?;
        let opened = Database::open(folder)?;
        let database = opened.database;
        let mut recovered = Recovered::default();
        let failed = |source| database.failed("read", source);
        let fact = |name| rows::fact(database.connection(), name).map_err(failed);
        let (number, settled, erase) = (fact("number")?, fact("settled")?, fact("erase")?);
        let mut memory = Memory::default();
        let mut kept = FxHashMap::default();
        let mut sealed = 0;
        for (info, row) in rows::all_series(database.connection()).map_err(failed)? {
            sealed = sealed.max(row.sealed);
            kept.insert(info.id, row);
            memory.add(info);
        }
        let due = kept.keys().copied().collect();
        let wear = WearBook::of(rows::wear(database.connection()).map_err(failed)?);
        let next_series = rows::series_number_used(database.connection()).map_err(failed)? + 1;
        let numbers = replay::list(&log_folder)?;
        let next_segment = numbers.last().map_or(1, |number| number + 1);
        let log = Log::new(&log_folder, Arc::clone(&files), options.segment_bytes_max, next_segment);
        let shared = Arc::new(Shared::new(log_folder, database.path().to_owned(), memory, options.exact_points));
        let mut history = Self {
            options,
            files,
            shared,
            log,
            database,
            kept,
            new_series: Vec::new(),
            next_series,
            next_point: number.unwrap_or(0).max(sealed) + 1,
            due,
            rounds: Rounds::after(wear.last_day()),
            wear,
            erase_up_to: erase.unwrap_or(0),
            hold: None,
            _lock: lock,
        };
        history.replay(&numbers, settled.unwrap_or(0), opened.is_new, &mut recovered)?;
        history.shared.memory.lock().committed = history.next_point - 1;
        if let Some((to, reason)) = opened.set_aside {
            recovered.notes.insert(0, format!(
                "the history's database was damaged ({reason}) and was set aside as '{}': what is older than its log is in \
                 that file only; a new one was begun, with {} points that the log still had",
                to.display(),
                recovered.points
            ));
            recovered.set_aside.push(to);
        }
        Ok((history, recovered))
    }

    /// Takes from the log what no chunk has.
    fn replay(
        &mut self,
        numbers: &[u64],
        settled: u64,
        is_new: bool,
        recovered: &mut Recovered,
    ) -> Result<(), StoreError> {
        let mut replay = Replay { names: Names::new(), nameless: 0, last: 0, damaged: Vec::new() };
        for (at, number) in numbers.iter().enumerate() {
            let next_first = numbers.get(at + 1).and_then(|next| self.first_of(*next));
            let segment = match next_first {
                // All of it is in chunks.
                Some(next_first) if next_first <= settled + 1 && !is_new => self.settled(*number, next_first),
                _ => self.replay_file(*number, at + 1 == numbers.len(), is_new, &mut replay, recovered)?,
            };
            if let Some(segment) = segment {
                self.next_point = self.next_point.max(segment.last + 1);
                self.shared.memory.lock().segments.push(segment);
            }
            while self.seal_full()? {}
            while self.seal_fullest()? {}
        }
        if replay.nameless > 0 {
            recovered.notes.push(format!(
                "{} points of the history's log belong to properties whose names are lost, and were left out",
                replay.nameless
            ));
        }
        self.set_damaged_aside(&replay.damaged, recovered)
    }

    /// A file that need not be read.
    fn settled(&self, number: u64, next_first: u64) -> Option<Segment> {
        let bytes = std::fs::metadata(self.shared.log_folder.join(segment_name(number))).ok()?.len();
        let first = self.first_of(number).unwrap_or(next_first);
        Some(Segment { number, first, last: next_first - 1, bytes })
    }

    fn first_of(&self, number: u64) -> Option<u64> {
        use std::io::Read as _;
        let file = std::fs::File::open(self.shared.log_folder.join(segment_name(number))).ok()?;
        let mut head = Vec::new();
        file.take(super::log::frame::HEADER_BYTES as u64).read_to_end(&mut head).ok()?;
        super::log::frame::header(&head).ok()
    }

    fn replay_file(
        &mut self,
        number: u64,
        is_last: bool,
        is_new: bool,
        replay: &mut Replay,
        recovered: &mut Recovered,
    ) -> Result<Option<Segment>, StoreError> {
        let log_folder = self.shared.log_folder.clone();
        let mut names = std::mem::take(&mut replay.names);
        let (segment, verdict) = replay::read(&log_folder, number, is_last, &mut names, |names, point| {
            self.take_replayed(names, point, is_new, replay, recovered);
        })?;
        replay.names = names;
        let path = log_folder.join(segment_name(number));
        match verdict {
            Verdict::Sound => {}
            Verdict::Torn { bytes } => {
                let cut = if segment.bytes == 0 {
                    self.files.remove(&path).and_then(|()| self.files.sync_folder(&log_folder))
                } else {
                    self.files.truncate(&path, segment.bytes)
                };
                cut.map_err(|source| StoreError::file("cut back", &path, source))?;
                recovered.notes.push(format!(
                    "the last write to the history's log was cut short: {bytes} bytes at the end of '{}' were no whole \
                     entries and were cut off; nothing that was committed is missing",
                    path.display()
                ));
                if segment.bytes == 0 {
                    return Ok(None);
                }
            }
            Verdict::Damaged { reason, bytes } => replay.damaged.push((segment.clone(), reason, bytes)),
        }
        Ok(Some(segment))
    }

    fn take_replayed(
        &mut self,
        names: &Names,
        point: FramePoint,
        is_new: bool,
        replay: &mut Replay,
        recovered: &mut Recovered,
    ) {
        let FramePoint { number, series, time, reading } = point;
        if number <= replay.last {
            return;
        }
        replay.last = number;
        self.next_point = self.next_point.max(number + 1);
        if is_new && self.shared.memory.lock().get(series).is_none() {
            match names.get(&series) {
                Some((device, property)) => self.take_name(series, device, property),
                None => {
                    replay.nameless += 1;
                    return;
                }
            }
        }
        // In a database that was there before, a series that is missing was removed.
        if self.kept.get(&series).is_some_and(|row| number <= row.sealed) {
            return;
        }
        let is_taken = self.shared.memory.lock().push(series, number, time, reading, self.options.chunk_points);
        recovered.points += u64::from(is_taken);
    }

    fn take_name(&mut self, id: SeriesId, device: &str, property: &str) {
        let mut memory = self.shared.memory.lock();
        // A property that was removed and began anew has two numbers in the log; the newer one is right.
        if let Some(older) = memory.find(device, property) {
            memory.remove(older);
            self.new_series.retain(|info| info.id != older);
        }
        let info = SeriesInfo { id, device: device.into(), property: property.into() };
        memory.add(info.clone());
        self.new_series.push(info);
        self.next_series = self.next_series.max(id.0.saturating_add(1));
    }

    /// Gives damaged files of the log a name that says so, when what is sound in them is in chunks.
    fn set_damaged_aside(
        &mut self,
        damaged: &[(Segment, &'static str, u64)],
        recovered: &mut Recovered,
    ) -> Result<(), StoreError> {
        if damaged.is_empty() {
            return Ok(());
        }
        while self.seal_up_to(u64::MAX)? {}
        self.database.change(super::database::Waits::ForDisk, |_| Ok(()))?;
        self.database.checkpoint()?;
        for (segment, reason, bytes) in damaged {
            let path = self.shared.log_folder.join(segment_name(segment.number));
            let to = free_name(&path, "damaged");
            let renamed = self.files.rename(&path, &to).and_then(|()| self.files.sync_folder(&self.shared.log_folder));
            renamed.map_err(|source| StoreError::file("set aside", &path, source))?;
            self.shared.memory.lock().segments.retain(|other| other.number != segment.number);
            recovered.notes.push(format!(
                "a file of the history's log was damaged ({reason}): what stood before the damage was taken over, the other \
                 {bytes} bytes could not be read; it was set aside as '{}'",
                to.display()
            ));
            recovered.set_aside.push(to);
        }
        Ok(())
    }
}
