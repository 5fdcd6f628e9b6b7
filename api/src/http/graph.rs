//! Graph queries over HTTP.

mod assemble;
mod nodes;

use self::assemble::Assembly;
pub(crate) use self::nodes::GraphAnswer;
use crate::{
    http::{
        answer::{self, Answer},
        call::Call,
        parameters::known,
    },
    read::{
        graph::{GraphRequest, SchemaPaths, SimpleRequest, plan, schema_paths},
        wait::Needs,
    },
};

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
    let schema = reading.schema().await?;
    let plan = plan(&schema, request)?;
    let walked = reading.walk(request, &plan).await?;
    let assembly = Assembly {
        request,
        plan: &plan,
        schema: &schema,
        walked: &walked,
        frame: call.frame(&reading),
        now: reading.now(),
        position: reading.last(),
    };
    let texts = assembly.texts();
    answer::ok(&assembly.answer(&texts))
}

pub(crate) async fn paths(call: Call) -> Answer {
    let source = call.get(&known::SOURCE_CLASS)?;
    let target = call.get(&known::TARGET_CLASS)?;
    let max_depth = call.get(&known::MAX_DEPTH)?;
    let reading = call.reading(Needs::NOTHING).await?;
    let schema = reading.schema().await?;
    let (paths, more) = schema_paths(&schema, source, target, max_depth)?;
    answer::ok(&SchemaPaths {
        source_class: source,
        target_class: target,
        max_depth,
        count: paths.len(),
        paths,
        more,
    })
}
