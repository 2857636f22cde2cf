//! Share links: whoever has one sees a dashboard, and what its widgets look at; nothing else, and no more than who made the link.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use housewire_core::{Access, Filter, Permissions, Principal, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::accounts::{AccountError, Change, Deed, Event, Expiry, Secret};
use crate::dashboards::asker::Asker;
use crate::dashboards::error::DashboardError;
use crate::dashboards::kept::Kept;
use crate::dashboards::model::Origin;
use crate::dashboards::{Dashboards, Disk};
use crate::limits::{SHARES_MAX, SHARES_PER_DASHBOARD_MAX};
use crate::refusal::shorten;
use crate::shard::now;
use crate::tls;

const NAME_CHARS_MAX: usize = 64;

/// A link that is to be made.
#[derive(Debug, Default)]
pub(crate) struct NewShare {
    pub(crate) name: Option<String>,
    pub(crate) expires: Expiry,
    /// Whether its widgets may be used, not only looked at.
    pub(crate) control: bool,
}

/// A link, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) dashboard: String,
    pub(crate) name: Option<String>,
    pub(crate) control: bool,
    /// Who made it: it opens no more than he may. `None` is the guest of a hub that had nobody else, who might do everything until it had.
    pub(crate) by: Option<String>,
    /// Of the secret, in Base64.
    hash: String,
    created_us: i64,
    expires_us: Option<i64>,
}

impl Share {
    pub(crate) fn created(&self) -> Timestamp {
        Timestamp::from_micros(self.created_us)
    }

    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.expires_us.map(Timestamp::from_micros)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        tls::is_plausible(now) && self.expires().is_some_and(|expires| expires <= now)
    }

    /// Whether it opens that dashboard now.
    pub(super) fn opens(&self, dashboard: &str, now: Timestamp) -> bool {
        self.dashboard == dashboard && !self.is_over(now)
    }

    fn secret_hash(&self) -> Option<[u8; 32]> {
        BASE64_STANDARD.decode(&self.hash).ok()?.try_into().ok()
    }
}

impl Dashboards {
    /// The links to a dashboard, oldest first.
    pub(crate) fn shares(&self, asker: &Asker, id: &str) -> Result<Vec<(String, Arc<Share>)>, DashboardError> {
        asker.must_share(&*self.get(asker, id)?)?;
        let now = now().wall;
        let state = self.state.read();
        let living = state.shares_of(id).filter(|(_, share)| !share.is_over(now));
        let mut shares: Vec<_> = living.map(|(id, share)| (id.to_owned(), Arc::clone(share))).collect();
        shares.sort_by_key(|(_, share)| share.created_us);
        Ok(shares)
    }

    /// Makes a link; its secret is shown this once.
    pub(crate) fn create_share(
        &self,
        asker: &Asker,
        id: &str,
        new: NewShare,
        by: &Change,
    ) -> Result<(Secret, String, Arc<Share>), DashboardError> {
        let NewShare { name, expires, control } = new;
        if let Some(name) = name.as_deref().filter(|name| is_no_name(name)) {
            return Err(AccountError::Unusable(format!(
                "'{}' cannot be a name: it has at most {NAME_CHARS_MAX} characters, and no control characters.",
                shorten(name)
            ))
            .into());
        }
        let mut disk = self.disk.lock();
        let kept = self.get(asker, id)?;
        asker.must_share(&kept)?;
        self.forget_expired(&mut disk);
        self.must_have_room(id)?;
        let (secret, now) = (Secret::random(), now().wall);
        let share = Share {
            dashboard: id.to_owned(),
            name,
            control,
            by: asker.name().map(str::to_owned),
            hash: BASE64_STANDARD.encode(secret.hash()),
            created_us: now.as_micros(),
            expires_us: expires.0.map(Timestamp::as_micros),
        };
        let link = self.free_share_id();
        let body = serde_json::to_string(&share).expect("texts and numbers are JSON");
        disk.shares.write(&link, &body).map_err(AccountError::from)?;
        let share = Arc::new(share);
        self.state.write().shares.insert(link.clone(), Arc::clone(&share));
        if let Some(rights) = self.rights(&share, &kept) {
            self.accounts.admit_share(&link, secret.hash(), rights, share.expires());
        }
        drop(disk);
        self.note(Event::ShareCreated, by, &link, &share);
        Ok((secret, link, share))
    }

    /// Takes a link back; whoever came in by it is turned out.
    pub(crate) fn revoke_share(&self, asker: &Asker, id: &str, link: &str, by: &Change) -> Result<(), DashboardError> {
        let mut disk = self.disk.lock();
        asker.must_share(&*self.get(asker, id)?)?;
        let share = self.state.read().shares.get(link).filter(|share| share.dashboard == id).cloned();
        let Some(share) = share else {
            let text = "There is no such share link; it may have expired, or been taken back already.";
            return Err(AccountError::NotFound(text.to_owned()).into());
        };
        disk.shares.delete(link).map_err(AccountError::from)?;
        self.state.write().shares.remove(link);
        self.dismiss(&share);
        drop(disk);
        self.note(Event::ShareRevoked, by, link, &share);
        Ok(())
    }

    /// Which dashboard a link is for.
    pub(crate) fn dashboard_of(&self, link: &str) -> Option<String> {
        self.state.read().shares.get(link).map(|share| share.dashboard.clone())
    }

    /// What somebody may do was changed: so may be what his links open.
    pub(super) fn refresh_shares(&self) {
        let mut disk = self.disk.lock();
        self.forget_expired(&mut disk);
        let (shares, mut orphans) = (self.state.read().shares.clone(), Vec::new());
        for (link, share) in shares {
            if self.maker(&share).is_none() {
                orphans.push(link);
            } else {
                self.refresh(&share);
            }
        }
        self.forget_shares(&mut disk, &orphans);
    }

