//! The history against a list of points; see `model`.

mod cases;
mod damage;
mod likeness;
mod model;
mod parts;

use std::time::Duration;

use housewire_core::Timestamp;

use super::*;

/// What makes small histories do what large ones do.
fn small() -> HistoryOptions {
    HistoryOptions {
        chunk_points: 16,
        exact_points: 64,
        segment_bytes_max: 2_000,
        log_bytes_max: 8_000,
        heads_bytes_max: 20_000,
        clock_doubted: Duration::ZERO,
        ..HistoryOptions::default()
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn point(micros: i64, reading: impl Into<Reading>) -> Point {
    Point { time: at(micros), reading: reading.into() }
}

impl From<f64> for Reading {
    fn from(number: f64) -> Self {
        Self::float(number).unwrap()
    }
}

impl From<&str> for Reading {
    fn from(text: &str) -> Self {
        Self::text(text).unwrap()
    }
}

/// Does all that is due.
fn settle(history: &mut History, now: Timestamp) {
    while history.maintain(now, Duration::from_secs(5)).unwrap() {}
}

fn all(reader: &HistoryReader, series: SeriesId) -> Vec<Point> {
    reader.raw(series, Window::ALL, usize::MAX, None).unwrap().points
}
