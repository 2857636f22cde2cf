//! What each component is as properties. One function for each, by what it announces; the list is that of Home Assistant.
//!
//! The rules that hold for all: the entity's main value has the entity's name, others add theirs to it; what is on or off, locked or
//! not is a `bool`; what is one of several a `enum`; what can only be asked for is an event.

mod air;
mod light;
mod machines;
mod openings;
mod sensors;
mod simple;

use super::config::Config;
use super::part::Part;

pub(super) use self::simple::attributes;

/// The properties of a component, or what it lacks.
pub(super) type Parts = Result<Vec<Part>, String>;

/// Those that are no entities need no `unique_id`.
pub(super) const NO_ENTITIES: [&str; 2] = ["device_automation", "tag"];

/// The parts of a component; `None` if nobody here knows it.
pub(super) fn parts(component: &str, config: &Config) -> Option<Parts> {
    Some(match component {
        "alarm_control_panel" => machines::alarm(config),
        "binary_sensor" => sensors::binary(config),
        "button" => simple::button(config),
        "camera" => simple::camera(config),
        "climate" => air::climate(config),
        "cover" => openings::cover(config),
        "date" | "datetime" | "time" => simple::moment(component, config),
        "device_automation" => simple::trigger(config),
        "device_tracker" => sensors::tracker(config),
        "event" => simple::event(config),
        "fan" => air::fan(config),
        "humidifier" => air::humidifier(config),
        "image" => simple::image(config),
        "lawn_mower" => machines::lawn_mower(config),
        "light" => light::light(config),
        "lock" => openings::lock(config),
        "notify" => simple::notify(config),
        "number" => simple::number(config),
        "scene" => simple::scene(config),
        "select" => simple::select(config),
        "sensor" => sensors::sensor(config),
        "siren" => machines::siren(config),
        "switch" => simple::switch(config),
        "tag" => simple::tag(config),
        "text" => simple::text(config),
        "update" => machines::update(config),
        "vacuum" => machines::vacuum(config),
        "valve" => openings::valve(config),
        "water_heater" => air::water_heater(config),
        _ => return None,
    })
}

/// What an unknown component says, as it says it.
pub(super) fn raw(config: &Config) -> Vec<Part> {
    let part = Part::main("raw", housewire_core::Type::String).read(config.read("state_topic", "value_template"));
    part.finish(config).into_iter().collect()
}

/// Fails if one of these is missing.
fn need(config: &Config, keys: &[&str]) -> Result<(), String> {
    match keys.iter().find(|key| !config.has(key)) {
        Some(missing) => Err(format!("'{missing}' is missing")),
        None => Ok(()),
    }
}

/// Those parts that can be, of which there must be one.
fn some_of(config: &Config, parts: impl IntoIterator<Item = Part>) -> Parts {
    let parts: Vec<_> = parts.into_iter().filter_map(|part| part.finish(config)).collect();
    if parts.is_empty() { Err("no topic in it can be used".into()) } else { Ok(parts) }
}
