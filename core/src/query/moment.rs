//! Dates and times as people write them, and the instants that they stand for.

use jiff::{Timestamp, civil, tz::TimeZone};

/// The instant of a date or a date-time, in nanoseconds since 1970; UTC where no offset is given.
pub(crate) fn instant(text: &str) -> Option<i128> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_nanosecond());
    }
    let civil = text
        .parse::<civil::DateTime>()
        .or_else(|_| text.parse::<civil::Date>().map(civil::DateTime::from))
        .ok()?;
    let moment = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(moment.timestamp().as_nanosecond())
}

/// An instant as ten bytes that compare as instants do; those that can be written fit easily.
pub(crate) fn sortable(nanoseconds: i128) -> impl Iterator<Item = u8> {
    let shifted = nanoseconds.wrapping_add(1 << 79);
    shifted.to_be_bytes().into_iter().skip(6)
}

/// Whether a text is a day of the calendar, `2026-01-31`.
pub(crate) fn is_date(text: &str) -> bool {
    has_shape(text, "dddd-dd-dd") && text.parse::<civil::Date>().is_ok()
}

/// Whether a text is `2026-01-31T12:00:00`, with a fraction of at most nine digits and with `Z`
/// or an offset, or without.
pub(crate) fn is_date_time(text: &str) -> bool {
    let (Some(clock), Some(rest)) = (text.get(..19), text.get(19..)) else {
        return false;
    };
    if !has_shape(clock, "dddd-dd-ddTdd:dd:dd") || clock.ends_with("60") {
        return false;
    }
    let offset = rest.strip_prefix('.').map_or(rest, |fraction| {
        fraction.trim_start_matches(|c: char| c.is_ascii_digit())
    });
    let known_offset = offset.is_empty()
        || offset == "Z"
        || has_shape(offset, "+dd:dd")
        || has_shape(offset, "-dd:dd");
    known_offset && instant(text).is_some()
}

/// `d` in the shape is a digit, any other character itself.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, want)| match want {
                b'd' => byte.is_ascii_digit(),
                _ => byte == want,
            })
}
