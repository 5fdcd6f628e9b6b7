//! Suggestions for mistyped names.

/// The maximum number of names in a hint.
const SHOWN: usize = 50;

/// A suggestion, and the existing names.
pub(crate) fn hint<'a>(
    unknown: &[&str],
    candidates: impl Iterator<Item = &'a str>,
    known: &[&str],
) -> String {
    let mut meant: Vec<&str> = candidates
        .filter(|candidate| unknown.iter().any(|key| is_near(key, candidate)))
        .collect();
    meant.sort_unstable();
    meant.dedup();
    let existing = match known.len() {
        0 => "none exist".to_owned(),
        1..=SHOWN => format!("known: {}", known.join(", ")),
        more => format!(
            "known: {} and {} more",
            known[..SHOWN].join(", "),
            more - SHOWN
        ),
    };
    if meant.is_empty() {
        return existing;
    }
    format!("did you mean {}? {existing}", meant.join(", "))
}

/// Whether two names differ only by case, separators, or one or two typing errors.
fn is_near(key: &str, candidate: &str) -> bool {
    let plain = |text: &str| -> Vec<char> {
        text.to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric())
            .take(200)
            .collect()
    };
    let (key, candidate) = (plain(key), plain(candidate));
    let allowed = if key.len() < 4 { 1 } else { 2 };
    key.len().abs_diff(candidate.len()) <= allowed && distance(&key, &candidate) <= allowed
}

/// Whether two different names are so similar that one is probably a typing error: equal except for
/// case and separators, or one letter apart. Digits count: `line1` and `line2` are different names.
pub(crate) fn is_slip(one: &str, other: &str) -> bool {
    let plain = |text: &str| -> Vec<char> {
        let text = text.to_lowercase();
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .take(200)
            .collect()
    };
    let letters = |text: &[char]| -> Vec<char> {
        let letters = text.iter().filter(|c| !c.is_numeric());
        letters.copied().collect()
    };
    let (left, right) = (plain(one), plain(other));
    let (long, same_letters) = (
        left.len().min(right.len()) > 4,
        letters(&left) == letters(&right),
    );
    one != other
        && (left == right
            || (long
                && !same_letters
                && left.len().abs_diff(right.len()) <= 1
                && distance(&left, &right) == 1))
}

/// The edit distance: insertions, deletions and replacements between two texts.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
