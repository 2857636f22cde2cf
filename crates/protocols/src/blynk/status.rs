//! Status codes of responses.

/// What a response says. Only what the hub itself answers; clients may send others, which mean nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Status {
    /// More messages than the configuration allows.
    QuotaExceeded = 1,
    /// A body that its command does not have.
    IllegalCommand = 2,
    /// A second login; libraries take it for success.
    AlreadyLoggedIn = 4,
    /// It may not be done with this token.
    NotAllowed = 6,
    /// The device that a bridge leads to is away.
    DeviceOffline = 7,
    /// The token opens nothing.
    InvalidToken = 9,
    /// A property's name or value is missing or unknown.
    IllegalBody = 11,
    /// The text of a notification is missing or too long.
    NotificationInvalid = 13,
    /// Nobody can be reached in this way.
    NotificationNotAuthorised = 14,
    /// It could not be delivered.
    NotificationFailed = 15,
    /// The hub could not do it.
    ServerError = 19,
    /// Done.
    Ok = 200,
}

impl Status {
    /// The number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }
}
