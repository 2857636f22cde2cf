//! The repository's files: what git knows or would add, else what lies in the folder.
//!
//! The checks only see what is here, so that a small made-up repository can be checked too.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::process::Command;

/// Folders that hold what was built or installed; looked for only where there is no git to ask.
const BUILT_FOLDERS: [&str; 6] = [".git", ".cache", "target", "node_modules", "dist", "__pycache__"];

/// Files by their path from the root, with `/` between folders.
#[derive(Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, Option<String>>,
    /// What git has in its index; `None` where there is no git.
    tracked: Option<BTreeSet<String>>,
}

impl Tree {
    /// All files of the repository at `root`.
    pub fn of_repository(root: &Path) -> io::Result<Self> {
        let tracked = git_files(root, &["--cached"]);
        let paths = match git_files(root, &["--cached", "--others", "--exclude-standard"]) {
            Some(paths) => paths,
            None => walk(root)?,
        };
        let mut files = BTreeMap::new();
        for path in paths {
            match std::fs::read(root.join(&path)) {
                Ok(bytes) => {
                    files.insert(path, String::from_utf8(bytes).ok());
                }
                // Deleted, but git has not been told yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // A submodule or a link to a folder: not a file of ours.
                Err(error) if error.kind() == io::ErrorKind::IsADirectory => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { files, tracked })
    }

    /// A repository with these files, all of them known to git.
    pub fn of_texts(files: &[(&str, &str)]) -> Self {
        let text = |(path, text): &(&str, &str)| ((*path).to_owned(), Some((*text).to_owned()));
        let files: BTreeMap<_, _> = files.iter().map(text).collect();
        let tracked = Some(files.keys().cloned().collect());
        Self { files, tracked }
    }

    /// A file's text; `None` if it is not there or not text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether there is such a file, or a folder with files in it.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    /// All files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// All files that are text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// All files that are text and whose name ends so.
    pub fn texts_named(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(end))
    }

    /// What git has in its index; nothing where there is no git.
    pub fn tracked(&self) -> impl Iterator<Item = &str> {
        self.tracked.iter().flatten().map(String::as_str)
    }
}

fn git_files(root: &Path, which: &[&str]) -> Option<BTreeSet<String>> {
    // Without --full-name the paths are relative to `root`; a folder inside some other repository is not that repository.
    let own = root.join(".git").exists();
    let output = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).args(which).output();
    let output = output.ok().filter(|output| own && output.status.success())?;
    let names = String::from_utf8(output.stdout).ok()?;
    Some(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn walk(root: &Path) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if !entry.file_type()?.is_dir() {
                found.insert(path);
            } else if !BUILT_FOLDERS.contains(&name.as_str()) {
                folders.push(path);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "text").unwrap();
    }

    #[test]
    fn without_git_the_folder_is_walked() {
        let temp = tempfile::tempdir().unwrap();
        for path in ["a.md", "b/c.rs", "target/x.rs", "ui/node_modules/y.js", "ui/dist/z.html"] {
            write(temp.path(), path);
        }
        std::fs::write(temp.path().join("picture.png"), [0xff]).unwrap();
        let tree = Tree::of_repository(temp.path()).unwrap();
        assert_eq!(tree.paths().collect::<Vec<_>>(), ["a.md", "b/c.rs", "picture.png"]);
        assert_eq!((tree.text("a.md"), tree.text("picture.png")), (Some("text"), None));
        assert!(tree.has("b") && tree.has("b/c.rs") && tree.has("picture.png") && !tree.has("b/c"));
        assert_eq!(tree.tracked().count(), 0);
    }

    #[test]
    fn with_git_what_it_ignores_is_left_out() {
        let temp = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| Command::new("git").arg("-C").arg(temp.path()).args(args).output();
        let Ok(output) = git(&["init", "-q"]) else { return }; // no git: the other test covers that case
        assert!(output.status.success(), "{output:?}");
        for path in ["tracked", "new", "built/x", "deleted"] {
            write(temp.path(), path);
        }
        std::fs::write(temp.path().join(".gitignore"), "built/").unwrap();
        assert!(git(&["add", "tracked", "deleted"]).unwrap().status.success());
        std::fs::remove_file(temp.path().join("deleted")).unwrap();
        let tree = Tree::of_repository(temp.path()).unwrap();
        assert_eq!(tree.paths().collect::<Vec<_>>(), [".gitignore", "new", "tracked"]);
        assert_eq!(tree.tracked().collect::<Vec<_>>(), ["deleted", "tracked"]);
    }
}
