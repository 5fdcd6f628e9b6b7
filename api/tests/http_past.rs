//! `as_of` against a history that the test records: random commands on `main` and two branches, and
//! at every position of the log every list and every single read matches the model.

#![allow(clippy::unwrap_used)]

mod http_support;

use std::collections::BTreeMap;

use http_support::Server;
use proptest::prelude::*;
use serde_json::{Value, json};

const BRANCHES: [&str; 3] = ["main", "x", "feature/y"];
const IDS: usize = 6;

/// The visible state of a branch: value and sequence; none for deleted instances.
type State = BTreeMap<String, Option<(i64, u64)>>;

/// A command to try; an impossible one is refused.
#[derive(Debug, Clone)]
enum Step {
    Create(usize, usize, i64),
    Update(usize, usize, i64),
    Delete(usize, usize),
    /// A branch, its parent, and how much of the class's history the parent shows, in percent.
    Branch(usize, usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (branch, id) = (0..BRANCHES.len(), 0..IDS);
    let step = prop_oneof![
        4 => (branch.clone(), id.clone(), 0..100_i64).prop_map(|(b, i, v)| Step::Create(b, i, v)),
        4 => (branch.clone(), id.clone(), 0..100_i64).prop_map(|(b, i, v)| Step::Update(b, i, v)),
        1 => (branch.clone(), id).prop_map(|(b, i)| Step::Delete(b, i)),
        2 => (1..BRANCHES.len(), branch, prop_oneof![3 => Just(100_u64), 1 => 20..100_u64])
            .prop_map(|(b, parent, part)| Step::Branch(b, parent, part)),
    ];
    prop::collection::vec(step, 12..40)
}

/// The base of a branch, and its own states by position.
#[derive(Default)]
struct Branch {
    from: Option<(usize, u64)>,
    states: BTreeMap<u64, State>,
}

#[derive(Default)]
struct Model {
    branches: BTreeMap<usize, Branch>,
    /// The position where the class was created.
    made: u64,
    last: u64,
}

impl Model {
    /// Returns the visible state of a branch at a position.
    fn at(&self, branch: usize, position: u64) -> State {
        let known = &self.branches[&branch];
        if let Some((_, state)) = known.states.range(..=position).next_back() {
            return state.clone();
        }
        match known.from {
            Some((parent, from)) => self.at(parent, position.min(from)),
            None => State::new(),
        }
    }

    fn now(&self, branch: usize) -> State {
        self.at(branch, self.last)
    }

