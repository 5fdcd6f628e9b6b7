//! Branches, documents and searches for the rules, and calls to the live sink.

use spice_core::{
    error::StoreError,
    id::{BranchGeneration, EventId, LogPosition, Sequence},
    lineage::{Lineage, View},
    name::{BranchName, PropertyName},
    ontology::PropertyType,
    port::{
        documents::{Change, Document, Documents, Search, Shown},
        graph::{Entity, State},
        sink::Applied,
    },
    query::{INSTANCE_ID, Order},
};
use uuid::Uuid;

use crate::{
    conformance::story::instance,
    values::{at, json, stream},
};

pub fn index(branch: usize) -> (BranchName, BranchGeneration) {
    match branch {
        0 => (BranchName::main(), BranchGeneration::MAIN),
        1 => ("x/y".parse().unwrap(), BranchGeneration(LogPosition(10))),
        // The same name, created again.
        2 => ("x/y".parse().unwrap(), BranchGeneration(LogPosition(20))),
        _ => ("z".parse().unwrap(), BranchGeneration(LogPosition(15))),
    }
}

pub fn document(branch: usize, id: usize, position: u64, sequence: u64, data: &str) -> Document {
    Document {
        branch: index(branch),
        state: State {
            entity: Entity::Instance(instance(0, id)),
            sequence: Sequence(sequence),
            position: LogPosition(position),
            event_id: EventId(Uuid::from_u128(
                u128::from(position) << 8 | u128::from(sequence),
            )),
            occurred_at: at(position),
            created_at: at(1),
            data: (!data.is_empty()).then(|| json(data)),
        },
        shown: Shown::Latest,
    }
}

/// `main`; `x/y` (either) on main at 8; `z` on the second `x/y` at 12.
pub fn view(branch: usize) -> View {
    let (name, generation) = index(branch);
    let lineage = match branch {
        0 => Lineage::main(),
        1 | 2 => Lineage::main().branch(name, generation, LogPosition(8)),
        _ => view(2).lineage.branch(name, generation, LogPosition(12)),
    };
    View {
        stream: stream("demo"),
        lineage,
    }
}

pub fn plain() -> Search {
    Search {
        class: instance(0, 0).class,
        text: None,
        filters: Vec::new(),
        order: None,
        cursor: None,
        offset: 0,
        limit: 100,
    }
}

pub async fn apply(
    documents: &dyn Documents,
    from: u64,
    through: u64,
    batch: &[Document],
) -> Result<Applied, StoreError> {
    let changes: Vec<_> = batch.iter().cloned().map(Change::from).collect();
    apply_changes(documents, from, through, &changes).await
}

pub async fn apply_changes(
    documents: &dyn Documents,
    from: u64,
    through: u64,
    changes: &[Change],
) -> Result<Applied, StoreError> {
    let demo = stream("demo");
    let generation = documents.sink(&demo).await?.generation;
    let (from, through) = (LogPosition(from), LogPosition(through));
    documents
        .apply(&demo, &generation, from, through.into(), changes)
        .await
}

/// Returns what the live sink holds of a branch, after an entity.
pub async fn all(
    documents: &dyn Documents,
    branch: BranchGeneration,
    after: Option<&Entity>,
) -> Vec<Document> {
    let demo = stream("demo");
    let sink = documents.sink(&demo).await.unwrap().generation;
    let all = documents.all(&demo, &sink, branch, after, 99);
    all.await.unwrap()
}

/// Removes entities of a branch from the live sink.
pub async fn remove(documents: &dyn Documents, branch: BranchGeneration, entities: &[Entity]) {
    let demo = stream("demo");
    let sink = documents.sink(&demo).await.unwrap().generation;
    let removed = documents.remove(&demo, &sink, branch, entities);
    removed.await.unwrap();
}

/// A version of `main` that was current from one position to another.
pub fn superseded(id: usize, from: u64, until: u64, data: &str) -> Document {
    Document {
        shown: Shown::Until(LogPosition(until)),
        ..document(0, id, from, from, data)
    }
}

pub fn order_by(property: &str, descending: bool) -> Order {
    Order {
        property: property_name(property),
        property_type: PropertyType::Integer,
        descending,
    }
}

/// A property by its name; `_id` is the id.
pub fn property_name(name: &str) -> PropertyName {
    match name {
        INSTANCE_ID => PropertyName::instance_id(),
        name => name.parse().unwrap(),
    }
}

pub fn id_of(document: &Document) -> &str {
    match &document.state.entity {
        Entity::Instance(instance) => instance.id.as_str(),
        Entity::Class(class) => class.as_str(),
    }
}
