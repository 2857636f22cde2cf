//! What a device's library says of itself, and what that means for what it may be sent.

use crate::blynk::codec::Parts;
use crate::limits::{BLYNK_BUFFER_BYTES, BLYNK_SMALL_BODY_BYTES_MAX};

/// Pairs of the info message, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info<'a> {
    /// Version of the library.
    pub version: Option<&'a str>,
    /// `h-beat`: how often it is heard of, in seconds.
    pub heartbeat_s: Option<u16>,
    /// `buff-in`: the longest frame that it takes, in bytes.
    pub buffer_bytes: Option<usize>,
    /// The board, or the language.
    pub device: Option<&'a str>,
    /// `fw`: version of the firmware.
    pub firmware: Option<&'a str>,
    /// `fw-type`.
    pub firmware_type: Option<&'a str>,
    /// When the firmware was built.
    pub build: Option<&'a str>,
    /// `con` or `conn`: how it is connected.
    pub connection: Option<&'a str>,
    /// `tmpl`: its template.
    pub template: Option<&'a str>,
}

impl<'a> Info<'a> {
    /// Reads the pairs. What is no pair, no text or not known is left out.
    pub(crate) fn parse(mut parts: Parts<'a>) -> Self {
        let mut info = Self::default();
        while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            let Ok(value) = std::str::from_utf8(value) else { continue };
            match key {
                b"ver" => info.version = Some(value),
                b"h-beat" => info.heartbeat_s = value.parse().ok(),
                b"buff-in" => info.buffer_bytes = value.parse().ok(),
                b"dev" => info.device = Some(value),
                b"fw" => info.firmware = Some(value),
                b"fw-type" => info.firmware_type = Some(value),
                b"build" => info.build = Some(value),
                b"con" | b"conn" => info.connection = Some(value),
                b"tmpl" => info.template = Some(value),
                _ => {}
            }
        }
        info
    }
}

/// What is known of a device's library, as far as it binds the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Library {
    /// It takes what one read of its socket brings for one frame: what comes behind it is lost, and there has to be a gap between
    /// frames (PyPI `blynklib`).
    pub reads_one_frame: bool,
    /// The longest body that it takes.
    pub body_bytes_max: usize,
}

impl Library {
    /// Of a library that has said nothing yet.
    pub(crate) fn unknown(has_old_login: bool) -> Self {
        Self { reads_one_frame: has_old_login, body_bytes_max: BLYNK_BUFFER_BYTES - crate::blynk::HEADER_BYTES }
    }

    /// `has_old_login`: which of both commands it used.
    pub(crate) fn of(info: &Info<'_>, has_old_login: bool) -> Self {
        let is_python = info.device == Some("python");
        let is_script = is_python || info.device == Some("js");
        let buffer = info.buffer_bytes.unwrap_or(BLYNK_BUFFER_BYTES).saturating_sub(crate::blynk::HEADER_BYTES);
        // The C++ libraries announce more than the buffer for a body that they were built with.
        let body_bytes_max = if is_script { buffer } else { buffer.min(BLYNK_SMALL_BODY_BYTES_MAX) };
        Self { reads_one_frame: has_old_login && is_python, body_bytes_max: body_bytes_max.min(usize::from(u16::MAX)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_say_of_themselves() {
        for (body, old_login, one_frame, body_max, heartbeat) in [
            (&b"ver\x000.2.6\0buff-in\x001024\0h-beat\x0010\0dev\0python"[..], true, true, 1_019, Some(10)),
            (b"ver\x000.2.0\0h-beat\x003\0buff-in\x001024\0dev\0python", false, false, 1_019, Some(3)),
            (b"ver\x000.5.4\0buff-in\x004096\0dev\0js", false, false, 4_091, None),
            (b"ver\x001.4.0\0h-beat\x0040\0buff-in\x004096\0dev\0Linux\0", false, false, 256, Some(40)),
            (b"ver\x000.3.0\0dev\0Arduino", true, false, 250, None),
            (b"h-beat\x0099999\0buff-in\0x\0odd", false, false, 250, None),
            (b"buff-in\x002", false, false, 0, None),
            (b"buff-in\x0099999999\0dev\0js", false, false, 65_535, None),
        ] {
            let info = Info::parse(Parts::of(body));
            let library = Library::of(&info, old_login);
            let expected = Library { reads_one_frame: one_frame, body_bytes_max: body_max };
            assert_eq!((library, info.heartbeat_s), (expected, heartbeat), "{}", String::from_utf8_lossy(body));
        }
        let info = Info::parse(Parts::of(b"con\0ESP8266\0fw\x001.2\0tmpl\0TMPL1\0build\0today\0fw-type\0T"));
        assert_eq!((info.connection, info.firmware, info.template), (Some("ESP8266"), Some("1.2"), Some("TMPL1")));
        assert_eq!((info.build, info.firmware_type), (Some("today"), Some("T")));
    }
}
