use super::*;

/// The exchange of RFC 7677 section 3.
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn credentials() -> Credentials {
    let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    Credentials::derive(b"pencil", &salt, 4_096)
}

fn challenge() -> Challenge {
    ClientFirst::parse(CLIENT_FIRST.as_bytes()).unwrap().challenge(credentials(), SERVER_NONCE).0
}

#[test]
fn the_exchange_of_rfc_7677_is_ours() {
    let first = ClientFirst::parse(CLIENT_FIRST.as_bytes()).unwrap();
    assert_eq!(first.username(), "user");
    let (challenge, server_first) = first.challenge(credentials(), SERVER_NONCE);
    assert_eq!(server_first, SERVER_FIRST);
    assert_eq!(challenge.verify(CLIENT_FINAL.as_bytes()).as_deref(), Ok(SERVER_FINAL));
}

#[test]
fn a_wrong_proof_and_an_unknown_user_are_refused_alike() {
    let first = ClientFirst::parse(CLIENT_FIRST.as_bytes()).unwrap();
    let (unknown, asked) = first.clone().challenge(Credentials::fake(&[7; 32], "user", &[]), SERVER_NONCE);
    let again = first.clone().challenge(Credentials::fake(&[7; 32], "user", &[]), SERVER_NONCE).1;
    let other = first.challenge(Credentials::fake(&[7; 32], "other", &[]), SERVER_NONCE).1;
    assert_eq!((asked.len(), &asked), (SERVER_FIRST.len(), &again));
    assert_ne!(asked, other);
    assert_eq!(unknown.verify(CLIENT_FINAL.as_bytes()), Err(ScramError::Refused));
    let wrong = CLIENT_FINAL.replace("p=d", "p=e");
    assert_eq!(challenge().verify(wrong.as_bytes()), Err(ScramError::Refused));
    let short = format!("{}p=AAAA", &CLIENT_FINAL[..CLIENT_FINAL.find("p=").unwrap()]);
    assert_eq!(challenge().verify(short.as_bytes()), Err(ScramError::Refused));
}

#[test]
fn an_unknown_user_looks_like_one_of_the_users() {
    let of = |salt: &[u8], iterations| {
        let made = Credentials::derive(b"x", &[b"salt", salt].concat(), iterations);
        made.shape()
    };
    let shapes = [of(&[], 4_096), of(&[1; 8], 5_000), of(&[2; 96], 4_096), of(&[2; 96], 4_096)];
    let fake = |number: usize| Credentials::fake(&[7; 32], &format!("user {number}"), &shapes);
    let mut counts = [0; 3];
    for number in 0..1_000 {
        let shape = fake(number).shape();
        counts[shapes.iter().position(|have| *have == shape).unwrap()] += 1;
        assert_eq!(fake(number), fake(number));
    }
    // As often as users have it: a quarter, a quarter, a half.
    assert!((200..300).contains(&counts[0]) && (200..300).contains(&counts[1]), "{counts:?}");
    let long = (0..100).map(fake).find(|fake| fake.salt().len() == 100).unwrap();
    let parts: std::collections::HashSet<_> = long.salt().chunks_exact(4).collect();
    assert_eq!(parts.len(), 25, "a salt does not repeat itself");
    assert_eq!(Credentials::fake(&[7; 32], "user", &[]).shape(), Shape::default());
}

#[test]
fn first_messages() {
    for (text, expected) in [
        ("n,,n=user,r=x", Some("user")),
        ("y,,n=user,r=x", Some("user")),
        ("n,a=user,n=user,r=x", Some("user")),
        ("n,,n=a=2Cb=3Dc,r=x,later=1", Some("a,b=c")),
        ("n,,n=I\u{ad}X,r=x", Some("IX")), // a soft hyphen is nothing, RFC 4013 section 3
        ("n,a=root,n=user,r=x", None),
        ("p=tls-unique,,n=user,r=x", None),
        ("n,,n=a=2cb,r=x", None),
        ("n,,n=a\u{7},r=x", None),
        ("n,,n=,r=x", None),
        ("n,,n=user,r=", None),
        ("n,,m=must,n=user,r=x", None),
        ("n,,n=user", None),
        ("n=user,r=x", None),
        ("", None),
    ] {
        let parsed = ClientFirst::parse(text.as_bytes());
        assert_eq!(parsed.as_ref().ok().map(ClientFirst::username), expected, "{text}");
    }
    assert!(ClientFirst::parse(b"n,,n=\xff,r=x").is_err());
}

