//! `/api/metrics`: its names (a golden file), and that figures move.

use std::path::PathBuf;

use crate::http_client::get;
use crate::test_hub::{RawClient, TestHub};

/// The value of the sample that is written like this.
#[track_caller]
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{sample} is missing in\n{text}")).parse().expect("a number")
}

/// Run it with `UPDATE_GOLDEN=1` after changing a name, and look at the difference: somebody's dashboard uses it.
#[test]
fn names_are_as_written_down() {
    let hub = TestHub::start();
    let answer = get(&hub, "/api/metrics").expect(200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let names: String = answer
        .text()
        .lines()
        .filter(|line| !line.starts_with("# HELP"))
        .map(|line| line.rsplit_once(' ').filter(|_| !line.starts_with('#')).map_or(line, |(name, _)| name))
        .map(|line| format!("{}\n", line.replace(env!("CARGO_PKG_VERSION"), "VERSION")))
        .collect();
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/metrics.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &names).expect("the golden file can be written");
    }
    assert_eq!(names, std::fs::read_to_string(golden).unwrap_or_default(), "if it is meant, use UPDATE_GOLDEN=1");
}

#[test]
fn figures_follow_what_happens() {
    let hub = TestHub::builder().limits(|limits| limits.retained_messages = 1).start();
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex("10 0d 0004 4d515454 04 02 003c 0001 73");
    client.expect_hex("20 02 0000");
    // Two retained messages of QoS 1, of which one finds room.
    client.send_hex("33 06 0001 61 0001 78 33 06 0001 62 0002 78");
    client.expect_hex("40 02 0001 40 02 0002");
    let metrics = get(&hub, "/api/metrics").expect(200);
    let text = metrics.text();
    for (sample, expected) in [
        ("housewire_clients{protocol=\"mqtt\",state=\"connected\"}", 1.0),
        ("housewire_mqtt_publishes_total{direction=\"received\"}", 2.0),
        ("housewire_mqtt_packets_total{direction=\"received\"}", 3.0),
        ("housewire_retained_messages", 1.0),
        ("housewire_limit_current{limit=\"retained_messages\"}", 1.0),
        ("housewire_limit_bound{limit=\"retained_messages\"}", 1.0),
        ("housewire_limit_reached_total{limit=\"retained_messages\"}", 1.0),
        ("housewire_limit_reached_total{limit=\"connections\"}", 0.0),
        ("housewire_limit_bound{limit=\"connections\"}", 20_000.0),
    ] {
        assert!((value(text, sample) - expected).abs() < f64::EPSILON, "{sample}: {}", value(text, sample));
    }
    assert!(value(text, "housewire_limit_current{limit=\"connections\"}") >= 2.0);
}
