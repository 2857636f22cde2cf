//! The properties that one entity becomes, while they are put together.

use std::time::Duration;

use housewire_core::limits::{LABEL_BYTES_MAX, OPTIONS_MAX};
use housewire_core::{PropertyAccess, PropertySpec, Type};

use super::super::model::{Elsewhere, Read, Write};
use super::super::template::literal;
use super::config::Config;

/// One property of an entity.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// What is added to the entity's name; nothing for its main value.
    pub(super) suffix: &'static str,
    /// Its name when the entity has none of its own.
    pub(super) bare: &'static str,
    /// Of the type alone, until it is finished.
    pub(super) spec: PropertySpec,
    pub(super) reads: Vec<Read>,
    pub(super) write: Option<Write>,
    pub(super) expire_after: Option<Duration>,
    pub(super) off_delay: Option<Duration>,
    /// A diagnosis that is shown only on request, whatever its entity is.
    pub(super) aside: bool,
    /// Several entities have it together: all of them add to one property with this key.
    pub(super) shared: Option<String>,
}

impl Part {
    /// The entity's main value; `bare` is its name when the entity has none.
    pub(super) fn main(bare: &'static str, kind: Type) -> Self {
        Self {
            suffix: "",
            bare,
            spec: PropertySpec::declared(kind),
            reads: Vec::new(),
            write: None,
            expire_after: None,
            off_delay: None,
            aside: false,
            shared: None,
        }
    }

    /// Another value of the entity.
    pub(super) fn named(name: &'static str, kind: Type) -> Self {
        Self { suffix: name, ..Self::main(name, kind) }
    }

    /// What it means.
    pub(super) fn role(mut self, role: impl Into<String>) -> Self {
        self.spec.role = Some(role.into());
        self
    }

    /// What it is measured in.
    pub(super) fn unit(mut self, unit: Option<String>) -> Self {
        self.spec.unit = unit;
        self
    }

    /// Between what it lies; given the wrong way round it is turned.
    pub(super) fn range(mut self, min: Option<f64>, max: Option<f64>, step: Option<f64>) -> Self {
        (self.spec.min, self.spec.max) = match (min, max) {
            (Some(min), Some(max)) => (Some(min.min(max)), Some(min.max(max))),
            given => given,
        };
        self.spec.step = step.filter(|step| *step > 0.0);
        self
    }

    /// The texts it can be; without any it is free text.
    pub(super) fn options<T: Into<String>>(mut self, options: impl IntoIterator<Item = T>) -> Self {
        for option in options.into_iter().map(Into::into) {
            if !self.spec.options.contains(&option) {
                self.spec.options.push(option);
            }
        }
        self
    }

    /// Its values are happenings.
    pub(super) fn event(mut self) -> Self {
        self.spec.access.event = true;
        self
    }

    /// Where it comes from, if that is announced.
    pub(super) fn read(mut self, read: Option<Read>) -> Self {
        self.reads.extend(read);
        self
    }

    /// Where requests go, if that is announced.
    pub(super) fn write(mut self, write: Option<Write>) -> Self {
        self.write = write;
        self
    }

    /// A device's text, and the payload of the value here, both ways; the first of several texts for a value is what is sent.
    pub(super) fn map(self, theirs: &str, ours: &str) -> Self {
        self.map_read(theirs, ours).map_write(ours, theirs)
    }

    /// What a device's text stands for.
    pub(super) fn map_read(mut self, theirs: &str, ours: &str) -> Self {
        for read in &mut self.reads {
            read.map.push((theirs.to_owned(), ours.to_owned()));
        }
        self
    }

    /// What is sent for a value.
    pub(super) fn map_write(mut self, ours: &str, theirs: &str) -> Self {
        if let Some(write) = &mut self.write {
            write.map.push((ours.to_owned(), theirs.to_owned()));
        }
        self
    }

    /// A value that is asked for on another topic.
    pub(super) fn elsewhere(mut self, value: &str, topic: String, payload: String) -> Self {
        if let Some(write) = &mut self.write {
            write.elsewhere.push(Elsewhere { value: value.to_owned(), topic, payload });
        }
        self
    }

    /// Nothing but what is mapped is a value.
    pub(super) fn only_mapped(mut self) -> Self {
        for read in &mut self.reads {
            read.only_mapped = true;
        }
        self
    }

    /// Shown on request.
    pub(super) fn aside(mut self) -> Self {
        self.aside = true;
        self
    }

    /// As a property, if it can be one: with somewhere to come from or to go to, and rules that make sense.
    pub(super) fn finish(mut self, config: &Config) -> Option<Self> {
        if self.reads.is_empty() && self.write.is_none() {
            return None;
        }
        let event = self.spec.access.event;
        if let Some(write) = &mut self.write {
            write.optimistic = !event && (write.optimistic || self.reads.is_empty());
        }
        let read = !self.reads.is_empty() || (self.write.is_some() && !event);
        self.spec.access = PropertyAccess { read, set: self.write.is_some(), event };
        let long = |text: &String| text.len() > LABEL_BYTES_MAX;
        if self.spec.options.iter().any(long) || self.spec.options.len() > OPTIONS_MAX {
            config.problem(format!("there are too many or too long options for '{}'; it is free text", self.bare));
            self.spec.options.clear();
        }
        if self.spec.kind == Type::Enum && self.spec.options.is_empty() {
            self.spec.kind = Type::String;
        }
        self.spec.unit = self.spec.unit.take().filter(|unit| !long(unit) && !unit.is_empty());
        self.spec.role = self.spec.role.take().filter(|role| !long(role));
        if let Err(error) = self.spec.validate() {
            config.problem(format!("the rules of '{}' make no sense: {error}", self.bare));
            let PropertySpec { kind, options, access, role, .. } = self.spec;
            self.spec = PropertySpec { options, access, role, ..PropertySpec::declared(kind) };
        }
        Some(self)
    }
}

/// Reads on with what a template made: `then` is an expression over `v`, a text without white space around it.
pub(super) fn read_on(read: Option<Read>, then: &str) -> Option<Read> {
    let read = read?;
    let template = match &read.template {
        Some(first) => format!("{{% set v %}}{first}{{% endset %}}{{% set v = v | trim %}}{{{{ {then} }}}}"),
        None => format!("{{% set v = value | trim %}}{{{{ {then} }}}}"),
    };
    Some(Read { template: Some(template), ..read })
}

/// The template of a read, unless one was announced.
pub(super) fn read_by(read: Option<Read>, template: &str) -> Option<Read> {
    read.map(|read| Read { template: read.template.or_else(|| Some(template.to_owned())), ..read })
}

/// The template of a request, unless one was announced.
pub(super) fn write_by(write: Option<Write>, template: &str) -> Option<Write> {
    write.map(|write| Write { template: write.template.or_else(|| Some(template.to_owned())), ..write })
}

/// Names that the announced template of a request may use, as statements before it.
pub(super) fn write_with(write: Option<Write>, names: &str) -> Option<Write> {
    write.map(|write| Write { template: write.template.map(|template| format!("{names}{template}")), ..write })
}

/// A template that makes one text, whatever the message.
pub(super) fn constant(text: &str) -> String {
    format!("{{{{ {} }}}}", literal(text))
}
