//! Columns find their properties, and ids their columns. Unknown columns are reported before
//! anything is sent.

mod identity;

use super::*;
use crate::{
    column::{Column, Target, list_left_out},
    convert::Words,
    identity::Identity,
    text::reveal,
};

fn order() -> Value {
    json!({"id": "Order", "label": "Order", "properties": [
        {"name": "number", "type": "integer", "label": {"en": "Number", "ko": "번호"}},
        {"name": "order_id", "type": "string"},
        {"name": "note", "type": "string"},
    ]})
}

fn refuse(definition: &Value, head: &str, mapping: &Mapping) -> String {
    plan(std::slice::from_ref(definition), head, mapping)
        .map(|plan| plan.columns)
        .unwrap_err()
        .to_string()
}

fn map_columns(map: &[&str]) -> Mapping {
    Mapping {
        map: map.iter().map(|&it| it.to_owned()).collect(),
        ..mapping()
    }
}

fn skip_columns(skip: &[&str]) -> Mapping {
    Mapping {
        skip: skip.iter().map(|&it| it.to_owned()).collect(),
        ..mapping()
    }
}

fn key_columns(key: &[&str]) -> Mapping {
    Mapping {
        key: key.iter().map(|&it| it.to_owned()).collect(),
        ..mapping()
    }
}

#[test]
fn columns_are_found_by_id_by_label_and_by_map() {
    let head = "번호, order_id ,Bemerkung,rest,_line,_reason";
    let plan = plan(&[order()], head, &map_columns(&["Bemerkung=note", "rest="])).unwrap();
    let names: Vec<Option<&str>> = plan
        .columns
        .iter()
        .map(|column| column.member().map(AsRef::as_ref))
        .collect();
    assert_eq!(
        names,
        [
            Some("number"),
            Some("order_id"),
            Some("note"),
            None,
            None,
            None
        ]
    );
    assert_eq!(plan.columns[3].target, Target::Nothing);
    assert_eq!(plan.columns[5].target, Target::Note);
    assert_eq!(plan.column_of("note[2].x"), "Bemerkung");
}

#[test]
fn inherited_members_are_columns_too() {
    let below = json!({"id": "Below", "label": "Below", "parent_class": "Order", "properties": []});
    let plan = plan(&[below, order()], "number,note", &mapping()).unwrap();
    let texts = "number,note\n07,x\n";
    assert_eq!(
        body(&batches(plan, texts, 9)[0])["instances"],
        json!([{"note": "x", "number": 7}])
    );
}

