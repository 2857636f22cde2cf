//! From when to when certificates are valid, and when the hub's own is renewed: decisions about time, made from what the clock
//! says, which may be nonsense. A Raspberry Pi without a battery wakes up in 1970, or in the year it was last shut down.

use std::time::Duration;

use housewire_core::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

/// How long the hub's own certificate lasts. Browsers and phones take up to 398 days.
const HUB_DAYS: u32 = 90;
/// It is renewed when no more is left of it.
const HUB_RENEWAL_DAYS: u32 = 30;
/// Of one that was made while the clock was wrong: it is to hold until the clock is right.
const PROVISIONAL_DAYS: u32 = 397;
/// Of a device's certificate, which nobody comes to renew; it can be revoked.
const DEVICE_DAYS: u32 = 3_650;
/// Certificates begin so long before they are made, for clients whose clocks are behind.
const EARLIER_DAYS: u32 = 2;

/// 2026-01-01T00:00:00Z: before this program was written, so a clock that says so is wrong.
pub(crate) const FIRST: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
/// 2049-12-31T23:59:59Z: the last year that certificates write with two digits, which the smallest parsers know best (RFC 5280
/// section 4.1.2.5); the CA ends then.
const LAST: Timestamp = Timestamp::from_micros(2_524_607_999_000_000);

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

/// The same whatever the clock said when it was made: 2020-01-01T00:00:00Z to the end of 2049.
pub(crate) const OF_THE_AUTHORITY: Validity =
    Validity { not_before: Timestamp::from_micros(1_577_836_800_000_000), not_after: LAST };

/// Whether the clock may be right.
pub(crate) fn is_plausible(now: Timestamp) -> bool {
    (FIRST..LAST).contains(&now)
}

/// Of the hub's own certificate, made now.
pub(crate) fn of_the_hub(now: Timestamp) -> Validity {
    lasting(now, HUB_DAYS)
}

/// Of a device's certificate, made now.
pub(crate) fn of_a_device(now: Timestamp) -> Validity {
    lasting(now, DEVICE_DAYS)
}

fn lasting(now: Timestamp, days: u32) -> Validity {
    if is_plausible(now) {
        let not_after = now.after(DAY * days).min(LAST);
        return Validity { not_before: before(now, DAY * EARLIER_DAYS), not_after };
    }
    Validity { not_before: FIRST, not_after: FIRST.after(DAY * days.max(PROVISIONAL_DAYS)) }
}

/// Whether the hub's certificate has to be made anew: it ends before long, or it was made while the clock was wrong. While the clock
/// is wrong nothing can be said.
pub(crate) fn is_due(validity: Validity, now: Timestamp) -> bool {
    let Validity { not_before, not_after } = validity;
    let is_provisional = not_after.since(not_before) > DAY * (HUB_DAYS + EARLIER_DAYS + 1);
    let is_ending = now.after(DAY * HUB_RENEWAL_DAYS) >= not_after && not_after < LAST;
    is_plausible(now) && (is_provisional || is_ending || now < not_before)
}

/// What is left; nothing if it is over.
pub(crate) fn left(validity: Validity, now: Timestamp) -> Duration {
    validity.not_after.since(now)
}

fn before(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(time.as_micros() - i64::try_from(by.as_micros()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(count: u32) -> Timestamp {
        FIRST.after(DAY * count)
    }

    #[test]
    fn the_constants_are_the_days_they_say() {
        assert_eq!(FIRST.to_string(), "2026-01-01T00:00:00.000000Z");
        assert_eq!(LAST.to_string(), "2049-12-31T23:59:59.000000Z");
        assert_eq!(OF_THE_AUTHORITY.not_before.to_string(), "2020-01-01T00:00:00.000000Z");
    }

    #[test]
    fn the_hubs_certificate_is_renewed_a_month_before_it_ends() {
        let validity = of_the_hub(day(100));
        assert_eq!(validity, Validity { not_before: day(98), not_after: day(190) });
        for (now, expected) in [(98, false), (100, false), (159, false), (160, true), (190, true), (300, true)] {
            assert_eq!(is_due(validity, day(now)), expected, "day {now}");
        }
        assert_eq!((left(validity, day(180)), left(validity, day(200))), (DAY * 10, Duration::ZERO));
    }

    #[test]
    fn a_clock_that_is_wrong_decides_nothing() {
        let nonsense = [Timestamp::from_micros(0), before(FIRST, DAY), LAST, LAST.after(DAY)];
        for now in nonsense {
            assert!(!is_plausible(now));
            assert!(!is_due(of_the_hub(day(100)), now), "{now}");
            let provisional = of_the_hub(now);
            assert_eq!(provisional, Validity { not_before: FIRST, not_after: day(PROVISIONAL_DAYS) });
            assert!(!is_due(provisional, now), "{now}");
            assert!(is_due(provisional, day(10)), "as soon as the clock is right");
            assert_eq!(of_a_device(now).not_after, day(DEVICE_DAYS));
        }
    }

    #[test]
    fn a_clock_that_was_ahead_is_mended() {
        let ahead = of_the_hub(day(1_000));
        assert!(!is_due(ahead, day(1_000)) && is_due(ahead, day(100)));
    }

    #[test]
    fn nothing_outlives_the_authority() {
        let late = before(LAST, DAY * 10);
        assert_eq!((of_the_hub(late).not_after, of_a_device(late).not_after), (LAST, LAST));
        assert!(!is_due(of_the_hub(late), late), "a new one would end no later");
    }
}
