//! The heart of Housewire: topics, filters, messages, routing, retained values, devices and permissions.
//!
//! Pure and synchronous: no I/O, no async, no clock, no protocol. Transports, adapters, links, history and the page are all
//! publishers and subscribers of what is here. JSON text is checked, never used as a format of our own.

mod arena;
mod changes;
mod denied;
mod device;
mod generations;
mod hub;
pub mod limits;
mod mailbox;
mod message;
mod principal;
mod property;
mod publisher;
mod registry;
mod role;
mod route;
mod route_cache;
mod share;
mod slots;
mod time;
mod topic;
mod trie;
mod value;

pub use changes::{BatchNumber, Changes, DeviceRecord, InOneBatch, PropertyRecord, Snapshot};
pub use denied::Denied;
pub use device::{
    DeclareError, DeclareMode, Device, DeviceId, DeviceInfo, DeviceState, IdError, PropertyName, Rejected, Rejection,
};
pub use hub::{Declared, Granted, Hub, HubFigures, HubOptions, Replay, ReplayKind, ReplayProgress};
pub use mailbox::{Delivery, Mailbox, Offer, Readiness, Subscriber};
pub use message::{Encoded, Message, Origin, Presence, Properties, Qos, Run, SessionId};
pub use principal::{Access, Permissions, Principal};
pub use property::{
    Property, PropertyAccess, PropertySpec, RuleBroken, SpecError, TARGET_EXPIRY, TARGET_SETTLE, Target,
};
pub use publisher::{Publisher, Receipt};
pub use role::{Grant, Role};
pub use route_cache::RouteCache;
pub use share::{Others, Share, Takers};
pub use slots::RetainedFigures;
pub use time::{Now, Timestamp};
pub use topic::{Filter, Topic, TopicError, TopicRef};
pub use trie::SubscribeOptions;
pub use value::{Type, UnknownType, Value};
