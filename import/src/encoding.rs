//! The encoding of a file: from its byte order mark, from the options, or UTF-8. Nothing is
//! guessed: if it is not certain, the error shows how the likely encodings would read the text.

mod scan;
mod suggest;

use std::{
    borrow::Cow,
    io::{self, Read},
};

use encoding_rs::{EUC_KR, Encoding, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};

use self::scan::{Scan, scan_utf8};
pub(crate) use self::suggest::suggest;
use crate::{reader::Reader, text::show};

/// An encoding as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// UTF-16 in the byte order that the file shows.
    Utf16,
    /// One encoding.
    Known(&'static Encoding),
}

/// Parses the name of an encoding.
pub fn parse(name: &str) -> Result<Charset, String> {
    let label = name.trim().to_ascii_lowercase().replace('_', "-");
    let known = match label.as_str() {
        "utf-16" | "utf16" => return Ok(Charset::Utf16),
        "utf-16le" | "utf16le" => Some(UTF_16LE),
        "utf-16be" | "utf16be" => Some(UTF_16BE),
        "cp949" | "ms949" | "uhc" => Some(EUC_KR),
        "cp932" => Some(SHIFT_JIS),
        _ => Encoding::for_label_no_replacement(label.as_bytes())
            .or_else(|| Encoding::for_label_no_replacement(name.trim().as_bytes())),
    };
    known
        .filter(|encoding| *encoding != X_USER_DEFINED)
        .map(Charset::Known)
        .ok_or_else(|| {
            "utf-8, utf-16, utf-16le, utf-16be, cp949, shift_jis, windows-1252, or another name of https://encoding.spec.whatwg.org".to_owned()
        })
}

/// The encoding of a file by its first bytes, or a message if it is unknown.
pub(crate) fn choose(asked: Option<Charset>, sample: &[u8]) -> Result<&'static Encoding, String> {
    if sample.starts_with(&[0xFF, 0xFE, 0, 0]) || sample.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return Err("is UTF-32; convert it first, for example with iconv -t UTF-8".to_owned());
    }
    let mark = Encoding::for_bom(sample).map(|(encoding, _)| encoding);
    match (asked, mark) {
        (None, Some(mark)) => Ok(mark),
        (None, None) => choose_without_mark(sample),
        (Some(Charset::Utf16), Some(mark)) if mark != UTF_8 => Ok(mark),
        (Some(Charset::Known(known)), Some(mark)) if known == mark => Ok(mark),
        (Some(_), Some(mark)) => Err(format!(
            "starts with the byte order mark of {}; leave --encoding out",
            mark.name()
        )),
        (Some(Charset::Utf16), None) => detect_byte_order(sample).ok_or_else(|| {
            "has no byte order mark, so its byte order is unknown; use --encoding utf-16le or utf-16be".to_owned()
        }),
        (Some(Charset::Known(known)), None) => Ok(known),
    }
}

fn choose_without_mark(sample: &[u8]) -> Result<&'static Encoding, String> {
    // No line of text contains a zero byte; in UTF-16, the first line or its end does.
    let line = sample.iter().position(|byte| *byte == b'\n');
    let head = &sample[..line.map_or(sample.len(), |end| (end + 2).min(sample.len()))];
    if !head.contains(&0) {
        return Ok(UTF_8);
    }
    match detect_byte_order(sample) {
        Some(order) if looks_like(order, sample) => Err(format!(
            "looks like {} without a byte order mark; if it is, use --encoding {}",
            order.name(),
            order.name().to_ascii_lowercase()
        )),
        _ => {
            Err("has zero bytes in its first line, so it is not text; export it as CSV".to_owned())
        }
    }
}

/// The byte order with more ASCII characters.
fn detect_byte_order(sample: &[u8]) -> Option<&'static Encoding> {
    let pairs = |is: fn(&&[u8]) -> bool| sample.chunks_exact(2).filter(is).count();
    let little = pairs(|pair| matches!(pair, [1..=0x7F, 0]));
    let big = pairs(|pair| matches!(pair, [0, 1..=0x7F]));
    let likely = if little > big { UTF_16LE } else { UTF_16BE };
    (little != big).then_some(likely)
}

