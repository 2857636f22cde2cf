//! One message from a request to the hub, for the transports that publish message by message.

use std::sync::Arc;

use housewire_core::{Properties, Publisher, Qos, Run, Topic};

use crate::persist::Due;
use crate::refusal::Refusal;
use crate::shard;

/// What a request publishes.
pub(crate) struct Publication<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) properties: Properties,
}

/// Publishes; an error if the hub or the declared rules of a property refuse it. What is returned must be so before the client
/// is told that all is well.
pub(crate) fn publish(publisher: &Publisher, publication: Publication<'_>) -> Result<Option<Due>, Refusal> {
    let Publication { topic, payload, qos, retain, properties } = publication;
    let properties = (!properties.is_empty()).then(|| Arc::new(properties));
    let payloads = [payload];
    let run = Run::new(topic.borrow(), &payloads).qos(qos).retain(retain).properties(properties.as_ref());
    let receipt = publisher.publish_run(run, shard::now())?;
    let due = Due::of(&receipt, qos);
    match receipt.refused.into_iter().next() {
        Some((_, rejection)) => Err(Refusal::Rejected(Box::new(rejection))),
        None => Ok(due),
    }
}
