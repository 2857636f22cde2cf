//! What the engine's fuel does not bound: lists in lists.
//!
//! A list costs what it holds itself, so `{% set a = [a, a] %}` is cheap, and forty of them are a list that would be 2^40 items long if
//! somebody wrote it out, which `a ~ ''` does before anybody is charged. Therefore whatever a template gives a name to (`set`, `for`) is
//! measured then, written out, and must be small; a list is not multiplied; and statements that would give names in other ways are not
//! known here. As a template has a bounded number of words, one expression comes to a bounded multiple of that.
//!
//! The rewriting goes by the engine's own tokens, so that both read the same template.

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::super::limits::{TEMPLATE_BYTES_MAX, TEMPLATE_NAMED_BYTES_MAX, TEMPLATE_RANGE_MAX, TEMPLATE_TOKENS_MAX};
use super::{TemplateError, failure};

/// Measures what was given a name; writes nothing.
const MEASURE: &str = "hw_measure";
/// Gives back what may be multiplied.
const FACTOR: &str = "hw_factor";

pub(super) fn add(engine: &mut Environment<'_>) {
    engine.add_function(MEASURE, measure);
    engine.add_filter(FACTOR, factor);
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
    // Names of the texts between `set` and `endset` that are being written.
    let mut captures = Vec::new();
    for (place, (token, span)) in tokens.iter().enumerate() {
        let (from, to) = (span.start_offset as usize, span.end_offset as usize);
        match token {
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
                    guarded.push_str(&format!("{{{{{minus} {MEASURE}({name}) {minus}}}}}"));
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

/// Fails if a value is large when it is written out.
fn measure(state: &State<'_, '_>, value: Value) -> Result<&'static str, Error> {
    let mut left = TEMPLATE_NAMED_BYTES_MAX;
    let fits = fits(&value, &mut left, 0)?;
    state.consume_fuel((TEMPLATE_NAMED_BYTES_MAX - left) as u64 / 64)?;
    if fits { Ok("") } else { Err(Error::new(ErrorKind::InvalidOperation, "something that it names is too large")) }
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
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            Err(Error::new(ErrorKind::InvalidOperation, "only numbers and texts are multiplied here"))
        }
        _ => Ok(value),
    }
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
