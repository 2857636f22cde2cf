//! What the hub made of a publish or subscription, as MQTT reason codes: the one place where they are mapped.

use housewire_core::{Denied, Receipt};
use housewire_protocols::mqtt::{Outcome, ReasonCode};

/// An acknowledgement's reason, with the words for MQTT 5.
pub(super) struct OwnedOutcome {
    reason: ReasonCode,
    text: Option<String>,
}

impl OwnedOutcome {
    pub(super) const SUCCESS: Self = Self { reason: ReasonCode::Success, text: None };

    pub(super) fn failed(reason: ReasonCode, text: String) -> Self {
        Self { reason, text: Some(text) }
    }

    pub(super) fn is_error(&self) -> bool {
        self.reason.is_error()
    }

    pub(super) fn as_outcome(&self) -> Outcome<'_> {
        Outcome { reason: self.reason, text: self.text.as_deref() }
    }
}

/// One outcome per message of a run, in order, without end.
pub(super) fn outcomes(result: &Result<Receipt, Denied>) -> impl Iterator<Item = OwnedOutcome> {
    // In the order of the run, as the messages are.
    let refused = result.as_ref().map(|receipt| &receipt.refused[..]).unwrap_or_default();
    let mut refused = refused.iter().peekable();
    (0..).map(move |place| match result {
        Ok(receipt) => match refused.next_if(|(at, _)| *at == place) {
            Some((_, rejection)) => {
                OwnedOutcome { reason: ReasonCode::PayloadFormatInvalid, text: Some(rejection.to_string()) }
            }
            None if receipt.matched == 0 => OwnedOutcome { reason: ReasonCode::NoMatchingSubscribers, text: None },
            None => OwnedOutcome::SUCCESS,
        },
        Err(denied) => OwnedOutcome { reason: denial_reason(denied), text: Some(denied.to_string()) },
    })
}

/// The reason code of a subscription that was refused.
pub(super) fn filter_denial_reason(denied: &Denied) -> ReasonCode {
    match denied {
        Denied::TopicTooLong(_) | Denied::TopicTooDeep(_) => ReasonCode::TopicFilterInvalid,
        denied => denial_reason(denied),
    }
}

/// The reason code of a refusal.
fn denial_reason(denied: &Denied) -> ReasonCode {
    match denied {
        Denied::NotPermitted { .. } | Denied::HubOnly(_) => ReasonCode::NotAuthorized,
        Denied::DevicesFull | Denied::RetainedFull(_) | Denied::RetainedBytesFull(_) | Denied::DiskFailing => {
            ReasonCode::QuotaExceeded
        }
        Denied::TopicTooLong(_) | Denied::TopicTooDeep(_) => ReasonCode::TopicNameInvalid,
    }
}
