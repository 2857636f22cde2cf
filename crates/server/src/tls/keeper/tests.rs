//! First starts, later ones, damaged files, and time that passes: without a socket, and with the clock in the test's hand.

use std::path::PathBuf;

use housewire_store::Store;
use tempfile::TempDir;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

/// A day in 2027 and those after it.
fn day(count: u32) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).after(DAY * count)
}

struct Place {
    folder: TempDir,
    store: Store,
    names: BTreeSet<HostName>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("data")).unwrap();
        let names = ["localhost", "pi", "127.0.0.1"].iter().map(|name| name.parse().unwrap()).collect();
        Self { folder, store, names }
    }

    fn vault(&self) -> Vault {
        self.store.vault("tls")
    }

    fn open(&self, config: &TlsConfig, now: Timestamp) -> Result<Keeper, TlsError> {
        Keeper::open(self.vault(), config.clone(), &self.names, now)
    }

    fn keeper(&self, now: Timestamp) -> Keeper {
        self.open(&TlsConfig::default(), now).unwrap()
    }

    /// Files of a certificate that another CA issued, as a configuration names them.
    fn own(&self, name: &str) -> TlsConfig {
        let path = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        let identity = Authority::create("elsewhere").unwrap().issue_server(&self.names, day(0)).unwrap();
        let file = identity.to_file();
        let (certificate, key) = file.split_at(file.find("-----BEGIN PRIVATE").unwrap());
        std::fs::write(path("crt"), certificate).unwrap();
        std::fs::write(path("key"), key).unwrap();
        let own = Some(OwnFiles { certificate: path("crt"), key: path("key") });
        TlsConfig { own, ..TlsConfig::default() }
    }
}

fn fingerprint(keeper: &Keeper) -> String {
    keeper.setup().unwrap().shown.facts.fingerprint.to_string()
}

#[test]
fn a_hub_is_the_same_after_a_restart() {
    let place = Place::new();
    let first = place.keeper(day(0));
    let again = place.keeper(day(1));
    assert_eq!(first.authority.facts, again.authority.facts);
    assert_eq!(fingerprint(&first), fingerprint(&again));
    assert_eq!(place.vault().read(AUTHORITY_COPY).unwrap().unwrap(), first.authority.pem().as_bytes());
    assert_eq!(first.setup().unwrap().shown.origin, Origin::Local);
}

#[test]
fn a_certificate_is_renewed_in_time_and_stored() {
    let place = Place::new();
    let mut keeper = place.keeper(day(0));
    let first = fingerprint(&keeper);
    for (now, is_new) in [(0, false), (59, false), (60, true), (61, false), (119, false), (120, true), (500, true)] {
        assert_eq!(keeper.tend(&place.names, day(now)).unwrap(), is_new, "day {now}");
    }
    assert_ne!(fingerprint(&keeper), first);
    assert_eq!(fingerprint(&place.keeper(day(501))), fingerprint(&keeper));
    // Off for so long that the certificate ended.
    assert_ne!(fingerprint(&place.keeper(day(5_000))), fingerprint(&keeper));
}

#[test]
fn a_new_name_or_address_is_in_the_certificate() {
    let mut place = Place::new();
    let mut keeper = place.keeper(day(0));
    place.names.insert("192.0.2.7".parse().unwrap());
    assert!(keeper.tend(&place.names, day(0)).unwrap());
    assert_eq!(keeper.setup().unwrap().shown.facts.names, place.names);
    // One that is gone does no harm.
    place.names.remove(&"pi".parse().unwrap());
    assert!(!keeper.tend(&place.names, day(0)).unwrap());
    place.names.insert("2001:db8::1".parse().unwrap());
    assert_eq!(place.keeper(day(0)).setup().unwrap().shown.facts.names, place.names, "a start looks, too");
}

#[test]
fn a_machine_that_wakes_up_in_1970_is_served_and_mended() {
    let place = Place::new();
    let mut keeper = place.keeper(Timestamp::from_micros(0));
    let provisional = keeper.validity();
    assert!(provisional.not_before <= day(0) && provisional.not_after > provisional.not_before);
    assert!(!keeper.tend(&place.names, Timestamp::from_micros(60_000_000)).unwrap());
    assert!(keeper.tend(&place.names, day(0)).unwrap(), "the time has come from the network");
    let right = fingerprint(&keeper);
    assert_eq!(fingerprint(&place.keeper(Timestamp::from_micros(0))), right, "a good one is not replaced");
}

