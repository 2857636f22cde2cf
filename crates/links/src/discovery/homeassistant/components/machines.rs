//! What does a job: `vacuum`, `lawn_mower`, `siren`, `alarm_control_panel`, `update`.

use housewire_core::{Timestamp, Type};

use super::super::super::template::{Context, Templates};
use super::super::config::Config;
use super::super::part::{Part, read_by, write_by};
use super::{Parts, need, some_of};

pub(super) fn vacuum(config: &Config) -> Parts {
    let mut features = config.list("supported_features");
    if features.is_empty() {
        features = ["start", "stop", "return_home", "clean_spot"].map(str::to_owned).to_vec();
    }
    let has = |feature: &str| features.iter().any(|known| known == feature);
    let value = |template: &str| read_by(config.read("state_topic", "value_template"), template);
    let states = ["cleaning", "docked", "idle", "paused", "returning", "error"];
    let state = Part::main("state", Type::Enum).role("vacuum").options(states).read(value("{{ value_json.state }}"));
    let mut command =
        Part::named("command", Type::Enum).event().write(config.write("command_topic", "command_template"));
    for (word, feature) in [
        ("start", "start"),
        ("pause", "pause"),
        ("stop", "stop"),
        ("return_to_base", "return_home"),
        ("clean_spot", "clean_spot"),
        ("locate", "locate"),
    ] {
        if has(feature) {
            command = command.options([word]).map_write(word, &config.text_or(&format!("payload_{word}"), word));
        }
    }
    let speeds = config.list("fan_speed_list");
    let reads_speed = if speeds.is_empty() { None } else { value("{{ value_json.fan_speed }}") };
    let speed = Part::named("fan_speed", Type::Enum)
        .options(speeds)
        .read(reads_speed)
        .write(config.write_plain("set_fan_speed_topic"));
    let other =
        Part::named("send_command", Type::String).event().aside().write(config.write_plain("send_command_topic"));
    some_of(config, [state, command, speed, other])
}

pub(super) fn lawn_mower(config: &Config) -> Parts {
    let activity = Part::main("activity", Type::Enum)
        .role("lawn_mower")
        .options(["mowing", "paused", "docked", "returning", "error"])
        .read(config.read("activity_state_topic", "activity_value_template"));
    // Each command has its own topic.
    let mut command: Option<Part> = None;
    for word in ["start_mowing", "pause", "dock"] {
        let template = format!("{word}_command_template");
        let Some(write) = config.write(&format!("{word}_command_topic"), &template) else { continue };
        let payload = match &write.template {
            None => word.to_owned(),
            Some(template) => {
                let mut context = Context::new(Timestamp::default());
                context.set_text("value", word);
                match Templates::new().render(template, context) {
                    Ok(payload) => payload.unwrap_or_default(),
                    Err(error) => {
                        config.problem(format!("'{word}_command_template': {error}"));
                        continue;
                    }
                }
            }
        };
        let topic = write.topic.clone();
        let part = command.take().unwrap_or_else(|| {
            let mut first = write;
            first.template = None;
            Part::named("command", Type::Enum).event().write(Some(first))
        });
        command = Some(part.options([word]).elsewhere(word, topic, payload));
    }
    some_of(config, [Some(activity), command].into_iter().flatten())
}

