//! What goes to a device that speaks Blynk's MQTT API: requests of its properties and answers, as messages below `downlink/`.
//!
//! They are handed to the mailbox of the MQTT session, whose bounds hold. What the device did not subscribe to it does not get,
//! but for what concerns its firmware and its place. As over Blynk's other door, what was handed over is the property's value
//! from then on; the connection's task publishes that.

use std::net::SocketAddr;
use std::sync::Arc;

use housewire_core::{
    Delivery, DeviceId, Filter, Hub, Mailbox, Offer, PropertyName, Qos, Readiness, Run, SubscribeOptions, Subscriber,
    TopicRef,
};
use housewire_protocols::blynk::{Command, MessageId, Parts, Pin};
use parking_lot::Mutex;
use tracing::warn;

use crate::clients::Client;
use crate::mqtt::mailbox::MqttMailbox;
use crate::pins::{Reach, Stream, Streams, Update, write_values};
use crate::shard::Shard;

/// See the module.
pub(in crate::mqtt) struct Downlink {
    session: Arc<MqttMailbox>,
    /// Its task is woken when there is something for it to do.
    client: Arc<Client>,
    shard: Shard,
    /// Where the device reached the hub, as far as that is known.
    local: Option<SocketAddr>,
    /// `devices/<id>/`, in bytes.
    prefix_bytes: usize,
    state: Mutex<State>,
}

struct State {
    filters: Vec<Subscribed>,
    streams: Streams,
    /// Was handed over, and will be the device's value.
    written: Vec<(PropertyName, Vec<u8>)>,
    /// What the device takes of one message.
    message_bytes_max: usize,
    /// The version that it says it runs, which it is not told to fetch again.
    running: Option<String>,
    /// Something is declared of the device otherwise than before.
    is_stale: bool,
    /// It subscribed: what was asked of it before is to be sent.
    has_subscribed: bool,
}

struct Subscribed {
    filter: Filter,
    qos: Qos,
    identifier: Option<u32>,
}

/// What the connection's task has to do for the device.
pub(in crate::mqtt) struct News {
    pub(in crate::mqtt) written: Vec<(PropertyName, Vec<u8>)>,
    pub(in crate::mqtt) is_stale: bool,
    pub(in crate::mqtt) has_subscribed: bool,
}

/// Has the subscriber get what is asked of the device.
pub(super) fn listen(hub: &Hub, subscriber: &Arc<Subscriber>, device: &DeviceId) {
    let filter = Filter::parse(&format!("devices/{device}/+/set")).expect("a device's id is a valid level");
    let options = SubscribeOptions { qos: Qos::AtLeastOnce, ..SubscribeOptions::default() };
    if let Err(denied) = hub.subscribe(subscriber, &filter, options) {
        warn!(%device, "a Blynk MQTT device does not get what is asked of it: {denied}");
    }
}

impl Downlink {
    pub(in crate::mqtt) fn new(
        session: Arc<MqttMailbox>,
        client: Arc<Client>,
        shard: Shard,
        local: Option<SocketAddr>,
        device: &DeviceId,
    ) -> Self {
        let state = State {
            filters: Vec::new(),
            streams: Streams::of(&shard.hub, device),
            written: Vec::new(),
            message_bytes_max: usize::MAX,
            running: None,
            is_stale: false,
            has_subscribed: false,
        };
        let prefix_bytes = "devices//".len() + device.as_str().len();
        Self { session, client, shard, local, prefix_bytes, state: Mutex::new(state) }
    }

    /// How many filters it is subscribed to; `true` if this is one of them.
    pub(in crate::mqtt) fn subscriptions(&self, filter: &Filter) -> (usize, bool) {
        let state = self.state.lock();
        (state.filters.len(), state.filters.iter().any(|have| have.filter == *filter))
    }

    pub(in crate::mqtt) fn subscribe(&self, filter: Filter, qos: Qos, identifier: Option<u32>) {
        let mut state = self.state.lock();
        state.filters.retain(|have| have.filter != filter);
        state.filters.push(Subscribed { filter, qos, identifier });
        state.has_subscribed = true;
    }

    /// Whether it was subscribed to it.
    pub(in crate::mqtt) fn unsubscribe(&self, filter: &Filter) -> bool {
        let mut state = self.state.lock();
        let before = state.filters.len();
        state.filters.retain(|have| have.filter != *filter);
        state.filters.len() < before
    }

    /// The property that a name means.
    pub(in crate::mqtt) fn find(&self, stream: &str) -> Option<Stream> {
        self.state.lock().streams.find(stream)
    }

    /// What a property is to the device, with what was declared of it.
    pub(in crate::mqtt) fn stream_of(&self, property: &str) -> (String, Option<Arc<housewire_core::PropertySpec>>) {
        let state = self.state.lock();
        (state.streams.name_of(property), state.streams.spec_of(property))
    }

    /// What is declared of the device now.
    pub(in crate::mqtt) fn renew(&self, device: &DeviceId) {
        let fresh = Streams::of(&self.shard.hub, device);
        self.state.lock().streams.replace_with(fresh);
    }

    /// What its board takes and runs.
    pub(in crate::mqtt) fn set_board(&self, message_bytes_max: Option<usize>, running: Option<String>) {
        let mut state = self.state.lock();
        state.message_bytes_max = message_bytes_max.unwrap_or(usize::MAX);
        state.running = running;
    }

