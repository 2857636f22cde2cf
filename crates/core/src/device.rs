//! Registered things: what they are called, what they hold, whether they are there.
//!
//! Messages that follow from a change (`$online`, `target` …) are published by `hub`; the rules of single
//! values belong to `property`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use thiserror::Error;

use crate::limits::{ID_BYTES_MAX, LABEL_BYTES_MAX, PROPERTIES_MAX, REPORTERS_MAX};
use crate::message::{Origin, Presence, SessionId};
use crate::property::{Property, PropertySpec, RuleBroken, SpecError};
use crate::time::{Now, Timestamp};

/// The text is no device id or property name.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("'{0}' is no valid name: use 1 to {ID_BYTES_MAX} of A-Z a-z 0-9 _ -, but neither 'set' nor 'target'")]
pub struct IdError(String);

fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        && text != "set"
        && text != "target"
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses and copies: `[A-Za-z0-9_-]{1,64}`, but neither `set` nor `target`.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if is_id(text) { Ok(Self(Arc::from(text))) } else { Err(IdError(text.chars().take(80).collect())) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id_type!(
    /// Names a device, in topics and in the API.
    DeviceId
);
id_type!(
    /// Names a property within its device.
    PropertyName
);

/// What people call a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Shown instead of the id.
    pub name: Option<String>,
    /// Where it is.
    pub room: Option<String>,
    /// What it is.
    pub model: Option<String>,
    /// An icon's name.
    pub icon: Option<String>,
    /// Belongs to the demo house, which can be removed as a whole.
    pub demo: bool,
}

impl DeviceInfo {
    fn validate(&self) -> Result<(), DeclareError> {
        let labels = [&self.name, &self.room, &self.model, &self.icon];
        match labels.into_iter().flatten().map(String::len).find(|len| *len > LABEL_BYTES_MAX) {
            Some(len) => Err(DeclareError::LabelTooLong(len)),
            None => Ok(()),
        }
    }
}

/// Why a device cannot be declared so.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum DeclareError {
    /// See [`LABEL_BYTES_MAX`].
    #[error("name, room, model and icon may have at most {LABEL_BYTES_MAX} bytes, not {0}")]
    LabelTooLong(usize),
    /// See [`PROPERTIES_MAX`].
    #[error("a device may have at most {PROPERTIES_MAX} properties")]
    TooManyProperties,
    /// See [`crate::limits::DEVICES_MAX`].
    #[error("the registry is full ({} devices): delete some first", crate::limits::DEVICES_MAX)]
    TooManyDevices,
    /// One property's declaration.
    #[error("property '{property}': {error}")]
    Property {
        /// Its name.
        property: PropertyName,
        /// What is wrong with it.
        error: SpecError,
    },
}

/// A message that a device's declared rules refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// The device.
    pub device: DeviceId,
    /// The property.
    pub property: PropertyName,
    /// What was sent, as text, shortened.
    pub value: String,
    /// The rule.
    pub broken: RuleBroken,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, property, value, broken } = self;
        write!(
            f,
            "'{value}' was not accepted for '{property}' of device '{device}': {broken}. Send what fits, or change what \
             is declared for '{property}'."
        )
    }
}

/// Messages a device's rules refused since the hub started.
#[derive(Clone, Debug, Default)]
pub struct Rejected {
    /// How many.
    pub count: u64,
    /// The last one and when it came.
    pub last: Option<(Rejection, Timestamp)>,
}

/// Whether a device is there: a session that reported for it is connected, or it reported a moment ago,
/// and it did not say itself that it is gone.
#[derive(Debug, Default)]
struct PresenceState {
    reporters: Vec<(SessionId, Connected)>,
    momentary_until: Option<Instant>,
    /// Its own `$online` said `false` (usually its will); holds until it is heard of again.
    said_offline: bool,
    online: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connected {
    Yes,
    No,
}

/// A device's state; reached through [`Device::lock`].
#[derive(Debug)]
pub struct DeviceState {
    /// What people call it.
    pub info: DeviceInfo,
    /// The door of its last report.
    pub via: Option<&'static str>,
    /// Its values by name.
    pub properties: BTreeMap<PropertyName, Property>,
    /// What its rules refused.
    pub rejected: Rejected,
    presence: PresenceState,
    /// The deadline that the hub's table holds for it.
    pub(crate) scheduled: Option<Instant>,
    /// Noted for the disk.
    pub(crate) unsaved: bool,
    /// It was deleted while somebody held on to it.
    pub(crate) removed: bool,
}

/// A registered thing.
#[derive(Debug)]
pub struct Device {
    id: DeviceId,
    state: Mutex<DeviceState>,
}

impl Device {
    pub(crate) fn new(id: DeviceId, info: DeviceInfo) -> Self {
        let state = DeviceState {
            info,
            via: None,
            properties: BTreeMap::new(),
            rejected: Rejected::default(),
            presence: PresenceState::default(),
            scheduled: None,
            unsaved: false,
            removed: false,
        };
        Self { id, state: Mutex::new(state) }
    }

    /// Its name in topics.
    pub fn id(&self) -> &DeviceId {
        &self.id
    }

