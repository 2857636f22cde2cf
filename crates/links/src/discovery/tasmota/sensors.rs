//! What a Tasmota measures: each leaf of the tree that it announced, and how it is doing itself.

use housewire_core::Type;
use serde_json::Value;

use super::super::draft::{Draft, Part, quoted, read};
use super::super::jinja::{Path, Step};
use super::super::limits::PARTS_MAX;
use super::super::model::Category;
use super::config::Config;
use super::outputs::{key, state};

/// Objects within objects.
const DEPTH_MAX: usize = 3;

/// What a leaf of this name is: its unit and its role. Units that the tree itself names are `None` here.
const QUANTITIES: [(&str, Option<&str>, Option<&str>); 34] = [
    ("temperature", None, Some("temperature")),
    ("dewpoint", None, Some("temperature")),
    ("humidity", Some("%"), Some("humidity")),
    ("pressure", None, Some("pressure")),
    ("sealevelpressure", None, Some("pressure")),
    ("seapressure", None, Some("pressure")),
    ("illuminance", Some("lx"), Some("illuminance")),
    ("light", Some("%"), Some("illuminance")),
    ("carbondioxide", Some("ppm"), Some("co2")),
    ("eco2", Some("ppm"), Some("co2")),
    ("tvoc", Some("ppb"), Some("voc")),
    ("co", Some("ppm"), Some("co")),
    ("pm1", Some("µg/m³"), Some("pm1")),
    ("pm2.5", Some("µg/m³"), Some("pm25")),
    ("pm10", Some("µg/m³"), Some("pm10")),
    ("cf1", Some("µg/m³"), None),
    ("cf2.5", Some("µg/m³"), None),
    ("cf10", Some("µg/m³"), None),
    ("power", Some("W"), Some("power")),
    ("apparentpower", Some("VA"), None),
    ("reactivepower", Some("var"), None),
    ("factor", None, None),
    ("frequency", Some("Hz"), None),
    ("voltage", Some("V"), Some("voltage")),
    ("current", Some("A"), Some("current")),
    ("total", Some("kWh"), Some("energy")),
    ("today", Some("kWh"), Some("energy")),
    ("yesterday", Some("kWh"), Some("energy")),
    ("exporttotal", Some("kWh"), Some("energy")),
    ("period", Some("Wh"), Some("energy")),
    ("moisture", Some("%"), Some("moisture")),
    ("distance", Some("cm"), Some("distance")),
    ("weight", Some("kg"), Some("weight")),
    ("noise", Some("dB"), None),
];

/// One property for each leaf of the tree.
pub(super) fn add(draft: &mut Draft, config: &Config, tree: &Value) {
    let unit_of = |key: &str| tree.get(key).and_then(Value::as_str).filter(|unit| unit.len() <= 16);
    let degrees = match unit_of("TempUnit") {
        Some("F") => "°F",
        Some("K") => "K",
        _ => "°C",
    };
    let units = Units { degrees, pressure: unit_of("PressureUnit").unwrap_or("hPa").to_owned() };
    let mut leaves = Leaves { found: Vec::new(), too_many: false };
    for (name, sensor) in tree.as_object().into_iter().flatten() {
        // Shutters are moved, and have properties of their own.
        let is_shutter = name.strip_prefix("Shutter").is_some_and(|rest| rest.parse::<u8>().is_ok());
        if !sensor.is_object() || is_shutter {
            continue;
        }
        match Path::of([name.as_str()]) {
            Ok(path) => leaves.gather(draft, &path, sensor, 1),
            Err(_) => draft.problem(format!("The sensor {} is left out: its name cannot be used.", quoted(name))),
        }
    }
    if leaves.too_many {
        draft.problem(format!("It has more than {PARTS_MAX} values of sensors; the others are left out."));
    }
    for (path, sample) in leaves.found {
        draft.add(sensor(config, &path, &sample, &units));
    }
}

struct Units {
    degrees: &'static str,
    pressure: String,
}

/// Leaves of the tree, with what they held.
struct Leaves {
    found: Vec<(Path, Value)>,
    too_many: bool,
}

