//! A file of items that is determined by its number of rows: good rows, and bad ones of every kind,
//! about one in a hundred.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Columns of the file, in order.
const HEAD: [&str; 8] = [
    "sku", "Name", "qty", "price", "open", "day", "cost", "owner",
];

/// The kinds of bad rows, with a part of their reason.
const BAD: [(&str, &str); 12] = [
    (
        "qty is a word",
        "qty: must be an integer, such as 5, not \"many\" (type)",
    ),
    ("qty is negative", "qty: must be at least 0, not -5 (min)"),
    ("no name", "Name: is required (required)"),
    (
        "price with a comma",
        "price: must be a number with a decimal point and without thousands separators, such as 1234.50, not \"1,5\" (type)",
    ),
    ("open is unclear", "open: must be true or false"),
    ("no such day", "day: must be a date"),
    ("a currency in words", "cost: must be an amount"),
    ("nobody owns it", "Owner/nobody does not exist (integrity)"),
    (
        "a field too many",
        "the row has 9 fields, but the header has 8 (field_count)",
    ),
    ("not UTF-8", "Name: must be UTF-8"),
    ("no sku", "sku: is part of the key, and empty (required)"),
    ("a sku that is taken", "already exists, with other values"),
];

/// One row: its place, and its expected result.
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) number: usize,
    /// A part of the reason, if it is bad.
    pub(crate) reason: Option<&'static str>,
    /// It occurred before, word for word.
    pub(crate) repeats: bool,
}

/// A generated file.
pub(crate) struct Items {
    pub(crate) text: Vec<u8>,
    pub(crate) rows: Vec<Row>,
}

/// The classes: items belong to owners that must exist.
pub(crate) fn classes() -> [Value; 2] {
    [
        json!({"id": "Owner", "label": "Owner", "properties": [
            {"name": "code", "type": "string", "primaryKey": true}]}),
        json!({"id": "Item", "label": "Item", "properties": [
            {"name": "sku", "type": "string", "primaryKey": true},
            {"name": "name", "type": "string", "label": "Name", "required": true},
            {"name": "qty", "type": "integer", "constraints": {"min": 0}},
            {"name": "price", "type": "decimal"},
            {"name": "open", "type": "boolean"},
            {"name": "day", "type": "date"},
            {"name": "cost", "type": "money"},
        ], "relationships": [
            {"predicate": "owner", "target": "Owner", "cardinality": "n:1", "integrity": "strict"}]}),
    ]
}

