use std::collections::BTreeMap;

use super::*;
use crate::house::plan::HouseSheet;
use crate::house::sheet::DeviceSheet;
use crate::virtual_devices::sheet::VirtualSheet;

const DEVICE: &str = "name: \"On: the 'desk' # 1\"
room: 'no'
properties:
  level:
    type: int
    min: 0
    max: 100
    step: 2.5
    access: [set, read]
  mode:
    type: enum
    options: ['on', 'off', '1', '~']
history:
  level:
    keep: every
    every_s: 10
";

fn device() -> DeviceSheet {
    Format::Yaml.read(DEVICE).unwrap()
}

#[test]
fn each_language_says_the_same_and_is_written_one_way() {
    let device = device();
    assert_eq!((device.name.as_deref(), device.room.as_deref()), (Some("On: the 'desk' # 1"), Some("no")));
    assert_eq!(device.properties["mode"].options, ["on", "off", "1", "~"]);
    for format in Format::ALL {
        let written = format.write(&device).unwrap();
        let read: DeviceSheet = format.read(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(read, device, "{written}");
        assert_eq!(format.write(&read).unwrap(), written);
    }
}

#[test]
fn virtual_devices_survive_each_language() {
    let text = r#"{"door":"ws","every_s":0.5,"properties":{
        "a":{"type":"float","wave":{"shape":"saw","min":-1.5,"max":3,"period_s":60,"noise":0.25}},
        "b":{"type":"float","walk":{"start":20,"step":0.3,"min":10,"max":30}},
        "c":{"type":"string","script":"if t > 1.0 {\n  \"x: #\"\n} else { \"y\" }"},
        "d":{"type":"string","trace":{"points":[[0,"off"],[2.5,"1"]],"repeat":true,"speed":2}},
        "e":{"type":"bool","echo":true,"start":true}}}"#;
    let sheet: VirtualSheet = Format::Json.read(text).unwrap();
    sheet.check().unwrap();
    for format in Format::ALL {
        let written = format.write(&sheet).unwrap();
        let read: VirtualSheet = format.read(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(read, sheet, "{written}");
        assert_eq!(format.write(&read).unwrap(), written);
    }
}

#[test]
fn errors_name_the_line_and_the_key() {
    for (format, text, line, named) in [
        (Format::Yaml, "name: x\nproperties:\n  p:\n    type: integer\n", 4, "properties.p.type"),
        (Format::Toml, "name = \"x\"\n[properties.p]\ntype = \"integer\"\n", 3, "properties.p.type"),
        (Format::Json, "{\"name\":\"x\",\n\"properties\":{\"p\":{\n\"type\":\"integer\"}}}", 3, "properties.p.type"),
        (Format::Yaml, "name: x\ncolour: red\n", 2, "colour"),
        (Format::Toml, "name = \"x\"\ncolour = 1\n", 2, "colour"),
        (Format::Yaml, "name: [\n", 1, ""),
        (Format::Toml, "name = \n", 1, ""),
    ] {
        let error = format.read::<DeviceSheet>(text).unwrap_err();
        assert!(error.to_string().contains(named), "{text}: {error}");
        assert!(error.line.is_some_and(|at| at >= 1 && at <= line + 1), "{text}: {error:?}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn an_empty_text_is_an_empty_sheet() {
    for format in Format::ALL {
        assert_eq!(format.read::<DeviceSheet>("").unwrap(), DeviceSheet::default(), "{format:?}");
    }
    assert_eq!(Format::Yaml.read::<HouseSheet>("# nothing yet\n---\n").unwrap(), HouseSheet::default());
}

#[test]
fn what_grows_or_nests_without_end_is_refused() {
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (one, before) in "bcdefghij".chars().zip("abcdefghi".chars()) {
        let many = vec![format!("*{before}"); 10].join(",");
        bomb += &format!("{one}: &{one} [{many}]\n");
    }
    let deep = format!("name: {}{}", "[".repeat(5_000), "]".repeat(5_000));
    let wide = format!("options: [{}]", "x,".repeat(200_000));
    let own = "a: &a\n  b: *a\n".to_owned();
    for text in [bomb, deep.clone(), wide, own] {
        let began = std::time::Instant::now();
        assert!(
            Format::Yaml.read::<BTreeMap<String, serde_json::Value>>(&text).is_err(),
            "{}",
            &text[..40.min(text.len())]
        );
        assert!(began.elapsed().as_secs() < 5);
    }
    assert!(Format::Json.read::<DeviceSheet>(&"[".repeat(100_000)).is_err());
    assert!(Format::Toml.read::<DeviceSheet>(&format!("a = {}", "[".repeat(10_000))).is_err());
    let long = format!("# {}\nname: x\n", "x".repeat(SHEET_BYTES_MAX));
    assert!(Format::Yaml.read::<DeviceSheet>(&long).unwrap_err().to_string().contains("longer"));
}

#[test]
fn media_types_and_endings() {
    for (text, format) in [
        ("application/yaml", Format::Yaml),
        ("text/html, application/toml;q=0.5", Format::Toml),
        ("Application/JSON; charset=utf-8", Format::Json),
        ("*/*", Format::Json),
        ("", Format::Json),
    ] {
        assert_eq!(Format::of_media_type(text), format, "{text}");
    }
    assert_eq!(Format::of_extension("yml"), Some(Format::Yaml));
    assert_eq!(Format::of_extension("txt"), None);
}