#[test]
fn unknown_columns_are_reported_with_suggestions_and_the_line() {
    let order = order();
    for (head, mapping, expected) in [
        (
            "number,nots",
            mapping(),
            "line 1: Order has no property or label nots; did you mean note?",
        ),
        ("number;note", mapping(), "do you mean --delimiter ';'?"),
        (
            "number,note",
            Mapping {
                words: Words {
                    truths: vec!["ja".to_owned()],
                    falses: vec!["nein".to_owned(), "ja".to_owned()],
                },
                ..mapping()
            },
            "\"ja\" is given both with --true and with --false",
        ),
        (
            "\n\nnumber,number",
            mapping(),
            "line 3: columns 1 and 2 are both called \"number\"",
        ),
        (
            "number,note,number",
            skip_columns(&["number"]),
            "--skip-column number: columns 1 and 3 are both called \"number\"",
        ),
        (
            "number,note",
            skip_columns(&["3"]),
            "has no column \"3\"; the columns are number, note",
        ),
        (
            "number,,note",
            skip_columns(&["nots"]),
            "the columns are number, column 2, which has no name, note",
        ),
        (
            "3,number,note",
            map_columns(&["3=note"]),
            "column 1 is called 3; write #1 for it, or #3 for the column with that number",
        ),
        (
            "#2,#1",
            map_columns(&["#1=note", "#2=number"]),
            "column 2 is called #1; write 2 for it, or 1 for the column with that number",
        ),
        (
            "number,note,#1",
            skip_columns(&["#1"]),
            "column 3 is called #1; write #3 for it, or 1 for the column with that number",
        ),
        (
            "number,#1,#1",
            skip_columns(&["#1"]),
            "columns 2 and 3 are both called \"#1\"; write the number",
        ),
        // Of the columns that an import writes, only the last two are ignored.
        ("number,_line", mapping(), "no property or label _line"),
        ("_line,_reason,number", mapping(), "label _line, _reason"),
        ("number,Number", mapping(), "are both values of number"),
        (
            "number,n",
            map_columns(&["n=nothing"]),
            "no property or label nothing",
        ),
        (
            "number",
            map_columns(&["note=number"]),
            "has no column \"note\"; the columns are number",
        ),
        ("number", map_columns(&["number"]), "write COLUMN=PROPERTY"),
        (
            "number",
            map_columns(&["number=note", "number="]),
            "mapped already",
        ),
        ("number", map_columns(&["number="]), "no column matches"),
        (
            "number",
            key_columns(&["other"]),
            "--key other: line 1 has no column \"other\"",
        ),
        ("number", key_columns(&["number", "number"]), "twice"),
    ] {
        let message = refuse(&order, head, &mapping);
        assert!(message.contains(expected), "{head}: {message}");
    }
    let thing = full_class();
    assert!(refuse(&thing, "note", &mapping()).contains("the whole primary key of Thing (code)"));
    assert!(refuse(&thing, "code,note", &key_columns(&["note"])).contains("leave --key out"));
    let head = String::from_utf8_lossy(b"n\xff").into_owned();
    assert!(refuse(&order, &head, &mapping()).contains("has no property or label"));
    let mut abstracted = order;
    abstracted["abstract"] = json!(true);
    assert!(refuse(&abstracted, "number", &mapping()).contains("abstract"));
}

#[test]
fn an_empty_cell_or_the_null_text_means_no_value() {
    let mapping = Mapping {
        nulls: ["NULL", "\\N", "-"].map(str::to_owned).to_vec(),
        ..mapping()
    };
    let plan = plan(&[full_class()], "code,note,count", &mapping).unwrap();
    let text = "code,note,count\na,NULL,\nNULL,x,1\nb,\\N, - \nc, \u{a0}\u{3000}\u{200b},\t\nd,NULL or not,\n";
    let batches = batches(plan, text, 9);
    assert_eq!(
        body(&batches[0])["instances"],
        json!([{"code": "a"}, {"code": "b"}, {"code": "c"}, {"code": "d", "note": "NULL or not"}])
    );
    assert_eq!(
        reasons(&batches[0]),
        ["code: is part of the key, and empty (required)"]
    );
}

/// The meaning of each column of a header, with `-` for left-out columns.
fn targets(head: &str, map: &[&str], skip: &[&str]) -> Vec<String> {
    let mapping = Mapping {
        map: map_columns(map).map,
        ..skip_columns(skip)
    };
    let plan = plan(&[order()], head, &mapping).unwrap();
    let target = |column: &Column| {
        column
            .member()
            .map_or_else(|| "-".to_owned(), ToString::to_string)
    };
    plan.columns.iter().map(target).collect()
}

