//! Lights of a Tasmota: what goes beyond on and off.

use housewire_core::Type;

use super::super::draft::{Draft, Part, read, read_mapped, write, write_mapped};
use super::super::jinja::Path;
use super::super::model::{Category, Read};
use super::config::Config;
use super::outputs::{key, on_or_off, state};

const WHITES: i64 = 2;
const COLOR: i64 = 3;
const COLOR_AND_WHITE: i64 = 4;
const COLOR_AND_WHITES: i64 = 5;

/// What the relays at these places, which are lights, can do.
pub(super) fn add(draft: &mut Draft, config: &Config, places: &[usize]) {
    if places.is_empty() || config.light_kind == 0 {
        return;
    }
    if !(1..=COLOR_AND_WHITES).contains(&config.light_kind) {
        draft.problem(format!("Its light is of kind {}, which is not known.", config.light_kind));
        return;
    }
    // Every channel is a light by itself.
    if config.option(68) {
        for (channel, place) in places.iter().enumerate() {
            let number = channel + 1;
            let path = key("Channel").index(channel);
            let name = if places.len() == 1 { "dimmer".to_owned() } else { format!("dimmer{number}") };
            draft.add(dimmer(config, &format!("Channel{number}"), &name, &[path], *place));
        }
        return;
    }
    let has_color = config.light_kind >= COLOR;
    let is_divided = !config.lights_linked && config.light_kind >= COLOR_AND_WHITE && places.len() > 1;
    if is_divided {
        draft.add(dimmer(config, "Dimmer1", "dimmer1", &[key("Dimmer1"), key("Dimmer")], places[0]));
        draft.add(dimmer(config, "Dimmer2", "dimmer2", &[key("Dimmer2")], places[1]));
    } else {
        draft.add(dimmer(config, "Dimmer", "dimmer", &[key("Dimmer")], places[0]));
    }
    if has_color {
        draft.add(color(config));
        draft.add(scheme(config));
    }
    if matches!(config.light_kind, WHITES | COLOR_AND_WHITES) {
        draft.add(color_temperature(config));
    }
    if !is_divided && matches!(config.light_kind, COLOR_AND_WHITE | COLOR_AND_WHITES) {
        let part = Part::new("White", "light", Type::Float).named("white").role(Some("brightness"));
        let part = part.unit(Some("%")).range(0.0, 100.0);
        draft.add(with(part, state(config, "White", &[key("White")])).write(write(&config.command("White"), None)));
    }
    let fade = Part::new("Fade", "light", Type::Bool).named("fade").category(Category::Config);
    let fade = with(fade, on_or_off(config, state(config, "Fade", &[key("Fade")])));
    draft.add(fade.write(write_mapped(&config.command("Fade"), None, &[("true", "1"), ("false", "0")])));
    let speed = Part::new("Speed", "light", Type::Int).named("fade_speed").range(1.0, 40.0).category(Category::Config);
    let speed = with(speed, state(config, "Speed", &[key("Speed")]));
    draft.add(speed.write(write(&config.command("Speed"), None)));
}

fn with(part: Part, reads: impl IntoIterator<Item = Read>) -> Part {
    reads.into_iter().fold(part, Part::read)
}

fn dimmer(config: &Config, command: &str, name: &str, paths: &[Path], place: usize) -> Part {
    let part = Part::new(command, "light", Type::Float)
        .named(name)
        .labelled(config.friendly_name(place))
        .role(Some("brightness"))
        .unit(Some("%"))
        .range(0.0, 100.0);
    with(part, state(config, command, paths)).write(write(&config.command(command), None))
}

/// Read from hue and saturation, which do not change with the brightness, and set in a way that keeps the brightness.
fn color(config: &Config) -> Part {
    let template = |path: &Path| path.shown_as(" | hs_hex");
    let (plain, wrapped) = (key("HSBColor"), key("HSBColor").below(&key("StatusSTS")));
    let reads = [
        read(&config.result("Color"), template(&plain)),
        read(&config.telemetry("STATE"), template(&plain)),
        read(&config.answer("STATUS11"), template(&wrapped)),
    ];
    let part = Part::new("HSBColor", "light", Type::Color).named("color").role(Some("color"));
    with(part, reads).write(write(&config.command("Color2"), None))
}

fn color_temperature(config: &Config) -> Part {
    // Alexa's range is narrower.
    let (min, max) = if config.option(82) { (200.0, 380.0) } else { (153.0, 500.0) };
    let part = Part::new("CT", "light", Type::Float)
        .named("color_temp")
        .role(Some("color_temp"))
        .unit(Some("mired"))
        .range(min, max);
    with(part, state(config, "CT", &[key("CT")])).write(write(&config.command("CT"), None))
}

fn scheme(config: &Config) -> Part {
    const SCHEMES: [(&str, &str); 5] =
        [("0", "single"), ("1", "wakeup"), ("2", "cycle_up"), ("3", "cycle_down"), ("4", "random")];
    let back = SCHEMES.map(|(number, name)| (name, number));
    let part = Part::new("Scheme", "light", Type::Enum)
        .named("scheme")
        .role(Some("effect"))
        .options(SCHEMES.map(|(_, name)| name));
    let reads = state(config, "Scheme", &[key("Scheme")]);
    let reads = reads.into_iter().map(|read| read_mapped(&read.topic, read.template, &SCHEMES));
    with(part, reads).write(write_mapped(&config.command("Scheme"), None, &back))
}
