//! Interprets scalars. Readers of YAML 1.1 (including `kubectl`) and 1.2 differ for some; these are
//! refused unless the schema decides.

use super::Tree;
use crate::exact::Number;

/// Booleans in YAML 1.1 only, in lower case.
const ON: [&str; 3] = ["y", "yes", "on"];
const OFF: [&str; 3] = ["n", "no", "off"];

/// The value of a plain scalar, or a message if it is ambiguous.
pub(super) fn plain(text: &str) -> Result<Tree, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Tree::Null),
        "true" | "True" | "TRUE" => return Ok(Tree::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Tree::Bool(false)),
        _ => {}
    }
    if let Some(on) = switch(text) {
        let text = text.to_owned();
        return Ok(Tree::Switch { text, on });
    }
    number(text).map_or_else(
        || Ok(Tree::Text(text.to_owned())),
        |it| it.map(Tree::Number),
    )
}

/// The boolean value of a plain text that is a boolean only in YAML 1.1.
pub(super) fn switch(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let cased = text == lower || text == text.to_ascii_uppercase() || {
        let mut capital = lower.clone();
        capital.get_mut(..1)?.make_ascii_uppercase();
        text == capital
    };
    if !cased {
        return None;
    }
    let is_on = ON.contains(&lower.as_str());
    (is_on || OFF.contains(&lower.as_str())).then_some(is_on)
}

/// The number of a plain text; none if no reader takes it for a number.
fn number(text: &str) -> Option<Result<Number, String>> {
    if let Some(number) = Number::parse(text) {
        return Some(Ok(number));
    }
    let (sign, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) if text.starts_with('-') => ("-", rest),
        Some(rest) => ("", rest),
        None => ("", text),
    };
    let lower = unsigned.to_ascii_lowercase();
    if lower == ".inf" || (lower == ".nan" && unsigned == text) {
        return Some(Err(format!(
            "{text} is not a JSON number; quote it if it is text"
        )));
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let ambiguous = || {
        Some(Err(format!(
            "{text} is a number to some YAML readers and something else to others; write a \
             decimal number without underscores or leading zeros, or quote it if it is text"
        )))
    };
    if let Some(digits) = unsigned
        .strip_prefix("0x")
        .or_else(|| unsigned.strip_prefix("0o"))
    {
        let radix = if unsigned.starts_with("0x") { 16 } else { 8 };
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix) || c == '_') {
            return None;
        }
        return match u128::from_str_radix(digits, radix) {
            Ok(value) if text == unsigned => Number::parse(&value.to_string()).map(Ok),
            _ => ambiguous(),
        };
    }
    let binary = unsigned.strip_prefix("0b");
    if binary.is_some_and(|digits| digits.starts_with(['0', '1', '_']) && is_of(digits, "01_")) {
        return ambiguous();
    }
    if lower.starts_with("0x")
        && lower.len() > 2
        && lower[2..].chars().all(|c| c.is_ascii_hexdigit())
    {
        return ambiguous();
    }
    decimal(sign, unsigned, ambiguous)
}

fn is_of(text: &str, known: &str) -> bool {
    text.chars().all(|c| known.contains(c))
}

/// `+1`, `.5`, `1.`, `01.5`; `010` and `1_000` are ambiguous.
fn decimal(
    sign: &str,
    unsigned: &str,
    ambiguous: impl Fn() -> Option<Result<Number, String>>,
) -> Option<Result<Number, String>> {
    let plain = unsigned.replace('_', "");
    let (mantissa, power) = match plain.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, Some(power)),
        None => (plain.as_str(), None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let power_is_number = power.is_none_or(|power| {
        let power = power.strip_prefix(['+', '-']).unwrap_or(power);
        !power.is_empty() && digits(power)
    });
    let has_digits = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    if !power_is_number || !has_digits || !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    let has_zeros =
        fraction.is_none() && power.is_none() && whole.len() > 1 && whole.starts_with('0');
    if plain.len() != unsigned.len() || has_zeros {
        return ambiguous();
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let mut text = format!("{sign}{whole}");
    if let Some(fraction) = fraction.filter(|fraction| !fraction.is_empty()) {
        text.push('.');
        text.push_str(fraction);
    }
    if let Some(power) = power {
        text.push('e');
        text.push_str(power);
    }
    Number::parse(&text).map(Ok)
}
