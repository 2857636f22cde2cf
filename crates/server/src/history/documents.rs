//! What the history has in the hub's own database: policies of properties, and tombstones.
//!
//! A tombstone says that the history of a device is to go. It is written before the device is deleted and cleared when its history
//! is gone from the disk, so that a hub which dies in between deletes it at its next start.

use std::collections::BTreeMap;

use housewire_store::{Documents, Store, StoreError};
use parking_lot::Mutex;
use tracing::warn;

use crate::history::order::Name;
use crate::history::policy::Policy;
use crate::limits::{HISTORY_POLICIES_MAX, HISTORY_POLICIES_OF_DEVICE_MAX};
use crate::reasons::with_reasons;

/// See the module. Every call may wait for the disk: none is made on a shard.
#[derive(Debug)]
pub(super) struct Papers(Mutex<Files>);

#[derive(Debug)]
struct Files {
    policies: Documents,
    known: BTreeMap<String, Policy>,
    tombstones: Documents,
}

/// Why a policy could not be kept.
#[derive(Debug)]
pub(crate) enum NotKept {
    Full,
    Disk(StoreError),
}

impl Papers {
    /// With the names of devices whose history is to go.
    pub(super) fn open(store: &Store) -> Result<(Self, Vec<String>), StoreError> {
        let (policies, tombstones) = (store.documents("history_policy")?, store.documents("history_tombstone")?);
        let loaded = policies.load()?;
        for skipped in &loaded.skipped {
            warn!("{skipped}");
        }
        let mut known = BTreeMap::new();
        for (key, body) in loaded.documents {
            match serde_json::from_str::<Policy>(&body) {
                Ok(policy) if policy.check().is_ok() && Name::parse(&key).is_some() => {
                    known.insert(key, policy);
                }
                _ => warn!("what is kept of '{key}' cannot be read, and so all of it is: set it again"),
            }
        }
        let buried = tombstones.load()?.documents.into_iter().map(|(device, _)| device).collect();
        Ok((Self(Mutex::new(Files { policies, known, tombstones })), buried))
    }

    /// All that are not the usual one.
    pub(super) fn policies(&self) -> BTreeMap<String, Policy> {
        self.0.lock().known.clone()
    }

    /// What is kept of a property.
    pub(super) fn policy(&self, name: &Name) -> Policy {
        self.0.lock().known.get(&name.key()).copied().unwrap_or_default()
    }

    pub(super) fn keep(&self, name: &Name, policy: Policy) -> Result<(), NotKept> {
        let mut files = self.0.lock();
        let key = name.key();
        if policy == Policy::default() {
            files.policies.delete(&key).map_err(NotKept::Disk)?;
            files.known.remove(&key);
            return Ok(());
        }
        let of_device = files.known.keys().filter(|known| is_of(known, name.device.as_str())).count();
        let is_full = files.known.len() >= HISTORY_POLICIES_MAX || of_device >= HISTORY_POLICIES_OF_DEVICE_MAX;
        if is_full && !files.known.contains_key(&key) {
            return Err(NotKept::Full);
        }
        let body = serde_json::to_string(&policy).expect("numbers and words are JSON");
        files.policies.write(&key, &body).map_err(NotKept::Disk)?;
        files.known.insert(key, policy);
        Ok(())
    }

    /// The device's history is to go.
    pub(super) fn bury(&self, device: &str) -> Result<(), StoreError> {
        self.0.lock().tombstones.write(device, "{}")
    }

    /// The device was not deleted after all.
    pub(super) fn unbury(&self, device: &str) {
        let cleared = self.0.lock().tombstones.delete(device);
        if let Err(error) = cleared {
            warn!("cannot clear the note that the device '{device}' was deleted: {}", with_reasons(&error));
        }
    }

    /// The device's history is gone: nothing more is to be known of it.
    pub(super) fn forget_device(&self, device: &str) {
        self.forget_policies(device);
        self.unbury(device);
    }

    /// Nothing was wanted of the device's properties.
    pub(super) fn forget_policies(&self, device: &str) {
        let mut files = self.0.lock();
        let gone: Vec<String> = files.known.keys().filter(|key| is_of(key, device)).cloned().collect();
        if gone.is_empty() {
            return;
        }
        let changes: Vec<(&str, Option<&str>)> = gone.iter().map(|key| (key.as_str(), None)).collect();
        match files.policies.apply(&changes) {
            Ok(()) => files.known.retain(|key, _| !is_of(key, device)),
            Err(error) => {
                warn!("cannot clear what was wanted of the device '{device}', which is gone: {}", with_reasons(&error));
            }
        }
    }
}

fn is_of(key: &str, device: &str) -> bool {
    key.split_once('/').is_some_and(|(of, _)| of == device)
}
