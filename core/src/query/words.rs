//! Words for full-text search. Text and query are split here, once, for every store and for reads
//! without an index.
//!
//! Letters are case-folded fully, under NFC. Chinese, Japanese and Korean do not put spaces between
//! words, so their characters are not split into words: each is indexed with the one that follows
//! it (a bigram), and the last of a run alone. A query of several characters looks for each of
//! their pairs; a query of one character looks for everything that starts with it.

use serde_json::from_str;

use crate::unicode::{fold, is_mark};

/// Words are compared up to this length in bytes.
const LENGTH: usize = 128;

/// A word of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// The word, folded.
    pub word: String,
    /// Whether words that start with it match too.
    pub is_prefix: bool,
}

impl Sought {
    /// The words of a query, which all must match: split at characters that are neither letters nor
    /// digits. A `*` at the end of a run without spaces makes the word before it a prefix.
    pub fn all(query: &str) -> Vec<Self> {
        let mut all = Vec::new();
        let is_blank = |it: char| it.is_whitespace() || it == '\u{200b}';
        for part in query.split(is_blank) {
            let before = all.len();
            each_run(part, &mut |run| Self::add(run, &mut all));
            if let Some(last) = all[before..].last_mut() {
                last.is_prefix |= part.ends_with('*');
            }
        }
        all
    }

    fn add(run: Run<'_>, all: &mut Vec<Self>) {
        let mut push = |word: &str, is_prefix| {
            all.push(Self {
                word: word.to_owned(),
                is_prefix,
            });
        };
        match run {
            Run::Word(word) => push(word, false),
            Run::Unspaced(text) => {
                let mut pairs = pairs(text).peekable();
                while let Some(pair) = pairs.next() {
                    if pairs.peek().is_some() {
                        push(pair, false);
                    } else if pair == text {
                        push(pair, true);
                    }
                }
            }
        }
    }

    /// Whether it matches this word of a text.
    pub fn is(&self, word: &str) -> bool {
        word == self.word || (self.is_prefix && word.starts_with(&self.word))
    }
}

/// Calls `take` for each word of every string in a JSON document, without keys.
pub fn each(json: &str, take: &mut dyn FnMut(&str)) {
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let Some(token) = string_token(&rest[start..]) else {
            return;
        };
        rest = &rest[start + token.len()..];
        if rest.trim_start().starts_with(':') {
            continue;
        }
        let inner = &token[1..token.len() - 1];
        if !inner.contains('\\') {
            each_of_text(inner, take);
        } else if let Ok(text) = from_str::<String>(token) {
            each_of_text(&text, take);
        }
    }
}

/// Whether a JSON document contains all the searched words; false if there are none.
pub fn are_in(sought: &[Sought], json: &str) -> bool {
    let mut missing: Vec<&Sought> = sought.iter().collect();
    each(json, &mut |word| missing.retain(|sought| !sought.is(word)));
    missing.is_empty() && !sought.is_empty()
}

/// The string, with its quotes, at the start of a text.
fn string_token(text: &str) -> Option<&str> {
    let mut at = 1;
    loop {
        at += text.get(at..)?.find(['"', '\\'])?;
        if text.as_bytes()[at] == b'"' {
            return text.get(..=at);
        }
        at += 2;
    }
}

fn each_of_text(text: &str, take: &mut dyn FnMut(&str)) {
    each_run(text, &mut |run| match run {
        Run::Word(word) => take(word),
        Run::Unspaced(text) => pairs(text).for_each(&mut *take),
    });
}

