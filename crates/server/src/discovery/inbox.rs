//! What waits for the thread of discovery: messages that the hub offered, things that were sighted, what somebody asks of it.
//!
//! Bounded by kind, so that a storm of announcements leaves room for requests; and those, what people ask for and what the registry says
//! are taken before it, as it may take long to read what devices announce and say. Offering never blocks. What finds no room is dropped and
//! counted; whoever empties the inbox is told, and reads again what is retained.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use housewire_core::{Delivery, Mailbox, Message, Offer, Run, SessionId};
use housewire_links::discovery::Event;
use parking_lot::{Condvar, Mutex};

use super::desk::Desk;
use crate::clients::{Client, Clients};
use crate::limits::{DISCOVERY_BYTES_MAX, DISCOVERY_ORDERS_MAX, DISCOVERY_SIGHTINGS_MAX};

/// What a message is to discovery, by what it was subscribed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Somebody announces a device.
    Announcement,
    /// A device says how it is.
    State,
    /// Somebody asks something of a device.
    Request,
    /// The registry changed, or another consumer of announcements came.
    Notice,
}

impl Class {
    pub(super) const ALL: [Self; 4] = [Self::Announcement, Self::State, Self::Request, Self::Notice];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Announcement => "announcements",
            Self::State => "states",
            Self::Request => "requests",
            Self::Notice => "notices",
        }
    }

    fn bytes_max(self) -> usize {
        DISCOVERY_BYTES_MAX[self as usize]
    }
}

/// One message.
pub(super) struct Heard {
    pub(super) class: Class,
    pub(super) message: Arc<Message>,
    /// It was stored before: its sender may be long gone.
    pub(super) stored: bool,
    pub(super) session: SessionId,
    /// Who published it, of an announcement, if he has a connection that lasts.
    pub(super) client: Option<Arc<Client>>,
}

/// Something that somebody wants done on the thread.
pub(super) type Order = Box<dyn FnOnce(&mut Desk) + Send>;

/// One thing to be done.
pub(super) enum Item {
    Heard(Heard),
    /// A device was seen other than by a message: on the network.
    Sighted(Event),
    Order(Order),
}

#[derive(Default)]
struct Queue {
    /// Orders, requests and notices.
    urgent: VecDeque<Item>,
    items: VecDeque<Item>,
    bytes: [usize; 4],
    missed: [bool; 4],
    orders: usize,
    sightings: usize,
    is_closed: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    filled: Condvar,
    dropped: [AtomicU64; 4],
}

/// What one entry takes up beside its message, about.
const ENTRY_BYTES: usize = 160;

impl Item {
    fn is_urgent(&self) -> bool {
        match self {
            Self::Heard(heard) => matches!(heard.class, Class::Request | Class::Notice),
            Self::Sighted(_) => false,
            Self::Order(_) => true,
        }
    }
}

impl Queue {
    fn place(&mut self, item: &Item) -> &mut VecDeque<Item> {
        if item.is_urgent() { &mut self.urgent } else { &mut self.items }
    }

    fn push(&mut self, item: Item) {
        self.place(&item).push_back(item);
    }

    fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.items.is_empty()
    }
}

fn bytes_of(message: &Message) -> usize {
    ENTRY_BYTES + message.bytes()
}

impl Inbox {
    /// Takes what waits, at most so many entries, what is urgent first and one at least of the rest; waits for something until then.
    /// `None` once it is closed and empty.
    pub(super) fn take(&self, len_max: usize, until: Option<Instant>) -> Option<Vec<Item>> {
        let mut queue = self.queue.lock();
        while queue.is_empty() {
            if queue.is_closed {
                return None;
            }
            match until {
                Some(until) => {
                    if self.filled.wait_until(&mut queue, until).timed_out() {
                        break;
                    }
                }
                None => self.filled.wait(&mut queue),
            }
        }
        let urgent = queue.urgent.len().min(len_max);
        let rest = queue.items.len().min((len_max - urgent).max(1));
        let mut taken: Vec<_> = queue.urgent.drain(..urgent).collect();
        taken.extend(queue.items.drain(..rest));
        for item in &taken {
            match item {
                Item::Heard(heard) => queue.bytes[heard.class as usize] -= bytes_of(&heard.message),
                Item::Sighted(_) => queue.sightings -= 1,
                Item::Order(_) => queue.orders -= 1,
            }
        }
        Some(taken)
    }

