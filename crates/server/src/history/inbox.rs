//! What the hub hands to the history, and what others ask of it, on the way to its thread.
//!
//! Runs are copied into one buffer of bytes, which is all that a publish costs the shard; what they mean is found out on the
//! thread. Orders are carried out behind whatever was offered before them.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use housewire_core::{Delivery, Hub, Mailbox, Offer, Presence, Qos, Readiness, Run, Timestamp};
use parking_lot::{Condvar, Mutex};

use crate::history::order::Order;
use crate::limits::{HISTORY_ORDERS_MAX, HISTORY_QUEUE_BYTES_MAX, HISTORY_VALUE_BYTES_MAX, HISTORY_WAITING_BYTES_MAX};
use crate::persist::Durability;

/// Below which all topics lie that come here.
const DEVICES: &str = "devices/";
/// A device, a slash, a property; anything longer is no value of a device.
const NAME_BYTES_MAX: usize = 64 + 1 + 64;
/// From this on the thread is woken before it would look by itself.
const WAKE_BYTES: usize = 1024 * 1024;
/// A buffer of more than this is given back once there is less in it.
const BUFFER_BYTES_KEPT: usize = WAKE_BYTES;
/// What the hub says of a device beside its values.
const CHANGED: &[u8] = b"$changed";
const REMOVED: &[u8] = b"removed";

/// Length of the name, number of payloads, time.
const HEAD_BYTES: usize = 1 + 4 + 8;
const LENGTH_BYTES: usize = 2;
/// Instead of the length of a payload that is longer than any that is kept.
const TOO_LONG: u16 = u16::MAX;

/// What was not taken.
#[derive(Debug, Default)]
pub(crate) struct InboxFigures {
    /// Messages that found no room.
    pub(crate) dropped: AtomicU64,
    /// Messages whose publishers had to wait for room.
    pub(crate) waited: AtomicU64,
}

/// See the module.
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Owned by the hub, in the end.
    hub: Weak<Hub>,
    durability: Durability,
    pub(super) figures: InboxFigures,
}

#[derive(Default)]
struct Queue {
    records: Vec<u8>,
    orders: Vec<Order>,
    /// Bytes that the thread has taken and not dealt with.
    in_work: usize,
    /// Publishers wait.
    is_crowded: bool,
    /// Publishers are refused.
    is_out_of_room: bool,
    /// Something of what the hub said of devices found no room.
    has_missed_changes: bool,
    is_closed: bool,
}

/// How full it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) bytes: usize,
    /// Whether publishers wait for room.
    pub(crate) is_crowded: bool,
}

/// What the thread takes.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) records: Vec<u8>,
    pub(super) orders: Vec<Order>,
    /// What is remembered of devices may be wrong.
    pub(super) has_missed_changes: bool,
    /// Nothing comes any more.
    pub(super) is_last: bool,
}

impl Queue {
    fn bytes(&self) -> usize {
        self.in_work + self.records.len()
    }
}

impl Inbox {
    pub(super) fn new(hub: Weak<Hub>, durability: Durability) -> Self {
        let (queue, wake, figures) = (Mutex::default(), Condvar::new(), InboxFigures::default());
        Self { queue, wake, hub, durability, figures }
    }

    pub(super) fn fill(&self) -> Fill {
        let queue = self.queue.lock();
        Fill { bytes: queue.bytes(), is_crowded: queue.is_crowded }
    }

