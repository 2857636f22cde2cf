use housewire_core::PropertyAccess;

use super::*;
use crate::house::format::Format;
use crate::players::model::tests::at;

fn spec(kind: Type) -> PropertySpec {
    PropertySpec { access: PropertyAccess::INFERRED, ..PropertySpec::declared(kind) }
}

fn source(text: &str, kind: Type) -> Source {
    #[derive(Default, serde::Deserialize)]
    #[serde(transparent)]
    struct Wrapped(VirtualProperty);
    let Wrapped(property) = Format::Json.read(text).unwrap();
    Source::new(&property, &spec(kind), Duration::from_secs(1), Rng::with_seed(1)).unwrap()
}

/// What it says each second.
fn said(text: &str, kind: Type, seconds: u64) -> Vec<String> {
    let (mut source, mut chance, start) = (source(text, kind), Rng::with_seed(2), crate::shard::now().instant);
    let every = Duration::from_secs(1);
    let mut all = Vec::new();
    let mut due = start;
    for second in 0..seconds {
        let elapsed = Duration::from_secs(second);
        if start + elapsed >= due {
            let (said, next) = source.play(&spec(kind), elapsed, every, at(start, elapsed), &mut chance);
            all.extend(said.unwrap());
            assert!(next > start + elapsed);
            due = next;
        }
    }
    all
}

#[test]
fn waves() {
    let wave =
        |shape: &str| format!(r#"{{"type":"float","wave":{{"shape":"{shape}","min":10,"max":20,"period_s":4}}}}"#);
    assert_eq!(said(&wave("square"), Type::Float, 5), ["20", "20", "10", "10", "20"]);
    assert_eq!(said(&wave("saw"), Type::Float, 5), ["10", "12.5", "15", "17.5", "10"]);
    assert_eq!(said(&wave("triangle"), Type::Float, 5), ["10", "15", "20", "15", "10"]);
    assert_eq!(said(&wave("sine"), Type::Float, 5), ["15", "20", "15", "10", "15"]);
    assert_eq!(
        said(&wave("square").replace("10", "0").replace("20", "1"), Type::Bool, 4),
        ["true", "true", "false", "false"]
    );
}

#[test]
fn walks_stay_within_their_bounds() {
    let walk = r#"{"type":"float","walk":{"start":5,"step":3,"min":0,"max":10}}"#;
    let all: Vec<f64> = said(walk, Type::Float, 500).iter().map(|value| value.parse().unwrap()).collect();
    assert!((all[0] - 5.0).abs() < f64::EPSILON);
    assert!(all.iter().all(|value| (0.0..=10.0).contains(value)));
    assert!(
        all.windows(2).all(|pair| (pair[0] - pair[1]).abs() <= 3.001) && all.windows(2).any(|pair| pair[0] < pair[1])
    );
}

#[test]
fn traces_play_at_their_moments_and_begin_again() {
    let trace = |more: &str| format!(r#"{{"type":"float","trace":{{"points":[[0,1.5],[2,2],[2,3]]{more}}}}}"#);
    assert_eq!(said(&trace(""), Type::Float, 10), ["1.5", "2", "3"]);
    // Again a second behind its end.
    assert_eq!(said(&trace(r#","repeat":true"#), Type::Float, 7), ["1.5", "2", "3", "1.5", "2", "3", "1.5"]);
    assert_eq!(said(&trace(r#","speed":2"#), Type::Float, 2), ["1.5", "2", "3"]);
    let csv = r#"{"type":"int","trace":{"csv":"time,value\n0,1\n1,2\n"}}"#;
    assert_eq!(said(csv, Type::Int, 5), ["1", "2"]);
}

#[test]
fn what_breaks_the_rules_is_not_said() {
    let narrow = PropertySpec { max: Some(1.0), ..spec(Type::Float) };
    let wrong = written(&Scalar::Number(Number(2.0)), &narrow).unwrap_err();
    assert!(wrong.contains('2'), "{wrong}");
    assert_eq!(written(&Scalar::Number(Number(-0.000_1)), &spec(Type::Float)).unwrap(), "0");
    assert_eq!(written(&Scalar::Number(Number(2.6)), &spec(Type::Int)).unwrap(), "3");
}