#[test]
fn a_damaged_certificate_of_the_hub_is_made_anew() {
    let place = Place::new();
    let keeper = place.keeper(day(0));
    let good = place.vault().read(SERVER).unwrap().unwrap();
    let foreign = Authority::create("pi").unwrap().issue_server(&place.names, day(0)).unwrap().to_file().into_bytes();
    let other_key = keeper.authority.issue_server(&place.names, day(0)).unwrap().to_file();
    let good_text = String::from_utf8(good.clone()).unwrap();
    let of_key = |file: &str| file.find("-----BEGIN PRIVATE").unwrap();
    let mixed = good_text[..of_key(&good_text)].to_owned() + &other_key[of_key(&other_key)..];
    for damaged in [Vec::new(), b"\xff\xfe".to_vec(), good[..good.len() / 2].to_vec(), foreign, mixed.into_bytes()] {
        place.vault().write(SERVER, &damaged, Secrecy::Secret).unwrap();
        let mended = place.keeper(day(0));
        assert_eq!(mended.authority.facts, keeper.authority.facts);
        assert!(mended.authority.has_signed(&mended.identity.chain[0]));
        assert_ne!(place.vault().read(SERVER).unwrap().unwrap(), damaged);
    }
    std::fs::remove_file(place.vault().path(SERVER)).unwrap();
    place.keeper(day(0));
}

#[test]
fn a_damaged_ca_ends_the_start_and_is_left_as_it_is() {
    let place = Place::new();
    place.keeper(day(0));
    let good = place.vault().read(AUTHORITY).unwrap().unwrap();
    for damaged in [&b""[..], b"nonsense", &good[..good.len() / 2], &good[..good.len() - 80]] {
        place.vault().write(AUTHORITY, damaged, Secrecy::Secret).unwrap();
        let Err(error) = place.open(&TlsConfig::default(), day(0)) else { panic!("it was taken") };
        let text = error.to_string();
        assert!(text.contains("ca.pem") && text.contains("backup") && text.contains("move it away"), "{text}");
        assert_eq!(place.vault().read(AUTHORITY).unwrap().unwrap(), damaged);
    }
    place.vault().write(AUTHORITY, &good, Secrecy::Secret).unwrap();
    place.keeper(day(0));
}

#[test]
fn a_renewed_certificate_that_cannot_be_stored_is_used_all_the_same() {
    let place = Place::new();
    let mut keeper = place.keeper(day(0));
    let first = fingerprint(&keeper);
    let path = place.vault().path(SERVER);
    std::fs::remove_file(&path).unwrap();
    // Nothing can be put in the place of a folder that is not empty, whoever tries.
    std::fs::create_dir_all(path.join("in the way")).unwrap();
    assert!(keeper.tend(&place.names, day(60)).unwrap());
    assert_ne!(fingerprint(&keeper), first);
}

#[test]
fn files_of_somebody_else_are_shown_and_read_again() {
    let place = Place::new();
    let config = place.own("hub");
    let mut keeper = place.open(&config, day(0)).unwrap();
    let first = keeper.setup().unwrap().shown;
    assert_eq!(first.origin, Origin::Own);
    assert!(!keeper.tend(&place.names, day(400)).unwrap(), "not ours to renew");
    // Another certificate in the same place.
    place.own("hub");
    let second = keeper.reread().unwrap().unwrap().shown;
    assert_ne!(first.facts, second.facts);
    assert!(place.keeper(day(0)).reread().unwrap().is_none(), "there is nothing to be read again");
}

#[test]
fn files_that_cannot_be_used_are_named_and_change_nothing() {
    let place = Place::new();
    let config = place.own("hub");
    let OwnFiles { certificate, key } = config.own.clone().unwrap();
    let other = place.own("other").own.unwrap();
    let mut keeper = place.open(&config, day(0)).unwrap();
    let before = fingerprint(&keeper);
    let good = (std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap());
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n".to_vec();
    let large = vec![b'x'; usize::try_from(crate::limits::TLS_FILE_BYTES_MAX).unwrap() + 1];
    let cases: [(&PathBuf, Vec<u8>, &str); 6] = [
        (&certificate, b"nonsense".to_vec(), "no certificate"),
        (&certificate, good.0[..good.0.len() / 2].to_vec(), "certificate"),
        (&certificate, large, "larger"),
        (&key, b"nonsense".to_vec(), "no private key"),
        (&key, encrypted, "encrypted"),
        (&key, std::fs::read(&other.key).unwrap(), "tls.key"),
    ];
    for (path, bytes, reason) in cases {
        std::fs::write(path, bytes).unwrap();
        let text = keeper.reread().map(|_| ()).unwrap_err().to_string();
        assert!(text.contains(reason), "{text}, not {reason}");
        assert_eq!(fingerprint(&keeper), before);
        let Err(error) = place.open(&config, day(0)) else { panic!("{reason}: a start went on") };
        assert_eq!(error.to_string(), text);
        std::fs::write(&certificate, &good.0).unwrap();
        std::fs::write(&key, &good.1).unwrap();
    }
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(keeper.reread().map(|_| ()), Err(TlsError::Unreadable { key: "tls.key", .. })));
}

#[test]
fn who_renews_his_own_certificate_hears_of_its_end_once_a_day() {
    let place = Place::new();
    let mut keeper = place.open(&place.own("hub"), day(0)).unwrap();
    let mut warned = |now| {
        let before = keeper.warned;
        keeper.tend(&place.names, now).unwrap();
        keeper.warned != before
    };
    // It lasts for 90 days.
    for (now, expected) in [(0, false), (75, false), (77, true), (77, false), (78, true), (200, true)] {
        assert_eq!(warned(day(now)), expected, "day {now}");
    }
}
