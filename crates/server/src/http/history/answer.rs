//! Answers to questions about the past: what is looked up for them, and how they are written.
//!
//! All of it runs on threads beside the shards.

use std::time::Duration;

use housewire_core::{Timestamp, Type};
use housewire_store::{Agg, Buckets, HistoryReader, Point, RawCursor, Reading, SeriesId, StoreError, Window};

use crate::history::Name;
use crate::http::history::ask::{Ask, How, cursor_text};
use crate::limits::HISTORY_STATES_MAX;
use crate::view::json::write_text;

/// A property that is asked about, and what the registry knows of it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) name: Name,
    /// `None` if the registry knows it no more.
    pub(super) kind: Option<Type>,
    pub(super) unit: Option<String>,
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shown {
    Reading(Reading),
    Number(f64),
    Count(u64),
}

/// What is answered about one property.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// These are the points as they came.
    pub(super) is_raw: bool,
    pub(super) points: Vec<(Timestamp, Shown)>,
    /// Where all points go on.
    pub(super) next: Option<RawCursor>,
    /// Of states, how long each held.
    pub(super) time_in_state: Option<Vec<(Reading, Duration)>>,
}

impl Subject {
    /// Its series; `None` if there is nothing of it.
    pub(super) fn find(&self, reader: &HistoryReader) -> Option<SeriesId> {
        reader.find(self.name.device.as_str(), self.name.property.as_str())
    }

    /// Whether its values are states rather than numbers.
    fn is_state(&self, first: Option<&Reading>) -> bool {
        match self.kind {
            Some(kind) => !kind.is_number(),
            None => first.is_some_and(|reading| matches!(reading, Reading::Bool(_) | Reading::Text(_))),
        }
    }
}

/// Looks up what is asked for; no more than so many points if these are all.
pub(super) fn look_up(
    reader: &HistoryReader,
    subject: &Subject,
    ask: &Ask,
    now: Timestamp,
    points_max: usize,
) -> Result<Answer, StoreError> {
    let Some(series) = subject.find(reader) else { return Ok(Answer { is_raw: true, ..Answer::default() }) };
    let (points, is_raw, next) = match ask.how {
        How::Raw => {
            let page = reader.raw(series, ask.window(), points_max, ask.after)?;
            (page.points, true, page.next)
        }
        How::Extremes(points) => {
            let extremes = reader.extremes(series, ask.window(), (points / 2).max(1))?;
            (extremes.points, extremes.is_raw, None)
        }
        How::Aggregate(agg, buckets) => return aggregate(reader, subject, series, ask.divided(), agg, buckets),
    };
    let is_state = subject.is_state(points.first().map(|point| &point.reading));
    let mut answer = Answer { is_raw, points: points.into_iter().map(shown).collect(), next, time_in_state: None };
    if is_state && ask.after.is_none() {
        add_states(reader, series, ask.window(), now, &mut answer)?;
    }
    Ok(answer)
}

fn shown(point: Point) -> (Timestamp, Shown) {
    (point.time, Shown::Reading(point.reading))
}

/// Adds what held in the beginning, and how long each state held. The future is nobody's.
fn add_states(
    reader: &HistoryReader,
    series: SeriesId,
    window: Window,
    now: Timestamp,
    answer: &mut Answer,
) -> Result<(), StoreError> {
    let past = Window { from: window.from, to: window.to.min(now) };
    let states = reader.states(series, past)?;
    if let Some(first) = states.intervals.first()
        && first.from == window.from
        && answer.points.first().is_none_or(|(time, _)| *time > window.from)
    {
        answer.points.insert(0, (window.from, Shown::Reading(first.reading.clone())));
    }
    let mut time_in_state = states.time_in_state;
    time_in_state.truncate(HISTORY_STATES_MAX);
    answer.time_in_state = Some(time_in_state);
    Ok(())
}

fn aggregate(
    reader: &HistoryReader,
    subject: &Subject,
    series: SeriesId,
    window: Window,
    agg: Agg,
    buckets: usize,
) -> Result<Answer, StoreError> {
    let is_text = matches!(subject.kind, Some(Type::Enum | Type::String | Type::Color));
    if is_text && agg == Agg::Last {
        return last_states(reader, series, window, buckets);
    }
    let values = reader.aggregate(series, window, Buckets::Count(buckets), agg)?;
    let points = values.into_iter().filter_map(|(time, value)| {
        let shown = match agg {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count is whole and not negative"
            )]
            Agg::Count => Shown::Count(value.unwrap_or(0.0) as u64),
            _ => Shown::Number(value?),
        };
        Some((time, shown))
    });
    Ok(Answer { points: points.collect(), ..Answer::default() })
}

