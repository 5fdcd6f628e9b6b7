//! Files of other encodings are read as they are meant, or refused with what they may be.

use std::io::Read as _;

use encoding_rs::{EUC_KR, Encoding, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use proptest::prelude::*;

use super::*;
use crate::{
    decoder::Decoder,
    encoding::{Charset, check, choose, parse},
    signature::recognize,
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

/// Hands out a few bytes at a time.
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

/// What a file without `--encoding`, or with it, is taken for, or why not.
fn taken(bytes: &[u8], asked: Option<&str>) -> Result<&'static str, String> {
    let asked = asked.map(|name| parse(name).unwrap());
    let encoding = choose(asked, bytes)?;
    check(encoding, asked.is_some(), bytes, None).unwrap()?;
    Ok(encoding.name())
}

const KOREAN: &str = "이름,가격\n찻주전자,25\n컵,4\n";
const JAPANESE: &str = "名前,値段\nティーポット,25\n湯のみ,4\n";
const GERMAN: &str = "Größe;Straße\nklein;Köln\ngroß;Düsseldorf\n";

#[test]
fn an_encoding_is_known_by_its_mark_or_its_name_and_else_it_is_utf_8() {
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
        // A damaged row is rejected later; the rest is what it is.
        ([KOREAN.as_bytes(), b"caf\xE9,1\n"].concat(), None, "UTF-8"),
    ] {
        assert_eq!(taken(&bytes, asked).as_deref(), Ok(name), "{asked:?}");
    }
    assert!(parse("klingon").is_err());
    assert_eq!(parse("utf-16"), Ok(Charset::Utf16));
}

#[test]
fn what_is_not_certain_is_refused_with_what_it_may_be() {
    let first = |text: &str, encoding| encode(text, encoding);
    for (bytes, asked, told) in [
        (
            first(KOREAN, EUC_KR),
            None,
            "is not UTF-8, as line 1 shows; say what it is: --encoding cp949 reads \"이름,가격\"",
        ),
        (
            first(JAPANESE, SHIFT_JIS),
            None,
            "say what it is: --encoding shift_jis reads \"名前,値段\"",
        ),
        (
            first(GERMAN, WINDOWS_1252),
            None,
            "say what it is: --encoding windows-1252 reads \"Größe;Straße\"",
        ),
        (
            first("id,name\n1,a\n2,찻주전자\n", EUC_KR),
            None,
            "as line 3 shows; say what it is: --encoding cp949 reads \"2,찻주전자\"",
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
            "begins with the byte order mark of UTF-16LE",
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
        let refused = taken(&bytes, asked).unwrap_err();
        assert!(refused.contains(told), "{asked:?}: {refused}");
        assert!(!refused.contains('\u{fffd}'), "{refused}");
    }
    // Zero bytes behind the head are data.
    assert_eq!(taken(b"a,b\n1,\0\n", None), Ok("UTF-8"));
}

#[test]
fn utf_8_is_not_read_as_another_encoding_wherever_it_shows() {
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
        let refused = refused.unwrap_err();
        assert!(refused.contains("is UTF-8, not "), "{name}: {refused}");
        assert!(refused.contains("leave --encoding out"), "{refused}");
        // Of a stream, the first bytes decide, by a single character.
        let near = check(encoding, true, "é,1\n".as_bytes(), None).unwrap();
        assert!(near.unwrap_err().contains("is UTF-8"), "{name}");
    }
    for (text, encoding) in [
        (ascii.clone().into_bytes(), EUC_KR),
        ([ascii.as_bytes(), b"caf\xE9,1\n"].concat(), WINDOWS_1252),
        (encode(&format!("{ascii}컵,1\n"), EUC_KR), EUC_KR),
        (encode(KOREAN, UTF_16LE), UTF_16LE),
    ] {
        let sample = &text[..text.len().min(64 * 1024)];
        let found = check(encoding, true, sample, Some(&mut text.as_slice())).unwrap();
        assert_eq!(found, Ok(()), "{}", encoding.name());
    }
}

#[test]
fn a_character_over_the_edge_of_a_look_is_whole_and_bad_bytes_far_away_are_found() {
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
    let mut text = "n,v\n".repeat(50_000).into_bytes();
    text.extend(encode("찻주전자,1\n", EUC_KR));
    let refused = check(UTF_8, false, b"n", Some(&mut text.as_slice())).unwrap();
    let refused = refused.unwrap_err();
    assert!(refused.contains("as line 50001 shows"), "{refused}");
    assert!(refused.contains("cp949 reads \"찻주전자,1\""), "{refused}");
}

#[test]
fn bytes_that_an_encoding_does_not_know_are_shown_and_never_replaced() {
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

#[test]
fn files_that_are_no_csv_are_called_by_their_name() {
    for (bytes, what) in [
        (
            b"PK\x03\x04\x14\0..xl/workbook.xml".as_slice(),
            "an Excel workbook (.xlsx)",
        ),
        (
            b"PK\x03\x04..[Content_Types].xml",
            "an Excel workbook (.xlsx)",
        ),
        (b"PK\x03\x04..word/document.xml", "a text document"),
        (
            b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            ".ods",
        ),
        (b"PK\x03\x04..data.csv", "a zip archive"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", ".xls"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x1F\x8B\x08\0", "gzip -dc FILE | spice import -"),
        (b"\x28\xB5\x2F\xFD", "zstd"),
        (b"BZh91AY\x01", "bzip2"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"SQLite format 3\0", "a SQLite database"),
        (b"  <!DOCTYPE HTML><table>", "an HTML page"),
        (b"\xEF\xBB\xBF<?xml version=\"1.0\"?>", "XML"),
    ] {
        let told = recognize(bytes, "CSV").unwrap();
        assert!(told.contains(what), "{told}");
    }
    for text in [
        "PAR1,x\n1,2\n",
        "ORC;Elf\n",
        "PK,name\n",
        "a<b,c\n",
        "BZh,1\n",
        "",
    ] {
        assert_eq!(recognize(text.as_bytes(), "CSV"), None, "{text}");
    }
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
    fn any_table_that_is_written_in_any_dialect_and_encoding_reads_back(
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
    fn any_bytes_are_decoded_alike_in_any_pieces(
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
