//! Requests as real clients write them, and answers as the manual shows them.

use housewire_core::{PropertySpec, Type, Value};

use crate::bolt::{Answer, Binding, Call, Command, Invalid, Level, Order, Parameters, Pin, Role, Scale, Style, Verb};
use crate::bolt::{history, product, quoted};

const KEY: &str = "00000000-0000-4000-8000-000000000001";

fn pin(number: &str) -> Pin {
    Pin::parse(number).unwrap()
}

/// What a request line asks, and of which device.
#[track_caller]
fn check_line(line: &str, expected: Result<Command, Invalid>, device: Option<&str>) {
    let line = line.replace("/K/", &format!("/{KEY}/"));
    let target = line.strip_prefix("GET ").and_then(|rest| rest.strip_suffix(" HTTP/1.1")).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let call = Call::of(path).unwrap();
    assert_eq!(call.key, KEY);
    let verb = Verb::parse(call.command).unwrap();
    assert_eq!(verb.name(), call.command);
    let parameters = Parameters::parse(query.as_bytes());
    assert_eq!(Command::parse(verb, &parameters), expected, "{line}");
    assert_eq!(verb.device_parameter().and_then(|name| parameters.text(name)), device, "{line}");
}

#[test]
fn lines_of_pythons_client() {
    let start = b"\x47\x45\x54\x20\x2f\x72\x65\x6d\x6f\x74\x65\x2f\x30\x30\x30\x30\x30\x30\x30\x30\x2d";
    assert_eq!(&format!("GET /remote/{KEY}/").as_bytes()[..start.len()], start);
    let device = Some("BOLT1234567");
    for (line, expected) in [
        (
            "GET /remote/K/digitalWrite?pin=0&state=HIGH&deviceName=BOLT1234567 HTTP/1.1",
            Command::DigitalWrite(vec![(pin("0"), true)]),
        ),
        ("GET /remote/K/digitalRead?pin=0&deviceName=BOLT1234567 HTTP/1.1", Command::DigitalRead(vec![pin("0")])),
        (
            "GET /remote/K/analogWrite?pin=0&value=100&deviceName=BOLT1234567 HTTP/1.1",
            Command::AnalogWrite(vec![(pin("0"), 100)]),
        ),
        ("GET /remote/K/analogRead?pin=A0&deviceName=BOLT1234567 HTTP/1.1", Command::AnalogRead),
        ("GET /remote/K/serialBegin?baud=9600&deviceName=BOLT1234567 HTTP/1.1", Command::SerialBegin(9_600)),
        ("GET /remote/K/serialRead?till=10&deviceName=BOLT1234567 HTTP/1.1", Command::SerialRead(Some(10))),
        ("GET /remote/K/version?&deviceName=BOLT1234567 HTTP/1.1", Command::Version),
        ("GET /remote/K/restart?&deviceName=BOLT1234567 HTTP/1.1", Command::Restart),
        ("GET /remote/K/isAlive?&deviceName=BOLT1234567 HTTP/1.1", Command::IsAlive),
        ("GET /remote/K/isOnline?&deviceName=BOLT1234567 HTTP/1.1", Command::IsOnline),
    ] {
        check_line(line, Ok(expected), device);
    }
    // What was not escaped is lost, and with it the device.
    let lost = Command::SerialWrite("hello world ".into());
    check_line("GET /remote/K/serialWrite?data=hello%20world%20&%20x=1 HTTP/1.1", Ok(lost), None);
}

