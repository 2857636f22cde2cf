//! Every bound of this crate, with its default and with what happens when it is reached.
//!
//! How many connections and sessions there may be is the server's affair.

use std::sync::Arc;
use std::time::Duration;

pub use crate::mqtt::Pool;

/// Bytes of a frame that are kept to be annotated (4 KiB); what comes behind them is counted and not shown.
pub const FRAME_BYTES_KEPT: usize = 4 * 1_024;

/// Fields that one frame is taken apart into (256); the rest of it is one field.
pub const FRAME_FIELDS_MAX: usize = 256;

/// Characters of a value that an annotation shows (160), and then an ellipsis.
pub const FIELD_CHARS_MAX: usize = 160;

/// Requests of an HTTP connection whose answers have not begun (64), as far as whoever looks on remembers them. One more is
/// not told from the others, and the bodies of answers are no longer shown.
pub const REQUESTS_REMEMBERED: usize = 64;

/// Bounds of MQTT connections and sessions; one set for all of a listener, shared behind an `Arc`.
#[derive(Clone, Debug)]
pub struct MqttLimits {
    /// Largest packet a client may send, in bytes (2,000,000, as Mosquitto). A larger one ends the connection, 0x95.
    pub packet_bytes_max: usize,
    /// Largest CONNECT, from somebody still unknown, in bytes (100,000, as Mosquitto). A larger one ends the connection.
    pub connect_bytes_max: usize,
    /// Longest client identifier in bytes (256). A longer one is refused, 0x85.
    pub client_id_bytes_max: usize,
    /// Time a client has for its CONNECT (10 s); then the connection ends.
    pub connect_timeout: Duration,
    /// Longest keep-alive granted to MQTT 5 clients, in seconds (none); a longer one, or none, is replaced by this one
    /// in CONNACK.
    pub keep_alive_max_s: Option<u16>,
    /// QoS 1 and 2 messages that a client may have unacknowledged (1,024). MQTT 5 clients are told; one more ends the
    /// connection, 0x93. MQTT 3 clients are bound by their 65,535 packet identifiers.
    pub receive_maximum: u16,
    /// Topic aliases that a client may set (16); a higher one ends the connection, 0x94.
    pub topic_alias_maximum: u16,
    /// Topic aliases towards one client (16, or fewer if it takes fewer); topics without one are sent in full.
    pub topic_aliases_sent_max: u16,
    /// QoS 1 and 2 messages on their way to one client (4,096, or less if the client says so); more are queued.
    pub in_flight_max: u16,
    /// QoS 1 and 2 messages waiting for one client (4,096); the newest is dropped and counted.
    pub queue_len_max: usize,
    /// Payloads, topics and properties kept for one client, waiting or to be sent again, in bytes (8 MiB, and one run
    /// more), with [`HELD_BYTES`] for each message; the newest is dropped and counted.
    pub queue_bytes_max: usize,
    /// Unsent output of one connection in bytes (4 MiB, and one packet more). Above it QoS 0 is dropped and counted,
    /// QoS 1 and 2 are queued.
    pub output_bytes_max: usize,
    /// Unsent replies on top of that, in bytes (64 KiB); then nothing more is read from this client until it reads.
    pub reply_bytes_max: usize,
    /// Longest time that a session is kept for a client that is away, in seconds (none). MQTT 5 clients are told in
    /// CONNACK; a session of MQTT 3, which knows no end, ends after it.
    pub session_expiry_max_s: Option<u32>,
    /// Longest delay of a will, in seconds (none); a longer one is cut to it.
    pub will_delay_max_s: Option<u32>,
    /// What all sessions together may hold (no bound).
    pub pool: Arc<Pool>,
}

impl Default for MqttLimits {
    fn default() -> Self {
        Self {
            packet_bytes_max: 2_000_000,
            connect_bytes_max: 100_000,
            client_id_bytes_max: 256,
            connect_timeout: Duration::from_secs(10),
            keep_alive_max_s: None,
            receive_maximum: 1_024,
            topic_alias_maximum: 16,
            topic_aliases_sent_max: 16,
            in_flight_max: 4_096,
            queue_len_max: 4_096,
            queue_bytes_max: 8 * 1024 * 1024,
            output_bytes_max: 4 * 1024 * 1024,
            reply_bytes_max: 64 * 1024,
            session_expiry_max_s: None,
            will_delay_max_s: None,
            pool: Arc::default(),
        }
    }
}

/// What a message that is kept for a client counts for beside its own bytes: what keeping it costs.
pub const HELD_BYTES: usize = 160;

/// User properties in one MQTT 5 packet, which cost ten times their bytes; a packet with more is refused, 0x97.
pub const USER_PROPERTIES_MAX: usize = 1_024;
/// Filters of one SUBSCRIBE or UNSUBSCRIBE, since what they ask for is done at once; further ones of a SUBSCRIBE are
/// refused, 0x97, an UNSUBSCRIBE with more ends the connection, 0x97.
pub const PACKET_FILTERS_MAX: usize = 1_024;
/// Rounds that turn a password into keys. Fewer than RFC 7677 asks for, or so many that a log-in takes seconds, are refused
/// where keys are configured.
pub const SCRAM_ITERATIONS: std::ops::RangeInclusive<u32> = 4_096..=1_000_000;
/// Salt of stored keys in bytes; more are refused where keys are configured.
pub const SCRAM_SALT_BYTES_MAX: usize = 256;
/// A user's name in bytes, as it is sent and as it is compared. Nobody has a longer one; preparing it for comparing would
/// cost as much as somebody unknown wants.
pub const USER_NAME_BYTES_MAX: usize = 256;
/// A password in bytes, as it is sent; a longer one is wrong, for the same reason.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// A client's SCRAM message in bytes; a longer one ends the exchange, 0x87.
pub const SCRAM_MESSAGE_BYTES_MAX: usize = 4_096;

/// What a device may send in the body of one Blynk frame, in bytes; the length field has room for no more.
pub const BLYNK_BODY_BYTES_MAX: usize = 65_535;
/// The longest frame for a Blynk library that does not say what it takes, in bytes; what is longer is not sent to it.
pub const BLYNK_BUFFER_BYTES: usize = 255;
/// The longest body for Blynk's C++ libraries, in bytes, whatever they say; a longer one makes them hang up.
pub const BLYNK_SMALL_BODY_BYTES_MAX: usize = 256;
/// Log-ins that a Blynk connection may try; with the last wrong one it ends.
pub const BLYNK_LOGINS_MAX: u8 = 8;
/// Characters of a push notification, by Blynk's rule; a longer one is refused, 13.
pub const BLYNK_NOTIFICATION_CHARS_MAX: usize = 255;
/// Characters of a short message, by Blynk's rule; a longer one is refused, 13.
pub const BLYNK_SMS_CHARS_MAX: usize = 160;
/// Characters of what is said of an event, by Blynk's rule; the rest is cut off.
pub const BLYNK_EVENT_CHARS_MAX: usize = 300;

/// Parameters of a request of Bolt's API; further ones count for nothing.
pub const BOLT_PARAMETERS_MAX: usize = 32;
/// Pins in one command of Bolt's API; more are refused.
pub const BOLT_PINS_MAX: usize = 16;
/// Text for a serial port in one command of Bolt's API, in bytes; more is refused in Bolt's words for it.
pub const BOLT_SERIAL_BYTES_MAX: usize = 1_024;
/// Rows of the history in an answer of Bolt's API, if nobody says how many.
pub const BOLT_POINTS_USUAL: usize = 100;
/// And at the most; a request for more is refused.
pub const BOLT_POINTS_MAX: usize = 1_000;
