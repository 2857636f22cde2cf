//! The audit log: who came in, who did not, who changed what others may do.
//!
//! Gathered here and written once a second. Refusals that are alike are one entry with a count, and only so many different
//! ones are kept in a minute, so that whoever knocks all night neither fills the log nor wears out the disk.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use housewire_core::Timestamp;
use housewire_store::{AuditEntry, AuditRecord, StoreError};
use parking_lot::Mutex;
use tracing::{info, warn};

use crate::accounts::change::Change;
use crate::reasons::with_reasons;
use crate::refusal::shorten;
use crate::shard::now;

/// Entries that wait for a disk which takes none; the oldest are dropped then.
const PENDING_MAX: usize = 10_000;
/// What is alike within this time is one entry.
const ALIKE_WITHIN: Duration = Duration::from_secs(60);
/// Different refusals within that time; further ones are counted in one entry.
const DIFFERENT_MAX: usize = 60;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    SignIn,
    SignInRefused,
    SignOut,
    RequestRefused,
    TokenCreated,
    TokenChanged,
    TokenRevoked,
    CertificateCreated,
    UserCreated,
    UserChanged,
    UserDeleted,
    PasswordChanged,
    SessionEnded,
    Setup,
    TlsChanged,
    DeviceAdopted,
    FindIgnored,
    FindRemoved,
    FindRestored,
    DiscoveryChanged,
    ClaimCreated,
    ClaimUsed,
    ClaimRefused,
    ClaimDeleted,
    ShareCreated,
    ShareOpened,
    ShareRefused,
    ShareRevoked,
    FirmwareUploaded,
    FirmwareDeleted,
    RolloutChanged,
    RolloutDeleted,
    BackupMade,
    RestoreStaged,
    RestoreForgotten,
    Restarted,
}

impl Event {
    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignInRefused => "sign_in_refused",
            Self::SignOut => "sign_out",
            Self::RequestRefused => "request_refused",
            Self::TokenCreated => "token_created",
            Self::TokenChanged => "token_changed",
            Self::TokenRevoked => "token_revoked",
            Self::CertificateCreated => "certificate_created",
            Self::UserCreated => "user_created",
            Self::UserChanged => "user_changed",
            Self::UserDeleted => "user_deleted",
            Self::PasswordChanged => "password_changed",
            Self::SessionEnded => "session_ended",
            Self::Setup => "setup",
            Self::TlsChanged => "tls_changed",
            Self::DeviceAdopted => "device_adopted",
            Self::FindIgnored => "find_ignored",
            Self::FindRemoved => "find_removed",
            Self::FindRestored => "find_restored",
            Self::DiscoveryChanged => "discovery_changed",
            Self::ClaimCreated => "claim_created",
            Self::ClaimUsed => "claim_used",
            Self::ClaimRefused => "claim_refused",
            Self::ClaimDeleted => "claim_deleted",
            Self::ShareCreated => "share_created",
            Self::ShareOpened => "share_opened",
            Self::ShareRefused => "share_refused",
            Self::ShareRevoked => "share_revoked",
            Self::FirmwareUploaded => "firmware_uploaded",
            Self::FirmwareDeleted => "firmware_deleted",
            Self::RolloutChanged => "rollout_changed",
            Self::RolloutDeleted => "rollout_deleted",
            Self::BackupMade => "backup_made",
            Self::RestoreStaged => "restore_staged",
            Self::RestoreForgotten => "restore_forgotten",
            Self::Restarted => "restarted",
        }
    }

    /// Whether it happens as often as somebody outside likes.
    fn may_come_often(self) -> bool {
        matches!(
            self,
            Self::SignIn
                | Self::SignInRefused
                | Self::RequestRefused
                | Self::ClaimRefused
                | Self::ShareOpened
                | Self::ShareRefused
        )
    }
}

/// The door it came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Via {
    Http,
    Mqtt,
    Blynk,
    Bolt,
    Hub,
}

impl Via {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Mqtt => "mqtt",
            Self::Blynk => "blynk",
            Self::Bolt => "bolt",
            Self::Hub => "hub",
        }
    }
}

/// Something for the log.
pub(crate) struct Deed<'d> {
    pub(crate) event: Event,
    pub(crate) by: &'d Change,
    /// To whom or what.
    pub(crate) subject: Option<&'d str>,
    pub(crate) detail: Option<String>,
}

/// See the module.
pub(crate) struct Audit(Mutex<Book>);

struct Book {
    last_id: i64,
    /// Not written, or to be written anew.
    pending: BTreeMap<i64, AuditRecord>,
    /// Entries of which more may come.
    recent: HashMap<AuditEntry, AuditRecord>,
    recent_since: Timestamp,
    was_dropped: bool,
}

impl Audit {
    pub(super) fn new(last_id: i64) -> Self {
        Self(Mutex::new(Book {
            last_id,
            pending: BTreeMap::new(),
            recent: HashMap::new(),
            recent_since: Timestamp::default(),
            was_dropped: false,
        }))
    }

    /// Notes that something happened.
    pub(crate) fn note(&self, deed: Deed<'_>) {
        self.note_at(deed, now().wall);
    }

