//! Files of other encodings are read correctly, or refused with suggestions.

use std::io::Read as _;

use encoding_rs::{EUC_KR, Encoding, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use proptest::prelude::*;

use super::*;
use crate::{
    decoder::Decoder,
    encoding::{Charset, Doubt, check, choose, parse},
    text::{has_shown_byte, show},
};

fn encode(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    if encoding == UTF_16LE {
        return text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    }
    if encoding == UTF_16BE {
        return text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    }
    let (bytes, _, is_lossy) = encoding.encode(text);
    assert!(!is_lossy, "{text:?}");
    bytes.into_owned()
}

/// Returns a few bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(self.0.len()).min(out.len());
        out[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn decode(bytes: &[u8], encoding: &'static Encoding, piece: usize) -> Vec<u8> {
    let mut text = Vec::new();
    Decoder::new(Slow(bytes, piece), encoding)
        .read_to_end(&mut text)
        .unwrap();
    text
}

impl From<Doubt> for String {
    fn from(doubt: Doubt) -> Self {
        doubt.sentence
    }
}

/// The detected encoding of a file with or without `--encoding`, or the refusal.
fn detect(bytes: &[u8], asked: Option<&str>) -> Result<&'static str, String> {
    let asked = asked.map(|name| parse(name).unwrap());
    let encoding = choose(asked, bytes)?;
    check(encoding, asked.is_some(), bytes, None).unwrap()?;
    Ok(encoding.name())
}

const KOREAN: &str = "이름,가격\n찻주전자,25\n컵,4\n";
const JAPANESE: &str = "名前,値段\nティーポット,25\n湯のみ,4\n";
const GERMAN: &str = "Größe;Straße\nklein;Köln\ngroß;Düsseldorf\n";

#[test]
fn the_encoding_comes_from_the_mark_or_the_name_or_is_utf_8() {
    let marked = |mark: &[u8], rest: Vec<u8>| [mark, &rest].concat();
    let little = encode(KOREAN, UTF_16LE);
    let big = encode(KOREAN, UTF_16BE);
    for (bytes, asked, name) in [
        (b"a,b\n".to_vec(), None, "UTF-8"),
        (KOREAN.into(), None, "UTF-8"),
        (KOREAN.into(), Some("utf-8"), "UTF-8"),
        (marked(b"\xEF\xBB\xBF", KOREAN.into()), None, "UTF-8"),
        (marked(&[0xFF, 0xFE], little.clone()), None, "UTF-16LE"),
        (
            marked(&[0xFE, 0xFF], big.clone()),
            Some("UTF-16"),
            "UTF-16BE",
        ),
        (little, Some("utf-16"), "UTF-16LE"),
        (big, Some("UTF16"), "UTF-16BE"),
        (encode(KOREAN, EUC_KR), Some("CP949"), "EUC-KR"),
        (encode(KOREAN, EUC_KR), Some("euc-kr"), "EUC-KR"),
        (encode(JAPANESE, SHIFT_JIS), Some("Shift-JIS"), "Shift_JIS"),
        (encode(JAPANESE, SHIFT_JIS), Some("shift_jis"), "Shift_JIS"),
        (encode(GERMAN, WINDOWS_1252), Some("cp1252"), "windows-1252"),
        (encode(GERMAN, WINDOWS_1252), Some("latin1"), "windows-1252"),
        // A damaged row is rejected later; the rest is valid.
        ([KOREAN.as_bytes(), b"caf\xE9,1\n"].concat(), None, "UTF-8"),
    ] {
        assert_eq!(detect(&bytes, asked).as_deref(), Ok(name), "{asked:?}");
    }
    assert!(parse("klingon").is_err());
    assert_eq!(parse("utf-16"), Ok(Charset::Utf16));
}

#[test]
fn uncertain_encodings_are_refused_with_suggestions() {
    let first = |text: &str, encoding| encode(text, encoding);
    for (bytes, asked, message) in [
        (
            first(KOREAN, EUC_KR),
            None,
            "is not UTF-8, as line 1 shows; name the encoding: --encoding cp949 reads \"이름,가격\"",
        ),
        (
            first(JAPANESE, SHIFT_JIS),
            None,
            "name the encoding: --encoding shift_jis reads \"名前,値段\"",
        ),
        (
            first(GERMAN, WINDOWS_1252),
            None,
            "name the encoding: --encoding windows-1252 reads \"Größe;Straße\"",
        ),
        (
            first("id,name\n1,a\n2,찻주전자\n", EUC_KR),
            None,
            "as line 3 shows; name the encoding: --encoding cp949 reads \"2,찻주전자\"",
        ),
        (
            first(KOREAN, EUC_KR),
            Some("utf-8"),
            "is not UTF-8, as line 1",
        ),
        (
            first(KOREAN, EUC_KR),
            Some("shift_jis"),
            "--encoding cp949 reads",
        ),
        (
            KOREAN.into(),
            Some("windows-1252"),
            "is UTF-8, not windows-1252",
        ),
        (
            [&[0xFF, 0xFE], first(KOREAN, UTF_16LE).as_slice()].concat(),
            Some("cp949"),
            "starts with the byte order mark of UTF-16LE",
        ),
        (first("a,b\n1,2\n", UTF_16LE), None, "--encoding utf-16le"),
        (first(KOREAN, UTF_16BE), None, "--encoding utf-16be"),
        (b"\xFF\xFE\0\0a\0\0\0".to_vec(), None, "UTF-32"),
        (b"a\0b,c\n1,2\n".to_vec(), None, "zero bytes"),
        (b"sku,Name\0\n".to_vec(), None, "zero bytes"),
        (
            [
                first("이름,가격\n찻주전자,1\n컵,2\n물,3\n", EUC_KR),
                b"\xB0\xA1\xFF,3\n".to_vec(),
            ]
            .concat(),
            None,
            "--encoding cp949 reads",
        ),
        (
            b"\x81\x8D,x\n".to_vec(),
            Some("windows-1252"),
            "is not windows-1252",
        ),
    ] {
        let refused = detect(&bytes, asked).unwrap_err();
        assert!(refused.contains(message), "{asked:?}: {refused}");
        assert!(!refused.contains('\u{fffd}'), "{refused}");
    }
    // Zero bytes after the header are data.
    assert_eq!(detect(b"a,b\n1,\0\n", None), Ok("UTF-8"));
}

#[test]
fn utf_8_anywhere_in_a_file_is_not_read_as_another_encoding() {
    let ascii = "n,v\n".repeat(50_000);
    let far = format!("{ascii}é,1\n");
    let sample = &far.as_bytes()[..64 * 1024];
    let names = [
        "cp949",
        "shift_jis",
        "windows-1252",
        "utf-16le",
        "iso-2022-jp",
    ];
    for name in names {
        let Ok(Charset::Known(encoding)) = parse(name) else {
            panic!("{name}")
        };
        let refused = check(encoding, true, sample, Some(&mut far.as_bytes())).unwrap();
        let refused = refused.unwrap_err().sentence;
        assert!(refused.contains("is UTF-8, not "), "{name}: {refused}");
        assert!(refused.contains("leave --encoding out"), "{refused}");
        // For a stream, the first bytes decide, by a single character.
        let near = check(encoding, true, "é,1\n".as_bytes(), None).unwrap();
        assert!(near.unwrap_err().sentence.contains("is UTF-8"), "{name}");
    }
    for (text, encoding) in [
        (ascii.clone().into_bytes(), EUC_KR),
        ([ascii.as_bytes(), b"caf\xE9,1\n"].concat(), WINDOWS_1252),
        (encode(&format!("{ascii}컵,1\n"), EUC_KR), EUC_KR),
        (encode(KOREAN, UTF_16LE), UTF_16LE),
    ] {
        let sample = &text[..text.len().min(64 * 1024)];
        let found = check(encoding, true, sample, Some(&mut text.as_slice())).unwrap();
        assert!(found.is_ok(), "{}: {found:?}", encoding.name());
    }
}

#[test]
fn characters_across_chunks_are_complete_and_bad_bytes_far_away_are_found() {
    for shift in 0..4 {
        let mut text = vec![b'x'; 64 * 1024 - 2 - shift];
        text.extend("한글".bytes());
        assert!(
            check(UTF_8, false, b"", Some(&mut text.as_slice()))
                .unwrap()
                .is_ok(),
            "{shift}"
        );
    }
    // The end of a line over the edge is one.
    for start in (64 * 1024 - 2)..=(64 * 1024) {
        let mut text = vec![b'x'; start];
        text.extend(b"\r\n");
        text.extend(encode("찻주전자,1\n", EUC_KR));
        let refused = check(UTF_8, false, b"n", Some(&mut text.as_slice())).unwrap();
        let refused = refused.unwrap_err().sentence;
        assert!(refused.contains("as line 2 shows"), "{start}: {refused}");
        assert!(refused.contains("cp949 reads \"찻주전자,1\""), "{refused}");
    }
}

/// What of a table is taken and why not the rest, or why it is refused as a whole: as an import of a
/// file, which is looked at twice, and of a stream.
fn import_table(text: &[u8], mapping: &Mapping) -> Result<(usize, Vec<String>), String> {
    let sample = &text[..text.len().min(64 * 1024)];
    for file in [Some(&mut &*text as &mut dyn std::io::Read), None] {
        check(UTF_8, false, sample, file).unwrap()?;
    }
    let mut reader = reader(text);
    let head = reader.read().unwrap().unwrap();
    let schema = schema(&[json!({"id": "Order", "label": "Order", "properties": [
        {"name": "number", "type": "string"}, {"name": "note", "type": "string"}]})]);
    let class = schema.resolve("Order").unwrap();
    let plan = Plan::read(&schema, class, &head, mapping).map_err(|error| error.to_string())?;
    let batches = Batches::new(TableRows::new(reader, Arc::new(plan)), 100_000, false);
    let batch = batches.map(Result::unwrap).next().unwrap();
    Ok((batch.rows_to_send().count(), reasons(&batch)))
}

#[test]
fn a_bad_byte_is_the_fault_of_its_row_wherever_it_is() {
    let head = "number,note\n";
    // Each row has 10 bytes, so the bad bytes stand around the edges of what is read at once.
    for before in [0, 1, 6_551, 6_552, 6_553, 8_000] {
        for bad in ["x\u{e9}y", "\u{e9}", "\u{e9}zzzzzzzz"] {
            let mut text: Vec<u8> = head.into();
            (0..before).for_each(|row| text.extend(format!("{row:>7},n\n").bytes()));
            text.extend(b"bad,");
            text.extend(encode(bad, WINDOWS_1252));
            text.extend(b"\nlast,n");
            let (taken, reasons) = import_table(&text, &mapping()).unwrap();
            assert_eq!((taken, reasons.len()), (before + 1, 1), "{before} {bad}");
            assert!(reasons[0].starts_with("note: must be UTF-8"), "{reasons:?}");
            assert!(reasons[0].contains("\\xE9"), "{reasons:?}");
            // A column that is left out is not read.
            let skipped = Mapping {
                skip: vec!["note".into()],
                ..mapping()
            };
            assert_eq!(import_table(&text, &skipped), Ok((before + 2, vec![])));
        }
    }
    // One damaged row in more than a hundred is its own fault, however much of it is bad.
    let many = |rows: usize| {
        let mut text = [head, &"1,n\n".repeat(rows)].concat().into_bytes();
        text.extend(encode("2,찻주전자\n", EUC_KR));
        import_table(&text, &mapping())
    };
    assert_eq!(many(200).unwrap().0, 200);
    let refused = many(20).unwrap_err();
    assert!(refused.contains("as line 22 shows"), "{refused}");
    assert!(
        refused.contains("--encoding cp949 reads \"2,찻주전자\""),
        "{refused}"
    );
    // Two of 152 rows, each with a bad byte before the end of its line, are too many.
    let mut text = [head, &"1,n\n".repeat(150)].concat().into_bytes();
    text.extend(b"2,caf\xE9\n3,caf\xE9\n");
    let refused = import_table(&text, &mapping()).unwrap_err();
    assert!(
        refused.contains("--encoding windows-1252 reads"),
        "{refused}"
    );
    // A character that the end of the file cuts off.
    let cut = [head.as_bytes(), "1,a\n2,한".as_bytes()].concat();
    let (taken, reasons) = import_table(&cut[..cut.len() - 1], &mapping()).unwrap();
    assert_eq!((taken, reasons.len()), (1, 1), "{reasons:?}");
}

#[test]
fn a_name_of_a_column_that_is_not_text_needs_a_number() {
    let text = encode("number,Größe\n1,a\n2,b\n", WINDOWS_1252);
    let one = [b"number,caf\xE9\n".as_slice(), b"1,a\n"].concat();
    for (text, name) in [(&text, "\"Gr\\\\xF6\\\\xDFe\""), (&one, "\"caf\\\\xE9\"")] {
        let refused = import_table(text, &mapping()).unwrap_err();
        if text == &one {
            let message =
                format!("line 1: the name of column 2, {name}, is not UTF-8; name the encoding: ");
            assert!(refused.contains(&message), "{refused}");
            assert!(refused.contains("--skip-column 2"), "{refused}");
        }
        assert!(
            refused.contains("--encoding windows-1252 reads"),
            "{refused}"
        );
    }
    let skipped = Mapping {
        skip: vec!["2".into()],
        ..mapping()
    };
    assert_eq!(import_table(&one, &skipped), Ok((1, vec![])));
    let mapped = Mapping {
        map: vec!["2=note".into()],
        ..mapping()
    };
    assert_eq!(import_table(&one, &mapped), Ok((1, vec![])));
}

#[test]
fn invalid_bytes_are_shown_and_never_replaced() {
    for (bytes, encoding, shown) in [
        (b"a\xC0\xCC\xFFb\n".as_slice(), EUC_KR, "a이\\xFFb\n"),
        (b"ok\xE9,x\n", EUC_KR, "ok\\xE9,x\n"),
        (b"a\x81", WINDOWS_1252, "a\\x81"),
        (b"\x8Fz\xE9", WINDOWS_1252, "\\x8Fzé"),
        (b"a\0\x00\xD8b\0", UTF_16LE, "a\\x00\\xD8b"),
        (b"a\0b", UTF_16LE, "a\\x62"),
    ] {
        for piece in [1, 2, 3, 100] {
            let text = decode(bytes, encoding, piece);
            assert!(std::str::from_utf8(&text).is_err(), "{bytes:?}");
            assert_eq!(show(&text), shown, "{bytes:?} in pieces of {piece}");
        }
    }
    assert_eq!(show(b"caf\xE9 \xFF!"), "caf\\xE9 \\xFF!");
    assert!(has_shown_byte("caf\\xE9") && !has_shown_byte("\\xylophone \\x"));
}

const ENCODINGS: [(&Encoding, &str); 6] = [
    (UTF_8, "[ -~\n\r\té한글😀\u{a0}]{0,8}"),
    (UTF_16LE, "[ -~\n\r\té한글😀\u{a0}]{0,8}"),
    (UTF_16BE, "[ -~\n\r\té한글😀\u{a0}]{0,8}"),
    (EUC_KR, "[ -~\n\r\t한글컵똠]{0,8}"),
    (SHIFT_JIS, "[ -~\n\r\tソ表ティ湯ｱ]{0,8}"),
    (WINDOWS_1252, "[ -~\n\r\téßÄ€“]{0,8}"),
];

proptest! {
    #[test]
    fn any_table_in_any_dialect_and_encoding_reads_back(
        (encoding, rows) in prop::sample::select(ENCODINGS.to_vec()).prop_flat_map(|(encoding, cell)| {
            let rows = (1_usize..5).prop_flat_map(move |width| {
                prop::collection::vec(prop::collection::vec(cell, width), 1..6)
            });
            (Just(encoding), rows)
        }),
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
        style in prop::sample::select(vec![csv::QuoteStyle::Necessary, csv::QuoteStyle::Always]),
        end in prop::sample::select(vec![
            csv::Terminator::CRLF, csv::Terminator::Any(b'\n'), csv::Terminator::Any(b'\r'),
        ]),
        piece in 1_usize..9,
    ) {
        let mut text = Vec::new();
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .quote_style(style)
            .terminator(end)
            .from_writer(&mut text);
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        writer.flush().unwrap();
        drop(writer);
        let bytes = encode(&String::from_utf8(text).unwrap(), encoding);
        let decoder = Decoder::new(Slow(&bytes, piece), encoding);
        let mut reader = Reader::new(decoder, Dialect::new(delimiter), Place::START);
        let mut read = Vec::new();
        let mut blanks = 0;
        while let Some(record) = reader.read().unwrap() {
            prop_assert!(record.broken_quote.is_none());
            blanks += record.blanks;
            read.push(texts(&record));
        }
        blanks += reader.blanks();
        let is_blank = |row: &Vec<String>| row.iter().all(|cell| crate::text::is_blank(cell));
        let expected: Vec<Vec<String>> = rows.iter().filter(|row| !is_blank(row)).cloned().collect();
        prop_assert_eq!(blanks, u64::try_from(rows.len() - expected.len()).unwrap());
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_bytes_decode_the_same_in_any_pieces(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        (encoding, _) in prop::sample::select(ENCODINGS.to_vec()),
        piece in 1_usize..9,
    ) {
        let whole = decode(&bytes, encoding, 1_000);
        prop_assert_eq!(decode(&bytes, encoding, piece), whole.as_slice());
        let replaced = std::str::from_utf8(&whole).is_ok_and(|text| text.contains('\u{fffd}'));
        let is_written = encoding == UTF_8 || encoding == UTF_16LE || encoding == UTF_16BE;
        prop_assert!(!replaced || is_written, "a replacement character");
    }
}
