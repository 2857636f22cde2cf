//! Cuts what goes over a connection into frames, in both directions, as it goes by.
//!
//! Whoever looks on may come in the middle: then nothing is told of a direction until a frame certainly begins. Kept are the first
//! [`FRAME_BYTES_KEPT`] bytes of the frame that is on its way, and of a head as many as it may have.

use std::collections::VecDeque;

use super::websocket::{self, Inside};
use super::{Annotation, blynk, hidden, http, mqtt};
use crate::limits::{FRAME_BYTES_KEPT, REQUESTS_REMEMBERED};
use crate::mqtt::Version;

/// Bytes of a head that is looked through for where its body ends; of a longer one nothing more is told.
const HEAD_BYTES_MAX: usize = 64 * 1_024;

/// Which way bytes go, as the hub sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    In,
    /// To the client.
    Out,
}

/// What a frame is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A control packet.
    Mqtt(Version),
    /// A frame of Blynk's.
    Blynk,
    /// A frame of a WebSocket.
    WebSocket(Inside),
    /// The head of a request or an answer.
    Head,
    /// A body, or a piece of one that has no length.
    Body {
        /// Whether it may be seen.
        is_shown: bool,
    },
    /// A piece of a body that says its own length.
    Chunk {
        /// Whether it may be seen.
        is_shown: bool,
    },
    /// Bytes that belong to a frame whose beginning nobody saw.
    Middle,
}

impl Content {
    /// The name of its protocol.
    pub fn transport(self) -> &'static str {
        match self {
            Self::Mqtt(_) => "mqtt",
            Self::Blynk => "blynk",
            Self::WebSocket(_) => "ws",
            Self::Head | Self::Body { .. } | Self::Chunk { .. } => "http",
            Self::Middle => "unknown",
        }
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which way it went.
    pub direction: Direction,
    /// What it is of.
    pub content: Content,
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// How many it has.
    pub whole: usize,
}

impl Frame {
    /// Takes it apart.
    pub fn annotate(&self) -> Annotation {
        let Self { bytes, whole, .. } = self;
        match self.content {
            Content::Mqtt(version) => mqtt::annotate(bytes, *whole, version),
            Content::Blynk => {
                let sender = if self.direction == Direction::In { blynk::Sender::Device } else { blynk::Sender::Hub };
                blynk::annotate(bytes, *whole, sender)
            }
            Content::WebSocket(inside) => websocket::annotate(bytes, *whole, inside),
            Content::Head => http::annotate_head(bytes, *whole),
            Content::Body { is_shown } => http::annotate_body(bytes, *whole, is_shown),
            Content::Chunk { is_shown } => http::annotate_chunk(bytes, *whole, is_shown),
            Content::Middle => hidden("unknown", *whole, "they belong to a frame that began before anybody looked"),
        }
    }
}

/// What a connection speaks when it is first looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// MQTT, of this version as far as is known; a CONNECT says it itself.
    Mqtt(Version),
    /// Blynk's hardware protocol.
    Blynk,
    /// HTTP/1.1, which may become a WebSocket. Of HTTP/2 nothing is told.
    Http,
    /// A WebSocket that is open already.
    WebSocket(Inside),
}

/// Follows one connection.
pub struct Follower {
    speaks: Speaks,
    lanes: [Lane; 2],
    /// HTTP: requests whose answers have not begun.
    asked: VecDeque<Asked>,
    /// More were asked than are remembered: answers are not told apart any more.
    has_forgotten: bool,
    /// The next answer may be to a request that nobody saw, so that its body is not shown.
    is_unsure: bool,
    is_http2: bool,
    /// Whether bodies of this path are shown.
    may_show: fn(&str) -> bool,
}

/// What an answer's frames depend on.
#[derive(Clone, Copy, Default)]
struct Asked {
    is_head: bool,
    is_shown: bool,
    /// It would become a WebSocket, and inside of that:
    upgrades: Option<Inside>,
}

/// One direction.
#[derive(Default)]
struct Lane {
    /// It is known where a frame begins.
    is_synced: bool,
    /// The first bytes of the frame on its way, as many as are kept.
    held: Vec<u8>,
    /// How many came of it.
    seen: usize,
    /// How many it has, once that is known.
    whole: Option<usize>,
    part: Part,
}

