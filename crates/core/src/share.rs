//! Groups that share a filter (MQTT 5 section 4.8.2): each message goes to one member of each group.
//!
//! Members take turns. Who is there and has room comes first, then who is away and keeps it, then who is full. What a
//! member leaves behind goes to `others`. Which subscriptions match belongs to `trie`, and what is kept for a member to its
//! mailbox.

mod others;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use smallvec::SmallVec;

pub use self::others::Others;
use crate::mailbox::{Offer, Readiness};
use crate::message::Run;
use crate::route::{Offered, Receiver};
use crate::topic::Filter;
use crate::trie::Subscription;

/// A group: everybody who subscribes to the same `$share/NAME/FILTER`.
#[derive(Debug)]
pub struct Share {
    filter: Filter,
    /// Whose turn it is, counted around the members of a route. One for all shards; two that publish at the same moment
    /// may both begin with the same member.
    next: AtomicUsize,
}

impl Share {
    /// A group without members yet.
    pub fn new(filter: &Filter) -> Arc<Self> {
        Arc::new(Self { filter: filter.clone(), next: AtomicUsize::new(0) })
    }

    /// What its members subscribed to.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.filter == other.filter
    }
}

impl Eq for Share {}

/// Which members may get what another one did not see the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takers {
    /// Those that are there and have room.
    Ready,
    /// If none of them takes it, also those that are away and keep it.
    Kept,
}

/// How a member stands to a run: the best come first, and the others only if there are none of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It is there and has room.
    Ready,
    /// It is away and keeps the run for later.
    Keeps,
    /// It would drop some of it.
    Full,
    /// It is away, and keeps no QoS 0.
    Forgets,
}

impl Standing {
    const COUNT: usize = 4;

    /// None if it is gone.
    fn of(member: &Receiver, run: &Run<'_>) -> Option<Self> {
        match member.readiness() {
            Readiness::Ready => Some(Self::Ready),
            Readiness::Away if member.keeps_of(run) => Some(Self::Keeps),
            Readiness::Full => Some(Self::Full),
            Readiness::Away => Some(Self::Forgets),
            Readiness::Closed => None,
        }
    }
}

/// A group's part of a route: those of its members that may read the topic.
#[derive(Debug)]
pub(crate) struct RouteGroup {
    share: Arc<Share>,
    /// By session, so that turns mean the same in every shard's routes.
    members: Vec<Receiver>,
}

impl RouteGroup {
    pub(crate) fn new(share: Arc<Share>, members: Vec<Receiver>) -> Self {
        Self { share, members }
    }

    /// The groups of shared subscriptions.
    pub(crate) fn all_of(mut shared: Vec<Subscription>) -> Vec<Self> {
        let filter = |have: &Subscription| have.share.as_ref().map(|share| share.filter().clone());
        shared.sort_by_cached_key(|have| (filter(have), have.subscriber.id()));
        let groups = shared.chunk_by(|a, b| a.share == b.share);
        let groups = groups.filter_map(|members| {
            let share = members.first()?.share.clone()?;
            Some(Self::new(share, members.iter().map(Receiver::of_member).collect()))
        });
        groups.collect()
    }

    /// Offers each message of the run to one member.
    pub(crate) fn offer(&self, run: &Run<'_>, offered: &mut Offered) {
        let len = run.payloads().len();
        let members = self.members.len();
        let start = self.share.next.load(Ordering::Relaxed);
        let mut found: [SmallVec<[usize; 8]>; Standing::COUNT] = Default::default();
        // Each is asked once, and only until there are as many as needed.
        for place in (0..members).map(|step| (start + step) % members) {
            let Some(standing) = Standing::of(&self.members[place], run) else { continue };
            let places = &mut found[standing as usize];
            if places.len() < len {
                places.push(place);
            }
            if found[Standing::Ready as usize].len() == len {
                break;
            }
        }
        if let Some(chosen) = found.iter().find(|places| !places.is_empty()) {
            self.split(run, chosen, offered);
        }
    }

    /// How many members it has.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether a member keeps what it is sent on disk.
    pub(crate) fn keeps(&self) -> bool {
        self.members.iter().any(Receiver::keeps)
    }

    /// Splits the run over these members: each gets a piece of it in one go, and as many messages as if they had taken
    /// turns message by message.
    fn split(&self, run: &Run<'_>, chosen: &[usize], offered: &mut Offered) {
        let payloads = run.payloads();
        let Some(last) = chosen.last() else { return };
        let (each, extra) = (payloads.len() / chosen.len(), payloads.len() % chosen.len());
        // The turn is behind whoever got the last message.
        if chosen.len() == payloads.len() {
            self.share.next.store(last + 1, Ordering::Relaxed);
        } else if extra > 0 {
            self.share.next.store(chosen[extra - 1] + 1, Ordering::Relaxed);
        }
        let mut rest = payloads;
        for (turn, place) in chosen.iter().enumerate() {
            let (piece, after) = rest.split_at(each + usize::from(turn < extra));
            rest = after;
            offered.add(match piece.len() == payloads.len() {
                // What others get too is encoded once.
                true => self.offer_piece(run, *place),
                false => self.offer_piece(&run.with_payloads(piece), *place),
            });
        }
    }

    /// Offers a piece to a member; if that one has left meanwhile, to the best of the others.
    fn offer_piece(&self, piece: &Run<'_>, place: usize) -> Offer {
        let offer = self.members[place].offer(piece);
        if offer != Offer::Closed {
            return offer;
        }
        let others = self.members[place + 1..].iter().chain(&self.members[..place]);
        let mut others: Vec<_> = others.filter_map(|member| Some((Standing::of(member, piece)?, member))).collect();
        others.sort_by_key(|(standing, _)| *standing);
        let mut offers = others.into_iter().map(|(_, member)| member.offer(piece));
        offers.find(|offer| *offer != Offer::Closed).unwrap_or(Offer::Closed)
    }
}

#[cfg(test)]
mod tests;
