//! Booleans by the usual pairs of words, and by those from the user.

use spice_core::unicode::nfc;

const PAIRS: [(&str, &str); 6] = [
    ("true", "false"),
    ("t", "f"),
    ("yes", "no"),
    ("y", "n"),
    ("on", "off"),
    ("1", "0"),
];

/// Words for true and false in addition to the usual ones, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Words for true.
    pub truths: Vec<String>,
    /// Words for false.
    pub falses: Vec<String>,
}

impl Words {
    /// A word that is given for both.
    pub(crate) fn contradiction(&self) -> Option<&str> {
        let falses = normalize(&self.falses);
        let named = |word: &&String| is_named(&falses, word);
        self.truths.iter().find(named).map(String::as_str)
    }

    /// The same words, normalized for [`Self::read`].
    pub(crate) fn normalize(&self) -> Self {
        Self {
            truths: normalize(&self.truths),
            falses: normalize(&self.falses),
        }
    }

    /// The meaning of a word; the user's words take precedence over the usual ones.
    pub(crate) fn read(&self, word: &str) -> Option<bool> {
        if is_named(&self.truths, word) {
            return Some(true);
        }
        if is_named(&self.falses, word) {
            return Some(false);
        }
        PAIRS.iter().find_map(|(yes, no)| {
            let is = |known: &str| word.eq_ignore_ascii_case(known);
            (is(yes) || is(no)).then(|| is(yes))
        })
    }
}

fn normalize(words: &[String]) -> Vec<String> {
    let words = words.iter().map(|word| nfc(word.trim()).into_owned());
    words.collect()
}

/// Whether a word is among those of [`normalize`].
fn is_named(words: &[String], word: &str) -> bool {
    if words.is_empty() {
        return false;
    }
    let word = nfc(word.trim());
    words.iter().any(|it| *it == word)
}
