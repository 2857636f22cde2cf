//! Who sees which frames, and what becomes of those that nobody takes.

use housewire_core::{DeviceId, Permissions};

use super::*;

const PINGREQ: &[u8] = &[0xc0, 0];

fn peer() -> SocketAddr {
    "192.0.2.7:4711".parse().unwrap()
}

fn mqtt(taps: &Taps) -> Arc<Tap> {
    let tap = taps.add(peer());
    tap.note_peer(&Peer::direct(peer()), Spoken::Mqtt);
    tap
}

/// Kinds of frames, `lost 3`, `end`.
fn told(watch: &Watch) -> Vec<String> {
    std::iter::from_fn(|| watch.take())
        .map(|event| match event {
            Event::Seen(seen) => seen.frame.annotate().kind,
            Event::Lost(lost) => format!("lost {lost}"),
            Event::End(_) => "end".into(),
        })
        .collect()
}

fn nobody_speaks(_: &Client) -> bool {
    false
}

#[tokio::test]
async fn who_looks_sees_frames_until_he_leaves_or_the_connection_ends() {
    let taps = Taps::default();
    let tap = mqtt(&taps);
    assert!(!tap.is_watched(), "nobody looks");
    let watch = taps.watch(Wanted::Connection(tap.id)).unwrap();
    taps.renew(&watch, nobody_speaks).await;
    assert!(tap.is_watched());
    // The first half of a packet came before anybody looked.
    tap.read(&PINGREQ[..1], &PINGREQ[1..]);
    tap.wrote(&[0xd0], true);
    tap.wrote(&[0], false);
    assert_eq!(told(&watch), ["PINGREQ", "PINGRESP"]);
    assert_eq!(tap.known().counted.map(|[read, wrote]| (read.bytes, wrote.frames)), Some((2, 1)));
    taps.unwatch(&watch);
    assert!(!tap.is_watched() && tap.known().counted.is_none());

    let watch = taps.watch(Wanted::Connection(tap.id)).unwrap();
    taps.renew(&watch, nobody_speaks).await;
    taps.remove(&tap);
    assert_eq!(told(&watch), ["end"]);
    assert!(taps.get(tap.id).is_none());
}

#[tokio::test]
async fn what_a_device_said_before_it_was_known_is_shown_too() {
    let taps = Taps::default();
    let before = mqtt(&taps);
    let watch = taps.watch(Wanted::Device(DeviceId::parse("lamp").unwrap())).unwrap();
    taps.renew(&watch, nobody_speaks).await;
    assert!(!before.is_watched(), "it is somebody else's");
    let (lamp, other) = (mqtt(&taps), mqtt(&taps));
    lamp.read(&[], PINGREQ);
    other.read(&[], PINGREQ);
    assert_eq!(told(&watch), [""; 0]);
    lamp.note_user(&taps, &Arc::new(Principal::new("device:lamp", Permissions::all())));
    other.note_user(&taps, &Arc::new(Principal::new("device:fan", Permissions::all())));
    assert_eq!(told(&watch), ["PINGREQ"]);
    lamp.read(&[], PINGREQ);
    other.read(&[], PINGREQ);
    assert_eq!(told(&watch), ["PINGREQ"]);
    taps.unwatch(&watch);
    assert!(!lamp.is_watched() && !other.is_watched(), "nobody waits any more");
    let after = mqtt(&taps);
    assert!(!after.is_watched());
}

#[test]
fn blynk_is_shown_as_such_whatever_carries_it() {
    const LOGIN: &[u8] = b"\x1d\x00\x01\x00\x05token";
    let taps = Taps::default();
    let watch = taps.watch(Wanted::Peer(peer())).unwrap();
    let (plain, inside) = (taps.add(peer()), taps.add(peer()));
    for (tap, over) in [(&plain, Transport::Tcp), (&inside, Transport::WebSocket)] {
        if over == Transport::WebSocket {
            tap.note_peer(&Peer::direct(peer()), Spoken::Http);
            tap.note_websocket(&Peer::direct(peer()), true);
        }
        tap.note_peer(&Peer::direct(peer()), Spoken::Blynk);
        assert_eq!((tap.known().spoken, tap.known().over), (Some(Spoken::Blynk), Some(over)));
        tap.read(&[], &LOGIN[..7]);
        tap.read(&[], &LOGIN[7..]);
        tap.wrote(&[0, 0, 1, 0, 200], true);
        assert_eq!(told(&watch), ["hardware login", "response"]);
    }
    // Its frames in the WebSocket are seen, and nothing of what is in them.
    inside.pass_http(Direction::In, &[&[0x82, 0x8a, 0, 0, 0, 0], LOGIN].concat());
    let Some(Event::Seen(seen)) = watch.take() else { panic!("a frame") };
    let annotation = seen.frame.annotate();
    assert_eq!((&*annotation.kind, annotation.redacted.first().map(|range| range.start)), ("binary", Some(6)));
}

#[test]
fn a_full_queue_loses_frames_and_says_how_many() {
    let taps = Taps::default();
    let watch = taps.watch(Wanted::Peer(SocketAddr::new(peer().ip(), 0))).unwrap();
    let tap = mqtt(&taps);
    for _ in 0..TAP_QUEUE_FRAMES_AND_MORE {
        tap.read(&[], PINGREQ);
    }
    let events = told(&watch);
    assert_eq!(events.len(), crate::limits::TAP_QUEUE_FRAMES + 1);
    assert_eq!(events.last().unwrap(), "lost 7");
    tap.read(&[], PINGREQ);
    assert_eq!(told(&watch), ["PINGREQ"]);
}

const TAP_QUEUE_FRAMES_AND_MORE: usize = crate::limits::TAP_QUEUE_FRAMES + 7;

#[tokio::test]
async fn nobody_looks_at_the_connection_he_looks_over_and_few_look_at_once() {
    let taps = Taps::default();
    let tap = mqtt(&taps);
    tap.mute();
    let wanted = Wanted::Peer(peer());
    let watches: Vec<_> = (0..TAP_WATCHES_MAX).map(|_| taps.watch(wanted.clone()).unwrap()).collect();
    taps.renew(&watches[0], nobody_speaks).await;
    assert!(!tap.is_watched());
    assert!(taps.watch(wanted.clone()).is_none());
    taps.unwatch(&watches[0]);
    assert!(taps.watch(wanted).is_some());
}
