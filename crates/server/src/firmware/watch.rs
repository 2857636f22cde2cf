//! The thread that listens to what devices say of their firmware, tells them what to fetch, and saves how far they are.
//!
//! Messages come through a mailbox like anybody's and wait in a bounded queue; with more of them, the oldest go, and all devices are
//! looked at once more, so that nobody is told something old for long.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use housewire_core::{
    Delivery, DeviceId, Filter, Hub, Mailbox, Offer, Permissions, Principal, Run, SubscribeOptions, Subscriber,
};
use parking_lot::{Condvar, Mutex};

use crate::firmware::{Firmware, Said, Who};
use crate::limits::{FIRMWARE_SAID_BYTES_MAX, FIRMWARE_SAID_WAITING_MAX};
use crate::shard::now;
use crate::view::firmware::OfferView;

/// What devices say is written down so often at the most.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// Devices looked at in one go.
const DEVICES_AT_ONCE: usize = 128;

/// What waits for the thread.
#[derive(Default)]
pub(super) struct Watch {
    queue: Mutex<Queue>,
    bell: Condvar,
    thread: Mutex<Option<Running>>,
}

struct Running {
    thread: std::thread::JoinHandle<()>,
    /// Keeps the subscription.
    _subscriber: Arc<Subscriber>,
}

#[derive(Default)]
struct Queue {
    said: VecDeque<(DeviceId, Said)>,
    devices: BTreeSet<DeviceId>,
    all: bool,
    is_over: bool,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.said.is_empty() && self.devices.is_empty() && !self.all && !self.is_over
    }

    fn look_at(&mut self, device: DeviceId) {
        if self.devices.len() < FIRMWARE_SAID_WAITING_MAX {
            self.devices.insert(device);
        } else {
            self.all = true;
        }
    }
}

impl Watch {
    /// What the device is told may have changed.
    pub(super) fn look_at(&self, device: DeviceId) {
        self.queue.lock().look_at(device);
        self.bell.notify_one();
    }

    pub(super) fn look_at_all(&self) {
        self.queue.lock().all = true;
        self.bell.notify_one();
    }

    pub(super) fn is_over(&self) -> bool {
        self.queue.lock().is_over
    }

    pub(super) fn end(&self) {
        self.queue.lock().is_over = true;
        self.bell.notify_one();
        if let Some(running) = self.thread.lock().take()
            && running.thread.join().is_err()
        {
            tracing::error!("the thread of firmware died; what devices said last may not be on disk");
        }
    }

    /// Waits until there is something to do, until `deadline` at the most.
    fn next(&self, deadline: Option<Instant>) -> Queue {
        let mut queue = self.queue.lock();
        while queue.is_empty() {
            match deadline {
                Some(deadline) if self.bell.wait_until(&mut queue, deadline).timed_out() => break,
                Some(_) => {}
                None => self.bell.wait(&mut queue),
            }
        }
        let is_over = queue.is_over;
        std::mem::replace(&mut *queue, Queue { is_over, ..Queue::default() })
    }
}

/// What devices say and what happens to them, on its way to the thread.
struct Ear(Arc<Firmware>);

impl Mailbox for Ear {
    fn offer(&self, run: &Run<'_>, _delivery: &Delivery) -> Offer {
        let mut levels = run.topic().as_str().split('/').skip(1);
        let (device, below) = (levels.next().unwrap_or_default(), levels.next());
        let Ok(device) = DeviceId::parse(device) else { return Offer::Taken };
        let watch = &self.0.watch;
        {
            let mut queue = watch.queue.lock();
            if below == Some("$changed") {
                queue.look_at(device);
            } else {
                let payloads = run.payloads().iter().filter(|payload| payload.len() <= FIRMWARE_SAID_BYTES_MAX);
                for said in payloads.filter_map(|payload| Said::read(payload)) {
                    if queue.said.len() >= FIRMWARE_SAID_WAITING_MAX {
                        queue.said.pop_front();
                    }
                    queue.said.push_back((device.clone(), said));
                }
            }
        }
        watch.bell.notify_one();
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }
}

pub(super) fn begin(firmware: &Arc<Firmware>, hub: &Arc<Hub>) -> std::io::Result<()> {
    let (own, own_hub) = (Arc::clone(firmware), Arc::clone(hub));
    firmware.watch.look_at_all();
    let thread = std::thread::Builder::new().name("firmware".into()).spawn(move || run(&own, &own_hub))?;
    let principal = Arc::new(Principal::new("firmware", Permissions::all()));
    let subscriber = hub.own_subscriber(principal, Arc::new(Ear(Arc::clone(firmware))));
    for filter in ["devices/+/$changed", "devices/+/$firmware/state"] {
        let filter = Filter::parse(filter).expect("a constant that parses");
        hub.subscribe(&subscriber, &filter, SubscribeOptions::default()).expect("it may read everything");
    }
    *firmware.watch.thread.lock() = Some(Running { thread, _subscriber: subscriber });
    Ok(())
}

fn run(firmware: &Firmware, hub: &Hub) {
    // The first look at all of them comes with what `begin` left in the queue.
    firmware.check_all();
    let mut saved = Instant::now();
    loop {
        let has_unsaved = firmware.book.lock().has_unsaved();
        let Queue { said, mut devices, all, is_over } = firmware.watch.next(has_unsaved.then(|| saved + SAVE_EVERY));
        for (device, said) in said {
            if with_model(hub, &device, |who| {
                // A message without a state is what a device says when it starts.
                firmware.book.lock().hear(who, said, false, now().wall.as_micros());
            }) {
                devices.insert(device);
            }
        }
        if all {
            look_at_all(firmware, hub);
        } else {
            for device in &devices {
                look_at(firmware, hub, device);
            }
        }
        if is_over || saved.elapsed() >= SAVE_EVERY {
            firmware.save();
            saved = Instant::now();
        }
        if is_over {
            return;
        }
    }
}

/// `false` if there is no such device.
fn with_model(hub: &Hub, device: &DeviceId, then: impl FnOnce(Who<'_>)) -> bool {
    let Some(found) = hub.device(device) else { return false };
    let model = found.lock().info.model.clone();
    then(Who { device: device.as_str(), model: model.as_deref() });
    true
}

/// Tells a device what it is to fetch, if anything.
fn look_at(firmware: &Firmware, hub: &Hub, device: &DeviceId) {
    if hub.device(device).is_none() {
        firmware.book.lock().forget(device.as_str());
    }
    // The topic's lock may be held while the device's is taken, not the other way round.
    hub.publish_firmware(device, now(), || {
        let mut offered = None;
        with_model(hub, device, |who| offered = firmware.offer(who));
        let offered = offered?;
        Some(serde_json::to_vec(&OfferView::from(&offered)).expect("numbers and texts are JSON").into())
    });
}

fn look_at_all(firmware: &Firmware, hub: &Hub) {
    let mut after: Option<DeviceId> = None;
    loop {
        let devices = hub.devices_behind(after.as_ref(), DEVICES_AT_ONCE);
        for device in &devices {
            look_at(firmware, hub, device.id());
        }
        after = devices.last().map(|device| device.id().clone());
        if devices.len() < DEVICES_AT_ONCE {
            break;
        }
    }
    // Those that are gone, with nobody listening when they went.
    let gone = firmware.book.lock().devices();
    for device in gone.iter().filter_map(|device| DeviceId::parse(device).ok()) {
        if hub.device(&device).is_none() {
            firmware.book.lock().forget(device.as_str());
        }
    }
}