#[test]
fn commands_with_lists_and_options() {
    let two = |one, other| vec![(pin("0"), one), (pin("4"), other)];
    for (line, expected) in [
        ("digitalMultiWrite?pins=0,4&states=HIGH,LOW", Ok(Command::DigitalWrite(two(true, false)))),
        ("digitalMultiWrite?pins=%200%20,4%0A&states=1, OFF", Ok(Command::DigitalWrite(two(true, false)))),
        ("digitalMultiWrite?pins=0,4&states=HIGH", Err(Invalid::State)),
        ("digitalMultiWrite?pins=0&states=HIGH,LOW", Err(Invalid::State)),
        ("digitalMultiRead?pins=4,0", Ok(Command::DigitalRead(vec![pin("4"), pin("0")]))),
        ("digitalMultiRead?pins=0,16", Err(Invalid::Pin)),
        ("digitalMultiRead?pins=", Err(Invalid::Pin)),
        ("digitalMultiRead", Err(Invalid::Pin)),
        ("analogWrite?pin=0,4&value=0,255", Ok(Command::AnalogWrite(vec![(pin("0"), 0), (pin("4"), 255)]))),
        ("analogMultiWrite?pins=0,4&values=1,2", Ok(Command::AnalogWrite(vec![(pin("0"), 1), (pin("4"), 2)]))),
        ("analogWrite?pin=0&value=256", Err(Invalid::Value)),
        ("analogWrite?pin=0&value=-1", Err(Invalid::Value)),
        ("analogWrite?pin=0", Err(Invalid::Value)),
        ("analogRead?pin=0", Err(Invalid::Pin)),
        ("analogRead?pin=a0", Err(Invalid::Pin)),
        ("servoWrite?pin=0&value=180", Ok(Command::ServoWrite(vec![(pin("0"), 180)]))),
        ("servoWrite?pin=0&value=181", Err(Invalid::Value)),
        ("servoMultiWrite?pins=0,4&values=0,90", Ok(Command::ServoWrite(vec![(pin("0"), 0), (pin("4"), 90)]))),
        ("digitalWrite?pin=16&state=HIGH", Err(Invalid::Pin)),
        ("digitalWrite?pin=5&state=HIGH", Err(Invalid::Pin)),
        ("digitalWrite?pin=A0&state=HIGH", Err(Invalid::Pin)),
        ("digitalWrite?pin=0&state=high", Err(Invalid::State)),
        ("digitalWrite?pin=0", Err(Invalid::State)),
        ("digitalWrite?state=HIGH&pin=1", Ok(Command::DigitalWrite(vec![(pin("1"), true)]))),
        ("serialBegin?baud=10", Err(Invalid::Baud)),
        ("serialBegin?baud=", Err(Invalid::Baud)),
        ("serialRead", Ok(Command::SerialRead(None))),
        ("serialRead?till=128", Err(Invalid::Till)),
        ("serialRead?till=x", Err(Invalid::Till)),
        ("serialRead?till=%FF", Err(Invalid::Till)),
        ("serialWR?data=a%2Bb+c&till=0", Ok(Command::SerialWR("a+b+c".into(), Some(0)))),
        ("serialWrite?data=", Ok(Command::SerialWrite(String::new()))),
        ("serialWrite?data=AT%0D%0A", Ok(Command::SerialWrite("AT\r\n".into()))),
        ("serialWrite?data=AT%0A%20%20%20", Ok(Command::SerialWrite("AT".into()))),
        ("serialWrite?data=%FF%FE", Err(Invalid::Data)),
        ("serialWrite", Err(Invalid::Data)),
        ("fetchData", Ok(Command::FetchData(100, Order::Descending))),
        ("fetchData?limit=1000&order=ASC", Ok(Command::FetchData(1_000, Order::Ascending))),
        ("fetchData?limit=0", Err(Invalid::Limit)),
        ("fetchData?limit=1001", Err(Invalid::Limit)),
        ("fetchData?order=up", Err(Invalid::Order)),
        ("getDevices", Ok(Command::GetDevices)),
        ("productDetails", Ok(Command::ProductDetails)),
    ] {
        check_line(&format!("GET /remote/K/{line} HTTP/1.1"), expected, None);
    }
    let long = "x".repeat(1_025);
    check_line(&format!("GET /remote/K/serialWrite?data={long} HTTP/1.1"), Err(Invalid::TooLong), None);
    assert_eq!(Verb::parse("digitalwrite"), None);
}

