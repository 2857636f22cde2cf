//! What others of a group may get: let go in portions, kept until then, taken in no more once the session ends.

use housewire_core::{Filter, Message, Share};

use super::*;

/// Numbers, as QoS 1 messages that came through the group or, if `share` is none, for the client itself.
fn offer_numbers(outbound: &mut Outbound, share: Option<&Arc<Share>>, numbers: std::ops::Range<u8>) -> Offer {
    let payloads: Vec<_> = numbers.map(|number| [number]).collect();
    let payloads: Vec<&[u8]> = payloads.iter().map(|payload| &payload[..]).collect();
    let run = Run::new(TopicRef::parse("t").unwrap(), &payloads).qos(Qos::AtLeastOnce);
    let delivery =
        Delivery { qos: Qos::AtLeastOnce, retain: false, identifiers: Arc::default(), share: share.cloned() };
    outbound.offer(&run, &delivery, Timestamp::default())
}

fn number(message: &Message) -> u8 {
    message.payload[0]
}

fn group(filter: &str) -> Arc<Share> {
    Share::new(&Filter::parse(filter).unwrap())
}

fn roomy() -> Arc<MqttLimits> {
    Arc::new(MqttLimits { queue_len_max: 100, queue_bytes_max: 1_000_000, ..(*limits()).clone() })
}

#[test]
fn what_others_took_portion_by_portion_is_gone_and_the_rest_stays_in_order() {
    let (_, mut outbound) = connected(roomy(), kept());
    let (one, other) = (group("$share/g/t"), group("$share/h/t"));
    // Two are sent, the rest waits.
    offer_numbers(&mut outbound, Some(&one), 0..4);
    offer_numbers(&mut outbound, None, 4..6);
    offer_numbers(&mut outbound, Some(&other), 6..7);
    offer_numbers(&mut outbound, Some(&one), 7..12);
    outbound.disconnect();
    let left = outbound.shared_messages();
    let numbers: Vec<_> = left.iter().map(|left| number(&left.message)).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]);
    for portion in left.chunks(3) {
        let given: Vec<_> = portion.iter().filter(|left| number(&left.message) % 3 != 1).cloned().collect();
        outbound.let_go(&given);
        // Others publish meanwhile.
        offer_numbers(&mut outbound, Some(&one), 20..21);
    }
    let numbers: Vec<_> = outbound.shared_messages().iter().map(|left| number(&left.message)).collect();
    assert_eq!(numbers, [1, 7, 10, 20, 20, 20, 20]);
    let (queued, in_flight) = (outbound.holdings().queued, outbound.holdings().in_flight);
    assert_eq!((queued, in_flight), (8, 1), "4 and 5 are its own");
    let rest = outbound.shared_messages();
    outbound.let_go(&rest);
    assert_eq!(outbound.holdings().bytes, 2 * (HELD_BYTES + 2));
}

#[test]
fn a_session_that_ends_takes_nothing_and_has_what_is_left_until_it_is_closed() {
    let (_, mut outbound) = connected(roomy(), kept());
    let share = group("$share/g/t");
    offer_numbers(&mut outbound, Some(&share), 0..5);
    let left = outbound.stop();
    assert_eq!(left.len(), 5);
    assert_eq!(offer_numbers(&mut outbound, Some(&share), 5..6), Offer::Closed, "the next member is asked");
    assert_eq!(outbound.output().len(), 0);
    outbound.let_go(&left[..3]);
    assert_eq!(outbound.shared_messages().len(), 2);
    outbound.close();
    assert_eq!((outbound.shared_messages().len(), outbound.holdings()), (0, Holdings::default()));
}
