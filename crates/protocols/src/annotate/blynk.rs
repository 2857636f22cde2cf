//! A frame of Blynk's hardware protocol: command, message id, and the parts of its body. There is no standard; what is told is what
//! Blynk's own libraries and server do.

use super::{Annotation, HIDDEN, Reader, Step, Stop, bytes_of, shown, text_or_size};

/// Who sends a frame: the same command may mean another thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The device.
    Device,
    /// The hub.
    Hub,
}

/// How long a frame is that begins so; `None` while its head is not there whole.
pub fn measure(bytes: &[u8]) -> Option<usize> {
    let head: [u8; 5] = bytes.get(..5)?.try_into().ok()?;
    Some(crate::blynk::frame_bytes(&head))
}

/// Takes a frame apart, of which `bytes` were kept of `whole`.
pub fn annotate(bytes: &[u8], whole: usize, sender: Sender) -> Annotation {
    // What nobody knows the meaning of may be another protocol's login.
    let is_delicate = bytes.first().is_some_and(|code| matches!(code, 2 | 15 | 29) || !is_known(*code));
    let mut reader = Reader::new(bytes, whole);
    let read = frame(&mut reader, sender);
    reader.finish(read, is_delicate)
}

const COMMANDS: [(u8, &str, &str); 18] = [
    (0, "response", "has no body: a status stands where the length would"),
    (2, "login", "of libraries of old; its body is the token"),
    (6, "ping", "says that somebody is there"),
    (12, "tweet", "a text for all the world"),
    (13, "email", "to, subject, text"),
    (14, "notify", "a notification on people's phones"),
    (15, "bridge", "to or from another device"),
    (16, "sync", "asks for the last values"),
    (17, "internal", "about the library, the time, the firmware"),
    (18, "sms", "a short message"),
    (19, "property", "how a widget looks"),
    (20, "hardware", "values of pins"),
    (21, "group", "values that belong together"),
    (29, "hardware login", "its body is the token"),
    (41, "redirect", "the device is to go elsewhere"),
    (55, "debug print", "a text that the device prints"),
    (64, "event", "something happened"),
    (65, "event clear", "it is over"),
];

const STATUSES: [(u16, &str); 12] = [
    (200, "ok"),
    (1, "quota exceeded"),
    (2, "illegal command"),
    (4, "already logged in"),
    (6, "not allowed"),
    (7, "the device is away"),
    (9, "invalid token"),
    (11, "illegal command body"),
    (13, "the notification is not valid"),
    (14, "notifications are not authorised"),
    (15, "the notification failed"),
    (19, "server error"),
];

fn frame(reader: &mut Reader<'_>, sender: Sender) -> Step<()> {
    let (range, [code]) = reader.number("the command")?;
    let (name, about) = COMMANDS
        .iter()
        .find(|(number, ..)| *number == code)
        .map_or(("unknown", "means nothing here"), |(_, name, about)| (name, about));
    reader.made.kind = name.into();
    reader.field(range, "command", format!("{code} {name}"), about, "");
    let (range, id) = reader.number("the message id")?;
    let id = u16::from_be_bytes(id);
    reader.field(range, "message id", id.to_string(), "an answer carries it, too", "");
    if id == 0 {
        return Err(Stop::Broken("the message id 0 is none".into()));
    }
    let (range, number) = reader.number("the length")?;
    let number = u16::from_be_bytes(number);
    if code == 0 {
        let about = STATUSES.iter().find(|(status, _)| *status == number).map_or("", |(_, about)| about);
        reader.field(range, "status", number.to_string(), about, "");
        reader.made.summary = format!("{number} {about} · to message {id}").replace("  ", " ");
        return Ok(());
    }
    reader.field(range, "length", bytes_of(usize::from(number)), "of the body", "");
    reader.end = reader.end.min(reader.at + usize::from(number));
    if matches!(code, 2 | 29) {
        let (range, _) = reader.take(usize::from(number), "the token")?;
        reader.redact(range.clone());
        reader.field(range, "token", HIDDEN, "of the device", "");
        reader.made.summary = format!("{name} · message {id}");
        return Ok(());
    }
    if !is_known(code) {
        let (range, _) = reader.take(usize::from(number), "the body")?;
        reader.redact(range.clone());
        reader.field(range, "body", HIDDEN, "what it means is not known, so that it is not shown", "");
        reader.made.summary = format!("command {code} · message {id}");
        return Ok(());
    }
    body(reader, code, id, usize::from(number), sender)
}

fn is_known(code: u8) -> bool {
    COMMANDS.iter().any(|(number, ..)| *number == code)
}

/// Parts, divided by NUL.
fn body(reader: &mut Reader<'_>, code: u8, id: u16, length: usize, sender: Sender) -> Step<()> {
    let start = reader.at;
    let (whole, bytes) = reader.take(length, "the body")?;
    let mut texts: Vec<String> = Vec::new();
    let mut from = start;
    for (place, part) in bytes.split(|byte| *byte == 0).enumerate() {
        let range = from..from + part.len();
        from = range.end + 1;
        if length == 0 || !reader.has_room() {
            break;
        }
        // Whatever a device binds a key with; what it writes with it has a verb that is known.
        let is_written = texts.get(1).is_some_and(|verb| matches!(&**verb, "vw" | "dw" | "aw"));
        let is_token = code == 15 && sender == Sender::Device && place >= 2 && !is_written;
        let text = if is_token { HIDDEN.to_owned() } else { text_or_size(part, part.len()) };
        if is_token {
            reader.redact(range.clone());
        }
        let (name, note) = called(code, place, texts.first().map(String::as_str), sender);
        reader.field(range, name, text.clone(), note, "");
        texts.push(text);
    }
    let said = shown(&texts.join(" "));
    reader.made.summary = match said.is_empty() {
        true => format!("{} · message {id}", reader.made.kind),
        false => format!("{said} · message {id}"),
    };
    if bytes.len() < length {
        reader.at = whole.start + bytes.len();
        return Err(Stop::Cut);
    }
    Ok(())
}

