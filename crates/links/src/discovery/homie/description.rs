//! Homie 5: a device in one JSON document.

use serde_json::{Map, Value};

use super::super::draft::{Draft, clean_label, is_usable, quoted};
use super::super::limits::{ANNOUNCEMENT_BYTES_MAX, HOMIE_NODES_MAX, PARTS_MAX};
use super::super::model::{Availability, AvailabilityMode, AvailabilityTopic, Found, Source};
use super::property::{Property, Version};
use super::{presence, too_large};

/// Whether it is a description of this version at all.
pub(super) fn check(payload: &[u8]) -> Result<(), String> {
    parse(payload).map(|_| ())
}

fn parse(payload: &[u8]) -> Result<Map<String, Value>, String> {
    if payload.len() > ANNOUNCEMENT_BYTES_MAX {
        return Err(too_large(payload.len()));
    }
    let value = serde_json::from_slice(payload)
        .map_err(|error| format!("The description is no JSON ({error}); what was known of the device stays."))?;
    let Value::Object(fields) = value else {
        return Err("The description is no JSON object; what was known of the device stays.".to_owned());
    };
    let version = fields.get("homie").and_then(Value::as_str).unwrap_or_default();
    if version.split('.').next() != Some("5") {
        return Err(format!(
            "The description is of Homie {}, not of 5; what was known of the device stays.",
            quoted(version)
        ));
    }
    Ok(fields)
}

/// The device at this place, `DOMAIN/5/ID`.
pub(super) fn describe(place: &str, description: &[u8]) -> Result<Found, String> {
    let fields = parse(description)?;
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let mut draft = Draft::new(Source::Homie, place);
    let (siblings, id) = place.rsplit_once('/').unwrap_or_default();
    draft.found.identifiers = vec![format!("id:{place}")];
    draft.found.name = text("name").and_then(clean_label).or_else(|| clean_label(id));
    draft.found.model = text("type").and_then(clean_label);
    draft.found.topics = vec![format!("{place}/$description"), format!("{place}/$state")];
    let other = |key: &str| {
        let other = format!("{siblings}/{}", text(key)?);
        let is_other = text(key).is_some_and(|other| other != id && !other.is_empty() && !other.contains('/'));
        (is_other && is_usable(&format!("{other}/$state"))).then_some(other)
    };
    draft.found.via = other("parent").map(|parent| format!("id:{parent}"));
    let mut topics = vec![presence(format!("{place}/$state"))];
    // A child says nothing when its root loses its connection: with that, all of them are lost.
    if let Some(root) = other("root") {
        topics.push(AvailabilityTopic {
            topic: format!("{root}/$state"),
            online: "there".to_owned(),
            offline: "lost".to_owned(),
            template: Some("{% if value == \"lost\" %}lost{% else %}there{% endif %}".to_owned()),
        });
    }
    draft.found.availability = Availability { topics, mode: AvailabilityMode::All };

    let no_nodes = Map::new();
    let nodes = match fields.get("nodes") {
        None | Some(Value::Null) => &no_nodes,
        Some(Value::Object(nodes)) => nodes,
        Some(_) => {
            draft.problem("'nodes' is no object: it has no properties.");
            &no_nodes
        }
    };
    if nodes.len() > HOMIE_NODES_MAX {
        draft.problem(format!("It has more than {HOMIE_NODES_MAX} nodes; the others are left out."));
    }
    let mut seen = 0;
    for (node_id, node) in nodes.iter().take(HOMIE_NODES_MAX) {
        let Some(properties) = node.get("properties").and_then(Value::as_object) else { continue };
        for (property_id, property) in properties {
            seen += 1;
            if seen > PARTS_MAX {
                draft.problem(format!("It has more than {PARTS_MAX} properties; the others are left out."));
                return Ok(draft.finish());
            }
            let text = |key: &str| property.get(key).and_then(Value::as_str);
            let flag = |key: &str, usual: bool| property.get(key).and_then(Value::as_bool).unwrap_or(usual);
            let node_name = node.get("name").and_then(Value::as_str).unwrap_or(node_id);
            let read = Property {
                version: Version::Five,
                topic: format!("{place}/{node_id}/{property_id}"),
                node: node_id,
                id: property_id,
                label: label(text("name").unwrap_or(property_id), (nodes.len() > 1).then_some(node_name)),
                datatype: text("datatype"),
                format: text("format").filter(|format| !format.is_empty()),
                unit: text("unit"),
                is_settable: flag("settable", false),
                is_retained: flag("retained", true),
            };
            read.add(&mut draft);
        }
    }
    Ok(draft.finish())
}

/// With the node's name where there are several.
pub(super) fn label(property: &str, node: Option<&str>) -> String {
    node.map_or_else(|| property.to_owned(), |node| format!("{node}: {property}"))
}
