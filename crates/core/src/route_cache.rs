//! The routes a shard remembers: bounded, and those that are used stay.

use std::collections::hash_map::IntoIter;
use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::hub::Hub;
use crate::limits::{ROUTES_CACHED_BYTES_MAX, ROUTES_CACHED_MAX};
use crate::route::Route;
use crate::topic::{Topic, TopicRef};

type Routes = FxHashMap<Topic, Arc<Route>>;

/// Routes by topic; one per shard, so that its lock is hardly ever waited for.
#[derive(Debug)]
pub struct RouteCache {
    cached: Mutex<Cached>,
}

/// Two generations. Who is asked for joins the young ones; when these fill half of the cache, they are the old ones from then
/// on, and of those that were old the ones nobody asked for meanwhile leave.
#[derive(Debug)]
struct Cached {
    young: Routes,
    young_bytes: usize,
    old: Routes,
    /// Let go a few at a time: what tens of thousands of routes hold is not freed in a moment.
    leaving: Option<IntoIter<Topic, Arc<Route>>>,
    /// The change up to which no stale route is left.
    purged: u64,
    len_max: usize,
    bytes_max: usize,
}

/// How many of those that leave are let go for each one that comes.
const LEAVING_AT_ONCE: usize = 4;

impl Default for RouteCache {
    fn default() -> Self {
        Self::bounded(ROUTES_CACHED_MAX, ROUTES_CACHED_BYTES_MAX)
    }
}

impl RouteCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    fn bounded(len_max: usize, bytes_max: usize) -> Self {
        let (young, old) = (Routes::default(), Routes::default());
        Self { cached: Mutex::new(Cached { young, young_bytes: 0, old, leaving: None, purged: 0, len_max, bytes_max }) }
    }

    pub(crate) fn route(&self, hub: &Hub, topic: TopicRef<'_>) -> Arc<Route> {
        let mut cached = self.cached.lock();
        let cached = &mut *cached;
        let known = match cached.young.get(topic.as_str()) {
            Some(route) if route.is_valid(hub, topic) => return Arc::clone(route),
            // It may have grown, and has to find room like one that is new.
            Some(_) => cached.take_young(topic),
            None => cached.old.remove_entry(topic.as_str()).map(|(topic, route)| {
                let is_valid = route.is_valid(hub, topic.borrow());
                (topic, is_valid.then_some(route))
            }),
        };
        let (topic, route) = known.unwrap_or_else(|| (topic.to_topic(), None));
        let route = route.unwrap_or_else(|| Arc::new(Route::build(hub, topic.borrow())));
        cached.remember(topic, Arc::clone(&route));
        route
    }

    /// The given route if it still holds, else a fresh one; asked while the topic's slot is locked.
    pub(crate) fn revalidate(&self, hub: &Hub, topic: TopicRef<'_>, route: Arc<Route>) -> Arc<Route> {
        if route.is_valid(hub, topic) { route } else { self.route(hub, topic) }
    }

    /// Drops stale routes, which would keep closed mailboxes alive. Called now and then by whoever owns the cache.
    pub fn purge(&self, hub: &Hub) {
        let mut cached = self.cached.lock();
        let cached = &mut *cached;
        cached.leaving = None;
        let last = hub.generations.last();
        if std::mem::replace(&mut cached.purged, last) == last {
            return;
        }
        for routes in [&mut cached.young, &mut cached.old] {
            routes.retain(|topic, route| route.is_valid(hub, topic.borrow()));
            if routes.len() < routes.capacity() / 8 {
                routes.shrink_to(2 * routes.len());
            }
        }
        cached.young_bytes = cached.young.iter().map(|(topic, route)| bytes_of(topic, route)).sum();
    }
}

/// What a remembered route takes up, without what it keeps alive.
fn bytes_of(topic: &Topic, route: &Route) -> usize {
    topic.as_str().len() + route.bytes()
}

impl Cached {
    /// Forgets a young route, which is stale, but not its topic.
    fn take_young(&mut self, topic: TopicRef<'_>) -> Option<(Topic, Option<Arc<Route>>)> {
        let (topic, stale) = self.young.remove_entry(topic.as_str())?;
        self.young_bytes -= bytes_of(&topic, &stale);
        Some((topic, None))
    }

    fn remember(&mut self, topic: Topic, route: Arc<Route>) {
        self.leaving.iter_mut().flatten().take(LEAVING_AT_ONCE).for_each(drop);
        let bytes = bytes_of(&topic, &route);
        let is_full = self.young.len() >= self.len_max / 2 || self.young_bytes + bytes > self.bytes_max / 2;
        if is_full && !self.young.is_empty() {
            let old = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.leaving = Some(old.into_iter());
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(topic, route);
    }
}

#[cfg(test)]
mod tests;
