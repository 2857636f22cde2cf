//! Who opens a share link: somebody who may do what the link is for, and nothing else.
//!
//! What a link is for and where it is kept belongs to `dashboards`; here is what it opens, as long as it opens anything.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use housewire_core::{Permissions, Principal, Timestamp};
use parking_lot::RwLock;

use crate::accounts::credential::{SECRET_CHARS, hash};
use crate::accounts::{Accounts, Change, Deed, Event, Kind, Login, LoginError, Via};
use crate::shard::now;
use crate::tls;

/// What the principals of share links are called.
const PREFIX: &str = "share:";

/// By the hash of what is shown.
#[derive(Default)]
pub(super) struct Shares(RwLock<HashMap<[u8; 32], Share>>);

struct Share {
    login: Login,
    expires: Option<Timestamp>,
}

impl Share {
    fn is_over(&self, now: Timestamp) -> bool {
        // A clock that was not set yet ends nothing.
        tls::is_plausible(now) && self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Shares {
    fn find(&self, shown: &[u8; 32]) -> Option<Login> {
        let shares = self.0.read();
        shares.get(shown).filter(|share| !share.is_over(now().wall)).map(|share| share.login.clone())
    }
}

/// Which share link a principal of this name came in by.
pub(crate) fn share_of(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

impl Accounts {
    /// From now on that secret opens the door to somebody with these rights.
    pub(crate) fn admit_share(&self, id: &str, secret: [u8; 32], rights: Permissions, expires: Option<Timestamp>) {
        let principal = Arc::new(Principal::new(format!("{PREFIX}{id}"), rights));
        self.shares.0.write().insert(secret, Share { login: Login::of(principal, Kind::Share), expires });
    }

    /// Gives whoever came in by a share link other rights, at once.
    pub(crate) fn change_share(&self, secret: &[u8; 32], rights: Permissions) {
        let login = self.shares.0.read().get(secret).map(|share| share.login.clone());
        if let Some(login) = login {
            self.set_permissions(&login.principal, rights);
        }
    }

    /// The link opens nothing any more, and whoever came in by it is turned out.
    pub(crate) fn dismiss_share(&self, secret: &[u8; 32]) {
        let gone = self.shares.0.write().remove(secret);
        if let Some(share) = gone {
            self.set_permissions(&share.login.principal, Permissions::default());
            self.turn_out_all_of(&share.login.principal);
        }
    }

    /// Turns out whoever came in by a link that is over.
    pub(super) fn end_shares(&self) {
        let now = now().wall;
        let over: Vec<_> = {
            let shares = self.shares.0.read();
            shares.iter().filter(|(_, share)| share.is_over(now)).map(|(secret, _)| *secret).collect()
        };
        over.iter().for_each(|secret| self.dismiss_share(secret));
    }

    /// Whose share link that is; who shows many that are none has to wait.
    pub(crate) fn by_share(&self, shown: &str, address: IpAddr) -> Result<Login, LoginError> {
        let found = self.find_share(shown);
        let who = found.as_ref().map(|login| login.principal.name().to_owned());
        let event = if found.is_some() { Event::ShareOpened } else { Event::ShareRefused };
        let by = Change { who, address: Some(address), via: Via::Http };
        self.audit.note(Deed { event, by: &by, subject: None, detail: None });
        match found {
            Some(login) => Ok(login),
            None => Err(self.note_wrong_credential(address).err().unwrap_or(LoginError::NoToken)),
        }
    }

    pub(super) fn find_share(&self, shown: &str) -> Option<Login> {
        (shown.len() == SECRET_CHARS).then(|| self.shares.find(&hash(shown.as_bytes())))?
    }
}
