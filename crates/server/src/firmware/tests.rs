use super::*;

fn key(name: &str, version: &str) -> FileKey {
    parse_key(name, version).unwrap()
}

fn upload(firmware: &Firmware, key: &FileKey, bytes: &[u8]) -> Result<bool, FirmwareError> {
    let mut arriving = firmware.receive()?;
    arriving.write(bytes)?;
    let naming = Naming { key: key.clone(), note: None, sha256: None, by: None };
    firmware.keep(arriving, naming).map(|(_, is_new)| is_new)
}

fn all(version: &str) -> Rollout {
    serde_json::from_value(serde_json::json!({"version": version, "all": true})).unwrap()
}

#[test]
fn files_survive_and_keep_their_bytes() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let (one, two) = (key("lamp", "1"), key("lamp", "2"));
    {
        let firmware = Firmware::open(&store).unwrap();
        assert!(upload(&firmware, &one, b"program").unwrap());
        assert!(!upload(&firmware, &one, b"program").unwrap(), "the same once more");
        assert!(matches!(upload(&firmware, &one, b"another"), Err(FirmwareError::Taken(..))));
        assert!(upload(&firmware, &two, b"program").unwrap(), "two versions may have the same bytes");
        assert!(matches!(upload(&firmware, &key("lamp", "3"), b""), Err(FirmwareError::Unusable(_))));
    }
    let firmware = Firmware::open(&store).unwrap();
    assert_eq!(firmware.files().len(), 2);
    firmware.remove(&one).unwrap();
    let note = firmware.file(&two).unwrap();
    let mut text = String::new();
    firmware.bytes(&two, &note).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), note.md5.as_str()), ("program", "a9c449d4fa44e9e5a41c574ae55ce4d9"));
    firmware.remove(&two).unwrap();
    assert_eq!(std::fs::read_dir(temp.path().join(FOLDER)).unwrap().count(), 0);
}

#[test]
fn a_file_whose_bytes_stay_on_the_disk_is_deleted_all_the_same() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let firmware = Firmware::open(&store).unwrap();
    let one = key("lamp", "1");
    upload(&firmware, &one, b"program").unwrap();
    let path = firmware.blobs.path(&firmware.file(&one).unwrap().sha256);
    // A folder is not deleted as a file is.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    firmware.remove(&one).unwrap();
    assert!(firmware.files().is_empty() && path.exists());
}

#[test]
fn a_file_that_was_changed_on_the_disk_goes_to_nobody() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let one = key("lamp", "1");
    {
        let firmware = Firmware::open(&store).unwrap();
        upload(&firmware, &one, b"program").unwrap();
        firmware.put_rollout("lamp", all("1")).unwrap();
    }
    let firmware = Firmware::open(&store).unwrap();
    let note = firmware.file(&one).unwrap();
    std::fs::write(firmware.blobs.path(&note.sha256), b"prograM").unwrap();
    let who = Who { device: "lamp", model: None };
    assert!(firmware.offer(who).is_some(), "nobody looked yet");
    firmware.check_all();
    assert!(firmware.is_damaged(&note) && firmware.offer(who).is_none());
    assert!(matches!(firmware.bytes(&one, &note), Err(FirmwareError::Damaged(..))));
    upload(&firmware, &one, b"program").unwrap();
    assert!(firmware.bytes(&one, &note).is_ok() && firmware.offer(who).is_some());
}

#[test]
fn what_is_no_roll_out() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let firmware = Firmware::open(&store).unwrap();
    let put = |text: &str| firmware.put_rollout("lamp", serde_json::from_str(text).unwrap());
    assert!(matches!(put(r#"{"version":"1","all":true}"#), Err(FirmwareError::NotFound(_))));
    upload(&firmware, &key("lamp", "1"), b"program").unwrap();
    for text in [
        r#"{"version":"1"}"#,
        r#"{"version":"1","all":true,"model":"L"}"#,
        r#"{"version":"1","all":true,"share":101}"#,
        r#"{"version":"1","devices":["a b"]}"#,
    ] {
        assert!(matches!(put(text), Err(FirmwareError::Unusable(_))), "{text}");
    }
    assert!(put(r#"{"version":"1","devices":[]}"#).unwrap());
    assert!(!put(r#"{"version":"1","all":true}"#).unwrap());
    assert!(matches!(firmware.remove(&key("lamp", "1")), Err(FirmwareError::InUse(..))));
    firmware.remove_rollout("lamp").unwrap();
    firmware.remove(&key("lamp", "1")).unwrap();
}

#[test]
fn names_and_versions() {
    for version in ["1", "1.2.0-rc.1+7", "2026_11"] {
        assert!(parse_key("lamp", version).is_ok(), "{version}");
    }
    for version in ["", ".", "..", "-", "1/2", "1 2", "ä", &"1".repeat(VERSION_CHARS_MAX + 1)] {
        assert!(parse_key("lamp", version).is_err(), "{version}");
    }
    assert!(parse_key("a/b", "1").is_err());
}

#[test]
fn there_is_only_so_much_room() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let firmware = Firmware::open(&store).unwrap();
    {
        let mut book = firmware.book.lock();
        for number in 0..FIRMWARE_FILES_MAX {
            let note = FileNote { size: 1, sha256: "0".into(), md5: "0".into(), uploaded: 0, note: None, by: None };
            book.files.insert(key("lamp", &number.to_string()), note);
        }
    }
    assert!(matches!(upload(&firmware, &key("lamp", "more"), b"program"), Err(FirmwareError::Full(_))));
    let mut arriving = firmware.receive().unwrap();
    let piece = vec![0; 1024 * 1024];
    let mut written = (0..).map(|_| arriving.write(&piece));
    assert!(matches!(written.find_map(Result::err), Some(FirmwareError::TooLarge)));
}
