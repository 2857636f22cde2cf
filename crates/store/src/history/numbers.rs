//! Columns of numbers, compressed by `pco`.
//!
//! What `pco` would have to find out by trying is known here: times ascend, and by steps that have a common divisor; readings of
//! sensors have few decimals. Said in advance, a chunk takes a tenth of the time and comes out smaller.

use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use super::bytes::{Damaged, Source, TENS, decimal, put_signed, put_varint, undecimal};

const STEPS: u8 = 0;
const INTS: u8 = 1;
const SCALED: u8 = 2;
const DECIMALS: u8 = 3;
const FLOATS: u8 = 4;

/// Integers in any order.
pub(crate) fn put_ints(out: &mut Vec<u8>, numbers: &[i64]) {
    if put_steps(out, numbers) {
        return;
    }
    let shortest = [0, 1].map(|order| compressed(numbers, order)).into_iter().min_by_key(Vec::len);
    out.push(INTS);
    put_block(out, &shortest.unwrap_or_default());
}

/// Integers that do not descend.
pub(crate) fn put_ascending(out: &mut Vec<u8>, numbers: &[i64]) {
    if put_steps(out, numbers) {
        return;
    }
    let first = numbers[0];
    // The distance of any two integers fits when it is unsigned.
    let distances = || numbers.iter().map(|number| number.wrapping_sub(first).cast_unsigned());
    let divisor = distances().fold(0, greatest_common_divisor).max(1);
    let scaled: Vec<u64> = distances().map(|distance| distance / divisor).collect();
    out.push(SCALED);
    put_signed(out, first);
    put_varint(out, divisor);
    put_block(out, &compressed(&scaled, 1));
}

/// Floats, kept to the last bit.
pub(crate) fn put_floats(out: &mut Vec<u8>, numbers: &[f64]) {
    if let Some((digits, whole)) = decimals(numbers) {
        out.push(DECIMALS);
        #[allow(clippy::cast_possible_truncation)] // at most six
        out.push(digits as u8);
        put_ints(out, &whole);
        return;
    }
    out.push(FLOATS);
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    put_block(out, &simple_compress(numbers, &config).expect("the configuration is valid"));
}

/// The least number of digits behind the point with which all of them are decimal numbers, and those without the point.
fn decimals(numbers: &[f64]) -> Option<(usize, Vec<i64>)> {
    let digits = digits_of(numbers)?;
    numbers.iter().map(|number| decimal(*number, digits)).collect::<Option<_>>().map(|whole| (digits, whole))
}

/// How many digits behind the point these numbers have at most, if they are decimal numbers with few.
pub(crate) fn digits_of(numbers: &[f64]) -> Option<usize> {
    let mut digits = 0;
    for number in numbers {
        while decimal(*number, digits).is_none() {
            digits += 1;
            if digits == TENS.len() {
                return None;
            }
        }
    }
    Some(digits)
}

/// More finds little more in so few numbers.
const LEVEL: usize = 4;

fn compressed<T: pco::data_types::Number>(numbers: &[T], order: usize) -> Vec<u8> {
    let delta = if order == 0 { DeltaSpec::NoOp } else { DeltaSpec::TryConsecutive(order) };
    let config =
        ChunkConfig::default().with_compression_level(LEVEL).with_mode_spec(ModeSpec::Classic).with_delta_spec(delta);
    simple_compress(numbers, &config).expect("the configuration is valid")
}

fn put_block(out: &mut Vec<u8>, block: &[u8]) {
    put_varint(out, block.len() as u64);
    out.extend_from_slice(block);
}

/// Numbers at even distances, equal ones among them.
fn put_steps(out: &mut Vec<u8>, numbers: &[i64]) -> bool {
    let step = match numbers {
        [first, second, ..] => second.wrapping_sub(*first),
        _ => 0,
    };
    let is_even = numbers.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    if is_even {
        out.push(STEPS);
        put_signed(out, numbers.first().copied().unwrap_or(0));
        put_signed(out, step);
    }
    is_even
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What [`put_ints`] or [`put_ascending`] wrote.
pub(crate) fn ints(source: &mut Source<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    match source.byte()? {
        STEPS => {
            let (first, step) = (source.signed()?, source.signed()?);
            let next = |number: &i64| Some(number.wrapping_add(step));
            Ok(std::iter::successors(Some(first), next).take(count).collect())
        }
        INTS => block(source, count),
        SCALED => {
            let (first, divisor) = (source.signed()?, source.varint()?);
            let scaled: Vec<u64> = block(source, count)?;
            let number = |scaled: u64| first.wrapping_add(scaled.wrapping_mul(divisor).cast_signed());
            Ok(scaled.into_iter().map(number).collect())
        }
        _ => Err(Damaged("a column of integers is of an unknown kind")),
    }
}

/// What [`put_floats`] wrote; all of them finite.
pub(crate) fn floats(source: &mut Source<'_>, count: usize) -> Result<Vec<f64>, Damaged> {
    let numbers: Vec<f64> = match source.byte()? {
        DECIMALS => {
            let digits = usize::from(source.byte()?);
            if digits >= TENS.len() {
                return Err(Damaged("a column of floats has too many digits"));
            }
            ints(source, count)?.into_iter().map(|whole| undecimal(whole, digits)).collect()
        }
        FLOATS => block(source, count)?,
        _ => return Err(Damaged("a column of floats is of an unknown kind")),
    };
    let are_finite = numbers.iter().all(|number| number.is_finite());
    are_finite.then_some(numbers).ok_or(Damaged("a float is no number"))
}

fn block<T: pco::data_types::Number + Default>(source: &mut Source<'_>, count: usize) -> Result<Vec<T>, Damaged> {
    let len = source.count(source.len())?;
    let bytes = source.take(len)?;
    let mut numbers = vec![T::default(); count];
    let progress =
        simple_decompress_into(bytes, &mut numbers).map_err(|_| Damaged("a column cannot be decompressed"))?;
    let is_whole = progress.finished && progress.n_processed == count;
    is_whole.then_some(numbers).ok_or(Damaged("a column is of another length"))
}
