//! The filters of SUBSCRIBE and UNSUBSCRIBE: which are wrong, which are not served, which are fine.

use housewire_core::{Filter, TopicError};

use super::error::ProtocolError;
use super::event::{Event, SubscriptionRequest};
use crate::limits::PACKET_FILTERS_MAX;
use crate::mqtt::packet::{Subscribe, SubscriptionOptions, Unsubscribe};
use crate::mqtt::reason::ReasonCode;

pub(super) fn handle_subscribe<'a>(subscribe: &Subscribe<'_>) -> Result<Event<'a>, ProtocolError> {
    let parse = |&(text, options): &(&str, SubscriptionOptions)| {
        match parse_filter(text)? {
            // [MQTT-3.8.3-4]
            Ok(filter) if filter.is_shared() && options.no_local => Err(ProtocolError::SharedNoLocal),
            filter => Ok(filter.map(|filter| SubscriptionRequest { filter, options })),
        }
    };
    let served = subscribe.filters.iter().take(PACKET_FILTERS_MAX).map(parse);
    // The rest is not even looked at.
    let refused = subscribe.filters.len().saturating_sub(PACKET_FILTERS_MAX);
    let refused = std::iter::repeat_n(Ok(Err(ReasonCode::QuotaExceeded)), refused);
    let requests = served.chain(refused).collect::<Result<_, _>>()?;
    Ok(Event::Subscribe { packet_id: subscribe.packet_id, identifier: subscribe.identifier, requests })
}

pub(super) fn handle_unsubscribe<'a>(unsubscribe: &Unsubscribe<'_>) -> Result<Event<'a>, ProtocolError> {
    // UNSUBACK has no word for it, before MQTT 5 none at all, and the client would go on getting what it wants no more.
    if unsubscribe.filters.len() > PACKET_FILTERS_MAX {
        return Err(ProtocolError::UnsubscribeTooLong);
    }
    let filters = unsubscribe.filters.iter().map(|text| parse_filter(text)).collect::<Result<_, _>>()?;
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
