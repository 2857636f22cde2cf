//! The last that a client hears: what it still waits for, and why its connection ends.

use std::future::poll_fn;
use std::time::Duration;

use tracing::debug;

use super::{Active, Turn};
use crate::mqtt::connection::Connection;
use crate::mqtt::end::End;
use crate::shard::Flush as _;

/// How long a leaving connection may take to drain its output.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

impl Active {
    /// Sends what waits for the disk, when the disk has it.
    async fn send_withheld(&mut self, turn: &mut Turn) {
        loop {
            let Connection { guard, inbound, .. } = &mut self.connection;
            let released = self.withheld.release(&guard.shard().durability, inbound, &mut turn.replies);
            if released.is_err() || self.withheld.is_empty() || self.session().mailbox.status().is_broken {
                return;
            }
            poll_fn(|context| self.withheld.poll_changed(context)).await;
        }
    }

    /// Tells the client what it still waits for, and why it ends, as far as its protocol can; `turn` is the one that was not
    /// brought to its end.
    pub(in crate::mqtt) async fn say_farewell(&mut self, end: &End, mut turn: Turn) {
        if matches!(end, End::Lost) {
            return;
        }
        if tokio::time::timeout(DRAIN_TIMEOUT, self.send_withheld(&mut turn)).await.is_err() {
            debug!(client_id = self.client_id(), "the disk does not have in time what the client still waits for");
        }
        let Turn { mut acks, mut replies, .. } = turn;
        if self.session().mailbox.respond(&mut acks, &mut replies).is_err() {
            return;
        }
        if let Some((reason, text)) = end.farewell()
            && let Some(packet) = self.connection.inbound.farewell(reason, Some(&text))
        {
            self.connection.inbound.reply(&packet, &mut replies);
            if self.session().mailbox.respond(&mut acks, &mut replies).is_err() {
                return;
            }
        }
        let (socket, mailbox) = (&self.connection.socket, &self.session().mailbox);
        let drained = async {
            loop {
                mailbox.flush();
                if mailbox.is_drained() || socket.writable().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
            debug!(client_id = self.client_id(), "the client did not take its last messages");
        }
    }
}
