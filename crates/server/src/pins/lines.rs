//! Which devices are there over Blynk at the moment: for bridges between them, for Blynk's API over HTTP, and for firmware that a
//! roll-out has for them.
//!
//! What is declared of a device, and what it is to fetch, comes to all of them through one subscriber rather than one for each:
//! thousands of devices wait most of the time.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use housewire_core::{
    Delivery, DeviceId, Filter, Hub, Mailbox, Offer, Permissions, Principal, Run, SubscribeOptions, Subscriber,
};
use housewire_protocols::blynk::{Command, MessageId, Parts, Pin};
use parking_lot::RwLock;

use crate::pins::updates::{Fetch, Update};

/// A connection of a device.
pub(crate) trait Reach: Send + Sync {
    /// Sends values to a pin; whether they will reach it.
    fn send(&self, command: Command, id: MessageId, pin: Pin, values: Parts<'_>) -> bool;

    /// Sends anything else.
    fn send_frame(&self, command: Command, id: MessageId, parts: Parts<'_>) -> bool;

    /// Something is declared of the device otherwise than before.
    fn changed(&self);

    /// There is new firmware for it.
    fn offer_update(&self, device: &DeviceId, update: &Update);
}

/// See the module. A device may be there several times: boards that share a token all get what is sent to it.
#[derive(Default)]
pub(crate) struct Lines {
    there: RwLock<HashMap<DeviceId, Vec<Arc<dyn Reach>>>>,
    /// Where files are fetched that devices are told of.
    pub(crate) fetch: Fetch,
    subscriber: OnceLock<Arc<Subscriber>>,
}

impl Lines {
    /// Listens from now on to what concerns devices that are there.
    pub(crate) fn begin(self: &Arc<Self>, hub: &Hub) {
        let principal = Arc::new(Principal::new("blynk", Permissions::all()));
        let subscriber = hub.own_subscriber(principal, Arc::new(Ear(Arc::downgrade(self))));
        for filter in ["devices/+/$changed", "devices/+/$firmware"] {
            let filter = Filter::parse(filter).expect("a constant that parses");
            hub.subscribe(&subscriber, &filter, SubscribeOptions::default()).expect("it may read everything");
        }
        // Begun once.
        let _was_set = self.subscriber.set(subscriber).is_ok();
    }

    pub(crate) fn add(&self, device: DeviceId, line: Arc<dyn Reach>) {
        self.there.write().entry(device).or_insert_with(|| Vec::with_capacity(1)).push(line);
    }

    pub(crate) fn remove(&self, device: &DeviceId, line: &Arc<dyn Reach>) {
        let mut lines = self.there.write();
        if let Some(of_device) = lines.get_mut(device) {
            of_device.retain(|have| !std::ptr::addr_eq(Arc::as_ptr(have), Arc::as_ptr(line)));
            if of_device.is_empty() {
                lines.remove(device);
            }
        }
    }

    /// Sends values to a pin of the device, wherever it is; whether they reach it.
    pub(crate) fn send(&self, device: &DeviceId, command: Command, id: MessageId, pin: Pin, values: Parts<'_>) -> bool {
        self.count(device, |line| line.send(command, id, pin, values)) > 0
    }

    /// Sends anything else.
    pub(crate) fn send_frame(&self, device: &DeviceId, command: Command, id: MessageId, parts: Parts<'_>) -> bool {
        self.count(device, |line| line.send_frame(command, id, parts)) > 0
    }

    /// All of them get it, whichever takes it.
    fn count(&self, device: &DeviceId, send: impl Fn(&dyn Reach) -> bool) -> usize {
        let lines = self.there.read();
        let of_device = lines.get(device).map(Vec::as_slice).unwrap_or_default();
        of_device.iter().filter(|line| send(&***line)).count()
    }
}

/// What the hub says of devices, for those that are there.
struct Ear(std::sync::Weak<Lines>);

impl Mailbox for Ear {
    fn offer(&self, run: &Run<'_>, _delivery: &Delivery) -> Offer {
        let mut levels = run.topic().as_str().split('/').skip(1);
        let (Some(device), Some(what), Some(lines)) = (levels.next(), levels.next(), self.0.upgrade()) else {
            return Offer::Taken;
        };
        let lines = lines.there.read();
        let Some((device, of_device)) = lines.get_key_value(device) else { return Offer::Taken };
        if what == "$changed" {
            of_device.iter().for_each(|line| line.changed());
        } else if let Some(update) = run.payloads().last().and_then(|payload| Update::read(payload)) {
            of_device.iter().for_each(|line| line.offer_update(device, &update));
        }
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }
}
