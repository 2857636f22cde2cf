//! User files of Blynk's server: what they make, and what becomes of files that are none.

#[path = "blynk_file/fuzzing.rs"]
mod fuzzing;

use housewire_core::Type;
use housewire_links::blynk_file::{FileError, Move, Place, read};
use housewire_protocols::blynk::Pin;
use proptest::prelude::*;

const TOKEN: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

fn gardener() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/blynk/gardener@example.com.Blynk.user");
    std::fs::read(path).expect("the file can be read")
}

fn of_widgets(widgets: &str) -> Move {
    let device = format!(r#"{{"id":0,"name":"Board","token":"{TOKEN}"}}"#);
    let text =
        format!(r#"{{"profile":{{"dashBoards":[{{"id":1,"name":"P","devices":[{device}],"widgets":[{widgets}]}}]}}}}"#);
    fuzzing::user_file(text.as_bytes());
    read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn check(widgets: &str, pin: &str, name: &str, kind: Type) {
    let moved = of_widgets(widgets);
    let property = &moved.devices[0].properties[&Pin::parse(pin).expect("a pin")];
    assert_eq!((property.name.as_str(), property.spec.kind), (name, kind), "{widgets}");
}

#[test]
fn a_whole_garden() {
    fuzzing::user_file(&gardener());
    let moved = read(&gardener()).unwrap();
    let stems: Vec<_> = moved.devices.iter().map(|device| device.stem.as_str()).collect();
    assert_eq!(stems, ["greenhouse", "wasserhaus", "blynk"]);
    let names: Vec<_> = moved.devices[0].properties.values().map(|property| property.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "grow-light",
            "horn",
            "fan",
            "strip",
            "camera",
            "v6",
            "temperature",
            "state",
            "humidity",
            "alarm",
            "display",
            "console",
            "programme",
            "radio",
            "everywhere"
        ]
    );
    let kinds: Vec<_> = moved.devices[0].properties.values().map(|property| property.spec.kind).collect();
    use Type::{Bool, Color, Enum, Float, Json, String};
    assert_eq!(
        kinds,
        [Bool, Bool, Float, Color, Json, Float, Float, String, Float, Float, Json, String, Enum, String, Float]
    );
    let [garden, kitchen] = &moved.dashboards[..] else { panic!("{:?}", moved.dashboards) };
    assert_eq!(garden.tabs, ["Greenhouse", "Pumps & <b>valves</b>"]);
    assert!(garden.id.starts_with("garten-sued-") && kitchen.id.starts_with("blynk-"));
    assert_eq!(kitchen.title, "مطبخ");
    let kinds: Vec<_> = garden.widgets.iter().map(|widget| widget.kind).collect();
    assert_eq!(
        kinds,
        [
            "switch",
            "button",
            "slider",
            "light",
            "joystick",
            "stepper",
            "labelled",
            "value",
            "gauge",
            "led",
            "lcd",
            "terminal",
            "chart",
            "select",
            "segmented",
            "switch",
            "level",
            "number",
            "text",
            "table",
            "map",
            "segmented",
            "image",
            "progress"
        ]
    );
    assert_eq!(garden.widgets[0].place, Place { x: 0, y: 0, w: 3, h: 4 });
    assert_eq!(garden.widgets[2].place, Place { x: 0, y: 4, w: 12, h: 2 });
    let climate = &garden.widgets[12];
    assert_eq!(climate.sources, [(0, Pin::parse("V7").unwrap()), (1, Pin::parse("A0").unwrap())]);
    let left: Vec<_> = moved.left.told.iter().map(|left| left.place.as_str()).collect();
    assert_eq!(
        left,
        [
            "Garten Süd: timer 'Morning'",
            "Garten Süd: eventor",
            "Garten Süd: device selector",
            "Garten Süd: level display 'Everywhere'",
            "مطبخ: device unused"
        ]
    );
}

#[test]
fn pins_are_what_their_widgets_say() {
    let widget = |kind: &str, label: &str, more: &str| {
        format!(r#"{{"type":"{kind}","label":"{label}","deviceId":0,"pin":1,"pinType":"VIRTUAL"{more}}}"#)
    };
    check(&widget("BUTTON", "Küche Licht", ""), "V1", "kueche-licht", Type::Bool);
    check(&widget("BUTTON", "x", r#","min":0,"max":255"#), "V1", "x", Type::Float);
    check(&widget("SLIDER", "نور", ""), "V1", "v1", Type::Float);
    check(&widget("SLIDER", "set", ""), "V1", "v1", Type::Float);
    check(&widget("SLIDER", "V2", ""), "V1", "v1", Type::Float);
    check(&widget("DIGIT4_DISPLAY", "T", r#","value":"on""#), "V1", "t", Type::String);
    check(&widget("DIGIT4_DISPLAY", "T", r#","value":"7""#), "V1", "t", Type::Float);
    check(&widget("MENU", "m", r#","labels":["a","a"]"#), "V1", "m", Type::Float);
    check(&widget("MENU", "m", r#","labels":["a",7]"#), "V1", "m", Type::Float);
    check(&widget("BUTTON", "D", "").replace("VIRTUAL", "DIGITAL"), "D1", "d", Type::Bool);
    check(&widget("SLIDER", "pwm", "").replace("VIRTUAL", "DIGITAL"), "D1", "pwm", Type::Int);
    // Who writes it knows better than who shows it, and a number is more than a switch.
    let both = [widget("DIGIT4_DISPLAY", "Shown", r#","value":"1""#), widget("BUTTON", "Pressed", "")].join(",");
    check(&both, "V1", "pressed", Type::Float);
    let both = [widget("BUTTON", "Pressed", ""), widget("GAUGE", "Shown", "")].join(",");
    check(&both, "V1", "pressed", Type::Float);
}

#[test]
fn what_people_wrote_stays_text() {
    let moved = of_widgets(
        r#"{"type":"SLIDER","label":"<img src=x onerror=alert(1)>","deviceId":0,"pin":1,"pinType":"VIRTUAL"},
           {"type":"SLIDER","label":"a\u202eb\nc","deviceId":0,"pin":2,"pinType":"VIRTUAL"},
           {"type":"SLIDER","label":7,"x":"1","y":-3,"width":1e30,"height":99999999,"deviceId":0,"pin":3,"pinType":"VIRTUAL"},
           {"type":"<script>","label":"x"}, {"type":"SLIDER","deviceId":9,"pin":1,"pinType":"VIRTUAL"}, [], null, 7"#,
    );
    let titles: Vec<_> = moved.dashboards[0].widgets.iter().map(|widget| widget.title.as_deref()).collect();
    assert_eq!(titles, [Some("<img src=x onerror=alert(1)>"), Some("ab c"), None]);
    assert_eq!(moved.left.told[0].place, "P: script 'x'");
    assert!(moved.left.told[1].why.contains("not in the file"), "{:?}", moved.left.told);
    let deep = of_widgets(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert!(deep.left.told[0].why.contains("recursion limit"), "{:?}", deep.left.told);
}

#[test]
fn files_that_are_none_are_refused() {
    let project = |inner: &str| format!(r#"{{"profile":{{"dashBoards":[{{"id":1,{inner}}}]}}}}"#);
    let device = |token: &str| format!(r#"{{"id":0,"token":"{token}"}}"#);
    for (text, part) in [
        (String::new(), "EOF"),
        ("\u{1}".to_owned(), "expected value"),
        ("{}".to_owned(), "no projects"),
        ("[]".to_owned(), "profile"),
        (r#"{"profile":{"dashBoards":7}}"#.to_owned(), "a list"),
        (r#"{"profile":{"dashBoards":[{"name":"x"}]}}"#.to_owned(), "`id`"),
        (project(r#""devices":[{"id":"0"}]"#), "invalid type"),
        (project(&format!(r#""devices":[{},{}]"#, device(TOKEN), device(TOKEN))), "the same token"),
        (project(&format!(r#""devices":[{}]"#, device("short"))), "no token"),
        (project(&format!(r#""devices":[{}]"#, device(&"a".repeat(32)))), "no token"),
        (project(&format!(r#""widgets":[{}]"#, vec!["0"; 1_001].join(","))), "more than 1000"),
        (project(&format!(r#""x":{}"#, "[".repeat(100_000))), "expected value"),
        (project(&format!(r#""name":{}"#, "[".repeat(100_000))), "invalid type"),
    ] {
        fuzzing::user_file(text.as_bytes());
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains(TOKEN), "{error} ({part})");
    }
    assert!(matches!(read(b"{\"profile\":null}"), Err(FileError::NoUserFile)));
}

#[test]
fn tokens_are_not_printed() {
    assert!(!format!("{:?}", read(&gardener()).unwrap()).contains(TOKEN));
}

#[test]
fn what_a_fuzzer_found_is_tried_again() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/blynk_file");
    let mut tried = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        fuzzing::user_file(&std::fs::read(entry.unwrap().path()).unwrap());
        tried += 1;
    }
    assert!(tried >= 3);
}

proptest! {
    /// The garden with one byte changed is a file or none, and breaks nothing.
    #[test]
    fn damaged_files(place in 0_usize..12_000, byte: u8, len in 0_usize..4) {
        let mut bytes = gardener();
        let place = place % bytes.len();
        let end = (place + len).min(bytes.len());
        bytes.splice(place..end, [byte]);
        fuzzing::user_file(&bytes);
    }
}
