//! What the local CA makes, read again by another parser or by rustls.

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn device() -> DeviceId {
    DeviceId::parse("lamp").unwrap()
}

fn request(algorithm: &'static rcgen::SignatureAlgorithm, change: impl FnOnce(&mut CertificateParams)) -> String {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = name("somebody else");
    change(&mut params);
    params.serialize_request(&key).unwrap().pem().unwrap()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[test]
fn a_ca_is_the_same_after_its_file_was_read() {
    let made = Authority::create("pi").unwrap();
    let read = Authority::from_file(made.to_file().as_bytes()).unwrap();
    assert_eq!((made.certificate(), &made.facts), (read.certificate(), &read.facts));
    assert!(made.facts.subject.starts_with("Housewire CA of pi ("), "{}", made.facts.subject);
    let issued = read.issue_server(&["pi.local".parse().unwrap()].into(), NOW).unwrap();
    assert!(made.has_signed(&issued.chain[0]) && read.has_signed(&issued.chain[0]));
    let other = Authority::create("pi").unwrap();
    assert!(!other.has_signed(&issued.chain[0]) && other.facts.subject != made.facts.subject);
    assert!(Authority::create(&"ä".repeat(100)).unwrap().facts.subject.chars().count() <= COMMON_NAME_BYTES_MAX);
}

#[test]
fn a_damaged_file_is_told_from_a_good_one() {
    let made = Authority::create("pi").unwrap();
    let file = made.to_file();
    let other = Authority::create("pi").unwrap();
    let leaf = made.issue_server(&BTreeSet::new(), NOW).unwrap();
    for (file, reason) in [
        (String::new(), "no certificate"),
        (file[..file.len() / 4].to_owned(), "no certificate"),
        (file[..made.pem().len()].to_owned(), "no private key"),
        (file[..file.len() - 60].to_owned(), "no private key"),
        (made.pem() + other.issuer.key().serialize_pem().as_str(), "another certificate"),
        (leaf.to_file(), "not one of a CA"),
        (pem("CERTIFICATE", b"nonsense") + made.issuer.key().serialize_pem().as_str(), "no X.509"),
    ] {
        let Err(why) = Authority::from_file(file.as_bytes()) else { panic!("{reason}: it was taken") };
        assert!(why.contains(reason), "{why}, not {reason}");
    }
}

#[test]
fn the_hubs_certificate_names_all_it_is_reached_by() {
    let authority = Authority::create("pi").unwrap();
    let names: BTreeSet<HostName> =
        ["localhost", "pi.local", "127.0.0.1", "2001:db8::1"].iter().map(|name| name.parse().unwrap()).collect();
    let identity = authority.issue_server(&names, NOW).unwrap();
    assert_eq!(identity.facts.names, names);
    assert_eq!(identity.facts.issuer, authority.facts.subject);
    let (_, parsed) = x509_parser::parse_x509_certificate(&identity.chain[0]).unwrap();
    let purpose = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(purpose.server_auth && !purpose.client_auth && !parsed.is_ca());
    let read = Identity::from_file(identity.to_file().as_bytes()).unwrap();
    assert_eq!((read.chain, read.key, read.facts), (identity.chain, identity.key, identity.facts));
}

#[test]
fn serial_numbers_are_positive_and_never_the_same() {
    let numbers: BTreeSet<Vec<u8>> = (0..100).map(|_| serial_number().unwrap().to_bytes()).collect();
    assert!(numbers.len() == 100 && numbers.iter().all(|number| number.len() == 16 && number[0] < 0x80));
}

#[test]
fn a_device_gets_a_key_or_keeps_its_own() {
    let authority = Authority::create("pi").unwrap();
    let made = authority.issue_device(&device(), None, NOW).unwrap();
    assert_eq!((made.facts.subject.as_str(), made.facts.issuer.as_str()), ("lamp", authority.facts.subject.as_str()));
    let key = KeyPair::from_pem(made.key_pem.as_deref().unwrap()).unwrap();
    let certificate = der(&made.pem);
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    assert_eq!(parsed.public_key().raw, key.subject_public_key_info());
    let purpose = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(purpose.client_auth && !purpose.server_auth);

    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let request = request(algorithm, |_| {});
        let made = authority.issue_device(&device(), Some(&request), NOW).unwrap();
        assert!(made.key_pem.is_none() && authority.has_signed(&der(&made.pem)));
    }
}

#[test]
fn a_request_gets_nothing_but_a_certificate_for_its_key() {
    let authority = Authority::create("pi").unwrap();
    let greedy = request(&rcgen::PKCS_ECDSA_P256_SHA256, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = vec![SanType::DnsName("bank.example".try_into().unwrap())];
    });
    let made = authority.issue_device(&device(), Some(&greedy), NOW).unwrap();
    assert_eq!((made.facts.subject.as_str(), made.facts.names.len()), ("lamp", 0));
    let certificate = der(&made.pem);
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    let purpose = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(!parsed.is_ca() && !purpose.server_auth && purpose.client_auth);
}

#[test]
fn what_is_no_request_is_refused_with_the_reason() {
    let authority = Authority::create("pi").unwrap();
    let good = request(&rcgen::PKCS_ECDSA_P256_SHA256, |_| {});
    let mut forged = CertificateSigningRequestDer::from_pem_slice(good.as_bytes()).unwrap().to_vec();
    // In the subject: the signature does not fit any more.
    let at = forged.windows(8).position(|window| window == b"somebody").unwrap();
    forged[at] ^= 1;
    for (request, reason) in [
        ("".to_owned(), "not PEM"),
        (authority.pem(), "not PEM"),
        (pem("CERTIFICATE REQUEST", b"nonsense"), "PKCS #10"),
        (pem("CERTIFICATE REQUEST", &forged), "signature"),
        (good[..good.len() / 2].to_owned(), "not PEM"),
    ] {
        let Err(error) = authority.issue_device(&device(), Some(&request), NOW) else { panic!("{reason}: granted") };
        assert!(matches!(error, TlsError::Request(_)) && error.to_string().contains(reason), "{error}, not {reason}");
    }
}
