//! Branches over documents: after any writes, branches, rebases and deletions a view shows what the
//! log says, and a superseded version is kept once, while a branch shows it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{collections::BTreeSet, ops::RangeInclusive};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use spice_core::{
    command::{Action, Strategy as Choice},
    envelope::{Envelope, EventType, Kind},
    event::{ClassEvent, InstanceEvent},
    id::{BranchGeneration, InstanceRef, LogPosition, Sequence},
    json::Json,
    lineage::{Lineage, View},
    model::BranchState,
    name::PropertyName,
    ontology::PropertyType,
    port::{
        documents::{Document, Documents, Search},
        graph::Entity,
        log::Record,
    },
    query::{Filter, Operator, Order},
};
use spice_workers::{
    Event,
    engine::Handler,
    verify::{Projection, verify},
};
use support::{World, desk::Desk};

const CASES: u32 = 64;

/// One step; numbers are taken modulo the number of candidates.
#[derive(Debug, Clone)]
enum Step {
    Put(usize, usize, u8),
    Delete(usize, usize),
    DropClass(usize),
    /// Creates a branch on another one, this many positions before the end.
    Fork(usize, u64),
    Merge(usize, usize),
    Rebase(usize, usize),
    RollBack(usize, u64),
    DeleteBranch(usize),
    /// The worker continues, and repeats this many envelopes.
    Deliver(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let branch = 0..8_usize;
    let past = prop_oneof![2 => Just(0), 1 => 1..30_u64];
    prop_oneof![
        14 => (branch.clone(), 0..INSTANCES, 0..3_u8).prop_map(|(on, id, n)| Step::Put(on, id, n)),
        2 => (branch.clone(), 0..INSTANCES).prop_map(|(on, id)| Step::Delete(on, id)),
        1 => branch.clone().prop_map(Step::DropClass),
        4 => (branch.clone(), past).prop_map(|(on, back)| Step::Fork(on, back)),
        1 => (branch.clone(), branch.clone()).prop_map(|(on, from)| Step::Merge(on, from)),
        1 => (branch.clone(), branch.clone()).prop_map(|(on, onto)| Step::Rebase(on, onto)),
        1 => (branch.clone(), 1..20_u64).prop_map(|(on, back)| Step::RollBack(on, back)),
        1 => branch.prop_map(Step::DeleteBranch),
        4 => (0..20_usize).prop_map(Step::Deliver),
    ]
}

const INSTANCES: usize = 5;

fn instance(number: usize) -> InstanceRef {
    let class = if number < 3 { "Item" } else { "Part" };
    format!("{class}/i{number}").parse().unwrap()
}

fn play(desk: &mut Desk, step: &Step) {
    let branches: Vec<BranchState> = desk.state.live_branches().cloned().collect();
    let branch = |number: &usize| &branches[number % branches.len()];
    let past = |back: u64| LogPosition(desk.end().0.saturating_sub(1 + back));
    let (strategy, resolutions) = (Choice::Theirs, Vec::new());
    match step {
        Step::Put(on, id, number) => {
            let words = ["red", "red green", "blue"][usize::from(*number)];
            let instance = instance(*id);
            let data = json!({"id": instance.id, "price": number, "words": words});
            desk.put(branch(on), &instance, &data);
        }
        Step::Delete(on, id) => drop(desk.delete(branch(on), &instance(*id))),
        Step::DropClass(on) => drop(desk.drop_class(branch(on), "Part")),
        Step::Fork(on, back) => {
            let from_position = (*back > 0).then(|| past(*back));
            desk.accept(Action::CreateBranch {
                branch: format!("b{}", desk.end()).parse().unwrap(),
                from_branch: branch(on).name.clone(),
                from_position,
            });
        }
        Step::Merge(on, from) => {
            desk.accept(Action::MergeBranch {
                branch: branch(on).name.clone(),
                source: branch(from).name.clone(),
                strategy,
                resolutions,
            });
        }
        Step::Rebase(on, onto) => {
            desk.accept(Action::RebaseBranch {
                branch: branch(on).name.clone(),
                onto: branch(onto).name.clone(),
                strategy,
                resolutions,
            });
        }
        Step::RollBack(on, back) => {
            desk.accept(Action::RollbackBranch {
                branch: branch(on).name.clone(),
                to_position: past(*back),
            });
        }
        Step::DeleteBranch(on) => {
            desk.accept(Action::DeleteBranch {
                branch: branch(on).name.clone(),
                force: false,
            });
        }
        Step::Deliver(_) => {}
    }
}

/// Delivers the log from a position on to the worker, in one batch.
async fn deliver(world: &World, desk: &Desk, from: usize) {
    let handler = world.documents_handler();
    let lines = desk
        .records(0)
        .into_iter()
        .map(|record| record.line)
        .collect();
    world.log.put(world.stream(), lines);
    let records = desk.records(from);
    let events: Vec<_> = records
        .iter()
        .map(|record| Event::read(record, world.stream()).unwrap())
        .filter(|event| handler.name_of(event).is_some())
        .collect();
    let events: Vec<_> = events.iter().collect();
    let sink = handler.sinks().sink(world.stream()).await.unwrap();
    let effects = handler
        .apply(
            world.stream(),
            &sink.generation,
            LogPosition(from as u64),
            desk.end().into(),
            &events,
        )
        .await
        .unwrap();
    assert!(effects.refused.is_empty(), "{:?}", effects.refused);
}

/// One version, as the log has it.
#[derive(Debug, Clone, PartialEq)]
struct Fact {
    branch: BranchGeneration,
    entity: Entity,
    position: LogPosition,
    sequence: Sequence,
    data: Option<Json>,
}

fn facts(log: &[Envelope]) -> Vec<Fact> {
    let domain = log
        .iter()
        .filter(|envelope| envelope.metadata.kind == Kind::Domain);
    domain
        .filter_map(|envelope| {
            let (entity, data) = match envelope.event_type {
                EventType::OntologyClassCreated
                | EventType::OntologyClassUpdated
                | EventType::OntologyClassDeleted => {
                    let event: ClassEvent = envelope.data.read().unwrap();
                    (Entity::Class(event.class_id), event.class)
                }
                EventType::InstanceCreated
                | EventType::InstanceUpdated
                | EventType::InstanceDeleted => {
                    let event: InstanceEvent = envelope.data.read().unwrap();
                    let (class, id) = (event.class_id, event.instance_id);
                    let data = event.data.map(|data| Json::of(&data).unwrap());
                    (Entity::Instance(InstanceRef { class, id }), data)
                }
                _ => return None,
            };
            Some(Fact {
                branch: envelope.generation.branch.unwrap(),
                entity,
                position: envelope.position,
                sequence: envelope.sequence.unwrap(),
                data,
            })
        })
        .collect()
}

/// Returns what a lineage shows of an instance: the newest version on the first layer that has one.
fn find_shown<'a>(
    facts: &'a [Fact],
    lineage: &Lineage,
    instance: &InstanceRef,
) -> Option<&'a Fact> {
    let entity = Entity::Instance(instance.clone());
    lineage.levels().iter().find_map(|level| {
        facts.iter().rev().find(|fact| {
            fact.branch == level.generation && fact.entity == entity && fact.position <= level.until
        })
    })
}

