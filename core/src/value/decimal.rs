//! Decimal numbers of any size, compared digit by digit and never through `f64`.

use std::cmp::Ordering;

/// The limit of a number's magnitude: less than `10^SIZE`, and at least `10^-SIZE`.
pub(crate) const SIZE: i64 = 1_000;

/// A number as sign, digits and exponent: `0.DIGITS × 10^exponent`, without zeros at either end, so
/// that equal numbers are equal values, however they were written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Decimal {
    negative: bool,
    exponent: i64,
    digits: String,
}

impl Decimal {
    /// Parses `-12.30`, `5`, `1e3`; none for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, parse_power(power)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        Some(Self::normalize(negative, whole, fraction, power))
    }

    fn normalize(negative: bool, whole: &str, fraction: &str, power: i64) -> Self {
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let leading = all.len() - significant.len();
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Self {
                negative: false,
                exponent: 0,
                digits,
            };
        }
        let point = i64::try_from(whole.len()).unwrap_or(i64::MAX);
        let leading = i64::try_from(leading).unwrap_or(i64::MAX);
        Self {
            negative,
            exponent: power.saturating_add(point).saturating_sub(leading),
            digits,
        }
    }

    /// Whether the number can be stored. Larger ones are probably mistakes, and writing out their
    /// digits could exhaust memory.
    pub(crate) fn is_in_range(&self) -> bool {
        self.digits.is_empty() || (1 - SIZE..=SIZE).contains(&self.exponent)
    }

    /// One text for all notations of this number.
    pub(crate) fn canonical(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}0.{}e{}", self.digits, self.exponent)
    }

    /// The number without an exponent, in its shortest form; none if it is out of range.
    pub(crate) fn to_plain(&self) -> Option<String> {
        if self.digits.is_empty() {
            return Some("0".to_owned());
        }
        let point = usize::try_from(self.exponent.unsigned_abs()).ok()?;
        if !self.is_in_range() {
            return None;
        }
        let sign = if self.negative { "-" } else { "" };
        let digits = &self.digits;
        Some(if self.exponent <= 0 {
            format!("{sign}0.{}{digits}", "0".repeat(point))
        } else if let Some((whole, fraction)) = digits.split_at_checked(point)
            && !fraction.is_empty()
        {
            format!("{sign}{whole}.{fraction}")
        } else {
            format!("{sign}{digits}{}", "0".repeat(point - digits.len()))
        })
    }

    /// Writes bytes that compare like the numbers; none is a prefix of another number's.
    pub(crate) fn write_sortable(&self, out: &mut Vec<u8>) {
        if self.digits.is_empty() {
            out.push(2);
            return;
        }
        out.push(if self.negative { 1 } else { 3 });
        let start = out.len();
        if let Ok(small @ 8..=248) = u8::try_from(self.exponent.saturating_add(128)) {
            out.push(small);
        } else {
            out.push(if self.exponent < 0 { 1 } else { 254 });
            out.extend(self.exponent.wrapping_sub(i64::MIN).to_be_bytes());
        }
        out.extend_from_slice(self.digits.as_bytes());
        out.push(0);
        if self.negative {
            out[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self
                .exponent
                .cmp(&other.exponent)
                .then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
        }
    }
}

/// The power of ten, clamped to `i64`: such numbers are out of range.
fn parse_power(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let power = digits.parse::<i64>().unwrap_or(i64::MAX);
    Some(if negative { -power } else { power })
}
