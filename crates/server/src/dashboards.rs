//! Dashboards: pages that people make of widgets, kept as documents; and share links, which open one of them to whoever has the link.
//!
//! A change names the version that it was made of, so that two people at one dashboard do not overwrite each other, and is told
//! on `$dashboards/<id>`. What a link opens to whom belongs to `accounts`, routes to `http`.

mod asker;
mod error;
mod kept;
pub(crate) mod model;
mod shares;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use housewire_core::Access;
use housewire_store::{Documents, StoreError};
use parking_lot::{Mutex, RwLock};
use tracing::warn;

pub(crate) use self::asker::Asker;
pub(crate) use self::error::{Current, DashboardError};
pub(crate) use self::kept::Kept;
use self::model::{Content, Origin, Others, Sent, check_id};
pub(crate) use self::shares::{NewShare, Share};
use crate::accounts::{AccountError, Accounts};
use crate::limits::{DASHBOARDS_BYTES_MAX, DASHBOARDS_MAX};
use crate::refusal::shorten;
use crate::shard::now;

/// Under this id, which no dashboard has, is the last version of those that were deleted.
const LAST: &str = "$last";

/// See the module. Everything that changes it waits for the disk: never on a shard.
pub(crate) struct Dashboards {
    accounts: Arc<Accounts>,
    /// Changed under the lock of `disk` only.
    state: RwLock<State>,
    disk: Mutex<Disk>,
}

struct Disk {
    dashboards: Documents,
    shares: Documents,
}

#[derive(Default)]
struct State {
    dashboards: BTreeMap<String, Arc<Kept>>,
    shares: BTreeMap<String, Arc<Share>>,
    /// Dashboards that are on the disk and could not be read, by id: nothing takes their place, and the links to them wait.
    unreadable: BTreeSet<String>,
    /// No version comes twice, also of a dashboard that was deleted and made again.
    last_version: u64,
}

impl Dashboards {
    /// Reads what was kept, and opens the door to those who have a link.
    pub(crate) fn open(
        dashboards: Documents,
        shares: Documents,
        accounts: &Arc<Accounts>,
    ) -> Result<Arc<Self>, StoreError> {
        let mut state = State::default();
        let loaded = dashboards.load()?;
        for skipped in &loaded.skipped {
            warn!("{skipped}");
            let id = skipped.row.split_once('/').map(|(_, id)| id.to_owned());
            state.unreadable.extend(id.filter(|id| id != LAST));
        }
        for (id, body) in loaded.documents {
            if id == LAST {
                state.last_version = state.last_version.max(body.parse().unwrap_or(0));
                continue;
            }
            match Kept::read(&body) {
                Ok(kept) => {
                    state.last_version = state.last_version.max(kept.version);
                    state.dashboards.insert(id, Arc::new(kept));
                }
                Err(error) => {
                    warn!(
                        "the dashboard '{id}' cannot be read: {error}; make it under another id, or restore a backup"
                    );
                    state.unreadable.insert(id);
                }
            }
        }
        let loaded = shares.load()?;
        for skipped in &loaded.skipped {
            warn!("{skipped}");
        }
        for (id, body) in loaded.documents {
            match serde_json::from_str::<Share>(&body) {
                Ok(share) => drop(state.shares.insert(id, Arc::new(share))),
                Err(error) => warn!("the share link '{id}' cannot be read: {error}; make another one"),
            }
        }
        let disk = Mutex::new(Disk { dashboards, shares });
        let opened = Arc::new(Self { accounts: Arc::clone(accounts), state: RwLock::new(state), disk });
        opened.admit_shares();
        let weak = Arc::downgrade(&opened);
        accounts.on_change(move || {
            if let Some(dashboards) = weak.upgrade() {
                dashboards.refresh_shares();
            }
        });
        Ok(opened)
    }

    /// Those that may be seen, by id, with how many links there are to each.
    pub(crate) fn list(&self, asker: &Asker) -> Vec<(Arc<Kept>, usize)> {
        let now = now().wall;
        let state = self.state.read();
        let seen = state.dashboards.values().filter(|kept| asker.may_see(kept));
        let shares = |id: &str| state.shares.values().filter(|share| share.opens(id, now)).count();
        seen.map(|kept| (Arc::clone(kept), shares(&kept.id))).collect()
    }

