//! What a connection's client subscribes to: granting, ending, and bringing what is stored.

use housewire_core::{Filter, Hub, ReplayKind, ReplayProgress, SubscribeOptions};
use housewire_protocols::mqtt::{Packet, PacketId, ReasonCode, RetainHandling, SubAck, SubscriptionRequest};
use tracing::debug;

use super::{Active, Turn};
use crate::mqtt::dialect::is_downlink;
use crate::mqtt::end::End;
use crate::mqtt::outcome::filter_denial_reason;
use crate::mqtt::withheld::Answer;
use crate::refusals::Kind;
use crate::shard::now;
use crate::stats::Bound;

impl Active {
    pub(super) fn subscribe(
        &mut self,
        packet_id: PacketId,
        identifier: Option<u32>,
        requests: Vec<Result<SubscriptionRequest, ReasonCode>>,
        turn: &mut Turn,
    ) -> Result<(), End> {
        let reasons = requests.into_iter().map(|request| match request {
            Ok(request) => self.subscribe_one(request, identifier),
            Err(reason) => {
                self.note_refusal(
                    Kind::Topic,
                    "a filter that the client wanted to subscribe to is none, or is not served",
                    "",
                );
                reason
            }
        });
        let reasons: Vec<_> = reasons.collect();
        let due = reasons.iter().any(|reason: &ReasonCode| !reason.is_error()).then(|| self.due()).flatten();
        let answer = Answer::Packet(Packet::SubAck(SubAck::new(packet_id, reasons)));
        self.send(answer, due, turn);
        // SUBACK goes out before the first retained message.
        self.session().mailbox.respond(&mut turn.acks, &mut turn.replies)?;
        Ok(())
    }

    fn subscribe_one(&self, request: SubscriptionRequest, identifier: Option<u32>) -> ReasonCode {
        if let Some(dialect) = &self.connection.dialect
            && is_downlink(&request.filter)
        {
            return self.subscribe_in_dialect(dialect, request, identifier);
        }
        let SubscriptionRequest { filter, options } = request;
        let wanted = SubscribeOptions {
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            identifier,
        };
        let (hub, subscriber) = (self.hub(), self.session().subscriber());
        let len_max = self.connection.shard().config.limits.mqtt_subscriptions;
        if subscriber.subscription_count() >= len_max && !hub.is_subscribed(subscriber, &filter) {
            self.connection.shard().stats.reach(Bound::MqttSubscriptions);
            self.note_refusal(
                Kind::Limit,
                "the client has as many subscriptions as limits.mqtt_subscriptions allows",
                filter.as_str(),
            );
            return ReasonCode::QuotaExceeded;
        }
        if self.is_durable && self.hub().disk_is_failing() {
            // It could not be acknowledged, and what is acknowledged after it would have to wait with it.
            return ReasonCode::QuotaExceeded;
        }
        match self.hub().subscribe(subscriber, &filter, wanted) {
            Ok(granted) => {
                if self.is_durable {
                    self.session().mailbox.note_subscription(filter.clone(), Some(wanted));
                }
                let wants_retained = match options.retain_handling {
                    RetainHandling::Send => true,
                    RetainHandling::SendIfNew => !granted.existed,
                    RetainHandling::DoNotSend => false,
                };
                if wants_retained {
                    self.session().mailbox.replays.lock().push(Hub::replay(filter, ReplayKind::Retained, wanted));
                }
                ReasonCode::granted(options.qos)
            }
            Err(denied) => {
                debug!(client_id = self.client_id(), %denied, "subscription refused");
                self.note_refusal((&denied).into(), &denied, filter.as_str());
                filter_denial_reason(&denied)
            }
        }
    }

    pub(super) fn unsubscribe(
        &mut self,
        packet_id: PacketId,
        filters: Vec<Result<Filter, ReasonCode>>,
        turn: &mut Turn,
    ) {
        let hub = self.hub();
        let reasons = filters.into_iter().map(|filter| match filter {
            Ok(filter) if is_downlink(&filter) && self.connection.dialect.is_some() => {
                let dialect = self.connection.dialect.as_deref();
                match dialect.is_some_and(|dialect| Self::unsubscribe_in_dialect(dialect, &filter)) {
                    true => ReasonCode::Success,
                    false => ReasonCode::NoSubscriptionExisted,
                }
            }
            Ok(filter) => {
                self.session().mailbox.replays.lock().remove(&filter);
                match hub.unsubscribe(self.session().subscriber(), &filter) {
                    true => {
                        if self.is_durable {
                            self.session().mailbox.note_subscription(filter, None);
                        }
                        ReasonCode::Success
                    }
                    false => ReasonCode::NoSubscriptionExisted,
                }
            }
            Err(reason) => reason,
        });
        let ack = SubAck::new(packet_id, reasons.collect());
        self.answer(Answer::Packet(Packet::UnsubAck(ack)), turn);
    }

    /// Offers some of the stored messages that are on their way; whether there are more that could go at once.
    pub(super) fn continue_replays(&mut self) -> bool {
        if self.withheld.has_suback() {
            return false;
        }
        let mut replays = self.session().mailbox.replays.lock();
        let Some(replay) = replays.first_mut() else { return false };
        match self.hub().continue_replay(self.session().subscriber(), replay, now()) {
            ReplayProgress::Paused => false,
            ReplayProgress::More => true,
            ReplayProgress::Done => replays.finish_first(),
        }
    }
}
