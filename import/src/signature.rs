//! Recognizes files that are neither a table nor NDJSON by their first bytes, and says what to do.

mod json;

use std::path::Path;

use crate::options::Format;

const WORKBOOK: &str = "open it and save the sheet as CSV (in Excel: CSV UTF-8)";
const CONVERT: &str = "convert it to CSV first";
const UNPACK: &str = "unpack it and import the files in it";
const OPEN: &str = "export the table as CSV";

/// First bytes, the format, and what to do.
const KNOWN: [(&[u8], &str, &str); 14] = [
    (
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        "an Excel workbook (.xls, or one with a password)",
        WORKBOOK,
    ),
    (
        b"%PDF-",
        "a PDF",
        "export the table as CSV from the source of the PDF",
    ),
    (b"PAR1", "a Parquet file", CONVERT),
    (b"ARROW1", "an Arrow (Feather) file", CONVERT),
    (b"ORC", "an ORC file", CONVERT),
    (b"Obj\x01", "an Avro file", CONVERT),
    (b"SQLite format 3\0", "a SQLite database", OPEN),
    (b"PGDMP", "a dump of PostgreSQL", OPEN),
    (b"\x00\x01\x00\x00Standard", "an Access database", OPEN),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", UNPACK),
    (b"Rar!\x1A\x07", "a RAR archive", UNPACK),
    (b"{\\rtf", "a text document (RTF)", CONVERT),
    (b"\x89PNG\r\n", "a PNG image", "it contains no table"),
    (b"\xFF\xD8\xFF", "a JPEG image", "it contains no table"),
];

/// First bytes of compressed files, and the program that decompresses them.
const COMPRESSED: [(&[u8], &str); 8] = [
    (b"\x1F\x8B", "gzip"),
    (b"\x28\xB5\x2F\xFD", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xFD7zXZ\0", "xz"),
    (b"\x04\x22\x4D\x18", "lz4"),
    (b"LZIP\x01", "lzip"),
    (b"\x1F\x9D", "uncompress"),
    (b"\xFF\x06\0\0sNaPpY", "snzip"),
];

/// A sentence that names the format of an input that is not text, by its first bytes. `name` is the
/// name of the file.
pub(crate) fn recognize(sample: &[u8], name: &str) -> Option<String> {
    if let Some(program) = compression(sample) {
        return Some(describe_compressed(program, name));
    }
    let (what, advice) = archive(sample).or_else(|| find_known(sample))?;
    Some(format!("is {what}; {advice}"))
}

/// A sentence that names the format of a text that is not in the expected one, by its first bytes.
pub(crate) fn recognize_text(text: &[u8], expected: Format) -> Option<String> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    match markup(text.trim_ascii_start()) {
        Some((what, advice)) => Some(format!("is {what}; {advice}")),
        None => json::recognize(text, expected),
    }
}

fn compression(sample: &[u8]) -> Option<&'static str> {
    // A skippable frame may come first.
    if let [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] = sample {
        return Some("zstd");
    }
    let mut known = COMPRESSED.iter();
    let found = known.find(|(first, _)| starts_with_signature(sample, first));
    found.map(|(_, program)| *program)
}

fn describe_compressed(program: &str, name: &str) -> String {
    let inner = Path::new(name).file_stem().unwrap_or_default();
    let format = match Format::of_file(Path::new(inner)) {
        Format::Csv => "",
        Format::Ndjson => " --format ndjson",
    };
    format!(
        "is compressed ({program}); decompress it first, or pipe it: {program} -dc FILE | spice import -{format} …"
    )
}

fn find_known(sample: &[u8]) -> Option<(&'static str, &'static str)> {
    let mut known = KNOWN.iter();
    let found = known.find(|(first, ..)| starts_with_signature(sample, first));
    found.map(|(_, what, advice)| (*what, *advice))
}

/// Whether a sample begins with a signature. Letters alone may be the start of a text header.
fn starts_with_signature(sample: &[u8], first: &[u8]) -> bool {
    let is_word = first.iter().all(u8::is_ascii_alphanumeric);
    sample.starts_with(first) && (!is_word || has_control(sample))
}

fn has_control(sample: &[u8]) -> bool {
    sample.iter().take(512).any(|byte| *byte < b'\t')
}

fn archive(sample: &[u8]) -> Option<(&'static str, &'static str)> {
    const PARTS: [&[u8]; 3] = [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"];
    if sample.get(257..262) == Some(b"ustar") {
        return Some(("a tar archive", UNPACK));
    }
    if !PARTS.iter().any(|first| sample.starts_with(first)) {
        return None;
    }
    let holds = |name: &[u8]| sample.windows(name.len()).any(|it| it == name);
    Some(
        if holds(b"xl/") || (holds(b"[Content_Types].xml") && !holds(b"word/") && !holds(b"ppt/")) {
            ("an Excel workbook (.xlsx)", WORKBOOK)
        } else if holds(b"opendocument.spreadsheet") {
            ("a LibreOffice sheet (.ods)", WORKBOOK)
        } else if holds(b"word/") || holds(b"opendocument.text") {
            ("a text document (.docx or .odt)", CONVERT)
        } else if holds(b"Index/") && holds(b".iwa") {
            ("a Numbers sheet", "export it as CSV from Numbers")
        } else {
            ("a zip archive", UNPACK)
        },
    )
}

fn markup(text: &[u8]) -> Option<(&'static str, &'static str)> {
    let begins = |name: &str| {
        text.get(..name.len())
            .is_some_and(|first| first.eq_ignore_ascii_case(name.as_bytes()))
    };
    let html = ["<!doctype html", "<html", "<table", "<head", "<meta"];
    if html.into_iter().any(begins) {
        let advice = "open it in a spreadsheet and save it as CSV";
        return Some(("an HTML page", advice));
    }
    begins("<?xml").then_some(("XML", CONVERT))
}
