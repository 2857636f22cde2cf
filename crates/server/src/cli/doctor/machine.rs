//! The machine that the hub runs on: disk, data folder, clock, ports, open files.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Finding;
use crate::config::{Config, Port, PortChoice};

const MEBIBYTE: u64 = 1024 * 1024;
/// Below this the hub soon has to refuse what it could not keep.
const FREE_WRONG: u64 = 50 * MEBIBYTE;
/// Below this it is time to look after the disk.
const FREE_RISKY: u64 = 500 * MEBIBYTE;
/// What a hub needs besides its connections: the database, ports, the system's own.
const FILES_BESIDE: u64 = 64;

/// Clocks that show a time outside of these years are wrong: the program is younger, and certificates end before.
const YEARS: std::ops::Range<u64> = 2026..2050;

pub(super) fn look(config: &Config, hub_is_there: bool) -> Vec<Finding> {
    let mut findings = data(&config.data, hub_is_there);
    findings.push(clock(SystemTime::now()));
    findings.push(files(config.limits.connections as u64, rlimit::getrlimit(rlimit::Resource::NOFILE).ok()));
    if !hub_is_there {
        findings.extend(ports(config));
    }
    findings
}

fn data(folder: &Path, hub_is_there: bool) -> Vec<Finding> {
    const ABOUT: &str = "data folder";
    let shown = folder.display();
    let attributes = match std::fs::metadata(folder) {
        Ok(attributes) => attributes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !hub_is_there => {
            return vec![Finding::good(ABOUT, format!("{shown} will be made by the first start"))];
        }
        Err(error) => {
            let advice = "Name the hub's own with --data or --config, and run this as the hub's user.";
            return vec![Finding::wrong(ABOUT, format!("{shown}: {error}"), advice)];
        }
    };
    if !attributes.is_dir() {
        let advice = "Name a folder, or move the file away.";
        return vec![Finding::wrong(ABOUT, format!("{shown} is no folder"), advice)];
    }
    let mut findings = vec![disk(folder)];
    findings.push(owner(folder, attributes.uid(), rustix::process::geteuid().as_raw()));
    findings.push(secrecy(folder));
    findings
}

fn owner(folder: &Path, owner: u32, own: u32) -> Finding {
    const ABOUT: &str = "data folder";
    let shown = folder.display();
    if own == 0 && owner != 0 {
        return Finding::good(ABOUT, format!("{shown} belongs to user {owner}, as whom the hub should run"));
    }
    if owner == own {
        return Finding::good(ABOUT, format!("{shown} belongs to this user"));
    }
    let advice = format!("Run this, and the hub, as that user; or give it away: chown -R USER {shown}");
    Finding::wrong(ABOUT, format!("{shown} belongs to user {owner}, and this is user {own}"), advice)
}

/// Whoever reads these files knows what the house says, and what lets anybody in.
fn secrecy(folder: &Path) -> Finding {
    const ABOUT: &str = "secrets";
    let is_open = |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
    let secrets = ["housewire.db", "local/token", "tls/ca.pem", "tls/server.pem"].map(|name| folder.join(name));
    if !is_open(folder) {
        return Finding::good(ABOUT, "only the hub's user gets into the data folder");
    }
    let open: Vec<_> = secrets.iter().filter(|path| is_open(path)).map(|path| path.display().to_string()).collect();
    if open.is_empty() {
        let advice = format!("Close the folder: chmod 700 {}", folder.display());
        return Finding::risky(
            ABOUT,
            "others on this machine see what is in the data folder, but not its secrets",
            advice,
        );
    }
    let advice = format!("Close it: chmod -R go= {}. Then revoke what somebody may have read.", folder.display());
    Finding::wrong(ABOUT, format!("others on this machine can read {}", open.join(", ")), advice)
}

fn disk(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => space(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => Finding::wrong("disk", error.to_string(), "Look at the disk that the data folder is on."),
    }
}

fn space(free: u64) -> Finding {
    let found = format!("{} MiB are free", free / MEBIBYTE);
    let advice = "Make room: the hub refuses what it cannot keep.";
    match free {
        ..FREE_WRONG => Finding::wrong("disk", found, advice),
        FREE_WRONG..FREE_RISKY => Finding::risky("disk", found, advice),
        _ => Finding::good("disk", found),
    }
}

