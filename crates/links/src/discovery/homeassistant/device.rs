//! Of which device an entity is a part.

use std::mem::size_of;
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::limits::{ANNOUNCED_TEXT_BYTES_MAX, IDENTIFIERS_MAX};
use super::super::names;
use super::announcement::Fields;

/// What a device map says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DeviceMap {
    /// In the form of [`Found::identifiers`](super::super::Found::identifiers), in order.
    pub(super) identifiers: Arc<[String]>,
    pub(super) name: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) sw_version: Option<String>,
    pub(super) hw_version: Option<String>,
    pub(super) area: Option<String>,
    pub(super) via: Option<String>,
    pub(super) url: Option<String>,
}

impl DeviceMap {
    /// Nothing, if nothing identifies it.
    pub(super) fn parse(fields: &Fields) -> Option<Self> {
        let mut identifiers: Vec<_> = match fields.get("identifiers") {
            Some(Json::Array(list)) => list.iter().filter_map(text).map(|text| identifier(&text)).collect(),
            Some(one) => text(one).map(|text| identifier(&text)).into_iter().collect(),
            None => Vec::new(),
        };
        for connection in fields.get("connections").and_then(Json::as_array).into_iter().flatten() {
            if let Some([kind, value]) = connection.as_array().map(Vec::as_slice)
                && let (Some(kind), Some(value)) = (text(kind), text(value))
            {
                identifiers.push(connected(&kind, &value));
            }
        }
        identifiers.sort();
        identifiers.dedup();
        identifiers.truncate(IDENTIFIERS_MAX);
        if identifiers.is_empty() {
            return None;
        }
        let label = |key: &str| fields.get(key).and_then(text).map(|text| names::label(&text));
        let model = match (label("model"), label("model_id")) {
            (Some(model), Some(id)) if model != id => Some(names::label(&format!("{model} ({id})"))),
            (model, id) => model.or(id),
        };
        Some(Self {
            identifiers: identifiers.into(),
            name: label("name"),
            manufacturer: label("manufacturer"),
            model,
            sw_version: label("sw_version"),
            hw_version: label("hw_version"),
            area: label("suggested_area"),
            via: fields.get("via_device").and_then(text).map(|via| identifier(&via)),
            url: fields
                .get("configuration_url")
                .and_then(text)
                .filter(|url| url.starts_with("http://") || url.starts_with("https://")),
        })
    }

    /// What it comes to in memory, with what finds it by its identifiers.
    pub(super) fn bytes(&self) -> usize {
        const ENTRY_BYTES: usize = 64;
        let texts = [
            &self.name,
            &self.manufacturer,
            &self.model,
            &self.sw_version,
            &self.hw_version,
            &self.area,
            &self.via,
            &self.url,
        ];
        let texts: usize = texts.iter().filter_map(|text| text.as_ref()).map(String::len).sum();
        // Each is there, in the index and in what is told.
        let identifiers: usize = self.identifiers.iter().map(|identifier| 3 * identifier.len() + ENTRY_BYTES).sum();
        size_of::<Self>() + 2 * texts + identifiers
    }
}

/// A short text, also of a number.
fn text(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => text.trim().to_owned(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= ANNOUNCED_TEXT_BYTES_MAX && !text.chars().any(char::is_control)).then_some(text)
}

/// An identifier: most are nobody else's, but some are the address of the thing itself.
fn identifier(text: &str) -> String {
    if let Some(mac) = mac(text) {
        return format!("mac:{mac}");
    }
    // As Zigbee2MQTT and others write the address of a Zigbee device, with and without who they are.
    let address = text.rsplit_once("0x").map(|(_, digits)| digits);
    match address {
        Some(digits)
            if digits.len() == 16
                && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !text.contains("bridge") =>
        {
            format!("zigbee:0x{}", digits.to_ascii_lowercase())
        }
        _ => format!("id:{text}"),
    }
}

fn connected(kind: &str, value: &str) -> String {
    match kind {
        "mac" => mac(value).map_or_else(|| format!("id:{value}"), |mac| format!("mac:{mac}")),
        "zigbee" => format!("zigbee:0x{}", value.trim_start_matches("0x").replace(':', "").to_ascii_lowercase()),
        _ => format!("id:{kind}:{value}"),
    }
}

/// Twelve hexadecimal digits, in pairs or not.
fn mac(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|letter| !matches!(letter, ':' | '-')).collect();
    let pairs = [12, 17].contains(&text.len());
    (pairs && digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_has_the_same_identifier() {
        for (text, expected) in [
            ("a1b2c3d4e5f6", "mac:a1b2c3d4e5f6"),
            ("A1:B2:C3:D4:E5:F6", "mac:a1b2c3d4e5f6"),
            ("zigbee2mqtt_0x00124B0012345678", "zigbee:0x00124b0012345678"),
            ("0x00124b0012345678", "zigbee:0x00124b0012345678"),
            ("zigbee2mqtt_bridge_0x00124b0012345678", "id:zigbee2mqtt_bridge_0x00124b0012345678"),
            ("sensor-1", "id:sensor-1"),
            ("A1B2C3", "id:A1B2C3"),
        ] {
            assert_eq!(identifier(text), expected, "{text}");
        }
        assert_eq!(connected("mac", "A1-B2-C3-D4-E5-F6"), "mac:a1b2c3d4e5f6");
        assert_eq!(connected("bluetooth", "x"), "id:bluetooth:x");
    }

    #[test]
    fn a_map_says_what_it_can() {
        let parse = |text: &str| DeviceMap::parse(serde_json::from_str::<Json>(text).unwrap().as_object().unwrap());
        assert_eq!(parse(r#"{"name":"x"}"#), None, "nothing identifies it");
        assert_eq!(parse(r#"{"identifiers":[],"connections":[["mac"]]}"#), None);
        let one = parse(r#"{"identifiers":"a"}"#).unwrap();
        assert_eq!(*one.identifiers, ["id:a"]);
        let more = parse(
            r#"{"identifiers":["b","a",7],"connections":[["mac","a1:b2:c3:d4:e5:f6"]],"model":"M","model_id":"1","name":"",
                "configuration_url":"homeassistant://x","via_device":"0x00124b0012345678"}"#,
        );
        let more = more.unwrap();
        assert_eq!(*more.identifiers, ["id:7", "id:a", "id:b", "mac:a1b2c3d4e5f6"]);
        assert_eq!((more.model.as_deref(), more.name, more.url), (Some("M (1)"), None, None));
        assert_eq!(more.via.as_deref(), Some("zigbee:0x00124b0012345678"));
    }
}
