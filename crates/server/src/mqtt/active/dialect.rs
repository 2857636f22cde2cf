//! What is done with what a client says that speaks Blynk's MQTT API.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use housewire_core::{
    Denied, DeviceId, Filter, Now, Origin, PropertyName, PropertySpec, Qos, Receipt, Rejection, RuleBroken, Run,
    TopicRef, Type,
};
use housewire_protocols::blynk::{Parts, Pin, is_property};
use housewire_protocols::limits::BLYNK_EVENT_CHARS_MAX;
use housewire_protocols::mqtt::{ReasonCode, SubscriptionRequest};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::warn;

use super::Active;
use crate::limits::{BLYNK_HTTP_BODY_BYTES_MAX, BLYNK_NAMES_AT_ONCE, BLYNK_POINT_LISTS_MAX};
use crate::mqtt::dialect::{Dialect, Downlink, Word, may_be_subscribed};
use crate::notifications::{Kind, NewNotification};
use crate::pins::{NoPoints, Update, keep_points, meta_field, read_points, to_payload, utc, write_values};
use crate::refusal::shorten;
use crate::refusals;
use crate::shard::now;
use crate::stats::Bound;
use crate::view::json::payload_of;

/// What it runs; the book of firmware keeps that.
const FIRMWARE: &str = "$firmware/state";

/// Of what a board says of itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Board {
    ver: Option<String>,
    build: Option<String>,
    rxbuff: Option<usize>,
}

/// One message of the API.
struct Said<'a> {
    dialect: &'a Dialect,
    downlink: &'a Arc<Downlink>,
    origin: Origin,
    qos: Qos,
    time: Now,
}

impl Active {
    /// Publishes what a run of the API means; as it is if it is none of it.
    pub(super) fn publish_in_dialect(
        &self,
        dialect: &Dialect,
        origin: Origin,
        run: Run<'_>,
        time: Now,
    ) -> Result<Receipt, Denied> {
        let Some(word) = Word::of(run.topic().as_str()) else {
            return self.connection.shard().publish_run(self.principal(), origin, run, time);
        };
        let downlink = self.speak(dialect);
        let said = Said { dialect, downlink, origin, qos: run.published_qos(), time };
        if let Word::Value(stream) = word {
            // Consecutive values of a stream stay together.
            let Some((property, spec)) = downlink.find(stream) else { return Ok(self.refused(&said, 0, word, b"")) };
            let payloads = run.payloads().iter().map(|payload| to_payload(spec.as_deref(), Parts::of(payload)));
            let payloads: Vec<Cow<'_, [u8]>> = payloads.collect();
            let payloads: Vec<&[u8]> = payloads.iter().map(AsRef::as_ref).collect();
            return self.report(&said, property.as_str(), &payloads);
        }
        let mut receipt = Receipt::default();
        for (place, payload) in run.payloads().iter().enumerate() {
            let one = self.hear(&said, word, payload, place)?;
            receipt.matched += one.matched;
            receipt.refused.extend(one.refused);
            receipt.durable_with = receipt.durable_with.max(one.durable_with);
            receipt.waits_for_room |= one.waits_for_room;
        }
        Ok(receipt)
    }

