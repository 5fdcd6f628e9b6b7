//! The double of a document store.

use async_trait::async_trait;
use spice_core::{
    error::StoreError,
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::ClassName,
    port::{
        StoreResult,
        documents::{Change, Document, Documents, Search, SearchPage},
        graph::Entity,
        sink::{Applied, SinkPosition},
    },
};

use super::{Call, Double, Hook, Port, Reach, forward};

fn call<'a>(method: &'static str, stream: &'a StreamId) -> Call<'a> {
    Call::new(Port::Documents, method).of(stream)
}

#[async_trait]
impl<S: Reach<Store: Documents>, H: Hook> Documents for Double<S, H> {
    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        changes: &[Change],
    ) -> StoreResult<Applied> {
        let call = call("apply", stream).at(from).count(changes.len());
        let mut refused: Vec<(usize, StoreError)> = Vec::new();
        let mut taken = Vec::new();
        let mut places = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            let refusal = match change {
                Change::Document(document) => self.hook.refuse(&document.state.entity),
                Change::Branch(_) => None,
            };
            if let Some(error) = refusal {
                refused.push((place, error));
            } else {
                taken.push(change.clone());
                places.push(place);
            }
        }
        let applied = forward!(self, call, apply(stream, sink, from, through, &taken))?;
        let of_store = applied.refused.into_iter();
        refused.extend(of_store.map(|(place, error)| (places[place], error)));
        Ok(Applied {
            live: applied.live,
            refused,
            stale: applied
                .stale
                .into_iter()
                .map(|place| places[place])
                .collect(),
        })
    }

    async fn get(
        &self,
        view: &View,
        instances: &[InstanceRef],
    ) -> StoreResult<Vec<Option<Document>>> {
        let call = call("get", &view.stream).count(instances.len());
        forward!(self, call, get(view, instances))
    }

    async fn search(&self, view: &View, search: &Search) -> StoreResult<SearchPage> {
        let call = call("search", &view.stream).count(search.limit);
        forward!(self, call, search(view, search))
    }

    async fn counts(&self, view: &View) -> StoreResult<Vec<(ClassName, u64)>> {
        forward!(self, call("counts", &view.stream), counts(view))
    }

    async fn all(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Document>> {
        let call = call("all", stream).count(limit);
        forward!(self, call, all(stream, sink, branch, after, limit))
    }

    async fn remove(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        let call = call("remove", stream).count(entities.len());
        forward!(self, call, remove(stream, sink, branch, entities))
    }
}
