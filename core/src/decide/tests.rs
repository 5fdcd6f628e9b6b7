//! Decisions as tables: what is accepted, with which events; what is refused, with which code.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Moment, Need, Stop, WriteState, decide, receipt};
use crate::{
    command::{Action, Command, OnError, Origin},
    envelope::{Envelope, EventType, Kind},
    error::{ErrorCode, Refusal},
    event::InstanceEvent,
    id::{CommandId, EventId, LogPosition, Sequence, StreamId},
    model::AggregateState,
    name::{DatabaseName, PropertyName},
    time::Timestamp,
};

/// A log in memory: every version is recent, so what is asked for is known to be absent.
struct Desk {
    state: WriteState,
    log: Vec<Envelope>,
    commands: u128,
}

impl Desk {
    fn new() -> Self {
        let stream = StreamId::first(database());
        Self {
            state: WriteState::empty(stream),
            log: Vec::new(),
            commands: 0,
        }
    }

    /// A database with `Customer` and `Product` (unique `code`, strict `owned_by`).
    fn with_ontology() -> Self {
        let mut desk = Self::new();
        desk.accept(create_database());
        for class in [
            json!({"id": "Customer", "label": "Customer", "properties": [
                {"name": "customer_id", "type": "string", "primaryKey": true},
                {"name": "name", "type": "string"},
            ]}),
            json!({"id": "Product", "label": "Product", "properties": [
                {"name": "product_id", "type": "string", "primaryKey": true},
                {"name": "price", "type": "decimal"},
                {"name": "code", "type": "string", "constraints": {"unique": true}},
            ], "relationships": [
                {"predicate": "owned_by", "target": "Customer", "cardinality": "n:1",
                 "integrity": "strict"},
            ]}),
        ] {
            desk.accept(Action::CreateClass {
                branch: branch("main"),
                definition: class.into(),
            });
        }
        desk
    }

    fn try_decide(&mut self, action: Action) -> Result<Vec<Envelope>, Refusal> {
        self.commands += 1;
        let command = Command {
            id: CommandId(Uuid::from_u128(self.commands)),
            database: database(),
            action,
            origin: Origin {
                actor: Some("tester".into()),
                service: "gateway".into(),
                correlation_id: Uuid::from_u128(7),
                traceparent: None,
                client: None,
            },
        };
        let moment = Moment {
            stream: self.state.stream().clone(),
            position: self.state.end(),
            occurred_at: Timestamp::from_micros(1_000_000 + i64::try_from(self.commands).unwrap()),
        };
        loop {
            match decide(&self.state, &moment, &command) {
                Ok(envelopes) => return Ok(envelopes),
                Err(Stop::Refused(refusal)) => return Err(refusal),
                Err(Stop::Needs(needs)) => self.provide(needs),
            }
        }
    }

    fn provide(&mut self, needs: Vec<Need>) {
        for need in needs {
            match need {
                Need::Entry(branch, key) => self.state.put_entry(branch, key, None),
                Need::LiveInstance(generation, class) => {
                    let branch = self
                        .state
                        .live_branches()
                        .find(|b| b.generation == generation)
                        .unwrap();
                    let prefix = crate::model::ModelKey::instances_of(&class);
                    let any = self.state.recent_keys(&prefix).iter().any(|key| {
                        let entry = self.state.recent_entry(&branch.lineage, key);
                        entry.is_some_and(|entry| {
                            entry.value.read::<AggregateState>().unwrap().data.is_some()
                        })
                    });
                    self.state.put_live_instance(generation, class, any);
                }
                Need::Schema(generation) => panic!("the schema of {generation} is lost"),
            }
        }
    }

    fn accept(&mut self, action: Action) -> Vec<Envelope> {
        let envelopes = self.try_decide(action).unwrap();
        for envelope in &envelopes {
            assert_eq!(envelope.position, self.state.end());
            self.state.apply(envelope).unwrap();
        }
        self.log.extend(envelopes.clone());
        envelopes
    }

    fn refuse(&mut self, action: Action) -> Refusal {
        let before = self.state.end();
        let refusal = self.try_decide(action).unwrap_err();
        assert_eq!(self.state.end(), before, "a refusal leaves no trace");
        refusal
    }
}

fn database() -> DatabaseName {
    "demo".parse().unwrap()
}

fn branch(name: &str) -> crate::name::BranchName {
    name.parse().unwrap()
}

