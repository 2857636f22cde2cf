//! The language of the vectors: hex with a few conveniences, so that a row can be read beside the specification.
//!
//! ```text
//! ## [MQTT-3.1.4-5] what this case shows
//! let CONNECT = 10 .. "MQTT" 04 02 003c "a"     bytes under a name, used as $CONNECT
//! a > $CONNECT                                  client a sends; it connects first, if it is new, `closed` or `lost`
//! a < 20 02 0000                                client a is sent exactly this, next
//! a closed                                      the server has closed the connection, nothing else was sent
//! a lost                                        the client's socket is gone without a word, nothing else was sent
//! wait 90s                                      time passes
//! machines: why                                 this case is not played over TCP, for this reason
//! ```
//!
//! `"text"` is a string with its two bytes of length, `'text'` the bare bytes, `..` the remaining length of the rest of
//! the line or up to the next `|` (which starts another packet), `{ … }` a part with its length in front. `200*61` is a
//! byte or text 200 times; with `5*` a packet is there five times, and `++` in it is 0001, 0002 … Expected only: `03/04`
//! one of these bytes, `?` any text with its length, `?id` any text, which is `$id` from then on.
//!
//! `## (both) …` is a case for MQTT 3.1.1 and one for MQTT 5: `$A` stands for `$A3` or `$A5` then, and a line or a piece
//! that begins with `3:` or `5:` is for one of them; `5:{}` is the empty properties that MQTT 3.1.1 does not have. Its
//! statements are written `[MQTT-3.1.1:3.1.0-1]`, since both versions use the same numbers for different things.
//!
//! A line that starts with `#` is a comment. At the end of a case nothing may be left that was sent and not expected.

use std::collections::BTreeMap;
use std::time::Duration;

use super::pattern::Pattern;

/// One case.
#[derive(Default)]
pub(crate) struct Case {
    /// The vectors' file, without its ending.
    pub(crate) file: String,
    /// What it shows, without the statements.
    pub(crate) title: String,
    /// The statements that it shows, as `MQTT-3.1.0-1` or `MQTT-3.1.1:3.1.0-1`.
    pub(crate) statements: Vec<String>,
    /// Why it is played on the machines only.
    pub(crate) only_machines: Option<String>,
    /// With the number of the line.
    pub(crate) steps: Vec<(usize, Step)>,
    /// Which half of a case for both.
    version: Option<char>,
}

pub(crate) enum Step {
    Send(String, Vec<Pattern>),
    Expect(String, Vec<Pattern>),
    Closed(String),
    Lost(String),
    Wait(Duration),
}

/// What names stand for.
pub(crate) type Names = BTreeMap<String, Vec<Pattern>>;

/// The cases of a file; its names are added to `names`. Panics, with the line, on what it does not understand.
pub(crate) fn parse(file: &str, text: &str, names: &mut Names) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut open = 0;
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if let Some(title) = line.strip_prefix("## ") {
            open = cases.len();
            cases.extend(begin(file, title));
        } else if let Some(binding) = line.strip_prefix("let ") {
            let (name, bytes) = binding.split_once('=').unwrap_or_else(|| panic!("{file}, line {number}: no '='"));
            let patterns = Names::patterns(names, bytes, None);
            names.insert(name.trim().to_owned(), patterns);
        } else if !line.is_empty() && !line.starts_with('#') {
            assert!(open < cases.len(), "{file}, line {number}: steps come after a title");
            for case in &mut cases[open..] {
                let understood = add_line(case, number, line, names);
                understood.unwrap_or_else(|| panic!("{file}, line {number}: {line}"));
            }
        }
    }
    cases
}

