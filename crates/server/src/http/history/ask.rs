//! What a question about the past says: which time, and how many points of what kind.

use housewire_core::Timestamp;
use housewire_store::{Agg, RawCursor, Window};

use crate::http::history::moment;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::limits::{HISTORY_BUCKETS_MAX, HISTORY_POINTS_MAX};
use crate::refusal::shorten;

const DAY_MICROS: i64 = 86_400_000_000;

/// How many points, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// All of them.
    Raw,
    /// About so many, the lowest and the highest of each stretch among them.
    Extremes(usize),
    /// One value for each of so many stretches.
    Aggregate(Agg, usize),
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
    Ndjson,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Nobody said until when, so that what happens right now belongs to it.
    is_until_now: bool,
    pub(super) how: How,
    pub(super) after: Option<RawCursor>,
    pub(super) format: Format,
}

/// The functions that there are, by name.
const AGGS: [(&str, Agg); 6] = [
    ("mean", Agg::Mean),
    ("min", Agg::Min),
    ("max", Agg::Max),
    ("last", Agg::Last),
    ("count", Agg::Count),
    ("sum", Agg::Sum),
];

const BUCKETS: usize = 300;

impl Ask {
    pub(super) fn of(query: &Query, now: Timestamp) -> Result<Self, Problem> {
        let to = moment_of(query, "to", now)?;
        let day_ago = |to: Timestamp| Timestamp::from_micros(to.as_micros().saturating_sub(DAY_MICROS));
        let from = moment_of(query, "from", now)?.unwrap_or_else(|| day_ago(now));
        let is_until_now = to.is_none();
        let to = to.unwrap_or(now);
        if from > to {
            let detail = format!("?from={from} is later than ?to={to}: nothing lies between. Exchange them.");
            return Err(Problem::bad_request(detail));
        }
        let points = query.number::<usize>("points")?;
        if points.is_some_and(|points| !(1..=HISTORY_BUCKETS_MAX).contains(&points)) {
            let detail = format!(
                "?points= must be from 1 to {HISTORY_BUCKETS_MAX}. Without it the answer has all points; ?format=csv has no bound."
            );
            return Err(Problem::bad_request(detail));
        }
        let how = match (query.first("agg"), points) {
            (Some(name), points) => How::Aggregate(agg(&name)?, points.unwrap_or(BUCKETS)),
            (None, Some(points)) => How::Extremes(points),
            (None, None) => How::Raw,
        };
        let format = match query.first("format").as_deref() {
            None | Some("json") => Format::Json,
            Some("csv") => Format::Csv,
            Some("ndjson") => Format::Ndjson,
            Some(_) => return Err(Problem::bad_request("?format= must be json, csv or ndjson.")),
        };
        let after = query.first("after").map(|text| parse_cursor(&text)).transpose()?;
        if after.is_some() && (how != How::Raw || format != Format::Json) {
            return Err(Problem::bad_request(
                "?after= goes on with an answer that has all points: leave out points, agg and format.",
            ));
        }
        Ok(Self { from, to, is_until_now, how, after, format })
    }

    /// How many points were asked for.
    pub(super) fn points(&self) -> Option<usize> {
        match self.how {
            How::Raw => None,
            How::Extremes(points) | How::Aggregate(_, points) => Some(points),
        }
    }

    /// The time of which all points are wanted.
    pub(super) fn window(&self) -> Window {
        let more = i64::from(self.is_until_now);
        Window { from: self.from, to: Timestamp::from_micros(self.to.as_micros().saturating_add(more)) }
    }

    /// The time that is divided into stretches.
    pub(super) fn divided(&self) -> Window {
        Window { from: self.from, to: self.to }
    }
}

/// A stretch to be deleted; `None` for all there is.
pub(super) fn stretch(query: &Query, now: Timestamp) -> Result<Option<Window>, Problem> {
    // A slip of the pen must not delete everything.
    if let Some(unknown) = query.names().find(|name| !matches!(*name, "from" | "to" | "token")) {
        let detail = format!("?{}= is not known here: only from and to are. Nothing was deleted.", shorten(unknown));
        return Err(Problem::bad_request(detail));
    }
    let (from, to) = (moment_of(query, "from", now)?, moment_of(query, "to", now)?);
    if from.is_none() && to.is_none() {
        return Ok(None);
    }
    let window = Window { from: from.unwrap_or(Window::ALL.from), to: to.unwrap_or(Window::ALL.to) };
    if window.from > window.to {
        return Err(Problem::bad_request("?from= is later than ?to=: nothing lies between, and nothing was deleted."));
    }
    Ok(Some(window))
}

