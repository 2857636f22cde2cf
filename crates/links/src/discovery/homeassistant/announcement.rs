//! From a payload to components with long keys: abbreviations, `~`, and what the device form shares.
//!
//! What a component means belongs to `components`.

use serde_json::{Map, Value as Json};

use super::super::limits::{
    ANNOUNCED_TEXT_BYTES_MAX, ANNOUNCEMENT_BYTES_MAX, AVAILABILITY_TOPICS_MAX, COMPONENTS_MAX, TEMPLATE_BYTES_MAX,
};
use super::abbreviations::{Table, expand};

/// A JSON object.
pub(super) type Fields = Map<String, Json>;

/// What the device form shares with each component that does not say it itself.
const SHARED: [&str; 10] = [
    "availability",
    "availability_mode",
    "availability_template",
    "availability_topic",
    "command_topic",
    "encoding",
    "payload_available",
    "payload_not_available",
    "qos",
    "state_topic",
];

/// What a config message says.
#[derive(Debug, PartialEq)]
pub(super) enum Announced {
    /// `migrate_discovery`: what was announced here will be announced elsewhere.
    Migrates,
    /// Components: one without a key, or those of the device form by their keys.
    Components(Components),
}

/// Components with what they have in common.
#[derive(Debug, PartialEq)]
pub(super) struct Components {
    /// The device map, if there is one.
    pub(super) device: Option<Fields>,
    /// Who sent it; never a device's own word.
    pub(super) origin: Option<Fields>,
    /// By key; the single form has one with an empty key. An entry that says nothing but its platform is not there.
    pub(super) components: Vec<(String, Fields)>,
    /// What was left out, in sentences.
    pub(super) problems: Vec<String>,
}

/// Which form a topic has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One component.
    Single,
    /// A device with components.
    Device,
}

/// Reads a payload that is not empty.
pub(super) fn parse(form: Form, payload: &[u8]) -> Result<Announced, String> {
    if payload.len() > ANNOUNCEMENT_BYTES_MAX {
        return Err(format!("it has {} bytes, more than the {ANNOUNCEMENT_BYTES_MAX} that are read", payload.len()));
    }
    let root = match serde_json::from_slice(payload) {
        Ok(Json::Object(root)) => lengthen(Table::General, root),
        Ok(_) => return Err("it is JSON, but no object".into()),
        Err(error) => return Err(format!("it is no JSON ({error})")),
    };
    if root.get("migrate_discovery") == Some(&Json::Bool(true)) {
        return Ok(Announced::Migrates);
    }
    let mut root = root;
    let device = take_object(&mut root, "device", Table::Device)?;
    let origin = take_object(&mut root, "origin", Table::Origin)?;
    if origin.as_ref().is_some_and(|origin| !matches!(origin.get("name"), Some(Json::String(_)))) {
        return Err("its 'origin' has no name".into());
    }
    let base = match root.remove("~") {
        Some(Json::String(base)) => Some(base),
        _ => None,
    };
    let mut problems = Vec::new();
    let components = match form {
        Form::Single => {
            lengthen_availability(&mut root);
            put_base(&mut root, None, base.as_deref(), &mut problems);
            vec![(String::new(), root)]
        }
        Form::Device => {
            if device.is_none() || origin.is_none() {
                let missing = if device.is_none() { "device" } else { "origin" };
                return Err(format!("'{missing}' is missing, which the device form must have"));
            }
            components_of(root, base.as_deref(), &mut problems)?
        }
    };
    Ok(Announced::Components(Components { device, origin, components, problems }))
}

