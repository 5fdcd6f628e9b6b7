//! The naive reader: it keeps all documents, and answers every read by looking at all of them.

use std::collections::BTreeMap;

use serde_json::json as value;
use spice_core::{
    id::{BranchGeneration, LogPosition},
    json::{Json, Properties},
    name::PropertyName,
    port::{
        documents::{Change, Document, Search, Shown},
        graph::Entity,
    },
    query::INSTANCE_ID,
};

use crate::conformance::{
    documents::{id_of, view},
    story::instance,
};

/// The expected content of the store.
#[derive(Default)]
pub(super) struct Naive {
    pub(super) latest: BTreeMap<(BranchGeneration, Entity), Document>,
    pub(super) superseded: BTreeMap<(BranchGeneration, Entity, LogPosition), Document>,
    points: BTreeMap<BranchGeneration, Vec<(BranchGeneration, LogPosition)>>,
}

impl Naive {
    /// Applies a change; returns whether it had an effect.
    pub(super) fn apply(&mut self, change: &Change) -> bool {
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
        let (branch, entity) = (document.branch.1, document.state.entity.clone());
        if document.until().is_some() {
            let key = (branch, entity, document.state.position);
            let is_of_use =
                is_shown(&self.points, &document) && !self.superseded.contains_key(&key);
            if is_of_use {
                self.superseded.insert(key, document);
            }
            return is_of_use;
        }
        let key = (branch, entity);
        let stored = self.latest.get(&key);
        let is_newer = stored.is_none_or(|stored| stored.state.sequence < document.state.sequence);
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
        latest
            .filter(|latest| latest.state.position <= at)
            .or_else(|| {
                self.written_on(branch).find(|document| {
                    document.state.entity == *entity
                        && document
                            .until()
                            .is_some_and(|until| (document.state.position..=until).contains(&at))
                })
            })
    }

    /// Everything that a branch wrote, by entity and position.
    pub(super) fn written_on(&self, branch: BranchGeneration) -> impl Iterator<Item = &Document> {
        let mut all: Vec<_> = self
            .superseded
            .values()
            .chain(self.latest.values())
            .collect();
        all.retain(|document| document.branch.1 == branch);
        all.sort_by_key(|one| {
            (
                &one.state.entity,
                one.state.position,
                one.shown != Shown::Latest,
            )
        });
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
            && until.is_some_and(|until| (document.state.position..=until).contains(at))
    })
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
pub(super) fn show_all(newest: &Naive, branch: usize) -> Vec<Option<Document>> {
    let entities = (0..6).map(|id| Entity::Instance(instance(0, id)));
    entities
        .map(|entity| show_naively(newest, branch, &entity))
        .collect()
}

pub(super) fn property(document: &Document, name: &str) -> Option<Json> {
    if name == INSTANCE_ID {
        return Some(value!(id_of(document)).into());
    }
    let properties: Properties = document.state.data.as_ref()?.read().ok()?;
    let name: PropertyName = name.parse().ok()?;
    properties.get(&name).cloned()
}

fn is_hangul(character: char) -> bool {
    ('가'..='힣').contains(&character)
}

pub(super) fn passes(search: &Search, document: &Document) -> bool {
    let data = document.state.data.as_ref();
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
