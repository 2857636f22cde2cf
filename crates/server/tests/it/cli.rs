//! The command line against a hub: the built program as a child process, as a person or a script runs it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use crate::test_hub::{RawClient, TestHub};

/// A `housewire` that talks to this hub, deaf to the settings of whoever runs the test.
pub(crate) fn housewire(hub: &TestHub, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_housewire"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOUSEWIRE_")) {
        command.env_remove(name);
    }
    command.env("HOUSEWIRE_HUB", format!("http://{}", hub.http())).args(words).stdin(Stdio::null());
    command
}

/// Runs it to its end, which must come with this exit code.
#[track_caller]
pub(crate) fn run(hub: &TestHub, line: &str, exit_code: i32) -> Output {
    let words: Vec<_> = line.split_whitespace().collect();
    finish(housewire(hub, &words), line, exit_code, b"")
}

/// The same, with this standard input.
#[track_caller]
fn feed(hub: &TestHub, line: &str, exit_code: i32, input: &[u8]) -> Output {
    let words: Vec<_> = line.split_whitespace().collect();
    finish(housewire(hub, &words), line, exit_code, input)
}

#[track_caller]
fn finish(mut command: Command, line: &str, exit_code: i32, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("the program reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(exit_code), "{line}\nstdout: {stdout}\nstderr: {stderr}");
    assert_eq!(exit_code == 0, stderr.is_empty(), "{line}: {stderr}");
    output
}

/// What a command prints that succeeds.
#[track_caller]
pub(crate) fn printed(hub: &TestHub, line: &str) -> String {
    String::from_utf8(run(hub, line, 0).stdout).expect("UTF-8")
}

/// Why a command fails.
#[track_caller]
fn complaint(hub: &TestHub, line: &str, exit_code: i32) -> String {
    let output = run(hub, line, exit_code);
    assert!(output.stdout.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// A command that goes on; ended with the test.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(hub: &TestHub, line: &str) -> Self {
        let words: Vec<_> = line.split_whitespace().collect();
        let mut child =
            housewire(hub, &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Its exit code and what it wrote to standard error.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdout);
        let mut complaint = String::new();
        let mut stderr = self.child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut complaint).expect("UTF-8");
        (self.child.wait().expect("the program ends").code(), complaint)
    }
}

#[test]
fn a_retained_message_is_published_read_and_cleared() {
    let hub = TestHub::start();
    assert_eq!(printed(&hub, "pub a/b hello --retain"), "Published 1 message to a/b.\n");
    assert_eq!(printed(&hub, "get a/b"), "hello\n");
    assert_eq!(printed(&hub, "get a/b --json"), "{\"payload\":\"hello\",\"topic\":\"a/b\"}\n");
    assert_eq!(printed(&hub, "pub a/b --empty --retain --quiet"), "");
    let complaint = complaint(&hub, "get a/b", 5);
    assert!(complaint.starts_with("error: cannot read a/b: "), "{complaint}");
}

#[test]
fn any_bytes_go_to_any_topic() {
    let hub = TestHub::start();
    let bytes: Vec<u8> = (0..=255).chain(*b"\r\n").collect();
    for topic in ["a/../b", "/a//b/", "a?b&c%2Fd", "ü/日本"] {
        feed(&hub, &format!("pub {topic} - --retain --qos 1"), 0, &bytes);
        assert_eq!(run(&hub, &format!("get {topic}"), 0).stdout, bytes, "{topic}");
    }
    complaint(&hub, "get ..", 2);
}

#[test]
fn each_line_of_the_input_can_be_a_message() {
    let hub = TestHub::start();
    let mut watcher = Running::start(&hub, "sub a --live --count 3");
    assert!(wait_for_subscriber(&hub, "a", &mut watcher).starts_with("a probe"));
    let output = feed(&hub, "pub a - --lines --json", 0, b"one\ntwo\r\n");
    assert_eq!(output.stdout, b"{\"count\":2,\"qos\":0,\"retain\":false,\"topic\":\"a\"}\n");
    assert_eq!([watcher.line(), watcher.line()], ["a one", "a two"]);
    assert_eq!(watcher.end(), (Some(0), String::new()));
}

/// Publishes until the first message arrives, and returns its line: only then is the subscription known to be there.
fn wait_for_subscriber(hub: &TestHub, topic: &str, watcher: &mut Running) -> String {
    // A retained message reaches whoever comes before it and whoever comes after; --live would leave it out.
    let (sender, receiver) = std::sync::mpsc::sync_channel::<()>(1);
    std::thread::scope(|scope| {
        let topic = topic.to_owned();
        let probe = scope.spawn(move || {
            while receiver.recv_timeout(std::time::Duration::from_millis(100)).is_err() {
                run(hub, &format!("pub {topic} probe --quiet"), 0);
            }
        });
        let line = watcher.line();
        sender.send(()).expect("the probe runs");
        probe.join().expect("the probe ends");
        line
    })
}

#[test]
fn a_first_report_makes_a_device_that_can_be_listed_and_removed() {
    let hub = TestHub::start();
    printed(&hub, "pub devices/lamp/level 21.5");
    assert_eq!(printed(&hub, "get lamp level"), "21.5\n");
    assert_eq!(printed(&hub, "get devices/lamp/level"), "21.5\n");
    let table = printed(&hub, "devices");
    assert!(table.starts_with("ID    NAME  ROOM  ONLINE  PROPERTY  VALUE  AGE\nlamp  lamp        "), "{table}");
    assert!(printed(&hub, "devices show lamp").contains("\nlevel     21.5   "));
    let list: serde_json::Value = serde_json::from_str(&printed(&hub, "devices list --json")).expect("JSON");
    assert_eq!(list[0]["properties"]["level"]["value"], 21.5);
    assert_eq!(printed(&hub, "devices remove lamp"), "Removed lamp.\n");
    assert!(complaint(&hub, "devices remove lamp", 5).starts_with("error: cannot remove lamp: "));
    assert!(complaint(&hub, "get lamp level", 5).starts_with("error: cannot read lamp level: "));
}

