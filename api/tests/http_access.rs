//! Which callers may make which calls: tokens, roles and databases, over HTTP, web sockets and streams
//! of events, at gateway, oms and funnel. Funnel has no calls about databases or commands yet, and no
//! streams.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod http_support;
#[path = "http_access/streams.rs"]
mod streams;

use std::{collections::BTreeSet, sync::Arc};

use http_support::{
    Answer, Server,
    documented::{Documented, documented},
    outcomes::record,
};
use serde_json::{Value, json};
use spice_api::{
    access::{Access, Credential},
    http::Settings,
};
use spice_core::{
    access::{Principal, Role, TokenDigest},
    port::registry::Outcome,
};

/// The database of the principals of the test, one that they do not see, and one that is not there.
const OWN: &str = "shop";
const FOREIGN: &str = "demo";
const MISSING: &str = "none-such";
/// What is in the foreign database, and nowhere else.
const SECRETS: [&str; 3] = ["zebra", "a demo", "the sink said no"];

fn credential(token: &str, role: Role, databases: &[&str]) -> Credential {
    let principal = Principal {
        name: token.parse().unwrap(),
        role,
        databases: databases.iter().map(|it| it.parse().unwrap()).collect(),
    };
    Credential {
        digest: TokenDigest::of(token),
        principal: Arc::new(principal),
    }
}

/// One principal of each role for the own database, and one for all.
fn credentials() -> Vec<Credential> {
    let roles = Role::ALL.into_iter();
    let mut all: Vec<_> = roles
        .map(|role| credential(role.as_str(), role, &[OWN, "shop-*"]))
        .collect();
    all.push(credential("root", Role::Admin, &["*"]));
    all
}

struct Guarded {
    server: Server,
    access: Arc<Access>,
    /// A command in the foreign database.
    foreign_command: String,
}

impl Guarded {
    /// Services with principals, and both databases; the foreign one has a parked event, too.
    async fn start() -> Self {
        let access = Arc::new(Access::of(credentials()));
        let settings = Settings {
            access: Arc::clone(&access),
            ..Settings::default()
        };
        let mut server = Server::start_with(settings, true).await;
        server.token = Some("root".to_owned());
        let mut server = server.with_demo().await;
        server
            .write("POST", "/databases", json!({"name": OWN}))
            .await;
        let class = http_support::customer();
        let path = format!("/databases/{OWN}/ontology");
        server.write("POST", &path, class).await;
        let customer = json!({"data": {"customer_id": "c1", "name": "zebra"}});
        let path = format!("/databases/{FOREIGN}/instances/Customer/create");
        let created = server.write("POST", &path, customer).await;
        server.workers.take().unwrap().shutdown().await;
        let position = created.body["result"]["position"].as_u64().unwrap();
        record(&server, position, Outcome::Parked).await;
        let foreign_command = created.body["command_id"].as_str().unwrap().to_owned();
        Self {
            server,
            access,
            foreign_command,
        }
    }

    async fn send_as(&mut self, token: Option<&str>, call: &Documented) -> Answer {
        self.server.token = token.map(str::to_owned);
        call.send(&self.server, &[]).await
    }

    async fn get_as(&mut self, token: &str, path: &str) -> Answer {
        self.server.token = Some(token.to_owned());
        self.server.get(path).await
    }
}

/// Nothing of the foreign database is in an answer.
#[track_caller]
fn assert_silent(answer: &Answer, what: &str) {
    for secret in SECRETS {
        assert!(!answer.text.contains(secret), "{what}: {}", answer.text);
    }
}

fn name_of(call: &Documented) -> String {
    format!("{}{}", call.service, call.id())
}

/// The paths of a call: its own, and the older one.
fn with_older_path(call: Documented) -> Vec<Documented> {
    let mut older = call.in_database("{db}");
    if let Some(rest) = call.path.strip_prefix("/api/v1/databases/") {
        older.path = format!("/api/v1/database/{rest}");
        return vec![call, older];
    }
    vec![call]
}