#[test]
fn addresses() {
    for (path, expected) in [
        ("/remote/k/version", Some(("k", "version"))),
        ("/remote/k", Some(("k", ""))),
        ("/remote/", Some(("", ""))),
        ("/remote/k/a/b", Some(("k", "a/b"))),
        ("/remote", None),
        ("/remotes/k/version", None),
    ] {
        assert_eq!(Call::of(path).map(|call| (call.key, call.command)), expected, "{path}");
    }
    let mut parameters =
        Parameters::parse(b"&&=x&%0A%20deviceName=%20BOLT1%0A&deviceName=BOLT2&half=%4&odd=%zz&u=%C3%A4");
    for (name, expected) in
        [("deviceName", Some("BOLT1")), ("half", Some("%4")), ("odd", Some("%zz")), ("u", Some("ä")), ("v", None)]
    {
        assert_eq!(parameters.text(name), expected, "{name}");
    }
    parameters.add_form(b"v=a+b&u=later");
    assert_eq!((parameters.text("v"), parameters.text("u")), (Some("a b"), Some("ä")));
}

#[test]
fn bindings() {
    for (text, expected) in [
        ("bolt:0", Some(Binding::Pin(pin("0"), Role::Any))),
        ("bolt:digital4", Some(Binding::Pin(pin("4"), Role::Digital))),
        ("bolt:analog1", Some(Binding::Pin(pin("1"), Role::Analog))),
        ("bolt:servo2", Some(Binding::Pin(pin("2"), Role::Servo))),
        ("bolt:A0", Some(Binding::A0)),
        ("bolt:CSV9", Some(Binding::Csv(9))),
        ("bolt:serialRead", Some(Binding::SerialRead)),
        ("bolt:BOLT1234567", Some(Binding::Name("BOLT1234567".into()))),
        ("bolt:5", None),
        ("bolt:00", None),
        ("bolt:servo", None),
        ("bolt:CSV10", None),
        ("bolt:CSV+1", None),
        ("bolt:BOLT", None),
        ("bolt:BOLTx", None),
        ("blynk:V1", None),
    ] {
        assert_eq!(Binding::parse(text), expected, "{text}");
    }
}

