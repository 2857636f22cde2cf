use super::*;
use crate::blynk::{HEADER_BYTES, decode, write_frame};
use crate::limits::BLYNK_BODY_BYTES_MAX;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const BUILD: &str = "Jan 01 2026 12:00:00";

fn now() -> Instant {
    // The only clock of these tests; what follows is added to it.
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(|| {
        #[expect(clippy::disallowed_methods, reason = "a first moment has to come from somewhere")]
        Instant::now()
    });
    *START
}

/// Bytes of a vector: hex digits, with text in quotes, whose dots are NULs, and `T` for the token.
fn hex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            ' ' => rest = &rest[1..],
            'T' => {
                bytes.extend_from_slice(TOKEN.as_bytes());
                rest = &rest[1..];
            }
            '"' => {
                let end = rest[1..].find('"').unwrap() + 1;
                bytes.extend(rest[1..end].replace('·', "\0").bytes());
                rest = &rest[end + 1..];
            }
            _ => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                rest = &rest[2..];
            }
        }
    }
    bytes
}

fn session() -> Session {
    Session::new(&SessionOptions::default(), now())
}

fn open(login: &[u8]) -> Session {
    let mut session = session();
    let (frame, _) = decode(login, BLYNK_BODY_BYTES_MAX).unwrap().unwrap();
    assert_eq!(session.handle_frame(frame, now(), &mut Vec::new()), Ok(Event::Login(TOKEN)));
    session.accept(MessageId::new(1).unwrap(), now(), &mut Vec::new());
    session
}

/// Sends one whole frame; what it means and what is answered.
fn say<'a>(session: &mut Session, bytes: &'a [u8]) -> (Result<Event<'a>, ProtocolError>, Vec<u8>) {
    let (frame, used) = decode(bytes, BLYNK_BODY_BYTES_MAX).unwrap().unwrap();
    assert_eq!(used, bytes.len());
    let mut replies = Vec::new();
    (session.handle_frame(frame, now(), &mut replies), replies)
}

#[track_caller]
fn check(sent: &str, expected: Event<'_>, answer: &str) {
    let mut session = open(&hex("1d 00 01 00 20 T"));
    let bytes = hex(sent);
    let (event, replies) = say(&mut session, &bytes);
    assert_eq!(event, Ok(expected), "{sent}");
    assert_eq!(replies, hex(answer), "{sent}");
}

fn pin(text: &str) -> Pin {
    Pin::parse(text).unwrap()
}

/// Vectors 1 to 5.
#[test]
fn both_logins_and_their_answers() {
    for login in ["1d 00 01 00 20 T", "02 00 01 00 20 T"] {
        let bytes = hex(login);
        let mut session = session();
        let mut replies = Vec::new();
        assert_eq!(say(&mut session, &bytes).0, Ok(Event::Login(TOKEN)));
        session.refuse(MessageId::new(1).unwrap(), &mut replies).unwrap();
        assert_eq!(replies, hex("00 00 01 00 09"));
        assert!(!session.is_open());
        replies.clear();
        assert_eq!(say(&mut session, &bytes).0, Ok(Event::Login(TOKEN)), "a second try is one");
        session.accept(MessageId::new(1).unwrap(), now(), &mut replies);
        assert_eq!(replies, hex("00 00 01 00 c8"));
        let mut second = bytes.clone();
        second[2] = 2;
        assert_eq!(say(&mut session, &second), (Ok(Event::Handled), hex("00 00 02 00 04")));
    }
    let (event, _) = (
        session().handle_frame(
            Frame::Message { command: Command::LOGIN, id: MessageId::MIN, body: b" \tabc\r\n\0" },
            now(),
            &mut Vec::new(),
        ),
        (),
    );
    assert_eq!(event, Ok(Event::Login("abc")));
}

