//! What people are to be told: kept in order, the last so many, in memory and on disk.
//!
//! Whoever has something to say adds it and goes on; a task writes what is new once a second. How a notification reaches somebody's
//! phone or mailbox belongs to whoever reads this list; what waits to be mailed, and what became of it, stands in it.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use housewire_core::{DeviceId, Hub, Timestamp, Topic};
use housewire_store::{Documents, StoreError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tracing::warn;

use crate::aside::aside;
use crate::limits::{MAILS_WAITING_MAX, NOTIFICATIONS_MAX};
use crate::shard::now;

/// How long new ones are gathered before they are written together.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Where sketches leave room for their device's name, and how long a text may get by it.
const DEVICE_NAME: &str = "{DEVICE_NAME}";
const TEXT_CHARS_MAX: usize = 64 * 1024;

/// How a device wants people to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// On their phones.
    Push,
    /// By mail.
    Email,
    /// By a short message.
    Sms,
    /// In public.
    Tweet,
    /// Something happened.
    Event,
    /// It is over.
    Clear,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewNotification {
    pub(crate) kind: Kind,
    /// By whom.
    #[serde(skip)]
    pub(crate) device: Option<DeviceId>,
    /// To whom, of a mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// Of a mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// Which kind of event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    pub(crate) text: String,
}

impl NewNotification {
    /// With nothing but a text.
    pub(crate) fn new(kind: Kind, text: &str) -> Self {
        Self { kind, device: None, to: None, title: None, code: None, text: text.to_owned() }
    }
}

impl NewNotification {
    /// Puts the device's name where sketches leave room for it.
    fn fill(&mut self, name: &str) {
        for text in [&mut self.text].into_iter().chain(&mut self.title) {
            if text.contains(DEVICE_NAME) {
                *text = text.replace(DEVICE_NAME, name).chars().take(TEXT_CHARS_MAX).collect();
            }
        }
    }
}

/// One that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notification {
    /// Counts up, and never comes twice.
    pub(crate) id: u64,
    pub(crate) time: Timestamp,
    pub(crate) what: NewNotification,
    /// Of a mail, if the hub has a mail server to hand it to.
    pub(crate) mail: Option<MailState>,
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MailState {
    /// For its turn, or for a server that did not take it yet, for this reason.
    Waiting(Option<String>),
    /// The server has it.
    Sent,
    /// It is not tried any more, for this reason.
    Failed(String),
}

/// As it stands on the disk.
#[derive(Serialize, Deserialize)]
struct Record {
    time_us: i64,
    device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mail: Option<MailState>,
    #[serde(flatten)]
    what: NewNotification,
}

/// See the module.
pub(crate) struct Notifications {
    book: Mutex<Book>,
    documents: Mutex<Documents>,
    is_new: Notify,
    /// Who hands mails on, if somebody does.
    mailer: OnceLock<Mailing>,
}

/// How mails are handed on.
struct Mailing {
    /// Mails of one device in an hour.
    rate: u32,
    /// Called when one waits.
    ring: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Book {
    /// The newest last.
    all: VecDeque<Arc<Notification>>,
    next: u64,
    /// Numbers of those that the disk does not have, or has though they are gone.
    unsaved: Vec<u64>,
}

impl Notifications {
    pub(crate) fn open(documents: Documents) -> Result<Self, StoreError> {
        let loaded = documents.load()?;
        for skipped in &loaded.skipped {
            warn!("{skipped}");
        }
        let mut book = Book { next: 1, ..Book::default() };
        for (id, body) in loaded.documents {
            let Some(notification) = read(&id, &body) else {
                warn!("the notification {id} cannot be read and is not shown");
                continue;
            };
            book.next = book.next.max(notification.id + 1);
            book.all.push_back(Arc::new(notification));
        }
        Ok(Self {
            book: Mutex::new(book),
            documents: Mutex::new(documents),
            is_new: Notify::new(),
            mailer: OnceLock::new(),
        })
    }

    /// From now on mails are handed on, so many of a device in an hour. Only the first counts.
    pub(crate) fn mail_by(&self, rate: u32, ring: impl Fn() + Send + Sync + 'static) {
        drop(self.mailer.set(Mailing { rate, ring: Box::new(ring) }));
    }

    /// Takes what a device wants people to be told, fills in what sketches leave to the hub, and says so to whoever listens.
    pub(crate) fn tell(&self, hub: &Hub, mut what: NewNotification) {
        let name = what.device.as_ref().map(|id| {
            let name = hub.device(id).and_then(|device| device.lock().info.name.clone());
            name.unwrap_or_else(|| id.to_string())
        });
        if let Some(name) = name {
            what.fill(&name);
        }
        let notification = self.add(what, now().wall);
        announce(hub, &notification);
        if notification.mail.is_some()
            && let Some(mailer) = self.mailer.get()
        {
            (mailer.ring)();
        }
    }

    /// The oldest that waits to be mailed.
    pub(crate) fn next_mail(&self) -> Option<Arc<Notification>> {
        let book = self.book.lock();
        let waits = |notification: &&Arc<Notification>| matches!(notification.mail, Some(MailState::Waiting(_)));
        book.all.iter().find(waits).cloned()
    }

    /// What became of a mail. One that made room for newer ones meanwhile is not told of.
    pub(crate) fn settle_mail(&self, id: u64, state: MailState, hub: &Hub) {
        let settled = {
            let mut book = self.book.lock();
            let Ok(place) = book.all.binary_search_by_key(&id, |notification| notification.id) else { return };
            if book.all[place].mail.as_ref() == Some(&state) {
                return;
            }
            let settled = Arc::new(Notification { mail: Some(state), ..Notification::clone(&book.all[place]) });
            book.all[place] = Arc::clone(&settled);
            if !book.unsaved.contains(&id) {
                book.unsaved.push(id);
            }
            settled
        };
        self.is_new.notify_one();
        announce(hub, &settled);
    }

    /// What a new one begins with: only mails are mailed, and not too many.
    fn mail_state(&self, book: &Book, what: &NewNotification, time: Timestamp) -> Option<MailState> {
        const HOUR_MICROS: i64 = 3_600_000_000;
        let mailer = self.mailer.get().filter(|_| what.kind == Kind::Email)?;
        let is_recent = |other: &Notification| {
            let is_taken = !matches!(other.mail, None | Some(MailState::Failed(_)));
            is_taken && other.what.device == what.device && time.as_micros() - other.time.as_micros() < HOUR_MICROS
        };
        let rate = usize::try_from(mailer.rate).unwrap_or(usize::MAX);
        if book.all.iter().filter(|other| is_recent(other)).count() >= rate {
            return Some(MailState::Failed(format!("its device sends more than {rate} mails in an hour (mail.rate)")));
        }
        let waiting = book.all.iter().filter(|other| matches!(other.mail, Some(MailState::Waiting(_)))).count();
        if waiting >= MAILS_WAITING_MAX {
            return Some(MailState::Failed(format!("{MAILS_WAITING_MAX} mails wait for the mail server already")));
        }
        Some(MailState::Waiting(None))
    }

    /// Takes one more; the oldest goes for it.
    pub(crate) fn add(&self, what: NewNotification, time: Timestamp) -> Arc<Notification> {
        let mut book = self.book.lock();
        let mail = self.mail_state(&book, &what, time);
        let notification = Arc::new(Notification { id: book.next, time, what, mail });
        book.next += 1;
        book.unsaved.push(notification.id);
        book.all.push_back(Arc::clone(&notification));
        if book.all.len() > NOTIFICATIONS_MAX
            && let Some(oldest) = book.all.pop_front()
        {
            // One that the disk never had needs not be taken from it.
            match book.unsaved.iter().position(|id| *id == oldest.id) {
                Some(at) => drop(book.unsaved.remove(at)),
                None => book.unsaved.push(oldest.id),
            }
        }
        drop(book);
        self.is_new.notify_one();
        notification
    }

    /// Those behind this number of which this is true, the oldest first, at most so many.
    pub(crate) fn behind(
        &self,
        after: u64,
        len_max: usize,
        is_wanted: impl Fn(&Notification) -> bool,
    ) -> Vec<Arc<Notification>> {
        let book = self.book.lock();
        let behind = book.all.iter().filter(|notification| notification.id > after && is_wanted(notification));
        behind.take(len_max).cloned().collect()
    }

    /// Writes what is new, for as long as the hub runs; [`Notifications::save_all`] writes the rest.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            self.is_new.notified().await;
            tokio::time::sleep(WRITE_EVERY).await;
            let own = Arc::clone(&self);
            aside(move || own.save_all()).await;
        }
    }

    /// Waits for the disk. What it refuses is tried again with the next one.
    pub(crate) fn save_all(&self) {
        let mut documents = self.documents.lock();
        let (ids, bodies): (Vec<u64>, Vec<_>) = {
            let mut book = self.book.lock();
            let ids = std::mem::take(&mut book.unsaved);
            ids.into_iter()
                .map(|id| {
                    let place = book.all.binary_search_by_key(&id, |notification| notification.id);
                    (id, place.ok().map(|place| write(&book.all[place])))
                })
                .unzip()
        };
        let names: Vec<String> = ids.iter().map(|id| name(*id)).collect();
        let changes: Vec<_> = names.iter().zip(&bodies).map(|(name, body)| (name.as_str(), body.as_deref())).collect();
        if changes.is_empty() {
            return;
        }
        if let Err(error) = documents.apply(&changes) {
            warn!("notifications are not on the disk yet: {error}");
            self.book.lock().unsaved.extend(ids);
        }
    }
}

