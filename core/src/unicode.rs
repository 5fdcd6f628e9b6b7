//! Unicode for comparing names, filters and search: canonical equivalence (NFC) and full case
//! folding. Values are stored as written; only comparisons use this.

use std::borrow::Cow;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{
    ComposingNormalizer, ComposingNormalizerBorrowed,
    properties::{CanonicalCombiningClassMap, CanonicalCombiningClassMapBorrowed},
};

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();
const CASES: CaseMapperBorrowed<'static> = CaseMapper::new();
const MARKS: CanonicalCombiningClassMapBorrowed<'static> = CanonicalCombiningClassMap::new();

/// The text in normalization form C: two texts that look the same, such as `é` as one character and
/// as `e` with an accent, become the same text. Borrows a text that already has this form.
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    NFC.normalize(text)
}

/// Whether a character is invisible: white space of any script, including no-break and ideographic
/// spaces, and characters without width or ink, such as U+200B and the Hangul fillers.
pub fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '\u{180e}' | '\u{200b}'
                ..='\u{200f}'
                    | '\u{2060}'
                    | '\u{2800}'
                    | '\u{feff}'
                    | '\u{115f}'
                    | '\u{1160}'
                    | '\u{3164}'
                    | '\u{ffa0}'
        )
}

/// The text for a comparison that ignores case: full case folding, the same in every language, in
/// form C. `Straße` and `STRASSE` fold the same, as do `Σίσυφος` and `ΣΊΣΥΦΟΣ`. Folding a folded
/// text changes nothing.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    match NFC.normalize(text) {
        Cow::Borrowed(text) => fold_composed(text),
        Cow::Owned(text) => Cow::Owned(fold_composed(&text).into_owned()),
    }
}

/// Folds a text in form C. The result may not be in that form: `ǰ` becomes `j` with an accent.
fn fold_composed(text: &str) -> Cow<'_, str> {
    match CASES.fold_string(text) {
        Cow::Borrowed(text) => Cow::Borrowed(text),
        Cow::Owned(folded) => match NFC.normalize(&folded) {
            Cow::Borrowed(_) => Cow::Owned(folded),
            Cow::Owned(composed) => Cow::Owned(composed),
        },
    }
}

/// Whether a character modifies the previous one: an accent, a tone, a virama.
pub fn is_mark(character: char) -> bool {
    !character.is_ascii() && MARKS.get_u8(character) != 0
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use icu_normalizer::DecomposingNormalizer;
    use proptest::prelude::*;

    use super::{fold, nfc};

    fn nfd(text: &str) -> String {
        DecomposingNormalizer::new_nfd()
            .normalize(text)
            .into_owned()
    }

    #[test]
    fn both_unicode_forms_of_a_character_are_equal() {
        for text in ["이름", "é", "ǰ", "Å", "ガ", "ὑπέρ", "ệ", "plain"] {
            assert_eq!(nfc(&nfd(text)), nfc(text), "{text}");
            assert_eq!(fold(&nfd(text)), fold(text), "{text}");
            assert_eq!(nfc(&nfc(&nfd(text))), nfc(text), "{text}");
        }
        assert!(matches!(nfc(&nfd("이름")), Cow::Owned(_)));
        assert!(matches!(nfc("이름"), Cow::Borrowed(_)));
        // Characters that only look alike stay different.
        assert_ne!(nfc("Ａ"), nfc("A"));
    }

    #[test]
    fn letters_fold_fully_and_the_same_in_every_language() {
        for (one, other) in [
            ("σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ﬁn", "FIN"),
            ("Ǆ", "ǆ"),
            ("ŉ", "ʼN"),
            ("\u{13a0}", "\u{ab70}"),
            ("İ", "i\u{307}"),
            ("ᾳ", "ΑΙ"),
            ("Ω", "Ω"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        // Without a language, the Turkish dotless i is a separate letter.
        assert_ne!(fold("ı"), fold("I"));
        assert_eq!(fold("Tea-5"), "tea-5");
        assert!(matches!(fold("대한민국"), Cow::Borrowed(_)));
        assert!(matches!(fold("tea"), Cow::Borrowed(_)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn folding_is_stable_and_independent_of_the_form(text in "\\PC{0,4}[\u{300}-\u{345}]{0,3}\\PC{0,4}") {
            let folded = fold(&text).into_owned();
            prop_assert_eq!(fold(&folded), folded.as_str());
            prop_assert_eq!(nfc(&folded), folded.as_str());
            let decomposed = nfd(&text);
            prop_assert_eq!(fold(&decomposed), folded.as_str());
            prop_assert_eq!(nfc(&decomposed), nfc(&text));
        }
    }

    #[test]
    fn folding_every_character_is_stable() {
        for character in ('\0'..=char::MAX).map(String::from) {
            let folded = fold(&character).into_owned();
            assert_eq!(fold(&folded), folded, "{character:?}");
        }
    }
}
