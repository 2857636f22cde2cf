//! What topics of Blynk's MQTT API mean.

use housewire_core::Filter;

/// What a device says or asks, by the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mqtt) enum Word<'t> {
    /// A value of the stream of this name.
    Value(&'t str),
    /// Values of several streams, by name.
    Values,
    /// Values with times of their own.
    Points(&'t str),
    /// The stream's value is to be forgotten.
    Erase(&'t str),
    /// How the stream's widgets are to look.
    Look { stream: &'t str, property: &'t str },
    /// As the page has it.
    EraseLook { stream: &'t str, property: &'t str },
    /// Something happened.
    Event(&'t str),
    /// It fills in a field.
    Field(&'t str),
    /// It wants values of streams.
    AskValues,
    /// It wants all values.
    AskAll,
    /// It wants fields.
    AskFields,
    /// It wants to know how late it is.
    AskTime,
    /// It wants to know where it is.
    AskPlace,
    /// What board it is, and what it runs.
    Board,
    /// Blynk's, and nothing that is known.
    Unknown,
}

impl<'t> Word<'t> {
    /// `None` if the topic is none of Blynk's.
    pub(in crate::mqtt) fn of(topic: &'t str) -> Option<Self> {
        let (root, rest) = topic.split_once('/').map_or((topic, None), |(root, rest)| (root, Some(rest)));
        let levels: Vec<&str> = rest.map_or_else(Vec::new, |rest| rest.split('/').collect());
        let is_named = levels.first().is_some_and(|first| !first.is_empty());
        Some(match (root, levels.as_slice()) {
            ("ds", [stream]) if is_named => Self::Value(stream),
            ("ds", [stream, "timestamped_batch"]) if is_named => Self::Points(stream),
            ("ds", [stream, "erase"]) if is_named => Self::Erase(stream),
            ("ds", [stream, "prop", property]) if is_named => Self::Look { stream, property },
            ("ds", [stream, "prop", property, "erase"]) if is_named => Self::EraseLook { stream, property },
            ("batch_ds", []) => Self::Values,
            ("event", [code]) if is_named => Self::Event(code),
            ("meta", [field]) if is_named => Self::Field(field),
            ("get", ["ds"]) => Self::AskValues,
            ("get", ["ds", "all"]) => Self::AskAll,
            ("get", ["meta"]) => Self::AskFields,
            ("get", ["utc", "all", "json"]) => Self::AskTime,
            ("get", ["loc", "all"]) => Self::AskPlace,
            ("info", ["mcu"]) => Self::Board,
            ("ds" | "batch_ds" | "event" | "meta" | "get" | "info" | "downlink", _) => Self::Unknown,
            _ => return None,
        })
    }
}

/// Whether the filter is about what goes to a device.
pub(in crate::mqtt) fn is_downlink(filter: &Filter) -> bool {
    filter.levels().next() == Some("downlink")
}

/// Whether a device may subscribe to it: `#` at the end, and no `+`.
pub(in crate::mqtt) fn may_be_subscribed(filter: &Filter) -> bool {
    filter.levels().all(|level| level != "+") && filter.levels().count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_mean_something() {
        for (topic, expected) in [
            ("ds/Set Temperature", Some(Word::Value("Set Temperature"))),
            ("ds/V5", Some(Word::Value("V5"))),
            ("ds/a/timestamped_batch", Some(Word::Points("a"))),
            ("ds/a/erase", Some(Word::Erase("a"))),
            ("ds/a/prop/color", Some(Word::Look { stream: "a", property: "color" })),
            ("ds/a/prop/color/erase", Some(Word::EraseLook { stream: "a", property: "color" })),
            ("ds/", Some(Word::Unknown)),
            ("ds", Some(Word::Unknown)),
            ("ds/a/b", Some(Word::Unknown)),
            ("batch_ds", Some(Word::Values)),
            ("event/hot", Some(Word::Event("hot"))),
            ("meta/Name", Some(Word::Field("Name"))),
            ("get/ds", Some(Word::AskValues)),
            ("get/ds/all", Some(Word::AskAll)),
            ("get/meta", Some(Word::AskFields)),
            ("get/utc/all/json", Some(Word::AskTime)),
            ("get/loc/all", Some(Word::AskPlace)),
            ("info/mcu", Some(Word::Board)),
            ("downlink/ds/a", Some(Word::Unknown)),
            ("devices/lamp/power", None),
            ("dsx/a", None),
        ] {
            assert_eq!(Word::of(topic), expected, "{topic}");
        }
    }

    #[test]
    fn what_may_be_subscribed_to() {
        for (filter, is_its, may) in [
            ("downlink/#", true, true),
            ("downlink/ds/#", true, true),
            ("downlink/ds/Power", true, true),
            ("downlink/+/Power", true, false),
            ("downlink", true, false),
            ("devices/lamp/#", false, true),
            ("#", false, false),
        ] {
            let filter = Filter::parse(filter).unwrap();
            assert_eq!(is_downlink(&filter), is_its, "{filter:?}");
            assert!(!is_its || may_be_subscribed(&filter) == may, "{filter:?}");
        }
    }
}
