//! What a disk still has after the power was cut: all that was synced, and of the rest whatever it happened to write.
//!
//! The real files are what programs see while there is power. Here stands beside them what has been synced and what has not;
//! at a power cut the files are set to a mixture. Between SQLite and this lies `vfs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What may be in a folder.
const DATABASES: [&str; 2] = ["housewire.db", "history.db"];

/// A file, whatever its name is by now.
pub(crate) type FileNumber = usize;

/// Why the disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The power is off.
    Off,
    /// No room.
    Full,
}

/// The disk under one folder.
pub(crate) struct Disk {
    folder: PathBuf,
    state: Mutex<State>,
}

struct State {
    random: fastrand::Rng,
    files: Vec<FileState>,
    /// Names as programs see them, and those that were synced.
    names: BTreeMap<String, FileNumber>,
    synced_names: BTreeMap<String, FileNumber>,
    /// Changes of names that were not synced, in their order.
    renamed: Vec<(String, Option<FileNumber>)>,
    /// What is still carried out before the power is cut: so many changes and syncs, or so many syncs.
    calls_left: Option<u64>,
    syncs_left: Option<u64>,
    is_off: bool,
    bytes_max: Option<u64>,
    synchronous: Option<u8>,
}

#[derive(Default)]
struct FileState {
    synced: Vec<u8>,
    unsynced: Vec<Change>,
    len: u64,
}

enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Truncate { len: u64 },
}

static DISKS: Mutex<BTreeMap<PathBuf, Arc<Disk>>> = Mutex::new(BTreeMap::new());

/// The disk under the folder of a file, and the file's name in it.
pub(crate) fn disk_of(file: &Path) -> Option<(Arc<Disk>, String)> {
    let disk = DISKS.lock().unwrap().get(file.parent()?).cloned()?;
    Some((disk, file.file_name()?.to_str()?.to_owned()))
}

impl Disk {
    /// Takes a folder over as it is; everything in it is synced. No file of it may be open.
    pub(crate) fn mount(folder: &Path, seed: u64) -> Arc<Self> {
        crate::vfs::install();
        let folder = folder.canonicalize().unwrap();
        let mut state = State {
            random: fastrand::Rng::with_seed(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            renamed: Vec::new(),
            calls_left: None,
            syncs_left: None,
            is_off: false,
            bytes_max: None,
            synchronous: None,
        };
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if DATABASES.iter().any(|database| name.starts_with(database)) {
                state.add_synced(name, std::fs::read(entry.path()).unwrap());
            }
        }
        // The history's log, if this is the folder of one.
        for entry in std::fs::read_dir(folder.join("log")).into_iter().flatten().map(Result::unwrap) {
            let name = format!("log/{}", entry.file_name().into_string().unwrap());
            state.add_synced(name, std::fs::read(entry.path()).unwrap());
        }
        let disk = Arc::new(Self { folder: folder.clone(), state: Mutex::new(state) });
        DISKS.lock().unwrap().insert(folder, Arc::clone(&disk));
        disk
    }

