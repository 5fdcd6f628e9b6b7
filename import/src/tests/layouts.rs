//! The header line and the delimiter of a file.

use super::*;
use crate::{
    layout::{Layout, read_first_rows},
    options::Cells,
};

/// No option about cells is given.
const CELLS: Cells = Cells {
    delimiter: None,
    usual_delimiter: None,
    escape: None,
    head_line: None,
};

fn head_line(line: u64) -> Cells {
    Cells {
        head_line: Some(line),
        ..CELLS
    }
}

fn layout(text: &str, cells: Cells) -> Layout {
    let knows = |name: &str| ["name", "price", "day"].contains(&name.trim());
    Layout::find(&cells, text.as_bytes(), &knows)
}

#[test]
fn the_delimiter_is_the_one_that_separates_known_names() {
    for (text, cells, delimiter, head) in [
        ("name,price\na,1\n", CELLS, b',', None),
        ("name;price\na;1,5\nb;2,5\n", CELLS, b';', None),
        ("name\tprice\na\t1\n", CELLS, b'\t', None),
        ("name|price\na|1\n", CELLS, b'|', None),
        ("name\na;b\n", CELLS, b',', None),
        // A comma in a name or a title is not a delimiter.
        ("Size, in cm;price;name\n1;2;3\n", CELLS, b';', None),
        (
            "FY09, grants; all\n\nname;price\na;1\n",
            head_line(3),
            b';',
            Some(3),
        ),
        ("sep=;\nname;price\n", CELLS, b';', Some(2)),
        ("\u{feff}\"sep=|\"\r\nname|price\r\n", CELLS, b'|', Some(2)),
        ("SEP=\t\nname\tprice\n", CELLS, b'\t', Some(2)),
        (
            "sep=;\nname,price\n",
            Cells {
                delimiter: Some(b','),
                ..CELLS
            },
            b',',
            Some(2),
        ),
        ("sep=;\nTitle\nname;price\n", head_line(3), b';', Some(3)),
        // A column may have this name.
        ("sep=;\nx\n", head_line(1), b',', Some(1)),
        ("sep=ab\nx\n", CELLS, b',', None),
        // No name is known: the rows agree.
        ("x;y\n1;2\n", CELLS, b';', None),
        ("x;y\n1;2;3\n4\n", CELLS, b',', None),
    ] {
        let found = layout(text, cells);
        let found = (found.dialect.delimiter, found.head_line);
        assert_eq!(found, (delimiter, head), "{text:?} {cells:?}");
    }
}

#[test]
fn titles_above_the_header_are_noticed() {
    let text = "Grants of 2009,,\n\"Illinois, by county\",,\n\nname,price,day\na,1,2009-01-01\n";
    assert_eq!(layout(text, CELLS).likely_head, Some(4));
    assert_eq!(layout(text, head_line(4)).likely_head, None);
    assert_eq!(layout("name,price\nname,1\n", CELLS).likely_head, None);
}

#[test]
fn the_first_rows_follow_the_header() {
    let text = "Title\nname,price\na,1\n,\nb,2\n";
    let layout = layout(text, head_line(2));
    let rows: Vec<Vec<String>> = read_first_rows(text.as_bytes(), &layout)
        .iter()
        .map(texts)
        .collect();
    assert_eq!(rows, [["a", "1"], ["b", "2"]]);
}
