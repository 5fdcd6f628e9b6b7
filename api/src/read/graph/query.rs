//! A planned query, asked: the page, the documents of its nodes, the origins of their versions.

use std::collections::HashMap;

use spice_core::{error::StoreError, id::LogPosition, port::documents::Document};

use super::{page::Page, plan::Plan, request::GraphRequest, walk::walk};
use crate::read::{origin::Origin, reading::Reading};

/// What a query found.
pub(crate) struct Walked<'a> {
    pub(crate) page: Page<'a>,
    /// The document of each node, when documents were asked for and the read is of now.
    pub(crate) documents: Option<Vec<Option<Document>>>,
    /// Whether values come from the graph, which alone has them at a past position.
    pub(crate) from_graph: bool,
    /// The origins of the versions, when provenance or audit was asked for.
    pub(crate) origins: HashMap<LogPosition, Origin>,
}

impl Reading {
    /// Walks a planned query, and reads what its request asks for beside the nodes.
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
