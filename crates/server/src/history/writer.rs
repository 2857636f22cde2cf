//! The history's thread: takes what was offered, makes points of it, and brings these to the disk together.
//!
//! While the disk refuses, nothing more is taken from the inbox, so that what waits is bounded there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use housewire_core::{Hub, Timestamp};
use housewire_store::{AppendRefused, History, Point, StoreError, Window};
use tracing::{error, info, warn};

use crate::history::documents::Papers;
use crate::history::inbox::{Inbox, Record, Taken};
use crate::history::known::{AllKnown, Known, NoReading};
use crate::history::order::{Name, NotDone, Order, Reply};
use crate::history::policy::{Keep, Policy};
use crate::reasons::with_reasons;
use crate::sink::Hold;

/// What is dealt with between two looks at the clock; as much room is free then.
const BYTES_AT_ONCE: usize = 256 * 1024;
/// How long to look after chunks and aggregates between two looks into the inbox.
const MAINTAIN_BUDGET: Duration = Duration::from_millis(50);
/// How long to wait before a disk is tried again that took nothing.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How often at the end of the hub.
const LAST_TRIES: u32 = 3;

/// What became of values, and how the disk did.
#[derive(Debug, Default)]
pub(crate) struct WriterFigures {
    pub(crate) kept: AtomicU64,
    /// Left out by the property's policy.
    pub(crate) left_out: AtomicU64,
    /// Longer than a reading may be.
    pub(crate) too_long: AtomicU64,
    pub(crate) imported: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) commits_refused: AtomicU64,
    /// What the commits took, in microseconds.
    pub(crate) took_us: AtomicU64,
    /// Bytes of the log.
    pub(crate) log_bytes: AtomicU64,
    pub(crate) is_failing: AtomicBool,
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// What the thread works with.
pub(super) struct Writer {
    pub(super) inbox: Arc<Inbox>,
    pub(super) hub: Arc<Hub>,
    pub(super) history: History,
    /// Somebody follows the log.
    pub(super) hold: Option<Hold>,
    pub(super) known: AllKnown,
    pub(super) papers: Arc<Papers>,
    pub(super) figures: Arc<WriterFigures>,
    pub(super) commit_every: Duration,
    /// Something was appended or removed since the last commit.
    pub(super) is_dirty: bool,
    /// Devices that are gone, whose tombstones are to be cleared once the disk knows.
    pub(super) buried: Vec<String>,
    /// Devices that are gone and whose history could not be deleted yet.
    pub(super) unburied: Vec<String>,
    /// Who waits for the next commit.
    pub(super) waiting: Vec<Waiting>,
    pub(super) maintenance_fails: bool,
    /// The hub ends, and the disk takes nothing: what is left is lost.
    pub(super) has_given_up: bool,
}

/// Somebody who waits until something is on the disk, and what is said then.
pub(super) enum Waiting {
    Done(Reply<()>),
    Imported(Reply<Result<usize, NotDone>>, usize),
    Forgotten(Reply<Result<(), NotDone>>),
}

impl Waiting {
    /// Whoever does not wait any more hears nothing.
    fn tell(self) -> bool {
        match self {
            Self::Done(reply) => reply.send(()).is_ok(),
            Self::Imported(reply, points) => reply.send(Ok(points)).is_ok(),
            Self::Forgotten(reply) => reply.send(Ok(())).is_ok(),
        }
    }
}

/// Leaves nobody waiting for a thread that is gone.
struct Farewell(Arc<Inbox>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.abandon();
        if std::thread::panicking() {
            error!(
                "the history's thread failed, which is a bug; there is no history until the next start, report this"
            );
        }
    }
}

impl Writer {
    pub(super) fn run(mut self) {
        let _farewell = Farewell(Arc::clone(&self.inbox));
        let mut taken = Taken::default();
        let mut commit_at = Instant::now() + self.commit_every;
        let mut has_more_to_do = false;
        loop {
            let until = if has_more_to_do { Instant::now() } else { commit_at };
            self.inbox.take(&mut taken, until);
            if std::mem::take(&mut taken.has_missed_changes) {
                self.known.all_changed();
            }
            self.drain(&taken.records, &mut commit_at);
            taken.records.clear();
            let is_awaited = !taken.orders.is_empty();
            for order in std::mem::take(&mut taken.orders) {
                self.carry_out(order);
            }
            let is_due = Instant::now() >= commit_at;
            if is_due || taken.is_last || (is_awaited && !self.waiting.is_empty()) || !self.buried.is_empty() {
                self.commit();
                commit_at = Instant::now() + self.commit_every;
            }
            if taken.is_last {
                return;
            }
            if is_due || has_more_to_do {
                has_more_to_do = self.maintain();
            }
        }
    }