fn create_database() -> Action {
    Action::CreateDatabase {
        description: "tests".into(),
        options: None,
    }
}

fn change(on: &str, change: Value) -> Action {
    let change = serde_json::from_str(&change.to_string()).unwrap();
    Action::ChangeInstance {
        branch: branch(on),
        change,
    }
}

fn create(on: &str, class: &str, data: Value) -> Action {
    change(
        on,
        json!({"type": "CREATE_INSTANCE", "class": class, "data": data}),
    )
}

fn update(on: &str, id: &str, data: Value, expected: u64) -> Action {
    change(
        on,
        json!({"type": "UPDATE_INSTANCE", "class": "Product", "id": id, "data": data,
        "expected_seq": expected}),
    )
}

fn delete(on: &str, id: &str, expected: u64) -> Action {
    change(
        on,
        json!({"type": "DELETE_INSTANCE", "class": "Product", "id": id,
        "expected_seq": expected}),
    )
}

fn fork(name: &str, from: &str, at: Option<u64>) -> Action {
    Action::CreateBranch {
        branch: branch(name),
        from_branch: branch(from),
        from_position: at.map(LogPosition),
    }
}

fn bulk(rows: Value, on_error: OnError) -> Action {
    let instances = serde_json::from_str(&rows.to_string()).unwrap();
    Action::BulkCreate {
        branch: branch("main"),
        class: "Product".into(),
        instances,
        on_error,
    }
}

fn transaction(commands: Value) -> Action {
    let commands = serde_json::from_str(&commands.to_string()).unwrap();
    Action::Transaction {
        branch: branch("main"),
        commands,
    }
}

fn types(envelopes: &[Envelope]) -> Vec<&'static str> {
    envelopes
        .iter()
        .map(|envelope| envelope.event_type.as_str())
        .collect()
}

fn event(envelopes: &[Envelope]) -> InstanceEvent {
    envelopes.last().unwrap().data.read().unwrap()
}

#[test]
fn a_database_opens_and_seals_its_log() {
    let mut desk = Desk::new();
    assert_eq!(
        desk.refuse(create("main", "Product", json!({}))).code,
        ErrorCode::NotFound
    );
    let opened = desk.accept(create_database());
    assert_eq!(
        types(&opened),
        [
            "DATABASE_OPENED",
            "CREATE_DATABASE_REQUESTED",
            "DATABASE_CREATED"
        ]
    );
    assert_eq!(opened[1].sequence, Some(Sequence(1)));
    let again = desk.refuse(create_database());
    assert_eq!(
        (again.code, &again.detail["actual_seq"]),
        (ErrorCode::AlreadyExists, &json!(1))
    );
    let wrong = desk.refuse(Action::DeleteDatabase {
        expected_seq: Sequence(4),
    });
    assert_eq!(wrong.code, ErrorCode::OptimisticConcurrencyConflict);
    let sealed = desk.accept(Action::DeleteDatabase {
        expected_seq: Sequence(1),
    });
    assert_eq!(
        types(&sealed),
        [
            "DELETE_DATABASE_REQUESTED",
            "DATABASE_DELETED",
            "DATABASE_SEALED"
        ]
    );
    assert_eq!(
        desk.refuse(fork("x", "main", None)).code,
        ErrorCode::NotFound
    );
}

#[test]
fn command_and_event_share_the_sequence_and_name_each_other() {
    let mut desk = Desk::with_ontology();
    let made = desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "price": 1.10}),
    ));
    assert_eq!(
        types(&made),
        ["CREATE_INSTANCE_REQUESTED", "INSTANCE_CREATED"]
    );
    let [command, event] = &made[..] else {
        panic!("two envelopes")
    };
    assert_eq!(
        (command.sequence, event.sequence),
        (Some(Sequence(1)), Some(Sequence(1)))
    );
    assert_eq!(command.event_id.0, command.metadata.command_id.0);
    assert_eq!(event.metadata.causation_id, Some(command.event_id));
    let expected = EventId::domain(
        command.metadata.command_id,
        "INSTANCE_CREATED",
        &event.aggregate,
    );
    assert_eq!(event.event_id, expected);
    assert_eq!(
        (command.metadata.kind, event.metadata.kind),
        (Kind::Command, Kind::Domain)
    );
    let told = receipt(desk.state.stream(), &made).unwrap();
    assert_eq!(
        (told.position, told.last),
        (command.position, event.position)
    );
    let result = told.result.to_value();
    assert_eq!(result["instance_id"], "p1");
    assert_eq!(result["sequence"], 1);
    assert_eq!(result["position"], event.position.0);
}

