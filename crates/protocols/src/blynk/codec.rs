//! Frames: a command, a number and a body, read without copying and written into a buffer.
//!
//! What a body means belongs to `session`.

use std::num::NonZeroU16;

use thiserror::Error;

use crate::blynk::status::Status;

/// Command (1), message id (2), and the body's length, or a response's status (2), in network order.
pub const HEADER_BYTES: usize = 5;
/// A device that sends a command of this code or above it speaks something else.
const CODES_END: u8 = 100;
/// Divides the parts of a body.
const DIVIDER: u8 = 0;

/// Numbers the messages of a connection; 0 is none.
pub type MessageId = NonZeroU16;

/// What a frame is for. Other codes below 100 exist or existed; they mean nothing on this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Command(pub u8);

impl Command {
    /// An answer; has no body.
    pub const RESPONSE: Self = Self(0);
    /// Login of old libraries.
    pub const LOGIN: Self = Self(2);
    /// Says that somebody is there.
    pub const PING: Self = Self(6);
    /// To be published elsewhere.
    pub const TWEET: Self = Self(12);
    /// A mail.
    pub const EMAIL: Self = Self(13);
    /// A notification on people's phones.
    pub const NOTIFY: Self = Self(14);
    /// To and from another device.
    pub const BRIDGE: Self = Self(15);
    /// Asks for the last values.
    pub const SYNC: Self = Self(16);
    /// About the library, the time, the firmware.
    pub const INTERNAL: Self = Self(17);
    /// A short message.
    pub const SMS: Self = Self(18);
    /// What a widget looks like.
    pub const PROPERTY: Self = Self(19);
    /// Values of pins.
    pub const HARDWARE: Self = Self(20);
    /// Values that belong together.
    pub const GROUP: Self = Self(21);
    /// Login.
    pub const HARDWARE_LOGIN: Self = Self(29);
    /// Sends a device elsewhere.
    pub const REDIRECT: Self = Self(41);
    /// Text that the device prints.
    pub const DEBUG: Self = Self(55);
    /// Something happened.
    pub const EVENT: Self = Self(64);
    /// It is over.
    pub const EVENT_CLEAR: Self = Self(65);
}

/// One frame, borrowed from the buffer it was read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// An answer.
    Response {
        /// Of what it answers.
        id: MessageId,
        /// See [`Status`].
        status: u16,
    },
    /// Anything else.
    Message {
        /// What it is for.
        command: Command,
        /// An answer carries it, too.
        id: MessageId,
        /// Its parts are divided by NUL.
        body: &'a [u8],
    },
}

/// Bytes that are no frame, after which nothing can be told any more.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Every library hangs up on it, too.
    #[error("a frame has the message id 0")]
    IdZero,
    /// Something else is spoken.
    #[error("a frame has the command {0}, and there is none of 100 and above")]
    NoCommand(u8),
    /// The bound is ours.
    #[error("a frame has a body of {bytes} bytes, and may have {bytes_max}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
}

/// Whether a connection that begins so may be a device's: both kinds of login.
pub fn is_first_byte(byte: u8) -> bool {
    byte == Command::LOGIN.0 || byte == Command::HARDWARE_LOGIN.0
}

/// Reads the frame that the bytes begin with, and how long it is; `None` if it has not come whole.
pub fn decode(bytes: &[u8], body_bytes_max: usize) -> Result<Option<(Frame<'_>, usize)>, DecodeError> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let [code, id_high, id_low, high, low] = *header;
    let id = MessageId::new(u16::from_be_bytes([id_high, id_low])).ok_or(DecodeError::IdZero)?;
    let length = u16::from_be_bytes([high, low]);
    let command = Command(code);
    if command == Command::RESPONSE {
        return Ok(Some((Frame::Response { id, status: length }, HEADER_BYTES)));
    }
    if code >= CODES_END {
        return Err(DecodeError::NoCommand(code));
    }
    let length = usize::from(length);
    if length > body_bytes_max {
        return Err(DecodeError::TooLong { bytes: length, bytes_max: body_bytes_max });
    }
    Ok(rest.get(..length).map(|body| (Frame::Message { command, id, body }, HEADER_BYTES + length)))
}

/// How many bytes the frame has that these begin with: of what was written here, which is always whole.
pub fn frame_bytes(bytes: &[u8]) -> usize {
    match bytes.first_chunk::<HEADER_BYTES>() {
        Some([0, ..]) => HEADER_BYTES,
        Some([_, _, _, high, low]) => HEADER_BYTES + usize::from(u16::from_be_bytes([*high, *low])),
        None => bytes.len(),
    }
}

/// Writes an answer.
pub fn write_response(id: MessageId, status: Status, out: &mut Vec<u8>) {
    let ([id_high, id_low], [high, low]) = (id.get().to_be_bytes(), status.number().to_be_bytes());
    out.extend_from_slice(&[Command::RESPONSE.0, id_high, id_low, high, low]);
}

/// Writes a frame whose body has these parts; `false`, and nothing is written, if it would have more than `body_bytes_max` bytes
/// or a part holds a NUL, which would become two.
pub fn write_frame<'p>(
    command: Command,
    id: MessageId,
    parts: impl IntoIterator<Item = &'p [u8]>,
    body_bytes_max: usize,
    out: &mut Vec<u8>,
) -> bool {
    write_behind(command, id, b"", parts, body_bytes_max, out)
}

/// As [`write_frame`], with a head that stands before the parts as it is.
pub(crate) fn write_behind<'p>(
    command: Command,
    id: MessageId,
    head: &[u8],
    parts: impl IntoIterator<Item = &'p [u8]>,
    body_bytes_max: usize,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let [id_high, id_low] = id.get().to_be_bytes();
    out.extend_from_slice(&[command.0, id_high, id_low, 0, 0]);
    let body = out.len();
    out.extend_from_slice(head);
    let mut is_whole = true;
    for (place, part) in parts.into_iter().enumerate() {
        if place > 0 {
            out.push(DIVIDER);
        }
        if part.contains(&DIVIDER) || out.len() - body + part.len() > body_bytes_max {
            is_whole = false;
            break;
        }
        out.extend_from_slice(part);
    }
    let length = u16::try_from(out.len() - body).ok().filter(|length| usize::from(*length) <= body_bytes_max);
    match length.filter(|_| is_whole) {
        Some(length) => {
            out[body - 2..body].copy_from_slice(&length.to_be_bytes());
            true
        }
        None => {
            out.truncate(start);
            false
        }
    }
}

/// One part of a body.
pub type Part<'a> = &'a [u8];

/// The parts of a body that are left, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a>(Option<&'a [u8]>);

impl<'a> Parts<'a> {
    /// All parts of a body; an empty one has none.
    pub fn of(body: &'a [u8]) -> Self {
        Self((!body.is_empty()).then_some(body))
    }

    /// What is left, as it stands on the wire.
    pub fn rest(self) -> &'a [u8] {
        self.0.unwrap_or_default()
    }

    /// The only part there is, if there is one only.
    pub fn single(self) -> Option<Part<'a>> {
        self.0.filter(|rest| !rest.contains(&DIVIDER))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let rest = self.0?;
        let (part, rest) = match rest.iter().position(|byte| *byte == DIVIDER) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        self.0 = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests;
