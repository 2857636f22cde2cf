//! Minutes and hours: what stands for their points when those are too many, or gone.
//!
//! Belongs here: what one minute or hour says, how two that say something of the same one become one, and lists of them as bytes.
//! Does not: when they are made. A cell may tell of a part of its minute: late points make a further one, which is added at reading.

use super::bytes::{Damaged, Source, TENS, decimal, put_varint, undecimal};
use super::chunk::{begin, seal, unseal};
use super::numbers::{digits_of, floats, ints, put_ascending, put_floats, put_ints};
use super::points::Points;

/// How fine something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    /// Point by point.
    Raw,
    Minute,
    Hour,
}

impl Level {
    /// Those of cells.
    pub(crate) const CELLS: [Self; 2] = [Self::Minute, Self::Hour];

    /// Its number in the files.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Raw => 0,
            Self::Minute => 1,
            Self::Hour => 2,
        }
    }

    /// Microseconds of a cell.
    pub(crate) fn width(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
        }
    }

    /// The beginning of the cell with this moment.
    pub(crate) fn floor(self, time: i64) -> i64 {
        time.saturating_sub(time.rem_euclid(self.width()))
    }

    /// The first beginning of a cell from here on.
    pub(crate) fn ceil(self, time: i64) -> i64 {
        match time.rem_euclid(self.width()) {
            0 => time,
            past => time.saturating_add(self.width() - past),
        }
    }
}

/// What a minute or hour says of its points. Without numbers, all about these is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) start: i64,
    /// Points, those that are states among them.
    pub(crate) count: i64,
    pub(crate) numbers: i64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    /// The number with the latest time, and that.
    pub(crate) last: f64,
    pub(crate) last_time: i64,
}

impl Cell {
    fn of(start: i64, time: i64, number: Option<f64>) -> Self {
        let mut cell = Self { start, count: 1, last_time: start, ..Self::default() };
        if let Some(number) = number {
            (cell.numbers, cell.min, cell.max, cell.sum, cell.last) = (1, number, number, number, number);
            cell.last_time = time;
        }
        cell
    }

    /// Takes in another that tells of the same minute or hour, of points that came later.
    pub(crate) fn add(&mut self, later: &Self) {
        self.count = self.count.saturating_add(later.count);
        if later.numbers == 0 {
            return;
        }
        if self.numbers == 0 {
            (self.min, self.max, self.sum) = (later.min, later.max, later.sum);
        } else {
            (self.min, self.max, self.sum) = (self.min.min(later.min), self.max.max(later.max), self.sum + later.sum);
        }
        if self.numbers == 0 || later.last_time >= self.last_time {
            (self.last, self.last_time) = (later.last, later.last_time);
        }
        self.numbers = self.numbers.saturating_add(later.numbers);
    }
}

/// The cells of points in order of time.
pub(crate) fn fold(level: Level, points: &Points) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for (at, time) in points.times.iter().enumerate() {
        let one = Cell::of(level.floor(*time), *time, points.readings.number(at));
        match cells.last_mut() {
            Some(last) if last.start == one.start => last.add(&one),
            _ => cells.push(one),
        }
    }
    round(&mut cells);
    cells
}

/// Cells in order, one for each minute or hour, of ones in order of the arrival of their points.
pub(crate) fn merge(mut cells: Vec<Cell>) -> Vec<Cell> {
    cells.sort_by_key(|cell| cell.start);
    let mut merged: Vec<Cell> = Vec::with_capacity(cells.len());
    for cell in cells {
        match merged.last_mut() {
            Some(last) if last.start == cell.start => last.add(&cell),
            _ => merged.push(cell),
        }
    }
    round(&mut merged);
    merged
}

/// The sum of decimal numbers is one with as many digits. What adding floats put behind those is an error of theirs, and would
/// take more room than everything else.
fn round(cells: &mut [Cell]) {
    let ends: Vec<f64> = cells.iter().flat_map(|cell| [cell.min, cell.max, cell.last]).collect();
    let Some(digits) = digits_of(&ends) else { return };
    for cell in cells {
        let rounded = (cell.sum * TENS[digits]).round() / TENS[digits];
        let biggest = cell.min.abs().max(cell.max.abs());
        #[allow(clippy::cast_precision_loss)] // an estimate
        let error = biggest * (cell.numbers as f64) * (cell.numbers as f64) * f64::EPSILON;
        if rounded.is_finite() && (rounded - cell.sum).abs() <= error {
            cell.sum = rounded;
        }
    }
}

/// No list has more cells; where a count says more, it is damaged.
const CELLS_READ_MAX: usize = 1 << 16;

