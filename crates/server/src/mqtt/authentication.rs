//! Who an MQTT client is: a guest, somebody with a token or a password, or one who proves to know his (SCRAM in AUTH packets).
//!
//! Who there is belongs to `accounts` and `users`, which AUTH packets are in place to the machine in `protocols`.

use std::net::IpAddr;
use std::sync::Arc;

use housewire_core::Principal;
use housewire_protocols::mqtt::{AuthStep, Connect, Event, ReasonCode};
use housewire_protocols::scram::{Challenge, ClientFirst, ScramError, prepared};

use crate::accounts::{Kind, Login as Who, LoginError, SECRET_CHARS, Via};
use crate::mqtt::connection::Connection;
use crate::mqtt::dialect;
use crate::mqtt::end::{End, write_all};
use crate::shard::Shard;

/// What a CONNECT says of who connects.
pub(super) enum Login {
    /// Nothing, which makes a guest.
    Nameless,
    Password {
        username: String,
        password: Vec<u8>,
    },
    /// The first message of an exchange.
    Scram(Vec<u8>),
}

/// Somebody who was let in.
pub(super) struct Admitted {
    pub(super) who: Who,
    /// Goes back in CONNACK: the hub's own proof.
    pub(super) proof: Option<String>,
}

/// An exchange in which the client has the word.
pub(super) struct Pending {
    username: String,
    challenge: Challenge,
}

impl Login {
    pub(super) fn of(connect: &Connect<'_>) -> Self {
        match (connect.authentication_method, connect.username) {
            // The machine lets through one method only.
            (Some(_), _) => Self::Scram(connect.authentication_data.unwrap_or_default().to_owned()),
            (None, Some(username)) => Self::Password {
                username: username.to_owned(),
                password: connect.password.unwrap_or_default().to_owned(),
            },
            (None, None) => Self::Nameless,
        }
    }
}

impl From<LoginError> for End {
    fn from(error: LoginError) -> Self {
        let reason = match error {
            LoginError::Refused | LoginError::NoToken => ReasonCode::BadUserNameOrPassword,
            LoginError::Slowed(_) => ReasonCode::ConnectionRateExceeded,
            LoginError::Busy => ReasonCode::ServerBusy,
            LoginError::Machine => ReasonCode::ServerUnavailable,
        };
        Self::Hub(reason, error.to_string())
    }
}

impl From<ScramError> for End {
    fn from(error: ScramError) -> Self {
        Self::Hub(ReasonCode::NotAuthorized, error.to_string())
    }
}

impl Pending {
    fn begin(shard: &Shard, data: &[u8]) -> Result<(Box<Self>, String), End> {
        let first = ClientFirst::parse(data)?;
        let username = first.username().to_owned();
        let (challenge, text) = first.challenge(shard.users.credentials(&username), &shard.users.nonce()?);
        Ok((Box::new(Self { username, challenge }), text))
    }

    fn finish(self, shard: &Shard, data: &[u8]) -> Result<(Arc<Principal>, String), End> {
        let proof = self.challenge.verify(data)?;
        let principal = shard.users.principal(&self.username).ok_or(ScramError::Refused)?;
        Ok((principal, proof))
    }
}

/// Who shows this name and password: a token as either of them, somebody with an account, a user of the config file. `None` as long
/// as the hub knows nobody, when names mean nothing.
async fn log_in(shard: &Shard, username: &str, password: Vec<u8>, address: IpAddr) -> Result<Option<Who>, LoginError> {
    let (accounts, users) = (&shard.accounts, &shard.users);
    // Most boards take a name and a password; with a token it does not matter which name it is.
    let shown = if password.is_empty() { Some(username) } else { std::str::from_utf8(&password).ok() };
    if let Some(who) = shown.and_then(|token| accounts.find_token(token, address)) {
        return Ok(Some(who));
    }
    if users.contains(username) {
        let name = prepared(username).unwrap_or_default();
        let credentials = users.credentials(&name);
        let check = move || credentials.is_password(&password).then_some(()).ok_or(LoginError::Refused);
        accounts.slowly(&name, address, Via::Mqtt, check).await?;
        let principal = users.principal(&name).ok_or(LoginError::Refused)?;
        return Ok(Some(Who::of(principal, Kind::Person)));
    }
    if users.is_empty() && !accounts.knows_anybody() {
        // Blynk's devices learn from a refusal that their token is none; as a guest they would wait for ever.
        let is_blynk = shard.config.blynk.enabled && username == dialect::USER && password.len() == SECRET_CHARS;
        return if is_blynk { Err(LoginError::NoToken) } else { Ok(None) };
    }
    accounts.by_password(username, password, address, Via::Mqtt).await.map(Some)
}

