//! How long files may be, and that each says at its top what it is for.

use super::rust::without_tests;
use super::{Complaint, Tree};

/// Longest file, in lines, tests not counted. At 500 ask whether it holds two ideas.
const LINES_MAX: usize = 800;

/// What is written by hand and read as code.
const CODE: [&str; 8] = [".rs", ".ts", ".svelte", ".css", ".py", ".mjs", ".js", ".sh"];

/// Longer files that are fine, each with its reason.
const LONG: [(&str, &str); 0] = [];

/// See the module.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    check_with(tree, &LONG)
}

fn check_with(tree: &Tree, long: &[(&str, &str)]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, text) in tree.texts() {
        if !CODE.iter().any(|end| path.ends_with(end)) && !path.starts_with("scripts/") {
            continue;
        }
        let lines = if is_test(path) { 0 } else { without_tests(text).len() };
        let is_listed = long.iter().any(|(listed, _)| *listed == path);
        if lines > LINES_MAX && !is_listed {
            let what = format!("{lines} lines without tests, {LINES_MAX} are allowed: split it by idea");
            complaints.push(Complaint::of_file(path, what));
        }
        if path.ends_with(".rs") && !path.ends_with("/tests.rs") && !text.trim_start().starts_with("//!") {
            let what = "begin with `//!`: what belongs here, and what does not";
            complaints.push(Complaint::of_file(path, what));
        }
    }
    for (path, _) in long {
        let lines = tree.text(path).map_or(0, |text| without_tests(text).len());
        if lines <= LINES_MAX {
            complaints.push(Complaint::of_file(path, "is listed as long in tidy, but is not: take it off the list"));
        }
    }
    complaints
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fails, passes};
    use super::*;

    fn lines(count: usize) -> String {
        format!("//! Long.\n{}", "x\n".repeat(count - 1))
    }

    #[test]
    fn long_files_are_found() {
        let with_tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(800), "    x\n".repeat(100));
        passes(
            check,
            &[("a.rs", &lines(800)), ("b.rs", &with_tests), ("b/tests.rs", &lines(900)), ("c.md", &lines(900))],
        );
        for path in ["a.rs", "ui/src/a.svelte", "scripts/run"] {
            fails(check, &[(path, &lines(801))], &[path, "801"]);
        }
    }

    #[test]
    fn exceptions_are_named_and_needed() {
        let list = [("table.rs", "a table")];
        assert_eq!(check_with(&Tree::of_texts(&[("table.rs", &lines(801))]), &list), []);
        assert_eq!(check_with(&Tree::of_texts(&[("table.rs", &lines(10))]), &list).len(), 1);
        assert_eq!(check_with(&Tree::of_texts(&[]), &list).len(), 1);
    }

    #[test]
    fn files_say_what_they_are_for() {
        passes(check, &[("a.rs", "\n//! A.\nfn a() {}"), ("a/tests.rs", "use super::*;")]);
        for text in ["", "// A.\n", "fn a() {}\n//! A."] {
            fails(check, &[("a.rs", text)], &["a.rs", "//!"]);
        }
    }
}