/// The components of the device form, each with what is shared.
fn components_of(
    mut root: Fields,
    base: Option<&str>,
    problems: &mut Vec<String>,
) -> Result<Vec<(String, Fields)>, String> {
    let Some(Json::Object(given)) = root.remove("components") else {
        return Err("'components' is missing, which the device form must have".into());
    };
    lengthen_availability(&mut root);
    bound_shared(&mut root, problems);
    if given.len() > COMPONENTS_MAX {
        problems.push(format!("it has {} components; the first {COMPONENTS_MAX} are read", given.len()));
    }
    let mut components = Vec::new();
    for (key, component) in given.into_iter().take(COMPONENTS_MAX) {
        let Json::Object(component) = component else {
            problems.push(format!("component '{key:.60}' is no object"));
            continue;
        };
        let mut component = lengthen(Table::General, component);
        // Nothing but its platform: the sender takes it back.
        if component.keys().all(|key| key == "platform") {
            continue;
        }
        lengthen_availability(&mut component);
        let own_base = match component.remove("~") {
            Some(Json::String(base)) => Some(base),
            _ => None,
        };
        // Availability is a list or a topic: what a component says of either way replaces the other way too.
        let says_availability = component.contains_key("availability") || component.contains_key("availability_topic");
        for shared in SHARED {
            let other_way =
                says_availability && matches!(shared, "availability" | "availability_topic" | "availability_template");
            if let (false, Some(value)) = (other_way || component.contains_key(shared), root.get(shared)) {
                component.insert(shared.to_owned(), value.clone());
            }
        }
        put_base(&mut component, own_base.as_deref(), base, problems);
        components.push((key, component));
    }
    Ok(components)
}

/// Each component gets what is shared: nothing is left of it that nobody would read.
fn bound_shared(root: &mut Fields, problems: &mut Vec<String>) {
    const ENTRY: [&str; 4] = ["topic", "payload_available", "payload_not_available", "value_template"];
    let is_short = |value: &Json| match value {
        Json::String(text) => text.len() <= TEMPLATE_BYTES_MAX,
        Json::Array(_) | Json::Object(_) => false,
        _ => true,
    };
    for key in SHARED {
        match root.get_mut(key) {
            Some(Json::Array(entries)) if key == "availability" => {
                // One more shows that there are too many.
                entries.truncate(AVAILABILITY_TOPICS_MAX + 1);
                for entry in entries {
                    match entry {
                        Json::Object(fields) if ENTRY.iter().all(|key| fields.get(*key).is_none_or(is_short)) => {
                            fields.retain(|key, _| ENTRY.contains(&key.as_str()));
                        }
                        // Read, and refused, as an entry without a topic.
                        other => *other = Json::Null,
                    }
                }
            }
            Some(value) if !is_short(value) => {
                problems.push(format!("'{key}' of the device is too long, or no text"));
                root.remove(key);
            }
            _ => {}
        }
    }
}

/// With long keys; what is written both ways is what the long key says.
fn lengthen(table: Table, fields: Fields) -> Fields {
    let mut long = Fields::new();
    for (key, value) in fields {
        let expanded = expand(table, &key);
        if expanded == key {
            long.insert(key, value);
        } else if !long.contains_key(expanded) {
            long.insert(expanded.to_owned(), value);
        }
    }
    long
}

fn lengthen_availability(fields: &mut Fields) {
    if let Some(Json::Array(entries)) = fields.get_mut("availability") {
        for entry in entries {
            if let Json::Object(entry) = entry {
                *entry = lengthen(Table::General, std::mem::take(entry));
            }
        }
    }
}

fn take_object(root: &mut Fields, key: &str, table: Table) -> Result<Option<Fields>, String> {
    match root.remove(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Object(fields)) => Ok(Some(lengthen(table, fields))),
        Some(_) => Err(format!("its '{key}' is no object")),
    }
}

/// Puts the base where `~` stands, at either end of a topic: the component's own, or else the root's.
fn put_base(fields: &mut Fields, own: Option<&str>, root: Option<&str>, problems: &mut Vec<String>) {
    let Some(base) = own.or(root) else { return };
    for (key, value) in fields.iter_mut() {
        match value {
            Json::String(topic) if key.ends_with("topic") => put(topic, base, problems),
            Json::Array(entries) if key == "availability" => {
                for entry in entries {
                    if let Some(Json::String(topic)) = entry.get_mut("topic") {
                        put(topic, base, problems);
                    }
                }
            }
            _ => {}
        }
    }
}

