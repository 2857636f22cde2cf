//! Questions that fold a window into buckets.

use housewire_core::Timestamp;
use rusqlite::Error;

use super::super::answers::{Agg, Buckets, Extremes};
use super::super::cells::{Cell, Level};
use super::super::points::{Points, Readings};
use super::super::reading::{Reading, Window};
use super::super::rows;
use super::super::seal::open_chunks;
use super::buckets::{Gathered, edges};
use super::sources::{Source, plan};
use super::{View, load, load_cells};

/// A bucket has so many cells at least, so that those at its edges hardly matter.
const CELLS_IN_BUCKET: i64 = 4;

/// The answer where there is no series.
pub(crate) fn nothing(window: Window, buckets: Buckets, agg: Agg) -> Vec<(Timestamp, Option<f64>)> {
    let edges = edges(window, buckets);
    let gathered = vec![Gathered::default(); edges.len().saturating_sub(1)];
    answers(&edges, &gathered, agg)
}

fn answers(edges: &[i64], gathered: &[Gathered], agg: Agg) -> Vec<(Timestamp, Option<f64>)> {
    edges.iter().zip(gathered).map(|(edge, gathered)| (Timestamp::from_micros(*edge), gathered.value(agg))).collect()
}

impl View<'_> {
    pub(super) fn aggregate(
        &self,
        window: Window,
        buckets: Buckets,
        agg: Agg,
    ) -> Result<Vec<(Timestamp, Option<f64>)>, Error> {
        let edges = edges(window, buckets);
        let level = match buckets {
            // Whole minutes or hours, so that these give what points would.
            _ if edges.len() < 2 => Level::Raw,
            Buckets::Step(_) if are_whole(&edges, Level::Hour) => Level::Hour,
            Buckets::Step(_) if are_whole(&edges, Level::Minute) => Level::Minute,
            _ => self.level(&edges)?,
        };
        let gatherer = self.gather(&edges, level)?;
        Ok(answers(&edges, &gatherer.gathered, agg))
    }

    pub(super) fn extremes(&self, window: Window, buckets: usize) -> Result<Extremes, Error> {
        let edges = edges(window, Buckets::Count(buckets));
        if edges.is_empty() {
            return Ok(Extremes { is_raw: true, points: Vec::new() });
        }
        let (from, to) = (edges[0], edges[edges.len() - 1]);
        let enough = buckets.saturating_mul(2);
        if self.is_complete(from) && self.count_up_to(from, to, enough as u64 + 1)? <= enough as u64 {
            let page = self.page(window, enough, None)?;
            return Ok(Extremes { is_raw: true, points: page.points });
        }
        let gatherer = self.gather(&edges, self.level(&edges)?)?;
        let of_bucket = |gathered: &Gathered| gathered.extremes(|number| gatherer.reading(number));
        let points = gatherer.gathered.iter().flat_map(of_bucket);
        Ok(Extremes { is_raw: false, points: points.collect() })
    }

    /// How a window with these buckets is best read.
    fn level(&self, edges: &[i64]) -> Result<Level, Error> {
        let (from, to) = (edges[0], edges[edges.len() - 1]);
        if self.is_complete(from) && self.count_up_to(from, to, self.exact_points + 1)? <= self.exact_points {
            return Ok(Level::Raw);
        }
        let buckets = i64::try_from(edges.len() - 1).unwrap_or(i64::MAX);
        let width = to.saturating_sub(from) / buckets.max(1);
        let fits = |level: &Level| width >= level.width() * CELLS_IN_BUCKET;
        Ok([Level::Hour, Level::Minute].into_iter().find(fits).unwrap_or(Level::Raw))
    }

    /// Whether all points from here on are there.
    fn is_complete(&self, from: i64) -> bool {
        from >= self.row.raw_from
    }

    /// At least `enough`, or how many points a window has.
    fn count_up_to(&self, from: i64, to: i64, enough: u64) -> Result<u64, Error> {
        let mut count = self.head.times.iter().filter(|time| from <= **time && **time < to).count() as u64;
        let mut at_edges = Vec::new();
        rows::chunks_within(self.connection, self.id, Level::Raw, (from, to, self.row.raw_reach), |chunk| {
            if from <= chunk.t0 && chunk.t1 < to {
                count += chunk.n;
            } else {
                at_edges.push(chunk);
            }
            count < enough
        })?;
        for chunk in at_edges {
            if count >= enough {
                break;
            }
            let points = load(self.connection, &chunk, self.damaged)?.unwrap_or_default();
            let before = |end: i64| points.times.partition_point(|time| *time < end);
            count += (before(to) - before(from)) as u64;
        }
        Ok(count)
    }

    /// Gathers all there is into buckets.
    fn gather<'e>(&self, edges: &'e [i64], level: Level) -> Result<Gatherer<'e>, Error> {
        let gathered = vec![Gathered::default(); edges.len().saturating_sub(1)];
        let mut gatherer = Gatherer { edges, gathered, kind: None };
        let (Some(from), Some(to)) = (edges.first().copied(), edges.last().copied()) else { return Ok(gatherer) };
        // In order of arrival, so that of points of one time the last one counts as such.
        for source in plan(&self.row, from, to, level) {
            self.gather_source(source, &mut gatherer)?;
        }
        for chunk in open_chunks(self.connection, self.id, &self.row)? {
            if chunk.t0 < to && chunk.t1 >= from {
                let points = load(self.connection, &chunk, self.damaged)?.unwrap_or_default();
                gatherer.add_points(&points, from, to);
            }
        }
        gatherer.add_points(&self.head, from, to);
        Ok(gatherer)
    }

    fn gather_source(&self, source: Source, gatherer: &mut Gatherer<'_>) -> Result<(), Error> {
        let Source { level, from, to } = source;
        let mut chunks = Vec::new();
        rows::chunks_within(self.connection, self.id, level, (from, to, self.row.reach(level)), |chunk| {
            if level != Level::Raw || chunk.rank <= self.row.rolled {
                chunks.push(chunk);
            }
            true
        })?;
        chunks.sort_by_key(|chunk| chunk.rank);
        for chunk in chunks {
            if level == Level::Raw {
                let points = load(self.connection, &chunk, self.damaged)?.unwrap_or_default();
                gatherer.add_points(&points, from, to);
            } else {
                let cells = load_cells(self.connection, &chunk, self.damaged)?.unwrap_or_default();
                gatherer.add_cells(&cells, from, to);
            }
        }
        Ok(())
    }
}

