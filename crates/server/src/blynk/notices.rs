//! What devices want people to be told, as notifications of the hub.

use housewire_core::DeviceId;
use housewire_protocols::blynk::Notice;
use housewire_protocols::limits::BLYNK_EVENT_CHARS_MAX;

use crate::notifications::{Kind, NewNotification};

pub(super) fn of(notice: &Notice<'_>, device: DeviceId) -> NewNotification {
    let new = |kind, text: &str| NewNotification { device: Some(device.clone()), ..NewNotification::new(kind, text) };
    match *notice {
        Notice::Push(text) => new(Kind::Push, text),
        Notice::Sms(text) => new(Kind::Sms, text),
        Notice::Tweet(text) => new(Kind::Tweet, text),
        Notice::Email { to, subject, body } => {
            NewNotification { to: to.map(str::to_owned), title: Some(subject.to_owned()), ..new(Kind::Email, body) }
        }
        Notice::Event { code, description } => {
            let text: String = description.unwrap_or_default().chars().take(BLYNK_EVENT_CHARS_MAX).collect();
            NewNotification { code: Some(code.to_owned()), ..new(Kind::Event, &text) }
        }
        Notice::Clear { code, all } => {
            let text = if all { "all" } else { "" };
            NewNotification { code: Some(code.to_owned()), ..new(Kind::Clear, text) }
        }
    }
}
