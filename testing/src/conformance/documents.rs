//! Conformance of [`Documents`].

mod fixture;

use std::sync::Arc;

use spice_core::{
    error::StoreError,
    id::{BranchGeneration, LogPosition},
    lineage::View,
    port::{
        documents::{BranchPoints, Change, Document, Documents, Search},
        graph::{Entity, State},
        sink::SinkRole,
    },
};

pub use self::fixture::{
    all, apply, apply_changes, document, id_of, index, order_by, plain, property_name, remove,
    superseded, view,
};
use super::{
    anchors,
    sinks::{self, wipe},
    story::instance,
};
use crate::values::stream;

/// Creates an empty document store.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Documents>;

async fn show(documents: &dyn Documents, branch: usize, id: usize) -> Option<Document> {
    let found = documents
        .get(&view(branch), &[instance(0, id)])
        .await
        .unwrap();
    found.into_iter().next().unwrap()
}

async fn find(documents: &dyn Documents, branch: usize, search: &Search) -> Vec<Document> {
    documents
        .search(&view(branch), search)
        .await
        .unwrap()
        .documents
}

/// The sequence is an external version: an equal or older one succeeds and changes nothing.
pub async fn older_documents_never_win(make: Make<'_>) {
    let store = make();
    let new = document(0, 0, 5, 3, r#"{"s":"new words"}"#);
    apply(&*store, 0, 6, std::slice::from_ref(&new))
        .await
        .unwrap();
    let late = [
        document(0, 0, 2, 2, r#"{"s":"old words"}"#),
        document(0, 0, 5, 3, r#"{"s":"same words"}"#),
        document(0, 1, 4, 1, r#"{"s":"fresh words"}"#),
    ];
    let result = apply(&*store, 6, 6, &late).await.unwrap();
    assert_eq!(result.stale, [0, 1]);
    assert!(result.refused.is_empty());
    assert_eq!(show(&*store, 0, 0).await, Some(new.clone()));
    let words = |text: &str| Search {
        text: Some(text.into()),
        ..plain()
    };
    assert!(find(&*store, 0, &words("old")).await.is_empty());
    assert_eq!(find(&*store, 0, &words("NEW word*")).await, [new]);
    assert_eq!(find(&*store, 0, &words("words")).await.len(), 2);
}

/// A tombstone hides a document, stays, and refuses late versions; on a branch it hides the
/// parent's.
pub async fn tombstones_stay(make: Make<'_>) {
    let store = make();
    let create = document(0, 0, 1, 1, r#"{"s":"here"}"#);
    apply(&*store, 0, 2, std::slice::from_ref(&create))
        .await
        .unwrap();
    apply(&*store, 2, 12, &[document(1, 0, 11, 2, "")])
        .await
        .unwrap();
    assert_eq!(show(&*store, 1, 0).await.unwrap().state.data, None);
    assert_eq!(show(&*store, 0, 0).await, Some(create.clone()));
    assert!(find(&*store, 1, &plain()).await.is_empty());
    assert!(store.counts(&view(1)).await.unwrap().is_empty());
    let here = Search {
        text: Some("here".into()),
        ..plain()
    };
    assert!(find(&*store, 1, &here).await.is_empty());
    assert_eq!(find(&*store, 0, &here).await.len(), 1);

    apply(&*store, 12, 13, &[document(0, 0, 12, 2, "")])
        .await
        .unwrap();
    let late = apply(&*store, 0, 2, &[create]).await.unwrap();
    assert_eq!(late.stale, [0]);
    assert_eq!(show(&*store, 0, 0).await.unwrap().state.data, None);
    assert!(find(&*store, 0, &here).await.is_empty());
    let all = all(&*store, BranchGeneration::MAIN, None).await;
    assert_eq!(all.len(), 1, "tombstones are documents");
}

/// A reused name starts without the data of its predecessor.
pub async fn generations_of_a_branch_are_separate(make: Make<'_>) {
    let store = make();
    let old = document(1, 0, 11, 7, r#"{"s":"old"}"#);
    apply(&*store, 0, 12, std::slice::from_ref(&old))
        .await
        .unwrap();
    assert_eq!(show(&*store, 2, 0).await, None);
    let new = document(2, 0, 21, 1, r#"{"s":"new"}"#);
    let result = apply(&*store, 12, 22, std::slice::from_ref(&new))
        .await
        .unwrap();
    assert!(result.stale.is_empty());
    assert_eq!(show(&*store, 2, 0).await, Some(new.clone()));
    assert_eq!(show(&*store, 1, 0).await, Some(old));
    let all = all(&*store, index(2).1, None).await;
    assert_eq!(all, [new]);
}

/// A batch after a gap is fenced and does nothing.
pub async fn sinks_fence_off_holes(make: Make<'_>) {
    let store = make();
    let hole = apply(&*store, 1, 2, &[document(0, 0, 1, 1, "{}")]).await;
    assert!(matches!(hole, Err(StoreError::Fenced { .. })), "{hole:?}");
    assert_eq!(show(&*store, 0, 0).await, None);
    let position = store.sink(&stream("demo")).await.unwrap().position;
    assert_eq!(position, LogPosition(0));
}

/// A batch for a sink that is gone is fenced. A new sink is empty, and other logs do not change.
pub async fn sinks_refuse_other_generations(make: Make<'_>) {
    let store = make();
    let demo = stream("demo");
    let document = document(0, 0, 0, 1, r#"{"s":"word"}"#);
    let one = [Change::from(document.clone())];
    let (zero, next) = (LogPosition(0), LogPosition(1));
    let foreign = store.apply(&demo, "another", zero, next.into(), &one).await;
    assert!(
        matches!(foreign, Err(StoreError::Fenced { .. })),
        "{foreign:?}"
    );
    assert_eq!(show(&*store, 0, 0).await, None);

    apply(&*store, 0, 1, &[document]).await.unwrap();
    let other = stream("demo.g2");
    let sink = store.sink(&other).await.unwrap();
    store
        .apply(&other, &sink.generation, zero, next.into(), &one)
        .await
        .unwrap();
    let old = store.sink(&demo).await.unwrap();
    wipe(&*store, &demo).await;
    let fresh = store.sink(&demo).await.unwrap();
    assert_ne!(fresh.generation, old.generation);
    assert_eq!((old.position, fresh.position), (next, zero));
    assert_eq!(show(&*store, 0, 0).await, None);
    assert!(store.counts(&view(0)).await.unwrap().is_empty());
    let of_other = View {
        stream: other,
        ..view(0)
    };
    let words = Search {
        text: Some("word".into()),
        ..plain()
    };
    assert_eq!(store.search(&of_other, &words).await.unwrap().total, 1);
    assert_eq!(store.search(&view(0), &words).await.unwrap().total, 0);
    let zombie = store
        .apply(&demo, &old.generation, zero, next.into(), &one)
        .await;
    assert!(
        matches!(zombie, Err(StoreError::Fenced { .. })),
        "{zombie:?}"
    );
}

/// A sink remembers what was seen of the log: the anchor moves with the position, never back, and
/// is forgotten with the sink. A log that was never seen has none.
pub async fn an_anchor_moves_with_the_sink(make: Make<'_>) {
    let store = make();
    let demo = stream("demo");
    let apply = async |sink: &str, from, through| {
        let applied = store.apply(&demo, sink, from, through, &[]);
        applied.await.map(|_| ())
    };
    anchors::move_with_the_sink(&*store, &demo, apply).await;
}

/// Reads see only the live sink; a shadow becomes visible when it is swapped in.
pub async fn reads_see_the_live_sink(make: Make<'_>) {
    let store = make();
    let demo = stream("demo");
    let one = document(0, 0, 0, 1, r#"{"s":"word"}"#);
    let other = document(0, 0, 0, 1, r#"{"s":"other"}"#);
    apply(&*store, 0, 1, std::slice::from_ref(&one))
        .await
        .unwrap();
    let live = store.sink(&demo).await.unwrap().generation;
    let shadow = store.create_shadow(&demo).await.unwrap().generation;
    let (zero, next) = (LogPosition(0), LogPosition(1));
    let changes = [Change::from(other.clone())];
    let filled = store.apply(&demo, &shadow, zero, next.into(), &changes);
    assert!(!filled.await.unwrap().live);
    let search = |word: &str| Search {
        text: Some(word.to_owned()),
        ..plain()
    };
    assert_eq!(show(&*store, 0, 0).await, Some(one.clone()));
    assert_eq!(find(&*store, 0, &search("word")).await, [one]);
    assert!(find(&*store, 0, &search("other")).await.is_empty());
    assert!(store.swap(&demo, &shadow).await.unwrap());
    for _ in 0..2 {
        assert_eq!(show(&*store, 0, 0).await, Some(other.clone()));
        assert_eq!(
            find(&*store, 0, &search("other")).await,
            std::slice::from_ref(&other)
        );
        assert!(find(&*store, 0, &search("word")).await.is_empty());
        assert_eq!(store.counts(&view(0)).await.unwrap()[0].1, 1);
        let dropped = store.drop_sink(&demo, &live, SinkRole::Old);
        dropped.await.unwrap();
    }
}

/// The sinks of a log take turns.
pub async fn sinks_take_turns(make: Make<'_>) {
    let store = make();
    let demo = stream("demo");
    let fill = async |sink: &str, through: LogPosition| {
        let applied = store.apply(&demo, sink, LogPosition::ZERO, through.into(), &[]);
        applied.await.map(|applied| applied.live)
    };
    sinks::sinks_take_turns(&*store, &demo, fill).await;
}

/// What repair removes is gone, with its words and its count.
pub async fn repair_removes_and_rewrites(make: Make<'_>) {
    let store = make();
    let wrong = document(0, 0, 3, 9, r#"{"s":"wrong"}"#);
    let class = document(0, 0, 1, 1, r#"{"s":"class"}"#);
    let class = Document {
        state: State {
            entity: Entity::Class(instance(0, 0).class),
            ..class.state
        },
        ..class
    };
    apply(&*store, 0, 4, &[wrong.clone(), class.clone()])
        .await
        .unwrap();
    let main = BranchGeneration::MAIN;
    let found = all(&*store, main, None).await;
    assert_eq!(found, [class.clone(), wrong.clone()], "classes come first");
    let entities = [wrong.state.entity.clone()];
    remove(&*store, main, &entities).await;
    remove(&*store, main, &entities).await;
    assert!(store.counts(&view(0)).await.unwrap().is_empty());
    let right = document(0, 0, 2, 1, r#"{"s":"right"}"#);
    apply(&*store, 4, 4, std::slice::from_ref(&right))
        .await
        .unwrap();
    assert_eq!(all(&*store, main, Some(&class.state.entity)).await, [right]);
    let page = store.search(&view(0), &plain()).await.unwrap();
    assert_eq!(page.total, 1);
}

/// Sets the branch points of a branch: on `main` at positions, or none.
fn set_points(branch: usize, points: &[u64]) -> Change {
    let main = BranchGeneration::MAIN;
    Change::Branch(BranchPoints {
        branch: index(branch).1,
        points: points.iter().map(|at| (main, LogPosition(*at))).collect(),
    })
}

/// A superseded version exists once while a branch point is in its range; no other view shows it.
pub async fn superseded_versions_stay_while_a_branch_shows_them(make: Make<'_>) {
    let store = make();
    let old = superseded(0, 6, 8, r#"{"s":"old words"}"#);
    let new = document(0, 0, 9, 9, r#"{"s":"new words"}"#);
    let early = superseded(0, 2, 5, r#"{"s":"early words"}"#);
    let batch = [
        set_points(1, &[8]),
        set_points(3, &[6]),
        old.clone().into(),
        new.clone().into(),
        early.clone().into(),
        old.clone().into(),
    ];
    let result = apply_changes(&*store, 0, 10, &batch).await.unwrap();
    assert_eq!(result.stale, [4, 5], "nobody shows it; it is there");
    assert_eq!(show(&*store, 1, 0).await, Some(old.clone()));
    assert_eq!(show(&*store, 0, 0).await, Some(new.clone()));
    let words = |text: &str| Search {
        text: Some(text.into()),
        ..plain()
    };
    assert_eq!(
        find(&*store, 1, &words("words")).await,
        std::slice::from_ref(&old)
    );
    assert_eq!(
        find(&*store, 0, &words("words")).await,
        std::slice::from_ref(&new)
    );
    assert!(find(&*store, 1, &words("new")).await.is_empty());
    assert!(find(&*store, 0, &words("old")).await.is_empty());
    let (demo, main) = (stream("demo"), BranchGeneration::MAIN);
    let sink = store.sink(&demo).await.unwrap().generation;
    let all = store.all(&demo, &sink, main, None, 1).await.unwrap();
    assert_eq!(all, [old.clone(), new.clone()], "an entity is whole");

    for (gone, is_kept) in [(1, true), (3, false)] {
        let batch = [set_points(gone, &[])];
        apply_changes(&*store, 10, 11, &batch).await.unwrap();
        let all = store.all(&demo, &sink, main, None, 9).await.unwrap();
        assert_eq!(all.contains(&old), is_kept, "{all:?}");
    }
    assert_eq!(show(&*store, 1, 0).await, None, "never a later value");
    assert!(find(&*store, 1, &words("words")).await.is_empty());
    let late = apply_changes(&*store, 0, 10, &[old.into()]).await.unwrap();
    assert_eq!(late.stale, [0], "what comes late comes to nobody");
}

/// A cursor continues where it ended, whatever was written in between; a forged one is refused.
pub async fn cursors_are_stable_under_writes(make: Make<'_>) {
    let store = make();
    let batch: Vec<_> = (0..5_u64)
        .map(|id| {
            let data = format!(r#"{{"n":{}}}"#, id / 2);
            document(0, usize::try_from(id).unwrap(), id, 1, &data)
        })
        .collect();
    apply(&*store, 0, 5, &batch).await.unwrap();
    for order in [
        None,
        Some(order_by("n", true)),
        Some(order_by("absent", false)),
    ] {
        let mut search = Search {
            order,
            limit: 2,
            ..plain()
        };
        let before = ids(&find(
            &*store,
            0,
            &Search {
                limit: 9,
                ..search.clone()
            },
        )
        .await);
        let first = store.search(&view(0), &search).await.unwrap();
        search.cursor = first.cursor;
        assert!(search.cursor.is_some());
        let seen = ids(&first.documents);
        let rest = Search {
            limit: 9,
            ..search.clone()
        };
        let rest = store.search(&view(0), &rest).await.unwrap();
        assert_eq!([seen, ids(&rest.documents)].concat(), before);
        assert_eq!((rest.total, rest.cursor), (5, None));
    }
    let forged = Search {
        cursor: Some("%%%".into()),
        ..plain()
    };
    let refused = store.search(&view(0), &forged).await;
    assert!(
        matches!(refused, Err(StoreError::UnknownCursor { .. })),
        "{refused:?}"
    );
}

fn ids(documents: &[Document]) -> Vec<String> {
    documents.iter().map(|one| id_of(one).to_owned()).collect()
}
