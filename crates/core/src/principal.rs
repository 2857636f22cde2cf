//! Who acts, and what they may read and write: checked here for every door alike.
//!
//! How somebody proves who they are belongs to the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::denied::Denied;
use crate::topic::{Filter, TopicRef};

/// Reading means being delivered messages, writing means publishing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Subscribe, get, watch.
    Read,
    /// Publish, set, clear.
    Write,
}

/// Rights as topic filters. What is denied stays denied, whatever is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Topics that may be read.
    pub read: Vec<Filter>,
    /// Topics that may be written.
    pub write: Vec<Filter>,
    /// Topics that may be neither read nor written.
    pub deny: Vec<Filter>,
    /// Whether they may look after the hub itself: who may do what, who is connected. No topic says so.
    pub administer: bool,
}

impl Permissions {
    /// Everything, `$SYS` included.
    pub fn all() -> Self {
        let parse = |text| Filter::parse(text).expect("a constant that parses");
        let everything = ["#", "$SYS/#"].map(parse);
        let read = everything.iter().cloned().chain([parse("$dashboards/#")]).collect();
        Self { read, write: everything.into(), deny: Vec::new(), administer: true }
    }

    fn granted(&self, access: Access) -> &[Filter] {
        match access {
            Access::Read => &self.read,
            Access::Write => &self.write,
        }
    }

    /// Whether a message to this topic may be read or written.
    pub fn allow(&self, access: Access, topic: TopicRef<'_>) -> bool {
        self.granted(access).iter().any(|filter| filter.matches(topic))
            && !self.deny.iter().any(|filter| filter.matches(topic))
    }

    /// Whether every topic may be read and written that is not reserved: the usual case, which should cost nothing.
    fn allow_all_but_reserved(&self) -> bool {
        let is_all = |granted: &[Filter]| granted.iter().any(|filter| filter.as_str() == "#");
        is_all(&self.read) && is_all(&self.write) && self.deny.is_empty()
    }

    /// Whether whatever lies within the filter may be read and written: what is denied anywhere may lie in it, too.
    pub fn allow_all_within(&self, filter: &Filter) -> bool {
        let covers = |granted: &[Filter]| granted.iter().any(|granted| granted.covers(filter));
        covers(&self.read) && covers(&self.write) && self.deny.is_empty()
    }

    /// Whether a subscription may be made: the filter must lie within what may be read, and outside of what is
    /// denied as a whole. Denied topics inside a wider filter are left out when messages are delivered.
    pub fn allow_filter(&self, filter: &Filter) -> bool {
        self.read.iter().any(|granted| granted.covers(filter)) && !self.deny.iter().any(|denied| denied.covers(filter))
    }
}

/// An authenticated someone with rights; you cannot publish or subscribe without one.
#[derive(Debug)]
pub struct Principal {
    name: String,
    permissions: RwLock<Arc<Permissions>>,
    /// See [`Permissions::allow_all_but_reserved`]; spares each message the lock and the filters.
    is_unlimited: AtomicBool,
}

impl Principal {
    /// Somebody with these rights.
    pub fn new(name: impl Into<String>, permissions: Permissions) -> Self {
        let is_unlimited = AtomicBool::new(permissions.allow_all_but_reserved());
        Self { name: name.into(), permissions: RwLock::new(Arc::new(permissions)), is_unlimited }
    }

    /// As it appears in logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a message to this topic may be read or written.
    pub fn may(&self, access: Access, topic: TopicRef<'_>) -> bool {
        let is_unlimited = self.is_unlimited.load(Ordering::Acquire) && !topic.is_reserved();
        is_unlimited || self.permissions.read().allow(access, topic)
    }

    /// As [`Principal::may`], with the refusal in words.
    pub fn require(&self, access: Access, topic: TopicRef<'_>) -> Result<(), Denied> {
        if self.may(access, topic) {
            return Ok(());
        }
        let what = match access {
            Access::Read => "read",
            Access::Write => "write",
        };
        Err(Denied::NotPermitted { who: self.name.clone(), what, topic: topic.to_string() })
    }

