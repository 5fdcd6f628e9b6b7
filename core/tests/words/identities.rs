//! Aggregate ids, logs, times and index names: what is accepted, and that no two have the same text.

use proptest::prelude::*;
use spice_core::{
    id::{AggregateId, AggregateType, CommandId, EventId, InstanceRef, LogPosition, StreamId},
    idempotency::IdempotencyKey,
    name::{BranchName, InstanceId},
    naming::{instances_index, ontologies_index},
    time::Timestamp,
};

#[test]
fn an_id_is_the_same_in_any_unicode_form() {
    let apart = "\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7}";
    let id: InstanceId = apart.parse().unwrap();
    assert_eq!((id.as_str(), &id), ("이름", &"이름".parse().unwrap()));
    let reference: InstanceRef = format!("Kid/e\u{301}/{apart}").parse().unwrap();
    assert_eq!(reference.to_string(), "Kid/é/이름");
    let written = serde_json::to_string(apart).unwrap();
    assert_eq!(serde_json::from_str::<InstanceId>(&written).unwrap(), id);
    // What counts are the bytes of the form that is kept.
    assert!("e\u{301}".repeat(127).parse::<InstanceId>().is_ok());
}

#[test]
fn aggregates_of_older_logs_parse_unchanged() {
    for (text, class, id) in [
        ("demo:main:Product:p1", "Product", "p1"),
        (
            "demo:a/b:shop%3AProduct:a%3A1_x-Y",
            "shop:Product",
            "a:1_x-Y",
        ),
        ("demo:main:A%3A:%3A%3A", "A:", "::"),
    ] {
        let read = AggregateId::parse(AggregateType::Instance, text).unwrap();
        let AggregateId::Instance(_, _, found, own) = &read else {
            panic!("{read} is no instance");
        };
        assert_eq!((found.as_str(), own.as_str()), (class, id));
        assert_eq!(read.to_string(), text);
    }
    for (id, written) in [
        ("a%3A", "a%253A"),
        ("a:%", "a%3A%25"),
        ("%25", "%2525"),
        ("%", "%25"),
    ] {
        let aggregate = AggregateId::Instance(
            "demo".parse().unwrap(),
            BranchName::main(),
            "P".parse().unwrap(),
            id.parse().unwrap(),
        );
        assert_eq!(aggregate.to_string(), format!("demo:main:P:{written}"));
    }
    for wrong in [
        "demo:main:P:50%",
        "demo:main:P:%3a",
        "demo:main:P:%20",
        "demo:main:P%25:a",
        "demo:main:P:a:b",
        "demo:main:P:",
        "demo:main:P: a",
    ] {
        let parsed = AggregateId::parse(AggregateType::Instance, wrong);
        assert!(parsed.is_err(), "{wrong}");
    }
}

#[test]
fn a_domain_event_has_the_id_of_the_contract() {
    let command = CommandId("11111111-2222-4333-8444-555555555555".parse().unwrap());
    let aggregate =
        AggregateId::parse(AggregateType::Instance, "demo:main:Product:prod_001").unwrap();
    let id = EventId::domain(command, "INSTANCE_CREATED", &aggregate);
    assert_eq!(id.to_string(), "91e9c88a-222f-5d7b-968b-929172a10469");
}

#[test]
fn an_idempotency_key_names_one_command_of_a_principal_in_a_generation_of_a_database() {
    let key = |principal: &str, key: &str| IdempotencyKey::new(principal, key);
    let one: StreamId = "one".parse().unwrap();
    let id = key("kim", "k").command_in(&one);
    assert_eq!(id, key("kim", "k").command_in(&one));
    for other in [
        key("lee", "k").command_in(&one),
        key("kim", "k").command_in(&"two".parse().unwrap()),
        key("kim", "k").command_in(&one.next()),
        key("kim", "k").command_in(&one.next().next()),
        key("kim", "K").command_in(&one),
        key("kim:one", "k").command_in(&one),
        key("", "kim:one:k").command_in(&one),
        key("kim", "k").part("x").command_in(&one),
        key("kim", "k").part("").command_in(&one),
    ] {
        assert_ne!(id, other);
    }
    // Logs that were written before hold these ids: they must not change.
    assert_eq!(key("kim", "k").command_in_any(&one.database), id);
    assert_eq!(id.to_string(), "c1d37eba-b873-5fd9-93e9-a8c619ee2412");
    let part = key("kim", "k").part("x").command_in(&one);
    assert_eq!(part.0, uuid::Uuid::new_v5(&id.0, b"x"));
}