#[test]
fn answers_to_the_byte() {
    let text = |text: &str| Answer::Text(text.into());
    let failure = |text: &str| Answer::Failure(text.into());
    for (answer, verb, style, expected) in [
        (text("1"), Verb::DigitalWrite, Style::AsDocumented, r#"{"success": "1", "value": "1"}"#),
        (text("1"), Verb::DigitalWrite, Style::Integers, r#"{"success": 1, "value": "1"}"#),
        (
            failure("Invalid pin value"),
            Verb::DigitalRead,
            Style::AsDocumented,
            r#"{"success": "0", "value": "Invalid pin value"}"#,
        ),
        (
            text(r#"{"Bolt Hardware Version":"2","Firmware Version":"1.0.1"}"#),
            Verb::Version,
            Style::AsDocumented,
            r#"{"success": "1", "value": "{\"Bolt Hardware Version\":\"2\",\"Firmware Version\":\"1.0.1\"}"}"#,
        ),
        (
            Answer::State("online", "Sun 2018-05-06 08:14:43 UTC".into()),
            Verb::IsOnline,
            Style::AsDocumented,
            r#"{"success": "1", "value": "online", "time": "Sun 2018-05-06 08:14:43 UTC"}"#,
        ),
        (
            Answer::Fields(history(
                &["ana0", "dig0"],
                &[("2019-03-20 08:02:53".into(), vec!["244".into(), "1".into()])],
            )),
            Verb::FetchData,
            Style::AsDocumented,
            r#"{"success":1,"data_format":["time_stamp","ana0","dig0"],"data":[["2019-03-20 08:02:53","244","1"]]}"#,
        ),
        (
            Answer::Json(product("BOLT1", "Weather", "300", |name| (name == "CSV0").then(|| "temp_cel".into()))),
            Verb::ProductDetails,
            Style::AsDocumented,
            concat!(
                r#"{"success":1,"value":{"device_id":"BOLT1","product_name":"Weather","data_rate":"300","pin_variables":"#,
                r#"{"0":null,"1":null,"2":null,"3":null,"4":null,"A0":null,"CSV0":"temp_cel","CSV1":null,"CSV2":null,"#,
                r#""CSV3":null,"CSV4":null,"CSV5":null,"CSV6":null,"CSV7":null,"CSV8":null,"CSV9":null}}}"#
            ),
        ),
        (
            failure("Device is offline"),
            Verb::FetchData,
            Style::AsDocumented,
            r#"{"success":0,"value":"Device is offline"}"#,
        ),
    ] {
        assert_eq!(answer.to_json(Some(verb), style), expected);
    }
    assert_eq!(quoted("\"\\\n\r\t\u{1}ä"), r#""\"\\\n\r\t\u0001ä""#);
}

#[test]
fn levels_and_values() {
    let of = |kind| PropertySpec::declared(kind);
    let ranged = |kind, min, max| PropertySpec { min: Some(min), max: Some(max), ..of(kind) };
    let modes = PropertySpec { options: ["off", "low", "high"].map(str::to_owned).into(), ..of(Type::Enum) };
    for (scale, level, spec, payload) in [
        (Scale::Digital, 1, of(Type::Bool), Some("true")),
        (Scale::Digital, 0, of(Type::Bool), Some("false")),
        (Scale::Digital, 1, of(Type::Int), Some("1")),
        (Scale::Digital, 1, ranged(Type::Int, 0.0, 255.0), Some("255")),
        (Scale::Digital, 0, ranged(Type::Float, -5.0, 5.0), Some("-5")),
        (Scale::Digital, 1, modes.clone(), Some("high")),
        (Scale::Digital, 1, of(Type::String), Some("1")),
        (Scale::Digital, 1, of(Type::Color), None),
        (Scale::Pwm, 100, of(Type::Int), Some("100")),
        (Scale::Pwm, 255, ranged(Type::Int, 0.0, 100.0), Some("100")),
        (Scale::Pwm, 51, ranged(Type::Float, 0.0, 100.0), Some("20")),
        (Scale::Pwm, 128, of(Type::Bool), Some("true")),
        (Scale::Pwm, 128, modes.clone(), Some("low")),
        (Scale::Servo, 90, ranged(Type::Int, 0.0, 100.0), Some("50")),
        (Scale::Servo, 90, of(Type::Int), Some("90")),
    ] {
        let have = Level(scale, level).to_payload(&spec).map(|payload| String::from_utf8(payload).unwrap());
        assert_eq!(have.as_deref(), payload, "{scale:?} {level} {spec:?}");
    }
    for (scale, spec, value, level) in [
        (Scale::Digital, of(Type::Bool), Value::Bool(true), Some(1)),
        (Scale::Digital, of(Type::Int), Value::Int(7), Some(1)),
        (Scale::Digital, of(Type::Int), Value::Int(0), Some(0)),
        (Scale::Digital, ranged(Type::Int, 10.0, 20.0), Value::Int(10), Some(0)),
        (Scale::Digital, modes.clone(), Value::Text("low".into()), Some(1)),
        (Scale::Digital, of(Type::String), Value::Text("LOW".into()), Some(0)),
        (Scale::Digital, of(Type::String), Value::Text("hello".into()), None),
        (Scale::Analog, of(Type::Float), Value::Float(511.6), Some(512)),
        (Scale::Analog, of(Type::Int), Value::Int(5_000), Some(1_024)),
        (Scale::Analog, of(Type::Int), Value::Int(-3), Some(0)),
        (Scale::Analog, ranged(Type::Float, 0.0, 100.0), Value::Float(50.0), Some(512)),
        (Scale::Analog, ranged(Type::Float, 1.0, 1.0), Value::Float(1.0), Some(0)),
        (Scale::Analog, of(Type::Bool), Value::Bool(true), Some(1_024)),
        (Scale::Analog, modes, Value::Text("low".into()), Some(512)),
        (Scale::Analog, of(Type::Bytes), Value::Bytes(bytes::Bytes::new()), None),
    ] {
        assert_eq!(Level::of(scale, &spec, &value).map(|level| level.1), level, "{scale:?} {spec:?} {value:?}");
    }
}
