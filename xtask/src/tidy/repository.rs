//! What must not be committed: what was built, what others wrote, and where the builder got it from.

use super::{Complaint, Tree};

/// Folders that are made, not written.
const BUILT: [&str; 8] =
    ["node_modules", "dist", "target", "__pycache__", ".cache", ".pytest_cache", "test-results", "playwright-report"];
/// Folders that others' code is put into.
const FOREIGN: [&str; 3] = ["vendor", "third_party", "third-party"];
/// Ends of names of files that are made.
const BUILT_FILES: [&str; 8] = [".db", ".db-wal", ".db-shm", ".lock.tmp", ".pyc", ".o", ".so", ".log"];
/// Where everybody's packages come from. A mirror would work on one network only.
const RUST_PACKAGES: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NODE_PACKAGES: &str = "https://registry.npmjs.org/";

/// See the module.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for path in tree.tracked() {
        let (folders, _) = path.rsplit_once('/').unwrap_or(("", path));
        let has = |names: &[&str]| folders.split('/').any(|folder| names.contains(&folder));
        if has(&BUILT) || BUILT_FILES.iter().any(|end| path.ends_with(end)) {
            complaints.push(Complaint::of_file(path, "is built, not written: `git rm --cached` it and ignore it"));
        } else if has(&FOREIGN) {
            complaints.push(Complaint::of_file(path, "others' code is depended on, not copied"));
        }
    }
    for (path, text) in tree.texts() {
        let name = path.rsplit('/').next().unwrap_or_default();
        let (key, home) = match name {
            "Cargo.lock" => ("source = ", RUST_PACKAGES),
            "package-lock.json" => ("\"resolved\": ", NODE_PACKAGES),
            _ => continue,
        };
        for (line, text) in text.lines().enumerate() {
            let source = text.trim().strip_prefix(key).map(|source| source.trim_matches([',', '"']));
            if let Some(source) = source.filter(|source| !source.starts_with(home)) {
                complaints.push(Complaint::of_line(path, line, format!("'{source}' is not where everybody finds it")));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fails, passes};
    use super::check;

    #[test]
    fn built_and_foreign_files_are_found() {
        passes(check, &[("ui/src/dist.ts", ""), ("scripts/build", ""), ("Cargo.lock", "")]);
        for path in ["ui/dist/index.html", "ui/node_modules/x/y.js", "a/__pycache__/b.pyc", "data/housewire.db"] {
            fails(check, &[(path, "")], &[path, "built"]);
        }
        fails(check, &[("vendor/x.c", "")], &["vendor/x.c", "depended on"]);
    }

    #[test]
    fn packages_come_from_where_everybody_gets_them() {
        passes(
            check,
            &[
                ("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\""),
                ("ui/package-lock.json", "  \"resolved\": \"https://registry.npmjs.org/a/-/a-1.tgz\","),
            ],
        );
        fails(check, &[("Cargo.lock", "\nsource = \"registry+https://mirror.example/\"")], &["Cargo.lock:2", "mirror"]);
        fails(check, &[("a/package-lock.json", "\"resolved\": \"http://mirror.example/a.tgz\",")], &["mirror"]);
    }
}