/// A superseded version: its branch, its entity, and when it was current.
type Kept = (BranchGeneration, Entity, RangeInclusive<LogPosition>);

/// The superseded versions with a live branch point in their range.
fn list_kept(facts: &[Fact], desk: &Desk) -> Vec<Kept> {
    let mut kept = Vec::new();
    for (index, fact) in facts.iter().enumerate() {
        let mut later = facts[index + 1..].iter();
        let next = later.find(|next| (next.branch, &next.entity) == (fact.branch, &fact.entity));
        let Some(next) = next else { continue };
        let range = fact.position..=next.position.before();
        let is_shown = desk.state.live_branches().any(|branch| {
            let mut below = branch.lineage.levels().iter().skip(1);
            below.any(|level| level.generation == fact.branch && range.contains(&level.until))
        });
        if is_shown {
            kept.push((fact.branch, fact.entity.clone(), range));
        }
    }
    kept
}

async fn all(documents: &dyn Documents, desk: &Desk) -> Vec<Document> {
    let branches: BTreeSet<_> = facts(&desk.log).iter().map(|fact| fact.branch).collect();
    let mut all = Vec::new();
    for branch in branches {
        let stream = desk.state.stream();
        let sink = documents.sink(stream).await.unwrap().generation;
        let page = documents.all(stream, &sink, branch, None, 1_000);
        all.extend(page.await.unwrap());
    }
    all
}