#[test]
fn columns_can_be_addressed_by_number() {
    for (head, map, skip, expected) in [
        (
            "number,x,note",
            &["2=order_id"][..],
            &[][..],
            "number order_id note",
        ),
        ("number,,note", &[], &[], "number - note"),
        ("number,,\u{a0}", &["#3=note"], &[], "number - note"),
        ("number,note,note", &[], &["3"], "number note -"),
        (
            "number,note,note",
            &["2=order_id"],
            &[],
            "number order_id note",
        ),
        ("note,note,note", &["1=number", "2="], &[], "number - note"),
        (
            "3,number,x",
            &["#3=note", "#1=order_id"],
            &[],
            "order_id number note",
        ),
        ("1,number", &["1=note"], &[], "note number"),
        ("#1,number", &["#1=note"], &[], "note number"),
        ("#2,#1", &["1=note", "2=number"], &[], "note number"),
        ("number,#5", &["#5=note"], &[], "number note"),
        (
            "number,_line,_reason",
            &["_line=note"],
            &[],
            "number note -",
        ),
        (
            "_line,number,_line,_reason",
            &["1=note"],
            &[],
            "note number - -",
        ),
        (
            "number,beme\u{301}rkung",
            &["bem\u{e9}rkung=note"],
            &[],
            "number note",
        ),
        (
            "number,bem\u{e9}rkung",
            &[],
            &["beme\u{301}rkung"],
            "number -",
        ),
        // From macOS: 번호 in decomposed letters.
        (
            "\u{1107}\u{1165}\u{11ab}\u{1112}\u{1169}",
            &[],
            &[],
            "number",
        ),
    ] {
        assert_eq!(
            targets(head, map, skip).join(" "),
            expected,
            "{head} {map:?} {skip:?}"
        );
    }
    let key = plan(
        &[order()],
        "number,note,note",
        &Mapping {
            key: vec!["3".into()],
            ..skip_columns(&["2"])
        },
    );
    assert_eq!(key.unwrap().identity, Identity::Columns(vec![2]));
    let left = plan(
        &[order()],
        "number,,note,_line,_reason",
        &skip_columns(&["note"]),
    )
    .unwrap();
    let left: Vec<(usize, String, &str)> = list_left_out(&left.columns)
        .into_iter()
        .map(|it| (it.column, it.name, it.reason))
        .collect();
    assert_eq!(
        left,
        [
            (2, String::new(), "no name, and blank in each accepted row"),
            (3, "note".to_owned(), "left out by --map or --skip-column"),
            (4, "_line".to_owned(), "written by an import"),
            (5, "_reason".to_owned(), "written by an import"),
        ]
    );
}

