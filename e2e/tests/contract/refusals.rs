//! Every refusal of contract §2 to §4, at gateway and oms, as tables of requests and answers.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::table::{cases, check, demo, has_error_shape, named_fields};

const NAMES: &str = r#"
    POST both:ontology {"id":"9x","label":"X"} => 400 invalid_name id
    GET /databases/de%20mo => 400 invalid_name database
    GET /databases/de%FFmo => 400 invalid_name path
    GET /databases/demo%zz => 400 invalid_name path
    GET oms:/database/exists/DEMO => 400 invalid_name database
    GET /databases/demo/branches/a%20b => 400 invalid_name branch
    GET oms:/branch/demo/a..b/info => 400 invalid_name branch
    DELETE both:ontology/9x?expected_seq=1 => 400 invalid_name class
    GET both:ontology/list?branch=a.b => 400 invalid_name branch
    GET /database/demo/class/Product/instance/a%09b => 400 invalid_name instance
    DELETE both:instances/Product/a%00b/delete?expected_seq=1 => 400 invalid_name instance
    PUT both:instances/Product/a%20/update?expected_seq=1 {"data":{}} => 400 invalid_name instance
    POST /graph-query/de%20mo {"start_class":"Product"} => 400 invalid_name database
    POST /databases/demo/branches {"name":"b","from_branch":"a b"} => 400 invalid_name branch
"#;

