//! Every read: as of a position or a time, and at least as new as the last write.

#![allow(clippy::unwrap_used)]

mod http_reads {
    mod samples;
}
mod http_support;

use std::sync::{Arc, atomic::Ordering};

use futures::future::join_all;
use http_support::{Answer, Server, hooks::Looks};
use serde_json::{Value, json};

/// A read, and the value at one place of its answer: early, then later. An error code where it is
/// refused.
struct Read {
    path: &'static str,
    body: Option<Value>,
    place: &'static str,
    early: Value,
    late: Value,
}

fn read(path: &'static str, place: &'static str, early: Value, late: Value) -> Read {
    Read {
        path,
        body: None,
        place,
        early,
        late,
    }
}

fn asked(path: &'static str, body: Value, place: &'static str, early: Value, late: Value) -> Read {
    Read {
        body: Some(body),
        ..read(path, place, early, late)
    }
}

#[allow(clippy::too_many_lines)]
fn reads() -> Vec<Read> {
    let hops = json!([{"predicate": "placed_by", "target_class": "Customer"}]);
    let price = "/nodes/0/data/data/price";
    vec![
        read(
            "/databases/demo",
            "/data/counts/instances",
            json!(3),
            json!(5),
        ),
        read(
            "/databases/demo",
            "/data/counts/classes",
            json!(3),
            json!(4),
        ),
        read(
            "/databases/demo",
            "/data/branches",
            json!(["main"]),
            json!(["main", "x"]),
        ),
        read(
            "oms:/database/demo",
            "/data/counts/by_class/Product",
            json!(1),
            json!(2),
        ),
        read("/databases/demo/branches", "/count", json!(1), json!(2)),
        read("oms:/branch/demo/list", "/count", json!(1), json!(2)),
        read(
            "/databases/demo/branches/x",
            "/name",
            json!("not_found"),
            json!("x"),
        ),
        read(
            "oms:/branch/demo/x/info",
            "/name",
            json!("not_found"),
            json!("x"),
        ),
        read(
            "/databases/demo/ontology/list",
            "/total",
            json!(3),
            json!(4),
        ),
        read(
            "/databases/demo/ontology/Product",
            "/data/description",
            Value::Null,
            json!("new"),
        ),
        read(
            "/databases/demo/ontology/Extra",
            "/data/id",
            json!("not_found"),
            json!("Extra"),
        ),
        read(
            "/databases/demo/ontology/Product/schema?format=json",
            "/description",
            Value::Null,
            json!("new"),
        ),
        read(
            "/databases/demo/class/Product/instances",
            "/total",
            json!(1),
            json!(2),
        ),
        read(
            "/databases/demo/class/Product/instances?order_by=-price&search=tea",
            "/instances/0/data/price",
            json!(1),
            json!(2),
        ),
        read(
            "/databases/demo/class/Product/instance/p1",
            "/data/data/price",
            json!(1),
            json!(2),
        ),
        read(
            "/databases/demo/class/Product/instance/p1/history",
            "/versions/0/data/price",
            json!(1),
            json!(2),
        ),
        read(
            "/databases/demo/class/Product/sample-values?property=price",
            "/properties/0/values/0/value",
            json!(1),
            json!(2),
        ),
        asked(
            "/graph-query/demo",
            json!({"start_class": "Product"}),
            price,
            json!(1),
            json!(2),
        ),
        asked(
            "/graph-query/demo/simple",
            json!({"class_name": "Product"}),
            price,
            json!(1),
            json!(2),
        ),
        asked(
            "/graph-query/demo/multi-hop",
            json!({"start_class": "Order", "hops": hops}),
            "/nodes/1/id",
            json!("Customer/c1"),
            json!("Customer/c2"),
        ),
        read(
            "/graph-query/demo/paths?source_class=Extra&target_class=Customer",
            "/count",
            json!("invalid_query"),
            json!(1),
        ),
    ]
}

impl Read {
    async fn ask(&self, server: &Server, parameters: &str) -> Answer {
        let sign = if self.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{sign}{parameters}", self.path);
        match &self.body {
            None => server.get(&path).await,
            Some(body) => server.post(&path, body.clone()).await,
        }
    }

    #[track_caller]
    fn check(&self, answer: &Answer, wanted: &Value, when: &str) {
        let shown = if answer.status == 200 {
            answer.body.pointer(self.place).unwrap_or(&Value::Null)
        } else {
            &answer.body["detail"]["error"]
        };
        assert_eq!(shown, wanted, "{} {when}: {}", self.path, answer.text);
    }
}

async fn create(server: &Server, class: &str, data: Value) -> Value {
    let path = format!("/databases/demo/instances/{class}/create");
    server
        .write("POST", &path, json!({"data": data}))
        .await
        .body
}

/// The last position of the database.
async fn position(server: &Server) -> u64 {
    let database = server.get("/databases/demo").await.expect(200);
    database.body["data"]["position"].as_u64().unwrap()
}

