//! Shared subscriptions of the naive broker: message by message to the next member, those who are there first.

use std::collections::{BTreeMap, BTreeSet};

use housewire_core::{Delivery, Filter, Readiness, Run, Share, Timestamp};

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
                let kinds = [Readiness::Ready, Readiness::Away, Readiness::Full];
                self.offer(sessions, &filter, &one.properties(run.message_properties()), None, &kinds, now);
            }
        }
        groups
    }

    /// Offers what a member left to another one; whether there was one.
    pub(crate) fn hand_on(
        &mut self,
        sessions: &mut BTreeMap<String, Session>,
        filter: &Filter,
        run: &Run<'_>,
        from: &str,
        is_over: bool,
        now: Timestamp,
    ) -> bool {
        let kinds = [Readiness::Ready, Readiness::Away];
        self.offer(sessions, filter, run, Some(from), &kinds[..1 + usize::from(is_over)], now)
    }

    fn offer(
        &mut self,
        sessions: &mut BTreeMap<String, Session>,
        filter: &Filter,
        run: &Run<'_>,
        from: Option<&str>,
        kinds: &[Readiness],
        now: Timestamp,
    ) -> bool {
        let is_member = |(client_id, session): &(&String, &mut Session)| {
            session.subscriptions.contains_key(filter.as_str()) && Some(client_id.as_str()) != from
        };
        let mut members: Vec<_> = sessions.iter_mut().filter(is_member).map(|(_, session)| session).collect();
        let turn = self.0.entry(filter.clone()).or_default();
        for wanted in kinds {
            for step in 0..members.len() {
                let place = (*turn + step) % members.len();
                let member = &mut members[place];
                if member.outbound.readiness() == *wanted {
                    *turn = place + 1;
                    let (request, identifier) = &member.subscriptions[filter.as_str()];
                    let delivery = Delivery {
                        qos: request.options.qos,
                        retain: request.options.retain_as_published && run.is_retained(),
                        identifiers: identifier.iter().copied().collect(),
                        share: Some(Share::new(filter)),
                    };
                    member.outbound.offer(run, &delivery, now);
                    return true;
                }
            }
        }
        false
    }
}
