//! Every rejected row is in the rejects unchanged, with the reason; messages of the api are given
//! by column.

use std::path::Path;

use spice_client::RowError;
use spice_core::name::InstanceId;

use super::*;
use crate::{
    journal::{Journal, JournalFile},
    reason::Reason,
    rejects::{Late, Rejects},
    settle::{Outcome, Seen, settle},
    shape::Shape,
    table::Table,
    task::Task,
};

fn table(plan: &Plan) -> Table {
    Table::new(Arc::new(plan.clone()), Dialect::new(b','))
}

fn begin(path: &Path, plan: &Plan) -> Rejects {
    Rejects::begin(path, table(plan).rejects_head()).unwrap()
}

fn reject(
    rejects: &mut Rejects,
    plan: &Plan,
    record: &Record,
    id: Option<&InstanceId>,
    reasons: &[Reason],
) {
    let row = table(plan).render_reject(record, id, reasons);
    rejects.add(&row).unwrap();
}

/// The numbers of created and unchanged rows, and the reasons for the others.
fn settle_batch(
    plan: &Plan,
    batch: &Batch,
    errors: &[RowError],
    seen: &mut Seen,
) -> (usize, usize, Vec<(usize, String)>) {
    let outcomes = settle(&table(plan), batch, errors, seen);
    let count = |wanted: &Outcome| outcomes.iter().filter(|it| *it == wanted).count();
    let rejected = outcomes
        .iter()
        .enumerate()
        .filter_map(|(index, it)| match it {
            Outcome::Rejected(reasons) => {
                Some((index, reasons.iter().map(ToString::to_string).collect()))
            }
            _ => None,
        });
    let rejected = rejected.collect();
    (
        count(&Outcome::Created),
        count(&Outcome::Unchanged),
        rejected,
    )
}

fn errors(errors: &Value) -> Vec<RowError> {
    serde_json::from_value(errors.clone()).unwrap()
}

#[test]
fn rejects_are_unchanged_rows_that_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.rejects.csv");
    let head = "code,note,count,_line,_reason";
    let plan = plan(&[full_class()], head, &mapping()).unwrap();
    let rows = "a,\"x\ny, \"\"z\"\"\",five,1,why\nb,2\nc,n,1,3,r,more\n\"  d \",\u{e9},,4,\n";
    let text = format!("{head}\n{rows}");
    let records = records(text.as_bytes()).unwrap();
    let mut rejects = begin(&path, &plan);
    assert_eq!(rejects.flush().unwrap(), 0);
    assert_eq!(rejects.path(), None);
    for record in &records[1..] {
        reject(
            &mut rejects,
            &plan,
            record,
            None,
            &[Reason::of_row("type", "is wrong")],
        );
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
            vec!["b", "2", "", "4", why],
            vec!["c", "n", "1", "5", why, "more"],
            vec!["  d ", "\u{e9}", "", "6", why],
        ]
    );
    // Writing does not change bytes that are not text or quotes that are invalid.
    let text = b"code,note,count\nx,caf\xE9,1\n\"a \\\"b\\\"\",y,2\n";
    let strange = super::records(text).unwrap();
    let other = folder.path().join("other.csv");
    let plan_of_it = super::plan(&[full_class()], "code,note,count", &mapping()).unwrap();
    let mut written = begin(&other, &plan_of_it);
    for record in &strange[1..] {
        reject(
            &mut written,
            &plan_of_it,
            record,
            None,
            &[Reason::of_row("why", "is wrong")],
        );
    }
    written.flush().unwrap();
    assert_eq!(
        std::fs::read_to_string(&other).unwrap(),
        "code,note,count,_line,_reason\nx,caf\\xE9,1,2,is wrong (why)\n\"a \\\"b\\\"\",y,2,3,is wrong (why)\n"
    );
    // Resuming keeps the valid bytes and drops what came after.
    reject(&mut rejects, &plan, &records[1], None, &[]);
    rejects.flush().unwrap();
    let mut resumed = Rejects::resume(&path, table(&plan).rejects_head(), length)
        .unwrap()
        .unwrap();
    assert_eq!(resumed.flush().unwrap(), length);
    assert!(
        Rejects::resume(&path, table(&plan).rejects_head(), length + 1)
            .unwrap()
            .is_none()
    );
    // Every earlier file is kept, because someone may have corrected it.
    for mended in ["one", "two", "three"] {
        std::fs::write(&path, mended).unwrap();
        begin(&path, &plan);
        assert!(!path.exists());
    }
    for (number, mended) in [(1, "one"), (2, "two"), (3, "three")] {
        let kept = folder.path().join(format!("rows.rejects.csv.old.{number}"));
        assert_eq!(std::fs::read_to_string(kept).unwrap(), mended);
    }
}