/// Three instances early; later one changes, two are added, a class changes, one is added, and a
/// branch.
async fn shop() -> (Server, u64, String) {
    let server = Server::start_nodes(3).await.with_demo().await;
    create(
        &server,
        "Customer",
        json!({"customer_id": "c1", "name": "Ann"}),
    )
    .await;
    create(
        &server,
        "Product",
        json!({"product_id": "p1", "name": "Tea", "price": 1}),
    )
    .await;
    let order = json!({"order_id": "o1", "placed_by": "Customer/c1"});
    create(&server, "Order", order).await;
    let early = position(&server).await;
    let product = server.get("/databases/demo/class/Order/instance/o1").await;
    let time = product.body["data"]["updated_at"]
        .as_str()
        .unwrap()
        .to_owned();
    let update = |class: &str, id: &str| {
        format!("/databases/demo/instances/{class}/{id}/update?expected_seq=1")
    };
    let price = json!({"data": {"price": 2}});
    server.write("PUT", &update("Product", "p1"), price).await;
    create(
        &server,
        "Product",
        json!({"product_id": "p2", "name": "Cup"}),
    )
    .await;
    create(&server, "Customer", json!({"customer_id": "c2"})).await;
    let buyer = json!({"data": {"placed_by": "Customer/c2"}});
    server.write("PUT", &update("Order", "o1"), buyer).await;
    let extra = json!({"id": "Extra", "label": "Extra", "relationships": [
        {"predicate": "of", "target": "Customer"},
    ]});
    server
        .write("POST", "/databases/demo/ontology", extra)
        .await;
    let path = "/databases/demo/ontology/Product?expected_seq=1";
    server
        .write("PUT", path, json!({"description": "new"}))
        .await;
    server
        .write("POST", "/databases/demo/branches", json!({"name": "x"}))
        .await;
    (server, early, time)
}

#[tokio::test]
async fn every_read_shows_past_positions_and_waits_for_future_ones() {
    let (server, early, time) = shop().await;
    let last = position(&server).await;
    let command = create(&server, "Customer", json!({"customer_id": "c0"})).await;
    let command = command["command_id"].as_str().unwrap().to_owned();
    let gone = "/databases/demo/instances/Customer/c0/delete?expected_seq=1";
    server.write("DELETE", gone, json!({})).await;
    for read in reads() {
        let ask = async |parameters: String| read.ask(&server, &parameters).await;
        for (when, parameters) in [
            ("at a position", format!("as_of={early}")),
            ("at a time", format!("as_of={time}")),
        ] {
            read.check(&ask(parameters).await, &read.early, when);
        }
        for parameters in [
            "timeout=1".to_owned(),
            format!("as_of={last}"),
            format!("at_least={last}"),
            format!("at_least={command}&timeout=5"),
            format!("at_least={last}&as_of={last}"),
        ] {
            read.check(&ask(parameters.clone()).await, &read.late, &parameters);
        }
        let late = ask("at_least=100000&timeout=0".to_owned()).await;
        assert_eq!(late.expect(504).code(), "timeout", "{}", read.path);
        for wrong in [
            "as_of=100000",
            "as_of=monday",
            "at_least=monday",
            "at_least=-1",
        ] {
            let refused = ask(wrong.to_owned()).await;
            assert_eq!(
                refused.status, 400,
                "{} {wrong}: {}",
                read.path, refused.text
            );
        }
    }
}

#[tokio::test]
async fn a_read_at_the_next_position_gets_the_next_write() {
    let (server, ..) = shop().await;
    let next = position(&server).await + 2;
    let reads = reads();
    let waiting = reads.iter().map(|read| async {
        let parameters = format!("at_least={next}&timeout=30");
        read.check(&read.ask(&server, &parameters).await, &read.late, "waited");
    });
    let write = async {
        let path = "/databases/demo/instances/Customer/c1/update?expected_seq=1";
        let body = json!({"data": {"name": "Anna"}});
        let request = server.request("PUT", path).json(&body);
        server.send(request).await.expect(202);
    };
    let (answered, ()) = tokio::join!(join_all(waiting), write);
    assert_eq!(answered.len(), reads.len());
}