    fn put(&mut self, branch: usize, position: u64, state: State) {
        let known = self.branches.get_mut(&branch).unwrap();
        known.states.insert(position, state);
        self.last = self.last.max(position);
    }
}

fn id(number: usize) -> String {
    format!("i{number}")
}

/// Sends a command; returns its last position if it was accepted, else the status.
async fn send(server: &Server, method: &str, path: &str, body: Value) -> Result<u64, u16> {
    let answer = server.send(server.request(method, path).json(&body)).await;
    match answer.status {
        200..300 => {
            let result = &answer.body["result"]["position"];
            let data = &answer.body["data"]["position"];
            Ok(result.as_u64().or(data.as_u64()).unwrap())
        }
        status => Err(status),
    }
}

async fn play(server: &Server, model: &mut Model, step: &Step) {
    let instances = "/databases/demo/instances/Thing";
    match step {
        Step::Branch(branch, parent, part) => {
            if model.branches.contains_key(branch) || !model.branches.contains_key(parent) {
                return;
            }
            let from = model.made + (model.last - model.made) * part / 100;
            let body = json!({
                "name": BRANCHES[*branch],
                "from_branch": BRANCHES[*parent],
                "from_position": from,
            });
            let position = send(server, "POST", "/databases/demo/branches", body)
                .await
                .unwrap();
            let base = model.at(*parent, from);
            let made = Branch {
                from: Some((*parent, from)),
                ..Branch::default()
            };
            model.branches.insert(*branch, made);
            model.put(*branch, position, base);
        }
        Step::Create(branch, number, value) => {
            if !model.branches.contains_key(branch) {
                return;
            }
            let mut state = model.now(*branch);
            let path = format!("{instances}/create?branch={}", BRANCHES[*branch]);
            let body = json!({"data": {"thing_id": id(*number), "n": value}});
            let known = state.contains_key(&id(*number));
            match send(server, "POST", &path, body).await {
                Err(status) => assert!(known && status == 409, "{step:?}: {status}"),
                Ok(position) => {
                    assert!(!known, "{step:?} was accepted");
                    state.insert(id(*number), Some((*value, 1)));
                    model.put(*branch, position, state);
                }
            }
        }
        Step::Update(branch, number, _) | Step::Delete(branch, number) => {
            if !model.branches.contains_key(branch) {
                return;
            }
            let mut state = model.now(*branch);
            let live = state.get(&id(*number)).copied().flatten();
            let sequence = live.map_or(1, |(_, sequence)| sequence);
            let (method, verb, value) = match step {
                Step::Update(_, _, value) => ("PUT", "update", Some(*value)),
                _ => ("DELETE", "delete", None),
            };
            let path = format!(
                "{instances}/{}/{verb}?expected_seq={sequence}&branch={}",
                id(*number),
                BRANCHES[*branch]
            );
            let body = json!({"data": {"n": value}});
            match send(server, method, &path, body).await {
                Err(status) => assert!(live.is_none() && status == 404, "{step:?}: {status}"),
                Ok(position) => {
                    assert!(live.is_some(), "{step:?} was accepted");
                    state.insert(id(*number), value.map(|value| (value, sequence + 1)));
                    model.put(*branch, position, state);
                }
            }
        }
    }
}

fn shown(document: &Value) -> (String, (i64, u64)) {
    let id = document["instance_id"].as_str().unwrap().to_owned();
    let value = document["data"]["n"].as_i64().unwrap();
    (id, (value, document["event_sequence"].as_u64().unwrap()))
}

async fn check(server: &Server, model: &Model) {
    let class = "/databases/demo/class/Thing";
    for position in model.made..=model.last {
        for branch in model.branches.keys() {
            let name = BRANCHES[*branch];
            let live: BTreeMap<String, (i64, u64)> = model
                .at(*branch, position)
                .into_iter()
                .filter_map(|(id, state)| Some((id, state?)))
                .collect();
            let read = format!("branch={name}&as_of={position}");
            let list = server.get(&format!("{class}/instances?{read}")).await;
            let list = list.expect(200).body;
            let listed = list["instances"].as_array().unwrap().iter();
            let listed: Vec<_> = listed.map(shown).collect();
            let wanted: Vec<_> = live.clone().into_iter().collect();
            assert_eq!(listed, wanted, "{name} at {position}");
            for number in 0..IDS {
                let one = format!("{class}/instance/{}?{read}", id(number));
                let one = server.get(&one).await;
                match live.get(&id(number)) {
                    None => assert_eq!(one.status, 404, "{}", one.text),
                    Some(state) => {
                        assert_eq!(shown(&one.expect(200).body["data"]).1, *state);
                    }
                }
            }
        }
    }
    let before = format!("{class}/instances?as_of={}", model.made - 1);
    assert_eq!(server.get(&before).await.status, 404);
}

async fn run(steps: Vec<Step>) {
    let server = Server::start_nodes(3).await;
    send(&server, "POST", "/databases", json!({"name": "demo"}))
        .await
        .unwrap();
    let thing = json!({"id": "Thing", "label": "Thing", "properties": [
        {"name": "thing_id", "type": "string", "primaryKey": true, "required": true},
        {"name": "n", "type": "integer"},
    ]});
    let made = send(&server, "POST", "/databases/demo/ontology", thing).await;
    let made = made.unwrap();
    let mut model = Model {
        made,
        ..Model::default()
    };
    model.branches.insert(0, Branch::default());
    model.put(0, made, State::new());
    for step in &steps {
        play(&server, &mut model, step).await;
    }
    check(&server, &model).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_read_at_every_position_matches_the_history(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(steps));
    }
}

#[tokio::test]
async fn lists_of_now_and_of_the_last_position_agree() {
    let server = Server::start_nodes(3).await.with_demo().await;
    let names = ["Teapot", "Tea", "Tea-Pot", "Été tea", "Pot of TEA", "Cup"];
    for (number, name) in names.iter().enumerate() {
        let data = json!({"product_id": format!("p{number}"), "name": name, "price": number % 3});
        let path = "/databases/demo/instances/Product/create";
        server.write("POST", path, json!({"data": data})).await;
    }
    let database = server.get("/databases/demo").await.expect(200).body;
    let position = &database["data"]["position"];
    let list = "/databases/demo/class/Product/instances";
    let found = async |parameters: &str| -> Vec<Value> {
        let page = server.get(&format!("{list}?{parameters}")).await;
        let page = page.expect(200).body;
        let instances = page["instances"].as_array().unwrap().iter();
        let ids = instances.map(|it| it["instance_id"].clone());
        [page["total"].clone()].into_iter().chain(ids).collect()
    };
    let tea = json!([4, "p1", "p2", "p3", "p4"]);
    for (parameters, wanted) in [
        ("search=tea", tea.clone()),
        // A star alone matches no word.
        ("search=tea%20*", tea),
        ("search=tea*", json!([5, "p0", "p1", "p2", "p3", "p4"])),
        ("search=tea-po*", json!([2, "p2", "p4"])),
        ("search=%C3%89T%C3%89", json!([1, "p3"])),
        ("search=*", json!([0])),
        (
            "order_by=-price&limit=3&offset=2",
            json!([6, "p1", "p4", "p0"]),
        ),
        ("limit=2&offset=1", json!([6, "p1", "p2"])),
        ("offset=100000", json!([6])),
    ] {
        let past = format!("{parameters}&as_of={position}");
        assert_eq!(json!(found(parameters).await), wanted, "{parameters}");
        assert_eq!(json!(found(&past).await), wanted, "{past}");
    }
    for parameters in ["", "&order_by=price", &format!("&as_of={position}")] {
        let beyond = server
            .get(&format!("{list}?offset=100001{parameters}"))
            .await;
        let beyond = beyond.expect(422);
        assert!(beyond.text.contains("use cursor"), "{}", beyond.text);
    }
}
