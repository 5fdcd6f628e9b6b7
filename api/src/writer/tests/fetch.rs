//! What a decision fetches: of many changes enough, and more as long as it gets further.

use std::collections::BTreeSet;

use spice_core::{
    chain::{Anchor, Chain},
    decide::{Changes, Need, WriteState},
    id::BranchGeneration,
    lineage::Span,
    model::{ModelEntry, ModelKey},
};

use super::{
    super::fetch::{Rounds, Source},
    *,
};

/// Apart so far that no two are asked for together.
const APART: u64 = 50_000;

fn written(class: &str, number: u64, at: u64) -> ModelEntry {
    let id = format!("n{number}").parse().unwrap();
    ModelEntry {
        branch: BranchGeneration::MAIN,
        key: ModelKey::instance(&class.parse().unwrap(), &id),
        position: LogPosition(at),
        value: json!(null).into(),
    }
}

fn changes(classes: Option<&str>, most: usize) -> Changes {
    Changes {
        spans: vec![Span {
            generation: BranchGeneration::MAIN,
            after: Some(LogPosition(APART)),
            until: LogPosition::MAX,
        }],
        classes: classes.map(|class| BTreeSet::from([class.parse().unwrap()])),
        most,
    }
}

#[tokio::test]
async fn only_useful_changes_of_many_are_fetched() {
    let bench = Bench::new();
    let writer = bench.writer();
    let entries = (0..40_u64).flat_map(|number| {
        let at = number * APART;
        [
            written("Even", number, at),
            written("Odd", number, at + 1),
            written("Even", 0, at + 2),
        ]
    });
    let end = Anchor {
        position: LogPosition(40 * APART),
        append: LogPosition::ZERO,
        chain: Chain::from_bytes([0; 32]),
    };
    bench
        .registry
        .advance(&stream(), LogPosition::ZERO, end, entries.collect(), vec![])
        .await
        .unwrap();
    let stream = stream();
    let fetched = async |until: LogPosition, changes: Changes| {
        let source = Source {
            ports: &writer.shared.ports,
            stream: &stream,
            until,
        };
        source.changed(&changes).await.unwrap()
    };
    let all = changes(None, 100);
    let asked = bench
        .registry
        .changed_keys(&stream, &all.spans, None, 1_000);
    let every = fetched(LogPosition::MAX, all.clone()).await;
    assert_eq!(every, BTreeSet::from_iter(asked.await.unwrap()));
    assert_eq!(every.len(), 78, "each once, and nothing of before");
    let enough = fetched(LogPosition::MAX, changes(None, 10)).await;
    assert_eq!(enough.len(), 11, "what lies behind is not looked at");
    let of_class = fetched(LogPosition::MAX, changes(Some("Odd"), 100)).await;
    assert_eq!(of_class.len(), 39);
    let early = fetched(LogPosition(2 * APART), all).await;
    assert_eq!(early.len(), 3, "as it stood then");
}

#[test]
fn a_decision_continues_while_it_makes_progress() {
    let mut state = WriteState::empty(stream());
    let mut rounds = Rounds::default();
    let need = |number: u64| {
        let key = written("Even", number, 0).key;
        Need::Entry(BranchGeneration::MAIN, key)
    };
    for number in 0..64 {
        let needs = [need(0), need(number)];
        rounds.go_on(&state, &needs).unwrap();
        let key = written("Even", number, 0).key;
        state.put_entry(BranchGeneration::MAIN, key, None);
    }
    let stuck = Rounds::default().go_on(&state, &[need(0), need(1)]);
    assert_eq!(stuck.unwrap_err().code, ErrorCode::Internal);
    let endless = rounds.go_on(&state, &[need(64)]).unwrap_err();
    assert_eq!(endless.code, ErrorCode::FailedPrecondition);
}