    /// Takes back what there was no time for: it comes next.
    pub(super) fn put_back(&self, items: Vec<Item>) {
        let mut queue = self.queue.lock();
        for item in items.into_iter().rev() {
            match &item {
                Item::Heard(heard) => queue.bytes[heard.class as usize] += bytes_of(&heard.message),
                Item::Sighted(_) => queue.sightings += 1,
                Item::Order(_) => queue.orders += 1,
            }
            queue.place(&item).push_front(item);
        }
    }

    /// Whether messages of the class were dropped since this was last asked, and there is room again.
    pub(super) fn take_missed(&self, class: Class) -> bool {
        let mut queue = self.queue.lock();
        let has_room = queue.bytes[class as usize] <= class.bytes_max() / 2;
        has_room && std::mem::take(&mut queue.missed[class as usize])
    }

    /// Has something done on the thread; gives it back if too much waits already, or nobody is there any more.
    pub(super) fn order(&self, order: Order) -> Result<(), Order> {
        let mut queue = self.queue.lock();
        if queue.is_closed || queue.orders >= DISCOVERY_ORDERS_MAX {
            return Err(order);
        }
        queue.orders += 1;
        queue.push(Item::Order(order));
        self.filled.notify_one();
        Ok(())
    }

    /// Tells of something that was seen on the network; `false` if it was dropped.
    pub(super) fn sighted(&self, event: Event) -> bool {
        let mut queue = self.queue.lock();
        if queue.is_closed || queue.sightings >= DISCOVERY_SIGHTINGS_MAX {
            return false;
        }
        queue.sightings += 1;
        queue.push(Item::Sighted(event));
        self.filled.notify_one();
        true
    }

    /// Nothing more is taken; what waits still is.
    pub(super) fn close(&self) {
        self.queue.lock().is_closed = true;
        self.filled.notify_one();
    }

    /// How much waits, in bytes.
    pub(super) fn waiting(&self, class: Class) -> usize {
        self.queue.lock().bytes[class as usize]
    }

    /// How many messages found no room.
    pub(super) fn dropped(&self, class: Class) -> u64 {
        self.dropped[class as usize].load(Ordering::Relaxed)
    }

    fn offer(&self, class: Class, run: &Run<'_>, delivery: &Delivery, client: Option<&Arc<Client>>) -> Offer {
        let messages = run.messages();
        let mut queue = self.queue.lock();
        if queue.is_closed {
            return Offer::Closed;
        }
        for (place, message) in messages.iter().enumerate() {
            let bytes = bytes_of(message);
            if queue.bytes[class as usize] + bytes > class.bytes_max() {
                queue.missed[class as usize] = true;
                self.dropped[class as usize].fetch_add((messages.len() - place) as u64, Ordering::Relaxed);
                return Offer::Dropped;
            }
            queue.bytes[class as usize] += bytes;
            queue.push(Item::Heard(Heard {
                class,
                message: Arc::clone(message),
                stored: delivery.retain,
                session: run.origin().session,
                client: client.cloned(),
            }));
        }
        self.filled.notify_one();
        Offer::Taken
    }
}

/// The mailbox of one class.
pub(super) struct Slot {
    pub(super) class: Class,
    pub(super) inbox: Arc<Inbox>,
    pub(super) clients: Arc<Clients>,
}

