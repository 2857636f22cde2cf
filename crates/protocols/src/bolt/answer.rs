//! Answers, byte for byte as Bolt's manual shows them.

use std::fmt::Write as _;

use crate::bolt::binding::Binding;
use crate::bolt::command::Verb;

/// How `success` is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// As Bolt's manual shows it for each command: as a text for most, as a number for some.
    #[default]
    AsDocumented,
    /// As a number for all.
    Integers,
}

/// An answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done; this is what it says.
    Text(String),
    /// Whether the device is there, and since when (`Sun 2018-05-06 08:14:43 UTC`).
    State(&'static str, String),
    /// It was done; this is JSON already.
    Json(String),
    /// A whole answer behind `success`, as JSON: `"data":…`.
    Fields(String),
    /// It failed; why.
    Failure(String),
}

impl Answer {
    /// As JSON. `verb` is `None` where the command is not known.
    pub fn to_json(&self, verb: Option<Verb>, style: Style) -> String {
        let digit = if matches!(self, Self::Failure(_)) { '0' } else { '1' };
        let is_number = matches!(verb, Some(Verb::FetchData | Verb::ProductDetails));
        // Newer commands are shown without spaces.
        let (comma, colon) = if is_number { (",", ":") } else { (", ", ": ") };
        let success = match is_number || style == Style::Integers {
            true => digit.to_string(),
            false => format!("\"{digit}\""),
        };
        let mut out = format!("{{\"success\"{colon}{success}{comma}");
        let written = match self {
            Self::Text(text) | Self::Failure(text) => write!(out, "\"value\"{colon}{}", quoted(text)),
            Self::State(state, time) => {
                write!(out, "\"value\"{colon}\"{state}\"{comma}\"time\"{colon}{}", quoted(time))
            }
            Self::Json(json) => write!(out, "\"value\"{colon}{json}"),
            Self::Fields(fields) => write!(out, "{fields}"),
        };
        written.expect("a string takes what fits into memory");
        out.push('}');
        out
    }
}

/// What `fetchData` answers behind `success`: rows of a time and texts.
pub fn history(columns: &[&str], rows: &[(String, Vec<String>)]) -> String {
    let list = |first: &str, rest: &mut dyn Iterator<Item = &str>| {
        let mut out = format!("[{}", quoted(first));
        rest.for_each(|text| {
            out.push(',');
            out.push_str(&quoted(text));
        });
        out.push(']');
        out
    };
    let format = list("time_stamp", &mut columns.iter().copied());
    let rows: Vec<_> = rows.iter().map(|(time, cells)| list(time, &mut cells.iter().map(String::as_str))).collect();
    format!("\"data_format\":{format},\"data\":[{}]", rows.join(","))
}

/// What `productDetails` answers; `variable` says what a pin is for.
pub fn product(device: &str, product: &str, data_rate: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let variables = Binding::variables().map(|name| {
        let value = variable(&name).map_or_else(|| "null".to_owned(), |value| quoted(&value));
        format!("{}:{value}", quoted(&name))
    });
    format!(
        "{{\"device_id\":{},\"product_name\":{},\"data_rate\":{},\"pin_variables\":{{{}}}}}",
        quoted(device),
        quoted(product),
        quoted(data_rate),
        variables.collect::<Vec<_>>().join(",")
    )
}

/// A text in JSON (RFC 8259 section 7).
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("a string takes what fits into memory");
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