/// The superseded versions that are stored.
async fn list_superseded(world: &World, desk: &Desk) -> Vec<Kept> {
    let stored = all(&*world.documents, desk).await;
    let superseded = stored.iter().filter_map(|document| {
        let range = document.state.position..=document.until()?;
        Some((document.branch.1, document.state.entity.clone(), range))
    });
    superseded.collect()
}

async fn check(world: &World, desk: &Desk) {
    let facts = facts(&desk.log);
    for branch in desk.state.live_branches() {
        check_view(world, branch, &facts).await;
    }
    let mut superseded = list_superseded(world, desk).await;
    let mut expected = list_kept(&facts, desk);
    for kept in [&mut superseded, &mut expected] {
        kept.sort_by_key(|(branch, entity, range)| (*branch, entity.clone(), *range.start()));
    }
    assert_eq!(superseded, expected);
}

async fn check_view(world: &World, branch: &BranchState, facts: &[Fact]) {
    let view = View {
        stream: world.stream().clone(),
        lineage: branch.lineage.clone(),
    };
    let instances: Vec<_> = (0..INSTANCES).map(instance).collect();
    let facts = instances
        .iter()
        .map(|one| find_shown(facts, &branch.lineage, one));
    let expected: Vec<_> = facts.map(Option::<&Fact>::cloned).collect();
    let found = world.documents.get(&view, &instances).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|found| found.map(of)).collect();
    assert_eq!(found, expected, "on {}", branch.name);
    let mut counts = Vec::new();
    for class in ["Item", "Part"] {
        let is_of = |fact: &&Fact| match &fact.entity {
            Entity::Instance(instance) => instance.class.as_str() == class && fact.data.is_some(),
            Entity::Class(_) => false,
        };
        let live: Vec<Fact> = expected.iter().flatten().filter(is_of).cloned().collect();
        if !live.is_empty() {
            counts.push((class.parse().unwrap(), live.len() as u64));
        }
        check_lists(world, &view, class, &live).await;
    }
    assert_eq!(world.documents.counts(&view).await.unwrap(), counts);
}

fn of(document: Document) -> Fact {
    Fact {
        branch: document.branch.1,
        entity: document.state.entity,
        position: document.state.position,
        sequence: document.state.sequence,
        data: document.state.data,
    }
}

async fn check_lists(world: &World, view: &View, class: &str, live: &[Fact]) {
    let price: PropertyName = "price".parse().unwrap();
    let property_type = PropertyType::Integer;
    let value =
        |fact: &Fact, name: &str| -> Value { fact.data.as_ref().unwrap().to_value()[name].clone() };
    for (text, least) in [
        (None, None),
        (Some("red"), None),
        (None, Some(1)),
        (Some("gre*"), Some(0)),
    ] {
        for descending in [None, Some(true), Some(false)] {
            let mut expected = live.to_vec();
            expected.retain(|fact| {
                let words = value(fact, "words").as_str().unwrap().to_owned();
                text.is_none_or(|text: &str| words.contains(text.trim_end_matches('*')))
                    && least.is_none_or(|least| value(fact, "price").as_i64().unwrap() >= least)
            });
            if let Some(descending) = descending {
                let sign = if descending { -1 } else { 1 };
                expected.sort_by_key(|fact| sign * value(fact, "price").as_i64().unwrap());
            }
            let filters = least.map(|least| Filter {
                property: price.clone(),
                property_type,
                operator: Operator::Gte(json!(least).into()),
            });
            let search = Search {
                class: class.parse().unwrap(),
                text: text.map(str::to_owned),
                filters: filters.into_iter().collect(),
                order: descending.map(|descending| Order {
                    property: price.clone(),
                    property_type,
                    descending,
                }),
                cursor: None,
                offset: 0,
                limit: 100,
            };
            let page = world.documents.search(view, &search).await.unwrap();
            let found: Vec<_> = page.documents.into_iter().map(of).collect();
            assert_eq!(found, expected, "{search:?}");
            assert_eq!(page.total, expected.len() as u64);
        }
    }
}

