//! What people press: switches and buttons of a Tasmota that are detached from its relays.

use housewire_core::Type;

use super::super::draft::{Draft, Part, read, read_mapped};
use super::super::jinja::Path;
use super::config::Config;
use super::outputs::key;

/// Switch modes in which the input itself is told, rather than what somebody did with it: follow, follow inverted, and their
/// kinds with a delay or without any action.
const FOLLOWS: [i64; 8] = [1, 2, 9, 10, 13, 14, 15, 16];

/// See the module.
pub(super) fn add(draft: &mut Draft, config: &Config) {
    // Without these options they work the relays, and are not told.
    if config.option(114) {
        for (place, mode) in config.switches.iter().enumerate().filter(|(_, mode)| **mode >= 0) {
            let label = config.switch_names.get(place).cloned().flatten();
            let number = place + 1;
            let part = if FOLLOWS.contains(mode) { input(config, number) } else { trigger(config, number) };
            draft.add(part.labelled(label.as_deref()));
        }
    }
    if config.option(73) {
        for (place, _) in config.buttons.iter().enumerate().filter(|(_, button)| **button == 1) {
            draft.add(button(config, place + 1));
        }
    }
}

fn action(config: &Config, input: &str) -> (String, String) {
    let path = Path::of([input, "Action"]).unwrap_or_default();
    (config.result(input), path.text())
}

fn input(config: &Config, number: usize) -> Part {
    let name = format!("Switch{number}");
    let map = [(config.on_word.as_str(), "true"), (config.off_word.as_str(), "false")];
    let (topic, template) = action(config, &name);
    let path = key(&name);
    Part::new(name.clone(), "switch", Type::Bool)
        .named(format!("switch{number}"))
        .read(read_mapped(&topic, template, &map))
        .read(read_mapped(&config.telemetry("SENSOR"), path.text(), &map))
        .read(read_mapped(&config.answer("STATUS10"), path.below(&key("StatusSNS")).text(), &map))
}

/// What is done with it depends on its mode, and the words are many: any of them is told.
fn trigger(config: &Config, number: usize) -> Part {
    let name = format!("Switch{number}");
    let (topic, template) = action(config, &name);
    Part::new(format!("{name}.Action"), "switch", Type::String)
        .named(format!("switch{number}"))
        .role(Some("button"))
        .read(read(&topic, template))
        .event()
}

fn button(config: &Config, number: usize) -> Part {
    const PRESSES: [(&str, &str); 6] = [
        ("SINGLE", "single"),
        ("DOUBLE", "double"),
        ("TRIPLE", "triple"),
        ("QUAD", "quad"),
        ("PENTA", "penta"),
        ("HOLD", "hold"),
    ];
    let name = format!("Button{number}");
    let (topic, template) = action(config, &name);
    Part::new(format!("{name}.Action"), "button", Type::Enum)
        .named(format!("button{number}"))
        .role(Some("button"))
        .options(PRESSES.map(|(_, press)| press))
        .read(read_mapped(&topic, template, &PRESSES))
        .event()
}
