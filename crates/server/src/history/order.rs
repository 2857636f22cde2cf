//! What others ask of the history's thread.

use housewire_core::{DeviceId, PropertyName};
use housewire_store::{Point, Wear, Window};
use tokio::sync::oneshot;

use crate::history::policy::Policy;

/// Where an answer goes; nobody may be waiting for it any more.
pub(super) type Reply<T> = oneshot::Sender<T>;

/// One property of one device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) device: DeviceId,
    pub(crate) property: PropertyName,
}

/// See the module.
#[derive(Debug)]
pub(super) enum Order {
    /// Says when everything that was offered before can be read.
    Show(Reply<()>),
    /// Says when everything that was offered before is on the disk.
    Commit(Reply<()>),
    /// Adds points to a property; how many were taken.
    Import(Name, Vec<Point>, Reply<Result<usize, NotDone>>),
    /// Forgets a stretch of a property's history, or all of it.
    Forget(Name, Option<Window>, Reply<Result<(), NotDone>>),
    /// From now on the property is kept so.
    Keep(Name, Policy, Reply<()>),
    /// What the history costs the disk.
    Wear(Reply<Option<Wear>>),
}

/// The store refused, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotDone(pub(crate) String);

impl Name {
    /// As documents are called.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.device, self.property)
    }

    /// From that.
    pub(crate) fn parse(key: &str) -> Option<Self> {
        let (device, property) = key.split_once('/')?;
        Some(Self { device: DeviceId::parse(device).ok()?, property: PropertyName::parse(property).ok()? })
    }
}