#[tokio::test]
async fn a_past_read_uses_the_branch_that_had_the_name_then() {
    let server = Server::start_nodes(3).await.with_demo().await;
    let branches = "/databases/demo/branches";
    let mut positions = Vec::new();
    for id in ["first", "second"] {
        server.write("POST", branches, json!({"name": "x"})).await;
        let path = "/databases/demo/instances/Customer/create?branch=x";
        let body = json!({"data": {"customer_id": id}});
        let made = server.write("POST", path, body).await;
        positions.push(made.body["result"]["position"].as_u64().unwrap());
        if id == "first" {
            server.delete(&format!("{branches}/x")).await.expect(200);
        }
    }
    for (id, position) in ["first", "second"].into_iter().zip(&positions) {
        let path = format!("/databases/demo/class/Customer/instances?branch=x&as_of={position}");
        let listed = server.get(&path).await.expect(200);
        assert_eq!(listed.body["instances"][0]["instance_id"], id);
        assert_eq!(listed.body["total"], 1);
        let path = format!("{branches}/x?as_of={position}");
        let branch = server.get(&path).await.expect(200);
        let generation = branch.body["data"]["generation"].as_u64().unwrap();
        assert!(generation < *position, "{}", branch.text);
    }
    let between = positions[0] + 2;
    server
        .get(&format!("{branches}/x?as_of={between}"))
        .await
        .expect(404);
    let listed = server.get(&format!("{branches}?as_of={between}")).await;
    assert_eq!(listed.expect(200).body["count"], 1);
    server.delete(&format!("{branches}/x")).await.expect(200);
    server
        .get("/databases/demo/class/Customer/instances?branch=x")
        .await
        .expect(404);
    let path = format!(
        "/databases/demo/class/Customer/instance/second?branch=x&as_of={}",
        positions[1]
    );
    server.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_history_shows_who_changed_what_on_the_branch_and_its_parents() {
    let server = Server::start_nodes(3).await.with_demo().await;
    let made = create(
        &server,
        "Product",
        json!({"product_id": "p", "name": "a", "price": 1}),
    )
    .await;
    let change = |seq: u64, branch: &str| {
        format!("/databases/demo/instances/Product/p/update?expected_seq={seq}&branch={branch}")
    };
    server
        .write("PUT", &change(1, "main"), json!({"data": {"price": 2}}))
        .await;
    server
        .write("POST", "/databases/demo/branches", json!({"name": "x"}))
        .await;
    server
        .write("PUT", &change(2, "main"), json!({"data": {"price": 3}}))
        .await;
    let body = json!({"data": {"price": null, "name": "b"}});
    server.write("PUT", &change(2, "x"), body).await;
    let delete = "/databases/demo/instances/Product/p/delete?expected_seq=3&branch=x";
    server.write("DELETE", delete, json!({})).await;

    let path = "/databases/demo/class/Product/instance/p/history";
    let whole = server
        .get(&format!("{path}?branch=x"))
        .await
        .expect(200)
        .body;
    let versions = whole["versions"].as_array().unwrap();
    let column =
        |name: &str| -> Vec<Value> { versions.iter().map(|it| it[name].clone()).collect() };
    assert_eq!(column("sequence"), [4, 3, 2, 1].map(Value::from));
    assert_eq!(
        column("branch"),
        ["x", "x", "main", "main"].map(Value::from)
    );
    assert_eq!(
        column("event_type"),
        [
            "INSTANCE_DELETED",
            "INSTANCE_UPDATED",
            "INSTANCE_UPDATED",
            "INSTANCE_CREATED"
        ]
        .map(Value::from)
    );
    assert_eq!(column("command_type")[3], "CREATE_INSTANCE");
    assert_eq!(column("command_id")[3], made["command_id"]);
    assert_eq!(
        column("changed_properties"),
        [
            json!(["product_id", "name"]),
            json!(["name", "price"]),
            json!(["price"]),
            json!(["product_id", "name", "price"]),
        ]
    );
    assert_eq!(column("data")[0], Value::Null);
    assert_eq!(column("data")[1], json!({"product_id": "p", "name": "b"}));

    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server
            .get(&format!("{path}?branch=x&limit=1{cursor}"))
            .await
            .expect(200)
            .body;
        paged.extend(page["versions"].as_array().unwrap().clone());
        match page["cursor"].as_str() {
            None => break,
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
    assert_eq!(&paged, versions);
    let main = server.get(path).await.expect(200).body;
    assert_eq!(main["versions"][0]["data"]["price"], 3);
    assert_eq!(main["versions"].as_array().unwrap().len(), 3);
    server.get(&format!("{path}?cursor=x")).await.expect(400);
    server.get(&format!("{path}?limit=0")).await.expect(422);
    let none = path.replace("/p/", "/none/");
    server.get(&none).await.expect(404);
}

#[tokio::test]
async fn a_read_at_a_position_reads_no_dead_letter() {
    let looks = Arc::new(Looks::default());
    let mut server = Server::start_looked_at(&looks).await;
    server.start_workers();
    let server = server.with_demo().await;
    let last = position(&server).await;
    let things = "/databases/demo/class/Product/instances";
    for (parameters, letters) in [
        (String::new(), 0),
        (format!("as_of={last}"), 0),
        (format!("as_of={last}&order_by=price"), 0),
        (format!("at_least={last}"), 1),
    ] {
        looks.letters.store(0, Ordering::SeqCst);
        server
            .get(&format!("{things}?{parameters}"))
            .await
            .expect(200);
        let read = looks.letters.load(Ordering::SeqCst);
        assert_eq!(read, letters, "{parameters}");
    }
}
