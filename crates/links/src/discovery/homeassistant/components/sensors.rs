//! What only tells: `sensor`, `binary_sensor`, `device_tracker`.

use std::time::Duration;

use housewire_core::Type;

use super::super::config::Config;
use super::super::part::{Part, read_by};
use super::{Parts, need, some_of};

pub(super) fn sensor(config: &Config) -> Parts {
    need(config, &["state_topic"])?;
    let class = config.text("device_class");
    let options = config.list("options");
    // What has a unit, is counted or is shown with so many digits is a number; nothing else says so.
    let says_number =
        ["unit_of_measurement", "state_class", "suggested_display_precision"].iter().any(|key| config.has(key));
    let kind = match class.as_deref() {
        Some("enum") => Type::Enum,
        Some("timestamp" | "date" | "uptime") => Type::String,
        Some(_) => Type::Float,
        None if !options.is_empty() => Type::Enum,
        None if says_number => Type::Float,
        None => Type::String,
    };
    let mut part = Part::main("value", kind).read(config.read("state_topic", "value_template"));
    if kind == Type::Enum {
        part = part.options(options);
    }
    if kind == Type::Float {
        part = part.unit(config.text("unit_of_measurement"));
    }
    if let Some(class) = class.filter(|class| class != "enum") {
        part = part.role(class);
    }
    part.expire_after = seconds(config, "expire_after");
    some_of(config, [part])
}

pub(super) fn binary(config: &Config) -> Parts {
    need(config, &["state_topic"])?;
    let mut part = Part::main("state", Type::Bool)
        .read(config.read("state_topic", "value_template"))
        .map_read(&config.text_or("payload_on", "ON"), "true")
        .map_read(&config.text_or("payload_off", "OFF"), "false")
        .only_mapped();
    part.expire_after = seconds(config, "expire_after");
    part.off_delay = seconds(config, "off_delay");
    let part = match config.text("device_class").as_deref() {
        // `true` is open for all of these.
        Some("opening" | "garage_door" | "lock") => part.role("contact"),
        Some("moisture") => part.role("leak"),
        Some(class) => part.role(class),
        None => part,
    };
    some_of(config, [part])
}

/// Seconds; nothing for none and for what no clock counts.
fn seconds(config: &Config, key: &str) -> Option<Duration> {
    const SECONDS_MAX: f64 = 10.0 * 365.0 * 86_400.0;
    config.number(key).filter(|seconds| (f64::EPSILON..=SECONDS_MAX).contains(seconds)).map(Duration::from_secs_f64)
}

/// Where something is: a word, or a place on the map among its attributes.
pub(super) fn tracker(config: &Config) -> Parts {
    if !config.has("state_topic") {
        need(config, &["json_attributes_topic"])?;
    }
    let place = Part::main("location", Type::String)
        .role("location")
        .read(config.read("state_topic", "value_template"))
        .map_read(&config.text_or("payload_home", "home"), "home")
        .map_read(&config.text_or("payload_not_home", "not_home"), "not_home");
    let degrees = |name: &'static str, template: &str, most: f64| {
        let attributes = config.read("json_attributes_topic", "json_attributes_template");
        let read = match attributes.as_ref().and_then(|read| read.template.as_ref()) {
            Some(_) => super::super::part::read_on(attributes, &format!("(v | from_json).{name}")),
            None => read_by(attributes, template),
        };
        Part::named(name, Type::Float).role(name).unit(Some("°".into())).range(Some(-most), Some(most), None).read(read)
    };
    let accuracy =
        config.read("json_attributes_topic", "json_attributes_template").filter(|read| read.template.is_none());
    let parts = [
        place,
        degrees("latitude", "{{ value_json.latitude }}", 90.0),
        degrees("longitude", "{{ value_json.longitude }}", 180.0),
        Part::named("gps_accuracy", Type::Float)
            .unit(Some("m".into()))
            .aside()
            .read(read_by(accuracy, "{{ value_json.gps_accuracy }}")),
    ];
    some_of(config, parts)
}