#[tokio::test]
async fn invalid_names_are_400_everywhere() {
    let server = demo().await;
    let mut table = NAMES.to_owned();
    let long = "a".repeat(51);
    for name in [
        "ab",
        "Demo",
        "9demo",
        "demo-",
        "de__mo",
        "a b c",
        "",
        "데모데모",
        "_system",
        &long,
    ] {
        let body = json!({"name": name});
        let _ = writeln!(
            table,
            "POST both:create-database {body} => 400 invalid_name database"
        );
    }
    let long = "b".repeat(101);
    for name in ["a b", "/a", "a/", "a//b", "HEAD", "refs", "a.b", "", &long] {
        let (gateway, oms) = (json!({"name": name}), json!({"branch_name": name}));
        let _ = writeln!(
            table,
            "POST /databases/demo/branches {gateway} => 400 invalid_name branch"
        );
        let _ = writeln!(
            table,
            "POST oms:/branch/demo/create {oms} => 400 invalid_name branch"
        );
    }
    check(&server, &cases(&table)).await;
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400_at_both() {
    let server = demo().await;
    let mut table = String::new();
    for path in [
        "both:create-database",
        "both:ontology",
        "/databases/demo/branches",
        "oms:/branch/demo/create",
        "both:instances/Product/create",
        "both:instances/Product/bulk-create",
        "/databases/demo/transactions",
        "/graph-query/demo",
        "/graph-query/demo/simple",
    ] {
        for body in [
            "{",
            "{\"name\":",
            "{\"data\":{\"a\":1}} x",
            "nonsense",
            "{\"a\":01}",
        ] {
            let _ = writeln!(table, "POST {path} {body} => 400 invalid_request");
        }
    }
    check(&server, &cases(&table)).await;
}

const SHAPES: &str = r#"
    POST both:instances/Product/create {} => SHAPE data
    POST both:instances/Product/create {"data":[]} => SHAPE data
    POST both:instances/Product/create {"data":{"name":"A"},"more":1} => SHAPE more
    POST both:instances/Product/create {"data":{"name":"A","name":"B"}} => SHAPE data.name
    POST both:instances/Product/create {"data":{},"data":{}} => SHAPE data
    POST both:instances/Product/create [] => SHAPE body
    POST both:instances/Product/create [{"product_id":"n","name":"N"},null] => SHAPE body
    POST both:instances/Product/create null => SHAPE body
    PUT both:instances/Product/p1/update?expected_seq=1 {} => SHAPE data
    POST both:instances/Product/bulk-create {} => SHAPE instances
    POST both:instances/Product/bulk-create {"instances":{}} => SHAPE instances
    POST both:instances/Product/bulk-create {"instances":[1]} => SHAPE instances[0]
    POST both:instances/Product/bulk-create {"instances":[]} => SHAPE instances
    POST both:ontology {} => SHAPE label
    POST both:ontology {"label":5} => SHAPE label
    POST both:ontology {"label":"X","unknown":1} => SHAPE unknown
    POST both:ontology {"label":"X","properties":{}} => SHAPE properties
    POST both:ontology {"label":"X","properties":[{"name":"a"}]} => SHAPE properties[0].type
    POST both:ontology {"label":"X","properties":[{"name":"a","type":"odd"}]} => SHAPE properties[0].type
    POST both:ontology {"label":"X","relationships":[{"predicate":"r"}]} => SHAPE relationships[0].target
    POST both:ontology {"label":"X","relationships":[{"predicate":"r","target":"Y","cardinality":"2:3"}]} => SHAPE relationships[0].cardinality
    PUT both:ontology/Product?expected_seq=1 [] => SHAPE body
    PUT both:ontology/Product?expected_seq=1 {"label":1} => SHAPE label
    POST both:create-database {} => SHAPE name
    POST both:create-database {"name":5} => SHAPE name
    POST both:create-database {"name":"demo2","size":1} => SHAPE size
    POST /databases/demo/branches {"name":5} => SHAPE name
    POST /databases/demo/branches {"name":"b1","from_position":100000} => SHAPE from_position
    POST oms:/branch/demo/create {"branch_name":"b1","from_position":100000} => SHAPE from_position
    POST /databases/demo/branches {} => 400 invalid_request name
    POST oms:/branch/demo/create {} => 400 invalid_request branch_name
    POST /databases/demo/transactions {} => SHAPE commands
    POST /databases/demo/transactions {"commands":[]} => SHAPE commands
    POST /databases/demo/transactions {"commands":[["DELETE_INSTANCE","Product","p1",null,1]]} => SHAPE commands[0]
    POST /databases/demo/transactions {"commands":[{"type":"DROP","class":"Product"}]} => SHAPE commands[0].type
    POST /databases/demo/transactions {"commands":[{"type":"CREATE_INSTANCE","class":"Product"}]} => SHAPE commands[0].data
    POST /databases/demo/transactions {"commands":[{"type":"CREATE_INSTANCE","class":"Product","data":{},"expected_seq":1}]} => SHAPE commands[0].expected_seq
    POST /databases/demo/transactions {"commands":[{"type":"UPDATE_INSTANCE","class":"Product","id":"p1","data":{}}]} => SHAPE commands[0].expected_seq
    POST /databases/demo/transactions {"commands":[{"type":"DELETE_INSTANCE","class":"Product","expected_seq":1}]} => SHAPE commands[0].id
    POST /databases/demo/transactions {"commands":[{"type":"DELETE_INSTANCE","class":"Product","id":"p1","data":{},"expected_seq":1}]} => SHAPE commands[0].data
    POST /graph-query/demo {} => SHAPE start_class
    POST /graph-query/demo {"start_class":"Product","hop":[]} => SHAPE hop
    POST /graph-query/demo {"start_class":"Product","limit":"9"} => SHAPE limit
    POST /graph-query/demo {"start_class":"Order","hops":[["holds","Product"]]} => SHAPE hops[0]
    POST /graph-query/demo {"start_class":"Order","hops":[{"predicate":"holds"}]} => SHAPE hops[0].target_class
    POST /graph-query/demo {"start_class":"Order","hops":[{"predicate":"holds","target_class":"Product","direction":"up"}]} => SHAPE hops[0].direction
    POST /graph-query/demo/simple {"class":"Product"} => SHAPE class
"#;

#[tokio::test]
async fn a_body_of_the_wrong_shape_is_422_at_the_gateway_and_400_at_oms() {
    let server = demo().await;
    check(&server, &cases(SHAPES)).await;
}

const PARAMETERS: &str = r#"
    POST both:instances/Product/bulk-create?on_error=ignore {"instances":[{"product_id":"x","name":"X"}]} => SHAPE on_error
    GET both:database/demo/class/Product/instances?limit=1001 => SHAPE limit
    GET both:database/demo/class/Product/instances?limit=0 => SHAPE limit
    GET both:ontology/list?offset=x => SHAPE offset
    DELETE /databases/demo/branches/production?force=maybe => SHAPE force
    DELETE both:ontology/Product?expected_seq=1&force=1x => SHAPE force
    GET both:database/demo/class/Product/instances?timeout=61 => SHAPE timeout
    GET both:database/demo/class/Product/instances?as_of=yesterday => 400 invalid_request as_of
    GET both:database/demo/class/Product/instances?as_of=99999 => 400 invalid_request as_of
    GET both:database/demo/class/Product/instances?as_of=1970-01-01T00:00:00Z => 404 not_found
    GET both:database/demo/class/Product/instances?at_least=soon => 400 invalid_request at_least
    GET both:database/demo/class/Product/instances?at_least=99999&timeout=0 => 504 timeout
    GET both:database/demo/class/Product/instances?at_least=01928374-1111-7222-8333-444455556666 => 400 invalid_request at_least
    GET both:database/demo/class/Product/instances?filter=%7B => 400 invalid_query filter
    GET both:database/demo/class/Product/instances?filter=%7B%22nope%22:1%7D => 400 invalid_query nope
    GET both:database/demo/class/Product/instances?order_by=nope => 400 invalid_query nope
    GET both:database/demo/class/Product/instances?cursor=x&offset=1 => 400 invalid_query cursor
    GET both:database/demo/class/Product/instances?cursor= => 400 invalid_request cursor
    GET both:database/demo/class/Product/instances?cursor=x&order_by=price => 400 invalid_request cursor
    GET both:database/demo/class/Product/instances?cursor=eyJpIjoicDEifQ => 400 invalid_request cursor
    GET both:database/demo/class/Product/instance/p1/history?cursor=5 => 400 invalid_request cursor
    GET /databases/demo/branches/production/diff?cursor=5 => 400 invalid_request cursor
    GET /databases/demo/versions?cursor=5 => 400 invalid_request cursor
    GET oms:/version/demo/history?cursor=5 => 400 invalid_request cursor
    GET both:database/demo/class/Product/instances?as_of=%2B5 => 400 invalid_request as_of
    GET both:database/demo/class/Product/instances?as_of=1e3 => 400 invalid_request as_of
    GET both:database/demo/class/Product/instances?as_of=2999-01-01T00:00:00Z => 400 invalid_request as_of
    GET both:database/demo/class/Product/instances?at_least=-1 => 400 invalid_request at_least
    GET both:database/demo/class/Product/instances?branch=%zz => 400 invalid_request branch
    GET both:database/demo/class/Product/instances?branch=%FF => 400 invalid_request branch
    GET both:database/demo/class/Product/instances?branch=main&branch=main => 400 invalid_query branch
    GET both:database/demo/events?from=-1 => 400 invalid_request from
    GET both:database/demo/events?from=99999 => 400 invalid_request from
    GET /databases/demo/branches/production/diff?from_position=99999 => 400 invalid_request from_position
    POST /databases/demo/query {} => 422 validation_failed class_label
    POST /databases/demo/query {"class_id":"Product","filters":[{"field":"price","operator":"above","value":1}]} => 422 validation_failed filters[0].operator
    POST /databases/demo/query {"class_id":"Product","filters":[{"field":"nope","operator":"eq","value":1}]} => 400 invalid_query nope
    POST /databases/demo/query {"class_id":"Nothing"} => 400 invalid_query class_id
    GET both:ontology/Product/schema?format=xml => 400 invalid_request format
    GET /databases?as_of=1 => 400 invalid_query as_of
    GET /commands/not-a-uuid/status => 400 invalid_request command_id
    GET oms:/commands/not-a-uuid/status => 400 invalid_request command_id
    GET /dead-letters/demo/instance_worker/x => 400 invalid_request position
"#;

#[tokio::test]
async fn parameters_are_checked_like_bodies() {
    let server = demo().await;
    let mut table = PARAMETERS.to_owned();
    for suffix in [
        "",
        "?expected_seq=",
        "?expected_seq=x",
        "?expected_seq=-1",
        "?expected_seq=%2B1",
        "?expected_seq=99999999999999999999",
    ] {
        for request in [
            "PUT both:instances/Product/p1/update{} {\"data\":{\"name\":\"B\"}}",
            "DELETE both:instances/Product/p1/delete{}",
            "PUT both:ontology/Product{} {\"description\":\"d\"}",
            "DELETE both:ontology/Product{}",
            "DELETE both:database/demo{}",
        ] {
            let request = request.replacen("{}", suffix, 1);
            let _ = writeln!(table, "{request} => SHAPE expected_seq");
        }
    }
    check(&server, &cases(&table)).await;
}

const EXISTENCE: &str = r#"
    GET /commands/01928374-1111-7222-8333-444455556666/status => 404 not_found
    GET oms:/commands/01928374-1111-7222-8333-444455556666/status => 404 not_found
    GET both:database/nowhere => 404 not_found
    DELETE both:database/nowhere?expected_seq=1 => 404 not_found
    DELETE both:database/demo?expected_seq=9 => 409 optimistic_concurrency_conflict
    POST both:create-database {"name":"demo"} => 409 already_exists
    POST /databases/demo/branches {"name":"production"} => 409 already_exists
    POST oms:/branch/demo/create {"branch_name":"production"} => 409 already_exists
    POST /databases/demo/branches {"name":"b","from_branch":"no"} => 404 not_found
    GET /databases/nowhere/branches => 404 not_found
    GET oms:/branch/nowhere/list => 404 not_found
    GET /databases/demo/branches/no => 404 not_found
    GET oms:/branch/demo/no/info => 404 not_found
    GET oms:/branch/demo/branch/no/info => 404 not_found
    DELETE oms:/branch/demo/branch/no => 404 not_found
    DELETE oms:/branch/demo/branch/main => 403 forbidden
    GET oms:/instance/demo/class/No/count => 404 not_found
    GET /databases/demo/classes/No => 404 not_found
    DELETE /databases/nowhere/mappings => 404 not_found
    GET oms:/branch/demo/main => 404 not_found
    DELETE /databases/demo/branches/no => 404 not_found
    DELETE /databases/demo/branches/production => 403 forbidden
    DELETE /databases/demo/branches/main => 403 forbidden
    DELETE /databases/demo/branches/main?force=true => 403 forbidden
    POST both:ontology {"id":"Product","label":"Again"} => 409 already_exists
    PUT both:ontology/No?expected_seq=1 {} => 404 not_found
    PUT both:ontology/Product?expected_seq=4 {} => 409 optimistic_concurrency_conflict
    DELETE both:ontology/Customer?expected_seq=7 => 409 optimistic_concurrency_conflict
    DELETE both:ontology/Product?expected_seq=1 => 409 failed_precondition
    GET both:ontology/No => 404 not_found
    GET both:ontology/No/schema => 404 not_found
    POST both:lost-instances/Product/create {"data":{}} => 404 not_found
    POST both:instances/Product/create?branch=no {"data":{}} => 404 not_found
    POST both:instances/Nothing/create {"data":{}} => 404 not_found
    POST both:instances/Product/create {"data":{"product_id":"p1","name":"B"}} => 409 already_exists
    POST both:instances/Product/create {"data":{"product_id":"gone","name":"B"}} => 409 deleted
    PUT both:instances/Product/no/update?expected_seq=1 {"data":{"name":"B"}} => 404 not_found
    PUT both:instances/Product/gone/update?expected_seq=2 {"data":{"name":"B"}} => 404 not_found
    PUT both:instances/Product/p1/update?expected_seq=7 {"data":{"name":"B"}} => 409 optimistic_concurrency_conflict
    DELETE both:instances/Product/gone/delete?expected_seq=2 => 404 not_found
    DELETE both:instances/Product/p1/delete?expected_seq=0 => 409 optimistic_concurrency_conflict
    POST both:instances/Nothing/bulk-create {"instances":[{}]} => 404 not_found
    POST /databases/demo/transactions?branch=no {"commands":[{"type":"CREATE_INSTANCE","class":"Product","data":{}}]} => 404 not_found
    GET both:database/demo/class/No/instances => 404 not_found
    GET both:database/demo/class/Product/instance/no => 404 not_found
    GET both:database/demo/class/Product/instance/gone => 404 not_found
    POST /graph-query/nowhere {"start_class":"Product"} => 404 not_found
    POST /graph-query/demo?branch=no {"start_class":"Product"} => 404 not_found
    GET /dead-letters?database=nowhere => 404 not_found
    GET /dead-letters/demo/instance_worker/5 => 404 not_found
    POST /dead-letters/demo/instance_worker/5/retry => 404 not_found
    POST /dead-letters/demo/instance_worker/5/discard {"reason":"r"} => 404 not_found
"#;

#[tokio::test]
async fn missing_things_are_404_and_existing_ones_409() {
    let server = demo().await;
    check(&server, &cases(EXISTENCE)).await;
    let update = "/databases/demo/instances/Product/p1/update?expected_seq=7";
    let conflict = server
        .send(server.request("PUT", update).json(&json!({"data": {}})))
        .await;
    assert_eq!(
        conflict.body["detail"]["aggregate_id"],
        format!("{}:main:Product:p1", server.database)
    );
    assert_eq!(conflict.body["detail"]["expected_seq"], 7);
    assert_eq!(conflict.body["detail"]["actual_seq"], 1);
}

const VALUES: &str = r#"
    POST both:instances/Product/create {"data":{"product_id":"n"}} => 422 validation_failed name
    POST both:instances/Product/create {"data":{"product_id":"n","name":5}} => 422 validation_failed name
    POST both:instances/Product/create {"data":{"product_id":"n","name":"N","price":"5"}} => 422 validation_failed price
    POST both:instances/Product/create {"data":{"product_id":"n","name":"N","price":-1}} => 422 validation_failed price
    POST both:instances/Product/create {"data":{"product_id":"n","name":"N","sku":"s-p1"}} => 422 validation_failed sku
    POST both:instances/Product/create {"data":{"product_id":"n","name":"N","colour":"red"}} => 400 unknown_label_keys colour
    PUT both:instances/Product/p1/update?expected_seq=1 {"data":{"name":null}} => 422 validation_failed name
    PUT both:instances/Product/p1/update?expected_seq=1 {"data":{"product_id":"p2"}} => 422 validation_failed product_id
"#;

#[tokio::test]
async fn values_that_the_ontology_refuses_name_field_rule_and_value() {
    let server = demo().await;
    let mut table = VALUES.to_owned();
    for depth in [11, 5_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!(r#"{{"data":{{"product_id":"d","name":{nested}}}}}"#);
        let _ = writeln!(
            table,
            "POST both:instances/Product/create {body} => 422 validation_failed name"
        );
    }
    check(&server, &cases(&table)).await;
    let body = json!({"data": {"product_id": "n", "name": "N", "price": -1}});
    let answer = server
        .post("/databases/demo/instances/Product/create", body)
        .await;
    let entry = &answer.body["detail"]["errors"][0];
    assert_eq!(entry["field"], "price");
    assert_eq!(entry["rule"], "min");
    assert_eq!(entry["value"], -1);
    assert!(entry["message"].is_string());
}

#[tokio::test]
async fn graph_query_errors_list_the_alternatives() {
    let server = demo().await;
    let hop = |predicate: &str, target: &str| json!({"start_class": "Order", "hops": [{"predicate": predicate, "target_class": target}]});
    let hops: Vec<Value> = vec![json!({"predicate": "knows", "target_class": "Customer"}); 11];
    let queries = [
        (json!({"start_class": "No"}), "start_class", "classes"),
        (hop("nope", "Product"), "hops[0].predicate", "predicates"),
        (hop("total", "Product"), "hops[0].predicate", "predicates"),
        (hop("holds", "No"), "hops[0].target_class", "classes"),
        (
            hop("holds", "Customer"),
            "hops[0].target_class",
            "target_class",
        ),
        (
            json!({"start_class": "Customer", "hops": hops}),
            "hops",
            "maximum",
        ),
        (
            json!({"start_class": "Order", "limit": 1001}),
            "limit",
            "maximum",
        ),
        (
            json!({"start_class": "Order", "limit": 0}),
            "limit",
            "minimum",
        ),
        (
            json!({"start_class": "Order", "max_paths": 2001}),
            "max_paths",
            "maximum",
        ),
        (
            json!({"start_class": "Order", "max_nodes": 0}),
            "max_nodes",
            "maximum",
        ),
        (
            json!({"start_class": "Order", "filters": {"nope": 1}}),
            "nope",
            "properties",
        ),
    ];
    for (query, field, there_is) in queries {
        let answer = server.post("/graph-query/demo", query.clone()).await;
        let answer = answer.expect(400);
        assert_eq!(answer.code(), "invalid_query", "{query}");
        assert!(
            named_fields(&answer).contains(&field.to_owned()),
            "{query}: {}",
            answer.text
        );
        assert!(
            !answer.body["detail"][there_is].is_null(),
            "{query}: {}",
            answer.text
        );
    }
}

const SURFACE: &str = "
    GET // => 404 not_found
    GET /nowhere => 404 not_found
    GET oms:/databases/demo/branches => 404 not_found
    PATCH /databases => 405 invalid_request
    DELETE /databases => 405 invalid_request
    POST oms:/database/list => 405 invalid_request
    GET /graph-query/demo => 405 invalid_request
    POST //livez => 405 invalid_request
";

#[tokio::test]
async fn paths_methods_types_and_sizes_are_refused_in_the_error_shape() {
    let server = demo().await;
    check(&server, &cases(SURFACE)).await;
    let wrong = server.send(server.request("PATCH", "/databases")).await;
    let allowed = wrong.header("allow");
    assert!(
        allowed.contains("GET") && allowed.contains("POST"),
        "{allowed}"
    );

    let paths = [
        "/databases/demo/instances/Product",
        "oms:/instances/demo/async/Product",
    ];
    for path in paths.map(|path| format!("{path}/create")) {
        let request = || server.request("POST", &path);
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonx",
        ] {
            let answer = server
                .send(request().header("content-type", kind).body("{}"))
                .await;
            assert_eq!(answer.expect(415).code(), "unsupported_media_type");
        }
        let bare = server.send(request().body("{}")).await.expect(415);
        assert!(has_error_shape(&bare));
        let json = request().header("content-type", "application/json");
        for coding in ["gzip", "br", "unheard-of", "identity, gzip"] {
            let packed = json.try_clone().unwrap().header("content-encoding", coding);
            let answer = server.send(packed.body("{}")).await.expect(415);
            assert!(has_error_shape(&answer) && answer.header("accept-encoding") == "identity");
        }
        let plain = json.header("content-encoding", "identity");
        server.send(plain.body("{")).await.expect(400);
        let twice = request().header("content-type", "application/json");
        let twice = twice
            .header("idempotency-key", "a")
            .header("idempotency-key", "b");
        let answer = server.send(twice.body("{}")).await.expect(400);
        assert_eq!(answer.body["detail"]["field"], "idempotency-key");
        let patch = "application/merge-patch+json; charset=utf-8";
        server
            .send(request().header("content-type", patch).body("{"))
            .await
            .expect(400);

        let large = format!(r#"{{"data":{{"name":"{}"}}}}"#, "x".repeat(16 << 20));
        let request = request()
            .header("content-type", "application/json")
            .body(large);
        assert_eq!(
            server.send(request).await.expect(413).code(),
            "payload_too_large"
        );
    }
    let rows: Vec<Value> = (0..10_001)
        .map(|n| json!({"product_id": n.to_string()}))
        .collect();
    let body = json!({"instances": rows});
    let [gateway, oms] = paths.map(|path| format!("{path}/bulk-create"));
    let many = server.post(&gateway, body.clone()).await.expect(422);
    assert_eq!(many.code(), "validation_failed");
    assert_eq!(
        server.post(&oms, body).await.expect(400).code(),
        "invalid_request"
    );
}

/// Shape, existence, sequence, ontology; the key of a repeated request comes before the last three.
const ORDER: &str = r#"
    POST both:lost-instances/Product/create {} => SHAPE data
    POST /databases/nowhere/ontology {} => SHAPE label
    PUT both:instances/Product/no/update?expected_seq=9 {"data":{"price":"x"}} => 404 not_found
    PUT both:instances/Product/p1/update?expected_seq=9 {"data":{"price":"x"}} => 409 optimistic_concurrency_conflict
    PUT both:instances/Product/p1/update?expected_seq=1 {"data":{"price":"x"}} => 422 validation_failed price
"#;

#[tokio::test]
async fn checks_run_in_order() {
    let server = demo().await;
    check(&server, &cases(ORDER)).await;
    let delete = || {
        server
            .request(
                "DELETE",
                "/databases/demo/instances/Product/p1/delete?expected_seq=1",
            )
            .header("idempotency-key", "once")
    };
    let first = server.send(delete()).await.expect(202);
    assert_eq!(server.send(delete()).await.expect(202).body, first.body);
}