    pub(crate) fn get(&self, asker: &Asker, id: &str) -> Result<Arc<Kept>, DashboardError> {
        let found = self.state.read().dashboards.get(id).cloned();
        found.filter(|kept| asker.may_see(kept)).ok_or_else(|| unknown(id))
    }

    /// Makes a dashboard, under the id that it wishes or one made of its title.
    pub(crate) fn create(&self, asker: &Asker, sent: Sent) -> Result<Arc<Kept>, DashboardError> {
        asker.must_create()?;
        let mut disk = self.disk.lock();
        let id = match &sent.id {
            Some(id) if self.state.read().is_taken(id) => {
                return Err(AccountError::Taken(id.clone()).into());
            }
            Some(id) => id.clone(),
            None => self.free_id(&sent.title),
        };
        if self.state.read().dashboards.len() >= DASHBOARDS_MAX {
            let text = format!("There are {DASHBOARDS_MAX} dashboards, which is as many as there may be: delete some.");
            return Err(AccountError::Full(text).into());
        }
        let (owner, others) = (asker.person().map(str::to_owned), sent.others.unwrap_or_default());
        self.save(&mut disk, asker, content(sent, id), owner, others)
    }

    /// Replaces a dashboard that is still what the asker knows, `None` for whatever it is.
    pub(crate) fn replace(
        &self,
        asker: &Asker,
        id: &str,
        known: Option<u64>,
        sent: Sent,
    ) -> Result<Arc<Kept>, DashboardError> {
        let mut disk = self.disk.lock();
        let before = self.get(asker, id)?;
        asker.must_edit(&before)?;
        if known.is_some_and(|known| known != before.version) {
            return Err(DashboardError::Changed(Box::new(Current::of(&before))));
        }
        if sent.id.as_deref().is_some_and(|sent| sent != id) {
            let text = "A dashboard keeps its id: send it under the path of that id, or POST it as another one.";
            return Err(AccountError::Unusable(text.to_owned()).into());
        }
        let others = sent.others.unwrap_or(before.others);
        if others != before.others {
            asker.must_manage(&before)?;
        }
        let owner = match &sent.owner {
            Some(owner) if *owner != before.owner => {
                asker.must_administer()?;
                if let Some(owner) = owner.as_deref().filter(|owner| !self.accounts.has_person(owner)) {
                    return Err(AccountError::NotFound(format!("There is no user '{}'.", shorten(owner))).into());
                }
                owner.clone()
            }
            _ => before.owner.clone(),
        };
        let content = content(sent, id.to_owned());
        self.must_not_widen(asker, &before, &content)?;
        let kept = self.save(&mut disk, asker, content, owner, others)?;
        self.refresh_shares_of(id);
        Ok(kept)
    }

    /// Deletes a dashboard, and the links to it.
    pub(crate) fn remove(&self, asker: &Asker, id: &str) -> Result<(), DashboardError> {
        let mut disk = self.disk.lock();
        let kept = self.get(asker, id)?;
        asker.must_manage(&kept)?;
        let version = self.state.read().last_version + 1;
        disk.dashboards.apply(&[(id, None), (LAST, Some(&version.to_string()))]).map_err(AccountError::from)?;
        {
            let mut state = self.state.write();
            state.last_version = version;
            state.dashboards.remove(id);
        }
        let links: Vec<_> = self.state.read().shares_of(id).map(|(link, _)| link.to_owned()).collect();
        self.forget_shares(&mut disk, &links);
        self.tell(id, version, asker.name(), true);
        Ok(())
    }

    /// Somebody has no account any more: what was his is another's, who deleted it.
    pub(crate) fn inherit(&self, from: &str, heir: Option<&str>) -> Result<(), AccountError> {
        let mut disk = self.disk.lock();
        let owned: Vec<_> = {
            let state = self.state.read();
            state.dashboards.values().filter(|kept| kept.owner.as_deref() == Some(from)).cloned().collect()
        };
        for kept in owned {
            let version = self.state.read().last_version + 1;
            let given = Arc::new(Kept { owner: heir.map(str::to_owned), version, ..Kept::clone(&kept) });
            self.write(&mut disk, given)?;
            self.tell(&kept.id, version, heir, false);
        }
        Ok(())
    }

