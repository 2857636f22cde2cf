//! Blynk's MQTT API (2.0), for a device that connects as `device` with its token as the password: `ds/Power` is a report of its
//! property, `downlink/ds/Power` what is asked of it.
//!
//! Translated at the edge of such a session, by what it holds and others do not. Topics that are none of Blynk's mean what they
//! mean to everybody. Here is what a topic means (`words`) and what goes to the device (`downlink`); what is done with what it
//! says belongs to `active`.

mod downlink;
mod words;

use std::cell::OnceCell;
use std::sync::Arc;

use housewire_core::{DeviceId, Hub, Principal, SessionId, Subscriber};

pub(super) use downlink::Downlink;
pub(super) use words::{Word, is_downlink, may_be_subscribed};

use crate::accounts::{Kind, Login};
use crate::pins::{Reach, say_online};
use crate::shard::{Shard, now};

/// The user name with which devices that speak so connect.
pub(super) const USER: &str = "device";

/// Of a session whose client may speak Blynk.
pub(super) struct Dialect {
    pub(super) device: DeviceId,
    shard: Shard,
    /// Held by each list of points that waits for the disk, and by this.
    pub(super) waiting: Arc<()>,
    /// Once it has said its first word.
    spoken: OnceCell<Spoken>,
}

/// What a client that speaks Blynk has with the hub.
struct Spoken {
    downlink: Arc<Downlink>,
    /// Gets what is asked of the device.
    subscriber: Arc<Subscriber>,
}

impl Dialect {
    /// `None` if it is no device that logged in.
    pub(super) fn of(shard: &Shard, who: &Login) -> Option<Box<Self>> {
        let credential = who.credential.filter(|_| who.kind == Kind::Device)?;
        let device = shard.accounts.token(credential).ok()?.device().cloned()?;
        Some(Box::new(Self { device, shard: shard.clone(), waiting: Arc::new(()), spoken: OnceCell::new() }))
    }

    /// What goes to the device, if it speaks Blynk.
    pub(super) fn downlink(&self) -> Option<&Arc<Downlink>> {
        self.spoken.get().map(|spoken| &spoken.downlink)
    }

    /// It speaks Blynk: it is there from now on. `make` says where its messages go.
    pub(super) fn speak(
        &self,
        principal: &Arc<Principal>,
        session: SessionId,
        make: impl FnOnce() -> Downlink,
    ) -> &Arc<Downlink> {
        let mut is_new = false;
        let spoken = self.spoken.get_or_init(|| {
            is_new = true;
            let downlink = Arc::new(make());
            let subscriber =
                Hub::subscriber(self.shard.hub.new_session(), Arc::clone(principal), Arc::clone(&downlink) as _);
            Spoken { downlink, subscriber }
        });
        if is_new {
            say_online(&self.shard, &self.device, principal, session, "mqtt");
            downlink::listen(&self.shard.hub, &spoken.subscriber, &self.device);
            self.shard.blynk.add(self.device.clone(), Arc::clone(&spoken.downlink) as Arc<dyn Reach>);
        }
        &spoken.downlink
    }
}

impl Drop for Dialect {
    fn drop(&mut self) {
        if let Some(spoken) = self.spoken.take() {
            self.shard.blynk.remove(&self.device, &(spoken.downlink as Arc<dyn Reach>));
            self.shard.hub.unsubscribe_all(&spoken.subscriber);
            self.shard.hub.session_ended(spoken.subscriber.id(), now());
        }
    }
}
