//! A Blynk device's mailbox: requests to its pins become frames, which the shard's flusher writes once per tick.
//!
//! Each frame is handed to the socket by itself: some libraries take what one read brings for one frame, and for these there is
//! a gap between two. While a device does not read, the newest value of a pin takes the place of those before it; beyond a bound
//! the newest is dropped and counted.
//!
//! A request counts as fulfilled once its frame has left: sketches do not answer, and Blynk's own server takes what it wrote for
//! the pin's value, too. The connection's task publishes what was written.

use std::io::ErrorKind;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use housewire_core::{Delivery, DeviceId, Mailbox, Offer, PropertyName, Run};
use housewire_protocols::blynk::{Command, Library, MessageId, Parts, Pin, frame_bytes, write_frame, write_pin};
use parking_lot::Mutex;
use tracing::warn;

use crate::clients::{Client, Dropped, Figures, Measured};
use crate::limits::{BLYNK_CONFLATED_BYTES, BLYNK_GAP, BLYNK_OUTPUT_BYTES_MAX};
use crate::pins::{PinMap, Reach, Update, write_values};
use crate::shard::{Flush, Shard, now};
use crate::stream::ByteStream;

/// Of what the hub says by itself; no library looks at it.
const OWN_ID: MessageId = MessageId::new(1_000).expect("it is not 0");

/// Of an order to fetch firmware, as Blynk's server has it.
const OTA_ID: MessageId = MessageId::new(7_777).expect("it is not 0");

/// What was written to the device, and is its value from then on.
pub(super) type Written = (PropertyName, Vec<u8>);

/// See the module.
pub(crate) struct BlynkMailbox {
    this: Weak<Self>,
    pub(super) socket: ByteStream,
    pub(super) shard: Shard,
    /// Its task is woken when there is something for it to do.
    client: OnceLock<Arc<Client>>,
    /// `devices/<id>/`, in bytes.
    prefix_bytes: usize,
    state: Mutex<State>,
}

struct State {
    /// Whole frames. It is lent by the shard, and goes back when all is written.
    output: Vec<u8>,
    /// Of the first frame, already.
    written_bytes: usize,
    library: Library,
    pins: Arc<PinMap>,
    /// What is in `output` and will be the device's value; in a box that most have none of.
    under_way: Vec<Written>,
    /// Nothing is written before.
    not_before: Option<Instant>,
    is_closed: bool,
    is_dirty: bool,
    is_blocked: bool,
    is_broken: bool,
    /// What is declared of the device has changed.
    is_stale: bool,
    /// It has said what it is, and may be told of firmware.
    takes_updates: bool,
    /// The version that it says it runs, which it is not told to fetch again.
    running: Option<Box<str>>,
    overflow: u64,
    too_large: u64,
    bytes_out: u64,
}

/// What the connection's task should do about its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// Wait until the socket can be written to, then flush.
    pub(super) is_blocked: bool,
    /// Read nothing from this device until it has read.
    pub(super) is_backlogged: bool,
    /// Nothing more can be written.
    pub(super) is_broken: bool,
    /// Flush then.
    pub(super) flush_at: Option<Instant>,
    /// Look again at what is declared.
    pub(super) is_stale: bool,
    /// There is something to be taken with [`BlynkMailbox::take_written`].
    pub(super) has_written: bool,
}

impl State {
    fn is_full(&self) -> bool {
        self.output.len() >= BLYNK_OUTPUT_BYTES_MAX
    }

    /// Takes older frames of the same pin out of the output; the one that is written in part stays.
    fn forget_older(&mut self, head: &[u8]) {
        let mut at = if self.written_bytes > 0 { frame_bytes(&self.output) } else { 0 };
        while at < self.output.len() {
            let length = frame_bytes(&self.output[at..]);
            if same_pin(&self.output[at..at + length], head) {
                self.output.drain(at..at + length);
            } else {
                at += length;
            }
        }
    }

    fn append(&mut self, shard: &Shard, frames: &[u8]) {
        if self.output.capacity() == 0 {
            self.output = shard.take_buffer();
        }
        self.output.extend_from_slice(frames);
    }
}

/// Whether both frames are values of the same pin, by everything in front of the values but the id.
fn same_pin(frame: &[u8], other: &[u8]) -> bool {
    const BODY: usize = housewire_protocols::blynk::HEADER_BYTES;
    let head = |frame: &[u8]| {
        let body = frame.get(BODY..)?;
        let mut parts = Parts::of(body);
        Some((frame[0], parts.next()?.to_vec(), parts.next()?.to_vec()))
    };
    frame.first() == Some(&Command::HARDWARE.0) && head(frame).is_some() && head(frame) == head(other)
}

