//! Which crate may know which, and which outside crates the pure ones may know; inside `server`, that the transports do not
//! know each other.
//!
//! The map is `ARCHITECTURE.md`'s; a new arrow, and a new crate, needs a decision record first.

use toml::{Table, Value};

use super::rust::{code_of, paths_from, used_paths};
use super::{Complaint, Tree};

/// A crate of ours, what it may depend on, and, where purity is at stake, which outside crates it may use.
struct Crate {
    folder: &'static str,
    knows: &'static [&'static str],
    outside: Option<&'static [&'static str]>,
}

const CRATES: [Crate; 7] = [
    Crate {
        folder: "core",
        knows: &[],
        // Tables and lists that hold less than those of the standard library, for what there is one of per subscription.
        outside: Some(&[
            "bytes",
            "hashbrown",
            "jiff",
            "parking_lot",
            "rustc-hash",
            "serde_json",
            "smallvec",
            "thiserror",
        ]),
    },
    Crate {
        folder: "protocols",
        knows: &["core"],
        // Hashing and text preparation for SCRAM compute and do nothing else.
        outside: Some(&[
            "base64",
            "bytes",
            "hmac",
            "pbkdf2",
            "rustc-hash",
            "sha2",
            "smallvec",
            "stringprep",
            "subtle",
            "thiserror",
        ]),
    },
    Crate { folder: "store", knows: &["core"], outside: None },
    Crate {
        folder: "links",
        knows: &["core", "protocols"],
        // Templates and what is in them: text, JSON, times, regular expressions. `serde` reads files of others into types.
        outside: Some(&["base64", "jiff", "minijinja", "regex-lite", "serde", "serde_json", "thiserror"]),
    },
    Crate { folder: "media", knows: &["core", "store"], outside: None },
    Crate { folder: "lab", knows: &["core", "protocols"], outside: None },
    Crate { folder: "server", knows: &["core", "protocols", "store", "links", "media", "lab"], outside: None },
];

/// What pure crates leave to others, tests apart.
const IMPURE: [&str; 7] =
    ["std::fs", "std::net", "std::process", "std::env", "std::thread", "std::time::Instant::now", "std::io::std"];

/// Folders of `server` that never `use` each other.
const TRANSPORTS: [&str; 5] = ["mqtt", "http", "ws", "blynk", "bolt"];

/// See the module.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, text) in tree.texts_named("/Cargo.toml") {
        if let Some(folder) = crate_of(path) {
            check_manifest(path, folder, text, &mut complaints);
        }
    }
    for (path, text) in tree.texts_named(".rs") {
        let Some(folder) = crate_of(path) else { continue };
        let code = code_of(text);
        check_crates_used(path, folder, &code, &mut complaints);
        check_purity(path, folder, &code, &mut complaints);
        if folder == "server" {
            check_transports(path, &code, &mut complaints);
        }
    }
    complaints
}

/// `crates/<folder>/…`
fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split_once('/').map(|(folder, _)| folder)
}

fn check_manifest(path: &str, folder: &str, text: &str, complaints: &mut Vec<Complaint>) {
    let Ok(manifest) = text.parse::<Table>() else {
        complaints.push(Complaint::of_file(path, "is no TOML"));
        return;
    };
    let Some(known) = CRATES.iter().find(|known| known.folder == folder) else {
        let what = "a crate that is not on the map: decide on it in docs/adr first, then add it to tidy";
        complaints.push(Complaint::of_file(path, what));
        return;
    };
    if manifest.get("lints").and_then(|lints| lints.get("workspace")) != Some(&Value::Boolean(true)) {
        complaints.push(Complaint::of_file(path, "add `[lints] workspace = true`"));
    }
    for (table, name, dependency) in dependencies(&manifest) {
        let package = dependency.get("package").and_then(Value::as_str).unwrap_or(name);
        if let Some(ours) = own_crate(package)
            && !known.knows.contains(&ours)
        {
            let what = format!("{folder} must not depend on {ours}: arrows only point down");
            complaints.push(Complaint::of_file(path, what));
        }
        let is_pure = known.outside.is_none_or(|outside| outside.contains(&package) || own_crate(package).is_some());
        if !is_pure && table != "dev-dependencies" {
            let what = format!("{folder} is pure: {package} is not among the crates it may use");
            complaints.push(Complaint::of_file(path, what));
        }
        if dependency.get("workspace") != Some(&Value::Boolean(true)) {
            let what = format!("the version of {name} belongs into [workspace.dependencies] of the root");
            complaints.push(Complaint::of_file(path, what));
        }
    }
}

