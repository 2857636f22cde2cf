//! Templates that the native dialects write themselves: a value somewhere inside of a JSON message, if it is there.
//!
//! They are evaluated where all templates are. A message without the value renders to nothing, which is no update.

use serde_json::Value;

use super::template::literal;

/// One step into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A field of an object.
    Key(String),
    /// A place in an array.
    Index(usize),
}

/// Where a value is inside of a JSON message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

/// Somebody else's key is empty, or too long to stand in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadKey;

impl Path {
    /// A path of keys, each checked.
    pub(crate) fn of<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, BadKey> {
        keys.into_iter().try_fold(Self::default(), |path, key| path.key(key))
    }

    /// One field deeper.
    pub(crate) fn key(&self, key: &str) -> Result<Self, BadKey> {
        const KEY_BYTES_MAX: usize = 128;
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(BadKey);
        }
        Ok(self.with(Step::Key(key.to_owned())))
    }

    /// One place deeper.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The path behind another one.
    pub(crate) fn below(&self, outer: &Self) -> Self {
        Self(outer.0.iter().chain(&self.0).cloned().collect())
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// What it is called, as one text: `ENERGY.Power.0`.
    pub(crate) fn dotted(&self) -> String {
        let step = |step: &Step| match step {
            Step::Key(key) => key.clone(),
            Step::Index(index) => (index + 1).to_string(),
        };
        self.0.iter().map(step).collect::<Vec<_>>().join(".")
    }

    /// The value that it leads to.
    fn expression(&self) -> String {
        let mut expression = "value_json".to_owned();
        for step in &self.0 {
            match step {
                Step::Key(key) => expression.push_str(&format!("[{}]", literal(key))),
                Step::Index(index) => expression.push_str(&format!("[{index}]")),
            }
        }
        expression
    }

    /// Whether it leads to something: every step is asked for, as a message may hold anything.
    fn condition(&self) -> String {
        let mut parts = vec!["value_json is defined".to_owned()];
        for (depth, step) in self.0.iter().enumerate() {
            let so_far = Self(self.0[..depth].to_vec()).expression();
            let kind = if matches!(step, Step::Key(_)) { "mapping" } else { "sequence" };
            parts.push(format!("{so_far} is {kind}"));
        }
        parts.push(format!("{} is defined", self.expression()));
        parts.join(" and ")
    }

    /// The value as text.
    pub(crate) fn text(&self) -> String {
        self.shown_as("")
    }

    /// The value as JSON, for what is not text there.
    pub(crate) fn json(&self) -> String {
        self.shown_as(" | tojson")
    }

    /// The value behind filters, such as ` | lower`.
    pub(crate) fn shown_as(&self, filters: &str) -> String {
        format!("{{% if {} %}}{{{{ {}{filters} }}}}{{% endif %}}", self.condition(), self.expression())
    }

    /// The first of several paths that leads to something, as text.
    pub(crate) fn first_of(paths: &[Self]) -> String {
        let mut template = String::new();
        for (place, path) in paths.iter().enumerate() {
            let word = if place == 0 { "if" } else { "elif" };
            template.push_str(&format!("{{% {word} {} %}}{{{{ {} }}}}", path.condition(), path.expression()));
        }
        template.push_str("{% endif %}");
        template
    }

    /// A command as JSON: `value`, as it is written, put where this path leads in an object of its own.
    pub(crate) fn command(&self, value: &str) -> String {
        let mut text = String::new();
        for step in &self.0 {
            if let Step::Key(key) = step {
                // A key in a JSON text that is itself in a template: no brace of its may be taken for one of the template's.
                let key = Value::from(key.as_str()).to_string().replace('{', "\\u007b").replace('}', "\\u007d");
                text.push_str(&format!("{{{key}: "));
            }
        }
        text.push_str(value);
        // A space, as two braces end an expression.
        text.push_str(&" }".repeat(self.0.len()));
        text
    }
}

#[cfg(test)]
mod tests {
    use housewire_core::Timestamp;

    use super::super::template::{Context, Templates};
    use super::*;

    fn render(template: &str, message: &str) -> Option<String> {
        let context = Context::of_message(message, Timestamp::from_micros(0));
        Templates::new().render(template, context).unwrap_or_else(|error| panic!("{template} of {message}: {error}"))
    }

    fn key(name: &str) -> Path {
        Path::of([name]).unwrap()
    }

    #[test]
    fn every_step_is_asked_for() {
        let path = Path::of(["StatusSNS", "ENERGY"]).unwrap().index(1);
        assert_eq!(render(&path.text(), r#"{"StatusSNS":{"ENERGY":[1,2]}}"#), Some("2".to_owned()));
        for message in ["", "x", "[]", "5", "null", "{}", r#"{"StatusSNS":5}"#, r#"{"StatusSNS":{"ENERGY":{}}}"#] {
            assert_eq!(render(&path.text(), message), Some(String::new()), "{message}");
        }
        assert_eq!(render(&path.text(), r#"{"StatusSNS":{"ENERGY":[1,null]}}"#), Some("None".to_owned()), "unknown");
        let either = Path::first_of(&[key("a"), key("b")]);
        assert_eq!(render(&either, r#"{"b":1,"c":2}"#), Some("1".to_owned()));
        assert_eq!(render(&either, r#"{"c":2}"#), Some(String::new()));
        assert_eq!(path.dotted(), "StatusSNS.ENERGY.2");
    }

    #[test]
    fn commands_are_objects() {
        let path = Path::of(["color", "hue"]).unwrap();
        assert_eq!(path.command("{{ value }}"), "{\"color\": {\"hue\": {{ value }} } }");
    }

    #[test]
    fn keys_are_never_code() {
        for key in
            ["a\"b", "a'b", "a\\", "{{ x }}", "{% x %}", "{# x #}", "a\nb", "PM2.5", "DS18B20-1", "état", "a b", "#}"]
        {
            let path = Path::of([key]).unwrap();
            let message = Value::Object([(key.to_owned(), Value::from(7))].into_iter().collect()).to_string();
            assert_eq!(render(&path.text(), &message), Some("7".to_owned()), "{key}");
            let made = render(&path.command("{{ 7 }}"), "").unwrap();
            assert_eq!(serde_json::from_str::<Value>(&made).unwrap()[key], 7, "{key}");
        }
        assert_eq!(Path::of([""]), Err(BadKey));
        assert_eq!(Path::of(["x".repeat(200).as_str()]), Err(BadKey));
    }
}