#[test]
fn index_names_follow_the_contract() {
    let index = |database: &str, branch: &str| {
        instances_index(&database.parse().unwrap(), &branch.parse().unwrap())
    };
    assert_eq!(index("demo_db", "main"), "demo_db_instances");
    assert_eq!(
        index("demo_db", "feature/whatif"),
        "demo_db_instances__br_feature_whatif_b4b8426dd6"
    );
    assert!(index("demo_db", "feature_whatif").ends_with("__br_feature_whatif_31a81364c2"));
    assert!(index("demo_db", "Feature/WhatIf").ends_with("__br_feature_whatif_b85029f0a3"));
    assert!(index("demo_db", "feature/x").ends_with("__br_feature_x_45239254aa"));
    let long = index("demo_db", &"a".repeat(100));
    assert!(long.starts_with(&format!("demo_db_instances__br_{}_", "a".repeat(40))));
    assert_eq!(long.len(), "demo_db_instances__br_".len() + 40 + 1 + 10);
    let ontologies = ontologies_index(&"demo-db".parse().unwrap(), &"feature/x".parse().unwrap());
    assert_eq!(ontologies, "demo-db_ontologies__br_feature_x_45239254aa");
}

#[test]
fn a_log_is_named_by_database_and_generation() {
    let first = StreamId::first("demo".parse().unwrap());
    assert_eq!(
        (first.to_string(), first.topic()),
        ("demo".into(), "spice.demo.log".into())
    );
    let second = first.next();
    assert_eq!(
        (second.to_string(), second.topic()),
        ("demo.g2".into(), "spice.demo.log.g2".into())
    );
    for wrong in [
        "demo.g1",
        "demo.g0",
        "demo.g02",
        "demo.g+2",
        "demo.g",
        "demo.g-1",
        "demo.g2.g3",
        "demo.gx",
        "d",
        ".g2",
        "demo.g4294967296",
    ] {
        assert!(wrong.parse::<StreamId>().is_err(), "{wrong}");
    }
}

#[test]
fn a_reference_is_a_class_and_an_id() {
    let reference: InstanceRef = "shop:Product/a:b".parse().unwrap();
    assert_eq!(
        (reference.class.as_str(), reference.id.as_str()),
        ("shop:Product", "a:b")
    );
    for (text, id) in [
        ("Product/a/b", "a/b"),
        ("Product//", "/"),
        ("Product/a b", "a b"),
        ("Product/https://example.com/", "https://example.com/"),
        ("Product/..", ".."),
    ] {
        let reference: InstanceRef = text.parse().unwrap();
        assert_eq!(
            (reference.id.as_str(), reference.to_string()),
            (id, text.to_owned())
        );
    }
    for wrong in [
        "",
        "/",
        "Product",
        "Product/",
        "/x",
        "Product/ a",
        "Product/a ",
        "1/x",
        "Product a",
    ] {
        assert!(wrong.parse::<InstanceRef>().is_err(), "{wrong}");
    }
}

