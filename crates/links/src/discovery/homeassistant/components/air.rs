//! Heat, air and water: `climate`, `water_heater`, `humidifier`, `fan`.

use housewire_core::Type;

use super::super::super::model::Read;
use super::super::config::Config;
use super::super::part::Part;
use super::{Parts, need, some_of};

/// A read whose template may also be the one for all topics of the component.
fn read(config: &Config, topic: &str, template: &str) -> Option<Read> {
    config.read(topic, if config.has(template) { template } else { "value_template" })
}

fn listed(config: &Config, key: &str, default: &[&str]) -> Vec<String> {
    let list = config.list(key);
    if list.is_empty() { default.iter().map(|option| (*option).to_owned()).collect() } else { list }
}

fn degrees(config: &Config) -> Option<String> {
    let unit = config.text_or("temperature_unit", "C");
    Some(if unit.contains('F') { "°F" } else { "°C" }.to_owned())
}

/// One of the topics of a mode: `NAME_state_topic`, `NAME_command_topic` and their templates.
fn mode(config: &Config, name: &'static str, options: Vec<String>) -> Part {
    Part::named(name, Type::Enum)
        .options(options)
        .read(read(config, &format!("{name}_state_topic"), &format!("{name}_state_template")))
        .write(config.write(&format!("{name}_command_topic"), &format!("{name}_command_template")))
}

fn temperature(config: &Config, name: &'static str, range: (Option<f64>, Option<f64>)) -> Part {
    Part::named(name, Type::Float)
        .role("target_temperature")
        .unit(degrees(config))
        .range(range.0, range.1, config.number("temp_step"))
        .read(read(config, &format!("{name}_state_topic"), &format!("{name}_state_template")))
        .write(config.write(&format!("{name}_command_topic"), &format!("{name}_command_template")))
}

fn current(config: &Config, name: &'static str, role: &str, unit: Option<String>) -> Part {
    let topic = format!("{name}_topic");
    Part::named(name, Type::Float).role(role).unit(unit).read(read(config, &topic, &format!("{name}_template")))
}

/// A switch that tells nothing.
fn power(config: &Config) -> Part {
    Part::named("power", Type::Bool)
        .role("switch")
        .write(config.write("power_command_topic", "power_command_template"))
        .map_write("true", &config.text_or("payload_on", "ON"))
        .map_write("false", &config.text_or("payload_off", "OFF"))
}

fn humidity(config: &Config, range: (f64, f64)) -> Part {
    let bound = |key: &str, default: f64| Some(config.number(key).unwrap_or(default));
    Part::named("target_humidity", Type::Float)
        .role("target_humidity")
        .unit(Some("%".into()))
        .range(bound("min_humidity", range.0), bound("max_humidity", range.1), None)
        .read(read(config, "target_humidity_state_topic", "target_humidity_state_template"))
        .write(config.write("target_humidity_command_topic", "target_humidity_command_template"))
}

fn action(config: &Config, words: &[&str]) -> Part {
    Part::named("action", Type::Enum).role("action").options(words.iter().copied()).read(read(
        config,
        "action_topic",
        "action_template",
    ))
}

pub(super) fn climate(config: &Config) -> Parts {
    let fahrenheit = degrees(config).as_deref() == Some("°F");
    let (least, most) = if fahrenheit { (44.6, 95.0) } else { (7.0, 35.0) };
    let range = (Some(config.number("min_temp").unwrap_or(least)), Some(config.number("max_temp").unwrap_or(most)));
    let mut presets = config.list("preset_modes");
    if !presets.is_empty() && !presets.iter().any(|preset| preset == "none") {
        presets.insert(0, "none".to_owned());
    }
    // The preset's template is called otherwise than those of its sisters.
    let preset = Part::named("preset_mode", Type::Enum)
        .options(presets)
        .read(read(config, "preset_mode_state_topic", "preset_mode_value_template"))
        .write(config.write("preset_mode_command_topic", "preset_mode_command_template"));
    let heats = ["off", "preheating", "heating", "cooling", "drying", "idle", "fan", "defrosting"];
    let parts = [
        mode(config, "mode", listed(config, "modes", &["auto", "off", "cool", "heat", "dry", "fan_only"]))
            .role("climate"),
        temperature(config, "temperature", range),
        temperature(config, "temperature_low", range),
        temperature(config, "temperature_high", range),
        current(config, "current_temperature", "temperature", degrees(config)),
        current(config, "current_humidity", "humidity", Some("%".into())),
        action(config, &heats),
        mode(config, "fan_mode", listed(config, "fan_modes", &["auto", "low", "medium", "high"])),
        mode(config, "swing_mode", listed(config, "swing_modes", &["on", "off"])),
        mode(config, "swing_horizontal_mode", listed(config, "swing_horizontal_modes", &["on", "off"])),
        preset,
        humidity(config, (30.0, 99.0)),
        power(config),
    ];
    some_of(config, parts)
}

