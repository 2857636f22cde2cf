//! What the engine's fuel does not bound: lists in lists.
//!
//! A list costs what it holds itself, so `{% set a = [a, a] %}` is cheap, and forty of them are a list that would be 2^40 items long if
//! somebody wrote it out, which `a ~ ''` does before anybody is charged. Therefore whatever a template puts together is measured then,
//! as if it were written out, must be small, and is paid for by that size: what gets a name (`set`, `for`), every list, map and tuple
//! that it spells, both sides of a `+`, what a `namespace` begins with. A list is not multiplied, and `map` gives no list to each item.
//! What is put into a namespace later grows after it was measured, so a namespace is in nothing else. Statements that would give names
//! in other ways are not known here.
//!
//! The rewriting goes by the engine's own tokens, so that both read the same template.

use std::collections::BTreeMap;

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, functions};

use super::super::limits::{TEMPLATE_BYTES_MAX, TEMPLATE_NAMED_BYTES_MAX, TEMPLATE_RANGE_MAX, TEMPLATE_TOKENS_MAX};
use super::{TemplateError, failure};

/// Measures what was given a name; writes nothing.
const MEASURE: &str = "hw__measure";
/// Likewise of a name within a namespace.
const MEASURE_MEMBER: &str = "hw__measure_member";
/// Gives back what was measured.
const MEASURED: &str = "hw__measured";
/// Gives back what may be multiplied.
const FACTOR: &str = "hw__factor";
/// What no template may name: it could put something harmless into their place.
const OURS: [&str; 4] = [MEASURE, MEASURE_MEMBER, MEASURED, FACTOR];

pub(super) fn add(engine: &mut Environment<'_>) {
    engine.add_function(MEASURE, |state: &State<'_, '_>, value: Value| measure(state, &value, 0));
    engine.add_function(MEASURE_MEMBER, |state: &State<'_, '_>, value: Value| measure(state, &value, 1));
    engine.add_function(MEASURED, measured);
    engine.add_filter(MEASURED, measured);
    engine.add_filter(FACTOR, factor);
    engine.add_function("namespace", namespace);
    engine.add_filter("map", map);
    engine.add_function("range", range);
    // They put lists into lists, and devices have no use for them.
    for filter in ["batch", "slice", "groupby", "chain", "zip", "pprint", "indent"] {
        engine.remove_filter(filter);
    }
    for function in ["debug", "dict"] {
        engine.remove_global(function);
    }
}

