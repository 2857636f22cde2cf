//! What one client of a channel (WebSocket, event stream) gets: subscriptions with their stored values first, live
//! messages after.
//!
//! Ends with its owner: dropping it ends the subscriptions. One that its client may come back to is in `kept`. How messages look and
//! how they are written belongs to the transports.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use housewire_core::{
    Denied, Filter, Hub, Mailbox, Qos, Replay, ReplayKind, ReplayProgress, SessionId, SubscribeOptions, Subscriber,
};

use crate::caller::Caller;
use crate::clients::{Client, Clients, Connection, Protocol, Transport};
use crate::limits::{FEED_BYTES_AT_ONCE, REPLAYS_MAX};
use crate::outbox::{Batch, Encoding, Outbox};
use crate::shard;

/// Subscriptions that end when this is dropped.
pub(crate) struct Listening {
    hub: Arc<Hub>,
    subscriber: Arc<Subscriber>,
}

impl Listening {
    /// No subscription yet; what comes goes into `mailbox`.
    pub(crate) fn new(caller: &Caller, session: SessionId, mailbox: Arc<dyn Mailbox>) -> Self {
        let hub = Arc::clone(caller.hub());
        Self { hub, subscriber: Hub::subscriber(session, Arc::clone(caller.principal()), mailbox) }
    }

    pub(crate) fn subscribe(&self, filter: &Filter) -> Result<(), Denied> {
        self.hub.subscribe(&self.subscriber, filter, OPTIONS).map(drop)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.hub.unsubscribe_all(&self.subscriber);
    }
}

/// There is no acknowledging here, so no QoS is too high.
const OPTIONS: SubscribeOptions =
    SubscribeOptions { qos: Qos::ExactlyOnce, no_local: false, retain_as_published: false, identifier: None };

/// See the module.
pub(crate) struct Feed {
    outbox: Arc<Outbox>,
    clients: Arc<Clients>,
    client: Arc<Client>,
    /// Stored values that are still to be shown, one subscription after the other.
    replays: VecDeque<(Filter, Replay)>,
    listening: Listening,
}

impl Feed {
    pub(crate) fn new(caller: &Caller, session: SessionId, protocol: Protocol, encoding: Encoding) -> Self {
        let shard = &caller.shard;
        let bytes_max = shard.config.limits.channel_queue_bytes;
        let outbox = Outbox::new(shard.clone(), caller.peer.address(), encoding, bytes_max);
        let listening = Listening::new(caller, session, Arc::clone(&outbox) as Arc<dyn Mailbox>);
        let connection = connection(caller, protocol, Duration::ZERO);
        let transport = connection.transport;
        let clients = Arc::clone(&shard.clients);
        let measured = Arc::clone(&outbox) as _;
        let client = clients.add(random_id(transport.name()), protocol, Arc::clone(&listening.subscriber), measured);
        connected(caller, &client, connection);
        caller.alive.tap().note_client(&shard.taps, &client);
        Self { outbox, clients, client, replays: VecDeque::new(), listening }
    }

    /// How it is seen by those who look after the hub.
    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The client may come back within `keep`: from now on its messages of QoS 1 and 2 are numbered and kept until they are acknowledged.
    pub(crate) fn keep(&self, caller: &Caller, keep: Duration) {
        self.outbox.keep(caller.shard.config.limits.ws_session_bytes);
        connected(caller, &self.client, connection(caller, self.client.protocol(), keep));
    }

    /// The client is away.
    pub(crate) fn leave(&self) {
        self.clients.left(&self.client);
    }

    /// The client of an event stream has another connection.
    pub(crate) fn come_back(&self, caller: &Caller) {
        connected(caller, &self.client, connection(caller, self.client.protocol(), Duration::ZERO));
    }

    /// The client is back, over this connection, and has everything up to the number `last`; what else was sent comes again. How many
    /// messages behind that number are lost; `None`, and nothing is changed, if it was never sent.
    pub(crate) fn resume(&self, caller: &Caller, last: u64, keep: Duration) -> Option<u64> {
        let lost = self.outbox.resume(last, caller.shard.clone(), caller.peer.address())?;
        connected(caller, &self.client, connection(caller, self.client.protocol(), keep));
        Some(lost)
    }

    /// Whether its messages look like this.
    pub(crate) fn is_encoded(&self, encoding: &Encoding) -> bool {
        self.outbox.is_encoded(encoding)
    }

    /// The client has everything up to this number; `false` if it was never sent.
    pub(crate) fn acknowledge(&self, sequence: u64) -> bool {
        self.outbox.acknowledge(sequence)
    }

    pub(crate) fn subscription_count(&self) -> usize {
        self.listening.subscriber.subscription_count()
    }

    /// Subscribes; stored values come first, and again if it was subscribed to this filter before.
    pub(crate) fn subscribe(&mut self, filter: Filter) -> Result<(), Denied> {
        self.listening.subscribe(&filter)?;
        self.replays.retain(|(have, _)| *have != filter);
        self.replays.push_back((filter.clone(), Hub::replay(filter, ReplayKind::Present, OPTIONS)));
        Ok(())
    }

    /// Ends a subscription; whether there was one.
    pub(crate) fn unsubscribe(&mut self, filter: &Filter) -> bool {
        self.replays.retain(|(have, _)| have != filter);
        self.listening.hub.unsubscribe(&self.listening.subscriber, filter)
    }

    /// Whether another subscription had better wait until more of the stored values were taken.
    pub(crate) fn is_behind(&self) -> bool {
        self.replays.len() >= REPLAYS_MAX
    }

    /// Takes what is there to be written now, and sees to it that stored values follow.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        if let Some((_, replay)) = self.replays.front_mut()
            && !self.outbox.is_congested()
        {
            let progress = self.listening.hub.continue_replay(&self.listening.subscriber, replay, shard::now());
            if progress == ReplayProgress::Done {
                self.replays.pop_front();
            }
        }
        self.take_queued()
    }

    /// Takes what has been queued already.
    pub(crate) fn take_queued(&self) -> Option<Batch> {
        self.outbox.take(FEED_BYTES_AT_ONCE)
    }

    /// How much has been queued already.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.outbox.queued_bytes()
    }

    /// Whether there is something to take now, or stored values are still to be shown.
    pub(crate) fn has_more(&self) -> bool {
        !self.replays.is_empty() || self.queued_bytes() > 0
    }

    /// Resolves when there is something to take, or stored values are still to be shown.
    pub(crate) async fn filled(&self) {
        if self.replays.is_empty() {
            self.outbox.filled().await;
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.outbox.close();
        self.clients.remove(&self.client);
    }
}

fn connection(caller: &Caller, protocol: Protocol, keep: Duration) -> Connection {
    let transport = if protocol == Protocol::WebSocket { Transport::WebSocket } else { Transport::Http };
    Connection {
        peer: caller.peer.address(),
        credential: caller.login.credential,
        transport: transport.secured(caller.peer.is_secure()),
        version: None,
        keep_alive_s: 0,
        session_expiry_s: Some(u32::try_from(keep.as_secs()).unwrap_or(u32::MAX)),
    }
}

fn connected(caller: &Caller, client: &Client, connection: Connection) {
    caller.shard.clients.connected(client, connection);
    if !caller.shard.accounts.is_valid(&caller.login) {
        // Taken back in this very moment, when nobody saw yet that it is in use.
        client.turn_out();
    }
}

/// These clients bring no id of their own.
fn random_id(stem: &str) -> Arc<str> {
    Arc::from(format!("{stem}-{:016x}", fastrand::u64(..)))
}
