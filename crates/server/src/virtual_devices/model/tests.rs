use super::*;
use crate::house::format::Format;
use crate::players::model::ReportKind;
use crate::players::model::tests::{at, drain, live_through, values};

fn model(text: &str) -> (VirtualModel, Instant) {
    let sheet: VirtualSheet = Format::Json.read(text).unwrap();
    sheet.check().unwrap();
    let now = crate::shard::now();
    (VirtualModel::new("v", &sheet, at(now.instant, Duration::ZERO), Trouble::default()).unwrap(), now.instant)
}

#[test]
fn it_says_what_its_sources_have() {
    let (mut model, start) = model(
        r#"{"every_s":1,"properties":{"n":{"type":"int","script":"n"},
            "press":{"type":"enum","options":["a"],"access":"event","trace":{"points":[[2,"a"]]}}}}"#,
    );
    model.handle_connected(at(start, Duration::ZERO));
    let said = live_through(&mut model, start, Duration::ZERO, Duration::from_millis(3_500));
    assert_eq!(values(&said, "n"), ["0", "1", "2", "3"]);
    assert_eq!(values(&said, "press"), ["a"]);
    assert!(said.iter().any(|report| report.property == "press" && report.kind == ReportKind::Event));
}

#[test]
fn an_echo_takes_what_fits_after_a_moment() {
    let (mut model, start) = model(r#"{"properties":{"level":{"type":"int","min":0,"max":9,"echo":true,"start":4}}}"#);
    model.handle_connected(at(start, Duration::ZERO));
    assert_eq!(values(&drain(&mut model), "level"), ["4"]);
    for payload in ["7", "10", "x"] {
        model.handle_request("level", payload, at(start, Duration::from_secs(1)));
    }
    model.handle_request("nothing", "1", at(start, Duration::from_secs(1)));
    assert!(drain(&mut model).is_empty(), "a device takes its time");
    let said = live_through(&mut model, start, Duration::from_secs(1), Duration::from_secs(3));
    assert_eq!(values(&said, "level"), ["7"]);
    // It is what it was set to, also behind a new connection.
    model.handle_connected(at(start, Duration::from_secs(4)));
    assert_eq!(values(&drain(&mut model), "level"), ["7"]);
}

#[test]
fn the_same_seed_walks_the_same_way() {
    let text =
        r#"{"every_s":1,"seed":3,"properties":{"w":{"type":"float","walk":{"start":5,"step":1,"min":0,"max":10}}}}"#;
    let walk = || {
        let (mut model, start) = model(text);
        model.handle_connected(at(start, Duration::ZERO));
        let said = live_through(&mut model, start, Duration::ZERO, Duration::from_secs(20));
        values(&said, "w").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(walk(), walk());
}

#[test]
fn a_script_that_fails_is_told_of_and_others_go_on() {
    let (mut model, start) = model(
        r#"{"every_s":1,"properties":{"bad":{"type":"float","script":"if n < 2 { loop {} } else { 1 }"},
            "good":{"type":"int","script":"n"}}}"#,
    );
    model.handle_connected(at(start, Duration::ZERO));
    let first = drain(&mut model);
    assert_eq!((values(&first, "good").len(), values(&first, "bad").len()), (1, 0));
    assert!(model.trouble.lock().as_deref().is_some_and(|why| why.contains("'bad'")));
    let said = live_through(&mut model, start, Duration::ZERO, Duration::from_millis(2_500));
    assert_eq!(values(&said, "bad"), ["1"]);
    assert_eq!(*model.trouble.lock(), None);
}

#[test]
fn the_examples_can_be_played() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/virtual");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let sheet: VirtualSheet = Format::Yaml.read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        sheet.check().unwrap();
        let (start, trouble) = (crate::shard::now().instant, Trouble::default());
        let mut model = VirtualModel::new("v", &sheet, at(start, Duration::ZERO), trouble.clone()).unwrap();
        model.handle_connected(at(start, Duration::ZERO));
        let said = live_through(&mut model, start, Duration::ZERO, Duration::from_secs(120));
        assert!(!said.is_empty(), "{} says nothing", path.display());
        assert_eq!(*trouble.lock(), None, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn a_past_is_told_once_and_leads_to_the_present() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let (mut model, start) = model(
        r#"{"properties":{"n":{"type":"int","script":"n"},"seconds":{"type":"float","script":"time"},"level":{"type":"int","echo":true}}}"#,
    );
    assert_eq!(model.past(at(start, HOUR)), [], "it has none unless it is said");
    let mut model = model.of_demo(HOUR);
    let past = model.past(at(start, HOUR));
    assert_eq!(past.iter().map(|past| past.property.as_str()).collect::<Vec<_>>(), ["n", "seconds"]);
    assert_eq!(past[0].csv, "0,0\n600,1\n1200,2\n1800,3\n2400,4\n3000,5\n");
    assert!(past[1].csv.ends_with("3000,3000\n"), "{}", past[1].csv);
    assert_eq!(model.past(at(start, HOUR)), []);
    model.handle_connected(at(start, HOUR));
    assert_eq!(values(&drain(&mut model), "n"), ["6"]);
}
