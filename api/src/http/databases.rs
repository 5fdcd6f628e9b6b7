//! Databases: list, create, look at, delete.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use spice_core::{
    command::Action,
    error::{ErrorCode, StoreError},
    id::LogPosition,
    lineage::View,
    name::{BranchName, ClassName, DatabaseName},
    ontology::Schema,
    port::graph::{Entity, Graph},
};

use crate::{
    http::{
        Api,
        answer::{self, Answer},
        bodies::DatabaseBody,
        call::Call,
        failure::Failure,
        parameters::known,
        read::Reading,
        submit::Submitted,
        wait::Needs,
    },
    writer::Snapshot,
};

/// How many versions are read at once from the graph.
const CHUNK: usize = 1_000;

pub(crate) async fn list(call: Call) -> Answer {
    let engine = &call.api.engine;
    let names = engine.writer.names().await?;
    let mut listed = Vec::with_capacity(names.len());
    for name in names {
        match engine.writer.snapshot(&name).await {
            Ok(snapshot) => listed.push(summary(&snapshot)),
            Err(refusal) if refusal.code == ErrorCode::NotFound => {}
            Err(refusal) if refusal.is_damage() => {
                listed.push(json!({"name": name, "status": "damaged", "error": refusal.message}));
            }
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let data = json!({"count": listed.len(), "databases": listed});
    answer::success("the databases", data)
}

pub(crate) async fn create(mut call: Call) -> Answer {
    let body: DatabaseBody = call.json().await?;
    let database: DatabaseName = body.name.parse()?;
    let action = Action::CreateDatabase {
        description: body.description.unwrap_or_default(),
        options: body.options,
    };
    let submitted = call.submit(database.clone(), action, None).await?;
    let mut data = Map::new();
    data.insert("database_name".into(), database.as_str().into());
    written(
        &submitted,
        "database creation accepted",
        data,
        StatusCode::CREATED,
    )
}

pub(crate) async fn delete(call: Call) -> Answer {
    let database = call.database()?;
    let expected_seq = call.get(&known::EXPECTED_SEQ)?;
    let action = Action::DeleteDatabase { expected_seq };
    let submitted = call.submit(database.clone(), action, None).await?;
    let mut data = Map::new();
    data.insert("database_name".into(), database.as_str().into());
    written(
        &submitted,
        "database deletion accepted",
        data,
        StatusCode::OK,
    )
}

/// `{status, message, data:{command_id, <names>, status, mode, sequence, position}}`.
pub(crate) fn written(
    submitted: &Submitted,
    message: &str,
    names: Map<String, Value>,
    finished: StatusCode,
) -> Answer {
    let receipt = &submitted.receipt;
    let completed = submitted.is_completed();
    let mut data = Map::new();
    data.insert("command_id".into(), receipt.command_id.to_string().into());
    data.extend(names);
    data.insert(
        "status".into(),
        if completed { "completed" } else { "processing" }.into(),
    );
    data.insert("mode".into(), "event_sourcing".into());
    data.insert(
        "sequence".into(),
        receipt.sequence.map(|sequence| sequence.0).into(),
    );
    data.insert("position".into(), receipt.last.0.into());
    let status = match (completed, finished) {
        (false, _) => "accepted",
        (true, StatusCode::CREATED) => "created",
        (true, _) => "success",
    };
    let answer = answer::api(submitted.code(finished), status, message, data)?;
    Ok(submitted.finish(answer))
}

pub(crate) async fn exists(call: Call) -> Answer {
    let database = call.database()?;
    let exists = match call.api.engine.writer.snapshot(&database).await {
        Ok(_) => true,
        Err(refusal) if refusal.code == ErrorCode::NotFound => false,
        Err(refusal) => return Err(refusal.into()),
    };
    answer::json(StatusCode::OK, &json!({"exists": exists}))
}

pub(crate) async fn get(call: Call) -> Answer {
    let reading = call
        .reading_on(call.database()?, BranchName::main(), Needs::BOTH)
        .await?;
    let snapshot = match reading.as_of {
        None => Snapshot::clone(&reading.snapshot),
        Some(position) => then(&call.api, &reading.snapshot, position).await?,
    };
    let mut data = summary(&snapshot);
    let details = details(&call, &reading, &snapshot).await?;
    if let (Some(data), Value::Object(details)) = (data.as_object_mut(), details) {
        data.extend(details.clone());
        data.insert("data".into(), details.into());
    }
    answer::success("the database", data)
}

/// What a snapshot said at a position of the database and its branches.
async fn then(api: &Api, now: &Snapshot, position: LogPosition) -> Result<Snapshot, Failure> {
    let database = api.database_at(now, position).await?.ok_or_else(|| {
        Failure::not_found(format!("the database was not there yet at {position}"))
    })?;
    Ok(Snapshot {
        end: position.next(),
        database,
        branches: Arc::new(api.branches_at(now, position).await?),
        ..now.clone()
    })
}

async fn details(call: &Call, reading: &Reading, snapshot: &Snapshot) -> Result<Value, Failure> {
    let engine = &call.api.engine;
    let (graph, documents) = futures::try_join!(
        engine.graph.sink(&snapshot.stream),
        engine.documents.sink(&snapshot.stream),
    )?;
    let schema = reading.schema(&call.api).await?;
    let counts = match reading.as_of {
        None => engine.documents.counts(&reading.view).await?,
        Some(_) => counted(&*engine.graph, &reading.view, &schema).await?,
    };
    let by_class: Map<String, Value> = counts
        .iter()
        .map(|(class, count)| (class.to_string(), (*count).into()))
        .collect();
    let instances: u64 = counts.iter().map(|(_, count)| count).sum();
    let classes = schema.iter().count();
    let lag = |position: LogPosition| snapshot.end.0.saturating_sub(position.0);
    Ok(json!({
        "exists": true,
        "description": snapshot.database.description,
        "options": snapshot.database.options,
        "branches": snapshot.branches.keys().collect::<Vec<_>>(),
        "sequence": snapshot.database.sequence,
        "position": snapshot.end.0.saturating_sub(1),
        "generation": snapshot.stream.generation,
        "created_at": snapshot.database.created_at,
        "counts": {"classes": classes, "instances": instances, "by_class": by_class},
        "lag": {"graph": lag(graph.position), "documents": lag(documents.position)},
    }))
}

/// How many instances of each class showed: nothing but the versions themselves tells.
async fn counted(
    graph: &dyn Graph,
    view: &View,
    schema: &Schema,
) -> Result<Vec<(ClassName, u64)>, StoreError> {
    let mut counts = Vec::new();
    for class in schema.iter() {
        let (mut count, mut after) = (0, None::<String>);
        loop {
            let after_last = after.as_deref();
            let page = graph.scan(view, &class.id, &[], after_last, CHUNK).await?;
            count += page.versions.len() as u64;
            after = page
                .versions
                .last()
                .and_then(|version| match &version.entity {
                    Entity::Instance(instance) => Some(instance.id.as_str().to_owned()),
                    Entity::Class(_) => None,
                });
            if !page.more || after.is_none() {
                break;
            }
        }
        if count > 0 {
            counts.push((class.id.clone(), count));
        }
    }
    Ok(counts)
}

fn summary(snapshot: &Snapshot) -> Value {
    let name = snapshot.stream.database.as_str();
    json!({
        "name": name,
        "label": name,
        "comment": snapshot.database.description,
        "created": snapshot.database.created_at,
        "path": format!("admin/{name}"),
        "sequence": snapshot.database.sequence,
        "position": snapshot.end.0.saturating_sub(1),
    })
}
