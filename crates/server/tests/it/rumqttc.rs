//! Rust's MQTT client, both versions of the protocol: all QoS in both directions, retained messages, wills, sessions.
//!
//! The library has a set of types for each version, with the same names; so each test is written once and made twice.

use std::time::Duration;

use crate::test_hub::{PATIENCE, TestHub};

/// A message as the client got it: topic, payload, QoS, retained.
type Received = (String, String, u8, bool);

fn message(topic: &str, payload: &str, qos: u8, retain: bool) -> Received {
    (topic.to_owned(), payload.to_owned(), qos, retain)
}

/// A client and the tests of one version. Needs the library's types in scope, `options` and `will`.
macro_rules! tests_with_rumqttc {
    () => {
        /// Drives its connection while it waits for something, and not otherwise.
        struct Device {
            client: Client,
            connection: Connection,
            received: VecDeque<Received>,
        }

        impl Device {
            /// With whether the hub had its session.
            fn connect(options: MqttOptions) -> (Self, bool) {
                let (client, connection) = Client::new(options, 100);
                let mut device = Self { client, connection, received: VecDeque::new() };
                let is_present = loop {
                    if let Event::Incoming(Packet::ConnAck(connack)) = device.next() {
                        break connack.session_present;
                    }
                };
                (device, is_present)
            }

            fn next(&mut self) -> Event {
                let event = self.connection.recv_timeout(PATIENCE).expect("something happens in time");
                let event = event.expect("the connection lives");
                if let Event::Incoming(Packet::Publish(publish)) = &event {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    let (topic, payload) = (text(publish.topic.as_ref()), text(&publish.payload));
                    self.received.push_back((topic, payload, publish.qos as u8, publish.retain));
                }
                event
            }

            fn subscribe(&mut self, filter: &str, level: u8) {
                self.client.subscribe(filter, qos(level).unwrap()).unwrap();
                while !matches!(self.next(), Event::Incoming(Packet::SubAck(_))) {}
            }

            /// Returns when it is acknowledged.
            fn publish(&mut self, topic: &str, payload: &str, level: u8, retain: bool) {
                self.client.publish(topic, qos(level).unwrap(), retain, payload.to_owned()).unwrap();
                loop {
                    match (level, self.next()) {
                        (0, Event::Outgoing(Outgoing::Publish(_))) => break,
                        (1, Event::Incoming(Packet::PubAck(_))) => break,
                        (2, Event::Incoming(Packet::PubComp(_))) => break,
                        _ => {}
                    }
                }
            }

            #[track_caller]
            fn expect(&mut self, expected: Received) {
                while self.received.is_empty() {
                    self.next();
                }
                assert_eq!(self.received.pop_front().unwrap(), expected);
            }

            /// Says DISCONNECT, and waits until the hub has closed the connection.
            fn disconnect(mut self) {
                self.client.disconnect().unwrap();
                while self.connection.recv_timeout(PATIENCE).expect("the hub closes in time").is_ok() {}
            }
        }

        #[test]
        fn messages_go_both_ways_at_every_qos() {
            let hub = TestHub::start();
            let (mut one, _) = Device::connect(options(&hub, "one", false));
            let (mut other, _) = Device::connect(options(&hub, "other", false));
            for level in 0..=2 {
                let topic = format!("t/{level}");
                one.subscribe(&topic, level);
                other.publish(&topic, "there", level, false);
                one.expect(message(&topic, "there", level, false));
                one.publish(&topic, "and back", level, false);
                one.expect(message(&topic, "and back", level, false));
            }
        }

        #[test]
        fn a_retained_message_comes_first() {
            let hub = TestHub::start();
            let (mut publisher, _) = Device::connect(options(&hub, "publisher", false));
            publisher.publish("kept", "old", 1, true);
            publisher.publish("kept", "kept", 2, true);
            let (mut late, _) = Device::connect(options(&hub, "late", false));
            late.subscribe("kept", 2);
            late.expect(message("kept", "kept", 2, true));
        }

        #[test]
        fn a_will_is_published_when_the_connection_breaks() {
            let hub = TestHub::start();
            let (mut watcher, _) = Device::connect(options(&hub, "watcher", false));
            watcher.subscribe("will", 1);
            let mut mortal = options(&hub, "mortal", false);
            mortal.set_last_will(will("will", "gone"));
            drop(Device::connect(mortal));
            watcher.expect(message("will", "gone", 1, false));
        }

        #[test]
        fn a_kept_session_goes_on_after_a_restart() {
            let mut hub = TestHub::start();
            let (mut sleeper, is_present) = Device::connect(options(&hub, "sleeper", true));
            assert!(!is_present);
            sleeper.subscribe("missed", 2);
            sleeper.disconnect();
            let (mut publisher, _) = Device::connect(options(&hub, "publisher", false));
            for level in [1, 2, 1, 2] {
                publisher.publish("missed", "while away", level, false);
            }
            hub.restart();
            let (mut back, is_present) = Device::connect(options(&hub, "sleeper", true));
            assert!(is_present);
            for level in [1, 2, 1, 2] {
                back.expect(message("missed", "while away", level, false));
            }
            let (mut publisher, _) = Device::connect(options(&hub, "publisher", false));
            publisher.publish("missed", "live", 2, false);
            back.expect(message("missed", "live", 2, false));
        }
    };
}

mod mqtt3 {
    use std::collections::VecDeque;

    use rumqttc::{Client, Connection, Event, LastWill, MqttOptions, Outgoing, Packet, QoS, qos};

    use super::*;

    fn options(hub: &TestHub, client_id: &str, is_kept: bool) -> MqttOptions {
        let mut options = MqttOptions::new(client_id, hub.mqtt().ip().to_string(), hub.mqtt().port());
        options.set_keep_alive(Duration::from_secs(30)).set_clean_session(!is_kept);
        options
    }

    fn will(topic: &str, payload: &str) -> LastWill {
        LastWill::new(topic, payload, QoS::AtLeastOnce, false)
    }

    tests_with_rumqttc!();
}

mod mqtt5 {
    use std::collections::VecDeque;

    use rumqttc::Outgoing;
    use rumqttc::v5::mqttbytes::v5::{LastWill, Packet};
    use rumqttc::v5::mqttbytes::{QoS, qos};
    use rumqttc::v5::{Client, Connection, Event, MqttOptions};

    use super::*;

    fn options(hub: &TestHub, client_id: &str, is_kept: bool) -> MqttOptions {
        let mut options = MqttOptions::new(client_id, hub.mqtt().ip().to_string(), hub.mqtt().port());
        options.set_keep_alive(Duration::from_secs(30)).set_clean_start(!is_kept);
        options.set_session_expiry_interval(is_kept.then_some(3_600));
        options
    }

    fn will(topic: &str, payload: &str) -> LastWill {
        LastWill::new(topic, payload, QoS::AtLeastOnce, false, None)
    }

    tests_with_rumqttc!();
}
