//! Rows that wait for later rows.

use std::collections::HashSet;

use crate::{
    batch::{Batch, Fate},
    reader::{Place, Record},
    waiting::{Waiting, WaitingRow},
};

/// Rows of a class, in lines from the first on: an id, and the id that it refers to.
fn links(rows: &[(u32, u32)]) -> Vec<WaitingRow> {
    let lines = rows.iter().zip(1..);
    let rows = lines.map(|(&(id, to), line)| row("Node", line, (id, to), b"{}"));
    rows.collect()
}

fn row(class: &str, line: u64, (id, to): (u32, u32), data: &[u8]) -> WaitingRow {
    WaitingRow {
        raw: Record {
            bytes: to.to_string().into(),
            line,
            ..Record::default()
        },
        class: class.parse().unwrap(),
        data: data.to_vec(),
        id: Some(id.to_string().parse().unwrap()),
        mark: id.into(),
        is_whole: false,
        reasons: Vec::new(),
        place: 0,
    }
}

fn id(row: &WaitingRow) -> u32 {
    row.mark.try_into().unwrap()
}

fn to(row: &WaitingRow) -> u32 {
    std::str::from_utf8(&row.raw.bytes)
        .unwrap()
        .parse()
        .unwrap()
}

/// Sends rows to a store that accepts a part as far as its references are valid; returns what is
/// left, and the classes and lines of the parts.
async fn send(
    rows: Vec<WaitingRow>,
    most: usize,
    known: &[u32],
) -> (Vec<(u32, u32)>, Vec<(String, Vec<u64>)>) {
    let mut waiting = Waiting::default();
    for row in rows {
        assert!(waiting.add(row));
    }
    let mut there: HashSet<u32> = known.iter().copied().collect();
    let mut parts = Vec::new();
    let left = waiting
        .resend(most, async |_, part: Vec<WaitingRow>| {
            let class = part[0].class.clone();
            assert!(part.iter().all(|row| row.class == class));
            let lines = part.iter().map(|row| row.raw.line).collect();
            parts.push((class.to_string(), lines));
            let mut taken = there.clone();
            taken.extend(part.iter().map(id));
            loop {
                let dangling =
                    |row: &&WaitingRow| taken.contains(&id(row)) && !taken.contains(&to(row));
                let Some(row) = part.iter().find(dangling) else {
                    break;
                };
                taken.remove(&id(row));
            }
            let left = part.into_iter().filter(|row| !taken.contains(&id(row)));
            let left = left.collect();
            there = taken;
            Ok(left)
        })
        .await
        .unwrap();
    let left = left.iter().map(|row| (id(row), to(row))).collect();
    (left, parts)
}

#[tokio::test]
async fn a_chain_of_references_to_later_rows_is_accepted_in_one_pass() {
    let chain: Vec<(u32, u32)> = (0..1_000).map(|id| (id, id + 1)).collect();
    let (left, parts) = send(links(&chain), 10, &[1_000]).await;
    assert_eq!((left.len(), parts.len()), (0, 100));
}

#[tokio::test]
async fn rows_in_any_order_are_accepted_and_dangling_ones_keep_their_order() {
    let rows = links(&[(1, 2), (9, 404), (2, 3), (3, 0), (8, 9)]);
    let (left, _) = send(rows, 1, &[0]).await;
    assert_eq!(left, [(9, 404), (8, 9)]);
    let circle = links(&[(1, 2), (2, 1)]);
    assert_eq!(send(circle.clone(), 2, &[]).await.0, []);
    let (left, parts) = send(circle, 1, &[]).await;
    assert_eq!(
        (left.len(), parts.len()),
        (0, 3),
        "a circle goes into one part when smaller parts take nothing"
    );
    let dangling = [(1, 2), (2, 404)];
    let (left, parts) = send(links(&dangling), 1, &[]).await;
    assert_eq!(left, dangling);
    assert_eq!(parts.len(), 3, "and then it ends");
}

#[tokio::test]
async fn a_part_has_one_class_and_the_part_with_the_last_row_goes_first() {
    let rows = [("A", 1), ("B", 2), ("A", 3), ("B", 4), ("A", 5), ("C", 6)];
    let rows = rows.map(|(class, id)| row(class, id.into(), (id, 0), b"{}"));
    let (left, parts) = send(rows.to_vec(), 2, &[0]).await;
    assert_eq!(left, []);
    let part = |class: &str, lines: &[u64]| (class.to_owned(), lines.to_vec());
    assert_eq!(
        parts,
        [
            part("C", &[6]),
            part("A", &[3, 5]),
            part("B", &[2, 4]),
            part("A", &[1])
        ]
    );
}

#[test]
fn a_row_without_room_does_not_wait() {
    let large = row("Node", 1, (1, 0), &vec![b' '; 64 * 1024 * 1024]);
    assert!(!Waiting::default().add(large));
}

#[test]
fn an_id_is_sent_once_per_request_and_equal_rows_as_one() {
    let rows = vec![
        row("Node", 1, (7, 0), b"{}"),
        row("Node", 2, (7, 0), b"{\"a\":1}"),
        row("Node", 3, (7, 0), b"{}"),
    ];
    let (batch, places, later) = Batch::from_waiting(Place::START, rows);
    let fates: Vec<&Fate> = batch.rows.iter().map(|row| &row.fate).collect();
    assert_eq!(fates, [&Fate::Sent(7), &Fate::SameAs(0)]);
    assert_eq!(places.len(), 2);
    assert_eq!(
        later.iter().map(|row| row.raw.line).collect::<Vec<_>>(),
        [2]
    );
}
