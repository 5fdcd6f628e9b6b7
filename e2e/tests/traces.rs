//! Spans of the real binary, as a collector receives them. The binary needs the feature `otel`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "traces/collector.rs"]
mod collector;

use std::{collections::HashSet, time::Duration};

use opentelemetry_proto::tonic::{common::v1::any_value::Value as Found, trace::v1::Span};
use reqwest::Method;
use serde_json::{Value, json};
use spice_e2e::embedded::{Embedded, Options};
use tokio::time::timeout;

use self::collector::{Collector, Mode};

const LIMIT: Duration = Duration::from_secs(30);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const UNSAMPLED: &str = "1bf7651916cd43dd8448eb211c80319d";

fn traceparent(trace: &str, flags: &str) -> String {
    format!("00-{trace}-{PARENT}-{flags}")
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
}

fn is_linked(span: &Span, to: &Span) -> bool {
    let mut links = span.links.iter();
    links.any(|link| link.trace_id == to.trace_id && link.span_id == to.span_id)
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|pair| pair.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Found::StringValue(text) => Some(text.clone()),
        Found::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

fn of_trace<'a>(spans: &'a [Span], trace: &str) -> Vec<&'a Span> {
    let in_trace = spans.iter().filter(|span| hex(&span.trace_id) == trace);
    in_trace.collect()
}

/// A process that exports to a collector, with a database `shop`.
async fn start(collector: &Collector, environment: &[(&str, &str)]) -> Embedded {
    let own = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let environment = own.iter().chain(environment);
    let options = Options {
        environment: environment
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        ..Options::default()
    };
    let server = Embedded::start(options).await.unwrap();
    let errors = server.errors();
    assert!(
        !errors.contains("built without the feature"),
        "build the binary with --features spice/otel: {errors}"
    );
    let gateway = server.gateway().unwrap();
    gateway.create_database("shop").await.unwrap();
    let class = json!({"id": "Item", "label": "Item", "properties": [
        {"name": "sku", "type": "string", "primaryKey": true},
    ]});
    gateway.create_class("shop", &class).await.unwrap();
    server
}

/// Creates an instance of `shop` and waits for the projections; returns the position of the command.
async fn create(server: &Embedded, sku: &str, traceparent: Option<&str>) -> u64 {
    let path = "/api/v1/databases/shop/instances/Item/create";
    let mut headers = vec![("Prefer", "wait=20")];
    headers.extend(traceparent.map(|it| ("traceparent", it)));
    let body = json!({"data": {"sku": sku}});
    let gateway = server.gateway().unwrap();
    let answer = gateway
        .send(Method::POST, path, &headers, Some(&body))
        .await;
    let answer = answer.unwrap().ok().unwrap();
    answer["result"]["position"].as_u64().unwrap()
}

async fn terminate(server: &mut Embedded) {
    let (status, _) = server.terminate(LIMIT).await.unwrap();
    assert!(status.success(), "{}", server.errors());
}

/// The `traceparent` of the envelope at a position of the log of `shop`.
async fn read_traceparent(server: &Embedded, position: u64) -> Value {
    let directory = server.directory().to_str().unwrap();
    let from = position.to_string();
    let arguments = ["log", "cat", "--data-dir", directory, "shop"];
    let range = ["--from", &from, "--limit", "1"];
    let output = spice_e2e::embedded::run(arguments.iter().chain(&range)).await;
    let mut line: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    line["metadata"]["traceparent"].take()
}

