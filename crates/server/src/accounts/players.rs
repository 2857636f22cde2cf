//! What virtual devices show: secrets that are neither listed nor kept, and open nothing once their play is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use housewire_core::{DeviceId, Permissions, Principal};
use parking_lot::RwLock;

use crate::accounts::credential::Secret;
use crate::accounts::{Accounts, Kind, Login};

/// By the hash of what is shown.
#[derive(Default)]
pub(super) struct Players {
    logins: RwLock<HashMap<[u8; 32], Login>>,
    /// How many there are: those who show something else need not wait for the lock.
    count: AtomicUsize,
}

impl Players {
    pub(super) fn find(&self, shown: &[u8; 32]) -> Option<Login> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.logins.read().get(shown).cloned()
    }
}

impl Accounts {
    /// Somebody who may do what that device may, for as long as it is played.
    pub(crate) fn admit_player(&self, device: &DeviceId) -> Secret {
        let secret = Secret::random();
        let principal = Principal::new(format!("virtual:{device}"), Permissions::of_device(device));
        let login = Login::of(Arc::new(principal), Kind::Device);
        let mut logins = self.players.logins.write();
        logins.insert(secret.hash(), login);
        self.players.count.store(logins.len(), Ordering::Release);
        secret
    }

    /// The play is over.
    pub(crate) fn dismiss_player(&self, secret: &Secret) {
        let gone = {
            let mut logins = self.players.logins.write();
            let gone = logins.remove(&secret.hash());
            self.players.count.store(logins.len(), Ordering::Release);
            gone
        };
        if let Some(login) = gone {
            self.set_permissions(&login.principal, Permissions::default());
        }
    }
}
