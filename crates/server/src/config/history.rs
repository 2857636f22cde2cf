//! What the settings say of the history, and whether it makes sense.

use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;

/// The config file's `[history]`; everything is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct HistorySettings {
    /// Whether there is one; in the config file only.
    #[arg(skip)]
    pub enabled: Option<bool>,
    /// Keep no history of values; what was kept stays where it is
    #[arg(long, env = "HOUSEWIRE_NO_HISTORY", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip)]
    pub no_history: Option<bool>,
    /// For how many days values are kept one by one; in the config file only.
    #[arg(skip)]
    pub raw_days: Option<u32>,
    /// For how many days there is a minimum, mean and maximum of each minute; in the config file only.
    #[arg(skip)]
    pub minute_days: Option<u32>,
    /// Likewise of each hour; in the config file only.
    #[arg(skip)]
    pub hour_days: Option<u32>,
    /// Write to the disk every 5 s instead of every second, where nobody waits for it: for SD cards
    #[arg(long, env = "HOUSEWIRE_SD_CARD", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub sd_card: Option<bool>,
}

impl HistorySettings {
    pub(super) fn or(self, weaker: Self) -> Self {
        Self {
            enabled: self.enabled.or(weaker.enabled),
            no_history: self.no_history.or(weaker.no_history),
            raw_days: self.raw_days.or(weaker.raw_days),
            minute_days: self.minute_days.or(weaker.minute_days),
            hour_days: self.hour_days.or(weaker.hour_days),
            sd_card: self.sd_card.or(weaker.sd_card),
        }
    }
}

/// The history as it is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// For how many days values are kept one by one, where a property does not say otherwise.
    pub raw_days: u32,
    /// For how many days minutes are.
    pub minute_days: u32,
    /// For how many days hours are.
    pub hour_days: u32,
    /// The disk is one that dies of writes.
    pub sd_card: bool,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        Self { enabled: true, raw_days: 30, minute_days: 730, hour_days: 3_650, sd_card: false }
    }
}

impl HistoryConfig {
    /// How long a reading may wait for the disk.
    pub(crate) fn commit_every(&self) -> Duration {
        Duration::from_secs(if self.sd_card { 5 } else { 1 })
    }
}

/// A hundred years.
pub(crate) const RETENTION_DAYS_MAX: u32 = 36_525;

pub(super) fn choose(settings: HistorySettings) -> Result<HistoryConfig, ConfigError> {
    let days = |key, days: Option<u32>, default| match days.unwrap_or(default) {
        days @ 1..=RETENTION_DAYS_MAX => Ok(days),
        wrong => {
            let rule = "it must be a number of days from 1 to 36525; 'enabled = false' has no history at all";
            Err(ConfigError::Senseless { key, value: wrong.to_string(), rule })
        }
    };
    let default = HistoryConfig::default();
    let raw_days = days("history.raw_days", settings.raw_days, default.raw_days)?;
    let minute_days = days("history.minute_days", settings.minute_days, default.minute_days)?;
    let hour_days = days("history.hour_days", settings.hour_days, default.hour_days)?;
    let enabled = settings.no_history.map(|is_off| !is_off).or(settings.enabled).unwrap_or(default.enabled);
    Ok(HistoryConfig {
        enabled,
        raw_days,
        minute_days,
        hour_days,
        sd_card: settings.sd_card.unwrap_or(default.sd_card),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_the_file_together() {
        let file: HistorySettings = toml::from_str("raw_days = 7\nenabled = true\nsd_card = true").unwrap();
        let flags = HistorySettings { no_history: Some(true), ..HistorySettings::default() };
        let config = choose(flags.or(file.clone())).unwrap();
        assert_eq!(config, HistoryConfig { enabled: false, raw_days: 7, sd_card: true, ..HistoryConfig::default() });
        assert!(choose(file).unwrap().enabled);
        assert_eq!(choose(HistorySettings::default()).unwrap(), HistoryConfig::default());
        assert_eq!(config.commit_every(), Duration::from_secs(5));
    }

    #[test]
    fn what_makes_no_sense() {
        for text in ["raw_days = 0", "minute_days = 40000", "hour_days = 0"] {
            assert!(choose(toml::from_str(text).unwrap()).is_err(), "{text}");
        }
        for text in ["raw_days = -1", "raw_days = \"30\"", "no_history = true", "days = 1"] {
            assert!(toml::from_str::<HistorySettings>(text).is_err(), "{text}");
        }
    }
}
