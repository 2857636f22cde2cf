//! What is done with what a device says.

use std::borrow::Cow;
use std::sync::Arc;

use housewire_core::{Origin, Presence, Principal, PropertyName, Run, TopicRef};
use housewire_protocols::blynk::{
    Bridge, Command, Event, Info, MessageId, Notice, Parts, Pin, Question, Status, Sync, decode, write_frame,
    write_pin, write_response,
};
use housewire_protocols::limits::BLYNK_BODY_BYTES_MAX;
use jiff::tz::TimeZone;
use tracing::debug;

use crate::accounts::{Kind, Via};
use crate::blynk::VIA;
use crate::blynk::active::{Active, Line};
use crate::blynk::begin::{End, id_of};
use crate::blynk::bridges::Target;
use crate::blynk::notices;
use crate::limits::BLYNK_OUTPUT_BYTES_MAX;
use crate::pins::{PinMap, Reach as _, Update, local_seconds, meta_field, to_payload, utc, write_values};
use crate::shard::now;

/// What devices report is retained, as what HTTP reports is: whoever comes later learns how things are.
const IS_KEPT: bool = true;
/// Of what the hub sends right after a device came.
const FIRST_ID: MessageId = MessageId::MIN;

/// Consecutive values of one pin, which are published together.
#[derive(Default)]
struct Gathered<'a> {
    pin: Option<Pin>,
    payloads: Vec<Cow<'a, [u8]>>,
}

impl Active {
    /// Handles the frames that are whole; how many bytes were used. Answers are appended to `replies`. Frames are left for later
    /// once as much as may wait for the device does.
    pub(super) fn handle(&mut self, data: &[u8], replies: &mut Vec<u8>) -> Result<usize, End> {
        let mut used = 0;
        let mut gathered = Gathered::default();
        let pins = Arc::clone(&self.line.pins);
        let time = now();
        let room = BLYNK_OUTPUT_BYTES_MAX.saturating_sub(self.mailbox.output_bytes());
        let end = loop {
            if replies.len() >= room {
                self.has_more = used < data.len();
                break None;
            }
            let (frame, length) = match decode(&data[used..], BLYNK_BODY_BYTES_MAX) {
                Ok(Some(decoded)) => decoded,
                Ok(None) => break None,
                Err(error) => break Some(End::from(error)),
            };
            used += length;
            let event = match self.session.handle_frame(frame, time.instant, replies) {
                Ok(event) => event,
                Err(error) => break Some(End::from(error)),
            };
            if let Event::Values { pin, values } = event {
                if gathered.pin != Some(pin) {
                    self.publish_gathered(&mut gathered);
                }
                gathered.pin = Some(pin);
                gathered.payloads.push(to_payload(pins.of_pin(pin).map(|bound| &bound.spec), values));
            } else {
                // What comes behind values may ask for them.
                self.publish_gathered(&mut gathered);
                self.handle_event(event, id_of(&frame), replies);
            }
        };
        self.publish_gathered(&mut gathered);
        end.map_or(Ok(used), Err)
    }

    fn publish_gathered(&mut self, gathered: &mut Gathered<'_>) {
        let Some(pin) = gathered.pin.take() else { return };
        let payloads: Vec<&[u8]> = gathered.payloads.iter().map(AsRef::as_ref).collect();
        let Line { topic, prefix_bytes, pins, subscriber, .. } = &mut self.line;
        topic.truncate(*prefix_bytes);
        pins.write_name(pin, topic);
        let principal = Arc::clone(subscriber.principal());
        self.publish(&self.line.topic, &principal, Presence::Connected, IS_KEPT, &payloads);
        gathered.payloads.clear();
    }

    /// Publishes what the device says of itself.
    fn report(&mut self, rest: &str, payloads: &[&[u8]]) {
        self.line.topic.truncate(self.line.prefix_bytes);
        self.line.topic.push_str(rest);
        let principal = Arc::clone(self.line.subscriber.principal());
        self.publish(&self.line.topic, &principal, Presence::Connected, IS_KEPT, payloads);
    }

    /// What its property does not take is counted there; Blynk has no word for it.
    fn publish(&self, topic: &str, principal: &Principal, presence: Presence, is_kept: bool, payloads: &[&[u8]]) {
        let Ok(topic) = TopicRef::parse(topic) else { return };
        let origin = Origin { via: VIA, session: self.line.subscriber.id(), presence };
        let run = Run::new(topic, payloads).retain(is_kept);
        if let Err(denied) = self.shard().publish_run(principal, origin, run, now()) {
            debug!(device = %self.line.device, "what a Blynk device says is not published: {denied}");
        }
    }