/// Whether the first characters up to the first line end are text in an encoding.
fn looks_like(encoding: &'static Encoding, sample: &[u8]) -> bool {
    if let Some(at) = sample.iter().position(|byte| *byte == b'\n') {
        let pair = sample.get(at - at % 2..at - at % 2 + 2);
        let expected = if encoding == UTF_16LE {
            [b'\n', 0]
        } else {
            [0, b'\n']
        };
        if pair != Some(&expected) {
            return false;
        }
    }
    let is_letter = |byte: &u8| matches!(byte, 0x20..=0x7E);
    let pairs = || sample.chunks_exact(2);
    let letters = pairs().filter(|pair| pair.iter().all(is_letter)).count();
    let ascii = pairs().filter(|pair| pair.contains(&0)).count();
    if letters > ascii {
        return false;
    }
    let decoded = Scan::of(encoding, sample);
    let is_control = |it: &char| it.is_control() && !matches!(it, '\r' | '\n' | '\t');
    decoded.malformed == 0 && !show(&decoded.text).chars().any(|it| is_control(&it))
}

/// A sample of a file as UTF-8.
pub(crate) fn decode<'a>(encoding: &'static Encoding, sample: &'a [u8]) -> Cow<'a, [u8]> {
    if encoding == UTF_8 {
        return Cow::Borrowed(sample);
    }
    Cow::Owned(Scan::of(encoding, sample).text)
}

/// Why a file seems to be in another encoding.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) sentence: String,
    /// Whether the invalid bytes may all be in columns that are left out.
    pub(crate) is_by_bytes: bool,
}

/// Checks that a file is in the chosen encoding: the whole file if it can be read twice, its first
/// bytes otherwise. Refuses a file in another encoding. Single rows with invalid bytes are rejected
/// later.
pub(crate) fn check(
    encoding: &'static Encoding,
    is_asked: bool,
    sample: &[u8],
    file: Option<&mut dyn Read>,
) -> io::Result<Result<(), Doubt>> {
    let mut whole = sample;
    let file: &mut dyn Read = match file {
        Some(file) => file,
        None => &mut whole,
    };
    if encoding != UTF_8 {
        // Line ends in UTF-16 contain zero bytes.
        let is_utf16 = [UTF_16LE, UTF_16BE].contains(&encoding) && sample.contains(&0);
        if is_asked && !is_utf16 && is_utf8(file)? {
            return Ok(Err(Doubt {
                sentence: suggest_utf8(encoding),
                is_by_bytes: false,
            }));
        }
        return Ok(judge(encoding, sample, &Scan::of(encoding, sample)));
    }
    Ok(judge(encoding, sample, &scan_utf8(file, u64::MAX)?))
}

/// Checks the encoding of the fields that count. `rows` are at the header. Returns `doubt` if they
/// cannot be read.
pub(crate) fn check_columns<R: Read>(
    encoding: &'static Encoding,
    sample: &[u8],
    rows: &mut Reader<R>,
    counts: impl Fn(usize) -> bool,
    doubt: Doubt,
) -> Result<(), Doubt> {
    match Scan::of_columns(rows, counts) {
        Ok(found) => judge(encoding, sample, &found),
        Err(_) => Err(doubt),
    }
}

fn judge(encoding: &'static Encoding, sample: &[u8], found: &Scan) -> Result<(), Doubt> {
    let share = if encoding == UTF_8 { 1 } else { 10 };
    if !found.is_other_encoding(share) {
        return Ok(());
    }
    let (name, line) = (encoding.name(), found.line);
    let likely = if encoding == UTF_8 {
        suggest(&found.text, line)
    } else {
        suggest(sample, 1)
    };
    Err(Doubt {
        sentence: format!("is not {name}, as line {line} shows; {likely}"),
        is_by_bytes: true,
    })
}

/// Whether the whole file is UTF-8 with characters beyond ASCII. Legacy encodings end the scan
/// early.
fn is_utf8(file: &mut dyn Read) -> io::Result<bool> {
    let found = scan_utf8(file, 1)?;
    Ok(found.malformed == 0 && found.beyond_ascii > 0)
}

fn suggest_utf8(encoding: &'static Encoding) -> String {
    let name = encoding.name();
    format!(
        "is UTF-8, not {name}; leave --encoding out (rejects are always UTF-8), or convert the file to UTF-8 with iconv if it really is {name}"
    )
}
