//! Conformance of [`Documents`]: reads equal those of a naive reader of all documents.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json as value;
use spice_core::{
    id::{BranchGeneration, LogPosition},
    json::{Json, Properties},
    name::PropertyName,
    ontology::PropertyType,
    port::{
        documents::{BranchPoints, Change, Document, Documents, Search, Shown},
        graph::Entity,
    },
    query::{Filter, INSTANCE_ID, Operator, Order},
};

use super::{
    documents::{by, document, id_of, index, make_changes, plain, property_name, remove, view},
    sinks::wipe,
    story::instance,
};
use crate::values::{block_on, stream};

const CASES: u32 = 96;

/// Opens the store with a number, with everything that was written to it before.
pub type Open<'a> = &'a dyn Fn(u32) -> Arc<dyn Documents>;

/// One step; numbers are taken modulo the number of existing things.
#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Written>),
    /// Documents as written, or superseded: position and sequence come from the range with a
    /// number.
    Keep(Vec<(Written, u64)>),
    /// Sets the parents of a branch with positions, or none.
    Place(usize, Vec<(usize, u64)>),
    /// Reads may leave something for later reads, but must not change their results.
    Read(usize, Box<Search>),
    Remove(usize, usize),
    Reset,
    Reopen,
}

/// Branch, id, position, sequence, whether it is not a tombstone, word, and two values.
type Written = (usize, usize, u64, u64, bool, usize, usize, usize);

