//! How a file of the log looks: a header, then frames, each with its length and a CRC.
//!
//! A frame holds points, or the name of a series, so that a file can be read when there is no database to say which series has
//! which number. Reading takes any bytes.

use super::super::answers::SeriesInfo;
use super::super::bytes::{Damaged, Source, put_reading, put_signed, put_text, put_varint};
use super::super::reading::{Reading, SeriesId};

const MAGIC: [u8; 8] = *b"Hwirlog1";
/// Magic, number of the file, number of its first point, CRC.
pub(crate) const HEADER_BYTES: usize = 28;
/// Length and CRC.
const FRAME_HEAD_BYTES: usize = 8;
/// No frame is longer; where a length says more, it is damaged.
pub(crate) const FRAME_BYTES_MAX: usize = 1 << 20;
/// A frame of points is ended here.
const POINTS_BYTES: usize = 32 * 1024;
/// Of a device's or property's name.
const NAME_BYTES_MAX: usize = 1024;

const SERIES: u8 = 1;
const POINTS: u8 = 2;

pub(crate) fn put_header(out: &mut Vec<u8>, number: u64, first: u64) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&first.to_le_bytes());
    let crc = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The number of the first point of a file.
pub(crate) fn header(bytes: &[u8]) -> Result<u64, Damaged> {
    let mut source = Source::new(bytes);
    let head = source.take(HEADER_BYTES - 4)?;
    if crc32fast::hash(head) != u32::from_le_bytes(source.array()?) {
        return Err(Damaged("the checksum of its head is wrong"));
    }
    let mut head = Source::new(head);
    if head.array()? != MAGIC {
        return Err(Damaged("it is no file of this log"));
    }
    head.take(8)?;
    match u64::from_le_bytes(head.array()?) {
        0 | crate::limits::NUMBER_MAX.. => Err(Damaged("the number of its first point cannot be")),
        first => Ok(first),
    }
}

pub(crate) fn put_series(out: &mut Vec<u8>, info: &SeriesInfo) {
    let mut body = vec![SERIES];
    put_varint(&mut body, u64::from(info.id.number()));
    put_text(&mut body, &info.device);
    put_text(&mut body, &info.property);
    put_frame(out, &body);
}

fn put_frame(out: &mut Vec<u8>, body: &[u8]) {
    let len = u32::try_from(body.len()).expect("frames are ended long before");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&crc(len, body).to_le_bytes());
    out.extend_from_slice(body);
}

fn crc(len: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&len.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// A frame that points are added to.
#[derive(Debug, Default)]
pub(crate) struct PointsFrame {
    first: u64,
    count: u64,
    last_time: i64,
    body: Vec<u8>,
}

impl PointsFrame {
    pub(crate) fn add(&mut self, number: u64, series: u32, time: i64, reading: &Reading) {
        if self.count == 0 {
            self.first = number;
            self.last_time = 0;
        }
        self.count += 1;
        put_varint(&mut self.body, u64::from(series));
        put_signed(&mut self.body, time.wrapping_sub(self.last_time));
        put_reading(&mut self.body, reading);
        self.last_time = time;
    }

    pub(crate) fn len(&self) -> usize {
        self.body.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.body.len() >= POINTS_BYTES
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.count == 0 {
            return;
        }
        let mut whole = Vec::with_capacity(self.body.len() + 16);
        whole.push(POINTS);
        put_varint(&mut whole, self.first);
        put_varint(&mut whole, self.count);
        whole.append(&mut self.body);
        put_frame(out, &whole);
        self.count = 0;
    }
}

/// What a frame says.
#[derive(Debug)]
pub(crate) enum Frame<'a> {
    /// A series has this name.
    Series { series: SeriesId, device: &'a str, property: &'a str },
    /// Points.
    Points(PointsReader<'a>),
}

/// The points of a frame, one by one.
#[derive(Debug)]
pub(crate) struct PointsReader<'a> {
    /// The number of the next point.
    number: u64,
    left: u64,
    time: i64,
    source: Source<'a>,
}

/// A point as it stands in a frame.
#[derive(Debug, PartialEq)]
pub(crate) struct FramePoint {
    pub(crate) number: u64,
    pub(crate) series: SeriesId,
    pub(crate) time: i64,
    pub(crate) reading: Reading,
}

/// The frame at the front of `bytes`, and how long it is. `None` at the end.
pub(crate) fn next_frame(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Damaged> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut source = Source::new(bytes);
    let (len, sum) = (u32::from_le_bytes(source.array()?), u32::from_le_bytes(source.array()?));
    let count = usize::try_from(len).ok().filter(|count| (1..=FRAME_BYTES_MAX).contains(count));
    let body = source.take(count.ok_or(Damaged("the length of a frame cannot be"))?)?;
    if crc(len, body) != sum {
        return Err(Damaged("the checksum of a frame is wrong"));
    }
    Ok(Some((parse(body)?, FRAME_HEAD_BYTES + body.len())))
}

/// What a frame says whose checksum is right.
pub(crate) fn parse(body: &[u8]) -> Result<Frame<'_>, Damaged> {
    let mut source = Source::new(body);
    match source.byte()? {
        SERIES => {
            let number = u32::try_from(source.varint()?).map_err(|_| Damaged("the number of a series is too high"))?;
            let (device, property) = (source.text(NAME_BYTES_MAX)?, source.text(NAME_BYTES_MAX)?);
            Ok(Frame::Series { series: SeriesId(number), device, property })
        }
        POINTS => {
            let (number, left) = (source.varint()?, source.varint()?);
            // Each takes three bytes at least, and numbers are counted up from these.
            if left > source.len() as u64 || number == 0 || number >= crate::limits::NUMBER_MAX {
                return Err(Damaged("the numbers of a frame cannot be"));
            }
            Ok(Frame::Points(PointsReader { number, left, time: 0, source }))
        }
        _ => Err(Damaged("a frame is of an unknown kind")),
    }
}

impl PointsReader<'_> {
    /// The number of the frame's last point.
    pub(crate) fn last_number(&self) -> u64 {
        (self.number + self.left).saturating_sub(1)
    }

    fn read(&mut self) -> Result<FramePoint, Damaged> {
        let series = u32::try_from(self.source.varint()?).map_err(|_| Damaged("the number of a series is too high"))?;
        self.time = self.time.wrapping_add(self.source.signed()?);
        let reading = self.source.reading()?;
        let number = self.number;
        self.number += 1;
        Ok(FramePoint { number, series: SeriesId(series), time: self.time, reading })
    }
}

impl Iterator for PointsReader<'_> {
    type Item = Result<FramePoint, Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let read = self.read();
        if read.is_err() {
            self.left = 0;
        }
        Some(read)
    }
}