    /// What was written to the device is its value from now on.
    pub(super) fn confirm(&mut self) {
        for (property, payload) in self.mailbox.take_written() {
            self.report(property.as_str(), &[&payload]);
        }
    }

    fn handle_event(&mut self, event: Event<'_>, id: MessageId, replies: &mut Vec<u8>) {
        match event {
            Event::Info(info) => self.learn(&info),
            Event::Sync(sync) => self.sync(sync, id, replies),
            Event::Property { pin, name, values } => {
                let payload = to_payload(None, values);
                self.report(&format!("$blynk/{pin}/{name}"), &[&payload]);
            }
            Event::Bridge(bridge) => self.bridge(bridge, id, replies),
            Event::Ask(question) => self.answer(question, id, replies),
            Event::Notice(notice) => self.tell(&notice),
            Event::Handled | Event::Acknowledged | Event::OverRate | Event::Login(_) | Event::Values { .. } => {}
        }
    }

    /// Kept nowhere but here: thousands of devices say the same. What runs is told to whoever looks after firmware.
    fn learn(&mut self, info: &Info<'_>) {
        self.mailbox.set_library(self.session.library());
        let Info { version, device, firmware, build, .. } = info;
        debug!(device = %self.line.device, version, board = device, firmware, "a Blynk device says what it is");
        // Libraries before 1.0 know when they were built, and no version.
        let built = || build.map(|build| build.replace(|char: char| !is_of_version(char), "-"));
        let Some(runs) = firmware.map(str::to_owned).or_else(built).filter(|runs| !runs.is_empty()) else { return };
        self.mailbox.set_running(Some(&runs));
        // Not retained: the book of firmware keeps it, and thousands of devices say so.
        let (topic, said) =
            (format!("devices/{}/$firmware/state", self.line.device), serde_json::json!({ "version": runs }));
        let principal = self.line.subscriber.principal();
        self.publish(&topic, principal, Presence::Connected, !IS_KEPT, &[said.to_string().as_bytes()]);
    }

    /// Sends the values that are asked for: what somebody wants a pin to be, else what it was last.
    fn sync(&self, sync: Sync<'_>, id: MessageId, replies: &mut Vec<u8>) {
        let Some(device) = self.shard().hub.device(&self.line.device) else { return };
        let body_bytes_max = self.session.library().body_bytes_max;
        let state = device.lock();
        let replies_bytes_max = replies.len() + BLYNK_OUTPUT_BYTES_MAX;
        let mut left_out = 0;
        let mut write = |pin: Pin, property: &PropertyName, payload: &[u8]| {
            // A few bytes ask for all there is, and for the same again and again.
            if replies.len() >= replies_bytes_max {
                left_out += 1;
                return;
            }
            let mut values = Vec::new();
            let bound = self.line.pins.of_property(property.as_str());
            write_values(bound.map(|bound| &bound.spec), payload, &mut values);
            if !write_pin(Command::HARDWARE, id, pin, Parts::of(&values), body_bytes_max, replies) {
                debug!(device = %self.line.device, %pin, "a value is too long for the device's library and left out");
            }
        };
        if let Sync::Pins { .. } = sync {
            for pin in sync.pins() {
                let (property, _) = self.line.pins.property_of(pin);
                let Some(held) = state.properties.get(&property) else { continue };
                let value = held.target.as_ref().map(|target| &target.value).or(held.value.as_ref());
                if let Some(value) = value {
                    write(pin, &property, &value.to_payload());
                }
            }
        } else {
            for (pin, property, payload) in self.line.pins.values(&state) {
                write(pin, &property, &payload);
            }
        }
        drop(state);
        self.mailbox.count_overflow(left_out);
    }