#[test]
fn values_in_columns_without_a_name_or_after_the_last_are_not_lost() {
    let text = "number,,note,\n1,,a,\n2,,b\n3,,c,, ,\n4,x,d,\n5,,e,y\n6,,f,,z\n7,\n";
    let plan = plan(&[order()], "number,,note,", &mapping()).unwrap();
    let rows = records(text.as_bytes()).unwrap();
    // One row with something there is rejected; most of them show that it is a column.
    for alone in [&rows[1..], &rows[1..4], &rows[4..5], &rows[4..6]] {
        assert!(plan.check_first(alone).is_ok());
    }
    let column = [rows[1].clone(), rows[4].clone(), rows[4].clone()];
    let refused = plan.check_first(&column).unwrap_err().to_string();
    assert!(
        refused.contains("column 2 has no name, but line 5 has \"x\" in it"),
        "{refused}"
    );
    assert!(refused.contains("--skip-column 2"), "{refused}");
    let batch = batches(plan, text, 99).remove(0);
    let sent = body(&batch)["instances"].as_array().unwrap().len();
    assert_eq!((sent, batch.surplus), (3, 2));
    let reasons = reasons(&batch);
    assert!(
        reasons[0].starts_with("column 2 has no name, but has \"x\" here"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("column 4 has no name"),
        "{reasons:?}"
    );
    assert_eq!(
        reasons[2],
        "the row has 5 fields, but the header has 4 (field_count)"
    );
    assert_eq!(
        reasons[3],
        "the row has 2 fields, but the header has 4 (field_count)"
    );
}

#[test]
fn uncorrected_rejects_are_rejected_again() {
    let head = "number,note,_line,_reason";
    let rows = "7,caf\\xE9,2,note: must be UTF-8 (encoding)\n8,caf\\xE9,3,why (type)\n9,caf\u{e9},4,note: must be UTF-8 (encoding)\n9,5,why,\n9,x,,\n";
    let batch = batches(
        plan(&[order()], head, &mapping()).unwrap(),
        &format!("{head}\n{rows}"),
        9,
    )
    .remove(0);
    let rejected: Vec<bool> = batch
        .rows
        .iter()
        .map(|row| matches!(row.fate, Fate::Rejected(_)))
        .collect();
    assert_eq!(
        rejected,
        [true, false, false, true, true],
        "{:?}",
        reasons(&batch)
    );
    // What was missing is blank in the rejects, until someone says that it is meant to be.
    let short = "the row has 1 field, but the header has 2 (field_count)";
    let rows = format!("7,,2,\"{short}\"\n8,a,3,\"{short}\"\n9,,4,\n");
    let plan = plan(&[order()], head, &mapping()).unwrap();
    let batch = batches(plan, &format!("{head}\n{rows}"), 9).remove(0);
    assert_eq!(
        reasons(&batch),
        [
            "note: was missing in the row, and is blank; fill it in, or clear _reason if it is meant to be blank (field_count)"
        ]
    );
    assert_eq!(batch.rows_to_send().count(), 2);
}

#[test]
fn a_title_line_is_noticed_even_if_the_class_allows_any_name() {
    let mut open = order();
    open["metadata"] = json!({"additional_properties": true});
    let rows = records(b"Orders\n\nnumber,note\n7,a\n").unwrap();
    let plan = plan(&[open], "Orders", &mapping()).unwrap();
    let refused = plan
        .check_head(&rows[0], &rows[1..], Some(3))
        .unwrap_err()
        .to_string();
    assert_eq!(refused, "line 1 names 1 columns, and line 3 has 2 cells");
    for likely in [None, Some(4)] {
        let found = plan.check_head(&rows[0], &rows[..1], likely);
        assert!(found.is_ok(), "{likely:?}");
    }
}

#[test]
fn a_class_with_labels_like_reject_columns_keeps_its_columns() {
    let class = json!({"id": "Note", "label": "Note", "properties": [
        {"name": "k", "type": "string", "primaryKey": true},
        {"name": "ln", "type": "string", "label": "_line"},
        {"name": "rs", "type": "string", "label": "_reason"},
    ]});
    let head = "k,_line,_reason";
    let plan = plan(&[class], head, &mapping()).unwrap();
    let batch = batches(plan.clone(), &format!("{head}\na,L,R\n"), 9).remove(0);
    assert_eq!(batch.rows.len(), 1);
    assert!(reasons(&batch).is_empty(), "{:?}", reasons(&batch));
    let names: Vec<_> = plan.columns.iter().map(|it| it.member()).collect();
    assert!(names.iter().all(Option::is_some), "{names:?}");
}

#[test]
fn invisible_characters_in_names_are_shown() {
    let unknown = refuse(&order(), "na\u{200b}me,note", &mapping());
    assert!(unknown.contains("label na\\u{200b}me;"), "{unknown}");
    let missing = refuse(&order(), "no\u{ad}te,number", &skip_columns(&["other"]));
    assert!(
        missing.contains("columns are no\\u{ad}te, number"),
        "{missing}"
    );
    for (name, shown) in [
        ("Größe (cm) \"x\"", "Größe (cm) \"x\""),
        ("e\u{301}", "e\u{301}"),
        ("이름", "이름"),
        (
            "a\u{a0}b\u{202e}\u{200d}\u{200c}",
            "a\\u{a0}b\\u{202e}\\u{200d}\\u{200c}",
        ),
        ("a\tb", "a\\u{9}b"),
    ] {
        assert_eq!(reveal(name), shown);
    }
}

#[test]
fn blank_items_that_a_list_leaves_out_are_counted_with_the_first_line() {
    let head = "code,tags,marks";
    let text = format!(
        "{head}\na,x;y,\nb,x; ;y,1;\nc,;,\nd,\"[\"\"\"\",\"\";\"\"]\",\ne,\"\",5\nf,;;,x;;\n"
    );
    let plan = plan(&[full_class()], head, &mapping()).unwrap();
    let batches = batches(plan, &text, 2);
    let left_out: Vec<_> = batches
        .iter()
        .map(|batch| (batch.blank_items, batch.blank_item_line))
        .collect();
    // A rejected row has none: its cells are in the rejects.
    assert_eq!(left_out, [(2, Some(3)), (2, Some(4)), (0, None)]);
    let data = |batch: usize, row: usize| -> Value {
        serde_json::from_slice(batches[batch].data(row)).unwrap()
    };
    assert_eq!(
        data(0, 1),
        json!({"code": "b", "tags": ["x", "y"], "marks": [1]})
    );
    assert_eq!(data(1, 0), json!({"code": "c", "tags": []}));
    assert_eq!(data(1, 1)["tags"], json!(["", ";"]));
    assert!(reasons(&batches[2])[0].contains("marks"));
}
