//! Conformance of [`Graph`].

use std::sync::Arc;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json as value};
use spice_core::{
    error::StoreError,
    id::{BranchGeneration, LogPosition, Sequence},
    json::{Json, Properties},
    lineage::{Lineage, View},
    ontology::PropertyType,
    port::graph::{Applied, Entity, Graph, Version},
    query::{Filter, Operator},
};

use super::{
    at, block_on, json,
    story::{Step, Story, instance, steps},
    stream,
};

const CASES: u32 = 64;

/// Makes an empty graph.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Graph>;

fn version(id: usize, position: u64, sequence: u64, data: Option<&str>) -> Version {
    Version {
        branch: BranchGeneration::MAIN,
        entity: Entity::Instance(instance(0, id)),
        position: LogPosition(position),
        sequence: Sequence(sequence),
        event_id: spice_core::id::EventId(uuid::Uuid::from_u128(u128::from(position))),
        occurred_at: at(position),
        created_at: at(1),
        data: data.map(json),
        references: Vec::new(),
    }
}

fn main_view() -> View {
    View {
        stream: stream("demo"),
        lineage: Lineage::main(),
    }
}

async fn apply(
    graph: &dyn Graph,
    from: u64,
    through: u64,
    versions: &[Version],
) -> Result<Applied, StoreError> {
    let demo = stream("demo");
    let generation = graph.sink(&demo).await?.generation;
    let (from, through) = (LogPosition(from), LogPosition(through));
    graph
        .apply(&demo, &generation, from, through, versions)
        .await
}

