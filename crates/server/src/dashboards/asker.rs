//! Who asks for a dashboard, and what he may do with it.

use std::sync::Arc;

use housewire_core::{Access, Principal, Role, TopicRef};

use crate::accounts::{Accounts, Kind, Login, share_of};
use crate::dashboards::error::DashboardError;
use crate::dashboards::kept::Kept;
use crate::dashboards::model::Others;

/// See the module.
pub(crate) struct Asker {
    principal: Arc<Principal>,
    kind: Kind,
    /// Looks after the hub, and so after all dashboards.
    administers: bool,
    /// Is no mere viewer.
    edits: bool,
    /// The dashboard that he has a link to.
    shared: Option<String>,
}

impl Asker {
    /// Whoever came in so; `dashboard_of` knows what share links are for.
    pub(crate) fn new(login: &Login, accounts: &Accounts, dashboard_of: impl FnOnce(&str) -> Option<String>) -> Self {
        let principal = Arc::clone(&login.principal);
        let edits = match login.kind {
            Kind::Person => accounts.role_of(principal.name()) != Some(Role::Viewer),
            Kind::Guest | Kind::App => principal.may_write_something(),
            Kind::Nobody | Kind::Device | Kind::Share => false,
        };
        let shared = match login.kind {
            Kind::Share => share_of(principal.name()).and_then(dashboard_of),
            _ => None,
        };
        Self { administers: principal.may_administer(), kind: login.kind, principal, edits, shared }
    }

    /// His name, if he has an account.
    pub(super) fn person(&self) -> Option<&str> {
        (self.kind == Kind::Person).then(|| self.principal.name())
    }

    /// Who is said to have changed something; `None` for a guest, whom nobody knows.
    pub(super) fn name(&self) -> Option<&str> {
        matches!(self.kind, Kind::Person | Kind::App).then(|| self.principal.name())
    }

    /// Whether he came by a share link, and is told nobody's name.
    pub(crate) fn is_stranger(&self) -> bool {
        self.kind == Kind::Share
    }

    pub(super) fn may(&self, access: Access, topic: &str) -> bool {
        TopicRef::parse(topic).is_ok_and(|topic| self.principal.may(access, topic))
    }

    pub(super) fn may_see(&self, kept: &Kept) -> bool {
        match self.kind {
            Kind::Nobody | Kind::Device => false,
            Kind::Share => self.shared.as_deref() == Some(&kept.id),
            Kind::Guest | Kind::Person | Kind::App => self.owns(kept) || kept.others >= Others::See,
        }
    }

    pub(crate) fn may_edit(&self, kept: &Kept) -> bool {
        self.administers || (self.edits && self.may_see(kept) && (self.owns(kept) || kept.others == Others::Edit))
    }

    /// As whose own: delete it, say what others may.
    pub(crate) fn may_manage(&self, kept: &Kept) -> bool {
        self.administers || (self.edits && self.may_see(kept) && self.owns(kept))
    }

    fn owns(&self, kept: &Kept) -> bool {
        let is_own = match &kept.owner {
            Some(owner) => self.person() == Some(owner.as_str()),
            // What nobody made is everybody's who has no name either.
            None => self.person().is_none() && kept.others != Others::Nothing,
        };
        self.administers || is_own
    }

    pub(super) fn must_create(&self) -> Result<(), DashboardError> {
        let text = "You may look at dashboards, but not make any. Ask an admin for the role member.";
        if self.administers || self.edits { Ok(()) } else { Err(DashboardError::Forbidden(text.to_owned())) }
    }

    pub(super) fn must_edit(&self, kept: &Kept) -> Result<(), DashboardError> {
        let text = "You may look at this dashboard, but not change it. Its owner or an admin may let everybody change it, \
                    or make a copy of your own.";
        if self.may_edit(kept) { Ok(()) } else { Err(DashboardError::Forbidden(text.to_owned())) }
    }

    pub(super) fn must_manage(&self, kept: &Kept) -> Result<(), DashboardError> {
        let text = "Only the owner of this dashboard or an admin may do this.";
        if self.may_manage(kept) { Ok(()) } else { Err(DashboardError::Forbidden(text.to_owned())) }
    }

    /// Who has a name to answer for it, or looks after the hub, makes links.
    pub(super) fn must_share(&self, kept: &Kept) -> Result<(), DashboardError> {
        self.must_manage(kept)?;
        let text = "Only somebody with an account makes share links: sign in first.";
        let may = self.administers || self.person().is_some();
        if may { Ok(()) } else { Err(DashboardError::Forbidden(text.to_owned())) }
    }

    pub(super) fn must_administer(&self) -> Result<(), DashboardError> {
        let text = "Only an admin gives a dashboard to somebody else. Leave 'owner' as it is.";
        if self.administers { Ok(()) } else { Err(DashboardError::Forbidden(text.to_owned())) }
    }
}
