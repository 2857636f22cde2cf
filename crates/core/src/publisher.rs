//! The way in, and the one path a message takes: permit, record, match, offer.
//!
//! There is no second way in. Decoding belongs to the transports, encoding to the subscribers' mailboxes.

use std::sync::Arc;

use parking_lot::MutexGuard;

use crate::changes::BatchNumber;
use crate::denied::Denied;
use crate::device::{Device, DeviceId, DeviceState, PropertyName, Rejection};
use crate::hub::Hub;
use crate::hub::follow_up::FollowUp;
use crate::limits::VALUE_BYTES_MAX;
use crate::message::{Origin, Presence, Qos, Run, SessionId};
use crate::principal::{Access, Principal};
use crate::property::{Effect, Property, RuleBroken};
use crate::route::{Offered, Role, Route};
use crate::route_cache::RouteCache;
use crate::slots::{Slot, SlotState};
use crate::time::Now;

/// Publishes for one connection: on behalf of a principal, through one shard's routes.
#[derive(Clone, Debug)]
pub struct Publisher {
    hub: Arc<Hub>,
    routes: Arc<RouteCache>,
    principal: Arc<Principal>,
    origin: Origin,
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Receipt {
    /// Subscribers it was offered to, whether or not they had room for it; parts of the program do not count.
    pub matched: usize,
    /// Messages that a device's declared rules refused, by their place in the run: not applied and not delivered.
    pub refused: Vec<(usize, Rejection)>,
    /// The batch that the disk must have before a QoS 1 or 2 message may be acknowledged, if anything is kept of it.
    pub durable_with: Option<BatchNumber>,
    /// A subscriber took it that has no room any more: a QoS 1 or 2 message may not be acknowledged before it has
    /// ([`crate::Offer::Crowded`]).
    pub waits_for_room: bool,
}

impl Publisher {
    /// A publisher for `session`, whose messages come through the door `via`.
    pub fn new(
        hub: Arc<Hub>,
        routes: Arc<RouteCache>,
        principal: Arc<Principal>,
        session: SessionId,
        via: &'static str,
        presence: Presence,
    ) -> Self {
        Self { hub, routes, principal, origin: Origin { via, session, presence } }
    }

    /// The hub it publishes to.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Whose rights apply.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// Publishes consecutive messages to one topic. On return every subscriber's mailbox has been offered them.
    pub fn publish_run(&self, run: Run<'_>, now: Now) -> Result<Receipt, Denied> {
        self.hub.publish_run(&self.routes, &self.principal, self.origin, run, now)
    }
}

/// What recording found out, before anything is offered.
#[derive(Default)]
struct Recorded {
    refused: Vec<(usize, Rejection)>,
    follow_ups: Vec<FollowUp>,
}

/// Everything that recording a run needs to know of its device topic.
struct Recording<'a> {
    route: &'a Route,
    device: &'a DeviceId,
    run: &'a Run<'a>,
    now: Now,
}

impl Hub {
    /// What [`Publisher::publish_run`] does, for those who keep no publisher of their own.
    pub fn publish_run(
        &self,
        routes: &RouteCache,
        principal: &Principal,
        origin: Origin,
        mut run: Run<'_>,
        now: Now,
    ) -> Result<Receipt, Denied> {
        run.origin = origin;
        run.time = now.wall;
        principal.require(Access::Write, run.topic())?;
        let route = routes.route(self, run.topic());
        match route.role {
            Role::HubOnly => Err(Denied::HubOnly(run.topic().to_string())),
            Role::OverBound => self.check_topic(run.topic().as_str()).map(|()| Receipt::default()),
            _ if !self.may_acknowledge(&route, &run) => Err(Denied::DiskFailing),
            // Nothing is recorded of it, so nothing is locked.
            Role::Plain if !run.is_retained() => {
                let Offered { matched, is_kept, is_crowded } = route.offer(&run);
                let durable_with = is_kept.then(|| self.next_batch());
                Ok(Receipt { matched, durable_with, waits_for_room: is_crowded, ..Receipt::default() })
            }
            _ => self.record_and_offer(routes, route, &run, now),
        }
    }

