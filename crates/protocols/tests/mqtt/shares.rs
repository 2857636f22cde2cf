//! Shared subscriptions of the naive broker: message by message to the next member, those who are there first.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::{Delivery, Filter, Offer, Qos, Readiness, Run, Share, Timestamp};

use crate::broker::Session;

/// Whose turn it is, by the text of the shared filter.
#[derive(Default)]
pub(crate) struct Shares(BTreeMap<Filter, usize>);

impl Shares {
    /// Offers each message to one member of each group that matches; how many members got some, at the least.
    pub(crate) fn publish(&mut self, sessions: &mut BTreeMap<String, Session>, run: &Run<'_>, now: Timestamp) -> usize {
        let shared = sessions.values().flat_map(|session| session.subscriptions.values());
        let filters = shared.map(|(request, _)| &request.filter).filter(|filter| filter.is_shared());
        let matching: BTreeSet<_> = filters.filter(|filter| filter.matches(run.topic())).cloned().collect();
        let groups = matching.len();
        for filter in matching {
            for payload in run.payloads() {
                let payloads = [*payload];
                let one = Run::new(run.topic(), &payloads).qos(run.published_qos()).retain(run.is_retained());
                self.offer(sessions, &filter, &one.properties(run.message_properties()), now);
            }
        }
        groups
    }

    /// Offers what a member left to others, until one takes it; whether one did. Those who are away are asked if it is
    /// over with the member.
    pub(crate) fn hand_on(
        &mut self,
        sessions: &mut BTreeMap<String, Session>,
        filter: &Filter,
        run: &Run<'_>,
        from: &str,
        is_over: bool,
        now: Timestamp,
    ) -> bool {
        for wanted in &[Readiness::Ready, Readiness::Away][..1 + usize::from(is_over)] {
            let mut members = members(sessions, filter, Some(from));
            for place in self.turns(filter, members.len()) {
                let member = &mut members[place];
                let keeps = *wanted == Readiness::Ready || keeps(member, filter, run);
                if member.outbound.readiness() == *wanted && keeps {
                    let offer = offer_to(member, filter, run, now);
                    if matches!(offer, Offer::Taken | Offer::Kept) {
                        self.0.insert(filter.clone(), place + 1);
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Offers a message to the member whose turn it is: of those who are there; if there are none, of those who are away
    /// and keep it; then of those who have no room.
    fn offer(&mut self, sessions: &mut BTreeMap<String, Session>, filter: &Filter, run: &Run<'_>, now: Timestamp) {
        let mut members = members(sessions, filter, None);
        let turns = self.turns(filter, members.len());
        let first = |wanted: &dyn Fn(&Session) -> bool| turns.iter().copied().find(|place| wanted(members[*place]));
        let is = |member: &Session, readiness| member.outbound.readiness() == readiness;
        let place = first(&|member| is(member, Readiness::Ready))
            .or_else(|| first(&|member| is(member, Readiness::Away) && keeps(member, filter, run)))
            .or_else(|| first(&|member| is(member, Readiness::Full)));
        if let Some(place) = place {
            self.0.insert(filter.clone(), place + 1);
            // Too large for it, or more than it has room for: that is its loss, and it counts it.
            let _is_lost = offer_to(members[place], filter, run, now) == Offer::Dropped;
        }
    }

    /// All places, from the one whose turn it is.
    fn turns(&self, filter: &Filter, len: usize) -> Vec<usize> {
        let turn = self.0.get(filter).copied().unwrap_or_default();
        (0..len).map(|step| (turn + step) % len).collect()
    }
}

fn members<'s>(
    sessions: &'s mut BTreeMap<String, Session>,
    filter: &Filter,
    from: Option<&str>,
) -> Vec<&'s mut Session> {
    let is_member = |(client_id, session): &(&String, &mut Session)| {
        session.subscriptions.contains_key(filter.as_str()) && Some(client_id.as_str()) != from
    };
    sessions.iter_mut().filter(is_member).map(|(_, session)| session).collect()
}

/// Whether it would keep the message while it is away.
fn keeps(member: &Session, filter: &Filter, run: &Run<'_>) -> bool {
    member.subscriptions[filter.as_str()].0.options.qos.min(run.published_qos()) > Qos::AtMostOnce
}

fn offer_to(member: &mut Session, filter: &Filter, run: &Run<'_>, now: Timestamp) -> Offer {
    let (request, identifier) = &member.subscriptions[filter.as_str()];
    let delivery = Delivery {
        qos: request.options.qos,
        retain: request.options.retain_as_published && run.is_retained(),
        identifiers: identifier.iter().copied().collect(),
        share: Some(Share::new(filter)),
    };
    member.outbound.offer(run, &delivery, now)
}
