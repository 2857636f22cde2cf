//! Minutes and hours: what stands for their points when those are too many, or gone.
//!
//! Belongs here: what one minute or hour says, how two that say something of the same one become one, and lists of them as bytes.
//! Does not: when they are made. A cell may tell of a part of its minute: late points make a further one, which is added at reading.

use super::bytes::{Damaged, TENS};
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
    super::bytes::put_varint(&mut out, cells.len() as u64);
    let ints = |pick: fn(&Cell) -> i64| cells.iter().map(pick).collect::<Vec<_>>();
    // Sums of huge numbers may have become infinite; a column holds none, and no mean can be told.
    let floats =
        |pick: fn(&Cell) -> f64| cells.iter().map(|cell| pick(cell).clamp(f64::MIN, f64::MAX)).collect::<Vec<_>>();
    put_ascending(&mut out, &ints(|cell| cell.start));
    put_ints(&mut out, &ints(|cell| cell.count));
    put_ints(&mut out, &ints(|cell| cell.count - cell.numbers));
    put_ints(&mut out, &ints(|cell| cell.last_time.wrapping_sub(cell.start)));
    put_floats(&mut out, &floats(|cell| cell.min));
    put_floats(&mut out, &floats(|cell| cell.max));
    put_floats(&mut out, &floats(|cell| cell.sum));
    put_floats(&mut out, &floats(|cell| cell.last));
    seal(out)
}

/// What [`encode`] made.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Cell>, Damaged> {
    let mut source = unseal(bytes)?;
    let count = source.count(CELLS_READ_MAX)?;
    let starts = ints(&mut source, count)?;
    let counts = ints(&mut source, count)?;
    let states = ints(&mut source, count)?;
    let offsets = ints(&mut source, count)?;
    let [min, max, sum, last] = {
        let mut column = || floats(&mut source, count);
        [column()?, column()?, column()?, column()?]
    };
    let is_sound = |at: usize| counts[at] > 0 && (0..=counts[at]).contains(&states[at]);
    if !source.is_empty() || !starts.is_sorted() || !(0..count).all(is_sound) {
        return Err(Damaged("its columns do not fit together"));
    }
    let cell = |at: usize| Cell {
        start: starts[at],
        count: counts[at],
        numbers: counts[at] - states[at],
        min: min[at],
        max: max[at],
        sum: sum[at],
        last: last[at],
        last_time: starts[at].wrapping_add(offsets[at]),
    };
    Ok((0..count).map(cell).collect())
}
