//! Columns find their properties, and ids their columns; what is not understood is said before
//! anything is sent.

use super::*;
use crate::import::plan::{Identity, Target};

fn order() -> Value {
    json!({"id": "Order", "label": "Order", "properties": [
        {"name": "number", "type": "integer", "label": {"en": "Number", "ko": "번호"}},
        {"name": "order_id", "type": "string"},
        {"name": "note", "type": "string"},
    ]})
}

fn refused(definition: &Value, head: &str, wishes: &Wishes) -> String {
    plan(std::slice::from_ref(definition), head, wishes)
        .map(|plan| plan.columns)
        .unwrap_err()
        .to_string()
}

fn mapped(map: &[&str]) -> Wishes {
    Wishes {
        map: map.iter().map(|&it| it.to_owned()).collect(),
        ..wishes()
    }
}

fn keyed(key: &[&str]) -> Wishes {
    Wishes {
        key: key.iter().map(|&it| it.to_owned()).collect(),
        ..wishes()
    }
}

#[test]
fn columns_are_found_by_id_by_label_and_by_map() {
    let head = "번호, order_id ,Bemerkung,_line,_reason,rest";
    let plan = plan(&[order()], head, &mapped(&["Bemerkung=note", "rest="])).unwrap();
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
    assert_eq!(plan.columns[3].target, Target::Note);
    assert_eq!(plan.columns[5].target, Target::Nothing);
    assert_eq!(plan.column_of("note[2].x"), "Bemerkung");
}

#[test]
fn inherited_members_are_columns_too() {
    let below = json!({"id": "Below", "label": "Below", "parent_class": "Order", "properties": []});
    let plan = plan(&[below, order()], "number,note", &wishes()).unwrap();
    let texts = "number,note\n07,x\n";
    assert_eq!(
        body(&batches(plan, texts, 9)[0])["instances"],
        json!([{"note": "x", "number": 7}])
    );
}

#[test]
fn what_is_not_understood_is_said_with_near_names_and_the_line() {
    let order = order();
    for (head, wishes, expected) in [
        (
            "number,nots",
            wishes(),
            "line 1: Order has nothing called nots; did you mean note?",
        ),
        ("number;note", wishes(), "is --delimiter ';' meant?"),
        (
            "\n\nnumber,number",
            wishes(),
            "line 3: columns 1 and 2 are both called \"number\"",
        ),
        ("number,,note", wishes(), "line 1: column 2 has no name"),
        ("number,Number", wishes(), "are both values of number"),
        ("number,n", mapped(&["n=nothing"]), "nothing called nothing"),
        (
            "number",
            mapped(&["note=number"]),
            "has no column \"note\"; there is number",
        ),
        ("number", mapped(&["number"]), "write COLUMN=PROPERTY"),
        (
            "number",
            mapped(&["number=note", "number="]),
            "mapped already",
        ),
        ("number", mapped(&["number="]), "no column has values"),
        (
            "number",
            keyed(&["other"]),
            "--key other: there is no such column",
        ),
        ("number", keyed(&["number", "number"]), "twice"),
    ] {
        let message = refused(&order, head, &wishes);
        assert!(message.contains(expected), "{head}: {message}");
    }
    let thing = everything();
    assert!(refused(&thing, "note", &wishes()).contains("the primary key of Thing (code)"));
    assert!(refused(&thing, "code,note", &keyed(&["note"])).contains("leave --key out"));
    let head = String::from_utf8_lossy(b"n\xff").into_owned();
    assert!(refused(&order, &head, &wishes()).contains("nothing called"));
    let mut abstracted = order;
    abstracted["abstract"] = json!(true);
    assert!(refused(&abstracted, "number", &wishes()).contains("abstract"));
}

