//! The subscription trie: which subscriptions match a topic.
//!
//! Flat and small: level texts are interned to numbers, nodes are numbered, and one table of node numbers holds the
//! children of all nodes that have many. What is done with the matches belongs to `route`.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use smallvec::{SmallVec, smallvec};

use crate::arena::{Arena, Id, is_sparse};
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

/// Where the subscriptions to one filter are; holds while one of them does.
pub(crate) type NodeId = Id;

/// A level of a filter: its text, or a wildcard.
type LevelId = Id;

/// The level `+`.
const PLUS: LevelId = Id::MIN;
/// The level `#`.
const REST: LevelId = PLUS.saturating_add(1);

/// A filter, or the beginning of one. Most have one child and one subscription, or none: these cost nothing but the node.
#[derive(Debug)]
struct Node {
    parent: Option<NodeId>,
    level: LevelId,
    plus: Option<NodeId>,
    rest: Option<NodeId>,
    /// A child whose level is a text; others like it are found through the edges.
    text: Option<NodeId>,
    /// How many others.
    edges: u32,
    /// Of the filter that ends here, sorted by session and group.
    here: SmallVec<[Subscription; 1]>,
}

impl Node {
    fn new(parent: Option<NodeId>, level: LevelId) -> Self {
        Self { parent, level, plus: None, rest: None, text: None, edges: 0, here: SmallVec::new() }
    }

    fn is_used(&self) -> bool {
        self.edges > 0 || !self.here.is_empty() || self.plus.or(self.rest).or(self.text).is_some()
    }
}

#[derive(Debug)]
struct Level {
    text: Box<str>,
    users: u32,
}

/// All subscriptions.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Arena<Node>,
    root: NodeId,
    /// Children that are not their parent's `text`, by parent and level.
    edges: HashTable<NodeId>,
    levels: Arena<Level>,
    /// Texts by themselves.
    level_ids: HashTable<LevelId>,
    len: usize,
    shared_len: usize,
}

impl Default for Trie {
    fn default() -> Self {
        let (mut nodes, mut levels) = (Arena::default(), Arena::default());
        let wildcards = ["+", "#"].map(|text| levels.insert(Level { text: text.into(), users: 1 }));
        debug_assert_eq!(wildcards, [PLUS, REST]);
        let root = nodes.insert(Node::new(None, REST));
        Self { nodes, root, edges: HashTable::new(), levels, level_ids: HashTable::new(), len: 0, shared_len: 0 }
    }
}

fn hash_of(value: impl Hash) -> u64 {
    FxBuildHasher.hash_one(value)
}

impl Trie {
    /// Adds a subscription or replaces the one of the same subscriber and filter. Returns where it is and whether there was
    /// one.
    pub(crate) fn insert(&mut self, filter: &Filter, mut subscription: Subscription) -> (NodeId, bool) {
        let mut node = self.root;
        for text in filter.levels() {
            node = self.child_or_new(node, text);
        }
        let list = &mut self.nodes[node].here;
        subscription.share = filter.is_shared().then(|| group_of(list, filter).unwrap_or_else(|| Share::new(filter)));
        match list.binary_search_by(|have| have.key().cmp(&subscription.key())) {
            Ok(at) => {
                list[at] = subscription;
                (node, true)
            }
            Err(at) => {
                list.insert(at, subscription);
                self.len += 1;
                self.shared_len += usize::from(filter.is_shared());
                (node, false)
            }
        }
    }

    /// Removes a subscription; where it was, if there was one.
    pub(crate) fn remove(&mut self, filter: &Filter, session: SessionId) -> Option<NodeId> {
        let node = self.find(filter)?;
        let list = &mut self.nodes[node].here;
        let key = (session, filter.is_shared().then_some(filter));
        let at = list.binary_search_by(|have| have.key().cmp(&key)).ok()?;
        list.remove(at);
        self.removed(node, 1, usize::from(filter.is_shared()));
        Some(node)
    }

    /// Removes all that a session has at one place, and tells their filters.
    pub(crate) fn remove_all_at(&mut self, node: NodeId, session: SessionId, mut removed: impl FnMut(&Filter)) {
        let mut count = 0;
        let mut shared = 0;
        // Groups know their filters, whose levels alone may say something else: "$share/g/$share/x".
        let is_plain = |have: &Subscription| have.subscriber.id() == session && have.share.is_none();
        let plain = self.nodes[node].here.iter().any(is_plain).then(|| self.filter_of(node));
        self.nodes[node].here.retain(|have| {
            let is_others = have.subscriber.id() != session;
            if !is_others {
                have.share.as_deref().map(Share::filter).or(plain.as_ref()).into_iter().for_each(&mut removed);
                shared += usize::from(have.share.is_some());
                count += 1;
            }
            is_others
        });
        self.removed(node, count, shared);
    }

    /// Whether a session has this subscription.
    pub(crate) fn contains(&self, filter: &Filter, session: SessionId) -> bool {
        let key = (session, filter.is_shared().then_some(filter));
        let is_in = |node| self.nodes[node].here.binary_search_by(|have| have.key().cmp(&key)).is_ok();
        self.find(filter).is_some_and(is_in)
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
        let levels: SmallVec<[Option<LevelId>; 16]> = topic.levels().map(|text| self.text_id(text)).collect();
        // One way is followed to its end before the next: nodes of one filter lie side by side.
        let mut ways: SmallVec<[(NodeId, usize); 16]> = smallvec![(self.root, 0)];
        while let Some((node, depth)) = ways.pop() {
            let node = (node, &self.nodes[node]);
            let wildcards = depth > 0 || !topic.is_reserved();
            if let Some(rest) = node.1.rest.filter(|_| wildcards) {
                self.nodes[rest].here.iter().for_each(&mut found);
            }
            let Some(level) = levels.get(depth) else {
                node.1.here.iter().for_each(&mut found);
                continue;
            };
            if let Some(plus) = node.1.plus.filter(|_| wildcards) {
                ways.push((plus, depth + 1));
            }
            if let Some(text) = level.and_then(|level| self.text_child(node, level)) {
                ways.push((text, depth + 1));
            }
        }
    }

