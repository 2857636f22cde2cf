//! Reading the log when the history is opened: what of each file is sound, and what is wrong with the rest.
//!
//! A file ends at its first frame that is not sound. The last file may end in a write that was cut short, which is cut off; any other
//! damage means that the file is set aside, once what is sound in it is safe in chunks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::super::reading::SeriesId;
use super::frame::{self, FRAME_BYTES_MAX, Frame, FramePoint, HEADER_BYTES};
use super::{Segment, segment_name};
use crate::error::StoreError;

/// What is to be done with a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is sound.
    Sound,
    /// Its last write was cut short: so many bytes behind its sound part go.
    Torn { bytes: u64 },
    /// It is damaged in the middle.
    Damaged { reason: &'static str, bytes: u64 },
}

/// The files of the log by number. What has another name is none of ours.
pub(crate) fn list(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let failed = |source| StoreError::file("read the folder", folder, source);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|stem| stem.parse().ok());
        // Higher ones cannot be counted up from.
        numbers.extend(number.filter(|number: &u64| {
            *number < crate::limits::NUMBER_MAX && name.to_str() == Some(segment_name(*number).as_str())
        }));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Names of series that files tell.
pub(crate) type Names = BTreeMap<SeriesId, (String, String)>;

/// Reads a file. Points go to `take`, with the names so far. The segment tells of its sound part.
pub(crate) fn read(
    folder: &Path,
    number: u64,
    is_last: bool,
    names: &mut Names,
    mut take: impl FnMut(&Names, FramePoint),
) -> Result<(Segment, Verdict), StoreError> {
    let path = folder.join(segment_name(number));
    let bytes = fs::read(&path).map_err(|source| StoreError::file("read", &path, source))?;
    let mut segment = Segment { number, first: 0, last: 0, bytes: 0 };
    match frame::header(&bytes) {
        Ok(first) => (segment.first, segment.last, segment.bytes) = (first, first - 1, HEADER_BYTES as u64),
        // Whoever began it was interrupted before anything in it counted.
        Err(_) if is_last && !has_sound_frame(&bytes) => {
            return Ok((segment, Verdict::Torn { bytes: bytes.len() as u64 }));
        }
        Err(damaged) => return Ok((segment, Verdict::Damaged { reason: damaged.0, bytes: bytes.len() as u64 })),
    }
    let mut at = HEADER_BYTES;
    let reason = loop {
        match frame::next_frame(&bytes[at..]) {
            Ok(None) => return Ok((segment, Verdict::Sound)),
            Ok(Some((found, len))) => {
                if let Err(damaged) = read_frame(found, &mut segment, names, &mut take) {
                    break damaged.0;
                }
                at += len;
                segment.bytes = at as u64;
            }
            Err(damaged) => break damaged.0,
        }
    };
    let rest = (bytes.len() - at) as u64;
    // What was written later was written after this was on the disk: then this is no write that was cut short.
    let is_torn = is_last && !has_sound_frame(&bytes[at + 1..]);
    let verdict = if is_torn { Verdict::Torn { bytes: rest } } else { Verdict::Damaged { reason, bytes: rest } };
    Ok((segment, verdict))
}

fn read_frame(
    found: Frame<'_>,
    segment: &mut Segment,
    names: &mut Names,
    take: &mut impl FnMut(&Names, FramePoint),
) -> Result<(), super::super::bytes::Damaged> {
    match found {
        Frame::Series { series, device, property } => {
            names.insert(series, (device.to_owned(), property.to_owned()));
        }
        Frame::Points(points) => {
            let last = points.last_number();
            for point in points {
                take(names, point?);
            }
            segment.last = segment.last.max(last);
        }
    }
    Ok(())
}

/// Whether a frame that holds together begins in these bytes. One that follows a damaged one begins not further away than
/// the longest frame is long.
fn has_sound_frame(bytes: &[u8]) -> bool {
    (0..bytes.len().min(FRAME_BYTES_MAX)).any(|at| matches!(frame::next_frame(&bytes[at..]), Ok(Some(_))))
}
