//! That every Rust file is part of something: a file that no `mod` line reaches is neither compiled nor tested.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::rust::code_of;
use super::{Complaint, Tree};

/// See the module.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<(String, bool)> = roots(tree).into_iter().map(|root| (root, true)).collect();
    while let Some((path, is_root)) = open.pop() {
        let Some(text) = tree.text(&path) else { continue };
        if reached.insert(path.clone()) {
            open.extend(children(tree, &path, is_root, text).into_iter().map(|child| (child, false)));
        }
    }
    let dead = tree.texts_named(".rs").filter(|(path, _)| !reached.contains(*path));
    dead.map(|(path, _)| Complaint::of_file(path, "no `mod` line leads here: add one, or delete the file")).collect()
}

/// The files at which cargo starts, of all packages.
fn roots(tree: &Tree) -> Vec<String> {
    let mut roots = Vec::new();
    for (path, text) in tree.texts() {
        let Some(folder) = path.strip_suffix("Cargo.toml").filter(|folder| folder.is_empty() || folder.ends_with('/'))
        else {
            continue;
        };
        let manifest: Table = text.parse().unwrap_or_default();
        roots.extend(["src/lib.rs", "src/main.rs", "build.rs"].map(|file| format!("{folder}{file}")));
        for (kind, default) in [("bin", "src/bin"), ("test", "tests"), ("bench", "benches"), ("example", "examples")] {
            let named = manifest.get(kind).and_then(Value::as_array).into_iter().flatten();
            let named = named.chain(manifest.get("lib"));
            let paths = named.filter_map(|target| target.get("path").and_then(Value::as_str));
            roots.extend(paths.map(|file| format!("{folder}{file}")));
            let is_off = manifest.get("package").and_then(|package| package.get(format!("auto{kind}s")));
            if is_off != Some(&Value::Boolean(false)) {
                let default = format!("{folder}{default}/");
                let found = tree.paths().filter(|file| is_default_root(file, &default));
                roots.extend(found.map(str::to_owned));
            }
        }
    }
    roots
}

/// `tests/name.rs` and `tests/name/main.rs`.
fn is_default_root(file: &str, folder: &str) -> bool {
    let Some(inside) = file.strip_prefix(folder) else { return false };
    let levels: Vec<_> = inside.split('/').collect();
    matches!(levels[..], [name] if name.ends_with(".rs")) || matches!(levels[..], [_, "main.rs"])
}

/// The files that the `mod` lines of a file lead to.
fn children(tree: &Tree, path: &str, is_root: bool, text: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let inside = match name.strip_suffix(".rs").unwrap_or(name) {
        "mod" => folder.to_owned(),
        _ if is_root => folder.to_owned(),
        stem => join(folder, stem),
    };
    let mut found = Vec::new();
    let code = code_of(text);
    let lines: Vec<_> = code.lines().zip(text.lines()).collect();
    for (at, (line, _)) in lines.iter().enumerate() {
        let Some(module) = module_of(line) else { continue };
        // The code has no texts in it any more, so an attribute's value is read from the source.
        let attribute = at.checked_sub(1).and_then(|above| lines[above].1.trim().strip_prefix("#[path = \""));
        if let Some(named) = attribute.and_then(|rest| rest.strip_suffix("\"]")) {
            found.push(join(folder, named));
        } else {
            found.extend([join(&inside, &format!("{module}.rs")), join(&inside, &format!("{module}/mod.rs"))]);
        }
    }
    found.retain(|path| tree.text(path).is_some());
    found
}

/// The name in `mod name;`.
fn module_of(line: &str) -> Option<&str> {
    let statement = line.trim().strip_suffix(';')?;
    let (before, name) = statement.rsplit_once("mod ")?;
    let is_statement = before.is_empty() || before.starts_with("pub");
    (is_statement && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fails, passes};
    use super::check;

    const PACKAGE: (&str, &str) = ("a/Cargo.toml", "[package]\nname = \"a\"\nautotests = false");

    #[test]
    fn files_are_reached_by_mod_lines() {
        passes(
            check,
            &[
                PACKAGE,
                ("a/build.rs", ""),
                ("a/src/lib.rs", "mod b;\npub(crate) mod c;\n#[cfg(test)]\nmod tests;"),
                ("a/src/tests.rs", ""),
                ("a/src/b.rs", "pub mod d;"),
                ("a/src/b/d.rs", ""),
                ("a/src/c/mod.rs", "#[path = \"other.rs\"]\nmod e;"),
                ("a/src/c/other.rs", ""),
                ("a/src/bin/tool.rs", "mod f;"),
                ("a/src/bin/f.rs", ""),
            ],
        );
    }

    #[test]
    fn dead_files_are_found() {
        for text in ["", "// mod b;", "mod c;", "/*\nmod b;\n*/", "const X: &str = \"\nmod b;\n\";"] {
            fails(check, &[PACKAGE, ("a/src/lib.rs", text), ("a/src/b.rs", "")], &["a/src/b.rs", "no `mod` line"]);
        }
        fails(check, &[PACKAGE, ("a/src/lib.rs", "mod b;"), ("a/src/c/b.rs", "")], &["a/src/c/b.rs"]);
        fails(check, &[("loose.rs", "")], &["loose.rs"]);
    }

    #[test]
    fn targets_are_found_as_cargo_finds_them() {
        let named =
            ("a/Cargo.toml", "[package]\nautotests = false\n[[test]]\nname = \"it\"\npath = \"tests/it/main.rs\"");
        passes(check, &[named, ("a/tests/it/main.rs", "mod b;"), ("a/tests/it/b.rs", "")]);
        fails(check, &[named, ("a/tests/it/main.rs", ""), ("a/tests/other.rs", "")], &["tests/other.rs"]);
        let plain = ("a/Cargo.toml", "[package]\nname = \"a\"");
        passes(check, &[plain, ("a/tests/b.rs", "mod c;"), ("a/tests/c.rs", ""), ("a/examples/d/main.rs", "")]);
    }
}
