//! The table that people read. The JSON that programs do is `figures`' to write.

use serde::Serialize;

use crate::figures;

/// What one run of one row found. What a row does not measure is `None`.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Deliveries, answers or connects per second.
    pub(crate) per_s: Option<f64>,
    /// CPU microseconds of the server for each of them, which is CPU seconds per million.
    pub(crate) cpu_us: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    /// Of the server, at the end.
    pub(crate) resident_mb: Option<f64>,
    /// More resident bytes than before, for each connection.
    pub(crate) bytes_each: Option<f64>,
    pub(crate) missing: Option<f64>,
    /// Came after a later message, or twice.
    pub(crate) misplaced: Option<f64>,
    /// The part of the time that the generator computed.
    pub(crate) load_share: Option<f64>,
}

/// All runs of one server in one row.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) row: &'static str,
    pub(crate) title: &'static str,
    pub(crate) server: String,
    pub(crate) runs: Vec<Figures>,
    /// Why runs came to nothing.
    pub(crate) failures: Vec<String>,
}

type Column = (&'static str, fn(&Figures) -> Option<f64>, fn(f64) -> String);

/// Whose figures the others are compared with: the first that has any.
const YARDSTICKS: [&str; 2] = ["mosquitto", "flask"];

const COLUMNS: [Column; 10] = [
    ("per second", |run| run.per_s, |value| grouped(value)),
    ("CPU µs each", |run| run.cpu_us, |value| format!("{value:.3}")),
    ("p50 µs", |run| run.p50_us, |value| grouped(value)),
    ("p99 µs", |run| run.p99_us, |value| grouped(value)),
    ("p99.9 µs", |run| run.p999_us, |value| grouped(value)),
    ("MB", |run| run.resident_mb, |value| format!("{value:.1}")),
    ("bytes each", |run| run.bytes_each, |value| grouped(value)),
    ("missing", |run| run.missing, |value| grouped(value)),
    ("misplaced", |run| run.misplaced, |value| grouped(value)),
    ("load busy", |run| run.load_share, |value| format!("{:.0} %", value * 100.0)),
];

/// Where the yardstick's ratio stands.
const CPU: usize = 1;
const BYTES: usize = 6;

/// The table of one row: medians of each server, and what it costs beside the yardstick.
pub(crate) fn table(entries: &[&Entry]) -> String {
    let Some(first) = entries.first() else { return String::new() };
    let shown: Vec<&Column> =
        COLUMNS.iter().filter(|(_, figure, _)| entries.iter().any(|entry| median(entry, *figure).is_some())).collect();
    let ratio_of = if first.runs.iter().any(|run| run.bytes_each.is_some()) { BYTES } else { CPU };
    let (_, figure, _) = COLUMNS[ratio_of];
    let yardstick = YARDSTICKS.iter().find_map(|name| {
        let entry = entries.iter().find(|entry| entry.server == *name)?;
        Some((*name, median(entry, figure)?))
    });
    let mut text = format!("\n{}\n{:<22}", first.title, "");
    for (name, _, _) in &shown {
        text += &format!("{name:>13}");
    }
    if let Some((name, _)) = yardstick {
        text += &format!("{:>13}", format!("× {name}"));
    }
    text.push('\n');
    for entry in entries {
        text += &format!("  {:<20}", entry.server);
        for (_, figure, show) in &shown {
            text += &format!("{:>13}", median(entry, *figure).map_or_else(|| "-".to_owned(), show));
        }
        if let Some((_, other)) = yardstick {
            let ratio = median(entry, figure).map(|own| format!("{:.3}", own / other));
            text += &format!("{:>13}", ratio.unwrap_or_else(|| "-".to_owned()));
        }
        text.push('\n');
        for failure in &entry.failures {
            text += &format!("    failed: {failure}\n");
        }
    }
    text
}

fn median(entry: &Entry, figure: fn(&Figures) -> Option<f64>) -> Option<f64> {
    let figures: Vec<f64> = entry.runs.iter().filter_map(figure).collect();
    (!figures.is_empty()).then(|| figures::median(figures))
}

/// 1,234,567
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_are_shown() {
        let entry = |server: &str, figures: [f64; 3]| Entry {
            row: "row",
            title: "A row",
            server: server.to_owned(),
            runs: figures.map(|cpu_us| Figures { cpu_us: Some(cpu_us), ..Figures::default() }).to_vec(),
            failures: vec!["why".to_owned()],
        };
        let table = table(&[&entry("housewire", [9.0, 1.0, 2.0]), &entry(YARDSTICKS[0], [8.0, 8.0, 8.0])]);
        assert!(table.contains("2.000") && table.contains("0.250") && table.contains("failed: why"), "{table}");
        assert_eq!(grouped(1_234_567.4), "1,234,567");
        assert_eq!(grouped(12.0), "12");
    }
}