#[test]
fn answers_are_reported_by_row_and_column() {
    let head = "code,Zahl";
    let map = Mapping {
        map: vec!["Zahl=count".to_owned()],
        ..mapping()
    };
    let plan = plan(&[full_class()], head, &map).unwrap();
    let text = "code,Zahl\na,1\nb,x\na,1\nc,2\nd,3\ne,4\nc,2\n";
    let batch = batches(plan.clone(), text, 100).remove(0);
    let answer = errors(&json!([
        {"row": 2, "error": "already_exists", "identical": true, "message": "Thing/c already exists"},
        {"row": 3, "error": "validation_failed", "message": "1 value(s)", "errors": [
            {"field": "count", "rule": "min", "value": 3, "message": "count must be at least 5"}]},
        {"row": 4, "error": "already_exists", "identical": false, "message": "Thing/e already exists"},
    ]));
    let (created, unchanged, rejects) = settle_batch(&plan, &batch, &answer, &mut Seen::default());
    assert_eq!((created, unchanged), (1, 3));
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
                "Thing/e already exists, with other values (already_exists)".to_owned()
            ),
        ]
    );
}

#[test]
fn a_repeated_id_with_other_values_is_reported_with_the_first_line() {
    let plan = plan(&[full_class()], "code,count", &mapping()).unwrap();
    let batches = batches(plan.clone(), "code,count\na,1\na,2\n", 100);
    let mut seen = Seen::default();
    assert_eq!(settle_batch(&plan, &batches[0], &[], &mut seen).0, 1);
    let answer = errors(
        &json!([{"row": 1, "error": "already_exists", "identical": false, "message": "Thing/a already exists"}]),
    );
    let (.., rejects) = settle_batch(&plan, &batches[1], &answer, &mut seen);
    assert_eq!(
        rejects[0].1,
        "Thing/a already exists, with other values, from line 2 (already_exists)"
    );
}

#[test]
fn the_first_line_of_each_repeated_id_is_known() {
    let head = "code,count";
    let plan = plan(&[full_class()], head, &mapping()).unwrap();
    let rows = |value: u64| {
        let rows: Vec<String> = (0..3_000).map(|id| format!("{id},{value}")).collect();
        rows.join("\n")
    };
    let text = format!("{head}\n{}\n{}\n", rows(1), rows(2));
    let batches = batches(plan.clone(), &text, 500);
    let refused: Vec<Value> = (1..=500)
        .map(|row| json!({"row": row, "error": "already_exists", "identical": false, "message": "exists"}))
        .collect();
    let refused = errors(&Value::from(refused));
    let mut seen = Seen::default();
    for (index, batch) in batches.iter().enumerate() {
        let answer = if index < 6 { &[] } else { &refused[..] };
        let (.., rejects) = settle_batch(&plan, batch, answer, &mut seen);
        for (row, reason) in rejects {
            let line = batch.rows[row].raw.line - 3_000;
            assert!(reason.contains(&format!("from line {line} ")), "{reason}");
        }
    }
    assert_eq!(batches.len(), 12);
}

#[test]
fn an_import_that_starts_over_names_what_changed() {
    let task = |parts: Value| -> Task { serde_json::from_value(parts).unwrap() };
    let before = task(json!({"the file": "1", "the source (--source)": "a"}));
    let after = task(json!({"the file": "1", "the source (--source)": "b"}));
    assert_eq!(before.list_changes(&after), ["the source (--source)"]);
    assert!(before.list_changes(&before).is_empty());
    let other = task(json!({"the file": "2"}));
    assert_eq!(
        before.list_changes(&other),
        ["the file", "the source (--source)"]
    );
}

#[test]
fn only_a_journal_is_read_as_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let file = JournalFile(Some(path.clone()));
    assert_eq!(file.load().unwrap(), None);
    let journal = Journal::new(Task::default());
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

