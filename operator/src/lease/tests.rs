//! Two candidates over an API server in memory.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// The one lease, and whether the server answers.
#[derive(Debug, Clone, Default)]
struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    is_away: bool,
}

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let is_away = self.state.lock().unwrap().is_away;
        if is_away {
            return std::future::pending().await;
        }
        let method = request.method().clone();
        let body = request.into_body().collect_bytes().await.unwrap();
        let mut state = self.state.lock().unwrap();
        let sent = || serde_json::from_slice::<Value>(&body).unwrap();
        match (method, state.lease.clone()) {
            (Method::GET, Some(lease)) => respond(StatusCode::OK, &lease),
            (Method::GET, None) => refuse(StatusCode::NOT_FOUND, "NotFound"),
            (Method::POST, Some(_)) => refuse(StatusCode::CONFLICT, "AlreadyExists"),
            (_, known) => {
                let mut lease = sent();
                let version = |lease: &Value| lease["metadata"]["resourceVersion"].clone();
                if known.is_some_and(|known| version(&known) != version(&lease)) {
                    return refuse(StatusCode::CONFLICT, "Conflict");
                }
                state.version += 1;
                lease["metadata"]["resourceVersion"] = state.version.to_string().into();
                state.lease = Some(lease.clone());
                respond(StatusCode::OK, &lease)
            }
        }
    }

    fn candidate(&self, identity: &str) -> Candidate {
        let config = LeaseConfig {
            namespace: "spice".into(),
            name: "operator".into(),
            identity: identity.into(),
        };
        Candidate::new(self.client(), config)
    }

    fn holder(&self) -> Value {
        let state = self.state.lock().unwrap();
        state.lease.as_ref().unwrap()["spec"]["holderIdentity"].clone()
    }

    fn set_away(&self, is_away: bool) {
        self.state.lock().unwrap().is_away = is_away;
    }
}

fn respond(status: StatusCode, value: &Value) -> Response<Body> {
    let body = Body::from(serde_json::to_vec(value).unwrap());
    Response::builder().status(status).body(body).unwrap()
}

fn refuse(status: StatusCode, reason: &str) -> Response<Body> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
        "message": reason, "code": status.as_u16()});
    respond(status, &body)
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_the_next_follows_after_a_release() {
    let server = Server::default();
    let (mut one, mut two) = (server.candidate("one"), server.candidate("two"));
    let taken = one.acquire().await;
    let waited = timeout(DURATION * 4, async {
        tokio::join!(one.hold(taken), two.acquire());
    });
    assert!(waited.await.is_err(), "the holder renews for ever");
    assert_eq!(server.holder(), "one");
    one.release().await;
    let started = Instant::now();
    two.acquire().await;
    assert_eq!(server.holder(), "two");
    assert!(started.elapsed() < RETRY * 2);
    let transitions = server.state.lock().unwrap().lease.clone().unwrap();
    assert_eq!(transitions["spec"]["leaseTransitions"], 1);
    // One that lost the lease does not take it back.
    assert!(timeout(DURATION, one.hold(Instant::now())).await.is_ok());
    one.release().await;
    assert_eq!(server.holder(), "two");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_cut_off_ends_before_another_can_lead() {
    let server = Server::default();
    let (mut one, mut two) = (server.candidate("one"), server.candidate("two"));
    let taken = one.acquire().await;
    assert!(!two.take().await.unwrap());
    server.set_away(true);
    one.hold(taken).await;
    let ended = taken.elapsed();
    assert!(ended <= DEADLINE + RETRY, "{ended:?}");
    server.set_away(false);
    two.acquire().await;
    let taken_over = taken.elapsed();
    assert!(
        taken_over >= DURATION && taken_over > ended,
        "{taken_over:?}"
    );
    assert_eq!(server.holder(), "two");
}
