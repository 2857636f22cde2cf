//! That `docs/ref/mqtt-conformance.md` names every normative statement of both versions once, and what shows it.
//!
//! The third column is derived from the titles of the cases wherever a case names the statement, and so are the counts:
//! after adding a case run this with `UPDATE_GOLDEN=1`, and look at the difference.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::conformance::Case;
use crate::vectors;

/// Section, first and last number of its statements, in MQTT 5.0 (OASIS Standard, 7 March 2019).
const IN_5: &[(&str, u32, u32)] = &[
    ("1.5.4", 1, 3),
    ("1.5.5", 1, 1),
    ("1.5.7", 1, 1),
    ("2.1.3", 1, 1),
    ("2.2.1", 2, 6),
    ("2.2.2", 1, 1),
    ("3.1.0", 1, 2),
    ("3.1.2", 1, 30),
    ("3.1.3", 1, 12),
    ("3.1.4", 1, 6),
    ("3.2.0", 1, 2),
    ("3.2.2", 1, 22),
    ("3.3.1", 1, 13),
    ("3.3.2", 1, 20),
    ("3.3.4", 1, 10),
    ("3.4.2", 1, 3),
    ("3.5.2", 1, 3),
    ("3.6.1", 1, 1),
    ("3.6.2", 1, 3),
    ("3.7.2", 1, 3),
    ("3.8.1", 1, 1),
    ("3.8.3", 1, 5),
    ("3.8.4", 1, 8),
    ("3.9.2", 1, 2),
    ("3.9.3", 1, 2),
    ("3.10.1", 1, 1),
    ("3.10.3", 1, 2),
    ("3.10.4", 1, 6),
    ("3.11.2", 1, 2),
    ("3.11.3", 1, 2),
    ("3.12.4", 1, 1),
    ("3.14.0", 1, 1),
    ("3.14.1", 1, 1),
    ("3.14.2", 1, 4),
    ("3.14.4", 1, 3),
    ("3.15.1", 1, 1),
    ("3.15.2", 1, 3),
    ("4.1.0", 1, 2),
    ("4.2.0", 1, 1),
    ("4.3.1", 1, 1),
    ("4.3.2", 1, 5),
    ("4.3.3", 1, 13),
    ("4.4.0", 1, 2),
    ("4.5.0", 1, 2),
    ("4.6.0", 1, 6),
    ("4.7.0", 1, 1),
    ("4.7.1", 1, 2),
    ("4.7.2", 1, 1),
    ("4.7.3", 1, 4),
    ("4.8.2", 1, 6),
    ("4.9.0", 1, 3),
    ("4.12.0", 1, 7),
    ("4.12.1", 1, 2),
    ("4.13.1", 1, 1),
    ("4.13.2", 1, 1),
    ("6.0.0", 1, 4),
];

/// The same in MQTT 3.1.1 (OASIS Standard with errata, 10 December 2015).
const IN_3_1_1: &[(&str, u32, u32)] = &[
    ("1.5.3", 1, 3),
    ("2.2.2", 1, 2),
    ("2.3.1", 1, 7),
    ("3.1.0", 1, 2),
    ("3.1.2", 1, 24),
    ("3.1.3", 1, 11),
    ("3.1.4", 1, 5),
    ("3.2.0", 1, 1),
    ("3.2.2", 1, 6),
    ("3.3.1", 1, 12),
    ("3.3.2", 1, 3),
    ("3.3.4", 1, 1),
    ("3.3.5", 1, 2),
    ("3.6.1", 1, 1),
    ("3.8.1", 1, 1),
    ("3.8.3", 1, 4),
    ("3.8.4", 1, 6),
    ("3.9.3", 1, 2),
    ("3.10.1", 1, 1),
    ("3.10.3", 1, 2),
    ("3.10.4", 1, 6),
    ("3.12.4", 1, 1),
    ("3.14.1", 1, 1),
    ("3.14.4", 1, 3),
    ("4.1.0", 1, 2),
    ("4.3.1", 1, 1),
    ("4.3.2", 1, 2),
    ("4.3.3", 1, 2),
    ("4.4.0", 1, 1),
    ("4.5.0", 1, 2),
    ("4.6.0", 1, 6),
    ("4.7.1", 1, 3),
    ("4.7.2", 1, 1),
    ("4.7.3", 1, 4),
    ("4.8.0", 1, 2),
    ("6.0.0", 1, 4),
    ("7.0.0", 1, 2),
    ("7.1.1", 1, 1),
    ("7.1.2", 1, 1),
];