fn put(topic: &mut String, base: &str, problems: &mut Vec<String>) {
    let (first, last) = (topic.starts_with('~'), topic.len() > 1 && topic.ends_with('~'));
    if !first && !last {
        return;
    }
    if topic.len() + 2 * base.len() > ANNOUNCED_TEXT_BYTES_MAX {
        problems.push("a topic is too long with '~' replaced".to_owned());
        topic.clear();
        return;
    }
    let middle = &topic[usize::from(first)..topic.len() - usize::from(last)];
    *topic = format!("{}{middle}{}", if first { base } else { "" }, if last { base } else { "" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: Form, payload: &str, expected: &str) {
        let shown = match parse(form, payload.as_bytes()) {
            Err(reason) => format!("error: {reason}"),
            Ok(Announced::Migrates) => "migrates".into(),
            Ok(Announced::Components(Components { device, components, problems, .. })) => {
                let mut shown: Vec<_> =
                    device.iter().map(|device| format!("device {}", Json::Object(device.clone()))).collect();
                shown.extend(components.into_iter().map(|(key, fields)| format!("{key} {}", Json::Object(fields))));
                shown.extend(problems.iter().map(|problem| format!("problem: {problem}")));
                shown.join("\n")
            }
        };
        assert_eq!(shown, expected, "{payload}");
    }

    #[test]
    fn the_base_stands_at_either_end_of_a_topic_and_nowhere_else() {
        check(
            Form::Single,
            r#"{"~":"home/lamp","stat_t":"~/state","cmd_t":"set/~","json_attr_t":"a/~/b","name":"~x~","avty":[{"t":"~/up"}],"act_t":"~"}"#,
            concat!(
                r#" {"action_topic":"home/lamp","availability":[{"topic":"home/lamp/up"}],"command_topic":"set/home/lamp","#,
                r#""json_attributes_topic":"a/~/b","name":"~x~","state_topic":"home/lamp/state"}"#
            ),
        );
        let long = format!(r#"{{"~":"{}","stat_t":"~/s"}}"#, "x".repeat(ANNOUNCED_TEXT_BYTES_MAX));
        check(Form::Single, &long, " {\"state_topic\":\"\"}\nproblem: a topic is too long with '~' replaced");
    }

    #[test]
    fn the_device_form_shares_key_by_key() {
        check(
            Form::Device,
            r#"{"~":"a","dev":{"ids":["1"]},"o":{"name":"x"},"qos":1,"stat_t":"~/s","avty_t":"~/up","cmps":{
                "one":{"p":"sensor"},
                "two":{"p":"sensor","uniq_id":"2"},
                "three":{"p":"switch","stat_t":"own/~","~":"b","avty":[{"t":"~/up"}],"qos":0}}}"#,
            concat!(
                "device {\"identifiers\":[\"1\"]}\n",
                "three {\"availability\":[{\"topic\":\"b/up\"}],\"platform\":\"switch\",\"qos\":0,\"state_topic\":\"own/b\"}\n",
                "two {\"availability_topic\":\"a/up\",\"platform\":\"sensor\",\"qos\":1,\"state_topic\":\"a/s\",\"unique_id\":\"2\"}"
            ),
        );
    }

    #[test]
    fn what_is_of_no_use_says_why() {
        for (form, payload, expected) in [
            (Form::Single, "[1]", "error: it is JSON, but no object"),
            (Form::Single, r#"{"o":{"sw":"1"}}"#, "error: its 'origin' has no name"),
            (Form::Single, r#"{"dev":"x"}"#, "error: its 'device' is no object"),
            (Form::Single, r#"{"migr_discvry":true}"#, "migrates"),
            (
                Form::Device,
                r#"{"o":{"name":"x"},"cmps":{}}"#,
                "error: 'device' is missing, which the device form must have",
            ),
            (Form::Device, r#"{"dev":{},"cmps":{}}"#, "error: 'origin' is missing, which the device form must have"),
            (
                Form::Device,
                r#"{"dev":{},"o":{"name":"x"}}"#,
                "error: 'components' is missing, which the device form must have",
            ),
            (
                Form::Device,
                r#"{"dev":{},"o":{"name":"x"},"cmps":{"a":1}}"#,
                "device {}\nproblem: component 'a' is no object",
            ),
        ] {
            check(form, payload, expected);
        }
        for payload in ["", "{", "nul", &"[".repeat(10_000)] {
            assert!(parse(Form::Single, payload.as_bytes()).unwrap_err().starts_with("it is no JSON"), "{payload:.20}");
        }
        let large = vec![b' '; ANNOUNCEMENT_BYTES_MAX + 1];
        assert!(parse(Form::Single, &large).unwrap_err().contains("more than"));
    }
}