/// A run of characters.
#[derive(Clone, Copy)]
enum Run<'a> {
    /// A word, cut at the maximum length.
    Word(&'a str),
    /// A run of characters of a script without spaces between words.
    Unspaced(&'a str),
}

/// Calls `take` for each run of a text, folded.
fn each_run(text: &str, take: &mut dyn FnMut(Run<'_>)) {
    if text.is_ascii() {
        return each_ascii_word(text, take);
    }
    let mut run = String::new();
    let mut is_unspaced = false;
    for character in fold(text).chars().filter(|&it| !is_invisible(it)) {
        let continues = !run.is_empty() && is_mark(character);
        if !continues && !character.is_alphanumeric() {
            end_run(&mut run, is_unspaced, take);
            continue;
        }
        let belongs = if continues {
            is_unspaced
        } else {
            is_unspaced_script(character)
        };
        if belongs != is_unspaced {
            end_run(&mut run, is_unspaced, take);
            is_unspaced = belongs;
        }
        run.push(character);
    }
    end_run(&mut run, is_unspaced, take);
}

fn end_run(run: &mut String, is_unspaced: bool, take: &mut dyn FnMut(Run<'_>)) {
    if run.is_empty() {
        return;
    }
    take(if is_unspaced {
        Run::Unspaced(run)
    } else {
        Run::Word(&run[..run.floor_char_boundary(LENGTH)])
    });
    run.clear();
}

/// The same for ASCII text, which is most text, without a folded copy of the whole text.
fn each_ascii_word(text: &str, take: &mut dyn FnMut(Run<'_>)) {
    let mut lower = String::new();
    for word in text.split(|it: char| !it.is_ascii_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        lower.clear();
        lower.push_str(&word[..word.len().min(LENGTH)]);
        lower.make_ascii_lowercase();
        take(Run::Word(&lower));
    }
}

/// Each character with the one that follows it; the last alone.
fn pairs(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.char_indices().map(|(at, it)| at + it.len_utf8());
    let ends_of_next = ends.skip(1).chain([text.len()]);
    text.char_indices()
        .zip(ends_of_next)
        .map(|((start, _), end)| &text[start..end])
}

/// Invisible characters that do not separate words: soft hyphens, joiners, variation selectors. The
/// zero-width space (U+200B) is not one of them: it separates the words of Thai and Khmer.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Han, Hiragana, Katakana, Bopomofo and Hangul.
fn is_unspaced_script(character: char) -> bool {
    matches!(
        character,
        '\u{1100}'..='\u{11ff}'
            | '\u{3005}'..='\u{3007}'
            | '\u{3021}'..='\u{3029}'
            | '\u{3031}'..='\u{318e}'
            | '\u{31a0}'..='\u{31bf}'
            | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{a960}'..='\u{a97f}'
            | '\u{ac00}'..='\u{d7ff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{ff66}'..='\u{ffdc}'
            | '\u{1aff0}'..='\u{1b16f}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::{Sought, are_in, each};

    fn words(json: &str) -> Vec<String> {
        let mut words = Vec::new();
        each(json, &mut |word| words.push(word.to_owned()));
        words
    }

    fn split_query(query: &str) -> Vec<(String, bool)> {
        let all = Sought::all(query).into_iter();
        all.map(|it| (it.word, it.is_prefix)).collect()
    }

    #[test]
    fn text_and_query_are_split_the_same() {
        let json = r#"{"name":"Blue-Green  Tea","n":5,"tags":["HOT","x_1"],"o":{"k":"été 서울"}}"#;
        let known = ["blue", "green", "tea", "hot", "x", "1", "été", "서울", "울"];
        assert_eq!(words(json), known);
        assert_eq!(words("5"), [""; 0]);
        assert_eq!(words(&format!("\"{}\"", "a".repeat(500)))[0].len(), 128);
        let word = |word: &str, is_prefix| (word.to_owned(), is_prefix);
        assert_eq!(
            split_query("blue-GREEN te*"),
            [word("blue", false), word("green", false), word("te", true)]
        );
        assert_eq!(split_query("a-b*"), [word("a", false), word("b", true)]);
        assert_eq!(split_query(" \"* - "), []);
    }

    #[test]
    fn letter_case_is_folded_fully() {
        for (text, query) in [
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("Straße", "STRASSE"),
            ("STRASSE 5", "straße"),
            ("Stra\u{df}e", "stras*"),
            ("ﬁne", "FINE"),
            ("I\u{302}le", "île"),
            ("e\u{301}te\u{301}", "ÉTÉ"),
            ("हिन्दी", "हिन्दी"),
            ("co\u{ad}operate", "cooperate"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("สวัสดี\u{200b}ชาวโลก", "ชาวโลก"),
            ("สวัสดี\u{200b}ชาวโลก", "สวัส*\u{200b}ชาวโลก"),
            ("សួស្តី\u{200b}ពិភពលោក", "សួស្តី"),
        ] {
            assert!(are_in(&Sought::all(query), &json(text)), "{text} {query}");
        }
        assert!(!are_in(&Sought::all("ılgın"), &json("ILGIN")));
        assert!(!are_in(&Sought::all("a\u{301}"), &json("a")));
        let joined = Sought::all("สวัสดีชาวโลก");
        assert!(!are_in(&joined, &json("สวัสดี\u{200b}ชาวโลก")));
    }

    fn json(text: &str) -> String {
        serde_json::to_string(&[text]).unwrap()
    }

    #[test]
    fn unspaced_scripts_are_found_inside_words() {
        for (text, queries) in [
            (
                "대한민국2024",
                &["민국", "한민", "국", "대한민국", "2024", "20*", "국2024"][..],
            ),
            (
                "iPhone케이스",
                &["케이스", "이스", "iphone", "IPHO*", "스", "iPhone케이스"],
            ),
            ("東京都庁", &["京都", "庁", "東京都庁", "東*", "京*"]),
            ("カタカナとひらがな", &["タカ", "ひら", "と", "ナと"]),
            ("\u{1103}\u{1162}\u{1112}\u{1161}\u{11ab}", &["대한", "한"]),
            ("𠮷野家", &["𠮷野", "野家", "家", "𠮷"]),
            ("葛\u{e0100}城", &["葛城", "城"]),
        ] {
            for query in queries {
                assert!(are_in(&Sought::all(query), &json(text)), "{text} {query}");
            }
        }
        for (text, query) in [
            ("대한민국", "국민"),
            ("대한 민국", "한민"),
            ("iPhone케이스", "phone"),
            ("東京", "都"),
        ] {
            assert!(!are_in(&Sought::all(query), &json(text)), "{text} {query}");
        }
    }

    #[test]
    fn a_number_of_any_size_does_not_hide_a_word() {
        let numbers = format!(r#"{{"a":1e999,"b":{},"c":"found"}}"#, "9".repeat(500));
        assert_eq!(words(&numbers), ["found"]);
        assert_eq!(
            words(r#"{"a" : "x" , "b\"" : ["\"y\\", {"c": "z\u00e9"}]}"#),
            ["x", "y", "zé"]
        );
    }

    #[test]
    fn a_star_makes_only_its_own_word_a_prefix() {
        assert_eq!(split_query("tea *"), [("tea".to_owned(), false)]);
        assert!(!are_in(&Sought::all("tea *"), r#"{"name":"teapot"}"#));
        assert!(are_in(&Sought::all("tea*"), r#"{"name":"Teapot"}"#));
        assert!(!are_in(&Sought::all("*"), r#"{"name":"teapot"}"#));
        assert!(!are_in(&Sought::all("tea pot"), r#"{"name":"tea"}"#));
    }
}
