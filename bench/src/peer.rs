//! The peers: which there are, what they speak, how one is started afresh, used and ended.
//!
//! Belongs here: what holds for all peers. What one of them needs (its command line, its config and the reasons for each line)
//! is in the file of its name. Does not: what is done with a running peer; the scenarios do that.

mod aedes;
mod flask;
mod floor;
mod housewire;
mod kernel;
mod mosquitto;
mod programs;
mod rumqttd;
mod running;

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use kernel::{Usage, raise_open_files};
pub(crate) use programs::Programs;
pub(crate) use running::Running;

/// A server that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    Housewire,
    /// Debian's package.
    Mosquitto,
    /// The broker of the Rust library rumqtt.
    Rumqttd,
    /// The broker of Node.
    Aedes,
    /// Flask behind gunicorn: what a course on the web teaches.
    Flask,
    /// A server that receives and sends and does nothing else: what the kernel costs.
    Floor,
}

/// A way to speak with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Door {
    /// MQTT over TCP.
    Mqtt,
    /// MQTT in a WebSocket.
    MqttWebSocket,
    /// Housewire's own WebSocket, `/api/ws`.
    Channel,
    /// HTTP/1.1.
    Http,
}

/// What an acknowledgement of Housewire promises; other peers have no such choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Durability {
    /// What is acknowledged is on disk.
    #[default]
    Strict,
    /// What is acknowledged reaches the disk within a second.
    Relaxed,
}

/// How a peer is to be started. The default is the peer as the scenarios of load want it: state in memory where the peer has
/// the choice.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) durability: Durability,
    /// Threads of Housewire that connections live on. Other peers have no such choice.
    pub(crate) shards: usize,
    /// The whole of `housewire.toml`.
    pub(crate) config: String,
    /// A folder for what is to outlive the peer: Housewire's data, Mosquitto's persistence. Without one, Housewire's is below
    /// the folder of the start, and Mosquitto keeps everything in memory. The others cannot keep anything.
    pub(crate) data: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { durability: Durability::default(), shards: 1, config: String::new(), data: None }
    }
}

/// The ports that a peer is told to open, one for each of its doors.
type Ports = [(Door, u16)];

impl Peer {
    pub(crate) const ALL: [Self; 6] =
        [Self::Housewire, Self::Mosquitto, Self::Rumqttd, Self::Aedes, Self::Flask, Self::Floor];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Housewire => "housewire",
            Self::Mosquitto => "mosquitto",
            Self::Rumqttd => "rumqttd",
            Self::Aedes => "aedes",
            Self::Flask => "flask",
            Self::Floor => "floor",
        }
    }

    pub(crate) fn speaks(self, door: Door) -> bool {
        self.doors().contains(&door)
    }

    fn doors(self) -> &'static [Door] {
        match self {
            Self::Housewire => &[Door::Mqtt, Door::MqttWebSocket, Door::Channel, Door::Http],
            Self::Mosquitto | Self::Rumqttd | Self::Aedes => &[Door::Mqtt, Door::MqttWebSocket],
            Self::Flask | Self::Floor => &[Door::Http],
        }
    }

    /// Whether it can be started here, or else why it is left out, for people.
    pub(crate) fn availability(self, programs: &Programs) -> Result<(), String> {
        self.version(programs).map(|_version| ())
    }

    /// Its version as it tells it itself, or why it cannot be started.
    pub(crate) fn version(self, programs: &Programs) -> Result<String, String> {
        match self {
            Self::Housewire => housewire::version(programs),
            Self::Mosquitto => mosquitto::version(programs),
            Self::Rumqttd => rumqttd::version(programs),
            Self::Aedes => aedes::version(programs),
            Self::Flask => flask::version(programs),
            Self::Floor => Ok(floor::version()),
        }
    }

    /// The command that runs it, with its configuration written into `folder`.
    fn command(self, setup: &Setup, programs: &Programs, folder: &Path, ports: &Ports) -> anyhow::Result<Command> {
        match self {
            Self::Housewire => housewire::command(setup, programs, folder),
            Self::Mosquitto => mosquitto::command(setup, programs, folder, ports),
            Self::Rumqttd => rumqttd::command(programs, folder, ports),
            Self::Aedes => Ok(aedes::command(programs, ports)),
            Self::Flask => Ok(flask::command(programs, ports)),
            Self::Floor => floor::command(ports),
        }
    }
}

/// The port of `door`.
fn port_of(ports: &Ports, door: Door) -> u16 {
    ports.iter().find(|(of, _)| *of == door).map_or(0, |(_, port)| *port)
}
