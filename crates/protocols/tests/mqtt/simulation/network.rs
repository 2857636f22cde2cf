//! Connections as the simulation has them: bytes arrive late, in pieces of any size, and a connection may break between
//! any two of them; what was under way then is lost.
//!
//! When a piece arrives is for the simulation's dice to say, and so the delays need no clock.

use std::collections::{BTreeMap, VecDeque};

use crate::pair::Random;

/// One direction.
#[derive(Default)]
pub(super) struct Pipe(VecDeque<u8>);

impl Pipe {
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// The next piece.
    pub(super) fn take(&mut self, random: &mut Random) -> Vec<u8> {
        let len_max = [1, 7, 40, usize::MAX, usize::MAX, usize::MAX][random.below(6)];
        self.0.drain(..self.0.len().min(len_max)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Both directions, and who still holds an end.
pub(super) struct Connection {
    pub(super) client: usize,
    /// The will that the client gave in its CONNECT.
    pub(super) will: Option<u32>,
    pub(super) to_hub: Pipe,
    pub(super) to_client: Pipe,
    pub(super) client_is_there: bool,
    pub(super) hub_is_there: bool,
    /// When it ended for one of them or both.
    pub(super) lost_ms: Option<u64>,
    is_broken: bool,
}

impl Connection {
    /// What the sender puts in comes out nowhere; neither end is told.
    pub(super) fn cut(&mut self, now_ms: u64) {
        self.lost_ms.get_or_insert(now_ms);
        self.is_broken = true;
        self.to_hub = Pipe::default();
        self.to_client = Pipe::default();
    }

    pub(super) fn send_to_hub(&mut self, bytes: &[u8]) {
        if !self.is_broken && self.hub_is_there {
            self.to_hub.put(bytes);
        }
    }

    pub(super) fn send_to_client(&mut self, bytes: &[u8]) {
        if !self.is_broken && self.client_is_there {
            self.to_client.put(bytes);
        }
    }

    /// Whether the hub can notice that nothing more will come.
    pub(super) fn has_ended_for_hub(&self) -> bool {
        self.hub_is_there && (self.is_broken || !self.client_is_there) && self.to_hub.len() == 0
    }

    /// Whether the client can notice that nothing more will come.
    pub(super) fn has_ended_for_client(&self) -> bool {
        self.client_is_there && (self.is_broken || !self.hub_is_there) && self.to_client.len() == 0
    }
}

/// All connections, by number.
#[derive(Default)]
pub(super) struct Network {
    pub(super) connections: BTreeMap<u32, Connection>,
    last: u32,
}

impl Network {
    pub(super) fn open(&mut self, client: usize, will: Option<u32>) -> u32 {
        self.last += 1;
        let connection = Connection {
            client,
            will,
            to_hub: Pipe::default(),
            to_client: Pipe::default(),
            client_is_there: true,
            hub_is_there: true,
            lost_ms: None,
            is_broken: false,
        };
        self.connections.insert(self.last, connection);
        self.last
    }

    /// Any of them; `None` if there is none.
    pub(super) fn any(&mut self, random: &mut Random) -> Option<(u32, &mut Connection)> {
        let index = random.below(self.connections.len().max(1));
        self.connections.iter_mut().nth(index).map(|(id, connection)| (*id, connection))
    }

    /// Forgets those that nobody holds any more.
    pub(super) fn sweep(&mut self) {
        self.connections.retain(|_, connection| connection.client_is_there || connection.hub_is_there);
    }
}
