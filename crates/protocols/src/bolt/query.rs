//! The address of a request: `/remote/KEY/COMMAND?PARAMETERS`, written by clients that escape little of what they send.

use crate::limits::BOLT_PARAMETERS_MAX;

/// What of a path is Bolt's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'p> {
    /// As it stands there.
    pub key: &'p str,
    /// What is behind it, which may be no command.
    pub command: &'p str,
}

impl<'p> Call<'p> {
    /// `None` if the path is none of Bolt's.
    pub fn of(path: &'p str) -> Option<Self> {
        let rest = path.strip_prefix("/remote/")?;
        let (key, command) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Self { key, command })
    }
}

/// What stands behind the question mark, decoded.
///
/// Empty pairs count for nothing, as Python's client sends one; a plus is a plus, as nobody writes spaces so; of what is there
/// twice the first counts, as the second may be a part of a text that was not escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(Vec<u8>, Vec<u8>)>);

impl Parameters {
    /// Reads a query, without its question mark. What is beyond [`BOLT_PARAMETERS_MAX`] counts for nothing.
    pub fn parse(query: &[u8]) -> Self {
        let mut parameters = Self::default();
        parameters.add(query, b'+');
        parameters
    }

    /// Adds those of a form in a body, where a plus is a space.
    pub fn add_form(&mut self, form: &[u8]) {
        self.add(form, b' ');
    }

    fn add(&mut self, query: &[u8], plus: u8) {
        for pair in query.split(|byte| *byte == b'&') {
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
            let name = decoded(name, plus).trim_ascii().to_vec();
            if !name.is_empty() && self.0.len() < BOLT_PARAMETERS_MAX {
                self.0.push((name, decoded(value, plus)));
            }
        }
    }

    /// The value of this name as it was sent.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(have, _)| have == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// The value of this name as text without white space around it; `None` if it is not there or no UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.raw(name)?).ok().map(str::trim)
    }

    /// The value of this name for a device's serial port: as it was sent, but for the line break with indentation that a client
    /// leaves at its end.
    pub fn serial(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(self.raw(name)?).ok()?;
        let line = text.trim_end_matches([' ', '\t']);
        let is_indented = line.len() < text.len() && line.ends_with('\n');
        Some(if is_indented { line.trim_end_matches(['\r', '\n']) } else { text })
    }
}

/// What `%41` stands for; what is no escape stays as it is.
fn decoded(text: &[u8], plus: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(digit(*high) << 4 | digit(*low));
                rest = behind;
            }
            (b'+', _) => out.push(plus),
            _ => out.push(first),
        }
    }
    out
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => (hex | 0x20) - b'a' + 10,
    }
}
