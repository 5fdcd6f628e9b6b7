//! Instances whose ids are e-mail addresses, URLs and names in any script: every call, at both
//! services.
#![allow(clippy::unwrap_used)]

mod http_support;

use std::collections::BTreeSet;

use http_support::{
    Server,
    keys::{IDS, encoded, fill, fine, ids, query, start, waiting},
};
use serde_json::{Value, json};
use spice_client::Read;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test(flavor = "multi_thread")]
async fn every_id_works_in_every_path() {
    let (server, client) = start().await;
    fill(&client).await;
    for id in IDS {
        let data = json!({"name": "second"});
        let patched = client
            .update_instance("demo", "Kid", id, &data, 1, &waiting())
            .await;
        assert_eq!(fine(id, patched).result["sequence"], 2, "{id}");
        let read = client.instance("demo", "Kid", id, &Read::default()).await;
        let read = fine(id, read);
        assert_eq!((read.instance_id.as_str(), read.event_sequence), (id, 2));
        let history = client
            .history_page("demo", "아이", id, &Read::default(), 10, None)
            .await;
        let history = fine(id, history);
        assert_eq!(
            (history.instance_id.as_str(), history.versions.len()),
            (id, 2)
        );
        let past = Read::default().as_of(history.versions[1].position);
        let read = client.instance("demo", "Kid", id, &past).await;
        assert_eq!(fine(id, read).event_sequence, 1);
        if id.chars().all(|c| c == '.') && id.len() < 3 {
            continue;
        }
        let id_part = encoded(id);
        for front in ["/database", "oms:/database", "oms:/instance"] {
            let path = format!("{front}/demo/class/Kid/instance/{id_part}");
            let read = server.get(&path).await.expect(200);
            assert_eq!(read.body["data"]["instance_id"], id, "{front}");
        }
        let path = format!("oms:/instances/demo/async/Kid/{id_part}/update?expected_seq=2");
        let patched = server.write("PUT", &path, json!({"data": {"name": "third"}}));
        assert_eq!(patched.await.body["result"]["instance_id"], id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_filters_and_graph_queries_find_every_id() {
    let (server, client) = start().await;
    fill(&client).await;
    let path = "/databases/demo/class/Kid/instances";
    let mut sorted = IDS.to_vec();
    sorted.sort_unstable();
    for more in [
        vec![],
        vec![("order_by", "key".to_owned())],
        vec![("as_of", "999".to_owned())],
    ] {
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut parameters = more.clone();
            if let Some((_, position)) = parameters.iter_mut().find(|it| it.0 == "as_of") {
                let database = server.get("/databases/demo").await;
                *position = database.body["data"]["data"]["position"].to_string();
            }
            parameters.push(("limit", "7".to_owned()));
            parameters.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page = query(&server, path, &parameters).await.body;
            found.extend(ids(&page["instances"]).into_iter().map(str::to_owned));
            match page["cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(found, sorted, "{more:?}");
    }
    for (index, id) in IDS.iter().enumerate() {
        for name in ["key", "열쇠", "instance_id", "_id"] {
            let filter = [("filter", json!({name: id}).to_string())];
            let page = query(&server, path, &filter).await.body;
            assert_eq!(
                (ids(&page["instances"]), &page["total"]),
                (vec![*id], &json!(1))
            );
        }
        let node = format!("Kid/{id}");
        let ask = json!({"start_class": "Kid", "filters": {"key": id}, "include_paths": true,
            "hops": [{"predicate": "next", "target_class": "Kid", "direction": "in"}]});
        let answer = server.post("/graph-query/demo", ask).await.expect(200).body;
        let Some(after) = IDS.get(index + 1) else {
            assert_eq!(answer["nodes"], json!([]));
            continue;
        };
        let from = format!("Kid/{after}");
        let nodes: BTreeSet<&str> = answer["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_str().unwrap())
            .collect();
        assert_eq!(nodes, BTreeSet::from([node.as_str(), from.as_str()]));
        assert_eq!(
            answer["edges"],
            json!([{"from_node": from, "to_node": node, "predicate": "next"}])
        );
        assert_eq!(answer["paths"][0]["nodes"], json!([node, from]));
        let first = &answer["nodes"][0];
        assert_eq!(
            (&first["es_doc_id"], &first["data_status"]),
            (&json!(node), &json!("FULL"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_distinguish_every_id() {
    let (server, client) = start().await;
    fill(&client).await;
    let branch = json!({"name": "side"});
    server
        .post("/databases/demo/branches", branch)
        .await
        .expect(200);
    for branch in ["main", "side"] {
        let mut write = waiting();
        write.branch = Some(branch.to_owned());
        for id in IDS {
            let data = json!({"name": branch});
            client
                .update_instance("demo", "Kid", id, &data, 1, &write)
                .await
                .unwrap();
        }
    }
    let merge = "/databases/demo/branches/side/merge";
    let refused = server
        .post(merge, json!({"into": "main"}))
        .await
        .expect(409);
    let conflicts = refused.body["detail"]["conflicts"].as_array().unwrap();
    let aggregates: BTreeSet<&str> = conflicts
        .iter()
        .map(|it| it["aggregate_id"].as_str().unwrap())
        .collect();
    let expected: BTreeSet<String> = IDS
        .iter()
        .map(|id| {
            format!(
                "demo:main:Kid:{}",
                id.replace('%', "%25").replace(':', "%3A")
            )
        })
        .collect();
    assert!(
        aggregates
            .iter()
            .copied()
            .eq(expected.iter().map(String::as_str))
    );
    let resolutions: Vec<Value> = expected
        .iter()
        .map(|it| json!({"aggregate_id": it, "property": "name", "take": "theirs"}))
        .collect();
    let before = server.get("/databases/demo").await.body["data"]["data"]["position"].clone();
    let body = json!({"into": "main", "resolutions": resolutions});
    server.post(merge, body).await.expect(200);
    let filter = [
        ("filter", json!({"name": "side"}).to_string()),
        ("at_least", (before.as_u64().unwrap() + 1).to_string()),
    ];
    let path = "/databases/demo/class/Kid/instances";
    let page = query(&server, path, &filter).await.body;
    assert_eq!(page["total"], IDS.len());
    let diff = format!("/databases/demo/branches/main/diff?from_position={before}&limit=5");
    let mut changed = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = server
            .get(&format!("{diff}{cursor}"))
            .await
            .expect(200)
            .body;
        for change in page["changes"].as_array().unwrap() {
            changed.insert(change["instance_id"].as_str().unwrap().to_owned());
        }
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(
        changed
            .iter()
            .map(String::as_str)
            .eq(IDS.iter().copied().collect::<BTreeSet<_>>())
    );
    let rollback = json!({"to_position": before});
    server
        .post("/databases/demo/branches/main/rollback", rollback)
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_deletes_name_every_id() {
    let (server, client) = start().await;
    fill(&client).await;
    let mut events = client.database_events("demo", Some("main"), Some(0));
    let mut reported: Vec<String> = Vec::new();
    while reported.len() < IDS.len() {
        let event = events.next().await.unwrap().unwrap();
        let envelope: Value = event.read().unwrap();
        if event.name.as_deref() == Some("INSTANCE_CREATED") {
            reported.push(envelope["data"]["instance_id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(reported, IDS);
    for id in IDS {
        let sequence = client
            .instance("demo", "Kid", id, &Read::default())
            .await
            .unwrap()
            .event_sequence;
        client
            .delete_instance("demo", "Kid", id, sequence, &waiting())
            .await
            .unwrap();
        let again = server
            .post(
                "/databases/demo/instances/Kid/create",
                json!({"data": {"key": id}}),
            )
            .await
            .expect(409);
        assert_eq!(again.code(), "deleted");
    }
}

/// Sends a request without any normalisation.
async fn raw(server: &Server, line: &str) -> String {
    let address = server.gateway.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn dots_work_in_a_path_and_in_the_query() {
    let (server, client) = start().await;
    fill(&client).await;
    for id in [".", ".."] {
        for part in [id.to_owned(), encoded(id), "-".to_owned()] {
            let query = if part == "-" {
                format!("?instance_id={id}")
            } else {
                String::new()
            };
            let line = format!("GET /api/v1/databases/demo/class/Kid/instance/{part}{query}");
            let answer = raw(&server, &line).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{line}: {answer}");
            assert!(
                answer.contains(&format!("\"instance_id\":\"{id}\"")),
                "{answer}"
            );
        }
    }
    let answer = server
        .get("/databases/demo/class/Kid/instance/-")
        .await
        .expect(200);
    assert_eq!(answer.body["data"]["instance_id"], "-");
    let answer = server
        .get("/databases/demo/class/Kid/instance/create?instance_id=list")
        .await
        .expect(400);
    assert_eq!(answer.body["detail"]["field"], "instance_id");
}
