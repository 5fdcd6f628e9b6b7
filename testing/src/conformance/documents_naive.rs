//! Conformance of [`Documents`]: reads equal those of a naive reader of all documents.

mod model;
mod values;

use std::{collections::BTreeMap, sync::Arc};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use spice_core::{
    id::LogPosition,
    port::{
        documents::{BranchPoints, Change, Document, Documents, Search},
        graph::Entity,
    },
};

use self::{
    model::{Naive, passes, property, show_all},
    values::{VALUES, Written, random_document, random_superseded, search, usual_searches},
};
use super::{
    documents::{all, apply_changes, id_of, index, remove, view},
    sinks::wipe,
    story::instance,
};
use crate::values::{block_on, stream};

const CASES: u32 = 96;

/// Opens the store with a number, with everything that was written to it before.
pub type Open<'a> = &'a dyn Fn(u32) -> Arc<dyn Documents>;

/// One step; numbers are taken modulo the number of existing things.
#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Written>),
    /// Documents as written, or superseded: position and sequence come from the range with a
    /// number.
    Keep(Vec<(Written, u64)>),
    /// Sets the parents of a branch with positions, or none.
    Place(usize, Vec<(usize, u64)>),
    /// Reads may leave something for later reads, but must not change their results.
    Read(usize, Box<Search>),
    Remove(usize, usize),
    Reset,
    Reopen,
}

/// Any documents in any order, with reads, repairs, resets and restarts in between: reads equal
/// those of a naive reader of the newest.
pub fn reads_match_a_naive_reader(open: Open<'_>) {
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let number = std::cell::Cell::new(0);
    let stories = (
        prop::collection::vec(step(), 1..14),
        prop::collection::vec(search(), 6),
    );
    let result = runner.run(&stories, |(steps, searches)| {
        number.set(number.get() + 1);
        block_on(async {
            let mut store = open(number.get());
            let mut newest = Naive::default();
            for step in &steps {
                if matches!(step, Step::Reopen) {
                    drop(store);
                    store = open(number.get());
                }
                run_step(&*store, step, &mut newest).await;
            }
            for branch in 0..4 {
                check(&*store, branch, &newest, &searches).await;
            }
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

async fn run_step(store: &dyn Documents, step: &Step, newest: &mut Naive) {
    match step {
        Step::Write(batch) => {
            let batch = batch.iter().map(random_document).map(Change::from);
            apply_all(store, newest, &batch.collect::<Vec<_>>()).await;
        }
        Step::Keep(batch) => {
            let batch = batch.iter().map(random_superseded).map(Change::from);
            apply_all(store, newest, &batch.collect::<Vec<_>>()).await;
        }
        Step::Place(branch, points) => {
            let at = |(parent, at): &(usize, u64)| (index(*parent).1, LogPosition(*at));
            let points: BTreeMap<_, _> = points.iter().map(at).collect();
            let change = Change::Branch(BranchPoints {
                branch: index(*branch).1,
                points: points.into_iter().collect(),
            });
            apply_all(store, newest, &[change]).await;
        }
        Step::Read(branch, search) => {
            check_search(store, *branch, newest, search).await;
        }
        Step::Remove(branch, id) => {
            let (generation, entity) = (index(*branch).1, Entity::Instance(instance(0, *id)));
            let entities = std::slice::from_ref(&entity);
            remove(store, generation, entities).await;
            newest.latest.remove(&(generation, entity.clone()));
            newest
                .superseded
                .retain(|(of, kept, _), _| (*of, kept) != (generation, &entity));
        }
        Step::Reset => {
            wipe(store, &stream("demo")).await;
            *newest = Naive::default();
        }
        Step::Reopen => {}
    }
}

fn step() -> impl Strategy<Value = Step> {
    let values = 0..VALUES.len();
    let one = (
        0..4_usize,
        0..6_usize,
        1..25_u64,
        1..6_u64,
        prop::bool::weighted(0.8),
        0..4_usize,
        values.clone(),
        values,
    );
    let write = prop::collection::vec(one.clone(), 0..12).prop_map(Step::Write);
    let keep = prop::collection::vec((one, 0..8_u64), 0..12).prop_map(Step::Keep);
    let point = (0..4_usize, prop::sample::select(vec![8, 8, 12, 3, 20]));
    let place = (0..4_usize, prop::collection::vec(point, 0..4))
        .prop_map(|(branch, points)| Step::Place(branch, points));
    let read = (0..4_usize, search());
    prop_oneof![
        12 => write,
        6 => keep,
        4 => place,
        12 => read.prop_map(|(branch, search)| Step::Read(branch, Box::new(search))),
        2 => (0..4_usize, 0..6_usize).prop_map(|(branch, id)| Step::Remove(branch, id)),
        1 => Just(Step::Reset),
        2 => Just(Step::Reopen),
    ]
}

async fn apply_all(store: &dyn Documents, naive: &mut Naive, changes: &[Change]) {
    let result = apply_changes(store, 0, 1, changes).await.unwrap();
    let mut stale = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        if !naive.apply(change) {
            stale.push(index);
        }
    }
    assert_eq!(result.stale, stale);
}

async fn check(store: &dyn Documents, branch: usize, newest: &Naive, searches: &[Search]) {
    let instances: Vec<_> = (0..6).map(|id| instance(0, id)).collect();
    let expected = show_all(newest, branch);
    let found = store.get(&view(branch), &instances).await.unwrap();
    assert_eq!(found, expected);
    let live = expected
        .iter()
        .flatten()
        .filter(|one| one.state.data.is_some());
    let total = live.count() as u64;
    let wanted: Vec<_> = (total > 0)
        .then(|| (instance(0, 0).class, total))
        .into_iter()
        .collect();
    assert_eq!(store.counts(&view(branch)).await.unwrap(), wanted);
    // Asked twice: the first request may build an index for the second.
    for search in searches.iter().chain(searches) {
        check_search(store, branch, newest, search).await;
    }
    for search in usual_searches() {
        check_search(store, branch, newest, &search).await;
    }
    let (_, generation) = index(branch);
    let expected: Vec<_> = newest.written_on(generation).cloned().collect();
    assert_eq!(all(store, generation, None).await, expected);
}

async fn check_search(store: &dyn Documents, branch: usize, newest: &Naive, search: &Search) {
    let mut expected: Vec<_> = show_all(newest, branch).into_iter().flatten().collect();
    expected.retain(|document| document.state.data.is_some() && passes(search, document));
    expected.sort_by(|one, other| id_of(one).cmp(id_of(other)));
    if let Some(order) = &search.order {
        let value = |one: &Document| property(one, order.property.as_str());
        expected.sort_by(|one, other| order.compare(value(one).as_ref(), value(other).as_ref()));
    }
    check_pages(store, branch, search, &expected).await;
}

async fn check_pages(store: &dyn Documents, branch: usize, search: &Search, all: &[Document]) {
    let mut found = Vec::new();
    let mut page = Search {
        limit: 2,
        ..search.clone()
    };
    loop {
        let answer = store.search(&view(branch), &page).await.unwrap();
        assert_eq!(answer.total, all.len() as u64, "{search:?}");
        found.extend(answer.documents);
        page.cursor = answer.cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, all, "{search:?}");
    let later = Search {
        offset: 1,
        limit: 3,
        ..search.clone()
    };
    let expected: Vec<_> = all.iter().skip(1).take(3).cloned().collect();
    let answer = store.search(&view(branch), &later).await.unwrap();
    assert_eq!(answer.documents, expected);
    assert_eq!(answer.cursor.is_some(), all.len() > 4);
}