    /// Those who share this filter.
    pub(crate) fn members(&self, filter: &Filter) -> Vec<Subscription> {
        let list = self.find(filter).map_or(&[][..], |node| &self.nodes[node].here);
        list.iter().filter(|have| have.share.as_ref().is_some_and(|share| share.filter() == filter)).cloned().collect()
    }

    fn find(&self, filter: &Filter) -> Option<NodeId> {
        filter.levels().try_fold(self.root, |node, text| self.child(node, self.level_id(text)?))
    }

    /// The filter that ends here, of those who do not share it.
    fn filter_of(&self, node: NodeId) -> Filter {
        let way = std::iter::successors(Some(node), |node| self.nodes[*node].parent);
        let mut levels: Vec<&str> = way.map(|node| &*self.levels[self.nodes[node].level].text).collect();
        levels.pop(); // the root has none
        levels.reverse();
        Filter::parse(&levels.join("/")).expect("made of the levels of a filter")
    }

    fn text_id(&self, text: &str) -> Option<LevelId> {
        self.level_ids.find(hash_of(text), |id| *self.levels[*id].text == *text).copied()
    }

    fn level_id(&self, text: &str) -> Option<LevelId> {
        match text {
            "+" => Some(PLUS),
            "#" => Some(REST),
            text => self.text_id(text),
        }
    }

    fn child(&self, parent: NodeId, level: LevelId) -> Option<NodeId> {
        let node = &self.nodes[parent];
        match level {
            PLUS => node.plus,
            REST => node.rest,
            level => self.text_child((parent, node), level),
        }
    }

    fn text_child(&self, (parent, node): (NodeId, &Node), level: LevelId) -> Option<NodeId> {
        node.text.filter(|text| self.nodes[*text].level == level).or_else(|| {
            let is_it = |child: &NodeId| self.nodes[*child].parent == Some(parent) && self.nodes[*child].level == level;
            (node.edges > 0).then(|| self.edges.find(hash_of((Some(parent), level)), is_it).copied()).flatten()
        })
    }

    fn child_or_new(&mut self, parent: NodeId, text: &str) -> NodeId {
        let level = self.level_id(text).unwrap_or_else(|| self.intern(text));
        if let Some(child) = self.child(parent, level) {
            return child;
        }
        self.levels[level].users += 1;
        let child = self.nodes.insert(Node::new(Some(parent), level));
        let node = &mut self.nodes[parent];
        match level {
            PLUS => node.plus = Some(child),
            REST => node.rest = Some(child),
            _ if node.text.is_none() => node.text = Some(child),
            level => {
                node.edges += 1;
                let nodes = &self.nodes;
                let hash = |child: &NodeId| hash_of((nodes[*child].parent, nodes[*child].level));
                self.edges.insert_unique(hash_of((Some(parent), level)), child, hash);
            }
        }
        child
    }

    fn intern(&mut self, text: &str) -> LevelId {
        let level = self.levels.insert(Level { text: text.into(), users: 0 });
        let levels = &self.levels;
        self.level_ids.insert_unique(hash_of(text), level, |id| hash_of(&*levels[*id].text));
        level
    }

    /// Subscriptions were taken out of the list of a node: gives back what nothing hangs on any more.
    fn removed(&mut self, node: NodeId, count: usize, shared: usize) {
        self.len -= count;
        self.shared_len -= shared;
        let list = &mut self.nodes[node].here;
        if list.len() < list.capacity() / 4 {
            list.shrink_to_fit();
        }
        self.prune(node);
        let (nodes, levels) = (&self.nodes, &self.levels);
        if is_sparse(self.edges.len(), self.edges.capacity()) {
            let hash = |child: &NodeId| hash_of((nodes[*child].parent, nodes[*child].level));
            self.edges.shrink_to(2 * self.edges.len(), hash);
        }
        if is_sparse(self.level_ids.len(), self.level_ids.capacity()) {
            self.level_ids.shrink_to(2 * self.level_ids.len(), |id| hash_of(&*levels[*id].text));
        }
    }

    /// Gives back `id` and its ancestors as far as nothing hangs on them any more.
    fn prune(&mut self, mut id: NodeId) {
        while !self.nodes[id].is_used()
            && let Some(parent) = self.nodes[id].parent
        {
            let level = self.nodes[id].level;
            let node = &mut self.nodes[parent];
            match level {
                PLUS => node.plus = None,
                REST => node.rest = None,
                _ if node.text == Some(id) => node.text = None,
                level => {
                    node.edges -= 1;
                    if let Ok(edge) = self.edges.find_entry(hash_of((Some(parent), level)), |child| *child == id) {
                        edge.remove();
                    }
                }
            }
            self.nodes.remove(id);
            self.release(level);
            id = parent;
        }
    }

    fn release(&mut self, level: LevelId) {
        let entry = &mut self.levels[level];
        entry.users -= 1;
        if entry.users == 0 {
            if let Ok(known) = self.level_ids.find_entry(hash_of(&*entry.text), |id| *id == level) {
                known.remove();
            }
            self.levels.remove(level);
        }
    }
}

/// The group that others have begun already.
fn group_of(list: &[Subscription], filter: &Filter) -> Option<Arc<Share>> {
    list.iter().filter_map(|have| have.share.as_ref()).find(|share| share.filter() == filter).cloned()
}

#[cfg(test)]
mod tests;
