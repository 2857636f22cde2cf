//! What is kept of a property's values, and for how long.

use housewire_core::Timestamp;
use housewire_store::Reading;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use crate::config::RETENTION_DAYS_MAX;

/// Which values are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Keep {
    /// Each one.
    #[default]
    All,
    /// Those that differ from the one before.
    Change,
    /// One in so many seconds: the first of each stretch.
    Every,
    /// None.
    Off,
}

/// What is kept of one property.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HistoryPolicy)]
pub(crate) struct Policy {
    pub(crate) keep: Keep,
    /// With `every`: one value in so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 86_400)]
    pub(crate) every_s: Option<u32>,
    /// For how many days values are kept one by one; `null`: as `history.raw_days` says.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 36_525)]
    pub(crate) raw_days: Option<u32>,
}

const EVERY_S_MAX: u32 = 86_400;

/// A whole number, however it is written: to JSON, `30` and `30.0` are the same.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    if is_whole { Ok(Some(number as u32)) } else { Err(de::Error::custom(format!("{number} is no whole number"))) }
}

impl Policy {
    /// Whether it makes sense; if not, why.
    pub(crate) fn check(&self) -> Result<(), String> {
        match (self.keep, self.every_s) {
            (Keep::Every, Some(1..=EVERY_S_MAX)) => {}
            (Keep::Every, _) => {
                return Err(format!("keep is every: say with every_s how often, in seconds from 1 to {EVERY_S_MAX}"));
            }
            (_, Some(_)) => return Err("every_s goes with keep = every: leave it out".into()),
            (_, None) => {}
        }
        match self.raw_days {
            None | Some(1..=RETENTION_DAYS_MAX) => Ok(()),
            Some(_) => Err(format!("raw_days must be from 1 to {RETENTION_DAYS_MAX}, or null")),
        }
    }
}

/// What was kept last of a property, which some policies look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) last: Option<(Timestamp, Reading)>,
}

impl Kept {
    /// Whether this one is kept too. Of a clock that was set back nothing is left out.
    pub(super) fn admits(&self, policy: Policy, time: Timestamp, reading: &Reading) -> bool {
        let Some((last_time, last)) = &self.last else { return policy.keep != Keep::Off };
        match policy.keep {
            Keep::All => true,
            Keep::Change => last != reading,
            Keep::Every => time < *last_time || time.since(*last_time).as_secs() >= policy.every_s.unwrap_or(1).into(),
            Keep::Off => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The times, in seconds, of those that are kept.
    fn kept(policy: Policy, values: &[(u64, f64)]) -> Vec<u64> {
        let mut kept = Kept::default();
        let mut times = Vec::new();
        for (at, value) in values {
            let time = Timestamp::from_micros(0).after(Duration::from_secs(*at));
            let reading = Reading::float(*value).unwrap();
            if kept.admits(policy, time, &reading) {
                times.push(*at);
                kept.last = Some((time, reading));
            }
        }
        times
    }

    #[test]
    fn what_each_policy_keeps() {
        let values = [(0, 1.0), (1, 1.0), (2, 2.0), (9, 2.0), (10, 2.0), (11, 1.0), (25, 1.0), (3, 1.0), (4, 2.0)];
        let policy = |keep, every_s| Policy { keep, every_s, raw_days: None };
        assert_eq!(kept(policy(Keep::All, None), &values), [0, 1, 2, 9, 10, 11, 25, 3, 4]);
        assert_eq!(kept(policy(Keep::Change, None), &values), [0, 2, 11, 4]);
        assert_eq!(kept(policy(Keep::Every, Some(10)), &values), [0, 10, 25, 3]);
        assert!(kept(policy(Keep::Off, None), &values).is_empty());
    }

    #[test]
    fn policies_that_make_no_sense() {
        for (text, is_right) in [
            (r#"{"keep":"all"}"#, true),
            (r#"{"keep":"off","raw_days":null}"#, true),
            (r#"{"keep":"change","raw_days":7}"#, true),
            (r#"{"keep":"every","every_s":10}"#, true),
            (r#"{"keep":"every","every_s":10.0,"raw_days":7.0}"#, true),
            (r#"{"keep":"every"}"#, false),
            (r#"{"keep":"every","every_s":0}"#, false),
            (r#"{"keep":"every","every_s":86401}"#, false),
            (r#"{"keep":"all","every_s":10}"#, false),
            (r#"{"keep":"all","raw_days":0}"#, false),
            (r#"{"keep":"all","raw_days":40000}"#, false),
        ] {
            let policy: Policy = serde_json::from_str(text).unwrap();
            assert_eq!(policy.check().is_ok(), is_right, "{text}");
            let again: Policy = serde_json::from_str(&serde_json::to_string(&policy).unwrap()).unwrap();
            assert_eq!(again, policy);
        }
        for text in [r#"{"keep":"some"}"#, "{}", r#"{"keep":"all","days":3}"#, r#"{"keep":"every","every_s":1.5}"#] {
            assert!(serde_json::from_str::<Policy>(text).is_err(), "{text}");
        }
    }
}
