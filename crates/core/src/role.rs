//! Roles: what somebody may do unless something else was said of him.
//!
//! A grant is a role with filters of its own; it becomes [`Permissions`], which are what is checked.

use crate::device::DeviceId;
use crate::principal::Permissions;
use crate::topic::Filter;

/// What people and apps are to the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads, writes and looks after the hub.
    Admin,
    /// Reads and writes.
    Member,
    /// Reads.
    Viewer,
}

/// What everybody in the house may read unless something else was said of him.
const EVERYTHING: &[&str] = &["#", "$SYS/#", "$dashboards/#"];

impl Role {
    /// All of them, the mightiest first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Member, Self::Viewer];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    /// The role that is written so.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What it may do. Everybody in the house may see how the hub does (`$SYS`), where only an admin may write, and hear that a
    /// dashboard was changed (`$dashboards`).
    pub fn permissions(self) -> Permissions {
        let filters = |texts: &[&str]| -> Vec<Filter> {
            texts.iter().map(|text| Filter::parse(text).expect("a constant that parses")).collect()
        };
        match self {
            Self::Admin => Permissions::all(),
            Self::Member => Permissions { read: filters(EVERYTHING), write: filters(&["#"]), ..Permissions::default() },
            Self::Viewer => Permissions { read: filters(EVERYTHING), ..Permissions::default() },
        }
    }
}

/// A role, and where somebody's rights differ from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose rights count where nothing else is said.
    pub role: Role,
    /// What may be read instead of what the role may read.
    pub read: Option<Vec<Filter>>,
    /// What may be written instead of what the role may write.
    pub write: Option<Vec<Filter>>,
    /// What may be neither read nor written.
    pub deny: Vec<Filter>,
}

impl Grant {
    /// The role's rights as they are.
    pub fn of(role: Role) -> Self {
        Self { role, read: None, write: None, deny: Vec::new() }
    }

    /// What is checked.
    pub fn permissions(&self) -> Permissions {
        let Self { role, read, write, deny } = self;
        let usual = role.permissions();
        Permissions {
            read: read.clone().unwrap_or(usual.read),
            write: write.clone().unwrap_or(usual.write),
            deny: deny.clone(),
            administer: usual.administer,
        }
    }
}

impl Permissions {
    /// What a device may do: everything below its own topic, and nothing else.
    pub fn of_device(device: &DeviceId) -> Self {
        let own = Filter::parse(&format!("devices/{device}/#")).expect("a device's id is a valid level");
        Self { read: vec![own.clone()], write: vec![own], ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Access;
    use crate::topic::TopicRef;

    fn check(permissions: &Permissions, topic: &str, reads: bool, writes: bool) {
        let topic = TopicRef::parse(topic).unwrap();
        assert_eq!(permissions.allow(Access::Read, topic), reads, "read {topic}");
        assert_eq!(permissions.allow(Access::Write, topic), writes, "write {topic}");
    }

    #[test]
    fn roles_may_less_and_less() {
        for (role, writes, writes_sys, administers) in
            [(Role::Admin, true, true, true), (Role::Member, true, false, false), (Role::Viewer, false, false, false)]
        {
            let permissions = role.permissions();
            check(&permissions, "devices/lamp/power", true, writes);
            check(&permissions, "$SYS/uptime", true, writes_sys);
            check(&permissions, "$dashboards/home", true, false);
            assert_eq!(permissions.administer, administers, "{role:?}");
            assert_eq!(Role::parse(role.name()), Some(role));
        }
        assert_eq!(Role::parse("root"), None);
    }

    #[test]
    fn a_device_sees_what_is_its_own() {
        let permissions = Permissions::of_device(&DeviceId::parse("lamp").unwrap());
        check(&permissions, "devices/lamp", true, true);
        check(&permissions, "devices/lamp/power/set", true, true);
        for topic in ["devices/lamp2/power", "devices", "home/x", "$SYS/uptime"] {
            check(&permissions, topic, false, false);
        }
        assert!(!permissions.administer);
    }

    #[test]
    fn what_a_grant_says_counts_before_its_role() {
        let filters = |text: &str| Some(vec![Filter::parse(text).unwrap()]);
        let grant = Grant { read: filters("home/#"), write: filters("home/+"), ..Grant::of(Role::Viewer) };
        check(&grant.permissions(), "home/x", true, true);
        check(&grant.permissions(), "garden/x", false, false);
        let grant = Grant { deny: filters("home/#").unwrap(), ..Grant::of(Role::Admin) };
        check(&grant.permissions(), "home/x", false, false);
        assert!(grant.permissions().administer);
    }
}
