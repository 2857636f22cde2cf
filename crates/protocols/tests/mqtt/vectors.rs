//! Runs the rows of `tests/vectors` on the machines.

use std::collections::BTreeSet;

use housewire_protocols::limits::MqttLimits;

use crate::broker::Broker;
use crate::script::{self, Case, Step};

/// Every file of vectors with its name; the fuzzer starts from them too.
pub(crate) fn files() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}

/// What went wrong in a case, and where.
fn run(case: &Case) -> Result<(), String> {
    let mut broker = Broker::new(MqttLimits::default());
    let mut connected = BTreeSet::new();
    for (line, step) in &case.steps {
        match step {
            Step::Send(client, bytes) => {
                if connected.insert(client) {
                    broker.connect(client);
                }
                broker.receive(client, bytes);
            }
            Step::Expect(client, bytes) => {
                let connection = broker.connections.get_mut(client).ok_or("nobody of that name is connected")?;
                let len = bytes.len().min(connection.sent.len());
                let sent: Vec<u8> = connection.sent.drain(..len).collect();
                if sent != *bytes {
                    let rest = hex(&connection.sent);
                    return Err(format!(
                        "line {line}: expected {}\nbut came {}and then {rest}",
                        hex(bytes),
                        hex(&sent)
                    ));
                }
            }
            Step::Closed(client) => {
                let connection = &broker.connections[client];
                if connection.is_open() || !connection.sent.is_empty() {
                    return Err(format!("line {line}: not closed, or more came: {}", hex(&connection.sent)));
                }
                connected.remove(client);
            }
            Step::Lost(client) => {
                broker.lose(client);
                connected.remove(client);
            }
            Step::Wait(time) => broker.wait(*time),
        }
    }
    match broker.connections.iter().find(|(_, connection)| !connection.sent.is_empty()) {
        Some((client, connection)) => Err(format!("at the end {client} was sent {}too", hex(&connection.sent))),
        None => Ok(()),
    }
}

#[test]
fn the_machines_answer_as_the_specification_says() {
    let mut failures = Vec::new();
    let mut count = 0;
    for (file, text) in files() {
        for case in script::parse(&text) {
            count += 1;
            if let Err(error) = run(&case) {
                failures.push(format!("{file}: {}\n{error}", case.title));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases failed:\n\n{}", failures.len(), failures.join("\n\n"));
}
