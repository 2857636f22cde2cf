//! Topics and filters: the addresses of everything, with MQTT's rules.
//!
//! Parsed once, at the edge; an invalid one cannot exist. Who is subscribed to what
//! belongs to `trie`, who may use a topic to `principal`.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::limits::{TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX};

/// Why a text is not a topic or a filter.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TopicError {
    /// [MQTT-4.7.3-1]
    #[error("a topic needs at least one character")]
    Empty,
    /// [MQTT-4.7.3-3]; the bound is ours.
    #[error("a topic may have at most {TOPIC_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// More levels than [`TOPIC_LEVELS_MAX`].
    #[error("a topic may have at most {TOPIC_LEVELS_MAX} levels")]
    TooDeep,
    /// [MQTT-4.7.3-2], and control characters, which [MQTT-1.5.4-2] lets a server refuse.
    #[error("a topic must not hold the character U+{0:04X}")]
    BadCharacter(u32),
    /// [MQTT-3.3.2-2]
    #[error("'+' and '#' belong into filters, not into the topic of a message")]
    Wildcard,
    /// [MQTT-4.7.1-1], [MQTT-4.7.1-2]
    #[error("'+' must fill a whole level and '#' must be the whole last level")]
    MisplacedWildcard,
    /// [MQTT-4.8.2-1], [MQTT-4.8.2-2]
    #[error("a shared filter is $share/NAME/FILTER, with no '+' or '#' in NAME")]
    Share,
}

/// What filters may hold and topics may not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wildcards {
    Allowed,
    Refused,
}

/// Every message comes through here: one pass without a branch for each byte; what is wrong is looked for afterwards.
fn check(text: &str, wildcards: Wildcards) -> Result<(), TopicError> {
    /// Slashes of so many bytes fit into a byte.
    const COUNTED_AT_ONCE: usize = 128;
    let refuse = wildcards == Wildcards::Refused;
    let (mut levels, mut is_bad) = (1, false);
    if text.len() <= TOPIC_BYTES_MAX {
        for bytes in text.as_bytes().chunks(COUNTED_AT_ONCE) {
            let mut slashes = 0_u8;
            for byte in bytes {
                slashes += u8::from(*byte == b'/');
                is_bad |= (*byte < 0x20) | (*byte == 0x7f) | (refuse & ((*byte == b'+') | (*byte == b'#')));
            }
            levels += usize::from(slashes);
        }
    }
    if text.is_empty() {
        Err(TopicError::Empty)
    } else if text.len() > TOPIC_BYTES_MAX {
        Err(TopicError::TooLong(text.len()))
    } else if is_bad {
        let control = text.bytes().find(|byte| matches!(byte, 0..=0x1f | 0x7f));
        Err(control.map_or(TopicError::Wildcard, |byte| TopicError::BadCharacter(u32::from(byte))))
    } else if levels > TOPIC_LEVELS_MAX {
        Err(TopicError::TooDeep)
    } else {
        Ok(())
    }
}

/// Where the filter begins in a text that may be a shared one.
fn inner_at(text: &str) -> Result<usize, TopicError> {
    let Some(rest) = text.strip_prefix(SHARE) else { return Ok(0) };
    match rest.split_once('/') {
        Some((name, filter)) if !name.is_empty() && !name.contains(['+', '#']) && !filter.is_empty() => {
            Ok(text.len() - filter.len())
        }
        _ => Err(TopicError::Share),
    }
}

/// A valid topic, borrowed; what the hot path works with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicRef<'a>(&'a str);

impl<'a> TopicRef<'a> {
    /// Parses the topic of a message: no wildcards, no control characters, bounded.
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        check(text, Wildcards::Refused).map(|()| Self(text))
    }

    /// The text as it came.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The levels between the slashes; empty levels count [MQTT-4.7.1-1 example].
    pub fn levels(self) -> std::str::Split<'a, char> {
        self.0.split('/')
    }

    /// Topics that begin with `$` are not matched by a leading wildcard [MQTT-4.7.2-1].
    pub fn is_reserved(self) -> bool {
        self.0.starts_with('$')
    }

    /// An owned copy.
    pub fn to_topic(self) -> Topic {
        Topic(Arc::from(self.0))
    }
}

