//! Who is let in by the naive broker: everybody but the user `nobody`; and `user` may prove that it knows `pencil`.

use std::sync::LazyLock;

use housewire_protocols::mqtt::{AuthStep, Connect, ReasonCode};
use housewire_protocols::scram::{Challenge, ClientFirst, Credentials, ScramError};

/// Part of the nonce of RFC 7677 section 3 that is the server's; always the same, so that rows can name it.
const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SALT: [u8; 16] = [0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
const ITERATIONS: u32 = 4_096;
/// Derived once: it is slow on purpose.
static USER: LazyLock<Credentials> = LazyLock::new(|| Credentials::derive(b"pencil", &SALT, ITERATIONS));

/// What a connection said of itself.
#[derive(Clone, Default)]
pub(crate) struct Door {
    pub(crate) client_id: String,
    pub(crate) clean_start: bool,
    challenge: Option<Challenge>,
    is_inside: bool,
}

/// What to do about it.
pub(crate) enum Decision {
    Accept(Vec<u8>),
    Challenge(Vec<u8>),
    Confirm(Vec<u8>),
    Refuse(ReasonCode),
}

impl Door {
    pub(crate) fn handle_connect(&mut self, connect: &Connect<'_>) -> Decision {
        self.client_id = connect.client_id.to_owned();
        self.clean_start = connect.clean_start;
        if connect.username == Some("nobody") {
            return Decision::Refuse(ReasonCode::NotAuthorized);
        }
        match connect.authentication_method {
            Some(_) => self.handle_auth(AuthStep::Begin(connect.authentication_data.unwrap_or_default())),
            None => self.enter(Vec::new()),
        }
    }

    pub(crate) fn handle_auth(&mut self, step: AuthStep<'_>) -> Decision {
        self.exchange(step).unwrap_or(Decision::Refuse(ReasonCode::NotAuthorized))
    }

    fn exchange(&mut self, step: AuthStep<'_>) -> Result<Decision, ScramError> {
        match step {
            AuthStep::Begin(data) => {
                let first = ClientFirst::parse(data)?;
                let credentials = match first.username() {
                    "user" => USER.clone(),
                    other => Credentials::fake(&[7; 32], other, &[USER.shape()]),
                };
                let (challenge, text) = first.challenge(credentials, NONCE);
                self.challenge = Some(challenge);
                Ok(Decision::Challenge(text.into_bytes()))
            }
            AuthStep::Continue(data) => {
                let challenge = self.challenge.take().expect("the machine lets nobody answer what was not asked");
                let text = challenge.verify(data)?.into_bytes();
                Ok(if self.is_inside { Decision::Confirm(text) } else { self.enter(text) })
            }
        }
    }

    fn enter(&mut self, data: Vec<u8>) -> Decision {
        self.is_inside = true;
        Decision::Accept(data)
    }
}
