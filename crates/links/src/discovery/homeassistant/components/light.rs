//! Lights, in the three ways to announce them: a topic for each value, one JSON text, or templates.

use housewire_core::Type;

use super::super::super::model::Read;
use super::super::config::Config;
use super::super::part::{Part, read_by, read_on, write_by, write_with};
use super::{Parts, need, some_of};

/// Modes that have a colour, the one that loses least first.
const COLOR_MODES: [&str; 5] = ["rgb", "hs", "xy", "rgbww", "rgbw"];

pub(super) fn light(config: &Config) -> Parts {
    match config.text_or("schema", "basic").as_str() {
        "json" => json(config),
        "template" => by_template(config),
        "basic" => basic(config),
        other => Err(format!("its schema '{other:.40}' is none of basic, json and template")),
    }
}

fn power(config: &Config) -> Part {
    let (on, off) = (config.text_or("payload_on", "ON"), config.text_or("payload_off", "OFF"));
    Part::main("power", Type::Bool)
        .role("light")
        .read(config.read("state_topic", "state_value_template"))
        .write(config.write("command_topic", "command_template"))
        .map(&on, "true")
        .map(&off, "false")
        .only_mapped()
}

fn scale(config: &Config, key: &str) -> f64 {
    config.number(key).filter(|scale| *scale >= 1.0).unwrap_or(255.0).round()
}

fn brightness(config: &Config) -> Part {
    let scale = scale(config, "brightness_scale");
    Part::named("brightness", Type::Int).role("brightness").range(Some(0.0), Some(scale), None)
}

/// Mired, or kelvin if it says so.
fn color_temp(config: &Config) -> Part {
    let part = Part::named("color_temp", Type::Int).role("color_temp");
    let bound = |key: &str, default: f64| Some(config.number(key).unwrap_or(default));
    if config.flag("color_temp_kelvin") == Some(true) {
        part.unit(Some("K".into())).range(bound("min_kelvin", 2000.0), bound("max_kelvin", 6535.0), None)
    } else {
        part.unit(Some("mired".into())).range(bound("min_mireds", 153.0), bound("max_mireds", 500.0), None)
    }
}

fn effect(config: &Config) -> Part {
    Part::named("effect", Type::Enum).role("effect").options(config.list("effect_list"))
}

fn basic(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    // The template of the state has had two names.
    let state = if config.has("state_value_template") { "state_value_template" } else { "value_template" };
    let mut main = power(config);
    main.reads.clear();
    main = main
        .read(config.read("state_topic", state))
        .map_read(&config.text_or("payload_on", "ON"), "true")
        .map_read(&config.text_or("payload_off", "OFF"), "false")
        .only_mapped();
    if config.text("on_command_type").as_deref() == Some("brightness")
        && let Some(topic) = config.topic("brightness_command_topic")
    {
        // Such a light is switched on by how bright it shall be.
        main = main.elsewhere("true", topic, scale(config, "brightness_scale").to_string());
    }
    let white = Part::named("white", Type::Int)
        .role("brightness")
        .range(Some(0.0), Some(scale(config, "white_scale")), None)
        .write(config.write("white_command_topic", "white_command_template"));
    let parts = [
        main,
        brightness(config)
            .read(config.read("brightness_state_topic", "brightness_value_template"))
            .write(config.write("brightness_command_topic", "brightness_command_template")),
        basic_color(config),
        color_temp(config)
            .read(config.read("color_temp_state_topic", "color_temp_value_template"))
            .write(config.write("color_temp_command_topic", "color_temp_command_template")),
        white,
        effect(config)
            .read(config.read("effect_state_topic", "effect_value_template"))
            .write(config.write("effect_command_topic", "effect_command_template")),
    ];
    some_of(config, parts)
}

/// The first of the colour topics there are: they say the same in several ways.
fn basic_color(config: &Config) -> Part {
    let part = Part::named("color", Type::Color).role("color");
    let has = |mode: &str| config.has(&format!("{mode}_command_topic")) || config.has(&format!("{mode}_state_topic"));
    let Some(mode) = COLOR_MODES.iter().find(|mode| has(mode)) else { return part };
    let read = config.read(&format!("{mode}_state_topic"), &format!("{mode}_value_template"));
    let write = config.write(&format!("{mode}_command_topic"), &format!("{mode}_command_template"));
    match *mode {
        "hs" => part.read(read_on(read, "v | hs_hex")).write(write_by(write, "{{ hue }},{{ sat }}")),
        "xy" => part.read(read_on(read, "v | xy_hex")).write(write_by(write, "{{ x }},{{ y }}")),
        "rgbw" => {
            let write = write_with(write, "{% set white = 0 %}");
            part.read(read).write(write_by(write, "{{ red }},{{ green }},{{ blue }},0"))
        }
        "rgbww" => {
            let write = write_with(write, "{% set cold_white = 0 %}{% set warm_white = 0 %}");
            part.read(read).write(write_by(write, "{{ red }},{{ green }},{{ blue }},0,0"))
        }
        _ => part.read(read).write(write_by(write, "{{ red }},{{ green }},{{ blue }}")),
    }
}

