//! What the kernel alone costs here: a server that receives and sends, and does nothing else. It answers whatever arrives with
//! an empty HTTP answer. No server that reads and writes sockets can be cheaper; how much dearer one is, is its own doing.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
/// The listener among the connections.
const LISTENER: u64 = u64::MAX;

/// Serves until it is killed.
pub(crate) fn serve(port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let mut connections: HashMap<u64, TcpStream> = HashMap::new();
    let mut events: Vec<epoll::Event> = Vec::with_capacity(256);
    let mut space = vec![0; 64 * 1024];
    loop {
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let key = event.data.u64();
            if key == LISTENER {
                let (socket, _) = listener.accept()?;
                socket.set_nodelay(true)?;
                socket.set_nonblocking(true)?;
                let key = socket.as_raw_fd() as u64;
                epoll::add(&epoll, &socket, epoll::EventData::new_u64(key), epoll::EventFlags::IN)?;
                connections.insert(key, socket);
            } else if let Some(socket) = connections.get_mut(&key)
                && !answer(socket, &mut space)
            {
                connections.remove(&key);
            }
        }
    }
}

/// Whether the connection goes on.
fn answer(socket: &mut TcpStream, space: &mut [u8]) -> bool {
    match socket.read(space) {
        Ok(0) => false,
        Ok(_) => socket.write_all(ANSWER).is_ok(),
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
