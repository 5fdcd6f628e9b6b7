//! Conformance of [`Documents`]: reads are what a naive reader of the newest documents says.

use std::collections::BTreeMap;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json as value;
use spice_core::{
    id::BranchGeneration,
    json::Properties,
    name::PropertyName,
    ontology::PropertyType,
    port::{
        documents::{Document, Documents, Search},
        graph::Entity,
    },
    query::{Filter, Operator},
};

use super::{
    block_on,
    documents::{Make, apply, by, document, id_of, index, plain, view},
    story::instance,
    stream,
};

const CASES: u32 = 64;

/// Any documents in any order: reads are what a naive reader of the newest says.
pub fn reads_are_what_a_naive_reader_says(make: Make<'_>) {
    let one = (
        0..4_usize,
        0..6_usize,
        1..25_u64,
        1..6_u64,
        0..5_u8,
        0..4_u8,
    );
    let batches = prop::collection::vec(prop::collection::vec(one, 0..12), 1..6);
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let result = runner.run(&batches, |batches| {
        block_on(async {
            let store = make();
            let mut newest = BTreeMap::new();
            for batch in &batches {
                let batch: Vec<_> = batch.iter().map(random_document).collect();
                let result = apply(&*store, 0, 1, &batch).await.unwrap();
                let stale = write_naively(&mut newest, &batch);
                assert_eq!(result.stale, stale);
                // Reads in between must not change what later reads say.
                for branch in 0..4 {
                    let filtered = &searches()[4];
                    store.search(&view(branch), filtered).await.unwrap();
                }
            }
            for branch in 0..4 {
                check(&*store, branch, &newest).await;
            }
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn random_document(parts: &(usize, usize, u64, u64, u8, u8)) -> Document {
    let (branch, id, position, sequence, number, word) = parts;
    let word = ["red", "Red-green", "blue", "greenish"][usize::from(*word)];
    let data = match number {
        0 => String::new(),
        1 => format!(r#"{{"s":"{word} thing"}}"#),
        _ => format!(r#"{{"n":{number}.0,"o":{{"deep":["{word}"]}}}}"#),
    };
    document(*branch, *id, *position, *sequence, &data)
}

type Newest = BTreeMap<(BranchGeneration, Entity), Document>;

fn write_naively(newest: &mut Newest, batch: &[Document]) -> Vec<usize> {
    let mut stale = Vec::new();
    for (index, document) in batch.iter().enumerate() {
        let key = (document.branch.1, document.entity.clone());
        let is_stale = newest
            .get(&key)
            .is_some_and(|stored| stored.sequence >= document.sequence);
        if is_stale {
            stale.push(index);
        } else {
            newest.insert(key, document.clone());
        }
    }
    stale
}

fn show_naively(newest: &Newest, branch: usize, entity: &Entity) -> Option<Document> {
    let lineage = view(branch).lineage;
    lineage
        .levels()
        .iter()
        .enumerate()
        .find_map(|(depth, level)| {
            newest
                .get(&(level.generation, entity.clone()))
                .filter(|document| depth == 0 || document.position <= level.until)
                .cloned()
        })
}

async fn check(store: &dyn Documents, branch: usize, newest: &Newest) {
    let instances: Vec<_> = (0..6).map(|id| instance(0, id)).collect();
    let expected: Vec<_> = instances
        .iter()
        .map(|one| show_naively(newest, branch, &Entity::Instance(one.clone())))
        .collect();
    assert_eq!(
        store.get(&view(branch), &instances).await.unwrap(),
        expected
    );
    let mut live: Vec<_> = expected.into_iter().flatten().collect();
    live.retain(|document| document.data.is_some());
    live.sort_by(|one, other| id_of(one).cmp(id_of(other)));
    let counts = store.counts(&view(branch)).await.unwrap();
    let total = live.len() as u64;
    let wanted: Vec<_> = (total > 0)
        .then(|| (instance(0, 0).class, total))
        .into_iter()
        .collect();
    assert_eq!(counts, wanted);
    for search in searches() {
        let mut expected: Vec<_> = live
            .iter()
            .filter(|one| passes(&search, one))
            .cloned()
            .collect();
        if let Some(order) = &search.order {
            let value = |one: &Document| property(one, order.property.as_str());
            expected
                .sort_by(|one, other| order.compare(value(one).as_ref(), value(other).as_ref()));
        }
        check_pages(store, branch, &search, &expected).await;
    }
    let (_, generation) = index(branch);
    let all: Vec<_> = newest
        .iter()
        .filter(|((branch, _), _)| *branch == generation)
        .map(|(_, document)| document.clone())
        .collect();
    let stored = store
        .all(&stream("demo"), generation, None, 99)
        .await
        .unwrap();
    assert_eq!(stored, all);
}

fn searches() -> Vec<Search> {
    let number = |operator| Filter {
        property: "n".parse().unwrap(),
        property_type: PropertyType::Integer,
        operator,
    };
    let id = Filter {
        property: "instance_id".parse().unwrap(),
        property_type: PropertyType::String,
        operator: Operator::Eq(value!("zz")),
    };
    let texts = [
        None,
        Some("RED"),
        Some("green*"),
        Some("thing red"),
        Some("*"),
        Some("nothing"),
    ];
    let filters = [vec![], vec![number(Operator::Gte(value!(3)))], vec![id]];
    let orders = [
        None,
        Some(by("n", false)),
        Some(by("n", true)),
        Some(by("instance_id", true)),
    ];
    let mut searches = Vec::new();
    for text in texts {
        for filters in &filters {
            for order in &orders {
                searches.push(Search {
                    text: text.map(str::to_owned),
                    filters: filters.clone(),
                    order: order.clone(),
                    ..plain()
                });
            }
        }
    }
    searches
}

fn property(document: &Document, name: &str) -> Option<spice_core::json::Json> {
    if name == "instance_id" {
        return Some(value!(id_of(document)).into());
    }
    let properties: Properties = document.data.as_ref()?.read().ok()?;
    let name: PropertyName = name.parse().ok()?;
    properties.get(&name).cloned()
}

fn passes(search: &Search, document: &Document) -> bool {
    let data = document.data.as_ref();
    let text = data.map_or_else(String::new, |data| data.as_str().to_lowercase());
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| ["red", "green", "blue", "greenish", "thing"].contains(word))
        .collect();
    let has = |wanted: &str| match wanted.strip_suffix('*') {
        Some("") => false,
        Some(prefix) => words.iter().any(|word| word.starts_with(prefix)),
        None => words.contains(&wanted),
    };
    let wanted = search.text.as_ref().map(|text| text.to_lowercase());
    wanted.is_none_or(|text| text.split(' ').all(has))
        && search.filters.iter().all(|filter| {
            let value = property(document, filter.property.as_str());
            filter.matches(id_of(document), value.as_ref())
        })
}

async fn check_pages(store: &dyn Documents, branch: usize, search: &Search, all: &[Document]) {
    let mut found = Vec::new();
    let mut page = Search {
        limit: 2,
        ..search.clone()
    };
    loop {
        let answer = store.search(&view(branch), &page).await.unwrap();
        assert_eq!(answer.total, all.len() as u64, "{search:?}");
        found.extend(answer.documents);
        page.cursor = answer.cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, all, "{search:?}");
    let later = Search {
        offset: 1,
        limit: 3,
        ..search.clone()
    };
    let expected: Vec<_> = all.iter().skip(1).take(3).cloned().collect();
    let answer = store.search(&view(branch), &later).await.unwrap();
    assert_eq!(answer.documents, expected);
    assert_eq!(answer.cursor.is_some(), all.len() > 4);
}