/// What comes next over HTTP.
#[derive(Clone, Copy, Default)]
enum Part {
    #[default]
    Head,
    Body {
        length: usize,
        is_shown: bool,
    },
    Chunk {
        is_shown: bool,
    },
    /// Until the connection ends.
    Rest {
        is_shown: bool,
    },
}

impl Follower {
    /// Follows a connection, from its first byte or from its midst on. `may_show` says of a path whether bodies of its requests and
    /// answers may be seen; of what nobody knows the path, none are.
    pub fn new(speaks: Speaks, is_from_start: bool, may_show: fn(&str) -> bool) -> Self {
        let lane = || Lane { is_synced: is_from_start, ..Lane::default() };
        let lanes = [lane(), lane()];
        Self {
            speaks,
            lanes,
            asked: VecDeque::new(),
            has_forgotten: false,
            is_unsure: !is_from_start,
            is_http2: false,
            may_show,
        }
    }

    /// Whether a frame's beginning is awaited in this direction.
    pub fn is_lost(&self, direction: Direction) -> bool {
        !self.lanes[direction as usize].is_synced
    }

    /// Whether it turned out to be HTTP/2.
    pub fn is_http2(&self) -> bool {
        self.is_http2
    }

    /// Takes in what was read or written; frames that are whole now are added. `begins` says that a frame certainly begins here.
    pub fn push(&mut self, direction: Direction, mut bytes: &[u8], mut begins: bool, frames: &mut Vec<Frame>) {
        while !bytes.is_empty() && !self.is_http2 {
            if !self.lanes[direction as usize].is_synced {
                if !std::mem::take(&mut begins) && !self.seems_to_begin(direction, bytes) {
                    let whole = bytes.len();
                    frames.push(Frame { direction, content: Content::Middle, bytes: Vec::new(), whole });
                    return;
                }
                self.lanes[direction as usize].is_synced = true;
            }
            begins = false;
            let before = bytes.len();
            bytes = match self.speaks {
                Speaks::Mqtt(_) | Speaks::Blynk | Speaks::WebSocket(_) => self.push_measured(direction, bytes, frames),
                Speaks::Http => self.push_http(direction, bytes, frames),
            };
            debug_assert!(bytes.len() < before || !self.lanes[direction as usize].is_synced, "it goes on");
        }
    }

    /// A guess: a wrong one is found out soon, and then the next is made.
    fn seems_to_begin(&self, direction: Direction, bytes: &[u8]) -> bool {
        match (self.speaks, direction) {
            (Speaks::Mqtt(_) | Speaks::Blynk, _) => false,
            (Speaks::WebSocket(_), direction) => websocket::begins_like_one(bytes, direction == Direction::In),
            (Speaks::Http, Direction::Out) => bytes.starts_with(b"HTTP/1."),
            (Speaks::Http, Direction::In) => {
                let method = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
                (3..=7).contains(&method) && matches!(bytes.get(method..method + 2), Some(b" /"))
            }
        }
    }