fn admit(guest: Result<Who, &'static str>) -> Result<Admitted, End> {
    match guest {
        Ok(who) => Ok(Admitted { who, proof: None }),
        Err(why) => Err(End::Hub(ReasonCode::NotAuthorized, why.to_owned())),
    }
}

impl Connection {
    /// Finds out who it is: the guest that its address and its door make of it, or a user, by an exchange with the client if that asked for one.
    pub(super) async fn identify(
        &mut self,
        login: Login,
        address: IpAddr,
        guest: Result<Who, &'static str>,
    ) -> Result<Admitted, End> {
        let shard = self.shard().clone();
        match login {
            Login::Password { username, password } => {
                let stopping = shard.stopping();
                tokio::select! {
                    () = stopping => Err(End::shutting_down()),
                    who = log_in(&shard, &username, password, address) => match who? {
                        Some(who) => Ok(Admitted { who, proof: None }),
                        None => admit(guest),
                    }
                }
            }
            Login::Scram(_) if shard.users.is_empty() => {
                let text = "the hub's configuration has no users; connect without a name";
                Err(End::Hub(ReasonCode::BadAuthenticationMethod, text.to_owned()))
            }
            Login::Scram(first) => self.exchange(&shard, &first, address).await,
            Login::Nameless => admit(guest),
        }
    }

    async fn exchange(&mut self, shard: &Shard, first: &[u8], address: IpAddr) -> Result<Admitted, End> {
        let (pending, text) = Pending::begin(shard, first)?;
        let username = pending.username.clone();
        let mut bytes = Vec::new();
        let challenge = self.inbound.challenge(text.as_bytes());
        self.inbound.reply(&challenge, &mut bytes);
        // As little as this fits into any socket's buffer; a client that sees to it that it does not is not waited for.
        if tokio::time::timeout(shard.config.limits.greeting_timeout, write_all(&self.socket, &bytes)).await.is_err() {
            return Err(End::Lost);
        }
        let answer = self.read_until(|event| match event {
            Event::Authenticate(AuthStep::Continue(data)) => Ok(Some(data.to_owned())),
            Event::Disconnect => Err(End::Client),
            _ => Ok(None),
        });
        let proved = pending.finish(shard, &answer.await?);
        // Guessed as slowly as by any other door: whoever has to wait does not hear whether this one was right.
        let counted = proved.as_ref().map(drop).map_err(|_| LoginError::Refused);
        match shard.accounts.slowly(&username, address, Via::Mqtt, move || counted).await {
            Ok(()) | Err(LoginError::Refused) => {}
            Err(slowed) => return Err(slowed.into()),
        }
        let (principal, proof) = proved?;
        Ok(Admitted { who: Who::of(principal, Kind::Person), proof: Some(proof) })
    }

    /// A step of an exchange on a live connection of this user, which goes on as it was meanwhile.
    pub(super) fn reauthenticate(&mut self, step: AuthStep<'_>, user: &str, replies: &mut Vec<u8>) -> Result<(), End> {
        match (step, self.pending.take()) {
            (AuthStep::Begin(data), _) => {
                let (pending, text) = Pending::begin(self.shard(), data)?;
                // Before a proof is looked at: nobody guesses here what others' passwords are.
                let asked = self.shard().users.principal(&pending.username);
                if asked.is_none_or(|principal| principal.name() != user) {
                    let text = "another user than the one who connected; make a connection of its own";
                    return Err(End::Hub(ReasonCode::NotAuthorized, text.to_owned()));
                }
                self.pending = Some(pending);
                let packet = self.inbound.challenge(text.as_bytes());
                self.inbound.reply(&packet, replies);
            }
            (AuthStep::Continue(data), Some(pending)) => {
                let (_, proof) = pending.finish(self.shard(), data)?;
                let packet = self.inbound.reauthenticated(proof.as_bytes());
                self.inbound.reply(&packet, replies);
            }
            (AuthStep::Continue(_), None) => return Err(ScramError::Refused.into()),
        }
        Ok(())
    }
}
