//! At its start the operator runs a pass for every existing object, in whatever order the lists of
//! the kinds arrive.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use spice_operator::{OperatorConfig, run};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const CLASSES: usize = 20;
/// No server listens there: each pass finds the api unavailable and reports it in the status.
const NO_API: &str = "http://127.0.0.1:1";

/// An API server that delays the list of databases until it is released, and records whose status
/// was written.
#[derive(Clone)]
struct ApiServer {
    released: watch::Receiver<bool>,
    written: Arc<Mutex<BTreeSet<String>>>,
}

impl ApiServer {
    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default();
        let plural = path.rsplit('/').next().unwrap_or_default().to_owned();
        if request.method() == Method::PATCH {
            return self.write_status(&path);
        }
        if query.contains("watch=true") {
            return std::future::pending().await;
        }
        let metadata_only = request
            .headers()
            .get(http::header::ACCEPT)
            .is_some_and(|accept| accept.to_str().unwrap().contains("PartialObjectMetadata"));
        if metadata_only {
            let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
                "metadata": {}, "items": []});
            return respond(&list);
        }
        if plural == "databases" {
            let mut released = self.released.clone();
            released.wait_for(|released| *released).await.unwrap();
        }
        respond(&list(&plural))
    }

    fn write_status(&self, path: &str) -> Response<Body> {
        let name = path.trim_end_matches("/status").rsplit('/').next().unwrap();
        self.written.lock().unwrap().insert(name.to_owned());
        respond(&class(name))
    }
}

fn class(name: &str) -> Value {
    json!({"apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Ontology",
        "metadata": {"name": name, "namespace": "default", "uid": name, "generation": 1,
            "resourceVersion": "7"},
        "spec": {"databaseRef": {"name": "shop"}, "classes": [{"name": "X", "label": name}]}})
}

fn list(plural: &str) -> Value {
    let classes = (0..CLASSES).map(|n| class(&format!("class-{n}")));
    let items: Vec<Value> = match plural {
        "ontologies" => classes.collect(),
        _ => Vec::new(),
    };
    json!({"apiVersion": "spiceharvester.dev/v1alpha1", "kind": "List",
        "metadata": {"resourceVersion": "7"}, "items": items})
}

fn respond(value: &Value) -> Response<Body> {
    Response::builder()
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(serde_json::to_vec(value).unwrap()))
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_pass_that_waits_for_the_list_of_databases_continues() {
    let (release, released) = watch::channel(false);
    let server = ApiServer {
        released,
        written: Arc::default(),
    };
    let written = server.written.clone();
    let service = tower::service_fn(move |request| {
        let answer = server.clone().answer(request);
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let client = kube::Client::new(service, "default");
    let stop = CancellationToken::new();
    let config = OperatorConfig::new(NO_API);
    let running = tokio::spawn(run(client, config, stop.clone()));

    // The paused clock advances only when nothing else can run: by then all passes wait.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(written.lock().unwrap().is_empty());
    release.send_replace(true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(written.lock().unwrap().len(), CLASSES);

    stop.cancel();
    running.await.unwrap().unwrap();
}
