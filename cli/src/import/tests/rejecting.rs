//! Every rejected row is in the rejects as it was, with why; what the api says is told by column.

use spice_client::RowError;

use super::*;
use crate::import::{
    journal::{Journal, JournalFile},
    rejects::Rejects,
    row::Reason,
    settle::{Lines, settle},
};

fn errors(errors: &Value) -> Vec<RowError> {
    serde_json::from_value(errors.clone()).unwrap()
}

#[test]
fn rejects_are_the_rows_as_they_were_and_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.rejects.csv");
    let head = "code,_line,note,count,_reason";
    let plan = plan(&[everything()], head, &wishes()).unwrap();
    let rows = "a,1,\"x\ny, \"\"z\"\"\",five,why\nb,2\nc,3,n,1,r,more\n\"  d \",4,\u{e9},,\n";
    let text = format!("{head}\n{rows}");
    let records = records(text.as_bytes()).unwrap();
    let mut rejects = Rejects::begin(&path, b',', &plan.columns).unwrap();
    assert_eq!(rejects.flush().unwrap(), 0);
    assert_eq!(rejects.path(), None);
    for record in &records[1..] {
        rejects
            .add(record, &[Reason::of_row("type", "is wrong")])
            .unwrap();
    }
    let length = rejects.flush().unwrap();
    let written = super::records(&std::fs::read(&path).unwrap()).unwrap();
    let written: Vec<Vec<String>> = written.iter().map(texts).collect();
    let why = "is wrong (type)";
    assert_eq!(
        written,
        [
            vec!["code", "note", "count", "_line", "_reason"],
            vec!["a", "x\ny, \"z\"", "five", "2", why],
            vec!["b", "4", why],
            vec!["c", "n", "1", "more", "5", why],
            vec!["  d ", "\u{e9}", "", "6", why],
        ]
    );
    // Going on takes what counts and drops what came after.
    rejects.add(&records[1], &[]).unwrap();
    rejects.flush().unwrap();
    let mut resumed = Rejects::resume(&path, b',', &plan.columns, length)
        .unwrap()
        .unwrap();
    assert_eq!(resumed.flush().unwrap(), length);
    assert!(
        Rejects::resume(&path, b',', &plan.columns, length + 1)
            .unwrap()
            .is_none()
    );
    // Every earlier file is kept, for someone may have mended it.
    for mended in ["one", "two", "three"] {
        std::fs::write(&path, mended).unwrap();
        Rejects::begin(&path, b',', &plan.columns).unwrap();
        assert!(!path.exists());
    }
    for (number, mended) in [(1, "one"), (2, "two"), (3, "three")] {
        let kept = folder.path().join(format!("rows.rejects.csv.old.{number}"));
        assert_eq!(std::fs::read_to_string(kept).unwrap(), mended);
    }
}

#[test]
fn answers_are_told_by_row_and_column() {
    let head = "code,Zahl";
    let map = Wishes {
        map: vec!["Zahl=count".to_owned()],
        ..wishes()
    };
    let plan = plan(&[everything()], head, &map).unwrap();
    let text = "code,Zahl\na,1\nb,x\na,1\nc,2\nd,3\ne,4\nc,2\n";
    let batch = batches(plan.clone(), text, 100).remove(0);
    let answer = errors(&json!([
        {"row": 2, "error": "already_exists", "identical": true, "message": "Thing/c is there already"},
        {"row": 3, "error": "validation_failed", "message": "1 value(s)", "errors": [
            {"field": "count", "rule": "min", "value": 3, "message": "count must be at least 5"}]},
        {"row": 4, "error": "already_exists", "identical": false, "message": "Thing/e is there already"},
    ]));
    let settled = settle(&plan, &batch, &answer, &mut Lines::new());
    assert_eq!((settled.created, settled.unchanged), (1, 3));
    let rejects: Vec<(usize, String)> = settled
        .rejects
        .iter()
        .map(|(index, why)| (*index, why.iter().map(ToString::to_string).collect()))
        .collect();
    assert_eq!(
        rejects,
        [
            (
                1,
                "Zahl: must be an integer, such as 5, not \"x\" (type)".to_owned()
            ),
            (4, "Zahl: must be at least 5, not 3 (min)".to_owned()),
            (
                5,
                "Thing/e is there already, with other values (already_exists)".to_owned()
            ),
        ]
    );
}

#[test]
fn an_id_that_comes_again_with_other_values_is_told_with_the_first_line() {
    let plan = plan(&[everything()], "code,count", &wishes()).unwrap();
    let batches = batches(plan.clone(), "code,count\na,1\na,2\n", 100);
    let mut lines = Lines::new();
    assert_eq!(settle(&plan, &batches[0], &[], &mut lines).created, 1);
    let answer = errors(
        &json!([{"row": 1, "error": "already_exists", "identical": false, "message": "Thing/a is there already"}]),
    );
    let settled = settle(&plan, &batches[1], &answer, &mut lines);
    let why = settled.rejects[0].1[0].to_string();
    assert_eq!(
        why,
        "Thing/a is there already, with other values, from line 2 (already_exists)"
    );
}

#[test]
fn the_journal_is_read_back_and_nothing_else_is_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let file = JournalFile::new(Some(path.clone()));
    assert_eq!(file.load().unwrap(), None);
    let journal = Journal::new("task".to_owned());
    file.store(&journal).unwrap();
    assert_eq!(file.load().unwrap(), Some(journal));
    std::fs::write(&path, b"sku,name\n").unwrap();
    assert!(
        file.load()
            .unwrap_err()
            .to_string()
            .contains("is not the state of an import")
    );
    file.remove().unwrap();
    file.remove().unwrap();
    assert!(!path.exists());
}
