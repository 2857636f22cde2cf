//! The house as people write it down: devices, templates and virtual devices as sheets of text, read and written in YAML, TOML
//! and JSON; and what the hub keeps beside its registry to make more of it: claim codes, templates, virtual devices, dashboards,
//! firmware.
//!
//! How sheets are put into files belongs to the command line, what is answered over HTTP to `http`.

pub(crate) mod blynk;
pub(crate) mod format;
pub(crate) mod plan;
pub(crate) mod sheet;

use std::sync::Arc;

use housewire_store::{Backups, Store, StoreError};
use tokio::sync::Notify;

use crate::accounts::Accounts;
use crate::claims::Claims;
use crate::dashboards::Dashboards;
use crate::device_templates::Templates;
use crate::firmware::Firmware;
use crate::virtual_devices::VirtualDevices;

/// What the hub keeps for it. Everything that changes it waits for the disk: never on a shard.
pub(crate) struct House {
    pub(crate) claims: Claims,
    pub(crate) templates: Templates,
    pub(crate) virtual_devices: Arc<VirtualDevices>,
    pub(crate) dashboards: Arc<Dashboards>,
    pub(crate) firmware: Arc<Firmware>,
    pub(crate) backups: Backups,
    /// Rung by an admin who wants the hub to start again.
    pub(crate) restart: Notify,
}

impl House {
    /// Reads what was kept. Nothing is played before it is known where the hub listens.
    pub(crate) fn open(store: &Store, accounts: &Arc<Accounts>) -> Result<Self, StoreError> {
        let key = accounts.secret("claims")?;
        Ok(Self {
            claims: Claims::open(store.documents("claim")?, key)?,
            templates: Templates::open(store.documents("device_template")?)?,
            virtual_devices: Arc::new(VirtualDevices::open(store.documents("virtual_device")?, Arc::clone(accounts))?),
            backups: store.backups(),
            restart: Notify::new(),
            dashboards: Dashboards::open(store.documents("dashboard")?, store.documents("share")?, accounts)?,
            firmware: Arc::new(Firmware::open(store)?),
        })
    }
}