/// Why no case shows a statement: how the reason begins, and how it is counted.
const REASONS: [(&str, &str); 3] = [
    ("client", "binding the client alone"),
    ("no case: ", "not arising here"),
    ("elsewhere: ", "shown by other tests"),
];

/// Counted, where a case shows it.
const SHOWN: &str = "shown by cases";

fn all_statements() -> Vec<String> {
    let of = |prefix: &str, ranges: &[(&str, u32, u32)]| {
        let each = |(section, first, last): &(&str, u32, u32)| {
            (*first..=*last).map(|number| format!("{prefix}{section}-{number}")).collect::<Vec<_>>()
        };
        ranges.iter().flat_map(each).collect::<Vec<_>>()
    };
    [of("MQTT-", IN_5), of("MQTT-3.1.1:", IN_3_1_1)].concat()
}

/// What shows each statement, as it stands in the table.
fn shown_by(cases: &[Case]) -> BTreeMap<&str, String> {
    let mut shown: BTreeMap<&str, String> = BTreeMap::new();
    for case in cases {
        for statement in &case.statements {
            let cell = shown.entry(statement).or_default();
            if !cell.is_empty() {
                cell.push_str("<br>");
            }
            cell.push_str(&format!("{}: {}", case.file, case.title));
        }
    }
    shown
}

/// The three cells of a row.
fn row(line: &str) -> Option<[&str; 3]> {
    let mut cells = line.strip_prefix("| `MQTT-")?.strip_suffix(" |")?.splitn(3, " | ");
    let (_, text, shown) = (cells.next()?, cells.next()?, cells.next()?);
    let statement = line[3..].split('`').next()?;
    Some([statement, text, shown])
}

/// The document as it should be.
fn renewed(document: &str, shown: &BTreeMap<&str, String>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut renewed = String::new();
    for line in document.lines().rev() {
        let line = match row(line) {
            Some([statement, text, reason]) => {
                let reason = shown.get(statement).map_or(reason, String::as_str);
                let of_reason = REASONS.iter().find(|(beginning, _)| reason.starts_with(beginning));
                let class = if shown.contains_key(statement) {
                    SHOWN
                } else {
                    of_reason.map_or("unexplained", |(_, class)| class)
                };
                *counts.entry(class).or_default() += 1;
                format!("| `{statement}` | {text} | {reason} |")
            }
            // Above the rows that are counted.
            None if line.contains(" statements: ") => {
                let order = [SHOWN].into_iter().chain(REASONS.map(|(_, class)| class)).chain(["unexplained"]);
                let total: usize = counts.values().sum();
                let each = order.filter_map(|class| Some(format!("{} {class}", counts.get(class)?)));
                let line = format!("{total} statements: {}.", each.collect::<Vec<_>>().join(", "));
                counts.clear();
                line
            }
            None => line.to_owned(),
        };
        renewed = format!("{line}\n{renewed}");
    }
    renewed
}

#[test]
fn the_table_names_every_statement_and_what_shows_it() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/ref/mqtt-conformance.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let named: Vec<_> = document.lines().filter_map(row).map(|[statement, ..]| statement).collect();
    let all = all_statements();
    for (at, statement) in all.iter().enumerate() {
        assert_eq!(named.get(at), Some(&statement.as_str()), "the table names each statement once, in this order");
    }
    assert_eq!(named.len(), all.len(), "the table names what is no statement: {:?}", named.last());

    let cases = vectors::cases();
    let shown = shown_by(&cases);
    let unknown: Vec<_> = shown.keys().filter(|statement| !named.contains(statement)).collect();
    assert!(unknown.is_empty(), "titles of cases name what is no statement: {unknown:?}");

    let renewed = renewed(&document, &shown);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &renewed).unwrap();
    }
    assert!(!renewed.contains(" unexplained"), "a statement has neither a case nor a reason why it has none");
    for (is, should) in std::fs::read_to_string(&path).unwrap().lines().zip(renewed.lines()) {
        assert_eq!(is, should, "if the change is meant, run this test with UPDATE_GOLDEN=1");
    }
}

#[test]
fn titles_name_one_case_each() {
    let cases = vectors::cases();
    let mut titles: Vec<_> = cases.iter().map(|case| (&case.file, &case.title)).collect();
    titles.sort();
    let twice: Vec<_> = titles.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let cut: Vec<_> = titles.iter().filter(|(_, title)| title.contains(" | ") || title.contains('`')).collect();
    assert!(cut.is_empty(), "these cannot stand in a table: {cut:?}");
}
