//! Conformance of [`Graph`]: reads equal those of a naive reader of the whole story.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use spice_core::{
    id::LogPosition,
    json::{Json, Properties},
    lineage::View,
    ontology::PropertyType,
    port::graph::{Entity, Graph, Version},
    query::{Filter, INSTANCE_ID, Operator},
};

use super::{
    documents::property_name,
    graph::Make,
    story::{Step, Story, instance, steps},
};
use crate::values::{block_on, stream};

const CASES: u32 = 64;

/// Any story, in any batches with any repeats, reads like the naive reader.
pub fn reads_match_a_naive_reader(make: Make<'_>) {
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let input = (
        steps(),
        prop::collection::vec((0..40_usize, 1..12_usize), 0..8),
    );
    let result = runner.run(&input, |(steps, repeats)| {
        let story = Story::play(&steps);
        block_on(async {
            let graph = make();
            write_story(&*graph, &story, &repeats).await;
            check(&*graph, &story).await;
            // Again, because the first reads may have left something behind.
            check(&*graph, &story).await;
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Histories so long that a read skips over them, next to many later ones.
pub fn long_histories_read_the_same(make: Make<'_>) {
    let write = |branch, id, number| Step::Write {
        branch,
        class: 0,
        id,
        delete: false,
        number,
        target: 0,
    };
    let mut steps = vec![write(0, 2, 1), write(0, 4, 2), Step::Fork { parent: 0 }];
    steps.extend((0..60).map(|number| write(0, if number % 20 == 19 { 4 } else { 2 }, number)));
    steps.extend((0..40).map(|number| write(1, 4, number)));
    steps.push(Step::Fork { parent: 1 });
    steps.extend((0..6).map(|number| write(0, number, 3)));
    steps.extend((0..40).map(|number| write(2, 3, number)));
    let story = Story::play(&steps);
    block_on(async {
        let graph = make();
        write_story(&*graph, &story, &[]).await;
        check(&*graph, &story).await;
        check(&*graph, &story).await;
    });
}

async fn write_story(graph: &dyn Graph, story: &Story, repeats: &[(usize, usize)]) {
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
        let through = batch.last().map_or(from, |last| last.state.position.next());
        let applied = graph
            .apply(
                &demo,
                &sink.generation,
                from,
                through.max(from).into(),
                batch,
            )
            .await
            .unwrap();
        assert!(applied.refused.is_empty());
        from = graph.sink(&demo).await.unwrap().position;
        // Reads in between must not change the results of later reads.
        for view in story.views().into_iter().take(3) {
            scan_all(graph, &view, 0, &filters()[1..2]).await;
        }
    }
}

async fn check(graph: &dyn Graph, story: &Story) {
    let entities: Vec<Entity> = story.entities().into_iter().collect();
    for view in story.views() {
        let expected: Vec<_> = entities
            .iter()
            .map(|entity| story.show(&view.lineage, entity).cloned())
            .collect();
        assert_eq!(graph.get(&view, &entities).await.unwrap(), expected);
        let live = story.show_live(&view.lineage);
        let classes: Vec<_> = live.iter().filter(|one| is_class(one)).cloned().collect();
        assert_eq!(graph.classes(&view).await.unwrap(), classes);
        for class in 0..2 {
            check_scans(graph, &view, class, &live).await;
            check_referrers(graph, &view, class, &live).await;
        }
        for entity in entities.iter().step_by(3) {
            let shows = |one: &&Version| {
                one.state.entity == *entity && view.lineage.shows(one.branch, one.state.position)
            };
            let history: Vec<_> = story.versions.iter().filter(shows).cloned().collect();
            assert_eq!(graph.history(&view, entity).await.unwrap(), history);
            if let [.., last, _] = history.as_slice() {
                let before = last.state.position.next();
                let page = graph.history_before(&view, entity, before, 1).await;
                assert_eq!(page.unwrap(), std::slice::from_ref(last));
            }
        }
    }
    check_latest(graph, story, &entities).await;
}

fn is_class(version: &Version) -> bool {
    matches!(version.state.entity, Entity::Class(_))
}

fn of_class(live: &[Version], class: usize) -> Vec<Version> {
    let name = instance(class, 0).class;
    live.iter()
        .filter(|one| matches!(&one.state.entity, Entity::Instance(id) if id.class == name))
        .cloned()
        .collect()
}

fn filters() -> Vec<Filter> {
    let filter = |property: &str, property_type, operator| Filter {
        property: property_name(property),
        property_type,
        operator,
    };
    let text = PropertyType::String;
    let number = PropertyType::Integer;
    let json = |text: &str| Json::parse(text).unwrap();
    vec![
        filter(INSTANCE_ID, text, Operator::Eq(json(r#""a-1""#))),
        filter("n", number, Operator::Eq(json("2"))),
        filter("n", number, Operator::Gt(json("0"))),
        filter("n", number, Operator::Lte(json("-1.0"))),
        filter(
            "n",
            number,
            Operator::In(vec![json("1"), json("-2"), Json::null()]),
        ),
        filter("n", number, Operator::NotIn(vec![json("1"), json("-2")])),
        filter("s", text, Operator::Eq(json(r#""w1 common""#))),
        filter("s", text, Operator::Gte(json(r#""w1""#))),
        filter("s", text, Operator::Like("%2 c_mmon".parse().unwrap())),
        filter("absent", text, Operator::Exists(false)),
        filter("absent", text, Operator::Lt(json(r#""x""#))),
    ]
}

fn passes(filters: &[Filter], version: &Version) -> bool {
    let Entity::Instance(id) = &version.state.entity else {
        return false;
    };
    let properties: Properties = version.state.data.as_ref().unwrap().read().unwrap();
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
        let after = all.last().map(|last| match &last.state.entity {
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
        for limit in [1, 2, 100] {
            let mut found: Vec<Version> = Vec::new();
            loop {
                let after = found.last().and_then(|last| match &last.state.entity {
                    Entity::Instance(at) => Some(at.id.as_str().to_owned()),
                    Entity::Class(_) => None,
                });
                let page = graph
                    .referrers(view, &source, &predicate, &targets, after.as_deref(), limit)
                    .await
                    .unwrap();
                assert!(page.versions.len() <= limit);
                found.extend(page.versions);
                if !page.more {
                    break;
                }
            }
            assert_eq!(found, expected);
        }
        let other = "other".parse().unwrap();
        let none = graph.referrers(view, &source, &other, &targets, None, 9);
        assert!(none.await.unwrap().versions.is_empty());
    }
}

async fn check_latest(graph: &dyn Graph, story: &Story, entities: &[Entity]) {
    let demo = stream("demo");
    let sink = graph.sink(&demo).await.unwrap().generation;
    for lineage in &story.lineages {
        let branch = lineage.own().unwrap().generation;
        let newest = |entity: &Entity| {
            let mut versions = story.versions.iter().rev();
            versions
                .find(|one| one.state.entity == *entity && one.branch == branch)
                .cloned()
        };
        let expected: Vec<_> = entities.iter().filter_map(newest).collect();
        let mut found: Vec<Version> = Vec::new();
        loop {
            let after = found.last().map(|last| last.state.entity.clone());
            let page = graph
                .latest(&demo, &sink, branch, after.as_ref(), 3)
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

/// A list of steps that failed once can be kept here.
pub fn replay(make: Make<'_>, steps: &[Step]) {
    let story = Story::play(steps);
    block_on(async {
        let graph = make();
        write_story(&*graph, &story, &[]).await;
        check(&*graph, &story).await;
    });
}
