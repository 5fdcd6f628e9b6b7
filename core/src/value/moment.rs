//! Dates and times of RFC 3339 and their instants: every day of the years 0000 to 9999 with any
//! offset, so also instants that are outside these years in UTC.

use jiff::civil;

/// The number of fraction digits that are counted as nanoseconds.
const NANOSECOND_DIGITS: usize = 9;
const NANOSECONDS: i128 = 1_000_000_000;
const EPOCH: civil::Date = civil::Date::constant(1970, 1, 1);

/// An instant, exact to the last digit of its fraction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant {
    /// Nanoseconds since 1970 in UTC, rounded down.
    nanoseconds: i128,
    /// The digits of the fraction after the ninth, without zeros at the end.
    rest: String,
}

impl Instant {
    /// One text for all notations of this instant.
    pub(crate) fn canonical(&self) -> String {
        if self.rest.is_empty() {
            return self.nanoseconds.to_string();
        }
        format!("{}.{}", self.nanoseconds, self.rest)
    }

    /// Writes bytes that compare like instants.
    pub(crate) fn write_sortable(&self, out: &mut Vec<u8>) {
        let shifted = self.nanoseconds.wrapping_add(1 << 79);
        out.extend_from_slice(&shifted.to_be_bytes()[6..]);
        out.extend_from_slice(self.rest.as_bytes());
    }
}

/// The instant of a date (its first moment) or of a date and time; UTC if there is no offset.
pub(crate) fn instant(text: &str) -> Option<Instant> {
    read_date(text)
        .map(|date| at(date, 0, ""))
        .or_else(|| read_date_time(text))
}

/// The microseconds since 1970 of a date and time with an offset, rounded down.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let zone = text.get(19..)?;
    let has_offset = zone.ends_with('Z') || zone.contains(['+', '-']);
    let instant = read_date_time(text).filter(|_| has_offset)?;
    i64::try_from(instant.nanoseconds.div_euclid(1_000)).ok()
}

/// Whether a text is a calendar day, `2026-01-31`.
pub(crate) fn is_date(text: &str) -> bool {
    read_date(text).is_some()
}

/// Whether a text is `2026-01-31T12:00:00`, with or without a fraction, and with `Z`, an offset or
/// neither.
pub(crate) fn is_date_time(text: &str) -> bool {
    read_date_time(text).is_some()
}

fn read_date(text: &str) -> Option<civil::Date> {
    if !has_shape(text, "dddd-dd-dd") {
        return None;
    }
    let year = text.get(..4)?.parse().ok()?;
    let (month, day) = (two_digits(text, 5)?, two_digits(text, 8)?);
    civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn read_date_time(text: &str) -> Option<Instant> {
    let clock = text.get(10..19)?;
    if !has_shape(clock, "Tdd:dd:dd") {
        return None;
    }
    let date = read_date(text.get(..10)?)?;
    let (hour, minute, second) = (
        two_digits(clock, 1)?,
        two_digits(clock, 4)?,
        two_digits(clock, 7)?,
    );
    let (fraction, zone) = split_fraction(text.get(19..)?)?;
    let offset = read_offset(zone)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second - offset;
    let instant = at(date, seconds, fraction);
    (second < 60 || may_leap(date, seconds)).then_some(instant)
}

/// Splits the text after the seconds into the digits of a fraction and the offset.
fn split_fraction(text: &str) -> Option<(&str, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some(("", text));
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| rest.split_at(digits))
}

/// The seconds that an offset is ahead of UTC.
fn read_offset(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z") {
        return Some(0);
    }
    if !has_shape(text, "+dd:dd") && !has_shape(text, "-dd:dd") {
        return None;
    }
    let (hours, minutes) = (two_digits(text, 1)?, two_digits(text, 4)?);
    let ahead = hours * 3600 + minutes * 60;
    let is_known = hours < 24 && minutes < 60;
    is_known.then_some(if text.starts_with('-') { -ahead } else { ahead })
}

/// Whether a second 60 that ends `seconds` after the start of a day can be a leap second: these are
/// the last seconds of a month in UTC. It compares as the following second, as in POSIX.
fn may_leap(date: civil::Date, seconds: i64) -> bool {
    let day = date.checked_add(jiff::SignedDuration::from_secs(seconds));
    // The day after the last day of the calendar is also the first of a month.
    let is_first = day.is_ok_and(|day| day.day() == 1) || date == civil::Date::MAX;
    seconds.rem_euclid(86_400) == 0 && is_first
}

fn at(date: civil::Date, seconds: i64, fraction: &str) -> Instant {
    let days = date.duration_since(EPOCH).as_secs();
    let (counted, rest) = fraction.split_at(fraction.len().min(NANOSECOND_DIGITS));
    let counted = (0..NANOSECOND_DIGITS).fold(0, |value, index| {
        let digit = counted
            .as_bytes()
            .get(index)
            .map_or(0, |digit| digit - b'0');
        value * 10 + i128::from(digit)
    });
    Instant {
        nanoseconds: i128::from(days + seconds) * NANOSECONDS + counted,
        rest: rest.trim_end_matches('0').to_owned(),
    }
}

/// The number of two digits at an index.
fn two_digits(text: &str, at: usize) -> Option<i64> {
    text.get(at..at + 2)?.parse().ok()
}

