//! `Prefer` (RFC 7240). Only `wait` is supported. Anything else is ignored, as the RFC requires;
//! `Preference-Applied` shows what was applied.

/// The seconds of `wait`. The first of several preferences counts.
pub(super) fn wait(header: &str) -> Option<u64> {
    let preferences = split(header, b',').into_iter().filter_map(|preference| {
        let preference = split(preference, b';').into_iter().next()?;
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        Some((trim(name), trim(value)))
    });
    let mut waits = preferences.filter(|(name, _)| name.eq_ignore_ascii_case("wait"));
    let (_, value) = waits.next()?;
    seconds(&unquote(value)?)
}

fn seconds(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A value longer than any wait is still a wait.
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Splits at a separator outside of quoted strings.
fn split(text: &str, separator: u8) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if byte == separator && !is_quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A token unchanged, a quoted string without quotes and escapes; none for an incomplete string.
fn unquote(word: &str) -> Option<String> {
    let Some(inner) = word.strip_prefix('"') else {
        return Some(word.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::wait;

    #[test]
    fn wait_is_parsed_as_rfc_7240_defines_it() {
        for (header, seconds) in [
            ("wait=5", Some(5)),
            ("WAIT=5", Some(5)),
            ("Wait = 5", Some(5)),
            ("wait=\"5\"", Some(5)),
            ("wait=\"\\5\"", Some(5)),
            ("respond-async, wait=5", Some(5)),
            ("respond-async,wait=5", Some(5)),
            ("return=minimal; foo=\"a, wait=9\", wait=5", Some(5)),
            ("foo=\"\\\", wait=9\", wait=5", Some(5)),
            ("wait=5; foo=bar", Some(5)),
            ("wait=5, wait=9", Some(5)),
            ("\twait=0 ", Some(0)),
            ("wait=99999999999999999999999", Some(u64::MAX)),
            // A parameter of another preference is not a preference.
            ("respond-async; wait=5", None),
            ("foo=\"wait=5\"", None),
            ("waiting=5", None),
            ("", None),
            (", ,", None),
        ] {
            assert_eq!(wait(header), seconds, "{header}");
        }
    }

    #[test]
    fn a_wait_that_is_not_a_number_is_ignored() {
        for value in [
            "", "=", "=\"\"", "=+5", "=-1", "=1.5", "=1e3", "=five", "=٥", "=\"5", "=5\"",
        ] {
            assert_eq!(wait(&format!("wait{value}")), None, "{value}");
        }
        assert_eq!(wait("wait=x, wait=5"), None, "the first one counts");
    }
}
