//! What the history writes to the disk, day by day.

use housewire_core::Timestamp;

use super::History;
use super::answers::{SeriesWear, Wear, WearDay};
use super::database::Waits;
use super::log::segment_name;
use super::rows;
use crate::error::StoreError;
use crate::limits::HISTORY_WEAR_DAYS_MAX;

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// How often the count is written down, in microseconds: what a crash loses of it.
const WRITTEN_EVERY: i64 = 10 * 60 * 1_000_000;

/// The count of today. Before it is told the time there is none, and what is counted belongs to the day that comes.
#[derive(Debug, Default)]
pub(crate) struct WearBook {
    today: WearDay,
    is_known: bool,
    /// Days before today, newest first.
    days: Vec<WearDay>,
    written_at: i64,
    has_news: bool,
}

impl WearBook {
    pub(crate) fn of(days: Vec<WearDay>) -> Self {
        // Until it is told the time, the last day goes on.
        let day = days.first().map_or(0, |day| day.day);
        Self { today: WearDay { day, ..WearDay::default() }, days, ..Self::default() }
    }

    /// The end of the last day of which something is known.
    pub(crate) fn last_day(&self) -> Option<Timestamp> {
        let end = |day: &WearDay| Timestamp::from_micros(day.day.saturating_add(1).saturating_mul(DAY_MICROS));
        self.days.first().map(end)
    }

    pub(crate) fn day(&self) -> i64 {
        self.today.day
    }

    pub(crate) fn add_log(&mut self, points: u64, bytes: u64) {
        self.today.points += points;
        self.today.log += bytes;
        self.has_news = true;
    }

    pub(crate) fn add_chunks(&mut self, bytes: u64) {
        self.today.chunks += bytes;
        self.has_news = true;
    }

    pub(crate) fn add_database(&mut self, bytes: u64) {
        self.today.database += bytes;
    }

    /// Begins another day if it has come. Returns what is to be written down.
    pub(crate) fn turn(&mut self, now: Timestamp) -> Vec<WearDay> {
        let day = now.as_micros().div_euclid(DAY_MICROS);
        let mut due = Vec::new();
        if !self.is_known || day != self.today.day {
            if self.is_known {
                due.push(self.today);
                self.days.retain(|other| other.day != self.today.day);
                self.days.insert(0, self.today);
                self.today = WearDay::default();
            }
            self.today.day = day;
            // The clock may have been set to a day that was counted before.
            if let Some(at) = self.days.iter().position(|other| other.day == day) {
                let before = self.days.remove(at);
                self.today.log += before.log;
                self.today.chunks += before.chunks;
                self.today.database += before.database;
                self.today.points += before.points;
            }
            self.days.sort_by_key(|day| std::cmp::Reverse(day.day));
            self.days.truncate(HISTORY_WEAR_DAYS_MAX - 1);
            self.is_known = true;
        }
        let is_due = now.as_micros().saturating_sub(self.written_at).saturating_abs() >= WRITTEN_EVERY;
        if self.has_news && is_due {
            due.push(self.today);
        }
        due
    }

    fn written(&mut self, now: Timestamp) {
        self.written_at = now.as_micros();
        self.has_news = false;
    }
}

impl History {
    /// Counts what the database wrote, and writes the count down now and then.
    pub(crate) fn keep_wear(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.wear.add_database(self.database.take_written());
        let due = self.wear.turn(now);
        if due.is_empty() {
            return Ok(());
        }
        let kept_from = self.wear.day() - i64::try_from(HISTORY_WEAR_DAYS_MAX).unwrap_or(i64::MAX);
        self.database.change(Waits::No, |transaction| {
            due.iter().try_for_each(|day| rows::set_wear(transaction, day, kept_from))
        })?;
        self.wear.written(now);
        Ok(())
    }

    /// Writes the count down before the end. Without, what was counted since it was written is missing, and nothing else.
    pub(crate) fn write_wear(&mut self) -> Result<(), StoreError> {
        self.wear.add_database(self.database.take_written());
        if !self.wear.has_news || !self.wear.is_known {
            return Ok(());
        }
        let today = self.wear.today;
        self.database.change(Waits::No, |transaction| rows::set_wear(transaction, &today, i64::MIN))
    }

    pub(crate) fn tell_wear(&self) -> Wear {
        let memory = self.shared.memory.lock();
        let mut days = vec![self.wear.today];
        days.extend_from_slice(&self.wear.days);
        days.retain(|day| *day != WearDay { day: day.day, ..WearDay::default() });
        let (mut points, mut bytes, mut points_in_memory) = (0, 0, 0);
        let mut series = Vec::with_capacity(memory.len());
        let log_share = days.first().filter(|day| day.points > 0).map_or(0, |day| day.log / day.points);
        for (id, live) in memory.iter() {
            let row = self.kept.get(&id).cloned().unwrap_or_default();
            points += row.raw_points + live.head.len() as u64;
            points_in_memory += live.head.len() as u64;
            bytes += row.raw_bytes;
            let is_today = row.day == self.wear.day();
            let head = live.head.len() as u64;
            let today = if is_today { (row.day_points + head, row.day_bytes) } else { (head, 0) };
            let before = if is_today { (row.before_points, row.before_bytes) } else { (row.day_points, row.day_bytes) };
            let (day_points, day_bytes) = today.max(before);
            series.push(SeriesWear {
                info: live.info.clone(),
                points_per_day: day_points,
                bytes_per_day: day_points * log_share + day_bytes * 2,
            });
        }
        series.sort_by_key(|series| std::cmp::Reverse((series.bytes_per_day, series.points_per_day)));
        let sealed: u64 = self.kept.values().map(|row| row.raw_points).sum();
        let log_on_disk = memory.segments.iter().map(|segment| self.size_of(&segment_name(segment.number))).sum();
        Wear {
            days,
            series,
            on_disk: log_on_disk + self.database.bytes(),
            log_on_disk,
            #[allow(clippy::cast_precision_loss)] // for people
            bytes_per_point: (sealed > 0).then(|| bytes as f64 / sealed as f64),
            points,
            points_in_memory,
            heads_bytes: memory.heads_bytes,
            pending_bytes: self.log.pending_bytes(),
            damaged_chunks: self.shared.damaged_chunks.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    fn size_of(&self, name: &str) -> u64 {
        std::fs::metadata(self.shared.log_folder.join(name)).map_or(0, |data| data.len())
    }
}
