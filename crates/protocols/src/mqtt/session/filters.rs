//! The filters of SUBSCRIBE and UNSUBSCRIBE: which are wrong, which are not served, which are fine.

use housewire_core::{Filter, TopicError};

use super::error::ProtocolError;
use super::event::{Event, SubscriptionRequest};
use crate::mqtt::packet::{Subscribe, SubscriptionOptions, Unsubscribe};
use crate::mqtt::reason::ReasonCode;

pub(super) fn handle_subscribe<'a>(subscribe: &Subscribe<'_>) -> Result<Event<'a>, ProtocolError> {
    let parse = |&(text, options): &(&str, SubscriptionOptions)| {
        if is_shared(text)? {
            if options.no_local {
                return Err(ProtocolError::SharedNoLocal);
            }
            return Ok(Err(ReasonCode::SharedSubscriptionsNotSupported));
        }
        Ok(parse_filter(text)?.map(|filter| SubscriptionRequest { filter, options }))
    };
    let requests = subscribe.filters.iter().map(parse).collect::<Result<_, _>>()?;
    Ok(Event::Subscribe { packet_id: subscribe.packet_id, identifier: subscribe.identifier, requests })
}

pub(super) fn handle_unsubscribe<'a>(unsubscribe: &Unsubscribe<'_>) -> Result<Event<'a>, ProtocolError> {
    let parse = |&text: &&str| {
        if is_shared(text)? {
            return Ok(Err(ReasonCode::NoSubscriptionExisted));
        }
        parse_filter(text)
    };
    let filters = unsubscribe.filters.iter().map(parse).collect::<Result<_, _>>()?;
    Ok(Event::Unsubscribe { packet_id: unsubscribe.packet_id, filters })
}

/// A filter that can never be right ends the connection; one that is right but not served here is refused by itself.
fn parse_filter(text: &str) -> Result<Result<Filter, ReasonCode>, ProtocolError> {
    match Filter::parse(text) {
        Ok(filter) => Ok(Ok(filter)),
        Err(TopicError::TooLong(_) | TopicError::TooDeep) => Ok(Err(ReasonCode::TopicFilterInvalid)),
        Err(error) => Err(ProtocolError::TopicFilter(error)),
    }
}

/// Whether a filter is a shared one; checks its form [MQTT-4.8.2-1], [MQTT-4.8.2-2].
fn is_shared(text: &str) -> Result<bool, ProtocolError> {
    let Some(share) = text.strip_prefix("$share/") else { return Ok(false) };
    match share.split_once('/') {
        Some((name, filter)) if !name.is_empty() && !name.contains(['+', '#']) && !filter.is_empty() => Ok(true),
        _ => Err(ProtocolError::SharedFilter),
    }
}
