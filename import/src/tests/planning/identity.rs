//! Where the ids of instances come from.

use super::*;

#[test]
fn ids_come_from_the_key_the_named_columns_the_own_id_or_the_content() {
    let identity = |definition: Value, head: &str, mapping: &Mapping| {
        plan(&[definition], head, mapping).unwrap().identity
    };
    assert_eq!(
        identity(full_class(), "note,code", &mapping()),
        Identity::PrimaryKey(vec![1])
    );
    assert_eq!(
        identity(full_class(), "note,코드", &key_columns(&["code"])),
        Identity::PrimaryKey(vec![1])
    );
    assert_eq!(
        identity(order(), "note,number", &key_columns(&["number", "note"])),
        Identity::Columns(vec![1, 0])
    );
    assert_eq!(
        identity(order(), "note,order_id", &mapping()),
        Identity::Own(1)
    );
    assert_eq!(
        identity(order(), "note,number", &mapping()),
        Identity::Content
    );

    let sent = |head: &str, mapping: &Mapping, rows: &str| {
        let plan = plan(&[order()], head, mapping).unwrap();
        let batches = batches(plan, &format!("{head}\n{rows}"), 9);
        (
            body(&batches[0])["ids"].clone(),
            reasons(&batches[0]).join("; "),
        )
    };
    let key = key_columns(&["note", "number"]);
    assert_eq!(
        sent("note,number", &key, "a,07\nb,8\n").0,
        json!(["a:7", "b:8"])
    );
    // As in a composite primary key of a class: no two keys give one id.
    assert_eq!(
        sent("note,number", &key, "a:b,7\na%3Ab,7\n").0,
        json!(["a%3Ab:7", "a%253Ab:7"])
    );
    assert_eq!(
        sent("note,number", &key_columns(&["number", "note"]), "a:%b,7\n").0,
        json!(["7:a:%b"])
    );
    assert!(
        sent("note,number", &key, ",7\n")
            .1
            .contains("note: is part of the key, and empty (required)")
    );
    assert!(
        sent("note,number", &key, "a\u{1}b,7\n")
            .1
            .contains("gives the id")
    );
    // The same content gives the same id, in any order of columns.
    let (one, _) = sent("note,number", &mapping(), "a,7\n,7\n");
    let (other, _) = sent("number,note", &mapping(), "7,a\n07,\n");
    assert_eq!(one, other);
    assert_ne!(one[0], one[1]);
    // A row without its own id: its content.
    let (own, _) = sent("order_id,note", &mapping(), "o-1,a\n,a\n");
    assert_eq!(own[0], "o-1");
    assert!(own[1].as_str().unwrap().starts_with("Order_"));
}

#[test]
fn no_batch_has_an_id_twice_and_the_same_row_is_sent_once() {
    let text = "code,count\na,1\nb,1\na,1\na,01\na,2\nb,1\nc,1\n";
    let plan = plan(&[full_class()], "code,count", &mapping()).unwrap();
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
            .map(|row| row.raw.line)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (line(&batches[0]), line(&batches[1])),
        (vec![2, 3, 4, 5], vec![6, 7, 8])
    );
}

/// The ids of the rows that are sent, and the counts of equal and blank rows.
fn ids(text: &str, most: usize, source: Option<&str>) -> (Vec<String>, u64, u64) {
    let mapping = Mapping {
        source: source.map(str::to_owned),
        ..mapping()
    };
    let (head, _) = text.split_once('\n').unwrap();
    let plan = plan(&[order()], head, &mapping).unwrap();
    let batches = batches(plan, text, most);
    let ids = batches.iter().flat_map(sent_ids).collect();
    let equal = batches.iter().map(|it| it.equal).sum();
    (ids, equal, batches.iter().map(|it| it.blanks).sum())
}

fn sent_ids(batch: &Batch) -> Vec<String> {
    let ids = body(batch)["ids"].clone();
    serde_json::from_value(ids).unwrap_or_default()
}

