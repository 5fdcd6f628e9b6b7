//! Suggests likely encodings of a text that is not UTF-8, by how each would read it.

use encoding_rs::{EUC_KR, Encoding, SHIFT_JIS, WINDOWS_1252};

use super::scan::Scan;
use crate::text::show;

/// The maximum number of shown characters of a line.
const SHOWN: usize = 60;
type Candidate = (&'static str, &'static Encoding, fn(char) -> bool);
const CANDIDATES: [Candidate; 3] = [
    ("cp949", EUC_KR, is_korean),
    ("shift_jis", SHIFT_JIS, is_japanese),
    ("windows-1252", WINDOWS_1252, is_western),
];

/// A message with likely encodings, the likeliest first, and how each reads the text. `line` is the
/// line of the file with the first bytes that are not UTF-8.
pub(crate) fn suggest(bytes: &[u8], line: u64) -> String {
    let bytes = skip_partial_line(bytes, line);
    let mut likely: Vec<(u64, String)> = Vec::new();
    for (name, encoding, is_usual) in CANDIDATES {
        let scan = Scan::of(encoding, bytes);
        // Some bytes may be damaged; those of another encoding are mostly malformed.
        if 10 * scan.malformed > scan.beyond_ascii {
            continue;
        }
        let text = show(&scan.text);
        let Some(shown) = text.lines().find(|line| !line.is_ascii()) else {
            continue;
        };
        let shown: String = shown.chars().take(SHOWN).collect();
        let reading = format!("--encoding {name} reads {shown:?}");
        likely.push((count_usual(&text, encoding, is_usual), reading));
    }
    likely.sort_by_key(|(usual, _)| std::cmp::Reverse(*usual));
    if likely.is_empty() {
        return "none of the common encodings fits; convert it to UTF-8 first".to_owned();
    }
    let readings: Vec<String> = likely.into_iter().map(|(_, reading)| reading).collect();
    format!("name the encoding: {}", readings.join(", "))
}

/// From the start of a line, unless the bytes are from the start of the file.
fn skip_partial_line(bytes: &[u8], line: u64) -> &[u8] {
    let first_invalid = bytes
        .utf8_chunks()
        .next()
        .map_or(0, |chunk| chunk.valid().len());
    let before = &bytes[..first_invalid];
    match before
        .iter()
        .rposition(|byte| matches!(byte, b'\n' | b'\r'))
    {
        Some(end) if line > 1 => &bytes[end + 1..],
        _ => bytes,
    }
}

/// How many per thousand of the characters beyond ASCII are usual in texts of an encoding. In a
/// two-byte encoding, a single such character inside an ASCII word is a Western letter with its
/// neighbour.
fn count_usual(text: &str, encoding: &'static Encoding, is_usual: fn(char) -> bool) -> u64 {
    let (mut usual, mut all) = (0, 0);
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        if !character.is_ascii() {
            all += 1;
            let alone = before.is_ascii_alphabetic() && after.is_ascii();
            usual += u64::from(is_usual(character) && (encoding == WINDOWS_1252 || !alone));
        }
        before = character;
    }
    1_000 * usual / u64::max(all, 1)
}

fn is_korean(character: char) -> bool {
    matches!(character, '\u{ac00}'..='\u{d7a3}' | '\u{3000}'..='\u{3015}' | '·' | '…')
}

fn is_japanese(character: char) -> bool {
    matches!(character, '\u{3000}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ff5e}')
}

fn is_western(character: char) -> bool {
    let is_letter = matches!(character, '\u{c0}'..='\u{ff}') && !matches!(character, '×' | '÷');
    // Capital letters beyond ASCII are rare inside words.
    is_letter && character.is_lowercase()
        || matches!(
            character,
            '€' | '‘' | '’' | '“' | '”' | '–' | '—' | '…' | '°' | '§' | 'Œ' | 'œ'
        )
        || matches!(character, 'Ä' | 'Ö' | 'Ü' | 'É' | 'À' | 'Ç' | 'Ñ')
}