/// Vectors 6 to 10.
#[test]
fn libraries_say_what_they_are() {
    let python = "11 00 02 00 2a 76 65 72 00 30 2e 32 2e 30 00 68 2d 62 65 61 74 00 33 00 62 75 66 66 2d 69 6e 00 31 30 \
         32 34 00 64 65 76 00 70 79 74 68 6f 6e";
    let js = "11 00 02 00 1d 76 65 72 00 30 2e 35 2e 34 00 62 75 66 66 2d 69 6e 00 34 30 39 36 00 64 65 76 00 6a 73";
    let old = format!("11 00 02 00 52 \"ver·0.6.1·h-beat·10·buff-in·4096·dev·Linux·build·{BUILD}·conn·Socket·\"");
    let new = format!(
        "11 00 02 00 7e \"ver·1.4.0·h-beat·40·buff-in·4096·dev·Linux·fw-type·TMPLtest01·fw·0.1.0·build·{BUILD}·conn·\
         Socket·tmpl·TMPLtest01·\""
    );
    for (sent, version, heartbeat_s, patience_s, body_bytes_max) in [
        (python, "0.2.0", 3, 7, 1_019),
        (js, "0.5.4", 10, 23, 4_091),
        (&old, "0.6.1", 10, 23, 256),
        (&new, "1.4.0", 40, 92, 256),
    ] {
        let mut session = open(&hex("1d 00 01 00 20 T"));
        let bytes = hex(sent);
        let (event, replies) = say(&mut session, &bytes);
        let Ok(Event::Info(info)) = event else { panic!("{event:?}") };
        assert_eq!((info.version, replies), (Some(version), hex("00 00 02 00 c8")));
        assert_eq!((session.heartbeat_s(), session.library().body_bytes_max), (heartbeat_s, body_bytes_max));
        session.handle_bytes(now());
        let deadline = now() + Duration::from_secs(patience_s);
        assert_eq!(session.poll_timeout(), deadline);
        assert_eq!(session.handle_timeout(deadline - Duration::from_millis(1)), Ok(()));
        assert_eq!(session.handle_timeout(deadline), Err(ProtocolError::Silent { heartbeat_s }));
    }
}

/// Vectors 11, 12, 29 and 30.
#[test]
fn values_of_pins() {
    for (sent, pins, values) in [
        ("14 00 03 00 0a 76 77 00 30 00 68 65 6c 6c 6f", "v0", &b"hello"[..]),
        ("14 00 04 00 0c 76 77 00 33 00 31 00 32 2e 35 00 78", "v3", b"1\x002.5\0x"),
        ("14 00 04 00 06 \"dw·1·1\"", "d1", b"1"),
        ("14 00 04 00 08 \"aw·255·\" 7f", "a255", b"\x7f"),
    ] {
        check(sent, Event::Values { pin: pin(pins), values: Parts::of(values) }, "");
    }
    for (sent, answer) in [
        ("14 00 06 00 04 76 77 00 31", "00 00 06 00 02"),
        ("14 00 09 00 08 76 77 00 32 35 36 00 32", "00 00 09 00 02"),
        ("14 00 09 00 05 \"vw·1·\"", "00 00 09 00 02"),
        ("14 00 09 00 06 \"xw·1·2\"", "00 00 09 00 02"),
        ("14 00 09 00 07 \"vw·-1·2\"", "00 00 09 00 02"),
        ("14 00 09 00 07 \"pm·1·in\"", "00 00 09 00 02"),
        ("14 00 09 00 03 \"vw·\"", "00 00 09 00 02"),
        ("14 00 09 00 00", "00 00 09 00 02"),
        ("14 00 09 00 04 \"vr·1\"", ""),
        ("14 00 09 00 07 \"dr·1·22\"", ""),
    ] {
        check(sent, Event::Handled, answer);
    }
}

/// Vectors 13 and 31.
#[test]
fn properties_of_widgets() {
    let color = Event::Property { pin: pin("v1"), name: "color", values: Parts::of(b"#D3435C") };
    check("13 00 05 00 0f 31 00 63 6f 6c 6f 72 00 23 44 33 34 33 35 43", color, "00 00 05 00 c8");
    let labels = Event::Property { pin: pin("v1"), name: "labels", values: Parts::of(b"a\0b") };
    check("13 00 05 00 0c \"1·labels·a·b\"", labels, "00 00 05 00 c8");
    for sent in [
        "13 00 19 00 08 31 00 6e 6f 70 65 00 4c",
        "13 00 19 00 07 \"1·color\"",
        "13 00 19 00 0b \"256·color·1\"",
        "13 00 19 00 00",
    ] {
        check(sent, Event::Handled, "00 00 19 00 0b");
    }
}

/// Vectors 14 to 16.
#[test]
fn values_are_asked_for() {
    let bytes = hex("10 00 06 00 06 76 72 00 31 00 32");
    let mut session = open(&hex("1d 00 01 00 20 T"));
    let (Ok(Event::Sync(sync)), replies) = say(&mut session, &bytes) else { panic!() };
    assert_eq!((sync.pins().collect::<Vec<_>>(), replies), (vec![pin("v1"), pin("v2")], vec![]));
    let mut answer = Vec::new();
    let id = MessageId::new(6).unwrap();
    assert!(write_pin(Command::HARDWARE, id, pin("v1"), [&b"synced"[..]], 250, &mut answer));
    assert_eq!(answer, hex("14 00 06 00 0b 76 77 00 31 00 73 79 6e 63 65 64"));
    check("10 00 06 00 00", Event::Sync(Sync::All), "");
    check("10 00 06 00 04 \"ar·7\"", Event::Sync(Sync::Pins { kind: PinKind::Analog, numbers: Parts::of(b"7") }), "");
    for sent in
        ["10 00 06 00 02 \"vr\"", "10 00 06 00 03 \"vr·\"", "10 00 06 00 06 \"vr·1·x\"", "10 00 06 00 04 \"vw·1\""]
    {
        check(sent, Event::Handled, "00 00 06 00 02");
    }
}