    /// The dashboard shows something else now.
    pub(super) fn refresh_shares_of(&self, id: &str) {
        let shares: Vec<_> = self.state.read().shares_of(id).map(|(_, share)| Arc::clone(share)).collect();
        shares.iter().for_each(|share| self.refresh(share));
    }

    fn refresh(&self, share: &Share) {
        let kept = self.state.read().dashboards.get(&share.dashboard).cloned();
        let rights = kept.and_then(|kept| self.rights(share, &kept)).unwrap_or_default();
        if let Some(secret) = share.secret_hash() {
            self.accounts.change_share(&secret, rights);
        }
    }

    /// Opens the door to those who have a link, at the start.
    pub(super) fn admit_shares(&self) {
        let mut disk = self.disk.lock();
        self.forget_expired(&mut disk);
        let (shares, mut useless) = (self.state.read().shares.clone(), Vec::new());
        for (link, share) in shares {
            if self.state.read().unreadable.contains(&share.dashboard) {
                // It opens nothing until somebody has put the dashboard right.
                continue;
            }
            let kept = self.state.read().dashboards.get(&share.dashboard).cloned();
            let rights = kept.and_then(|kept| self.rights(&share, &kept));
            match (rights, share.secret_hash()) {
                (Some(rights), Some(secret)) => self.accounts.admit_share(&link, secret, rights, share.expires()),
                _ => useless.push(link),
            }
        }
        self.forget_shares(&mut disk, &useless);
    }

    /// Who answers for a link.
    fn maker(&self, share: &Share) -> Option<Arc<Principal>> {
        match &share.by {
            Some(by) => self.accounts.principal(by),
            // He may do everything, or somebody else looks after the hub by now.
            None => Some(Arc::clone(self.accounts.guests.owner())).filter(|owner| owner.may_administer()),
        }
    }

    /// What a link opens; `None` if nobody answers for it any more.
    fn rights(&self, share: &Share, kept: &Kept) -> Option<Permissions> {
        let maker = self.maker(share)?;
        if share.by.as_deref().is_some_and(|by| self.accounts.has_lapsed(by)) {
            return Some(Permissions::default());
        }
        let may = |access, topic: &str| {
            let Ok(topic) = housewire_core::TopicRef::parse(topic) else { return false };
            maker.may(access, topic)
        };
        let mut permissions = Permissions::default();
        let filter = |topic: &str| Filter::parse(topic).expect("a topic is a filter, too");
        permissions.read.push(filter(&format!("$dashboards/{}", kept.id)));
        for origin in kept.origins.iter().filter(|origin| may(Access::Read, &origin.topic())) {
            let topic = origin.topic();
            permissions.read.push(filter(&topic));
            if let Origin::Property(device, _) = origin {
                // What there is to know of a property: its device, whether that is there, what was asked of it; as far as its maker may.
                let beside =
                    [format!("{topic}/target"), format!("devices/{device}"), format!("devices/{device}/$online")];
                for topic in beside.iter().filter(|topic| may(Access::Read, topic)).map(|topic| filter(topic)) {
                    if !permissions.read.contains(&topic) {
                        permissions.read.push(topic);
                    }
                }
            }
            let set = origin.set_topic().filter(|topic| share.control && may(Access::Write, topic));
            permissions.write.extend(set.map(|topic| filter(&topic)));
        }
        Some(permissions)
    }

    fn must_have_room(&self, id: &str) -> Result<(), AccountError> {
        let state = self.state.read();
        let bound = match (state.shares.len() >= SHARES_MAX, state.shares_of(id).count() >= SHARES_PER_DASHBOARD_MAX) {
            (true, _) => format!("There are {SHARES_MAX} share links"),
            (_, true) => format!("This dashboard has {SHARES_PER_DASHBOARD_MAX} share links"),
            _ => return Ok(()),
        };
        Err(AccountError::Full(format!("{bound}, which is as many as there may be: take some back.")))
    }

    fn forget_expired(&self, disk: &mut Disk) {
        let now = now().wall;
        let expired: Vec<_> = {
            let state = self.state.read();
            state.shares.iter().filter(|(_, share)| share.is_over(now)).map(|(link, _)| link.clone()).collect()
        };
        self.forget_shares(disk, &expired);
    }

    /// Forgets links that open nothing any more. Those that the disk does not let go of are forgotten at the next start.
    pub(super) fn forget_shares(&self, disk: &mut Disk, links: &[String]) {
        if links.is_empty() {
            return;
        }
        let rows: Vec<_> = links.iter().map(|link| (link.as_str(), None)).collect();
        if let Err(problem) = disk.shares.apply(&rows) {
            warn!("share links that open nothing any more could not be deleted: {problem}");
        }
        for link in links {
            let gone = self.state.write().shares.remove(link);
            if let Some(share) = gone {
                self.dismiss(&share);
            }
        }
    }

    fn dismiss(&self, share: &Share) {
        if let Some(secret) = share.secret_hash() {
            self.accounts.dismiss_share(&secret);
        }
    }

    fn free_share_id(&self) -> String {
        let state = self.state.read();
        loop {
            let id: String = Secret::random().reveal().chars().filter(char::is_ascii_alphanumeric).take(8).collect();
            if id.len() == 8 && !state.shares.contains_key(&id) {
                return id;
            }
        }
    }

    fn note(&self, event: Event, by: &Change, link: &str, share: &Share) {
        let subject = format!("share:{link}");
        let detail = Some(format!("of the dashboard {}", share.dashboard));
        self.accounts.audit.note(Deed { event, by, subject: Some(&subject), detail });
    }
}

fn is_no_name(name: &str) -> bool {
    name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control)
}
