//! Words: names that say nothing, loose ends, and places that exist on one machine only.
//!
//! Which words the product uses for what is in `docs/glossary.md`; that is for people to check.

use super::rust::code_of;
use super::{Complaint, Tree};

/// Parts of names that could stand for anything: say what it does.
const EMPTY_WORDS: [&str; 6] = ["manager", "helper", "helpers", "util", "utils", "misc"];
/// Beginnings of names that add nothing.
const EMPTY_BEGINNINGS: [&str; 2] = ["do", "process"];
/// What declares a name, in the languages that we write.
const DECLARE: [&str; 13] = [
    "fn ",
    "struct ",
    "enum ",
    "trait ",
    "mod ",
    "type ",
    "const ",
    "static ",
    "function ",
    "class ",
    "let ",
    "def ",
    "interface ",
];
/// Code that is looked at for declarations.
const CODE: [&str; 6] = [".rs", ".ts", ".svelte", ".py", ".mjs", ".js"];
/// First folders of paths that say where somebody's files are. Written without slashes, so that this file passes itself.
const MACHINE_FOLDERS: [&str; 6] = ["home", "root", "tmp", "Users", "work", "workspace"];
/// Made by package managers, from names that are not ours.
const LOCK_FILES: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// See the module.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for path in tree.paths() {
        check_path(path, &mut complaints);
    }
    for (path, text) in tree.texts() {
        if LOCK_FILES.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        check_places(path, text, &mut complaints);
        check_loose_ends(path, text, &mut complaints);
        if CODE.iter().any(|end| path.ends_with(end)) {
            check_names(path, text, &mut complaints);
        }
    }
    complaints
}

fn check_path(path: &str, complaints: &mut Vec<Complaint>) {
    for level in path.split('/') {
        if let Some(word) = empty_word(level.split('.').next().unwrap_or_default()) {
            complaints.push(Complaint::of_file(path, format!("'{word}' in a file's name: say what it is for")));
        }
    }
}

fn check_names(path: &str, text: &str, complaints: &mut Vec<Complaint>) {
    let code = if path.ends_with(".rs") { code_of(text) } else { text.to_owned() };
    for (line, text) in code.lines().enumerate() {
        for name in declared(text) {
            if let Some(word) = empty_word(name) {
                let what = format!("'{word}' in '{name}' could stand for anything: say what it does");
                complaints.push(Complaint::of_line(path, line, what));
            }
        }
    }
}

/// The names that a line declares.
fn declared(line: &str) -> impl Iterator<Item = &str> {
    DECLARE.into_iter().flat_map(move |keyword| {
        line.match_indices(keyword).filter_map(move |(at, _)| {
            let before = line[..at].chars().next_back();
            let rest = line[at + keyword.len()..].trim_start().trim_start_matches("mut ");
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            (!before.is_some_and(|c| c.is_alphanumeric() || c == '_') && end > 0).then(|| &rest[..end])
        })
    })
}

/// The empty word in a name, in whatever case it is written.
fn empty_word(name: &str) -> Option<String> {
    let words = words(name);
    let beginning = (words.len() > 1).then(|| words.first()).flatten();
    let beginning = beginning.filter(|word| EMPTY_BEGINNINGS.contains(&word.as_str()));
    beginning.or_else(|| words.iter().find(|word| EMPTY_WORDS.contains(&word.as_str()))).cloned()
}

/// `read_all`, `ReadAll`, `readAll` and `read-all` are "read" and "all".
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("never empty").extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn check_places(path: &str, text: &str, complaints: &mut Vec<Complaint>) {
    for folder in MACHINE_FOLDERS {
        let start = format!("/{folder}/");
        for (line, text) in text.lines().enumerate() {
            let is_place = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~}*)]".contains(c));
            if text.match_indices(&start).any(|(at, _)| is_place(at)) {
                let what = format!("'{start}…' is a place on somebody's machine: name no such place");
                complaints.push(Complaint::of_line(path, line, what));
            }
        }
    }
    // Names of programs that worked on the text, not of anything in it.
    let numbered = format!("{}-", EMPTY_WORDS[1]);
    for (line, text) in text.lines().enumerate() {
        if text.contains(&numbered) {
            complaints.push(Complaint::of_line(path, line, format!("'{numbered}…' names nothing of this project")));
        }
    }
}

fn check_loose_ends(path: &str, text: &str, complaints: &mut Vec<Complaint>) {
    let todo = ["TO", "DO"].concat();
    let ignored = ["#[ig", "nore"].concat();
    for (line, text) in text.lines().enumerate() {
        let mut loose = text.match_indices(&todo).filter(|(at, _)| {
            let before = text[..*at].chars().next_back();
            let after = &text[at + todo.len()..];
            let is_word = !before.is_some_and(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
            is_word && !after.starts_with("(#")
        });
        if loose.next().is_some() {
            complaints.push(Complaint::of_line(path, line, format!("say which issue: {todo}(#123)")));
        }
        if path.ends_with(".rs") && text.trim_start().starts_with(&ignored) {
            complaints.push(Complaint::of_line(path, line, "a test that does not run: mend it or delete it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fails, passes};
    use super::*;

    #[test]
    fn empty_words_are_found_in_names() {
        passes(
            check,
            &[
                ("a.rs", "fn reprocess() {}\nstruct Utility;\nfn f() { std::process::exit(do_it) } // fn do_it"),
                ("src/process.rs", "fn undo_all() {} fn process() {}"),
                ("a.ts", "const managerial = 1; let done = 2"),
            ],
        );
        let [_, name, ..] = EMPTY_WORDS;
        for (path, text, part) in [
            ("a.rs", "\npub(crate) fn do_work() {}", "a.rs:2: 'do'"),
            ("a.rs", "struct SessionManager;", "manager"),
            ("a.rs", "fn process_packet() {}", "process"),
            ("a.rs", "mod utils;", "utils"),
            ("a.ts", "export function processAll() {}", "process"),
            ("a.py", "def string_util():", "util"),
            ("a.mjs", "const x = 1, y = 2; let uiHelper = 3", name),
        ] {
            fails(check, &[(path, text)], &[part]);
        }
        for path in ["src/utils.rs", "ui/util/a.svelte", "tests/session_manager.py"] {
            fails(check, &[(path, "")], &[path, "file's name"]);
        }
    }

    #[test]
    fn places_on_a_machine_are_found() {
        passes(check, &[("a.md", "crates/work/src and ~/root/ and https://x.example/home/a and ${TMP}/tmp/x")]);
        for folder in MACHINE_FOLDERS {
            for before in ["", "cd ", "'", "=", "("] {
                fails(check, &[("a.md", &format!("{before}/{folder}/x"))], &["a.md:1", "somebody's machine"]);
            }
        }
        fails(check, &[("a.md", &format!("by {}-3", EMPTY_WORDS[1]))], &["nothing of this project"]);
        passes(check, &[("ui/package-lock.json", &format!("\"@x/{}-y\"", EMPTY_WORDS[1]))]);
    }

    #[test]
    fn loose_ends_are_found() {
        let todo = ["TO", "DO"].concat();
        passes(check, &[("a.rs", &format!("// {todo}(#12): later\nMY{todo}S"))]);
        for text in [format!("// {todo}: later"), todo.clone(), format!("// {todo}(me)")] {
            fails(check, &[("a.rs", &text)], &["say which issue"]);
        }
        let ignored = ["#[ig", "nore = \"slow\"]"].concat();
        fails(check, &[("a.rs", &ignored)], &["does not run"]);
    }
}
