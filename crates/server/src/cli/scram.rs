//! `housewire scram`: turns a password into what the config file keeps of it. Talks to no hub.

use clap::Args;
use housewire_protocols::limits::{PASSWORD_BYTES_MAX, SCRAM_ITERATIONS};
use housewire_protocols::scram::Credentials;

use super::failure::Failure;
use super::output::Output;
use super::password;
use crate::config::check_user_name;

const EXAMPLE: &str = "\
The password is read from standard input, or asked for. What is printed is a section for the config file, from which the
password cannot be read. To change a password, replace the section and start the hub again.

Example:
  housewire scram anna >> housewire.toml
  printf %s \"$PASSWORD\" | housewire scram anna --iterations 100000";

/// Arguments of `housewire scram`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Scram {
    /// The user's name
    name: String,
    /// Rounds that make guessing slow, and logging in with a plain password too
    #[arg(long, value_name = "N", default_value_t = *SCRAM_ITERATIONS.start())]
    iterations: u32,
}

impl Scram {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        const SALT_BYTES: usize = 16;
        let refuse = |why: &str, next| Failure::Usage {
            what: format!("cannot make a section for '{}'", self.name),
            why: why.to_owned(),
            next,
        };
        let name = check_user_name(&self.name).map_err(|why| refuse(why, "Use another name."))?;
        if !SCRAM_ITERATIONS.contains(&self.iterations) {
            return Err(refuse("--iterations must be from 4096 to 1000000", "Leave it out to get 4096."));
        }
        let password = password::read()?;
        if password.is_empty() {
            return Err(refuse("the password is empty", "Give one on standard input."));
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(refuse(
                "the password has more than 1024 bytes",
                "The hub lets nobody in with it; use a shorter one.",
            ));
        }
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt)
            .map_err(|error| Failure::Machine { what: "no random numbers".to_owned(), error: error.into() })?;
        let keys = Credentials::derive(&password, &salt, self.iterations);
        output.text(&format!("[users.{}]\nscram_sha_256 = \"{keys}\"\n", toml_key(&name)))
    }
}

/// A name as TOML wants it in a section's head.
fn toml_key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    // Control characters are no part of a name, so these two are all that TOML wants escaped.
    if is_bare { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_toml_as_they_are() {
        for name in ["anna", "A-1_b", "anna b", "ä", "a\"b\\c", "a.b"] {
            let text = format!("[users.{}]\nscram_sha_256 = \"x\"", toml_key(name));
            let settings: crate::config::Settings = toml::from_str(&text).unwrap();
            assert_eq!(settings.users.unwrap().keys().collect::<Vec<_>>(), [name]);
        }
    }
}
