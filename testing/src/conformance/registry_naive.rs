//! Conformance of [`WriteModel`](spice_core::port::registry::WriteModel): lookups equal those of a
//! naive reader of all entries.

use proptest::test_runner::{Config, TestRunner};
use spice_core::{
    id::LogPosition,
    lineage::View,
    model::{ModelEntry, ModelKey},
    port::{
        graph::{Entity, Version},
        registry::{Advance, Lookup},
    },
};

use super::{
    registry::{Make, Registry},
    story::{Story, instance, steps},
};
use crate::values::{anchor, block_on, json, stream};

fn model_entry(version: &Version) -> ModelEntry {
    let key = match &version.state.entity {
        Entity::Class(class) => ModelKey::class(class),
        Entity::Instance(instance) => ModelKey::instance(&instance.class, &instance.id),
    };
    let data = version
        .state
        .data
        .as_ref()
        .map_or("null", |data| data.as_str());
    ModelEntry {
        branch: version.branch,
        key,
        position: version.state.position,
        value: json(&format!(
            r#"{{"sequence":{},"data":{data}}}"#,
            version.state.sequence
        )),
    }
}

/// Any story reads like the naive reader, key by key and by prefix.
pub fn lookups_match_a_naive_reader(make: Make<'_>) {
    let mut runner = TestRunner::new(Config::with_cases(64));
    let result = runner.run(&steps(), |steps| {
        let story = Story::play(&steps);
        block_on(async {
            let registry = make();
            let mut reflected = LogPosition::ZERO;
            for chunk in story.versions.chunks(7) {
                let to = chunk.last().unwrap().state.position.next();
                let entries = chunk.iter().map(model_entry).collect();
                let demo = stream("demo");
                let advance = registry.advance(&demo, reflected, anchor(to), entries, vec![]);
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
            .iter()
            .filter_map(|entity| story.show(&view.lineage, entity))
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
        for (lookup, answer) in lookups.iter().zip(answers.entries) {
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
    check_changes(registry, story).await;
    check_writes(registry, story).await;
}

/// What was written on a branch between two positions is returned in order, page by page.
async fn check_writes(registry: &dyn Registry, story: &Story) {
    let views: Vec<_> = story.views().into_iter().collect();
    for (to, from) in views.iter().zip(views.iter().cycle().skip(1)) {
        for span in to.lineage.spans_beyond(&from.lineage) {
            let mut expected: Vec<(LogPosition, ModelKey)> = story
                .versions
                .iter()
                .filter(|version| {
                    version.branch == span.generation && span.holds(version.state.position)
                })
                .map(|version| (version.state.position, model_entry(version).key))
                .collect();
            expected.sort();
            let (mut found, mut rest) = (Vec::new(), span);
            loop {
                let page = registry.writes(&to.stream, &rest, 2).await.unwrap();
                assert!(page.len() <= 2);
                let Some((last, _)) = page.last() else { break };
                rest.after = Some(*last);
                found.extend(page);
            }
            assert_eq!(found, expected);
        }
    }
}

/// What was written between two views is returned key by key, page by page.
async fn check_changes(registry: &dyn Registry, story: &Story) {
    let views: Vec<_> = story.views().into_iter().collect();
    for (to, from) in views.iter().zip(views.iter().cycle().skip(1)) {
        let spans = to.lineage.spans_beyond(&from.lineage);
        let mut expected: Vec<ModelKey> = story
            .versions
            .iter()
            .filter(|version| {
                let shows =
                    |view: &View| view.lineage.shows(version.branch, version.state.position);
                shows(to) && !shows(from)
            })
            .map(|version| model_entry(version).key)
            .collect();
        expected.sort();
        expected.dedup();
        let mut found: Vec<ModelKey> = Vec::new();
        loop {
            let page = registry
                .changed_keys(&to.stream, &spans, found.last(), 2)
                .await
                .unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= 2);
            found.extend(page);
        }
        assert_eq!(found, expected);
    }
}
