//! What is done for a command, once it is known whose it is and for which device.

use housewire_core::{Access, DeviceId, Filter, Properties, PropertyName, Qos, Timestamp, Topic, TopicRef, Value};
use housewire_protocols::bolt::{Answer, Binding, Command, Invalid, Level, Pin, Role, Scale, product};

use crate::caller::Caller;
use crate::http::bolt::board::{Board, Bound};
use crate::http::bolt::{Failure, past, serial};
use crate::http::wait::Wait;
use crate::limits::BOLT_CONFIRM_WITHIN;
use crate::publish::Publication;
use crate::refusal::Refusal;

/// Of the module that people had when Bolt wrote its manual: there is no hardware here that would say otherwise.
const HARDWARE: &str = "2";
/// Of the commands that are known here, for devices that do not say what they run.
const FIRMWARE: &str = "1.4.0";
/// Seconds between two values of a device: it says what it has when it likes, and the history takes it within a second.
const DATA_RATE: &str = "1";

/// Does it. `name` is what the request calls the device.
pub(super) async fn run(caller: &Caller, name: &str, board: Board, command: Command) -> Result<Answer, Failure> {
    let done = || Answer::Text("1".to_owned());
    match command {
        Command::IsAlive => return Ok(Answer::Text(if board.is_online { "alive" } else { "dead" }.to_owned())),
        Command::IsOnline => return Ok(online(caller, &board)),
        Command::FetchData(limit, order) => return past::fetch(caller, &board, limit, order).await,
        Command::ProductDetails => return Ok(details(caller, name, &board)),
        Command::GetDevices => return Err(Failure::Command),
        _ if !board.is_online => return Err(Failure::Offline),
        Command::DigitalWrite(pins) => {
            let levels = pins.into_iter().map(|(pin, high)| (pin, u16::from(high)));
            write_levels(caller, &board, Role::Digital, Scale::Digital, levels).await?;
        }
        Command::AnalogWrite(pins) => {
            let levels = pins.into_iter().map(|(pin, level)| (pin, u16::from(level)));
            write_levels(caller, &board, Role::Analog, Scale::Pwm, levels).await?;
        }
        Command::ServoWrite(pins) => {
            let levels = pins.into_iter().map(|(pin, angle)| (pin, u16::from(angle)));
            write_levels(caller, &board, Role::Servo, Scale::Servo, levels).await?;
        }
        Command::DigitalRead(pins) => {
            let read = |pin: &Pin| read_level(caller, &board, board.pin(*pin, Role::Digital), Scale::Digital);
            let levels: Vec<String> = pins.iter().map(read).collect::<Result<_, _>>()?;
            return Ok(Answer::Text(levels.join(",")));
        }
        Command::AnalogRead => {
            return read_level(caller, &board, board.part(&Binding::A0), Scale::Analog).map(Answer::Text);
        }
        Command::SerialBegin(baud) => return serial::begin(caller, &board, baud).await,
        Command::SerialWrite(data) => return serial::write(caller, &board, data).await,
        Command::SerialRead(till) => return serial::read(caller, &board, till).await,
        Command::SerialWR(data, till) => return serial::write_and_read(caller, &board, data, till).await,
        Command::Version => return version(caller, &board),
        Command::Restart => {
            let restart = board.part(&Binding::Restart).ok_or(Failure::TimedOut)?;
            // Whatever its type takes for yes.
            let payload = Level(Scale::Digital, 1).to_payload(&restart.spec).ok_or(Failure::TimedOut)?;
            ask(caller, &board, vec![Wish::new(restart, payload, Failure::TimedOut)?]).await?;
            return Ok(Answer::Text("Restarted".to_owned()));
        }
    }
    Ok(done())
}

fn online(caller: &Caller, board: &Board) -> Answer {
    let presence = &caller.shard.presence;
    let change = presence.changes(&board.id).into_iter().next().filter(|last| last.is_online == board.is_online);
    // What was before the hub started is not known.
    let since = change.map_or_else(|| presence.started(), |change| change.time);
    let state = if board.is_online { "online" } else { "offline" };
    Answer::State(state, written(since, "%a %Y-%m-%d %H:%M:%S UTC"))
}

/// A moment as Bolt writes it, in UTC.
pub(super) fn written(time: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_microsecond(time.as_micros())
        .map(|time| time.strftime(format).to_string())
        .unwrap_or_default()
}

fn details(caller: &Caller, name: &str, board: &Board) -> Answer {
    let title = board.title.as_deref().unwrap_or(board.id.as_str());
    let variable = |variable: &str| {
        let bound = board.variable(variable)?;
        caller.must_read(&board.id, &bound.property).is_ok().then(|| bound.property.to_string())
    };
    Answer::Json(product(name, title, DATA_RATE, variable))
}

fn version(caller: &Caller, board: &Board) -> Result<Answer, Failure> {
    let firmware = match board.part(&Binding::Version) {
        None => FIRMWARE.to_owned(),
        Some(bound) => {
            caller.must_read(&board.id, &bound.property).map_err(|_| Failure::Denied)?;
            let said = bound.value.as_ref().map(Value::to_payload);
            said.map_or_else(|| FIRMWARE.to_owned(), |said| String::from_utf8_lossy(&said).into_owned())
        }
    };
    let quoted = housewire_protocols::bolt::quoted;
    Ok(Answer::Text(format!(
        "{{\"Bolt Hardware Version\":{},\"Firmware Version\":{}}}",
        quoted(HARDWARE),
        quoted(&firmware)
    )))
}

