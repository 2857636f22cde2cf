//! What the kernel says of a process and its descendants. Read from `/proc`, so nothing that is measured has to help.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Context as _;

/// What a peer has used since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Handed to the block layer, as the kernel counts it.
    pub(crate) written_bytes: u64,
}

/// Lets this program, and the peers it starts, have as many files open as the system allows: 10,000 connections are 10,000
/// files on each side. The number that is now allowed.
pub(crate) fn raise_open_files() -> anyhow::Result<u64> {
    rlimit::increase_nofile_limit(u64::MAX).context("the limit of open files cannot be raised")
}

/// The process and everything below it, parents first.
pub(super) fn family(root: u32) -> anyhow::Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process that ended since is not in the family any more.
        if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat"))
            && let Some(parent) = stat_fields(&stat).nth(1).and_then(|field| field.parse::<u32>().ok())
        {
            parents.push((pid, parent));
        }
    }
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    Ok(family)
}

pub(super) fn usage(root: u32) -> anyhow::Result<Usage> {
    let mut usage = Usage::default();
    for pid in family(root)? {
        usage.cpu += cpu(pid)?;
        let io = fs::read_to_string(format!("/proc/{pid}/io"))?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        usage.written_bytes += written.context("the kernel counts no writes")?.parse::<u64>()?;
    }
    Ok(usage)
}

/// Resident memory of the whole family. What its processes share is counted in each of them, as `ps` and `top` do.
pub(super) fn resident_bytes(root: u32) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for pid in family(root)? {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.context("the kernel counts no resident memory")?.trim().trim_end_matches(" kB");
        bytes += kilobytes.trim().parse::<u64>()? * 1024;
    }
    Ok(bytes)
}

/// Time on a processor, of one process.
///
/// `schedstat` counts nanoseconds, but of threads that live. `stat` counts those that ended as well, in clock ticks and rounded
/// down. Neither says too much, so the greater one is nearer: exact as long as no thread has ended that had run for more than a
/// tick.
fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let mut living = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        match fs::read_to_string(task?.path().join("schedstat")) {
            Ok(stat) => living += stat.split(' ').next().unwrap_or_default().parse::<u64>()?,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) || error.raw_os_error() == Some(ESRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks: Vec<u64> = stat_fields(&stat).skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    let all = Duration::from_millis(ticks.iter().sum::<u64>() * MILLIS_PER_TICK);
    Ok(Duration::from_nanos(living).max(all))
}

/// A thread that ended between listing and reading.
const ESRCH: i32 = 3;

/// `USER_HZ` is 100 on every architecture that Linux still runs on.
const MILLIS_PER_TICK: u64 = 10;

/// The fields of `/proc/PID/stat` behind the name, which may hold spaces and brackets: state, parent, …
fn stat_fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit(") ").next().unwrap_or_default().split(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let fields: Vec<_> = stat_fields("7 (a) b) c) S 3 7 7").collect();
        assert_eq!(fields, ["S", "3", "7", "7"]);
    }

    #[test]
    fn what_ended_threads_used_is_counted() {
        let me = std::process::id();
        let before = cpu(me).unwrap();
        let burn = || {
            let began = cpu_of_this_thread();
            while cpu_of_this_thread() - began < Duration::from_millis(60) {}
        };
        std::thread::spawn(burn).join().unwrap();
        // Threads of other tests may have ended meanwhile, which adds; rounding takes two ticks at most.
        assert!(cpu(me).unwrap() - before >= Duration::from_millis(40));
    }

    fn cpu_of_this_thread() -> Duration {
        let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
    }

    #[test]
    fn children_belong_to_the_family() {
        let mut child = std::process::Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().unwrap();
        let began = std::time::Instant::now();
        let grandchild = loop {
            match family(child.id()).unwrap()[..] {
                [_, grandchild] => break Some(grandchild),
                _ if began.elapsed() > Duration::from_secs(20) => break None,
                _ => std::thread::yield_now(),
            }
        };
        child.kill().unwrap();
        child.wait().unwrap();
        let grandchild = grandchild.expect("the shell has a child");
        assert!(resident_bytes(grandchild).unwrap() > 0);
        assert_eq!(usage(grandchild).unwrap().written_bytes, 0);
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(grandchild.cast_signed()).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
    }
}
