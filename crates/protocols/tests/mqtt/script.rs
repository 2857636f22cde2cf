//! The language of the vectors: hex with a few conveniences, so that a row can be read beside the specification.
//!
//! ```text
//! ## [MQTT-3.1.4-5] what this case shows
//! let CONNECT = 10 .. "MQTT" 04 02 003c "a"     bytes under a name, used as $CONNECT
//! a > $CONNECT                                  client a sends; it connects first, if it is new, `closed` or `lost`
//! a < 20 02 0000                                client a is sent exactly this, next
//! a closed                                      the server has closed the connection, nothing else was sent
//! a lost                                        the client's socket is gone without a word
//! wait 90s                                      time passes
//! ```
//!
//! `"text"` is a string with its two bytes of length, `'text'` the bare bytes, `..` the remaining length of the rest of
//! the line or up to the next `|` (which starts another packet), `{ … }` a part with its length in front. A line that
//! starts with `#` is a comment. At the end of a case nothing may be left that was sent and not expected.

use std::collections::BTreeMap;
use std::time::Duration;

/// One case: a title and its steps.
pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) steps: Vec<(usize, Step)>,
}

pub(crate) enum Step {
    Send(String, Vec<u8>),
    Expect(String, Vec<u8>),
    Closed(String),
    Lost(String),
    Wait(Duration),
}

/// The cases of a file. Panics, with the line, on what it does not understand.
pub(crate) fn parse(text: &str) -> Vec<Case> {
    let mut names = BTreeMap::new();
    let mut cases: Vec<Case> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(title) = line.strip_prefix("## ") {
            cases.push(Case { title: title.to_owned(), steps: Vec::new() });
        } else if let Some(binding) = line.strip_prefix("let ") {
            let (name, bytes) = binding.split_once('=').unwrap_or_else(|| panic!("line {}: no '='", index + 1));
            let bytes = parse_bytes(bytes, &names);
            names.insert(name.trim().to_owned(), bytes);
        } else if !line.is_empty() && !line.starts_with('#') {
            let step = parse_step(line, &names).unwrap_or_else(|| panic!("line {}: {line}", index + 1));
            cases.last_mut().expect("steps come after a title").steps.push((index + 1, step));
        }
    }
    cases
}

fn parse_step(line: &str, names: &BTreeMap<String, Vec<u8>>) -> Option<Step> {
    let (subject, rest) = line.split_once(' ')?;
    let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let client = subject.to_owned();
    match (subject, verb) {
        ("wait", seconds) => Some(Step::Wait(Duration::from_secs_f64(seconds.strip_suffix('s')?.parse().ok()?))),
        (_, ">") => Some(Step::Send(client, parse_bytes(rest, names))),
        (_, "<") => Some(Step::Expect(client, parse_bytes(rest, names))),
        (_, "closed") => Some(Step::Closed(client)),
        (_, "lost") => Some(Step::Lost(client)),
        _ => None,
    }
}

fn parse_bytes(text: &str, names: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut packets = Vec::new();
    let mut tokens = tokens(text).into_iter().peekable();
    while tokens.peek().is_some() {
        packets.extend(part(&mut tokens, names, "|"));
    }
    packets
}

/// Splits at blanks, but not within quotes.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' => 2 + rest[1..].find(first).unwrap_or_else(|| panic!("{text}: a quote is not closed")),
            _ => rest.find(' ').unwrap_or(rest.len()),
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

fn part<'a>(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    names: &BTreeMap<String, Vec<u8>>,
    end: &str,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut length_at = None;
    while let Some(token) = tokens.next() {
        match token {
            token if token == end => break,
            ".." => length_at = Some(bytes.len()),
            "{}" => bytes.push(0),
            "{" => {
                let group = part(tokens, names, "}");
                bytes.extend(varint(group.len()));
                bytes.extend(group);
            }
            token if token.starts_with('"') => {
                let text = token.trim_matches('"').as_bytes();
                bytes.extend((text.len() as u16).to_be_bytes());
                bytes.extend(text);
            }
            token if token.starts_with('\'') => bytes.extend(token.trim_matches('\'').as_bytes()),
            token if token.starts_with('$') => {
                bytes.extend(names.get(&token[1..]).unwrap_or_else(|| panic!("{token} has no meaning")));
            }
            hex => {
                assert!(hex.len() % 2 == 0, "{hex} is half a byte short");
                let digits = (0..hex.len()).step_by(2);
                bytes.extend(
                    digits.map(|at| {
                        u8::from_str_radix(&hex[at..at + 2], 16).unwrap_or_else(|_| panic!("{hex} is not hex"))
                    }),
                );
            }
        }
    }
    if let Some(at) = length_at {
        let length = varint(bytes.len() - at);
        bytes.splice(at..at, length);
    }
    bytes
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
