use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn spec(kind: Type) -> PropertySpec {
    let mut spec = PropertySpec::declared(kind);
    if kind == Type::Enum {
        spec.options = vec!["low".into(), "High".into()];
    }
    spec
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(one, two)| ((*one).into(), (*two).into())).collect()
}

fn reading(how: &Read, kind: Type, payload: &[u8]) -> String {
    match read(&mut Templates::new(), how, &spec(kind), payload, NOW) {
        Ok(Reading::Nothing) => "nothing".into(),
        Ok(Reading::Unknown) => "unknown".into(),
        Ok(Reading::Value(value)) => format!("= {}", String::from_utf8_lossy(&value)),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn messages_become_values() {
    for (kind, payload, expected) in [
        (Type::Bool, "ON", "= true"),
        (Type::Bool, "False", "= false"),
        (Type::Bool, "0", "= false"),
        (Type::Bool, "open", "error: 'open' does not fit: it must be true or false (bool)"),
        (Type::Int, "42", "= 42"),
        (Type::Int, "41.6", "= 42"),
        (Type::Int, "x", "error: 'x' does not fit: it must be a whole number (int)"),
        (Type::Float, " 21.50 ", "= 21.5"),
        (Type::Float, "nan", "unknown"),
        (Type::Float, "inf", "error: 'inf' does not fit: it must be a number (float)"),
        (Type::Float, "None", "unknown"),
        (Type::Float, "unavailable", "unknown"),
        (Type::Float, "", "nothing"),
        (Type::Enum, "low", "= low"),
        (Type::Enum, "HIGH", "= High"),
        (Type::Enum, "mid", "error: 'mid' does not fit: it must be one of low, High"),
        (Type::String, "any text", "= any text"),
        (Type::Color, "255,136,0", "= #ff8800"),
        (Type::Color, "FF8800", "= #ff8800"),
        (Type::Color, "red", "error: 'red' does not fit: it must be a color like #ff8800 (color)"),
        (Type::Json, "{\"a\": 1}", "= {\"a\": 1}"),
        (Type::Json, "{a", "error: '{a' does not fit: it must be valid JSON (json)"),
        (Type::Bytes, "aGVsbG8=", "= hello"),
        (Type::Bytes, "!", "error: '!' does not fit: it must lie in its range"),
    ] {
        let expected = if kind == Type::Bytes && payload == "!" {
            format!("error: '!' does not fit: {}", RuleBroken::Type(Type::Bytes))
        } else {
            expected.to_owned()
        };
        assert_eq!(reading(&Read::default(), kind, payload.as_bytes()), expected, "{kind} {payload}");
    }
    assert_eq!(reading(&Read::default(), Type::String, &[0xff]), "error: the message is no UTF-8 text");
    assert_eq!(reading(&Read { raw: true, ..Read::default() }, Type::Bytes, b"hello"), "= hello");
}

#[test]
fn maps_come_after_the_template_and_before_the_type() {
    let map = pairs(&[("heat", "low"), ("None", "High")]);
    let template = Some("{{ value_json.mode }}".to_owned());
    let how = Read { template, map, ..Read::default() };
    assert_eq!(reading(&how, Type::Enum, br#"{"mode":"heat"}"#), "= low");
    assert_eq!(reading(&how, Type::Enum, br#"{"mode":null}"#), "= High", "what is mapped is not unknown");
    assert_eq!(reading(&how, Type::Enum, br#"{"mode":"high"}"#), "= High");
    assert_eq!(reading(&how, Type::Enum, br#"{"other":"heat"}"#), "nothing");
    assert!(reading(&how, Type::Enum, b"no json").starts_with("error: the template failed"));
    let how = Read { only_mapped: true, ..how };
    assert_eq!(reading(&how, Type::Enum, br#"{"mode":"high"}"#), "nothing");
}

#[test]
fn an_option_is_a_value_whatever_it_is_called() {
    let effects = PropertySpec { options: vec!["None".into(), "Rainbow".into()], ..spec(Type::Enum) };
    let read = read(&mut Templates::new(), &Read::default(), &effects, b"None", NOW);
    assert_eq!(read, Ok(Reading::Value(b"None".to_vec())));
}

#[test]
fn rules_of_the_property_hold_for_what_is_read() {
    let range = PropertySpec { min: Some(0.0), max: Some(100.0), ..spec(Type::Float) };
    let read = read(&mut Templates::new(), &Read::default(), &range, b"101", NOW);
    assert_eq!(read.unwrap_err().to_string(), "'101' does not fit: it must lie between 0 and 100");
}

#[track_caller]
fn sends(how: &Write, kind: Type, payload: &str, expected: &str) {
    let sent = write(&mut Templates::new(), how, &spec(kind), payload.as_bytes(), NOW);
    let sent = sent.map(|sent| format!("{} {}", sent.topic, String::from_utf8_lossy(&sent.payload)));
    assert_eq!(sent.unwrap_or_else(|error| format!("error: {error}")), expected, "{kind} {payload}");
}

#[test]
fn requests_become_messages() {
    let to = |template: Option<&str>, map: &[(&str, &str)]| Write {
        topic: "t/set".into(),
        template: template.map(Into::into),
        map: pairs(map),
        ..Write::default()
    };
    let switch = [("true", "ON"), ("false", "OFF")];
    sends(&to(None, &switch), Type::Bool, "true", "t/set ON");
    sends(&to(Some(r#"{"state":"{{ value }}"}"#), &switch), Type::Bool, "false", r#"t/set {"state":"OFF"}"#);
    sends(&to(Some("{{ 1 if value else 0 }}"), &[]), Type::Bool, "true", "t/set 1");
    sends(&to(None, &[]), Type::Float, "21.0", "t/set 21");
    sends(&to(Some("{{ value * 10 }}"), &[]), Type::Float, "21.5", "t/set 215.0");
    sends(&to(Some("{{ value }}"), &[]), Type::Float, "21", "t/set 21");
    sends(&to(Some("{{ value_json.a }}"), &[]), Type::Json, r#"{"a":5}"#, "t/set 5");
    sends(&to(None, &[]), Type::Color, "#FF8800", "t/set #ff8800");
    sends(&to(Some("{{ red }},{{ green }},{{ blue }}"), &[]), Type::Color, "#ff8800", "t/set 255,136,0");
    sends(&to(Some("{{ hue }} {{ sat }} {{ x }} {{ y }}"), &[]), Type::Color, "#00ff00", "t/set 120 100 0.3 0.6");
    sends(&to(None, &[]), Type::Enum, "mid", "error: 'mid' does not fit: it must be one of low, High");
    sends(&to(Some("{{ value | int }}"), &[]), Type::Enum, "low", {
        "error: the template failed on this message: invalid operation: int: 'low' is no number, and no default is given"
    });
    let elsewhere =
        vec![super::super::model::Elsewhere { value: "low".into(), topic: "t/low".into(), payload: "1".into() }];
    sends(&Write { elsewhere, ..to(None, &[("low", "x")]) }, Type::Enum, "low", "t/low 1");
}

#[test]
fn messages_carry_what_was_announced() {
    let how = Write { topic: "t".into(), qos: housewire_core::Qos::AtLeastOnce, retain: true, ..Write::default() };
    let sent = write(&mut Templates::new(), &how, &spec(Type::String), b"x", NOW).unwrap();
    assert_eq!(
        sent,
        Outgoing { topic: "t".into(), payload: b"x".to_vec(), qos: housewire_core::Qos::AtLeastOnce, retain: true }
    );
}

#[test]
fn one_message_has_the_values_of_several_properties() {
    let message = Message::new(br#"{"a":1,"b":"on"}"#, NOW);
    let mut templates = Templates::new();
    let mut value = |template: &str, kind| {
        let how = Read { template: Some(template.into()), ..Read::default() };
        read_message(&mut templates, &how, &spec(kind), &message)
    };
    assert_eq!(value("{{ value_json.a }}", Type::Float), Ok(Reading::Value(b"1".to_vec())));
    assert_eq!(value("{{ value_json.b }}", Type::Bool), Ok(Reading::Value(b"true".to_vec())));
    assert_eq!(value("{{ value }}", Type::Json), Ok(Reading::Value(br#"{"a":1,"b":"on"}"#.to_vec())));
}
