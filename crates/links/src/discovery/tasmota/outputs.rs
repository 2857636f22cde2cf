//! What a Tasmota drives: relays, lights, shutters, a fan.

use housewire_core::Type;

use super::super::draft::{Draft, Part, read, read_mapped, write, write_mapped};
use super::super::jinja::Path;
use super::super::model::{Elsewhere, Read, Write};
use super::config::Config;
use super::light;

const RELAY: i64 = 1;
const LIGHT: i64 = 2;
const SHUTTER: i64 = 3;

/// See the module.
pub(super) fn add(draft: &mut Draft, config: &Config) {
    let lights: Vec<usize> = places(&config.relays, LIGHT).collect();
    let single = config.relays.iter().filter(|relay| matches!(**relay, RELAY | LIGHT)).count() == 1;
    for (place, relay) in config.relays.iter().enumerate() {
        match *relay {
            0 | SHUTTER => {}
            RELAY | LIGHT => {
                let is_light = *relay == LIGHT || config.option(30);
                draft.add(power(config, place, single, is_light));
            }
            other => draft.problem(format!("Relay {} is of kind {other}, which is not known.", place + 1)),
        }
    }
    light::add(draft, config, &lights);
    add_shutters(draft, config);
    if config.is_fan {
        let mut fan = Part::new("FanSpeed", "fan", Type::Int).named("fan_speed").role(Some("fan")).range(0.0, 3.0);
        for read in state(config, "FanSpeed", &[key("FanSpeed")]) {
            fan = fan.read(read);
        }
        draft.add(fan.write(write(&config.command("FanSpeed"), None)));
    }
}

fn places(relays: &[i64], kind: i64) -> impl Iterator<Item = usize> {
    relays.iter().enumerate().filter(move |(_, relay)| **relay == kind).map(|(place, _)| place)
}

/// A path of one key of ours.
pub(super) fn key(name: &str) -> Path {
    Path::of([name]).unwrap_or_default()
}

/// Where something of the device's state is read: the answer to its command, its regular report, and what it says when asked.
pub(super) fn state(config: &Config, command: &str, paths: &[Path]) -> Vec<Read> {
    let wrapped: Vec<Path> = paths.iter().map(|path| path.below(&key("StatusSTS"))).collect();
    vec![
        read(&config.result(command), Path::first_of(paths)),
        read(&config.telemetry("STATE"), Path::first_of(paths)),
        read(&config.answer("STATUS11"), Path::first_of(&wrapped)),
    ]
}

/// The same, with the device's words for on and off.
pub(super) fn on_or_off(config: &Config, reads: Vec<Read>) -> impl Iterator<Item = Read> {
    reads.into_iter().map(|read| {
        let map = [(config.on_word.as_str(), "true"), (config.off_word.as_str(), "false")];
        read_mapped(&read.topic, read.template, &map)
    })
}

fn power(config: &Config, place: usize, single: bool, is_light: bool) -> Part {
    let numbered = format!("POWER{}", place + 1);
    // Where there is only one, it has no number.
    let paths = if place == 0 { vec![key(&numbered), key("POWER")] } else { vec![key(&numbered)] };
    let name = if single { "power".to_owned() } else { format!("power{}", place + 1) };
    let (component, role) = if is_light { ("light", "light") } else { ("relay", "switch") };
    let mut part = Part::new(numbered.clone(), component, Type::Bool)
        .named(name)
        .labelled(config.friendly_name(place))
        .role(Some(role));
    let mut reads = state(config, &numbered, &paths);
    if place == 0 && config.option(4) {
        reads.push(read(&config.result("POWER"), Path::first_of(&paths)));
    }
    for read in on_or_off(config, reads) {
        part = part.read(read);
    }
    let map = [("true", config.on_word.as_str()), ("false", config.off_word.as_str())];
    part.write(write_mapped(&config.command(&format!("Power{}", place + 1)), None, &map))
}

/// Two relays after one another move one shutter.
fn add_shutters(draft: &mut Draft, config: &Config) {
    let count = places(&config.relays, SHUTTER).count() / 2;
    if !places(&config.relays, SHUTTER).count().is_multiple_of(2) {
        draft.problem("A shutter has one relay only; it needs two.");
    }
    for number in 1..=count {
        let shutter = format!("Shutter{number}");
        let reads = |field: &str| {
            let path = Path::of([shutter.as_str(), field]).unwrap_or_default();
            let wrapped = path.below(&key("StatusSNS"));
            [
                read(&config.result(&format!("SHUTTERPOSITION{number}")), path.text()),
                read(&config.telemetry("SENSOR"), path.text()),
                read(&config.answer("STATUS10"), wrapped.text()),
            ]
        };
        let mut position = Part::new(format!("{shutter}.Position"), "shutter", Type::Float)
            .named(format!("shutter{number}_position"))
            .labelled(config.friendly_name(number - 1))
            .role(Some("cover"))
            .unit(Some("%"))
            .range(0.0, 100.0);
        let mut moving = Part::new(format!("{shutter}.Direction"), "shutter", Type::Enum)
            .named(format!("shutter{number}_moving"))
            .role(Some("cover"))
            .options(["closing", "stopped", "opening"]);
        for read in reads("Position") {
            position = position.read(read);
        }
        for read in reads("Direction") {
            let map = [("-1", "closing"), ("0", "stopped"), ("1", "opening")];
            moving = moving.read(read_mapped(&read.topic, read.template, &map));
        }
        draft.add(position.write(write(&config.command(&format!("ShutterPosition{number}")), None)));
        draft.add(moving);
        let command = |value: &str, command: &str| Elsewhere {
            value: value.to_owned(),
            topic: config.command(&format!("{command}{number}")),
            payload: String::new(),
        };
        let elsewhere =
            vec![command("open", "ShutterOpen"), command("close", "ShutterClose"), command("stop", "ShutterStop")];
        let stop = config.command(&format!("ShutterStop{number}"));
        draft.add(
            Part::new(format!("{shutter}.Move"), "shutter", Type::Enum)
                .named(format!("shutter{number}"))
                .labelled(config.friendly_name(number - 1))
                .role(Some("cover"))
                .options(["open", "close", "stop"])
                .write(Write { elsewhere, ..write(&stop, None) })
                .event(),
        );
        if let Some([min, max, ..]) = config.tilts.get(number - 1).map(Vec::as_slice)
            && min < max
        {
            #[expect(clippy::cast_precision_loss, reason = "degrees of an angle")]
            let (min, max) = (*min as f64, *max as f64);
            let mut tilt = Part::new(format!("{shutter}.Tilt"), "shutter", Type::Float)
                .named(format!("shutter{number}_tilt"))
                .role(Some("tilt"))
                .unit(Some("°"))
                .range(min, max);
            for read in reads("Tilt") {
                tilt = tilt.read(read);
            }
            draft.add(tilt.write(write(&config.command(&format!("ShutterTilt{number}")), None)));
        }
    }
}
