//! Any bytes as what a Blynk device sends: shared with the fuzz target, as `tests/mqtt/fuzzing.rs` is.

use std::time::{Duration, Instant};

use housewire_protocols::blynk::{Command, Event, Frame, MessageId, Parts, Session, SessionOptions, decode, write_pin};
use housewire_protocols::limits::{BLYNK_BODY_BYTES_MAX, BLYNK_LOGINS_MAX};

/// What a device that sends such bytes is told, and what the server makes of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    replies: Vec<u8>,
    events: Vec<String>,
    end: Option<String>,
}

/// The bytes mean the same however they come, and nothing breaks.
pub(crate) fn run_session(bytes: &[u8]) {
    let Some((seed, bytes)) = bytes.split_first() else { return };
    let rate = (*seed >= 128).then_some(1);
    let whole = play(bytes, bytes.len().max(1), rate);
    let pieces = play(bytes, usize::from(seed % 7) + 1, rate);
    assert_eq!(whole, pieces);
    check_replies(&whole.replies);
}

fn play(bytes: &[u8], piece_bytes: usize, rate: Option<u32>) -> Outcome {
    #[allow(clippy::disallowed_methods)] // any moment will do; it never matters which
    let now = Instant::now();
    // As if no time passed, so that both ways of sending take as long.
    let options = SessionOptions { rate, login_timeout: Duration::from_secs(1), ..SessionOptions::default() };
    let mut session = Session::new(&options, now);
    let mut outcome = Outcome::default();
    let mut buffer = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        buffer.extend_from_slice(piece);
        session.handle_bytes(now);
        let mut used = 0;
        loop {
            match decode(&buffer[used..], BLYNK_BODY_BYTES_MAX) {
                Ok(Some((frame, length))) => {
                    used += length;
                    if let Err(error) = step(&mut session, frame, now, &mut outcome) {
                        outcome.end = Some(error);
                        return outcome;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    outcome.end = Some(error.to_string());
                    return outcome;
                }
            }
        }
        buffer.drain(..used);
        assert!(session.poll_timeout() > now);
        assert_eq!(session.handle_timeout(now), Ok(()));
    }
    outcome
}

fn step(session: &mut Session, frame: Frame<'_>, now: Instant, outcome: &mut Outcome) -> Result<(), String> {
    let (Frame::Message { id, .. } | Frame::Response { id, .. }) = frame;
    let event = session.handle_frame(frame, now, &mut outcome.replies).map_err(|error| error.to_string())?;
    match event {
        Event::Login(token) if token.starts_with('0') => session.accept(id, now, &mut outcome.replies),
        Event::Login(_) => session.refuse(id, &mut outcome.replies).map_err(|error| error.to_string())?,
        Event::Values { pin, values } => {
            assert!(values.count() > 0);
            // What a device says can be said to another one.
            let body_bytes_max = session.library().body_bytes_max;
            let before = outcome.replies.len();
            let is_written =
                write_pin(Command::HARDWARE, MessageId::MIN, pin, values, body_bytes_max, &mut outcome.replies);
            assert_eq!(is_written, outcome.replies.len() > before);
            assert!(outcome.replies.len() - before <= 5 + body_bytes_max);
        }
        Event::Sync(sync) => assert!(sync.pins().count() <= BLYNK_BODY_BYTES_MAX),
        _ => {}
    }
    outcome.events.push(format!("{event:?}"));
    Ok(())
}

/// Whatever is answered are whole frames that the other side can read.
fn check_replies(mut replies: &[u8]) {
    let mut refusals = 0;
    while !replies.is_empty() {
        let (frame, used) = decode(replies, BLYNK_BODY_BYTES_MAX).unwrap().expect("a whole frame");
        match frame {
            Frame::Response { status, .. } => {
                assert!((1..=24).contains(&status) || status == 200, "{status}");
                refusals += usize::from(status == 9);
            }
            Frame::Message { command, body, .. } => {
                assert_eq!(command, Command::HARDWARE);
                assert!(Parts::of(body).count() >= 3);
            }
        }
        replies = &replies[used..];
    }
    assert!(refusals <= usize::from(BLYNK_LOGINS_MAX));
}
