//! Plays the conformance cases of `protocols` over TCP, each against a hub of its own.
//!
//! Time is real here. Cases that wait run side by side, so that all of them take as long as the longest; those that would
//! wait for minutes, or need what a guest cannot do, are played on the machines only: each says why, and they are counted.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use housewire::config::Limits;

use crate::conformance_cases::{Case, Received, Stage, Step, cases, play};
use crate::test_hub::{PATIENCE, TestHub};

/// Cases that are not played here. Whoever adds one raises this, and its case says why.
const ONLY_MACHINES: usize = 21;
/// Longest time that a case may wait, all its waits together.
const WAIT_MAX: Duration = Duration::from_secs(8);
/// Hubs at a time for cases that do not wait: they spend their time on the disk and not on the processor.
const HUBS: usize = 16;

/// A hub, and the clients of one case.
struct Wire {
    address: SocketAddr,
    sockets: BTreeMap<String, TcpStream>,
}

impl Wire {
    fn socket(&mut self, client: &str) -> &mut TcpStream {
        self.sockets.get_mut(client).expect("the runner connects first")
    }
}

impl Stage for Wire {
    fn connect(&mut self, client: &str) {
        let socket = TcpStream::connect_timeout(&self.address, PATIENCE).expect("the hub listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        socket.set_nodelay(true).expect("a socket option");
        self.sockets.insert(client.to_owned(), socket);
    }

    fn send(&mut self, client: &str, bytes: &[u8]) {
        match self.socket(client).write_all(bytes) {
            Ok(()) => {}
            // The hub closed before it had read all, which may be what the case expects next.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            Err(error) => panic!("{client} cannot send: {error}"),
        }
    }

    fn receive(&mut self, client: &str, unread: &mut Vec<u8>) -> Received {
        let mut space = [0; 4096];
        match self.socket(client).read(&mut space) {
            Ok(0) => Received::End,
            Ok(len) => {
                unread.extend_from_slice(&space[..len]);
                Received::Some
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Received::Nothing,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Received::End,
            Err(error) => panic!("{client} cannot receive: {error}"),
        }
    }

    /// The hub ends its side only after the session was given back, so the end of the stream says that it knows.
    fn lose(&mut self, client: &str) {
        self.socket(client).shutdown(Shutdown::Write).expect("the socket is open");
    }

    fn wait(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

fn waits(case: &Case) -> Duration {
    let time = |step: &Step| if let Step::Wait(time) = step { *time } else { Duration::ZERO };
    case.steps.iter().map(|(_, step)| time(step)).sum()
}

/// How the hub is set up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// All clients on one shard, by the port for MQTT.
    Usual,
    /// Each client on the next shard, by the one port.
    Spread,
}

/// What went wrong with a case, if anything.
fn failure(case: &Case, setting: Setting) -> Option<String> {
    let is_spread = setting == Setting::Spread;
    let limits = |limits: &mut Limits| {
        // The bound that the machines have by default, which CONNACK tells.
        limits.mqtt_packet_bytes = 2_000_000;
        if is_spread {
            limits.connections_per_shard = 1;
        }
    };
    let shards = if is_spread { 3 } else { 1 };
    let hub = TestHub::builder().settings(|settings| settings.shards = Some(shards)).limits(limits).start();
    let address = if is_spread { hub.http() } else { hub.mqtt() };
    let mut wire = Wire { address, sockets: BTreeMap::new() };
    let failure = play(case, &mut wire).err().map(|error| format!("{}\n{error}", case.title));
    // Sockets first: a hub that stops waits for clients to take their last bytes.
    drop(wire);
    failure
}

/// Plays the cases, those that wait first and each on a thread of its own; what went wrong.
fn failures(mut cases: Vec<&Case>, setting: Setting) -> Vec<String> {
    cases.sort_by_key(|case| std::cmp::Reverse(waits(case)));
    let waiting = cases.iter().take_while(|case| !waits(case).is_zero()).count();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..waiting + HUBS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(failure) = failure(case, setting) {
                        failures.lock().expect("no other thread panicked").push(failure);
                    }
                }
            });
        }
    });
    failures.into_inner().expect("no thread panicked")
}

#[test]
fn the_hub_answers_as_the_specification_says() {
    play_all(Setting::Usual);
}

#[test]
fn it_makes_no_difference_that_clients_are_on_other_shards_and_come_by_the_one_port() {
    play_all(Setting::Spread);
}

#[allow(clippy::print_stdout)] // what is left out is said
fn play_all(setting: Setting) {
    let all = cases(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../protocols/tests/vectors")));
    let (left, played): (Vec<_>, Vec<_>) = all.iter().partition(|case| case.only_machines.is_some());
    for case in &left {
        println!("on the machines only: {} ({})", case.title, case.only_machines.as_deref().unwrap_or_default());
    }
    assert_eq!(left.len(), ONLY_MACHINES, "cases that are played on the machines only");
    let too_long = played.iter().find(|case| waits(case) > WAIT_MAX).map(|case| &case.title);
    assert_eq!(too_long, None, "shorten its waits, or let it say why it is for the machines only");
    let failures = failures(played, setting);
    assert!(failures.is_empty(), "{} of {} cases failed:\n\n{}", failures.len(), all.len(), failures.join("\n\n"));
}
