//! Times as people and programs read them.

use housewire_core::Timestamp;

/// RFC 3339 in UTC with microseconds, always of the same length.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    // Out of range only for times before -9999 or after 9999, which no clock shows.
    let time = jiff::Timestamp::from_microsecond(time.as_micros()).unwrap_or_default();
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_microseconds() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_700_000_000_123_456, "2023-11-14T22:13:20.123456Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (i64::MAX, "1970-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_micros(micros)), expected);
        }
    }
}
