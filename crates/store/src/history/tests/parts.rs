//! Frames, chunks and cells as bytes: what is written is read again to the last bit, and any other bytes are told from it.

use super::super::answers::SeriesInfo;
use super::super::bytes::{Source, decimal, put_signed, put_varint, undecimal};
use super::super::cells::{self, Level};
use super::super::chunk;
use super::super::log::frame::{self, Frame, PointsFrame};
use super::super::points::Points;
use super::super::reading::{Reading, SeriesId};

fn points(random: &mut fastrand::Rng) -> Points {
    let kind = random.u8(..8);
    let mut time = random.i64(-1_000_000_000..4_000_000_000_000_000);
    let mut points = Points::default();
    for _ in 0..random.usize(1..600) {
        time = time.saturating_add([0, 1_000_000, random.i64(..1 << 20), 40][random.usize(..4)].max(0));
        let reading = match kind {
            0 => Reading::Bool(random.u8(..10) > 1),
            1 => Reading::Int(random.i64(..)),
            2 => Reading::Int(random.i64(0..40)),
            3 => Reading::text(["a", "b", "", "längerer Text"][random.usize(..4)]).unwrap(),
            4 => Reading::float(f64::from_bits(random.u64(..))).unwrap_or(Reading::Bool(true)),
            5 => Reading::float(random.i64(-5_000..5_000) as f64 / 100.0).unwrap(),
            6 => Reading::float([0.0, -0.0, 1e300, f64::MIN_POSITIVE, 0.1 + 0.2][random.usize(..5)]).unwrap(),
            _ => [Reading::Int(1), Reading::Bool(false), Reading::text("x").unwrap()][random.usize(..3)].clone(),
        };
        points.push(time, reading);
    }
    points
}

/// Equal to the last bit, which `==` does not say of zeros.
fn bits(points: &Points) -> Vec<(i64, String)> {
    (0..points.len()).map(|at| (points.times[at], format!("{:?}", points.readings.get(at)))).collect()
}

#[test]
fn chunks_are_read_as_they_were_written() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..400 {
        let points = points(&mut random);
        let read = chunk::decode(&chunk::encode(&points)).unwrap();
        assert_eq!(bits(&read), bits(&points));
        for level in Level::CELLS {
            let cells = cells::fold(level, &points);
            let count: i64 = cells.iter().map(|cell| cell.count).sum();
            assert_eq!(count, points.len() as i64);
            let read = cells::decode(&cells::encode(&cells)).unwrap();
            assert_eq!(read.len(), cells.len());
            for (read, cell) in read.iter().zip(&cells) {
                assert_eq!((read.start, read.count, read.numbers), (cell.start, cell.count, cell.numbers));
                assert_eq!((read.min, read.max, read.last_time), (cell.min, cell.max, cell.last_time));
            }
        }
    }
}

#[test]
fn regular_times_take_next_to_nothing() {
    let mut points = Points::default();
    for number in 0..512 {
        points.push(1_790_000_000_000_000 + number * 1_000_000, Reading::float(21.5).unwrap());
    }
    let bytes = chunk::encode(&points).len();
    assert!(bytes < 40, "{bytes} bytes for 512 points that say nothing new");
}

#[test]
fn every_flipped_bit_of_a_chunk_is_seen() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..4 {
        let bytes = chunk::encode(&points(&mut random));
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert!(chunk::decode(&flipped).is_err(), "bit {at}");
        }
        for len in 0..bytes.len() {
            assert!(chunk::decode(&bytes[..len]).is_err(), "{len} bytes of {}", bytes.len());
        }
    }
}

/// With a checksum that is right, so that what lies behind it is met.
#[test]
fn no_bytes_make_a_reader_panic() {
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..6_000 {
        let mut bytes = if round % 3 == 0 {
            (0..random.usize(..200)).map(|_| random.u8(..)).collect()
        } else {
            let whole = if round % 3 == 1 {
                chunk::encode(&points(&mut random))
            } else {
                cells::encode(&cells::fold(Level::Minute, &points(&mut random)))
            };
            let mut bytes = whole[..whole.len() - 4].to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes.truncate(random.usize(1..=bytes.len()));
            bytes
        };
        if let Some(form) = bytes.first_mut() {
            *form = 1;
        }
        fuzz(&bytes);
    }
}

/// What the fuzz target has found and begins with.
#[test]
fn the_corpus_is_read() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/history");
    let files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 8);
    files.iter().for_each(|file| fuzz(&std::fs::read(file).unwrap()));
}

/// What the fuzz target does with any bytes.
fn fuzz(bytes: &[u8]) {
    crate::history::fuzz_bytes(bytes);
}

#[test]
fn numbers_and_decimals_come_back() {
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..20_000 {
        let (number, signed) = (random.u64(..) >> random.u32(..64), random.i64(..) >> random.u32(..64));
        let mut bytes = Vec::new();
        put_varint(&mut bytes, number);
        put_signed(&mut bytes, signed);
        let mut source = Source::new(&bytes);
        assert_eq!((source.varint(), source.signed(), source.is_empty()), (Ok(number), Ok(signed), true));
        let float = f64::from_bits(random.u64(..));
        for digits in 0..7 {
            if let Some(whole) = decimal(float, digits) {
                assert_eq!(undecimal(whole, digits).to_bits(), float.to_bits());
            }
        }
    }
    for (number, digits, whole) in [(21.53, 2, Some(2153)), (21.53, 1, None), (-0.0, 0, None), (0.1 + 0.2, 6, None)] {
        assert_eq!(decimal(number, digits), whole, "{number}");
    }
}

#[test]
fn frames_are_read_as_they_were_written() {
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..100 {
        let points = points(&mut random);
        let (mut out, mut frame) = (Vec::new(), PointsFrame::default());
        let info = SeriesInfo { id: SeriesId(7), device: "lamp".into(), property: "power".into() };
        frame::put_series(&mut out, &info);
        for at in 0..points.len() {
            frame.add(at as u64 + 40, at as u32 % 300, points.times[at], &points.readings.get(at));
        }
        frame.finish(&mut out);
        let (first, len) = frame::next_frame(&out).unwrap().unwrap();
        assert!(matches!(first, Frame::Series { series: SeriesId(7), device: "lamp", property: "power" }));
        let (second, rest) = frame::next_frame(&out[len..]).unwrap().unwrap();
        assert_eq!(len + rest, out.len());
        let Frame::Points(read) = second else { panic!("it is {second:?}") };
        for (at, read) in read.map(Result::unwrap).enumerate() {
            assert_eq!((read.number, read.series.0, read.time), (at as u64 + 40, at as u32 % 300, points.times[at]));
            assert_eq!(format!("{:?}", read.reading), format!("{:?}", points.readings.get(at)));
        }
    }
}
