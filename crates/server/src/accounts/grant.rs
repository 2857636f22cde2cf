//! Changes of what somebody may do, of people and apps alike.

use housewire_core::{Filter, Grant, Permissions, Role};

use crate::accounts::error::AccountError;

/// Filters of one list of somebody's rights; more are refused.
const FILTERS_MAX: usize = 100;

/// What is to be changed of somebody's rights; `None` stays.
#[derive(Default)]
pub(crate) struct GrantChange {
    pub(crate) role: Option<Role>,
    /// `Some(None)`: as the role has it.
    pub(crate) read: Option<Option<Vec<Filter>>>,
    pub(crate) write: Option<Option<Vec<Filter>>>,
    pub(crate) deny: Option<Vec<Filter>>,
}

impl GrantChange {
    /// Whether nothing is to be changed.
    pub(super) fn is_empty(&self) -> bool {
        let Self { role, read, write, deny } = self;
        role.is_none() && read.is_none() && write.is_none() && deny.is_none()
    }

    /// Changes a grant; it is as it was if that cannot be.
    pub(super) fn apply(self, grant: &mut Grant) -> Result<(), AccountError> {
        let Self { role, read, write, deny } = self;
        let before = grant.clone();
        let changed = Grant {
            role: role.unwrap_or(before.role),
            read: read.unwrap_or(before.read),
            write: write.unwrap_or(before.write),
            deny: deny.unwrap_or(before.deny),
        };
        check_grant(&changed)?;
        *grant = changed;
        Ok(())
    }
}

/// What a person may do: beside what the grant says, to hear that a dashboard was changed.
pub(super) fn permissions_of_person(grant: &Grant) -> Permissions {
    let mut permissions = grant.permissions();
    if grant.read.is_some() {
        permissions.read.push(Filter::parse("$dashboards/#").expect("a constant that parses"));
    }
    permissions
}

/// Filters of rights are few.
pub(super) fn check_grant(grant: &Grant) -> Result<(), AccountError> {
    let lists = [grant.read.as_deref(), grant.write.as_deref(), Some(grant.deny.as_slice())];
    if lists.into_iter().flatten().any(|list| list.len() > FILTERS_MAX) {
        return Err(AccountError::Full(format!("A list has at most {FILTERS_MAX} filters: use wider ones.")));
    }
    Ok(())
}
