//! A notification as a mail: sender, recipients, subject, text. Whatever a device says stays text, and no header of its own.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::{Mailbox, header::ContentType};

use crate::config::MailConfig;
use crate::limits::MAIL_RECIPIENTS_MAX;
use crate::notifications::Notification;
use crate::refusal::shorten;

/// What sketches write where Blynk's server put the owner's address.
const OWNERS: [&str; 2] = ["{DEVICE_OWNER_EMAIL}", "{VENDOR_EMAIL}"];
const SUBJECT_CHARS_MAX: usize = 200;

/// Says why it is none, and what to do.
pub(super) fn write(config: &MailConfig, notification: &Notification) -> Result<Message, String> {
    let what = &notification.what;
    let mut builder = Message::builder().from(config.from.clone());
    for recipient in recipients(config, what.to.as_deref())? {
        builder = builder.to(recipient);
    }
    let device = what.device.as_ref().map_or_else(|| "the hub".to_owned(), ToString::to_string);
    let subject = what.title.as_deref().map(str::trim).filter(|title| !title.is_empty()).map_or(device, str::to_owned);
    let subject: String = subject.replace(char::is_control, " ").chars().take(SUBJECT_CHARS_MAX).collect();
    let micros = u64::try_from(notification.time.as_micros()).unwrap_or(0);
    // Stays the same for each try, so that a mailbox that got it twice may notice.
    let id = format!("<{}.{micros}@{}>", notification.id, domain(config));
    let built = builder
        .subject(subject)
        .message_id(Some(id))
        .date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
        .header(ContentType::TEXT_PLAIN)
        .body(what.text.clone());
    built.map_err(|error| format!("it cannot be written as a mail: {error}"))
}

/// Those it names, else whoever the configuration does.
fn recipients(config: &MailConfig, to: Option<&str>) -> Result<Vec<Mailbox>, String> {
    let named = to.unwrap_or_default().split([',', ';']).map(str::trim).filter(|to| !to.is_empty());
    let mut recipients = Vec::new();
    for to in named {
        match &config.to {
            Some(owner) if OWNERS.contains(&to) => recipients.push(owner.clone()),
            _ => recipients.push(to.parse().map_err(|_| format!("'{}' is no address", shorten(to)))?),
        }
    }
    if recipients.is_empty() {
        let nobody = "the device names nobody, and mail.to of the configuration is missing".to_owned();
        recipients.push(config.to.clone().ok_or(nobody)?);
    }
    match recipients.len() {
        ..=MAIL_RECIPIENTS_MAX => Ok(recipients),
        more => Err(format!("it is for {more} people, and may be for {MAIL_RECIPIENTS_MAX}")),
    }
}

/// Of the sender: as what the hub greets the server, too.
pub(super) fn domain(config: &MailConfig) -> String {
    config.from.email.domain().to_owned()
}

#[cfg(test)]
mod tests {
    use housewire_core::{DeviceId, Timestamp};

    use super::*;
    use crate::config::MailTls;
    use crate::notifications::{Kind, NewNotification};

    fn config(to: Option<&str>) -> MailConfig {
        MailConfig {
            server: "mail.example".to_owned(),
            port: 25,
            tls: MailTls::None,
            ca: None,
            login: None,
            from: "Hub <hub@home.example>".parse().unwrap(),
            to: to.map(|to| to.parse().unwrap()),
            rate: 20,
        }
    }

    fn letter(default: Option<&str>, to: Option<&str>, title: &str, text: &str) -> Result<String, String> {
        let what = NewNotification {
            device: DeviceId::parse("lamp").ok(),
            to: to.map(str::to_owned),
            title: Some(title.to_owned()),
            ..NewNotification::new(Kind::Email, text)
        };
        let notification = Notification { id: 7, time: Timestamp::from_micros(5), what, mail: None };
        write(&config(default), &notification).map(|letter| String::from_utf8(letter.formatted()).unwrap())
    }

    #[test]
    fn recipients_are_named_or_the_usual_one() {
        let mail = letter(Some("me@home.example"), None, "Hot", "over 40").unwrap();
        assert!(mail.contains("To: me@home.example\r\n") && mail.contains("Subject: Hot\r\n"), "{mail}");
        assert!(mail.contains("Message-ID: <7.5@home.example>\r\n") && mail.ends_with("over 40"), "{mail}");
        let mail = letter(None, Some("a@b.example; c@d.example"), "x", "y").unwrap();
        assert!(mail.contains("To: a@b.example, c@d.example\r\n"), "{mail}");
        let mail = letter(Some("me@home.example"), Some("{DEVICE_OWNER_EMAIL}"), "x", "y").unwrap();
        assert!(mail.contains("To: me@home.example\r\n"), "{mail}");
        for (default, to) in [
            (None, None),
            (None, Some("{DEVICE_OWNER_EMAIL}")),
            (Some("me@home.example"), Some("not an address")),
            (None, Some("a@b.c,a@b.c,a@b.c,a@b.c,a@b.c,a@b.c")),
        ] {
            assert!(letter(default, to, "x", "y").is_err(), "{to:?}");
        }
    }

    #[test]
    fn a_device_writes_no_headers() {
        let mail = letter(None, Some("a@b.example"), "x\r\nBcc: all@b.example", "\r\n.\r\nQUIT").unwrap();
        assert!(!mail.contains("\nBcc:"), "{mail}");
        assert!(letter(None, Some("a@b.example\r\nBcc: c@d.example"), "x", "y").is_err());
        let mail = letter(None, Some("a@b.example"), "Überhitzt 🔥", "Über 40 °C").unwrap();
        assert!(mail.contains("Subject: =?utf-8?"), "{mail}");
    }
}
