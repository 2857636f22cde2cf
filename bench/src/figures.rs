//! What scenarios do with the figures of their runs.

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