/// Says on the device's topic that there is something new in the list, for pages that show it. Who may not read the device hears nothing.
fn announce(hub: &Hub, notification: &Notification) {
    let Some(device) = &notification.what.device else { return };
    let topic = Topic::parse(&format!("devices/{device}/$notification")).expect("ids are valid levels");
    hub.tell(&topic, &format!("{{\"id\":{}}}", notification.id), now());
}

/// Sorts as the number does.
fn name(id: u64) -> String {
    format!("{id:020}")
}

fn read(id: &str, body: &str) -> Option<Notification> {
    let Record { time_us, device, mail, what } = serde_json::from_str(body).ok()?;
    let device = device.and_then(|device| DeviceId::parse(&device).ok());
    let what = NewNotification { device, ..what };
    Some(Notification { id: id.parse().ok()?, time: Timestamp::from_micros(time_us), what, mail })
}

fn write(notification: &Notification) -> String {
    let Notification { time, what, mail, .. } = notification;
    let device = what.device.as_ref().map(ToString::to_string);
    let record = Record { time_us: time.as_micros(), device, mail: mail.clone(), what: what.clone() };
    serde_json::to_string(&record).expect("texts and numbers can be written in JSON")
}

#[cfg(test)]
mod tests {
    use housewire_store::Store;

