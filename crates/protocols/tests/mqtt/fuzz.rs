//! Changed vectors, many of them, against the machines: nothing panics. A seed that fails is named.

use housewire_protocols::limits::MqttLimits;

use crate::broker::Broker;
use crate::conformance::Step;
use crate::conformance::pattern::{Kept, bytes_of};
use crate::pair::Random;
use crate::vectors;

const ROUNDS: u64 = 20_000;
/// Longest thing to change.
const BYTES_MAX: usize = 500;

/// What clients send in the vectors.
fn corpus() -> Vec<Vec<u8>> {
    // What is only known while a case is played is left to the cases.
    let sent = vectors::cases().into_iter().flat_map(|case| case.steps).filter_map(|(_, step)| match step {
        Step::Send(_, patterns) => bytes_of(&patterns, &Kept::new()),
        _ => None,
    });
    // What is long repeats itself, which takes time and adds no variety.
    sent.filter(|bytes| bytes.len() <= BYTES_MAX).collect()
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.below(256) as u8),
            _ if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
}

/// Two clients send changed bytes, in two pieces each, and sometimes lose their connection.
fn round(seed: u64, corpus: &[Vec<u8>], limits: &MqttLimits) {
    let mut random = Random::new(seed);
    let mut broker = Broker::new(limits.clone());
    for _ in 0..8 {
        let name = ["a", "b"][random.below(2)];
        if !broker.connections.get(name).is_some_and(|connection| connection.is_open()) {
            broker.connect(name);
        }
        let mut bytes = corpus[random.below(corpus.len())].clone();
        change(&mut bytes, &mut random);
        let middle = random.below(bytes.len() + 1);
        broker.receive(name, &bytes[..middle]);
        broker.receive(name, &bytes[middle..]);
        if random.below(8) == 0 {
            broker.lose(name);
        }
    }
}

#[test]
fn changed_vectors_break_nothing() {
    let corpus = corpus();
    let limits = MqttLimits { queue_len_max: 5, in_flight_max: 3, output_bytes_max: 300, ..MqttLimits::default() };
    for seed in 0..ROUNDS {
        let outcome = std::panic::catch_unwind(|| round(seed, &corpus, &limits));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
