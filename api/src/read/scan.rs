//! The live instances of a class at a position, from the graph, page by page.

use serde::de::DeserializeOwned;
use spice_core::{
    error::StoreError,
    id::InstanceRef,
    json::{Json, Properties},
    lineage::View,
    name::ClassName,
    port::{
        Store,
        graph::{Entity, Graph, Version},
    },
    query::Filter,
};

use super::reading::Reading;

/// The number of instances per read.
const PAGE: usize = 1_000;

/// A scan of the instances of a class, in order of their id. A clone continues from the same place.
#[derive(Clone)]
pub(super) struct Scan<'a> {
    graph: &'a dyn Graph,
    view: &'a View,
    class: &'a ClassName,
    filters: &'a [Filter],
    after: Option<String>,
    is_over: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        graph: &'a dyn Graph,
        view: &'a View,
        class: &'a ClassName,
        filters: &'a [Filter],
    ) -> Self {
        Self {
            graph,
            view,
            class,
            filters,
            after: None,
            is_over: false,
        }
    }

    /// The next instances, at most `limit`; none after the last.
    pub(super) async fn next(&mut self, limit: usize) -> Result<Option<Vec<Version>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let after = self.after.as_deref();
        let page = self
            .graph
            .scan(self.view, self.class, self.filters, after, limit)
            .await?;
        let last = page.versions.last();
        self.after = last.map(|last| last.state.entity.id().to_owned());
        self.is_over = !page.more || self.after.is_none();
        Ok(Some(page.versions))
    }

    /// Whether nothing was read yet.
    pub(super) fn is_at_start(&self) -> bool {
        self.after.is_none() && !self.is_over
    }

    /// Whether all were read.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }
}

impl Reading {
    /// A scan of a class.
    pub(super) fn scan<'a>(&'a self, class: &'a ClassName) -> Scan<'a> {
        Scan::new(&*self.reads.engine.graph, &self.view, class, &[])
    }

    /// Passes every live instance of a class to a function; returns their number.
    pub(crate) async fn each(
        &self,
        class: &ClassName,
        mut look: impl FnMut(&InstanceRef, &Properties),
    ) -> Result<u64, StoreError> {
        let mut scan = self.scan(class);
        let mut shown = 0;
        while let Some(versions) = scan.next(PAGE).await? {
            for version in &versions {
                if let (Entity::Instance(at), Some(data)) =
                    (&version.state.entity, &version.state.data)
                {
                    look(at, &read_state(data)?);
                    shown += 1;
                }
            }
        }
        Ok(shown)
    }
}

/// Parses the state of a version. A state that cannot be parsed is damage of the graph.
pub(super) fn read_state<T: DeserializeOwned>(state: &Json) -> Result<T, StoreError> {
    state.read().map_err(|error| {
        let reason = format!("a version cannot be read: {error}");
        StoreError::damaged(Store::Graph, reason)
    })
}