/// All dependencies: the table they stand in, their name, their entry.
fn dependencies(manifest: &Table) -> Vec<(&str, &str, &Value)> {
    const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let targets = targets.filter_map(|(_, target)| target.as_table());
    let mut found = Vec::new();
    for place in std::iter::once(manifest).chain(targets) {
        for table in TABLES {
            let entries = place.get(table).and_then(Value::as_table).into_iter().flatten();
            found.extend(entries.map(|(name, entry)| (table, name.as_str(), entry)));
        }
    }
    found
}

/// The folder of a package of ours.
fn own_crate(package: &str) -> Option<&str> {
    if package == "housewire" { Some("server") } else { package.strip_prefix("housewire-") }
}

fn check_crates_used(path: &str, folder: &str, code: &str, complaints: &mut Vec<Complaint>) {
    let knows = CRATES.iter().find(|known| known.folder == folder).map_or(&[][..], |known| known.knows);
    for start in ["housewire_", "housewire::"] {
        for (line, used) in paths_from(code, start) {
            let name = used.split("::").next().unwrap_or_default();
            let Some(ours) = own_crate(&name.replace('_', "-")).map(str::to_owned) else { continue };
            // The program and the tests of a crate reach it by its own name.
            if ours != folder && !knows.contains(&ours.as_str()) {
                let what = format!("{folder} must not use {ours}: arrows only point down");
                complaints.push(Complaint::of_line(path, line, what));
            }
        }
    }
}

fn check_purity(path: &str, folder: &str, code: &str, complaints: &mut Vec<Complaint>) {
    let is_pure = CRATES.iter().any(|known| known.folder == folder && known.outside.is_some());
    if !is_pure || is_test(path) {
        return;
    }
    // Test modules at the end of a file come after everything else.
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let used = used_paths(code);
    let named = paths_from(code, "std::").into_iter().map(|(line, path)| (line, path.to_owned()));
    let mut complained = Vec::new();
    for (line, used) in used.into_iter().chain(named) {
        let impure = IMPURE.iter().find(|impure| used.starts_with(**impure));
        if let Some(impure) = impure.filter(|impure| !complained.contains(&(line, **impure))) {
            complained.push((line, *impure));
            complaints.push(Complaint::of_line(path, line, format!("{folder} is pure: {impure} belongs into a shell")));
        }
    }
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The transport that a file of `server` belongs to.
fn transport_of(path: &str) -> Option<&'static str> {
    let inside = path.strip_prefix("crates/server/src/")?;
    let first = inside.split('/').next()?;
    TRANSPORTS.into_iter().find(|transport| first.strip_suffix(".rs").unwrap_or(first) == *transport)
}