fn json(config: &Config) -> Parts {
    need(config, &["command_topic"])?;
    let modes = config.list("supported_color_modes");
    // Older senders have a flag for each instead.
    let has =
        |name: &str| modes.iter().any(|mode| mode == name) || (modes.is_empty() && config.flag(name) == Some(true));
    let dims = config.flag("brightness") == Some(true) || modes.iter().any(|mode| mode != "onoff");
    let read = || config.read_plain("state_topic");
    let write = |fields: &str| write_by(config.write_plain("command_topic"), &format!(r#"{{"state":"ON",{fields}}}"#));
    let value = |name: &str| read_by(read(), &format!("{{{{ value_json.{name} }}}}"));
    let main = Part::main("power", Type::Bool)
        .role("light")
        .read(value("state"))
        .write(write_by(config.write_plain("command_topic"), r#"{"state":"{{ value }}"}"#))
        .map("ON", "true")
        .map("OFF", "false")
        .only_mapped();
    let mut parts = vec![main];
    if dims {
        parts.push(brightness(config).read(value("brightness")).write(write(r#""brightness":{{ value }}"#)));
    }
    if let Some(mode) = COLOR_MODES.iter().find(|mode| has(mode)) {
        let fields = match *mode {
            "hs" => r#""color":{"h":{{ hue }},"s":{{ sat }}}"#,
            "xy" => r#""color":{"x":{{ x }},"y":{{ y }}}"#,
            "rgbw" => r#""color":{"r":{{ red }},"g":{{ green }},"b":{{ blue }},"w":0}"#,
            "rgbww" => r#""color":{"r":{{ red }},"g":{{ green }},"b":{{ blue }},"c":0,"w":0}"#,
            _ => r#""color":{"r":{{ red }},"g":{{ green }},"b":{{ blue }}}"#,
        };
        let color = Part::named("color", Type::Color).role("color");
        parts.push(color.read(value("color | color_hex")).write(write(fields)));
    }
    if has("color_temp") {
        parts.push(color_temp(config).read(value("color_temp")).write(write(r#""color_temp":{{ value }}"#)));
    }
    if has("white") {
        let white = Part::named("white", Type::Int).role("brightness");
        parts.push(
            white.range(Some(0.0), Some(scale(config, "white_scale")), None).write(write(r#""white":{{ value }}"#)),
        );
    }
    if config.flag("effect") == Some(true) || !config.list("effect_list").is_empty() {
        parts.push(effect(config).read(value("effect")).write(write(r#""effect":{{ value | tojson }}"#)));
    }
    some_of(config, parts)
}

fn by_template(config: &Config) -> Parts {
    need(config, &["command_topic", "command_on_template", "command_off_template"])?;
    let no_template = |()| "its command templates cannot be read".to_owned();
    let on = config.template("command_on_template").map_err(no_template)?.unwrap_or_default();
    let off = config.template("command_off_template").map_err(no_template)?.unwrap_or_default();
    let command = |template: String| write_by(config.write_plain("command_topic"), &template);
    let with = |name: &str| command(format!("{{% set state = 'on' %}}{{% set {name} = value %}}{on}"));
    let read = |template: &str| if config.has(template) { config.read("state_topic", template) } else { None };
    let main = Part::main("power", Type::Bool)
        .role("light")
        .read(read("state_template"))
        .write(command(format!(
            "{{% if value %}}{{% set state = 'on' %}}{on}{{% else %}}{{% set state = 'off' %}}{off}{{% endif %}}"
        )))
        .map_read("on", "true")
        .map_read("off", "false")
        .only_mapped();
    let mut parts = vec![main];
    if config.has("brightness_template") {
        parts.push(brightness(config).read(read("brightness_template")).write(with("brightness")));
    }
    if ["red_template", "green_template", "blue_template"].iter().all(|key| config.has(key)) {
        let color = Part::named("color", Type::Color).role("color");
        parts.push(color.read(rgb(config)).write(command(format!("{{% set state = 'on' %}}{on}"))));
    }
    if config.has("color_temp_template") {
        parts.push(color_temp(config).read(read("color_temp_template")).write(with("color_temp")));
    }
    if config.has("effect_template") {
        parts.push(effect(config).read(read("effect_template")).write(with("effect")));
    }
    some_of(config, parts)
}

/// Three templates for one colour.
fn rgb(config: &Config) -> Option<Read> {
    let read = config.read_plain("state_topic")?;
    let part = |key: &str| config.template(key).ok().flatten();
    let (red, green, blue) = (part("red_template")?, part("green_template")?, part("blue_template")?);
    let template = format!(
        "{{% set r %}}{red}{{% endset %}}{{% set g %}}{green}{{% endset %}}{{% set b %}}{blue}{{% endset %}}\
         {{{{ (r ~ ',' ~ g ~ ',' ~ b) | color_hex }}}}"
    );
    Some(Read { template: Some(template), ..read })
}
