//! What a member of a group leaves behind, offered to the others one message after another.
//!
//! It is not lost by being offered: who drops a message has not taken it. What becomes of messages that nobody takes is
//! for whoever has them to say.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Share, Takers};
use crate::mailbox::{Offer, Readiness};
use crate::message::{Message, Run, SessionId};
use crate::principal::Access;
use crate::route::Receiver;
use crate::trie::Subscription;

/// A group's members but one, as they are now. Looked up once for several messages, and to be let go soon: who leaves
/// the group meanwhile is still asked.
#[derive(Debug)]
pub struct Others {
    share: Arc<Share>,
    from: SessionId,
    /// Those that were there and had room when they were asked last; the front has the next turn. Who has no room any more is not
    /// asked again, so that a message costs as little if there are many members.
    ready: VecDeque<Receiver>,
    /// Those that were away, likewise.
    away: VecDeque<Receiver>,
}

impl Others {
    pub(crate) fn new(share: &Arc<Share>, mut members: Vec<Subscription>, from: SessionId) -> Self {
        members.retain(|member| member.subscriber.id() != from);
        members.sort_by_key(|member| member.subscriber.id());
        // The group that is published to: the message may come from disk, with a namesake.
        let share = members.first().and_then(|member| member.share.as_ref()).unwrap_or(share);
        let mut others = Self { share: Arc::clone(share), from, ready: VecDeque::new(), away: VecDeque::new() };
        let start = others.share.next.load(Ordering::Relaxed) % members.len().max(1);
        members.rotate_left(start);
        for member in members.iter().map(Receiver::of_member) {
            match member.readiness() {
                Readiness::Ready => others.ready.push_back(member),
                Readiness::Away => others.away.push_back(member),
                Readiness::Full | Readiness::Closed => {}
            }
        }
        others
    }

    /// Whether it is the same group.
    pub fn is_of(&self, share: &Arc<Share>) -> bool {
        *self.share == **share
    }

    /// Offers a message to one after another until one takes it; whether one did.
    pub fn offer(&mut self, message: &Message, takers: Takers) -> bool {
        let is_taken = message
            .as_run(self.from, |run| self.offer_to_ready(run) || (takers == Takers::Kept && self.offer_to_away(run)));
        if is_taken {
            self.share.next.fetch_add(1, Ordering::Relaxed);
        }
        is_taken
    }

    fn offer_to_ready(&mut self, run: &Run<'_>) -> bool {
        for _ in 0..self.ready.len() {
            let Some(member) = self.ready.pop_front() else { break };
            match member.readiness() {
                Readiness::Ready => {
                    let is_taken = takes(&member, run);
                    self.ready.push_back(member);
                    if is_taken {
                        return true;
                    }
                }
                Readiness::Away => self.away.push_back(member),
                Readiness::Full | Readiness::Closed => {}
            }
        }
        false
    }

    fn offer_to_away(&mut self, run: &Run<'_>) -> bool {
        for _ in 0..self.away.len() {
            let Some(member) = self.away.pop_front() else { break };
            let is_taken = match member.readiness() {
                Readiness::Ready => takes(&member, run),
                Readiness::Away => member.keeps_of(run) && takes(&member, run),
                Readiness::Full | Readiness::Closed => continue,
            };
            self.away.push_back(member);
            if is_taken {
                return true;
            }
        }
        false
    }
}

fn takes(member: &Receiver, run: &Run<'_>) -> bool {
    member.subscriber.principal().may(Access::Read, run.topic())
        && matches!(member.offer(run), Offer::Taken | Offer::Kept | Offer::Crowded)
}