#[test]
fn rejects_without_a_key_keep_their_ids_so_that_corrected_rows_stay_separate() {
    let order = json!({"id": "Order", "label": "Order", "properties": [
        {"name": "number", "type": "integer"}, {"name": "note", "type": "string"}]});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rejects.csv");
    let head = "number,note";
    let first = plan(std::slice::from_ref(&order), head, &mapping()).unwrap();
    let text = format!("{head}\n7,a\nx,a\n7,a\nx,a\n8,b\n");
    let batch = batches(first.clone(), &text, 9).remove(0);
    let good: Vec<String> = serde_json::from_value(body(&batch)["ids"].clone()).unwrap();
    let mut rejects = begin(&path, &first);
    for (index, row) in batch.rows.iter().enumerate() {
        // The api refuses the last one.
        if matches!(row.fate, Fate::Rejected(_)) || index == 4 {
            let why = [Reason::of_row("type", "is wrong")];
            reject(&mut rejects, &first, &row.raw, batch.id(index), &why);
        }
    }
    rejects.flush().unwrap();
    let written = std::fs::read_to_string(&path)
        .unwrap()
        .replace("x,a", "7,a");
    let (head, _) = written.split_once('\n').unwrap();
    assert_eq!(head, "number,note,_id,_line,_reason");
    let again = batches(plan(&[order], head, &mapping()).unwrap(), &written, 9).remove(0);
    let mended: Vec<String> = serde_json::from_value(body(&again)["ids"].clone()).unwrap();
    // An uncorrected row has the id that it would have had.
    assert_eq!((mended.len(), &mended[2]), (3, &good[2]));
    let all: std::collections::HashSet<&String> = good[..2].iter().chain(&mended).collect();
    assert_eq!(all.len(), 5);
}

