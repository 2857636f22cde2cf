use super::*;

fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a test may have a clock; only differences count")]
    Instant::now()
}

fn percent() -> PropertySpec {
    PropertySpec { min: Some(0.0), max: Some(100.0), ..PropertySpec::declared(Type::Int) }
}

#[test]
fn declared_rules_refuse_and_say_which() {
    let modes = PropertySpec { options: vec!["low".into(), "high".into()], ..PropertySpec::declared(Type::Enum) };
    for (spec, payload, message) in [
        (percent(), "101", "it must lie between 0 and 100"),
        (percent(), "-1", "it must lie between 0 and 100"),
        (percent(), "half", "it must be a whole number (int)"),
        (modes, "medium", "it must be one of low, high"),
        (PropertySpec::declared(Type::Bool), "on", "it must be true or false (bool)"),
        (PropertySpec::declared(Type::Color), "red", "it must be a color like #ff8800 (color)"),
    ] {
        assert_eq!(spec.parse(payload.as_bytes()).unwrap_err().to_string(), message);
    }
    assert_eq!(percent().parse(b"100"), Ok(Value::Int(100)));
}

#[test]
fn senseless_declarations_are_refused() {
    let declared = PropertySpec::declared;
    for (spec, error) in [
        (PropertySpec { min: Some(1.0), ..declared(Type::Bool) }, SpecError::RangeOfNoNumber(Type::Bool)),
        (PropertySpec { min: Some(f64::NAN), ..declared(Type::Int) }, SpecError::NotFinite),
        (
            PropertySpec { min: Some(2.0), max: Some(1.0), ..declared(Type::Int) },
            SpecError::EmptyRange { min: 2.0, max: 1.0 },
        ),
        (PropertySpec { step: Some(0.0), ..declared(Type::Int) }, SpecError::StepNotPositive),
        (declared(Type::Enum), SpecError::NoOptions),
        (PropertySpec { options: vec!["a".into()], ..declared(Type::Int) }, SpecError::OptionsOfNoEnum(Type::Int)),
        (PropertySpec { unit: Some("x".repeat(300)), ..declared(Type::Int) }, SpecError::LabelTooLong(300)),
        (
            PropertySpec { bindings: vec!["blynk:V1".into(), "V1".into()], ..declared(Type::Int) },
            SpecError::NoBinding("V1".into()),
        ),
        (
            PropertySpec { bindings: vec!["blynk:".into()], ..declared(Type::Int) },
            SpecError::NoBinding("blynk:".into()),
        ),
        (PropertySpec { bindings: vec!["a:b".into(); 9], ..declared(Type::Int) }, SpecError::TooManyBindings),
    ] {
        assert_eq!(spec.validate(), Err(error));
    }
}

#[test]
fn a_request_is_pending_until_reported_settled_or_expired() {
    let start = instant();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut lamp = Property::new(PropertySpec::declared(Type::Float));
    lamp.request(b"20", None, at(0)).unwrap();
    assert!(!lamp.expire_target(at(59)));
    assert!(
        lamp.report(b"20.0", "mqtt", Timestamp::default(), at(59)).unwrap().target_changed,
        "an equal report clears"
    );
    assert_eq!(lamp.target, None);

    lamp.request(b"30", None, at(100)).unwrap();
    lamp.report(b"25", "mqtt", Timestamp::default(), at(101)).unwrap();
    lamp.report(b"26", "mqtt", Timestamp::default(), at(105)).unwrap();
    assert!(!lamp.expire_target(at(110)), "ten seconds after the first report that differs");
    assert!(lamp.expire_target(at(111)));

    lamp.request(b"30", Some(Duration::from_secs(2)), at(200)).unwrap();
    assert!(!lamp.expire_target(at(201)));
    assert!(lamp.expire_target(at(202)));
}

#[test]
fn events_are_never_pending_and_read_only_properties_refuse_requests() {
    let mut button = Property::new(PropertySpec::declared(Type::String));
    button.spec.access.event = true;
    button.request(b"press", None, instant()).unwrap();
    assert_eq!(button.target, None);
    button.spec.access.set = false;
    assert_eq!(button.request(b"press", None, instant()), Err(RuleBroken::ReadOnly));
}

#[test]
fn an_inferred_type_widens_and_keeps_its_value() {
    let mut property = Property::new(PropertySpec::inferred(b"21.50"));
    let now = instant();
    property.report(b"21.50", "mqtt", Timestamp::default(), now).unwrap();
    assert_eq!(property.value, Some(Value::Float(21.5)));
    let effect = property.request(b"hot", None, now).unwrap();
    assert!(effect.widened);
    assert_eq!(property.spec.kind, Type::String);
    assert_eq!(property.value, Some(Value::Text("21.5".into())));
}