pub(super) fn siren(config: &Config) -> Parts {
    let (on, off) = (config.text_or("payload_on", "ON"), config.text_or("payload_off", "OFF"));
    let template = "{{ value_json.state if value_json is mapping else value }}";
    let write = |fields: &str| {
        let json = format!(r#"{{"state":{}{fields}}}"#, "{{ state | default(value) | tojson }}");
        let write = config.write("command_topic", "command_template");
        write_by(write, &json)
    };
    let power = Part::main("power", Type::Bool)
        .role("siren")
        .read(read_by(config.read("state_topic", "state_value_template"), template))
        .write(write(""))
        .map_read(&config.text_or("state_on", &on), "true")
        .map_read(&config.text_or("state_off", &off), "false")
        .map_write("true", &on)
        .map_write("false", &off)
        .only_mapped();
    let on = super::super::super::template::literal(&on);
    // With the announced template, which knows these by their names; or else in JSON.
    let with = |part: Part, name: &str| {
        let announced = config.write("command_topic", "command_template").and_then(|write| write.template);
        let template = match announced {
            Some(template) => format!("{{% set {name} = value %}}{{% set value = {on} %}}{template}"),
            None => format!(r#"{{"state":{{{{ {on} | tojson }}}},"{name}":{{{{ value | tojson }}}}}}"#),
        };
        part.event().write(write_by(config.write_plain("command_topic"), &template))
    };
    let mut parts = vec![power];
    let tones = config.list("available_tones");
    if !tones.is_empty() {
        parts.push(with(Part::named("tone", Type::Enum).options(tones), "tone"));
    }
    if config.flag("support_volume_set") != Some(false) {
        let part = Part::named("volume_level", Type::Float).role("volume").range(Some(0.0), Some(1.0), None);
        parts.push(with(part, "volume_level"));
    }
    if config.flag("support_duration") != Some(false) {
        let part = Part::named("duration", Type::Int).unit(Some("s".into())).range(Some(0.0), None, None);
        parts.push(with(part, "duration"));
    }
    some_of(config, parts)
}

pub(super) fn alarm(config: &Config) -> Parts {
    need(config, &["state_topic", "command_topic"])?;
    let states = [
        "disarmed",
        "armed_home",
        "armed_away",
        "armed_night",
        "armed_vacation",
        "armed_custom_bypass",
        "pending",
        "triggered",
        "arming",
        "disarming",
    ];
    let state = Part::main("state", Type::Enum)
        .role("alarm")
        .options(states)
        .read(config.read("state_topic", "value_template"));
    let features = config.list("supported_features");
    let mut write = config.write("command_topic", "command_template");
    if let Some(template) = write.as_mut().and_then(|write| write.template.as_mut()) {
        *template = format!("{{% set action = value %}}{{% set code = '' %}}{template}");
    }
    let mut command = Part::named("command", Type::Enum).event().write(write);
    for word in ["disarm", "arm_home", "arm_away", "arm_night", "arm_vacation", "arm_custom_bypass", "trigger"] {
        if word == "disarm" || features.is_empty() || features.iter().any(|feature| feature == word) {
            let payload = config.text_or(&format!("payload_{word}"), &word.to_uppercase());
            command = command.options([word]).map_write(word, &payload);
        }
    }
    some_of(config, [state, command])
}

pub(super) fn update(config: &Config) -> Parts {
    let state = |field: &str, alone: &str| {
        let template = format!("{{{{ value_json.{field} if value_json is mapping else {alone} }}}}");
        read_by(config.read("state_topic", "value_template"), &template)
    };
    // With a template of its own the state is what it makes: JSON, or the version alone.
    let installed = match config.read("state_topic", "value_template") {
        Some(read) if read.template.is_some() => {
            let made = "(v | from_json('')).installed_version | default(v)";
            super::super::part::read_on(Some(read), made)
        }
        _ => state("installed_version", "value"),
    };
    let latest = if config.has("latest_version_topic") {
        config.read("latest_version_topic", "latest_version_template")
    } else if config.has("value_template") {
        super::super::part::read_on(
            config.read("state_topic", "value_template"),
            "(v | from_json('')).latest_version | default('')",
        )
    } else {
        state("latest_version", "''")
    };
    let install = Part::named("install", Type::Enum).role("button").options(["install"]).event();
    let mut parts = vec![
        Part::named("installed_version", Type::String).role("version").read(installed),
        Part::named("latest_version", Type::String).role("version").read(latest),
    ];
    if let Some(payload) = config.text("payload_install") {
        parts.push(install.write(config.write("command_topic", "command_template")).map_write("install", &payload));
    }
    some_of(config, parts)
}
