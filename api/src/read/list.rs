//! Lists and single reads of instances: current ones from the documents, past ones from the graph.

mod found;
mod order;
mod past;
mod steady;

use spice_core::{
    error::Refusal,
    id::InstanceRef,
    name::ClassName,
    port::{
        documents::Search,
        graph::{Entity, State},
    },
};

pub(crate) use self::{
    found::{Found, Unlisted},
    order::Cursor,
};
use super::reading::Reading;

impl Reading {
    /// A page of the current list, or of the list at the read's position; `cursor` is the end of
    /// the previous page.
    pub(crate) async fn list(
        &self,
        search: Search,
        cursor: Option<Cursor>,
    ) -> Result<Found, Unlisted> {
        match self.as_of {
            Some(position) => {
                let after = cursor.and_then(|cursor| cursor.after);
                let graph = &*self.reads.engine.graph;
                Ok(past::list(graph, &self.view, position, &search, after).await?)
            }
            None if search.order.is_some() => steady::list(self, search, cursor).await,
            // The order of the id never changes: the documents' own cursor is enough.
            None => {
                let documents = &self.reads.engine.documents;
                Ok(documents.search(&self.view, &search).await?.into())
            }
        }
    }

    /// The number of instances of a class.
    pub(crate) async fn count(&self, class: &ClassName) -> Result<u64, Unlisted> {
        let search = Search {
            class: class.clone(),
            text: None,
            filters: Vec::new(),
            order: None,
            cursor: None,
            offset: 0,
            limit: 1,
        };
        Ok(self.list(search, None).await?.total)
    }

    /// One instance; none if it never existed.
    pub(crate) async fn instance(&self, instance: &InstanceRef) -> Result<Option<State>, Refusal> {
        let engine = &self.reads.engine;
        if self.as_of.is_some() {
            let entity = [Entity::Instance(instance.clone())];
            let versions = engine.graph.get(&self.view, &entity).await?;
            return Ok(versions.into_iter().flatten().next().map(|it| it.state));
        }
        let instance = std::slice::from_ref(instance);
        let documents = engine.documents.get(&self.view, instance).await?;
        Ok(documents.into_iter().flatten().next().map(|it| it.state))
    }
}
