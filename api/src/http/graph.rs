//! Graph queries over HTTP.

use std::collections::HashMap;

use axum::http::StatusCode;
use spice_core::id::LogPosition;

use crate::{
    graph_query::{
        Assembly, GraphRequest, Page, SchemaPaths, SimpleRequest, plan, schema_paths, walk,
    },
    http::{
        answer::{self, Answer},
        call::Call,
        failure::Failure,
        origin::Origin,
        parameters::known,
        probes,
        read::Reading,
        render::Frame,
        wait::Needs,
    },
};

pub(crate) async fn health(call: Call) -> Answer {
    probes::health(call).await
}

pub(crate) async fn query(mut call: Call) -> Answer {
    call.database()?;
    call.branch()?;
    let request: GraphRequest = call.json().await?;
    run(&call, &request).await
}

pub(crate) async fn simple(mut call: Call) -> Answer {
    call.database()?;
    call.branch()?;
    let request: SimpleRequest = call.json().await?;
    run(&call, &request.into()).await
}

async fn run(call: &Call, request: &GraphRequest) -> Answer {
    let needs = if request.include_documents {
        Needs::BOTH
    } else {
        Needs::GRAPH
    };
    let reading = call.reading(needs).await?;
    let engine = &call.api.engine;
    let schema = reading.schema(&call.api).await?;
    let plan = plan(&schema, request)?;
    let page = walk(&*engine.graph, &reading.view, &plan).await?;
    let from_graph = reading.as_of.is_some() && request.include_documents;
    let documents = if request.include_documents && !from_graph {
        let instances = page.instances();
        let documents = engine.documents.get(&reading.view, &instances).await?;
        Some(documents)
    } else {
        None
    };
    let origins = origins(call, request, &reading, &page).await?;
    let assembly = Assembly {
        request,
        plan: &plan,
        schema: &schema,
        page: &page,
        documents: documents.as_deref(),
        from_graph,
        origins: &origins,
        frame: Frame {
            database: &reading.snapshot.stream.database,
            branch: &reading.branch,
            language: call.language(),
        },
        now: engine.clock.now(),
        position: reading.last(),
    };
    let texts = assembly.texts();
    answer::json(StatusCode::OK, &assembly.answer(&texts))
}

/// Where the versions of a page come from, when that is asked for.
async fn origins(
    call: &Call,
    request: &GraphRequest,
    reading: &Reading,
    page: &Page<'_>,
) -> Result<HashMap<LogPosition, Origin>, Failure> {
    let mut origins = HashMap::new();
    if !request.include_provenance && !request.include_audit {
        return Ok(origins);
    }
    for position in page.positions() {
        let origin = call.api.origin(&reading.view.stream, position).await?;
        origins.extend(origin.map(|origin| (position, origin)));
    }
    Ok(origins)
}

pub(crate) async fn paths(call: Call) -> Answer {
    let source = call.get(&known::SOURCE_CLASS)?;
    let target = call.get(&known::TARGET_CLASS)?;
    let max_depth = call.get(&known::MAX_DEPTH)?;
    let reading = call.reading(Needs::NOTHING).await?;
    let schema = reading.schema(&call.api).await?;
    let (paths, more) = schema_paths(&schema, source, target, max_depth)?;
    answer::json(
        StatusCode::OK,
        &SchemaPaths {
            source_class: source,
            target_class: target,
            max_depth,
            count: paths.len(),
            paths,
            more,
        },
    )
}