#[tokio::test]
async fn tenants_do_not_meet() {
    let mut guarded = Guarded::start().await;
    let calls = documented(&guarded.server).await;
    let mut refused = 0;
    for call in &calls {
        let what = name_of(call);
        if !call.template.contains("{db}") {
            for role in Role::ALL {
                let answer = guarded.send_as(Some(role.as_str()), call).await;
                assert_silent(&answer, &what);
            }
            continue;
        }
        for role in Role::ALL {
            let foreign = with_older_path(call.in_database(FOREIGN));
            let missing = with_older_path(call.in_database(MISSING));
            for (foreign, missing) in foreign.into_iter().zip(missing) {
                let foreign = guarded.send_as(Some(role.as_str()), &foreign).await;
                assert_eq!(
                    (foreign.status, foreign.code()),
                    (403, "forbidden"),
                    "{what}"
                );
                assert_silent(&foreign, &what);
                // Whether it exists is not told.
                let missing = guarded.send_as(Some(role.as_str()), &missing).await;
                let expected = missing.text.replace(MISSING, FOREIGN);
                assert_eq!(
                    (foreign.status, foreign.text),
                    (missing.status, expected),
                    "{what}"
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 300, "{refused}");
}

#[tokio::test]
async fn a_role_may_do_what_the_table_says_in_its_own_database() {
    let mut guarded = Guarded::start().await;
    for call in documented(&guarded.server).await {
        let (what, call) = (name_of(&call), call.in_database(OWN));
        let Some(needed) = call.role() else {
            let answer = guarded.send_as(None, &call).await;
            assert!(
                (200..300).contains(&answer.status),
                "{what}: {}",
                answer.text
            );
            continue;
        };
        let needed: Role = needed.parse().unwrap();
        let answer = guarded.send_as(None, &call).await;
        assert_eq!(
            (answer.status, answer.code()),
            (401, "unauthenticated"),
            "{what}"
        );
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"spice\"");
        for role in Role::ALL {
            let answer = guarded.send_as(Some(role.as_str()), &call).await;
            assert_ne!(answer.status, 401, "{what}");
            let refusal = &answer.body["detail"]["role"];
            if role < needed {
                assert_eq!(
                    (answer.status, refusal),
                    (403, &json!(needed)),
                    "{what} as {role}"
                );
            } else {
                assert_eq!(refusal, &Value::Null, "{what} as {role}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn an_editor_declares_branches_and_classes_but_claims_nothing() {
    let mut guarded = Guarded::start().await;
    guarded.server.token = Some("editor".to_owned());
    let path = format!("/databases/{OWN}/declare");
    let branch = json!({"branch": {"name": "b"}});
    guarded.server.post(&path, branch).await.expect(202);
    let owner =
        json!({"cluster": "c", "kind": "Branch", "namespace": "n", "name": "b", "uid": "u"});
    for body in [
        json!({"database": {}}),
        json!({"branch": {"name": "b"}, "override": true}),
        json!({"branch": {"name": "b"}, "owner": owner, "generation": 1}),
    ] {
        let refused = guarded.server.post(&path, body).await.expect(403);
        assert_eq!(refused.body["detail"]["role"], "admin");
    }
}

/// The rules themselves, apart from how they are enforced.
#[tokio::test]
async fn the_table_asks_for_the_right_roles() {
    let guarded = Guarded::start().await;
    let calls = documented(&guarded.server).await;
    let with_role = |role: Option<&str>| -> BTreeSet<&str> {
        let calls = calls.iter().filter(|call| call.role() == role);
        calls.map(Documented::id).collect()
    };
    let open = [
        "getDocs",
        "getHealth",
        "getLiveness",
        "getOpenApi",
        "getReadiness",
        "graphHealth",
    ];
    assert_eq!(with_role(None), open.into());
    let admin = [
        "approveReplay",
        "cancelReplay",
        "createDatabase",
        "deleteDatabase",
        "discardDeadLetter",
        "recomputeProjection",
        "replayInstanceState",
        "resumeReplay",
        "retryDeadLetter",
        "startReplay",
        "suspendReplay",
        "undeclare",
        "updateDatabase",
    ];
    assert_eq!(with_role(Some("admin")), admin.into());
    for call in &calls {
        let is_command = call
            .parameters("header")
            .iter()
            .any(|it| it["name"] == "Idempotency-Key");
        if is_command || matches!(call.method.as_str(), "PUT" | "DELETE") {
            assert!(
                matches!(call.role(), Some("editor" | "admin")),
                "{}",
                call.id()
            );
        }
    }
}

#[tokio::test]
async fn lists_show_what_the_caller_sees() {
    let mut guarded = Guarded::start().await;
    for service in ["", "oms:"] {
        let list = if service.is_empty() {
            "/databases"
        } else {
            "oms:/database/list"
        };
        for role in Role::ALL {
            let databases = guarded.get_as(role.as_str(), list).await.expect(200).body;
            assert_eq!(databases["data"]["count"], 1, "{databases}");
            assert_eq!(databases["data"]["databases"][0]["name"], OWN);
            let letters = format!("{service}/dead-letters");
            let listed = guarded
                .get_as(role.as_str(), &letters)
                .await
                .expect(200)
                .body;
            assert_eq!(listed["data"]["count"], 0, "{listed}");
            for database in [FOREIGN, MISSING] {
                let path = format!("{letters}?database={database}");
                guarded.get_as(role.as_str(), &path).await.expect(403);
            }
        }
        let databases = guarded.get_as("root", list).await.expect(200).body;
        assert_eq!(databases["data"]["count"], 2, "{databases}");
        let letters = format!("{service}/dead-letters");
        let listed = guarded.get_as("root", &letters).await.expect(200).body;
        assert_eq!(listed["data"]["count"], 1, "{listed}");
        // Health needs no token and names no database; metrics name every one.
        let health = guarded
            .get_as("nobody", &format!("{service}//health"))
            .await;
        assert_eq!(health.expect(200).body["data"]["damaged"], Value::Null);
        let metrics = format!("{service}//metrics");
        guarded.get_as("admin", &metrics).await.expect(403);
        guarded.get_as("root", &metrics).await.expect(200);
    }
}

#[tokio::test]
async fn a_database_is_created_only_where_the_caller_sees_it() {
    let mut guarded = Guarded::start().await;
    for (path, own) in [
        ("/databases", "shop-one"),
        ("oms:/database/create", "shop-two"),
    ] {
        for (token, name, status) in [
            ("admin", FOREIGN, 403),
            ("admin", MISSING, 403),
            ("editor", own, 403),
            ("admin", own, 202),
            ("root", MISSING, 202),
        ] {
            guarded.server.token = Some(token.to_owned());
            let created = guarded.server.post(path, json!({"name": name})).await;
            let is_again = name == MISSING && created.status == 409;
            assert!(
                created.status == status || is_again,
                "{token} {name}: {}",
                created.text
            );
        }
    }
}

#[tokio::test]
async fn the_principal_is_the_actor_and_scopes_its_keys() {
    let mut guarded = Guarded::start().await;
    let path = format!("/databases/{OWN}/instances/Customer/create");
    let mut outcomes = Vec::new();
    for token in ["editor", "editor", "admin"] {
        guarded.server.token = Some(token.to_owned());
        let request = guarded.server.request("POST", &path);
        let request = request.header("idempotency-key", "k");
        let request = request.json(&json!({"data": {"customer_id": "c2"}}));
        let answer = guarded.server.send(request).await;
        let is_replay = answer.header("idempotent-replayed") == "true";
        outcomes.push((answer.status, is_replay));
    }
    assert_eq!(outcomes, [(202, false), (202, true), (409, false)]);
    let versions = format!("/databases/{OWN}/versions");
    let versions = guarded.get_as("viewer", &versions).await.expect(200);
    assert!(
        versions.text.contains(r#""actor":"editor""#),
        "{}",
        versions.text
    );
    assert!(
        versions.text.contains(r#""actor":"root""#),
        "{}",
        versions.text
    );
}

#[tokio::test]
async fn credentials_that_are_not_one_token_are_refused_and_never_shown() {
    let guarded = Guarded::start().await;
    let client = spice_client::http_builder().build().unwrap();
    let url = format!("{}/api/v1/databases", guarded.server.gateway);
    for (values, reason) in [
        (vec![], "missing"),
        (vec!["Bearer spice_mystery"], "unknown"),
        (vec!["Basic spice_mystery"], "malformed"),
        (vec!["spice_mystery"], "malformed"),
        (vec!["Bearer root", "Bearer spice_mystery"], "malformed"),
    ] {
        let mut request = client.get(&url);
        for value in &values {
            request = request.header("authorization", *value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 401, "{values:?}");
        assert!(response.headers().contains_key("www-authenticate"));
        let text = response.text().await.unwrap();
        assert!(!text.contains("mystery"), "{text}");
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(body["detail"]["reason"], reason);
    }
    // The name of the scheme may be written in any case; the rest of the service is unchanged.
    let request = client.get(&url).header("authorization", "bearer root");
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
}