/// The case or two cases of a title.
fn begin(file: &str, line: &str) -> Vec<Case> {
    let (is_both, line) = line.strip_prefix("(both) ").map_or((false, line), |line| (true, line));
    let mut title = line.to_owned();
    let mut statements = Vec::new();
    while let Some((start, len)) = title.find("[MQTT-").and_then(|at| Some((at, title[at..].find(']')?))) {
        statements.push(title[start + 1..start + len].to_owned());
        title.replace_range(start..=start + len, "");
    }
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let case = |title, version| Case { file: file.to_owned(), title, version, ..Case::default() };
    if !is_both {
        return vec![Case { statements, ..case(title, None) }];
    }
    let (old, new) = statements.into_iter().partition(|statement| statement.starts_with("MQTT-3.1.1:"));
    vec![
        Case { statements: old, ..case(format!("{title} (3.1.1)"), Some('3')) },
        Case { statements: new, ..case(format!("{title} (5)"), Some('5')) },
    ]
}

fn add_line(case: &mut Case, number: usize, line: &str, names: &Names) -> Option<()> {
    let line = match line.split_once(": ") {
        Some(("machines", why)) => {
            case.only_machines = Some(why.to_owned());
            return Some(());
        }
        Some((version @ ("3" | "5"), line)) => {
            if !version.starts_with(case.version?) {
                return Some(());
            }
            line
        }
        _ => line,
    };
    let (subject, rest) = line.split_once(' ')?;
    let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let client = subject.to_owned();
    let step = match (subject, verb) {
        ("wait", seconds) => Step::Wait(Duration::from_secs_f64(seconds.strip_suffix('s')?.parse().ok()?)),
        (_, ">") => Step::Send(client, names.patterns(rest, case.version)),
        (_, "<") => Step::Expect(client, names.patterns(rest, case.version)),
        (_, "closed") => Step::Closed(client),
        (_, "lost") => Step::Lost(client),
        _ => return None,
    };
    case.steps.push((number, step));
    Some(())
}

trait Meaning {
    fn patterns(&self, text: &str, version: Option<char>) -> Vec<Pattern>;
}

impl Meaning for Names {
    fn patterns(&self, text: &str, version: Option<char>) -> Vec<Pattern> {
        let tokens = tokens(text);
        let mut patterns = Vec::new();
        for packet in tokens.split(|token| *token == "|") {
            let times = packet.first().and_then(|token| token.strip_suffix('*')).and_then(|times| times.parse().ok());
            let packet = &packet[usize::from(times.is_some())..];
            for count in 1..=times.unwrap_or(1) {
                let reading = Reading { names: self, version, count };
                patterns.extend(reading.part(&mut packet.iter().copied(), None));
            }
        }
        patterns
    }
}

/// Splits at blanks, but not within quotes.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let quote = rest.find(['"', '\'']).filter(|at| !rest[..*at].contains(' '));
        let end = match quote {
            Some(start) => {
                let closing = rest[start + 1..].find(&rest[start..=start]);
                start + 2 + closing.unwrap_or_else(|| panic!("{text}: a quote is not closed"))
            }
            None => rest.find(' ').unwrap_or(rest.len()),
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

struct Reading<'n> {
    names: &'n Names,
    version: Option<char>,
    /// Which one of a repeated packet.
    count: u16,
}