#[test]
fn a_patch_is_shallow_and_keeps_what_was_written() {
    let mut desk = Desk::with_ontology();
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "code": "a"}),
    ));
    let data = serde_json::from_str(r#"{"price": 1.10}"#).unwrap();
    let patched = desk.accept(update("main", "p1", data, 1));
    let state = event(&patched).data.unwrap();
    assert_eq!(
        state
            .get(&"code".parse::<PropertyName>().unwrap())
            .unwrap()
            .as_str(),
        "\"a\""
    );
    let removed = desk.accept(update("main", "p1", json!({"code": null}), 2));
    assert!(
        event(&removed)
            .data
            .unwrap()
            .get(&"code".parse::<PropertyName>().unwrap())
            .is_none()
    );
    assert_eq!(event(&removed).unique.released.len(), 1);
    assert_eq!(removed[1].sequence, Some(Sequence(3)));
}

#[test]
fn a_wrong_expectation_tells_the_sequence_that_is() {
    let mut desk = Desk::with_ontology();
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    desk.accept(update("main", "p1", json!({"price": 2}), 1));
    let refusal = desk.refuse(update("main", "p1", json!({"price": 3}), 1));
    assert_eq!(refusal.code, ErrorCode::OptimisticConcurrencyConflict);
    assert_eq!(refusal.detail["actual_seq"], 2);
    assert_eq!(refusal.detail["aggregate_id"], "demo:main:Product:p1");
    desk.accept(update("main", "p1", json!({"price": 3}), 2));
    assert_eq!(
        desk.refuse(update("main", "p9", json!({}), 1)).code,
        ErrorCode::NotFound
    );
}

#[test]
fn a_delete_is_final_on_its_branch_and_inherited() {
    let mut desk = Desk::with_ontology();
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "code": "a"}),
    ));
    desk.accept(fork("early", "main", None));
    desk.accept(delete("main", "p1", 1));
    desk.accept(fork("late", "main", None));
    for on in ["main", "late"] {
        let again = desk.refuse(create(on, "Product", json!({"product_id": "p1"})));
        assert_eq!(
            (again.code, &again.detail["actual_seq"]),
            (ErrorCode::Deleted, &json!(2))
        );
        assert_eq!(desk.refuse(delete(on, "p1", 2)).code, ErrorCode::NotFound);
    }
    let on_branch = desk.accept(update("early", "p1", json!({"price": 9}), 1));
    assert_eq!(
        on_branch[1].sequence,
        Some(Sequence(2)),
        "goes on from the parent's"
    );
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p2", "code": "a"}),
    ));
}

#[test]
fn a_branch_does_not_see_what_the_parent_got_later() {
    let mut desk = Desk::with_ontology();
    desk.accept(fork("whatif", "main", None));
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    assert_eq!(
        desk.refuse(update("whatif", "p1", json!({}), 1)).code,
        ErrorCode::NotFound
    );
    let own = desk.accept(create("whatif", "Product", json!({"product_id": "p1"})));
    assert_eq!(own[1].sequence, Some(Sequence(1)));
    let beyond = desk.refuse(fork("future", "main", Some(10_000)));
    assert_eq!(
        (beyond.code, &beyond.detail["field"]),
        (ErrorCode::InvalidRequest, &json!("from_position"))
    );
}

#[test]
fn a_superseded_version_names_every_branch_that_still_shows_it() {
    let mut desk = Desk::with_ontology();
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "price": 1}),
    ));
    desk.accept(fork("a", "main", None));
    desk.accept(fork("a/b", "a", None));
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p2", "price": 1}),
    ));
    let names = |envelopes: &[Envelope]| -> Vec<String> {
        let superseded = event(envelopes).superseded;
        superseded.map_or_else(Vec::new, |version| {
            assert!(version.data.as_str().contains("\"price\":1"));
            version
                .branches
                .iter()
                .map(|branch| branch.name.to_string())
                .collect()
        })
    };
    let on_main = desk.accept(update("main", "p1", json!({"price": 2}), 1));
    assert_eq!(names(&on_main), ["a", "a/b"]);
    let later = desk.accept(update("main", "p2", json!({"price": 2}), 1));
    assert!(names(&later).is_empty(), "p2 is younger than the branches");
    let on_a = desk.accept(update("a", "p1", json!({"price": 3}), 1));
    assert_eq!(
        names(&on_a),
        ["a/b"],
        "a/b showed main's first version through a"
    );
    desk.accept(Action::DeleteBranch {
        branch: branch("a/b"),
        force: false,
    });
    let after = desk.accept(update("a", "p1", json!({"price": 4}), 2));
    assert!(names(&after).is_empty(), "a deleted branch shows nothing");
}

