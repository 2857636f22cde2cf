//! Headers good and bad, whole and byte by byte, and made of chance.

use futures_util::FutureExt as _;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::header::SIGNATURE;
use super::*;

/// A header as a proxy writes it: version and command, family and protocol, and what follows the length.
fn header(version_and_command: u8, transport: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[version_and_command, transport], &length, body].concat()
}

const V4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x07, 0x5b];
const CRC_AND_NAME: [u8; 14] = [0x03, 0, 4, 1, 2, 3, 4, 0x02, 0, 4, b'h', b'o', b's', b't'];

fn v6() -> Vec<u8> {
    from_v6("2001:db8::7")
}

fn mapped() -> Vec<u8> {
    from_v6("::ffff:192.0.2.7")
}

fn from_v6(source: &str) -> Vec<u8> {
    let source = source.parse::<std::net::Ipv6Addr>().unwrap().octets();
    [&source[..], &[0; 16], &[0x30, 0x39, 0, 80]].concat()
}

/// What comes of these bytes if a client's follow; the client's must all be left.
fn read(bytes: &[u8]) -> Result<Option<SocketAddr>, ProxyError> {
    let all = [bytes, b"GET /"].concat();
    let mut rest = &all[..];
    let result = read_header(&mut rest).now_or_never().expect("all is there");
    if result.is_ok() {
        assert_eq!(rest, b"GET /");
    }
    result
}

#[test]
fn good_headers() {
    let with_extensions = [&V4[..], &CRC_AND_NAME].concat();
    let most = [&V4[..], &vec![0; 4_096 - V4.len()]].concat();
    let v4 = Some("192.0.2.7:12345");
    for (name, bytes, expected) in [
        ("TCP over IPv4", header(0x21, 0x11, &V4), v4),
        ("IPv4 in IPv6's clothes", header(0x21, 0x21, &mapped()), v4),
        ("TCP over IPv6", header(0x21, 0x21, &v6()), Some("[2001:db8::7]:12345")),
        ("with extensions", header(0x21, 0x11, &with_extensions), v4),
        ("as long as can be", header(0x21, 0x11, &most), v4),
        ("the proxy itself", header(0x20, 0x00, &[]), None),
        ("the proxy itself, whatever else it says", header(0x20, 0x11, &[1, 2, 3]), None),
        ("the proxy itself, of a family to come", header(0x20, 0xff, &V4), None),
        ("untold", header(0x21, 0x00, &[]), None),
        ("untold, with something to skip", header(0x21, 0x01, &V4), None),
        ("a socket in the proxy's file system", header(0x21, 0x31, &[0; 216]), None),
    ] {
        let expected = expected.map(|address| address.parse().unwrap());
        assert_eq!(read(&bytes).unwrap(), expected, "{name}");
    }
}

