//! Small files in the data folder that are read and replaced as a whole, such as keys.
//!
//! What is in them means nothing here. Not for what changes often: each write waits for the disk.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::limits::VAULT_FILE_BYTES_MAX;

/// Who may read a file, besides the hub's user; the folder above it lets in nobody else anyway, but files get copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// Nobody.
    Secret,
    /// Everybody.
    Public,
}

/// A folder of such files, in the data folder; see [`crate::Store::vault`]. To be used only while the store is open, as its lock
/// keeps other hubs out.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
}

impl Vault {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where a file is, for messages to people.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What a file holds; `None` if it is not there. One that is larger than [`VAULT_FILE_BYTES_MAX`] is none of ours, and an error.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(name);
        let failed = |source| StoreError::file("read", &path, source);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(VAULT_FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > VAULT_FILE_BYTES_MAX {
            return Err(failed(ErrorKind::FileTooLarge.into()));
        }
        Ok(Some(bytes))
    }

    /// Replaces a file, whole or not at all; when this returns `Ok` it is on the disk. A start that was cut short may leave a
    /// file named `….new`, which the next write takes over.
    pub fn write(&self, name: &str, bytes: &[u8], secrecy: Secrecy) -> Result<(), StoreError> {
        let path = self.path(name);
        self.replace(name, &path, bytes, secrecy).map_err(|source| StoreError::file("write", &path, source))
    }

    fn replace(&self, name: &str, path: &Path, bytes: &[u8], secrecy: Secrecy) -> std::io::Result<()> {
        self.create()?;
        let unfinished = self.folder.join(format!("{name}.new"));
        // Not opened but made, so that it has the right mode from its first byte on.
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode(secrecy));
        let mut file = options.open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        File::open(&self.folder)?.sync_all()
    }

    fn create(&self) -> std::io::Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&self.folder)?;
        // That the folder is there has to be on the disk as well.
        match self.folder.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(unix)]
fn mode(secrecy: Secrecy) -> u32 {
    match secrecy {
        Secrecy::Secret => 0o600,
        Secrecy::Public => 0o644,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> (tempfile::TempDir, Vault) {
        let temp = tempfile::tempdir().unwrap();
        let vault = Vault::new(temp.path().join("keys"));
        (temp, vault)
    }

    #[test]
    fn files_are_replaced_as_a_whole() {
        let (_temp, vault) = vault();
        assert_eq!(vault.read("a").unwrap(), None);
        for bytes in [&b"first"[..], b"", b"third"] {
            vault.write("a", bytes, Secrecy::Secret).unwrap();
            assert_eq!(vault.read("a").unwrap().as_deref(), Some(bytes));
        }
        assert!(!vault.path("a.new").exists());
    }

    #[test]
    fn what_a_start_that_was_cut_short_left_is_in_nobodys_way() {
        let (_temp, vault) = vault();
        vault.write("a", b"old", Secrecy::Secret).unwrap();
        std::fs::write(vault.path("a.new"), "hal").unwrap();
        assert_eq!(vault.read("a").unwrap().as_deref(), Some(&b"old"[..]));
        vault.write("a", b"new", Secrecy::Secret).unwrap();
        assert_eq!(vault.read("a").unwrap().as_deref(), Some(&b"new"[..]));
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_for_the_hubs_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_temp, vault) = vault();
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        std::fs::create_dir(vault.folder.parent().unwrap().join("keys")).unwrap();
        std::fs::write(vault.path("a.new"), "left with an open mode").unwrap();
        vault.write("a", b"key", Secrecy::Secret).unwrap();
        vault.write("b", b"certificate", Secrecy::Public).unwrap();
        assert_eq!(mode(vault.path("a")), 0o600);
        // What the umask of whoever runs the test takes away is taken away.
        assert_eq!(mode(vault.path("b")) & !0o644, 0);
    }

    #[test]
    fn what_cannot_be_a_file_of_ours_is_an_error() {
        let (_temp, vault) = vault();
        std::fs::create_dir_all(vault.path("folder")).unwrap();
        assert!(vault.read("folder").is_err());
        assert!(vault.write("folder", b"x", Secrecy::Secret).is_err());
        std::fs::write(vault.path("large"), vec![0; VAULT_FILE_BYTES_MAX + 1]).unwrap();
        let refused = vault.read("large").unwrap_err();
        assert!(refused.to_string().contains("large"), "{refused}");
    }
}