    /// Frames that say their length at their beginning.
    fn push_measured<'b>(&mut self, direction: Direction, bytes: &'b [u8], frames: &mut Vec<Frame>) -> &'b [u8] {
        let speaks = self.speaks;
        let lane = &mut self.lanes[direction as usize];
        let mut used = 0;
        while lane.whole.is_none() && used < bytes.len() {
            lane.keep(&bytes[used..=used]);
            used += 1;
            let measured = match speaks {
                Speaks::Mqtt(_) => mqtt::measure(&lane.held).map_err(drop),
                Speaks::Blynk => Ok(blynk::measure(&lane.held).map(|whole| (whole, 0))),
                _ if !websocket::begins_like_one(&lane.held, direction == Direction::In) => Err(()),
                _ => Ok(websocket::measure(&lane.held)
                    .map(|(head, length)| (head, usize::try_from(length).unwrap_or(usize::MAX)))),
            };
            match measured {
                Ok(None) => {}
                Ok(Some((head, length))) => lane.whole = Some(head.saturating_add(length)),
                Err(()) => {
                    lane.lose_track();
                    return &bytes[used - 1..];
                }
            }
        }
        let Some(whole) = lane.whole else { return &bytes[used..] };
        let more = (whole - lane.seen).min(bytes.len() - used);
        lane.keep(&bytes[used..used + more]);
        used += more;
        if lane.seen == whole {
            let (bytes, whole) = lane.finish();
            let content = match speaks {
                Speaks::Mqtt(version) => {
                    let version = mqtt::version_of(&bytes).unwrap_or(version);
                    self.speaks = Speaks::Mqtt(version);
                    Content::Mqtt(version)
                }
                Speaks::Blynk => Content::Blynk,
                Speaks::WebSocket(inside) => Content::WebSocket(inside),
                Speaks::Http => unreachable!("is not measured"),
            };
            frames.push(Frame { direction, content, bytes, whole });
        }
        &bytes[used..]
    }

    fn push_http<'b>(&mut self, direction: Direction, bytes: &'b [u8], frames: &mut Vec<Frame>) -> &'b [u8] {
        match self.lanes[direction as usize].part {
            Part::Head => self.push_head(direction, bytes, frames),
            Part::Body { length, is_shown } => {
                let lane = &mut self.lanes[direction as usize];
                let more = (length - lane.seen).min(bytes.len());
                lane.keep(&bytes[..more]);
                if lane.seen == length {
                    let (bytes, whole) = lane.finish();
                    lane.part = Part::Head;
                    frames.push(Frame { direction, content: Content::Body { is_shown }, bytes, whole });
                }
                &bytes[more..]
            }
            Part::Chunk { is_shown } => self.push_chunk(direction, is_shown, bytes, frames),
            Part::Rest { is_shown } => {
                let kept = bytes[..bytes.len().min(FRAME_BYTES_KEPT)].to_vec();
                let content = Content::Body { is_shown };
                frames.push(Frame { direction, content, bytes: kept, whole: bytes.len() });
                &[]
            }
        }
    }

    fn push_head<'b>(&mut self, direction: Direction, bytes: &'b [u8], frames: &mut Vec<Frame>) -> &'b [u8] {
        let lane = &mut self.lanes[direction as usize];
        // Heads are looked through whole, whatever is kept of them in the end.
        let before = lane.held.len();
        let looked = before.saturating_sub(3);
        lane.held.extend_from_slice(bytes);
        if direction == Direction::In && lane.held.starts_with(b"PRI * HTTP/2.0\r\n") {
            self.is_http2 = true;
            (lane.held, lane.is_synced) = (Vec::new(), false);
            return &[];
        }
        let Some(end) = lane.held[looked..].windows(4).position(|four| four == b"\r\n\r\n") else {
            if lane.held.len() > HEAD_BYTES_MAX {
                lane.lose_track();
            }
            return &[];
        };
        let length = looked + end + 4;
        let used = length - before;
        lane.held.truncate(length);
        let mut head = std::mem::take(&mut lane.held);
        let facts = HeadFacts::of(&head);
        self.begin_body(direction, &facts);
        head.truncate(FRAME_BYTES_KEPT);
        frames.push(Frame { direction, content: Content::Head, bytes: head, whole: length });
        &bytes[used..]
    }

    /// What follows a head.
    fn begin_body(&mut self, direction: Direction, facts: &HeadFacts<'_>) {
        let may_show = self.may_show;
        let (is_shown, has_body, upgraded) = match direction {
            Direction::In => {
                let is_shown = may_show(facts.path);
                if self.asked.len() < REQUESTS_REMEMBERED {
                    self.asked.push_back(Asked {
                        is_head: facts.is_head,
                        is_shown,
                        upgrades: facts.upgrades.then(|| inside(facts.path)),
                    });
                } else {
                    self.has_forgotten = true;
                }
                (is_shown, true, None)
            }
            Direction::Out => {
                let is_last = facts.status >= 200 || facts.status == 101;
                let asked = if is_last { self.asked.pop_front() } else { None }.unwrap_or_default();
                let has_body = !asked.is_head && facts.status >= 200 && !matches!(facts.status, 204 | 304);
                let upgraded =
                    (facts.status == 101 && facts.upgrades).then(|| asked.upgrades.unwrap_or(Inside::Stream));
                let is_unsure = is_last && std::mem::take(&mut self.is_unsure);
                (asked.is_shown && !self.has_forgotten && !is_unsure, has_body, upgraded)
            }
        };
        if let Some(inside) = upgraded {
            self.speaks = Speaks::WebSocket(inside);
            for lane in &mut self.lanes {
                *lane = Lane { is_synced: true, ..Lane::default() };
            }
            return;
        }
        let lane = &mut self.lanes[direction as usize];
        lane.part = match (has_body, facts.is_chunked, facts.length) {
            (false, ..) | (true, false, Some(0)) => Part::Head,
            (true, true, _) => Part::Chunk { is_shown },
            (true, false, Some(length)) => Part::Body { length, is_shown },
            // A request without a length has no body; an answer without one ends with the connection (RFC 9112 section 6.3).
            (true, false, None) if direction == Direction::In => Part::Head,
            (true, false, None) => Part::Rest { is_shown },
        };
    }

    fn push_chunk<'b>(
        &mut self,
        direction: Direction,
        is_shown: bool,
        bytes: &'b [u8],
        frames: &mut Vec<Frame>,
    ) -> &'b [u8] {
        let lane = &mut self.lanes[direction as usize];
        let mut used = 0;
        while lane.whole.is_none() && used < bytes.len() {
            lane.keep(&bytes[used..=used]);
            used += 1;
            if lane.held.ends_with(b"\r\n") {
                match chunk_length(&lane.held) {
                    // The last one ends with an empty line, behind its trailers.
                    Some(0) if lane.held.ends_with(b"\r\n\r\n") => lane.whole = Some(lane.seen),
                    Some(0) => {}
                    Some(length) => lane.whole = Some(lane.seen.saturating_add(length).saturating_add(2)),
                    None => {
                        lane.lose_track();
                        return &bytes[used..];
                    }
                }
            }
            if lane.whole.is_none() && lane.seen >= FRAME_BYTES_KEPT {
                lane.lose_track();
                return &bytes[used..];
            }
        }
        let Some(whole) = lane.whole else { return &bytes[used..] };
        let more = (whole - lane.seen).min(bytes.len() - used);
        lane.keep(&bytes[used..used + more]);
        used += more;
        if lane.seen == whole {
            let is_last = chunk_length(&lane.held) == Some(0);
            let (kept, whole) = lane.finish();
            if is_last {
                lane.part = Part::Head;
            }
            frames.push(Frame { direction, content: Content::Chunk { is_shown }, bytes: kept, whole });
        }
        &bytes[used..]
    }
}

