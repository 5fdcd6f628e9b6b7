//! Records, lines and places of real CSV files.

use proptest::prelude::*;

use super::*;
use crate::signature::{recognize, recognize_text};

fn lines(text: &[u8]) -> Vec<(u64, Vec<String>)> {
    let records = records(text).unwrap();
    records.iter().map(|it| (it.line, texts(it))).collect()
}

#[test]
fn a_record_has_the_line_where_it_starts_with_any_line_end() {
    let text = "a,b\n\"1\n2\",x\n\n3,\"say \"\"hi\"\"\"\n,\n4,y";
    let expected = |text: &str| -> Vec<(u64, Vec<String>)> {
        let end = text.to_owned();
        vec![
            (1, vec!["a".into(), "b".into()]),
            (2, vec![format!("1{end}2"), "x".into()]),
            (5, vec!["3".into(), "say \"hi\"".into()]),
            (7, vec!["4".into(), "y".into()]),
        ]
    };
    for end in ["\n", "\r\n", "\r"] {
        let text = text.replace('\n', end);
        assert_eq!(lines(text.as_bytes()), expected(end), "{end:?}");
        let marked = format!("\u{feff}{text}{end}{end}");
        assert_eq!(
            lines(marked.as_bytes()),
            expected(end),
            "{end:?} with a mark"
        );
    }
    assert_eq!(lines(b""), []);
    assert_eq!(lines(b"\r\n\n"), []);
}

#[test]
fn a_quote_that_swallows_the_rest_of_the_file_is_an_error_with_its_line() {
    let message = |text: &[u8]| records(text).unwrap_err().to_string();
    assert!(message(b"a,b\n1,\"2\n3,4\n5,6\n").starts_with("line 2: a quote is opened"));
    assert!(message(b"a\n\"").starts_with("line 2: "));
    // The open quote is not in the line where the row starts.
    let opened = message(b"a,b\n\"1\n2\",\"3\n4\n");
    assert!(
        opened.starts_with("line 3: ") && opened.contains("starts in line 2"),
        "{opened}"
    );
    let mut endless = b"a,b\nx,y\n1,\"".to_vec();
    endless.extend(std::iter::repeat_n(b"2,3\n", 3_000_000).flatten());
    let endless = message(&endless);
    assert!(
        endless.starts_with("line 3: the row that starts there has no end"),
        "{endless}"
    );
    assert!(
        endless.ends_with("is the quote of line 3 not closed?"),
        "{endless}"
    );
    let wide = vec![b','; 20_000];
    assert!(message(&wide).starts_with("line 1: "));
    // A quote in the middle of a cell is literal.
    assert_eq!(lines(b"5\" pipe,b\n")[0].1, ["5\" pipe", "b"]);
}

#[test]
fn blank_rows_and_empty_lines_are_counted() {
    let text = "a,b\n\n1,2\n,\n \u{a0},\u{3000}\t\r\n\"\",\"\"\n3,4\n\n,\n\u{200b},\n";
    let mut reader = reader(text.as_bytes());
    let blanks: Vec<u64> = std::iter::from_fn(|| reader.read().unwrap())
        .map(|record| record.blanks)
        .collect();
    assert_eq!((blanks, reader.blanks()), (vec![0, 1, 3], 3));
}

fn read_escaped(text: &str) -> Vec<Vec<String>> {
    let dialect = Dialect {
        delimiter: b',',
        escape: Some(b'\\'),
    };
    let mut reader = Reader::new(text.as_bytes(), dialect, Place::START);
    std::iter::from_fn(|| reader.read().unwrap())
        .map(|record| texts(&record))
        .collect()
}

#[test]
fn an_escape_makes_only_special_characters_literal() {
    assert_eq!(
        read_escaped("\"a \\\"b\\\", c\",\\N,x\\,y\n\"1\\\n2\",\"C:\\dir\\\\\",\"d\"\"e\"\n\\"),
        [
            vec!["a \"b\", c", "\\N", "x,y"],
            vec!["1\n2", "C:\\dir\\", "d\"e"],
            vec!["\\"],
        ]
    );
}

