//! The log's newest lines, kept in memory for admins who have no terminal at hand.
//!
//! What is logged at all is decided by `--log`; here it is only remembered, within bounds. The lines are the process's, as the log is.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use housewire_core::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::limits::{LOG_BYTES_MAX, LOG_FIELD_BYTES_MAX, LOG_FIELDS_MAX, LOG_LINES_MAX, LOG_MESSAGE_BYTES_MAX};
use crate::shard::now;

/// What this process has logged.
pub(crate) static LOGS: LazyLock<Logs> = LazyLock::new(Logs::default);

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counts up from 1, without gaps.
    pub(crate) number: u64,
    pub(crate) time: Timestamp,
    pub(crate) level: Level,
    /// The part of the program.
    pub(crate) target: String,
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

impl Line {
    fn bytes(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.target.len() + self.message.len() + fields + size_of::<Self>()
    }
}

/// See the module.
pub(crate) struct Logs {
    book: Mutex<Book>,
    /// The number of the last line.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Book {
    lines: VecDeque<Line>,
    bytes: usize,
    last: u64,
}

impl Default for Logs {
    fn default() -> Self {
        Self { book: Mutex::default(), news: watch::Sender::new(0) }
    }
}

/// Some lines, and where to go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) lines: Vec<Line>,
    /// Behind this one.
    pub(crate) next: u64,
    /// How many lines behind the one that was asked for are not kept any more.
    pub(crate) lost: u64,
}

impl Logs {
    fn add(&self, mut line: Line) {
        let mut book = self.book.lock();
        book.last += 1;
        line.number = book.last;
        book.bytes += line.bytes();
        book.lines.push_back(line);
        while book.lines.len() > LOG_LINES_MAX || book.bytes > LOG_BYTES_MAX {
            let gone = book.lines.pop_front().expect("a book without lines has no bytes");
            book.bytes -= gone.bytes();
        }
        let last = book.last;
        drop(book);
        self.news.send_replace(last);
    }

    /// Lines of this level and graver ones, `limit` at the most: the first behind `after`, or without it the newest.
    pub(crate) fn read(&self, level: Level, after: Option<u64>, limit: usize) -> Excerpt {
        let book = self.book.lock();
        let wanted = |line: &&Line| line.level <= level;
        let Some(after) = after else {
            let mut lines: Vec<_> = book.lines.iter().rev().filter(wanted).take(limit).cloned().collect();
            lines.reverse();
            return Excerpt { lines, next: book.last, lost: 0 };
        };
        let first = book.lines.front().map_or(book.last + 1, |line| line.number);
        // One that was never given out is of an earlier start.
        let after = if after > book.last { 0 } else { after };
        let from = usize::try_from((after + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let mut lines = Vec::new();
        let mut next = book.last;
        for line in book.lines.iter().skip(from).filter(wanted) {
            if lines.len() == limit {
                next = lines.last().map_or(after, |line: &Line| line.number);
                break;
            }
            lines.push(line.clone());
        }
        Excerpt { lines, next, lost: first.saturating_sub(after + 1) }
    }

    /// Tells when there is more.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}

/// What hears everything that is logged.
pub(crate) struct Listener;

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        LOGS.add(line_of(event));
    }
}

fn line_of(event: &Event<'_>) -> Line {
    let mut said = Said::default();
    event.record(&mut said);
    let metadata = event.metadata();
    Line {
        number: 0,
        time: now().wall,
        level: *metadata.level(),
        target: metadata.target().to_owned(),
        message: said.message,
        fields: said.fields,
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: BTreeMap<&'static str, String>,
}

impl Said {
    fn take(&mut self, field: &Field, value: &dyn fmt::Display) {
        if field.name() == "message" {
            self.message = bounded(value, LOG_MESSAGE_BYTES_MAX);
        } else if self.fields.len() < LOG_FIELDS_MAX {
            self.fields.insert(field.name(), bounded(value, LOG_FIELD_BYTES_MAX));
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, &format_args!("{value:?}"));
    }
}

/// A text that ends where it becomes too long.
struct Bounded {
    text: String,
    bytes_max: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = self.bytes_max - self.text.len();
        if more.len() <= room {
            self.text.push_str(more);
            return Ok(());
        }
        let end = (0..=room).rev().find(|at| more.is_char_boundary(*at)).unwrap_or(0);
        self.text.push_str(&more[..end]);
        // Nothing more of it need be written.
        Err(fmt::Error)
    }
}

fn bounded(value: &dyn fmt::Display, bytes_max: usize) -> String {
    let mut bounded = Bounded { text: String::new(), bytes_max };
    if write!(bounded, "{value}").is_err() {
        bounded.text.push('…');
    }
    bounded.text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(logs: &Logs, level: Level, message: &str) {
        let (time, target) = (Timestamp::default(), "housewire".to_owned());
        logs.add(Line { number: 0, time, level, target, message: message.to_owned(), fields: BTreeMap::new() });
    }

    fn messages(excerpt: &Excerpt) -> Vec<&str> {
        excerpt.lines.iter().map(|line| line.message.as_str()).collect()
    }

    #[test]
    fn lines_are_read_from_where_somebody_was() {
        let logs = Logs::default();
        for (level, message) in
            [(Level::INFO, "a"), (Level::WARN, "b"), (Level::DEBUG, "c"), (Level::ERROR, "d"), (Level::INFO, "e")]
        {
            add(&logs, level, message);
        }
        assert_eq!(messages(&logs.read(Level::INFO, None, 2)), ["d", "e"]);
        assert_eq!(messages(&logs.read(Level::TRACE, None, 9)), ["a", "b", "c", "d", "e"]);
        assert_eq!(messages(&logs.read(Level::ERROR, None, 9)), ["d"]);
        let first = logs.read(Level::WARN, Some(0), 1);
        assert_eq!((messages(&first), first.next, first.lost), (vec!["b"], 2, 0));
        let rest = logs.read(Level::WARN, Some(first.next), 9);
        assert_eq!((messages(&rest), rest.next), (vec!["d"], 5));
        assert_eq!(logs.read(Level::TRACE, Some(5), 9), Excerpt { lines: vec![], next: 5, lost: 0 });
        assert_eq!(messages(&logs.read(Level::ERROR, Some(99), 9)), ["d"], "of an earlier start");
    }

    #[test]
    fn what_is_kept_is_bounded_by_lines_and_bytes() {
        let logs = Logs::default();
        for number in 0..LOG_LINES_MAX + 10 {
            add(&logs, Level::INFO, &number.to_string());
        }
        let read = logs.read(Level::INFO, Some(3), 1);
        assert_eq!((messages(&read), read.lost), (vec!["10"], 7));
        let long = "x".repeat(LOG_MESSAGE_BYTES_MAX);
        for _ in 0..LOG_LINES_MAX {
            add(&logs, Level::INFO, &long);
        }
        let book = logs.book.lock();
        assert!(book.bytes <= LOG_BYTES_MAX && book.lines.len() > 100, "{} of {}", book.bytes, book.lines.len());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(bounded(&"äää", 3), "ä…");
        assert_eq!(bounded(&"äää", 6), "äää");
        assert_eq!(bounded(&format_args!("{}{}", "ab", "cd"), 3), "abc…");
    }
}
