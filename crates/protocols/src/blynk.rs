//! Blynk's hardware protocol, of the libraries up to 0.6 and from 1.0 on: one codec, one machine for the server's side.
//!
//! [`decode`] and the `write_*` functions know what a frame looks like; [`Session`] decides what a device's frames mean, what is
//! answered, and when its time is over. Values stay text, as they are on the wire: which property of which device a pin is
//! belongs to the server, as do tokens. The side of Blynk's own app, which has another frame, is not spoken.

mod codec;
mod info;
mod pin;
mod session;
mod status;

pub use codec::{
    Command, DecodeError, Frame, HEADER_BYTES, MessageId, Part, Parts, decode, frame_bytes, is_first_byte, write_frame,
    write_response,
};
pub use info::{Info, Library};
pub use pin::{Pin, PinKind};
pub use session::{
    Bridge, Event, Notice, ProtocolError, Question, Session, SessionOptions, Sync, is_property, write_pin,
};
pub use status::Status;
