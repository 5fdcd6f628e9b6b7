//! Where the head of a file is, and what separates its cells.

use clap::Parser;

use super::*;
use crate::import::{
    layout::{Layout, first_rows},
    options::Options,
};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: Options,
}

fn options(arguments: &[&str]) -> Options {
    let fixed = ["import", "file.csv", "--class", "Order"];
    let arguments = fixed.iter().chain(arguments);
    Command::try_parse_from(arguments).unwrap().options
}

fn layout(text: &str, arguments: &[&str]) -> Layout {
    let knows = |name: &str| ["name", "price", "day"].contains(&name.trim());
    Layout::find(&options(arguments), text.as_bytes(), &knows)
}

#[test]
fn the_delimiter_is_the_one_that_separates_known_names() {
    for (text, arguments, delimiter, head) in [
        ("name,price\na,1\n", &[][..], b',', None),
        ("name;price\na;1,5\nb;2,5\n", &[], b';', None),
        ("name\tprice\na\t1\n", &[], b'\t', None),
        ("name|price\na|1\n", &[], b'|', None),
        ("name\na;b\n", &[], b',', None),
        // A comma in a name or a title separates nothing.
        ("Size, in cm;price;name\n1;2;3\n", &[], b';', None),
        (
            "FY09, grants; all\n\nname;price\na;1\n",
            &["--head-line", "3"],
            b';',
            Some(3),
        ),
        ("sep=;\nname;price\n", &[], b';', Some(2)),
        ("\u{feff}\"sep=|\"\r\nname|price\r\n", &[], b'|', Some(2)),
        ("SEP=\t\nname\tprice\n", &[], b'\t', Some(2)),
        ("sep=;\nname,price\n", &["--delimiter", ","], b',', Some(2)),
        (
            "sep=;\nTitle\nname;price\n",
            &["--head-line", "3"],
            b';',
            Some(3),
        ),
        // A column may be called so.
        ("sep=;\nx\n", &["--head-line", "1"], b',', Some(1)),
        ("sep=ab\nx\n", &[], b',', None),
        // Nothing is known: the rows agree.
        ("x;y\n1;2\n", &[], b';', None),
        ("x;y\n1;2;3\n4\n", &[], b',', None),
    ] {
        let found = layout(text, arguments);
        let found = (found.dialect.delimiter, found.head_line);
        assert_eq!(found, (delimiter, head), "{text:?} {arguments:?}");
    }
}

#[test]
fn titles_above_the_head_are_noticed() {
    let text = "Grants of 2009,,\n\"Illinois, by county\",,\n\nname,price,day\na,1,2009-01-01\n";
    assert_eq!(layout(text, &[]).likely_head, Some(4));
    assert_eq!(layout(text, &["--head-line", "4"]).likely_head, None);
    assert_eq!(layout("name,price\nname,1\n", &[]).likely_head, None);
}

#[test]
fn the_first_rows_are_those_behind_the_head() {
    let text = "Title\nname,price\na,1\n,\nb,2\n";
    let layout = layout(text, &["--head-line", "2"]);
    let rows: Vec<Vec<String>> = first_rows(text.as_bytes(), &layout)
        .iter()
        .map(texts)
        .collect();
    assert_eq!(rows, [["a", "1"], ["b", "2"]]);
}