#[test]
fn bad_headers() {
    use HeaderError::{Command, Family, Long, Missing, Short, Text, Version};
    let mut broken = header(0x21, 0x11, &V4);
    broken[11] = b'\r';
    for (name, bytes, expected) in [
        ("HTTP", b"GET / HTTP/1.1\r\n".to_vec(), Missing),
        ("HTTP that begins like the text form", b"PUT / HTTP/1.1\r\n".to_vec(), Missing),
        ("MQTT", b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a".to_vec(), Missing),
        ("the signature's last byte is wrong", broken, Missing),
        ("version 1", b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 1883\r\n".to_vec(), Text),
        ("the shortest of version 1", b"PROXY UNKNOWN\r\n".to_vec(), Text),
        ("version 3", header(0x31, 0x11, &V4), Version(3)),
        ("version 1 in binary", header(0x11, 0x11, &V4), Version(1)),
        ("command 2", header(0x22, 0x11, &V4), Command(2)),
        ("UDP", header(0x21, 0x12, &V4), Family(0x12)),
        ("a family to come", header(0x21, 0x41, &V4), Family(0x41)),
        ("IPv4 without a last byte", header(0x21, 0x11, &V4[1..]), Short),
        ("IPv6 with addresses of IPv4", header(0x21, 0x21, &V4), Short),
        ("too long", header(0x21, 0x11, &[0; 4_097]), Long(4_097)),
    ] {
        match read(&bytes) {
            Err(ProxyError::Header(error)) => {
                let text = error.to_string();
                assert!(text.contains("let the proxy send") || text.contains("check the proxy's set-up"), "{text}");
                assert_eq!(error, expected, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_header_cut_short_is_no_header() {
    let whole = header(0x21, 0x11, &V4);
    for length in 0..whole.len() {
        let result = read_header(&mut &whole[..length]).now_or_never().expect("all is there");
        assert!(matches!(result, Err(ProxyError::Lost(_))), "{length}: {result:?}");
    }
}

#[tokio::test]
async fn byte_by_byte_and_nothing_of_the_client_is_taken() {
    let (mut proxy, mut hub) = duplex(1);
    let sender = tokio::spawn(async move {
        for byte in [&header(0x21, 0x21, &v6())[..], b"hello"].concat() {
            proxy.write_all(&[byte]).await.unwrap();
        }
    });
    assert_eq!(read_header(&mut hub).await.unwrap(), Some("[2001:db8::7]:12345".parse().unwrap()));
    let mut rest = Vec::new();
    hub.read_to_end(&mut rest).await.unwrap();
    sender.await.unwrap();
    assert_eq!(rest, b"hello");
}

#[tokio::test]
async fn who_begins_otherwise_hears_at_once() {
    let (mut client, mut hub) = duplex(16);
    client.write_all(b"\x10").await.unwrap();
    assert!(matches!(read_header(&mut hub).await, Err(ProxyError::Header(HeaderError::Missing))));
}

#[test]
fn networks() {
    let proxies =
        |texts: &[&str]| Proxies::from_networks(Some(texts.iter().map(|text| text.parse().unwrap()).collect()));
    for (proxies, address, expected) in [
        (Proxies::none(), "127.0.0.1", false),
        (Proxies::from_networks(None), "127.0.0.1", true),
        (Proxies::from_networks(None), "127.8.0.1", true),
        (Proxies::from_networks(None), "::1", true),
        (Proxies::from_networks(None), "::ffff:127.0.0.1", true),
        (Proxies::from_networks(None), "192.0.2.7", false),
        (proxies(&["192.0.2.7"]), "192.0.2.7", true),
        (proxies(&["192.0.2.7"]), "::ffff:192.0.2.7", true),
        (proxies(&["::ffff:192.0.2.7"]), "192.0.2.7", true),
        (proxies(&["192.0.2.7"]), "127.0.0.1", false),
        (proxies(&["10.0.0.0/8", "2001:db8::/32"]), "10.9.9.9", true),
        (proxies(&["10.0.0.0/8", "2001:db8::/32"]), "2001:db8::9", true),
        (proxies(&["10.0.0.0/8", "2001:db8::/32"]), "11.0.0.1", false),
    ] {
        assert_eq!(proxies.contains(address.parse().unwrap()), expected, "{proxies:?} {address}");
    }
    for text in ["", "localhost", "10.0.0.0/33", "10.0.0", "10.0.0.1:80"] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
}

proptest! {
    /// No bytes make it panic, and none make it take more than they say they are long.
    #[test]
    fn anything_may_come(signed in any::<bool>(), mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if signed {
            bytes.splice(0..0, SIGNATURE.iter().copied());
        }
        let mut rest = &bytes[..];
        let result = read_header(&mut rest).now_or_never().expect("all is there");
        if result.is_ok() {
            let said = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
            prop_assert_eq!(bytes.len() - rest.len(), 16 + said);
        }
    }

    /// What a proxy says is what comes out, whatever extensions follow.
    #[test]
    fn addresses_come_through(address in any::<SocketAddr>(), extensions in prop::collection::vec(any::<u8>(), 0..100)) {
        let (transport, source) = match address.ip() {
            IpAddr::V4(ip) => (0x11, ip.octets().to_vec()),
            IpAddr::V6(ip) => (0x21, ip.octets().to_vec()),
        };
        let destination = vec![9; source.len()];
        let body = [&source[..], &destination, &address.port().to_be_bytes(), &[0, 80], &extensions].concat();
        let read = read(&header(0x21, transport, &body)).unwrap().unwrap();
        prop_assert_eq!((read.ip(), read.port()), (address.ip().to_canonical(), address.port()));
    }
}
