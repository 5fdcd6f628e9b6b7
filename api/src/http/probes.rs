//! Health checks and metrics.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    http::{StatusCode, header},
    response::IntoResponse,
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use spice_core::{
    error::{ErrorCode, Refusal, StoreError},
    id::{InstanceRef, StreamId},
    lineage::{Lineage, View},
    name::DatabaseName,
    port::{Store, graph::Entity},
};
use spice_telemetry::CONTENT_TYPE;
use tokio::time::timeout;

use crate::http::{
    Api,
    answer::{self, Answer},
    call::Call,
    failure::Failure,
};

/// The maximum time of a store for a health check.
const PATIENCE: Duration = Duration::from_secs(2);

/// The health of a service.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Health<'a> {
    service: &'static str,
    version: &'a str,
    /// `healthy` or `ready`
    status: &'static str,
    /// By store: `ok`, or the error.
    #[schemars(with = "BTreeMap<String, String>")]
    checks: Checks,
    /// Damaged logs; null if the check took too long, or where principals are declared: health
    /// names no database then.
    damaged: Option<Vec<DamagedLog>>,
    /// Seconds by which this host's clock is ahead of the registry's, negative when it is behind.
    /// Absent while they agree within 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_skew_seconds: Option<i64>,
}

/// By store: `ok`, or the error.
type Checks = IndexMap<&'static str, String>;

/// A log that is damaged or refused.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DamagedLog {
    database: DatabaseName,
    log: String,
    /// Why it is refused; missing if the log itself is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    error: String,
}

/// `{status}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct Liveness {
    status: Alive,
}

/// The `status` of a running process.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Alive {
    Alive,
}

pub(crate) async fn live(_call: Call) -> Answer {
    let status = Alive::Alive;
    answer::success("alive", Liveness { status })
}

pub(crate) async fn ready(call: Call) -> Answer {
    let checks = call.api.probe().await?;
    respond(&call, "ready", checks, Some(refused(&call.api)))
}

pub(crate) async fn health(call: Call) -> Answer {
    let checks = call.api.probe().await?;
    let damaged = call.api.damaged().await;
    respond(&call, "healthy", checks, damaged)
}

pub(crate) async fn metrics(call: Call) -> Answer {
    let text = call.api.metrics_text().await.map_err(|error| {
        let message = format!("the metrics cannot be rendered: {error}");
        Failure::new(ErrorCode::Internal, message)
    })?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// The databases with a damaged or refused log, with the reason.
fn refused(api: &Api) -> Vec<DamagedLog> {
    let refused = api.engine.writer.refused().into_iter();
    refused
        .map(|(database, refusal)| {
            let log = refusal.detail.get("log").and_then(Value::as_str);
            DamagedLog {
                log: log.unwrap_or(database.as_str()).to_owned(),
                reason: Some(refusal_reason(&refusal).to_owned()),
                error: refusal.message,
                database,
            }
        })
        .collect()
}

/// The kind of damage for which a log is refused.
pub(crate) fn refusal_reason(refusal: &Refusal) -> &str {
    let named = refusal.detail.get("reason").and_then(Value::as_str);
    named.unwrap_or("damaged")
}

fn respond(
    call: &Call,
    status: &'static str,
    checks: Checks,
    damaged: Option<Vec<DamagedLog>>,
) -> Answer {
    let service = call.surface.as_str();
    if checks.values().any(|answer| answer != "ok") {
        let failure = Failure::new(ErrorCode::Unavailable, "a store does not answer");
        return Err(failure
            .with("service", service)
            .with("checks", json!(checks)));
    }
    let damaged = damaged.filter(|_| call.caller.sees_all());
    let health = Health {
        service,
        version: &call.api.settings.version,
        status,
        checks,
        damaged,
        clock_skew_seconds: call.api.engine.writer.clock_warning(),
    };
    answer::success("every store answers", health)
}

impl Api {
    /// Calls every store with something that only a working store can answer.
    async fn probe(&self) -> Result<Checks, Failure> {
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
            check(engine.writer.probe_registry(&stream)),
            check(engine.graph.get(&view, &entity)),
            check(engine.documents.get(&view, &references)),
        );
        Ok(Checks::from(
            [
                (Store::Log, log),
                (Store::Registry, registry),
                (Store::Graph, graph),
                (Store::Documents, documents),
            ]
            .map(|(store, answer)| (store.as_str(), answer)),
        ))
    }

    /// The damaged logs; null if the check took too long. They stop only their own databases, so
    /// the service is ready all the same.
    async fn damaged(&self) -> Option<Vec<DamagedLog>> {
        let log = &self.engine.log;
        let look = async {
            let mut damaged = refused(self);
            for stream in log.streams().await? {
                if damaged.iter().any(|it| it.database == stream.database) {
                    continue;
                }
                if let Err(error @ StoreError::Damaged { .. }) = log.end(&stream).await {
                    damaged.push(DamagedLog {
                        log: stream.to_string(),
                        database: stream.database,
                        reason: None,
                        error: Refusal::from(error).message,
                    });
                }
            }
            Ok::<_, StoreError>(damaged)
        };
        timeout(PATIENCE, look).await.ok()?.ok()
    }
}

async fn check<T>(call: impl Future<Output = Result<T, StoreError>>) -> String {
    match timeout(PATIENCE, call).await {
        Ok(Ok(_)) => "ok".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    }
}
