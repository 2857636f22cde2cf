//! The machine of one device's connection: what its frames mean, what is answered at once, when its time is over.
//!
//! Whatever needs to know more than the connection (tokens, values, other devices, the time of day) is an [`Event`] for the
//! server, which answers it with the frame's own id. Answers are appended to a buffer, in the order of what they answer.

mod event;
mod rate;

use std::io::Write as _;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::blynk::codec::{Command, Frame, MessageId, Part, Parts, write_behind, write_response};
use crate::blynk::info::{Info, Library};
use crate::blynk::pin::{Pin, PinKind, parse_number};
use crate::blynk::session::rate::Rate;
use crate::blynk::status::Status;
use crate::limits::{BLYNK_LOGINS_MAX, BLYNK_NOTIFICATION_CHARS_MAX, BLYNK_SMS_CHARS_MAX};

pub use event::{Bridge, Event, Notice, Question, Sync};

/// What can be said of how a widget looks; other names are refused, 11.
const PROPERTY_NAMES: [&str; 22] = [
    "label",
    "color",
    "onLabel",
    "offLabel",
    "onColor",
    "offColor",
    "onBackColor",
    "offBackColor",
    "labels",
    "min",
    "max",
    "isOnPlay",
    "url",
    "urls",
    "step",
    "valueFormatting",
    "suffix",
    "maximumFractionDigits",
    "opacity",
    "scale",
    "rotation",
    "isDisabled",
];
/// Of Blynk 2.0, beside these.
const PROPERTY_NAMES_2: [&str; 2] = ["isHidden", "isMuted"];

/// Whether this can be said of how a widget looks.
pub fn is_property(name: &str) -> bool {
    PROPERTY_NAMES.contains(&name) || PROPERTY_NAMES_2.contains(&name)
}

/// Why a connection has to be closed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProtocolError {
    /// Nothing else is answered before that.
    #[error("it sent the command {0} before it logged in")]
    NotLoggedIn(u8),
    /// The bound is ours.
    #[error("it did not log in in time")]
    LoginTimeout,
    /// See [`BLYNK_LOGINS_MAX`].
    #[error("it showed {BLYNK_LOGINS_MAX} tokens that open nothing")]
    TooManyLogins,
    /// Devices say something within their heartbeat, as long as they are there.
    #[error("nothing came for more than twice its heartbeat of {heartbeat_s} s")]
    Silent {
        /// What it said, or what is configured.
        heartbeat_s: u16,
    },
}

/// What a connection begins with.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// Heartbeat of devices that do not say theirs, in seconds (10).
    pub heartbeat_s: u16,
    /// For the login (10 s); then the connection ends.
    pub login_timeout: Duration,
    /// Messages of one device per second, as a mean of a minute (no bound). Further ones are dropped, which it is told once a
    /// minute, 1.
    pub rate: Option<u32>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { heartbeat_s: 10, login_timeout: Duration::from_secs(10), rate: None }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    is_open: bool,
    has_old_login: bool,
    wrong_logins: u8,
    heartbeat_s: u16,
    deadline: Instant,
    library: Library,
    rate: Option<Box<Rate>>,
}

impl Session {
    /// Of a connection that was just accepted.
    pub fn new(options: &SessionOptions, now: Instant) -> Self {
        Self {
            is_open: false,
            has_old_login: false,
            wrong_logins: 0,
            heartbeat_s: options.heartbeat_s.max(1),
            deadline: now + options.login_timeout,
            library: Library::unknown(true),
            rate: options.rate.map(|rate| Box::new(Rate::new(rate, now))),
        }
    }

    /// What is known of the device's library.
    pub fn library(&self) -> Library {
        self.library
    }

    /// Whether it has logged in.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// The heartbeat that counts, in seconds.
    pub fn heartbeat_s(&self) -> u16 {
        self.heartbeat_s
    }

    /// Something came, whatever it is.
    pub fn handle_bytes(&mut self, now: Instant) {
        if self.is_open {
            self.deadline = now + self.patience();
        }
    }

    /// 2.3 heartbeats, up to a whole second.
    fn patience(&self) -> Duration {
        Duration::from_secs((u64::from(self.heartbeat_s) * 23).div_ceil(10))
    }

    /// When [`Session::handle_timeout`] has something to say.
    pub fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    /// Whether the connection's time is over.
    pub fn handle_timeout(&self, now: Instant) -> Result<(), ProtocolError> {
        match self.is_open {
            _ if now < self.deadline => Ok(()),
            true => Err(ProtocolError::Silent { heartbeat_s: self.heartbeat_s }),
            false => Err(ProtocolError::LoginTimeout),
        }
    }

