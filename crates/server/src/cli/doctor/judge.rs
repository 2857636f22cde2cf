//! What the hub says of itself, judged.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};

use super::Finding;

/// A certificate that ends within this time should have been renewed: the hub's own is a month before its end.
const RENEW_DAYS: i64 = 14;

/// What a hub told.
pub(super) enum HubFacts {
    /// Why it told nothing.
    Silent(String),
    Answers {
        health: Health,
        session: Result<SessionFacts, String>,
        tls: Result<TlsFacts, String>,
    },
}

#[derive(Debug, Deserialize)]
pub(super) struct Health {
    version: String,
    uptime_s: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SessionFacts {
    needs_setup: bool,
    guest: GuestFacts,
}

#[derive(Debug, Deserialize)]
struct GuestFacts {
    policy: String,
    kept: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct TlsFacts {
    mode: String,
    certificate: Option<CertificateFacts>,
}

#[derive(Debug, Deserialize)]
struct CertificateFacts {
    issued_by: String,
    #[serde(deserialize_with = "moment")]
    not_before: Timestamp,
    #[serde(deserialize_with = "moment")]
    not_after: Timestamp,
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

impl HubFacts {
    pub(super) fn is_there(&self) -> bool {
        matches!(self, Self::Answers { .. })
    }
}

pub(super) fn hub(facts: &HubFacts, now: Timestamp) -> Vec<Finding> {
    let (health, session, tls) = match facts {
        HubFacts::Silent(why) => {
            return vec![Finding::wrong("hub", why, "Start it, or name it with --hub.")];
        }
        HubFacts::Answers { health, session, tls } => (health, session, tls),
    };
    let Health { version, uptime_s } = health;
    let mut findings = vec![Finding::good("hub", format!("version {version}, up for {} min", uptime_s / 60))];
    match session {
        Ok(session) => findings.extend([accounts(session), guest(session)]),
        Err(why) => findings.push(Finding::wrong("accounts", why, "Update the hub.")),
    }
    match tls {
        Ok(tls) => findings.push(certificate(tls, now)),
        Err(why) => findings.push(Finding::wrong("encryption", why, "Update the hub.")),
    }
    findings
}

fn accounts(session: &SessionFacts) -> Finding {
    if session.needs_setup {
        let advice = "Open the set-up link that it printed, or run: housewire user add NAME --role admin";
        return Finding::risky("accounts", "there are none; programs on its machine may do everything", advice);
    }
    Finding::good("accounts", "somebody looks after the hub")
}

fn guest(session: &SessionFacts) -> Finding {
    let GuestFacts { policy, kept } = &session.guest;
    match (policy.as_str(), kept) {
        ("lan", _) => Finding::risky(
            "guests",
            "everybody who reaches the hub may read and write without a password",
            "Take guest = \"lan\" out of its configuration, and give your devices tokens: housewire token device ID",
        ),
        ("loopback", true) => Finding::risky(
            "guests",
            "every program on its machine may read and write without a password, though there are accounts",
            "Take guest = \"loopback\" out of its configuration, and give these programs tokens: housewire token app NAME",
        ),
        _ => Finding::good("guests", "nobody from elsewhere gets in without a password or token"),
    }
}

fn certificate(tls: &TlsFacts, now: Timestamp) -> Finding {
    const ABOUT: &str = "encryption";
    let Some(CertificateFacts { issued_by, not_before, not_after }) = &tls.certificate else {
        let advice = "Set mode = \"on\" under [tls], unless something before the hub encrypts.";
        return Finding::risky(ABOUT, "TLS is off: passwords and values can be read on their way", advice);
    };
    let is_local = issued_by == "local";
    let remedy = if is_local {
        "The hub renews it by itself when its clock is right and its disk takes files: look into its log."
    } else {
        "Put a new one into its file and send the hub SIGHUP."
    };
    let left = not_after.duration_since(now);
    if left <= SignedDuration::ZERO {
        return Finding::wrong(ABOUT, format!("the certificate ended at {not_after}"), remedy);
    }
    if *not_before > now {
        return Finding::wrong(ABOUT, format!("the certificate begins only at {not_before}"), "Look at the clocks.");
    }
    let days = left.as_hours() / 24;
    if days < RENEW_DAYS {
        return Finding::risky(ABOUT, format!("the certificate ends in {days} days"), remedy);
    }
    let mode = if tls.mode == "only" { ", and other machines have to use it" } else { "" };
    Finding::good(ABOUT, format!("the certificate is good for {days} days{mode}"))
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    fn check(session: &str, tls: &str, expected: &[(&str, Severity)]) {
        let facts = HubFacts::Answers {
            health: Health { version: "1".to_owned(), uptime_s: 60 },
            session: serde_json::from_str(session).map_err(|error| error.to_string()),
            tls: serde_json::from_str(tls).map_err(|error| error.to_string()),
        };
        let findings = hub(&facts, "2026-06-01T00:00:00Z".parse().unwrap());
        let found: Vec<_> = findings[1..].iter().map(|finding| (finding.about, finding.severity)).collect();
        assert_eq!(found, expected, "{session} {tls}");
        for finding in &findings {
            assert_eq!(finding.advice.is_empty(), finding.severity == Severity::Good, "{finding:?}");
        }
    }

    #[test]
    fn what_is_risky_and_what_is_wrong() {
        use Severity::{Good, Risky, Wrong};
        let session = |setup: bool, policy: &str, kept: bool| {
            format!(r#"{{"needs_setup":{setup},"guest":{{"policy":"{policy}","kept":{kept}}}}}"#)
        };
        let tls = |begins: &str, ends: &str| {
            let facts =
                format!(r#""issued_by":"own","not_before":"{begins}T00:00:00Z","not_after":"{ends}T00:00:00Z""#);
            format!(r#"{{"mode":"on","certificate":{{{facts}}}}}"#)
        };
        let good = tls("2026-01-01", "2026-12-01");
        let all =
            |accounts, guests, encryption| [("accounts", accounts), ("guests", guests), ("encryption", encryption)];
        check(&session(false, "off", false), &good, &all(Good, Good, Good));
        check(&session(true, "loopback", false), &good, &all(Risky, Good, Good));
        check(&session(false, "loopback", true), &good, &all(Good, Risky, Good));
        check(&session(true, "lan", false), &good, &all(Risky, Risky, Good));
        let sound = session(false, "off", false);
        check(&sound, r#"{"mode":"off","certificate":null}"#, &all(Good, Good, Risky));
        check(&sound, &tls("2026-01-01", "2026-06-10"), &all(Good, Good, Risky));
        check(&sound, &tls("2026-01-01", "2026-05-31"), &all(Good, Good, Wrong));
        check(&sound, &tls("2026-07-01", "2026-12-01"), &all(Good, Good, Wrong));
        check("{}", "{}", &[("accounts", Wrong), ("encryption", Wrong)]);
        let silent = hub(&HubFacts::Silent("no answer".to_owned()), "2026-06-01T00:00:00Z".parse().unwrap());
        assert_eq!(silent.len(), 1);
        assert_eq!(silent[0].severity, Wrong);
    }
}
