//! Regular expressions in templates. The engine behind them takes time in proportion to the text; there is no looking ahead or back.

use minijinja::value::Rest;
use minijinja::{Environment, Error, ErrorKind, State, Value};
use regex_lite::{Regex, RegexBuilder};

use super::super::limits::{REGEX_BYTES_MAX, REGEX_FUEL};

pub(super) fn add(engine: &mut Environment<'_>) {
    engine.add_filter("regex_replace", replace);
    engine.add_filter("regex_match", is_match);
    engine.add_test("match", is_match);
    engine.add_filter("regex_search", is_found);
    engine.add_test("search", is_found);
    engine.add_filter("regex_findall", find_all);
    engine.add_filter("regex_findall_index", find_nth);
}

/// Charges for compiling and for the text before either is touched.
fn compile(state: &State<'_, '_>, text: &str, pattern: &str, ignore_case: bool) -> Result<Regex, Error> {
    state.consume_fuel(REGEX_FUEL + (text.len() + pattern.len()) as u64 / 4)?;
    let built = RegexBuilder::new(pattern).case_insensitive(ignore_case).size_limit(REGEX_BYTES_MAX).build();
    built.map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("regular expression: {error}")))
}

fn replace(
    state: &State<'_, '_>,
    text: String,
    find: String,
    with: String,
    ignore: Option<bool>,
) -> Result<String, Error> {
    let regex = compile(state, &text, &find, ignore.unwrap_or(false))?;
    // Every place between two letters may be replaced: what that may come to is paid before it is made.
    state.consume_fuel((text.len() as u64 + 1).saturating_mul(with.len() as u64 + 1) / 64)?;
    Ok(regex.replace_all(&text, python_groups(&with).as_str()).into_owned())
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
    let regex = compile(state, &text, &find, ignore.unwrap_or(false))?;
    Ok(regex.find(&text).is_some_and(|found| found.start() == 0))
}

fn is_found(state: &State<'_, '_>, text: String, find: String, ignore: Option<bool>) -> Result<bool, Error> {
    Ok(compile(state, &text, &find, ignore.unwrap_or(false))?.is_match(&text))
}

fn find_all(state: &State<'_, '_>, text: String, find: String, ignore: Option<bool>) -> Result<Vec<Value>, Error> {
    let regex = compile(state, &text, &find, ignore.unwrap_or(false))?;
    // As Python does: the group if there is one, or else all of it.
    let found = regex.captures_iter(&text).map(|groups| {
        let shown = groups.get(1).or_else(|| groups.get(0));
        Value::from(shown.map_or("", |shown| shown.as_str()))
    });
    let found: Vec<_> = found.collect();
    state.consume_fuel(found.len() as u64)?;
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