fn read_level(caller: &Caller, board: &Board, bound: Option<&Bound>, scale: Scale) -> Result<String, Failure> {
    let bound = bound.ok_or(Invalid::Pin)?;
    caller.must_read(&board.id, &bound.property).map_err(|_| Failure::Denied)?;
    // A device that has not said anything yet might as well not have answered.
    let value = bound.value.as_ref().ok_or(Failure::TimedOut)?;
    let level = Level::of(scale, &bound.spec, value).ok_or(Invalid::Pin)?;
    Ok(level.1.to_string())
}

async fn write_levels(
    caller: &Caller,
    board: &Board,
    role: Role,
    scale: Scale,
    levels: impl Iterator<Item = (Pin, u16)>,
) -> Result<(), Failure> {
    let wishes = levels.map(|(pin, level)| {
        let bound = board.pin(pin, role).ok_or(Invalid::Pin)?;
        let payload = Level(scale, level).to_payload(&bound.spec).ok_or(Invalid::Pin)?;
        Wish::new(bound, payload, Invalid::Value.into())
    });
    // All are fit, or none is asked for.
    let wishes = wishes.collect::<Result<Vec<_>, Failure>>()?;
    ask(caller, board, wishes).await
}

/// What a property is asked for.
pub(super) struct Wish<'b> {
    bound: &'b Bound,
    payload: Vec<u8>,
    value: Value,
}

impl<'b> Wish<'b> {
    /// An error if the property cannot be set at all, or `unfit` if not so.
    pub(super) fn new(bound: &'b Bound, payload: Vec<u8>, unfit: Failure) -> Result<Self, Failure> {
        if !bound.spec.access.set {
            return Err(Invalid::Pin.into());
        }
        let value = bound.spec.parse(&payload).map_err(|_| unfit)?;
        Ok(Self { bound, payload, value })
    }

    /// Whether the device will say that it did it: a happening, and what cannot be read, is not confirmed.
    fn is_confirmed(&self) -> bool {
        self.bound.spec.access.read && !self.bound.spec.access.event
    }
}

/// Asks the device, and waits until it has confirmed everything that it confirms.
pub(super) async fn ask(caller: &Caller, board: &Board, wishes: Vec<Wish<'_>>) -> Result<(), Failure> {
    for wish in &wishes {
        must_write(caller, &board.id, &wish.bound.property)?;
    }
    let confirmed: Vec<_> = wishes.iter().filter(|wish| wish.is_confirmed()).collect();
    let topics: Vec<_> = confirmed.iter().map(|wish| topic(&board.id, &wish.bound.property, "")).collect();
    let mut wait = listen(caller, &topics)?;
    // Looked at again behind the subscription: what came since the board was looked at confirms nothing.
    let before: Vec<_> = confirmed.iter().map(|wish| last(caller, board, wish.bound).1).collect();
    for wish in &wishes {
        request(caller, &board.id, &wish.bound.property, &wish.payload).await?;
    }
    let is_done = |(wish, before): (&&Wish<'_>, &Option<Timestamp>)| {
        let (value, time) = last(caller, board, wish.bound);
        time != *before && value.is_some_and(|value| value.means(&wish.value))
    };
    while !confirmed.iter().zip(&before).all(is_done) {
        let Some(wait) = &mut wait else { return Ok(()) };
        if !wait.next().await.map_err(turned_out)? {
            return Err(Failure::TimedOut);
        }
    }
    Ok(())
}

/// Listens to what a device says of these, for as long as Bolt waits; `None` if there is nothing to listen to.
pub(super) fn listen(caller: &Caller, topics: &[Topic]) -> Result<Option<Wait>, Failure> {
    let filters: Vec<_> = topics.iter().map(|topic| Filter::exactly(topic.borrow())).collect();
    let Some((first, rest)) = filters.split_first() else { return Ok(None) };
    if topics.iter().any(|topic| caller.must(Access::Read, topic.borrow()).is_err()) {
        return Err(Failure::Denied);
    }
    Wait::new(caller, first, rest, BOLT_CONFIRM_WITHIN).map(Some).map_err(|_| Failure::Denied)
}

/// What the property is now, and since when.
pub(super) fn last(caller: &Caller, board: &Board, bound: &Bound) -> (Option<Value>, Option<Timestamp>) {
    let Some(device) = caller.hub().device(&board.id) else { return (None, None) };
    let state = device.lock();
    let property = state.properties.get(&bound.property);
    property.map_or((None, None), |property| (property.value.clone(), property.time))
}

pub(super) fn must_write(caller: &Caller, device: &DeviceId, property: &PropertyName) -> Result<(), Failure> {
    let topic = topic(device, property, "/set");
    caller.must(Access::Write, topic.borrow()).map_err(|_| Failure::Denied)
}

/// Asks for a value, no longer than whoever asks waits for it: nothing is to move when the program has gone on.
pub(super) async fn request(
    caller: &Caller,
    device: &DeviceId,
    property: &PropertyName,
    payload: &[u8],
) -> Result<(), Failure> {
    let topic = topic(device, property, "/set");
    let publication = Publication {
        topic: &topic,
        payload,
        qos: Qos::AtMostOnce,
        retain: false,
        properties: Properties { expiry: Some(BOLT_CONFIRM_WITHIN), ..Properties::default() },
    };
    caller.publish(publication).await.map_err(|refusal| match refusal {
        Refusal::Denied(_) => Failure::Denied,
        Refusal::Rejected(_) => Invalid::Value.into(),
        _ => Failure::TimedOut,
    })
}

pub(super) fn topic(device: &DeviceId, property: &PropertyName, below: &str) -> Topic {
    let topic = format!("devices/{device}/{property}{below}");
    TopicRef::parse(&topic).expect("made of valid names").to_topic()
}

/// The key was switched off while its bearer waited.
pub(super) fn turned_out(refusal: Refusal) -> Failure {
    if matches!(refusal, Refusal::TurnedOut) { Failure::KeyDisabled } else { Failure::TimedOut }
}