#[test]
fn declared_rules_refuse() {
    let hub = TestHub::start();
    let declaration = br#"{"name": "Heating", "properties": {"setpoint": {"type": "float", "min": 5, "max": 30}}}"#;
    assert_eq!(feed(&hub, "devices declare heating --file -", 0, declaration).stdout, b"Declared heating.\n");
    assert_eq!(feed(&hub, "devices declare heating --file -", 0, declaration).stdout, b"Declared heating anew.\n");
    let complaint_of = |line| complaint(&hub, line, 1);
    assert!(complaint_of("set heating setpoint 50").contains("between 5 and 30"));
    assert!(complaint_of("pub devices/heating/setpoint hot").contains("number"));
    assert!(printed(&hub, "devices show heating").contains("refused  "));
    let output = feed(&hub, "devices declare heating --file - --json", 1, b"{\"nmae\": 1}");
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).expect("JSON");
    assert_eq!(error["exit"], 1);
    assert!(error["error"].as_str().is_some_and(|text| text.contains("nmae")), "{error}");
    feed(&hub, "devices declare heating --file -", 2, b"{");
    assert_eq!(printed(&hub, "set heating setpoint 20.5"), "Asked for heating setpoint = 20.5.\n");
    assert!(printed(&hub, "devices").contains("– → 20.5"));
}

#[test]
fn a_request_can_wait_for_the_device() {
    let hub = TestHub::start();
    printed(&hub, "pub devices/lamp/power false");
    let complaint = complaint(&hub, "set lamp power true --wait 300ms", 4);
    assert!(complaint.contains("has not confirmed it within 0.3 s"), "{complaint}");

    let mut lamp = RawClient::connect(hub.mqtt());
    lamp.send_hex("10 0d 0004 4d515454 04 02 003c 0001 6c");
    lamp.expect_hex("20 02 00 00");
    // SUBSCRIBE devices/lamp/power/set
    lamp.send_hex("82 1b 0001 0016 646576696365732f6c616d702f706f7765722f736574 00");
    lamp.expect_hex("90 03 0001 00");
    let asking = Running::start(&hub, "set lamp power true --wait");
    assert_eq!(lamp.read_packet(), (0x30, b"\0\x16devices/lamp/power/settrue".to_vec()));
    // PUBLISH devices/lamp/power true
    lamp.send_hex("30 18 0012 646576696365732f6c616d702f706f776572 74727565");
    let mut asking = asking;
    let sentence = asking.line();
    assert!(sentence.starts_with("lamp power is true, confirmed after "), "{sentence}");
    assert_eq!(asking.end(), (Some(0), String::new()));
}

#[test]
fn messages_are_printed_as_they_come() {
    let hub = TestHub::start();
    printed(&hub, "pub a/stored 21.50 --retain");
    let mut watcher = Running::start(&hub, "sub a/+ b --json --count 2");
    let line: serde_json::Value = serde_json::from_str(&watcher.line()).expect("JSON");
    assert_eq!((&line["topic"], &line["retain"]), (&"a/stored".into(), &true.into()));
    wait_for_subscriber(&hub, "b", &mut watcher);
    assert_eq!(watcher.end(), (Some(0), String::new()));
    assert_eq!(printed(&hub, "sub a/# --count 1"), "a/stored 21.50\n");
    assert_eq!(printed(&hub, "sub a/# --timeout 200ms"), "a/stored 21.50\n");
    assert!(complaint(&hub, "sub a/# --live --count 1 --timeout 200ms", 4).contains("there came 0"));
}

#[test]
fn a_subscriber_survives_a_restart_of_the_hub() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("a port").port();
    let mut hub = TestHub::builder().settings(|settings| settings.port = Some(port)).start();
    printed(&hub, "pub a stored --retain");
    let mut watcher = Running::start(&hub, "sub a --count 2");
    assert_eq!(watcher.line(), "a stored");
    hub.restart();
    assert_eq!(watcher.line(), "a stored");
    let (exit_code, notes) = watcher.end();
    assert_eq!(exit_code, Some(0), "{notes}");
    let notes: Vec<_> = notes.lines().collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("is lost") && notes[1].contains("again"), "{notes:?}");
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let hub = TestHub::start();
    printed(&hub, "pub a stored --retain");
    let mut watcher = Running::start(&hub, "sub a");
    assert_eq!(watcher.line(), "a stored");
    let (child, stdout) = (watcher.child, watcher.stdout);
    drop(stdout);
    printed(&hub, "pub a more");
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn what_is_no_hub_is_said() {
    let mut hub = TestHub::start();
    let secure = format!("get lamp power --hub https://{}", hub.http());
    assert!(complaint(&hub, &secure, 3).contains("cannot trust the hub"), "{secure}");
    let address = hub.http();
    hub.stop();
    for line in ["get lamp power", "sub a", "pub a b", "devices"] {
        let line = format!("{line} --hub http://{address}");
        let words: Vec<_> = line.split_whitespace().collect();
        let output = Command::new(env!("CARGO_BIN_EXE_housewire")).args(&words).output().expect("the program runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{line}: {complaint}");
        assert!(complaint.starts_with("error: cannot reach the hub at http://127.0.0.1:"), "{complaint}");
    }
}
