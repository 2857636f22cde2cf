//! Users of the config file over MQTT: with a password, or by proving that they know it (SCRAM-SHA-256).

#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use housewire::GuestPolicy;
use housewire::config::{Secret, Settings, UserSettings};
use housewire_protocols::mqtt::{Auth, ConnAck, Connect, Packet, ReasonCode, Version, decode, encode};
use housewire_protocols::scram::{Credentials, MECHANISM};
use sha2::{Digest as _, Sha256};

use crate::test_hub::{RawClient, TestHub};

fn hub(guest: GuestPolicy) -> TestHub {
    let user = |name: &str, password: &str| {
        let keys = Credentials::derive(password.as_bytes(), b"16 bytes of salt", 4_096);
        (name.to_owned(), UserSettings { scram_sha_256: Secret(keys.to_string()) })
    };
    let users = BTreeMap::from([user("anna", "pencil"), user("ben", "crayon")]);
    let change = |settings: &mut Settings| {
        settings.users = Some(users);
        settings.guest = Some(guest);
    };
    TestHub::builder().settings(change).start()
}

fn send(client: &mut RawClient, packet: &Packet<'_>) {
    let mut bytes = Vec::new();
    encode(packet, Version::V5, &mut bytes);
    client.send(&bytes);
}

/// The next packet, in the bytes it came in.
fn receive(client: &mut RawClient) -> Vec<u8> {
    let (first, body) = client.read_packet();
    let mut bytes = vec![first];
    let mut length = body.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(body);
    bytes
}

fn connack(bytes: &[u8]) -> Box<ConnAck<'_>> {
    match decode(bytes, Version::V5, usize::MAX).unwrap().unwrap().0 {
        Packet::ConnAck(connack) => connack,
        other => panic!("{other:?}"),
    }
}

fn auth(bytes: &[u8]) -> Auth<'_> {
    match decode(bytes, Version::V5, usize::MAX).unwrap().unwrap().0 {
        Packet::Auth(auth) => auth,
        other => panic!("{other:?}"),
    }
}

fn mac(key: &[u8], data: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data.as_bytes());
    mac.finalize().into_bytes().into()
}

/// A SCRAM client as RFC 5802 describes it, written without the hub's half.
struct ScramClient {
    username: &'static str,
    password: &'static str,
    signature: String,
}

impl ScramClient {
    fn new(username: &'static str, password: &'static str) -> Self {
        Self { username, password, signature: String::new() }
    }

    fn first(&self) -> String {
        format!("n,,n={},r=clientnonce", self.username)
    }

    fn answer(&mut self, challenge: &[u8]) -> String {
        let challenge = std::str::from_utf8(challenge).unwrap();
        let parts: Vec<_> = challenge.split(',').map(|part| part.split_at(2)).collect();
        let [("r=", nonce), ("s=", salt), ("i=", iterations)] = parts[..] else { panic!("{challenge}") };
        assert!(nonce.len() > "clientnonce".len() + 20 && nonce.starts_with("clientnonce"));
        let salt = BASE64_STANDARD.decode(salt).unwrap();
        let salted: [u8; 32] =
            pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(self.password.as_bytes(), &salt, iterations.parse().unwrap());
        let unproven = format!("c=biws,r={nonce}");
        let transcript = format!("n={},r=clientnonce,{challenge},{unproven}", self.username);
        let client_key = mac(&salted, "Client Key");
        let mask = mac(&Sha256::digest(client_key), &transcript);
        let proof: Vec<u8> = client_key.iter().zip(mask).map(|(key, mask)| key ^ mask).collect();
        self.signature = format!("v={}", BASE64_STANDARD.encode(mac(&mac(&salted, "Server Key"), &transcript)));
        format!("{unproven},p={}", BASE64_STANDARD.encode(proof))
    }