    /// What there is to do, if anything.
    pub(in crate::mqtt) fn take_news(&self) -> Option<News> {
        let mut state = self.state.lock();
        if state.written.is_empty() && !state.is_stale && !state.has_subscribed {
            return None;
        }
        Some(News {
            written: std::mem::take(&mut state.written),
            is_stale: std::mem::take(&mut state.is_stale),
            has_subscribed: std::mem::take(&mut state.has_subscribed),
        })
    }

    /// Sends the values of a stream, as they stand on the wire.
    pub(in crate::mqtt) fn say_values(&self, stream: &str, values: &[u8]) -> bool {
        self.say(&format!("ds/{stream}"), values)
    }

    /// Sends something if the device is subscribed to it and takes as much; whether it goes out.
    pub(in crate::mqtt) fn say(&self, rest: &str, payload: &[u8]) -> bool {
        self.hand_over(&self.state.lock(), rest, payload, None) == Offer::Taken
    }

    /// Sends something that devices get without having subscribed to it.
    pub(in crate::mqtt) fn say_anyway(&self, rest: &str, payload: &[u8]) -> bool {
        self.hand_over(&self.state.lock(), rest, payload, Some(Qos::AtMostOnce)) == Offer::Taken
    }

    fn hand_over(&self, state: &State, rest: &str, payload: &[u8], anyway: Option<Qos>) -> Offer {
        let topic = format!("downlink/{rest}");
        let Ok(topic) = TopicRef::parse(&topic) else { return Offer::Dropped };
        let matching = || state.filters.iter().filter(|have| have.filter.matches(topic));
        let Some(qos) = matching().map(|have| have.qos).max().or(anyway) else { return Offer::Dropped };
        if topic.as_str().len() + payload.len() > state.message_bytes_max {
            self.shard.stats.drop_messages(1);
            return Offer::Dropped;
        }
        let identifiers: Arc<[u32]> = matching().filter_map(|have| have.identifier).collect();
        let payloads = [payload];
        let run = Run::new(topic, &payloads).qos(Qos::AtLeastOnce);
        match self.session.offer(&run, &Delivery { qos, retain: false, identifiers, share: None }) {
            Offer::Taken | Offer::Kept | Offer::Crowded => Offer::Taken,
            lost => lost,
        }
    }

    /// Has a property become so at the device.
    pub(in crate::mqtt) fn ask_for(&self, name: &str, payload: &[u8]) -> Offer {
        let mut state = self.state.lock();
        let Ok(property) = PropertyName::parse(name) else { return Offer::Taken };
        let (stream, spec) = (state.streams.name_of(name), state.streams.spec_of(name));
        let mut values = Vec::new();
        write_values(spec.as_deref(), payload, &mut values);
        let offer = self.hand_over(&state, &format!("ds/{stream}"), &values, None);
        if offer == Offer::Taken && spec.is_none_or(|spec| !spec.access.event) {
            match state.written.iter_mut().find(|(known, _)| *known == property) {
                Some((_, known)) => *known = payload.to_vec(),
                None => state.written.push((property, payload.to_vec())),
            }
            drop(state);
            self.client.signal.wake();
        }
        offer
    }
}

impl Mailbox for Downlink {
    fn offer(&self, run: &Run<'_>, _delivery: &Delivery) -> Offer {
        let name = run.topic().as_str().get(self.prefix_bytes..).and_then(|rest| rest.strip_suffix("/set"));
        let Some(name) = name else { return Offer::Taken };
        let mut offer = Offer::Taken;
        for payload in run.payloads() {
            offer = self.ask_for(name, payload);
        }
        offer
    }

    fn is_congested(&self) -> bool {
        self.session.is_congested()
    }

    fn readiness(&self) -> Readiness {
        self.session.readiness()
    }
}

impl Reach for Downlink {
    fn send(&self, command: Command, _id: MessageId, pin: Pin, values: Parts<'_>) -> bool {
        let stream = self.state.lock().streams.of_pin(pin);
        command == Command::HARDWARE && self.say_values(&stream, values.rest())
    }

    /// What another device writes over a bridge: `vw·pin·values`.
    fn send_frame(&self, command: Command, id: MessageId, mut parts: Parts<'_>) -> bool {
        let (Some(kind), Some(number)) = (parts.next(), parts.next()) else { return false };
        let pin = kind.first().map(|letter| [&[*letter], number].concat());
        let pin = pin.and_then(|pin| Pin::parse(std::str::from_utf8(&pin).ok()?));
        pin.is_some_and(|pin| command == Command::BRIDGE && self.send(Command::HARDWARE, id, pin, parts))
    }

    fn changed(&self) {
        self.state.lock().is_stale = true;
        self.client.signal.wake();
    }

    fn offer_update(&self, device: &DeviceId, update: &Update) {
        if self.state.lock().running.as_deref() == Some(&update.version) {
            return;
        }
        let place = (&self.shard.config.blynk, self.shard.config.tls.mode);
        let Some(url) = self.shard.blynk.fetch.url(place, self.local, device, update) else {
            warn!(%device, "a Blynk MQTT device is not told of new firmware: say in blynk.address where it reaches the hub");
            return;
        };
        let Update { name, version, size } = update;
        let told = serde_json::json!({ "url": url, "size": size, "type": name, "ver": version, "build": version });
        if !self.say_anyway("ota/json", told.to_string().as_bytes()) {
            warn!(%device, "a Blynk MQTT device is not told of new firmware: it takes no message of that length");
        }
    }
}
