//! The layer between SQLite and the real files: hands every change to a [`Disk`] before it is carried out.
//!
//! Locks and shared memory are those of SQLite's own layer for this system, which this one stands on. Files outside of a
//! mounted folder, and temporary ones, are left to it altogether. What a change means for the disk belongs to `disk`.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Once};

use rusqlite::ffi;

use crate::disk::{Disk, FileNumber, Refusal, disk_of};

/// A file as SQLite sees it. The file of the layer below lies right behind it, in the same piece of memory.
#[repr(C)]
struct LayeredFile {
    /// What SQLite knows of it; must come first.
    base: ffi::sqlite3_file,
    /// Null for files that no disk is under.
    tracked: *mut Tracked,
}

struct Tracked {
    disk: Arc<Disk>,
    number: FileNumber,
    /// SQLite's layer syncs the folder with the first sync of a log or journal.
    syncs_names: bool,
}

/// Makes this layer the one that every connection of this process uses.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: the layer of the system is there after SQLite has set itself up, lives as long as the process and is not
        // changed. Ours is a copy that only opens and deletes in its own way; it is leaked, so it lives as long. The copied
        // functions take either of the two.
        unsafe {
            let system = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!system.is_null(), "SQLite has a layer for this system");
            let layer = Box::leak(Box::new(*system));
            layer.zName = c"power-cut".as_ptr();
            layer.pNext = std::ptr::null_mut();
            layer.szOsFile += size_of::<LayeredFile>() as c_int;
            layer.pAppData = system.cast();
            layer.xOpen = Some(open);
            layer.xDelete = Some(delete);
            assert_eq!(ffi::sqlite3_vfs_register(layer, 1), ffi::SQLITE_OK);
        }
    });
}

fn code(outcome: Result<(), Refusal>) -> Result<(), c_int> {
    outcome.map_err(|refusal| match refusal {
        Refusal::Off => ffi::SQLITE_IOERR,
        Refusal::Full => ffi::SQLITE_FULL,
    })
}

/// # Safety
/// `vfs` is the layer that [`install`] made.
unsafe fn system(vfs: *mut ffi::sqlite3_vfs) -> *mut ffi::sqlite3_vfs {
    // SAFETY: `install` put it there.
    unsafe { (*vfs).pAppData.cast() }
}

/// # Safety
/// `file` is a [`LayeredFile`], with room for the file below behind it: SQLite allocates `szOsFile` bytes.
unsafe fn below(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: both are in one allocation; LayeredFile's size is a multiple of its alignment, a pointer's.
    unsafe { file.cast::<LayeredFile>().add(1).cast() }
}

/// # Safety
/// As for [`below`], and [`open`] has succeeded. SQLite uses a file from one thread at a time.
unsafe fn tracked<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a mut Tracked> {
    // SAFETY: `open` set it to null or to a box that `close` frees.
    unsafe { (*file.cast::<LayeredFile>()).tracked.as_mut() }
}