/// Compares the documents with the fold of the log, and with a sink that is filled in one go.
async fn check_rebuild(world: &World, desk: &Desk) {
    let report = verify(world.sources(), world.stream()).await.unwrap();
    let differences = report.differences.iter();
    let differences: Vec<_> = differences
        .filter(|difference| difference.projection == Projection::Documents)
        .collect();
    assert!(differences.is_empty(), "{differences:?}");
    let again = World::new();
    deliver(&again, desk, 0).await;
    let (live, rebuilt) = (
        all(&*world.documents, desk).await,
        all(&*again.documents, desk).await,
    );
    assert_eq!(live, rebuilt);
}

/// For any history and any delivery.
#[test]
fn a_view_matches_the_log_and_superseded_versions_are_kept_once() {
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let history = prop::collection::vec(step(), 1..60);
    let result = runner.run(&history, |steps| {
        runtime.block_on(async {
            let world = World::new();
            let mut desk = Desk::new(world.stream().clone());
            let mut delivered = 0_usize;
            for step in &steps {
                play(&mut desk, step);
                if let Step::Deliver(again) = step {
                    deliver(&world, &desk, delivered.saturating_sub(*again)).await;
                    delivered = desk.log.len();
                    check(&world, &desk).await;
                }
            }
            deliver(&world, &desk, delivered).await;
            check(&world, &desk).await;
            check_rebuild(&world, &desk).await;
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// The base that a branch had before a rebase is no live branch point any more, so what it showed is
/// no longer kept. A branch from before the rebase shows it again.
#[tokio::test]
async fn a_branch_from_before_a_rebase_shows_what_the_former_base_shows() {
    let (main, part) = (BranchGeneration(LogPosition(0)), 3);
    let world = World::new();
    let mut desk = Desk::new(world.stream().clone());
    let (first, second) = (0, 1);
    // `b7` and `main`, in order of name, and then one branch more before them.
    play(&mut desk, &Step::Fork(0, 1));
    play(&mut desk, &Step::Put(second, part, 0));
    play(&mut desk, &Step::Fork(second, 0));
    let on_main = 2;
    play(&mut desk, &Step::Rebase(first, 1));
    play(&mut desk, &Step::Put(on_main, part, 1));
    let point = desk.end();
    deliver(&world, &desk, 0).await;
    check(&world, &desk).await;
    assert_eq!(list_superseded(&world, &desk).await, []);
    let back = desk.log.iter().rev().position(|envelope| {
        envelope.event_type == spice_core::envelope::EventType::RebaseBranchRequested
    });
    play(&mut desk, &Step::Fork(first, back.unwrap() as u64 + 1));
    deliver(&world, &desk, usize::try_from(point.0).unwrap()).await;
    check(&world, &desk).await;
    let kept = list_superseded(&world, &desk).await;
    assert!(kept.iter().any(|(branch, ..)| *branch == main), "{kept:?}");
    check_rebuild(&world, &desk).await;
}

/// Earlier logs carry the version of a parent in the first event of a branch, with the list of the
/// branches that show it. The parent still has that version, so the branch does not get it too.
#[tokio::test]
async fn a_version_of_a_parent_in_an_earlier_event_is_no_version_of_the_branch() {
    let world = World::new();
    let lines = include_str!("earlier/branches.ndjson").lines();
    let records: Vec<Record> = lines
        .zip([42, 44, 46])
        .map(|(line, position)| Record {
            position: LogPosition(position),
            line: line.into(),
        })
        .collect();
    let events = records
        .iter()
        .map(|record| Event::read(record, world.stream()).unwrap());
    let events: Vec<_> = events.collect();
    let events: Vec<_> = events.iter().collect();
    let handler = world.documents_handler();
    let (stream, sink) = (world.stream(), handler.sinks().sink(world.stream()));
    let sink = sink.await.unwrap().generation;
    let (from, through) = (LogPosition::ZERO, LogPosition(47).into());
    let effects = handler.apply(stream, &sink, from, through, &events).await;
    assert!(effects.unwrap().refused.is_empty());
    let one = BranchGeneration(LogPosition(42));
    let all = world.documents.all(stream, &sink, one, None, 10);
    let all = all.await.unwrap();
    let found: Vec<_> = all
        .iter()
        .map(|it| (it.state.position.0, it.until()))
        .collect();
    assert_eq!(found, [(46, None)]);
}