/// Vectors 17 to 20.
#[test]
fn people_are_told() {
    let notice = |notice| Event::Notice(notice);
    check("0e 00 07 00 06 61 6c 61 72 6d 21", notice(Notice::Push("alarm!")), "00 00 07 00 c8");
    let email = Notice::Email { to: Some("a@b.co"), subject: "subj", body: "body" };
    check("0d 00 09 00 10 61 40 62 2e 63 6f 00 73 75 62 6a 00 62 6f 64 79", notice(email), "00 00 09 00 c8");
    let email = Notice::Email { to: None, subject: "subj", body: "body" };
    check("0d 00 09 00 09 \"subj·body\"", notice(email), "00 00 09 00 c8");
    let event = Notice::Event { code: "hot", description: Some("over 40") };
    check("40 00 0a 00 0b 68 6f 74 00 6f 76 65 72 20 34 30", notice(event), "");
    check("40 00 0a 00 03 \"hot\"", notice(Notice::Event { code: "hot", description: None }), "");
    check("41 00 0a 00 07 \"hot·all\"", notice(Notice::Clear { code: "hot", all: true }), "");
    check("06 00 0c 00 00", Event::Acknowledged, "00 00 0c 00 c8");
    check("12 00 0c 00 02 \"hi\"", notice(Notice::Sms("hi")), "00 00 0c 00 c8");
    check("0c 00 0c 00 02 \"hi\"", notice(Notice::Tweet("hi")), "00 00 0c 00 c8");
    for (code, length) in [("0e", 256), ("12", 161), ("0e", 0)] {
        let long = format!("{code} 00 07 {:02x} {:02x} \"{}\"", length / 256, length % 256, "x".repeat(length));
        check(&long, Event::Handled, "00 00 07 00 0d");
    }
    check("0d 00 09 00 04 \"subj\"", Event::Handled, "00 00 09 00 0b");
    check("40 00 09 00 00", Event::Handled, "");
}

/// Vectors 21 to 24: what the server says.
#[test]
fn values_for_devices() {
    let id = MessageId::new(1_000).unwrap();
    let mut out = Vec::new();
    assert!(write_pin(Command::HARDWARE, id, pin("v1"), [&b"255"[..], b"128", b"0"], 250, &mut out));
    assert_eq!(out, hex("14 03 e8 00 0e 76 77 00 31 00 32 35 35 00 31 32 38 00 30"));
    for (parts, expected) in
        [(&[&b"vr"[..], b"2"][..], "14 03 e8 00 04 76 72 00 32"), (&[b"dr", b"13"], "14 03 e8 00 05 64 72 00 31 33")]
    {
        out.clear();
        assert!(write_frame(Command::HARDWARE, id, parts.iter().copied(), 250, &mut out));
        assert_eq!(out, hex(expected));
    }
    out.clear();
    assert!(write_frame(Command::HARDWARE, MessageId::MIN, [&b"pm"[..], b"13", b"out"], 250, &mut out));
    assert_eq!(out, hex("14 00 01 00 09 70 6d 00 31 33 00 6f 75 74"));
    // How devices answer: with a status, or as if they reported by themselves.
    check("00 03 e8 00 02", Event::Handled, "");
    check("14 00 0b 00 07 76 77 00 32 00 34 32", Event::Values { pin: pin("v2"), values: Parts::of(b"42") }, "");
    check("14 03 e8 00 07 64 77 00 31 33 00 30", Event::Values { pin: pin("d13"), values: Parts::of(b"0") }, "");
}

/// Vectors 25 and 26.
#[test]
fn bridges() {
    let bind = Event::Bridge(Bridge::Bind { key: b"64", token: TOKEN });
    check("0f 00 0d 00 25 36 34 00 69 00 T", bind, "");
    let write = Bridge::Write { key: b"64", pin: pin("v9"), values: Parts::of(b"7"), message: b"vw\x009\x007" };
    check("0f 00 0e 00 09 36 34 00 76 77 00 39 00 37", Event::Bridge(write), "");
    let mut out = Vec::new();
    let Bridge::Write { message, .. } = write else { panic!() };
    let id = MessageId::new(14).unwrap();
    assert!(write_frame(Command::BRIDGE, id, Parts::of(message), 250, &mut out));
    assert_eq!(out, hex("0f 00 0e 00 06 76 77 00 39 00 37"));
    check("0f 00 0d 00 04 \"64·i\"", Event::Handled, "00 00 0d 00 06");
    check("0f 00 0d 00 07 \"64·vr·9\"", Event::Handled, "00 00 0d 00 02");
    check("0f 00 0d 00 02 \"64\"", Event::Handled, "00 00 0d 00 02");
    check("0f 00 0d 00 00", Event::Handled, "00 00 0d 00 02");
}