/// # Safety
/// `name` is null or a C string, as SQLite promises.
unsafe fn path_of<'a>(name: *const c_char) -> Option<&'a Path> {
    // SAFETY: as promised.
    (!name.is_null()).then(|| Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes())))
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands in a layer of ours, a C string or null, and memory of `szOsFile` bytes for the file. When opening
    // fails pMethods is null, so that SQLite does not close the file.
    unsafe {
        (*file).pMethods = std::ptr::null();
        (*file.cast::<LayeredFile>()).tracked = std::ptr::null_mut();
        let kinds = ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
        let place = if flags & kinds != 0 { path_of(name).and_then(disk_of) } else { None };
        let mut number = None;
        if let Some((disk, name)) = &place {
            match disk.open(name, flags & ffi::SQLITE_OPEN_CREATE != 0) {
                Ok(opened) => number = Some(opened),
                Err(_) => return ffi::SQLITE_CANTOPEN,
            }
        }
        let system = system(vfs);
        let opened = (*system).xOpen.expect("every layer opens")(system, name, below(file), flags, flags_out);
        if opened != ffi::SQLITE_OK {
            return opened;
        }
        if let (Some((disk, _)), Some(number)) = (place, number) {
            let syncs_names = flags & ffi::SQLITE_OPEN_MAIN_DB == 0;
            (*file.cast::<LayeredFile>()).tracked = Box::into_raw(Box::new(Tracked { disk, number, syncs_names }));
        }
        (*file).pMethods = &raw const METHODS;
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, is_synced: c_int) -> c_int {
    // SAFETY: SQLite hands in a layer of ours and a C string.
    unsafe {
        if let Some((disk, name)) = path_of(name).and_then(disk_of)
            && let Err(refused) = code(disk.delete(&name, is_synced != 0))
        {
            return refused;
        }
        let system = system(vfs);
        (*system).xDelete.expect("every layer deletes")(system, name, 0)
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes what `open` opened, once; the box came from there.
    unsafe {
        let layered = file.cast::<LayeredFile>();
        if !(*layered).tracked.is_null() {
            drop(Box::from_raw((*layered).tracked));
            (*layered).tracked = std::ptr::null_mut();
        }
        let below = below(file);
        (*(*below).pMethods).xClose.expect("every file closes")(below)
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite hands in an open file and `count` readable bytes.
    unsafe {
        if let Some(Tracked { disk, number, .. }) = tracked(file) {
            let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), count as usize);
            if let Err(refused) = code(disk.write(*number, at as u64, bytes)) {
                return refused;
            }
        }
        let below = below(file);
        (*(*below).pMethods).xWrite.expect("every file is written")(below, bytes, count, at)
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite hands in an open file.
    unsafe {
        if let Some(Tracked { disk, number, .. }) = tracked(file)
            && let Err(refused) = code(disk.truncate(*number, len as u64))
        {
            return refused;
        }
        let below = below(file);
        (*(*below).pMethods).xTruncate.expect("every file is truncated")(below, len)
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite hands in an open file.
    unsafe {
        if let Some(Tracked { disk, number, syncs_names }) = tracked(file) {
            // The real disk is not waited for: what it has is decided by ours.
            let synced = code(disk.sync(*number, std::mem::take(syncs_names)));
            return synced.err().unwrap_or(ffi::SQLITE_OK);
        }
        let below = below(file);
        (*(*below).pMethods).xSync.expect("every file is synced")(below, flags)
    }
}

unsafe extern "C" fn control(file: *mut ffi::sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    // SAFETY: SQLite hands in an open file. A pragma comes as three strings, of which the third, its value, may be null; it
    // is a copy that SQLite made of the statement's text and uses after this, so it may be changed if it gets no longer.
    unsafe {
        if operation == ffi::SQLITE_FCNTL_PRAGMA
            && let Some(synchronous) = tracked(file).and_then(|tracked| tracked.disk.synchronous())
        {
            let strings = argument.cast::<*mut c_char>();
            let (name, value) = (*strings.add(1), *strings.add(2));
            if CStr::from_ptr(name) == c"synchronous" && !value.is_null() && *value != 0 {
                *value = (b'0' + synchronous) as c_char;
                *value.add(1) = 0;
            }
        }
        let below = below(file);
        (*(*below).pMethods).xFileControl.expect("every file is controlled")(below, operation, argument)
    }
}

/// Methods that are the layer's below.
macro_rules! pass_on {
    ($($name:ident => $method:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)?;)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($argument: $kind),*) $(-> $result)? {
            // SAFETY: SQLite hands in an open file and arguments that hold for the file below as well.
            unsafe {
                let below = below(file);
                (*(*below).pMethods).$method.expect("SQLite's own layer has every method")(below, $($argument),*)
            }
        }
    )*};
}

pass_on! {
    read => xRead(into: *mut c_void, count: c_int, at: ffi::sqlite3_int64) -> c_int;
    file_size => xFileSize(size: *mut ffi::sqlite3_int64) -> c_int;
    lock => xLock(level: c_int) -> c_int;
    unlock => xUnlock(level: c_int) -> c_int;
    check_reserved_lock => xCheckReservedLock(is_reserved: *mut c_int) -> c_int;
    sector_size => xSectorSize() -> c_int;
    device_characteristics => xDeviceCharacteristics() -> c_int;
    shm_map => xShmMap(page: c_int, bytes: c_int, extend: c_int, memory: *mut *mut c_void) -> c_int;
    shm_lock => xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier => xShmBarrier();
    shm_unmap => xShmUnmap(is_deleted: c_int) -> c_int;
}

/// Version 2: without memory-mapped reading, which would go past [`read`].
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