/// The rejects of a file if every row is refused here or by the api.
fn rejects_of(definition: &Value, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rejects.csv");
    let (head, _) = text.split_once('\n').unwrap();
    let plan = plan(std::slice::from_ref(definition), head, &mapping()).unwrap();
    let mut rejects = begin(&path, &plan);
    for batch in batches(plan.clone(), text, 99) {
        for (index, row) in batch.rows.iter().enumerate() {
            let why = [Reason::of_row("type", "is \"wrong\", always")];
            reject(&mut rejects, &plan, &row.raw, batch.id(index), &why);
        }
    }
    rejects.flush().unwrap();
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_blank_own_id_is_identified_by_content_also_in_the_rejects() {
    let order = json!({"id": "Order", "label": "Order", "properties": [
        {"name": "order_id", "type": "string"}, {"name": "number", "type": "integer"},
        {"name": "note", "type": "string"}]});
    let head = "order_id,number,note";
    let good = format!("{head}\n,7,a\n");
    let taken = batches(
        plan(std::slice::from_ref(&order), head, &mapping()).unwrap(),
        &good,
        9,
    );
    let taken: Vec<String> = serde_json::from_value(body(&taken[0])["ids"].clone()).unwrap();
    let written = rejects_of(&order, &format!("{head}\n,x,a\no-1,x,a\n,x,a\n,8,b\n"));
    let (head, rows) = written.split_once('\n').unwrap();
    assert_eq!(head, "order_id,number,note,_id,_line,_reason");
    let ids: Vec<&str> = rows
        .lines()
        .map(|row| row.split(',').nth(3).unwrap())
        .collect();
    assert!(ids[0].starts_with("Order_") && ids[2].starts_with("Order_"));
    assert_eq!(ids[1], "", "its own id is its id, even a mended one");
    // After correction, each is a separate row; one equals a row that was accepted.
    let mended = written.replace(",x,a", ",7,a").replace("o-1", "o-2");
    let again = plan(std::slice::from_ref(&order), head, &mapping()).unwrap();
    let sent = batches(again, &mended, 9);
    assert_eq!(reasons(&sent[0]), [""; 0]);
    let sent: Vec<String> = serde_json::from_value(body(&sent[0])["ids"].clone()).unwrap();
    assert_eq!(sent, [ids[0], "o-2", ids[2], ids[3]]);
    assert!(!sent.contains(&taken[0]));
    // Without correction, the rejects stay unchanged.
    assert_eq!(ids_of(&rejects_of(&order, &written)), ids_of(&written));
}

fn ids_of(rejects: &str) -> Vec<&str> {
    let rows = rejects.lines().map(|row| row.split(',').nth(3).unwrap());
    rows.collect()
}

#[test]
fn what_is_missing_or_too_much_in_a_row_leaves_the_others_under_their_names() {
    let order = json!({"id": "Order", "label": "Order", "properties": [
        {"name": "number", "type": "integer"}, {"name": "note", "type": "string"},
        {"name": "mark", "type": "string"}]});
    let head = "number,note,mark";
    let first = rejects_of(
        &order,
        &format!("{head}\n1\n2,a\n3,a,b,c,\"d,e\"\n4,a,b,c\n"),
    );
    let rows = records(first.as_bytes()).unwrap();
    for (row, cells, line, surplus) in [
        (1, ["1", "", ""], "2", &[][..]),
        (2, ["2", "a", ""], "3", &[]),
        (3, ["3", "a", "b"], "4", &["c", "d,e"]),
        (4, ["4", "a", "b"], "5", &["c"]),
    ] {
        let row = texts(&rows[row]);
        assert_eq!(row[..3], cells);
        // After the id.
        assert_eq!(row[4], line, "{row:?}");
        assert_eq!(row[6..], *surplus, "{row:?}");
    }
    // However often it is rejected, nothing of it goes away.
    let keep = |text: &str| -> Vec<Vec<String>> {
        let rows = records(text.as_bytes()).unwrap();
        rows[1..]
            .iter()
            .map(|row| [&texts(row)[..3], &texts(row)[6..]].concat())
            .collect()
    };
    let second = rejects_of(&order, &first);
    assert_eq!(keep(&second), keep(&first));
    // A row that someone cut keeps what was its own.
    let head = "number,note,mark,_id,_line,_reason";
    for (row, cells, surplus) in [
        ("1,a,7,why (type)", ["1", "a", ""], &["7", "why (type)"][..]),
        (
            "1,a,b,id,no line,why,more",
            ["1", "a", "b"],
            &["no line", "why", "more"],
        ),
        (
            "1,a,b,id,more,7,why (type)",
            ["1", "a", "b"],
            &["more", "7", "why (type)"],
        ),
        ("5,a", ["5", "a", ""], &[]),
    ] {
        let written = rejects_of(&order, &format!("{head}\n{row}\n"));
        let written = texts(&records(written.as_bytes()).unwrap()[1]);
        assert_eq!(written[..3], cells, "{row}");
        assert_eq!(written[4], "2", "{row}");
        assert_eq!(written[6..], *surplus, "{row}");
    }
}

#[test]
fn a_row_with_a_broken_quote_has_one_line_and_one_reason_however_often_it_is_rejected() {
    let order = json!({"id": "Order", "label": "Order", "properties": [
        {"name": "number", "type": "integer"}, {"name": "note", "type": "string"}]});
    for row in ["\"a \\\"b\\\"\",y", "1,\"x\" y", "\"a\"b,\"c,d\""] {
        let first = rejects_of(&order, &format!("number,note\n{row}\n"));
        let mut again = first.clone();
        for _ in 0..2 {
            again = rejects_of(&order, &again);
            assert_eq!(again, first, "{row}");
        }
        assert!(first.contains(&format!("\n{row},")), "{first}");
    }
}

#[test]
fn a_column_of_ids_that_contradicts_the_primary_key_is_named() {
    let plan = plan(&[full_class()], "code,_id", &mapping()).unwrap();
    let batch = batches(plan.clone(), "code,_id\na,5\n", 9).remove(0);
    let answer = errors(&json!([
        {"row": 1, "error": "validation_failed", "message": "1 value(s)", "errors": [
            {"field": "code", "rule": "primary_key", "message": "code gives the id a, not 5"}]},
    ]));
    let (.., rejects) = settle_batch(&plan, &batch, &answer, &mut Seen::default());
    assert_eq!(
        rejects[0].1,
        "code: gives the id a, not 5; the id is from the column _id: to leave it out, use --skip-column _id (primary_key)"
    );
}

#[test]
fn rows_that_waited_are_rejected_in_the_order_of_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rejects.csv");
    let late = |line: u64, place: u64, row: &str| Late {
        line,
        place,
        row: row.into(),
    };
    let mut rejects = Rejects::begin(&path, b"head\n".to_vec()).unwrap();
    let before = rejects.length();
    rejects.add(b"two\n").unwrap();
    let between = rejects.length();
    rejects.add(b"four\n").unwrap();
    let behind = rejects.length();
    let rows = [
        late(1, before, "one\n"),
        late(3, between, "three\n"),
        late(5, behind, "five\n"),
    ];
    rejects.insert(&rows).unwrap();
    rejects.add(b"six\n").unwrap();
    let length = rejects.flush().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "head\none\ntwo\nthree\nfour\nfive\nsix\n");
    assert_eq!(length, text.len() as u64);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let other = folder.path().join("other.csv");
    let mut rejects = Rejects::begin(&other, b"head\n".to_vec()).unwrap();
    let rows = [late(1, 0, "one\n"), late(2, 0, "two\n")];
    rejects.insert(&rows).unwrap();
    rejects.flush().unwrap();
    let text = std::fs::read_to_string(&other).unwrap();
    assert_eq!(text, "head\none\ntwo\n", "no row was rejected before");
}
