//! What opens and closes: `cover`, `valve`, `lock`.

use housewire_core::Type;

use super::super::super::model::{Read, Write};
use super::super::config::Config;
use super::super::part::{Part, read_by, read_on, write_with};
use super::{Parts, need, some_of};

/// Some send the state alone, some in JSON with the position.
const STATE_ALONE_OR_NOT: &str = "{{ value_json.state if value_json is mapping else value }}";
const POSITION_ALONE_OR_NOT: &str = "{{ value_json.position if value_json is mapping else value }}";

pub(super) fn cover(config: &Config) -> Parts {
    // Where there is a position, its template is not the state's.
    let state = state(config, config.read("state_topic", "value_template"), "cover")
        .map_read(&config.text_or("state_stopped", "stopped"), "stopped")
        .options(["stopped"]);
    let (open, closed) = ends(config);
    let read = config.read("position_topic", "position_template");
    let write = config.write("set_position_topic", "set_position_template");
    let (read, write) = percent(read, write, open, closed);
    let position = Part::named("position", Type::Int)
        .role("position")
        .unit(Some("%".into()))
        .range(Some(0.0), Some(100.0), None)
        .read(read)
        .write(write);
    let bound = |key: &str, default: f64| Some(config.number(key).unwrap_or(default));
    let tilt = Part::named("tilt", Type::Int)
        .role("tilt")
        .range(bound("tilt_min", 0.0), bound("tilt_max", 100.0), None)
        .read(config.read("tilt_status_topic", "tilt_status_template"))
        .write(write_with(
            config.write("tilt_command_topic", "tilt_command_template"),
            "{% set tilt_position = value %}",
        ));
    let commands = [
        ("open", "payload_open", Some("OPEN")),
        ("close", "payload_close", Some("CLOSE")),
        ("stop", "payload_stop", Some("STOP")),
    ];
    some_of(config, [state, commanded(config, "cover", &commands), position, tilt])
}

pub(super) fn valve(config: &Config) -> Parts {
    if config.flag("reports_position") == Some(true) {
        let (open, closed) = ends(config);
        let read = config.read("state_topic", "value_template");
        let (read, write) = percent(
            read_by(read, POSITION_ALONE_OR_NOT),
            config.write("command_topic", "command_template"),
            open,
            closed,
        );
        let position = Part::main("position", Type::Int)
            .role("valve")
            .unit(Some("%".into()))
            .range(Some(0.0), Some(100.0), None)
            .read(read)
            .write(write);
        return some_of(config, [position, commanded(config, "valve", &[("stop", "payload_stop", None)])]);
    }
    let state = state(config, read_by(config.read("state_topic", "value_template"), STATE_ALONE_OR_NOT), "valve");
    let commands = [
        ("open", "payload_open", Some("OPEN")),
        ("close", "payload_close", Some("CLOSE")),
        ("stop", "payload_stop", None),
    ];
    some_of(config, [state, commanded(config, "valve", &commands)])
}

fn state(config: &Config, read: Option<Read>, role: &str) -> Part {
    let mut part = Part::main("state", Type::Enum).role(role).read(read);
    for state in ["open", "opening", "closed", "closing"] {
        part = part.options([state]).map_read(&config.text_or(&format!("state_{state}"), state), state);
    }
    part
}

/// Position at both ends.
fn ends(config: &Config) -> (f64, f64) {
    let end = |key: &str, default: f64| config.number(key).unwrap_or(default);
    (end("position_open", 100.0), end("position_closed", 0.0))
}

/// Whatever a device counts by, here it is percent, and 100 is open.
fn percent(read: Option<Read>, write: Option<Write>, open: f64, closed: f64) -> (Option<Read>, Option<Write>) {
    let names = "{% set position = value %}";
    if (open, closed) == (100.0, 0.0) || open == closed {
        return (read, write_with(write, names));
    }
    let range = open - closed;
    let read =
        read_on(read, &format!("((v | float - {closed:?}) * (100 / {range:?})) | round if v | is_number else ''"));
    let theirs = format!("((value * {range:?} / 100) + {closed:?}) | round");
    let write = write.map(|write| {
        let template = match &write.template {
            Some(template) => format!("{names}{{% set value = {theirs} %}}{template}"),
            None => format!("{{{{ {theirs} }}}}"),
        };
        Write { template: Some(template), ..write }
    });
    (read, write)
}

/// What can be asked for: (our word, its key, what is sent unless it is announced). A payload of `null` takes it away.
fn commanded(config: &Config, role: &str, commands: &[(&str, &str, Option<&str>)]) -> Part {
    let mut part =
        Part::named("command", Type::Enum).role(role).event().write(config.write("command_topic", "command_template"));
    for (word, key, default) in commands {
        let payload = match (config.is_null(key), default) {
            (true, _) => None,
            (false, default) => config.text(key).or_else(|| default.map(str::to_owned)),
        };
        if let Some(payload) = payload {
            part = part.options([*word]).map_write(word, &payload);
        }
    }
    if part.spec.options.is_empty() {
        part.write = None;
    }
    part
}

/// Locked or not, which can be asked for, and beside it what it is doing.
pub(super) fn lock(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let read = || config.read("state_topic", "value_template");
    let locked = Part::main("locked", Type::Bool)
        .role("lock")
        .read(read())
        .write(write_with(config.write("command_topic", "command_template"), "{% set code = '' %}"))
        .map_read(&config.text_or("state_locked", "LOCKED"), "true")
        .map_read(&config.text_or("state_unlocked", "UNLOCKED"), "false")
        .map_write("true", &config.text_or("payload_lock", "LOCK"))
        .map_write("false", &config.text_or("payload_unlock", "UNLOCK"))
        .only_mapped();
    let mut state = Part::named("state", Type::Enum).read(read());
    for word in ["locked", "unlocked", "locking", "unlocking", "jammed", "open", "opening"] {
        let theirs = config.text_or(&format!("state_{word}"), &word.to_uppercase());
        state = state.options([word]).map_read(&theirs, word);
    }
    let mut parts = vec![locked, state];
    if config.has("payload_open") {
        parts.push(commanded(config, "lock", &[("open", "payload_open", None)]));
    }
    some_of(config, parts)
}
