//! What is done with the bytes of a fuzzer, and what must hold whatever they are. Shared by the targets in `fuzz/`, which find such
//! bytes, and by the tests, which try those that were found on the toolchain that everybody has.

use housewire_core::Timestamp;
use housewire_links::discovery::binding;
use housewire_links::discovery::homeassistant::{HomeAssistant, Options};
use housewire_links::discovery::template::{Context, Templates};
use housewire_links::discovery::{Announcement, Dialect, Event};

/// Lines of a component and its announcement, one after another. What is found can be declared and used, and goes when it is taken back.
pub(crate) fn announcements(input: &[u8]) {
    let mut dialect = HomeAssistant::new(Options { prefix: "p".into(), hub: "h".into() });
    let mut templates = Templates::new();
    let mut topics = Vec::new();
    let mut devices = 0;
    for line in input.split(|byte| *byte == b'\n').take(8) {
        let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let component = String::from_utf8_lossy(&line[..at]).into_owned();
        let topic = format!("p/{component}/x/config");
        let payload = line.get(at + 1..).unwrap_or_default();
        for event in send(&mut dialect, &topic, payload) {
            match event {
                Event::Found(found) => {
                    devices += 1;
                    for property in &found.properties {
                        property.spec.validate().expect("what is found can be declared");
                        for read in &property.reads {
                            drop(binding::read(&mut templates, read, &property.spec, payload, Timestamp::default()));
                        }
                        if let Some(write) = &property.write {
                            drop(binding::write(&mut templates, write, &property.spec, b"true", Timestamp::default()));
                        }
                    }
                }
                Event::Gone { .. } => devices -= 1,
                Event::Problem { .. } | Event::Ask(_) => {}
            }
        }
        // A topic that is none of an announcement's is not remembered, so that whoever makes up topics fills nothing.
        let is_one =
            !component.is_empty() && component.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let again = send(&mut dialect, &topic, payload);
        let is_refused = |event: &Event| matches!(event, Event::Problem { .. });
        assert!(again.is_empty() || !is_one && again.iter().all(is_refused), "the same again is nothing new");
        topics.push(topic);
    }
    let gone = topics.iter().flat_map(|topic| send(&mut dialect, topic, b""));
    let told = gone.filter(|event| matches!(event, Event::Gone { .. })).count();
    assert!(told <= topics.len() && devices >= 0, "no more went than had come");
}

fn send(dialect: &mut HomeAssistant, topic: &str, payload: &[u8]) -> Vec<Event> {
    dialect.message(&Announcement { topic, payload, retained: false, time: Timestamp::default() })
}

/// A line with a message, then a template. It ends, and what it makes is bounded; fuel is what a run of the fuzzer would notice.
pub(crate) fn template(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (message, source) = text.split_once('\n').unwrap_or(("{}", text));
    let made =
        Templates::new().render(source, Context::of_message(message, Timestamp::from_micros(1_790_000_000_000_000)));
    if let Ok(Some(made)) = &made {
        assert!(made.len() <= housewire_core::limits::VALUE_BYTES_MAX);
        assert_eq!(Templates::check(source), Ok(()), "what was rendered can be read");
    }
}
