//! Conformance of [`WriteModel`] and [`WorkerRegistry`].

use std::{sync::Arc, time::Duration};

use proptest::test_runner::{Config, TestRunner};
use spice_core::{
    error::StoreError,
    id::{BranchGeneration, CommandId, EventId, LogPosition, Sequence},
    lineage::Lineage,
    model::{CommandEntry, ModelEntry, ModelKey},
    port::{
        graph::{Entity, Version},
        registry::{
            Advance, DeadLetter, Lease, Lookup, Outcome, Processed, WorkKey, WorkRecord,
            WorkerRegistry, WriteModel,
        },
    },
};
use uuid::Uuid;

use super::{
    at, block_on, json,
    story::{Story, instance, steps},
    stream,
};

/// Both ports on one value.
pub trait Registry: WriteModel + WorkerRegistry {}
impl<T: WriteModel + WorkerRegistry> Registry for T {}

/// Makes an empty registry.
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

/// Of eight that move the model from the same position one wins, the others learn where it is.
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
                .advance(&demo, from, to, entries, commands)
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
    assert_eq!(registry.reflected(&demo).await.unwrap(), to);
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
    let of_other = vec![command(9, "other")];
    let end = LogPosition(10);
    registry
        .advance(&demo, zero, end, vec![entry(0, 3)], of_demo.clone())
        .await
        .unwrap();
    registry
        .advance(&other, zero, end, vec![entry(0, 4)], of_other.clone())
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
    assert_eq!(registry.reflected(&demo).await.unwrap(), zero);
    assert_eq!(registry.commands(&[of_demo[2].id]).await.unwrap(), [None]);
    let lookup = Lookup {
        lineage: Lineage::main(),
        key: entry(0, 0).key,
    };
    let lookups = std::slice::from_ref(&lookup);
    assert_eq!(registry.get(&demo, lookups).await.unwrap(), [None]);
    assert_eq!(
        registry.get(&other, lookups).await.unwrap(),
        [Some(entry(0, 4))]
    );
    let again = registry
        .advance(&demo, zero, end, vec![entry(0, 3)], of_demo.clone())
        .await;
    assert_eq!(again.unwrap(), Advance::Done);
    assert_eq!(
        registry.commands(&[of_demo[2].id]).await.unwrap(),
        [Some(of_demo[2].clone())]
    );
}

/// Within one envelope the later entry of a key holds.
pub async fn a_value_released_and_claimed_anew_is_claimed(make: Make<'_>) {
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
        .advance(&demo, from, to, entries, Vec::new())
        .await
        .unwrap();
    let lookup = Lookup {
        lineage: Lineage::main(),
        key: claimed.key.clone(),
    };
    assert_eq!(
        registry.get(&demo, &[lookup]).await.unwrap(),
        [Some(claimed)]
    );
}

fn model_entry(version: &Version) -> ModelEntry {
    let key = match &version.entity {
        Entity::Class(class) => ModelKey::class(class),
        Entity::Instance(instance) => ModelKey::instance(&instance.class, &instance.id),
    };
    let data = version.data.as_ref().map_or("null", |data| data.as_str());
    ModelEntry {
        branch: version.branch,
        key,
        position: version.position,
        value: json(&format!(
            r#"{{"sequence":{},"data":{data}}}"#,
            version.sequence
        )),
    }
}

