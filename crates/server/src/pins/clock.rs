//! What time it is, as devices ask for it: in the hub's own time zone.

use housewire_core::Timestamp;
use jiff::tz::{Dst, Offset, TimeZone};

/// The answer to `utc`, behind its second word; `None` if nobody knows what is asked.
pub(crate) fn utc(what: &str, now: Timestamp, zone: &TimeZone) -> Option<Vec<String>> {
    let moment = jiff::Timestamp::from_microsecond(now.as_micros()).ok()?;
    let info = zone.to_offset_info(moment);
    let minutes = |offset: Offset| offset.seconds() / 60;
    let texts = match what {
        "time" => vec![(now.as_micros() / 1_000).to_string()],
        "iso" => vec![moment.display_with_offset(info.offset()).to_string()],
        "tz" => {
            // What daylight saving adds is nearly everywhere an hour; the rest is the zone's own.
            let dst = if info.dst() == Dst::Yes { 60 } else { 0 };
            vec![(minutes(info.offset()) - dst).to_string(), dst.to_string()]
        }
        "tz_name" => vec![zone.iana_name().unwrap_or("UTC").to_owned()],
        "tz_rule" => vec![rule(info.offset())],
        "dst_next" => {
            let next = zone.following(moment).take(2);
            next.flat_map(|change| [change.timestamp().as_second(), i64::from(minutes(change.offset()))])
                .map(|number| number.to_string())
                .collect()
        }
        _ => return None,
    };
    Some(texts)
}

/// Seconds since 1970, as a clock on the wall would count them.
pub(crate) fn local_seconds(now: Timestamp, zone: &TimeZone) -> i64 {
    let seconds = now.as_micros().div_euclid(1_000_000);
    match jiff::Timestamp::from_second(seconds) {
        Ok(moment) => seconds + i64::from(zone.to_offset(moment).seconds()),
        Err(_) => seconds,
    }
}

/// A POSIX rule for the offset that holds now: `<+02>-2`, whose sign is the other way round.
fn rule(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
    let sign = |is_positive| if is_positive { '+' } else { '-' };
    let (name, posix) = (sign(seconds >= 0), sign(seconds < 0));
    match minutes {
        0 => format!("<{name}{hours:02}>{posix}{hours}"),
        _ => format!("<{name}{hours:02}{minutes:02}>{posix}{hours}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_without_daylight_saving() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now = Timestamp::from_micros(1_795_333_236_500_000);
        for (what, expected) in [
            ("time", Some(&["1795333236500"][..])),
            ("iso", Some(&["2026-11-22T09:40:36.5+02:00"])),
            ("tz", Some(&["120", "0"])),
            ("tz_rule", Some(&["<+02>-2"])),
            ("dst_next", Some(&[])),
            ("tz_name", Some(&["UTC"])),
            ("moon", None),
        ] {
            let expected = expected.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            assert_eq!(utc(what, now, &zone), expected, "{what}");
        }
        assert_eq!(local_seconds(now, &zone), 1_795_333_236 + 7_200);
        assert_eq!(rule(Offset::from_seconds(-12_600).unwrap()), "<-0330>+3:30");
    }
}
