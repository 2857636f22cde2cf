//! Bytes on their way to the socket.

/// Consumed bytes in front of unsent ones that are worth moving the rest for.
const GAP_BYTES_MAX: usize = 64 * 1024;

/// A byte queue: packets are appended, the shell takes from the front what the socket took.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// What was taken already; zero whenever nothing is left.
    taken: usize,
}

impl Output {
    pub(super) fn unsent(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// To append to, and to nothing else.
    pub(super) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends and returns the appended bytes, to be patched.
    pub(super) fn append(&mut self, bytes: &[u8]) -> &mut [u8] {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        &mut self.bytes[at..]
    }

    pub(super) fn consume(&mut self, len: usize) {
        self.taken = (self.taken + len).min(self.bytes.len());
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        } else if self.taken > GAP_BYTES_MAX && self.taken > self.len() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn has_buffer(&self) -> bool {
        self.bytes.capacity() > 0
    }

    /// Takes a buffer to fill, unless there is one.
    pub(super) fn lend_buffer(&mut self, mut buffer: Vec<u8>) {
        if !self.has_buffer() {
            buffer.clear();
            self.bytes = buffer;
        }
    }

    /// Gives the buffer away, unless there is something in it.
    pub(super) fn reclaim_buffer(&mut self) -> Option<Vec<u8>> {
        (self.has_buffer() && self.bytes.is_empty()).then(|| std::mem::take(&mut self.bytes))
    }
}
