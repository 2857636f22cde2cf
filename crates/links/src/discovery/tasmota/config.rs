//! What a Tasmota announces of itself, read once: names, topics, and what is connected to it.

use core::net::IpAddr;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::draft::{clean_label, is_usable, quoted};
use super::super::limits::TASMOTA_PARTS_MAX;

/// The configuration of one device, with its topics.
pub(super) struct Config {
    /// 12 hex digits in upper case, as in the topic.
    pub(super) mac: String,
    pub(super) ip: Option<IpAddr>,
    pub(super) device_name: Option<String>,
    pub(super) friendly_names: Vec<Option<String>>,
    pub(super) model: Option<String>,
    pub(super) version: Option<String>,
    /// What it says when it comes and goes.
    pub(super) online: String,
    pub(super) offline: String,
    /// Its words for off, on.
    pub(super) off_word: String,
    pub(super) on_word: String,
    pub(super) relays: Vec<i64>,
    pub(super) switches: Vec<i64>,
    pub(super) switch_names: Vec<Option<String>>,
    pub(super) buttons: Vec<i64>,
    options: BTreeMap<String, i64>,
    /// Colour and white are one light.
    pub(super) lights_linked: bool,
    pub(super) light_kind: i64,
    /// Range of each shutter's tilt.
    pub(super) tilts: Vec<Vec<i64>>,
    pub(super) is_fan: bool,
    pub(super) sleeps_deeply: bool,
    pub(super) problems: Vec<String>,
    commands: String,
    answers: String,
    reports: String,
}

impl Config {
    /// Reads the announcement that came on the topic of the device with this address.
    pub(super) fn parse(id: &str, value: &Value) -> Result<Self, String> {
        let fields = Fields(value.as_object().ok_or("The announcement is no JSON object.")?);
        let mac = fields.text("mac")?.ok_or("The announcement names no address under 'mac'; what was known stays.")?;
        if mac != id {
            return Err(format!(
                "The announcement is of the device {}, but came on the topic of {id}: it is left out. Clear the retained message \
                 there if it is an old one.",
                quoted(mac)
            ));
        }
        let last_six = &id[id.len().saturating_sub(6)..];
        let own_topic = format!("tasmota_{last_six}");
        let topic = fields.text("t")?.unwrap_or(&own_topic);
        let pattern = fields.text("ft")?.unwrap_or("%prefix%/%topic%/");
        let host = fields.text("hn")?.unwrap_or_default();
        let prefixes = fields.texts("tp")?;
        let prefix =
            |place: usize, usual: &str| prefixes.get(place).cloned().flatten().unwrap_or_else(|| usual.to_owned());
        let expand = |prefix: &str, is_command: bool| -> Result<String, String> {
            let tokens = [("%prefix%", prefix), ("%topic%", topic), ("%hostname%", host), ("%id%", last_six)];
            let topic = expand(pattern, &tokens, is_command);
            if is_usable(&format!("{topic}STATE")) { Ok(topic) } else { Err(unusable(pattern, &topic)) }
        };
        let words = fields.texts("state")?;
        let word = |place: usize, usual: &str| words.get(place).cloned().flatten().unwrap_or_else(|| usual.to_owned());
        let mut problems = Vec::new();
        match fields.number("ver")? {
            Some(1) => {}
            Some(version) => {
                problems.push(format!("It announces itself in version {version}; what is new in it is not used."))
            }
            None => problems
                .push("It does not say in which version it announces itself; it is read as version 1.".to_owned()),
        }
        Ok(Self {
            mac: mac.to_owned(),
            ip: fields.text("ip")?.and_then(|ip| ip.parse().ok()).filter(|ip: &IpAddr| !ip.is_unspecified()),
            device_name: fields.text("dn")?.and_then(clean_label),
            friendly_names: fields.texts("fn")?,
            model: fields.text("md")?.map(str::to_owned),
            version: fields.text("sw")?.map(str::to_owned),
            online: fields.text("onln")?.unwrap_or("Online").to_owned(),
            offline: fields.text("ofln")?.unwrap_or("Offline").to_owned(),
            off_word: word(0, "OFF"),
            on_word: word(1, "ON"),
            relays: fields.numbers("rl")?,
            switches: fields.numbers("swc")?,
            switch_names: fields.texts("swn")?,
            buttons: fields.numbers("btn")?,
            options: fields.options()?,
            lights_linked: fields.number("lk")?.unwrap_or(1) != 0,
            light_kind: fields.number("lt_st")?.unwrap_or(0),
            tilts: fields.lists("sht"),
            is_fan: fields.number("if")?.unwrap_or(0) != 0,
            sleeps_deeply: fields.number("dslp")?.unwrap_or(0) != 0,
            problems,
            commands: expand(&prefix(0, "cmnd"), true)?,
            answers: expand(&prefix(1, "stat"), false)?,
            reports: expand(&prefix(2, "tele"), false)?,
        })
    }

