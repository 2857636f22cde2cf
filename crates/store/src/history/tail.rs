//! Following the log, for whoever passes points on: in order, each with its number, and only what is on the disk.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use housewire_core::Timestamp;

use super::answers::{Followed, Logged};
use super::log::frame::{self, FRAME_BYTES_MAX, Frame, HEADER_BYTES};
use super::log::{Segment, segment_name};
use super::memory::Shared;
use super::reading::Point;
use crate::error::StoreError;

/// Follows the log; see [`super::HistoryReader::tail`].
#[derive(Debug)]
pub struct Tail {
    shared: Arc<Shared>,
    /// The last point that was handed out or passed over.
    last: u64,
    /// In which file the next one is to be looked for, and from which byte on.
    place: Option<(u64, u64)>,
}

/// What is read of a file at once.
const READ_BYTES: usize = FRAME_BYTES_MAX + 64 * 1024;

impl Tail {
    pub(crate) fn new(shared: Arc<Shared>, after: u64) -> Self {
        Self { shared, last: after, place: None }
    }

    /// The next points that are on the disk, about `points_max` of them: whole entries of the log; none if there are no further ones yet.
    pub fn next(&mut self, points_max: usize) -> Result<Followed, StoreError> {
        let mut followed = Followed { last: self.last, ..Followed::default() };
        while followed.points.len() < points_max.max(1) {
            let Some((segment, from)) = self.segment(&mut followed) else { break };
            let bytes = match self.read(&segment, from) {
                // It was deleted in between.
                Err(StoreError::File { source, .. }) if source.kind() == ErrorKind::NotFound => continue,
                bytes => bytes?,
            };
            let end = self.take_frames(&bytes, points_max, &mut followed);
            self.place = Some((segment.number, from + end));
            if end == 0 {
                // What cannot be read is passed over with the rest of its file, and counted as lost.
                self.place = Some((segment.number, segment.bytes));
            }
        }
        Ok(followed)
    }

    /// The file that goes on behind the last point, and where. Counts what is not there any more.
    fn segment(&mut self, followed: &mut Followed) -> Option<(Segment, u64)> {
        let shared = Arc::clone(&self.shared);
        let memory = shared.memory.lock();
        if let Some((number, from)) = self.place
            && let Some(segment) = memory.segments.iter().find(|segment| segment.number == number)
            && from < segment.bytes
        {
            return Some((segment.clone(), from));
        }
        let read = self.place.map_or(0, |(number, _)| number);
        let next = memory.segments.iter().find(|segment| segment.number > read && segment.last > self.last);
        // Without a file that has more, whatever else was committed has left the log.
        self.pass_over(next.map_or(memory.committed, |segment| segment.first - 1), followed);
        next.map(|segment| (segment.clone(), HEADER_BYTES as u64))
    }

    fn pass_over(&mut self, number: u64, followed: &mut Followed) {
        if number > self.last {
            followed.lost += number - self.last;
            self.last = number;
            followed.last = number;
        }
    }

    fn read(&self, segment: &Segment, from: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.shared.log_folder.join(segment_name(segment.number));
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take((segment.bytes - from).min(READ_BYTES as u64)).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|source| StoreError::file("read", &path, source))
    }

    /// Takes whole frames. Returns how many bytes they are.
    fn take_frames(&mut self, bytes: &[u8], points_max: usize, followed: &mut Followed) -> u64 {
        let mut at = 0;
        while followed.points.len() < points_max.max(1) {
            let Ok(Some((found, len))) = frame::next_frame(&bytes[at..]) else { break };
            at += len;
            let Frame::Points(points) = found else { continue };
            for point in points.map_while(Result::ok) {
                if point.number <= self.last {
                    continue;
                }
                self.pass_over(point.number - 1, followed);
                self.last = point.number;
                followed.last = point.number;
                let time = Timestamp::from_micros(point.time);
                let point_read = Point { time, reading: point.reading };
                followed.points.push(Logged { number: point.number, series: point.series, point: point_read });
            }
        }
        let memory = self.shared.memory.lock();
        followed.points.retain(|logged| memory.get(logged.series).is_some());
        at as u64
    }
}
