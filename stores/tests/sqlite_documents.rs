//! Documents on SQLite pass the conformance suite, in a file and in memory.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::documents::Make;
use spice_core::guard::Guards;
use spice_stores::sqlite::{Location, Mode, SqliteDocuments};

fn in_memory(run: impl FnOnce(Make<'_>)) {
    run(&|| {
        let guards = Guards::default();
        let documents = SqliteDocuments::open(&Location::Memory, Mode::Inline, guards).unwrap();
        Arc::new(documents.with_indexes_from(1))
    });
}

fn in_files(run: impl FnOnce(Make<'_>)) {
    let directory = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    run(&|| {
        number.set(number.get() + 1);
        let path = directory
            .path()
            .join(format!("documents-{}.sqlite", number.get()));
        let guards = Guards::default();
        Arc::new(SqliteDocuments::open(&Location::File(path), Mode::Threads, guards).unwrap())
    });
}

macro_rules! conforms {
    ($($property:ident),* $(,)?) => {
        mod memory {
            $(#[test]
            fn $property() {
                super::in_memory(|make| {
                    super::common::block_on(super::common::documents::$property(make));
                });
            })*
        }
        mod file {
            $(#[test]
            fn $property() {
                super::in_files(|make| {
                    super::common::block_on(super::common::documents::$property(make));
                });
            })*
        }
    };
}

conforms!(
    older_documents_never_win,
    tombstones_stay,
    generations_of_a_branch_are_apart,
    sinks_fence_off_holes,
    sinks_fence_off_other_generations,
    repair_removes_and_writes_anew,
    cursors_are_stable_under_writes,
);

#[test]
fn reads_are_what_a_naive_reader_says() {
    let directory = tempfile::tempdir().unwrap();
    common::documents_naive::reads_are_what_a_naive_reader_says(&|number| {
        let location = Location::File(directory.path().join(format!("{number}.sqlite")));
        let guards = Guards::default();
        let documents = SqliteDocuments::open(&location, Mode::Inline, guards).unwrap();
        // From one document on a class gets indexes, or from so many that it never does.
        let from = if number % 8 == 0 { 1_000 } else { 1 };
        Arc::new(documents.with_indexes_from(from))
    });
}
