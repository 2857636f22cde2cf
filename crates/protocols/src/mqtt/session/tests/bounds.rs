//! Bounds that hold for a whole hub: session expiry, will delay, the memory of all sessions together.

use super::*;
use crate::mqtt::packet::Will;

#[test]
fn sessions_are_kept_no_longer_than_the_hub_allows() {
    let limits = Arc::new(MqttLimits { session_expiry_max_s: Some(60), ..MqttLimits::default() });
    let v5 = |session_expiry_s| Connect { session_expiry_s, ..Connect::new(Version::V5, "a") };
    for (connect, told, kept_s) in [
        (v5(0), None, None),
        (v5(60), None, Some(60)),
        (v5(61), Some(60), Some(60)),
        (v5(u32::MAX), Some(60), Some(60)),
        (kept(), None, Some(60)),
        (clean(), None, None),
    ] {
        let now = moment();
        let mut inbound = Inbound::new(Arc::clone(&limits), now);
        inbound.handle_packet(Packet::Connect(Box::new(connect.clone())), now).unwrap();
        let (Packet::ConnAck(connack), link) = inbound.accept(None, None) else { panic!("it is a CONNACK") };
        assert_eq!(connack.session_expiry_s, told, "{connect:?}");
        assert_eq!(link.keeps_session, kept_s.is_some(), "{connect:?}");
        let end = inbound.detach(now).poll_timeout();
        assert_eq!(end, Some(now + Duration::from_secs(kept_s.unwrap_or(0))), "{connect:?}");
    }
    assert_eq!(limits.pool.reached(SessionBound::Expiry), 3);
}

#[test]
fn a_session_that_may_not_be_kept_at_all_ends_with_its_connection() {
    let limits = Arc::new(MqttLimits { session_expiry_max_s: Some(0), ..MqttLimits::default() });
    let (_, mut outbound) = connected(limits, kept());
    outbound.disconnect();
    assert_eq!(offer(&mut outbound, Qos::AtLeastOnce, 1), Offer::Closed);
}

#[test]
fn a_will_waits_no_longer_than_the_hub_allows() {
    let limits = Arc::new(MqttLimits { will_delay_max_s: Some(10), ..MqttLimits::default() });
    for (delay_s, expected) in [(0, 0), (9, 9), (1_000, 10)] {
        let (topic, payload, qos) = ("gone", &b"x"[..], Qos::AtMostOnce);
        let will = Will { topic, payload, qos, retain: false, delay_s, properties: None };
        let connect = Connect { will: Some(will), session_expiry_s: 100, ..Connect::new(Version::V5, "a") };
        let now = moment();
        let mut inbound = Inbound::new(Arc::clone(&limits), now);
        inbound.handle_packet(Packet::Connect(Box::new(connect)), now).unwrap();
        inbound.accept(None, None);
        assert_eq!(inbound.detach(now).poll_timeout(), Some(now + Duration::from_secs(expected)));
    }
    assert_eq!(limits.pool.reached(SessionBound::WillDelay), 1);
}

/// A run of QoS 0 or 1 with one payload of so many bytes.
fn offer_bytes(outbound: &mut Outbound, qos: Qos, bytes: usize) -> Offer {
    let payload = vec![0; bytes];
    let payloads = [&payload[..]];
    let run = Run::new(TopicRef::parse("top").unwrap(), &payloads).qos(qos);
    outbound.offer(
        &run,
        &Delivery { qos, retain: false, identifiers: Arc::default(), share: None },
        Timestamp::default(),
    )
}

#[test]
fn sessions_share_a_bound_and_those_who_hold_little_are_not_hurt() {
    const KIB: usize = 1_024;
    let pool = Arc::new(Pool::new(100 * KIB));
    let limits = Arc::new(MqttLimits { pool: Arc::clone(&pool), ..MqttLimits::default() });
    let (_, mut slow) = connected(Arc::clone(&limits), clean());
    let (_, mut quick) = connected(Arc::clone(&limits), clean());
    let (_, mut away) = connected(Arc::clone(&limits), kept());
    away.disconnect();
    while offer_bytes(&mut slow, Qos::AtMostOnce, 10 * KIB) == Offer::Taken {}
    assert_eq!((slow.losses().memory, slow.losses().overflow, pool.reached(SessionBound::Memory)), (1, 0, 1));
    let full = pool.holdings().bytes;
    assert!((100 * KIB..120 * KIB).contains(&full), "{full}");
    // A client that reads has its turn, whatever others hold …
    for _ in 0..20 {
        assert_eq!(offer_bytes(&mut quick, Qos::AtMostOnce, 10 * KIB), Offer::Taken);
        drain(&mut quick);
    }
    // … and nobody may add to it who holds much already, or is away.
    assert_eq!(offer_bytes(&mut slow, Qos::AtLeastOnce, 1), Offer::Dropped);
    assert_eq!(offer_bytes(&mut away, Qos::AtLeastOnce, 1), Offer::Dropped);
    drain(&mut slow);
    assert_eq!(offer_bytes(&mut away, Qos::AtLeastOnce, 1), Offer::Taken);
    assert_eq!(pool.holdings(), Holdings { bytes: HELD_BYTES + 4, queued: 1, in_flight: 0 });
    drop(away);
    assert_eq!(pool.holdings(), Holdings::default());
}

