//! `housewire user`: people with accounts. Passwords are read from standard input or asked for.

use clap::{Args, Subcommand};
use housewire_core::{Filter, Role};
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::view::age;
use super::{HubCommand, HubOptions, password, table};

const EXAMPLE: &str = "\
Without a command it lists everybody. Takes an admin's token once there is an admin; on the hub's own machine --token-file
DATA/local/token will do, also when nobody remembers a password.

Example:
  housewire user add anna --role admin
  housewire user password anna --token-file housewire-data/local/token
  housewire user change ben --role viewer --deny 'secret/#'";

/// Arguments of `housewire user`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct Users {
    #[command(subcommand)]
    command: Option<UsersCommand>,
    #[command(flatten)]
    options: HubOptions,
}

/// What can be done with people.
#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// List everybody who has an account
    List,
    /// Give somebody an account; the first one should be an admin
    Add {
        /// How they sign in
        name: String,
        /// What they may do: admin (everything), member (read and write) or viewer (read)
        #[arg(long, value_parser = parse_role)]
        role: Role,
        #[command(flatten)]
        rights: Rights,
    },
    /// Change what somebody may do, at once
    Change {
        /// Whose
        name: String,
        /// What they may do: admin, member or viewer
        #[arg(long, value_parser = parse_role)]
        role: Option<Role>,
        /// Back to what the role may read and write
        #[arg(long, conflicts_with_all = ["read", "write", "deny"])]
        as_role: bool,
        #[command(flatten)]
        rights: Rights,
    },
    /// Set somebody's password; whoever is signed in as them is not any more
    Password {
        /// Whose
        name: String,
    },
    /// Take somebody's account away, at once
    Remove {
        /// Whose
        name: String,
    },
}

/// Rights beside a role.
#[derive(Debug, Default, Args)]
pub(super) struct Rights {
    /// Topics they may read instead of what the role may; may be given several times
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    read: Vec<Filter>,
    /// Topics they may write instead of what the role may; may be given several times
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    write: Vec<Filter>,
    /// Topics they may neither read nor write; may be given several times
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    deny: Vec<Filter>,
}

pub(super) fn parse_role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "choose admin, member or viewer".to_owned())
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|error| error.to_string())
}

impl Rights {
    /// Adds the lists that were named.
    pub(super) fn add_to(&self, body: &mut Map<String, Value>) {
        let Self { read, write, deny } = self;
        for (key, filters) in [("read", read), ("write", write), ("deny", deny)] {
            if !filters.is_empty() {
                body.insert(key.to_owned(), filters.iter().map(Filter::as_str).collect());
            }
        }
    }
}

/// One person as the hub shows him, as far as people are told.
#[derive(Debug, Deserialize)]
struct UserView {
    name: String,
    role: String,
    read: Option<Vec<String>>,
    write: Option<Vec<String>>,
    deny: Vec<String>,
    last_sign_in: Option<String>,
    sessions: u64,
}

impl HubCommand for Users {
    fn options(&self) -> &HubOptions {
        &self.options
    }

    async fn run(self, client: &Client, output: &Output) -> Result<(), Failure> {
        match self.command.unwrap_or(UsersCommand::List) {
            UsersCommand::List => list(client, output).await,
            UsersCommand::Add { name, role, rights } => {
                let mut body = Map::from_iter([
                    ("name".to_owned(), json!(name)),
                    ("role".to_owned(), json!(role.name())),
                    ("password".to_owned(), json!(password::read_text()?)),
                ]);
                rights.add_to(&mut body);
                let request = client.request(Method::POST, client.hub.api(["users"])).json(&body);
                let added: Box<RawValue> = client.fetch(&format!("cannot add {name}"), request).await?;
                output.done(&format!("Added {name}, {}.", role.name()), &added)
            }
            UsersCommand::Change { name, role, as_role, rights } => {
                let mut body = Map::new();
                if let Some(role) = role {
                    body.insert("role".to_owned(), json!(role.name()));
                }
                if as_role {
                    let reset = [("read", Value::Null), ("write", Value::Null), ("deny", json!([]))];
                    body.extend(reset.map(|(key, value)| (key.to_owned(), value)));
                }
                rights.add_to(&mut body);
                let done = format!("Changed {name}; it counts from now on.");
                change(client, output, &name, &Value::Object(body), &done).await
            }
            UsersCommand::Password { name } => {
                let body = json!({"password": password::read_text()?});
                let done = format!("Changed {name}'s password; whoever was signed in as {name} is not any more.");
                change(client, output, &name, &body, &done).await
            }
            UsersCommand::Remove { name } => {
                let request = client.request(Method::DELETE, client.hub.api(["users", &name]));
                client.send(&format!("cannot remove {name}"), request).await?;
                output.done(&format!("Removed {name}."), &json!({"removed": name}))
            }
        }
    }
}

async fn change(client: &Client, output: &Output, name: &str, body: &Value, done: &str) -> Result<(), Failure> {
    let request = client.request(Method::PATCH, client.hub.api(["users", name])).json(body);
    let changed: Box<RawValue> = client.fetch(&format!("cannot change {name}"), request).await?;
    output.done(done, &changed)
}

async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let what = "cannot list the users";
    let request = client.request(Method::GET, client.hub.api(["users"]));
    if output.is_json() {
        return output.json(&client.fetch::<Box<RawValue>>(what, request).await?);
    }
    let users: Vec<UserView> = client.fetch(what, request).await?;
    if users.is_empty() {
        output.note("There are no accounts. Make the first: housewire user add NAME --role admin");
        return Ok(());
    }
    let now = Timestamp::now();
    let row = |user: &UserView| {
        let seen = user.last_sign_in.as_deref().map(|time| age(time, now)).unwrap_or_default();
        vec![user.name.clone(), user.role.clone(), user.rights(), seen, user.sessions.to_string()]
    };
    let rows: Vec<_> = users.iter().map(row).collect();
    output.text(&table::render(&["NAME", "ROLE", "RIGHTS", "SIGNED IN", "BROWSERS"], &rows))
}

impl UserView {
    fn rights(&self) -> String {
        rights(self.read.as_deref(), self.write.as_deref(), &self.deny)
    }
}

/// Where somebody's rights differ from the role's, in short.
pub(super) fn rights(read: Option<&[String]>, write: Option<&[String]>, deny: &[String]) -> String {
    let named = |word: &str, list: &[String]| format!("{word} {}", list.join(" "));
    let mut parts = Vec::new();
    parts.extend(read.map(|list| named("read", list)));
    parts.extend(write.map(|list| named("write", list)));
    if !deny.is_empty() {
        parts.push(named("deny", deny));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_shown_where_they_differ() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(rights(None, None, &[]), "");
        assert_eq!(rights(Some(&list(&["a/#", "b"])), None, &list(&["c"])), "read a/# b; deny c");
        assert_eq!(rights(None, Some(&[]), &[]), "write ");
    }
}