    fn record_and_offer(
        &self,
        routes: &RouteCache,
        route: Arc<Route>,
        run: &Run<'_>,
        now: Now,
    ) -> Result<Receipt, Denied> {
        loop {
            let slot = self.slot_of(&route, run);
            let mut state = slot.lock();
            if state.dead {
                drop(state);
                *route.slot.lock() = None;
                continue;
            }
            // A subscriber inserts its route and then looks into the slot. Checking the route while the slot is locked
            // means that it either is on the route or finds there what is recorded now.
            let route = routes.revalidate(self, run.topic(), route);
            let recorded = self.record(&state, &route, run, now);
            let Offered { matched, is_kept, is_crowded } = match &recorded {
                Ok(recorded) => self.keep_and_offer(&slot, &mut state, &route, run, &recorded.refused),
                Err(_) => Offered::default(),
            };
            let is_empty = state.present(now.wall).is_none();
            drop(state);
            if is_empty {
                self.slots.forget_if_empty(&slot);
            }
            let Recorded { refused, follow_ups } = recorded?;
            self.publish_follow_ups(follow_ups, now);
            let must_be_durable = is_kept || (run.published_qos() > Qos::AtMostOnce && is_recorded(&route, run));
            // Asked for last: everything that this run changed is noted by now.
            let durable_with = must_be_durable.then(|| self.next_batch());
            return Ok(Receipt { matched, refused, durable_with, waits_for_room: is_crowded });
        }
    }

    /// Whether what the acknowledgement of this run promises can be kept: while the disk takes nothing, only QoS 0 and
    /// what concerns nobody who is away goes on. What the hub itself says, as wills, is acknowledged to nobody.
    fn may_acknowledge(&self, route: &Route, run: &Run<'_>) -> bool {
        run.published_qos() == Qos::AtMostOnce
            || run.origin.presence == Presence::None
            || !(self.disk_is_failing() && (is_recorded(route, run) || route.is_kept())
                || self.is_out_of_room() && route.is_out_of_room())
    }

    fn slot_of(&self, route: &Route, run: &Run<'_>) -> Arc<Slot> {
        Arc::clone(route.slot.lock().get_or_insert_with(|| self.slots.get_or_create(run.topic())))
    }

    fn record(&self, state: &SlotState, route: &Route, run: &Run<'_>, now: Now) -> Result<Recorded, Denied> {
        if run.is_retained() {
            self.slots.check_room(state, run, &self.options.limits)?;
        }
        match &route.role {
            Role::Report(device, property) => self.record_reports(&Recording { route, device, run, now }, property),
            Role::Request(device, property) => {
                Ok(self.record_requests(&Recording { route, device, run, now }, property))
            }
            Role::Online(device) => Ok(self.record_online(&Recording { route, device, run, now })),
            Role::Plain | Role::HubOnly | Role::OverBound => Ok(Recorded::default()),
        }
    }

    /// Retains and offers what was not refused.
    fn keep_and_offer(
        &self,
        slot: &Slot,
        state: &mut MutexGuard<'_, SlotState>,
        route: &Route,
        run: &Run<'_>,
        refused: &[(usize, Rejection)],
    ) -> Offered {
        if refused.is_empty() {
            self.keep(slot, state, route, run);
            return route.offer(run);
        }
        // Both are in the order of the run.
        let mut refused = refused.iter().map(|(place, _)| *place).peekable();
        let payloads = run.payloads().iter().enumerate();
        let accepted: Vec<&[u8]> =
            payloads.filter(|(place, _)| refused.next_if_eq(place).is_none()).map(|(_, payload)| *payload).collect();
        if accepted.is_empty() {
            return Offered::default();
        }
        let accepted = run.with_payloads(&accepted);
        self.keep(slot, state, route, &accepted);
        route.offer(&accepted)
    }