#[test]
fn nobody_unknown_has_the_hub_prepare_long_texts() {
    use crate::limits::{PASSWORD_BYTES_MAX, SCRAM_MESSAGE_BYTES_MAX, USER_NAME_BYTES_MAX};
    let first = |name: &str, rest: &str| ClientFirst::parse(format!("n,,n={name},r=x{rest}").as_bytes());
    let longest = "a".repeat(USER_NAME_BYTES_MAX);
    assert_eq!(first(&longest, "").unwrap().username(), longest);
    // Refused as a wrong password is. What preparing would say of the last two, that the one is short without its soft
    // hyphens and that the other may not be, is not found out.
    let [soft, forbidden] = ["\u{ad}", "\u{7}"].map(|character| character.repeat(USER_NAME_BYTES_MAX) + "a");
    for name in [format!("{longest}a"), soft, forbidden] {
        assert_eq!(first(&name, "").unwrap_err(), ScramError::Refused);
        assert_eq!(prepared(&name), None);
    }
    assert_eq!(prepared(&"\u{fdfa}".repeat(85)), None, "too long when it is prepared");
    let room = SCRAM_MESSAGE_BYTES_MAX - "n,,n=a,r=x".len();
    assert!(first("a", &"y".repeat(room)).is_ok());
    assert!(matches!(first("a", &"y".repeat(room + 1)), Err(ScramError::Malformed(_))));
    let long = format!("{},p=AAAA", "y".repeat(SCRAM_MESSAGE_BYTES_MAX));
    assert!(matches!(challenge().verify(long.as_bytes()), Err(ScramError::Malformed(rule)) if rule.contains("longer")));

    let password = vec![b'p'; PASSWORD_BYTES_MAX + 1];
    let of = |password: &[u8]| Credentials::derive(password, b"salt", 4_096);
    assert!(of(&password[1..]).is_password(&password[1..]));
    assert!(!of(&password).is_password(&password));
}

#[test]
fn last_messages() {
    for (from, to) in
        [("c=biws", "c=eSws"), ("c=biws,", ""), ("r=rOpr", "r=rOps"), ("p=", "q="), ("p=dHzb", "p=!"), ("c=", "x=")]
    {
        let text = CLIENT_FINAL.replacen(from, to, 1);
        let verified = challenge().verify(text.as_bytes());
        assert!(matches!(verified, Err(ScramError::Malformed(_))), "{text}: {verified:?}");
    }
}

#[test]
fn stored_keys_are_read_as_they_were_written() {
    let credentials = credentials();
    let text = credentials.to_string();
    assert_eq!(text.parse(), Ok(credentials.clone()));
    assert!(credentials.is_password(b"pencil") && !credentials.is_password(b"pencil2"));
    assert!(!format!("{credentials:?}").contains("W22Z"));
    let parse = |text: &str| text.parse::<Credentials>().unwrap_err();
    assert_eq!(parse("4096:aa"), CredentialsError::Parts);
    assert_eq!(parse(&text.replacen("4096", "4095", 1)), CredentialsError::Iterations);
    assert_eq!(parse(&text.replacen("4096", "1000001", 1)), CredentialsError::Iterations);
    assert_eq!(parse(&text.replacen("W22Z", "", 1).replacen(":", ":!", 1)), CredentialsError::Salt);
    assert_eq!(parse(&format!("{text}AAAA")), CredentialsError::Keys);
}
