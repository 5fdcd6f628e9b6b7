//! The purpose of each guard: without it, the property that it protects does not hold.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use spice_core::guard::{Guard, Guards};
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use spice_testing::{
    conformance::{documents, graph, registry, registry_work},
    values::block_on,
};

macro_rules! without {
    ($($test:ident: $guard:ident, $adapter:ident, $port:ident :: $property:ident;)*) => {
        $(#[test]
        #[should_panic(expected = "")]
        fn $test() {
            block_on($port::$property(&|| {
                let guards = Guards::without(Guard::$guard);
                Arc::new($adapter::open(&Location::Memory, Mode::Inline, guards).unwrap())
            }));
        })*
    };
}

without! {
    graph_needs_sequence: Sequence, SqliteGraph, graph::stale_versions_are_skipped;
    graph_needs_position: Position, SqliteGraph, graph::sinks_fence_off_holes;
    graph_needs_generations: Generations, SqliteGraph, graph::sinks_refuse_other_generations;
    documents_need_sequence: Sequence, SqliteDocuments, documents::older_documents_never_win;
    documents_need_position: Position, SqliteDocuments, documents::sinks_fence_off_holes;
    documents_need_sink_generations: Generations, SqliteDocuments,
        documents::sinks_refuse_other_generations;
    documents_need_branch_generations: Generations, SqliteDocuments,
        documents::generations_of_a_branch_are_separate;
    documents_need_tombstones: Tombstones, SqliteDocuments, documents::tombstones_stay;
    registry_needs_its_position: RegistryPosition, SqliteRegistry, registry::advance_lets_one_win;
    registry_needs_fence: Fence, SqliteRegistry, registry_work::a_zombie_records_nothing;
    registry_needs_position: Position, SqliteRegistry, registry_work::records_follow_each_other;
}
