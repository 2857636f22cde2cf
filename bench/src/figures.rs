//! What scenarios do with the figures of their runs.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

/// The middle one; of an even number, the upper of the two in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Says what is being done, to people who wait.
#[allow(clippy::print_stderr)] // progress is for people, the table for files
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

/// Writes the figures of all runs, if somebody wants them.
pub(crate) fn write_json(figures: &impl Serialize, path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, serde_json::to_vec_pretty(figures)?)
        .with_context(|| format!("cannot write {}", path.display()))
}
