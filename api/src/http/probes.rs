//! Health: is the process alive, do the stores answer, what does it count.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use axum::{
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde_json::{Map, Value, json};
use spice_core::{
    error::{ErrorCode, Refusal, StoreError},
    id::{InstanceRef, StreamId},
    lineage::{Lineage, View},
    port::graph::Entity,
};
use tokio::time::timeout;

use crate::http::{
    Api,
    answer::{self, Answer},
    call::Call,
    failure::Failure,
};

/// How long a store may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) async fn live(_call: Call) -> Answer {
    answer::success("alive", json!({"status": "alive"}))
}

pub(crate) async fn ready(call: Call) -> Answer {
    let checks = call.api.probe().await?;
    told(&call, "ready", checks, Some(refused(&call.api)))
}

pub(crate) async fn health(call: Call) -> Answer {
    let checks = call.api.probe().await?;
    let damaged = call.api.damaged().await;
    told(&call, "healthy", checks, Some(damaged))
}

pub(crate) async fn metrics(call: Call) -> Answer {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let mut text = call.api.metrics.render();
    render_refused(&call.api, &mut text);
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, kind)], text).into_response())
}

/// The databases whose log was found damaged or refused, and why.
fn refused(api: &Api) -> Value {
    let refused = api.engine.writer.refused();
    let told = refused.into_iter().map(|(database, refusal)| {
        json!({
            "database": database,
            "log": refusal.detail.get("log").cloned().unwrap_or_else(|| database.as_str().into()),
            "reason": reason(&refusal),
            "error": refusal.message,
        })
    });
    told.collect()
}

fn reason(refusal: &Refusal) -> &str {
    let named = refusal.detail.get("reason").and_then(Value::as_str);
    named.unwrap_or("damaged")
}

fn render_refused(api: &Api, text: &mut String) {
    text.push_str("# HELP spice_databases_refused Databases whose log is damaged or refused.\n# TYPE spice_databases_refused gauge\n");
    let refused = api.engine.writer.refused();
    // One line a label set: two logs of a database may be refused for the same reason.
    let refused: BTreeSet<(String, &str)> = refused
        .iter()
        .map(|(database, refusal)| (database.to_string(), reason(refusal)))
        .collect();
    for (database, reason) in refused {
        let _ = writeln!(
            text,
            "spice_databases_refused{{database=\"{database}\",reason=\"{reason}\"}} 1"
        );
    }
}

fn told(call: &Call, status: &str, checks: Map<String, Value>, damaged: Option<Value>) -> Answer {
    let service = call.surface.as_str();
    if checks.values().any(|answer| answer != "ok") {
        return Err(
            Failure::new(ErrorCode::Unavailable, "a store does not answer")
                .with("service", service)
                .with("checks", checks),
        );
    }
    let mut data = json!({
        "service": service,
        "version": call.api.settings.version,
        "status": status,
        "checks": checks,
    });
    if let Some(damaged) = damaged {
        data["damaged"] = damaged;
    }
    answer::success("every store answers", data)
}

impl Api {
    /// Asks every store something that it can only answer when it works.
    async fn probe(&self) -> Result<Map<String, Value>, Failure> {
        let stream = StreamId::first("readiness-probe".parse()?);
        let instance = InstanceRef {
            class: "Probe".parse()?,
            id: "probe".parse()?,
        };
        let view = View {
            stream: stream.clone(),
            lineage: Lineage::main(),
        };
        let entity = [Entity::Instance(instance.clone())];
        let references = [instance];
        let engine = &self.engine;
        let (log, registry, graph, documents) = futures::join!(
            check(engine.log.end(&stream)),
            check(engine.model.reflected(&stream)),
            check(engine.graph.get(&view, &entity)),
            check(engine.documents.get(&view, &references)),
        );
        let answers = [
            ("log", log),
            ("registry", registry),
            ("graph", graph),
            ("documents", documents),
        ];
        Ok(answers
            .into_iter()
            .map(|(name, answer)| (name.to_owned(), answer.into()))
            .collect())
    }

    /// The logs that are damaged; null when that could not be found out in time. They stop their
    /// own databases only, so the others' service is ready all the same.
    async fn damaged(&self) -> Value {
        let log = &self.engine.log;
        let look = async {
            let Value::Array(mut damaged) = refused(self) else {
                return Ok(Vec::new());
            };
            for stream in log.streams().await? {
                if damaged
                    .iter()
                    .any(|it| it["database"] == stream.database.as_str())
                {
                    continue;
                }
                if let Err(error @ StoreError::Damaged { .. }) = log.end(&stream).await {
                    damaged.push(json!({
                        "database": stream.database,
                        "log": stream.to_string(),
                        "error": Refusal::from(error).message,
                    }));
                }
            }
            Ok::<_, StoreError>(damaged)
        };
        match timeout(PATIENCE, look).await {
            Ok(Ok(damaged)) => damaged.into(),
            Ok(Err(_)) | Err(_) => Value::Null,
        }
    }
}

async fn check<T>(call: impl Future<Output = Result<T, StoreError>>) -> String {
    match timeout(PATIENCE, call).await {
        Ok(Ok(_)) => "ok".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    }
}