    pub(crate) fn unmount(&self) {
        DISKS.lock().unwrap().remove(&self.folder);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Cuts the power at the `calls`-th change from now on, while it is carried out.
    pub(crate) fn cut_after(&self, calls: u64) {
        self.state().calls_left = Some(calls);
    }

    /// Cuts the power during the `syncs`-th sync from now on: a batch is on the disk or not just then.
    pub(crate) fn cut_in_sync(&self, syncs: u64) {
        self.state().syncs_left = Some(syncs);
    }

    /// Cuts the power now, if it is not off already.
    pub(crate) fn cut(&self) {
        self.state().is_off = true;
    }

    pub(crate) fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Room for all files together; `None` is as much as they want.
    pub(crate) fn set_bytes_max(&self, bytes_max: Option<u64>) {
        self.state().bytes_max = bytes_max;
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.state().bytes()
    }

    /// What `PRAGMA synchronous` is set to instead of what the store asks for.
    pub(crate) fn set_synchronous(&self, synchronous: Option<u8>) {
        self.state().synchronous = synchronous;
    }

    pub(crate) fn synchronous(&self) -> Option<u8> {
        self.state().synchronous
    }

    /// A file is opened, and made if it is missing.
    pub(crate) fn open(&self, name: &str, may_create: bool) -> Result<FileNumber, Refusal> {
        let mut state = self.state();
        if let Some(number) = state.names.get(name) {
            return if state.is_off { Err(Refusal::Off) } else { Ok(*number) };
        }
        if may_create {
            state.count_call()?;
        }
        let number = state.files.len();
        state.files.push(FileState::default());
        if may_create {
            state.names.insert(name.to_owned(), number);
            state.renamed.push((name.to_owned(), Some(number)));
        }
        Ok(number)
    }

    pub(crate) fn delete(&self, name: &str, is_synced: bool) -> Result<(), Refusal> {
        let mut state = self.state();
        let was_off = state.is_off;
        let counted = state.count_call();
        if !was_off && state.names.remove(name).is_some() {
            // One during which the power is cut may have happened.
            state.renamed.push((name.to_owned(), None));
        }
        counted?;
        if is_synced {
            state.sync_names();
        }
        Ok(())
    }

    /// A file gets another name.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Refusal> {
        let mut state = self.state();
        let was_off = state.is_off;
        let counted = state.count_call();
        if !was_off && let Some(number) = state.names.remove(from) {
            state.names.insert(to.to_owned(), number);
            state.renamed.push((from.to_owned(), None));
            state.renamed.push((to.to_owned(), Some(number)));
        }
        counted
    }

    /// Returns when the disk knows which files there are.
    pub(crate) fn sync_folder(&self) -> Result<(), Refusal> {
        let mut state = self.state();
        state.is_off |= count_down(&mut state.syncs_left);
        state.count_call()?;
        state.sync_names();
        Ok(())
    }

    pub(crate) fn write(&self, number: FileNumber, at: u64, bytes: &[u8]) -> Result<(), Refusal> {
        let mut state = self.state();
        let end = at + bytes.len() as u64;
        let growth = end.saturating_sub(state.files[number].len);
        if state.bytes_max.is_some_and(|bytes_max| growth > 0 && state.bytes() + growth > bytes_max) {
            return Err(Refusal::Full);
        }
        let was_off = state.is_off;
        let counted = state.count_call();
        if !was_off {
            let file = &mut state.files[number];
            file.len = file.len.max(end);
            // Of a write during which the power is cut, some sectors may be on the disk.
            file.unsynced.push(Change::Write { at, bytes: bytes.to_vec() });
        }
        counted
    }

    pub(crate) fn truncate(&self, number: FileNumber, len: u64) -> Result<(), Refusal> {
        let mut state = self.state();
        state.count_call()?;
        let file = &mut state.files[number];
        file.len = len;
        file.unsynced.push(Change::Truncate { len });
        Ok(())
    }

    /// Returns when the file is on the disk, and if `names` is asked for, its name as well.
    pub(crate) fn sync(&self, number: FileNumber, names: bool) -> Result<(), Refusal> {
        let mut state = self.state();
        state.is_off |= count_down(&mut state.syncs_left);
        state.count_call()?;
        let file = &mut state.files[number];
        for change in std::mem::take(&mut file.unsynced) {
            change.carry_out(&mut file.synced);
        }
        if names {
            state.sync_names();
        }
        Ok(())
    }

    /// The power comes back: the real files become what the disk has. None of them may be open.
    pub(crate) fn power_on(&self) {
        let mut state = self.state();
        let state = &mut *state;
        for name in state.names.keys().chain(state.renamed.iter().map(|(name, _)| name)) {
            std::fs::remove_file(self.folder.join(name)).ok();
        }
        // Names are kept by the file system's journal, in order.
        let renamed_kept = state.random.usize(..=state.renamed.len());
        state.renamed.truncate(renamed_kept);
        state.sync_names();
        let (names, mut files) = (std::mem::take(&mut state.synced_names), std::mem::take(&mut state.files));
        state.names.clear();
        for (name, number) in names {
            let bytes = std::mem::take(&mut files[number]).after_power_cut(&mut state.random);
            std::fs::write(self.folder.join(&name), &bytes).unwrap();
            state.add_synced(name, bytes);
        }
        self.scramble_shared_memory(&mut state.random);
        (state.calls_left, state.syncs_left) = (None, None);
        state.is_off = false;
    }

