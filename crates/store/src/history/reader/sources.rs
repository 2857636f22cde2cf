//! Where the points of a window come from: themselves, or the minutes and hours that stand for them.
//!
//! Points that are in no cell yet are always looked at one by one. For the others a window is cut into stretches, each of which is
//! read at one level, so that no point counts twice: hours in the middle, minutes towards the edges, points at the edges, as far
//! as each is still kept.

use super::super::cells::Level;
use super::super::rows::SeriesRow;

/// A stretch of a window and how it is read: points from `from` on and before `to`, or cells that begin there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) level: Level,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// Stretches for what is in cells, read at `level` where that is possible.
pub(crate) fn plan(row: &SeriesRow, from: i64, to: i64, level: Level) -> Vec<Source> {
    let mut sources = Vec::new();
    cover(row, level, from, to, &mut sources);
    sources
}

fn cover(row: &SeriesRow, level: Level, from: i64, to: i64, sources: &mut Vec<Source>) {
    if to <= from {
        return;
    }
    // Before this moment the level is not complete any more; the next one counts there, in whole cells.
    let (coarser, complete_from) = match level {
        Level::Raw => (Level::Minute, Level::Minute.ceil(row.raw_from)),
        Level::Minute => (Level::Hour, Level::Hour.ceil(row.minute_from)),
        Level::Hour => (Level::Hour, i64::MIN),
    };
    if from < complete_from {
        let end = to.min(complete_from);
        gone(row, coarser, from, end, sources);
        return cover(row, level, end, to, sources);
    }
    let finer = match level {
        Level::Raw => return sources.push(Source { level, from, to }),
        Level::Minute => Level::Raw,
        Level::Hour => Level::Minute,
    };
    let (first, last) = (level.ceil(from), level.floor(to));
    if first >= last {
        return cover(row, finer, from, to, sources);
    }
    cover(row, finer, from, first, sources);
    sources.push(Source { level, from: first, to: last });
    cover(row, finer, last, to, sources);
}

/// A stretch whose finer levels are gone: cells that begin in it.
fn gone(row: &SeriesRow, level: Level, from: i64, to: i64, sources: &mut Vec<Source>) {
    let complete_from = if level == Level::Minute { Level::Hour.ceil(row.minute_from) } else { i64::MIN };
    if from < complete_from {
        sources.push(Source { level: Level::Hour, from, to: to.min(complete_from) });
    }
    if to > complete_from {
        sources.push(Source { level, from: from.max(complete_from), to });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;
    const HOUR: i64 = 60 * MINUTE;

    fn row(raw_from: i64, minute_from: i64) -> SeriesRow {
        SeriesRow { raw_from, minute_from, ..SeriesRow::default() }
    }

    #[test]
    fn stretches_are_cut_at_whole_hours_and_minutes() {
        let of = |level, from, to| Source { level, from, to };
        let all = row(i64::MIN, i64::MIN);
        let (from, to) = (5 * MINUTE + 1, 3 * HOUR + 2 * MINUTE + 7);
        let expected = [
            of(Level::Raw, from, 6 * MINUTE),
            of(Level::Minute, 6 * MINUTE, HOUR),
            of(Level::Hour, HOUR, 3 * HOUR),
            of(Level::Minute, 3 * HOUR, 3 * HOUR + 2 * MINUTE),
            of(Level::Raw, 3 * HOUR + 2 * MINUTE, to),
        ];
        assert_eq!(plan(&all, from, to, Level::Hour), expected);
        assert_eq!(plan(&all, from, to, Level::Raw), [of(Level::Raw, from, to)]);
        assert_eq!(plan(&all, 5, 7, Level::Hour), [of(Level::Raw, 5, 7)]);
        assert_eq!(plan(&all, 7, 7, Level::Hour), []);
    }

    #[test]
    fn where_points_are_gone_cells_stand_for_them() {
        let of = |level, from, to| Source { level, from, to };
        let gone = row(2 * HOUR + 1, HOUR);
        let expected = [
            of(Level::Hour, 5, HOUR),
            of(Level::Minute, HOUR, 2 * HOUR + MINUTE),
            of(Level::Raw, 2 * HOUR + MINUTE, 4 * HOUR),
        ];
        assert_eq!(plan(&gone, 5, 4 * HOUR, Level::Raw), expected);
        for level in [Level::Raw, Level::Minute, Level::Hour] {
            let sources = plan(&gone, 5, 9 * HOUR + 3, level);
            assert_eq!((sources[0].from, sources[sources.len() - 1].to), (5, 9 * HOUR + 3));
            assert!(sources.windows(2).all(|pair| pair[0].to == pair[1].from), "{sources:?}");
        }
    }
}
