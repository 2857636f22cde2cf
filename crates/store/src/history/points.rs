//! Points in columns: as heads hold them, and as chunks become when they are read.

use housewire_core::Timestamp;

use super::reading::{Finite, Point, Reading, StateText};

/// The readings of some points; a column of one kind, or, where a property changed its type, of several.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Readings {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    /// All finite.
    Float(Vec<f64>),
    Text(Vec<StateText>),
    Mixed(Vec<Reading>),
}

impl Default for Readings {
    fn default() -> Self {
        Self::Float(Vec::new())
    }
}

/// One call on whichever column it is.
macro_rules! on_column {
    ($readings:expr, $column:ident => $call:expr) => {
        match $readings {
            Readings::Bool($column) => $call,
            Readings::Int($column) => $call,
            Readings::Float($column) => $call,
            Readings::Text($column) => $call,
            Readings::Mixed($column) => $call,
        }
    };
}

impl Readings {
    pub(crate) fn len(&self) -> usize {
        on_column!(self, column => column.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that it takes, texts without their shared bytes.
    pub(crate) fn bytes(&self) -> usize {
        fn of<T>(column: &Vec<T>) -> usize {
            column.capacity() * size_of::<T>()
        }
        on_column!(self, column => of(column))
    }

    pub(crate) fn get(&self, at: usize) -> Reading {
        match self {
            Self::Bool(column) => Reading::Bool(column[at]),
            Self::Int(column) => Reading::Int(column[at]),
            Self::Float(column) => Reading::Float(Finite::new(column[at]).expect("only finite floats are in columns")),
            Self::Text(column) => Reading::Text(column[at].clone()),
            Self::Mixed(column) => column[at].clone(),
        }
    }

    pub(crate) fn number(&self, at: usize) -> Option<f64> {
        match self {
            Self::Bool(column) => Some(f64::from(u8::from(column[at]))),
            #[allow(clippy::cast_precision_loss)] // as `Reading::number` says
            Self::Int(column) => Some(column[at] as f64),
            Self::Float(column) => Some(column[at]),
            Self::Text(_) => None,
            Self::Mixed(column) => column[at].number(),
        }
    }

    pub(crate) fn push(&mut self, reading: Reading) {
        if self.is_empty() {
            *self = match reading {
                Reading::Bool(is_on) => Self::Bool(vec![is_on]),
                Reading::Int(number) => Self::Int(vec![number]),
                Reading::Float(number) => Self::Float(vec![number.get()]),
                Reading::Text(text) => Self::Text(vec![text]),
            };
            return;
        }
        match (&mut *self, reading) {
            (Self::Bool(column), Reading::Bool(is_on)) => column.push(is_on),
            (Self::Int(column), Reading::Int(number)) => column.push(number),
            (Self::Float(column), Reading::Float(number)) => column.push(number.get()),
            (Self::Text(column), Reading::Text(text)) => column.push(text),
            (Self::Mixed(column), reading) => column.push(reading),
            (_, reading) => {
                let mut column: Vec<_> = (0..self.len()).map(|at| self.get(at)).collect();
                column.push(reading);
                *self = Self::Mixed(column);
            }
        }
    }

    fn truncate(&mut self, len: usize) {
        on_column!(self, column => column.truncate(len));
    }

    fn drop_front(&mut self, count: usize) {
        on_column!(self, column => drop(column.drain(..count)));
    }

    fn picked(&self, picks: &[usize]) -> Self {
        fn of<T: Clone>(column: &[T], picks: &[usize]) -> Vec<T> {
            picks.iter().map(|at| column[*at].clone()).collect()
        }
        match self {
            Self::Bool(column) => Self::Bool(of(column, picks)),
            Self::Int(column) => Self::Int(of(column, picks)),
            Self::Float(column) => Self::Float(of(column, picks)),
            Self::Text(column) => Self::Text(of(column, picks)),
            Self::Mixed(column) => Self::Mixed(of(column, picks)),
        }
    }
}

/// Points of one series. Both columns have one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Points {
    /// In microseconds.
    pub(crate) times: Vec<i64>,
    pub(crate) readings: Readings,
}

impl Points {
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    pub(crate) fn push(&mut self, time: i64, reading: Reading) {
        self.times.push(time);
        self.readings.push(reading);
    }

    pub(crate) fn get(&self, at: usize) -> Point {
        Point { time: Timestamp::from_micros(self.times[at]), reading: self.readings.get(at) }
    }

    pub(crate) fn append(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
            return;
        }
        self.times.extend_from_slice(&other.times);
        match (&mut self.readings, &other.readings) {
            (Readings::Bool(own), Readings::Bool(other)) => own.extend_from_slice(other),
            (Readings::Int(own), Readings::Int(other)) => own.extend_from_slice(other),
            (Readings::Float(own), Readings::Float(other)) => own.extend_from_slice(other),
            (Readings::Text(own), Readings::Text(other)) => own.extend_from_slice(other),
            (own, other) => (0..other.len()).for_each(|at| own.push(other.get(at))),
        }
    }

    /// Puts them into order of time; those of one time stay in the order they are in.
    pub(crate) fn sort(&mut self) {
        if !self.times.is_sorted() {
            let mut picks: Vec<_> = (0..self.len()).collect();
            picks.sort_by_key(|at| self.times[*at]);
            *self = self.picked(&picks);
        }
    }

    pub(crate) fn picked(&self, picks: &[usize]) -> Self {
        Self { times: picks.iter().map(|at| self.times[*at]).collect(), readings: self.readings.picked(picks) }
    }

    /// Those whose time is wanted.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(i64) -> bool) {
        if !self.times.iter().all(|time| is_wanted(*time)) {
            let picks: Vec<_> = (0..self.len()).filter(|at| is_wanted(self.times[*at])).collect();
            *self = self.picked(&picks);
        }
    }

    /// A part of them.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        self.picked(&(from..to).collect::<Vec<_>>())
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.times.truncate(len);
        self.readings.truncate(len);
    }
}

/// Points of one series that are in no chunk yet, in order of arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// As long as the points; counts up.
    pub(crate) numbers: Vec<u64>,
    pub(crate) points: Points,
}

impl Head {
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn push(&mut self, number: u64, time: i64, reading: Reading) {
        self.numbers.push(number);
        self.points.push(time, reading);
    }

    /// Memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.numbers.capacity() * 8 + self.points.times.capacity() * 8 + self.points.readings.bytes()
    }

    /// The first points, in order of arrival.
    pub(crate) fn front(&self, count: usize) -> Points {
        if count == self.len() {
            return self.points.clone();
        }
        self.points.slice(0, count)
    }

    /// Forgets the first ones.
    pub(crate) fn drop_front(&mut self, count: usize) {
        if count == self.len() {
            *self = Self::default();
            return;
        }
        self.numbers.drain(..count);
        self.points.times.drain(..count);
        self.points.readings.drop_front(count);
    }

    /// Points that came after the one with this number.
    pub(crate) fn after(&self, number: u64) -> Points {
        let from = self.numbers.partition_point(|other| *other <= number);
        if from == 0 { self.points.clone() } else { self.points.slice(from, self.len()) }
    }
}