#[test]
fn ids_come_from_the_key_the_named_columns_the_own_id_or_the_content() {
    let identity = |definition: Value, head: &str, wishes: &Wishes| {
        plan(&[definition], head, wishes).unwrap().identity
    };
    assert_eq!(
        identity(everything(), "note,code", &wishes()),
        Identity::PrimaryKey(vec![1])
    );
    assert_eq!(
        identity(everything(), "note,코드", &keyed(&["code"])),
        Identity::PrimaryKey(vec![1])
    );
    assert_eq!(
        identity(order(), "note,number", &keyed(&["number", "note"])),
        Identity::Columns(vec![1, 0])
    );
    assert_eq!(
        identity(order(), "note,order_id", &wishes()),
        Identity::Own(1)
    );
    assert_eq!(
        identity(order(), "note,number", &wishes()),
        Identity::Content
    );

    let sent = |head: &str, wishes: &Wishes, rows: &str| {
        let plan = plan(&[order()], head, wishes).unwrap();
        let batches = batches(plan, &format!("{head}\n{rows}"), 9);
        (
            body(&batches[0])["ids"].clone(),
            reasons(&batches[0]).join("; "),
        )
    };
    let key = keyed(&["note", "number"]);
    assert_eq!(
        sent("note,number", &key, "a,07\nb,8\n").0,
        json!(["a:7", "b:8"])
    );
    assert!(
        sent("note,number", &key, "a:b,7\n")
            .1
            .contains("only the last part may hold a ':'")
    );
    assert!(
        sent("note,number", &key, ",7\n")
            .1
            .contains("note: is part of the key, and empty (required)")
    );
    assert!(
        sent("note,number", &key, "a b,7\n")
            .1
            .contains("makes the id")
    );
    // The same content is the same id, in whatever order of columns.
    let (one, _) = sent("note,number", &wishes(), "a,7\n,7\n");
    let (other, _) = sent("number,note", &wishes(), "7,a\n07,\n");
    assert_eq!(one, other);
    assert_ne!(one[0], one[1]);
    // No own id in a row: its content.
    let (own, _) = sent("order_id,note", &wishes(), "o-1,a\n,a\n");
    assert_eq!(own[0], "o-1");
    assert!(own[1].as_str().unwrap().starts_with("Order_"));
}

#[test]
fn nothing_is_what_an_empty_cell_or_the_null_text_says() {
    let wishes = Wishes {
        null: Some("NULL".to_owned()),
        ..wishes()
    };
    let plan = plan(&[everything()], "code,note,count", &wishes).unwrap();
    let batches = batches(plan, "code,note,count\na,NULL,\nNULL,x,1\n", 9);
    assert_eq!(body(&batches[0])["instances"], json!([{"code": "a"}]));
    assert_eq!(
        reasons(&batches[0]),
        ["code: is part of the key, and empty (required)"]
    );
}

#[test]
fn no_batch_has_an_id_twice_and_the_same_row_is_sent_once() {
    let text = "code,count\na,1\nb,1\na,1\na,01\na,2\nb,1\nc,1\n";
    let plan = plan(&[everything()], "code,count", &wishes()).unwrap();
    let batches = batches(plan, text, 100);
    let fates: Vec<Vec<Option<usize>>> = batches
        .iter()
        .map(|batch| {
            batch
                .rows
                .iter()
                .map(|row| match row.fate {
                    Fate::SameAs(first) => Some(first),
                    _ => None,
                })
                .collect()
        })
        .collect();
    assert_eq!(
        fates,
        [vec![None, None, Some(0), Some(0)], vec![None, None, None]]
    );
    assert_eq!(
        body(&batches[1])["instances"][0],
        json!({"code": "a", "count": 2})
    );
    assert_eq!(batches[0].end, batches[1].begin);
    let line = |batch: &Batch| {
        batch
            .rows
            .iter()
            .map(|row| row.record.line)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (line(&batches[0]), line(&batches[1])),
        (vec![2, 3, 4, 5], vec![6, 7, 8])
    );
}
