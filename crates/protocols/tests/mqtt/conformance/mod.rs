//! Conformance cases: rows of bytes, and the one runner that plays them to the machines and over TCP.
//!
//! The integration tests of `server` include this folder by its path, so nothing here knows a broker or a socket; a file
//! named otherwise than `mod.rs` would look for its parts in another place there.

pub(crate) mod pattern;
mod runner;
mod script;

use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use runner::{Received, Stage, play};
pub(crate) use script::{Case, Step};

/// All cases of a folder, in the order of files and lines. `names.txt` holds names that every file may use.
pub(crate) fn cases(folder: &Path) -> Vec<Case> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort();
    let read =
        |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut names = BTreeMap::new();
    script::parse("names", &read(&folder.join("names.txt")), &mut names);
    let texts = paths.iter().map(|path| (path.file_stem().unwrap_or_default().to_string_lossy(), read(path)));
    texts.flat_map(|(file, text)| script::parse(&file, &text, &mut names.clone())).collect()
}