/// What a part is called, and what there is to know of it.
fn called(code: u8, place: usize, first: Option<&str>, sender: Sender) -> (&'static str, &'static str) {
    let verb = match first {
        Some("vw" | "dw" | "aw") => Some("write"),
        Some("vr" | "dr" | "ar") => Some("read"),
        _ => None,
    };
    match (code, place, verb) {
        (20, 0, _) if sender == Sender::Device => ("verb", "vw, dw, aw: what a pin is"),
        (20, 0, _) => ("verb", "vw, dw, aw: what a pin is to become; vr, dr, ar ask for it; pm says how pins are used"),
        (16, 0, _) => ("verb", "vr, dr, ar: of virtual, digital or analog pins"),
        (20, 1, Some(_)) | (16, 1.., _) => ("pin", ""),
        (20, 2.., Some("write")) => ("value", ""),
        (15, 0, _) => ("key", "which device, as this one calls it"),
        (15, 1, _) => ("verb", "i binds the key to a token, the others write a pin"),
        (17, 0, _) => ("subject", ""),
        (19, 0, _) => ("pin", ""),
        (19, 1, _) => ("property", ""),
        (64 | 65, 0, _) => ("event", ""),
        _ => ("part", ""),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    fn values(annotation: &Annotation) -> Vec<(&str, &str)> {
        annotation.fields.iter().map(|field| (&*field.name, &*field.value)).collect()
    }

    #[test]
    fn values_responses_and_what_is_broken() {
        let bytes = b"\x14\x00\x04\x00\x0cvw\x003\x001\x002.5\0x";
        let made = annotate(bytes, bytes.len(), Sender::Device);
        assert_eq!((&*made.kind, &*made.summary), ("hardware", "vw 3 1 2.5 x · message 4"));
        let expected = [
            ("command", "20 hardware"),
            ("message id", "4"),
            ("length", "12 bytes"),
            ("verb", "vw"),
            ("pin", "3"),
            ("value", "1"),
            ("value", "2.5"),
            ("value", "x"),
        ];
        assert_eq!(values(&made), expected);
        assert_eq!((made.fields[5].from, made.fields[5].to, measure(bytes)), (10, 11, Some(bytes.len())));
        let response = annotate(&[0, 0, 1, 0, 9], 5, Sender::Hub);
        assert_eq!(&*response.summary, "9 invalid token · to message 1");
        let broken = annotate(&[6, 0, 0, 0, 0], 5, Sender::Device);
        assert!(broken.summary.contains("malformed"), "{broken:?}");
    }

    #[test]
    fn a_bridge_shows_what_it_writes_and_nothing_that_may_be_a_token() {
        let of = |bytes: &[u8], sender| annotate(bytes, bytes.len(), sender);
        let written = of(b"\x0f\x00\x0e\x00\x0964\0vw\x009\x007", Sender::Device);
        assert_eq!((&*written.summary, written.redacted.len()), ("64 vw 9 7 · message 14", 0));
        let arrived = of(b"\x0f\x00\x0e\x00\x06vw\x009\x007", Sender::Hub);
        assert_eq!((&*arrived.summary, arrived.redacted.len()), ("vw 9 7 · message 14", 0));
        // A verb that does not exist may have been meant to bind, and a command of another protocol to log in.
        let mistaken = of(b"\x0f\x00\x0e\x00\x0864\0I\0abc", Sender::Device);
        assert_eq!(
            (&*mistaken.summary, &*mistaken.redacted),
            ("64 I •••• · message 14", &[Range { start: 10, end: 13 }][..])
        );
        let unknown = of(b"\x01\x00\x01\x00\x03abc", Sender::Device);
        assert_eq!(
            (&*unknown.summary, &*unknown.redacted),
            ("command 1 · message 1", &[Range { start: 5, end: 8 }][..])
        );
    }

    #[test]
    fn tokens_are_shown_to_nobody() {
        const TOKEN: &str = "0123456789abcdef0123456789abcdef";
        let login = [b"\x1d\x00\x01\x00\x20", TOKEN.as_bytes()].concat();
        let bridge = [b"\x0f\x00\x0d\x00\x2564\0i\0", TOKEN.as_bytes()].concat();
        for (bytes, token) in [(&login, 5..37), (&bridge, 10..42)] {
            for kept in 5..=bytes.len() {
                let made = annotate(&bytes[..kept], bytes.len(), Sender::Device);
                let said = format!("{made:?}");
                assert!(!said.contains("cdef") && !said.contains("0123"), "{said}");
                let hidden = |at: usize| made.redacted.iter().any(|range| range.contains(&at));
                assert!((token.start..kept.min(token.end)).all(hidden), "{kept}: {said}");
            }
        }
    }
}
