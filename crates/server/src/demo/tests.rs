//! The handle; what they do there is tested against a real hub.

use super::*;
use crate::players::model::Model;

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

#[test]
fn a_day_of_the_thermometer_is_believable() {
    let now = crate::shard::now();
    let mut thermometer = thermometer(now).unwrap();
    let past = thermometer.past(now);
    assert_eq!(
        past.iter().map(|past| past.property.as_str()).collect::<Vec<_>>(),
        ["battery", "humidity", "temperature"]
    );
    let read = |at: usize| -> Vec<(i64, f64)> {
        let lines = past[at].csv.lines().map(|line| line.split_once(',').unwrap());
        lines.map(|(time, value)| (time.parse().unwrap(), value.parse().unwrap())).collect()
    };
    let (battery, humidity, temperature) = (read(0), read(1), read(2));
    assert!(battery.iter().all(|(_, value)| (5.0..=100.0).contains(value)), "{battery:?}");
    assert_eq!([battery.len(), humidity.len(), temperature.len()], [1_008; 3]);
    assert!(humidity.iter().all(|(_, value)| (30.0..65.0).contains(value)), "{humidity:?}");
    assert!(temperature.windows(2).all(|pair| (pair[0].1 - pair[1].1).abs() < 0.5), "it jumps");
    let of_hours = |wanted: std::ops::Range<i64>| {
        let hours = temperature.iter().filter(|(time, _)| wanted.contains(&(time.rem_euclid(86_400) / 3_600)));
        let (sum, count) = hours.fold((0.0, 0.0), |(sum, count), (_, value)| (sum + value, count + 1.0));
        sum / count
    };
    assert!(of_hours(14..17) > of_hours(2..5) + 2.0, "afternoons are warmer than nights");
}
