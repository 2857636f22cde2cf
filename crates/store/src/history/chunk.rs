//! A chunk: up to some hundred points of one series in order of time, compressed column by column, with a CRC.

use super::bytes::{Damaged, Source, put_reading, put_text, put_varint};
use super::numbers::{floats, ints, put_ascending, put_floats, put_ints};
use super::points::{Points, Readings};
use super::reading::StateText;
use crate::limits::STATE_BYTES_MAX;

/// The form that is written here. What has another number is not read.
const FORM: u8 = 1;
/// No chunk has more points; where a count says more, it is damaged.
const POINTS_READ_MAX: usize = 1 << 16;

const BOOL: u8 = 0;
const INT: u8 = 1;
const FLOAT: u8 = 2;
const TEXT: u8 = 3;
const MIXED: u8 = 4;

/// Points as bytes. They are in order of time, and not none.
pub(crate) fn encode(points: &Points) -> Vec<u8> {
    let mut out = vec![FORM];
    out.push(match points.readings {
        Readings::Bool(_) => BOOL,
        Readings::Int(_) => INT,
        Readings::Float(_) => FLOAT,
        Readings::Text(_) => TEXT,
        Readings::Mixed(_) => MIXED,
    });
    put_varint(&mut out, points.len() as u64);
    put_ascending(&mut out, &points.times);
    match &points.readings {
        Readings::Bool(column) => put_bools(&mut out, column),
        Readings::Int(column) => put_ints(&mut out, column),
        Readings::Float(column) => put_floats(&mut out, column),
        Readings::Text(column) => put_texts(&mut out, column),
        Readings::Mixed(column) => column.iter().for_each(|reading| put_reading(&mut out, reading)),
    }
    seal(out)
}

/// What [`encode`] made.
pub(crate) fn decode(bytes: &[u8]) -> Result<Points, Damaged> {
    let mut source = unseal(bytes)?;
    let kind = source.byte()?;
    let count = source.count(POINTS_READ_MAX)?;
    let times = ints(&mut source, count)?;
    if !times.is_sorted() {
        return Err(Damaged("its times are in disorder"));
    }
    let readings = match kind {
        BOOL => Readings::Bool(bools(&mut source, count)?),
        INT => Readings::Int(ints(&mut source, count)?),
        FLOAT => Readings::Float(floats(&mut source, count)?),
        TEXT => Readings::Text(texts(&mut source, count)?),
        MIXED => Readings::Mixed((0..count).map(|_| source.reading()).collect::<Result<_, _>>()?),
        _ => return Err(Damaged("it is of an unknown kind")),
    };
    if !source.is_empty() || count == 0 {
        return Err(Damaged("it is of another length"));
    }
    Ok(Points { times, readings })
}

/// Adds the CRC.
pub(crate) fn seal(mut body: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&body);
    body.extend_from_slice(&crc.to_le_bytes());
    body
}

/// Checks the CRC and the form.
pub(crate) fn unseal(bytes: &[u8]) -> Result<Source<'_>, Damaged> {
    let (body, crc) = bytes.split_last_chunk().ok_or(Damaged("it ends too early"))?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(Damaged("its checksum is wrong"));
    }
    let mut source = Source::new(body);
    if source.byte()? != FORM {
        return Err(Damaged("it is in a form that this version does not know"));
    }
    Ok(source)
}

/// The form of everything that is sealed.
pub(crate) fn begin() -> Vec<u8> {
    vec![FORM]
}

const BITS: u8 = 0;
const LENGTHS: u8 = 1;

/// Bits, or how long each state lasts, whichever is shorter.
fn put_bools(out: &mut Vec<u8>, column: &[bool]) {
    let mut lengths = vec![u8::from(column[0])];
    for run in column.chunk_by(|a, b| a == b) {
        put_varint(&mut lengths, run.len() as u64);
    }
    if lengths.len() <= column.len().div_ceil(8) {
        out.push(LENGTHS);
        out.extend_from_slice(&lengths);
    } else {
        out.push(BITS);
        out.extend(
            column
                .chunks(8)
                .map(|bits| bits.iter().enumerate().fold(0, |byte, (at, is_on)| byte | (u8::from(*is_on) << at))),
        );
    }
}

fn bools(source: &mut Source<'_>, count: usize) -> Result<Vec<bool>, Damaged> {
    if source.byte()? == BITS {
        let bits = source.take(count.div_ceil(8))?;
        return Ok((0..count).map(|at| bits[at / 8] >> (at % 8) & 1 == 1).collect());
    }
    let mut is_on = source.byte()? == 1;
    let mut column = Vec::with_capacity(count);
    while column.len() < count {
        let len = source.count(count - column.len())?;
        if len == 0 {
            return Err(Damaged("a state lasts no time"));
        }
        column.resize(column.len() + len, is_on);
        is_on = !is_on;
    }
    Ok(column)
}

/// A dictionary, in order of appearance, and a column of numbers in it.
fn put_texts(out: &mut Vec<u8>, column: &[StateText]) {
    let mut words: Vec<&StateText> = Vec::new();
    let mut known = rustc_hash::FxHashMap::default();
    let number_of = |text| {
        *known.entry(text).or_insert_with(|| {
            words.push(text);
            i64::try_from(words.len() - 1).expect("there are no more words than points")
        })
    };
    let numbers: Vec<i64> = column.iter().map(number_of).collect();
    put_varint(out, words.len() as u64);
    words.iter().for_each(|word| put_text(out, word.as_str()));
    put_ints(out, &numbers);
}

fn texts(source: &mut Source<'_>, count: usize) -> Result<Vec<StateText>, Damaged> {
    let words = source.count(count)?;
    let word = |_| {
        let text = source.text(STATE_BYTES_MAX)?;
        StateText::new(text).ok_or(Damaged("a text is too long"))
    };
    let words: Vec<_> = (0..words).map(word).collect::<Result<_, _>>()?;
    let word = |number| usize::try_from(number).ok().and_then(|number| words.get(number).cloned());
    ints(source, count)?.into_iter().map(word).collect::<Option<_>>().ok_or(Damaged("it has a word that is none"))
}