    use super::*;

    fn texts(notifications: &Notifications) -> Vec<String> {
        let all = notifications.behind(0, usize::MAX, |_| true);
        all.iter().map(|notification| notification.what.text.clone()).collect()
    }

    #[test]
    fn they_are_bounded_and_survive_the_hub() {
        let folder = tempfile::tempdir().unwrap();
        let device = DeviceId::parse("lamp").ok();
        let new = |text: &str| NewNotification { device: device.clone(), ..NewNotification::new(Kind::Push, text) };
        let expected: Vec<String> = (5..NOTIFICATIONS_MAX + 5).map(|number| number.to_string()).collect();
        {
            let store = Store::open(folder.path()).unwrap();
            let notifications = Notifications::open(store.documents("notification").unwrap()).unwrap();
            for number in 0..NOTIFICATIONS_MAX + 5 {
                notifications.add(new(&number.to_string()), Timestamp::from_micros(7));
                if number % 300 == 0 {
                    notifications.save_all();
                }
            }
            assert_eq!(texts(&notifications), expected);
            notifications.save_all();
        }
        let store = Store::open(folder.path()).unwrap();
        let notifications = Notifications::open(store.documents("notification").unwrap()).unwrap();
        assert_eq!(texts(&notifications), expected);
        let next = notifications.add(new("next"), Timestamp::from_micros(8));
        assert_eq!(next.id, NOTIFICATIONS_MAX as u64 + 6);
        let last = notifications.behind(next.id - 2, 1, |_| true);
        assert_eq!((last.len(), &*last[0].what.text), (1, expected.last().unwrap().as_str()));
        assert_eq!((last[0].what.device.clone(), last[0].time), (device.clone(), Timestamp::from_micros(7)));
    }
}
