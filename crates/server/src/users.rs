//! The users of the config file, who may use SCRAM over MQTT as people with accounts cannot: who they are, and how they show it.
//!
//! Which packets carry a password or a proof belongs to the transports; what a user may do is checked in `core`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use housewire_core::{Principal, Role};
use housewire_protocols::scram::{Credentials, Shape, prepared};
use tracing::error;

use crate::accounts::LoginError;

struct User {
    /// One for the hub's life: sessions belong to it.
    principal: Arc<Principal>,
    credentials: Credentials,
}

/// See the module.
pub(crate) struct Users {
    by_name: HashMap<String, User>,
    /// Makes up credentials for unknown users, so that they are answered like known ones.
    secret: [u8; 32],
    /// What those of known users look like, one for each user.
    shapes: Vec<Shape>,
}

impl Users {
    /// Names are in the form in which they are compared. `secret` stays the same from start to start, or whoever looked twice
    /// would know which names are made up.
    pub(crate) fn new(configured: &BTreeMap<String, Credentials>, secret: [u8; 32]) -> Self {
        let user = |(name, credentials): (&String, &Credentials)| {
            let principal = Arc::new(Principal::new(name.clone(), Role::Member.permissions()));
            (name.clone(), User { principal, credentials: credentials.clone() })
        };
        Self {
            by_name: configured.iter().map(user).collect(),
            secret,
            shapes: configured.values().map(Credentials::shape).collect(),
        }
    }

    /// Whether there are none, so that names mean nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether there is one of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        prepared(name).is_some_and(|name| self.by_name.contains_key(&name))
    }

    /// What somebody of this name has to know; of somebody unknown, what nobody knows.
    pub(crate) fn credentials(&self, name: &str) -> Credentials {
        match self.by_name.get(name) {
            Some(user) => user.credentials.clone(),
            None => Credentials::fake(&self.secret, name, &self.shapes),
        }
    }

    /// Somebody who has shown who he is.
    pub(crate) fn principal(&self, name: &str) -> Option<Arc<Principal>> {
        self.by_name.get(name).map(|user| Arc::clone(&user.principal))
    }

    /// A nonce for a SCRAM exchange: never the same again, and not guessable.
    pub(crate) fn nonce(&self) -> Result<String, LoginError> {
        let mut bytes = [0; 18];
        getrandom::fill(&mut bytes).map_err(|error| {
            error!("the system gives no random numbers: {error}");
            LoginError::Machine
        })?;
        Ok(BASE64_STANDARD_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use housewire_protocols::limits::SCRAM_ITERATIONS;

    fn users() -> Users {
        let credentials = Credentials::derive(b"pencil", b"salt", *SCRAM_ITERATIONS.start());
        Users::new(&BTreeMap::from([("anna".to_owned(), credentials)]), [7; 32])
    }

    #[test]
    fn a_password_is_checked_for_one_user() {
        let users = users();
        assert_eq!(users.principal("anna").unwrap().name(), "anna");
        for (name, password, expected) in
            [("anna", "pencil", true), ("anna", "Pencil", false), ("bob", "pencil", false), ("", "pencil", false)]
        {
            assert_eq!(users.credentials(name).is_password(password.as_bytes()), expected, "{name} {password}");
        }
        assert!(users.contains("anna") && !users.contains("bob") && users.principal("bob").is_none());
    }

    #[test]
    fn unknown_users_stay_the_same() {
        let users = users();
        assert_eq!(users.credentials("bob"), self::users().credentials("bob"));
        assert_ne!(users.credentials("bob"), users.credentials("ben"));
        assert_ne!(users.nonce().unwrap(), users.nonce().unwrap());
    }

    #[test]
    fn unknown_users_have_the_iterations_and_salts_of_known_ones() {
        let of = |salt: &[u8], iterations| Credentials::derive(b"pencil", salt, iterations);
        let configured = [("anna", of(b"salt", 4_096)), ("ben", of(b"a longer salt", 5_000))];
        let users = Users::new(&configured.map(|(name, credentials)| (name.to_owned(), credentials)).into(), [7; 32]);
        let mut seen = [0; 2];
        for number in 0..200 {
            let credentials = users.credentials(&format!("nobody {number}"));
            match (credentials.iterations(), credentials.salt().len()) {
                (4_096, 4) => seen[0] += 1,
                (5_000, 13) => seen[1] += 1,
                other => panic!("no user has {other:?}"),
            }
        }
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    }
}