impl Lane {
    fn keep(&mut self, bytes: &[u8]) {
        let room = FRAME_BYTES_KEPT.saturating_sub(self.held.len());
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.seen += bytes.len();
    }

    fn finish(&mut self) -> (Vec<u8>, usize) {
        let whole = std::mem::take(&mut self.seen);
        self.whole = None;
        (std::mem::take(&mut self.held), whole)
    }

    fn lose_track(&mut self) {
        *self = Self::default();
    }
}

/// What is spoken in the WebSocket of this path: the API speaks for itself, and whatever else there is may be a protocol with
/// secrets of its own.
fn inside(path: &str) -> Inside {
    if path.starts_with("/api/ws") { Inside::Text } else { Inside::Stream }
}

/// The length that a chunk begins with, if it does.
fn chunk_length(held: &[u8]) -> Option<usize> {
    let line = held.split(|byte| *byte == b'\r').next()?;
    let digits = line.split(|byte| *byte == b';').next()?;
    usize::from_str_radix(std::str::from_utf8(digits).ok()?.trim(), 16).ok()
}

/// What is to know of a head to find the end of its body.
#[derive(Default)]
struct HeadFacts<'h> {
    path: &'h str,
    is_head: bool,
    status: u16,
    length: Option<usize>,
    is_chunked: bool,
    upgrades: bool,
}

impl<'h> HeadFacts<'h> {
    fn of(head: &'h [u8]) -> Self {
        let mut facts = Self::default();
        // What is not UTF-8 tells nothing, and its body is not shown.
        let Ok(head) = std::str::from_utf8(head) else { return facts };
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let mut parts = first.split(' ');
        let (one, two) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if one.starts_with("HTTP/") {
            facts.status = two.parse().unwrap_or(0);
        } else {
            facts.is_head = one == "HEAD";
            facts.path = http::path_of(two);
        }
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                facts.length = value.parse().ok();
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                facts.is_chunked = value.to_ascii_lowercase().ends_with("chunked");
            } else if name.eq_ignore_ascii_case("upgrade") {
                facts.upgrades = value.eq_ignore_ascii_case("websocket");
            }
        }
        facts
    }
}
