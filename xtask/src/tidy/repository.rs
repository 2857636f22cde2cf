//! What must not be committed: what was built, what others wrote, and where the builder got it from.

use super::{Complaint, Tree};

/// Folders that are made, not written.
const BUILT: [&str; 8] =
    ["node_modules", "dist", "target", "__pycache__", ".cache", ".pytest_cache", "test-results", "playwright-report"];
/// Folders that others' code is put into.
const FOREIGN: [&str; 3] = ["vendor", "third_party", "third-party"];
/// Ends of names of files that are made.
const BUILT_FILES: [&str; 8] = [".db", ".db-wal", ".db-shm", ".lock.tmp", ".pyc", ".o", ".so", ".log"];
/// How Cargo itself names the common registry. A mirror would work on one network only.
const RUST_PACKAGES: &str = "registry+https://github.com/rust-lang/crates.io-index";

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
        // npm can leave addresses out, so that each machine asks its own registry; Cargo always writes them.
        let is_foreign = |line: &str| match name {
            "Cargo.lock" => line.strip_prefix("source = ").is_some_and(|at| at.trim_matches('"') != RUST_PACKAGES),
            "package-lock.json" => line.starts_with("\"resolved\": "),
            _ => false,
        };
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if is_foreign(line) {
                let what = format!("'{line}' names a place where not everybody gets packages from");
                complaints.push(Complaint::of_line(path, number, what));
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
                ("ui/package-lock.json", "  \"integrity\": \"sha512-x\","),
            ],
        );
        fails(check, &[("Cargo.lock", "\nsource = \"registry+https://mirror.example/\"")], &["Cargo.lock:2", "mirror"]);
        fails(check, &[("a/package-lock.json", "\"resolved\": \"http://mirror.example/a.tgz\",")], &["mirror"]);
    }
}