impl Reading<'_> {
    /// Reads up to `end`, or to the end of the packet.
    fn part(&self, tokens: &mut dyn Iterator<Item = &str>, end: Option<&str>) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        while let Some(token) = tokens.next() {
            if Some(token) == end {
                return patterns;
            }
            match token {
                ".." => patterns.push(Pattern::Group(self.part(tokens, end))),
                "{" => patterns.push(Pattern::Group(self.part(tokens, Some("}")))),
                token => patterns.extend(self.one(token)),
            }
        }
        assert!(end.is_none(), "a brace is not closed");
        patterns
    }

    fn one(&self, token: &str) -> Vec<Pattern> {
        if let Some((version @ ("3" | "5"), token)) = token.split_once(':') {
            let own = self.version.expect("pieces for one version are for cases for both");
            return if version.starts_with(own) { self.one(token) } else { Vec::new() };
        }
        let bare = |text: &str| text.bytes().map(Pattern::Byte).collect::<Vec<_>>();
        match (token, token.split_at(1)) {
            ("{}", _) => vec![Pattern::Byte(0)],
            ("++", _) => self.count.to_be_bytes().map(Pattern::Byte).to_vec(),
            (_, ("?", name)) => vec![Pattern::Text(name.to_owned())],
            (_, ("$", name)) => self.named(name),
            (_, ("'", text)) => bare(text.trim_end_matches('\'')),
            (_, ("\"", text)) => {
                let text = text.trim_end_matches('"');
                let length = (text.len() as u16).to_be_bytes().map(Pattern::Byte);
                length.into_iter().chain(bare(text)).collect()
            }
            _ => match (token.split_once('*'), token.split_once('/')) {
                (Some((times, token)), _) => {
                    let times = times.parse().unwrap_or_else(|_| panic!("{times} is no number of times"));
                    let one = self.one(token);
                    std::iter::repeat_n(one, times).flatten().collect()
                }
                (None, Some(_)) => vec![Pattern::OneOf(token.split('/').flat_map(hex).collect())],
                (None, None) => hex(token).into_iter().map(Pattern::Byte).collect(),
            },
        }
    }

    fn named(&self, name: &str) -> Vec<Pattern> {
        let versioned = self.version.and_then(|version| self.names.get(&format!("{name}{version}")));
        let known = self.names.get(name).or(versioned);
        known.cloned().unwrap_or_else(|| vec![Pattern::Kept(name.to_owned())])
    }
}

fn hex(token: &str) -> Vec<u8> {
    assert!(token.len().is_multiple_of(2) && token.is_ascii(), "{token} is not hex, or half a byte short");
    let digits = (0..token.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&token[at..at + 2], 16).unwrap_or_else(|_| panic!("{token} is not hex")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::pattern::{Kept, bytes_of};
    use super::*;

    fn check(text: &str, expected: &[u8]) {
        let names = Names::from([("NAME".to_owned(), vec![Pattern::Byte(7)])]);
        assert_eq!(bytes_of(&names.patterns(text, None), &Kept::new()).as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn rows_are_read_as_they_are_explained() {
        check("0a0b 0c", &[10, 11, 12]);
        check("\"ab\" 'c d'", &[0, 2, b'a', b'b', b'c', b' ', b'd']);
        check("10 .. 01 02 | 20 .. 03", &[0x10, 2, 1, 2, 0x20, 1, 3]);
        check("10 .. { 01 { 02 } } {} 05", &[0x10, 6, 3, 1, 1, 2, 0, 5]);
        check("3*61 2*'xy'", b"aaaxyxy");
        check("2* 40 .. ++ | 01", &[0x40, 2, 0, 1, 0x40, 2, 0, 2, 1]);
        check("$NAME 01", &[7, 1]);
    }

    #[test]
    fn a_case_for_both_is_two() {
        let text = "let A3 = 03\nlet A5 = 05\n## (both) [MQTT-3.1.1:1.0-1] [MQTT-2.0-1] what\n# note\na > $A 5:{} 09\n5: a < 01\n";
        let cases = parse("f", text, &mut Names::new());
        let titles: Vec<_> = cases.iter().map(|case| (&case.title[..], &case.statements[..])).collect();
        let expected =
            [("what (3.1.1)", &["MQTT-3.1.1:1.0-1".to_owned()][..]), ("what (5)", &["MQTT-2.0-1".to_owned()])];
        assert_eq!(titles, expected);
        let sent = cases.iter().map(|case| match &case.steps[0] {
            (5, Step::Send(_, patterns)) => bytes_of(patterns, &Kept::new()).unwrap_or_default(),
            _ => panic!("the fifth line sends"),
        });
        assert_eq!(sent.collect::<Vec<_>>(), [&[3, 9][..], &[5, 0, 9]]);
        assert_eq!(cases.iter().map(|case| case.steps.len()).collect::<Vec<_>>(), [1, 2]);
    }
}
