//! The task between a stream and a pipe, with a stream in memory: TLS itself is met in `tests/it` and with real clients.

use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;
use crate::admission::Admitted;
use crate::clients::Transport;
use crate::fixture::Fixture;
use crate::stream::{ByteStream, pipe};

const SOCKET_BYTES: usize = 1024;

struct Carried {
    near: ByteStream,
    client: DuplexStream,
    task: JoinHandle<()>,
    fixture: Fixture,
}

fn carried() -> Carried {
    let fixture = Fixture::new();
    let (client, server) = duplex(SOCKET_BYTES);
    let (near, far) = pipe(Transport::Tls);
    let alive = Arc::new(fixture.shard.admit(Admitted::EXEMPT.counted, "127.0.0.1:1".parse().unwrap()));
    let tap = Arc::clone(alive.tap());
    let task = tokio::spawn(carry(server, far, alive));
    Carried { near: ByteStream::piped(near, Arc::clone(&tap)), client, task, fixture }
}

async fn read(near: &ByteStream, length: usize) -> Vec<u8> {
    let mut got = Vec::new();
    let mut space = [0; 256];
    while got.len() < length {
        near.readable().await.unwrap();
        match near.try_read(&mut space) {
            Ok(0) => break,
            Ok(read) => got.extend_from_slice(&space[..read]),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
    got
}

async fn write(near: &ByteStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        near.writable().await.unwrap();
        if let Ok(written) = near.try_write(bytes) {
            bytes = &bytes[written..];
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_go_both_ways_in_order() {
    let Carried { near, mut client, .. } = carried();
    let bytes: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    let from_client = bytes.clone();
    let (inward, ()) = tokio::join!(read(&near, bytes.len()), async { client.write_all(&from_client).await.unwrap() });
    assert!(inward == bytes);
    let mut outward = vec![0; bytes.len()];
    let ((), read) = tokio::join!(write(&near, &bytes), client.read_exact(&mut outward));
    read.unwrap();
    assert!(outward == bytes);
}

#[tokio::test(start_paused = true)]
async fn what_was_said_last_arrives_before_the_end() {
    let Carried { near, mut client, task, fixture } = carried();
    write(&near, b"goodbye").await;
    near.end_writing().unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "goodbye");
    // The near end listens on, for the client may still send.
    client.write_all(b"late").await.unwrap();
    assert_eq!(read(&near, 4).await, b"late");
    assert!(!task.is_finished() && fixture.shard.connection_count() == 1);
    drop(near);
    task.await.unwrap();
    assert_eq!(fixture.shard.connection_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_the_end_for_whoever_reads() {
    let Carried { near, mut client, task, .. } = carried();
    client.write_all(b"last words").await.unwrap();
    drop(client);
    assert_eq!(read(&near, 100).await, b"last words");
    assert_eq!(near.try_read(&mut [0; 1]).unwrap(), 0);
    assert!(near.try_write(b"to nobody").is_ok());
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_not_written_to_beyond_a_bound() {
    let Carried { near, client, task, .. } = carried();
    let mut written = 0;
    while let Ok(Ok(())) = timeout(TLS_CLOSE_TIMEOUT, near.writable()).await {
        written += near.try_write(&[7; 4096]).unwrap_or(0);
    }
    assert!(written <= SOCKET_BYTES + 2 * PIPE_BYTES_MAX, "{written} bytes are on their way");
    // Whoever wrote gives up, and the connection does not live on for a client that takes nothing.
    let began = tokio::time::Instant::now();
    drop(near);
    task.await.unwrap();
    assert!(began.elapsed() <= 2 * TLS_CLOSE_TIMEOUT);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_and_sends_waits_for_whoever_reads() {
    let Carried { near, mut client, .. } = carried();
    let mut sent = 0;
    while let Ok(Ok(more)) = timeout(TLS_CLOSE_TIMEOUT, client.write(&[7; 4096])).await {
        sent += more;
    }
    assert!(sent <= SOCKET_BYTES + 3 * PIPE_BYTES_MAX, "{sent} bytes are on their way");
    assert_eq!(read(&near, sent).await.len(), sent);
}
