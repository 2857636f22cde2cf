//! The lives of one data folder: each begins with what the disk has, and ends with a power cut.
//!
//! Belongs here: when the power is cut and what has to be there afterwards. What the disk forgets belongs to `disk`.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use housewire_core::{Changes, Message, Qos, Timestamp, Topic};
use housewire_store::{SessionChanges, Store};
use proptest::prelude::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tempfile::TempDir;

use crate::disk::Disk;
use crate::model::{Model, changes};
use crate::session_model::{SessionModel, session_changes};

/// Everything the disk should hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Expected {
    hub: Model,
    sessions: SessionModel,
}

impl Expected {
    pub(crate) fn with(&self, batch: &Batch) -> Self {
        let mut after = self.clone();
        after.hub.apply(&batch.changes);
        after.sessions.apply(&batch.sessions);
        after
    }

    /// What loading has to find; it tidies away rows that belong to nobody.
    pub(crate) fn tidied(&self) -> Self {
        let mut tidied = self.clone();
        tidied.sessions.drop_orphans();
        tidied
    }

    pub(crate) fn load(store: &Store) -> Result<Self, String> {
        let loaded = store.load().map_err(|error| format!("loading failed: {error} ({error:?})"))?;
        if loaded.skipped_count > 0 {
            return Err(format!("rows are damaged: {:?}", loaded.skipped));
        }
        Ok(Self { hub: Model::of(&loaded.snapshot), sessions: SessionModel::of(&loaded.sessions) })
    }
}

/// What is written in one transaction.
pub(crate) struct Batch {
    changes: Changes,
    sessions: SessionChanges,
}

impl Batch {
    pub(crate) fn apply_to(&self, store: &mut Store) -> Result<(), housewire_store::StoreError> {
        store.apply(&self.changes, &self.sessions)
    }
}

/// Random batches, the same for the same seed.
pub(crate) struct Batches {
    runner: TestRunner,
    random: fastrand::Rng,
}

impl Batches {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self { runner: TestRunner::new_with_rng(Config::default(), rng), random }
    }

    pub(crate) fn next(&mut self) -> Batch {
        let tree = (changes(), session_changes()).new_tree(&mut self.runner).expect("nothing is filtered out");
        let (mut changes, sessions) = tree.current();
        if self.random.u8(..8) == 0 {
            self.add_bulk(&mut changes);
        }
        Batch { changes, sessions }
    }

    /// So much that the log is taken over into the database now and then, while the store runs.
    fn add_bulk(&mut self, changes: &mut Changes) {
        for number in 0..self.random.usize(1..200) {
            let topic = Topic::parse(&format!("bulk/{number}")).unwrap();
            let payload = Bytes::from(vec![self.random.u8(..); self.random.usize(1..12_000)]);
            let message = Message {
                topic: topic.clone(),
                payload,
                qos: Qos::AtMostOnce,
                retain: true,
                properties: None,
                via: "mqtt",
                time: Timestamp::from_micros(1),
            };
            changes.retained.push((topic, self.random.bool().then_some(message)));
        }
    }
}

/// What happened in a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Batches of which the store said that they are on the disk.
    pub(crate) batches: u64,
    /// Power cuts while the store was opened and read, while it wrote a batch, while it was closed, and at rest.
    pub(crate) in_open: u64,
    pub(crate) in_apply: u64,
    pub(crate) in_close: u64,
    pub(crate) at_rest: u64,
    /// Batches during which the power was cut, and that were found on the disk, or not.
    pub(crate) kept: u64,
    pub(crate) gone: u64,
}

pub(crate) struct Lives {
    temp: TempDir,
    disk: Arc<Disk>,
    random: fastrand::Rng,
    batches: Batches,
    expected: Expected,
    /// The batch during which the power was cut.
    in_flight: Option<Expected>,
}

impl Drop for Lives {
    fn drop(&mut self) {
        self.disk.unmount();
    }
}

