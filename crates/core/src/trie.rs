//! The subscription trie: which subscriptions match a topic.
//!
//! Flat: level texts are interned to numbers and one table maps (node, level) to node, so that matching
//! chases no pointers. What is done with the matches belongs to `route`.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::mailbox::Subscriber;
use crate::message::{Qos, SessionId};
use crate::share::Share;
use crate::topic::{Filter, TopicRef};

/// What a subscriber asked for beside the filter (MQTT 5 section 3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscribeOptions {
    /// The highest QoS it wants.
    pub qos: Qos,
    /// It does not want its own messages [MQTT-3.8.3-3].
    pub no_local: bool,
    /// It wants to see the retain flag as it was published [MQTT-3.3.1-12].
    pub retain_as_published: bool,
    /// A number that comes with each message of this subscription.
    pub identifier: Option<u32>,
}

/// One subscriber's interest in one filter.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) subscriber: Arc<Subscriber>,
    pub(crate) options: SubscribeOptions,
    /// With whom it shares the messages; set by [`Trie::insert`].
    pub(crate) share: Option<Arc<Share>>,
}

impl Subscription {
    /// What its lists are sorted by: somebody may be there for himself and in several groups.
    fn key(&self) -> (SessionId, Option<&Filter>) {
        (self.subscriber.id(), self.share.as_deref().map(Share::filter))
    }
}

type NodeId = u32;
type LevelId = u32;

const ROOT: NodeId = 0;
/// The level `+`; interned texts count from 1.
const PLUS: LevelId = 0;

#[derive(Debug, Default)]
struct Node {
    parent: NodeId,
    level: LevelId,
    children: u32,
    /// Of the filter that ends here, sorted by session and group.
    exact: Vec<Subscription>,
    /// Of the filter that goes on with `/#`, sorted the same way.
    below: Vec<Subscription>,
}

#[derive(Debug, Default)]
struct Level {
    text: Box<str>,
    users: u32,
}

/// All subscriptions.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    nodes_free: Vec<NodeId>,
    edges: FxHashMap<(NodeId, LevelId), NodeId>,
    levels: Vec<Level>,
    levels_free: Vec<LevelId>,
    level_ids: FxHashMap<Box<str>, LevelId>,
    len: usize,
    shared_len: usize,
}

impl Default for Trie {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            nodes_free: Vec::new(),
            edges: FxHashMap::default(),
            levels: vec![Level { text: "+".into(), users: 1 }],
            levels_free: Vec::new(),
            level_ids: FxHashMap::default(),
            len: 0,
            shared_len: 0,
        }
    }
}

/// A filter's levels without a final `#`, and whether there was one.
fn split(filter: &Filter) -> (impl Iterator<Item = &str>, bool) {
    let text = filter.inner();
    let (path, below) = match text.strip_suffix('#') {
        Some("") => (None, true),
        Some(path) => (path.strip_suffix('/'), true),
        None => (Some(text), false),
    };
    (path.into_iter().flat_map(|path| path.split('/')), below)
}

impl Trie {
    /// Adds a subscription or replaces the one of the same subscriber and filter; whether there was one.
    pub(crate) fn insert(&mut self, filter: &Filter, mut subscription: Subscription) -> bool {
        let (levels, below) = split(filter);
        let mut node = ROOT;
        for text in levels {
            node = self.child_or_new(node, text);
        }
        let list = self.list(node, below);
        subscription.share = filter.is_shared().then(|| group_of(list, filter).unwrap_or_else(|| Share::new(filter)));
        match list.binary_search_by(|have| have.key().cmp(&subscription.key())) {
            Ok(at) => {
                list[at] = subscription;
                true
            }
            Err(at) => {
                list.insert(at, subscription);
                self.len += 1;
                self.shared_len += usize::from(filter.is_shared());
                false
            }
        }
    }

    /// Removes a subscription; whether there was one.
    pub(crate) fn remove(&mut self, filter: &Filter, session: SessionId) -> bool {
        let (levels, below) = split(filter);
        let mut node = ROOT;
        for text in levels {
            let Some(child) = self.level_id(text).and_then(|level| self.edges.get(&(node, level))) else {
                return false;
            };
            node = *child;
        }
        let list = self.list(node, below);
        let key = (session, filter.is_shared().then_some(filter));
        let Ok(at) = list.binary_search_by(|have| have.key().cmp(&key)) else {
            return false;
        };
        list.remove(at);
        if list.is_empty() {
            list.shrink_to_fit();
        }
        self.len -= 1;
        self.shared_len -= usize::from(filter.is_shared());
        self.prune(node);
        true
    }