/// A batch that comes again changes nothing, and says so.
pub async fn repeats_change_nothing(make: Make<'_>) {
    let graph = make();
    let batch = [
        version(0, 1, 1, Some("{}")),
        version(0, 2, 2, Some(r#"{"a":1.10}"#)),
    ];
    let first = apply(&*graph, 0, 3, &batch).await.unwrap();
    assert!(first.stale.is_empty() && first.refused.is_empty());
    let again = apply(&*graph, 0, 3, &batch).await.unwrap();
    assert_eq!(again.stale, [0, 1]);
    let history = graph.history(&main_view(), &batch[0].entity).await.unwrap();
    assert_eq!(history, batch);
    assert_eq!(
        graph.sink(&stream("demo")).await.unwrap().position,
        LogPosition(3)
    );
    apply(&*graph, 0, 1, &[]).await.unwrap();
    let position = graph.sink(&stream("demo")).await.unwrap().position;
    assert_eq!(position, LogPosition(3), "a position never goes back");
}

/// A version that is not newer than what is there is left out.
pub async fn stale_versions_are_left_out(make: Make<'_>) {
    let graph = make();
    apply(&*graph, 0, 9, &[version(0, 8, 3, Some("{}"))])
        .await
        .unwrap();
    let late = [version(0, 5, 2, Some("[]")), version(0, 9, 3, None)];
    assert_eq!(apply(&*graph, 9, 10, &late).await.unwrap().stale, [0, 1]);
    let found = graph
        .get(&main_view(), &[late[0].entity.clone()])
        .await
        .unwrap();
    assert_eq!(found[0].as_ref().unwrap().position, LogPosition(8));
}

/// A delete hides, is seen as a tombstone, and late versions bring nothing back.
pub async fn nothing_resurrects(make: Make<'_>) {
    let graph = make();
    let create = version(0, 1, 1, Some("{}"));
    apply(&*graph, 0, 2, std::slice::from_ref(&create))
        .await
        .unwrap();
    apply(&*graph, 2, 3, &[version(0, 2, 2, None)])
        .await
        .unwrap();
    apply(&*graph, 0, 2, std::slice::from_ref(&create))
        .await
        .unwrap();
    let view = main_view();
    let found = graph
        .get(&view, std::slice::from_ref(&create.entity))
        .await
        .unwrap();
    assert_eq!(found[0].as_ref().unwrap().data, None);
    let class = instance(0, 0).class;
    assert!(
        graph
            .scan(&view, &class, &[], None, 9)
            .await
            .unwrap()
            .versions
            .is_empty()
    );
    let before = View {
        lineage: view.lineage.at(LogPosition(1)),
        ..view
    };
    assert_eq!(
        graph
            .scan(&before, &class, &[], None, 9)
            .await
            .unwrap()
            .versions,
        [create]
    );
}

/// A batch with a hole before it is fenced off and does nothing.
pub async fn sinks_fence_off_holes(make: Make<'_>) {
    let graph = make();
    let one = [version(0, 1, 1, Some("{}"))];
    let hole = apply(&*graph, 1, 2, &one).await;
    assert!(matches!(hole, Err(StoreError::Fenced { .. })), "{hole:?}");
    assert_eq!(
        graph.sink(&stream("demo")).await.unwrap().position,
        LogPosition(0)
    );
    let found = graph
        .get(&main_view(), &[one[0].entity.clone()])
        .await
        .unwrap();
    assert_eq!(found, [None]);
}

/// A batch for another generation is fenced off; a reset makes a new one, with nothing in it.
pub async fn sinks_fence_off_other_generations(make: Make<'_>) {
    let graph = make();
    let demo = stream("demo");
    let one = [version(0, 0, 1, Some("{}"))];
    let entities = [one[0].entity.clone()];
    let (zero, next) = (LogPosition(0), LogPosition(1));
    let foreign = graph.apply(&demo, "another", zero, next, &one).await;
    assert!(
        matches!(foreign, Err(StoreError::Fenced { .. })),
        "{foreign:?}"
    );
    assert_eq!(graph.get(&main_view(), &entities).await.unwrap(), [None]);

    apply(&*graph, 0, 1, &one).await.unwrap();
    let old = graph.sink(&demo).await.unwrap().generation;
    let fresh = graph.reset(&demo).await.unwrap();
    assert_ne!(fresh.generation, old);
    assert_eq!(fresh.position, zero);
    assert_eq!(graph.get(&main_view(), &entities).await.unwrap(), [None]);
    let zombie = graph.apply(&demo, &old, zero, next, &one).await;
    assert!(
        matches!(zombie, Err(StoreError::Fenced { .. })),
        "{zombie:?}"
    );
}

/// Logs do not meet, not even when one is reset; generations of a branch name do not either.
pub async fn logs_and_generations_are_apart(make: Make<'_>) {
    let graph = make();
    let (demo, again) = (stream("demo"), stream("demo.g2"));
    apply(&*graph, 0, 2, &[version(0, 1, 1, Some("{}"))])
        .await
        .unwrap();
    let sink = graph.sink(&again).await.unwrap();
    let mut other = version(0, 1, 1, Some(r#"{"x":1}"#));
    other.branch = BranchGeneration(LogPosition(7));
    let (from, through) = (LogPosition(0), LogPosition(2));
    graph
        .apply(&again, &sink.generation, from, through, &[other.clone()])
        .await
        .unwrap();
    graph.reset(&demo).await.unwrap();
    let on_branch = |generation| View {
        stream: again.clone(),
        lineage: Lineage::main().branch("b".parse().unwrap(), generation, LogPosition(0)),
    };
    let entities = [other.entity.clone()];
    let found = graph
        .get(&on_branch(other.branch), &entities)
        .await
        .unwrap();
    assert_eq!(found, [Some(other.clone())]);
    let later = BranchGeneration(LogPosition(9));
    assert_eq!(
        graph.get(&on_branch(later), &entities).await.unwrap(),
        [None]
    );
}

/// What repair removes is gone with its references, and can be written anew from the beginning.
pub async fn repair_removes_and_writes_anew(make: Make<'_>) {
    let graph = make();
    let demo = stream("demo");
    let mut wrong = version(0, 5, 5, Some(r#"{"wrong":true}"#));
    wrong.references = vec![("link".parse().unwrap(), instance(1, 3))];
    apply(
        &*graph,
        0,
        6,
        &[wrong.clone(), version(1, 5, 1, Some("{}"))],
    )
    .await
    .unwrap();
    let entities = [wrong.entity.clone()];
    graph
        .remove(&demo, BranchGeneration::MAIN, &entities)
        .await
        .unwrap();
    assert_eq!(graph.get(&main_view(), &entities).await.unwrap(), [None]);
    let mut right = version(0, 2, 1, Some("{}"));
    right.references = wrong.references.clone();
    apply(&*graph, 6, 6, &[right.clone()]).await.unwrap();
    let view = View {
        lineage: Lineage::main().at(LogPosition(3)),
        ..main_view()
    };
    let class = instance(0, 0).class;
    let targets = [instance(1, 3)];
    let predicate = "link".parse().unwrap();
    let found = graph
        .referrers(&view, &class, &predicate, &targets)
        .await
        .unwrap();
    assert_eq!(found, [right]);
}

/// Any story, told in any batches with any repeats, reads as the naive reader says.
pub fn reads_are_what_a_naive_reader_says(make: Make<'_>) {
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let input = (
        steps(),
        prop::collection::vec((0..40_usize, 1..12_usize), 0..8),
    );
    let result = runner.run(&input, |(steps, repeats)| {
        let story = Story::play(&steps);
        block_on(async {
            let graph = make();
            tell(&*graph, &story, &repeats).await;
            check(&*graph, &story).await;
            // Again, for what the first round of reads may have left behind.
            check(&*graph, &story).await;
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

async fn tell(graph: &dyn Graph, story: &Story, repeats: &[(usize, usize)]) {
    let demo = stream("demo");
    let sink = graph.sink(&demo).await.unwrap();
    let half = story.versions.len() / 2;
    let mut from = LogPosition::ZERO;
    let mut batches = vec![&story.versions[..half]];
    for (start, length) in repeats {
        let start = (*start).min(half);
        batches.push(&story.versions[start..(start + length).min(half)]);
    }
    batches.push(&story.versions[half..]);
    for batch in batches {
        let through = batch.last().map_or(from, |last| last.position.next());
        let applied = graph
            .apply(&demo, &sink.generation, from, through.max(from), batch)
            .await
            .unwrap();
        assert!(applied.refused.is_empty());
        from = graph.sink(&demo).await.unwrap().position;
        // Reads in between must not change what later reads say.
        for view in story.views().into_iter().take(3) {
            scan_all(graph, &view, 0, &filters()[1..2]).await;
        }
    }
}

async fn check(graph: &dyn Graph, story: &Story) {
    let entities: Vec<Entity> = story.entities().into_keys().collect();
    for view in story.views() {
        let expected: Vec<_> = entities
            .iter()
            .map(|entity| story.showing(&view.lineage, entity).cloned())
            .collect();
        assert_eq!(graph.get(&view, &entities).await.unwrap(), expected);
        let live = story.live(&view.lineage);
        let classes: Vec<_> = live.iter().filter(|one| is_class(one)).cloned().collect();
        assert_eq!(graph.classes(&view).await.unwrap(), classes);
        for class in 0..2 {
            check_scans(graph, &view, class, &live).await;
            check_referrers(graph, &view, class, &live).await;
        }
        for entity in entities.iter().step_by(3) {
            let shows = |one: &&Version| {
                one.entity == *entity && view.lineage.shows(one.branch, one.position)
            };
            let history: Vec<_> = story.versions.iter().filter(shows).cloned().collect();
            assert_eq!(graph.history(&view, entity).await.unwrap(), history);
        }
    }
    check_latest(graph, story, &entities).await;
}

fn is_class(version: &Version) -> bool {
    matches!(version.entity, Entity::Class(_))
}

fn of_class(live: &[Version], class: usize) -> Vec<Version> {
    let name = instance(class, 0).class;
    live.iter()
        .filter(|one| matches!(&one.entity, Entity::Instance(id) if id.class == name))
        .cloned()
        .collect()
}

fn filters() -> Vec<Filter> {
    let filter = |property: &str, property_type, operator| Filter {
        property: property.parse().unwrap(),
        property_type,
        operator,
    };
    let text = PropertyType::String;
    let number = PropertyType::Integer;
    vec![
        filter("instance_id", text, Operator::Eq(value!("a-1"))),
        filter("n", number, Operator::Eq(value!(2))),
        filter("n", number, Operator::Gt(value!(0))),
        filter("n", number, Operator::Lte(value!(-1.0))),
        filter(
            "n",
            number,
            Operator::In(vec![value!(1), value!(-2), Value::Null]),
        ),
        filter("s", text, Operator::Eq(value!("w1 common"))),
        filter("s", text, Operator::Gte(value!("w1"))),
        filter("s", text, Operator::Like("%2 c_mmon".into())),
        filter("absent", text, Operator::Exists(false)),
        filter("absent", text, Operator::Lt(value!("x"))),
    ]
}

fn passes(filters: &[Filter], version: &Version) -> bool {
    let Entity::Instance(id) = &version.entity else {
        return false;
    };
    let properties: Properties = version.data.as_ref().unwrap().read().unwrap();
    filters.iter().all(|filter| {
        let value: Option<&Json> = properties.get(&filter.property);
        filter.matches(id.id.as_str(), value)
    })
}

async fn check_scans(graph: &dyn Graph, view: &View, class: usize, live: &[Version]) {
    let all = of_class(live, class);
    assert_eq!(scan_all(graph, view, class, &[]).await, all);
    let filters = filters();
    for pair in filters.windows(2) {
        for set in [&pair[..1], pair] {
            let expected: Vec<_> = all.iter().filter(|one| passes(set, one)).cloned().collect();
            assert_eq!(scan_all(graph, view, class, set).await, expected, "{set:?}");
        }
    }
}

/// Page by page, two at a time.
async fn scan_all(
    graph: &dyn Graph,
    view: &View,
    class: usize,
    filters: &[Filter],
) -> Vec<Version> {
    let class = instance(class, 0).class;
    let mut all: Vec<Version> = Vec::new();
    loop {
        let after = all.last().map(|last| match &last.entity {
            Entity::Instance(id) => id.id.as_str().to_owned(),
            Entity::Class(_) => unreachable!("a scan lists instances"),
        });
        let page = graph
            .scan(view, &class, filters, after.as_deref(), 2)
            .await
            .unwrap();
        assert!(page.versions.len() <= 2);
        all.extend(page.versions);
        if !page.more {
            return all;
        }
    }
}

async fn check_referrers(graph: &dyn Graph, view: &View, class: usize, live: &[Version]) {
    let predicate = "link".parse().unwrap();
    for targets in [vec![0, 1], vec![2], vec![3, 4, 5]] {
        let targets: Vec<_> = targets.iter().map(|id| instance(1 - class, *id)).collect();
        let refers = |one: &&Version| {
            one.references
                .iter()
                .any(|(_, target)| targets.contains(target))
        };
        let expected: Vec<_> = of_class(live, class)
            .iter()
            .filter(refers)
            .cloned()
            .collect();
        let source = instance(class, 0).class;
        let found = graph
            .referrers(view, &source, &predicate, &targets)
            .await
            .unwrap();
        assert_eq!(found, expected);
        let other = "other".parse().unwrap();
        assert!(
            graph
                .referrers(view, &source, &other, &targets)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

async fn check_latest(graph: &dyn Graph, story: &Story, entities: &[Entity]) {
    for lineage in &story.lineages {
        let branch = lineage.own().unwrap().generation;
        let newest = |entity: &Entity| {
            let mut versions = story.versions.iter().rev();
            versions
                .find(|one| one.entity == *entity && one.branch == branch)
                .cloned()
        };
        let expected: Vec<_> = entities.iter().filter_map(newest).collect();
        let mut found: Vec<Version> = Vec::new();
        loop {
            let after = found.last().map(|last| last.entity.clone());
            let page = graph
                .latest(&stream("demo"), branch, after.as_ref(), 3)
                .await
                .unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, expected);
    }
}

/// A step list that once failed can be kept here.
pub fn replay(make: Make<'_>, steps: &[Step]) {
    let story = Story::play(steps);
    block_on(async {
        let graph = make();
        tell(&*graph, &story, &[]).await;
        check(&*graph, &story).await;
    });
}
