//! Widgets: which pins they have, what these hold, and which kind of ours shows them.
//!
//! A field that is missing or of another type than it should be counts as not said, as Blynk's own versions differ in that.

use std::collections::BTreeMap;

use housewire_protocols::blynk::{Pin, PinKind};
use serde_json::{Map, Value, json};

use super::property::{Guess, PinFacts, choices};
use super::words::clean;
use super::{Left, MovedWidget, Place};

/// Columns of Blynk's grid, and of ours.
const BLYNK_COLUMNS: u64 = 8;
const COLUMNS: u64 = 12;
/// Rows that nobody scrolls beyond.
const ROWS_MAX: u64 = 4_000;
/// Our rows of one of Blynk's, whose cells are squares on a phone.
const ROWS_PER_CELL: u64 = 2;
/// Sources that one widget may have.
const SOURCES_MAX: usize = 8;
/// Widgets that one of Blynk's may become.
const TILES_MAX: usize = 200;
/// Widgets of templates that are looked at in one file; what further ones say of pins is not known.
pub(super) const TILE_WIDGETS_MAX: usize = 20_000;
/// Tabs of one project.
const TABS_MAX: usize = 12;

/// What a widget's number of a device may mean.
#[derive(Default)]
pub(super) struct Targets {
    /// Devices of the project, by their number there.
    pub(super) devices: BTreeMap<i64, usize>,
    /// Tags and device selectors: their devices.
    pub(super) groups: BTreeMap<i64, Vec<i64>>,
}

impl Targets {
    pub(super) fn note_selector(&mut self, widget: &Value) {
        if text(widget, "type") == Some("DEVICE_SELECTOR")
            && let Some(id) = widget["id"].as_i64()
        {
            let devices = widget["deviceIds"].as_array().map(Vec::as_slice).unwrap_or_default();
            self.groups.insert(id, devices.iter().filter_map(Value::as_i64).collect());
        }
    }

    /// Which device is meant, and whether others are, too.
    fn find(&self, id: i64) -> Option<(usize, bool)> {
        if let Some(device) = self.devices.get(&id) {
            return Some((*device, false));
        }
        let group = self.groups.get(&id)?;
        let mut known = group.iter().filter_map(|device| self.devices.get(device));
        known.next().map(|first| (*first, known.next().is_some()))
    }
}

/// Where the widgets of one project go.
pub(super) struct Shown<'a> {
    pub(super) title: &'a str,
    pub(super) tabs: &'a [(i64, String)],
    pub(super) targets: &'a Targets,
    pub(super) left: &'a mut Left,
    pub(super) facts: &'a mut BTreeMap<(usize, Pin), PinFacts>,
    /// See [`TILE_WIDGETS_MAX`]: what is left of it.
    pub(super) tile_widgets: &'a mut usize,
    /// Whose a widget is, whatever it says itself.
    pub(super) target: Option<i64>,
}

/// A pin as a widget has it.
struct Stream {
    device: usize,
    pin: Pin,
    /// Range in the project.
    min: Option<f64>,
    max: Option<f64>,
    value: Option<String>,
}

/// What the widgets of a kind make.
struct Kind {
    ours: &'static str,
    guess: Guess,
    is_written: bool,
    options: Map<String, Value>,
}