fn clock(now: SystemTime) -> Finding {
    const YEAR: Duration = Duration::from_secs(31_556_952);
    let year = 1970 + now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / YEAR.as_secs();
    if YEARS.contains(&year) {
        return Finding::good("clock", format!("it shows a time in {year}"));
    }
    let advice = "Set it, and have it kept right: timedatectl set-ntp true. Certificates and time stamps depend on it.";
    Finding::wrong("clock", format!("it shows a time in {year}"), advice)
}

/// The hub raises the soft limit itself, up to the hard one.
fn files(connections: u64, limit: Option<(u64, u64)>) -> Finding {
    const ABOUT: &str = "open files";
    let Some((_, most)) = limit else {
        return Finding::risky(ABOUT, "the system does not tell how many there may be", "Look at ulimit -Hn.");
    };
    if most >= connections.saturating_add(FILES_BESIDE) {
        return Finding::good(ABOUT, format!("enough for {connections} connections"));
    }
    let found = format!("there may be {most}, and limits.connections is {connections}");
    let advice = "Raise it where the hub is started (LimitNOFILE= of systemd), or lower limits.connections.";
    Finding::risky(ABOUT, found, advice)
}

/// Whether the hub could have its ports, if it is not there to have them.
fn ports(config: &Config) -> Vec<Finding> {
    let wanted = |choice: PortChoice| match choice.port {
        Port::On(port) => Some((port, choice.named)),
        Port::Off => None,
    };
    let wanted = [Some((config.port, true)), wanted(config.mqtt_port), wanted(config.mqtts_port)];
    let look = |(port, must): (u16, bool)| match TcpListener::bind((config.bind, port)) {
        Ok(_) => Finding::good("ports", format!("{port} is free")),
        Err(error) if must => {
            let advice = format!(
                "Stop the program that has it (ss -ltnp 'sport = :{port}' tells which), or choose another port."
            );
            Finding::wrong("ports", format!("{port}: {error}"), advice)
        }
        Err(error) => {
            let advice = "The hub goes on without it, as the one port speaks everything.";
            Finding::risky("ports", format!("{port}: {error}"), advice)
        }
    };
    wanted.into_iter().flatten().map(look).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::super::Severity::{Good, Risky, Wrong};
    use super::*;

    #[test]
    fn little_room_is_risky_and_none_is_wrong() {
        for (free, expected) in [(0, Wrong), (FREE_WRONG, Risky), (FREE_RISKY - 1, Risky), (u64::MAX, Good)] {
            assert_eq!(space(free).severity, expected, "{free}");
        }
    }

    #[test]
    fn a_clock_that_was_never_set_is_wrong() {
        let at = |seconds| clock(UNIX_EPOCH + Duration::from_secs(seconds)).severity;
        assert_eq!((at(60), at(1_790_000_000), at(4_000_000_000)), (Wrong, Good, Wrong));
    }

    #[test]
    fn open_files_have_to_do_for_all_connections() {
        assert_eq!(files(1_000, Some((256, 1_063))).severity, Risky);
        assert_eq!(files(1_000, Some((256, 1_064))).severity, Good);
        assert_eq!(files(1_000, None).severity, Risky);
    }

    #[test]
    fn secrets_that_others_can_read_are_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let set = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let database = folder.path().join("housewire.db");
        std::fs::write(&database, "x").unwrap();
        for (folder_mode, file_mode, expected) in
            [(0o700, 0o644, Good), (0o755, 0o600, Risky), (0o755, 0o644, Wrong), (0o710, 0o640, Wrong)]
        {
            set(folder.path(), folder_mode);
            set(&database, file_mode);
            assert_eq!(secrecy(folder.path()).severity, expected, "{folder_mode:o} {file_mode:o}");
        }
        assert_eq!(owner(folder.path(), 7, 7).severity, Good);
        assert_eq!(owner(folder.path(), 7, 0).severity, Good);
        assert_eq!(owner(folder.path(), 7, 8).severity, Wrong);
        let nowhere = folder.path().join("nowhere");
        assert_eq!(data(&nowhere, false)[0].severity, Good);
        assert_eq!(data(&nowhere, true)[0].severity, Wrong);
    }
}