    /// Where a command goes.
    pub(super) fn command(&self, command: &str) -> String {
        format!("{}{command}", self.commands)
    }

    /// Where the answer to a command comes.
    pub(super) fn answer(&self, to: &str) -> String {
        format!("{}{to}", self.answers)
    }

    /// Where the device reports by itself.
    pub(super) fn telemetry(&self, what: &str) -> String {
        format!("{}{what}", self.reports)
    }

    /// Where the result of a command comes: on one topic for all, or on one of its own.
    pub(super) fn result(&self, command: &str) -> String {
        if self.option(4) { self.answer(&command.to_ascii_uppercase()) } else { self.answer("RESULT") }
    }

    /// Whether `SetOption<number>` is on.
    pub(super) fn option(&self, number: u16) -> bool {
        self.options.get(&number.to_string()).is_some_and(|value| *value != 0)
    }

    /// What people call the relay at this place.
    pub(super) fn friendly_name(&self, place: usize) -> Option<&str> {
        self.friendly_names.get(place)?.as_deref()
    }
}

/// Replaces what the pattern leaves open, as the device does: commands have a prefix in any case, and no level is empty.
fn expand(pattern: &str, tokens: &[(&str, &str)], is_command: bool) -> String {
    let mut topic = pattern.to_owned();
    if is_command && !topic.contains("%prefix%") {
        topic.push_str("/%prefix%");
    }
    for (token, text) in tokens {
        // A bound for patterns that repeat a token: no topic is that long.
        if topic.len().saturating_add(topic.matches(token).count() * text.len()) <= 8_192 {
            topic = topic.replace(token, text);
        }
    }
    topic = topic.replace('#', "").replace("//", "/");
    if !topic.ends_with('/') {
        topic.push('/');
    }
    topic
}

fn unusable(pattern: &str, topic: &str) -> String {
    format!("Its topics, {} from the pattern {}, cannot be used; what was known stays.", quoted(topic), quoted(pattern))
}

/// Fields of the announcement. One that is absent has its usual value; one of a wrong type is an error.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn field(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        let Some(value) = self.field(key) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| wrong(key, "a text"))
    }

    fn number(&self, key: &str) -> Result<Option<i64>, String> {
        let Some(value) = self.field(key) else { return Ok(None) };
        as_number(value).map(Some).ok_or_else(|| wrong(key, "a whole number"))
    }

    fn list(&self, key: &str) -> Result<&'a [Value], String> {
        let Some(value) = self.field(key) else { return Ok(&[]) };
        let list = value.as_array().ok_or_else(|| wrong(key, "a list"))?;
        Ok(&list[..list.len().min(TASMOTA_PARTS_MAX)])
    }

    fn numbers(&self, key: &str) -> Result<Vec<i64>, String> {
        let numbers: Option<_> = self.list(key)?.iter().map(as_number).collect();
        numbers.ok_or_else(|| wrong(key, "a list of whole numbers"))
    }

    fn texts(&self, key: &str) -> Result<Vec<Option<String>>, String> {
        let text = |value: &Value| match value {
            Value::Null => Some(None),
            Value::String(text) => Some(clean_label(text)),
            _ => None,
        };
        let texts: Option<_> = self.list(key)?.iter().map(text).collect();
        texts.ok_or_else(|| wrong(key, "a list of texts"))
    }

    /// Lists of numbers; what is not one of them is an empty one.
    fn lists(&self, key: &str) -> Vec<Vec<i64>> {
        let numbers = |value: &Value| value.as_array().into_iter().flatten().filter_map(as_number).take(8).collect();
        self.list(key).unwrap_or_default().iter().map(numbers).collect()
    }

    fn options(&self) -> Result<BTreeMap<String, i64>, String> {
        let Some(value) = self.field("so") else { return Ok(BTreeMap::new()) };
        let options = value.as_object().ok_or_else(|| wrong("so", "an object"))?;
        let known = |(key, value): (&String, &Value)| Some((key.clone(), as_number(value)?));
        Ok(options.iter().take(TASMOTA_PARTS_MAX).filter_map(known).collect())
    }
}

fn as_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_bool().map(i64::from))
}

fn wrong(key: &str, expected: &str) -> String {
    format!("'{key}' of the announcement is not {expected}; what was known of the device stays.")
}
