//! Any bytes against what reads the history's files; for the fuzz target and the tests.

use super::cells::{self, Cell};
use super::log::frame::{self, Frame};
use super::{chunk, points::Points};

/// Reads bytes as a file of the log, a frame, a chunk and a list of cells, with the checksums that they would have to have. What was read
/// can be written, and is the same when it is read again.
pub fn fuzz_bytes(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((found, len))) = frame::next_frame(rest) {
        take(found);
        rest = &rest[len..];
    }
    if let Ok(found) = frame::parse(bytes) {
        take(found);
    }
    frame::header(bytes).ok();
    let sealed = chunk::seal(bytes.to_vec());
    if let Ok(points) = chunk::decode(&sealed) {
        let again = chunk::decode(&chunk::encode(&points)).expect("what was written is read");
        assert!(is_same(&points, &again), "points were {points:?} and became {again:?}");
    }
    if let Ok(cells) = cells::decode(&sealed)
        && !cells.is_empty()
    {
        let again = cells::decode(&cells::encode(&cells)).expect("what was written is read");
        assert_eq!(cells.len(), again.len());
        let starts = |cells: &[Cell]| cells.iter().map(|cell| (cell.start, cell.count)).collect::<Vec<_>>();
        assert_eq!(starts(&cells), starts(&again));
    }
}

fn take(found: Frame<'_>) {
    if let Frame::Points(points) = found {
        points.for_each(drop);
    }
}

fn is_same(points: &Points, other: &Points) -> bool {
    points.times == other.times && format!("{:?}", points.readings) == format!("{:?}", other.readings)
}
