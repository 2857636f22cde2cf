//! CSV as files of points have it (RFC 4180): `time,value`, read as it comes.
//!
//! What a time or a value means belongs to `import`.

use crate::limits::HISTORY_LINE_BYTES_MAX;

/// Cuts what comes into lines; of a quoted field the end of the line may be part.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Of a line that has not come whole.
    begun: Vec<u8>,
    is_quoted: bool,
    is_too_long: bool,
    /// Lines of the file that came whole.
    seen: u64,
    /// Where the line that is being read begins, from 1.
    first: u64,
}

/// A line, or why it is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Fields(Vec<String>),
    TooLong,
    NotText(&'a [u8]),
}

impl Lines {
    /// Takes the next bytes of the file and hands over each line that is whole, with its number.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(u64, Line<'_>)) {
        while let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'"')) {
            let (piece, rest) = bytes.split_at(at + 1);
            bytes = rest;
            let is_end = piece.ends_with(b"\n");
            if is_end {
                self.seen += 1;
            }
            self.gather(piece);
            if !is_end {
                self.is_quoted = !self.is_quoted;
            } else if !self.is_quoted || self.is_too_long {
                self.hand_over(&mut each);
            }
        }
        self.gather(bytes);
    }

    /// The file is over; its last line may have no end.
    pub(super) fn finish(&mut self, mut each: impl FnMut(u64, Line<'_>)) {
        if !self.begun.is_empty() || self.is_too_long {
            self.seen += 1;
            self.hand_over(&mut each);
        }
    }

    fn gather(&mut self, piece: &[u8]) {
        if self.begun.len() + piece.len() > HISTORY_LINE_BYTES_MAX {
            self.is_too_long = true;
            self.begun.clear();
        }
        if !self.is_too_long {
            self.begun.extend_from_slice(piece);
        }
    }

    fn hand_over(&mut self, each: &mut impl FnMut(u64, Line<'_>)) {
        const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
        let number = self.first + 1;
        self.first = self.seen;
        self.is_quoted = false;
        if std::mem::take(&mut self.is_too_long) {
            self.begun.clear();
            return each(number, Line::TooLong);
        }
        let mut line = &*self.begun;
        if number == 1 {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            // An empty line says nothing.
            Ok("") => {}
            Ok(text) => each(number, Line::Fields(fields(text))),
            Err(_) => each(number, Line::NotText(line)),
        }
        self.begun.clear();
    }
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let field = fields.last_mut().expect("there is one at least");
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            letter => field.push(letter),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines of a file that comes in pieces of this size.
    fn lines(text: &[u8], piece: usize) -> Vec<(u64, Result<Vec<String>, &'static str>)> {
        let mut found = Vec::new();
        let mut take = |number: u64, line: Line<'_>| {
            found.push((
                number,
                match line {
                    Line::Fields(fields) => Ok(fields),
                    Line::TooLong => Err("too long"),
                    Line::NotText(_) => Err("not text"),
                },
            ));
        };
        let mut lines = Lines::default();
        for piece in text.chunks(piece) {
            lines.feed(piece, &mut take);
        }
        lines.finish(&mut take);
        found
    }

    #[test]
    fn files_of_every_kind() {
        let row = |number: u64, fields: &[&str]| (number, Ok(fields.iter().map(|field| (*field).to_owned()).collect()));
        for (text, expected) in [
            ("", vec![]),
            ("\n\n", vec![]),
            ("a,b", vec![row(1, &["a", "b"])]),
            ("a,b\n", vec![row(1, &["a", "b"])]),
            ("a,b\r\n\r\nc,d\r\n", vec![row(1, &["a", "b"]), row(3, &["c", "d"])]),
            ("\u{feff}a,b\n", vec![row(1, &["a", "b"])]),
            ("a,\"b,\"\"c\"\"\"\n", vec![row(1, &["a", "b,\"c\""])]),
            ("a,\"b\nc\"\nd,e", vec![row(1, &["a", "b\nc"]), row(3, &["d", "e"])]),
            ("a,,b,\n", vec![row(1, &["a", "", "b", ""])]),
            ("a", vec![row(1, &["a"])]),
            ("a,\"b", vec![row(1, &["a", "b"])]),
        ] {
            for piece in [1, 2, 3, 1_000] {
                assert_eq!(lines(text.as_bytes(), piece), expected, "{text:?} by {piece}");
            }
        }
    }

    #[test]
    fn lines_that_are_none_do_not_harm_the_others() {
        let long = "x".repeat(HISTORY_LINE_BYTES_MAX);
        for text in [format!("a,b\nc,{long}\nd,e\n"), format!("a,b\nc,\"{long}\nd,e\n")] {
            for piece in [1, 7, 100_000] {
                let found = lines(text.as_bytes(), piece);
                assert_eq!(
                    found.iter().map(|(number, line)| (*number, line.is_ok())).collect::<Vec<_>>(),
                    [(1, true), (2, false), (3, true)]
                );
            }
        }
        assert_eq!(lines(b"a,b\n\xff,1\nc,d", 2).iter().filter(|(_, line)| line.is_ok()).count(), 2);
    }

    proptest! {
        /// However the file is cut on its way, its lines are the same.
        #[test]
        fn pieces_make_no_difference(text in "[a,\"\n\r]{0,60}", piece in 1_usize..20) {
            prop_assert_eq!(lines(text.as_bytes(), piece), lines(text.as_bytes(), 1_000));
        }
    }
}
