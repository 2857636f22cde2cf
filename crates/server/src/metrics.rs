//! Figures in the text format of Prometheus (version 0.0.4): how they are written, and nothing of what they mean.

use std::fmt::{Display, Write as _};

/// What kind of figure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A text that is being written. Samples of one name stand together, under its help.
#[derive(Debug, Default)]
pub(crate) struct MetricsText(String);

impl MetricsText {
    /// Begins a figure; its samples follow.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { text: self, name }
    }

    /// A figure of one sample.
    pub(crate) fn single(&mut self, name: &'static str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes what there is memory for");
    }
}

/// Takes the samples of one figure.
pub(crate) struct Family<'t> {
    text: &'t mut MetricsText,
    name: &'static str,
}

impl Family<'_> {
    /// One sample, told from the others by its labels.
    pub(crate) fn sample(&mut self, labels: &[(&'static str, &str)], value: impl Display) -> &mut Self {
        let Self { text, name } = self;
        text.push(format_args!("{name}"));
        for (place, (label, content)) in labels.iter().enumerate() {
            let content = content.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let before = if place == 0 { '{' } else { ',' };
            text.push(format_args!("{before}{label}=\"{content}\""));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        text.push(format_args!("{end} {value}\n"));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let mut text = MetricsText::default();
        text.single("a_total", Kind::Counter, "How often\nit was C:\\a.", 3);
        text.family("b", Kind::Gauge, "Whose.")
            .sample(&[("who", "a\"b\\c\nd"), ("door", "mqtt")], 1)
            .sample(&[("who", "ü{},")], 0.5);
        let expected = concat!(
            "# HELP a_total How often\\nit was C:\\\\a.\n# TYPE a_total counter\na_total 3\n",
            "# HELP b Whose.\n# TYPE b gauge\n",
            "b{who=\"a\\\"b\\\\c\\nd\",door=\"mqtt\"} 1\nb{who=\"ü{},\"} 0.5\n",
        );
        assert_eq!(text.finish(), expected);
    }
}
