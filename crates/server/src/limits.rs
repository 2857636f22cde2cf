//! Bounds of HTTP, WebSocket and log-in that nobody needs to set, with what happens when they are reached.
//!
//! Those that somebody may want to set are in `config::Limits`; those of topics and devices in `core`.

use std::time::Duration;

/// Request line and headers together; larger ones are answered 431. A topic of the longest kind fits, percent-encoded.
pub(crate) const HEAD_BYTES_MAX: usize = 32 * 1024;
/// For the head of a further request, and so also how long a kept-alive connection may idle; it is closed then. The first
/// request has `limits.greeting_timeout`.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// For the body of a request; answered 408 then.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client may take nothing of what is written to it; the connection is closed then.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Addresses whose requests are counted apart; further ones are counted together.
pub(crate) const RATE_ADDRESSES_MAX: usize = 16_384;
/// Requests of one HTTP/2 connection at once; the client is told, and a further one is refused (`REFUSED_STREAM`).
pub(crate) const H2_STREAMS_MAX: u32 = 100;
/// What an HTTP/2 client may send of bodies before these are read, of one and of all together; further bytes wait with it.
pub(crate) const H2_STREAM_WINDOW_BYTES: u32 = 64 * 1024;
pub(crate) const H2_WINDOW_BYTES: u32 = 256 * 1024;
/// Bodies of the largest kind that one HTTP/2 connection may have gathered at once; what comes on top is answered 400.
pub(crate) const H2_UPLOAD_BODIES_MAX: usize = 8;
/// Output of one HTTP/2 stream that waits for room in the client's window; the rest of an answer is made later.
pub(crate) const H2_SEND_BYTES_MAX: usize = 64 * 1024;
/// Streams that an HTTP/2 client has reset before they were looked at, or that were reset for its errors; the connection is
/// closed then (`ENHANCE_YOUR_CALM`).
pub(crate) const H2_RESETS_MAX: usize = 32;
/// An HTTP/2 client is pinged so often, and the connection closed when a ping is not answered in time.
pub(crate) const H2_PING_EVERY: Duration = Duration::from_secs(30);
pub(crate) const H2_PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How much, and how long, is still read and thrown away after the last answer, so that it reaches a client that is
/// still sending.
pub(crate) const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;
pub(crate) const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request in flight may take once the hub stops; the connection is cut then.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(2);
/// Longest content type that is kept with a message; longer ones are refused.
pub(crate) const CONTENT_TYPE_BYTES_MAX: usize = 256;
/// Levels of nesting up to which a text counts as JSON: what most parsers take. Deeper ones are refused where JSON is
/// expected, and are a string where it is shown.
pub(crate) const JSON_DEPTH_MAX: usize = 128;
/// What is done aside, on threads of its own, at once; more waits for its turn.
pub(crate) const ASIDE_AT_ONCE_MAX: usize = 2;
/// JSON longer than this is read aside.
pub(crate) const JSON_BYTES_AT_ONCE: usize = 16 * 1024;
/// Properties beyond which a device is written aside.
pub(crate) const PROPERTIES_AT_ONCE: usize = 16;
/// Entries of one page of a list (`?limit=`); more are refused.
pub(crate) const PAGE_ITEMS_MAX: usize = 10_000;
/// A page of a list ends behind the entry with which it becomes longer than this.
pub(crate) const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a long poll of a list lets changes come before it looks again.
pub(crate) const LIST_WAIT_PAUSE: Duration = Duration::from_millis(250);
/// From this length on the payload of a topic can be had in parts, and is said to be of when.
pub(crate) const RANGE_BYTES_MIN: usize = 1_024;
/// Entries of one batch; more are refused.
pub(crate) const BATCH_ITEMS_MAX: usize = 1_000;
/// What the values in the answer to one batch may have together; those that would add to more are refused.
pub(crate) const BATCH_ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Entries of a batch between two pauses, in which other connections have their turn.
pub(crate) const BATCH_ITEMS_AT_ONCE: usize = 32;
/// Devices written aside in one piece.
pub(crate) const DEVICES_AT_ONCE: usize = 128;
/// Clients looked at aside for one piece of a list.
pub(crate) const CLIENTS_AT_ONCE: usize = 64;
/// Longest wait of a long poll; longer ones are cut to it.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(600);
/// Event streams without a connection, whose clients may come back; further ones end with their connection.
pub(crate) const EVENT_STREAMS_AWAY_MAX: usize = 1_000;
/// How long the connection before may take to give up an event stream to one that its client has come back over.
pub(crate) const EVENT_HANDOVER_TIMEOUT: Duration = Duration::from_secs(1);
/// After which a browser comes back to an event stream.
pub(crate) const EVENT_RETRY_AFTER: Duration = Duration::from_secs(2);
/// Filters of one event stream; more are refused.
pub(crate) const EVENT_FILTERS_MAX: usize = 64;
/// Silence after which an event stream gets a comment, so that proxies do not take it for dead.
pub(crate) const EVENT_COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Output of one channel (WebSocket, event stream) taken from its queue at once.
pub(crate) const FEED_BYTES_AT_ONCE: usize = 32 * 1024;
/// What one channel does between two pauses, in which other connections have their turn.
pub(crate) const TICK_BYTES_MAX: usize = 96 * 1024;
pub(crate) const TICK_FRAMES_MAX: usize = 256;
/// Replays of stored values that one channel may have waiting; it is not read from while there are as many.
pub(crate) const REPLAYS_MAX: usize = 64;
/// A WebSocket is pinged so often, and closed when it left this many pings unanswered.
pub(crate) const WS_PING_EVERY: Duration = Duration::from_secs(30);
pub(crate) const WS_PINGS_UNANSWERED_MAX: u32 = 2;
/// How long a WebSocket may take to accept what is written to it at once; it is closed then.
pub(crate) const WS_WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// For the farewell on both sides; the connection is cut then.
pub(crate) const WS_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Read buffer that a WebSocket keeps; the library's default costs 134 kB per connection.
pub(crate) const WS_READ_BUFFER_BYTES: usize = 512;
/// Read at once from a WebSocket's connection; what is not handled yet waits with it, the rest in the socket.
pub(crate) const WS_READ_BYTES_MAX: usize = 16 * 1024;
/// Output gathered before it is written without waiting for the end of the tick.
pub(crate) const WS_WRITE_BUFFER_BYTES: usize = 16 * 1024;
/// Longest `id` of a request on a WebSocket; longer ones are refused.
pub(crate) const WS_ID_BYTES_MAX: usize = 128;
/// Operations in one frame; of a longer list none is done.
pub(crate) const WS_OPERATIONS_MAX: usize = 256;
/// How long a session on a WebSocket is kept without its client if that says nothing; at most `limits.ws_session_keep`.
pub(crate) const WS_SESSION_KEEP: Duration = Duration::from_secs(60);
/// How long a client that comes back waits for the connection before to let go of its session; it is refused then as busy.
pub(crate) const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(5);
/// Answers to pings that may wait for a WebSocket to take them; it is not read from while there are as many.
pub(crate) const WS_PONGS_UNSENT_MAX: usize = 16;
/// What a byte stream that another task carries (MQTT in a WebSocket) holds in each direction; also the longest frame of ours.
/// Beyond it output waits in the session's own buffer, as it does for a socket that takes no more, and input in the socket.
pub(crate) const PIPE_BYTES_MAX: usize = 16 * 1024;
/// A frame of MQTT in a WebSocket may be so many times as large as a packet, as clients may put several into one; a larger
/// one closes the connection.
pub(crate) const WS_MQTT_PACKETS_PER_FRAME: usize = 2;
/// Frames that wait for a Blynk device to take them, beyond which the newest value of a pin takes the place of older ones.
pub(crate) const BLYNK_CONFLATED_BYTES: usize = 4 * 1024;
/// Frames that wait all the same; what has no room then is dropped and counted, and nothing more is read from the device until it
/// reads.
pub(crate) const BLYNK_OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Between two frames for a library that takes what one read brings for one frame.
pub(crate) const BLYNK_GAP: Duration = Duration::from_millis(50);
/// Body of a request of Blynk's own API; a larger one is refused.
pub(crate) const BLYNK_HTTP_BODY_BYTES_MAX: usize = 64 * 1024;
/// Points with a time of their own that Blynk's APIs take at once; more are refused.
pub(crate) const BLYNK_POINTS_MAX: usize = 10_000;
/// Names of its own under which one Blynk MQTT client speaks of properties; the oldest is forgotten for a further one.
pub(crate) const BLYNK_STREAM_NAMES_MAX: usize = 256;
/// Streams or fields that one message of a Blynk MQTT client names; a report of more is refused, of a question the rest is not answered.
pub(crate) const BLYNK_NAMES_AT_ONCE: usize = 256;
/// Lists of points of one Blynk MQTT client that wait for the disk; a further one is refused.
pub(crate) const BLYNK_POINT_LISTS_MAX: usize = 4;
/// Body of a request of Blynk's APIs with points, and a file of points that they hand out; a larger one is refused, or cut.
pub(crate) const BLYNK_POINTS_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Files of points in an archive that Blynk's API hands out; further pins are left out.
pub(crate) const BLYNK_FILES_MAX: usize = 32;
/// Body of a form that Bolt's API is sent; of a larger one nothing counts.
pub(crate) const BOLT_FORM_BYTES_MAX: usize = 16 * 1024;
/// A device has so long to confirm what Bolt's API asks; then the answer is Bolt's for a time-out.
pub(crate) const BOLT_CONFIRM_WITHIN: Duration = Duration::from_secs(5);
/// Devices in one answer of Bolt's API; further ones are left out.
pub(crate) const BOLT_DEVICES_MAX: usize = 1_000;
/// Names of devices over Bolt's API that are remembered; with one more all are forgotten and looked for again.
pub(crate) const BOLT_NAMES_MAX: usize = 1_000;
/// Bridges of one Blynk connection; a further one is refused, 6.
pub(crate) const BLYNK_BRIDGES_MAX: usize = 100;
/// A user file of Blynk's server; a larger one is refused.
pub(crate) const BLYNK_FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Mails that wait for the mail server; a further one has failed at once.
pub(crate) const MAILS_WAITING_MAX: usize = 200;
/// What one mail is for; one for more is not sent.
pub(crate) const MAIL_RECIPIENTS_MAX: usize = 5;
/// How long the mail server may take for one answer; the mail is tried again then.
pub(crate) const MAIL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a mail is tried that the server does not take; it has failed then.
pub(crate) const MAIL_GIVE_UP: Duration = Duration::from_secs(24 * 3_600);
/// Notifications that are kept; the oldest goes for a new one.
pub(crate) const NOTIFICATIONS_MAX: usize = 1_000;
/// A message of Blynk in a WebSocket, which may hold several frames; a larger one closes the connection.
pub(crate) const WS_BLYNK_FRAME_BYTES_MAX: usize = 128 * 1024;
/// Addresses and what else a PROXY header says; a longer one closes the connection.
pub(crate) const PROXY_HEADER_BYTES_MAX: usize = 4_096;
/// Passwords checked at once, each on a thread of its own.
pub(crate) const PASSWORD_CHECKS_MAX: usize = 2;
/// How long a log-in waits for its turn; it is refused then as the hub is busy.
pub(crate) const PASSWORD_CHECK_WAIT: Duration = Duration::from_secs(5);
/// Users in the config file; more end the start.
pub(crate) const USERS_MAX: usize = 10_000;
/// Longest host name in the configuration (RFC 1035 section 2.3.4); the start ends with a longer one.
pub(crate) const NAME_BYTES_MAX: usize = 253;
/// Names in the configuration; more end the start.
pub(crate) const NAMES_MAX: usize = 100;
/// Addresses of the machine that the hub's certificate is made out to; further ones are left out.
pub(crate) const MACHINE_ADDRESSES_MAX: usize = 100;
/// Largest file of certificates or keys that the configuration names; a larger one is refused.
pub(crate) const TLS_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// What a TLS connection may take for its last bytes and its goodbye; it is cut then.
pub(crate) const TLS_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Body of a request for a device's certificate; a larger one is answered 413.
pub(crate) const CSR_BYTES_MAX: usize = 16 * 1024;
/// What we put into one TLS record. A microcontroller has to have room for a whole one, and few have 16 KiB to spare.
pub(crate) const TLS_RECORD_BYTES_MAX: usize = 4 * 1024;
/// What was offered to the history and its thread has not dealt with, with 15 bytes for each message. Beyond it QoS 0 is dropped
/// and counted, and those who publish with QoS 1 or 2 wait.
pub(crate) const HISTORY_QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What may come from these on top; then they are refused as if the disk were failing.
pub(crate) const HISTORY_WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest payload that can be a reading; a longer one has no history.
pub(crate) const HISTORY_VALUE_BYTES_MAX: usize = 256;
/// Orders that wait for the history's thread; a further one is refused as the hub is busy.
pub(crate) const HISTORY_ORDERS_MAX: usize = 64;
/// Questions about the past answered at once, each on a thread of its own.
pub(crate) const HISTORY_QUERIES_MAX: usize = 2;
/// How long a question waits for its turn; it is refused then as the hub is busy.
pub(crate) const HISTORY_QUERY_WAIT: Duration = Duration::from_secs(10);
/// How long a question waits until what was published before can be read; it is answered without that then.
pub(crate) const HISTORY_SHOW_WAIT: Duration = Duration::from_millis(500);
/// How long whoever changes the history waits until that is on the disk; it is done all the same, later.
pub(crate) const HISTORY_CHANGE_WAIT: Duration = Duration::from_secs(20);
/// Points of one answer that has all of them; the rest comes with the next.
pub(crate) const HISTORY_POINTS_MAX: usize = 100_000;
/// Points, or values, that a question may ask for.
pub(crate) const HISTORY_BUCKETS_MAX: usize = 20_000;
/// Properties of one question; more are refused.
pub(crate) const HISTORY_SERIES_MAX: usize = 50;
/// States whose time is told; those that held for the shortest time are left out.
pub(crate) const HISTORY_STATES_MAX: usize = 100;
/// Points read for one piece of an export.
pub(crate) const HISTORY_POINTS_AT_ONCE: usize = 4_096;
/// Policies of properties, and of those of one device; one more is refused.
pub(crate) const HISTORY_POLICIES_MAX: usize = 10_000;
pub(crate) const HISTORY_POLICIES_OF_DEVICE_MAX: usize = 256;
/// One imported file; a larger one is refused, and what came before stays.
pub(crate) const HISTORY_IMPORT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Pieces of imports dealt with at once; others wait for their turn as questions do.
pub(crate) const HISTORY_IMPORTS_MAX: usize = 2;
/// Policies and tombstones read or written at once; likewise.
pub(crate) const HISTORY_CHANGES_MAX: usize = 2;
/// Lines of an import that are told to be wrong, by number; further ones are counted.
pub(crate) const HISTORY_REFUSED_SHOWN_MAX: usize = 100;
/// One line of an import; a longer one is refused.
pub(crate) const HISTORY_LINE_BYTES_MAX: usize = 4_096;
/// One file of firmware; a larger one is refused.
pub(crate) const FIRMWARE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files of firmware, and what they have together; a further one is refused.
pub(crate) const FIRMWARE_FILES_MAX: usize = 256;
pub(crate) const FIRMWARE_TOTAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Files of firmware that are uploaded at once; a further one is refused as the hub is busy.
pub(crate) const FIRMWARE_UPLOADS_MAX: usize = 2;
/// Roll-outs, and devices that one names; more are refused.
pub(crate) const ROLLOUTS_MAX: usize = 256;
pub(crate) const ROLLOUT_DEVICES_MAX: usize = 10_000;
/// What a device says of its firmware; a longer payload is not looked at. So many wait to be looked at; the oldest go then.
pub(crate) const FIRMWARE_SAID_BYTES_MAX: usize = 1_024;
pub(crate) const FIRMWARE_SAID_WAITING_MAX: usize = 4_096;
/// What waits for the thread of discovery, of announcements, states, requests and notices each; further ones are dropped and counted,
/// and what is retained of the first two is read again when there is room. A replay of retained messages waits instead.
pub(crate) const DISCOVERY_BYTES_MAX: [usize; 4] = [16 * 1024 * 1024, 8 * 1024 * 1024, 1024 * 1024, 1024 * 1024];
/// Requests of the API that wait for it; a further one is answered 503.
pub(crate) const DISCOVERY_ORDERS_MAX: usize = 64;
/// Things sighted on the network that wait for it; further ones are dropped until they are seen again.
pub(crate) const DISCOVERY_SIGHTINGS_MAX: usize = 1_024;
/// Finds; a further one is not listed, and counted.
pub(crate) const FINDS_MAX: usize = 4_096;
/// Announcements of one find; those that are gone make room, and for a further one there is none, which its problems say.
pub(crate) const DISCOVERY_PARTS_MAX: usize = 16;
/// Within a second, for reading what all finds say that nobody adopted; what they say then is not shown.
pub(crate) const DISCOVERY_UNADOPTED_TIME_MAX: Duration = Duration::from_millis(100);
/// Topics of finds that are listened to; of a find that comes then no further values are known, which its problems say.
pub(crate) const DISCOVERY_TOPICS_MAX: usize = 100_000;
/// Topics that were agreed to for one find; beyond it those that it does not name any more are forgotten.
pub(crate) const DISCOVERY_ACCEPTED_MAX: usize = 2_048;
/// Kinds of problems that are shown of one find; the oldest goes then.
pub(crate) const DISCOVERY_PROBLEMS_SHOWN: usize = 8;
/// Services of one type on the network that are remembered; with more, they are no longer looked for until the next start.
pub(crate) const MDNS_SERVICES_MAX: usize = 2_000;
/// What was heard of the network that is looked at in one go; the rest waits for half a second, 1,000 of each type at most: then that
/// search ends and begins anew after half a minute.
pub(crate) const MDNS_EVENTS_PER_TICK_MAX: usize = 2_000;
/// Dashboards; more are refused. And what all of them have together.
pub(crate) const DASHBOARDS_MAX: usize = 500;
pub(crate) const DASHBOARDS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Of one dashboard: bytes, widgets, tabs, different sources; more are refused.
pub(crate) const DASHBOARD_BYTES_MAX: usize = 512 * 1024;
pub(crate) const DASHBOARD_WIDGETS_MAX: usize = 300;
pub(crate) const DASHBOARD_TABS_MAX: usize = 32;
pub(crate) const DASHBOARD_SOURCES_MAX: usize = 1_000;
/// Sources of one widget; more are refused.
pub(crate) const WIDGET_SOURCES_MAX: usize = 64;
/// Share links of one dashboard, and of all; more are refused.
pub(crate) const SHARES_PER_DASHBOARD_MAX: usize = 32;
pub(crate) const SHARES_MAX: usize = 1_000;
/// Lines of the log that are remembered, and what they have together; the oldest go.
pub(crate) const LOG_LINES_MAX: usize = 4_000;
pub(crate) const LOG_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Of one line: its words, the value of one field, and how many fields; the rest is left out.
pub(crate) const LOG_MESSAGE_BYTES_MAX: usize = 4 * 1024;
pub(crate) const LOG_FIELD_BYTES_MAX: usize = 1024;
pub(crate) const LOG_FIELDS_MAX: usize = 32;
/// Streams of the log at once; a further one is answered 503.
pub(crate) const LOG_STREAMS_MAX: usize = 16;
/// How long a stream of the log gathers lines before it sends them.
pub(crate) const LOG_STREAM_PAUSE: Duration = Duration::from_millis(250);
/// Pieces of a backup on their way out or in; whoever makes or takes in the next one waits.
pub(crate) const BACKUP_PIECES_MAX: usize = 8;
/// How long the client of a backup may send nothing, which is answered 408 then, or take nothing of one, which then breaks off.
pub(crate) const BACKUP_SILENCE_MAX: Duration = Duration::from_secs(60);
/// Who looks at connections (`/api/wire`) at once; one more is answered 503.
pub(crate) const TAP_WATCHES_MAX: usize = 8;
/// Frames, and their bytes as far as they are kept, that wait for one who looks; further ones are lost and counted.
pub(crate) const TAP_QUEUE_FRAMES: usize = 1_000;
pub(crate) const TAP_QUEUE_BYTES: usize = 1024 * 1024;
/// Frames of a new connection that are kept until it is known whose it is; older ones go.
pub(crate) const TAP_BACKLOG_FRAMES: usize = 16;
/// How many new connections are listened to while somebody waits for those of a device, and for how long each; see `tap`.
pub(crate) const TAP_NEWCOMERS_MAX: usize = 256;
pub(crate) const TAP_NEWCOMER_WAIT: Duration = Duration::from_secs(10);
/// How often whoever looks is looked at himself: whether he still may, and which connections are his by now.
pub(crate) const TAP_RENEW_EVERY: Duration = Duration::from_secs(1);
/// Refusals that `/api/refusals` remembers; the oldest go.
pub(crate) const REFUSALS_KEPT: usize = 1_000;
/// Refusals of one second that are remembered; further ones are refused all the same, and not told of.
pub(crate) const REFUSALS_PER_SECOND: u64 = 50;
/// Characters of a name, a topic, and twice as many of a sentence, in a refusal.
pub(crate) const REFUSAL_TEXT_CHARS: usize = 300;
/// Changes between being there and being away that are remembered of each device; the oldest go.
pub(crate) const PRESENCE_CHANGES_KEPT: usize = 50;