/// The last state of each bucket.
fn last_states(reader: &HistoryReader, series: SeriesId, window: Window, buckets: usize) -> Result<Answer, StoreError> {
    let edges = reader.aggregate(series, window, Buckets::Count(buckets), Agg::Count)?;
    let points = reader.extremes(series, window, buckets)?.points;
    let mut found: Vec<(Timestamp, Shown)> = Vec::new();
    for point in points {
        let at = edges.partition_point(|(begin, _)| *begin <= point.time);
        let Some((begin, _)) = at.checked_sub(1).and_then(|at| edges.get(at)) else { continue };
        let shown = Shown::Reading(point.reading);
        match found.last_mut() {
            Some((last, value)) if last == begin => *value = shown,
            _ => found.push((*begin, shown)),
        }
    }
    Ok(Answer { points: found, ..Answer::default() })
}

impl Shown {
    /// Appends it as JSON.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Reading(Reading::Text(text)) => write_text(text.as_str(), out),
            // Numbers and booleans are written alike.
            Self::Reading(reading) => out.extend_from_slice(reading.to_string().as_bytes()),
            Self::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Count(count) => out.extend_from_slice(count.to_string().as_bytes()),
        }
    }

    /// Appends it as a field of CSV (RFC 4180).
    pub(super) fn write_csv(&self, out: &mut Vec<u8>) {
        match self {
            Self::Reading(Reading::Text(text)) => write_field(text.as_str(), out),
            other => other.write_json(out),
        }
    }
}

fn write_field(text: &str, out: &mut Vec<u8>) {
    let is_plain = !text.is_empty() && !text.contains(['"', ',', '\n', '\r']) && text.trim() == text;
    if is_plain {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

/// Appends the fields of a JSON object about one property; its braces are the caller's.
pub(super) fn write_answer(subject: &Subject, ask: &Ask, answer: &Answer, out: &mut Vec<u8>) {
    let Subject { name, kind, unit } = subject;
    let kind = kind.map(Type::name).or_else(|| answer.points.first().map(|(_, first)| kind_shown(first)));
    out.extend_from_slice(
        format!("\"device\":\"{}\",\"property\":\"{}\",\"type\":", name.device, name.property).as_bytes(),
    );
    write_optional(kind, out);
    out.extend_from_slice(b",\"unit\":");
    write_optional(unit.as_deref(), out);
    let (from, to, is_raw) = (ask.from, ask.to, answer.is_raw);
    out.extend_from_slice(format!(",\"from\":\"{from}\",\"to\":\"{to}\",\"raw\":{is_raw},\"points\":[").as_bytes());
    for (number, (time, value)) in answer.points.iter().enumerate() {
        out.extend_from_slice(if number > 0 { b",[\"" } else { b"[\"" });
        out.extend_from_slice(time.to_string().as_bytes());
        out.extend_from_slice(b"\",");
        value.write_json(out);
        out.push(b']');
    }
    out.push(b']');
    if let Some(next) = answer.next {
        out.extend_from_slice(format!(",\"next\":\"{}\"", cursor_text(next)).as_bytes());
    }
    if let Some(states) = &answer.time_in_state {
        out.extend_from_slice(b",\"time_in_state\":{");
        for (number, (state, time)) in states.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            write_text(&state.to_string(), out);
            out.extend_from_slice(format!(":{}", time.as_secs_f64()).as_bytes());
        }
        out.push(b'}');
    }
}

fn write_optional(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => write_text(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// The type that a value looks like, where nobody knows.
fn kind_shown(shown: &Shown) -> &'static str {
    match shown {
        Shown::Reading(Reading::Bool(_)) => Type::Bool.name(),
        Shown::Reading(Reading::Text(_)) => Type::String.name(),
        Shown::Reading(Reading::Int(_)) | Shown::Count(_) => Type::Int.name(),
        Shown::Reading(Reading::Float(_)) | Shown::Number(_) => Type::Float.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_json_and_as_csv() {
        let text = |text: &str| Shown::Reading(Reading::text(text).unwrap());
        for (shown, json, csv) in [
            (Shown::Reading(Reading::Bool(true)), "true", "true"),
            (Shown::Reading(Reading::Int(-3)), "-3", "-3"),
            (Shown::Reading(Reading::float(21.0).unwrap()), "21", "21"),
            (Shown::Number(0.1), "0.1", "0.1"),
            (Shown::Number(1e-9), "0.000000001", "0.000000001"),
            (Shown::Count(7), "7", "7"),
            (text("on"), "\"on\"", "on"),
            (text("a \"b\", c"), "\"a \\\"b\\\", c\"", "\"a \"\"b\"\", c\""),
            (text(""), "\"\"", "\"\""),
            (text(" x"), "\" x\"", "\" x\""),
            (text("a\nb"), "\"a\\nb\"", "\"a\nb\""),
        ] {
            let (mut as_json, mut as_csv) = (Vec::new(), Vec::new());
            shown.write_json(&mut as_json);
            shown.write_csv(&mut as_csv);
            assert_eq!(String::from_utf8(as_json).unwrap(), json);
            assert_eq!(String::from_utf8(as_csv).unwrap(), csv);
        }
    }
}
