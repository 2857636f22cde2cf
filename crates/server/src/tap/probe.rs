//! What is in a connection while somebody looks at it: it cuts bytes into frames and hands copies to each watch.

use std::collections::VecDeque;
use std::sync::Arc;

use housewire_protocols::annotate::follow::{Direction, Follower, Frame, Speaks};

use crate::limits::TAP_BACKLOG_FRAMES;
use crate::shard::now;
use crate::tap::watch::{Counted, Seen, Watch};

pub(super) struct Probe {
    /// It was there before the first byte.
    is_from_start: bool,
    http: Option<Follower>,
    stream: Option<Follower>,
    counted: [Counted; 2],
    watches: Vec<Arc<Watch>>,
    /// Of a connection that nobody knows yet: its last frames, for whoever turns out to want it.
    backlog: VecDeque<Seen>,
    /// Lent for a push.
    frames: Vec<Frame>,
}

impl Probe {
    pub(super) fn new(is_from_start: bool) -> Self {
        Self {
            is_from_start,
            http: None,
            stream: None,
            counted: Default::default(),
            watches: Vec::new(),
            backlog: VecDeque::new(),
            frames: Vec::new(),
        }
    }

    pub(super) fn counted(&self) -> [Counted; 2] {
        self.counted
    }

    /// Nobody looks at what it sees.
    pub(super) fn is_idle(&self) -> bool {
        self.watches.is_empty()
    }

    pub(super) fn attach(&mut self, watch: &Arc<Watch>) {
        if self.watches.iter().any(|have| Arc::ptr_eq(have, watch)) {
            return;
        }
        for seen in &self.backlog {
            watch.offer(seen.clone());
        }
        self.watches.push(Arc::clone(watch));
    }

    /// Whether nobody is left.
    pub(super) fn detach(&mut self, watch: &Arc<Watch>) -> bool {
        let before = self.watches.len();
        self.watches.retain(|have| !Arc::ptr_eq(have, watch));
        before > 0 && self.watches.is_empty()
    }

    pub(super) fn end(&mut self, connection: u64) {
        for watch in &self.watches {
            watch.note_end(connection);
        }
    }

    pub(super) fn pass(
        &mut self,
        connection: u64,
        is_stream: bool,
        speaks: Speaks,
        direction: Direction,
        pieces: &[&[u8]],
        begins: bool,
    ) {
        let is_from_start = self.is_from_start;
        let follower = if is_stream { &mut self.stream } else { &mut self.http };
        let follower = follower.get_or_insert_with(|| Follower::new(speaks, is_from_start, may_show));
        let mut frames = std::mem::take(&mut self.frames);
        // What came before is told of only if nothing was.
        let pieces = if follower.is_lost(direction) { pieces } else { &pieces[pieces.len() - 1..] };
        for piece in pieces {
            let begins = begins && follower.is_lost(direction);
            follower.push(direction, piece, begins, &mut frames);
        }
        for frame in frames.drain(..) {
            self.tell(connection, frame, false);
        }
        self.frames = frames;
    }

    pub(super) fn tell(&mut self, connection: u64, frame: Frame, is_http2: bool) {
        let counted = &mut self.counted[frame.direction as usize];
        counted.frames += 1;
        counted.bytes += if is_http2 { 0 } else { frame.whole as u64 };
        let seen = Seen { time: now().wall, connection, is_http2, frame: Arc::new(frame) };
        for watch in &self.watches {
            watch.offer(seen.clone());
        }
        if self.is_from_start {
            if self.backlog.len() == TAP_BACKLOG_FRAMES {
                self.backlog.pop_front();
            }
            self.backlog.push_back(seen);
        }
    }
}

/// Bodies of which requests are shown: of values and lists of them. Everything else may hold a password, a token or a key.
fn may_show(path: &str) -> bool {
    if let Some(rest) = path.strip_prefix("/api/devices/") {
        let last = rest.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        return !matches!(last, "token" | "tokens" | "certificate" | "certificates") && !last.contains('%');
    }
    const OPEN: [&str; 10] = [
        "/api/devices",
        "/api/topics",
        "/api/health",
        "/api/metrics",
        "/api/events",
        "/api/history",
        "/api/connections",
        "/api/refusals",
        "/api/openapi.json",
        "/api/asyncapi.json",
    ];
    OPEN.contains(&path) || path.starts_with("/api/topics/") || !(path == "/api" || path.starts_with("/api/"))
}
