//! Pages during writes: by cursor, every instance that existed throughout comes exactly once, and
//! an ordered list does not move while it is paged.

#![allow(clippy::unwrap_used)]

mod http_support;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering as Memory},
    },
};

use http_support::{Server, hooks::count_reads};
use proptest::prelude::*;
use serde_json::{Value, json};
use spice_api::http::Settings;
use spice_testing::double::Double;

/// A thing: its price and its group, which never changes.
type Thing = (Option<i64>, usize);

/// An action between two pages.
#[derive(Debug, Clone)]
enum Write {
    Create(i64, usize),
    Price(usize, Option<i64>),
    Delete(usize),
}

/// One way to page.
#[derive(Debug, Clone)]
struct Paging {
    order: Option<&'static str>,
    group: Option<usize>,
    word: bool,
    at_position: bool,
    branch: &'static str,
    limit: usize,
}

fn writes() -> impl Strategy<Value = Vec<Vec<Write>>> {
    let write = prop_oneof![
        2 => (0..10_i64, 0..2_usize).prop_map(|(price, group)| Write::Create(price, group)),
        5 => (any::<usize>(), prop::option::weighted(0.8, 0..10_i64))
            .prop_map(|(which, price)| Write::Price(which, price)),
        1 => any::<usize>().prop_map(Write::Delete),
    ];
    prop::collection::vec(prop::collection::vec(write, 0..4), 1..12)
}

fn pagings() -> impl Strategy<Value = Paging> {
    let order = prop::sample::select(vec![
        None,
        Some("price"),
        Some("-price"),
        Some("-instance_id"),
    ]);
    let branch = prop::sample::select(vec!["main", "x"]);
    let group = prop::option::of(0..2_usize);
    (
        order,
        group,
        any::<bool>(),
        prop::bool::weighted(0.3),
        branch,
        1..9_usize,
    )
        .prop_map(|(order, group, word, at_position, branch, limit)| Paging {
            order,
            group,
            word,
            at_position,
            branch,
            limit,
        })
}

impl Paging {
    fn path(&self, position: u64) -> String {
        let mut path = format!(
            "/databases/demo/class/Thing/instances?branch={}&limit={}",
            self.branch, self.limit
        );
        if let Some(order) = self.order {
            let _ = write!(path, "&order_by={order}");
        }
        if let Some(group) = self.group {
            let filter = format!("{{\"group\":{group}}}").replace('"', "%22");
            let _ = write!(path, "&filter={filter}");
        }
        if self.word {
            path.push_str("&search=thin*");
        }
        if self.at_position {
            let _ = write!(path, "&as_of={position}");
        }
        path
    }

