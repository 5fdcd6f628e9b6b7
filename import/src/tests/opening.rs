//! Inputs as they are opened: what is checked before the first row.

use std::{fs, io::Cursor};

use super::*;
use crate::{
    options::Input,
    source::{Source, Text},
};

fn stream(bytes: &[u8]) -> Input {
    Input::Stream {
        name: "standard input".to_owned(),
        bytes: Box::new(Cursor::new(bytes.to_vec())),
    }
}

/// Opens a CSV file, and the same bytes as a stream.
fn open(bytes: &[u8], skip: &[&str]) -> [Result<u64, String>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("things.csv");
    fs::write(&path, bytes).unwrap();
    let mut options = options(Format::Csv, folder.path());
    options.mapping.skip = skip.iter().map(|&it| it.to_owned()).collect();
    let schema = schema(&[full_class()]);
    let class = schema.resolve("Thing").unwrap();
    [Input::File(path), stream(bytes)].map(|input| {
        let opened = Source::open(&options, input, class);
        opened
            .map(|source| source.head.line)
            .map_err(|error| error.to_string())
    })
}

#[test]
fn invalid_bytes_in_a_left_out_column_do_not_refuse_a_file() {
    let clean = "a,good,1\n".repeat(200);
    let few = [
        b"code,junk,count\n",
        clean.as_bytes(),
        &b"b,caf\xE9,2\n".repeat(4),
    ]
    .concat();
    let all = [
        &b"code,junk,count\n"[..],
        &b"b,\"caf\xE9\nx\",2\n".repeat(5),
    ]
    .concat();
    let named = [&b"code,j\xE9nk,count\n"[..], &b"b,caf\xE9,2\n".repeat(5)].concat();
    for (bytes, skip) in [(&few, "junk"), (&all, "junk"), (&all, "2"), (&named, "2")] {
        assert_eq!(open(bytes, &[skip]), [Ok(1), Ok(1)], "{skip}");
        for refused in open(bytes, &["count"]) {
            let refused = refused.unwrap_err();
            assert!(refused.contains("is not UTF-8"), "{refused}");
        }
    }
    // The line is that of the first byte that counts.
    let both = [&all[..], &b"caf\xE9,x,2\n".repeat(5)].concat();
    for refused in open(&both, &["junk"]) {
        let refused = refused.unwrap_err();
        assert!(
            refused.contains("is not UTF-8, as line 12 shows"),
            "{refused}"
        );
        assert!(refused.contains("reads \"café\""), "{refused}");
    }
}

#[test]
fn blank_lines_after_a_separator_line_are_skipped() {
    let text = "sep=;\n\n;;\ncode;count\na;1\n";
    assert_eq!(open(text.as_bytes(), &[]), [Ok(4), Ok(4)]);
}

#[test]
fn a_stream_of_lines_is_recognized_like_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(Format::Ndjson, folder.path());
    let path = folder.path().join("lines");
    let object = r#"{"instance_id": "a", "class_id": "Thing", "data": {}}"#;
    for (text, expected) in [
        (
            "[\n  {\n    \"instance_id\": \"a\"\n  }\n]\n",
            Some("is a JSON array"),
        ),
        ("\u{feff}\n[\n\n  {}\n]\n", Some("is a JSON array")),
        (
            "{\n  \"instance_id\": \"a\"\n}\n",
            Some("is JSON over several lines"),
        ),
        ("code,count\na,1\n", Some("is not NDJSON")),
        ("\n\n", None),
        (object, None),
        (&format!("damaged\n\n{object}\n"), None),
    ] {
        fs::write(&path, text).unwrap();
        for input in [Input::File(path.clone()), stream(text.as_bytes())] {
            let opened = Text::open(&options, input).map(drop);
            match (opened, expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => {
                    assert!(error.to_string().contains(expected), "{text:?}: {error}");
                }
                (opened, _) => panic!("{text:?}: {opened:?}"),
            }
        }
    }
}

/// Fails when it is read after a text.
struct Then(&'static [u8]);

impl std::io::Read for Then {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        assert!(!self.0.is_empty(), "reads on after the first object");
        self.0.read(out)
    }
}

#[test]
fn a_stream_is_read_only_up_to_its_first_object() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(Format::Ndjson, folder.path());
    for first in [
        &b"\xEF\xBB\xBF \n{\"a\": 1}\n"[..],
        b"\xFF\xFE{\0\"\0a\0\"\0:\x001\0}\0\n",
    ] {
        let input = Input::Stream {
            name: "standard input".to_owned(),
            bytes: Box::new(std::io::BufReader::new(Then(first))),
        };
        Text::open(&options, input).unwrap();
    }
}
