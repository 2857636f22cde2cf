//! A broker as a child process on loopback, and what the kernel says of it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How a broker is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What is acknowledged is on disk.
    HousewireStrict,
    /// What is acknowledged reaches the disk within a second.
    HousewireRelaxed,
    /// Debian's Mosquitto with persistence as it recommends it: the file is written when the broker stops, and here each
    /// second as well.
    Mosquitto,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::HousewireStrict, Self::HousewireRelaxed, Self::Mosquitto];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HousewireStrict => "housewire strict",
            Self::HousewireRelaxed => "housewire relaxed",
            Self::Mosquitto => "mosquitto",
        }
    }

    /// Whether it is installed.
    pub(crate) fn is_there(self, housewire: &Path) -> bool {
        match self {
            Self::HousewireStrict | Self::HousewireRelaxed => housewire.is_file(),
            Self::Mosquitto => Command::new("mosquitto").arg("-h").stdout(Stdio::null()).status().is_ok(),
        }
    }
}

/// A running broker; killed when dropped.
pub(crate) struct Broker {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// What a process has used since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Handed to the block layer, as the kernel counts it.
    pub(crate) written_bytes: u64,
}

impl Broker {
    /// Starts it on `folder`, which it may have used before.
    pub(crate) fn start(kind: Kind, housewire: &Path, folder: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = match kind {
            Kind::HousewireStrict | Kind::HousewireRelaxed => {
                let config = folder.join("housewire.toml");
                fs::write(&config, "[limits]\nmqtt_queue_messages = 1000000\nmqtt_queue_bytes = 1073741824\n")?;
                let durability = if kind == Kind::HousewireStrict { "strict" } else { "relaxed" };
                let mut command = Command::new(housewire);
                command.args([
                    "serve",
                    "--bind",
                    "127.0.0.1",
                    "--mqtt-port",
                    "off",
                    "--mqtts-port",
                    "off",
                    "--log",
                    "error",
                ]);
                command.args(["--durability", durability, "--port", &port.to_string()]);
                command.arg("--config").arg(&config).arg("--data").arg(folder.join("data"));
                command
            }
            Kind::Mosquitto => {
                let config = folder.join("mosquitto.conf");
                let location = folder.display();
                fs::write(
                    &config,
                    format!(
                        "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {location}/\n\
                         autosave_interval 1\nmax_queued_messages 0\nmax_queued_bytes 0\nlog_type error\nuser root\n"
                    ),
                )?;
                let mut command = Command::new("mosquitto");
                command.arg("-c").arg(&config);
                command
            }
        };
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("the broker does not start")?;
        let mut broker = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        broker.wait_until_it_listens()?;
        Ok(broker)
    }

    fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(20);
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the broker ended with {status}");
            }
            if began.elapsed() > PATIENCE {
                bail!("the broker does not listen on {}", self.address);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let folder = format!("/proc/{}", self.child.id());
        let mut cpu_ns = 0;
        for task in fs::read_dir(format!("{folder}/task"))? {
            let stat = fs::read_to_string(task?.path().join("schedstat"))?;
            cpu_ns += stat.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        let io = fs::read_to_string(format!("{folder}/io"))?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        Ok(Usage {
            cpu: Duration::from_nanos(cpu_ns),
            written_bytes: written.context("the kernel counts no writes")?.parse()?,
        })
    }

    /// Transactions on disk so far; `None` where the broker does not tell.
    pub(crate) fn batches(&self, kind: Kind) -> anyhow::Result<Option<f64>> {
        if kind == Kind::Mosquitto {
            return Ok(None);
        }
        let mut socket = TcpStream::connect(self.address)?;
        let host = self.address;
        write!(socket, "GET /api/metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        let line =
            answer.lines().find_map(|line| line.strip_prefix("housewire_disk_batches_total{result=\"written\"} "));
        Ok(Some(line.context("no such figure in /api/metrics")?.trim().parse()?))
    }

    /// As a crash ends it: without a word.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _gone = self.child.kill().is_ok() && self.child.wait().is_ok();
    }
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