    /// Keeps the last message of the run as the topic's retained message and, of a device's value, as its last report.
    fn keep(&self, slot: &Slot, state: &mut MutexGuard<'_, SlotState>, route: &Route, run: &Run<'_>) {
        let topic = slot.topic();
        let is_report = matches!(route.role, Role::Report(..));
        if is_report && let Some(last) = run.payloads().iter().rposition(|payload| !is_clearing(run, payload)) {
            state.last = Some(run.message(topic, last));
        }
        if run.is_retained() {
            let last = run.payloads().len() - 1;
            let message = match &state.last {
                _ if clears(run) => None,
                Some(report) if is_report => Some(report.clone()),
                _ => Some(run.message(topic, last)),
            };
            if message.is_some() || state.retained.is_some() {
                self.retain_in(slot, state, message);
            }
        }
    }

    fn record_reports(&self, at: &Recording<'_>, property: &PropertyName) -> Result<Recorded, Denied> {
        let mut recorded = Recorded::default();
        if at.run.payloads().iter().all(|payload| is_clearing(at.run, payload)) {
            return Ok(recorded);
        }
        let follow_ups = &mut recorded.follow_ups;
        let origin = at.run.origin();
        let is_new_speaker = loop {
            let (device, registered) = self.device_of(at)?;
            let mut state = device.lock();
            if state.removed {
                *at.route.device.lock() = None;
                continue; // deleted between the look and the lock
            }
            let applied = apply(&mut state, property, at, |property, payload| {
                property.report(payload, origin.via, at.now.wall, at.now.instant)
            });
            let is_new_speaker = state.heard_from(origin, at.now, self.options.online_timeout);
            let online_changed = state.update_online(at.now.instant);
            if online_changed {
                follow_ups.push(FollowUp::Online(at.device.clone()));
            }
            if registered {
                follow_ups.push(FollowUp::Changed(at.device.clone(), "registered"));
            } else if applied.is_changed {
                follow_ups.push(FollowUp::Changed(at.device.clone(), "updated"));
            }
            if applied.target_changed {
                follow_ups.push(FollowUp::Target(at.device.clone(), property.clone()));
            }
            // To find the next deadline is to look at all properties, and most reports change none.
            if applied.awaits || online_changed || origin.presence == Presence::Momentary {
                self.registry.schedule(at.device, &mut state);
            }
            self.note_property(at.device, &mut state, property);
            if registered {
                self.note_device(at.device, &mut state);
            }
            recorded.refused = applied.refused;
            at.run.set_state(!applied.is_event);
            break is_new_speaker;
        };
        if is_new_speaker {
            self.registry.note_speaker(origin.session, at.device);
        }
        if !recorded.refused.is_empty() {
            recorded.follow_ups.push(FollowUp::Rejected(at.device.clone()));
        }
        Ok(recorded)
    }

    fn record_requests(&self, at: &Recording<'_>, property: &PropertyName) -> Recorded {
        let mut recorded = Recorded::default();
        // Nobody knows the device: the request still reaches whoever listens for it.
        let Some(device) = self.registry.get(at.device) else { return recorded };
        {
            let mut state = device.lock();
            let ttl = at.run.message_properties().and_then(|properties| properties.expiry);
            let applied =
                apply(&mut state, property, at, |property, payload| property.request(payload, ttl, at.now.instant));
            if applied.is_changed {
                recorded.follow_ups.push(FollowUp::Changed(at.device.clone(), "updated"));
                self.note_property(at.device, &mut state, property);
            }
            if applied.target_changed {
                recorded.follow_ups.push(FollowUp::Target(at.device.clone(), property.clone()));
            }
            recorded.refused = applied.refused;
            self.registry.schedule(at.device, &mut state);
        }
        if !recorded.refused.is_empty() {
            recorded.follow_ups.push(FollowUp::Rejected(at.device.clone()));
        }
        recorded
    }