    /// Returns the list's content, in order.
    fn list(&self, things: &BTreeMap<String, Thing>) -> Vec<String> {
        let mut listed: Vec<(&String, &Thing)> = things
            .iter()
            .filter(|(_, thing)| self.group.is_none_or(|group| thing.1 == group))
            .collect();
        let by_price = |one: &Thing, other: &Thing| match (one.0, other.0) {
            (Some(one), Some(other)) if self.order == Some("-price") => other.cmp(&one),
            (Some(one), Some(other)) => one.cmp(&other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        listed.sort_by(|one, other| match self.order {
            Some("-instance_id") => other.0.cmp(one.0),
            Some(_) => by_price(one.1, other.1).then(one.0.cmp(other.0)),
            None => Ordering::Equal,
        });
        listed.into_iter().map(|(id, _)| id.clone()).collect()
    }
}

/// Creates the database and its one class.
async fn declare(server: &Server) {
    let thing = json!({"id": "Thing", "label": "Thing", "properties": [
        {"name": "thing_id", "type": "string", "primaryKey": true, "required": true},
        {"name": "name", "type": "string"},
        {"name": "price", "type": "integer"},
        {"name": "group", "type": "integer"},
    ]});
    server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    server
        .write("POST", "/databases/demo/ontology", thing)
        .await;
}

/// The things of a branch, and their numbers for the next write.
struct World {
    server: Server,
    things: BTreeMap<String, Thing>,
    sequences: BTreeMap<String, u64>,
    branch: &'static str,
    made: usize,
}

impl World {
    async fn new(branch: &'static str) -> Self {
        let server = Server::start().await;
        declare(&server).await;
        let mut world = Self {
            server,
            things: BTreeMap::new(),
            sequences: BTreeMap::new(),
            branch: "main",
            made: 0,
        };
        for number in 0..15 {
            world.create(number % 4, usize::from(number % 2 == 1)).await;
        }
        let body = json!({"name": "x"});
        world
            .server
            .write("POST", "/databases/demo/branches", body)
            .await;
        world.branch = branch;
        for number in 15..20 {
            world.create(number % 4, usize::from(number % 2 == 1)).await;
        }
        world
    }

    fn instances(&self, rest: &str, parameters: &str) -> String {
        let branch = self.branch;
        format!("/databases/demo/instances/Thing/{rest}?branch={branch}{parameters}")
    }

    async fn create(&mut self, price: i64, group: usize) {
        self.made += 1;
        // New ones are inserted anywhere in the order of ids.
        let id = format!("t{:02}", self.made * 37 % 100);
        let data = json!({"thing_id": id, "name": "A thing", "price": price, "group": group});
        let path = self.instances("create", "");
        self.server
            .write("POST", &path, json!({"data": data}))
            .await;
        self.things.insert(id.clone(), (Some(price), group));
        self.sequences.insert(id, 1);
    }

    fn pick(&self, which: usize) -> Option<String> {
        let ids: Vec<&String> = self.things.keys().collect();
        ids.get(which % ids.len().max(1)).map(|id| (*id).clone())
    }

    async fn write(&mut self, write: &Write) {
        match write {
            Write::Create(price, group) => self.create(*price, *group).await,
            Write::Price(which, price) => {
                let Some(id) = self.pick(*which) else { return };
                let sequence = self.sequences[&id];
                let path = self.instances(
                    &format!("{id}/update"),
                    &format!("&expected_seq={sequence}"),
                );
                let body = json!({"data": {"price": price}});
                self.server.write("PUT", &path, body).await;
                self.sequences.insert(id.clone(), sequence + 1);
                self.things.get_mut(&id).unwrap().0 = *price;
            }
            Write::Delete(which) => {
                let Some(id) = self.pick(*which) else { return };
                let sequence = self.sequences[&id];
                let path = self.instances(
                    &format!("{id}/delete"),
                    &format!("&expected_seq={sequence}"),
                );
                self.server.write("DELETE", &path, json!({})).await;
                self.things.remove(&id);
            }
        }
    }
}

async fn run(paging: Paging, writes: Vec<Vec<Write>>) {
    let mut world = World::new(paging.branch).await;
    let database = world.server.get("/databases/demo").await.expect(200).body;
    let path = paging.path(database["data"]["position"].as_u64().unwrap());
    let snapshot = paging.list(&world.things);
    let mut throughout: BTreeSet<String> = snapshot.iter().cloned().collect();
    let mut listed: Vec<String> = Vec::new();
    let mut cursor = String::new();
    let mut between = writes.iter();
    loop {
        let page = world
            .server
            .get(&format!("{path}{cursor}"))
            .await
            .expect(200)
            .body;
        let instances = page["instances"].as_array().unwrap();
        assert!(instances.len() <= paging.limit);
        listed.extend(
            instances
                .iter()
                .map(|it| it["instance_id"].as_str().unwrap().to_owned()),
        );
        if paging.order.is_some() || paging.at_position {
            assert_eq!(page["total"], snapshot.len(), "{paging:?}");
        }
        match page["cursor"].as_str() {
            None => break,
            Some(next) => cursor = format!("&cursor={next}"),
        }
        for write in between.next().into_iter().flatten() {
            world.write(write).await;
        }
        throughout.retain(|id| world.things.contains_key(id));
    }
    if paging.order.is_some() || paging.at_position {
        assert_eq!(listed, snapshot, "{paging:?}");
        return;
    }
    assert!(listed.is_sorted(), "{listed:?}");
    let known: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(known.len(), listed.len(), "one comes twice: {listed:?}");
    assert!(
        known.is_superset(&throughout),
        "{throughout:?} but {listed:?}"
    );
}

/// Found at random: a page ended before its last document, and all documents of the next one had
/// moved there from elsewhere, so that the list went back to their end.
#[tokio::test]
async fn a_page_whose_documents_have_all_moved_continues_after_the_last_one() {
    let paging = Paging {
        order: Some("price"),
        group: None,
        word: false,
        at_position: false,
        branch: "main",
        limit: 2,
    };
    let first = vec![
        Write::Create(1, 0),
        Write::Price(6_755_588_117_912_803_336, None),
    ];
    let third = vec![
        Write::Price(9_311_477_611_558_979_095, Some(4)),
        Write::Delete(13_170_510_084_793_043_028),
        Write::Price(10_075_042_105_447_922_955, Some(9)),
    ];
    let fourth = vec![
        Write::Price(14_734_912_491_573_406_791, Some(1)),
        Write::Price(7_700_439_963_442_035_588, Some(4)),
    ];
    run(paging, vec![first, vec![], third, fourth]).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_neither_repeat_nor_skip_under_writes(paging in pagings(), writes in writes()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(paging, writes));
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = World::new("main").await;
    let server = &world.server;
    let list = "/databases/demo/class/Thing/instances?limit=3";
    let cursor = async |path: &str| -> String {
        let page = server.get(path).await.expect(200).body;
        page["cursor"].as_str().unwrap().to_owned()
    };
    let database = server.get("/databases/demo").await.expect(200).body;
    let position = database["data"]["position"].as_u64().unwrap();
    let ordered = cursor(&format!("{list}&order_by=price")).await;
    let past = cursor(&format!("{list}&as_of={position}")).await;
    for path in [
        format!("{list}&cursor=nonsense"),
        format!("{list}&order_by=price&cursor=nonsense"),
        format!("{list}&as_of={position}&cursor=nonsense"),
        format!("{list}&as_of={}&cursor={past}", position - 1),
        format!("{list}&order_by=price&offset=2&cursor={ordered}"),
    ] {
        let refused = server.get(&path).await.expect(400);
        let code = if path.contains("offset") {
            "invalid_query"
        } else {
            "invalid_request"
        };
        assert_eq!(refused.code(), code, "{path}");
        assert_eq!(refused.body["detail"]["field"], "cursor", "{path}");
    }
    // A page by offset also returns a cursor.
    let all = server
        .get("/databases/demo/class/Thing/instances?order_by=price")
        .await;
    let all = all.expect(200).body;
    let skipped = cursor(&format!("{list}&order_by=price&offset=2")).await;
    let next = server
        .get(&format!("{list}&order_by=price&cursor={skipped}"))
        .await;
    let next: Vec<Value> = next.expect(200).body["instances"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(next, all["instances"].as_array().unwrap()[5..8]);
}

#[tokio::test]
async fn a_page_costs_only_what_has_moved() {
    const THINGS: u64 = 400;
    const MOVED: u64 = 300;
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let server = Server::start_over(Settings::default(), true, |graph| {
        Arc::new(Double::new(graph, count_reads(counter)))
    })
    .await;
    declare(&server).await;
    let things: Vec<Value> = (0..THINGS)
        .map(|number| json!({"thing_id": format!("t{number:03}"), "price": number * 10}))
        .collect();
    let path = "/databases/demo/instances/Thing/bulk-create";
    server
        .write("POST", path, json!({"instances": things}))
        .await;
    let list = "/databases/demo/class/Thing/instances?order_by=price";
    let first = server.get(&format!("{list}&limit=1")).await.expect(200);
    let mut cursor = first.body["cursor"].as_str().unwrap().to_owned();

    // The last ones move before the second.
    let commands: Vec<Value> = (THINGS - MOVED..THINGS)
        .map(|number| {
            json!({"type": "UPDATE_INSTANCE", "class": "Thing", "id": format!("t{number:03}"),
                "data": {"price": 1}, "expected_seq": 1})
        })
        .collect();
    let path = "/databases/demo/transactions";
    server
        .write("POST", path, json!({"commands": commands}))
        .await;
    let mut listed = 1;
    for limit in [1, 1, 90, 1_000] {
        reads.store(0, Memory::Relaxed);
        let path = format!("{list}&limit={limit}&cursor={cursor}");
        let page = server.get(&path).await.expect(200).body;
        let read = reads.load(Memory::Relaxed) as u64;
        assert_eq!(read, MOVED, "what has moved is read once, limit {limit}");
        assert_eq!(page["total"], THINGS);
        for instance in page["instances"].as_array().unwrap() {
            assert_eq!(instance["instance_id"], format!("t{listed:03}"));
            listed += 1;
        }
        cursor = page["cursor"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!((listed, cursor.as_str()), (THINGS, ""));
}