    /// Connects up to where the hub has judged the proof.
    fn connect(&mut self, hub: &TestHub) -> (RawClient, Vec<u8>) {
        let mut client = RawClient::connect(hub.mqtt());
        let first = self.first();
        let connect = Connect {
            authentication_method: Some(MECHANISM),
            authentication_data: Some(first.as_bytes()),
            ..Connect::new(Version::V5, "s")
        };
        send(&mut client, &Packet::Connect(Box::new(connect)));
        let answered = self.go_on(&mut client);
        (client, answered)
    }

    /// Answers the hub's challenge; what the hub says to that.
    fn go_on(&mut self, client: &mut RawClient) -> Vec<u8> {
        let challenge = receive(client);
        let challenge = auth(&challenge);
        assert_eq!((challenge.reason, challenge.method), (ReasonCode::ContinueAuthentication, Some(MECHANISM)));
        let answer = self.answer(challenge.data.unwrap());
        send(client, &step(ReasonCode::ContinueAuthentication, &answer));
        receive(client)
    }
}

fn step(reason: ReasonCode, data: &str) -> Packet<'_> {
    Packet::Auth(Auth { reason, method: Some(MECHANISM), data: Some(data.as_bytes()), ..Auth::default() })
}

#[test]
fn who_knows_the_password_proves_it_and_so_does_the_hub() {
    let hub = hub(GuestPolicy::Off);
    let mut scram = ScramClient::new("anna", "pencil");
    let (mut client, answered) = scram.connect(&hub);
    let accepted = connack(&answered);
    assert_eq!((accepted.reason, accepted.authentication_method), (ReasonCode::Success, Some(MECHANISM)));
    assert_eq!(accepted.authentication_data, Some(scram.signature.as_bytes()));
    client.send_hex("c0 00");
    client.expect_hex("d0 00");

    let mut again = ScramClient::new("anna", "pencil");
    send(&mut client, &step(ReasonCode::ReAuthenticate, &again.first()));
    let answered = again.go_on(&mut client);
    assert_eq!((auth(&answered).reason, auth(&answered).data), (ReasonCode::Success, Some(again.signature.as_bytes())));
    client.send_hex("c0 00");
    client.expect_hex("d0 00");

    // Refused before a proof is asked for: nobody guesses here what another's password is.
    let other = ScramClient::new("ben", "crayon");
    send(&mut client, &step(ReasonCode::ReAuthenticate, &other.first()));
    let answered = receive(&mut client);
    assert_eq!((answered[0], answered[2]), (0xe0, 0x87), "a connection stays with who made it");
    client.expect_end();
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let hub = hub(GuestPolicy::Loopback);
    let refusals = [("anna", "pencils"), ("nobody", "pencil"), ("guest", "")].map(|(username, password)| {
        let (mut client, answered) = ScramClient::new(username, password).connect(&hub);
        assert_eq!(connack(&answered).reason, ReasonCode::NotAuthorized);
        client.expect_end();
        answered
    });
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]));
}

/// CONNECT of a 3.1.1 client with name and password; flags as given beside those two.
fn connect_hex(flags: u8, name: &str, password: &str) -> String {
    let hex = |text: &str| {
        let bytes: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("{:04x}{bytes}", text.len())
    };
    let body = format!("00044d515454 04 {:02x} 003c 0001 73 {} {}", 0xc0 | flags, hex(name), hex(password));
    let length = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).count() / 2;
    let length = if length < 0x80 {
        format!("{length:02x}")
    } else {
        format!("{:02x}{:02x}", length & 0x7f | 0x80, length >> 7)
    };
    format!("10 {length} {body}")
}

fn connect_plain(hub: &TestHub, name: &str, password: &str, answer: &str) -> RawClient {
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex(&connect_hex(2, name, password));
    client.expect_hex(answer);
    client
}