#[test]
fn what_is_sent_is_counted() {
    let (_, mut outbound) = connected(limits(), clean());
    assert_eq!(outbound.take_sent().packets, 1, "CONNACK");
    offer(&mut outbound, Qos::AtLeastOnce, 2);
    offer(&mut outbound, Qos::AtLeastOnce, 1);
    outbound.append(&[0xd0, 0, 0xd0, 0]);
    let sent = outbound.take_sent();
    assert_eq!(sent, Traffic { packets: 4, publishes: 2, publish_bytes: 2 }, "the third waits for its turn");
    puback(&mut outbound, 1);
    assert_eq!(outbound.take_sent(), Traffic { packets: 1, publishes: 1, publish_bytes: 1 });
    assert_eq!(outbound.take_sent(), Traffic::default());
}

#[test]
fn each_bound_is_counted_on_its_own() {
    use SessionBound::{Memory, Output, QueueBytes, QueueLen};
    let check = |change: fn(&mut MqttLimits), qos, expected| {
        let mut bounds = MqttLimits { in_flight_max: 1, ..MqttLimits::default() };
        change(&mut bounds);
        let (_, mut outbound) = connected(Arc::new(bounds.clone()), kept());
        while offer_bytes(&mut outbound, qos, 1_000) == Offer::Taken {}
        for bound in [Memory, QueueLen, QueueBytes, Output] {
            assert_eq!(bounds.pool.reached(bound), u64::from(bound == expected), "{bound:?} for {expected:?}");
        }
    };
    check(|bounds| bounds.queue_len_max = 5, Qos::AtLeastOnce, QueueLen);
    check(|bounds| bounds.queue_bytes_max = 5_000, Qos::AtLeastOnce, QueueBytes);
    check(|bounds| bounds.output_bytes_max = 5_000, Qos::AtMostOnce, Output);
    check(|bounds| bounds.pool = Arc::new(Pool::new(5_000)), Qos::ExactlyOnce, Memory);
}

#[test]
fn one_packet_has_the_hub_do_a_bounded_number_of_subscriptions() {
    use crate::limits::PACKET_FILTERS_MAX;
    use crate::mqtt::packet::{PacketKind, RetainHandling, Subscribe, SubscriptionOptions, Unsubscribe};
    let (mut inbound, _) = connected(limits(), Connect::new(Version::V5, "a"));
    let names: Vec<_> = (0..=PACKET_FILTERS_MAX).map(|number| format!("a/{number}")).collect();
    let subscription = SubscriptionOptions {
        qos: Qos::AtLeastOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Send,
    };
    let mut handle = |count: usize, kind: PacketKind| {
        let packet_id = PacketId::new(1).unwrap();
        let names = names[..count].iter().map(String::as_str);
        let packet = match kind {
            PacketKind::Subscribe => Packet::Subscribe(Subscribe {
                packet_id,
                identifier: None,
                user: Vec::new(),
                filters: names.map(|name| (name, subscription)).collect(),
            }),
            _ => Packet::Unsubscribe(Unsubscribe { packet_id, user: Vec::new(), filters: names.collect() }),
        };
        inbound.handle_packet(packet, moment()).map(|event| match event {
            Event::Subscribe { requests, .. } => requests.into_iter().map(Result::err).collect::<Vec<_>>(),
            Event::Unsubscribe { filters, .. } => filters.into_iter().map(Result::err).collect(),
            other => panic!("{other:?}"),
        })
    };
    for kind in [PacketKind::Subscribe, PacketKind::Unsubscribe] {
        assert_eq!(handle(PACKET_FILTERS_MAX, kind).unwrap(), vec![None; PACKET_FILTERS_MAX], "{kind:?}");
    }
    let refused = handle(PACKET_FILTERS_MAX + 1, PacketKind::Subscribe).unwrap();
    assert_eq!(refused.len(), PACKET_FILTERS_MAX + 1);
    assert_eq!(refused[PACKET_FILTERS_MAX - 1..], [None, Some(ReasonCode::QuotaExceeded)]);
    let error = handle(PACKET_FILTERS_MAX + 1, PacketKind::Unsubscribe).unwrap_err();
    assert_eq!(error, ProtocolError::UnsubscribeTooLong);
    assert_eq!(error.reason(), ReasonCode::QuotaExceeded);
}
