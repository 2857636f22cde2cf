//! Many connections that send no messages: what it costs to make them, and to have them.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::load::connection::Connection;
use crate::load::plan::Language;
use crate::wire::{blynk, mqtt};

/// A server that takes longer is given up.
const GATHERED_WITHIN: Duration = Duration::from_secs(60);

/// What so many connections need: topics of their own to subscribe to, or of boards a token each.
pub(crate) fn prepare(
    address: SocketAddr,
    language: Language,
    count: usize,
    subscriptions: usize,
) -> anyhow::Result<Vec<Vec<String>>> {
    if language == Language::Blynk {
        let tokens = blynk::tokens(address, (0..count).map(|number| format!("bench-{number}")))?;
        return Ok(tokens.into_iter().map(|token| vec![token]).collect());
    }
    let topics = |number: usize| (0..subscriptions).map(move |at| format!("bench/idle/{number}-{at}"));
    Ok((0..count).map(|number| topics(number).collect()).collect())
}

/// Opens a connection for each of these, and keeps them.
pub(crate) fn gather(
    address: SocketAddr,
    language: Language,
    prepared: &[Vec<String>],
) -> anyhow::Result<Vec<Connection>> {
    let began = Instant::now();
    let open = |number: usize| {
        ensure!(began.elapsed() < GATHERED_WITHIN, "only {number} connections were open after {GATHERED_WITHIN:?}");
        Connection::open(address, language, &format!("idle-{number}"), &prepared[number])
    };
    (0..prepared.len()).map(open).collect()
}

/// Connects MQTT clients, so many at a time, until all are there; how long it took. They are closed then.
pub(crate) fn storm(address: SocketAddr, count: usize, at_once: usize) -> anyhow::Result<Duration> {
    const PATIENCE: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };
    let began = Instant::now();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut connected = Vec::with_capacity(count);
    let mut waiting = HashMap::new();
    let mut events: Vec<epoll::Event> = Vec::with_capacity(1_024);
    while connected.len() < count {
        while waiting.len() < at_once && connected.len() + waiting.len() < count {
            let mut socket = TcpStream::connect(address).context("the server takes no more connections")?;
            let name = format!("storm-{}", connected.len() + waiting.len());
            socket.write_all(&mqtt::connect(&name, true))?;
            socket.set_nonblocking(true)?;
            let key = socket.as_raw_fd() as u64;
            epoll::add(&epoll, &socket, epoll::EventData::new_u64(key), epoll::EventFlags::IN)?;
            waiting.insert(key, socket);
        }
        epoll::wait(&epoll, spare_capacity(&mut events), Some(&PATIENCE))?;
        ensure!(!events.is_empty(), "{} clients get no answer to CONNECT", waiting.len());
        for event in events.drain(..) {
            let key = event.data.u64();
            let socket = waiting.get_mut(&key).context("an event of a connection that does not wait")?;
            let mut answer = [0; 16];
            match socket.read(&mut answer) {
                Ok(read) => mqtt::check_granted(mqtt::first_packet(&answer[..read])?.context("no whole CONNACK")?)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error).context("the server broke a connection"),
            }
            epoll::delete(&epoll, &*socket)?;
            connected.extend(waiting.remove(&key));
        }
    }
    Ok(began.elapsed())
}