/// Buckets that are being filled.
struct Gatherer<'e> {
    edges: &'e [i64],
    gathered: Vec<Gathered>,
    /// Of the numbers that were seen one by one.
    kind: Option<Kind>,
}

/// What numbers are readings of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Int,
    Float,
}

impl Gatherer<'_> {
    fn add_points(&mut self, points: &Points, from: i64, to: i64) {
        let mut bucket = 0;
        for (at, time) in points.times.iter().enumerate().filter(|(_, time)| from <= **time && **time < to) {
            bucket = bucket_of(self.edges, *time, bucket);
            match points.readings.number(at) {
                Some(number) => self.gathered[bucket].add_number(*time, number),
                None => self.gathered[bucket].add_state(*time, points.readings.get(at)),
            }
        }
        let kind = match points.readings {
            _ if points.is_empty() => return,
            Readings::Bool(_) => Kind::Bool,
            Readings::Int(_) => Kind::Int,
            Readings::Text(_) => return,
            Readings::Float(_) | Readings::Mixed(_) => Kind::Float,
        };
        self.kind = Some(if self.kind.is_none_or(|other| other == kind) { kind } else { Kind::Float });
    }

    fn add_cells(&mut self, cells: &[Cell], from: i64, to: i64) {
        let mut bucket = 0;
        for cell in cells.iter().filter(|cell| from <= cell.start && cell.start < to) {
            bucket = bucket_of(self.edges, cell.start, bucket);
            self.gathered[bucket].add_cell(cell);
        }
    }

    fn reading(&self, number: f64) -> Option<Reading> {
        match self.kind {
            // Hours may tell of a time when the property had another type.
            Some(Kind::Bool) if number == 0.0 || number == 1.0 => Some(Reading::Bool(number == 1.0)),
            #[allow(clippy::cast_possible_truncation)] // it is whole, and came from an integer
            Some(Kind::Int) if number.fract() == 0.0 => Some(Reading::Int(number as i64)),
            _ => Reading::float(number),
        }
    }
}

/// The bucket with this moment, which lies in one; often that of the moment before, or the next.
fn bucket_of(edges: &[i64], time: i64, hint: usize) -> usize {
    let is_in = |bucket: usize| edges[bucket] <= time && edges.get(bucket + 1).is_some_and(|end| time < *end);
    if is_in(hint) {
        hint
    } else if is_in(hint + 1) {
        hint + 1
    } else {
        edges.partition_point(|edge| *edge <= time) - 1
    }
}

/// Whether buckets begin with whole minutes or hours.
fn are_whole(edges: &[i64], level: Level) -> bool {
    edges[0] % level.width() == 0 && edges.len() > 2 && edges[1].wrapping_sub(edges[0]) % level.width() == 0
}