    /// It speaks Blynk: what is asked of its device goes to it from now on.
    fn speak<'d>(&self, dialect: &'d Dialect) -> &'d Arc<Downlink> {
        if let Some(downlink) = dialect.downlink() {
            return downlink;
        }
        let session = self.session();
        let (shard, local) = (self.connection.shard().clone(), self.connection.socket.local_address());
        let principal = self.session().subscriber().principal();
        let downlink = dialect.speak(principal, session.id(), || {
            Downlink::new(Arc::clone(&session.mailbox), Arc::clone(&session.client), shard, local, &dialect.device)
        });
        if let Some(place) = &self.connection.shard().config.blynk.redirect {
            downlink.say_anyway("redirect", format!("mqtt://{place}").as_bytes());
        }
        downlink
    }

    /// One message; `place` is its place in its run.
    fn hear(&self, said: &Said<'_>, word: Word<'_>, payload: &[u8], place: usize) -> Result<Receipt, Denied> {
        let answered = Ok(Receipt { matched: 1, ..Receipt::default() });
        let text = || String::from_utf8_lossy(payload);
        let refused = || Ok(self.refused(said, place, word, payload));
        match word {
            Word::Value(_) | Word::Unknown => refused(),
            Word::Values => self.report_all(said, payload, place),
            Word::Points(stream) => match said.downlink.find(stream) {
                Some((property, _)) => self.keep(said, property, payload, place),
                None => refused(),
            },
            Word::Erase(stream) => match said.downlink.find(stream) {
                Some((property, _)) => self.report(said, property.as_str(), &[b""]),
                None => refused(),
            },
            Word::Look { stream, property } | Word::EraseLook { stream, property } => {
                let is_erased = matches!(word, Word::EraseLook { .. });
                match said.downlink.find(stream) {
                    Some((found, _)) if is_property(property) && (is_erased || !payload.is_empty()) => {
                        // By the pin, as over the wire, if it is spoken of as one.
                        let of = Pin::parse(stream).map_or_else(|| found.to_string(), |pin| pin.to_string());
                        let look =
                            if is_erased { Cow::Borrowed(&b""[..]) } else { to_payload(None, Parts::of(payload)) };
                        self.report(said, &format!("$blynk/{of}/{property}"), &[&look])
                    }
                    _ => refused(),
                }
            }
            Word::Event(code) => {
                let described: String = text().chars().take(BLYNK_EVENT_CHARS_MAX).collect();
                let device = Some(said.dialect.device.clone());
                let event = NewNotification::new(Kind::Event, &described);
                let event = NewNotification { device, code: Some(code.to_owned()), ..event };
                self.connection.shard().notifications.add(event, said.time.wall);
                answered
            }
            Word::Field(field) => self.report(said, &format!("$blynk/meta/{field}"), &[payload]),
            Word::AskValues => {
                text().split(',').take(BLYNK_NAMES_AT_ONCE).for_each(|stream| self.answer_value(said, stream.trim()));
                answered
            }
            Word::AskAll => {
                for property in self.properties(&said.dialect.device) {
                    let (stream, _) = said.downlink.stream_of(property.as_str());
                    self.answer_value(said, &stream);
                }
                answered
            }
            Word::AskFields => {
                for field in text().split(',').take(BLYNK_NAMES_AT_ONCE).map(str::trim) {
                    let value = meta_field(self.hub(), self.principal(), &said.dialect.device, field);
                    said.downlink.say(&format!("meta/{field}"), value.unwrap_or_default().as_bytes());
                }
                answered
            }
            Word::AskTime => {
                said.downlink.say("utc/all/json", clock(said.time).to_string().as_bytes());
                answered
            }
            // Who knows where addresses are is somebody else's service. What people wrote down is told.
            Word::AskPlace => {
                let place = meta_field(self.hub(), self.principal(), &said.dialect.device, "lat,lon");
                if let Some(place) = place {
                    said.downlink.say("loc/all", place.as_bytes());
                }
                answered
            }
            Word::Board => match serde_json::from_slice::<Board>(payload) {
                Ok(Board { ver, build, rxbuff }) => {
                    let runs = ver.or(build);
                    said.downlink.set_board(rxbuff, runs.clone());
                    let told = runs.map(|version| serde_json::json!({ "version": version }).to_string());
                    let receipt = match &told {
                        Some(told) => self.report(said, FIRMWARE, &[told.as_bytes()]),
                        None => answered,
                    };
                    self.offer_update(said);
                    receipt
                }
                Err(_) => refused(),
            },
        }
    }

    /// What a roll-out has for the device, in case that was told before it was there.
    fn offer_update(&self, said: &Said<'_>) {
        use crate::pins::Reach as _;
        let topic = format!("devices/{}/$firmware", said.dialect.device);
        let offered = TopicRef::parse(&topic).ok();
        let offered = offered.and_then(|topic| self.hub().get(self.principal(), topic, said.time).ok()?);
        if let Some(update) = offered.and_then(|message| Update::read(&message.payload)) {
            said.downlink.offer_update(&said.dialect.device, &update);
        }
    }

    /// Publishes below the device. Retained, as what HTTP reports is: whoever comes later learns how things are.
    fn report(&self, said: &Said<'_>, rest: &str, payloads: &[&[u8]]) -> Result<Receipt, Denied> {
        let topic = format!("devices/{}/{rest}", said.dialect.device);
        let Ok(topic) = TopicRef::parse(&topic) else { return Err(Denied::TopicTooLong(topic.len())) };
        let run = Run::new(topic, payloads).qos(said.qos).retain(rest != FIRMWARE);
        self.connection.shard().publish_run(self.principal(), said.origin, run, said.time)
    }

    /// Values of several streams, by name.
    fn report_all(&self, said: &Said<'_>, payload: &[u8], place: usize) -> Result<Receipt, Denied> {
        let values = serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(payload).ok();
        let Some(values) = values.filter(|values| values.len() <= BLYNK_NAMES_AT_ONCE) else {
            return Ok(self.refused(said, place, Word::Values, payload));
        };
        let mut receipt = Receipt::default();
        for (stream, value) in values {
            let found = said.downlink.find(&stream);
            let wire = wire_of(value, found.as_ref().and_then(|(_, spec)| spec.as_deref()));
            let (Some((property, spec)), Some(wire)) = (found, wire) else {
                receipt.refused = self.refused(said, place, Word::Values, payload).refused;
                continue;
            };
            let value = to_payload(spec.as_deref(), Parts::of(&wire)).into_owned();
            let one = self.report(said, property.as_str(), &[&value])?;
            receipt.matched += one.matched;
            receipt.durable_with = receipt.durable_with.max(one.durable_with);
            receipt.waits_for_room |= one.waits_for_room;
            if let Some((_, rejection)) = one.refused.into_iter().next() {
                // A message is refused once, whatever it holds.
                receipt.refused = vec![(place, rejection)];
            }
        }
        Ok(receipt)
    }

    /// Adds points to the history. The first of a property that nobody knows is its value, so that it is known.
    fn keep(&self, said: &Said<'_>, property: PropertyName, body: &[u8], place: usize) -> Result<Receipt, Denied> {
        let shard = self.connection.shard();
        let waiting = Arc::clone(&said.dialect.waiting);
        // Read here and now, which may not take long.
        let is_short = body.len() <= BLYNK_HTTP_BODY_BYTES_MAX;
        let read = if is_short { read_points(body, said.time.wall) } else { Err(NoPoints::TooMany) };
        let points = match read {
            Ok(points) => points,
            Err(why) => {
                self.note_refusal(refusals::Kind::Type, why, &format!("devices/{}/{property}", said.dialect.device));
                return Ok(self.refused(said, place, Word::Points(property.as_str()), body));
            }
        };
        if Arc::strong_count(&waiting) > BLYNK_POINT_LISTS_MAX + 1 {
            let topic = format!("devices/{}/{property}", said.dialect.device);
            self.note_refusal(refusals::Kind::Limit, "lists of points wait for the disk already", &topic);
            return Ok(self.refused(said, place, Word::Points(property.as_str()), body));
        }
        let newest = points.iter().max_by_key(|(time, _)| *time).map(|(_, value)| value.clone());
        let receipt = match newest.filter(|_| !self.properties(&said.dialect.device).contains(&property)) {
            Some(newest) => self.report(said, property.as_str(), &[&newest])?,
            None => Receipt { matched: 1, ..Receipt::default() },
        };
        let (shard, device) = (shard.clone(), said.dialect.device.clone());
        drop(tokio::spawn(async move {
            let _waits = waiting;
            if let Err(why) = keep_points(&shard, device.clone(), property.clone(), points).await {
                warn!(%device, %property, "points of a Blynk MQTT device are not kept: {why}");
            }
        }));
        Ok(receipt)
    }

    fn properties(&self, device: &DeviceId) -> Vec<PropertyName> {
        let Some(device) = self.hub().device(device) else { return Vec::new() };
        let state = device.lock();
        state.properties.iter().filter(|(_, held)| held.value.is_some()).map(|(name, _)| name.clone()).collect()
    }

    /// Sends the value of a stream, if it has one: what somebody wants it to be, else what it was last.
    fn answer_value(&self, said: &Said<'_>, stream: &str) {
        let Some((property, spec)) = said.downlink.find(stream) else { return };
        let Some(device) = self.hub().device(&said.dialect.device) else { return };
        let payload = {
            let state = device.lock();
            let held = state.properties.get(&property);
            let value = held.and_then(|held| held.target.as_ref().map(|target| &target.value).or(held.value.as_ref()));
            value.map(|value| value.to_payload().into_owned())
        };
        if let Some(payload) = payload {
            let mut values = Vec::new();
            write_values(spec.as_deref(), &payload, &mut values);
            said.downlink.say_values(stream, &values);
        }
    }

    /// A message that says nothing, with the reason for MQTT 5.
    fn refused(&self, said: &Said<'_>, place: usize, word: Word<'_>, payload: &[u8]) -> Receipt {
        let property = match word {
            Word::Values => "batch_ds",
            Word::Points(_) => "timestamped_batch",
            Word::Board => "mcu",
            _ => "ds",
        };
        let kind = if property == "ds" { Type::String } else { Type::Json };
        let rejection = Rejection {
            device: said.dialect.device.clone(),
            property: PropertyName::parse(property).expect("a constant that parses"),
            value: shorten(&String::from_utf8_lossy(payload)),
            broken: RuleBroken::Type(kind),
        };
        Receipt { refused: vec![(place, rejection)], ..Receipt::default() }
    }

    /// Subscribes to what goes to the device.
    pub(super) fn subscribe_in_dialect(
        &self,
        dialect: &Dialect,
        request: SubscriptionRequest,
        identifier: Option<u32>,
    ) -> ReasonCode {
        let SubscriptionRequest { filter, options } = request;
        if !may_be_subscribed(&filter) {
            let why = "what goes to a Blynk device is subscribed to by topic, or with # at the end";
            self.note_refusal(refusals::Kind::Topic, why, filter.as_str());
            return ReasonCode::TopicFilterInvalid;
        }
        let downlink = self.speak(dialect);
        let (count, is_known) = downlink.subscriptions(&filter);
        if !is_known && count >= self.connection.shard().config.limits.mqtt_subscriptions {
            self.connection.shard().stats.reach(Bound::MqttSubscriptions);
            let why = "the client has as many subscriptions as limits.mqtt_subscriptions allows";
            self.note_refusal(refusals::Kind::Limit, why, filter.as_str());
            return ReasonCode::QuotaExceeded;
        }
        // What the hub says to a device is said once or more often, never exactly once.
        let qos = options.qos.min(Qos::AtLeastOnce);
        downlink.subscribe(filter, qos, identifier);
        ReasonCode::granted(qos)
    }

    /// Unsubscribes from what goes to the device; whether it was subscribed to it.
    pub(super) fn unsubscribe_in_dialect(dialect: &Dialect, filter: &Filter) -> bool {
        dialect.downlink().is_some_and(|downlink| downlink.unsubscribe(filter))
    }

    /// Does what came up for a device meanwhile; whether there was something.
    pub(super) fn catch_up(&self, dialect: &Dialect) -> bool {
        let Some((downlink, news)) = dialect.downlink().and_then(|downlink| Some((downlink, downlink.take_news()?)))
        else {
            return false;
        };
        if news.is_stale {
            downlink.renew(&dialect.device);
        }
        let origin = Self::origin(self.session());
        let said = Said { dialect, downlink, origin, qos: Qos::AtMostOnce, time: now() };
        if news.has_subscribed {
            for (property, payload) in self.wanted(&dialect.device) {
                downlink.ask_for(property.as_str(), &payload);
            }
            self.offer_update(&said);
        }
        for (property, payload) in news.written {
            if let Err(denied) = self.report(&said, property.as_str(), &[&payload]) {
                tracing::debug!(device = %dialect.device, "what was written is not published: {denied}");
            }
        }
        true
    }

    /// What was asked of the device while it was away.
    fn wanted(&self, device: &DeviceId) -> Vec<(PropertyName, Vec<u8>)> {
        let Some(device) = self.hub().device(device) else { return Vec::new() };
        let state = device.lock();
        let wanted = state.properties.iter().filter_map(|(name, held)| {
            let target = held.target.as_ref()?;
            Some((name.clone(), target.value.to_payload().into_owned()))
        });
        wanted.collect()
    }
}

