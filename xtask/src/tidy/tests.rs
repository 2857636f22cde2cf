use std::path::Path;

use super::*;

#[test]
fn the_repository_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tree = Tree::of_repository(root).unwrap();
    assert!(tree.text("Cargo.toml").is_some() && tree.text("crates/core/src/lib.rs").is_some(), "files are found");
    let complaints = check(&tree);
    let list: Vec<_> = complaints.iter().map(ToString::to_string).collect();
    assert!(complaints.is_empty(), "{} complaint(s):\n{}", list.len(), list.join("\n"));
}

/// What a check finds in a small repository with these files, as `path:line: what` cut to the given words.
pub(crate) fn found(check: fn(&Tree) -> Vec<Complaint>, files: &[(&str, &str)]) -> Vec<String> {
    check(&Tree::of_texts(files)).iter().map(ToString::to_string).collect()
}

/// Asserts that a check says nothing about `files`.
#[track_caller]
pub(crate) fn passes(check: fn(&Tree) -> Vec<Complaint>, files: &[(&str, &str)]) {
    assert_eq!(found(check, files), Vec::<String>::new());
}

/// Asserts that a check finds exactly one thing, and that its complaint holds all of `parts`.
#[track_caller]
pub(crate) fn fails(check: fn(&Tree) -> Vec<Complaint>, files: &[(&str, &str)], parts: &[&str]) {
    let found = found(check, files);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(parts.iter().all(|part| found[0].contains(part)), "{found:?} should hold {parts:?}");
}