    /// Adds an order; given back if too many wait, or the hub has stopped.
    pub(super) fn order(&self, order: Order) -> Result<(), Order> {
        let mut queue = self.queue.lock();
        if queue.is_closed || queue.orders.len() >= HISTORY_ORDERS_MAX {
            return Err(order);
        }
        queue.orders.push(order);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// From now on nothing is taken; the thread gets what is there and then ends.
    pub(super) fn close(&self) {
        self.queue.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// Nobody takes anything any more: whoever waits for room waits for nothing.
    pub(super) fn abandon(&self) {
        let mut queue = self.queue.lock();
        *queue = Queue { is_closed: true, ..Queue::default() };
        self.durability.set_crowded(false);
        self.tell_out_of_room(false);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queue.lock().is_closed
    }

    /// Waits until there is something to do at once, or for `until`, and takes all there is. `taken` lends its buffers, which are
    /// empty. What is taken counts until it is released.
    pub(super) fn take(&self, taken: &mut Taken, until: Instant) {
        let mut queue = self.queue.lock();
        while queue.orders.is_empty() && queue.records.len() < WAKE_BYTES && !queue.is_closed {
            if self.wake.wait_until(&mut queue, until).timed_out() {
                break;
            }
        }
        let buffer = std::mem::take(&mut taken.records);
        let is_roomy = buffer.capacity() > BUFFER_BYTES_KEPT && queue.records.len() < BUFFER_BYTES_KEPT;
        taken.records = std::mem::replace(&mut queue.records, if is_roomy { Vec::new() } else { buffer });
        std::mem::swap(&mut queue.orders, &mut taken.orders);
        taken.has_missed_changes = std::mem::take(&mut queue.has_missed_changes);
        taken.is_last = queue.is_closed;
        queue.in_work += taken.records.len();
    }

    /// Waits for `until`, or the end of the hub.
    pub(super) fn rest(&self, until: Instant) {
        let mut queue = self.queue.lock();
        while !queue.is_closed && !self.wake.wait_until(&mut queue, until).timed_out() {}
    }

    /// So many bytes of what was taken are dealt with.
    pub(super) fn release(&self, bytes: usize) {
        let mut queue = self.queue.lock();
        queue.in_work = queue.in_work.saturating_sub(bytes);
        if queue.is_out_of_room && queue.bytes() < HISTORY_QUEUE_BYTES_MAX {
            queue.is_out_of_room = false;
            self.tell_out_of_room(false);
        }
        // Not at the first byte: those who waited bring more.
        if queue.is_crowded && queue.bytes() < HISTORY_QUEUE_BYTES_MAX / 2 {
            queue.is_crowded = false;
            // Under the lock, so that this and its opposite are told in order.
            self.durability.set_crowded(false);
        }
    }

    fn tell_out_of_room(&self, is_out: bool) {
        if let Some(hub) = self.hub.upgrade() {
            hub.set_out_of_room(is_out);
        }
    }

    /// More was taken than there is room for.
    fn crowd(&self, queue: &mut Queue) {
        if !std::mem::replace(&mut queue.is_crowded, true) {
            self.durability.set_crowded(true);
        }
        if queue.bytes() > HISTORY_QUEUE_BYTES_MAX + HISTORY_WAITING_BYTES_MAX
            && !std::mem::replace(&mut queue.is_out_of_room, true)
        {
            self.tell_out_of_room(true);
        }
    }
}

/// What becomes of a run when there is no room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overflow {
    /// Whoever published it waits.
    Wait,
    Drop,
    /// It is needed, rare and short.
    Take,
    /// It may be left out, but that has to be known.
    Miss,
}

impl Overflow {
    fn of(run: &Run<'_>, property: &[u8]) -> Self {
        if property == CHANGED {
            return if run.payloads().contains(&REMOVED) { Self::Take } else { Self::Miss };
        }
        // Nobody waits for what the hub says itself.
        let is_answered = run.published_qos() > Qos::AtMostOnce && run.origin().presence != Presence::None;
        if is_answered { Self::Wait } else { Self::Drop }
    }
}

impl Mailbox for Inbox {
    fn offer(&self, run: &Run<'_>, _delivery: &Delivery) -> Offer {
        let topic = run.topic().as_str().as_bytes();
        let name = topic.get(DEVICES.len()..).unwrap_or_default();
        let property = name.iter().position(|byte| *byte == b'/').map_or(name, |at| &name[at + 1..]);
        if name.len() > NAME_BYTES_MAX || (property.starts_with(b"$") && property != CHANGED) {
            return Offer::Taken;
        }
        let payloads = run.payloads();
        let bytes = HEAD_BYTES
            + name.len()
            + payloads.iter().map(|payload| LENGTH_BYTES + payload.len().min(HISTORY_VALUE_BYTES_MAX)).sum::<usize>();
        let mut queue = self.queue.lock();
        if queue.is_closed {
            return Offer::Closed;
        }
        let before = queue.records.len();
        let is_over = queue.bytes() + bytes > HISTORY_QUEUE_BYTES_MAX;
        let overflow = if is_over { Overflow::of(run, property) } else { Overflow::Take };
        match overflow {
            Overflow::Drop => {
                self.figures.dropped.fetch_add(payloads.len() as u64, Ordering::Relaxed);
                return Offer::Dropped;
            }
            Overflow::Miss => {
                queue.has_missed_changes = true;
                return Offer::Dropped;
            }
            Overflow::Wait | Overflow::Take => {}
        }
        append(&mut queue.records, name, run.time(), payloads, bytes);
        if overflow == Overflow::Wait {
            self.figures.waited.fetch_add(payloads.len() as u64, Ordering::Relaxed);
            self.crowd(&mut queue);
            return Offer::Crowded;
        }
        if before < WAKE_BYTES && queue.records.len() >= WAKE_BYTES {
            drop(queue);
            self.wake.notify_one();
        }
        Offer::Taken
    }

