use proptest::prelude::*;

use super::*;

const ANY: usize = u16::MAX as usize;

fn id(number: u16) -> MessageId {
    MessageId::new(number).unwrap()
}

fn written(command: Command, number: u16, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(write_frame(command, id(number), parts.iter().copied(), ANY, &mut bytes));
    bytes
}

#[test]
fn frames_are_read_and_written() {
    let bytes = written(Command::HARDWARE, 0x03e8, &[b"vw", b"1", b"255"]);
    assert_eq!(bytes, b"\x14\x03\xe8\x00\x08vw\x001\x00255");
    let frame = Frame::Message { command: Command::HARDWARE, id: id(1_000), body: b"vw\x001\x00255" };
    assert_eq!(decode(&bytes, ANY), Ok(Some((frame, bytes.len()))));
    for cut in 0..bytes.len() {
        assert_eq!(decode(&bytes[..cut], ANY), Ok(None), "{cut}");
    }
    assert_eq!(frame_bytes(&bytes), bytes.len());
    let mut response = Vec::new();
    write_response(id(2), Status::Ok, &mut response);
    assert_eq!(response, [0, 0, 2, 0, 200]);
    assert_eq!(frame_bytes(&response), HEADER_BYTES);
    // Whatever stands behind an answer is a frame of its own: its status is no length.
    response.extend_from_slice(&bytes);
    assert_eq!(decode(&response, ANY), Ok(Some((Frame::Response { id: id(2), status: 200 }, HEADER_BYTES))));
}

#[test]
fn what_is_no_frame() {
    for (bytes, expected) in [
        (&[20, 0, 0, 0, 1, b'x'][..], DecodeError::IdZero),
        (&[0, 0, 0, 0, 200], DecodeError::IdZero),
        (&[100, 0, 1, 0, 0], DecodeError::NoCommand(100)),
        (&[b'G', 0, 1, 0xff, 0xff], DecodeError::TooLong { bytes: 65_535, bytes_max: 100 }),
    ] {
        assert_eq!(decode(bytes, 100), Err(expected), "{bytes:?}");
    }
    let mut longest = vec![20, 0, 1, 0xff, 0xff];
    assert_eq!(decode(&longest, ANY), Ok(None));
    longest.resize(HEADER_BYTES + ANY, b'x');
    assert!(matches!(decode(&longest, ANY), Ok(Some((Frame::Message { body, .. }, _))) if body.len() == ANY));
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let mut out = b"before".to_vec();
    let long = vec![b'x'; 70_000];
    for (part, bytes_max) in [(&b"12345"[..], 4), (b"a\0b", ANY), (&long, usize::MAX)] {
        assert!(!write_frame(Command::HARDWARE, id(1), [part], bytes_max, &mut out));
        assert_eq!(out, b"before");
    }
    assert!(!write_frame(Command::HARDWARE, id(1), [&b"12"[..], b"4"], 3, &mut out), "the divider counts");
    assert!(write_frame(Command::HARDWARE, id(1), [&b"12"[..], b"4"], 4, &mut out));
}

#[test]
fn bodies_fall_into_parts() {
    let parts = |body: &'static [u8]| Parts::of(body).collect::<Vec<_>>();
    assert!(parts(b"").is_empty());
    assert_eq!(parts(b"vw"), [b"vw"]);
    assert_eq!(parts(b"a\0b\0"), [&b"a"[..], b"b", b""]);
    assert_eq!(Parts::of(b"one").single(), Some(&b"one"[..]));
    assert_eq!(Parts::of(b"one\0two").single(), None);
    let mut rest = Parts::of(b"a\0b\0c");
    rest.next();
    assert_eq!(rest.rest(), b"b\0c");
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        code in 1_u8..100,
        number in 1_u16..,
        parts in prop::collection::vec(prop::collection::vec(1_u8.., 0..20), 1..6),
        behind in prop::collection::vec(any::<u8>(), 0..10),
    ) {
        let borrowed: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mut bytes = written(Command(code), number, &borrowed);
        let length = bytes.len();
        bytes.extend_from_slice(&behind);
        let (frame, used) = decode(&bytes, ANY).unwrap().unwrap();
        prop_assert_eq!((used, frame_bytes(&bytes)), (length, length));
        match frame {
            Frame::Message { command, id: read, body } => {
                prop_assert_eq!((command, read.get()), (Command(code), number));
                let read: Vec<_> = Parts::of(body).collect();
                // One empty part and no part at all look alike.
                let expected = if borrowed == [b""] { Vec::new() } else { borrowed };
                prop_assert_eq!(read, expected);
            }
            Frame::Response { .. } => prop_assert!(false, "{:?}", frame),
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..60), bytes_max in 0_usize..100) {
        if let Ok(Some((_, used))) = decode(&bytes, bytes_max) {
            prop_assert!((HEADER_BYTES..=bytes.len()).contains(&used));
            prop_assert!(used <= HEADER_BYTES + bytes_max);
        }
    }
}
