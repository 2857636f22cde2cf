//! Passwords: hashed with Argon2id, which is slow and takes memory on purpose, and so never checked on a shard.

use std::sync::OnceLock;

use argon2::password_hash::Error as HashError;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use parking_lot::Mutex;
use tracing::error;

use crate::accounts::credential::Secret;
use crate::accounts::error::AccountError;
use crate::limits::PASSWORD_CHECKS_MAX;

/// Characters of a password. Length is what makes one strong; the upper bound keeps hashing short.
pub(crate) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=256;

/// What nobody should choose, since everybody tries it first; a password that is one of these, whatever its case, is refused.
const COMMON: [&str; 22] = [
    "password",
    "passw0rd",
    "password1",
    "password123",
    "12345678",
    "123456789",
    "1234567890",
    "87654321",
    "11111111",
    "00000000",
    "qwertyui",
    "qwerty123",
    "qwertyuiop",
    "1q2w3e4r",
    "abcdefgh",
    "abcd1234",
    "iloveyou",
    "raspberry",
    "housewire",
    "changeme",
    "admin123",
    "administrator",
];

/// What RFC 9106 section 3.1 recommends.
const SALT_BYTES: usize = 16;

/// The hash of what nobody knows: whoever gives an unknown name waits as long as whoever gives a wrong password. Made when it is
/// needed first, as it takes memory that a hub without people never needs.
static NOBODYS: OnceLock<String> = OnceLock::new();

/// Whether the password is the one of the hash that is stored; never, if none is. Takes its time in any case.
pub(super) fn matches(password: &[u8], stored: Option<&str>) -> bool {
    let hash = stored.unwrap_or_else(|| NOBODYS.get_or_init(|| hash(Secret::random().reveal())));
    let checked = PasswordHash::new(hash).map_err(HashError::from).and_then(|hash| is_right(password, &hash));
    let is_right = checked.unwrap_or_else(|problem| {
        error!("a password's hash in the database cannot be read ({problem}): that person cannot sign in until it is set anew");
        false
    });
    is_right && stored.is_some()
}

/// The hash of a new password, with a salt of its own. Takes as long as a check.
fn hash(password: &str) -> String {
    // 19 MiB, two passes, one lane: what OWASP's Password Storage Cheat Sheet recommends at the least, and the crate's default.
    let (params, mut salt, mut out) = (Params::DEFAULT, [0; SALT_BYTES], [0; Params::DEFAULT_OUTPUT_LEN]);
    getrandom::fill(&mut salt).expect("the operating system has random numbers: it had some when the hub started");
    let fixed = "the parameters are the library's own";
    derive(Argon2::from(&params), password.as_bytes(), &salt, &mut out).expect(fixed);
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(&params).expect(fixed),
        salt: Some(Salt::new(&salt).expect(fixed)),
        hash: Some(Output::new(&out).expect(fixed)),
    };
    hash.to_string()
}

/// Whether the password is the one of this hash; an error if that is none of Argon2's.
fn is_right(password: &[u8], hash: &PasswordHash) -> Result<bool, HashError> {
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Err(HashError::PasswordInvalid) };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from)?;
    let mut out = vec![0; expected.len()];
    derive(Argon2::new(algorithm, version, Params::try_from(hash)?), password, salt, &mut out)?;
    // `Output` compares in constant time.
    Ok(Output::new(&out)? == *expected)
}

/// What hashing works in, kept for the next time. Given back each time it would stay with the allocator all the same, once for
/// every thread that ever checked a password: a flood of sign-ins would take hundreds of megabytes for good.
static WORKSPACES: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// Gives back what nobody needed lately.
pub(super) fn give_back_workspaces() {
    WORKSPACES.lock().clear();
}

fn derive(argon2: Argon2<'_>, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), argon2::Error> {
    let mut workspace = WORKSPACES.lock().pop().unwrap_or_default();
    workspace.resize(argon2.params().block_count(), Block::new());
    let derived = argon2.hash_password_into_with_memory(password, salt, out, &mut workspace[..]);
    let mut kept = WORKSPACES.lock();
    if kept.len() < PASSWORD_CHECKS_MAX {
        kept.push(workspace);
    }
    derived
}

/// The hash of a password that somebody chose for `name`, unless it is too weak.
pub(super) fn accept(name: &str, password: &str) -> Result<String, AccountError> {
    let refuse = |why: &str| Err(AccountError::Unusable(why.to_owned()));
    if !PASSWORD_CHARS.contains(&password.chars().count()) {
        return refuse(
            "A password has between 8 and 256 characters. A few words are easy to remember and hard to guess.",
        );
    }
    let lower = password.to_lowercase();
    if COMMON.contains(&lower.as_str()) || lower == name.to_lowercase() {
        return refuse(
            "That password is among the first that anybody tries. Choose another one: a few words, for instance.",
        );
    }
    Ok(hash(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_opens() {
        let hash = accept("anna", "correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (hash, password, expected) in [
            (Some(hash.clone()), "correct horse", true),
            (Some(hash.clone()), "Correct horse", false),
            (Some(hash), "", false),
            (None, "correct horse", false),
            (Some("no hash".to_owned()), "no hash", false),
        ] {
            assert_eq!(matches(password.as_bytes(), hash.as_deref()), expected, "{password}");
        }
        assert_ne!(accept("a", "correct horse").unwrap(), accept("a", "correct horse").unwrap(), "each has its salt");
    }

    #[test]
    fn what_hashing_works_in_is_used_again() {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| hash("correct horse"));
            }
        });
        assert!((1..=PASSWORD_CHECKS_MAX).contains(&WORKSPACES.lock().len()));
    }

    #[test]
    fn weak_passwords_are_refused() {
        let long = "x".repeat(257);
        for password in ["", "1234567", "Password", "HOUSEWIRE", "annamaria", "ÄÖÜäöüß", &long] {
            assert!(accept("Annamaria", password).is_err(), "{password}");
        }
        assert!(accept("anna", "ÄÖÜäöüßß").is_ok(), "characters count, not bytes");
    }
}
