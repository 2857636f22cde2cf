//! The command line as a whole: its help texts (golden files) and what it takes for wrong usage.

use std::path::PathBuf;

use clap::CommandFactory as _;

use super::*;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/cli").join(name)
}

/// The paths of all commands: `housewire`, `housewire devices`, `housewire devices list` …
fn paths(command: &clap::Command, path: &str) -> Vec<String> {
    let below = command.get_subcommands().flat_map(|below| paths(below, &format!("{path} {}", below.get_name())));
    std::iter::once(path.to_owned()).chain(below).collect()
}

/// What `--help` prints of every command, under the name of its golden file.
fn helps() -> Vec<(String, String)> {
    // The settings of whoever runs the test are not part of it.
    let program = deaf(Cli::command().term_width(100));
    let help = |path: String| {
        let asked = program.clone().try_get_matches_from(path.split(' ').chain(["--help"]));
        let text = asked.expect_err("--help is answered with a text").to_string();
        let text = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        (format!("{}.txt", path.replace(' ', "-")), text)
    };
    paths(&Cli::command(), "housewire").into_iter().map(help).collect()
}

/// The same command line, without the values of environment variables in its help.
fn deaf(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| arg.hide_env_values(true)).mut_subcommands(deaf)
}

/// Run it with `UPDATE_GOLDEN=1` after changing a help text, and look at the difference.
#[test]
fn help_texts_are_as_written_down() {
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if is_update {
        std::fs::create_dir_all(golden("")).unwrap();
    }
    let helps = helps();
    for (name, text) in &helps {
        if is_update {
            std::fs::write(golden(name), text).unwrap();
        }
        let expected = std::fs::read_to_string(golden(name)).unwrap_or_default();
        assert_eq!(*text, expected, "{name}: if the change is meant, run the test with UPDATE_GOLDEN=1");
    }
    for file in std::fs::read_dir(golden("")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let is_known = helps.iter().any(|(name, _)| *name == file);
        assert!(is_known, "tests/golden/cli/{file} belongs to no command any more: remove it");
    }
}

fn check(line: &str, is_understood: bool) {
    let words = std::iter::once("housewire").chain(line.split_whitespace());
    let parsed = Cli::try_parse_from(words);
    assert_eq!(parsed.is_ok(), is_understood, "{line}: {:?}", parsed.err().map(|error| error.to_string()));
}

#[test]
fn what_is_understood() {
    Cli::command().debug_assert();
    for line in [
        "serve",
        "serve --demo --port 0 --mqtt-port off --config x.toml",
        "pub a/b hello --qos 1 --retain",
        "pub a/b -3.5",
        "pub a/b -",
        "pub a/b --file x",
        "pub a/b --empty --retain",
        "sub a/# +/b --count 3 --timeout 10s --json",
        "get lamp power",
        "get devices/lamp/power --hub pi.local:9000",
        "set lamp power true --wait",
        "set lamp power true --wait 5s --ttl 30",
        "set lamp level -3",
        "set lamp text -- --wait",
        "devices",
        "devices --json",
        "devices list --json",
        "devices show lamp",
        "devices remove --demo",
        "devices declare lamp --file -",
        "backup hub.tar.gz --force",
        "backup --verify hub.tar.gz",
        "restore hub.tar.gz --data x --replace",
        "clients",
        "clients --json",
        "clients list --connected",
        "clients show a/b",
        "clients disconnect x --forget",
        "clients kick x",
        "user",
        "user add anna --role member --read a/# --read b/#",
        "user change anna --role viewer --deny secret/#",
        "user password anna",
        "user remove anna",
        "token",
        "token list --device lamp",
        "token device lamp --name kitchen --expires 90d",
        "token app Node-RED --role member --write a/#",
        "token revoke 7",
        "token list --token-file x",
        "doctor --data x --config y --json",
        "completions zsh",
        "man",
        "man set",
    ] {
        check(line, true);
    }
}

#[test]
fn what_is_wrong_usage() {
    for line in [
        "",
        "sing",
        "serve --port 70000",
        "serve --mqtt-port maybe",
        "pub a/b",
        "pub a/# x",
        "pub a/b x --file y",
        "pub a/b x --qos 3",
        "pub a/b --empty --lines",
        "sub",
        "sub a/#/b",
        "sub a --count 0",
        "sub a --timeout soon",
        "get",
        "get --hub wss://pi.local lamp power",
        "set lamp power",
        "set lamp/power true",
        "set lamp set true",
        "devices show",
        "devices show a/b",
        "devices remove",
        "devices remove lamp --demo",
        "devices declare lamp",
        "clients show",
        "clients show ..",
        "clients disconnect",
        "user add",
        "user add anna --role root",
        "user add anna --read a/#/b",
        "token device a/b",
        "token revoke lamp",
        "token list --token x --token-file y",
        "completions tcl",
    ] {
        check(line, false);
    }
}

#[test]
fn failures_end_as_documented() {
    let text = String::new;
    for (failure, exit_code) in [
        (Failure::OutputClosed, 0),
        (Failure::Refused { what: text(), detail: text() }, 1),
        (Failure::Usage { what: text(), why: text(), next: "" }, 2),
        (Failure::Unreachable { hub: text(), why: text() }, 3),
        (Failure::Untrusted { hub: text(), why: text() }, 3),
        (Failure::TimedOut { what: text(), why: text(), next: "" }, 4),
        (Failure::NotFound { what: text(), detail: text() }, 5),
    ] {
        assert_eq!(failure.exit_code(), exit_code, "{failure:?}");
    }
}