    fn is_congested(&self) -> bool {
        false
    }

    fn readiness(&self) -> Readiness {
        if self.queue.lock().is_out_of_room { Readiness::Full } else { Readiness::Ready }
    }
}

fn append(records: &mut Vec<u8>, name: &[u8], time: Timestamp, payloads: &[&[u8]], bytes: usize) {
    // By an eighth where it is large: to double it would take twice the bound.
    if records.capacity() - records.len() < bytes {
        records.reserve_exact(bytes.max(records.len() / 8).max(4_096));
    }
    let count = u32::try_from(payloads.len()).unwrap_or(u32::MAX);
    records.push(u8::try_from(name.len()).expect("looked at before"));
    records.extend_from_slice(&count.to_le_bytes());
    records.extend_from_slice(&time.as_micros().to_le_bytes());
    records.extend_from_slice(name);
    for payload in payloads.iter().take(count as usize) {
        match u16::try_from(payload.len()) {
            Ok(len) if payload.len() <= HISTORY_VALUE_BYTES_MAX => {
                records.extend_from_slice(&len.to_le_bytes());
                records.extend_from_slice(payload);
            }
            _ => records.extend_from_slice(&TOO_LONG.to_le_bytes()),
        }
    }
}

/// A run as it was offered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) device: &'a str,
    /// Or `$changed`.
    pub(super) property: &'a str,
    pub(super) time: Timestamp,
    payloads: &'a [u8],
    count: u32,
}

/// One of its payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    Bytes(&'a [u8]),
    TooLong,
}

impl<'a> Record<'a> {
    /// Reads the first record, which was written by this program; how many bytes it takes. `None` at the end.
    pub(super) fn read(records: &'a [u8]) -> Option<(Self, usize)> {
        let (head, rest) = records.split_at_checked(HEAD_BYTES)?;
        let number = |range: std::ops::Range<usize>| head[range].try_into().expect("of that length");
        let count = u32::from_le_bytes(head[1..5].try_into().expect("four bytes"));
        let time = Timestamp::from_micros(i64::from_le_bytes(number(5..13)));
        let (name, payloads) = rest.split_at_checked(head[0].into())?;
        let name = std::str::from_utf8(name).expect("part of a topic");
        let (device, property) = name.split_once('/').unwrap_or((name, ""));
        let record = Self { device, property, time, payloads, count };
        let mut payloads_bytes = 0;
        for payload in record.payloads() {
            payloads_bytes += LENGTH_BYTES
                + match payload {
                    Payload::Bytes(bytes) => bytes.len(),
                    Payload::TooLong => 0,
                };
        }
        let bytes = HEAD_BYTES + name.len() + payloads_bytes;
        Some((Self { payloads: &record.payloads[..payloads_bytes], ..record }, bytes))
    }

    pub(super) fn payloads(&self) -> impl Iterator<Item = Payload<'a>> + use<'a> {
        let mut rest = self.payloads;
        (0..self.count).map_while(move |_| {
            let (length, behind) = rest.split_at_checked(LENGTH_BYTES)?;
            match u16::from_le_bytes(length.try_into().expect("two bytes")) {
                TOO_LONG => {
                    rest = behind;
                    Some(Payload::TooLong)
                }
                length => {
                    let (payload, behind) = behind.split_at_checked(length.into())?;
                    rest = behind;
                    Some(Payload::Bytes(payload))
                }
            }
        })
    }

    /// Whether the hub says that something about the device is not as it was.
    pub(super) fn is_change(&self) -> bool {
        self.property.as_bytes() == CHANGED
    }

    /// Whether that is its end.
    pub(super) fn is_removal(&self) -> bool {
        self.is_change() && self.payloads().any(|payload| payload == Payload::Bytes(REMOVED))
    }
}

#[cfg(test)]
mod tests;
