//! A peer as a child process on loopback: started afresh, watched, and ended with everything it started itself.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{Door, Peer, Programs, Setup, Usage, housewire, kernel};

/// A running peer; killed with its descendants when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    peer: Peer,
    child: Child,
    addresses: Vec<(Door, SocketAddr)>,
    /// What it prints, for when it does not do what it should.
    log: PathBuf,
    /// From its start until it answered.
    pub(crate) started_in: Duration,
}

/// For a start, and for a proper end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a peer that starts: the error of `started_in`.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Running {
    /// Starts it; its configuration and what it prints go into `folder`, which it may have used before.
    pub(crate) fn start(peer: Peer, setup: &Setup, programs: &Programs, folder: &Path) -> anyhow::Result<Self> {
        let ports = peer.doors().iter().map(|door| Ok((*door, free_port()?))).collect::<anyhow::Result<Vec<_>>>()?;
        let mut command = peer.command(setup, programs, folder, &ports)?;
        let (out, log) = (folder.join("stdout"), folder.join("stderr"));
        command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&log)?);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("{} does not start", peer.name()))?;
        let addresses = ports.iter().map(|(door, port)| (*door, SocketAddr::from(([127, 0, 0, 1], *port)))).collect();
        let mut running = Self { peer, child, addresses, log, started_in: Duration::ZERO };
        while !running.answers(&out)? {
            running.complain_if_gone()?;
            ensure!(
                began.elapsed() < PATIENCE,
                "{} does not answer after {PATIENCE:?}: {}",
                peer.name(),
                running.says()
            );
            std::thread::sleep(LOOK_AGAIN);
        }
        running.started_in = began.elapsed();
        Ok(running)
    }

    /// Whether it serves by now.
    fn answers(&mut self, out: &Path) -> anyhow::Result<bool> {
        match self.peer {
            // It says so itself, and on which port: one for all doors.
            Peer::Housewire => {
                let Some(address) = housewire::ready(&fs::read_to_string(out)?) else { return Ok(false) };
                for (_, of) in &mut self.addresses {
                    *of = address;
                }
                Ok(true)
            }
            // gunicorn's port is open before there is anybody behind it.
            Peer::Flask => {
                Ok(self.http_get("/").is_ok_and(|answer| answer.is_some_and(|text| text.starts_with("HTTP/"))))
            }
            Peer::Mosquitto | Peer::Rumqttd | Peer::Aedes | Peer::Floor => {
                Ok(self.addresses.iter().all(|(_, address)| TcpStream::connect(address).is_ok()))
            }
        }
    }

    fn complain_if_gone(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended with {status}: {}", self.peer.name(), self.says());
        }
        Ok(())
    }

    /// The last it printed to standard error.
    fn says(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        if lines.is_empty() {
            "it printed nothing".to_owned()
        } else {
            lines[lines.len().saturating_sub(5)..].join("\n")
        }
    }

    /// Where it takes connections of this kind. Only to be asked for what it speaks.
    pub(crate) fn address(&self, door: Door) -> SocketAddr {
        assert!(
            self.peer.speaks(door),
            "{} does not speak {door:?}; a scenario leaves such a peer out",
            self.peer.name()
        );
        let found = self.addresses.iter().find(|(of, _)| *of == door);
        found.expect("each door got a port at the start").1
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has used since it began, with its descendants.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        kernel::usage(self.pid())
    }

    /// Resident memory, with its descendants'.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        kernel::resident_bytes(self.pid())
    }

    /// A figure of Housewire's `/api/metrics`, by name and labels as they stand there; `None` of another peer.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<Option<f64>> {
        if self.peer != Peer::Housewire {
            return Ok(None);
        }
        let answer = self.http_get("/api/metrics")?.context("the hub does not answer")?;
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(Some(value.with_context(|| format!("no {name} in /api/metrics"))?.trim().parse()?))
    }

    /// Head and body of the answer; `None` where nobody takes the connection.
    fn http_get(&self, path: &str) -> anyhow::Result<Option<String>> {
        let address = self.address(Door::Http);
        let Ok(mut socket) = TcpStream::connect(address) else { return Ok(None) };
        socket.set_read_timeout(Some(PATIENCE))?;
        write!(socket, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(Some(answer))
    }

    /// Ends it properly, by SIGTERM, and waits until it has written what it wants to keep.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(began.elapsed() < PATIENCE, "{} does not stop within {PATIENCE:?}", self.peer.name());
            std::thread::sleep(LOOK_AGAIN);
        };
        ensure!(status.success(), "{} stopped with {status}: {}", self.peer.name(), self.says());
        Ok(())
    }

    /// As a crash ends it: without a word.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.kill_all()
    }

    fn kill_all(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let family = kernel::family(self.pid())?;
        // The parent first, so that it replaces no worker.
        self.child.kill()?;
        self.child.wait()?;
        for pid in family.into_iter().skip(1) {
            // A worker may have noticed and be gone, which is what is wanted.
            let _gone = Pid::from_raw(pid.cast_signed()).map(|pid| kill_process(pid, Signal::KILL));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _gone = self.kill_all();
    }
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
