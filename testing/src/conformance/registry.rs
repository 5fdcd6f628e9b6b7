//! Conformance of [`WriteModel`].

use std::sync::Arc;

use spice_core::{
    chain::{Anchor, Chain},
    id::{BranchGeneration, CommandId, LogPosition, Sequence},
    json::Json,
    lineage::Lineage,
    model::{CommandEntry, DatabaseState, ModelEntry, ModelKey},
    port::registry::{Advance, Anchors, Lookup, WorkerRegistry, WriteModel},
    time::Timestamp,
};
use uuid::Uuid;

use super::story::instance;
use crate::values::{anchor, json, stream};

/// Both ports on one value.
pub trait Registry: Anchors + WriteModel + WorkerRegistry {}
impl<T: Anchors + WriteModel + WorkerRegistry> Registry for T {}

/// Creates an empty registry.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Registry>;

fn entry(key: usize, position: u64) -> ModelEntry {
    let instance = instance(0, key);
    ModelEntry {
        branch: BranchGeneration::MAIN,
        key: ModelKey::instance(&instance.class, &instance.id),
        position: LogPosition(position),
        value: json(&format!(r#"{{"at":{position}}}"#)),
    }
}

fn command(number: u64, log: &str) -> CommandEntry {
    CommandEntry {
        id: CommandId(Uuid::from_u128(u128::from(number) * 0x9e37_79b9_7f4a_7c15)),
        stream: stream(log),
        position: LogPosition(number),
        last: LogPosition(number + 1),
        payload_digest: format!("{number:064x}"),
    }
}

/// Of eight that advance the model from the same position, one wins; the others learn the new
/// position.
pub async fn advance_lets_one_win(make: Make<'_>) {
    let registry = make();
    let demo = stream("demo");
    let (from, to) = (LogPosition(0), LogPosition(2));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8_u64 {
        let (registry, demo) = (Arc::clone(&registry), demo.clone());
        tasks.spawn(async move {
            let entries = vec![entry(0, 0)];
            let commands = vec![command(number, "demo")];
            registry
                .advance(&demo, from, anchor(to), entries, commands)
                .await
                .unwrap()
        });
    }
    let answers = tasks.join_all().await;
    let won = answers
        .iter()
        .filter(|answer| **answer == Advance::Done)
        .count();
    let lost = answers
        .iter()
        .filter(|answer| **answer == Advance::Elsewhere(to))
        .count();
    assert_eq!((won, lost), (1, 7));
    assert_eq!(registry.reflected_position(&demo).await.unwrap(), to);
    let ids: Vec<_> = (0..8).map(|number| command(number, "demo").id).collect();
    let found = registry.commands(&ids).await.unwrap();
    assert_eq!(
        found.iter().flatten().count(),
        1,
        "losers leave nothing behind"
    );
}

/// Commands are found by id over all logs, and listed newest first; a log can be forgotten alone.
pub async fn commands_are_found_and_forgotten(make: Make<'_>) {
    let registry = make();
    let (demo, other) = (stream("demo"), stream("other"));
    let zero = LogPosition(0);
    let of_demo: Vec<_> = (0..5).map(|number| command(number, "demo")).collect();
    // An id belongs to the command that has it first, in any log.
    let of_other = vec![command(9, "other"), command(2, "other")];
    let end = LogPosition(10);
    registry
        .advance(&demo, zero, anchor(end), vec![entry(0, 3)], of_demo.clone())
        .await
        .unwrap();
    registry
        .advance(
            &other,
            zero,
            anchor(end),
            vec![entry(0, 4)],
            of_other.clone(),
        )
        .await
        .unwrap();
    let unknown = command(77, "demo").id;
    let found = registry
        .commands(&[of_other[0].id, unknown, of_demo[2].id])
        .await
        .unwrap();
    assert_eq!(
        found,
        [Some(of_other[0].clone()), None, Some(of_demo[2].clone())]
    );
    let recent = registry
        .recent_commands(&demo, LogPosition(4), 2)
        .await
        .unwrap();
    assert_eq!(recent, [of_demo[3].clone(), of_demo[2].clone()]);

    registry.forget(&demo).await.unwrap();
    assert_eq!(registry.reflected_position(&demo).await.unwrap(), zero);
    assert_eq!(registry.commands(&[of_demo[2].id]).await.unwrap(), [None]);
    let lookup = Lookup {
        lineage: Lineage::main(),
        key: entry(0, 0).key,
    };
    let lookups = std::slice::from_ref(&lookup);
    let forgotten = registry.get(&demo, lookups).await.unwrap();
    assert_eq!((forgotten.entries, forgotten.reflected), (vec![None], zero));
    let kept = registry.get(&other, lookups).await.unwrap();
    assert_eq!(kept.entries, [Some(entry(0, 4))]);
    assert_eq!(
        kept.reflected,
        registry.reflected_position(&other).await.unwrap()
    );
    let again = registry
        .advance(&demo, zero, anchor(end), vec![entry(0, 3)], of_demo.clone())
        .await;
    assert_eq!(again.unwrap(), Advance::Done);
    assert_eq!(
        registry.commands(&[of_demo[2].id]).await.unwrap(),
        [Some(of_demo[2].clone())]
    );
}

/// The anchor moves with the model, in the same transaction, and is forgotten with it.
pub async fn an_anchor_moves_with_the_model(make: Make<'_>) {
    let registry = make();
    let (demo, other) = (stream("demo.g2"), stream("demo"));
    assert_eq!(registry.anchor(&demo).await.unwrap(), None);
    assert_eq!(registry.anchored_logs().await.unwrap(), []);
    let mut from = LogPosition::ZERO;
    for number in 1..4_u8 {
        let to = Anchor {
            position: LogPosition(u64::from(number) * 3),
            append: LogPosition(u64::from(number)),
            chain: Chain::from_bytes([number; 32]),
        };
        let stale = Anchor {
            chain: Chain::from_bytes([99; 32]),
            ..to
        };
        registry
            .advance(&demo, from, to, vec![], vec![])
            .await
            .unwrap();
        let late = registry.advance(&demo, from, stale, vec![], vec![]).await;
        assert_eq!(late.unwrap(), Advance::Elsewhere(to.position));
        assert_eq!(registry.anchor(&demo).await.unwrap(), Some(to));
        assert_eq!(
            registry.reflected_position(&demo).await.unwrap(),
            to.position
        );
        from = to.position;
    }
    let zero = LogPosition::ZERO;
    registry
        .advance(&other, zero, anchor(from), vec![], vec![])
        .await
        .unwrap();
    assert_eq!(
        registry.anchored_logs().await.unwrap(),
        [other.clone(), demo.clone()]
    );
    registry.forget(&demo).await.unwrap();
    assert_eq!(registry.anchor(&demo).await.unwrap(), None);
    assert_eq!(registry.anchored_logs().await.unwrap(), [other]);
}

/// A log is active while any owner has it marked.
pub async fn logs_that_are_written_are_marked_by_owner(make: Make<'_>) {
    let registry = make();
    let (demo, other) = (stream("demo"), stream("other"));
    assert_eq!(registry.active_logs().await.unwrap(), []);
    for (log, owner) in [(&demo, "a"), (&demo, "b"), (&other, "a"), (&demo, "a")] {
        registry.mark_active(log, owner).await.unwrap();
    }
    let both = [demo.clone(), other.clone()];
    assert_eq!(registry.active_logs().await.unwrap(), both);
    for (log, owners) in [(&demo, &["a", "b"][..]), (&other, &["a"])] {
        let looked_up = registry.look_up(log, &[]).await.unwrap();
        assert_eq!(looked_up.marked_by, owners);
    }
    registry.clear_active(&demo, "a").await.unwrap();
    registry.clear_active(&other, "b").await.unwrap();
    assert_eq!(registry.active_logs().await.unwrap(), both);
    registry.clear_active(&demo, "b").await.unwrap();
    assert_eq!(registry.active_logs().await.unwrap(), [other]);
}

/// Databases that are live at the reflected position are listed by name.
pub async fn live_databases_are_listed_at_the_reflected_position(make: Make<'_>) {
    let registry = make();
    let state = |live| DatabaseState {
        sequence: Sequence(1),
        description: "it is here".to_owned(),
        options: None,
        created_at: Timestamp::from_micros(7),
        live,
    };
    let entry = |position, live| ModelEntry {
        branch: BranchGeneration::MAIN,
        key: ModelKey::database(),
        position: LogPosition(position),
        value: Json::of(&state(live)).unwrap(),
    };
    let end = LogPosition(3);
    for (name, live) in [
        ("bbb", true),
        ("aaa", true),
        ("ccc", false),
        ("aaa.g2", true),
    ] {
        let entries = vec![entry(1, true), entry(2, live)];
        let log = stream(name);
        let zero = LogPosition::ZERO;
        let advanced = registry.advance(&log, zero, anchor(end), entries, vec![]);
        assert_eq!(advanced.await.unwrap(), Advance::Done);
    }
    let listed = registry.databases().await.unwrap();
    let names: Vec<String> = listed.iter().map(|it| it.stream.to_string()).collect();
    assert_eq!(names, ["aaa", "aaa.g2", "bbb"]);
    assert!(
        listed
            .iter()
            .all(|it| it.end == end && it.database == state(true))
    );
}

/// A new registry, or one that forgot a log, must be swept.
pub async fn a_sweep_is_due_until_one_ends(make: Make<'_>) {
    let registry = make();
    let token = registry.sweep_due().await.unwrap().unwrap();
    registry.end_sweep("of another registry").await.unwrap();
    assert_eq!(registry.sweep_due().await.unwrap().as_ref(), Some(&token));
    registry.end_sweep(&token).await.unwrap();
    assert_eq!(registry.sweep_due().await.unwrap(), None);
    registry.forget(&stream("demo")).await.unwrap();
    let again = registry.sweep_due().await.unwrap();
    assert!(again.is_some_and(|again| again != token));
}

/// Within one envelope the later entry of a key wins.
pub async fn a_value_released_and_claimed_again_is_claimed(make: Make<'_>) {
    let registry = make();
    let demo = stream("demo");
    let released = entry(0, 1);
    let claimed = ModelEntry {
        value: json(r#"{"owner":"x"}"#),
        ..released.clone()
    };
    let entries = vec![released, claimed.clone()];
    let (from, to) = (LogPosition(0), LogPosition(2));
    registry
        .advance(&demo, from, anchor(to), entries, Vec::new())
        .await
        .unwrap();
    let lookup = Lookup {
        lineage: Lineage::main(),
        key: claimed.key.clone(),
    };
    let found = registry.get(&demo, &[lookup]).await.unwrap();
    assert_eq!((found.entries, found.reflected), (vec![Some(claimed)], to));
}
