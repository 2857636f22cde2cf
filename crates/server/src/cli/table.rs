//! Tables for people: columns as wide as their widest cell, two spaces between them, nothing drawn.
//!
//! Programs read `--json` instead. Width is counted in characters, which suits everything but ideographs.

use std::borrow::Cow;

use super::output::printable;

/// Longest cell shown whole; what is longer ends in `…`.
const CELL_CHARS_MAX: usize = 40;

/// A table under these headings. Rows may end early.
pub(super) fn render(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings = headings.iter().map(|heading| Cow::Borrowed(*heading)).collect::<Vec<_>>();
    let rows = rows.iter().map(|row| row.iter().map(|text| cell(text)).collect::<Vec<_>>());
    let lines: Vec<_> = std::iter::once(headings).chain(rows).collect();
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns)
        .map(|column| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| width(cell)).max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, column_width) in line.iter().zip(&widths) {
            row.push_str(cell);
            row.extend(std::iter::repeat_n(' ', column_width - width(cell) + 2));
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

/// One line, harmless and not too long.
fn cell(text: &str) -> Cow<'_, str> {
    let text =
        if text.contains(['\n', '\r', '\t']) { Cow::Owned(text.replace(['\n', '\r', '\t'], " ")) } else { text.into() };
    if width(&text) <= CELL_CHARS_MAX && matches!(printable(&text), Cow::Borrowed(_)) {
        return text;
    }
    let shown = printable(&text);
    if width(&shown) <= CELL_CHARS_MAX {
        return Cow::Owned(shown.into_owned());
    }
    Cow::Owned(shown.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["lamp".to_owned(), "21.5 °C".to_owned(), "1 s".to_owned()], vec!["a".to_owned()]];
        assert_eq!(render(&["ID", "VALUE", "AGE"], &rows), "ID    VALUE    AGE\nlamp  21.5 °C  1 s\na\n");
    }

    #[test]
    fn a_cell_stays_on_its_line_and_commands_no_terminal() {
        let text = render(&["V"], &[vec!["a\nb\u{1b}[2J".to_owned()], vec!["x".repeat(50)]]);
        assert_eq!(text, format!("V\na b\u{fffd}[2J\n{}…\n", "x".repeat(39)));
    }
}