impl BlynkMailbox {
    /// Of a device's connection.
    pub(super) fn new(
        socket: ByteStream,
        shard: Shard,
        prefix_bytes: usize,
        library: Library,
        pins: Arc<PinMap>,
    ) -> Arc<Self> {
        let state = State {
            output: Vec::new(),
            written_bytes: 0,
            library,
            pins,
            under_way: Vec::new(),
            not_before: None,
            is_closed: false,
            is_dirty: false,
            is_blocked: false,
            is_broken: false,
            is_stale: false,
            takes_updates: false,
            running: None,
            overflow: 0,
            too_large: 0,
            bytes_out: 0,
        };
        let (client, state) = (OnceLock::new(), Mutex::new(state));
        Arc::new_cyclic(|this| Self { this: this.clone(), socket, shard, client, prefix_bytes, state })
    }

    /// Whose task is woken.
    pub(super) fn set_client(&self, client: Arc<Client>) {
        // A connection logs in once.
        let _was_set = self.client.set(client).is_ok();
    }

    /// What the device's library takes.
    pub(super) fn set_library(&self, library: Library) {
        self.state.lock().library = library;
    }

    /// What the device says it runs.
    pub(super) fn set_running(&self, version: Option<&str>) {
        self.state.lock().running = version.map(Box::from);
    }

    /// From now on it is told of new firmware.
    pub(super) fn take_updates(&self) {
        self.state.lock().takes_updates = true;
    }

    /// What is declared of the device now.
    pub(super) fn set_pins(&self, pins: Arc<PinMap>) {
        let mut state = self.state.lock();
        state.pins = pins;
        state.is_stale = false;
    }

    /// Answers, in frames that are whole. They have their bound where they are made.
    pub(super) fn respond(&self, frames: &[u8]) {
        if frames.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.append(&self.shard, frames);
        self.mark(&mut state);
    }

    /// How much waits for the device.
    pub(super) fn output_bytes(&self) -> usize {
        self.state.lock().output.len()
    }

    /// So many values were not sent, as there was no room.
    pub(super) fn count_overflow(&self, values: u64) {
        if values > 0 {
            self.state.lock().overflow += values;
            self.shard.stats.drop_messages(values);
        }
    }

    fn queue(&self, state: &mut State, frame: &mut Vec<u8>, write: impl FnOnce(usize, &mut Vec<u8>) -> bool) -> bool {
        if state.is_closed || state.is_broken {
            return false;
        }
        if !write(state.library.body_bytes_max, frame) {
            state.too_large += 1;
            return false;
        }
        let conflated_bytes = if state.library.reads_one_frame { 1 } else { BLYNK_CONFLATED_BYTES };
        if state.output.len() >= conflated_bytes {
            state.forget_older(frame);
        }
        if state.is_full() {
            state.overflow += 1;
            self.shard.stats.drop_messages(1);
            return false;
        }
        state.append(&self.shard, frame);
        self.mark(state);
        true
    }

    pub(super) fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            is_blocked: state.is_blocked,
            is_backlogged: state.is_full(),
            is_broken: state.is_broken,
            flush_at: state.not_before.filter(|_| !state.output.is_empty()),
            is_stale: state.is_stale,
            has_written: state.output.is_empty() && !state.under_way.is_empty(),
        }
    }

    /// What was written since this was asked last, if all is.
    pub(super) fn take_written(&self) -> Vec<Written> {
        let mut state = self.state.lock();
        if state.output.is_empty() { std::mem::take(&mut state.under_way) } else { Vec::new() }
    }

    /// Takes nothing from now on.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let buffer = std::mem::take(&mut state.output);
        state.under_way = Vec::new();
        drop(state);
        self.shard.give_back(buffer);
    }

    fn mark(&self, state: &mut State) {
        if state.is_dirty || state.is_blocked || state.is_closed || state.output.is_empty() {
            return;
        }
        if let Some(this) = self.this.upgrade() {
            state.is_dirty = true;
            self.shard.flusher.mark(this);
        }
    }

    fn wake(&self) {
        if let Some(client) = self.client.get() {
            client.signal.wake();
        }
    }

    /// A request to the device, which is what most that comes here is.
    fn request(&self, name: &str, run: &Run<'_>) -> Offer {
        let mut offer = Offer::Taken;
        for payload in run.payloads() {
            offer = self.ask_for(name, payload);
        }
        offer
    }

    /// Has the pin that this property is become so; nothing happens if it is none.
    pub(super) fn ask_for(&self, name: &str, payload: &[u8]) -> Offer {
        let mut state = self.state.lock();
        let pins = Arc::clone(&state.pins);
        let Some((pin, spec)) = pins.pin_of(name) else { return Offer::Taken };
        let (mut values, mut frame) = (Vec::new(), Vec::new());
        write_values(spec, payload, &mut values);
        let is_sent = self.queue(&mut state, &mut frame, |body_bytes_max, frame| {
            write_pin(Command::HARDWARE, OWN_ID, pin, Parts::of(&values), body_bytes_max, frame)
        });
        if !is_sent {
            // An older one may have gone for it, which is not the device's value either.
            state.under_way.retain(|(known, _)| known.as_str() != name);
            return if state.is_closed { Offer::Closed } else { Offer::Dropped };
        }
        if spec.is_none_or(|spec| !spec.access.event)
            && let Ok(property) = PropertyName::parse(name)
        {
            match state.under_way.iter_mut().find(|(known, _)| *known == property) {
                Some((_, known)) => *known = payload.to_vec(),
                None => state.under_way.push((property, payload.to_vec())),
            }
        }
        Offer::Taken
    }
}

