//! What every message of the load carries: 64 bytes of text (so that it fits into JSON as it is) that say which message it is
//! and when it was due.

/// Bytes of every payload.
pub(crate) const PAYLOAD_LEN: usize = 64;

/// Which message it is, and when it was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which sender's.
    pub(crate) sender: u32,
    /// Counted by its sender, from 0.
    pub(crate) number: u32,
    /// Nanoseconds since the load began.
    pub(crate) due_ns: u64,
}

/// A payload, with a stamp to be written over it.
pub(crate) const BLANK: [u8; PAYLOAD_LEN] = [b'm'; PAYLOAD_LEN];

impl Stamp {
    /// Writes it over a payload.
    pub(crate) fn write(self, payload: &mut [u8]) {
        // Behind the first letter, without which it could be taken for a number.
        write_hex(u64::from(self.sender), &mut payload[1..9]);
        write_hex(u64::from(self.number), &mut payload[9..17]);
        write_hex(self.due_ns, &mut payload[17..33]);
    }

    /// Reads it from a payload; `None` if that is not ours.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        if payload.len() != PAYLOAD_LEN || payload[0] != b'm' {
            return None;
        }
        let (sender, number) = (read_hex(&payload[1..9])?, read_hex(&payload[9..17])?);
        Some(Self { sender: sender as u32, number: number as u32, due_ns: read_hex(&payload[17..33])? })
    }
}

fn write_hex(value: u64, place: &mut [u8]) {
    let digits = place.len();
    for (at, digit) in place.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(value >> (4 * (digits - 1 - at))) as usize & 15];
    }
}

fn read_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let mut payload = BLANK;
        let stamp = Stamp { sender: 99, number: u32::MAX - 3, due_ns: 0x0123_4567_89ab_cdef };
        stamp.write(&mut payload);
        assert_eq!(Stamp::read(&payload), Some(stamp));
        assert_eq!(Stamp::read(&BLANK), None);
        assert_eq!(Stamp::read(b"short"), None);
    }
}