    /// Says what a frame means; an answer that needs nothing else is appended to `replies`.
    pub fn handle_frame<'a>(
        &mut self,
        frame: Frame<'a>,
        now: Instant,
        replies: &mut Vec<u8>,
    ) -> Result<Event<'a>, ProtocolError> {
        let (command, id, body) = match frame {
            Frame::Message { command, id, body } => (command, id, body),
            Frame::Response { .. } if self.is_open => return Ok(Event::Handled),
            Frame::Response { .. } => return Err(ProtocolError::NotLoggedIn(Command::RESPONSE.0)),
        };
        let is_login = command == Command::LOGIN || command == Command::HARDWARE_LOGIN;
        if !self.is_open {
            if !is_login {
                return Err(ProtocolError::NotLoggedIn(command.0));
            }
            self.has_old_login = command == Command::LOGIN;
            self.library = Library::unknown(self.has_old_login);
            return Ok(Event::Login(login_token(body)));
        }
        if let Some(rate) = &mut self.rate {
            match rate.take(now) {
                rate::Taken::Yes => {}
                rate::Taken::NoAndSaySo => {
                    write_response(id, Status::QuotaExceeded, replies);
                    return Ok(Event::OverRate);
                }
                rate::Taken::No => return Ok(Event::OverRate),
            }
        }
        if is_login {
            write_response(id, Status::AlreadyLoggedIn, replies);
            return Ok(Event::Handled);
        }
        let event = match command {
            Command::HARDWARE => hardware(body),
            Command::PING => Ok(Event::Acknowledged),
            Command::INTERNAL => self.internal(body),
            Command::SYNC => sync(body),
            Command::PROPERTY => property(body),
            Command::BRIDGE => bridge(body),
            Command::TWEET
            | Command::EMAIL
            | Command::NOTIFY
            | Command::SMS
            | Command::EVENT
            | Command::EVENT_CLEAR => notice(command, body),
            _ => Ok(Event::Handled),
        };
        match event {
            Ok(event) => {
                if event.is_acknowledged() {
                    write_response(id, Status::Ok, replies);
                }
                Ok(event)
            }
            Err(status) => {
                write_response(id, status, replies);
                Ok(Event::Handled)
            }
        }
    }

    /// The token of [`Event::Login`] opens something.
    pub fn accept(&mut self, id: MessageId, now: Instant, replies: &mut Vec<u8>) {
        self.is_open = true;
        self.deadline = now + self.patience();
        write_response(id, Status::Ok, replies);
    }

    /// It does not. The device may try another one, a few times.
    pub fn refuse(&mut self, id: MessageId, replies: &mut Vec<u8>) -> Result<(), ProtocolError> {
        write_response(id, Status::InvalidToken, replies);
        self.wrong_logins += 1;
        if self.wrong_logins < BLYNK_LOGINS_MAX { Ok(()) } else { Err(ProtocolError::TooManyLogins) }
    }

    /// Decided by the first letter, as Blynk's server does, but for what came with 2.0.
    fn internal<'a>(&mut self, body: &'a [u8]) -> Result<Event<'a>, Status> {
        let mut parts = Parts::of(body);
        let first = parts.clone().next().ok_or(Status::IllegalCommand)?;
        if let b"utc" | b"meta" | b"rtc" = first {
            parts.next();
            return Ok(question(first, parts));
        }
        match first.first() {
            Some(b'v' | b'f' | b'h' | b'b' | b'd' | b'c' | b't') => {
                let info = Info::parse(parts);
                self.heartbeat_s = info.heartbeat_s.map_or(self.heartbeat_s, |seconds| seconds.max(1));
                self.library = Library::of(&info, self.has_old_login);
                Ok(Event::Info(info))
            }
            Some(b'r') => Ok(Event::Ask(Question::LocalTime)),
            _ => Ok(Event::Handled),
        }
    }
}

/// Writes values of a pin, in a message to the device; `false`, and nothing, if it has more than `body_bytes_max` bytes.
pub fn write_pin<'v>(
    command: Command,
    id: MessageId,
    pin: Pin,
    values: impl IntoIterator<Item = Part<'v>>,
    body_bytes_max: usize,
    out: &mut Vec<u8>,
) -> bool {
    const HEAD_BYTES_MAX: usize = 7;
    let mut space = [0; HEAD_BYTES_MAX];
    let mut free = &mut space[..];
    write!(free, "{}w\0{}\0", char::from(pin.kind.letter()), pin.number).expect("a number of a pin has three digits");
    let used = HEAD_BYTES_MAX - free.len();
    write_behind(command, id, &space[..used], values, body_bytes_max, out)
}

/// Some libraries send what stands around it in a sketch.
fn login_token(body: &[u8]) -> &str {
    let text = std::str::from_utf8(body).unwrap_or_default();
    text.trim_matches(|character: char| character.is_whitespace() || character == '\0')
}

fn text(part: Part<'_>) -> Option<&str> {
    std::str::from_utf8(part).ok()
}

