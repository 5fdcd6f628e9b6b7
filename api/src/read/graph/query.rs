//! Executes a planned query: the page, the documents of its nodes, the origins of their versions.

use std::collections::HashMap;

use spice_core::{
    envelope::Envelope, error::StoreError, id::LogPosition, port::documents::Document,
};

use super::{page::Page, plan::Plan, request::GraphRequest, walk::walk};
use crate::read::reading::Reading;

/// The result of a query.
pub(crate) struct Walked<'a> {
    pub(crate) page: Page<'a>,
    /// The document of each node, if requested and if the read is current.
    pub(crate) documents: Option<Vec<Option<Document>>>,
    /// Whether values come from the graph, which alone has past states.
    pub(crate) from_graph: bool,
    /// The origins of the versions, if provenance or audit was requested.
    pub(crate) origins: HashMap<LogPosition, Envelope>,
}

impl Reading {
    /// Executes a planned query, and reads what its request asks for besides nodes.
    pub(crate) async fn walk<'a>(
        &self,
        request: &GraphRequest,
        plan: &'a Plan,
    ) -> Result<Walked<'a>, StoreError> {
        let engine = &self.reads.engine;
        let page = walk(&*engine.graph, &self.view, plan).await?;
        let from_graph = self.as_of.is_some() && request.include_documents;
        let documents = if request.include_documents && !from_graph {
            let documents = &engine.documents;
            Some(documents.get(&self.view, &page.instances()).await?)
        } else {
            None
        };
        let origins = if request.include_provenance || request.include_audit {
            self.origins(page.positions()).await?
        } else {
            HashMap::new()
        };
        Ok(Walked {
            page,
            documents,
            from_graph,
            origins,
        })
    }
}
