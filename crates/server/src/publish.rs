//! One message from a request to the hub, for the transports that publish message by message.

use std::sync::Arc;

use housewire_core::{BatchNumber, Properties, Publisher, Qos, Run, Topic};

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

/// Publishes; an error if the hub or the declared rules of a property refuse it. What is returned must be on disk before
/// the client is told that all is well.
pub(crate) fn publish(publisher: &Publisher, publication: Publication<'_>) -> Result<Option<BatchNumber>, Refusal> {
    let Publication { topic, payload, qos, retain, properties } = publication;
    let properties = (!properties.is_empty()).then(|| Arc::new(properties));
    let payloads = [payload];
    let run = Run::new(topic.borrow(), &payloads).qos(qos).retain(retain).properties(properties.as_ref());
    let receipt = publisher.publish_run(run, shard::now())?;
    match receipt.refused.into_iter().next() {
        Some((_, rejection)) => Err(Refusal::Rejected(Box::new(rejection))),
        None => Ok(receipt.durable_with),
    }
}
