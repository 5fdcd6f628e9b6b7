//! Converts numbers as people write them to JSON, without losing a significant digit.

/// A number: `+05.50` is `5.50`, `.5` is `0.5`. None for anything else, including thousands
/// separators, whose meaning differs between countries.
pub(crate) fn number(word: &str) -> Option<String> {
    let (sign, rest) = match word.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", word.strip_prefix('+').unwrap_or(word)),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_written = !(whole.is_empty() && fraction.is_empty());
    if !is_written || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let mut number = format!("{sign}{whole}");
    if !fraction.is_empty() {
        number.push('.');
        number.push_str(fraction);
    }
    if let Some(exponent) = exponent {
        let digits = exponent[1..].trim_start_matches(['+', '-']);
        let signs = exponent.len() - 1 - digits.len();
        if digits.is_empty() || signs > 1 || !all_digits(digits) {
            return None;
        }
        number.push_str(exponent);
    }
    Some(number)
}

/// A whole number; `5.0`, which programs write for integers in a column with gaps, is 5.
pub(crate) fn integer(word: &str) -> Option<String> {
    let number = number(word).filter(|number| !number.contains(['e', 'E']))?;
    match number.split_once('.') {
        None => Some(number),
        Some((whole, fraction)) => fraction
            .bytes()
            .all(|digit| digit == b'0')
            .then(|| whole.to_owned()),
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