impl fmt::Debug for TopicRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicRef({})", self.0)
    }
}

impl fmt::Display for TopicRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A valid topic, owned and cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Parses and copies; see [`TopicRef::parse`].
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        TopicRef::parse(text).map(TopicRef::to_topic)
    }

    /// The topic, borrowed.
    pub fn borrow(&self) -> TopicRef<'_> {
        TopicRef(&self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({})", self.0)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A valid topic filter, owned and cheap to clone. It may be shared: `$share/NAME/FILTER` matches what FILTER matches, for
/// all who subscribe to it together.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Filter {
    text: Arc<str>,
    /// Where in `text` the levels begin that topics are compared with; 0 if it is not shared.
    inner_at: u16,
}

/// What a shared filter begins with.
const SHARE: &str = "$share/";

impl Filter {
    /// Parses a filter: `+` and `#` only as whole levels, `#` only last.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check(text, Wildcards::Allowed)?;
        let inner_at = inner_at(text)?;
        let mut levels = text[inner_at..].split('/').peekable();
        while let Some(level) = levels.next() {
            let misplaced = match level {
                "#" => levels.peek().is_some(),
                "+" => false,
                _ => level.contains(['+', '#']),
            };
            if misplaced {
                return Err(TopicError::MisplacedWildcard);
            }
        }
        let inner_at = u16::try_from(inner_at).map_err(|_| TopicError::TooLong(text.len()))?;
        Ok(Self { text: Arc::from(text), inner_at })
    }

    /// The filter that matches exactly this topic.
    pub fn exactly(topic: TopicRef<'_>) -> Self {
        Self { text: Arc::from(topic.as_str()), inner_at: 0 }
    }

    /// The whole text, with what makes it shared.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text that topics are compared with.
    pub(crate) fn inner(&self) -> &str {
        &self.text[usize::from(self.inner_at)..]
    }

    /// Whether a message goes to one of those who subscribe to it, rather than to each.
    pub fn is_shared(&self) -> bool {
        self.inner_at > 0
    }

    /// The levels between the slashes, without those that make it shared.
    pub fn levels(&self) -> std::str::Split<'_, char> {
        self.inner().split('/')
    }

    /// The part before the first wildcard level, with its slash: every matching topic starts with it,
    /// or is it without the slash (`a/#` also matches `a`).
    pub fn literal_prefix(&self) -> &str {
        let mut end = 0;
        for level in self.levels() {
            if level == "+" || level == "#" {
                return &self.inner()[..end];
            }
            end = (end + level.len() + 1).min(self.inner().len());
        }
        self.inner()
    }

    /// Whether it holds no wildcard, so that it is itself a topic.
    pub fn as_topic(&self) -> Option<TopicRef<'_>> {
        TopicRef::parse(self.inner()).ok()
    }

    /// Whether the topic matches [MQTT-4.7].
    pub fn matches(&self, topic: TopicRef<'_>) -> bool {
        let mut filter = self.levels();
        let mut levels = topic.levels();
        let mut first = true;
        loop {
            match (filter.next(), levels.next()) {
                // "sport/#" matches "sport" too, as '#' includes the parent level.
                (Some("#"), _) => return !(first && topic.is_reserved()),
                (Some("+"), Some(_)) if !(first && topic.is_reserved()) => {}
                (Some(want), Some(have)) if want == have => {}
                (None, None) => return true,
                _ => return false,
            }
            first = false;
        }
    }

    /// Whether every topic that `other` matches is matched by this filter too.
    ///
    /// ```text
    /// devices/# covers devices/+/power; devices/+ does not cover devices/#
    /// ```
    pub fn covers(&self, other: &Self) -> bool {
        // A leading wildcard never reaches `$` topics, a literal `$` level does.
        if matches!(self.levels().next(), Some("+" | "#")) && other.inner().starts_with('$') {
            return false;
        }
        let mut ours = self.levels();
        let mut theirs = other.levels();
        loop {
            match (ours.next(), theirs.next()) {
                (Some("#"), _) => return true,
                (Some("+"), Some(level)) if level != "#" => {}
                (Some(want), Some(have)) if want == have => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({})", self.text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