/// Vectors 27 and 28.
#[test]
fn questions_and_a_redirect() {
    let mut out = Vec::new();
    check("11 00 0a 00 08 72 74 63 00 73 79 6e 63", Event::Ask(Question::LocalTime), "");
    let id = MessageId::new(10).unwrap();
    assert!(write_frame(Command::INTERNAL, id, [&b"rtc"[..], b"1795333236"], 250, &mut out));
    assert_eq!(out, hex("11 00 0a 00 0e 72 74 63 00 \"1795333236\""));
    out.clear();
    assert!(write_frame(Command::REDIRECT, MessageId::MIN, [&b"127.0.0.1"[..], b"18300"], 250, &mut out));
    assert_eq!(out, hex("29 00 01 00 0f 31 32 37 2e 30 2e 30 2e 31 00 31 38 33 30 30"));
    check("11 00 0a 00 07 \"utc·iso\"", Event::Ask(Question::Utc("iso")), "");
    check("11 00 0a 00 0d \"meta·get·Name\"", Event::Ask(Question::MetaField("Name")), "");
    let set = Question::SetMetaField { field: "Name", value: "x" };
    check("11 00 0a 00 0f \"meta·set·Name·x\"", Event::Ask(set), "");
    for (sent, answer) in [
        ("11 00 0a 00 00", "00 00 0a 00 02"),
        ("11 00 0a 00 04 \"acon\"", ""),
        ("11 00 0a 00 03 \"utc\"", ""),
        ("11 00 0a 00 08 \"meta·get\"", ""),
    ] {
        check(sent, Event::Handled, answer);
    }
    // Decided by its first letter, whatever it is.
    check("11 00 0a 00 07 \"foo·bar\"", Event::Info(Info::default()), "00 00 0a 00 c8");
}

#[test]
fn what_comes_before_the_login_ends_it() {
    for (sent, code) in [("06 00 01 00 00", 6), ("14 00 01 00 06 \"vw·1·1\"", 20), ("00 00 01 00 c8", 0)] {
        let bytes = hex(sent);
        assert_eq!(say(&mut session(), &bytes), (Err(ProtocolError::NotLoggedIn(code)), vec![]));
    }
    let mut session = session();
    let in_time = now() + SessionOptions::default().login_timeout;
    session.handle_bytes(now() + Duration::from_secs(5));
    assert_eq!(session.poll_timeout(), in_time, "saying something is not enough");
    assert_eq!(session.handle_timeout(in_time), Err(ProtocolError::LoginTimeout));
    let refused: Vec<_> = (0..BLYNK_LOGINS_MAX).map(|_| session.refuse(MessageId::MIN, &mut Vec::new())).collect();
    assert_eq!(refused.iter().filter(|refused| refused.is_ok()).count(), usize::from(BLYNK_LOGINS_MAX) - 1);
    assert_eq!(refused.last(), Some(&Err(ProtocolError::TooManyLogins)));
}

#[test]
fn old_and_other_commands_mean_nothing() {
    for code in [3_u8, 11, 21, 22, 41, 55, 99] {
        let bytes = [code, 0, 9, 0, 2, b'b', b'x'];
        assert_eq!(say(&mut open(&hex("1d 00 01 00 20 T")), &bytes), (Ok(Event::Handled), vec![]), "{code}");
    }
}

#[test]
fn who_sends_too_much_is_told_once_a_minute() {
    let options = SessionOptions { rate: Some(2), ..SessionOptions::default() };
    let mut session = Session::new(&options, now());
    session.accept(MessageId::MIN, now(), &mut Vec::new());
    let mut send = |after_s: u64| {
        let mut replies = Vec::new();
        let ping = Frame::Message { command: Command::PING, id: MessageId::MIN, body: b"" };
        let event = session.handle_frame(ping, now() + Duration::from_secs(after_s), &mut replies).unwrap();
        (event == Event::Acknowledged, replies.get(HEADER_BYTES - 1).copied())
    };
    for _ in 0..120 {
        assert_eq!(send(0), (true, Some(200)));
    }
    assert_eq!(send(0), (false, Some(1)));
    assert_eq!(send(0), (false, None));
    assert_eq!((send(1), send(1), send(1)), ((true, Some(200)), (true, Some(200)), (false, None)));
    assert!((0..118).all(|_| send(60).0));
    assert_eq!(send(60), (false, Some(1)));
}

#[test]
fn a_session_takes_little_memory() {
    assert!(size_of::<Session>() <= 64, "{} bytes", size_of::<Session>());
}