impl Leaves {
    fn gather(&mut self, draft: &mut Draft, path: &Path, value: &Value, depth: usize) {
        if self.found.len() >= PARTS_MAX {
            self.too_many = true;
            return;
        }
        match value {
            Value::Object(fields) if depth < DEPTH_MAX => {
                for (name, field) in fields {
                    match path.key(name) {
                        Ok(path) => self.gather(draft, &path, field, depth + 1),
                        Err(_) => {
                            draft.problem(format!("The value {} is left out: its name cannot be used.", quoted(name)))
                        }
                    }
                }
            }
            Value::Array(items) if depth < DEPTH_MAX => {
                for (place, item) in items.iter().enumerate() {
                    self.gather(draft, &path.index(place), item, depth + 1);
                }
            }
            Value::Object(_) | Value::Array(_) => {
                draft.problem(format!("{} is left out: it is nested too deeply.", quoted(&path.dotted())));
            }
            _ => self.found.push((path.clone(), value.clone())),
        }
    }
}

fn sensor(config: &Config, path: &Path, sample: &Value, units: &Units) -> Part {
    let dotted = path.dotted();
    let quantity = quantity_of(path);
    // A sensor that has just started says `null`.
    let kind = match sample {
        Value::Bool(_) => Type::Bool,
        Value::Number(_) => Type::Float,
        Value::Null if quantity.is_some() => Type::Float,
        _ => Type::String,
    };
    let mut part =
        Part::new(dotted.clone(), "sensor", kind).named(divided(&dotted)).labelled(Some(&dotted.replace('.', " ")));
    if let Some((name, unit, role)) = quantity.filter(|_| kind == Type::Float) {
        let unit = match name {
            "temperature" | "dewpoint" => Some(units.degrees),
            "pressure" | "sealevelpressure" | "seapressure" => Some(units.pressure.as_str()),
            _ => unit,
        };
        part = part.unit(unit).role(role);
    }
    let template = |path: &Path| if kind == Type::Bool { path.json() } else { path.text() };
    // When asked, it wraps them; older programs answer under another number.
    let wrapped = template(&path.below(&key("StatusSNS")));
    part.read(read(&config.telemetry("SENSOR"), template(path)))
        .read(read(&config.answer("STATUS10"), wrapped.clone()))
        .read(read(&config.answer("STATUS8"), wrapped))
}

/// `ApparentPower` as the two words that it is; `BME280`, `eCO2` and `PM2.5` are one each.
fn divided(name: &str) -> String {
    let mut divided = String::new();
    let mut small_letters = 0;
    for c in name.chars() {
        if c.is_ascii_uppercase() && small_letters > 1 {
            divided.push('_');
        }
        small_letters = if c.is_ascii_lowercase() { small_letters + 1 } else { 0 };
        divided.push(c);
    }
    divided
}

/// What the leaf is called, or for places in a list what the list is called.
fn quantity_of(path: &Path) -> Option<(&'static str, Option<&'static str>, Option<&'static str>)> {
    let name = path.steps().iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.to_ascii_lowercase()),
        Step::Index(_) => None,
    })?;
    QUANTITIES.into_iter().find(|(known, _, _)| *known == name)
}

/// How the device itself is doing: from its regular report.
pub(super) fn add_state(draft: &mut Draft, config: &Config) {
    for (keys, name, unit, role) in [
        (&["Wifi", "RSSI"][..], "wifi_quality", "%", "signal"),
        (&["Wifi", "Signal"], "wifi_signal", "dBm", "signal"),
        (&["UptimeSec"], "uptime", "s", "uptime"),
    ] {
        let path = Path::of(keys.iter().copied()).unwrap_or_default();
        let part = Part::new(format!("STATE.{}", path.dotted()), "state", Type::Float)
            .named(name)
            .unit(Some(unit))
            .role(Some(role))
            .category(Category::Diagnostic);
        draft.add(state(config, "STATE", &[path]).into_iter().fold(part, Part::read));
    }
}