#[test]
fn a_superseded_version_is_not_for_those_from_whom_another_hides_it() {
    let mut desk = Desk::with_ontology();
    let product = json!({"product_id": "p1", "price": 1});
    desk.accept(create("main", "Product", product));
    desk.accept(fork("a", "main", None));
    desk.accept(update("a", "p1", json!({"price": 2}), 1));
    desk.accept(fork("a/b", "a", None));
    let on_main = desk.accept(update("main", "p1", json!({"price": 3}), 1));
    let named = event(&on_main).superseded.map_or(0, |version| {
        let deep = version
            .branches
            .iter()
            .filter(|one| one.name == branch("a/b"));
        deep.count()
    });
    assert_eq!(named, 0, "a/b shows the version of a");
}

#[test]
fn a_branch_name_is_free_after_deletion_and_its_sequence_goes_on() {
    let mut desk = Desk::with_ontology();
    let first = desk.accept(fork("x", "main", None));
    assert_eq!(
        desk.refuse(fork("x", "main", None)).code,
        ErrorCode::AlreadyExists
    );
    desk.accept(Action::DeleteBranch {
        branch: branch("x"),
        force: false,
    });
    assert_eq!(
        desk.refuse(create("x", "Product", json!({}))).code,
        ErrorCode::NotFound
    );
    let second = desk.accept(fork("x", "main", None));
    assert_eq!(
        (first[1].sequence, second[1].sequence),
        (Some(Sequence(1)), Some(Sequence(3)))
    );
    let main = Action::DeleteBranch {
        branch: branch("main"),
        force: true,
    };
    assert_eq!(desk.refuse(main).code, ErrorCode::Forbidden);
    desk.accept(fork("production", "main", None));
    for (force, allowed) in [(false, false), (true, true)] {
        let action = Action::DeleteBranch {
            branch: branch("production"),
            force,
        };
        assert_eq!(desk.try_decide(action).is_ok(), allowed);
    }
}

#[test]
fn unique_values_have_one_owner_a_branch() {
    let mut desk = Desk::with_ontology();
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "code": "a"}),
    ));
    let taken = desk.refuse(create(
        "main",
        "Product",
        json!({"product_id": "p2", "code": "a"}),
    ));
    assert_eq!(taken.code, ErrorCode::ValidationFailed);
    assert_eq!(taken.detail["errors"][0]["rule"], "unique");
    desk.accept(fork("x", "main", None));
    let taken = desk.refuse(create(
        "x",
        "Product",
        json!({"product_id": "p3", "code": "a"}),
    ));
    assert_eq!(taken.detail["errors"][0]["field"], "code");
    desk.accept(update("main", "p1", json!({"code": "b"}), 1));
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p4", "code": "a"}),
    ));
    let still = desk.refuse(create(
        "x",
        "Product",
        json!({"product_id": "p5", "code": "a"}),
    ));
    assert_eq!(
        still.code,
        ErrorCode::ValidationFailed,
        "the branch still shows p1's a"
    );
    desk.accept(delete("x", "p1", 1));
    desk.accept(create(
        "x",
        "Product",
        json!({"product_id": "p6", "code": "a"}),
    ));
}

#[test]
fn strict_references_lead_somewhere() {
    let mut desk = Desk::with_ontology();
    let data = json!({"product_id": "p1", "owned_by": "Customer/c1"});
    let dangling = desk.refuse(create("main", "Product", data.clone()));
    assert_eq!(dangling.detail["errors"][0]["rule"], "integrity");
    desk.accept(create("main", "Customer", json!({"customer_id": "c1"})));
    desk.accept(create("main", "Product", data));
    desk.accept(transaction(json!([
        {"type": "CREATE_INSTANCE", "class": "Customer", "data": {"customer_id": "c2"}},
        {"type": "CREATE_INSTANCE", "class": "Product",
         "data": {"product_id": "p2", "owned_by": "Customer/c2"}},
    ])));
}

