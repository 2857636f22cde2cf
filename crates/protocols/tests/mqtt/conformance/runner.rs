//! Plays a case on a stage: the machines with a naive shell, or a hub behind real sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::pattern::{Kept, Matched, bytes_of, compare, describe};
use super::script::{Case, Step};

/// What came of waiting for a client's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Some bytes came.
    Some,
    /// Nothing came, and nothing will.
    Nothing,
    /// The server has closed the connection.
    End,
}

/// Where a case is played.
pub(crate) trait Stage {
    /// Opens a connection, in place of an older one of this name.
    fn connect(&mut self, client: &str);
    fn send(&mut self, client: &str, bytes: &[u8]);
    /// Appends what the client was sent and has not read yet.
    fn receive(&mut self, client: &str, unread: &mut Vec<u8>) -> Received;
    /// Breaks the connection without a word. Returns when the server knows; what it sent before can still be received.
    fn lose(&mut self, client: &str);
    fn wait(&mut self, time: Duration);
}

struct Play<'s> {
    stage: &'s mut dyn Stage,
    open: BTreeSet<String>,
    unread: BTreeMap<String, Vec<u8>>,
    kept: Kept,
}

/// Plays a case to its end; an error says in which line what was different.
pub(crate) fn play(case: &Case, stage: &mut dyn Stage) -> Result<(), String> {
    let mut play = Play { stage, open: BTreeSet::new(), unread: BTreeMap::new(), kept: Kept::new() };
    for (line, step) in &case.steps {
        play.step(step).map_err(|error| format!("{}.txt, line {line}: {error}", case.file))?;
    }
    play.finish().map_err(|error| format!("{}.txt, at the end of the case: {error}", case.file))
}

impl Play<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Send(client, patterns) => {
                if self.open.insert(client.clone()) {
                    self.stage.connect(client);
                    self.unread.insert(client.clone(), Vec::new());
                }
                let bytes = bytes_of(patterns, &self.kept).ok_or("a name has no meaning, or `?` cannot be sent")?;
                self.stage.send(client, &bytes);
            }
            Step::Expect(client, patterns) => loop {
                let unread = self.unread.get_mut(client).ok_or("nobody of that name is connected")?;
                match compare(patterns, unread, &mut self.kept) {
                    Matched::Whole(len) => {
                        unread.drain(..len);
                        break;
                    }
                    Matched::Short if self.stage.receive(client, unread) == Received::Some => {}
                    Matched::Short | Matched::Wrong => {
                        return Err(format!("expected {}\nbut came {}", cut(describe(patterns)), hex(unread)));
                    }
                }
            },
            Step::Closed(client) => self.expect_end(client)?,
            Step::Lost(client) => {
                self.stage.lose(client);
                self.expect_end(client)?;
            }
            Step::Wait(time) => self.stage.wait(*time),
        }
        Ok(())
    }

    /// The connection has ended, and nothing was sent on it but what the case has expected.
    fn expect_end(&mut self, client: &str) -> Result<(), String> {
        let unread = self.unread.get_mut(client).ok_or("nobody of that name is connected")?;
        let end = loop {
            match self.stage.receive(client, unread) {
                Received::Some => {}
                end => break end,
            }
        };
        if end != Received::End {
            return Err(format!("{client} was not closed; what came more: {}", hex(unread)));
        }
        if !unread.is_empty() {
            return Err(format!("{client} is closed, but was sent {}before", hex(unread)));
        }
        self.open.remove(client);
        Ok(())
    }

    /// Nothing was sent that the case does not expect. Whoever is still there asks and is answered, twice: once so that
    /// everything that was sent has been read, by whichever connection, and once so that what came of it has arrived.
    fn finish(&mut self) -> Result<(), String> {
        for _ in 0..2 {
            for client in self.open.clone() {
                self.stage.send(&client, &[0xc0, 0x00]);
                let unread = self.unread.get_mut(&client).ok_or("nobody of that name is connected")?;
                while unread.len() < 2 && self.stage.receive(&client, unread) == Received::Some {}
                if *unread != [0xd0, 0x00] {
                    return Err(format!("{client} asked for PINGRESP, but came {}", hex(unread)));
                }
                unread.clear();
            }
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing ".to_owned();
    }
    cut(bytes.iter().map(|byte| format!("{byte:02x} ")).collect())
}

/// What is longer nobody reads.
fn cut(text: String) -> String {
    const SHOWN: usize = 600;
    if text.len() > SHOWN { format!("{} … ", &text[..SHOWN]) } else { text }
}
