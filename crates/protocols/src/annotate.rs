//! What bytes on the wire mean, field by field, for people: where a field stands, what it is called, what it says, and the clause of
//! the standard that says so.
//!
//! Pure, and made for looking on: nothing here decides what a connection does, so that bytes that break the rules are told as well as
//! those that keep them. [`follow`] cuts what goes over a connection into frames; the others take one frame apart. What must not be
//! shown is named by its place and never appears in a value: [`Annotation::redacted`].

pub mod blynk;
pub mod follow;
pub mod http;
pub mod mqtt;
pub mod websocket;

use std::fmt::Write as _;
use std::ops::Range;

use crate::limits::{FIELD_CHARS_MAX, FRAME_FIELDS_MAX};

/// What stands in place of what is not shown.
pub const HIDDEN: &str = "••••";

/// One field of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its first byte.
    pub from: usize,
    /// Behind its last byte; as [`Field::from`] for what has no byte of its own.
    pub to: usize,
    /// What it is called.
    pub name: String,
    /// What it says.
    pub value: String,
    /// What there is to know of it; may be empty.
    pub note: String,
    /// The clause that describes it; may be empty.
    pub reference: String,
}

/// A frame, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    /// Which frame it is: `PUBLISH`, `request`, `text`.
    pub kind: String,
    /// The frame in a line.
    pub summary: String,
    /// In the order of their bytes; those of single bits share a byte.
    pub fields: Vec<Field>,
    /// Bytes that nobody is shown: passwords, tokens, cookies, proofs. No field's value or note repeats them.
    pub redacted: Vec<Range<usize>>,
}

/// Why a frame is not taken apart to its end.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// The rest was not kept.
    Cut,
    /// It breaks the standard.
    Broken(String),
}

type Step<T> = Result<T, Stop>;

/// Reads a frame from its first byte on, and notes what it reads.
struct Reader<'b> {
    /// What was kept of it.
    bytes: &'b [u8],
    /// How long it is.
    whole: usize,
    at: usize,
    /// Nothing is read behind this: the end of the frame, or of what is read just now.
    end: usize,
    made: Annotation,
}

impl<'b> Reader<'b> {
    fn new(bytes: &'b [u8], whole: usize) -> Self {
        let whole = whole.max(bytes.len());
        Self { bytes, whole, at: 0, end: whole, made: Annotation::default() }
    }

    fn left(&self) -> usize {
        self.end - self.at
    }

    /// The next so many bytes, as far as they were kept.
    fn take(&mut self, length: usize, what: &str) -> Step<(Range<usize>, &'b [u8])> {
        if length > self.left() {
            let left = self.left();
            return Err(Stop::Broken(format!("{what} takes {length} bytes, and {left} are left")));
        }
        if length > 0 && self.at >= self.bytes.len() {
            return Err(Stop::Cut);
        }
        let range = self.at..self.at + length;
        self.at += length;
        let kept = &self.bytes[range.start.min(self.bytes.len())..range.end.min(self.bytes.len())];
        Ok((range, kept))
    }

    /// As many bytes, all of which must have been kept.
    fn number<const N: usize>(&mut self, what: &str) -> Step<(Range<usize>, [u8; N])> {
        let (range, bytes) = self.take(N, what)?;
        Ok((range, bytes.try_into().map_err(|_| Stop::Cut)?))
    }

    fn field(
        &mut self,
        range: Range<usize>,
        name: impl Into<String>,
        value: impl Into<String>,
        note: impl Into<String>,
        reference: impl Into<String>,
    ) {
        if self.made.fields.len() >= FRAME_FIELDS_MAX {
            return;
        }
        let (name, value, note, reference) = (name.into(), value.into(), note.into(), reference.into());
        let (from, to) = (range.start, range.end);
        self.made.fields.push(Field { from, to, name, value, note, reference });
    }

    /// Nobody is shown these bytes.
    fn redact(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.made.redacted.push(range);
        }
    }

    /// Whether there is room for another field besides the one that says that there is more.
    fn has_room(&self) -> bool {
        self.made.fields.len() + 1 < FRAME_FIELDS_MAX
    }

    /// Says why the rest has no fields; hides it if it may hold what nobody is shown.
    fn finish(mut self, read: Step<()>, is_delicate: bool) -> Annotation {
        let rest = self.at.min(self.whole)..self.whole;
        let (name, note) = match read {
            Ok(()) if rest.is_empty() => return self.made,
            Ok(()) => ("rest", "not taken apart".to_owned()),
            Err(Stop::Cut) => {
                ("rest", format!("only the first {} bytes of {} were kept", self.bytes.len(), self.whole))
            }
            Err(Stop::Broken(why)) => {
                let _written = write!(self.made.summary, " · malformed: {why}").is_ok();
                ("malformed", why)
            }
        };
        if is_delicate {
            self.redact(rest.start..self.whole);
        }
        if self.made.fields.len() >= FRAME_FIELDS_MAX {
            self.made.fields.truncate(FRAME_FIELDS_MAX - 1);
        }
        let value = if is_delicate { HIDDEN.to_owned() } else { bytes_of(rest.len()) };
        self.field(rest, name, value, note, "");
        self.made
    }
}

/// A frame of which nothing is told but how long it is, and why.
fn hidden(kind: &str, length: usize, why: &str) -> Annotation {
    let summary = format!("{} · not shown: {why}", bytes_of(length));
    let field = Field {
        from: 0,
        to: length,
        name: kind.into(),
        value: HIDDEN.into(),
        note: why.into(),
        reference: String::new(),
    };
    let redacted = if length > 0 { vec![Range { start: 0, end: length }] } else { Vec::new() };
    Annotation { kind: kind.into(), summary, fields: vec![field], redacted }
}

/// `1 byte`, `7 bytes`.
fn bytes_of(length: usize) -> String {
    if length == 1 { "1 byte".into() } else { format!("{length} bytes") }
}

/// As much of a text as is shown: control characters as their pictures, so that it stays on its line.
fn shown(text: &str) -> String {
    let picture = |c: char| match c {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('␀'),
        '\u{7f}' => '␡',
        other => other,
    };
    let mut shown: String = text.chars().take(FIELD_CHARS_MAX).map(picture).collect();
    if text.chars().nth(FIELD_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Bytes as text if they are text, or else how many they are. The last character may have been cut.
fn text_or_size(bytes: &[u8], whole: usize) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if whole > bytes.len() && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return bytes_of(whole),
    };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return bytes_of(whole);
    }
    let mut shown = shown(text);
    if whole > bytes.len() && !shown.ends_with('…') {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
