//! Plays the cases of `tests/vectors` on the machines.

use std::path::Path;
use std::time::Duration;

use housewire_protocols::limits::MqttLimits;

use crate::broker::Broker;
use crate::conformance::{self, Case, Received, Stage, play};

/// Every case; the fuzzer starts from them too.
pub(crate) fn cases() -> Vec<Case> {
    conformance::cases(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")))
}

impl Stage for Broker {
    fn connect(&mut self, client: &str) {
        Self::connect(self, client);
    }

    fn send(&mut self, client: &str, bytes: &[u8]) {
        Self::receive(self, client, bytes);
    }

    fn receive(&mut self, client: &str, unread: &mut Vec<u8>) -> Received {
        let connection = self.connections.get_mut(client).expect("the runner connects first");
        if !connection.sent.is_empty() {
            unread.append(&mut connection.sent);
            return Received::Some;
        }
        if connection.is_open() { Received::Nothing } else { Received::End }
    }

    fn lose(&mut self, client: &str) {
        Self::lose(self, client);
    }

    fn wait(&mut self, time: Duration) {
        Self::wait(self, time);
    }
}

#[test]
fn the_machines_answer_as_the_specification_says() {
    let cases = cases();
    let failed = |case: &Case| {
        let played = play(case, &mut Broker::new(MqttLimits::default()));
        played.err().map(|error| format!("{}\n{error}", case.title))
    };
    let failures: Vec<_> = cases.iter().filter_map(failed).collect();
    assert!(failures.is_empty(), "{} of {} cases failed:\n\n{}", failures.len(), cases.len(), failures.join("\n\n"));
}