fn check_transports(path: &str, code: &str, complaints: &mut Vec<Complaint>) {
    let Some(own) = transport_of(path) else { return };
    // `super` from the transport's root file is the crate; further down it takes one `super` per level.
    let depth = path.matches('/').count() - "crates/server/src".matches('/').count();
    let supers = "super::".repeat(depth);
    let mut seen = Vec::new();
    let named = ["crate::", supers.as_str()].into_iter().flat_map(|start| paths_from(code, start));
    let named = named.map(|(line, path)| (line, path.to_owned()));
    for (line, used) in used_paths(code).into_iter().chain(named) {
        let inside = used.strip_prefix("crate::").or_else(|| used.strip_prefix(&supers));
        let Some(first) = inside.and_then(|inside| inside.split([':', ' ']).next()) else { continue };
        let is_sibling = TRANSPORTS.contains(&first) && first != own;
        if is_sibling && !seen.contains(&(line, first.to_owned())) {
            seen.push((line, first.to_owned()));
            let what = format!("{own} must not use {first}: transports know the hub, not each other");
            complaints.push(Complaint::of_line(path, line, what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fails, passes};
    use super::check;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn manifest(dependencies: &str) -> String {
        format!("[package]\nname = \"x\"\n{dependencies}\n{LINTS}")
    }

    #[test]
    fn manifests_keep_to_the_map() {
        let fine = manifest("[dependencies]\nhousewire-core.workspace = true\nbytes.workspace = true");
        passes(check, &[("crates/protocols/Cargo.toml", &fine), ("crates/server/Cargo.toml", &fine)]);
        for (folder, dependencies, part) in [
            ("core", "[dependencies]\nhousewire-store.workspace = true", "core must not depend on store"),
            ("store", "[dependencies]\nhousewire-protocols.workspace = true", "store must not depend on protocols"),
            ("lab", "[dev-dependencies]\nhousewire.workspace = true", "lab must not depend on server"),
            (
                "media",
                "[target.'cfg(unix)'.dependencies]\nx = { package = \"housewire-links\", workspace = true }",
                "media must not depend on links",
            ),
            ("core", "[dependencies]\ntokio.workspace = true", "tokio is not among"),
            ("protocols", "[build-dependencies]\nserde = { workspace = true }", "serde is not among"),
            ("server", "[dependencies]\ntokio = \"1\"", "the version of tokio belongs"),
            ("extra", "", "not on the map"),
        ] {
            let path = format!("crates/{folder}/Cargo.toml");
            fails(check, &[(path.as_str(), &manifest(dependencies))], &[&path, part]);
        }
        fails(check, &[("crates/core/Cargo.toml", "[package]\nname = \"x\"")], &["lints"]);
        fails(check, &[("crates/core/Cargo.toml", "no toml")], &["no TOML"]);
    }

    #[test]
    fn code_keeps_to_the_map() {
        passes(
            check,
            &[
                ("crates/protocols/src/lib.rs", "// not housewire_server::x\nuse housewire_core::Topic;"),
                ("crates/server/src/main.rs", "housewire::run(housewire_store::open())"),
            ],
        );
        fails(check, &[("crates/store/src/lib.rs", "\nuse housewire_protocols::x;")], &["rs:2", "store must not use"]);
        fails(check, &[("crates/lab/src/lib.rs", "fn f() { housewire::run() }")], &["lab must not use server"]);
    }

    #[test]
    fn pure_crates_leave_the_world_to_others() {
        let in_tests = "use std::fmt;\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}";
        passes(
            check,
            &[
                ("crates/core/src/lib.rs", in_tests),
                ("crates/protocols/tests/rows.rs", "use std::fs;"),
                ("crates/store/src/lib.rs", "use std::fs;"),
            ],
        );
        fails(check, &[("crates/core/src/a.rs", "use std::{fmt, fs::File};")], &["a.rs:1", "std::fs"]);
        fails(check, &[("crates/protocols/src/a.rs", "fn f() {\n std::thread::yield_now() }")], &["a.rs:2"]);
    }

    #[test]
    fn transports_do_not_know_each_other() {
        passes(
            check,
            &[
                ("crates/server/src/http/api.rs", "use crate::auth;\nuse super::view;\nuse crate::http::sse;"),
                ("crates/server/src/listener.rs", "use crate::{http, mqtt, ws};"),
                ("crates/server/src/ws.rs", "//! Not crate::http.\nuse housewire_protocols::mqtt;"),
            ],
        );
        for (path, code) in [
            ("crates/server/src/http/api.rs", "use crate::{auth, mqtt::Session};"),
            ("crates/server/src/http.rs", "use super::mqtt;"),
            ("crates/server/src/http/api.rs", "use super::super::mqtt;"),
            ("crates/server/src/http.rs", "fn f() { crate::mqtt::serve() }"),
        ] {
            fails(check, &[(path, code)], &[path, "http must not use mqtt"]);
        }
    }
}
