//! Which devices are there over Blynk at the moment: for bridges between them, and for Blynk's API over HTTP.

use std::collections::HashMap;
use std::sync::Arc;

use housewire_core::DeviceId;
use housewire_protocols::blynk::{Command, MessageId, Parts, Pin};
use parking_lot::RwLock;

/// A connection of a device.
pub(crate) trait Reach: Send + Sync {
    /// Sends values to a pin; whether they will reach it.
    fn send(&self, command: Command, id: MessageId, pin: Pin, values: Parts<'_>) -> bool;

    /// Sends anything else.
    fn send_frame(&self, command: Command, id: MessageId, parts: Parts<'_>) -> bool;
}

/// See the module. A device may be there several times: boards that share a token all get what is sent to it.
#[derive(Default)]
pub(crate) struct Lines(RwLock<HashMap<DeviceId, Vec<Arc<dyn Reach>>>>);

impl Lines {
    pub(crate) fn add(&self, device: DeviceId, line: Arc<dyn Reach>) {
        self.0.write().entry(device).or_default().push(line);
    }

    pub(crate) fn remove(&self, device: &DeviceId, line: &Arc<dyn Reach>) {
        let mut lines = self.0.write();
        if let Some(of_device) = lines.get_mut(device) {
            of_device.retain(|have| !std::ptr::addr_eq(Arc::as_ptr(have), Arc::as_ptr(line)));
            if of_device.is_empty() {
                lines.remove(device);
            }
        }
    }

    /// Sends values to a pin of the device, wherever it is; whether they reach it.
    pub(crate) fn send(&self, device: &DeviceId, command: Command, id: MessageId, pin: Pin, values: Parts<'_>) -> bool {
        let lines = self.0.read();
        let of_device = lines.get(device).map(Vec::as_slice).unwrap_or_default();
        // All of them get it, whichever takes it.
        of_device.iter().filter(|line| line.send(command, id, pin, values)).count() > 0
    }

    /// Sends anything else.
    pub(crate) fn send_frame(&self, device: &DeviceId, command: Command, id: MessageId, parts: Parts<'_>) -> bool {
        let lines = self.0.read();
        let of_device = lines.get(device).map(Vec::as_slice).unwrap_or_default();
        of_device.iter().filter(|line| line.send_frame(command, id, parts)).count() > 0
    }
}
