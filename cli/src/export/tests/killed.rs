//! Kills an export at any point: a resumed export writes the same as an undisturbed one. A note is
//! replaced atomically. So a kill leaves an earlier note, and lines up to any point between that
//! note and the next.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json, value::RawValue};
use spice_client::{InstancePage, Select};
use spice_core::{
    json::Json,
    ontology::{Class, Schema},
};

use crate::export::{sink::Sink, take, walk::Walk, write_table};

/// Classes with their number of instances; a page has two.
const CLASSES: [(&str, usize); 4] = [("Even", 4), ("None", 0), ("Odd", 3), ("Past", 5)];

/// The page that an api would answer: by cursor, or by offset if there is none.
fn page(class: &str, asked: &Select) -> InstancePage<Box<RawValue>> {
    let (_, total) = CLASSES
        .into_iter()
        .find(|(name, _)| *name == class)
        .unwrap();
    let cursor = asked.cursor.as_deref().map(|text| text.parse().unwrap());
    let first: usize = cursor.or(asked.offset).unwrap_or(0);
    let end = total.min(first + 2);
    let line = |number| {
        let id = format!("{class}{number}");
        RawValue::from_string(json!({"instance_id": id, "data": {"code": id}}).to_string()).unwrap()
    };
    InstancePage {
        class_id: class.to_owned(),
        total: total as u64,
        instances: (first..end).map(line).collect(),
        cursor: (class != "Past" && end < total).then(|| end.to_string()),
        other: serde_json::Map::default(),
    }
}

fn open(to: &Path, is_table: bool, resume: bool) -> Sink {
    let classes = CLASSES.map(|(name, _)| name.to_owned()).to_vec();
    let walk = Walk::new(classes);
    Sink::open(Some(to), is_table, resume, &Value::from("all"), walk).unwrap()
}

/// Takes the next page, as an export does. Returns false if there is none.
fn write_page(sink: &mut Sink) -> bool {
    let Some((class, select)) = sink.state.walk.next(&Select::default()) else {
        return false;
    };
    let page = page(class, &select);
    take(sink, &select, &page).unwrap();
    true
}

fn finish(sink: Sink, is_table: bool) {
    if !is_table {
        return sink.finish().unwrap();
    }
    let class = json!({"id": "Even", "label": "Even", "properties": [
        {"name": "code", "type": "string", "primaryKey": true}]});
    let class = Class::create(&Json::from(class)).unwrap();
    let mut schema = Schema::default();
    schema.put(std::sync::Arc::new(class.clone()));
    write_table(&schema, &class, sink).unwrap();
}

/// Resumes the export and returns the result.
fn resume(to: &Path, is_table: bool) -> Vec<u8> {
    let mut sink = open(to, is_table, true);
    while write_page(&mut sink) {}
    finish(sink, is_table);
    let folder = to.parent().unwrap();
    let left = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().file_name());
    let left: Vec<_> = left
        .filter(|name| !name.to_string_lossy().ends_with(".new"))
        .collect();
    assert_eq!(left, [to.file_name().unwrap()], "nothing is left beside it");
    fs::read(to).unwrap()
}

/// A note, and the number of bytes of lines at that time.
type Note = (Vec<u8>, usize);

/// Every note of an undisturbed export, its lines, and its result.
fn run_undisturbed(is_table: bool) -> (Vec<Note>, Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("all");
    let lines = if is_table {
        folder.path().join("all.rows")
    } else {
        to.clone()
    };
    let mut sink = open(&to, is_table, false);
    let mut notes = Vec::new();
    loop {
        let note = fs::read(folder.path().join("all.state")).unwrap();
        notes.push((note, fs::read(&lines).unwrap().len()));
        if !write_page(&mut sink) {
            break;
        }
    }
    let all = fs::read(&lines).unwrap();
    finish(sink, is_table);
    (notes, all, fs::read(&to).unwrap())
}

/// The points where a write of the lines may stop: before it, inside a line, at its end.
fn list_cuts(first: usize, last: usize) -> BTreeSet<usize> {
    let within = [
        first + 1,
        usize::midpoint(first, last),
        last.saturating_sub(1),
    ];
    let within = within
        .into_iter()
        .filter(|cut| (first..=last).contains(cut));
    within.chain([first, last]).collect()
}

#[test]
fn an_export_killed_anywhere_resumes_to_the_same_result() {
    for is_table in [false, true] {
        let (notes, lines, whole) = run_undisturbed(is_table);
        let instances: usize = CLASSES.iter().map(|(_, count)| count).sum();
        let head = usize::from(is_table);
        assert_eq!(
            String::from_utf8_lossy(&whole).lines().count(),
            instances + head
        );
        // One for each page: 2 + 1 + 2 + 3, and one before the first.
        assert_eq!(notes.len(), 9);
        for (index, (note, bytes)) in notes.iter().enumerate() {
            let most = notes.get(index + 1).map_or(*bytes, |(_, bytes)| *bytes);
            for cut in list_cuts(*bytes, most) {
                let folder = tempfile::tempdir().unwrap();
                let to = folder.path().join("all");
                let beside = |ending: &str| folder.path().join(format!("all{ending}"));
                let rows = if is_table {
                    beside(".rows")
                } else {
                    to.clone()
                };
                fs::write(rows, &lines[..cut]).unwrap();
                fs::write(beside(".state"), note).unwrap();
                // The leftover of an interrupted write.
                fs::write(beside(".state.new"), b"{").unwrap();
                fs::write(beside(".new"), b"code").unwrap();
                let again = resume(&to, is_table);
                assert_eq!(again, whole, "killed after note {index}, at byte {cut}");
            }
        }
    }
}

#[test]
fn a_table_killed_after_its_last_line_is_written_again() {
    let (notes, lines, whole) = run_undisturbed(true);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("all");
    fs::write(folder.path().join("all.rows"), lines).unwrap();
    fs::write(folder.path().join("all.state"), &notes.last().unwrap().0).unwrap();
    fs::write(&to, &whole).unwrap();
    assert_eq!(resume(&to, true), whole);
}
