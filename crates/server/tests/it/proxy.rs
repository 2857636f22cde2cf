//! The PROXY protocol: who must speak it, who is believed, and what becomes of the client's address.

use std::net::SocketAddr;
use std::time::Duration;

use housewire::GuestPolicy;

use crate::test_hub::{RawClient, TestHub, TestHubBuilder};

const CONNECT: &str = "10 0d 0004 4d515454 04 02 003c 0001 61";
const WELCOME: &str = "20 02 00 00";
/// Not authorised.
const REFUSED: &str = "20 02 00 05";

const SIGNATURE: &str = "0d0a0d0a 000d0a51 5549540a";
/// From 192.0.2.7:12345 to 10.0.0.1:1883.
const LAN_V4: &str = "21 11 000c c0000207 0a000001 3039 075b";
/// From 127.0.0.1:12345, says the proxy.
const LOOPBACK_V4: &str = "21 11 000c 7f000001 7f000001 3039 075b";
/// From [2001:db8::7]:12345, with a CRC and a name behind the addresses.
const LAN_V6: &str = "21 21 0032 20010db8000000000000000000000007 20010db8000000000000000000000001 3039 075b \
                      03 0004 01020304 02 0004 686f7374";
const LOCAL: &str = "20 00 0000";
const UNTOLD: &str = "21 00 0000";

/// A hub that takes loopback for a proxy.
fn behind_proxy() -> TestHubBuilder {
    TestHub::builder().settings(|settings| settings.proxy_protocol = Some(true))
}

fn ports(hub: &TestHub) -> [SocketAddr; 2] {
    [hub.mqtt(), hub.http()]
}

#[test]
fn a_proxied_client_is_served_on_every_port() {
    let hub = behind_proxy().settings(|settings| settings.guest = Some(GuestPolicy::Lan)).start();
    for port in ports(&hub) {
        for header in [LAN_V4, LAN_V6, LOOPBACK_V4, LOCAL, UNTOLD] {
            let mut client = RawClient::connect(port);
            client.send_hex(&format!("{SIGNATURE} {header} {CONNECT} c0 00"));
            client.expect_hex(&format!("{WELCOME} d0 00"));
        }
    }
}

#[test]
fn a_header_may_come_byte_by_byte() {
    let hub = behind_proxy().settings(|settings| settings.guest = Some(GuestPolicy::Lan)).start();
    for port in ports(&hub) {
        let mut client = RawClient::connect(port);
        let all = format!("{SIGNATURE} {LAN_V6} {CONNECT} c0 00").replace(' ', "");
        for byte in all.as_bytes().chunks(2) {
            client.send_hex(std::str::from_utf8(byte).expect("hex"));
        }
        client.expect_hex(&format!("{WELCOME} d0 00"));
    }
}

#[test]
fn what_comes_through_a_proxy_is_no_guest_from_loopback() {
    let hub = behind_proxy().start();
    for header in [LAN_V4, LAN_V6, LOOPBACK_V4, LOCAL, UNTOLD] {
        for port in ports(&hub) {
            let mut client = RawClient::connect(port);
            client.send_hex(&format!("{SIGNATURE} {header} {CONNECT}"));
            client.expect_hex(REFUSED);
            assert_eq!(client.expect_end(), b"");
        }
        let mut client = RawClient::connect(hub.http());
        client.send_hex(&format!("{SIGNATURE} {header}"));
        client.send(b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = client.expect_end();
        assert!(answer.starts_with(b"HTTP/1.1 401 "), "{header}: {}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn bad_headers_end_the_connection() {
    let hub = behind_proxy().settings(|settings| settings.guest = Some(GuestPolicy::Lan)).start();
    let text = "50524f5859 20 54435034 20"; // "PROXY TCP4 "
    for bad in [
        CONNECT.to_owned(),                                 // none
        "474554202f20485454502f312e310d0a0d0a".to_owned(),  // "GET / HTTP/1.1"
        format!("{text} 31302e302e302e31 {CONNECT}"),       // version 1
        format!("{SIGNATURE} 11 11 000c {CONNECT}"),        // a version that is not 2
        format!("{SIGNATURE} 22 11 000c {CONNECT}"),        // a command that does not exist
        format!("{SIGNATURE} 21 12 000c {CONNECT}"),        // UDP
        format!("{SIGNATURE} 21 11 000b {CONNECT}"),        // too short for two addresses
        format!("{SIGNATURE} 21 11 1001 {CONNECT}"),        // too long
        "0d0a0d0a 000d0a51 5549540d 21 11 000c".to_owned(), // a signature with a wrong end
    ] {
        for port in ports(&hub) {
            let mut client = RawClient::connect(port);
            client.send_hex(&bad);
            assert_eq!(client.expect_end(), b"", "{bad}");
        }
    }
}

#[test]
fn a_header_that_does_not_come_in_time_ends_the_connection() {
    let hub = behind_proxy().limits(|limits| limits.greeting_timeout = Duration::from_millis(200)).start();
    for port in ports(&hub) {
        for beginning in ["", "0d0a", SIGNATURE, &LAN_V4.replace("21 11", &format!("{SIGNATURE} 21 11"))[..40]] {
            let mut client = RawClient::connect(port);
            client.send_hex(beginning);
            assert_eq!(client.expect_end(), b"");
        }
    }
}

#[test]
fn stopping_waits_for_no_header() {
    let mut hub = behind_proxy().start();
    let mut client = RawClient::connect(hub.mqtt());
    client.send_hex("0d0a");
    hub.stop();
    assert_eq!(client.expect_end(), b"");
}

#[test]
fn nobody_else_may_say_whose_its_connection_is() {
    let elsewhere = ["192.0.2.7".parse().expect("an address")].to_vec();
    let others = TestHub::builder().settings(|settings| {
        settings.proxy_protocol = Some(true);
        settings.proxy_from = Some(elsewhere);
    });
    for hub in [TestHub::start(), others.start()] {
        for port in ports(&hub) {
            let mut liar = RawClient::connect(port);
            liar.send_hex(&format!("{SIGNATURE} {LOOPBACK_V4} {CONNECT}"));
            assert_eq!(liar.expect_end(), b"");
            let mut plain = RawClient::connect(port);
            plain.send_hex(CONNECT);
            plain.expect_hex(WELCOME);
        }
    }
}