    /// The device says itself whether it is there; the last message of the run counts.
    fn record_online(&self, at: &Recording<'_>) -> Recorded {
        let mut recorded = Recorded::default();
        let Some(device) = self.registry.get(at.device) else { return recorded };
        let is_new_speaker = {
            let mut state = device.lock();
            let is_new_speaker = match at.run.payloads().last() {
                Some(&b"true") => state.heard_from(at.run.origin(), at.now, self.options.online_timeout),
                Some(&b"false") => {
                    state.said_offline();
                    false
                }
                // Says nothing of the device; what was retained there is put right below.
                _ => false,
            };
            state.update_online(at.now.instant);
            recorded.follow_ups.push(FollowUp::Online(at.device.clone()));
            self.registry.schedule(at.device, &mut state);
            is_new_speaker
        };
        if is_new_speaker {
            self.registry.note_speaker(at.run.origin().session, at.device);
        }
        recorded
    }

    /// The device of a report, registered if it is new (`true`). It may have been removed since the route remembered it.
    fn device_of(&self, at: &Recording<'_>) -> Result<(Arc<Device>, bool), Denied> {
        let mut memo = at.route.device.lock();
        if let Some(device) = &*memo {
            return Ok((Arc::clone(device), false));
        }
        let (device, registered) = self.registry.get_or_register(at.device).ok_or(Denied::DevicesFull)?;
        *memo = Some(Arc::clone(&device));
        Ok((device, registered))
    }
}

/// Whether something of the run is recorded: as the retained message or as a device's value.
fn is_recorded(route: &Route, run: &Run<'_>) -> bool {
    run.is_retained() || matches!(route.role, Role::Report(..))
}

/// An empty retained payload clears what is retained and is no report [MQTT-3.3.1-6].
fn is_clearing(run: &Run<'_>, payload: &[u8]) -> bool {
    run.is_retained() && payload.is_empty()
}

fn clears(run: &Run<'_>) -> bool {
    run.payloads().last().is_some_and(|payload| is_clearing(run, payload))
}

/// What the messages of a run did to a property.
#[derive(Default)]
struct Applied {
    refused: Vec<(usize, Rejection)>,
    /// The registry looks different.
    is_changed: bool,
    target_changed: bool,
    /// Something may be due for the property earlier than before.
    awaits: bool,
    /// Each of its values stands for itself.
    is_event: bool,
}

/// Applies each message of a run to its property, which is looked up once, and made if it is new.
fn apply(
    state: &mut DeviceState,
    name: &PropertyName,
    at: &Recording<'_>,
    mut change: impl FnMut(&mut Property, &[u8]) -> Result<Effect, RuleBroken>,
) -> Applied {
    let messages = || at.run.payloads().iter().enumerate().filter(|(_, payload)| !is_clearing(at.run, payload));
    let is_large = |payload: &[u8]| payload.len() > VALUE_BYTES_MAX;
    let (mut applied, mut broken) = (Applied::default(), Vec::new());
    let first = messages().find(|(_, payload)| !is_large(payload));
    let mut property = first.and_then(|(_, payload)| state.property_or_infer(name, payload));
    for (place, payload) in messages() {
        let effect = match &mut property {
            _ if is_large(payload) => Err(RuleBroken::TooLarge(payload.len())),
            Some((property, _)) => change(property, payload),
            None => Err(RuleBroken::TooMany),
        };
        match effect {
            Ok(effect) => {
                applied.is_changed |= effect.widened;
                applied.target_changed |= effect.target_changed;
            }
            Err(rule) => broken.push((place, rule)),
        }
    }
    if let Some((property, is_new)) = property {
        applied.is_changed |= is_new;
        applied.awaits = property.target.is_some();
        applied.is_event = property.spec.access.event;
    }
    let refuse = |(place, rule)| (place, reject(state, at, name, at.run.payloads()[place], rule));
    applied.refused = broken.into_iter().map(refuse).collect();
    applied
}

/// Counts a refused message on its device.
fn reject(
    state: &mut DeviceState,
    at: &Recording<'_>,
    property: &PropertyName,
    payload: &[u8],
    broken: RuleBroken,
) -> Rejection {
    const SHOWN_CHARS_MAX: usize = 80;
    let value = String::from_utf8_lossy(payload).chars().take(SHOWN_CHARS_MAX).collect();
    let rejection = Rejection { device: at.device.clone(), property: property.clone(), value, broken };
    state.rejected.count += 1;
    state.rejected.last = Some((rejection.clone(), at.now.wall));
    rejection
}