/// The fields of a good row.
fn fields(number: usize) -> Vec<Vec<u8>> {
    let name = match number % 10 {
        0 => format!("Item \"{number}\",\n한 줄 더"),
        _ => format!("Item {number}"),
    };
    let open = ["yes", "false", "1", ""][number % 4];
    [
        format!("s-{number}"),
        name,
        (number % 77).to_string(),
        format!("{}.{:02}0", number % 1_000, number % 100),
        open.to_owned(),
        format!("2026-01-{:02}", number % 28 + 1),
        format!("{number}.10 KRW"),
        format!("o{}", number % 3),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// The expected values of a good row, with numbers as written.
pub(crate) fn expected_values(number: usize) -> (String, Value) {
    let text = |index: usize| String::from_utf8(fields(number)[index].clone()).unwrap();
    let mut data = json!({
        "sku": text(0),
        "name": text(1),
        "qty": number % 77,
        "price": serde_json::from_str::<Value>(&text(3)).unwrap(),
        "day": text(5),
        "cost": {"amount": format!("{number}.10"), "currency": "KRW"},
        "owner": format!("Owner/{}", text(7)),
    });
    match number % 4 {
        0 | 2 => data["open"] = json!(true),
        1 => data["open"] = json!(false),
        _ => {}
    }
    (text(0), data)
}

fn spoil(kind: usize, number: usize) -> Vec<Vec<u8>> {
    let mut fields = fields(number);
    match kind {
        0 => fields[2] = b"many".to_vec(),
        1 => fields[2] = b"-5".to_vec(),
        2 => fields[1].clear(),
        3 => fields[3] = b"1,5".to_vec(),
        4 => fields[4] = b"maybe".to_vec(),
        5 => fields[5] = b"2026-02-30".to_vec(),
        6 => fields[6] = b"5 Euro".to_vec(),
        7 => fields[7] = b"nobody".to_vec(),
        8 => fields.push(b"more".to_vec()),
        9 => fields[1] = b"caf\xe9".to_vec(),
        10 => fields[0].clear(),
        // The previous row is a good one.
        _ => fields[0] = format!("s-{}", number - 1).into_bytes(),
    }
    fields
}

impl Items {
    /// A file with this number of rows.
    pub(crate) fn new(count: usize) -> Self {
        let mut items = Self {
            text: Vec::new(),
            rows: Vec::with_capacity(count),
        };
        let mut line = 1;
        items.write(&HEAD.map(|it| it.as_bytes().to_vec()), &mut line);
        for number in 0..count {
            let kind = (number % 97 == 50).then_some(number / 97 % BAD.len());
            let repeats = number % 211 == 209;
            let fields = match kind {
                Some(kind) => spoil(kind, number),
                None if repeats => fields(number - 3),
                None => fields(number),
            };
            items.rows.push(Row {
                line,
                number,
                reason: kind.map(|kind| BAD[kind].1),
                repeats: kind.is_none() && repeats,
            });
            items.write(&fields, &mut line);
        }
        items
    }

    fn write(&mut self, fields: &[Vec<u8>], line: &mut u64) {
        let start = self.text.len();
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .from_writer(&mut self.text);
        writer.write_record(fields).unwrap();
        writer.flush().unwrap();
        drop(writer);
        let ends = self.text[start..].iter().filter(|byte| **byte == b'\n');
        *line += u64::try_from(ends.count()).unwrap();
    }

    /// The rows that must be imported, by number.
    pub(crate) fn good_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(|row| row.reason.is_none() && !row.repeats)
    }

    /// The rows that must be rejected, by line.
    pub(crate) fn bad_rows(&self) -> BTreeMap<u64, &Row> {
        let bad = self.rows.iter().filter(|row| row.reason.is_some());
        bad.map(|row| (row.line, row)).collect()
    }

    pub(crate) fn count_repeated(&self) -> usize {
        self.rows.iter().filter(|row| row.repeats).count()
    }

    /// The rejects, with each row corrected.
    pub(crate) fn correct_all(&self, rejects: &[Reject]) -> Vec<u8> {
        let bad = self.bad_rows();
        let mut text = Vec::new();
        let mut writer = csv::WriterBuilder::new().from_writer(&mut text);
        let head = HEAD.into_iter().chain(["_line", "_reason"]);
        writer.write_record(head).unwrap();
        for reject in rejects {
            let line = reject.line.to_string();
            let notes = [line.into_bytes(), reject.reason.clone().into_bytes()];
            let fields = fields(bad[&reject.line].number);
            writer.write_record(fields.iter().chain(&notes)).unwrap();
        }
        writer.flush().unwrap();
        drop(writer);
        text
    }
}

/// A row of a rejects file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reject {
    pub(crate) line: u64,
    pub(crate) reason: String,
    pub(crate) fields: Vec<Vec<u8>>,
}

/// Parses a rejects file; its fields must equal those of the file, byte for byte.
pub(crate) fn rejects(path: &std::path::Path) -> Vec<Reject> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .unwrap();
    let head: Vec<String> = reader.headers().unwrap().iter().map(Into::into).collect();
    let expected: Vec<&str> = HEAD.into_iter().chain(["_line", "_reason"]).collect();
    assert_eq!(head, expected);
    let read = |row: csv::Result<csv::ByteRecord>| {
        let row = row.unwrap();
        let own = HEAD.len();
        let text = |index: usize| String::from_utf8(row[index].to_vec()).unwrap();
        // The line of the first occurrence of an id is shown if it is known.
        let reason = text(own + 1);
        let reason = reason.split(", from line ").next().unwrap();
        Reject {
            line: text(own).parse().unwrap(),
            reason: reason.to_owned(),
            // What the row had too much stands after the columns of the rejects.
            fields: (0..own)
                .chain(own + 2..row.len())
                .map(|index| row[index].to_vec())
                .collect(),
        }
    };
    reader.byte_records().map(read).collect()
}

impl Items {
    /// Every bad row is rejected with its line, its reason and its unchanged fields, and no other
    /// row.
    pub(crate) fn assert_rejected(&self, rejects: &[Reject]) {
        let bad = self.bad_rows();
        let mut lines: Vec<u64> = rejects.iter().map(|reject| reject.line).collect();
        // Rows that waited for a later row come last.
        lines.sort_unstable();
        assert_eq!(lines, bad.keys().copied().collect::<Vec<_>>());
        for reject in rejects {
            let row = bad[&reject.line];
            let reason = row.reason.unwrap();
            let kind = BAD.iter().position(|(_, known)| *known == reason).unwrap();
            assert!(
                reject.reason.contains(reason),
                "{}: {reject:?}",
                BAD[kind].0
            );
            let mut fields = spoil(kind, row.number);
            if BAD[kind].0 == "not UTF-8" {
                // The rejects are UTF-8, whatever the file is.
                fields[1] = b"caf\\xE9".to_vec();
            }
            assert_eq!(reject.fields, fields, "{}", BAD[kind].0);
        }
    }
}
