//! What is sent or expected: bytes, and between them parts that are not known before the case is played.

use std::collections::BTreeMap;

/// Texts that were kept while a case is played.
pub(crate) type Kept = BTreeMap<String, Vec<u8>>;

/// A piece of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Byte(u8),
    /// One of these; only expected, never sent.
    OneOf(Vec<u8>),
    /// Any text with its length in front, kept under this name unless that is empty; only expected.
    Text(String),
    /// A text that was kept, with its length in front.
    Kept(String),
    /// A variable byte integer, and then so many bytes.
    Group(Vec<Self>),
}

/// What came of comparing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Matched {
    /// It fits, and so many bytes belong to it.
    Whole(usize),
    /// It may fit when more comes.
    Short,
    Wrong,
}

/// The bytes to send; `None` if some of them are not known, or can only be expected.
pub(crate) fn bytes_of(patterns: &[Pattern], kept: &Kept) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for pattern in patterns {
        match pattern {
            Pattern::Byte(byte) => bytes.push(*byte),
            Pattern::Kept(name) => {
                let text = kept.get(name)?;
                bytes.extend((text.len() as u16).to_be_bytes());
                bytes.extend(text);
            }
            Pattern::Group(group) => {
                let group = bytes_of(group, kept)?;
                bytes.extend(varint(group.len()));
                bytes.extend(group);
            }
            Pattern::OneOf(_) | Pattern::Text(_) => return None,
        }
    }
    Some(bytes)
}

/// Compares `bytes`, which may be more or less than what is expected.
pub(crate) fn compare(patterns: &[Pattern], bytes: &[u8], kept: &mut Kept) -> Matched {
    let mut at = 0;
    for pattern in patterns {
        let rest = &bytes[at..];
        let fits = |is_so: bool| if is_so { Matched::Whole(1) } else { Matched::Wrong };
        let matched = match (pattern, rest.first()) {
            (Pattern::Byte(_) | Pattern::OneOf(_), None) => Matched::Short,
            (Pattern::Byte(byte), Some(came)) => fits(byte == came),
            (Pattern::OneOf(bytes), Some(came)) => fits(bytes.contains(came)),
            (Pattern::Text(name), _) => take_text(name, rest, kept),
            (Pattern::Kept(_), _) => match bytes_of(std::slice::from_ref(pattern), kept) {
                Some(expected) => compare_bytes(&expected, rest),
                None => Matched::Wrong,
            },
            (Pattern::Group(group), _) => compare_group(group, rest, kept),
        };
        match matched {
            Matched::Whole(len) => at += len,
            other => return other,
        }
    }
    Matched::Whole(at)
}

fn compare_bytes(expected: &[u8], bytes: &[u8]) -> Matched {
    let len = expected.len().min(bytes.len());
    match expected[..len] == bytes[..len] {
        true if len == expected.len() => Matched::Whole(len),
        true => Matched::Short,
        false => Matched::Wrong,
    }
}

fn take_text(name: &str, bytes: &[u8], kept: &mut Kept) -> Matched {
    let Some((len, rest)) = bytes.split_first_chunk() else { return Matched::Short };
    let len = usize::from(u16::from_be_bytes(*len));
    let Some(text) = rest.get(..len) else { return Matched::Short };
    if std::str::from_utf8(text).is_err() || text.is_empty() {
        return Matched::Wrong;
    }
    if !name.is_empty() {
        kept.insert(name.to_owned(), text.to_vec());
    }
    Matched::Whole(2 + len)
}

fn compare_group(group: &[Pattern], bytes: &[u8], kept: &mut Kept) -> Matched {
    let mut len = 0;
    for (index, byte) in bytes.iter().enumerate().take(4) {
        len |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let start = index + 1;
            let Some(inside) = bytes.get(start..start + len) else { return Matched::Short };
            let fits = compare(group, inside, kept) == Matched::Whole(len);
            return if fits { Matched::Whole(start + len) } else { Matched::Wrong };
        }
    }
    if bytes.len() < 4 { Matched::Short } else { Matched::Wrong }
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// For people.
pub(crate) fn describe(patterns: &[Pattern]) -> String {
    let one = |pattern: &Pattern| match pattern {
        Pattern::Byte(byte) => format!("{byte:02x}"),
        Pattern::OneOf(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join("/"),
        Pattern::Text(name) => format!("?{name}"),
        Pattern::Kept(name) => format!("${name}"),
        Pattern::Group(group) => format!("{{ {} }}", describe(group)),
    };
    patterns.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[Pattern], bytes: &[u8], expected: Matched) {
        assert_eq!(compare(patterns, bytes, &mut Kept::new()), expected, "{} and {bytes:02x?}", describe(patterns));
    }

    #[test]
    fn patterns_fit_nothing_but_what_they_say() {
        let packet = [Pattern::Byte(0xe0), Pattern::Group(vec![Pattern::Byte(0x82), Pattern::Text(String::new())])];
        check(&packet, &[0xe0, 4, 0x82, 0, 1, b'x', 0xff], Matched::Whole(6));
        check(&packet, &[0xe0, 4, 0x82, 0, 1], Matched::Short);
        check(&packet, &[0xe0], Matched::Short);
        check(&packet, &[0xe0, 0x84], Matched::Short);
        check(&packet, &[0xd0, 4], Matched::Wrong);
        check(&packet, &[0xe0, 4, 0x81, 0, 1, b'x'], Matched::Wrong);
        // A text that is shorter or longer than the packet, or none.
        check(&packet, &[0xe0, 5, 0x82, 0, 1, b'x', b'y'], Matched::Wrong);
        check(&packet, &[0xe0, 4, 0x82, 0, 2, b'x', b'y'], Matched::Wrong);
        check(&packet, &[0xe0, 3, 0x82, 0, 0], Matched::Wrong);
        check(&packet, &[0xe0, 4, 0x82, 0, 1, 0xff], Matched::Wrong);
        check(&packet, &[0xe0, 0x80, 0x80, 0x80, 0x80], Matched::Wrong);
        check(&[Pattern::OneOf(vec![1, 2])], &[2], Matched::Whole(1));
        check(&[Pattern::OneOf(vec![1, 2])], &[3], Matched::Wrong);
        check(&[], &[3], Matched::Whole(0));
    }

    #[test]
    fn what_was_kept_is_sent_and_expected() {
        let mut kept = Kept::new();
        let came = [0, 2, b'i', b'd'];
        assert_eq!(compare(&[Pattern::Text("id".into())], &came, &mut kept), Matched::Whole(4));
        let again = [Pattern::Group(vec![Pattern::Kept("id".into())])];
        assert_eq!(bytes_of(&again, &kept), Some(vec![4, 0, 2, b'i', b'd']));
        assert_eq!(bytes_of(&again, &Kept::new()), None);
        assert_eq!(compare(&again, &[4, 0, 2, b'i', b'd'], &mut kept), Matched::Whole(5));
        assert_eq!(compare(&again, &[4, 0, 2, b'i', b'x'], &mut kept), Matched::Wrong);
    }
}
