//! The handle, and where devices find the hub; what they do there is tested against a real hub.

use super::*;

#[test]
fn wildcard_addresses_are_reached_over_loopback() {
    for (bound, expected) in [
        ("0.0.0.0:8080", "127.0.0.1:8080"),
        ("[::]:8080", "[::1]:8080"),
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("192.0.2.7:1", "192.0.2.7:1"),
    ] {
        assert_eq!(reachable(bound.parse().unwrap()), expected.parse().unwrap());
    }
}

#[tokio::test]
async fn it_stops_promptly_even_where_no_hub_is() {
    let nobody: SocketAddr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let demo = Demo::new();
    assert!(!demo.is_running());
    demo.stop().await;
    for _ in 0..2 {
        demo.start(DemoAccess { http: nobody, mqtt: nobody, token: "x".into() });
        demo.start(DemoAccess { http: nobody, mqtt: nobody, token: "x".into() });
        assert!(demo.is_running());
        let began = std::time::Instant::now();
        demo.stop().await;
        assert!(began.elapsed() < STOP_LIMIT / 2, "{:?}", began.elapsed());
        assert!(!demo.is_running());
    }
}