    /// The log's index is in memory that is shared through a file; nobody syncs that, so it may hold anything.
    fn scramble_shared_memory(&self, random: &mut fastrand::Rng) {
        for database in DATABASES.iter().filter(|database| self.folder.join(database).exists()) {
            let file = self.folder.join(format!("{database}-shm"));
            let mut bytes = vec![0; 32 * 1024];
            random.fill(&mut bytes);
            match random.u8(..3) {
                0 => std::fs::write(file, bytes).unwrap(),
                1 => drop(std::fs::remove_file(file)),
                _ => {}
            }
        }
    }
}

impl State {
    fn add_synced(&mut self, name: String, bytes: Vec<u8>) {
        let number = self.files.len();
        let len = bytes.len() as u64;
        self.files.push(FileState { synced: bytes, unsynced: Vec::new(), len });
        self.names.insert(name.clone(), number);
        self.synced_names.insert(name, number);
    }

    fn bytes(&self) -> u64 {
        self.names.values().map(|number| self.files[*number].len).sum()
    }

    /// Whether there is power to carry out one more change.
    fn count_call(&mut self) -> Result<(), Refusal> {
        self.is_off |= count_down(&mut self.calls_left);
        if self.is_off { Err(Refusal::Off) } else { Ok(()) }
    }

    fn sync_names(&mut self) {
        for (name, number) in std::mem::take(&mut self.renamed) {
            match number {
                Some(number) => self.synced_names.insert(name, number),
                None => self.synced_names.remove(&name),
            };
        }
    }
}

/// Whether this is the call that was counted down to.
fn count_down(left: &mut Option<u64>) -> bool {
    let Some(left) = left else { return false };
    *left = left.saturating_sub(1);
    *left == 0
}

impl Change {
    fn carry_out(self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => put(content, at as usize, &bytes, |_| {}),
            Self::Truncate { len } => content.truncate(len as usize),
        }
    }
}

impl FileState {
    /// What was synced, and of each later write any of its sectors, whether or not an earlier one is there.
    fn after_power_cut(self, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut content = self.synced;
        let kept = [0.0, 0.1, 0.5, 0.9, 1.0, 1.0][random.usize(..6)];
        for change in self.unsynced {
            match change {
                Change::Truncate { len } if random.f64() < kept => content.truncate(len as usize),
                Change::Truncate { .. } => {}
                Change::Write { at, bytes } => {
                    let mut from = 0;
                    while from < bytes.len() {
                        let start = at as usize + from;
                        let to = bytes.len().min(from + SECTOR_BYTES - start % SECTOR_BYTES);
                        if random.f64() < kept {
                            put(&mut content, start, &bytes[from..to], |gap| fill(gap, random));
                        }
                        from = to;
                    }
                }
            }
        }
        content
    }
}

/// What the file system finds in a sector that was given to a file and never written.
fn fill(gap: &mut [u8], random: &mut fastrand::Rng) {
    if random.bool() {
        random.fill(gap);
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8], fill_gap: impl FnOnce(&mut [u8])) {
    let before = content.len();
    if before < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    if before < at {
        fill_gap(&mut content[before..at]);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

#[test]
fn what_is_synced_stays_and_the_rest_may_not() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut file = FileState::default();
        Change::Write { at: 0, bytes: vec![b'a'; 1024] }.carry_out(&mut file.synced);
        file.unsynced.push(Change::Write { at: 512, bytes: vec![b'b'; 1024] });
        let content = file.after_power_cut(&mut fastrand::Rng::with_seed(seed));
        assert_eq!(content[..512], [b'a'; 512]);
        seen.insert((content[512], content.len() > 1024));
    }
    let all = [(b'a', false), (b'a', true), (b'b', false), (b'b', true)];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all, "neither, the later, the earlier, both");
}
