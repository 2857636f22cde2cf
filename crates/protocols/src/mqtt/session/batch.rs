//! Consecutive PUBLISH packets of one read that make one run: one permission check, one route, one lock per subscriber.

use housewire_core::{Qos, Run};
use smallvec::SmallVec;

use super::event::Publication;
use crate::mqtt::packet::PacketId;

/// Publications to one topic with the same options, in order, borrowed from the read buffer.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    /// What they have in common is taken from the first.
    first: Option<Publication<'a>>,
    payloads: SmallVec<[&'a [u8]; IN_PLACE]>,
    packet_ids: SmallVec<[PacketId; IN_PLACE]>,
}

/// As many as take no memory of their own.
const IN_PLACE: usize = 64;

impl<'a> Batch<'a> {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a publication that continues the run; gives it back if it begins another one. An empty batch takes any.
    #[inline] // see `decode`
    #[allow(clippy::result_large_err)] // not an error but the publication itself, on its way to the next batch
    pub fn push(&mut self, publication: Publication<'a>) -> Result<(), Publication<'a>> {
        if self.first.as_ref().is_some_and(|first| !continues(first, &publication)) {
            return Err(publication);
        }
        self.payloads.push(publication.payload);
        self.packet_ids.extend(publication.packet_id);
        self.first.get_or_insert(publication);
        Ok(())
    }

    /// The run; `None` if there is nothing in it.
    pub fn run(&self) -> Option<Run<'_>> {
        let first = self.first.as_ref()?;
        let run = Run::new(first.topic.borrow(), &self.payloads);
        Some(run.qos(first.qos).retain(first.retain).properties(first.properties.as_ref()))
    }

    /// How its messages are acknowledged.
    pub fn qos(&self) -> Qos {
        self.first.as_ref().map_or(Qos::AtMostOnce, |first| first.qos)
    }

    /// One per message for QoS 1 and 2, none for QoS 0.
    pub fn packet_ids(&self) -> &[PacketId] {
        &self.packet_ids
    }

    /// Empties it for the next run; keeps its memory.
    pub fn clear(&mut self) {
        self.first = None;
        self.payloads.clear();
        self.packet_ids.clear();
    }
}

fn continues(first: &Publication<'_>, next: &Publication<'_>) -> bool {
    first.qos == next.qos
        && first.retain == next.retain
        && first.topic.borrow() == next.topic.borrow()
        && first.properties == next.properties
}
