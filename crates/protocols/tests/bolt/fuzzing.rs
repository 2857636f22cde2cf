//! Any bytes as a request of Bolt's API: shared with the fuzz target, as `tests/mqtt/fuzzing.rs` is.

use housewire_core::{PropertySpec, Type, Value};
use housewire_protocols::bolt::{
    Answer, Binding, Call, Command, Level, Parameters, Scale, Style, Verb, history, quoted,
};
use housewire_protocols::limits::{BOLT_PINS_MAX, BOLT_POINTS_MAX, BOLT_SERIAL_BYTES_MAX};

/// A target, and behind a line break what a form says: nothing breaks, and what comes out keeps its promises.
pub(crate) fn ask(bytes: &[u8]) {
    let (target, form) = split(bytes, b'\n');
    let (path, query) = split(target, b'?');
    let mut parameters = Parameters::parse(query);
    parameters.add_form(form);
    let path = String::from_utf8_lossy(path);
    let Some(call) = Call::of(&path) else { return };
    assert_eq!(Binding::parse(&format!("bolt:{}", call.key)).is_some_and(|binding| binding.variable().is_some()), {
        Binding::variables().any(|name| name == call.key)
            || ["digital", "analog", "servo"]
                .into_iter()
                .any(|word| call.key.strip_prefix(word).is_some_and(|pin| matches!(pin, "0" | "1" | "2" | "3" | "4")))
    });
    let verb = Verb::parse(call.command);
    for name in ["deviceName", "deviceID"] {
        if let Some(device) = parameters.text(name) {
            assert_eq!(device, device.trim());
            check_json(&Answer::Failure(device.to_owned()).to_json(verb, Style::AsDocumented));
        }
    }
    let Some(verb) = verb else { return };
    match Command::parse(verb, &parameters) {
        Ok(command) => check(&command),
        Err(why) => check_json(&Answer::Failure(why.to_string()).to_json(Some(verb), Style::Integers)),
    }
}

fn split(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    let place = bytes.iter().position(|byte| *byte == at);
    place.map_or((bytes, &[]), |place| (&bytes[..place], &bytes[place + 1..]))
}

fn check(command: &Command) {
    match command {
        Command::DigitalWrite(pins) => check_count(pins.len()),
        Command::DigitalRead(pins) => check_count(pins.len()),
        Command::AnalogWrite(pins) => {
            check_count(pins.len());
            pins.iter().for_each(|(_, level)| check_level(Level(Scale::Pwm, u16::from(*level))));
        }
        Command::ServoWrite(pins) => {
            check_count(pins.len());
            pins.iter().for_each(|(_, angle)| check_level(Level(Scale::Servo, u16::from(*angle))));
        }
        Command::SerialWrite(data) | Command::SerialWR(data, _) => {
            assert!(data.len() <= BOLT_SERIAL_BYTES_MAX);
            let rows = [(data.clone(), vec![data.clone()])];
            for answer in
                [Answer::Text(data.clone()), Answer::Fields(history(&[data], &rows)), Answer::Json(quoted(data))]
            {
                check_json(&answer.to_json(Some(Verb::SerialRead), Style::AsDocumented));
            }
        }
        Command::FetchData(limit, _) => assert!((1..=BOLT_POINTS_MAX).contains(limit)),
        _ => {}
    }
}

fn check_count(pins: usize) {
    assert!((1..=BOLT_PINS_MAX).contains(&pins));
}

/// What is asked of a property of the pin's own range is read as what was asked.
fn check_level(level: Level) {
    let Level(scale, number) = level;
    assert!(number <= scale.top());
    let spec = PropertySpec { min: Some(0.0), max: Some(f64::from(scale.top())), ..PropertySpec::declared(Type::Int) };
    let payload = level.to_payload(&spec).expect("whole numbers have levels");
    let value = spec.parse(&payload).expect("the pin's range is the property's");
    assert_eq!(value, Value::Int(i64::from(number)));
    assert_eq!(Level::of(scale, &spec, &value), Some(level));
}

/// One line of JSON, as far as that can be told without reading it: quotes and brackets close.
fn check_json(text: &str) {
    assert!(text.starts_with("{\"success\"") && text.ends_with('}'), "{text}");
    let (mut is_text, mut is_escape, mut open) = (false, false, 0_usize);
    for character in text.chars() {
        assert!(character >= ' ', "{text:?}");
        match character {
            _ if is_escape => {
                assert!("\"\\nrtu".contains(character), "{text}");
                is_escape = false;
            }
            '\\' => is_escape = is_text,
            '"' => is_text = !is_text,
            '{' | '[' if !is_text => open += 1,
            '}' | ']' if !is_text => open = open.checked_sub(1).expect("it was opened before"),
            _ => {}
        }
    }
    assert!(open == 0 && !is_text, "{text}");
}