    /// Its state. Hold it briefly; under it only the locks of the deadlines and of what is unsaved are taken.
    pub fn lock(&self) -> MutexGuard<'_, DeviceState> {
        self.state.lock()
    }
}

/// How a declaration meets what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclareMode {
    /// The declaration is the whole truth: properties it does not name go.
    Replace,
    /// Only what is named changes.
    Merge,
}

impl DeviceState {
    /// Whether it is there.
    pub fn is_online(&self) -> bool {
        self.presence.online
    }

    /// The property, made with an inferred type if it is new; `None` when the device has too many.
    pub(crate) fn property_or_infer(&mut self, name: &PropertyName, payload: &[u8]) -> Option<(&mut Property, bool)> {
        let is_full = self.properties.len() >= PROPERTIES_MAX;
        match self.properties.entry(name.clone()) {
            Entry::Occupied(known) => Some((known.into_mut(), false)),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(new) => Some((new.insert(Property::new(PropertySpec::inferred(payload))), true)),
        }
    }

    pub(crate) fn validate(
        &self,
        info: &DeviceInfo,
        properties: &BTreeMap<PropertyName, PropertySpec>,
        mode: DeclareMode,
    ) -> Result<(), DeclareError> {
        info.validate()?;
        for (property, spec) in properties {
            spec.validate().map_err(|error| DeclareError::Property { property: property.clone(), error })?;
        }
        let kept = match mode {
            DeclareMode::Replace => 0,
            DeclareMode::Merge => self.properties.keys().filter(|name| !properties.contains_key(*name)).count(),
        };
        if kept + properties.len() > PROPERTIES_MAX {
            return Err(DeclareError::TooManyProperties);
        }
        Ok(())
    }

    /// Takes a valid declaration over.
    pub(crate) fn declare(&mut self, info: DeviceInfo, specs: BTreeMap<PropertyName, PropertySpec>, mode: DeclareMode) {
        self.info = info;
        if mode == DeclareMode::Replace {
            self.properties.retain(|name, _| specs.contains_key(name));
        }
        for (name, spec) in specs {
            match self.properties.get_mut(&name) {
                Some(property) if property.spec == spec => {}
                Some(property) => property.declare(spec),
                None => {
                    self.properties.insert(name, Property::new(spec));
                }
            }
        }
    }

    /// Notes who spoke for the device; `true` if the session is new to it.
    pub(crate) fn heard_from(&mut self, origin: Origin, now: Now, online_timeout: std::time::Duration) -> bool {
        if origin.presence != Presence::None {
            self.presence.said_offline = false;
            self.via = Some(origin.via);
        }
        match origin.presence {
            // The hub's own word, or a will: nobody is there because of it.
            Presence::None => false,
            Presence::Momentary => {
                self.presence.momentary_until = Some(now.instant + online_timeout);
                false
            }
            Presence::Connected => {
                let reporters = &mut self.presence.reporters;
                if reporters.iter().any(|(session, _)| *session == origin.session) {
                    return false;
                }
                if reporters.len() >= REPORTERS_MAX {
                    match reporters.iter().position(|(_, connected)| *connected == Connected::No) {
                        Some(oldest) => reporters.remove(oldest),
                        None => return false,
                    };
                }
                reporters.push((origin.session, Connected::Yes));
                true
            }
        }
    }

    /// The device says itself that it is gone.
    pub(crate) fn said_offline(&mut self) {
        self.presence.said_offline = true;
    }

    /// A session that spoke for it came or went.
    pub(crate) fn session_is(&mut self, session: SessionId, connected: Connected) {
        for (reporter, state) in &mut self.presence.reporters {
            if *reporter == session {
                *state = connected;
            }
        }
    }

    /// A session that spoke for it ended for good.
    pub(crate) fn forget_session(&mut self, session: SessionId) {
        self.presence.reporters.retain(|(reporter, _)| *reporter != session);
    }

    /// Decides anew whether it is online; `true` if that changed.
    pub(crate) fn update_online(&mut self, now: Instant) -> bool {
        let presence = &mut self.presence;
        let connected = presence.reporters.iter().any(|(_, connected)| *connected == Connected::Yes);
        // Forgotten once it is over: it must not count as a deadline again.
        presence.momentary_until = presence.momentary_until.filter(|until| *until > now);
        let recent = presence.momentary_until.is_some();
        let online = !presence.said_offline && (connected || recent);
        std::mem::replace(&mut presence.online, online) != online
    }

    /// The sessions that spoke for it.
    pub(crate) fn speakers(&self) -> impl Iterator<Item = SessionId> {
        self.presence.reporters.iter().map(|(session, _)| *session)
    }

    /// When something changes by itself next: a target ends, a momentary presence ends.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let targets =
            self.properties.values().filter_map(|property| property.target.as_ref()).map(|target| target.ends());
        let presence = if self.presence.online { self.presence.momentary_until } else { None };
        targets.chain(presence).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_plain_words() {
        for good in ["lamp", "A-1_b", &"x".repeat(64)] {
            assert!(DeviceId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "ä", "a/b", "$online", "set", "target", &"x".repeat(65)] {
            assert!(PropertyName::parse(bad).is_err(), "{bad}");
        }
    }
}
