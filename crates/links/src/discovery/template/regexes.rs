//! Regular expressions in templates. One search takes time in proportion to the text and to what the expression compiles to, there is no
//! looking ahead or back; but many searches begin anew at each match, so each of them is charged.

use minijinja::value::Rest;
use minijinja::{Environment, Error, ErrorKind, State, Value};
use regex_lite::{Captures, Regex, RegexBuilder};

use super::super::limits::{REGEX_BYTES_MAX, REGEX_FUEL, REGEX_GROUPS_MAX, REGEX_TEXT_BYTES_MAX};

pub(super) fn add(engine: &mut Environment<'_>) {
    engine.add_filter("regex_replace", replace);
    engine.add_filter("regex_match", is_match);
    engine.add_test("match", is_match);
    engine.add_filter("regex_search", is_found);
    engine.add_test("search", is_found);
    engine.add_filter("regex_findall", find_all);
    engine.add_filter("regex_findall_index", find_nth);
}

/// A text and what is looked for in it.
struct Search<'a> {
    state: &'a State<'a, 'a>,
    regex: Regex,
    text: &'a str,
    /// What a search costs for each byte of the text, in bytes.
    weight: u64,
}

impl<'a> Search<'a> {
    /// Charges for compiling before that is done.
    fn new(state: &'a State<'_, '_>, text: &'a str, pattern: &str, ignore_case: bool) -> Result<Self, Error> {
        let refused = |what: String| Error::new(ErrorKind::InvalidOperation, format!("regular expression: {what}"));
        if text.len() > REGEX_TEXT_BYTES_MAX || pattern.len() > REGEX_TEXT_BYTES_MAX {
            return Err(refused(format!("the text has more than {REGEX_TEXT_BYTES_MAX} bytes")));
        }
        state.consume_fuel(REGEX_FUEL + pattern.len() as u64 / 4)?;
        let built = RegexBuilder::new(pattern).case_insensitive(ignore_case).size_limit(REGEX_BYTES_MAX).build();
        let regex = built.map_err(|error| refused(error.to_string()))?;
        // The first is all of it.
        let groups = regex.captures_len() - 1;
        if groups > REGEX_GROUPS_MAX {
            return Err(refused(format!("it has {groups} groups, more than {REGEX_GROUPS_MAX}")));
        }
        let weight = (pattern.len() as u64 + 1) * (groups as u64 + 1);
        Ok(Self { state, regex, text, weight })
    }

    /// Charges for one search from there on.
    fn pay(&self, from: usize) -> Result<(), Error> {
        self.state.consume_fuel(1 + (self.text.len() - from) as u64 * self.weight / 64)
    }

    /// All matches that do not overlap; an empty one is none where another has just ended.
    fn each(&self, mut then: impl FnMut(&Captures<'a>) -> Result<(), Error>) -> Result<(), Error> {
        let mut from = 0;
        let mut last_end = None;
        while from <= self.text.len() {
            self.pay(from)?;
            let Some(groups) = self.regex.captures_at(self.text, from) else { break };
            let Some(all) = groups.get(0) else { break };
            let is_empty = all.is_empty();
            if !(is_empty && last_end == Some(all.end())) {
                then(&groups)?;
            }
            last_end = Some(all.end());
            let next = self.text[all.end()..].chars().next().map_or(1, char::len_utf8);
            from = if is_empty { all.end() + next } else { all.end() };
        }
        Ok(())
    }
}

fn replace(
    state: &State<'_, '_>,
    text: String,
    find: String,
    with: String,
    ignore: Option<bool>,
) -> Result<String, Error> {
    let search = Search::new(state, &text, &find, ignore.unwrap_or(false))?;
    let with = python_groups(&with);
    let mut made = String::new();
    let mut copied = 0;
    search.each(|groups| {
        let Some(all) = groups.get(0) else { return Ok(()) };
        made.push_str(&text[copied..all.start()]);
        copied = all.end();
        // Each reference to a group has two letters at least, and writes no more than the match.
        state.consume_fuel((with.len() as u64 + 1).saturating_mul(all.len() as u64 + 1) / 64)?;
        groups.expand(&with, &mut made);
        state.consume_fuel(with.len() as u64 / 64)
    })?;
    made.push_str(&text[copied..]);
    Ok(made)
}

/// Python writes `\1` for the first group, this engine `${1}`.
fn python_groups(with: &str) -> String {
    let mut ours = String::with_capacity(with.len());
    let mut letters = with.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '$' => ours.push_str("$$"),
            '\\' => match letters.peek() {
                Some(digit) if digit.is_ascii_digit() => {
                    ours.push_str(&format!("${{{digit}}}"));
                    letters.next();
                }
                _ => ours.push('\\'),
            },
            other => ours.push(other),
        }
    }
    ours
}

fn is_match(state: &State<'_, '_>, text: String, find: String, ignore: Option<bool>) -> Result<bool, Error> {
    let search = Search::new(state, &text, &find, ignore.unwrap_or(false))?;
    search.pay(0)?;
    Ok(search.regex.find(&text).is_some_and(|found| found.start() == 0))
}

fn is_found(state: &State<'_, '_>, text: String, find: String, ignore: Option<bool>) -> Result<bool, Error> {
    let search = Search::new(state, &text, &find, ignore.unwrap_or(false))?;
    search.pay(0)?;
    Ok(search.regex.is_match(&text))
}

fn find_all(state: &State<'_, '_>, text: String, find: String, ignore: Option<bool>) -> Result<Vec<Value>, Error> {
    let search = Search::new(state, &text, &find, ignore.unwrap_or(false))?;
    let mut found = Vec::new();
    search.each(|groups| {
        // As Python does: the group if there is one, or else all of it.
        let shown = groups.get(1).or_else(|| groups.get(0));
        found.push(Value::from(shown.map_or("", |shown| shown.as_str())));
        Ok(())
    })?;
    Ok(found)
}

fn find_nth(state: &State<'_, '_>, text: String, find: String, more: Rest<Value>) -> Result<Value, Error> {
    let nth = more.first().and_then(Value::as_usize).unwrap_or(0);
    let ignore = more.get(1).map(Value::is_true);
    let found = find_all(state, text, find, ignore)?;
    found
        .into_iter()
        .nth(nth)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "regex_findall_index: not so many"))
}
