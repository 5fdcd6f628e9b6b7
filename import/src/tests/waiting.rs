//! Rows that wait for later rows.

use std::collections::HashSet;

use crate::{
    batch::{Batch, Fate},
    reader::Place,
    rows::Raw,
    waiting::{Waiting, WaitingRow},
};

/// A row in a line, which refers to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    line: u64,
    id: u32,
    to: u32,
}

impl Raw for Link {
    fn line(&self) -> u64 {
        self.line
    }

    fn blanks(&self) -> u64 {
        0
    }
}

/// Rows of a class, in lines from the first on.
fn links(rows: &[(u32, u32)]) -> Vec<WaitingRow<Link>> {
    let lines = rows.iter().zip(1..);
    let row = |(&(id, to), line): (&(u32, u32), u64)| row("Node", Link { line, id, to }, b"{}");
    lines.map(row).collect()
}

fn row(class: &str, raw: Link, data: &[u8]) -> WaitingRow<Link> {
    WaitingRow {
        raw,
        class: class.parse().unwrap(),
        data: data.to_vec(),
        id: Some(raw.id.to_string().parse().unwrap()),
        mark: raw.id.into(),
        is_whole: false,
        reasons: Vec::new(),
        place: 0,
    }
}

/// Sends rows to a store that accepts a part as far as its references are valid; returns what is
/// left, and the classes and lines of the parts.
async fn send(
    rows: Vec<WaitingRow<Link>>,
    most: usize,
    known: &[u32],
) -> (Vec<(u32, u32)>, Vec<(String, Vec<u64>)>) {
    let mut waiting = Waiting::new();
    for row in rows {
        assert_eq!(waiting.add(row), None);
    }
    let mut there: HashSet<u32> = known.iter().copied().collect();
    let mut parts = Vec::new();
    let left = waiting
        .resend(most, async |_, part: Vec<WaitingRow<Link>>| {
            let class = part[0].class.clone();
            assert!(part.iter().all(|row| row.class == class));
            let lines = part.iter().map(|row| row.raw.line).collect();
            parts.push((class.to_string(), lines));
            let mut taken = there.clone();
            taken.extend(part.iter().map(|row| row.raw.id));
            loop {
                let dangling = |row: &&WaitingRow<Link>| {
                    taken.contains(&row.raw.id) && !taken.contains(&row.raw.to)
                };
                let Some(row) = part.iter().find(dangling) else {
                    break;
                };
                taken.remove(&row.raw.id);
            }
            let left = part.into_iter().filter(|row| !taken.contains(&row.raw.id));
            let left = left.collect();
            there = taken;
            Ok(left)
        })
        .await
        .unwrap();
    let left = left.iter().map(|row| (row.raw.id, row.raw.to)).collect();
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
    let rows = rows.map(|(class, id)| {
        let raw = Link {
            line: id.into(),
            id,
            to: 0,
        };
        row(class, raw, b"{}")
    });
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
fn a_row_without_room_is_returned() {
    let raw = Link {
        line: 1,
        id: 1,
        to: 0,
    };
    let large = row("Node", raw, &vec![b' '; 64 * 1024 * 1024]);
    assert_eq!(Waiting::new().add(large.clone()), Some(large));
}

#[test]
fn an_id_is_sent_once_per_request_and_equal_rows_as_one() {
    let raw = |line| Link { line, id: 7, to: 0 };
    let rows = vec![
        row("Node", raw(1), b"{}"),
        row("Node", raw(2), b"{\"a\":1}"),
        row("Node", raw(3), b"{}"),
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
