use super::*;

const LAMP: Who<'static> = Who { device: "lamp", model: Some("L1") };

fn note(md5: &str) -> FileNote {
    FileNote { size: 4, sha256: "00".into(), md5: md5.into(), uploaded: 0, note: None, by: None }
}

fn book(rollouts: &[(&str, Rollout)]) -> Book {
    let files = ["1", "2"].map(|version| (("light".to_owned(), version.to_owned()), note(version)));
    let others = [(("other".to_owned(), "9".to_owned()), note("9"))];
    let rollouts = rollouts.iter().map(|(name, rollout)| ((*name).to_owned(), rollout.clone())).collect();
    Book::new(files.into_iter().chain(others).collect(), rollouts, HashMap::new())
}

fn all(version: &str) -> Rollout {
    Rollout { version: version.into(), devices: None, model: None, all: true, share: 100, paused: false }
}

fn offered(book: &Book) -> Option<String> {
    book.offer(LAMP).map(|offer| format!("{} {}", offer.name, offer.version))
}

fn says(book: &mut Book, text: &str) {
    book.hear(LAMP, Said::read(text.as_bytes()).unwrap(), false, 1);
}

fn stage(book: &Book) -> Stage {
    let (name, rollout) = book.rollout_of(LAMP).unwrap();
    book.stage(name, rollout, LAMP.device).0
}

#[test]
fn the_most_exact_roll_out_counts() {
    let named = |device: &str| Rollout { devices: Some([device.to_owned()].into()), all: false, ..all("9") };
    let model = |model: &str| Rollout { model: Some(model.into()), all: false, ..all("9") };
    for (other, expected) in [
        (named("lamp"), "other 9"),
        (named("fan"), "light 2"),
        (model("L1"), "other 9"),
        (model("L2"), "light 2"),
        (all("9"), "light 2"),
    ] {
        let book = book(&[("light", all("2")), ("other", other.clone())]);
        assert_eq!(offered(&book).as_deref(), Some(expected), "{other:?}");
    }
}

#[test]
fn it_is_offered_until_it_runs() {
    let mut book = book(&[("light", all("2"))]);
    assert_eq!((offered(&book).as_deref(), stage(&book)), (Some("light 2"), Stage::Offered));
    says(&mut book, "1");
    assert_eq!(stage(&book), Stage::Offered);
    book.fetch("lamp", "light", "2", 5);
    assert_eq!((offered(&book).as_deref(), stage(&book)), (Some("light 2"), Stage::Downloading));
    says(&mut book, r#"{"state":"installing","progress":130}"#);
    let attempt = book.known("lamp").unwrap().attempt.clone().unwrap();
    assert_eq!((attempt.state.as_deref(), attempt.progress), (Some("installing"), Some(100)));
    says(&mut book, r#"{"version":"2"}"#);
    assert_eq!((offered(&book), stage(&book)), (None, Stage::Done));
    says(&mut book, "1");
    assert_eq!(stage(&book), Stage::Offered, "somebody put the old one back by cable");
    says(&mut book, r#"{"version":"2","name":"heater"}"#);
    assert_eq!(stage(&book), Stage::Offered, "another firmware's 2");
}

#[test]
fn a_program_is_known_by_its_hash() {
    let mut book = book(&[("light", all("2"))]);
    let md5 = |md5: &str| Said { md5: Some(md5.into()), ..Said::default() };
    book.hear(LAMP, md5("1"), true, 1);
    assert_eq!(stage(&book), Stage::Offered);
    book.hear(LAMP, md5("2"), true, 1);
    assert_eq!(stage(&book), Stage::Done);
}

#[test]
fn one_that_failed_is_left_alone_until_the_roll_out_is_put_again() {
    let mut book = book(&[("light", all("2"))]);
    book.fetch("lamp", "light", "2", 5);
    says(&mut book, r#"{"state":"failed","reason":"no room"}"#);
    let rollout = all("2");
    assert_eq!(book.stage("light", &rollout, "lamp"), (Stage::Failed, Some("no room".into())));
    assert_eq!(offered(&book), None);
    book.forgive("other");
    assert_eq!(stage(&book), Stage::Failed);
    book.forgive("light");
    assert_eq!(stage(&book), Stage::Offered);
}

#[test]
fn one_that_fetches_for_ever_has_failed() {
    let mut book = book(&[("light", all("2"))]);
    for _ in 0..DOWNLOADS_MAX {
        says(&mut book, "1");
        assert_ne!(stage(&book), Stage::Failed);
        book.fetch("lamp", "light", "2", 5);
    }
    says(&mut book, r#"{"state":"downloading","version":"1"}"#);
    assert_eq!(stage(&book), Stage::Downloading, "it is at it");
    book.hear(LAMP, Said { version: Some("1".into()), ..Said::default() }, true, 9);
    assert_eq!(stage(&book), Stage::Failed);
}

#[test]
fn a_larger_share_has_all_of_a_smaller_one() {
    let chosen = |share: u8| -> BTreeSet<u32> {
        let rollout = Rollout { share, ..all("2") };
        (0..1_000).filter(|number| rollout.has_turn("light", &format!("d{number}"))).collect()
    };
    assert!(chosen(0).is_empty());
    assert_eq!(chosen(100).len(), 1_000);
    let (few, more) = (chosen(25), chosen(50));
    assert!((180..320).contains(&few.len()) && few.is_subset(&more), "{} of {}", few.len(), more.len());
}

#[test]
fn nothing_is_offered_while_it_is_paused_or_the_file_is_gone() {
    let mut paused = book(&[("light", Rollout { paused: true, ..all("2") })]);
    assert_eq!((offered(&paused), stage(&paused)), (None, Stage::Waiting));
    paused.fetch("lamp", "light", "2", 5);
    assert_eq!(stage(&paused), Stage::Waiting);
    assert_eq!(offered(&book(&[("light", all("3"))])), None);
}

#[test]
fn what_devices_say() {
    let version = |text: &str| Said::read(text.as_bytes()).and_then(|said| said.version);
    for (text, expected) in [
        ("1.2.0", Some("1.2.0")),
        (" \"1.2.0\"\n", Some("1.2.0")),
        (r#"{"version":"1.2.0","heap":20000}"#, Some("1.2.0")),
        (r#"{"state":"done"}"#, None),
        ("{broken", None),
        ("", None),
    ] {
        assert_eq!(version(text).as_deref(), expected, "{text}");
    }
    assert_eq!(Said::read(b"\xff"), None);
    let mut book = book(&[]);
    says(&mut book, &format!("{}\u{7}", "x".repeat(1_000)));
    assert_eq!(book.known("lamp").unwrap().version.as_deref(), Some(&*"x".repeat(SAID_CHARS_MAX)));
}

#[test]
fn the_disk_is_told_what_changed_once() {
    let mut book = book(&[("light", all("2"))]);
    says(&mut book, "1");
    assert_eq!(book.take_unsaved().len(), 1);
    says(&mut book, "1");
    assert!(!book.has_unsaved(), "it said so before");
    book.forget("lamp");
    assert_eq!(book.take_unsaved(), [("lamp".to_owned(), None)]);
    book.forget("lamp");
    assert!(!book.has_unsaved());
}