    /// Makes points of everything that was offered.
    fn drain(&mut self, mut records: &[u8], commit_at: &mut Instant) {
        let mut unreleased = 0;
        while let Some((record, bytes)) = Record::read(records)
            && !self.has_given_up
        {
            self.take_in(&record);
            records = &records[bytes..];
            unreleased += bytes;
            if unreleased >= BYTES_AT_ONCE {
                self.inbox.release(std::mem::take(&mut unreleased));
                if Instant::now() >= *commit_at {
                    self.commit();
                    *commit_at = Instant::now() + self.commit_every;
                }
            }
        }
        // What is left over is none of ours.
        self.inbox.release(unreleased + records.len());
    }

    fn take_in(&mut self, record: &Record<'_>) {
        if record.is_change() {
            if record.is_removal() {
                self.remove_device(record.device);
            } else {
                self.known.changed(record.device);
            }
            return;
        }
        for payload in record.payloads() {
            let Some(known) = self.known.get(record.device, record.property) else { return };
            match known.read(&self.hub, payload) {
                Ok(reading) => {
                    if !known.kept.admits(known.policy, record.time, &reading) {
                        count(&self.figures.left_out, 1);
                        continue;
                    }
                    let point = Point { time: record.time, reading };
                    if known.policy.keep != Keep::All {
                        known.kept.last = Some((point.time, point.reading.clone()));
                    }
                    let name = match known.series.map(|series| self.history.append(series, point.clone())) {
                        Some(Ok(_)) => {
                            self.is_dirty = true;
                            count(&self.figures.kept, 1);
                            continue;
                        }
                        _ => known.name.clone(),
                    };
                    if self.append(&name, &point).is_ok() {
                        count(&self.figures.kept, 1);
                    }
                }
                Err(NoReading::TooLong) => count(&self.figures.too_long, 1),
                Err(NoReading::Kind | NoReading::Unfit) => {}
            }
        }
    }

    /// Appends a point; an error if the store cannot take it at all.
    fn append(&mut self, name: &Name, point: &Point) -> Result<(), NotDone> {
        // Once more for a series that was removed, and as often as it takes for a disk that is full.
        let mut is_repeated = false;
        loop {
            let series = self.series(name)?;
            match self.history.append(series, point.clone()) {
                Ok(_) => {
                    self.is_dirty = true;
                    return Ok(());
                }
                Err(AppendRefused::NoSuchSeries) if !is_repeated => {
                    is_repeated = true;
                    self.forget_series(name);
                }
                Err(AppendRefused::Full) => {
                    if !self.commit() {
                        return Err(NotDone(AppendRefused::Full.to_string()));
                    }
                }
                Err(refused @ AppendRefused::NoSuchSeries) => return Err(NotDone(refused.to_string())),
            }
        }
    }

    fn series(&mut self, name: &Name) -> Result<housewire_store::SeriesId, NotDone> {
        let (device, property) = (name.device.as_str(), name.property.as_str());
        let known = self.known.get(device, property);
        if let Some(Known { series: Some(series), .. }) = known {
            return Ok(*series);
        }
        let raw_days = known.as_ref().and_then(|known| known.policy.raw_days);
        let made = self.history.series(device, property).and_then(|series| {
            if raw_days.is_some() {
                self.history.set_retention(series, raw_days.map(days))?;
            }
            Ok(series)
        });
        let series = made.map_err(|error| self.not_done("begin the history of a property", &error))?;
        if let Some(known) = self.known.get(device, property) {
            known.series = Some(series);
        }
        Ok(series)
    }

    fn forget_series(&mut self, name: &Name) {
        if let Some(known) = self.known.get(name.device.as_str(), name.property.as_str()) {
            known.series = None;
        }
    }

    fn not_done(&self, what: &str, error: &StoreError) -> NotDone {
        let reasons = with_reasons(error);
        warn!("cannot {what}: {reasons}");
        NotDone(reasons)
    }