    /// What the device gets as soon as it listens: how its board's pins are used, and what was asked of it while it was away.
    pub(super) fn send_wanted(&mut self) {
        let mut modes = vec!["pm".to_owned()];
        for (pin, is_written) in self.line.pins.of_board() {
            modes.extend([pin.number.to_string(), if is_written { "out" } else { "in" }.to_owned()]);
        }
        if modes.len() > 1 {
            self.mailbox.send_frame(Command::HARDWARE, FIRST_ID, Parts::of(modes.join("\0").as_bytes()));
        }
        let hub = Arc::clone(&self.shard().hub);
        let Some(device) = hub.device(&self.line.device) else { return };
        let wanted: Vec<_> = {
            let state = device.lock();
            let asked =
                |property: &PropertyName| state.properties.get(property).is_some_and(|held| held.target.is_some());
            self.line.pins.values(&state).into_iter().filter(|(_, property, _)| asked(property)).collect()
        };
        for (_, property, payload) in wanted {
            self.mailbox.ask_for(property.as_str(), &payload);
        }
        self.mailbox.take_updates();
        let topic = format!("devices/{}/$firmware", self.line.device);
        let principal = self.line.subscriber.principal();
        let offered = TopicRef::parse(&topic).ok().and_then(|topic| hub.get(principal, topic, now()).ok()?);
        if let Some(update) = offered.and_then(|message| Update::read(&message.payload)) {
            self.mailbox.offer_update(&self.line.device, &update);
        }
    }

    fn bridge(&mut self, bridge: Bridge<'_>, id: MessageId, replies: &mut Vec<u8>) {
        let refused = match bridge {
            Bridge::Bind { key, token } => {
                let address = self.line.client.whereabouts().connection.map(|connection| connection.peer.ip());
                let accounts = &self.shard().accounts;
                let login = address.and_then(|address| accounts.by_token(token, address, Via::Blynk).ok());
                let login = login.filter(|login| login.kind == Kind::Device);
                let device = login.as_ref().and_then(|login| accounts.token(login.credential?).ok()?.device().cloned());
                let bound = match (login, device) {
                    (Some(login), Some(device)) => self.line.bridges.bind(key, device, login),
                    _ => false,
                };
                if bound { Some(Status::Ok) } else { Some(Status::NotAllowed) }
            }
            Bridge::Write { key, pin, values, message } => match self.bridged(key) {
                None => Some(Status::NotAllowed),
                Some(target) => {
                    let pins = PinMap::of(&self.shard().hub, &target.device);
                    let (property, spec) = pins.property_of(pin);
                    let topic = format!("devices/{}/{property}", target.device);
                    let payload = to_payload(spec, values);
                    // As if the other device had said so; that it is there is another matter.
                    self.publish(&topic, &target.login.principal, Presence::None, IS_KEPT, &[&payload]);
                    let lines = &self.shard().blynk;
                    let reached = lines.send_frame(&target.device, Command::BRIDGE, id, Parts::of(message));
                    (!reached).then_some(Status::DeviceOffline)
                }
            },
        };
        if let Some(status) = refused {
            write_response(id, status, replies);
        }
    }

    /// Whose pins are written under a key, as long as the token that was shown is good.
    fn bridged(&self, key: &[u8]) -> Option<&Target> {
        self.line.bridges.get(key).filter(|target| self.shard().accounts.is_valid(&target.login))
    }

    fn answer(&mut self, question: Question<'_>, id: MessageId, replies: &mut Vec<u8>) {
        let body_bytes_max = self.session.library().body_bytes_max;
        let mut write = |texts: &[&str]| {
            let parts = texts.iter().map(|text| text.as_bytes());
            // Too long for the device, it gets none, as from Blynk's own server.
            let _fits = write_frame(Command::INTERNAL, id, parts, body_bytes_max, replies);
        };
        match question {
            Question::LocalTime => {
                let seconds = local_seconds(now().wall, &TimeZone::system()).to_string();
                write(&["rtc", &seconds]);
            }
            Question::Utc(what) => {
                if let Some(texts) = utc(what, now().wall, &TimeZone::system()) {
                    let texts: Vec<&str> = ["utc", what].into_iter().chain(texts.iter().map(String::as_str)).collect();
                    write(&texts);
                }
            }
            Question::MetaField(field) => {
                let value = self.meta_field(field).unwrap_or_default();
                write(&["meta", field, &value]);
            }
            Question::SetMetaField { field, value } => {
                if !field.contains('/') {
                    self.report(&format!("$blynk/meta/{field}"), &[value.as_bytes()]);
                }
            }
        }
    }

    fn meta_field(&self, field: &str) -> Option<String> {
        meta_field(&self.shard().hub, self.line.subscriber.principal(), &self.line.device, field)
    }

    /// Tells people.
    fn tell(&self, notice: &Notice<'_>) {
        let device = self.line.device.clone();
        self.shard().notifications.tell(&self.shard().hub, notices::of(notice, device));
    }
}

/// What versions of firmware are made of.
fn is_of_version(char: char) -> bool {
    char.is_ascii_alphanumeric() || "._+-".contains(char)
}
