//! A run is what its messages are one by one.

use proptest::prelude::*;

use super::*;
use crate::limits::VALUE_BYTES_MAX;

#[derive(Clone, Debug)]
struct Step {
    topic: &'static str,
    presence: Presence,
    retain: bool,
    payloads: Vec<String>,
    seconds_after: u64,
    removes: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let topics = vec!["devices/d/free", "devices/d/int", "devices/d/mode", "devices/d/read", "devices/new/x"];
    let payload = prop_oneof![
        8 => prop::sample::select(vec!["1", "2", "2.5", "on", "off", "true", "{}", "x", "", "150"]).prop_map(str::to_owned),
        1 => Just("9".repeat(VALUE_BYTES_MAX + 1)),
    ];
    let topic =
        (prop::sample::select(topics), any::<bool>()).prop_map(|(topic, is_request)| match (topic, is_request) {
            (topic, false) => topic,
            ("devices/d/free", _) => "devices/d/free/set",
            ("devices/d/int", _) => "devices/d/int/set",
            ("devices/d/mode", _) => "devices/d/mode/set",
            ("devices/d/read", _) => "devices/d/read/set",
            (_, _) => "devices/new/x/set",
        });
    let presence = prop::sample::select(vec![Presence::Connected, Presence::Momentary, Presence::None]);
    let payloads = prop::collection::vec(payload, 1..5);
    let seconds = prop::sample::select(vec![0, 0, 1, 5, 20, 301]);
    (topic, presence, any::<bool>(), payloads, seconds, prop::bool::weighted(0.05)).prop_map(
        |(topic, presence, retain, payloads, seconds_after, removes)| Step {
            topic,
            presence,
            retain,
            payloads,
            seconds_after,
            removes,
        },
    )
}

/// A house with a device of every kind of property, and who says what in it.
struct Played {
    house: House,
    publishers: [(Presence, Publisher); 3],
    log: Arc<Log>,
    refused: Vec<crate::device::Rejection>,
}

impl Played {
    fn new(start: Instant) -> Self {
        let house = House { start, ..House::new() };
        let read_only = crate::property::PropertyAccess { set: false, ..crate::property::PropertyAccess::INFERRED };
        let options = vec!["on".to_owned(), "off".to_owned()];
        house.declare(
            "d",
            &[
                ("int", PropertySpec { max: Some(100.0), ..PropertySpec::declared(Type::Int) }),
                ("mode", PropertySpec { options, ..PropertySpec::declared(Type::Enum) }),
                ("read", PropertySpec { access: read_only, ..PropertySpec::declared(Type::Bool) }),
            ],
        );
        let publishers = [Presence::Connected, Presence::Momentary, Presence::None]
            .map(|presence| (presence, house.publisher(presence)));
        let log = house.subscribe(&["devices/+/+", "devices/+/+/set"]);
        Self { house, publishers, log, refused: Vec::new() }
    }

    fn publish(&mut self, step: &Step, payloads: &[&[u8]]) {
        let (_, publisher) = self.publishers.iter().find(|(presence, _)| *presence == step.presence).unwrap();
        let run = Run::new(TopicRef::parse(step.topic).unwrap(), payloads).retain(step.retain);
        let receipt = publisher.publish_run(run, self.house.now()).unwrap();
        self.refused.extend(receipt.refused.into_iter().map(|(_, rejection)| rejection));
    }

    fn pass(&mut self, step: &Step) {
        if step.removes {
            self.house.hub.remove_device(&DeviceId::parse("d").unwrap(), self.house.now());
        }
        self.house.pass(step.seconds_after);
    }

    /// Everything that can be asked for afterwards.
    fn state(&mut self) -> String {
        use std::fmt::Write;
        let mut text = format!("{:?}", std::mem::take(&mut self.refused));
        for id in ["d", "new"] {
            let Some(device) = self.house.hub.registry.get(&DeviceId::parse(id).unwrap()) else { continue };
            let mut state = device.lock();
            let next = state.next_deadline();
            assert!(next.is_none_or(|next| state.scheduled.is_some_and(|at| at <= next)), "{id} is looked at too late");
            let scheduled = state.scheduled.take();
            write!(text, "\n{state:?}").unwrap();
            state.scheduled = scheduled;
        }
        let is_said = |seen: &String| !seen.contains('$');
        let said: Vec<_> = self.log.take().into_iter().filter(is_said).collect();
        write!(text, "\n{said:?}").unwrap();
        for kind in [ReplayKind::Retained, ReplayKind::Present] {
            let stored = self.house.stored(kind, "#");
            // How many changes there were is not the same.
            let stored: Vec<_> = stored.into_iter().filter(|have| !have.contains("$changed")).collect();
            write!(text, "\n{stored:?}").unwrap();
        }
        text
    }
}

proptest! {
    #[test]
    fn a_run_is_what_its_messages_are_one_by_one(steps in prop::collection::vec(step(), 1..12)) {
        let start = House::new().start;
        let (mut at_once, mut one_by_one) = (Played::new(start), Played::new(start));
        for step in &steps {
            let payloads: Vec<&[u8]> = step.payloads.iter().map(String::as_bytes).collect();
            at_once.publish(step, &payloads);
            payloads.iter().for_each(|payload| one_by_one.publish(step, &[*payload]));
            prop_assert_eq!(at_once.state(), one_by_one.state());
            at_once.pass(step);
            one_by_one.pass(step);
            prop_assert_eq!(at_once.state(), one_by_one.state());
        }
    }
}