/// The values of a stream, as they stand on the wire; `None` if they are none. `spec` is what was declared of it.
fn wire_of(value: &RawValue, spec: Option<&PropertySpec>) -> Option<Vec<u8>> {
    if value.get().starts_with('[') {
        let entries = serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()?;
        let entries = entries.into_iter().map(|entry| payload_of(entry).ok());
        let entries = entries.collect::<Option<Vec<_>>>().filter(|entries| !entries.is_empty())?;
        return Some(entries.join(&0));
    }
    // Streams that are numbers take true for 1.
    let is_number = spec.is_some_and(|spec| spec.kind.is_number());
    Some(match value.get() {
        "true" if is_number => b"1".to_vec(),
        "false" if is_number => b"0".to_vec(),
        _ => payload_of(value).ok()?.into_owned(),
    })
}

/// Everything about the time, as devices ask for it.
fn clock(time: Now) -> serde_json::Value {
    let zone = TimeZone::system();
    let answers = |what| utc(what, time.wall, &zone).unwrap_or_default();
    let first = |what| answers(what).into_iter().next().unwrap_or_default();
    let minutes: Vec<i64> = answers("tz").iter().filter_map(|text| text.parse().ok()).collect();
    serde_json::json!({
        "tz_name": first("tz_name"),
        "tz_rule": first("tz_rule"),
        "tz_offset": minutes.first(),
        "dst_offset": minutes.get(1),
        "time": first("time").parse::<i64>().unwrap_or_default(),
        "iso8601": first("iso"),
    })
}
