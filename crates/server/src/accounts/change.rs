//! Who changes something, as far as the log wants to know.

use std::net::IpAddr;

use crate::accounts::audit::Via;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The principal's name; `None` for the hub itself.
    pub(crate) who: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) via: Via,
}