impl Reach for BlynkMailbox {
    fn send(&self, command: Command, id: MessageId, pin: Pin, values: Parts<'_>) -> bool {
        let mut state = self.state.lock();
        let mut frame = Vec::new();
        self.queue(&mut state, &mut frame, |body_bytes_max, frame| {
            write_pin(command, id, pin, values, body_bytes_max, frame)
        })
    }

    fn send_frame(&self, command: Command, id: MessageId, parts: Parts<'_>) -> bool {
        let mut state = self.state.lock();
        let mut frame = Vec::new();
        self.queue(&mut state, &mut frame, |body_bytes_max, frame| {
            write_frame(command, id, parts, body_bytes_max, frame)
        })
    }

    fn changed(&self) {
        self.state.lock().is_stale = true;
        self.wake();
    }

    fn offer_update(&self, device: &DeviceId, update: &Update) {
        {
            let state = self.state.lock();
            if !state.takes_updates || state.running.as_deref() == Some(&update.version) {
                return;
            }
        }
        let (config, local) = (&self.shard.config, self.socket.local_address());
        let place = (&config.blynk, config.tls.mode);
        let is_sent = match self.shard.blynk.fetch.url(place, local, device, update) {
            Some(url) => {
                let parts = [&b"ota"[..], url.as_bytes()].join(&0);
                self.send_frame(Command::INTERNAL, OTA_ID, Parts::of(&parts))
            }
            None => false,
        };
        if !is_sent {
            warn!(%device, "a Blynk device is not told of new firmware: say in blynk.address where it reaches the hub");
        }
    }
}

impl Mailbox for BlynkMailbox {
    fn offer(&self, run: &Run<'_>, _delivery: &Delivery) -> Offer {
        let topic = run.topic().as_str();
        let Some(rest) = topic.get(self.prefix_bytes..) else { return Offer::Taken };
        match rest.strip_suffix("/set") {
            Some(name) => self.request(name, run),
            None => Offer::Taken,
        }
    }

    fn is_congested(&self) -> bool {
        self.state.lock().is_full()
    }
}

impl Measured for BlynkMailbox {
    fn figures(&self) -> Figures {
        let state = self.state.lock();
        Figures {
            queued_bytes: state.output.len(),
            output_bytes: state.output.len(),
            bytes_out: state.bytes_out,
            dropped: Dropped { overflow: state.overflow, too_large: state.too_large, ..Dropped::default() },
            ..Figures::default()
        }
    }
}

impl Flush for BlynkMailbox {
    fn flush(&self) {
        let mut state = self.state.lock();
        state.is_dirty = false;
        let was = (state.is_blocked, state.is_full());
        state.is_blocked = false;
        let mut at = 0;
        while at < state.output.len() && !state.is_broken {
            if state.not_before.is_some_and(|not_before| now().instant < not_before) {
                break;
            }
            let end = at + frame_bytes(&state.output[at..]);
            let rest = &state.output[at + state.written_bytes..end];
            match self.socket.try_write(rest) {
                Ok(written) => {
                    if self.socket.tap().is_watched() {
                        self.socket.tap().wrote(&rest[..written], state.written_bytes == 0);
                    }
                    state.bytes_out += written as u64;
                    state.written_bytes += written;
                    if at + state.written_bytes < end {
                        state.is_blocked = true;
                        break;
                    }
                    (at, state.written_bytes) = (end, 0);
                    state.not_before = state.library.reads_one_frame.then(|| now().instant + BLYNK_GAP);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    state.is_blocked = true;
                    break;
                }
                Err(_) => state.is_broken = true,
            }
        }
        state.output.drain(..at);
        if state.output.is_empty() {
            let buffer = std::mem::take(&mut state.output);
            self.shard.give_back(buffer);
        }
        let has_room = was.1 && !state.is_full();
        let waits = !state.output.is_empty() && state.not_before.is_some();
        let has_written = state.output.is_empty() && !state.under_way.is_empty();
        if state.is_blocked != was.0 || state.is_broken || has_room || waits || has_written {
            drop(state);
            self.wake();
        }
    }
}
