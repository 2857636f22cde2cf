//! `$SYS` over MQTT and HTTP.

use std::time::{Duration, Instant};

use housewire::config::Period;

use crate::http_client::{get, text};
use crate::test_hub::{PATIENCE, RawClient, TestHub};

/// CONNECT of a 3.1.1 client with clean session, keep-alive 60, client id "s".
const CONNECT: &str = "10 0d 0004 4d515454 04 02 003c 0001 73";
const SUBSCRIBE_SYS: &str = "82 0b 0001 0006 245359532f23 00";

fn hub() -> TestHub {
    let often = Period(Some(Duration::from_millis(100)));
    TestHub::builder().settings(|settings| settings.sys_interval = Some(often)).start()
}

/// Waits until the topic says this.
#[track_caller]
fn wait_for(hub: &TestHub, topic: &str, expected: &str) {
    let start = Instant::now();
    loop {
        let answer = get(hub, &format!("/api/topics/$SYS/broker/{topic}"));
        if answer.status == 200 && answer.text() == expected {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{topic} is {:?}, not {expected}", answer.text());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_figures_are_those_of_the_traffic() {
    let hub = hub();
    let mut client = RawClient::connect(hub.mqtt());
    // CONNECT, SUBSCRIBE to "a", PUBLISH "xyz" to "a" with QoS 1, and twice with QoS 0, the last one retained.
    client.send_hex(CONNECT);
    client.expect_hex("20 02 0000");
    client.send_hex("82 06 0001 0001 61 00");
    client.expect_hex("90 03 0001 00");
    client.send_hex("32 08 0001 61 0007 78797a 30 06 0001 61 78797a 31 06 0001 61 78797a");
    let answers = client.read(4 + 3 * 8);
    assert_eq!(answers.len(), 28);
    for (topic, expected) in [
        ("clients/connected", "1"),
        ("clients/active", "1"),
        ("clients/total", "1"),
        ("clients/maximum", "1"),
        ("clients/disconnected", "0"),
        ("messages/received", "5"),
        ("publish/messages/received", "3"),
        ("publish/bytes/received", "9"),
        ("bytes/received", "49"),
        // CONNACK, SUBACK, PUBACK and three messages
        ("messages/sent", "6"),
        ("publish/messages/sent", "3"),
        ("publish/bytes/sent", "9"),
        ("bytes/sent", "37"),
        ("publish/messages/dropped", "0"),
        ("subscriptions/count", "1"),
        ("retained messages/count", "1"),
        ("store/messages/count", "1"),
        ("store/messages/bytes", "4"),
    ] {
        wait_for(&hub, &topic.replace(' ', "%20"), expected);
    }
    drop(client);
    wait_for(&hub, "clients/connected", "0");
    wait_for(&hub, "subscriptions/count", "0");
}

#[test]
fn a_new_subscriber_gets_them_at_once_and_the_disk_never() {
    let mut hub = TestHub::start();
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(CONNECT);
    client.expect_hex("20 02 0000");
    client.send_hex(SUBSCRIBE_SYS);
    client.expect_hex("90 03 0001 00");
    let version = concat!("housewire version ", env!("CARGO_PKG_VERSION"));
    let first = std::iter::repeat_with(|| client.read_packet()).take(54).collect::<Vec<_>>();
    let has = |text: &str| first.iter().any(|(kind, body)| *kind == 0x31 && body.ends_with(text.as_bytes()));
    assert!(has(version) && has("load/bytes/sent/15min0.00"), "the first are {first:?}");
    drop(client);
    assert_eq!(get(&hub, "/api/topics/$SYS/broker/uptime").expect(200).text(), "0 seconds");
    for method in ["PUT", "POST"] {
        let refused = text(&hub, method, "/api/topics/$SYS/broker/uptime", "1 seconds");
        refused.expect_problem(403, "forbidden", &["$SYS/broker/uptime"]);
    }
    assert_eq!(get(&hub, "/api/topics/$SYS/x").status, 404);
    hub.restart();
    assert_eq!(get(&hub, "/api/topics/$SYS/broker/clients/maximum").expect(200).text(), "0");
}

#[test]
fn they_can_be_turned_off() {
    let hub = TestHub::builder().settings(|settings| settings.sys_interval = Some(Period(None))).start();
    assert_eq!(get(&hub, "/api/topics/$SYS/broker/uptime").status, 404);
}
