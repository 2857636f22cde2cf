//! Whether a device is there, out of what its topics say of it.

use housewire_core::Timestamp;

use super::binding::BindingError;
use super::model::{Availability, AvailabilityMode};
use super::template::{Context, Templates};

/// Follows the topics of one device.
#[derive(Debug)]
pub struct Presence {
    availability: Availability,
    /// What each topic last said; none so far.
    said: Vec<Option<bool>>,
    latest: Option<bool>,
}

impl Presence {
    /// Nothing was heard yet.
    pub fn new(availability: Availability) -> Self {
        let said = vec![None; availability.topics.len()];
        Self { availability, said, latest: None }
    }

    /// Whether it is there: `None` without topics, when hearing of it is all there is. With topics it is not there before the first
    /// message.
    pub fn is_there(&self) -> Option<bool> {
        if self.said.is_empty() {
            return None;
        }
        let yes = |said: &Option<bool>| *said == Some(true);
        Some(match self.availability.mode {
            AvailabilityMode::Latest => self.latest.unwrap_or(false),
            AvailabilityMode::All => self.said.iter().all(yes),
            AvailabilityMode::Any => self.said.iter().any(yes),
        })
    }

    /// Takes a message on any topic. What says neither yes nor no changes nothing.
    pub fn message(
        &mut self,
        templates: &mut Templates,
        topic: &str,
        payload: &[u8],
        now: Timestamp,
    ) -> Result<(), BindingError> {
        for (place, known) in self.availability.topics.iter().enumerate().filter(|(_, known)| known.topic == topic) {
            let text = std::str::from_utf8(payload).map_err(|_| BindingError::NotText)?;
            let rendered = match &known.template {
                Some(template) => templates.render(template, Context::of_message(text, now))?,
                None => Some(text.to_owned()),
            };
            let said = match rendered {
                Some(text) if text == known.online => true,
                Some(text) if text == known.offline => false,
                _ => continue,
            };
            self.said[place] = Some(said);
            self.latest = Some(said);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