    fn note_at(&self, deed: Deed<'_>, now: Timestamp) {
        let Deed { event, by, subject, detail } = deed;
        let entry = AuditEntry {
            event: event.name().to_owned(),
            who: by.who.as_deref().map(shorten),
            address: by.address.map(|address| address.to_canonical().to_string()),
            via: by.via.name().to_owned(),
            subject: subject.map(shorten),
            detail,
        };
        let mut book = self.0.lock();
        if event.may_come_often() {
            book.count(entry, now);
        } else {
            let AuditEntry { event, who, address, subject, .. } = &entry;
            info!(event, who, address, subject, "audit");
            book.add(entry, now);
        }
    }

    /// What is to be written; it counts as written.
    pub(super) fn take(&self) -> Vec<AuditRecord> {
        std::mem::take(&mut self.0.lock().pending).into_values().collect()
    }

    /// It could not be written.
    pub(super) fn put_back(&self, records: Vec<AuditRecord>, problem: &StoreError) {
        let mut book = self.0.lock();
        if !std::mem::replace(&mut book.was_dropped, true) {
            warn!("the audit log cannot be written: {}; trying again", with_reasons(problem));
        }
        for record in records {
            // What was counted meanwhile is newer.
            book.pending.entry(record.id).or_insert(record);
        }
        while book.pending.len() > PENDING_MAX {
            book.pending.pop_first();
        }
    }
}

impl Book {
    fn add(&mut self, entry: AuditEntry, time: Timestamp) -> AuditRecord {
        self.last_id += 1;
        let record = AuditRecord { id: self.last_id, time, entry, count: 1 };
        self.pending.insert(record.id, record.clone());
        record
    }

    fn count(&mut self, mut entry: AuditEntry, now: Timestamp) {
        if now.since(self.recent_since) >= ALIKE_WITHIN || now < self.recent_since {
            self.recent.clear();
            self.recent_since = now;
        }
        if self.recent.len() >= DIFFERENT_MAX && !self.recent.contains_key(&entry) {
            entry = AuditEntry {
                who: None,
                address: None,
                subject: None,
                detail: Some("and others, too many to list".to_owned()),
                ..entry
            };
        }
        if let Some(record) = self.recent.get_mut(&entry) {
            record.count = record.count.saturating_add(1);
            self.pending.insert(record.id, record.clone());
            return;
        }
        let record = self.add(entry.clone(), now);
        self.recent.insert(entry, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(audit: &Audit, event: Event, who: &str, seconds: i64) {
        let by = Change { who: Some(who.to_owned()), address: None, via: Via::Http };
        let deed = Deed { event, by: &by, subject: None, detail: None };
        audit.note_at(deed, Timestamp::from_micros(seconds * 1_000_000));
    }

    fn taken(audit: &Audit) -> Vec<(i64, String, u32)> {
        audit.take().into_iter().map(|record| (record.id, record.entry.who.unwrap_or_default(), record.count)).collect()
    }

    #[test]
    fn refusals_that_are_alike_are_one_entry_for_a_minute() {
        let audit = Audit::new(7);
        for seconds in 0..50 {
            note(&audit, Event::SignInRefused, "anna", 100 + seconds);
        }
        note(&audit, Event::SignInRefused, "ben", 100);
        assert_eq!(taken(&audit), [(8, "anna".to_owned(), 50), (9, "ben".to_owned(), 1)]);
        note(&audit, Event::SignInRefused, "anna", 155);
        assert_eq!(taken(&audit), [(8, "anna".to_owned(), 51)], "the same entry is written anew");
        note(&audit, Event::SignInRefused, "anna", 160);
        assert_eq!(taken(&audit), [(10, "anna".to_owned(), 1)]);
        note(&audit, Event::SignInRefused, "anna", 5);
        assert_eq!(taken(&audit), [(11, "anna".to_owned(), 1)], "the clock went back");
    }

    #[test]
    fn changes_are_entries_of_their_own() {
        let audit = Audit::new(0);
        note(&audit, Event::TokenCreated, "anna", 1);
        note(&audit, Event::TokenCreated, "anna", 1);
        assert_eq!(taken(&audit).len(), 2);
    }

    #[test]
    fn a_crowd_of_refusals_is_counted_together() {
        let audit = Audit::new(0);
        for number in 0..1_000 {
            note(&audit, Event::SignInRefused, &number.to_string(), 1);
        }
        let records = taken(&audit);
        assert_eq!(records.len(), DIFFERENT_MAX + 1);
        assert_eq!(records.last(), Some(&(61, String::new(), 940)));
    }

    #[test]
    fn what_a_failing_disk_leaves_is_bounded() {
        let audit = Audit::new(0);
        let problem = StoreError::InUse { folder: "x".into(), process: None };
        for _ in 0..PENDING_MAX + 5 {
            note(&audit, Event::UserChanged, "anna", 1);
        }
        let records = audit.take();
        note(&audit, Event::UserChanged, "anna", 1);
        audit.put_back(records, &problem);
        let left = taken(&audit);
        assert_eq!((left.len(), left[0].0), (PENDING_MAX, 7));
    }
}