/// Any story reads as the naive reader says, key by key and by prefix.
pub fn lookups_are_what_a_naive_reader_says(make: Make<'_>) {
    let mut runner = TestRunner::new(Config::with_cases(64));
    let result = runner.run(&steps(), |steps| {
        let story = Story::play(&steps);
        block_on(async {
            let registry = make();
            let mut reflected = LogPosition::ZERO;
            for chunk in story.versions.chunks(7) {
                let to = chunk.last().unwrap().position.next();
                let entries = chunk.iter().map(model_entry).collect();
                let demo = stream("demo");
                let advance = registry.advance(&demo, reflected, to, entries, vec![]);
                assert_eq!(advance.await.unwrap(), Advance::Done);
                reflected = to;
            }
            check_model(&*registry, &story).await;
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

async fn check_model(registry: &dyn Registry, story: &Story) {
    let class = instance(1, 0).class;
    let prefixes = [
        String::new(),
        ModelKey::CLASSES.to_owned(),
        ModelKey::instances_of(&class),
        "nothing".to_owned(),
    ];
    for view in story.views() {
        let mut shown: Vec<_> = story
            .entities()
            .keys()
            .filter_map(|entity| story.showing(&view.lineage, entity))
            .map(model_entry)
            .collect();
        shown.sort_by(|one, other| one.key.cmp(&other.key));
        let lookups: Vec<_> = story
            .versions
            .iter()
            .map(|version| Lookup {
                lineage: view.lineage.clone(),
                key: model_entry(version).key,
            })
            .collect();
        let answers = registry.get(&view.stream, &lookups).await.unwrap();
        for (lookup, answer) in lookups.iter().zip(answers) {
            let expected = shown.iter().find(|entry| entry.key == lookup.key);
            assert_eq!(answer.as_ref(), expected);
        }
        for prefix in &prefixes {
            let mut found: Vec<ModelEntry> = Vec::new();
            loop {
                let after = found.last().map(|entry| entry.key.clone());
                let scan = registry.scan(&view.stream, &view.lineage, prefix, after.as_ref(), 2);
                let page = scan.await.unwrap();
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            let starts = |entry: &&ModelEntry| entry.key.as_str().starts_with(prefix);
            let expected: Vec<_> = shown.iter().filter(starts).cloned().collect();
            assert_eq!(found, expected);
        }
    }
}

fn work(sink: &str) -> WorkKey {
    WorkKey {
        worker: "graph_worker".into(),
        stream: stream("demo"),
        sink: sink.into(),
    }
}

fn done(position: u64) -> Processed {
    Processed {
        handler: "instance_worker",
        event_id: EventId(Uuid::from_u128(u128::from(position))),
        position: LogPosition(position),
        aggregate_id: "demo:main:Airport:a".into(),
        sequence: Some(Sequence(position)),
        outcome: Outcome::Done,
    }
}

fn batch(lease: &Lease, from: u64, through: u64) -> WorkRecord {
    WorkRecord {
        key: work("s1"),
        lease: lease.clone(),
        from: LogPosition(from),
        through: LogPosition(through),
        processed: (from..through).map(done).collect(),
        parked: Vec::new(),
        at: at(through),
    }
}

fn letter(handler: &str, log: &str, position: u64) -> DeadLetter {
    DeadLetter {
        handler: handler.into(),
        stream: stream(log),
        position: LogPosition(position),
        event_id: EventId(Uuid::from_u128(u128::from(position))),
        aggregate_id: "demo:main:Airport:a".into(),
        error: "no".into(),
        class: "permanent".into(),
        attempts: 5,
        first_at: at(position),
        last_at: at(position + 1),
    }
}

/// One owner at a time; one more fence at each change of hands, and only then.
pub async fn leases_change_hands_with_a_new_fence(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let first = registry
        .acquire(&key, "a", at(10), at(0))
        .await
        .unwrap()
        .unwrap();
    let again = registry
        .acquire(&key, "a", at(11), at(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first, again);
    assert_eq!(
        registry.acquire(&key, "b", at(12), at(11)).await.unwrap(),
        None
    );
    assert!(registry.renew(&key, &first, at(20)).await.unwrap());
    assert_eq!(
        registry.acquire(&key, "b", at(21), at(20)).await.unwrap(),
        None
    );
    let second = registry
        .acquire(&key, "b", at(30), at(21))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (second.fence, second.owner.as_str()),
        (first.fence + 1, "b")
    );
    assert!(!registry.renew(&key, &first, at(31)).await.unwrap());
    registry.release(&key, &first).await.unwrap();
    assert!(
        registry.renew(&key, &second, at(32)).await.unwrap(),
        "only the holder gives back"
    );
    registry.release(&key, &second).await.unwrap();
    assert!(!registry.renew(&key, &second, at(33)).await.unwrap());
    let third = registry
        .acquire(&key, "c", at(34), at(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(third.fence, second.fence + 1);
    let other = registry
        .acquire(&work("s2"), "z", at(34), at(0))
        .await
        .unwrap();
    assert_eq!(other.unwrap().fence, 1, "another sink is other work");
}

/// Of eight that reach for a free lease one gets it.
pub async fn a_free_lease_goes_to_one(make: Make<'_>) {
    let registry = make();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let registry = Arc::clone(&registry);
        tasks.spawn(async move {
            let owner = format!("owner-{number}");
            registry
                .acquire(&work("s1"), &owner, at(5), at(0))
                .await
                .unwrap()
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().flatten().count(), 1);
}

/// Who has lost the lease, or never had it, records nothing.
pub async fn a_zombie_records_nothing(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let lease = registry.acquire(&key, "a", at(1), at(0)).await;
    let old = lease.unwrap().unwrap();
    registry.record(batch(&old, 0, 3)).await.unwrap();
    let lease = registry.acquire(&key, "b", at(9), at(5)).await;
    let new = lease.unwrap().unwrap();
    let zombie = registry.record(batch(&old, 3, 6)).await;
    assert!(
        matches!(zombie, Err(StoreError::Fenced { .. })),
        "{zombie:?}"
    );
    assert_eq!(registry.worked(&key).await.unwrap(), LogPosition(3));
    let rows = registry.processed(&key.stream, LogPosition(4)).await;
    assert!(rows.unwrap().is_empty());
    let unknown = WorkRecord {
        key: work("never acquired"),
        ..batch(&new, 0, 1)
    };
    let unknown = registry.record(unknown).await;
    assert!(
        matches!(unknown, Err(StoreError::Fenced { .. })),
        "{unknown:?}"
    );
    registry.record(batch(&new, 3, 6)).await.unwrap();
    registry.release(&key, &new).await.unwrap();
    let released = registry.record(batch(&new, 6, 7)).await;
    assert!(
        matches!(released, Err(StoreError::Fenced { .. })),
        "{released:?}"
    );
}

/// A record begins where the one before ended; another sink begins at zero.
pub async fn records_follow_each_other(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let lease = registry.acquire(&key, "a", at(1), at(0)).await;
    let lease = lease.unwrap().unwrap();
    registry.record(batch(&lease, 0, 3)).await.unwrap();
    for from in [0, 2, 4] {
        let elsewhere = registry.record(batch(&lease, from, 6)).await;
        assert!(
            matches!(elsewhere, Err(StoreError::Fenced { .. })),
            "{elsewhere:?}"
        );
    }
    assert_eq!(registry.worked(&key).await.unwrap(), LogPosition(3));
    registry.record(batch(&lease, 3, 6)).await.unwrap();
    assert_eq!(registry.worked(&key).await.unwrap(), LogPosition(6));
    assert_eq!(registry.worked(&work("s2")).await.unwrap(), LogPosition(0));
}

/// Each event's outcome is told by its position; pruning keeps the newest of each log.
pub async fn processed_rows_are_told_and_pruned(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let lease = registry
        .acquire(&key, "a", at(1), at(0))
        .await
        .unwrap()
        .unwrap();
    let mut record = batch(&lease, 0, 100);
    record.processed.push(Processed {
        handler: "branch_worker",
        outcome: Outcome::SkippedStale,
        ..done(99)
    });
    registry.record(record).await.unwrap();
    let told = registry
        .processed(&key.stream, LogPosition(99))
        .await
        .unwrap();
    let expected = [
        ("branch_worker".to_owned(), Outcome::SkippedStale, at(100)),
        ("instance_worker".to_owned(), Outcome::Done, at(100)),
    ];
    assert_eq!(told, expected);
    assert_eq!(registry.prune(1_000).await.unwrap(), 0);
    assert_eq!(registry.prune(10).await.unwrap(), 90);
    assert_eq!(registry.prune(10).await.unwrap(), 0);
    assert!(
        registry
            .processed(&key.stream, LogPosition(89))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        registry
            .processed(&key.stream, LogPosition(90))
            .await
            .unwrap()
            .len(),
        1
    );
    let other = stream("demo.g2");
    assert!(
        registry
            .processed(&other, LogPosition(90))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(registry.worked(&key).await.unwrap(), LogPosition(100));
}

/// Dead letters come with the record, in order, and go one by one.
pub async fn dead_letters_wait_in_order(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let lease = registry
        .acquire(&key, "a", at(1), at(0))
        .await
        .unwrap()
        .unwrap();
    let mut record = batch(&lease, 0, 9);
    record.parked = vec![
        letter("z", "demo", 1),
        letter("h", "demo.g10", 2),
        letter("h", "demo.g2", 7),
        letter("h", "demo.g2", 5),
    ];
    let lost = WorkRecord {
        from: LogPosition(5),
        ..record.clone()
    };
    assert!(registry.record(lost).await.is_err());
    assert!(registry.dead_letters(None).await.unwrap().is_empty());
    registry.record(record).await.unwrap();
    let all = registry.dead_letters(None).await.unwrap();
    let expected = [
        letter("h", "demo.g2", 5),
        letter("h", "demo.g2", 7),
        letter("h", "demo.g10", 2),
        letter("z", "demo", 1),
    ];
    assert_eq!(all, expected);
    let second = stream("demo.g2");
    registry
        .clear_dead_letters("h", &second, &[LogPosition(5)])
        .await
        .unwrap();
    registry
        .clear_dead_letters("z", &second, &[LogPosition(7)])
        .await
        .unwrap();
    let left = registry.dead_letters(Some(&second)).await.unwrap();
    assert_eq!(left, [letter("h", "demo.g2", 7)]);
}

/// A retry is remembered until it is said to be carried out, and wakes who waits.
pub async fn retries_are_remembered_and_wake(make: Make<'_>) {
    let registry = make();
    let (demo, other) = (stream("demo"), stream("other"));
    let seen = registry.wait_change(&demo, u64::MAX).await;
    let waiting = {
        let (registry, demo) = (Arc::clone(&registry), demo.clone());
        tokio::spawn(async move { registry.wait_change(&demo, seen).await })
    };
    tokio::task::yield_now().await;
    registry.request_retry("h", &demo, "x").await.unwrap();
    registry.request_retry("h", &demo, "x").await.unwrap();
    registry.request_retry("g", &demo, "y").await.unwrap();
    let woken = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(woken.unwrap().unwrap() > seen);
    let pair = |handler: &str, aggregate: &str| (handler.to_owned(), aggregate.to_owned());
    assert_eq!(
        registry.retries(&demo).await.unwrap(),
        [pair("g", "y"), pair("h", "x")]
    );
    assert!(registry.retries(&other).await.unwrap().is_empty());
    registry.clear_retry("h", &demo, "x").await.unwrap();
    assert_eq!(registry.retries(&demo).await.unwrap(), [pair("g", "y")]);
    let now = registry.wait_change(&demo, seen).await;
    let lease = registry
        .acquire(&work("s1"), "a", at(1), at(0))
        .await
        .unwrap()
        .unwrap();
    registry.record(batch(&lease, 0, 1)).await.unwrap();
    assert!(registry.wait_change(&demo, now).await > now);
}