#[test]
fn a_plain_password_does_too() {
    let hub = hub(GuestPolicy::Off);
    let mut client = connect_plain(&hub, "anna", "pencil", "20 02 00 00");
    client.send_hex("c0 00");
    client.expect_hex("d0 00");
    // The third is who would be anna, were it not too long to be looked at.
    let long = format!("{}anna", "\u{ad}".repeat(200));
    let refused =
        [("anna", "crayon"), ("nobody", "pencil"), (&long, "pencil"), ("anna", &"pencil".repeat(1_000)), ("anna", "")];
    for (name, password) in refused {
        connect_plain(&hub, name, password, "20 02 00 04").expect_end();
    }
    let mut client = RawClient::connect(hub.mqtt());
    let connect = Connect { username: Some("anna"), password: Some(b"x"), ..Connect::new(Version::V5, "s") };
    send(&mut client, &Packet::Connect(Box::new(connect)));
    assert_eq!(connack(&receive(&mut client)).reason, ReasonCode::BadUserNameOrPassword);
    let mut nameless = RawClient::connect(hub.mqtt());
    nameless.send_hex("10 0d 0004 4d515454 04 02 003c 0001 73");
    nameless.expect_hex("20 02 00 05");
}

#[test]
fn many_log_ins_at_once_hold_nobody_up() {
    let hub = hub(GuestPolicy::Loopback);
    let mut other = RawClient::connect(hub.mqtt());
    other.send_hex("10 0d 0004 4d515454 04 02 003c 0001 6f");
    other.expect_hex("20 02 00 00");
    let mut clients: Vec<_> = (0..20).map(|_| RawClient::connect(hub.mqtt())).collect();
    // Few enough to fail that nobody is slowed; that many stand in line at once slows nobody either.
    let is_right = |number: usize| !number.is_multiple_of(4);
    for (number, client) in clients.iter_mut().enumerate() {
        client.send_hex(&connect_hex(2, "anna", if is_right(number) { "pencil" } else { "wrong" }));
    }
    other.send_hex("c0 00");
    other.expect_hex("d0 00");
    // All have one client id: whoever is let in takes over from the one before.
    for (number, client) in clients.iter_mut().enumerate() {
        client.expect_hex(if is_right(number) { "20 02 00 00" } else { "20 02 00 04" });
    }
}

#[test]
fn a_session_belongs_to_its_user() {
    let hub = hub(GuestPolicy::Loopback);
    let resume = |name: &str, password: &str, answer: &str| {
        let mut client = RawClient::connect(hub.mqtt());
        client.send_hex(&connect_hex(0, name, password));
        client.expect_hex(answer);
        client.send_hex("e0 00");
        client.expect_end();
    };
    resume("anna", "pencil", "20 02 00 00");
    resume("anna", "pencil", "20 02 01 00");
    resume("ben", "crayon", "20 02 00 00");
}

#[test]
fn without_users_a_name_means_nothing() {
    let hub = TestHub::start();
    connect_plain(&hub, "anna", "anything", "20 02 00 00");
    let mut client = RawClient::connect(hub.mqtt());
    let connect = Connect { authentication_method: Some(MECHANISM), ..Connect::new(Version::V5, "s") };
    send(&mut client, &Packet::Connect(Box::new(connect)));
    assert_eq!(connack(&receive(&mut client)).reason, ReasonCode::BadAuthenticationMethod);
    client.expect_end();
}

#[test]
fn the_command_prints_what_the_config_file_takes() {
    let scram = |arguments: &[&str], password: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_housewire"));
        let command = command.arg("scram").args(arguments).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that knows without the password that it cannot go on does not read it.
        let _is_read = child.stdin.take().unwrap().write_all(password.as_bytes()).is_ok();
        child.wait_with_output().unwrap()
    };
    let printed = scram(&["anna b", "--iterations", "5000"], "pencil\r\n");
    let printed = String::from_utf8(printed.stdout).unwrap();
    let keys = printed.strip_prefix("[users.\"anna b\"]\nscram_sha_256 = \"").unwrap().strip_suffix("\"\n").unwrap();
    let keys: Credentials = keys.parse().unwrap();
    assert!(keys.is_password(b"pencil") && keys.iterations() == 5_000 && keys.salt().len() == 16);
    for (arguments, password) in [
        (&["guest"][..], "x"),
        (&["anna"], &*"x".repeat(1_025)),
        (&["anna"], ""),
        (&["anna", "--iterations", "1"], "x"),
        (&[""], "x"),
    ] {
        let output = scram(arguments, password);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
    }
}
