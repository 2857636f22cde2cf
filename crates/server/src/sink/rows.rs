//! Points as PostgreSQL's `COPY` reads them (its text format).
//!
//! Pure. Which columns the table has belongs to `database`.

use std::io::Write as _;

use housewire_store::{Point, Reading};

/// The earliest moment that PostgreSQL knows, 4714-11-24 BC, in microseconds from 1970; what lies before is written as this.
const EARLIEST_US: i64 = -210_866_803_200_000_000;
/// Whole numbers up to here are exact in a double.
const EXACT_MAX: u64 = 1 << 53;

/// One point on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row<'a> {
    pub(super) number: u64,
    pub(super) device: &'a str,
    pub(super) property: &'a str,
    pub(super) point: &'a Point,
}

/// Writes the row as a line: microseconds, number in the log, device, property, number, text.
pub(super) fn write(out: &mut Vec<u8>, row: &Row<'_>) {
    let us = row.point.time.as_micros().max(EARLIEST_US);
    put(out, format_args!("{us}\t{}\t", row.number));
    write_text(out, row.device);
    out.push(b'\t');
    write_text(out, row.property);
    out.push(b'\t');
    match &row.point.reading {
        Reading::Bool(value) => put(out, format_args!("{}\t{value}", u8::from(*value))),
        Reading::Int(value) if value.unsigned_abs() > EXACT_MAX => put(out, format_args!("{value}\t{value}")),
        Reading::Int(value) => put(out, format_args!("{value}\t\\N")),
        Reading::Float(value) => put(out, format_args!("{:?}\t\\N", value.get())),
        Reading::Text(value) => {
            out.extend_from_slice(b"\\N\t");
            write_text(out, value.as_str());
        }
    }
    out.push(b'\n');
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes everything");
}

/// Escapes what has a meaning to `COPY`. PostgreSQL holds no zero character in a text; it becomes U+FFFD.
fn write_text(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use housewire_core::Timestamp;

    use super::*;

    fn line(us: i64, reading: &Reading) -> String {
        let mut out = Vec::new();
        let point = Point { time: Timestamp::from_micros(us), reading: reading.clone() };
        write(&mut out, &Row { number: 7, device: "lamp", property: "level", point: &point });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_kind_of_reading_has_its_columns() {
        for (reading, expected) in [
            (Reading::Bool(true), "1\ttrue"),
            (Reading::Int(-3), "-3\t\\N"),
            (Reading::Int(i64::MIN), "-9223372036854775808\t-9223372036854775808"),
            (Reading::float(21.5).unwrap(), "21.5\t\\N"),
            (Reading::float(1e300).unwrap(), "1e300\t\\N"),
            (Reading::text("a\tb\\N\nc\r\0").unwrap(), "\\N\ta\\tb\\\\N\\nc\\r\u{fffd}"),
            (Reading::text("").unwrap(), "\\N\t"),
        ] {
            assert_eq!(line(1_000_000, &reading), format!("1000000\t7\tlamp\tlevel\t{expected}\n"), "{reading:?}");
        }
    }

    #[test]
    fn a_time_that_postgresql_does_not_know_is_the_nearest_it_does() {
        let bool = Reading::Bool(false);
        assert!(line(i64::MIN, &bool).starts_with("-210866803200000000\t"));
        assert!(line(i64::MAX, &bool).starts_with("9223372036854775807\t"));
    }
}
