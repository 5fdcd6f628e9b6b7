//! Imports that are cancelled.

use std::io::Cursor;

use super::*;
use crate::{
    observer::Event,
    reader::{Dialect, Place, Reader},
    tests::{full_class, mapping, options, plan},
};

/// Cancels an import after a number of rows.
struct CancelAfter<'a>(u64, &'a CancellationToken);

impl Observer for CancelAfter<'_> {
    fn observe(&mut self, event: Event<'_>) {
        if let Event::Advanced { counts, .. } = event
            && counts.rows >= self.0
        {
            self.1.cancel();
        }
    }
}

/// Imports seven rows, two at a time. Returns the outcome, and whether the state is left.
async fn import(cancel_after: u64) -> (Outcome, bool) {
    let folder = tempfile::tempdir().unwrap();
    let options = Arc::new(options(Format::Csv, folder.path()));
    let plan = Arc::new(plan(&[full_class()], "code,count", &mapping()).unwrap());
    let text = b"code,count\na,1\nb,2\nc,3\nd,4\ne,5\nf,6\ng,7\n".to_vec();
    let mut reader = Reader::new(Cursor::new(text), Dialect::new(b','), Place::START);
    reader.read().unwrap();
    let client = Client::new("http://127.0.0.1:9").unwrap();
    let ending = CancellationToken::new();
    if cancel_after == 0 {
        ending.cancel();
    }
    let shape = Table::new(Arc::clone(&plan), Dialect::new(b','));
    let mut start = Start::read(&options, Task::default(), shape.rejects_head()).unwrap();
    start.journal.place = reader.place();
    let import = Import {
        client: &client,
        options,
        observer: &mut CancelAfter(cancel_after, &ending),
        ending: &ending,
    };
    let facts = Facts::default();
    let rows = TableRows::new(reader, plan);
    let outcome = import.process_all(rows, &shape, facts, start, None).await;
    let outcome = outcome.unwrap();
    (outcome, folder.path().join("state").exists())
}

#[tokio::test]
async fn a_cancelled_import_sends_no_further_command() {
    for (cancel_after, rows) in [(0, 0), (1, 2), (2, 2), (5, 6)] {
        let (outcome, is_resumable) = import(cancel_after).await;
        let Outcome::Cancelled(stop) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((stop.counts.rows, stop.line), (rows, rows + 2));
        assert!(stop.is_resumable && is_resumable);
    }
}

#[tokio::test]
async fn an_import_that_is_cancelled_after_its_last_row_is_complete() {
    let (outcome, is_resumable) = import(7).await;
    assert!(
        matches!(&outcome, Outcome::Complete(summary) if summary.counts.created == 7),
        "{outcome:?}"
    );
    assert!(!is_resumable);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_an_end_cannot_delay_the_cancellation() {
    let ending = CancellationToken::new();
    ending.cancel();
    let endless = std::future::pending::<()>();
    assert_eq!(wait_with_grace(&ending, READ_GRACE, endless).await, None);
}