/// A folder with an empty database.
pub(crate) fn empty_folder() -> TempDir {
    let temp = tempfile::tempdir().unwrap();
    drop(Store::open(temp.path()).unwrap());
    temp
}

impl Lives {
    /// With `synchronous`, the store's own setting is replaced by another.
    pub(crate) fn new(seed: u64, synchronous: Option<u8>) -> Self {
        let temp = empty_folder();
        let disk = Disk::mount(temp.path(), seed);
        disk.set_synchronous(synchronous);
        let (random, batches) = (fastrand::Rng::with_seed(!seed), Batches::new(seed));
        Self { temp, disk, random, batches, expected: Expected::default(), in_flight: None }
    }

    /// An error says what was lost.
    pub(crate) fn run(mut self, rounds: u64, tally: &mut Tally) -> Result<(), String> {
        for round in 0..rounds {
            self.live(tally).map_err(|loss| format!("round {round}: {loss}"))?;
            self.disk.power_on();
        }
        // The last cut is looked at, too.
        self.look(tally).map(drop)
    }

    fn live(&mut self, tally: &mut Tally) -> Result<(), String> {
        if self.random.bool() {
            self.disk.cut_in_sync(self.random.u64(1..16));
        } else {
            self.cut_soon(&[10, 60, 400, 2_000]);
        }
        let store = match self.look(tally) {
            Err(_) if self.disk.is_off() => {
                tally.in_open += 1;
                return Ok(());
            }
            store => store?,
        };
        self.write(store, tally)?;
        self.disk.cut();
        Ok(())
    }

    fn cut_soon(&mut self, calls: &[u64]) {
        let calls = calls[self.random.usize(..calls.len())];
        self.disk.cut_after(self.random.u64(1..calls));
    }

    /// Opens the store and compares.
    fn look(&mut self, tally: &mut Tally) -> Result<Store, String> {
        let store = Store::open(self.temp.path()).map_err(|error| format!("opening failed: {error} ({error:?})"))?;
        let found = Expected::load(&store)?;
        integrity(self.temp.path())?;
        let without = self.expected.tidied();
        match self.in_flight.take().map(|expected| expected.tidied()) {
            Some(with) if with != without && found == with => {
                tally.kept += 1;
                self.expected = with;
            }
            in_flight if found == without => {
                tally.gone += u64::from(in_flight.is_some_and(|with| with != without));
                self.expected = without;
            }
            _ => return Err(format!("found {found:#?}\n where there should be {without:#?}")),
        }
        Ok(store)
    }

    fn write(&mut self, mut store: Store, tally: &mut Tally) -> Result<(), String> {
        for _ in 0..self.random.usize(1..30) {
            let batch = self.batches.next();
            let after = self.expected.with(&batch);
            match batch.apply_to(&mut store) {
                Ok(()) => {
                    self.expected = after;
                    tally.batches += 1;
                }
                Err(_) if self.disk.is_off() => {
                    self.in_flight = Some(after);
                    tally.in_apply += 1;
                    return Ok(());
                }
                Err(error) => return Err(format!("writing failed with power: {error} ({error:?})")),
            }
        }
        if self.random.bool() {
            // The log is taken over into the database and deleted.
            self.cut_soon(&[4, 60]);
            drop(store);
            tally.in_close += u64::from(self.disk.is_off());
            tally.at_rest += u64::from(!self.disk.is_off());
        } else {
            self.disk.cut();
            tally.at_rest += 1;
        }
        Ok(())
    }
}

fn integrity(folder: &Path) -> Result<(), String> {
    let problem = |error: rusqlite::Error| format!("the check failed: {error}");
    let connection = rusqlite::Connection::open(folder.join("housewire.db")).map_err(problem)?;
    let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(problem)?;
    if found == "ok" { Ok(()) } else { Err(format!("the database is damaged: {found}")) }
}