fn moment_of(query: &Query, name: &str, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = query.first(name) else { return Ok(None) };
    let moment = moment::parse(&text, now).map(Some);
    moment.map_err(|why| Problem::bad_request(format!("?{name}=: {why}.")))
}

fn agg(name: &str) -> Result<Agg, Problem> {
    let known = AGGS.iter().find(|(have, _)| *have == name).map(|(_, agg)| *agg);
    known.ok_or_else(|| {
        let names = AGGS.map(|(name, _)| name).join(", ");
        Problem::bad_request(format!("?agg= must be one of {names}; '{}' is none.", shorten(name)))
    })
}

/// As answers name where they go on.
pub(super) fn cursor_text(cursor: RawCursor) -> String {
    format!("{}.{}", cursor.time.as_micros(), cursor.seen)
}

fn parse_cursor(text: &str) -> Result<RawCursor, Problem> {
    let parsed = text.split_once('.').and_then(|(micros, seen)| {
        Some(RawCursor { time: Timestamp::from_micros(micros.parse().ok()?), seen: seen.parse().ok()? })
    });
    let parsed =
        parsed.ok_or_else(|| Problem::bad_request("?after= must be what 'next' of the answer before says."))?;
    if parsed.seen as usize > HISTORY_POINTS_MAX {
        // All of them would have to be looked at again.
        return Err(Problem::bad_request("?after= lies behind too many points of one moment: ask with ?format=csv."));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn ask(query: &str) -> Result<Ask, Problem> {
        Ask::of(&Query::of(&format!("/?{query}").parse().unwrap()), NOW)
    }

    #[test]
    fn questions_that_are_understood() {
        let day = ask("").unwrap();
        assert_eq!((day.from.as_micros(), day.to), (NOW.as_micros() - DAY_MICROS, NOW));
        assert_eq!((day.how, day.format, day.after), (How::Raw, Format::Json, None));
        assert_eq!((day.window().to.as_micros(), day.divided().to), (NOW.as_micros() + 1, NOW));
        assert_eq!(ask("to=now").unwrap().window().to, NOW);
        for (query, how) in [
            ("points=1000", How::Extremes(1_000)),
            ("agg=mean", How::Aggregate(Agg::Mean, 300)),
            ("agg=count&points=24", How::Aggregate(Agg::Count, 24)),
            ("format=json", How::Raw),
        ] {
            assert_eq!(ask(query).unwrap().how, how, "{query}");
        }
        let cursor = RawCursor { time: Timestamp::from_micros(-7), seen: 3 };
        assert_eq!(ask(&format!("after={}", cursor_text(cursor))).unwrap().after, Some(cursor));
        assert_eq!(ask("from=-1h&to=-30m&format=csv").unwrap().format, Format::Csv);
        assert!(ask("from=2030-01-01&to=2031-01-01").is_ok(), "the future");
    }

    #[test]
    fn questions_that_are_refused_say_why() {
        for (query, why) in [
            ("from=soon", "?from="),
            ("to=", "?to="),
            ("from=-1h&to=-2h", "later"),
            ("from=2030-01-01", "later"),
            ("points=0", "from 1 to"),
            ("points=20001", "from 1 to"),
            ("points=-1", "number"),
            ("points=ten", "number"),
            ("agg=median", "mean, min, max, last, count, sum"),
            ("format=xml", "csv"),
            ("after=x", "next"),
            ("after=1.4000000000", "too many"),
            ("after=1.1&points=5", "leave out"),
        ] {
            let problem = ask(query).unwrap_err();
            let body = String::from_utf8(problem.body(None)).unwrap();
            assert!(body.contains(why), "{query}: {body}");
        }
    }

    #[test]
    fn stretches_to_delete() {
        let stretch = |query: &str| stretch(&Query::of(&format!("/?{query}").parse().unwrap()), NOW);
        assert_eq!(stretch("").unwrap(), None);
        let hour_ago = Timestamp::from_micros(NOW.as_micros() - 3_600_000_000);
        assert_eq!(stretch("from=-1h").unwrap(), Some(Window { from: hour_ago, to: Window::ALL.to }));
        assert_eq!(stretch("to=-1h").unwrap(), Some(Window { from: Window::ALL.from, to: hour_ago }));
        assert!(stretch("from=now&to=-1h").is_err() && stretch("from=x").is_err());
        assert!(stretch("form=-1d").is_err() && stretch("from=-1d&until=now").is_err() && stretch("FROM=-1d").is_err());
    }
}