    /// Whether this filter may be subscribed to.
    pub fn may_subscribe(&self, filter: &Filter) -> bool {
        self.permissions.read().allow_filter(filter)
    }

    /// Whether they may look after the hub itself.
    pub fn may_administer(&self) -> bool {
        self.permissions.read().administer
    }

    /// What they may do at the moment.
    pub fn permissions(&self) -> Arc<Permissions> {
        Arc::clone(&self.permissions.read())
    }

    /// Whether there is anything it may write.
    pub fn may_write_something(&self) -> bool {
        let permissions = self.permissions.read();
        let is_denied = |granted: &Filter| permissions.deny.iter().any(|denied| denied.covers(granted));
        !permissions.write.iter().all(is_denied)
    }

    /// Replaces the rights; only [`crate::Hub::set_permissions`] calls this, since routes depend on them.
    pub(crate) fn replace_permissions(&self, permissions: Permissions) {
        let mut held = self.permissions.write();
        self.is_unlimited.store(permissions.allow_all_but_reserved(), Ordering::Release);
        *held = Arc::new(permissions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(texts: &[&str]) -> Vec<Filter> {
        texts.iter().map(|text| Filter::parse(text).unwrap()).collect()
    }

    #[test]
    fn denied_topics_stay_denied_inside_what_is_granted() {
        let permissions = Permissions { deny: filters(&["secret/#"]), ..Permissions::all() };
        let topic = |text| TopicRef::parse(text).unwrap();
        assert!(permissions.allow(Access::Read, topic("home/x")));
        assert!(!permissions.allow(Access::Read, topic("secret/x")));
        assert!(!permissions.allow(Access::Write, topic("secret")));
        assert!(permissions.allow_filter(&Filter::parse("#").unwrap()));
        assert!(!permissions.allow_filter(&Filter::parse("secret/+").unwrap()));
    }

    #[test]
    fn rights_that_are_replaced_count_at_once() {
        let topics = ["home/x", "secret/x", "$SYS/x", "$other"].map(|text| TopicRef::parse(text).unwrap());
        let rights = [
            Permissions::all(),
            Permissions { deny: filters(&["secret/#"]), ..Permissions::all() },
            Permissions { read: filters(&["home/#"]), write: filters(&["#"]), ..Permissions::default() },
            Permissions::default(),
            Permissions { read: filters(&["#"]), write: filters(&["#"]), ..Permissions::default() },
        ];
        let principal = Principal::new("test", Permissions::default());
        for permissions in rights {
            principal.replace_permissions(permissions.clone());
            for principal in [&principal, &Principal::new("test", permissions.clone())] {
                for (topic, access) in
                    topics.into_iter().flat_map(|topic| [(topic, Access::Read), (topic, Access::Write)])
                {
                    assert_eq!(principal.may(access, topic), permissions.allow(access, topic), "{topic}");
                }
            }
        }
    }

    #[test]
    fn who_may_write_something() {
        for (write, deny, expected) in [
            (&["#"][..], &[][..], true),
            (&["#"], &["secret/#"], true),
            (&["a/b", "c"], &["a/#"], true),
            (&["a/b"], &["a/#"], false),
            (&["#"], &["#"], false),
            (&[], &[], false),
        ] {
            let permissions = Permissions { write: filters(write), deny: filters(deny), ..Permissions::default() };
            assert_eq!(Principal::new("test", permissions).may_write_something(), expected, "{write:?} {deny:?}");
        }
    }

    #[test]
    fn a_subscription_must_lie_within_what_may_be_read() {
        let permissions = Permissions {
            read: filters(&["devices/lamp/#"]),
            write: filters(&["devices/lamp/+"]),
            ..Permissions::default()
        };
        for (filter, expected) in
            [("devices/lamp/power", true), ("devices/lamp/#", true), ("devices/+/power", false), ("#", false)]
        {
            assert_eq!(permissions.allow_filter(&Filter::parse(filter).unwrap()), expected, "{filter}");
        }
    }
}
