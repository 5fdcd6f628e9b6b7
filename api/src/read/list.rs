//! Lists and single reads of instances: of now from the documents, of a position from the graph.

mod found;
mod order;
mod past;
mod steady;

use spice_core::{
    error::Refusal,
    id::InstanceRef,
    name::ClassName,
    port::{documents::Search, graph::Entity},
};

pub(crate) use self::{
    found::{Found, Item, Unlisted},
    order::Cursor,
};
use super::reading::Reading;

impl Reading {
    /// A page of what is there now, or was at the position that the read looks at; `cursor` is
    /// where the page before ended.
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
            None => self.list_by_id(&search).await,
        }
    }

    /// A list of now in order of the id, which never moves: the documents' own cursor does.
    async fn list_by_id(&self, search: &Search) -> Result<Found, Unlisted> {
        let documents = &self.reads.engine.documents;
        let page = documents.search(&self.view, search).await?;
        Ok(Found {
            items: page.documents.into_iter().map(Item::Document).collect(),
            total: page.total,
            cursor: page.cursor,
        })
    }

    /// How many instances of a class there are.
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

    /// One instance, as it was found; none when it was never there.
    pub(crate) async fn instance(&self, instance: &InstanceRef) -> Result<Option<Item>, Refusal> {
        let engine = &self.reads.engine;
        if self.as_of.is_some() {
            let entity = [Entity::Instance(instance.clone())];
            let versions = engine.graph.get(&self.view, &entity).await?;
            return Ok(versions.into_iter().flatten().next().map(Item::Version));
        }
        let instance = std::slice::from_ref(instance);
        let documents = engine.documents.get(&self.view, instance).await?;
        Ok(documents.into_iter().flatten().next().map(Item::Document))
    }
}
