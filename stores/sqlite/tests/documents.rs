//! Documents on SQLite pass the conformance suite, in a file and in memory.
#![allow(clippy::unwrap_used)]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use spice_core::{
    guard::Guards,
    port::documents::{Documents, Search},
};
use spice_store_sqlite::{Location, Mode, SqliteDocuments};
use spice_testing::{
    conformance::{
        documents::{apply, document, order_by, plain, view},
        documents_naive,
    },
    values::{block_on, in_new_files},
};
use tracing::{Event, Level, Metadata, Subscriber, span};

fn in_memory() -> impl Fn() -> Arc<dyn Documents> {
    || {
        let guards = Guards::default();
        let documents = SqliteDocuments::open(&Location::Memory, Mode::Inline, guards).unwrap();
        Arc::new(documents.with_indexes_from(1))
    }
}

fn in_files() -> impl Fn() -> Arc<dyn Documents> {
    in_new_files(|path| -> Arc<dyn Documents> {
        let guards = Guards::default();
        Arc::new(SqliteDocuments::open(&Location::File(path), Mode::Threads, guards).unwrap())
    })
}

mod memory {
    spice_testing::documents_suite!(super::in_memory());
}

mod file {
    spice_testing::documents_suite!(super::in_files());
}

#[test]
fn reads_match_a_naive_reader() {
    let directory = tempfile::tempdir().unwrap();
    documents_naive::reads_match_a_naive_reader(&|number| {
        let location = Location::File(directory.path().join(format!("{number}.sqlite")));
        let guards = Guards::default();
        let documents = SqliteDocuments::open(&location, Mode::Inline, guards).unwrap();
        // A class gets indexes from one document on, or from so many that it never does.
        let from = if number % 8 == 0 { 1_000 } else { 1 };
        Arc::new(documents.with_indexes_from(from))
    });
}

/// Counts all log messages, and the warnings.
#[derive(Default)]
struct Logged {
    all: AtomicU64,
    warnings: AtomicU64,
}

struct Counting(Arc<Logged>);

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("spice_store_sqlite")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let is_warning = *event.metadata().level() <= Level::WARN;
        self.0.all.fetch_add(1, Ordering::SeqCst);
        self.0
            .warnings
            .fetch_add(u64::from(is_warning), Ordering::SeqCst);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A class has a maximum number of indexes, whatever lists ask for; from then on lists only read.
/// Each attempt to build an index logs its result, so the log shows all of them.
#[test]
fn lists_by_ever_more_properties_stop_asking_for_indexes() {
    let logged = Arc::new(Logged::default());
    let _counting = tracing::subscriber::set_default(Counting(logged.clone()));
    let take = || {
        (
            logged.all.swap(0, Ordering::SeqCst),
            logged.warnings.swap(0, Ordering::SeqCst),
        )
    };
    block_on(async {
        let guards = Guards::default();
        let store = SqliteDocuments::open(&Location::Memory, Mode::Inline, guards).unwrap();
        let store = store.with_indexes_from(1);
        let batch = [
            document(0, 0, 0, 1, r#"{"p39":1}"#),
            document(0, 1, 1, 1, r#"{"p39":2}"#),
        ];
        apply(&store, 0, 2, &batch).await.unwrap();
        let ask = async || {
            for number in 0..40 {
                let search = Search {
                    order: Some(order_by(&format!("p{number}"), false)),
                    ..plain()
                };
                let page = store.search(&view(0), &search).await.unwrap();
                assert_eq!((page.total, page.documents.len()), (2, 2));
                let is_by_id = page.documents[0] == batch[1];
                assert_eq!(is_by_id, number != 39, "by p{number}");
            }
        };
        take();
        ask().await;
        assert_eq!(take(), (33, 1), "32 indexes, and a warning at the last");
        ask().await;
        assert_eq!(take(), (0, 0));
    });
}