/// Cells in order, not none, as bytes.
pub(crate) fn encode(cells: &[Cell]) -> Vec<u8> {
    let mut out = begin();
    put_varint(&mut out, cells.len() as u64);
    let ints = |pick: fn(&Cell) -> i64| cells.iter().map(pick).collect::<Vec<_>>();
    put_ascending(&mut out, &ints(|cell| cell.start));
    put_ints(&mut out, &ints(|cell| cell.count));
    put_ints(&mut out, &ints(|cell| cell.count - cell.numbers));
    // Where something reports at even distances, so are these.
    put_ints(&mut out, &ints(|cell| cell.last_time));
    // Sums of huge numbers may have become infinite; a column holds none, and no mean can be told.
    let floats =
        |pick: fn(&Cell) -> f64| cells.iter().map(|cell| pick(cell).clamp(f64::MIN, f64::MAX)).collect::<Vec<_>>();
    let columns = [floats(|cell| cell.min), floats(|cell| cell.max), floats(|cell| cell.last), floats(|cell| cell.sum)];
    match decimals(&columns) {
        Some((digits, columns)) => put_decimals(&mut out, cells, &columns, digits),
        None => {
            out.push(FLOATS);
            columns.iter().for_each(|column| put_floats(&mut out, column));
        }
    }
    seal(out)
}

const FLOATS: u8 = 0;
const DECIMALS: u8 = 1;

/// Columns without the point, and how many digits stood behind it; the same for all.
fn decimals(columns: &[Vec<f64>; 4]) -> Option<(usize, [Vec<i64>; 4])> {
    let digits = columns.iter().map(|column| digits_of(column)).collect::<Option<Vec<_>>>()?.into_iter().max()?;
    let whole = |column: &Vec<f64>| column.iter().map(|number| decimal(*number, digits)).collect::<Option<Vec<_>>>();
    let [min, max, last, sum] = columns.each_ref().map(whole);
    Some((digits, [min?, max?, last?, sum?]))
}

/// All but the lowest are told by how far above it they are: these are small.
fn put_decimals(out: &mut Vec<u8>, cells: &[Cell], [min, max, last, sum]: &[Vec<i64>; 4], digits: usize) {
    out.push(DECIMALS);
    #[allow(clippy::cast_possible_truncation)] // at most six
    out.push(digits as u8);
    let above =
        |column: &[i64]| column.iter().zip(min).map(|(number, min)| number.wrapping_sub(*min)).collect::<Vec<_>>();
    put_ints(out, min);
    put_ints(out, &above(max));
    put_ints(out, &above(last));
    let all_lowest = |at: usize| min[at].wrapping_mul(cells[at].numbers);
    put_ints(out, &sum.iter().enumerate().map(|(at, sum)| sum.wrapping_sub(all_lowest(at))).collect::<Vec<_>>());
}

/// The lowest, the highest, the last and the sum of each.
fn values(source: &mut Source<'_>, numbers: &[i64]) -> Result<[Vec<f64>; 4], Damaged> {
    let count = numbers.len();
    match source.byte()? {
        FLOATS => {
            let mut column = || floats(source, count);
            Ok([column()?, column()?, column()?, column()?])
        }
        DECIMALS => {
            let digits = usize::from(source.byte()?);
            if digits >= TENS.len() {
                return Err(Damaged("a column has too many digits"));
            }
            let mut column = || ints(source, count);
            let [min, max, last, sum] = [column()?, column()?, column()?, column()?];
            let above = |column: Vec<i64>| {
                column.iter().zip(&min).map(|(above, min)| undecimal(above.wrapping_add(*min), digits)).collect()
            };
            let sum = (0..count).map(|at| undecimal(sum[at].wrapping_add(min[at].wrapping_mul(numbers[at])), digits));
            let sum = sum.collect();
            Ok([min.iter().map(|min| undecimal(*min, digits)).collect(), above(max), above(last), sum])
        }
        _ => Err(Damaged("its numbers are of an unknown kind")),
    }
}

/// What [`encode`] made.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Cell>, Damaged> {
    let mut source = unseal(bytes)?;
    let count = source.count(CELLS_READ_MAX)?;
    let starts = ints(&mut source, count)?;
    let counts = ints(&mut source, count)?;
    let states = ints(&mut source, count)?;
    let times = ints(&mut source, count)?;
    let is_sound = |at: usize| counts[at] > 0 && (0..=counts[at]).contains(&states[at]);
    if count == 0 || !starts.is_sorted() || !(0..count).all(is_sound) {
        return Err(Damaged("its columns do not fit together"));
    }
    let numbers: Vec<_> = counts.iter().zip(&states).map(|(count, states)| count - states).collect();
    let [min, max, last, sum] = values(&mut source, &numbers)?;
    if !source.is_empty() {
        return Err(Damaged("it is of another length"));
    }
    let cell = |at: usize| Cell {
        start: starts[at],
        count: counts[at],
        numbers: numbers[at],
        min: min[at],
        max: max[at],
        sum: sum[at],
        last: last[at],
        last_time: times[at],
    };
    Ok((0..count).map(cell).collect())
}