/// Returns whether a text has a shape: `d` stands for a digit, any other character for itself.
pub fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, want)| match want {
                b'd' => byte.is_ascii_digit(),
                _ => byte == want,
            })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{instant, is_date, is_date_time};
    use crate::{
        json::Json,
        time::Timestamp,
        value::{PropertyType, SortKey},
    };

    #[test]
    fn every_date_and_time_of_rfc_3339_is_read() {
        for text in [
            "0001-01-01T00:00:00+14:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999-12:00",
            "9999-12-31T23:59:59.9999999999999999999999-23:59",
            "1985-04-12T23:20:50.52Z",
            "1996-12-19T16:39:57-08:00",
            "1990-12-31T23:59:60Z",
            "1990-12-31T15:59:60-08:00",
            "1937-01-01T12:00:27.87+00:20",
            "2026-01-01T00:00:00-00:00",
            "2026-01-01T00:00:00",
            "9999-12-31T23:59:60Z",
        ] {
            assert!(is_date_time(text) && instant(text).is_some(), "{text}");
        }
        for text in ["0001-01-01", "9999-12-31", "2024-02-29"] {
            assert!(is_date(text) && instant(text).is_some(), "{text}");
        }
        for text in [
            "2026-02-29",
            "2026-13-01",
            "10000-01-01",
            "2026-1-1",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T23:59:60Z",
            "2026-01-31T22:59:60Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00+0100",
            "2026-01-01 00:00:00Z",
            "2026-01-01t00:00:00Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00[UTC]",
            "２026-01-01",
        ] {
            assert!(!is_date_time(text) && !is_date(text), "{text}");
            assert!(instant(text).is_none(), "{text}");
        }
    }

    #[test]
    fn times_of_the_log_parse_up_to_the_ends_of_the_years() {
        let micros = |text: &str| text.parse::<Timestamp>().map(Timestamp::as_micros);
        assert_eq!(micros("1970-01-01T00:00:01.0000019Z").unwrap(), 1_000_001);
        assert_eq!(
            micros("9999-12-31T23:59:59Z").unwrap(),
            253_402_300_799_000_000
        );
        assert!(micros("9999-12-31T23:59:59.999999-12:00").is_ok());
        assert!(micros("0001-01-01T00:00:00+14:00").is_ok());
        for text in ["9999-12-31T23:59:59", "9999-12-31", "9999-13-01T00:00:00Z"] {
            assert!(micros(text).is_err(), "{text}");
        }
    }

    #[test]
    fn instants_compare_across_offsets_and_beyond_the_years() {
        let ascending = [
            "0001-01-01T00:00:00+14:00",
            "0001-01-01",
            "1969-12-31T23:59:59.5Z",
            "1970-01-01",
            "1990-12-31T23:59:59.999Z",
            "1990-12-31T15:59:60-08:00",
            "1991-01-01T00:00:00.000000001Z",
            "9999-12-31",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999Z",
            "9999-12-31T23:59:59.999999-12:00",
        ];
        for pair in ascending.windows(2) {
            assert!(instant(pair[0]) < instant(pair[1]), "{pair:?}");
        }
        assert_eq!(
            instant("1970-01-01T00:00:00.5Z").unwrap().canonical(),
            "500000000"
        );
        assert_eq!(
            instant("2026-01-01T09:00:00.10+09:00"),
            instant("2026-01-01T00:00:00.1")
        );
    }

    /// Days since 1970, counted year by year and month by month.
    fn days(year: i64, month: i64, day: i64) -> i64 {
        let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let before = |year: i64| {
            (0..year)
                .map(|it| 365 + i64::from(is_leap(it)))
                .sum::<i64>()
        };
        let lengths = [
            31,
            28 + i64::from(is_leap(year)),
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
        ];
        let months: i64 = lengths[..usize::try_from(month - 1).unwrap()].iter().sum();
        before(year) - before(1970) + months + day - 1
    }

    type Parts = (i64, i64, i64, i64, i64, i64, String, i64);

    fn parts() -> impl Strategy<Value = Parts> {
        let year = prop_oneof![Just(1_i64), Just(9999), Just(1970), 1..10_000_i64];
        let fraction = prop_oneof![Just(String::new()), "[0-9]{1,3}", "[09]{7,14}"];
        let offset = prop_oneof![Just(0_i64), Just(840), Just(-720), -1439..1440_i64];
        let clock = (0..24_i64, 0..60_i64, 0..60_i64);
        (year, 1..13_i64, 1..29_i64, clock, fraction, offset).prop_map(
            |(year, month, day, (hour, minute, second), fraction, offset)| {
                (year, month, day, hour, minute, second, fraction, offset)
            },
        )
    }

    fn write_parts((year, month, day, hour, minute, second, fraction, offset): &Parts) -> String {
        let point = if fraction.is_empty() { "" } else { "." };
        let sign = if *offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
        format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}\
             {sign}{hours:02}:{minutes:02}"
        )
    }

    /// The instant as a rational number: seconds, and a fraction of 14 digits.
    fn exact_instant(
        (year, month, day, hour, minute, second, fraction, offset): &Parts,
    ) -> (i64, String) {
        let seconds = days(*year, *month, *day) * 86_400 + hour * 3600 + minute * 60 + second;
        (seconds - offset * 60, format!("{fraction:0<14}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn sort_keys_order_like_the_instants(one in parts(), other in parts(), near in any::<bool>()) {
            let mut other = other;
            if near {
                let fraction = other.6;
                other = one.clone();
                other.6 = fraction;
            }
            let expected = exact_instant(&one).cmp(&exact_instant(&other));
            let (left, right) = (write_parts(&one), write_parts(&other));
            prop_assert_eq!(instant(&left).cmp(&instant(&right)), expected, "{} {}", left, right);
            let key = |text: &str| SortKey::of(PropertyType::DateTime, &Json::of(text).unwrap());
            prop_assert_eq!(key(&left).cmp(&key(&right)), expected, "{} {}", left, right);
        }
    }
}