#[test]
fn equal_rows_without_a_key_are_all_kept_and_have_the_same_ids_each_time() {
    let text = "number,note\n7,a\n07,a\n\n8,b\n7,a\n,\n8,b\nx,c\n7,a\n\n";
    let (whole, equal, blanks) = ids(text, 100, None);
    assert_eq!((equal, blanks), (4, 3));
    let mut distinct = whole.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((whole.len(), distinct.len()), (6, 6));
    assert_eq!(whole[1], format!("{}_2", whole[0]));
    assert_eq!(whole[5], format!("{}_4", whole[0]));
    assert_eq!(whole[4], format!("{}_2", whole[2]));
    for most in 1..7 {
        assert_eq!(
            ids(text, most, None),
            (whole.clone(), 4, 3),
            "batches of {most}"
        );
    }
    // Columns in another order are equal; another source is different.
    let turned = "note,number\na,7\n";
    assert_eq!(ids(turned, 9, None).0[0], whole[0]);
    let elsewhere = ids(turned, 9, Some("march")).0;
    assert_ne!(elsewhere[0], whole[0]);
    assert_ne!(elsewhere, ids(turned, 9, Some("april")).0);
    // Own ids are not numbered: the same id is the same instance.
    let own = ids("order_id,note\no-1,a\no-1,a\n,a\n,a\n", 9, None);
    assert_eq!(own.0[0], "o-1");
    assert_eq!((own.0.len(), own.1), (3, 1));
}

#[test]
fn an_import_resumed_anywhere_gives_the_same_ids() {
    let text = "\u{feff}number,note\r\n7,a\r\n7,a\r\n\r\n8,\"b\nb\"\r\n7,a\r\nx,c\r\n,\r\n7,a\r\n8,\"b\nb\"\r\n\r\n,\r\n";
    let (whole, equal, blanks) = ids(text, 100, None);
    let plan = Arc::new(plan(&[order()], "number,note", &mapping()).unwrap());
    let start = || {
        let mut reader = reader(text.as_bytes());
        reader.read().unwrap();
        TableRows::new(reader, Arc::clone(&plan))
    };
    let first = Batches::new(start(), 1, false).map(Result::unwrap);
    let mut done = (Vec::new(), 0, 0);
    for batch in first {
        done.0.extend(sent_ids(&batch));
        done.1 += batch.equal;
        done.2 += batch.blanks;
        let rest = Batches::new(start(), 3, false).with_start(batch.end);
        let mut all = done.clone();
        for batch in rest.map(Result::unwrap) {
            all.0.extend(sent_ids(&batch));
            all.1 += batch.equal;
            all.2 += batch.blanks;
        }
        assert_eq!(
            all,
            (whole.clone(), equal, blanks),
            "from line {}",
            batch.end.line
        );
    }
}

#[test]
fn equal_decimals_are_one_key_in_any_notation() {
    let price = json!({"id": "Price", "label": "Price", "properties": [
        {"name": "amount", "type": "decimal", "primaryKey": true}, {"name": "note", "type": "string"}]});
    let read = |rows: &str| {
        let plan = plan(std::slice::from_ref(&price), "amount,note", &mapping()).unwrap();
        batches(plan, &format!("amount,note\n{rows}"), 9)
    };
    let fates = |batch: &Batch| -> usize {
        let is_sent = |fate: &Fate| matches!(fate, Fate::Sent(_));
        batch.rows.iter().filter(|row| is_sent(&row.fate)).count()
    };
    // With other values or other digits, the second row waits for the answer to the first.
    let found = read("1,a\n1.0,b\n2,c\n");
    assert_eq!(found.iter().map(fates).collect::<Vec<_>>(), [1, 2]);
    let found = read("1.50,a\n1.50,a\n1.5,a\n");
    assert_eq!(found.iter().map(fates).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(found[0].rows[1].fate, Fate::SameAs(0));
    let found = read("10,a\n1,b\n100,c\n");
    assert_eq!(found.iter().map(fates).collect::<Vec<_>>(), [3]);
}