/// The template as it is run.
pub(super) fn guarded(source: &str) -> Result<String, TemplateError> {
    if source.len() > TEMPLATE_BYTES_MAX {
        return Err(TemplateError::TooLong(source.len()));
    }
    let mut tokens = Vec::new();
    for token in tokenize(source, false, SyntaxConfig::default()) {
        tokens.push(token.map_err(|error| failure(&error))?);
        if tokens.len() > TEMPLATE_TOKENS_MAX {
            return Err(TemplateError::Syntax(format!("it has more than {TEMPLATE_TOKENS_MAX} words and signs")));
        }
    }
    let mut guarded = String::with_capacity(source.len() + 64);
    let mut copied = 0;
    let mut named = Vec::new();
    let spelled = spelled(&tokens);
    // Names of the texts between `set` and `endset` that are being written.
    let mut captures = Vec::new();
    for (place, (token, span)) in tokens.iter().enumerate() {
        let (from, to) = (span.start_offset as usize, span.end_offset as usize);
        match token {
            Token::Ident(name) if OURS.contains(name) => {
                return Err(TemplateError::Syntax(format!("'{name}' is a name of the hub's own")));
            }
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen if spelled[place] => {
                guarded.push_str(&source[copied..from]);
                guarded.push_str(&format!("{MEASURED}("));
                copied = from;
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose if spelled[place] => {
                guarded.push_str(&source[copied..to]);
                guarded.push(')');
                copied = to;
            }
            Token::Plus => {
                guarded.push_str(&source[copied..from]);
                guarded.push_str(&format!("|{MEASURED} "));
                copied = from;
            }
            Token::Mul if place > 0 && matches!(tokens[place - 1].0, Token::ParenOpen | Token::Comma) => {
                return Err(TemplateError::Syntax("'*' stands where nothing is multiplied".into()));
            }
            Token::Mul => {
                guarded.push_str(&source[copied..from]);
                // Twice minus changes no number, and nothing else may have it.
                guarded.push_str(&format!("|{FACTOR} * - - "));
                copied = to;
            }
            Token::BlockStart => {
                named = match names_given(&tokens[place + 1..])? {
                    Names::Here(names) => names,
                    Names::AtTheEnd(name) => {
                        captures.push(name);
                        Vec::new()
                    }
                    Names::OfTheLast => captures.pop().into_iter().collect(),
                }
            }
            Token::BlockEnd => {
                guarded.push_str(&source[copied..to]);
                copied = to;
                // What takes white space away goes on doing so.
                let minus = if source[from..to].starts_with('-') { "-" } else { "" };
                for name in named.drain(..) {
                    let measure = if name.contains('.') { MEASURE_MEMBER } else { MEASURE };
                    guarded.push_str(&format!("{{{{{minus} {measure}({name}) {minus}}}}}"));
                }
            }
            _ => {}
        }
    }
    guarded.push_str(&source[copied..]);
    Ok(guarded)
}

/// What a statement gives a name to, and when.
enum Names {
    /// With this statement; most give none.
    Here(Vec<String>),
    /// The text up to `endset`.
    AtTheEnd(String),
    /// It is the `endset`.
    OfTheLast,
}

/// What the statement that begins here gives a name to. Statements that are not known here are refused.
fn names_given(tokens: &[(Token<'_>, Span)]) -> Result<Names, TemplateError> {
    let refused = |what: String| Err(TemplateError::Syntax(what));
    let ident = |place: usize| match tokens.get(place) {
        Some((Token::Ident(name), _)) => Some(*name),
        _ => None,
    };
    let statement = ident(0).unwrap_or_default();
    match statement {
        "if" | "elif" | "else" | "endif" | "endfor" => return Ok(Names::Here(Vec::new())),
        "endset" => return Ok(Names::OfTheLast),
        "set" | "for" => {}
        other => return refused(format!("the statement '{other}' is not known here")),
    }
    // `a`, `a, b`, and of `set` also `a.b`.
    let mut names = Vec::new();
    let mut place = 1;
    while let Some(name) = ident(place) {
        names.push(name.to_owned());
        place += 1;
        match tokens.get(place) {
            Some((Token::Comma, _)) => place += 1,
            Some((Token::Dot, _)) if statement == "set" && names.len() == 1 => {
                let Some(attribute) = ident(place + 1) else { break };
                names = vec![format!("{name}.{attribute}")];
                place += 2;
                break;
            }
            _ => break,
        }
    }
    let end = tokens.iter().position(|(token, _)| matches!(token, Token::BlockEnd)).unwrap_or(tokens.len());
    let is_recursive = tokens[..end].iter().any(|(token, _)| matches!(token, Token::Ident("recursive")));
    match (statement, tokens.get(place)) {
        _ if names.is_empty() => refused(format!("'{statement}' without a name")),
        ("for", Some((Token::Ident("in"), _))) if !is_recursive => Ok(Names::Here(names)),
        ("set", Some((Token::Assign, _))) => Ok(Names::Here(names)),
        ("set", Some((Token::BlockEnd, _))) if names.len() == 1 => Ok(Names::AtTheEnd(names.remove(0))),
        _ => refused(format!("'{statement}' is not known in this form")),
    }
}

/// Which brackets are those of a list, a map or a tuple that is spelled out, rather than of a call, an index or an order of computing.
fn spelled(tokens: &[(Token<'_>, Span)]) -> Vec<bool> {
    let mut spelled = vec![false; tokens.len()];
    // Where each bracket that is open stands, and whether what is in it is spelled out.
    let mut open: Vec<(usize, bool)> = Vec::new();
    for (place, (token, _)) in tokens.iter().enumerate() {
        match token {
            Token::BracketOpen => open.push((place, !follows_value(tokens, place))),
            Token::BraceOpen => open.push((place, true)),
            // Until there is a comma it may be nothing but brackets.
            Token::ParenOpen => open.push((place, false)),
            Token::Comma => {
                if let Some((begin, is_spelled)) = open.last_mut()
                    && matches!(tokens[*begin].0, Token::ParenOpen)
                {
                    *is_spelled = !is_called(tokens, *begin);
                }
            }
            Token::BracketClose | Token::BraceClose | Token::ParenClose => {
                if let Some((begin, true)) = open.pop() {
                    spelled[begin] = true;
                    spelled[place] = true;
                }
            }
            _ => {}
        }
    }
    spelled
}

/// Whether brackets that open here belong to the value before them.
fn follows_value(tokens: &[(Token<'_>, Span)], place: usize) -> bool {
    const WORDS: [&str; 10] = ["in", "if", "else", "elif", "and", "or", "not", "is", "set", "for"];
    let before = |back: usize| place.checked_sub(back).map(|place| &tokens[place].0);
    let is_word = |back: usize, word: &str| matches!(before(back), Some(Token::Ident(name)) if *name == word);
    match before(1) {
        Some(Token::Ident(_)) if matches!(before(2), Some(Token::Dot)) => true,
        // `x is eq [1]`: a test and what it is given.
        Some(Token::Ident(_)) if is_word(2, "is") || (is_word(2, "not") && is_word(3, "is")) => false,
        Some(Token::Ident(name)) => !WORDS.contains(name),
        Some(Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_)) => true,
        Some(Token::ParenClose | Token::BracketClose | Token::BraceClose) => true,
        _ => false,
    }
}

/// Whether this opens what a function, a filter or a test is given.
fn is_called(tokens: &[(Token<'_>, Span)], place: usize) -> bool {
    let is_word = |back: usize, word: &str| {
        place.checked_sub(back).is_some_and(|place| matches!(tokens[place].0, Token::Ident(name) if name == word))
    };
    let named = place.checked_sub(1).is_some_and(|place| matches!(tokens[place].0, Token::Ident(_)));
    follows_value(tokens, place) || (named && (is_word(2, "is") || (is_word(2, "not") && is_word(3, "is"))))
}

/// Fails if a value is large when it is written out; its size is paid for. A namespace may be what is measured, at depth 0, but not in it.
fn measure(state: &State<'_, '_>, value: &Value, depth: usize) -> Result<&'static str, Error> {
    size(state, value, depth).map(|_| "")
}

/// Likewise; in bytes, roughly.
pub(super) fn size(state: &State<'_, '_>, value: &Value, depth: usize) -> Result<usize, Error> {
    let mut left = TEMPLATE_NAMED_BYTES_MAX;
    let fits = fits(value, &mut left, depth)?;
    let size = TEMPLATE_NAMED_BYTES_MAX - left;
    state.consume_fuel(size as u64 / 64)?;
    if fits {
        Ok(size)
    } else {
        Err(Error::new(ErrorKind::InvalidOperation, "something that it puts together is too large"))
    }
}

fn measured(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if is_container(&value) {
        measure(state, &value, 1)?;
    }
    Ok(value)
}

fn is_container(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map)
}

/// Whether something in what is given, by place or by name, is a list or a map.
fn has_container(given: &[Value]) -> Result<bool, Error> {
    for value in given {
        if value.is_kwargs() {
            for name in value.try_iter()? {
                if is_container(&value.get_item(&name)?) {
                    return Ok(true);
                }
            }
        } else if is_container(value) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// As the engine's, of what is small.
fn namespace(state: &State<'_, '_>, given: Option<ValueOrKwargs>) -> Result<Value, Error> {
    if let Some(given) = &given {
        for name in given.try_iter()? {
            measure(state, &given.get_item(&name)?, 1)?;
        }
    }
    functions::namespace(given)
}

/// As the engine's, but each item gets nothing that could be large.
fn map(state: &mut State<'_, '_>, list: Value, given: Rest<ValueOrKwargs>) -> Result<Vec<Value>, Error> {
    let given = given.into_values();
    if has_container(&given)? {
        return Err(Error::new(ErrorKind::InvalidOperation, "map: a list or map for each item is not known here"));
    }
    filters::map(state, list, Rest(given.into_iter().map(ValueOrKwargs::from).collect()))
}

fn fits(value: &Value, left: &mut usize, depth: usize) -> Result<bool, Error> {
    const DEPTH_MAX: usize = 130; // JSON's own, and a little
    const ITEM_BYTES: usize = 2;
    let is_list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    let is_map = value.kind() == ValueKind::Map;
    if !is_list && !is_map {
        let bytes = ITEM_BYTES + value.as_str().map_or(16, str::len);
        let fits = bytes <= *left;
        *left = left.saturating_sub(bytes);
        return Ok(fits);
    }
    if depth > DEPTH_MAX || *left < ITEM_BYTES {
        return Ok(false);
    }
    // A namespace, or anything else that may be another thing when it is next looked at.
    if is_map && depth > 0 && value.downcast_object_ref::<BTreeMap<Value, Value>>().is_none() {
        let what = format!("{} within something else is not known here", value.kind());
        return Err(Error::new(ErrorKind::InvalidOperation, what));
    }
    *left -= ITEM_BYTES;
    for item in value.try_iter()? {
        let inside = if is_map { value.get_item(&item)? } else { Value::from(()) };
        if !fits(&item, left, depth + 1)? || (is_map && !fits(&inside, left, depth + 1)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn factor(value: Value) -> Result<Value, Error> {
    if is_container(&value) {
        return Err(Error::new(ErrorKind::InvalidOperation, "only numbers and texts are multiplied here"));
    }
    Ok(value)
}

fn range(state: &State<'_, '_>, from: i64, to: Option<i64>, step: Option<i64>) -> Result<Vec<i64>, Error> {
    let (from, to) = to.map_or((0, from), |to| (from, to));
    let step = step.unwrap_or(1);
    let length = if step == 0 { 0 } else { (i128::from(to) - i128::from(from)) / i128::from(step) };
    if step == 0 || length >= i128::from(TEMPLATE_RANGE_MAX) {
        let what = format!("a range of step 0, or of more than {TEMPLATE_RANGE_MAX} numbers");
        return Err(Error::new(ErrorKind::InvalidOperation, what));
    }
    state.consume_fuel(u64::try_from(length).unwrap_or(0))?;
    let mut numbers = Vec::new();
    let mut next = from;
    while (step > 0 && next < to) || (step < 0 && next > to) {
        numbers.push(next);
        next = next.saturating_add(step);
    }
    Ok(numbers)
}