/// Tabs by their numbers; none if there are fewer than two.
pub(super) fn tabs_of(widgets: &[Value]) -> Vec<(i64, String)> {
    let tabs = widgets.iter().find(|widget| text(widget, "type") == Some("TABS"));
    let listed = tabs.and_then(|tabs| tabs["tabs"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let mut named: Vec<(i64, String)> = Vec::new();
    for (place, tab) in listed.iter().take(TABS_MAX).enumerate() {
        let id = tab["id"].as_i64().unwrap_or(i64::try_from(place).unwrap_or_default());
        let mut name = text(tab, "label").and_then(clean).unwrap_or_else(|| (place + 1).to_string());
        while named.iter().any(|(_, known)| *known == name) {
            name = format!("{name} ({})", place + 1);
        }
        named.push((id, name));
    }
    if named.len() < 2 { Vec::new() } else { named }
}

/// Adds what one widget becomes; tells what does not come over.
pub(super) fn show(widget: &Value, shown: &mut Shown<'_>, made: &mut Vec<MovedWidget>) {
    // Blynk's server takes a widget without a type for a button, too.
    let kind = text(widget, "type").unwrap_or("BUTTON");
    let label = text(widget, "label").and_then(clean);
    let what = match &label {
        Some(label) => format!("{}: {} '{label}'", shown.title, name_of(kind)),
        None => format!("{}: {}", shown.title, name_of(kind)),
    };
    if let Some(why) = without_counterpart(kind) {
        learn_silently(widget, kind, &what, shown);
        if let Some(why) = why {
            shown.left.add(what, why);
        }
        return;
    }
    if kind == "DEVICE_TILES" {
        return tiles(widget, &what, shown, made);
    }
    let streams = streams_of(widget, &what, shown);
    if streams.is_empty() && !matches!(kind, "TEXT" | "IMAGE" | "VIDEO" | "LINK_BUTTON") {
        shown.left.add(what, "No pin was chosen for it.");
        return;
    }
    let place = place_of(widget);
    let tab = tab_of(widget, shown.tabs);
    for mut one in counterparts(widget, kind, &streams) {
        if let Some(color) = color_of(widget).filter(|_| takes_color(one.ours)) {
            one.options.insert("color".to_owned(), Value::from(color));
        }
        for stream in &streams {
            let guess = match (&one.guess, &stream.value) {
                // A display: what it showed last says what it shows.
                (Guess::Text, Some(value)) if value.parse::<f64>().is_ok_and(f64::is_finite) && is_display(kind) => {
                    Guess::Number
                }
                (guess, _) => guess.clone(),
            };
            let unit = text(widget, "suffix").and_then(clean);
            let facts = PinFacts { guess, is_written: one.is_written, label: label.clone(), unit };
            learn(shown.facts, stream, facts);
        }
        let mut sources: Vec<(usize, Pin)> = Vec::new();
        for stream in &streams {
            let source = (stream.device, stream.pin);
            if !sources.contains(&source) && sources.len() < SOURCES_MAX {
                sources.push(source);
            }
        }
        made.push(MovedWidget {
            id: String::new(),
            kind: one.ours,
            title: label.clone(),
            place,
            sources,
            options: one.options,
            tab: tab.clone(),
        });
    }
}

fn learn(facts: &mut BTreeMap<(usize, Pin), PinFacts>, stream: &Stream, new: PinFacts) {
    facts.entry((stream.device, stream.pin)).and_modify(|known| known.learn(new.clone())).or_insert(new);
}

/// Pins of widgets that have no counterpart are properties all the same.
fn learn_silently(widget: &Value, kind: &str, what: &str, shown: &mut Shown<'_>) {
    let guess = match kind {
        "TIMER" => match (text(widget, "startValue"), text(widget, "stopValue")) {
            (Some("1"), Some("0") | None) => Guess::Bool,
            _ => Guess::Text,
        },
        "TIME_INPUT" | "GPS_STREAMING" | "ACCELEROMETER" | "GRAVITY" => Guess::List,
        "LIGHT" | "PROXIMITY" | "TEMPERATURE" | "BAROMETER" | "HUMIDITY" | "GPS_TRIGGER" => Guess::Number,
        "QR" => Guess::Text,
        _ => return,
    };
    let label = text(widget, "label").and_then(clean);
    for stream in streams_of(widget, what, shown) {
        let facts = PinFacts { guess: guess.clone(), is_written: true, label: label.clone(), unit: None };
        learn(shown.facts, &stream, facts);
    }
}

/// Why a kind does not come over; nothing is said of what the hub does by itself.
fn without_counterpart(kind: &str) -> Option<Option<&'static str>> {
    const PHONE: &str =
        "It is a sensor of the phone, which the page does not read. The property is there, for whatever writes it.";
    Some(match kind {
        "TABS" | "RTC" | "BRIDGE" | "NOTIFICATION" | "EMAIL" => None,
        "TIMER" => {
            Some("The hub has no times of day yet. The property is there: set it from a script, cron or Node-RED.")
        }
        "TIME_INPUT" => {
            Some("The page has no form for it. The property is there, as a list: start, stop, zone, days, offset.")
        }
        "EVENTOR" => Some("Rules are not taken over: have the sketch, or Node-RED over MQTT, do what they did."),
        "WEBHOOK" => Some("The hub calls no addresses by itself: subscribe to the property and call it from there."),
        "REPORT" => Some("Reports are not sent: the page's History shows and exports what they had."),
        "TWITTER" | "SMS" => Some("The hub sends none; what devices send so is in Notifications."),
        "DEVICE_SELECTOR" => Some("Widgets that followed it show its first device; each device has a page of its own."),
        "BLUETOOTH" | "BLUETOOTH_SERIAL" => Some("It joined a phone and a board, without a server between them."),
        "QR" => Some("The page does not scan codes. The property is there, for whatever writes it."),
        "GPS_TRIGGER" | "GPS_STREAMING" | "LIGHT" | "PROXIMITY" | "TEMPERATURE" | "ACCELEROMETER" | "GRAVITY"
        | "BAROMETER" | "HUMIDITY" => Some(PHONE),
        known if is_known(known) => return None,
        _ => Some("This kind of widget is not known."),
    })
}

fn is_known(kind: &str) -> bool {
    const KNOWN: [&str; 29] = [
        "BUTTON",
        "STYLED_BUTTON",
        "LINK_BUTTON",
        "SWITCH",
        "TEXT_INPUT",
        "NUMBER_INPUT",
        "SLIDER",
        "VERTICAL_SLIDER",
        "RGB",
        "TWO_AXIS_JOYSTICK",
        "TERMINAL",
        "STEP",
        "VERTICAL_STEP",
        "SEGMENTED_CONTROL",
        "MENU",
        "PLAYER",
        "LED",
        "DIGIT4_DISPLAY",
        "LABELED_VALUE_DISPLAY",
        "GAUGE",
        "LCD",
        "LEVEL_DISPLAY",
        "VERTICAL_LEVEL_DISPLAY",
        "ENHANCED_GRAPH",
        "GRAPH",
        "TABLE",
        "MAP",
        "IMAGE",
        "VIDEO",
    ];
    KNOWN.contains(&kind) || matches!(kind, "TEXT" | "DEVICE_TILES" | "HISTORY_GRAPH" | "ONE_AXIS_JOYSTICK")
}

fn is_display(kind: &str) -> bool {
    matches!(kind, "DIGIT4_DISPLAY" | "LABELED_VALUE_DISPLAY" | "LCD")
}

fn takes_color(ours: &str) -> bool {
    matches!(ours, "button" | "switch" | "slider" | "led" | "gauge" | "level" | "progress")
}

/// What of ours shows it: mostly one, with the options that its kind knows.
fn counterparts(widget: &Value, kind: &str, streams: &[Stream]) -> Vec<Kind> {
    let mut options = Map::new();
    let first = streams.first();
    let limits = |options: &mut Map<String, Value>| {
        for (key, number) in [("min", first.and_then(|pin| pin.min)), ("max", first.and_then(|pin| pin.max))] {
            if let Some(number) = number {
                options.insert(key.to_owned(), plain(number));
            }
        }
    };
    let flag = |key: &str| widget[key].as_bool().unwrap_or(false);
    let one = |ours, guess, is_written, options| vec![Kind { ours, guess, is_written, options }];
    match kind {
        "SLIDER" | "VERTICAL_SLIDER" => {
            limits(&mut options);
            options.insert("way".to_owned(), Value::from(if kind == "SLIDER" { "lying" } else { "standing" }));
            options.insert("send".to_owned(), Value::from(if flag("sendOnReleaseOn") { "release" } else { "moving" }));
            one("slider", Guess::Number, true, options)
        }
        "ONE_AXIS_JOYSTICK" => {
            limits(&mut options);
            one("slider", Guess::Number, true, options)
        }
        "STEP" | "VERTICAL_STEP" => {
            limits(&mut options);
            if let Some(step) = widget["step"].as_f64().filter(|step| *step > 0.0) {
                options.insert("step".to_owned(), plain(step));
            }
            options.insert("loop".to_owned(), Value::from(flag("isLoopOn")));
            one("stepper", Guess::Number, true, options)
        }
        "NUMBER_INPUT" => {
            limits(&mut options);
            one("number", Guess::Number, true, options)
        }
        "TEXT_INPUT" => {
            if let Some(hint) = text(widget, "hint").and_then(clean) {
                options.insert("hint".to_owned(), Value::from(hint));
            }
            one("text", Guess::Text, true, options)
        }
        // Split, each colour has a pin of its own.
        "RGB" if streams.len() >= 3 => one("light", Guess::Number, true, options),
        "RGB" => one("light", Guess::Color, true, options),
        "TWO_AXIS_JOYSTICK" => {
            limits(&mut options);
            options.insert("springs".to_owned(), Value::from(widget["autoReturnOn"].as_bool().unwrap_or(true)));
            options.insert("form".to_owned(), Value::from("array"));
            one("joystick", if streams.len() >= 2 { Guess::Number } else { Guess::List }, true, options)
        }
        "TERMINAL" => {
            options.insert("line".to_owned(), Value::from(widget["terminalInputOn"].as_bool().unwrap_or(true)));
            one("terminal", Guess::Text, true, options)
        }
        "MENU" | "SEGMENTED_CONTROL" => {
            let ours = if kind == "MENU" { "select" } else { "segmented" };
            let labels: Vec<String> = widget["labels"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default()
                .iter()
                .map(|label| label.as_str().and_then(clean).unwrap_or_default())
                .collect();
            one(ours, choices(&labels).map_or(Guess::Number, Guess::Choice), true, options)
        }
        "PLAYER" => {
            options.insert("choices".to_owned(), json!(["play", "stop", "prev", "next"]));
            one("segmented", Guess::Text, true, options)
        }
        "LED" => one("led", Guess::Number, false, options),
        "DIGIT4_DISPLAY" | "LABELED_VALUE_DISPLAY" => {
            if let Some(unit) = text(widget, "suffix").and_then(clean) {
                options.insert("unit".to_owned(), Value::from(unit));
            }
            match text(widget, "valueFormatting").and_then(template) {
                Some(template) => {
                    options.insert("template".to_owned(), Value::from(template));
                    one("labelled", Guess::Text, false, options)
                }
                None => one("value", Guess::Text, false, options),
            }
        }
        "GAUGE" => {
            limits(&mut options);
            one("gauge", Guess::Number, false, options)
        }
        "LEVEL_DISPLAY" => {
            limits(&mut options);
            options.insert("percent".to_owned(), Value::from(false));
            one("progress", Guess::Number, false, options)
        }
        "VERTICAL_LEVEL_DISPLAY" => {
            limits(&mut options);
            one("level", Guess::Number, false, options)
        }
        "LCD" => {
            let guess = if flag("advancedMode") { Guess::List } else { Guess::Text };
            one("lcd", guess, false, options)
        }
        "ENHANCED_GRAPH" | "GRAPH" | "HISTORY_GRAPH" => one("chart", Guess::Number, false, options),
        "TABLE" => {
            options.insert("rows".to_owned(), Value::from("messages"));
            one("table", Guess::List, true, options)
        }
        "MAP" => one("map", Guess::List, true, options),
        "IMAGE" | "VIDEO" => {
            let address = text(widget, "url").or_else(|| widget["urls"][0].as_str()).and_then(clean);
            if let Some(address) = address {
                options.insert("address".to_owned(), Value::from(address));
            }
            one(if kind == "IMAGE" { "image" } else { "video" }, Guess::Text, false, options)
        }
        "TEXT" | "LINK_BUTTON" => {
            let shown = text(widget, "text").or_else(|| text(widget, "url")).or_else(|| text(widget, "label"));
            options.insert("text".to_owned(), Value::from(shown.and_then(clean).unwrap_or_default()));
            one("note", Guess::Text, false, options)
        }
        _ => button(widget, kind, first, options),
    }
}

/// Buttons and switches send their smaller value for off, the larger for on.
fn button(widget: &Value, kind: &str, pin: Option<&Stream>, mut options: Map<String, Value>) -> Vec<Kind> {
    let is_push = widget["pushMode"].as_bool().unwrap_or(false) && kind != "SWITCH";
    let (off, on) = pin.map_or((None, None), |pin| (pin.min, pin.max));
    let is_bool = matches!((off, on), (None | Some(0.0), None | Some(1.0)));
    if !is_bool {
        for (key, number) in [("off", off.unwrap_or(0.0)), ("on", on.unwrap_or(1.0))] {
            options.insert(key.to_owned(), Value::from(plain(number).to_string()));
        }
    }
    for (ours, theirs) in [("textOn", "onLabel"), ("textOff", "offLabel")] {
        let state = if ours == "textOn" { "onButtonState" } else { "offButtonState" };
        let words = text(widget, theirs).or_else(|| widget[state]["text"].as_str());
        if let Some(words) = words.and_then(clean) {
            options.insert(ours.to_owned(), Value::from(words));
        }
    }
    let ours = if is_push { "button" } else { "switch" };
    if is_push {
        options.insert("mode".to_owned(), Value::from("push"));
    }
    vec![Kind { ours, guess: if is_bool { Guess::Bool } else { Guess::Number }, is_written: true, options }]
}

/// Blynk's `/pin.##/` as our `{value:2}`; `None` if there is nothing around the value.
fn template(format: &str) -> Option<String> {
    let (before, rest) = format.split_once("/pin")?;
    let (shape, after) = rest.split_once('/')?;
    let decimals = shape.strip_prefix('.').map_or(0, |digits| digits.chars().take_while(|char| *char == '#').count());
    let value = if decimals == 0 { "{value}".to_owned() } else { format!("{{value:{}}}", decimals.min(6)) };
    let is_bare = before.is_empty() && after.is_empty() && decimals == 0;
    (!is_bare).then(|| clean(&format!("{before}{value}{after}"))).flatten()
}

/// Each of the devices that a tile stood for, as a widget of its own.
fn tiles(widget: &Value, what: &str, shown: &mut Shown<'_>, made: &mut Vec<MovedWidget>) {
    let templates = widget["templates"].as_array().map(Vec::as_slice).unwrap_or_default();
    // What is on a template's own page says what the pins of its devices are.
    for template in templates {
        let devices = template["deviceIds"].as_array().map(Vec::as_slice).unwrap_or_default();
        let inner = template["widgets"].as_array().map(Vec::as_slice).unwrap_or_default();
        for device in devices.iter().filter_map(Value::as_i64).take(TILES_MAX) {
            for inside in inner.iter().filter(|inside| text(inside, "type") != Some("DEVICE_TILES")) {
                if *shown.tile_widgets == 0 {
                    break;
                }
                *shown.tile_widgets -= 1;
                // Only its pins count: the device's page shows what it has.
                shown.target = Some(device);
                show(inside, shown, &mut Vec::new());
                shown.target = None;
            }
        }
    }
    let place = place_of(widget);
    let tab = tab_of(widget, shown.tabs);
    let tiles = widget["tiles"].as_array().map(Vec::as_slice).unwrap_or_default();
    if tiles.len() > TILES_MAX {
        shown.left.add(what.to_owned(), format!("Of its {} tiles the first {TILES_MAX} are taken over.", tiles.len()));
    }
    let mut row = 0;
    for tile in tiles.iter().take(TILES_MAX) {
        let stream = tile["deviceId"]
            .as_i64()
            .and_then(|id| shown.targets.find(id))
            .and_then(|(device, _)| stream_of(&tile["dataStream"], device));
        let Some(stream) = stream else {
            shown.left.add(what.to_owned(), "One of its tiles has no device or no pin.");
            continue;
        };
        let facts = PinFacts { guess: Guess::Number, is_written: false, label: None, unit: None };
        learn(shown.facts, &stream, facts);
        made.push(MovedWidget {
            id: String::new(),
            kind: "value",
            title: None,
            place: Place { x: (row % 4) * 3, y: place.y + (row / 4) * 3, w: 3, h: 3 },
            sources: vec![(stream.device, stream.pin)],
            options: Map::new(),
            tab: tab.clone(),
        });
        row += 1;
    }
}

fn streams_of(widget: &Value, what: &str, shown: &mut Shown<'_>) -> Vec<Stream> {
    let target = shown.target.or_else(|| widget["deviceId"].as_i64()).unwrap_or(0);
    let lists = ["dataStreams", "pins"].into_iter().find_map(|key| widget[key].as_array());
    let mut unknown = false;
    let mut shared = false;
    let mut find = |id: i64| {
        let found = shown.targets.find(id);
        unknown |= found.is_none();
        shared |= found.is_some_and(|(_, shared)| shared);
        found.map(|(device, _)| device)
    };
    let mut streams = Vec::new();
    match lists {
        Some(list) => {
            for entry in list.iter().take(SOURCES_MAX) {
                // A chart's lines have a device each.
                let (inner, of) = match entry["pin"].is_object() {
                    true => (&entry["pin"], entry["targetId"].as_i64().unwrap_or(target)),
                    false => (entry, target),
                };
                if has_pin(inner)
                    && let Some(device) = find(of)
                {
                    streams.extend(stream_of(inner, device));
                }
            }
            // Unless it is split, all values go over the first.
            let is_split = widget["splitMode"].as_bool().or_else(|| widget["split"].as_bool());
            if matches!(text(widget, "type"), Some("RGB" | "TWO_AXIS_JOYSTICK")) && is_split != Some(true) {
                streams.truncate(1);
            }
        }
        None if has_pin(widget) => {
            if let Some(device) = find(target) {
                streams.extend(stream_of(widget, device));
            }
        }
        None => {}
    }
    if unknown {
        shown.left.add(what.to_owned(), "It belongs to a device that is not in the file, or has no token.");
    }
    if shared {
        shown.left.add(what.to_owned(), "It was for several devices at once; here it is for the first of them.");
    }
    streams
}

fn has_pin(value: &Value) -> bool {
    value["pin"].as_i64().is_some_and(|pin| (0..=255).contains(&pin))
}

fn stream_of(value: &Value, device: usize) -> Option<Stream> {
    let number = u8::try_from(value["pin"].as_i64()?).ok()?;
    let kind = match text(value, "pinType")? {
        "VIRTUAL" => PinKind::Virtual,
        "DIGITAL" => PinKind::Digital,
        "ANALOG" => PinKind::Analog,
        _ => return None,
    };
    let finite = |key: &str| value[key].as_f64().filter(|number| number.is_finite());
    let (min, max) = (finite("min"), finite("max"));
    let (min, max) = if min <= max { (min, max) } else { (max, min) };
    let stored = value["value"].as_str().map(str::to_owned).filter(|value| !value.is_empty());
    Some(Stream { device, pin: Pin { kind, number }, min, max, value: stored })
}

/// Edges are rounded, so that what did not overlap does not.
fn place_of(widget: &Value) -> Place {
    let number = |key: &str, fallback: u64| widget[key].as_u64().unwrap_or(fallback);
    let column = |x: u64| (x * COLUMNS + BLYNK_COLUMNS / 2) / BLYNK_COLUMNS;
    let left = number("x", 0).min(BLYNK_COLUMNS - 1);
    let right = left.saturating_add(number("width", 2).max(1)).min(BLYNK_COLUMNS);
    let top = number("y", 0).min(ROWS_MAX);
    let height = number("height", 1).clamp(1, 40);
    let (x, end) = (column(left), column(right));
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Place { x: small(x), y: small(top * ROWS_PER_CELL), w: small((end - x).max(1)), h: small(height * ROWS_PER_CELL) }
}

fn tab_of(widget: &Value, tabs: &[(i64, String)]) -> Option<String> {
    let id = widget["tabId"].as_i64().unwrap_or(0);
    tabs.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone())
}

/// Red, green, blue and opacity in one number with a sign.
fn color_of(widget: &Value) -> Option<String> {
    if widget["isDefaultColor"].as_bool().unwrap_or(false) {
        return None;
    }
    let number = widget["color"].as_i64().filter(|color| !matches!(color, 0 | -1))?;
    let [red, green, blue, _] = i32::try_from(number).ok()?.to_be_bytes();
    Some(format!("#{red:02x}{green:02x}{blue:02x}"))
}

/// Whole numbers without decimals.
fn plain(number: f64) -> Value {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
        return Value::from(number as i64);
    }
    Value::from(number)
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value[key].as_str()
}

/// As people know it.
fn name_of(kind: &str) -> String {
    let known: String = kind.chars().filter(|char| char.is_ascii_alphanumeric() || *char == '_').take(40).collect();
    known.to_ascii_lowercase().replace('_', " ")
}