pub(super) fn water_heater(config: &Config) -> Parts {
    let fahrenheit = degrees(config).as_deref() == Some("°F");
    let (least, most) = if fahrenheit { (110.0, 140.0) } else { (43.3, 60.0) };
    let range = (Some(config.number("min_temp").unwrap_or(least)), Some(config.number("max_temp").unwrap_or(most)));
    let modes = ["off", "eco", "electric", "gas", "heat_pump", "high_demand", "performance"];
    let parts = [
        mode(config, "mode", listed(config, "modes", &modes)).role("water_heater"),
        temperature(config, "temperature", range),
        current(config, "current_temperature", "temperature", degrees(config)),
        power(config),
    ];
    some_of(config, parts)
}

/// On and off of what has `state_topic` and `command_topic` for that.
fn switched(config: &Config, role: &str) -> Part {
    // Its template has had two names.
    let template = if config.has("state_value_template") { "state_value_template" } else { "value_template" };
    Part::main("power", Type::Bool)
        .role(role)
        .read(config.read("state_topic", template))
        .write(config.write("command_topic", "command_template"))
        .map(&config.text_or("payload_on", "ON"), "true")
        .map(&config.text_or("payload_off", "OFF"), "false")
        .only_mapped()
}

pub(super) fn humidifier(config: &Config) -> Parts {
    need(config, &["command_topic", "target_humidity_command_topic"])?;
    let reads = |part: Part, theirs: &str| part.map_read(theirs, "None");
    let mut target = humidity(config, (0.0, 100.0));
    if let Some(reset) = config.text("payload_reset_humidity").filter(|reset| reset != "None") {
        target.reads = target.reads.into_iter().filter_map(|read| reset_to_none(read, &reset)).collect();
    }
    let mode = mode(config, "mode", config.list("modes"));
    let mode = match config.text("payload_reset_mode").filter(|reset| reset != "None") {
        Some(reset) if mode.spec.options.is_empty() => reads(mode, &reset),
        _ => mode,
    };
    let parts = [
        switched(config, config.text("device_class").as_deref().unwrap_or("humidifier")),
        target,
        current(config, "current_humidity", "humidity", Some("%".into())),
        mode,
        action(config, &["off", "humidifying", "drying", "idle"]),
    ];
    some_of(config, parts)
}

/// A text that says that there is no value becomes the one that says so here.
fn reset_to_none(read: Read, reset: &str) -> Option<Read> {
    let reset = super::super::super::template::literal(reset);
    super::super::part::read_on(Some(read), &format!("'None' if v == {reset} else v"))
}

pub(super) fn fan(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let bound = |key: &str, default: f64| config.number(key).unwrap_or(default);
    let fastest = bound("speed_range_max", 100.0).max(1.0);
    let mut speed = Part::named("speed", Type::Int)
        .role("fan")
        .range(Some(0.0), Some(fastest), None)
        .unit((fastest == 100.0).then(|| "%".to_owned()))
        .read(config.read("percentage_state_topic", "percentage_value_template"))
        .write(config.write("percentage_command_topic", "percentage_command_template"));
    if let Some(reset) = config.text("payload_reset_percentage").filter(|reset| reset != "None") {
        speed.reads = speed.reads.into_iter().filter_map(|read| reset_to_none(read, &reset)).collect();
    }
    let oscillation = Part::named("oscillation", Type::Bool)
        .read(config.read("oscillation_state_topic", "oscillation_value_template"))
        .write(config.write("oscillation_command_topic", "oscillation_command_template"))
        .map(&config.text_or("payload_oscillation_on", "oscillate_on"), "true")
        .map(&config.text_or("payload_oscillation_off", "oscillate_off"), "false")
        .only_mapped();
    let direction = Part::named("direction", Type::Enum)
        .options(["forward", "reverse"])
        .read(config.read("direction_state_topic", "direction_value_template"))
        .write(config.write("direction_command_topic", "direction_command_template"))
        .map(&config.text_or("payload_direction_forward", "forward"), "forward")
        .map(&config.text_or("payload_direction_reverse", "reverse"), "reverse");
    let mut preset = Part::named("preset_mode", Type::Enum)
        .options(config.list("preset_modes"))
        .read(config.read("preset_mode_state_topic", "preset_mode_value_template"))
        .write(config.write("preset_mode_command_topic", "preset_mode_command_template"));
    if let Some(reset) = config.text("payload_reset_preset_mode").filter(|reset| reset != "None") {
        preset.reads = preset.reads.into_iter().filter_map(|read| reset_to_none(read, &reset)).collect();
    }
    some_of(config, [switched(config, "fan"), speed, oscillation, direction, preset])
}
