//! What went over a connection, counted.

use housewire_core::Run;

/// Packets and publications in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Of every kind.
    pub packets: u64,
    /// Those that are PUBLISH.
    pub publishes: u64,
    /// The payloads of these.
    pub publish_bytes: u64,
}

impl Traffic {
    /// A PUBLISH more for each message of a run.
    pub(super) fn add_run(&mut self, run: &Run<'_>) {
        let publishes = run.payloads().len() as u64;
        self.packets += publishes;
        self.publishes += publishes;
        self.publish_bytes += run.payload_bytes();
    }

    /// One PUBLISH more.
    pub(super) fn add_publish(&mut self, payload: &[u8]) {
        self.packets += 1;
        self.publishes += 1;
        self.publish_bytes += payload.len() as u64;
    }
}

/// How many packets these bytes are, which hold nothing but whole packets.
pub(super) fn count_packets(mut bytes: &[u8]) -> u64 {
    let mut packets = 0;
    while bytes.len() >= 2 {
        packets += 1;
        // The remaining length, seven bits at a time (section 1.5.5).
        let (mut length, mut at) = (0_usize, 1);
        while let Some(byte) = bytes.get(at).filter(|_| at < 5) {
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        bytes = bytes.get(at + length..).unwrap_or_default();
    }
    packets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_counted_by_their_lengths() {
        let long = [&[0x30, 0x80, 0x01][..], &[0; 128]].concat();
        for (bytes, expected) in [
            (&[][..], 0),
            (&[0xd0, 0x00], 1),
            (&[0x40, 0x02, 0, 1, 0x40, 0x02, 0, 2, 0xd0, 0], 3),
            (&long, 1),
            (&[&long[..], &long[..], &[0xd0, 0]].concat(), 3),
        ] {
            assert_eq!(count_packets(bytes), expected, "{bytes:x?}");
        }
    }
}
