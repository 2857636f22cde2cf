//! People, tokens, sessions and the audit log as JSON. No secret is ever among it but one that was just made.

use housewire_core::{Filter, Grant, Timestamp};
use housewire_store::{AuditRecord, CredentialOwner};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::{Credential, CredentialId, Kind, Login, PersonView};

fn texts(filters: &[Filter]) -> Vec<String> {
    filters.iter().map(|filter| filter.as_str().to_owned()).collect()
}

fn time(time: Timestamp) -> String {
    time.to_string()
}

/// Rights that somebody has beside a role, or instead of it: `null` is what the role has.
#[derive(Serialize, ToSchema)]
#[schema(as = Grant)]
struct GrantJson {
    role: Option<&'static str>,
    read: Option<Vec<String>>,
    write: Option<Vec<String>>,
    deny: Vec<String>,
}

impl GrantJson {
    fn of(grant: Option<&Grant>) -> Self {
        let Some(Grant { role, read, write, deny }) = grant else {
            return Self { role: None, read: None, write: None, deny: Vec::new() };
        };
        let (read, write) = (read.as_deref().map(texts), write.as_deref().map(texts));
        Self { role: Some(role.name()), read, write, deny: texts(deny) }
    }
}

/// One person, as administrators see him.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserJson {
    name: String,
    #[serde(flatten)]
    grant: GrantJson,
    created: String,
    last_sign_in: Option<String>,
    sessions: usize,
}

impl From<PersonView> for UserJson {
    fn from(view: PersonView) -> Self {
        let PersonView { record, sessions } = view;
        Self {
            grant: GrantJson::of(Some(&record.grant)),
            created: time(record.created),
            last_sign_in: record.signed_in.map(time),
            sessions,
            name: record.name,
        }
    }
}

/// A token or a certificate, without what is secret of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenJson {
    id: u32,
    kind: &'static str,
    credential: &'static str,
    device: Option<String>,
    name: String,
    #[serde(flatten)]
    grant: GrantJson,
    created: String,
    expires: Option<String>,
    last_used: Option<String>,
    last_address: Option<String>,
}

impl TokenJson {
    pub(crate) fn new(credential: &Credential) -> Self {
        let record = &credential.record;
        let (kind, device) = match &record.owner {
            CredentialOwner::Device(id) => ("device", Some(id.to_string())),
            CredentialOwner::App(_) => ("app", None),
            CredentialOwner::Person(_) => ("person", None),
        };
        let (last_used, last_address) = credential.used().map(|(at, from)| (time(at), from)).unzip();
        Self {
            id: record.id,
            kind,
            credential: record.kind.name(),
            device,
            name: record.label.clone(),
            grant: GrantJson::of(record.grant.as_ref()),
            created: time(record.created),
            expires: credential.expires().map(time),
            last_used,
            last_address,
        }
    }
}

/// A token that was just made: the only time that it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = NewToken)]
pub(crate) struct NewTokenJson<'a> {
    pub(crate) token: &'a str,
    #[serde(flatten)]
    pub(crate) entry: TokenJson,
}

/// An API key of a person, without what is secret of it.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct KeyJson {
    id: u32,
    /// Whose it is.
    user: String,
    name: String,
    /// Whether it opens anything at the moment.
    enabled: bool,
    #[schema(format = DateTime)]
    created: String,
    #[schema(format = DateTime)]
    expires: Option<String>,
    #[schema(format = DateTime)]
    last_used: Option<String>,
    last_address: Option<String>,
}

impl KeyJson {
    pub(crate) fn new(key: &Credential) -> Self {
        let (last_used, last_address) = key.used().map(|(at, from)| (time(at), from)).unzip();
        Self {
            id: key.record.id,
            user: key.person().unwrap_or_default().to_owned(),
            name: key.record.label.clone(),
            enabled: !key.is_disabled(),
            created: time(key.record.created),
            expires: key.expires().map(time),
            last_used,
            last_address,
        }
    }
}

/// An API key that was just made: the only time that it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApiKey)]
pub(crate) struct NewKeyJson<'a> {
    #[schema(example = "2b1e9d0c-5c1f-4a58-9d1e-0a4f3a0f7c11")]
    pub(crate) key: &'a str,
    #[serde(flatten)]
    #[schema(inline)]
    pub(crate) entry: KeyJson,
}

/// A browser that somebody is signed in with.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionJson {
    id: u32,
    created: String,
    last_seen: Option<String>,
    address: Option<String>,
    agent: String,
    current: bool,
}

impl SessionJson {
    pub(crate) fn new(session: &Credential, current: Option<CredentialId>) -> Self {
        let (last_seen, address) = session.used().map(|(at, from)| (time(at), from)).unzip();
        Self {
            id: session.record.id,
            created: time(session.record.created),
            last_seen,
            address,
            agent: session.record.label.clone(),
            current: current == Some(session.id()),
        }
    }
}

/// Who makes a request, and what the hub is ready for.
#[derive(Serialize, ToSchema)]
#[schema(as = Who)]
pub(crate) struct WhoJson {
    pub(crate) signed_in: bool,
    pub(crate) kind: Option<&'static str>,
    pub(crate) name: Option<String>,
    pub(crate) role: Option<&'static str>,
    pub(crate) administers: bool,
    pub(crate) read: Vec<String>,
    pub(crate) write: Vec<String>,
    pub(crate) deny: Vec<String>,
    pub(crate) needs_setup: bool,
    pub(crate) guest: GuestJson,
    pub(crate) secure: bool,
    pub(crate) https: Option<String>,
    pub(crate) expires: Option<String>,
    /// The dashboard that a share link is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) dashboard: Option<String>,
}

/// Whether somebody is let in without a credential.
#[derive(Serialize, ToSchema)]
#[schema(as = Guest)]
pub(crate) struct GuestJson {
    pub(crate) policy: &'static str,
    pub(crate) kept: bool,
}

/// What is told of a login: its kind, name and rights.
pub(crate) struct LoginFacts {
    pub(crate) kind: Option<&'static str>,
    pub(crate) name: Option<String>,
    pub(crate) administers: bool,
    pub(crate) read: Vec<String>,
    pub(crate) write: Vec<String>,
    pub(crate) deny: Vec<String>,
}

impl LoginFacts {
    pub(crate) fn of(login: &Login) -> Self {
        let kind = match login.kind {
            Kind::Nobody => None,
            Kind::Guest => Some("guest"),
            Kind::Person => Some("person"),
            Kind::Device => Some("device"),
            Kind::App => Some("app"),
            Kind::Share => Some("share"),
        };
        let permissions = login.principal.permissions();
        // Devices and apps by the name that people gave them.
        let name = login.principal.name();
        let name = name.strip_prefix("device:").or_else(|| name.strip_prefix("app:")).unwrap_or(name);
        Self {
            name: kind.map(|_| name.to_owned()),
            kind,
            administers: permissions.administer,
            read: texts(&permissions.read),
            write: texts(&permissions.write),
            deny: texts(&permissions.deny),
        }
    }
}

/// An entry of the audit log.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditJson {
    id: i64,
    time: String,
    event: String,
    who: Option<String>,
    address: Option<String>,
    via: String,
    subject: Option<String>,
    detail: Option<String>,
    count: u32,
}

impl From<AuditRecord> for AuditJson {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { id, time: at, entry, count } = record;
        let housewire_store::AuditEntry { event, who, address, via, subject, detail } = entry;
        Self { id, time: time(at), event, who, address, via, subject, detail, count }
    }
}
