//! Components with one value: switches, numbers, texts, buttons, pictures and events.

use housewire_core::Type;

use super::super::super::template::literal;
use super::super::config::Config;
use super::super::part::{Part, constant, read_by, read_on};
use super::{Parts, need, some_of};

pub(super) fn switch(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let (on, off) = (config.text_or("payload_on", "ON"), config.text_or("payload_off", "OFF"));
    let part = Part::main("power", Type::Bool)
        .role(config.text_or("device_class", "switch"))
        .read(config.read("state_topic", "value_template"))
        .write(config.write("command_topic", "command_template"))
        .map_read(&config.text_or("state_on", &on), "true")
        .map_read(&config.text_or("state_off", &off), "false")
        .map_write("true", &on)
        .map_write("false", &off)
        .only_mapped();
    some_of(config, [part])
}

pub(super) fn button(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let part = Part::main("button", Type::Enum)
        .role("button")
        .options(["press"])
        .event()
        .write(config.write("command_topic", "command_template"))
        .map_write("press", &config.text_or("payload_press", "PRESS"));
    some_of(config, [part])
}

pub(super) fn scene(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let part = Part::main("scene", Type::Enum)
        .role("scene")
        .options(["activate"])
        .event()
        .write(config.write("command_topic", "command_template"))
        .map_write("activate", &config.text_or("payload_on", "ON"));
    some_of(config, [part])
}

pub(super) fn notify(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let part = Part::main("message", Type::String).event().write(config.write("command_topic", "command_template"));
    some_of(config, [part.role("message")])
}

pub(super) fn number(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let bound = |key: &str, default: f64| Some(config.number(key).unwrap_or(default));
    let mut read = config.read("state_topic", "value_template");
    // "None" says that without help.
    if let Some(reset) = config.text("payload_reset").filter(|reset| reset != "None") {
        read = read_on(read, &format!("'None' if v == {} else v", literal(&reset)));
    }
    let part = Part::main("value", Type::Float)
        .range(bound("min", 1.0), bound("max", 100.0), bound("step", 1.0))
        .unit(config.text("unit_of_measurement"))
        .read(read)
        .write(config.write("command_topic", "command_template"));
    let part = match config.text("device_class") {
        Some(class) => part.role(class),
        None => part,
    };
    some_of(config, [part])
}

pub(super) fn select(config: &Config) -> Parts {
    need(config, &["command_topic", "options"])?;
    let part = Part::main("mode", Type::Enum)
        .options(config.list("options"))
        .read(config.read("state_topic", "value_template"))
        .write(config.write("command_topic", "command_template"));
    some_of(config, [part])
}

pub(super) fn text(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let part = Part::main("text", Type::String)
        .read(config.read("state_topic", "value_template"))
        .write(config.write("command_topic", "command_template"));
    some_of(config, [part])
}

/// `date`, `datetime` and `time`: ISO 8601, as text.
pub(super) fn moment(component: &str, config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let bare = match component {
        "date" => "date",
        "time" => "time",
        _ => "datetime",
    };
    let part = Part::main(bare, Type::String)
        .role(bare)
        .read(config.read("state_topic", "value_template"))
        .write(config.write("command_topic", "command_template"));
    some_of(config, [part])
}

pub(super) fn event(config: &Config) -> Parts {
    need(config, &["state_topic", "event_types"])?;
    let read = config.read("state_topic", "value_template");
    let read = match read.as_ref().and_then(|read| read.template.as_ref()) {
        Some(_) => read_on(read, "(v | from_json).event_type"),
        None => read_by(read, "{{ value_json.event_type }}"),
    };
    let part = Part::main("event", Type::Enum).options(config.list("event_types")).event().read(read);
    some_of(config, [part.role(config.text_or("device_class", "event"))])
}

/// All triggers of a device are one event property, `action`, whose values are the triggers' types and subtypes.
pub(super) fn trigger(config: &Config) -> Parts {
    need(config, &["automation_type", "topic", "type", "subtype"])?;
    if config.text("automation_type").as_deref() != Some("trigger") {
        return Err("its 'automation_type' is none but 'trigger' that is known".into());
    }
    let [kind, subtype] = ["type", "subtype"].map(|key| config.text_or(key, ""));
    let name = [kind, subtype].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    let mut part =
        Part::main("action", Type::Enum).options([name.clone()]).event().read(config.read("topic", "value_template"));
    part = match config.text("payload") {
        Some(payload) => part.map_read(&payload, &name).only_mapped(),
        None => {
            for read in &mut part.reads {
                read.template = Some(constant(&name));
            }
            part
        }
    };
    part.shared = Some("device_automation".to_owned());
    some_of(config, [part.role("button")])
}

pub(super) fn tag(config: &Config) -> Parts {
    need(config, &["topic"])?;
    some_of(config, [Part::main("tag", Type::String).role("tag").event().read(config.read("topic", "value_template"))])
}

/// A picture with each message: bytes, or base64 of them.
pub(super) fn camera(config: &Config) -> Parts {
    need(config, &["topic"])?;
    some_of(config, [picture(config, "topic")])
}

/// A picture, or the address of one.
pub(super) fn image(config: &Config) -> Parts {
    if config.has("url_topic") {
        let part = Part::main("url", Type::String).role("image").read(config.read("url_topic", "url_template"));
        return some_of(config, [part]);
    }
    need(config, &["image_topic"])?;
    some_of(config, [picture(config, "image_topic")])
}

fn picture(config: &Config, topic: &str) -> Part {
    let mut part = Part::main("image", Type::Bytes).role("image").read(config.read_plain(topic));
    for read in &mut part.reads {
        read.raw = config.text("image_encoding").as_deref() != Some("b64");
    }
    part
}

/// Attributes that come beside a state, as JSON; one property for all entities that name the same place.
pub(in super::super) fn attributes(config: &Config) -> Option<Part> {
    let read = config.read("json_attributes_topic", "json_attributes_template")?;
    let shared = format!("attributes {} {}", read.topic, read.template.as_deref().unwrap_or_default());
    let mut part = Part::main("attributes", Type::Json).aside().read(Some(read));
    part.shared = Some(shared);
    part.finish(config)
}
