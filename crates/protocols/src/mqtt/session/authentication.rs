//! Enhanced authentication (MQTT 5 section 4.12): which AUTH packets are in place, in a first exchange or a later one.
//!
//! What their data mean is the mechanism's affair, and whom to let in the shell's.

use super::error::ProtocolError;
use super::event::{AuthStep, Event};
use crate::mqtt::packet::{Auth, Connect, Packet, PacketKind};
use crate::mqtt::reason::ReasonCode;
use crate::scram::MECHANISM;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Authentication {
    /// CONNECT named no method, so there is no AUTH [MQTT-4.12.0-6], [MQTT-4.12.0-7].
    #[default]
    None,
    /// A method is agreed on, and no exchange is going on.
    Done,
    /// An exchange is going on; the client has the word, or the shell decides.
    Going,
}

impl Authentication {
    /// What a CONNECT asks for.
    pub(super) fn of(connect: &Connect<'_>) -> Result<Self, ProtocolError> {
        match (connect.authentication_method, connect.authentication_data) {
            (Some(MECHANISM), _) => Ok(Self::Going),
            (Some(_), _) => Err(ProtocolError::AuthenticationMethod),
            (None, Some(_)) => Err(ProtocolError::AuthenticationData),
            (None, None) => Ok(Self::None),
        }
    }

    /// The method that CONNACK repeats [MQTT-4.12.0-5]; there is only one.
    pub(super) fn method(self) -> Option<&'static str> {
        (self != Self::None).then_some(MECHANISM)
    }

    /// An AUTH came.
    pub(super) fn handle<'a>(&mut self, auth: &Auth<'a>) -> Result<Event<'a>, ProtocolError> {
        let step: fn(&'a [u8]) -> AuthStep<'a> = match (*self, auth.reason) {
            (Self::Going, ReasonCode::ContinueAuthentication) => AuthStep::Continue,
            (Self::Done, ReasonCode::ReAuthenticate) => AuthStep::Begin,
            _ => return Err(ProtocolError::Unexpected(PacketKind::Auth)),
        };
        match auth.method {
            Some(MECHANISM) => {}
            Some(_) => return Err(ProtocolError::AuthenticationMethod),
            None => return Err(ProtocolError::NoAuthenticationMethod),
        }
        *self = Self::Going;
        Ok(Event::Authenticate(step(auth.data.unwrap_or_default())))
    }
}

/// An AUTH of ours.
pub(super) fn packet(reason: ReasonCode, data: &[u8]) -> Packet<'_> {
    Packet::Auth(Auth { reason, method: Some(MECHANISM), data: Some(data), ..Auth::default() })
}
