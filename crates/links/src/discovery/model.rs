//! What was found, in the words of this hub: a device with properties, and where each of them lives.

use std::fmt;
use std::time::Duration;

use housewire_core::{PropertyName, PropertySpec, Qos, Timestamp};

/// Who announced a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The MQTT discovery of Home Assistant, as ESPHome and many others speak it.
    HomeAssistant,
    /// Tasmota's own topics.
    Tasmota,
    /// Zigbee2MQTT's own topics.
    Zigbee2Mqtt,
    /// The Homie convention, 3 to 5.
    Homie,
    /// A service on the network.
    Mdns,
}

impl Source {
    /// In ids and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HomeAssistant => "homeassistant",
            Self::Tasmota => "tasmota",
            Self::Zigbee2Mqtt => "zigbee2mqtt",
            Self::Homie => "homie",
            Self::Mdns => "mdns",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message on a topic that a dialect listens to.
#[derive(Clone, Copy, Debug)]
pub struct Announcement<'a> {
    /// Where it came.
    pub topic: &'a str,
    /// As it came.
    pub payload: &'a [u8],
    /// It was kept by the broker: the sender may be long gone.
    pub retained: bool,
    /// When it arrived.
    pub time: Timestamp,
}

/// What a message meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A device, new or changed: everything that is known of it now. Boxed, as it is large.
    Found(Box<Found>),
    /// A device is no longer announced.
    Gone {
        /// [`Found::key`].
        key: String,
        /// It moves to another topic and will come back there: everything of it is to be kept meanwhile.
        migrates: bool,
    },
    /// The message, or a part of it, was of no use; what was known before stays.
    Problem {
        /// Where it came.
        topic: String,
        /// What is wrong with it, in a sentence for people.
        reason: String,
    },
    /// The dialect wants to have this published, to ask something of the sender.
    Ask(Outgoing),
}

/// A message that is to be published to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// As its announcement wants it.
    pub qos: Qos,
    /// As its announcement wants it.
    pub retain: bool,
}

/// A device that announced itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Who announced it.
    pub source: Source,
    /// Identifies it among those of the source, for ever: renaming it does not change it.
    pub key: String,
    /// What identifies the thing itself, whoever announces it: `mac:aabbccddeeff` (lower case, no separators), `zigbee:0x00124b…`,
    /// `id:` and the text for anything else. Two finds that share a `mac:` or `zigbee:` are one thing.
    pub identifiers: Vec<String>,
    /// What it calls itself.
    pub name: Option<String>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// What it is.
    pub model: Option<String>,
    /// Of its program.
    pub sw_version: Option<String>,
    /// Of its board.
    pub hw_version: Option<String>,
    /// The room it thinks it is in.
    pub area: Option<String>,
    /// The identifier of the device through which it is reached, a bridge for example.
    pub via: Option<String>,
    /// Its own page: `http` or `https`, checked.
    pub url: Option<String>,
    /// `host:port` where it listens, if that is known.
    pub addresses: Vec<String>,
    /// In the order of their names, which differ.
    pub properties: Vec<FoundProperty>,
    /// How it says whether it is there.
    pub availability: Availability,
    /// The topics that announced it: with their retained messages gone, it is forgotten by its sender.
    pub topics: Vec<String>,
    /// What could not be used of its announcement, in sentences for people; bounded.
    pub problems: Vec<String>,
}

/// One value of a device that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundProperty {
    /// Its name as a property here: made from what the device calls it, and stable as long as that is announced.
    pub name: PropertyName,
    /// Identifies it within its device whatever it is called, such as a `unique_id` with the part's name.
    pub key: String,
    /// For people.
    pub label: Option<String>,
    /// Its type and rules.
    pub spec: PropertySpec,
    /// What it was announced as: `light`, `sensor`, `numeric` …
    pub component: String,
    /// Whether it is one of the device's main values, a setting, or a diagnosis.
    pub category: Category,
    /// Shown only when the user asks for it.
    pub hidden: bool,
    /// Where its value comes from; the newest message on any of them counts.
    pub reads: Vec<Read>,
    /// Where a request for it goes.
    pub write: Option<Write>,
    /// Without an update for so long its value is worth nothing.
    pub expire_after: Option<Duration>,
    /// A `true` turns to `false` by itself after so long.
    pub off_delay: Option<Duration>,
}

/// What a value is to its device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Category {
    /// What the device is there for.
    #[default]
    Main,
    /// A setting of it.
    Config,
    /// How it is doing.
    Diagnostic,
}

/// Where a value comes from, and how it is taken out of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// The device's own topic.
    pub topic: String,
    /// Jinja, with `value` (text) and `value_json`; without it, the payload is the value.
    pub template: Option<String>,
    /// What the (rendered) text stands for, as pairs of its text and the payload of the value here, such as `ON` and `true`.
    /// Tried first; a text that is not in it is read by the property's type.
    pub map: Vec<(String, String)>,
    /// A text that is not in `map` is no value of this property.
    pub only_mapped: bool,
    /// The payload is not text. Of a `bytes` property that is not raw, it is base64.
    pub raw: bool,
}

/// Where a request goes, and what is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Write {
    /// The device's own topic.
    pub topic: String,
    /// The text for a value, such as `true` and `ON`; tried first.
    pub map: Vec<(String, String)>,
    /// Jinja, with `value`: what `map` gave, or else the value itself (a number, a bool, a text) and, of a colour, `red`, `green`
    /// and `blue`. Without it, the value's text is sent.
    pub template: Option<String>,
    /// As announced.
    pub qos: Qos,
    /// As announced.
    pub retain: bool,
    /// The device does not say what became of it: the request is taken for its value.
    pub optimistic: bool,
    /// Values that are asked for in another place; looked at before everything else.
    pub elsewhere: Vec<Elsewhere>,
}

/// A value of a property that is asked for on a topic of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The value, as a payload of the property.
    pub value: String,
    /// Where the request goes.
    pub topic: String,
    /// What is sent.
    pub payload: String,
}

/// How a device says whether it is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Availability {
    /// Where; none means that it is there whenever it is heard of.
    pub topics: Vec<AvailabilityTopic>,
    /// What they mean together.
    pub mode: AvailabilityMode,
}

/// One topic that says whether a device is there.
#[derive(Clone, Debug, PartialEq)]
pub struct AvailabilityTopic {
    /// The topic.
    pub topic: String,
    /// The (rendered) text that says yes.
    pub online: String,
    /// The (rendered) text that says no.
    pub offline: String,
    /// Jinja, as for values.
    pub template: Option<String>,
}

/// What several topics mean together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AvailabilityMode {
    /// The newest message on any of them decides.
    #[default]
    Latest,
    /// All of them have to say yes.
    All,
    /// One that says yes is enough.
    Any,
}