#[test]
fn text_after_a_closing_quote_is_reported_with_the_unchanged_row() {
    let text = "\"a \\\"b\\\" c\",1\n\"x\" ,2,\t\r\n\"y\",\"z\"";
    let read = records(text.as_bytes()).unwrap();
    let before: Vec<usize> = read
        .iter()
        .filter_map(|it| it.broken_quote.as_ref())
        .map(|it| it.before_last_two)
        .collect();
    assert_eq!(before, [0, 4]);
    let broken: Vec<Option<(usize, &[u8])>> = read
        .iter()
        .map(|it| {
            it.broken_quote
                .as_ref()
                .map(|it| (it.field, it.text.as_slice()))
        })
        .collect();
    assert_eq!(
        broken,
        [
            Some((0, b"\"a \\\"b\\\" c\",1".as_slice())),
            Some((0, b"\"x\" ,2,\t")),
            None,
        ]
    );
}

#[test]
fn a_line_is_found_with_any_line_end_and_titles_are_not_read_as_csv() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("\u{feff}Report \"2009{end}{end}k,v{end}1,2{end}");
        let mut reader = reader(text.as_bytes());
        assert!(reader.skip_to_line(3).unwrap(), "{end:?}");
        let head = reader.read().unwrap().unwrap();
        assert_eq!(
            (head.line, texts(&head)),
            (3, vec!["k".to_owned(), "v".to_owned()])
        );
        assert_eq!(head.blanks, 0);
        assert!(!super::reader(text.as_bytes()).skip_to_line(9).unwrap());
    }
}

/// Returns one byte at a time.
struct Drop<'a>(&'a [u8]);

impl std::io::Read for Drop<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(0);
        };
        buffer[0] = *first;
        self.0 = rest;
        Ok(1)
    }
}