    /// Keeps a dashboard as it is now.
    fn save(
        &self,
        disk: &mut Disk,
        asker: &Asker,
        content: Content,
        owner: Option<String>,
        others: Others,
    ) -> Result<Arc<Kept>, DashboardError> {
        let version = self.state.read().last_version + 1;
        let made = Kept::new(content, owner, others, (version, now().wall, asker.name().map(str::to_owned)));
        let kept = Arc::new(made.map_err(|why| AccountError::Unusable(format!("The dashboard cannot be so: {why}.")))?);
        self.write(disk, Arc::clone(&kept))?;
        self.tell(&kept.id, version, asker.name(), false);
        Ok(kept)
    }

    fn write(&self, disk: &mut Disk, kept: Arc<Kept>) -> Result<(), AccountError> {
        let others: usize = {
            let state = self.state.read();
            state.dashboards.values().filter(|other| other.id != kept.id).map(|other| other.bytes()).sum()
        };
        if others + kept.bytes() > DASHBOARDS_BYTES_MAX {
            return Err(AccountError::Full(format!(
                "All dashboards together may have {DASHBOARDS_BYTES_MAX} bytes: delete some, or put pictures elsewhere."
            )));
        }
        disk.dashboards.write(&kept.id, &kept.record())?;
        let mut state = self.state.write();
        state.last_version = kept.version;
        state.dashboards.insert(kept.id.clone(), kept);
        Ok(())
    }

    /// Says that a dashboard was changed, to whoever listens.
    fn tell(&self, id: &str, version: u64, by: Option<&str>, deleted: bool) {
        let news = serde_json::json!({"version": version, "by": by, "deleted": deleted});
        self.accounts.hub().tell(&model::topic_of(id), &news.to_string(), now());
    }

    /// What links show must not become more than whoever changes the dashboard may see himself.
    fn must_not_widen(&self, asker: &Asker, before: &Kept, after: &Content) -> Result<(), DashboardError> {
        let controls: Vec<_> = self.state.read().shares_of(&before.id).map(|(_, share)| share.control).collect();
        if controls.is_empty() {
            return Ok(());
        }
        // What makes no sense is refused in a moment.
        let origins = after.check().unwrap_or_default();
        let is_controlled = controls.contains(&true);
        let hidden = origins.difference(&before.origins).find(|origin| {
            let writes = origin.set_topic().filter(|_| is_controlled);
            !asker.may(Access::Read, &origin.topic()) || writes.is_some_and(|topic| !asker.may(Access::Write, &topic))
        });
        match hidden {
            None => Ok(()),
            Some(origin) => Err(DashboardError::Forbidden(format!(
                "This dashboard has share links, which would open '{}' to whoever has one; you may not do that with it yourself. \
                 Leave it out, or have an admin add it.",
                origin.topic()
            ))),
        }
    }

    /// An id that is made of a title, and that no dashboard has.
    fn free_id(&self, title: &str) -> String {
        const STEM_CHARS_MAX: usize = 48;
        let plain = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' };
        let words: Vec<_> = title.chars().map(plain).collect::<String>().split('-').map(str::to_owned).collect();
        let stem = words.iter().filter(|word| !word.is_empty()).map(String::as_str).collect::<Vec<_>>().join("-");
        let stem: String = stem.chars().take(STEM_CHARS_MAX).collect();
        let stem = if check_id(&stem).is_ok() { stem } else { "dashboard".to_owned() };
        let state = self.state.read();
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let mut wished = std::iter::once(stem.clone()).chain(numbered);
        wished.find(|id| !state.is_taken(id)).expect("there are more numbers than dashboards")
    }
}

impl State {
    /// Whether a dashboard has that id, be it one that cannot be read.
    fn is_taken(&self, id: &str) -> bool {
        self.dashboards.contains_key(id) || self.unreadable.contains(id)
    }

    fn shares_of<'s>(&'s self, dashboard: &'s str) -> impl Iterator<Item = (&'s str, &'s Arc<Share>)> {
        let all = self.shares.iter().filter(move |(_, share)| share.dashboard == dashboard);
        all.map(|(id, share)| (id.as_str(), share))
    }
}

fn content(sent: Sent, id: String) -> Content {
    let Sent { title, icon, tabs, widgets, .. } = sent;
    Content { id, title, icon, tabs, widgets }
}

fn unknown(id: &str) -> DashboardError {
    let text =
        format!("There is no dashboard '{}', or it is not for you. GET /api/dashboards lists yours.", shorten(id));
    AccountError::NotFound(text).into()
}

/// What somebody may do with what a dashboard shows.
type Origins = BTreeSet<Origin>;

#[cfg(test)]
mod tests;