impl Mailbox for Slot {
    fn offer(&self, run: &Run<'_>, delivery: &Delivery) -> Offer {
        // Looked up here, as a client that only drops its announcement is gone a moment later.
        let is_announcement = self.class == Class::Announcement && !delivery.retain;
        let client = is_announcement.then(|| self.clients.of_session(run.origin().session)).flatten();
        self.inbox.offer(self.class, run, delivery, client.as_ref())
    }

    fn is_congested(&self) -> bool {
        self.inbox.waiting(self.class) > self.class.bytes_max() / 2
    }
}

#[cfg(test)]
mod tests {
    use housewire_core::{Qos, TopicRef};

    use super::*;

    fn offer(inbox: &Inbox, class: Class, payload: &[u8]) -> Offer {
        let payloads = [payload];
        let run = Run::new(TopicRef::parse("a/b").unwrap(), &payloads);
        let delivery = Delivery { qos: Qos::AtMostOnce, retain: false, identifiers: Arc::from([]), share: None };
        inbox.offer(class, &run, &delivery, None)
    }

    #[test]
    fn a_storm_of_one_kind_leaves_room_for_the_others() {
        let inbox = Inbox::default();
        let large = vec![b'x'; 64 * 1024];
        while offer(&inbox, Class::State, &large) == Offer::Taken {}
        assert_eq!(offer(&inbox, Class::Request, b"true"), Offer::Taken);
        assert_eq!((inbox.dropped(Class::State), inbox.dropped(Class::Request)), (1, 0));
        assert!(!inbox.take_missed(Class::State), "there is no room yet");
        while inbox.waiting(Class::State) > 0 {
            inbox.take(16, None).unwrap();
        }
        assert!(inbox.take_missed(Class::State));
        assert!(!inbox.take_missed(Class::State), "once");
        assert!(!inbox.take_missed(Class::Request));
    }

    #[test]
    fn what_waits_is_taken_before_the_end() {
        let inbox = Inbox::default();
        offer(&inbox, Class::Notice, b"1");
        inbox.close();
        assert_eq!(offer(&inbox, Class::Notice, b"2"), Offer::Closed);
        assert!(inbox.order(Box::new(|_| ())).is_err());
        assert_eq!(inbox.take(9, None).map(|items| items.len()), Some(1));
        assert!(inbox.take(9, None).is_none());
    }

    #[test]
    fn what_people_want_is_taken_before_what_devices_say() {
        let inbox = Inbox::default();
        for number in 0..100 {
            let class = if number % 2 == 0 { Class::State } else { Class::Announcement };
            offer(&inbox, class, number.to_string().as_bytes());
        }
        assert!(inbox.order(Box::new(|_| ())).is_ok());
        for class in [Class::Request, Class::Notice] {
            offer(&inbox, class, b"true");
        }
        let what = |item: &Item| match item {
            Item::Order(_) => "order".to_owned(),
            Item::Heard(heard) => {
                format!("{:?} {}", heard.class, String::from_utf8_lossy(&heard.message.payload))
            }
            Item::Sighted(_) => "sighted".to_owned(),
        };
        let expected = ["order", "Request true", "Notice true", "State 0"];
        let mut taken = inbox.take(3, None).unwrap();
        assert_eq!(taken.iter().map(what).collect::<Vec<_>>(), expected, "a storm of these does not hold up the rest");
        let waiting = inbox.waiting(Class::State);
        // Only the first of them was done.
        inbox.put_back(taken.split_off(1));
        assert!(inbox.waiting(Class::State) > waiting);
        let taken = inbox.take(5, None).unwrap();
        let expected = ["Request true", "Notice true", "State 0", "Announcement 1", "State 2"];
        assert_eq!(taken.iter().map(what).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_so_many_orders_wait() {
        let inbox = Inbox::default();
        for _ in 0..DISCOVERY_ORDERS_MAX {
            assert!(inbox.order(Box::new(|_| ())).is_ok());
        }
        assert!(inbox.order(Box::new(|_| ())).is_err());
        inbox.take(1, None).unwrap();
        assert!(inbox.order(Box::new(|_| ())).is_ok());
    }
}
