//! Numbers and texts as bytes, in frames of the log and in chunks. Reading takes any bytes: what does not fit is [`Damaged`].

use super::reading::{Finite, Reading, StateText};

/// Bytes that are not what they should be, and what is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged(pub(crate) &'static str);

pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[allow(clippy::cast_possible_truncation)] // the lowest seven bits, with a mark that more follow
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)] // less than 0x80
    out.push(number as u8);
}

/// Small numbers of either sign take few bytes.
pub(crate) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_varint(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Powers of ten that decimal numbers are taken apart by.
pub(crate) const TENS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

/// The integer that, divided by 10^`digits`, is exactly this number, to the last bit.
pub(crate) fn decimal(number: f64, digits: usize) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let scaled = (number * TENS[digits]).round();
    if scaled.abs() >= EXACT {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)] // whole, and less than 2^53
    let whole = scaled as i64;
    (undecimal(whole, digits).to_bits() == number.to_bits()).then_some(whole)
}

/// The number that [`decimal`] took apart.
pub(crate) fn undecimal(whole: i64, digits: usize) -> f64 {
    #[allow(clippy::cast_precision_loss)] // `decimal` only makes numbers below 2^53
    let whole = whole as f64;
    whole / TENS[digits]
}

const FALSE: u8 = 0;
const TRUE: u8 = 1;
const INT: u8 = 2;
const FLOAT: u8 = 3;
const TEXT: u8 = 4;
/// And up to five digits behind the point.
const DECIMAL: u8 = 8;
const DECIMAL_DIGITS_MAX: usize = 5;

pub(crate) fn put_reading(out: &mut Vec<u8>, reading: &Reading) {
    match reading {
        Reading::Bool(false) => out.push(FALSE),
        Reading::Bool(true) => out.push(TRUE),
        Reading::Int(number) => {
            out.push(INT);
            put_signed(out, *number);
        }
        Reading::Float(number) => put_float(out, number.get()),
        Reading::Text(text) => {
            out.push(TEXT);
            put_text(out, text.as_str());
        }
    }
}

fn put_float(out: &mut Vec<u8>, number: f64) {
    // Beyond this the plain eight bytes are no longer.
    const SHORT: u64 = 1 << 48;
    for digits in 0..=DECIMAL_DIGITS_MAX {
        if let Some(whole) = decimal(number, digits).filter(|whole| whole.unsigned_abs() < SHORT) {
            #[allow(clippy::cast_possible_truncation)] // at most five
            out.push(DECIMAL + digits as u8);
            put_signed(out, whole);
            return;
        }
    }
    out.push(FLOAT);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    rest: &'a [u8],
}

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.rest.split_first().ok_or(Damaged("it ends too early"))?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Damaged("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Damaged("it ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damaged("a number is too long"))
    }

    /// A count of things that take at least one bit each; so nothing is reserved that could not be there.
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, Damaged> {
        let count = usize::try_from(self.varint()?).ok().filter(|count| *count <= max);
        count.ok_or(Damaged("there are too many of something"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Damaged> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn text(&mut self, bytes_max: usize) -> Result<&'a str, Damaged> {
        let count = self.count(bytes_max)?;
        std::str::from_utf8(self.take(count)?).map_err(|_| Damaged("a text is no UTF-8"))
    }

    pub(crate) fn reading(&mut self) -> Result<Reading, Damaged> {
        let finite = |number| Finite::new(number).map(Reading::Float).ok_or(Damaged("a float is no number"));
        match self.byte()? {
            FALSE => Ok(Reading::Bool(false)),
            TRUE => Ok(Reading::Bool(true)),
            INT => Ok(Reading::Int(self.signed()?)),
            FLOAT => finite(f64::from_le_bytes(self.array()?)),
            TEXT => {
                let text = self.text(crate::limits::STATE_BYTES_MAX)?;
                Ok(Reading::Text(StateText::new(text).ok_or(Damaged("a text is too long"))?))
            }
            tag => match usize::from(tag).checked_sub(usize::from(DECIMAL)) {
                Some(digits) if digits <= DECIMAL_DIGITS_MAX => finite(undecimal(self.signed()?, digits)),
                _ => Err(Damaged("a reading is of an unknown kind")),
            },
        }
    }
}