    fn remove_device(&mut self, device: &str) {
        self.known.removed(device);
        match self.history.remove_device(device) {
            Ok(had_any) => {
                self.is_dirty |= had_any;
                self.buried.push(device.to_owned());
            }
            Err(error) => {
                let _said = self.not_done(&format!("delete the history of the device '{device}'"), &error);
                self.unburied.push(device.to_owned());
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Show(reply) => {
                let _is_awaited = Waiting::Done(reply).tell();
            }
            Order::Commit(reply) => self.waiting.push(Waiting::Done(reply)),
            // It may have been deleted since the order was given: what comes then would be nobody's.
            Order::Import(name, _, reply) if self.hub.device(&name.device).is_none() => {
                let gone = NotDone(format!("the device '{}' is not there any more", name.device));
                let _is_awaited = reply.send(Err(gone)).is_ok();
            }
            Order::Keep(name, _, reply) if self.hub.device(&name.device).is_none() => {
                self.papers.forget_policies(name.device.as_str());
                let _is_awaited = Waiting::Done(reply).tell();
            }
            Order::Import(name, points, reply) => {
                for (taken, point) in points.iter().enumerate() {
                    if let Err(refused) = self.append(&name, point) {
                        warn!("an import ends after {taken} of {} points", points.len());
                        let _is_awaited = reply.send(Err(refused)).is_ok();
                        return;
                    }
                }
                count(&self.figures.imported, points.len() as u64);
                self.waiting.push(Waiting::Imported(reply, points.len()));
            }
            Order::Forget(name, window, reply) => match self.forget(&name, window) {
                Ok(()) => self.waiting.push(Waiting::Forgotten(reply)),
                Err(error) => {
                    let refused = self.not_done("delete history", &error);
                    let _is_awaited = reply.send(Err(refused)).is_ok();
                }
            },
            Order::Keep(name, policy, reply) => {
                self.keep(&name, policy);
                let _is_awaited = Waiting::Done(reply).tell();
            }
            Order::Wear(reply) => {
                let _is_awaited = reply.send(self.history.wear().ok()).is_ok();
            }
        }
    }

    fn forget(&mut self, name: &Name, window: Option<Window>) -> Result<(), StoreError> {
        self.is_dirty = true;
        let (device, property) = (name.device.as_str(), name.property.as_str());
        let Some(window) = window else {
            if let Some(known) = self.known.get(device, property) {
                known.series = None;
                known.kept.last = None;
            }
            return self.history.remove_property(device, property).map(drop);
        };
        match self.history.reader().find(device, property) {
            Some(series) => self.history.remove_range(series, window),
            None => Ok(()),
        }
    }

    fn keep(&mut self, name: &Name, policy: Policy) {
        self.known.keep(name, policy);
        let (device, property) = (name.device.as_str(), name.property.as_str());
        if let Some(series) = self.history.reader().find(device, property)
            && let Err(error) = self.history.set_retention(series, policy.raw_days.map(days))
        {
            let _said = self.not_done("change for how long a property is kept", &error);
        }
    }

    /// Brings everything to the disk, however long that takes; whether it is there. At the end of the hub it is not tried for long.
    fn commit(&mut self) -> bool {
        let mut tries = 0;
        while !self.has_given_up {
            match self.try_commit() {
                Ok(()) => break,
                Err(error) => {
                    count(&self.figures.commits_refused, 1);
                    if !self.figures.is_failing.swap(true, Ordering::Relaxed) {
                        error!(
                            "cannot write the history: {}. The hub goes on and tries again; values wait in memory, and are \
                             dropped and counted when there is no more room for them.",
                            with_reasons(&error)
                        );
                    }
                }
            }
            tries += 1;
            if self.inbox.is_closed() {
                if tries >= LAST_TRIES {
                    error!("the last values of the history could not be written and are lost");
                    self.has_given_up = true;
                }
                std::thread::sleep(RETRY_AFTER);
            } else {
                self.inbox.rest(Instant::now() + RETRY_AFTER);
            }
        }
        if self.has_given_up {
            return false;
        }
        if self.figures.is_failing.swap(false, Ordering::Relaxed) {
            info!("the disk takes the history again");
        }
        for waiting in self.waiting.drain(..) {
            let _is_awaited = waiting.tell();
        }
        for device in std::mem::take(&mut self.buried) {
            self.papers.forget_device(&device);
        }
        true
    }

    fn try_commit(&mut self) -> Result<(), StoreError> {
        // What could not be deleted is tried again, and nobody is told that it was before it is.
        while let Some(device) = self.unburied.last() {
            self.is_dirty |= self.history.remove_device(device)?;
            self.buried.extend(self.unburied.pop());
        }
        if !std::mem::take(&mut self.is_dirty) {
            return Ok(());
        }
        let began = Instant::now();
        let report = self.history.commit().inspect_err(|_| self.is_dirty = true)?;
        count(&self.figures.commits, 1);
        count(&self.figures.log_bytes, report.bytes);
        let took = began.elapsed();
        count(&self.figures.took_us, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Whether there is more to do.
    fn maintain(&mut self) -> bool {
        let now = Timestamp::from(SystemTime::now());
        if let Some(hold) = &self.hold {
            self.history.hold_log(Some(hold.confirmed()), hold.bytes_max);
        }
        match self.history.maintain(now, MAINTAIN_BUDGET) {
            Ok(has_more) => {
                self.maintenance_fails = false;
                has_more
            }
            Err(error) => {
                if !std::mem::replace(&mut self.maintenance_fails, true) {
                    error!(
                        "cannot put the history in order: {}. The hub goes on and tries again; nothing is lost, but the log \
                         grows meanwhile.",
                        with_reasons(&error)
                    );
                }
                false
            }
        }
    }
}

pub(super) fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 60 * 60)
}
