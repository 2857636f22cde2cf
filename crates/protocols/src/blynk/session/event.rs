//! What a frame means to the server.

use crate::blynk::codec::{Part, Parts};
use crate::blynk::info::Info;
use crate::blynk::pin::{Pin, PinKind, parse_number};

/// What a device said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Nothing that the server has to know.
    Handled,
    /// Nothing but that it is there.
    Acknowledged,
    /// One message more than [`crate::blynk::SessionOptions::rate`] allows, which was dropped.
    OverRate,
    /// It shows its token: to be answered with [`crate::blynk::Session::accept`] or `refuse`.
    Login(&'a str),
    /// What its library says of itself.
    Info(Info<'a>),
    /// It reports values of a pin, one or several.
    Values {
        /// Of which pin.
        pin: Pin,
        /// At least one.
        values: Parts<'a>,
    },
    /// It asks for the last values: each is to be sent with the id of this message, and nothing else.
    Sync(Sync<'a>),
    /// How the widgets of a virtual pin are to look.
    Property {
        /// Of which pin.
        pin: Pin,
        /// See [`crate::blynk::is_property`].
        name: &'a str,
        /// At least one.
        values: Parts<'a>,
    },
    /// About another device.
    Bridge(Bridge<'a>),
    /// People are to be told.
    Notice(Notice<'a>),
    /// To be answered with an internal message of the same id.
    Ask(Question<'a>),
}

impl Event<'_> {
    /// Whether the machine itself answers that it is well.
    pub(crate) fn is_acknowledged(&self) -> bool {
        match self {
            Self::Acknowledged | Self::Info(_) | Self::Property { .. } => true,
            Self::Notice(notice) => !matches!(notice, Notice::Event { .. } | Notice::Clear { .. }),
            _ => false,
        }
    }
}

/// Which values are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync<'a> {
    /// All that there are.
    All,
    /// Of these pins.
    Pins {
        /// What kind all of them are.
        kind: PinKind,
        /// Numbers, which were looked at.
        numbers: Parts<'a>,
    },
}

impl<'a> Sync<'a> {
    /// The pins that are named.
    pub fn pins(self) -> impl Iterator<Item = Pin> + 'a {
        let (kind, numbers) = match self {
            Self::All => (PinKind::Virtual, Parts::of(b"")),
            Self::Pins { kind, numbers } => (kind, numbers),
        };
        numbers.filter_map(move |part| parse_number(part).map(|number| Pin { kind, number }))
    }
}

/// What goes to another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bridge<'a> {
    /// From now on this key means the device with this token. To be answered with a response.
    Bind {
        /// Any text.
        key: Part<'a>,
        /// Of the other device.
        token: &'a str,
    },
    /// Values for a pin of that device. To be answered with a response if it cannot be done.
    Write {
        /// Which device.
        key: Part<'a>,
        /// Of which pin.
        pin: Pin,
        /// At least one.
        values: Parts<'a>,
        /// What the other device gets, in a bridge message.
        message: &'a [u8],
    },
}

/// What people are to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    /// On their phones.
    Push(&'a str),
    /// By mail.
    Email {
        /// To whom, if not to whoever has the device.
        to: Option<&'a str>,
        /// The mail's subject.
        subject: &'a str,
        /// Its text.
        body: &'a str,
    },
    /// By a short message.
    Sms(&'a str),
    /// All the world.
    Tweet(&'a str),
    /// Something happened. No answer is expected.
    Event {
        /// Which kind of thing.
        code: &'a str,
        /// What is said of it.
        description: Option<&'a str>,
    },
    /// It is over. No answer is expected.
    Clear {
        /// Which kind of thing.
        code: &'a str,
        /// All of them, rather than the last one.
        all: bool,
    },
}

/// What the device wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// `rtc`: seconds since 1970, as a clock on the wall would count them.
    LocalTime,
    /// `utc`: `time`, `iso`, `tz`, `tz_name`, `tz_rule`, `dst_next`.
    Utc(&'a str),
    /// A field that people fill in.
    MetaField(&'a str),
    /// It fills one in itself. No answer is known.
    SetMetaField {
        /// Its name.
        field: &'a str,
        /// What is to stand there.
        value: &'a str,
    },
}