#[test]
fn a_transaction_is_accepted_whole_or_not_at_all() {
    let mut desk = Desk::with_ontology();
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    let refused = desk.refuse(transaction(json!([
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "p2"}},
        {"type": "UPDATE_INSTANCE", "class": "Product", "id": "p1", "data": {}, "expected_seq": 9},
    ])));
    assert_eq!(refused.code, ErrorCode::OptimisticConcurrencyConflict);
    assert_eq!(refused.detail["commands"][0]["index"], 1);
    assert_eq!(refused.detail["commands"][0]["actual_seq"], 1);
    let twice = desk.refuse(transaction(json!([
        {"type": "UPDATE_INSTANCE", "class": "Product", "id": "p1", "data": {}, "expected_seq": 1},
        {"type": "DELETE_INSTANCE", "class": "Product", "id": "p1", "expected_seq": 1},
    ])));
    assert_eq!(twice.code, ErrorCode::ValidationFailed);
    let whole = desk.accept(transaction(json!([
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "p2"}},
        {"type": "DELETE_INSTANCE", "class": "Product", "id": "p1", "expected_seq": 1},
    ])));
    assert_eq!(
        types(&whole),
        [
            "TRANSACTION_REQUESTED",
            "INSTANCE_CREATED",
            "INSTANCE_DELETED"
        ]
    );
    assert_eq!(
        (whole[0].sequence, whole[2].sequence),
        (None, Some(Sequence(2)))
    );
    assert_eq!(
        desk.refuse(transaction(json!([]))).code,
        ErrorCode::InvalidRequest
    );
}

#[test]
fn a_bulk_aborts_or_skips_and_names_its_rows() {
    let mut desk = Desk::with_ontology();
    let rows = json!([{"product_id": "p1"}, {"price": "no"}, {"product_id": "p1"},
        {"product_id": "p2", "price": 5}]);
    let refused = desk.refuse(bulk(rows.clone(), OnError::Abort));
    let named: Vec<&Value> = refused.detail["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["row"])
        .collect();
    assert_eq!(named, [2, 3]);
    let made = desk.accept(bulk(rows, OnError::Skip));
    assert_eq!(
        types(&made),
        [
            "BULK_CREATE_INSTANCES_REQUESTED",
            "INSTANCE_CREATED",
            "INSTANCE_CREATED"
        ]
    );
    let result = receipt(desk.state.stream(), &made)
        .unwrap()
        .result
        .to_value();
    assert_eq!(
        (&result["created"], &result["total"]),
        (&json!(2), &json!(4))
    );
    assert_eq!(result["errors"][1]["row"], 3);
    assert_eq!(result["sample_instance_ids"], json!(["p1", "p2"]));
}

#[test]
fn classes_in_use_are_not_deleted_by_mistake() {
    let mut desk = Desk::with_ontology();
    let delete = |class: &str, force| Action::DeleteClass {
        branch: branch("main"),
        class: class.parse().unwrap(),
        expected_seq: Sequence(1),
        force,
    };
    let referred = desk.refuse(delete("Customer", false));
    assert_eq!(referred.code, ErrorCode::FailedPrecondition);
    assert_eq!(referred.detail["referred_to_by"], "Product");
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    assert_eq!(
        desk.refuse(delete("Product", false)).code,
        ErrorCode::FailedPrecondition
    );
    let gone = desk.accept(delete("Product", true));
    assert_eq!(gone[1].event_type, EventType::OntologyClassDeleted);
    assert_eq!(
        desk.refuse(create("main", "Product", json!({}))).code,
        ErrorCode::NotFound
    );
}

#[test]
fn a_rolled_back_batch_leaves_no_trace() {
    let mut desk = Desk::with_ontology();
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    let mark = desk.state.mark();
    let end = desk.state.end();
    desk.accept(update("main", "p1", json!({"price": 2}), 1));
    desk.accept(fork("x", "main", None));
    desk.accept(Action::DeleteClass {
        branch: branch("main"),
        class: "Product".parse().unwrap(),
        expected_seq: Sequence(1),
        force: true,
    });
    desk.state.roll_back(mark);
    assert_eq!(desk.state.end(), end);
    assert!(desk.state.live_branch(&branch("x")).is_none());
    desk.accept(update("main", "p1", json!({"price": 3}), 1));
}
