//! Files that are no text, by their first bytes: what each is, and what to do with it.

const WORKBOOK: &str = "open it and save the sheet as CSV (in Excel: CSV UTF-8)";
const CONVERT: &str = "convert it to CSV first";
const OPEN: &str = "export the table that you mean as CSV";

/// First bytes, what begins so, and what to do.
const KNOWN: [(&[u8], &str, &str); 18] = [
    (
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        "an Excel workbook (.xls, or one with a password)",
        WORKBOOK,
    ),
    (
        b"%PDF-",
        "a PDF",
        "get the table as CSV from where the PDF was made",
    ),
    (b"PAR1", "a Parquet file", CONVERT),
    (b"ARROW1", "an Arrow (Feather) file", CONVERT),
    (b"ORC", "an ORC file", CONVERT),
    (b"Obj\x01", "an Avro file", CONVERT),
    (b"SQLite format 3\0", "a SQLite database", OPEN),
    (b"PGDMP", "a dump of PostgreSQL", OPEN),
    (b"\x00\x01\x00\x00Standard", "an Access database", OPEN),
    (
        b"\x28\xB5\x2F\xFD",
        "compressed with zstd",
        "decompress it: zstd -dc FILE | spice import - …",
    ),
    (
        b"BZh",
        "compressed with bzip2",
        "decompress it: bzip2 -dc FILE | spice import - …",
    ),
    (
        b"\xFD7zXZ\0",
        "compressed with xz",
        "decompress it: xz -dc FILE | spice import - …",
    ),
    (
        b"\x1F\x8B",
        "compressed with gzip",
        "decompress it: gzip -dc FILE | spice import - …",
    ),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", "unpack it"),
    (b"Rar!\x1A\x07", "a RAR archive", "unpack it"),
    (b"{\\rtf", "a text document (RTF)", CONVERT),
    (
        b"\x89PNG\r\n",
        "a PNG image",
        "there is no table to read in it",
    ),
    (
        b"\xFF\xD8\xFF",
        "a JPEG image",
        "there is no table to read in it",
    ),
];

/// A sentence that says what the file is, when it is no text and so not in the `expected` format.
pub(crate) fn recognize(sample: &[u8], expected: &str) -> Option<String> {
    let text = sample.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(sample);
    let (what, advice) = zip(sample)
        .or_else(|| markup(text.trim_ascii_start()))
        .or_else(|| {
            let known = KNOWN.iter().find(|(first, ..)| sample.starts_with(first));
            known
                // Letters alone may begin the head of a text.
                .filter(|(first, ..)| {
                    !first.iter().all(u8::is_ascii_alphanumeric) || has_control(sample)
                })
                .map(|(_, what, advice)| (*what, *advice))
        })?;
    Some(format!("is {what}, not {expected}; {advice}"))
}

fn has_control(sample: &[u8]) -> bool {
    sample.iter().take(512).any(|byte| *byte < b'\t')
}

fn zip(sample: &[u8]) -> Option<(&'static str, &'static str)> {
    if !(sample.starts_with(b"PK\x03\x04") || sample.starts_with(b"PK\x05\x06")) {
        return None;
    }
    let holds = |name: &[u8]| sample.windows(name.len()).any(|it| it == name);
    if holds(b"xl/") || (holds(b"[Content_Types].xml") && !holds(b"word/") && !holds(b"ppt/")) {
        return Some(("an Excel workbook (.xlsx)", WORKBOOK));
    }
    if holds(b"opendocument.spreadsheet") {
        return Some(("a LibreOffice sheet (.ods)", WORKBOOK));
    }
    if holds(b"word/") || holds(b"opendocument.text") {
        return Some(("a text document (.docx or .odt)", CONVERT));
    }
    if holds(b"Index/") && holds(b".iwa") {
        return Some(("a Numbers sheet", "export it as CSV from Numbers"));
    }
    Some(("a zip archive", "unpack it and import the CSV files in it"))
}

fn markup(text: &[u8]) -> Option<(&'static str, &'static str)> {
    let begins = |name: &str| {
        text.get(..name.len())
            .is_some_and(|first| first.eq_ignore_ascii_case(name.as_bytes()))
    };
    if ["<!doctype html", "<html", "<table", "<head", "<meta"]
        .into_iter()
        .any(begins)
    {
        return Some((
            "an HTML page",
            "open it in a spreadsheet and save it as CSV",
        ));
    }
    begins("<?xml").then_some(("XML", CONVERT))
}
