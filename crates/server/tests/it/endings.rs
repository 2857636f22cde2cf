//! What ends an MQTT connection that says nothing: its keep-alive, another connection of its client id, the hub. With many at
//! once, as each is woken by a word of its own.

use std::time::{Duration, Instant};

use crate::http_client::get;
use crate::test_hub::{PATIENCE, RawClient, TestHub};

/// CONNECT of an MQTT 5 client with clean start and a client id of four letters.
fn connect_5(keep_alive_s: u16, client_id: &str) -> Vec<u8> {
    let mut packet = b"\x10\x11\x00\x04MQTT\x05\x02".to_vec();
    packet.extend(keep_alive_s.to_be_bytes());
    packet.extend([0, 0, 4]);
    packet.extend(client_id.bytes());
    packet
}

fn connected(hub: &TestHub, keep_alive_s: u16, client_id: &str) -> RawClient {
    let mut client = RawClient::connect(hub.mqtt());
    client.send(&connect_5(keep_alive_s, client_id));
    assert_eq!(client.read_packet().0, 0x20);
    client
}

/// Reads DISCONNECT and the end; the reason.
#[track_caller]
fn expect_farewell(client: &mut RawClient) -> u8 {
    let (kind, body) = client.read_packet();
    assert_eq!((kind, client.expect_end()), (0xe0, Vec::new()));
    body[0]
}

#[test]
fn a_silent_client_ends_after_one_and_a_half_keep_alives_and_no_sooner() {
    const ALLOWED: Duration = Duration::from_millis(1_500);
    const PINGS: u32 = 3;
    let hub = TestHub::start();
    let mut silent = connected(&hub, 1, "ends");
    let mut without = connected(&hub, 0, "goes");
    let began = Instant::now();
    let mut last = began;
    for number in 1..=PINGS {
        // Each comes late and in time: the deadline moves with it.
        while last.elapsed() < Duration::from_millis(1_000) {
            std::thread::sleep(Duration::from_millis(5));
        }
        last = Instant::now();
        silent.send(&[0xc0, 0]);
        silent.expect_hex("d0 00");
        assert!(began.elapsed() >= number * Duration::from_millis(1_000));
    }
    assert_eq!(expect_farewell(&mut silent), 0x8d, "keep alive timeout");
    assert!(last.elapsed() >= ALLOWED, "after {:?}", last.elapsed());
    without.send(&[0xc0, 0]);
    without.expect_hex("d0 00");
}

#[test]
fn of_a_crowd_with_one_client_id_the_last_one_stays() {
    const CROWD: usize = 40;
    let hub = TestHub::start();
    let mut crowd: Vec<_> = (0..CROWD).map(|_| RawClient::connect(hub.mqtt())).collect();
    for client in &mut crowd {
        client.send(&connect_5(0, "same"));
    }
    let began = Instant::now();
    // All are let in, one after the other, and all but one make way again.
    let mut reasons: Vec<_> = std::thread::scope(|scope| {
        let hear = |client: &mut RawClient| {
            assert_eq!(client.read_packet().0, 0x20);
            client.send(&[0xc0, 0]);
            match client.read_packet() {
                (0xd0, _) => None,
                (0xe0, body) => Some(body[0]),
                (other, _) => panic!("unexpected packet {other:#x}"),
            }
        };
        let heard: Vec<_> = crowd.iter_mut().map(|client| scope.spawn(move || hear(client))).collect();
        heard.into_iter().filter_map(|heard| heard.join().expect("every client is answered")).collect()
    });
    assert!(began.elapsed() < PATIENCE);
    reasons.dedup();
    assert!(reasons.is_empty() || reasons == [0x8e], "session taken over: {reasons:x?}");
    let connected = || get(&hub, "/api/clients/same").expect(200).json()["connected"] == true;
    let began = Instant::now();
    while !connected() {
        assert!(began.elapsed() < PATIENCE, "nobody stayed");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut newest = connected_alone(&hub);
    newest.send(&[0xc0, 0]);
    newest.expect_hex("d0 00");
}

/// One more, which nobody wants away.
fn connected_alone(hub: &TestHub) -> RawClient {
    connected(hub, 0, "same")
}

#[test]
fn stopping_tells_all_of_many() {
    const COUNT: usize = 300;
    let mut hub = TestHub::builder().settings(|settings| settings.shards = Some(2)).start();
    let mut clients: Vec<_> = (0..COUNT).map(|number| connected(&hub, 60, &format!("{number:04}"))).collect();
    // Some are at it, some have said half of what they have to say.
    for (number, client) in clients.iter_mut().enumerate() {
        match number % 3 {
            0 => client.send(&[0xc0]),
            1 => client.send(&[0x82, 6 + 1, 0, 1, 0, 0, 1, b'a', 0]),
            _ => {}
        }
    }
    let mut newcomer = RawClient::connect(hub.mqtt());
    newcomer.send(&connect_5(60, "late")[..10]);
    let began = Instant::now();
    hub.stop();
    assert!(began.elapsed() < PATIENCE / 2);
    for (number, client) in clients.iter_mut().enumerate() {
        let (mut kind, mut body) = client.read_packet();
        if number % 3 == 1 && kind == 0x90 {
            (kind, body) = client.read_packet();
        }
        assert_eq!((kind, body[0]), (0xe0, 0x8b), "server shutting down, to client {number}");
        client.expect_end();
    }
    newcomer.expect_end();
}