fn hardware(body: &[u8]) -> Result<Event<'_>, Status> {
    const BODY_BYTES_MIN: usize = 4;
    let mut parts = Parts::of(body);
    let verb = parts.next().unwrap_or_default();
    if body.len() < BODY_BYTES_MIN {
        return Err(Status::IllegalCommand);
    }
    let [letter, action] = *verb else { return Err(Status::IllegalCommand) };
    let kind = PinKind::from_letter(letter).ok_or(Status::IllegalCommand)?;
    if action != b'w' {
        return Ok(Event::Handled);
    }
    let number = parts.next().and_then(parse_number).ok_or(Status::IllegalCommand)?;
    if parts.rest().is_empty() {
        return Err(Status::IllegalCommand);
    }
    Ok(Event::Values { pin: Pin { kind, number }, values: parts })
}

fn sync(body: &[u8]) -> Result<Event<'_>, Status> {
    let mut parts = Parts::of(body);
    let Some(verb) = parts.next() else { return Ok(Event::Sync(Sync::All)) };
    let [letter, b'r'] = *verb else { return Err(Status::IllegalCommand) };
    let kind = PinKind::from_letter(letter).ok_or(Status::IllegalCommand)?;
    let sync = Sync::Pins { kind, numbers: parts };
    if parts.rest().is_empty() || parts.clone().any(|part| parse_number(part).is_none()) {
        return Err(Status::IllegalCommand);
    }
    Ok(Event::Sync(sync))
}

fn property(body: &[u8]) -> Result<Event<'_>, Status> {
    let mut parts = Parts::of(body);
    let number = parts.next().and_then(parse_number).ok_or(Status::IllegalBody)?;
    let name = parts.next().and_then(text).ok_or(Status::IllegalBody)?;
    if !is_property(name) || parts.rest().is_empty() {
        return Err(Status::IllegalBody);
    }
    Ok(Event::Property { pin: Pin { kind: PinKind::Virtual, number }, name, values: parts })
}

fn bridge(body: &[u8]) -> Result<Event<'_>, Status> {
    let mut parts = Parts::of(body);
    let key = parts.next().filter(|key| !key.is_empty()).ok_or(Status::IllegalCommand)?;
    let message = parts.rest();
    if parts.clone().next() == Some(b"i") {
        parts.next();
        let token = parts.next().map(login_token).filter(|token| !token.is_empty()).ok_or(Status::NotAllowed)?;
        return Ok(Event::Bridge(Bridge::Bind { key, token }));
    }
    match hardware(message)? {
        Event::Values { pin, values } => Ok(Event::Bridge(Bridge::Write { key, pin, values, message })),
        _ => Err(Status::IllegalCommand),
    }
}

fn notice(command: Command, body: &[u8]) -> Result<Event<'_>, Status> {
    let up_to = |chars_max| {
        let said = text(body).filter(|said| !said.is_empty() && said.chars().count() <= chars_max);
        said.ok_or(Status::NotificationInvalid)
    };
    let mut parts = Parts::of(body);
    let notice = match command {
        Command::NOTIFY => Notice::Push(up_to(BLYNK_NOTIFICATION_CHARS_MAX)?),
        Command::TWEET => Notice::Tweet(up_to(BLYNK_NOTIFICATION_CHARS_MAX)?),
        Command::SMS => Notice::Sms(up_to(BLYNK_SMS_CHARS_MAX)?),
        Command::EMAIL => {
            let texts: Option<Vec<&str>> = parts.map(text).collect();
            match texts.as_deref() {
                Some([to, subject, body]) => Notice::Email { to: Some(to), subject, body },
                Some([subject, body]) => Notice::Email { to: None, subject, body },
                _ => return Err(Status::IllegalBody),
            }
        }
        _ => {
            let code = parts.next().and_then(text).filter(|code| !code.is_empty());
            let Some(code) = code else { return Ok(Event::Handled) };
            if command == Command::EVENT_CLEAR {
                Notice::Clear { code, all: parts.next() == Some(b"all") }
            } else {
                Notice::Event { code, description: text(parts.rest()).filter(|said| !said.is_empty()) }
            }
        }
    };
    Ok(Event::Notice(notice))
}

fn question<'a>(first: Part<'a>, mut parts: Parts<'a>) -> Event<'a> {
    if first == b"rtc" {
        return Event::Ask(Question::LocalTime);
    }
    let question = match (first, parts.next().and_then(text)) {
        (b"utc", Some(what)) => Question::Utc(what),
        (b"meta", Some("get")) => match parts.next().and_then(text) {
            Some(field) => Question::MetaField(field),
            None => return Event::Handled,
        },
        (b"meta", Some("set")) => match (parts.next().and_then(text), text(parts.rest())) {
            (Some(field), Some(value)) => Question::SetMetaField { field, value },
            _ => return Event::Handled,
        },
        _ => return Event::Handled,
    };
    Event::Ask(question)
}

#[cfg(test)]
mod tests;