/// Any documents in any order, with reads, repairs, resets and restarts in between: reads equal
/// those of a naive reader of the newest.
pub fn reads_match_a_naive_reader(open: Open<'_>) {
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let number = std::cell::Cell::new(0);
    let stories = (
        prop::collection::vec(step(), 1..14),
        prop::collection::vec(search(), 6),
    );
    let result = runner.run(&stories, |(steps, searches)| {
        number.set(number.get() + 1);
        block_on(async {
            let mut store = open(number.get());
            let mut newest = Naive::default();
            for step in &steps {
                if matches!(step, Step::Reopen) {
                    drop(store);
                    store = open(number.get());
                }
                play(&*store, step, &mut newest).await;
            }
            for branch in 0..4 {
                check(&*store, branch, &newest, &searches).await;
            }
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

async fn play(store: &dyn Documents, step: &Step, newest: &mut Naive) {
    match step {
        Step::Write(batch) => {
            let batch = batch.iter().map(random_document).map(Change::from);
            make(store, newest, &batch.collect::<Vec<_>>()).await;
        }
        Step::Keep(batch) => {
            let batch = batch.iter().map(random_superseded).map(Change::from);
            make(store, newest, &batch.collect::<Vec<_>>()).await;
        }
        Step::Place(branch, points) => {
            let at = |(parent, at): &(usize, u64)| (index(*parent).1, LogPosition(*at));
            let points: BTreeMap<_, _> = points.iter().map(at).collect();
            let change = Change::Branch(BranchPoints {
                branch: index(*branch).1,
                points: points.into_iter().collect(),
            });
            make(store, newest, &[change]).await;
        }
        Step::Read(branch, search) => {
            check_search(store, *branch, newest, search).await;
        }
        Step::Remove(branch, id) => {
            let (generation, entity) = (index(*branch).1, Entity::Instance(instance(0, *id)));
            let entities = std::slice::from_ref(&entity);
            remove(store, generation, entities).await;
            newest.latest.remove(&(generation, entity.clone()));
            newest
                .superseded
                .retain(|(of, kept, _), _| (*of, kept) != (generation, &entity));
        }
        Step::Reset => {
            wipe(store, &stream("demo")).await;
            *newest = Naive::default();
        }
        Step::Reopen => {}
    }
}

fn step() -> impl Strategy<Value = Step> {
    let values = 0..VALUES.len();
    let one = (
        0..4_usize,
        0..6_usize,
        1..25_u64,
        1..6_u64,
        prop::bool::weighted(0.8),
        0..4_usize,
        values.clone(),
        values,
    );
    let write = prop::collection::vec(one.clone(), 0..12).prop_map(Step::Write);
    let keep = prop::collection::vec((one, 0..8_u64), 0..12).prop_map(Step::Keep);
    let point = (0..4_usize, prop::sample::select(vec![8, 8, 12, 3, 20]));
    let place = (0..4_usize, prop::collection::vec(point, 0..4))
        .prop_map(|(branch, points)| Step::Place(branch, points));
    let read = (0..4_usize, search());
    prop_oneof![
        12 => write,
        6 => keep,
        4 => place,
        12 => read.prop_map(|(branch, search)| Step::Read(branch, Box::new(search))),
        2 => (0..4_usize, 0..6_usize).prop_map(|(branch, id)| Step::Remove(branch, id)),
        1 => Just(Step::Reset),
        2 => Just(Step::Reopen),
    ]
}

/// Values of every kind; `LONG` is a text longer than an index key.
const VALUES: [&str; 44] = [
    "null",
    "true",
    "false",
    "0",
    "-0.0",
    "2",
    "2.0",
    "2.5",
    "3",
    "-7",
    "-7.25",
    "12345678901234567890123",
    "12345678901234567890124",
    "9007199254740993",
    "1e300",
    "1e400",
    "-1e-400",
    r#""""#,
    r#""a""#,
    r#""A""#,
    r#""ab""#,
    r#""a\u0000b""#,
    r#""LONG""#,
    r#""LONGa""#,
    r#""LONGb""#,
    r#""2026-01-01""#,
    r#""2026-01-01T00:00:00Z""#,
    r#""2025-12-31T23:00:00-02:00""#,
    r#""9999-12-31""#,
    r#""9999-12-31T23:59:59.9999999999-12:00""#,
    r#""0001-01-01T00:00:00+14:00""#,
    "\"e\u{301}a\"",
    "\"\u{e9}a\"",
    "\"a_1\"",
    r#""::1""#,
    r#""0:0::1""#,
    r#"{"amount":"2.50","currency":"KRW"}"#,
    r#"{"amount":"10","currency":"KRW"}"#,
    r#"{"amount":"1","currency":"USD"}"#,
    "[]",
    r#"[2,"a",2]"#,
    r#"["ab",null]"#,
    r#"["LONGa"]"#,
    r#"{"k":1}"#,
];

fn any_value(number: usize) -> String {
    VALUES[number].replace("LONG", &"x".repeat(170))
}

const TYPES: [PropertyType; 7] = [
    PropertyType::Json,
    PropertyType::Integer,
    PropertyType::Date,
    PropertyType::DateTime,
    PropertyType::Uuid,
    PropertyType::Ip,
    PropertyType::Money,
];

fn property_and_type() -> impl Strategy<Value = (PropertyName, PropertyType)> {
    let property = prop::sample::select(vec!["n", "p", "p", INSTANCE_ID]);
    (property, prop::sample::select(TYPES.to_vec())).prop_map(|(property, property_type)| {
        let property_type = match property {
            INSTANCE_ID => PropertyType::String,
            _ => property_type,
        };
        (property_name(property), property_type)
    })
}

fn operator() -> impl Strategy<Value = Operator> {
    let value = (0..VALUES.len() + 2).prop_map(|number| match number {
        0 => Json::from(value!("B")),
        1 => Json::from(value!("a-1")),
        _ => Json::parse(&any_value(number - 2)).unwrap(),
    });
    let patterns = vec![
        "%",
        "a%",
        "%b",
        "a_1",
        "_",
        "%-%",
        "x%a",
        "2026%",
        "",
        "a%1",
        "a\\_1",
        "\\%%",
        "e\u{301}%",
    ];
    prop_oneof![
        value.clone().prop_map(Operator::Eq),
        value.clone().prop_map(Operator::Gt),
        value.clone().prop_map(Operator::Gte),
        value.clone().prop_map(Operator::Lt),
        value.clone().prop_map(Operator::Lte),
        prop::collection::vec(value.clone(), 0..4).prop_map(Operator::In),
        prop::collection::vec(value, 0..4).prop_map(Operator::NotIn),
        prop::sample::select(patterns).prop_map(|pattern| Operator::Like(pattern.parse().unwrap())),
        any::<bool>().prop_map(Operator::Exists),
    ]
}

fn search() -> impl Strategy<Value = Search> {
    let filter = (property_and_type(), operator()).prop_map(|(property, operator)| Filter {
        property: property.0,
        property_type: property.1,
        operator,
    });
    let order = (property_and_type(), any::<bool>()).prop_map(|(property, descending)| Order {
        property: property.0,
        property_type: property.1,
        descending,
    });
    let text = prop_oneof![4 => Just(None), 1 => prop::sample::select(TEXTS.to_vec())];
    (
        text,
        prop::collection::vec(filter, 0..3),
        prop::option::weighted(0.8, order),
    )
        .prop_map(|(text, filters, order)| Search {
            text: text.map(str::to_owned),
            filters,
            order,
            ..plain()
        })
}

fn random_document(written: &Written) -> Document {
    let (branch, id, position, sequence, live, word, number, other) = written;
    let word = ["red", "Red-green", "blueÉ대한민국", "greenish Straße"][*word];
    let (number, other) = (any_value(*number), any_value(*other));
    let data = match live {
        false => String::new(),
        true if other.len() % 3 == 0 => format!(r#"{{"n":{number},"s":"{word} thing"}}"#),
        true => format!(r#"{{"p":{other},"n":{number},"o":{{"deep":["{word}"]}}}}"#),
    };
    document(*branch, *id, *position, *sequence, &data)
}

/// The ranges of superseded versions do not overlap.
fn random_superseded((written, number): &(Written, u64)) -> Document {
    let (branch, id, _, _, _, word, first, second) = *written;
    let from = 3 * number;
    let written = (branch, id, from, from + 1, true, word, first, second);
    Document {
        shown: Shown::Until(LogPosition(from + 2)),
        ..random_document(&written)
    }
}

/// The expected content of the store.
#[derive(Default)]
struct Naive {
    latest: BTreeMap<(BranchGeneration, Entity), Document>,
    superseded: BTreeMap<(BranchGeneration, Entity, LogPosition), Document>,
    points: BTreeMap<BranchGeneration, Vec<(BranchGeneration, LogPosition)>>,
}

impl Naive {
    /// Applies a change; returns whether it had an effect.
    fn make(&mut self, change: &Change) -> bool {
        let document = match change {
            Change::Branch(branch) => {
                self.points.insert(branch.branch, branch.points.clone());
                let points = self.points.clone();
                self.superseded
                    .retain(|_, document| is_shown(&points, document));
                return true;
            }
            Change::Document(document) => document.clone(),
        };
        let (branch, entity) = (document.branch.1, document.entity.clone());
        if document.until().is_some() {
            let key = (branch, entity, document.position);
            let is_of_use =
                is_shown(&self.points, &document) && !self.superseded.contains_key(&key);
            if is_of_use {
                self.superseded.insert(key, document);
            }
            return is_of_use;
        }
        let key = (branch, entity);
        let stored = self.latest.get(&key);
        let is_newer = stored.is_none_or(|stored| stored.sequence < document.sequence);
        if is_newer {
            self.latest.insert(key, document);
        }
        is_newer
    }

    /// The version of an entity on a branch at a position; the current one if none.
    fn at(
        &self,
        branch: BranchGeneration,
        entity: &Entity,
        at: Option<LogPosition>,
    ) -> Option<&Document> {
        let latest = self.latest.get(&(branch, entity.clone()));
        let Some(at) = at else {
            return latest;
        };
        latest.filter(|latest| latest.position <= at).or_else(|| {
            self.of(branch).find(|document| {
                document.entity == *entity
                    && document
                        .until()
                        .is_some_and(|until| (document.position..=until).contains(&at))
            })
        })
    }

    /// Everything that a branch wrote, by entity and position.
    fn of(&self, branch: BranchGeneration) -> impl Iterator<Item = &Document> {
        let mut all: Vec<_> = self
            .superseded
            .values()
            .chain(self.latest.values())
            .collect();
        all.retain(|document| document.branch.1 == branch);
        all.sort_by_key(|one| (&one.entity, one.position, one.shown != Shown::Latest));
        all.into_iter()
    }
}

fn is_shown(
    points: &BTreeMap<BranchGeneration, Vec<(BranchGeneration, LogPosition)>>,
    document: &Document,
) -> bool {
    points.values().flatten().any(|(parent, at)| {
        let until = document.until();
        *parent == document.branch.1
            && until.is_some_and(|until| (document.position..=until).contains(at))
    })
}

async fn make(store: &dyn Documents, naive: &mut Naive, changes: &[Change]) {
    let result = make_changes(store, 0, 1, changes).await.unwrap();
    let mut stale = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        if !naive.make(change) {
            stale.push(index);
        }
    }
    assert_eq!(result.stale, stale);
}

fn show_naively(newest: &Naive, branch: usize, entity: &Entity) -> Option<Document> {
    let lineage = view(branch).lineage;
    lineage
        .levels()
        .iter()
        .enumerate()
        .find_map(|(depth, level)| {
            let at = (depth > 0).then_some(level.until);
            newest.at(level.generation, entity, at).cloned()
        })
}

/// The visible version of each instance, including tombstones.
fn showing(newest: &Naive, branch: usize) -> Vec<Option<Document>> {
    let entities = (0..6).map(|id| Entity::Instance(instance(0, id)));
    entities
        .map(|entity| show_naively(newest, branch, &entity))
        .collect()
}

async fn check(store: &dyn Documents, branch: usize, newest: &Naive, searches: &[Search]) {
    let instances: Vec<_> = (0..6).map(|id| instance(0, id)).collect();
    let expected = showing(newest, branch);
    let found = store.get(&view(branch), &instances).await.unwrap();
    assert_eq!(found, expected);
    let live = expected.iter().flatten().filter(|one| one.data.is_some());
    let total = live.count() as u64;
    let wanted: Vec<_> = (total > 0)
        .then(|| (instance(0, 0).class, total))
        .into_iter()
        .collect();
    assert_eq!(store.counts(&view(branch)).await.unwrap(), wanted);
    // Asked twice: the first request may build an index for the second.
    for search in searches.iter().chain(searches) {
        check_search(store, branch, newest, search).await;
    }
    for search in usual_searches() {
        check_search(store, branch, newest, &search).await;
    }
    let (_, generation) = index(branch);
    let all: Vec<_> = newest.of(generation).cloned().collect();
    assert_eq!(super::documents::all(store, generation, None).await, all);
}

async fn check_search(store: &dyn Documents, branch: usize, newest: &Naive, search: &Search) {
    let mut expected: Vec<_> = showing(newest, branch).into_iter().flatten().collect();
    expected.retain(|document| document.data.is_some() && passes(search, document));
    expected.sort_by(|one, other| id_of(one).cmp(id_of(other)));
    if let Some(order) = &search.order {
        let value = |one: &Document| property(one, order.property.as_str());
        expected.sort_by(|one, other| order.compare(value(one).as_ref(), value(other).as_ref()));
    }
    check_pages(store, branch, search, &expected).await;
}

const TEXTS: [Option<&str>; 10] = [
    None,
    Some("RED"),
    Some("green*"),
    Some("thing red"),
    Some("*"),
    Some("nothing"),
    Some("민국"),
    Some("국"),
    Some("STRASSE"),
    Some("stras* blueE\u{301}"),
];

fn usual_searches() -> Vec<Search> {
    let number = |operator| Filter {
        property: "n".parse().unwrap(),
        property_type: PropertyType::Integer,
        operator,
    };
    let id = Filter {
        property: PropertyName::instance_id(),
        property_type: PropertyType::String,
        operator: Operator::Eq(value!("zz").into()),
    };
    let filters = [
        vec![],
        vec![number(Operator::Gte(value!(3).into()))],
        vec![id],
    ];
    let orders = [
        None,
        Some(by("n", false)),
        Some(by("n", true)),
        Some(by(INSTANCE_ID, true)),
    ];
    let mut searches = Vec::new();
    for text in TEXTS {
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

fn property(document: &Document, name: &str) -> Option<Json> {
    if name == INSTANCE_ID {
        return Some(value!(id_of(document)).into());
    }
    let properties: Properties = document.data.as_ref()?.read().ok()?;
    let name: PropertyName = name.parse().ok()?;
    properties.get(&name).cloned()
}

fn is_hangul(character: char) -> bool {
    ('가'..='힣').contains(&character)
}

fn passes(search: &Search, document: &Document) -> bool {
    let data = document.data.as_ref();
    let folded = |text: &str| text.to_lowercase().replace('ß', "ss");
    let text = data.map_or_else(String::new, |data| folded(data.as_str()));
    let known = ["red", "green", "blueé", "greenish", "strasse", "thing"];
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric() || is_hangul(c))
        .filter(|word| known.contains(word))
        .collect();
    let has = |wanted: &str| match wanted.strip_suffix('*') {
        Some("") => false,
        None if wanted.starts_with(is_hangul) => text.contains(wanted),
        Some(prefix) => words.iter().any(|word| word.starts_with(prefix)),
        None => words.contains(&wanted),
    };
    let wanted = search.text.as_ref().map(|text| folded(text));
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
