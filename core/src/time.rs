//! Times in microseconds, as the log writes them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::value::moment;

/// A time in UTC, counted in microseconds; written `2026-01-02T03:04:05.678901Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time `micros` microseconds after 1970-01-01T00:00:00Z.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds from `earlier` to this time; negative if `earlier` is later.
    #[allow(clippy::cast_precision_loss)]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e6
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(moment) = jiff::Timestamp::from_microsecond(self.0) {
            return write!(f, "{moment:.6}");
        }
        // The first and the last days of the calendar are outside the range of the library.
        let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
        match epoch.checked_add(jiff::SignedDuration::from_micros(self.0)) {
            Ok(moment) => write!(f, "{moment:.6}Z"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        match text.parse::<jiff::Timestamp>() {
            Ok(moment) => Ok(Self(moment.as_microsecond())),
            // The ends of the years 0000 and 9999 are outside the range of the library.
            Err(error) => moment::micros(text).map(Self).ok_or(error),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn the_ends_of_the_calendar_round_trip() {
        for text in [
            "0000-01-01T00:00:00.000000Z",
            "9999-12-31T23:59:59.999999Z",
            "2026-01-02T03:04:05.678901Z",
        ] {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(moment.to_string(), text);
        }
    }
}