#[test]
fn a_time_is_written_with_six_digits_and_z() {
    let time: Timestamp = "2026-01-02T03:04:05.678901Z".parse().unwrap();
    assert_eq!(time.to_string(), "2026-01-02T03:04:05.678901Z");
    assert_eq!(
        Timestamp::from_micros(0).to_string(),
        "1970-01-01T00:00:00.000000Z"
    );
    let elsewhere: Timestamp = "2026-01-02T12:04:05.678901+09:00".parse().unwrap();
    assert_eq!(elsewhere, time);
    assert!("2026-13-02T03:04:05Z".parse::<Timestamp>().is_err());
    assert!("".parse::<Timestamp>().is_err());
    let extremes = (
        Timestamp::from_micros(i64::MAX),
        Timestamp::from_micros(i64::MIN),
    );
    assert!(extremes.0.seconds_since(extremes.1) > 0.0);
    assert!(!extremes.0.to_string().is_empty());
}

#[test]
fn positions_do_not_overflow() {
    assert_eq!(LogPosition(u64::MAX).next(), LogPosition(u64::MAX));
    assert!(i64::try_from(LogPosition::MAX.0).is_ok());
}

/// Ids, and texts that come near to being the text of another one.
fn instance_id() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a-z0-9:_%/ .-]{1,5}",
        "[%:3A25/]{1,8}",
        "\\PC{1,6}",
        "[가-힣\u{1100}-\u{1112}\u{1161}-\u{1175}é\u{301}e]{1,4}",
    ];
    text.prop_filter("is an id", |text| text.parse::<InstanceId>().is_ok())
}

fn aggregate() -> impl Strategy<Value = AggregateId> {
    let database = "[a-z][a-z0-9]{2,5}([_-][a-z0-9]{1,3})?";
    let branch = "[a-z0-9_-]{1,4}(/[A-Za-z0-9_-]{1,3}){0,2}";
    (0..4, database, branch, "[A-Z][a-z:_-]{0,4}", instance_id()).prop_map(
        |(kind, database, branch, class, id)| {
            let database = database.parse().unwrap();
            let branch = branch.parse().unwrap();
            let class = class.parse().unwrap();
            match kind {
                0 => AggregateId::Database(database),
                1 => AggregateId::Branch(database, branch),
                2 => AggregateId::OntologyClass(database, branch, class),
                _ => AggregateId::Instance(database, branch, class, id.parse().unwrap()),
            }
        },
    )
}

proptest! {
    #[test]
    fn an_aggregate_parses_back(aggregate in aggregate()) {
        let text = aggregate.to_string();
        let again = AggregateId::parse(aggregate.aggregate_type(), &text).unwrap();
        prop_assert_eq!(&again, &aggregate);
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn no_two_aggregates_share_type_and_text(left in aggregate(), right in aggregate()) {
        let key = |id: &AggregateId| (id.aggregate_type(), id.to_string());
        prop_assert_eq!(left == right, key(&left) == key(&right));
    }

    #[test]
    fn no_two_ids_with_separators_collide(
        classes in proptest::collection::vec("[ab:]{1,3}", 2),
        ids in proptest::collection::vec("[a:%35A2]{1,6}", 2),
    ) {
        let make = |class: &str, id: &str| AggregateId::Instance(
            "demo".parse().unwrap(),
            BranchName::main(),
            format!("C{class}").parse().unwrap(),
            id.parse().unwrap(),
        );
        let (left, right) = (make(&classes[0], &ids[0]), make(&classes[1], &ids[1]));
        prop_assert_eq!(left == right, left.to_string() == right.to_string());
        prop_assert_eq!(left.to_string().matches(':').count(), 3);
    }

    #[test]
    fn a_log_name_parses_back(database in "[a-z][a-z0-9]{2,9}", generation in 1_u32..) {
        let stream = StreamId { database: database.parse().unwrap(), generation };
        prop_assert_eq!(stream.to_string().parse::<StreamId>().unwrap(), stream);
    }

    #[test]
    fn a_time_parses_back(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
        let time = Timestamp::from_micros(micros);
        prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        let written = serde_json::to_string(&time).unwrap();
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&written).unwrap(), time);
    }

    #[test]
    fn times_sort_like_their_texts(left in 0..4_102_444_800_000_000_i64, right in 0..4_102_444_800_000_000_i64) {
        let (left, right) = (Timestamp::from_micros(left), Timestamp::from_micros(right));
        prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
    }
}
