//! What must hold of any bytes, for the fuzzer and for the tests here.

use housewire_protocols::annotate::Annotation;
use housewire_protocols::annotate::follow::{Content, Direction, Follower, Frame, Speaks};
use housewire_protocols::annotate::websocket::Inside;
use housewire_protocols::limits::{FRAME_BYTES_KEPT, FRAME_FIELDS_MAX};
use housewire_protocols::mqtt::Version;

/// Bytes as a connection: the first says what it speaks, and each next one how many follow, and which way they go.
pub(crate) fn follow_bytes(input: &[u8]) {
    let Some((first, mut rest)) = input.split_first() else { return };
    let speaks = match first & 11 {
        8.. => Speaks::Blynk,
        0 => Speaks::Mqtt(Version::V5),
        1 => Speaks::Mqtt(Version::V3_1_1),
        2 => Speaks::Http,
        _ => Speaks::WebSocket(Inside::Text),
    };
    let mut follower = Follower::new(speaks, first & 4 == 0, |path| path.starts_with("/o"));
    let mut frames = Vec::new();
    let mut pushed = [0, 0];
    while let Some((how, behind)) = rest.split_first() {
        let length = usize::from(how >> 2).min(behind.len());
        let direction = if how & 1 == 0 { Direction::In } else { Direction::Out };
        follower.push(direction, &behind[..length], how & 2 == 0, &mut frames);
        pushed[direction as usize] += length;
        rest = &behind[length..];
    }
    let mut told = [0, 0];
    for frame in &frames {
        told[frame.direction as usize] += frame.whole;
        check(frame, &frame.annotate());
    }
    assert!(told[0] <= pushed[0] && told[1] <= pushed[1], "no byte is told of twice");
    // And one frame by itself, of which less was kept than there is.
    for content in [
        Content::Mqtt(Version::V5),
        Content::Mqtt(Version::V3_1),
        Content::Blynk,
        Content::WebSocket(Inside::Text),
        Content::WebSocket(Inside::Stream),
        Content::Head,
        Content::Body { is_shown: true },
        Content::Chunk { is_shown: true },
        Content::Chunk { is_shown: false },
    ] {
        for whole in [input.len(), input.len() * 2] {
            let frame = Frame { direction: Direction::In, content, bytes: input.to_vec(), whole };
            check(&frame, &frame.annotate());
        }
    }
}

fn check(frame: &Frame, annotation: &Annotation) {
    assert!(frame.bytes.len() <= FRAME_BYTES_KEPT.max(frame.whole));
    assert!(annotation.fields.len() <= FRAME_FIELDS_MAX);
    for field in &annotation.fields {
        assert!(field.from <= field.to && field.to <= frame.whole, "{field:?} of {}", frame.whole);
    }
    for range in &annotation.redacted {
        assert!(range.start < range.end && range.end <= frame.whole, "{range:?} of {}", frame.whole);
    }
}
