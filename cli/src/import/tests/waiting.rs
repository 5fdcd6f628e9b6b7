//! Rows that wait for rows farther down.

use std::collections::HashSet;

use super::super::waiting::{Row, Waiting};

/// A row that refers to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    id: u32,
    to: u32,
    size: usize,
}

impl Row for Link {
    fn size(&self) -> usize {
        self.size
    }

    fn goes_with(&self, other: &Self) -> bool {
        self.size == other.size
    }
}

fn link(id: u32, to: u32) -> Link {
    Link { id, to, size: 1 }
}

/// Sends rows to a store that takes a part as far as it is sound; what is left, and in how many
/// parts they were sent.
async fn send(rows: Vec<Link>, most: usize, known: &[u32]) -> (Vec<Link>, usize) {
    let mut waiting = Waiting::new();
    for row in rows {
        assert_eq!(waiting.add(row), None);
    }
    let mut there: HashSet<u32> = known.iter().copied().collect();
    let mut parts = 0;
    let left = waiting
        .send_again(most, async |_, part: Vec<Link>| {
            parts += 1;
            let mut taken = there.clone();
            taken.extend(part.iter().map(|row| row.id));
            loop {
                let dangling = |row: &&Link| taken.contains(&row.id) && !taken.contains(&row.to);
                let Some(row) = part.iter().find(dangling) else {
                    break;
                };
                taken.remove(&row.id);
            }
            let left = part.into_iter().filter(|row| !taken.contains(&row.id));
            let left = left.collect();
            there = taken;
            Ok(left)
        })
        .await
        .unwrap();
    (left, parts)
}

#[tokio::test]
async fn a_chain_that_leads_down_the_file_is_taken_in_one_pass() {
    let chain: Vec<Link> = (0..1_000).map(|id| link(id, id + 1)).collect();
    let (left, parts) = send(chain, 10, &[1_000]).await;
    assert_eq!((left, parts), (Vec::new(), 100));
}

#[tokio::test]
async fn rows_in_any_order_are_taken_and_dangling_ones_stay_in_their_order() {
    let rows = vec![link(1, 2), link(9, 404), link(2, 3), link(3, 0), link(8, 9)];
    let (left, _) = send(rows, 1, &[0]).await;
    assert_eq!(left, [link(9, 404), link(8, 9)]);
    let circle = vec![link(1, 2), link(2, 1)];
    assert_eq!(send(circle.clone(), 2, &[]).await.0, []);
    let (left, parts) = send(circle, 1, &[]).await;
    assert_eq!(
        (left, parts),
        (Vec::new(), 3),
        "a circle goes into one part when smaller parts take nothing"
    );
    let dangling = vec![link(1, 2), link(2, 404)];
    let (left, parts) = send(dangling.clone(), 1, &[]).await;
    assert_eq!((left, parts), (dangling, 3), "and then it ends");
}

#[tokio::test]
async fn a_part_has_rows_that_go_together_and_a_row_too_large_is_given_back() {
    let other = Link {
        size: 2,
        ..link(2, 0)
    };
    let (left, parts) = send(vec![link(1, 0), other, link(3, 0)], 10, &[0]).await;
    assert_eq!((left, parts), (Vec::new(), 2));
    let large = Link {
        size: usize::MAX,
        ..link(1, 0)
    };
    assert_eq!(Waiting::new().add(large), Some(large));
}