#[tokio::test]
async fn a_trace_goes_from_the_request_through_the_log_to_the_workers() {
    let collector = Collector::start(Mode::Accept).await;
    let mut server = start(&collector, &[]).await;
    let traced = create(&server, "a", Some(&traceparent(TRACE, "01"))).await;
    let alone = create(&server, "b", None).await;
    create(&server, "c", Some(&traceparent(UNSAMPLED, "00"))).await;
    create(&server, "d", Some("00-nonsense")).await;
    terminate(&mut server).await;

    let spans = collector.spans();
    let [command] = of_trace(&spans, TRACE)[..] else {
        panic!("one span continues the trace: {spans:?}");
    };
    assert_eq!(command.name, "command");
    assert_eq!(hex(&command.parent_span_id), PARENT);
    let expected = [
        ("database", "shop"),
        ("command", "CREATE_INSTANCE"),
        ("position", &traced.to_string()),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(command, key).as_deref(), Some(value));
    }
    assert!(of_trace(&spans, UNSAMPLED).is_empty(), "it is not sampled");
    let commands = spans.iter().filter(|span| span.name == "command");
    let roots: Vec<&Span> = commands
        .filter(|span| span.parent_span_id.is_empty())
        .collect();
    assert_eq!(roots.len(), 4, "two declarations, and b and d");
    let is_alone = |span: &&&Span| attribute(span, "position") == Some(alone.to_string());
    let root = *roots.iter().find(is_alone).unwrap();
    for command in [command, root] {
        let linked = spans.iter().filter(|span| is_linked(span, command));
        let linked: Vec<&Span> = linked.collect();
        let appends = linked.iter().filter(|span| span.name == "append").count();
        assert_eq!(appends, 1);
        for worker in ["graph_worker", "projection_worker"] {
            let is_of = |span: &&&Span| attribute(span, "worker").as_deref() == Some(worker);
            let mut batches = linked.iter().filter(is_of);
            assert!(
                batches.any(|span| span.name == "batch"),
                "no batch of {worker} is linked to the command"
            );
        }
    }
    for span in &spans {
        let mut linked = HashSet::new();
        for link in &span.links {
            assert_ne!(hex(&link.trace_id), UNSAMPLED, "a link to nothing");
            assert!(
                linked.insert(&link.span_id),
                "{} has a link twice",
                span.name
            );
        }
    }
    assert_eq!(collector.resources("service.name"), ["spice"]);
    let own = format!("00-{TRACE}-{}-01", hex(&command.span_id));
    assert_eq!(read_traceparent(&server, traced).await, own);
}

#[tokio::test]
async fn the_standard_variables_apply() {
    let collector = Collector::start(Mode::Accept).await;
    let environment = [
        ("OTEL_SERVICE_NAME", "warehouse"),
        ("OTEL_RESOURCE_ATTRIBUTES", "site=seoul"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20key"),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
    ];
    let mut server = start(&collector, &environment).await;
    create(&server, "a", Some(&traceparent(TRACE, "01"))).await;
    create(&server, "b", None).await;
    terminate(&mut server).await;
    let spans = collector.spans();
    assert_eq!(spans.len(), 1, "only the sampled request: {spans:?}");
    assert_eq!(hex(&spans[0].trace_id), TRACE);
    assert_eq!(collector.resources("service.name"), ["warehouse"]);
    assert_eq!(collector.resources("site"), ["seoul"]);
    let authorization = collector.requests().borrow().authorization.clone();
    assert_eq!(authorization.as_deref(), Some("Bearer key"));
}

#[tokio::test]
async fn a_disabled_sdk_exports_nothing_and_keeps_the_traceparent_of_the_request() {
    let collector = Collector::start(Mode::Accept).await;
    let mut server = start(&collector, &[("OTEL_SDK_DISABLED", "true")]).await;
    let given = traceparent(TRACE, "01");
    let position = create(&server, "a", Some(&given)).await;
    terminate(&mut server).await;
    assert_eq!(collector.requests().borrow().count, 0);
    assert_eq!(read_traceparent(&server, position).await, given);
}

#[tokio::test]
async fn a_collector_that_refuses_is_reported_once() {
    let collector = Collector::start(Mode::Refuse).await;
    let mut server = start(&collector, &[("OTEL_BSP_SCHEDULE_DELAY", "10")]).await;
    let mut requests = collector.requests();
    for batch in 1..=3 {
        create(&server, &format!("item-{batch}"), None).await;
        let came = requests.wait_for(|requests| requests.count >= batch);
        timeout(LIMIT, came).await.unwrap().unwrap();
    }
    terminate(&mut server).await;
    let errors = server.errors();
    let reports = errors.matches("cannot export spans").count();
    assert_eq!(reports, 1, "{errors}");
    assert!(!errors.contains("opentelemetry"), "{errors}");
}

/// The queue is full after two spans, and the one export lasts longer than the test.
#[tokio::test]
async fn a_collector_that_never_answers_holds_up_no_command_and_no_shutdown() {
    let collector = Collector::start(Mode::NeverAnswer).await;
    let environment = [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
    ];
    let mut server = start(&collector, &environment).await;
    let mut requests = collector.requests();
    let came = requests.wait_for(|requests| requests.count > 0);
    timeout(LIMIT, came).await.unwrap().unwrap();
    for item in 0..20 {
        create(&server, &format!("item-{item}"), None).await;
    }
    terminate(&mut server).await;
    let errors = server.errors();
    assert!(errors.contains("the last spans may be lost"), "{errors}");
}
