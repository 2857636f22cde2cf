//! Which subprotocol a WebSocket speaks (RFC 6455 section 4.2.2).

use axum::http::{HeaderMap, header};

use crate::ws::NoWebSocket;

/// The first of those the client offers that is spoken here; `None` if it offers none at all.
pub(super) fn choose(headers: &HeaderMap, spoken: &[&'static str]) -> Result<Option<&'static str>, NoWebSocket> {
    let mut offered = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .peekable();
    if offered.peek().is_none() {
        return Ok(None);
    }
    // Names are told apart by case (RFC 6455 section 11.5 registers them as they are).
    match offered.find_map(|name| spoken.iter().find(|spoken| **spoken == name)) {
        Some(name) => Ok(Some(name)),
        None => Err(NoWebSocket::Subprotocol { spoken: spoken.first().copied().unwrap_or_default() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_first_that_is_spoken() {
        for (offers, expected) in [
            (&[][..], Some(None)),
            (&["mqtt"][..], Some(Some("mqtt"))),
            (&["mqttv3.1"], Some(Some("mqttv3.1"))),
            (&["mqttv3.1, mqtt"], Some(Some("mqttv3.1"))),
            (&["chat,mqtt"], Some(Some("mqtt"))),
            (&["chat", " mqtt "], Some(Some("mqtt"))),
            (&["MQTT"], None),
            (&["chat"], None),
            (&[""], None),
            (&["mqttv5"], None),
        ] {
            let mut headers = HeaderMap::new();
            for offer in offers {
                headers.append(header::SEC_WEBSOCKET_PROTOCOL, offer.parse().unwrap());
            }
            let chosen = choose(&headers, &["mqtt", "mqttv3.1"]).ok();
            assert_eq!(chosen, expected, "{offers:?}");
        }
    }
}
