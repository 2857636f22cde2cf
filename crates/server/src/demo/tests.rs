//! The handle; what they do there is tested against a real hub.

use super::*;

#[tokio::test]
async fn it_stops_promptly_even_where_no_hub_is() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let demo = Demo::new();
    assert!(!demo.is_running());
    demo.stop().await;
    for _ in 0..2 {
        demo.start(Access::new(nobody, nobody, "x".into()));
        demo.start(Access::new(nobody, nobody, "x".into()));
        assert!(demo.is_running());
        let began = std::time::Instant::now();
        demo.stop().await;
        assert!(began.elapsed() < STOP_LIMIT / 2, "{:?}", began.elapsed());
        assert!(!demo.is_running());
    }
}
