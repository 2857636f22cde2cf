//! The three languages that sheets are written in. Whatever the language, an error says in which line and at which key.
//!
//! What a sheet says belongs to `sheet`; the bounds here keep a file from costing more than it is long.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::shorten;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// YAML 1.2.
    Yaml,
    /// TOML 1.0.
    Toml,
    /// JSON.
    Json,
}

/// Longest text of one sheet; a longer one is refused. A whole house comes as JSON, which may be longer.
pub(crate) const SHEET_BYTES_MAX: usize = 1024 * 1024;
pub(crate) const JSON_SHEET_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Of a YAML text: nesting, nodes once aliases are followed, anchors and aliases; beyond it is refused.
const YAML_DEPTH_MAX: usize = 32;
const YAML_NODES_MAX: usize = 100_000;
const YAML_ALIASES_MAX: usize = 100;

/// A text that is no sheet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.shown())]
pub(crate) struct FormatError {
    /// From 1 on.
    pub(crate) line: Option<u64>,
    /// Such as `properties.level.min`.
    pub(crate) key: Option<String>,
    pub(crate) what: String,
}

impl FormatError {
    fn shown(&self) -> String {
        let line = self.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let key = self.key.as_ref().map(|key| format!("{}: ", shorten(key))).unwrap_or_default();
        format!("{line}{key}{}", self.what)
    }

    fn new(line: Option<u64>, path: Option<String>, what: &str) -> Self {
        const WHAT_CHARS_MAX: usize = 400;
        let what: String = what.chars().take(WHAT_CHARS_MAX).collect();
        // The first line says it; what some add is a drawing of the place.
        let what = what.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
        Self { line, key: path.filter(|path| path != "." && path != "?"), what }
    }
}

impl Format {
    pub(crate) const ALL: [Self; 3] = [Self::Yaml, Self::Toml, Self::Json];

    /// Of files in it.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Toml => "toml",
            Self::Json => "json",
        }
    }

    /// Of a file that ends so.
    pub(crate) fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "yml" => Some(Self::Yaml),
            _ => Self::ALL.into_iter().find(|format| format.extension() == extension),
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Yaml => "application/yaml",
            Self::Toml => "application/toml",
            Self::Json => "application/json",
        }
    }

    /// Of a body or of what somebody accepts; whatever is none of these is JSON.
    pub(crate) fn of_media_type(text: &str) -> Self {
        let named = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let known = |text: &str| match named(text).as_str() {
            "application/yaml" | "application/x-yaml" | "text/yaml" => Some(Self::Yaml),
            "application/toml" | "text/toml" => Some(Self::Toml),
            "application/json" => Some(Self::Json),
            _ => None,
        };
        text.split(',').find_map(known).unwrap_or(Self::Json)
    }

    /// Reads a text. An empty one is an empty sheet.
    pub(crate) fn read<T: DeserializeOwned + Default>(self, text: &str) -> Result<T, FormatError> {
        let bytes_max = if self == Self::Json { JSON_SHEET_BYTES_MAX } else { SHEET_BYTES_MAX };
        if text.len() > bytes_max {
            let what = format!("this is longer than {bytes_max} bytes, which is the most there may be");
            return Err(FormatError::new(None, None, &what));
        }
        match self {
            Self::Yaml => read_yaml(text),
            Self::Toml => read_toml(text),
            Self::Json => read_json(text),
        }
    }

    /// Writes it so that reading and writing it again changes nothing.
    pub(crate) fn write(self, sheet: &impl Serialize) -> Result<String, FormatError> {
        let failed = |error: &dyn fmt::Display| FormatError::new(None, None, &error.to_string());
        match self {
            Self::Yaml => {
                let options = serde_saphyr::ser_options! { compact_list_indent: false, no_lang_directive: true };
                serde_saphyr::to_string_with_options(sheet, options).map_err(|error| failed(&error))
            }
            Self::Toml => toml::to_string(sheet).map_err(|error| failed(&error)),
            Self::Json => {
                let mut text = serde_json::to_string_pretty(sheet).map_err(|error| failed(&error))?;
                text.push('\n');
                Ok(text)
            }
        }
    }
}

fn read_yaml<T: DeserializeOwned + Default>(text: &str) -> Result<T, FormatError> {
    // Nothing but comments says nothing, which a map takes for none.
    let is_blank = text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---");
    if is_blank {
        return Ok(T::default());
    }
    let mut options = serde_saphyr::Options::default();
    options.with_snippet = false;
    options.strict_booleans = true;
    let mut budget = serde_saphyr::Budget::default();
    budget.max_depth = YAML_DEPTH_MAX;
    budget.max_nodes = YAML_NODES_MAX;
    budget.max_aliases = YAML_ALIASES_MAX;
    budget.max_anchors = YAML_ALIASES_MAX;
    budget.max_documents = 1;
    options.budget = Some(budget);
    let mut path = None;
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |reader| {
        serde_path_to_error::deserialize(reader).map_err(|error| {
            path = Some(error.path().to_string());
            error.into_inner()
        })
    });
    read.map_err(|error| {
        let line = error.location().map(|location| location.line()).filter(|line| *line > 0);
        FormatError::new(line, path, &without_place(&error.without_snippet().to_string()))
    })
}

/// The place is told apart from what is wrong there.
fn without_place(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let rest = match first.strip_prefix("line ") {
        Some(rest) => rest.split_once(": ").map_or(first, |(_, rest)| rest),
        None => first,
    };
    rest.split(" at line ").next().unwrap_or_default().to_owned()
}

fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, FormatError> {
    let failed = |error: &toml::de::Error, path: Option<String>| {
        let line = error.span().map(|span| {
            let before = text.as_bytes().get(..span.start).unwrap_or_default();
            1 + before.iter().filter(|byte| **byte == b'\n').count() as u64
        });
        FormatError::new(line, path, error.message())
    };
    let reader = toml::Deserializer::parse(text).map_err(|error| failed(&error, None))?;
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let path = error.path().to_string();
        failed(error.inner(), Some(path))
    })
}

fn read_json<T: DeserializeOwned + Default>(text: &str) -> Result<T, FormatError> {
    if text.trim().is_empty() {
        return Ok(T::default());
    }
    let failed = |error: &serde_json::Error, path: Option<String>| {
        let line = (error.line() > 0).then_some(error.line() as u64);
        FormatError::new(line, path, &without_place(&error.to_string()))
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        failed(error.inner(), Some(path))
    })?;
    reader.end().map_err(|error| failed(&error, None))?;
    Ok(read)
}

#[cfg(test)]
mod tests;
