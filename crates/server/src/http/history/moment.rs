//! Moments and stretches of time as people write them in a query or a file.

use std::time::Duration;

use housewire_core::Timestamp;

use crate::refusal::shorten;

/// From so many on, a number is not of seconds but of thousandths of seconds: it is the year 5138 otherwise.
const MILLIS_FROM: f64 = 1e11;
/// And from so many on it is of millionths.
const MICROS_FROM: f64 = 1e14;
/// What no calendar holds, in seconds before and after 1970.
const SECONDS_MAX: f64 = 253_402_300_799.0;
const SECONDS_MIN: f64 = -62_135_596_800.0;

/// A moment in a query: as in a file, a day, `now`, or so long before `now` (`-7d`).
pub(super) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let wrong = || {
        format!(
            "'{}' is no time: write -24h, -7d, 2026-01-31, 2026-01-31T09:05:00Z or seconds since 1970",
            shorten(text)
        )
    };
    if text == "now" {
        return Ok(now);
    }
    if let Some(ago) = text.strip_prefix('-').and_then(parse_ago) {
        return Ok(Timestamp::from_micros(now.as_micros().saturating_sub(micros_of(ago))));
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && text.len() == "2026-01-31".len()
        && let Ok(start) = day.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(Timestamp::from_micros(start.timestamp().as_microsecond()));
    }
    // A plus in a query is a space, and stands before the offset here.
    of_file(&text.replace(' ', "+")).ok_or_else(wrong)
}

/// A moment in a file: RFC 3339, or a number of seconds, thousandths or millionths of seconds since 1970.
pub(super) fn of_file(text: &str) -> Option<Timestamp> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    if !is_number || (text.contains('-') && !text.starts_with('-')) {
        let time: jiff::Timestamp = text.parse().ok()?;
        return Some(Timestamp::from_micros(time.as_microsecond()));
    }
    if let Ok(whole) = text.parse::<i64>() {
        return of_whole(whole);
    }
    let seconds: f64 = text.parse().ok()?;
    if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) || seconds.abs() >= MILLIS_FROM {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within what a calendar holds")]
    Some(Timestamp::from_micros((seconds * 1e6).round() as i64))
}

fn of_whole(number: i64) -> Option<Timestamp> {
    #[expect(clippy::cast_precision_loss, reason = "only its size is looked at")]
    let size = number.unsigned_abs() as f64;
    let per_unit = if size >= MICROS_FROM {
        1
    } else if size >= MILLIS_FROM {
        1_000
    } else {
        1_000_000
    };
    let micros = number.checked_mul(per_unit)?;
    #[expect(clippy::cast_possible_truncation, reason = "far within it")]
    let bounds = (SECONDS_MIN as i64 * 1_000_000)..=(SECONDS_MAX as i64 * 1_000_000);
    bounds.contains(&micros).then(|| Timestamp::from_micros(micros))
}

fn parse_ago(text: &str) -> Option<Duration> {
    const DAY: f64 = 86_400.0;
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let scale = match unit {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => DAY,
        "w" => 7.0 * DAY,
        "y" => 365.0 * DAY,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * scale;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| time.as_secs_f64() <= SECONDS_MAX)
}

fn micros_of(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn moments_as_people_write_them() {
        for (text, seconds) in [
            ("now", 1_800_000_000.0),
            ("-1h", 1_799_996_400.0),
            ("-1.5m", 1_799_999_910.0),
            ("-7d", 1_799_395_200.0),
            ("-2w", 1_798_790_400.0),
            ("-1y", 1_768_464_000.0),
            ("-100y", -1_353_600_000.0),
            ("0", 0.0),
            ("1700000000", 1_700_000_000.0),
            ("1700000000.5", 1_700_000_000.5),
            ("1700000000500", 1_700_000_000.5),
            ("1700000000500000", 1_700_000_000.5),
            ("-5", -5.0),
            ("1970-01-01", 0.0),
            ("2023-11-14T22:13:20Z", 1_700_000_000.0),
            ("2023-11-14T23:13:20 01:00", 1_700_000_000.0),
            ("2023-11-14T23:13:20+01:00", 1_700_000_000.0),
            ("2023-11-14T22:13:20.500Z", 1_700_000_000.5),
        ] {
            #[expect(clippy::cast_possible_truncation, reason = "small")]
            let expected = Timestamp::from_micros((seconds * 1e6) as i64);
            assert_eq!(parse(text, NOW), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment() {
        for text in [
            "",
            "-",
            "yesterday",
            "-7 d",
            "-d",
            "7d",
            "--7d",
            "2026-13-01",
            "2026-01-01T00:00:00",
            "nan",
            "inf",
            "1e9",
            "-7parsecs",
            "1.2.3",
            "99999999999999999999",
            "9223372036854775807",
            "-99999999999",
            "+",
            "-1e3s",
        ] {
            assert!(parse(text, NOW).is_err(), "{text}: {:?}", parse(text, NOW));
        }
    }
}