proptest! {
    #[test]
    fn any_bytes_read_the_same_in_any_pieces_and_from_any_place(
        text in proptest::collection::vec(
            prop_oneof![
                4 => Just(b"a".as_slice()), 4 => Just(b",".as_slice()), 3 => Just(b"\n".as_slice()),
                2 => Just(b"\r\n".as_slice()), 1 => Just(b"\r".as_slice()), 2 => Just(b"\"".as_slice()),
                1 => Just(b"\xff\xfe".as_slice()), 1 => Just(b"\xef\xbb\xbf".as_slice()), 1 => Just(b"\0".as_slice()),
            ],
            0..60,
        )
    ) {
        let text = text.concat();
        let whole = records(&text);
        let mut dropping = Reader::new(Drop(&text), Dialect::new(b','), Place::START);
        let mut places = vec![Place::START];
        let mut read = Vec::new();
        let failed = loop {
            match dropping.read() {
                Ok(Some(record)) => {
                    read.push(record);
                    places.push(dropping.place());
                }
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        prop_assert_eq!(failed, whole.is_err());
        let Ok(whole) = whole else { return Ok(()) };
        prop_assert_eq!(&whole, &read);
        for (index, place) in places.iter().enumerate() {
            let rest = &text[usize::try_from(place.offset).unwrap()..];
            let mut resumed = Reader::new(rest, Dialect::new(b','), *place);
            let mut again = Vec::new();
            while let Some(record) = resumed.read().unwrap() {
                again.push(record);
            }
            prop_assert_eq!(&whole[index..], &again[..]);
        }
    }

    #[test]
    fn any_bytes_give_batches_or_reasons_and_never_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        most in 1_usize..5,
    ) {
        let plan = plan(&[full_class()], "code,count,tags,cost", &mapping()).unwrap();
        let reader = reader(&bytes);
        let mut rows = 0;
        for batch in Batches::new(TableRows::new(reader, Arc::new(plan)), most, false) {
            let Ok(batch) = batch else { break };
            prop_assert!(!batch.rows.is_empty() && batch.rows.len() <= most);
            rows += batch.rows.len();
            if let Some((_, body)) = batch.body() {
                prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
            }
        }
        prop_assert!(rows <= bytes.len());
    }
}

#[test]
fn files_that_are_not_csv_are_named_by_their_format() {
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
        (b"\x1F\x8B\x08\0", "gzip -dc FILE | spice import - …"),
        (b"\x28\xB5\x2F\xFD", "compressed (zstd)"),
        (b"\x50\x2A\x4D\x18\0\0\0\0", "compressed (zstd)"),
        (b"BZh91AY\x01", "compressed (bzip2)"),
        (b"\x04\x22\x4D\x18", "compressed (lz4)"),
        (b"PK\x07\x08", "a zip archive"),
        (&tar(), "a tar archive"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"SQLite format 3\0", "a SQLite database"),
    ] {
        let message = recognize(bytes, "a.csv").unwrap();
        assert!(message.contains(what), "{message}");
    }
    for (name, message) in [
        ("a.csv.gz", "gzip -dc FILE | spice import - …"),
        (
            "in/a.ndjson.gz",
            "gzip -dc FILE | spice import - --format ndjson …",
        ),
        ("a.JSONL.gz", "--format ndjson"),
        ("standard input", "spice import - …"),
    ] {
        let sentence = recognize(b"\x1F\x8B\x08\0", name).unwrap();
        assert!(sentence.contains(message), "{name}: {sentence}");
    }
    let (csv, ndjson) = (Some(Format::Csv), Some(Format::Ndjson));
    for (text, expected, what) in [
        ("  <!DOCTYPE HTML><table>", None, "an HTML page"),
        ("\u{feff}<?xml version=\"1.0\"?>", None, "XML"),
        ("[{\"a\": 1}]", None, "is a JSON array"),
        (" [\n  {\n", None, "is a JSON array"),
        ("[]\n", None, "is a JSON array"),
        ("{\n  \"a\": 1\n}\n", None, "is JSON over several lines"),
        ("{\"a\": 1,\n \"b\": 2}", None, "is JSON over several lines"),
        ("\n{\"a\": 1}\r\n{\"a\": 2}\r\n", csv, "is NDJSON"),
        ("{\"a\": \"a line that the sample cuts", csv, "is NDJSON"),
        ("{}", csv, "is NDJSON"),
        ("a,b\n1,2\n", ndjson, "use --format csv"),
    ] {
        for format in [Format::Csv, Format::Ndjson] {
            let found = recognize_text(text.as_bytes(), format);
            if expected.is_none_or(|expected| expected == format) {
                assert!(
                    found.is_some_and(|it| it.contains(what)),
                    "{format:?} {text}"
                );
            } else {
                assert_eq!(found, None, "{format:?} {text}");
            }
        }
    }
    // A damaged line is a reject.
    for text in [
        "{\"a\": \n{\"a\": 1}\n",
        "x\n{\"a\": 1}\n",
        "x",
        "{a},b\n1,2\n",
        "[a],b\n",
    ] {
        let format = if text.ends_with("2\n") || text.starts_with('[') {
            Format::Csv
        } else {
            Format::Ndjson
        };
        assert_eq!(recognize_text(text.as_bytes(), format), None, "{text}");
    }
    for text in [
        "PAR1,x\n1,2\n",
        "ORC;Elf\n",
        "PK,name\n",
        "a<b,c\n",
        "BZh,1\n",
        "",
    ] {
        assert_eq!(recognize(text.as_bytes(), "a.csv"), None, "{text}");
        assert_eq!(recognize_text(text.as_bytes(), Format::Csv), None, "{text}");
    }
}

fn tar() -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..5].copy_from_slice(b"a.csv");
    bytes[257..262].copy_from_slice(b"ustar");
    bytes
}