    /// How many subscriptions there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many of them are shared.
    pub(crate) fn shared_len(&self) -> usize {
        self.shared_len
    }

    /// Calls `found` for every subscription that matches; the same subscriber may come several times.
    pub(crate) fn for_each_match(&self, topic: TopicRef<'_>, mut found: impl FnMut(&Subscription)) {
        let mut frontier = vec![ROOT];
        let mut next = Vec::new();
        let mut wildcards = !topic.is_reserved();
        for text in topic.levels() {
            let level = self.level_ids.get(text);
            for node in frontier.drain(..) {
                if wildcards {
                    self.nodes[node as usize].below.iter().for_each(&mut found);
                    next.extend(self.edges.get(&(node, PLUS)));
                }
                next.extend(level.and_then(|level| self.edges.get(&(node, *level))));
            }
            wildcards = true;
            std::mem::swap(&mut frontier, &mut next);
        }
        for node in frontier {
            let node = &self.nodes[node as usize];
            node.exact.iter().for_each(&mut found);
            node.below.iter().for_each(&mut found);
        }
    }

    /// Those who share this filter.
    pub(crate) fn members(&self, filter: &Filter) -> Vec<Subscription> {
        let (levels, below) = split(filter);
        let mut node = ROOT;
        for text in levels {
            match self.level_id(text).and_then(|level| self.edges.get(&(node, level))) {
                Some(child) => node = *child,
                None => return Vec::new(),
            }
        }
        let node = &self.nodes[node as usize];
        let list = if below { &node.below } else { &node.exact };
        list.iter().filter(|have| have.share.as_ref().is_some_and(|share| share.filter() == filter)).cloned().collect()
    }

    fn list(&mut self, node: NodeId, below: bool) -> &mut Vec<Subscription> {
        let node = &mut self.nodes[node as usize];
        if below { &mut node.below } else { &mut node.exact }
    }

    fn level_id(&self, text: &str) -> Option<LevelId> {
        if text == "+" { Some(PLUS) } else { self.level_ids.get(text).copied() }
    }

    fn child_or_new(&mut self, parent: NodeId, text: &str) -> NodeId {
        let level = self.level_id(text).unwrap_or_else(|| self.intern(text));
        if let Some(child) = self.edges.get(&(parent, level)) {
            return *child;
        }
        let fresh = Node { parent, level, ..Node::default() };
        let child = match self.nodes_free.pop() {
            Some(free) => {
                self.nodes[free as usize] = fresh;
                free
            }
            None => {
                self.nodes.push(fresh);
                index(self.nodes.len() - 1)
            }
        };
        self.levels[level as usize].users += 1;
        self.nodes[parent as usize].children += 1;
        self.edges.insert((parent, level), child);
        child
    }

    fn intern(&mut self, text: &str) -> LevelId {
        let fresh = Level { text: text.into(), users: 0 };
        let level = match self.levels_free.pop() {
            Some(free) => {
                self.levels[free as usize] = fresh;
                free
            }
            None => {
                self.levels.push(fresh);
                index(self.levels.len() - 1)
            }
        };
        self.level_ids.insert(text.into(), level);
        level
    }

    /// Gives back `node` and its ancestors as far as nothing hangs on them any more.
    fn prune(&mut self, mut node: NodeId) {
        while node != ROOT {
            let Node { parent, level, children, exact, below } = &self.nodes[node as usize];
            if *children > 0 || !exact.is_empty() || !below.is_empty() {
                return;
            }
            let (parent, level) = (*parent, *level);
            self.edges.remove(&(parent, level));
            self.nodes_free.push(node);
            self.nodes[parent as usize].children -= 1;
            self.release(level);
            node = parent;
        }
    }

    fn release(&mut self, level: LevelId) {
        let entry = &mut self.levels[level as usize];
        entry.users -= 1;
        if entry.users == 0 {
            let text = std::mem::take(&mut entry.text);
            self.level_ids.remove(&text);
            self.levels_free.push(level);
        }
    }
}

/// The group that others have begun already.
fn group_of(list: &[Subscription], filter: &Filter) -> Option<Arc<Share>> {
    list.iter().filter_map(|have| have.share.as_ref()).find(|share| share.filter() == filter).cloned()
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("fewer than 2^32 nodes and levels: each takes more than one byte of memory")
}

#[cfg(test)]
mod tests;
