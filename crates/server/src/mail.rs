//! Mails of devices, handed to a mail server by SMTP. A thread of its own takes what waits in the list of notifications, one after
//! another, and says there what became of it; nothing waits for it.
//!
//! The list is the queue: what waits is on the disk, and goes out after a restart. What the server may take later is tried again, with
//! pauses that grow; what it refuses for good, or has not taken for a day, has failed, which the list and the log tell.

mod letter;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use housewire_core::Hub;
use lettre::transport::smtp::SmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Message, Transport as _};
use parking_lot::{Condvar, Mutex};
use tracing::{error, info, warn};

use crate::backoff::Backoff;
use crate::config::{MailConfig, MailTls};
use crate::limits::{MAIL_GIVE_UP, MAIL_TIMEOUT, TLS_FILE_BYTES_MAX};
use crate::notifications::{MailState, Notification, Notifications};
use crate::reasons::with_reasons;
use crate::shard::now;

/// Between two tries of a server that takes nothing.
const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_LONGEST: Duration = Duration::from_secs(600);
/// What is told of a server's words.
const REASON_CHARS_MAX: usize = 300;

/// See the module.
pub(crate) struct Mailer {
    bell: Arc<Bell>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread waits for.
#[derive(Default)]
struct Bell {
    state: Mutex<Rung>,
    rung: Condvar,
}

#[derive(Default)]
struct Rung {
    /// Something may wait.
    is_new: bool,
    /// The hub stops.
    is_over: bool,
}

/// What became of one try.
enum Outcome {
    Sent,
    /// Never.
    Refused(String),
    /// Perhaps later.
    Later(String),
}

impl Mailer {
    /// Begins with what has waited since the last run.
    pub(crate) fn start(config: MailConfig, notifications: Arc<Notifications>, hub: Arc<Hub>) -> std::io::Result<Self> {
        let bell = Arc::new(Bell::default());
        bell.state.lock().is_new = true;
        let ring = Arc::clone(&bell);
        notifications.mail_by(config.rate, move || {
            ring.state.lock().is_new = true;
            ring.rung.notify_one();
        });
        let rings = Arc::clone(&bell);
        let thread = std::thread::Builder::new().name("mail".to_owned());
        let thread = thread.spawn(move || work(&config, &notifications, &hub, &rings))?;
        Ok(Self { bell, thread: Mutex::new(Some(thread)) })
    }

    /// Returns when the mail that is under way is out, or has timed out. The rest waits for the next run.
    pub(crate) fn stop(&self) {
        self.bell.state.lock().is_over = true;
        self.bell.rung.notify_one();
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            error!("the thread that sends mails died, which is a bug; report this");
        }
    }
}

fn work(config: &MailConfig, notifications: &Notifications, hub: &Hub, bell: &Bell) {
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_LONGEST);
    // Of the last trouble, so that the log has each once.
    let mut told: Option<String> = None;
    loop {
        {
            let mut state = bell.state.lock();
            while !state.is_new && !state.is_over {
                bell.rung.wait(&mut state);
            }
            if state.is_over {
                return;
            }
            state.is_new = false;
        }
        while let Some(waiting) = notifications.next_mail() {
            if bell.state.lock().is_over {
                return;
            }
            match send(config, &waiting) {
                Outcome::Sent => {
                    backoff.reset();
                    if told.take().is_some() {
                        info!(server = %config.server, "the mail server takes mails again");
                    }
                    notifications.settle_mail(waiting.id, MailState::Sent, hub);
                }
                Outcome::Refused(why) => {
                    backoff.reset();
                    warn!(server = %config.server, notification = waiting.id, "a mail cannot be delivered: {why}");
                    notifications.settle_mail(waiting.id, MailState::Failed(why), hub);
                }
                Outcome::Later(why) if has_waited_enough(&waiting) => {
                    warn!(server = %config.server, notification = waiting.id, "a mail is given up: {why}");
                    notifications.settle_mail(waiting.id, MailState::Failed(why), hub);
                }
                Outcome::Later(why) => {
                    let delay = backoff.next_delay();
                    if told.as_deref() != Some(&why) {
                        warn!(server = %config.server, "mails wait, the next try is in {} s: {why}", delay.as_secs());
                    }
                    notifications.settle_mail(waiting.id, MailState::Waiting(Some(why.clone())), hub);
                    told = Some(why);
                    if rest(bell, delay) {
                        return;
                    }
                }
            }
        }
    }
}

/// Pauses; whether the hub stops meanwhile.
fn rest(bell: &Bell, delay: Duration) -> bool {
    let until = std::time::Instant::now() + delay;
    let mut state = bell.state.lock();
    while !state.is_over {
        if bell.rung.wait_until(&mut state, until).timed_out() {
            break;
        }
    }
    state.is_over
}

fn has_waited_enough(notification: &Notification) -> bool {
    let waited = now().wall.as_micros().saturating_sub(notification.time.as_micros());
    u64::try_from(waited).is_ok_and(|waited| Duration::from_micros(waited) > MAIL_GIVE_UP)
}

/// One try, over a connection of its own: mails are rare.
fn send(config: &MailConfig, notification: &Notification) -> Outcome {
    let letter: Message = match letter::write(config, notification) {
        Ok(letter) => letter,
        Err(why) => return Outcome::Refused(why),
    };
    // Made anew each time, so that a certificate that was replaced counts.
    let transport = match transport(config) {
        Ok(transport) => transport,
        Err(why) => return Outcome::Later(why),
    };
    match transport.send(&letter) {
        Ok(_answer) => Outcome::Sent,
        Err(error) => {
            // Its words have those of what led to it already.
            let why: String = error.to_string().replace(char::is_control, " ").chars().take(REASON_CHARS_MAX).collect();
            if error.is_permanent() { Outcome::Refused(why) } else { Outcome::Later(why) }
        }
    }
}

fn transport(config: &MailConfig) -> Result<SmtpTransport, String> {
    let parameters = || -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(config.server.clone());
        if let Some(ca) = &config.ca {
            let cannot = |why: String| format!("mail.ca, {}, cannot be used: {why}", ca.display());
            let length = std::fs::metadata(ca).map_err(|error| cannot(error.to_string()))?.len();
            if length > TLS_FILE_BYTES_MAX {
                return Err(cannot("it is too long".to_owned()));
            }
            let pem = std::fs::read(ca).map_err(|error| cannot(error.to_string()))?;
            let certificate = Certificate::from_pem(&pem).map_err(|error| cannot(error.to_string()))?;
            builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
        }
        builder.build().map_err(|error| with_reasons(&error).to_string())
    };
    let tls = match config.tls {
        MailTls::None => Tls::None,
        MailTls::Starttls => Tls::Required(parameters()?),
        MailTls::Wrapper => Tls::Wrapper(parameters()?),
    };
    let mut builder = SmtpTransport::builder_dangerous(config.server.clone())
        .port(config.port)
        .tls(tls)
        .hello_name(ClientId::Domain(letter::domain(config)))
        .timeout(Some(MAIL_TIMEOUT));
    if let Some((user, password)) = &config.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.0.clone()));
    }
    Ok(builder.build())
}
