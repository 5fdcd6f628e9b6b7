//! Dates and times in the forms of programs and of RFC 3339. Only unambiguous forms are accepted;
//! `01/02/2026` is ambiguous.

use std::borrow::Cow;

use spice_core::value::has_shape;

/// A date: `2026-01-31`, `20260131`, or a midnight of that day as in database dumps. A midnight
/// with an offset is an instant, whose day depends on the reader's offset, so it is not a date.
pub(crate) fn date(word: &str) -> Option<Cow<'_, str>> {
    if has_shape(word, "dddd-dd-dd") {
        return Some(Cow::Borrowed(word));
    }
    if has_shape(word, "dddddddd") {
        let dashed = format!("{}-{}-{}", &word[..4], &word[4..6], &word[6..]);
        return Some(Cow::Owned(dashed));
    }
    let (day, clock) = split(word)?;
    if clock == "00:00" {
        return Some(Cow::Borrowed(day));
    }
    let (digits, rest) = fraction(clock.strip_prefix("00:00:00")?)?;
    let is_midnight = rest.is_empty() && digits.bytes().all(|byte| matches!(byte, b'.' | b'0'));
    is_midnight.then_some(Cow::Borrowed(day))
}

/// A date and time: `2026-01-31T12:00:00Z`; also with a blank instead of `T`, without seconds, with
/// a comma before the fraction, and with an offset such as `+09`, `+0900` or `UTC`.
pub(crate) fn date_time(word: &str) -> Option<Cow<'_, str>> {
    let (day, rest) = split(word)?;
    let (clock, rest) = if has_shape(rest.get(..8).unwrap_or_default(), "dd:dd:dd") {
        (Cow::Borrowed(&rest[..8]), &rest[8..])
    } else if has_shape(rest.get(..5).unwrap_or_default(), "dd:dd") {
        (Cow::Owned(format!("{}:00", &rest[..5])), &rest[5..])
    } else {
        return None;
    };
    let (fraction, rest) = fraction(rest)?;
    let offset = offset(rest)?;
    let written = format!("{day}T{clock}{fraction}{offset}");
    if written == word {
        return Some(Cow::Borrowed(word));
    }
    Some(Cow::Owned(written))
}

/// The day, and the rest of the text.
fn split(word: &str) -> Option<(&str, &str)> {
    let (day, rest) = word.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    has_shape(day, "dddd-dd-dd").then_some((day, rest))
}

/// The fraction digits with a point, and the rest of the text.
fn fraction(rest: &str) -> Option<(String, &str)> {
    let Some(digits) = rest.strip_prefix(['.', ',']) else {
        return Some((String::new(), rest));
    };
    let end = digits.find(|it: char| !it.is_ascii_digit());
    let (digits, rest) = digits.split_at(end.unwrap_or(digits.len()));
    (!digits.is_empty()).then(|| (format!(".{digits}"), rest))
}

fn offset(rest: &str) -> Option<Cow<'_, str>> {
    let word = rest.strip_prefix(' ').unwrap_or(rest);
    if word.is_empty() {
        return rest.is_empty().then_some(Cow::Borrowed(""));
    }
    if ["z", "utc", "gmt"]
        .iter()
        .any(|it| word.eq_ignore_ascii_case(it))
    {
        return Some(Cow::Borrowed("Z"));
    }
    let digits = word.strip_prefix(['+', '-'])?;
    if has_shape(digits, "dd:dd") {
        Some(Cow::Borrowed(word))
    } else if has_shape(digits, "dddd") {
        Some(Cow::Owned(format!("{}:{}", &word[..3], &word[3..])))
    } else if has_shape(digits, "dd") {
        Some(Cow::Owned(format!("{word}:00")))
    } else {
        None
    }
}
