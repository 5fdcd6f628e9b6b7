//! What the linter says of a change, and that its counts are those of a naive recount.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use spice_core::{
    json::{Json, Properties},
    name::{ClassName, InstanceId},
    ontology::{ChangeLint, Class, Finding, Schema, Severity, check_structure},
};

use crate::support::{command, id};

fn class(definition: &Value) -> Class {
    Class::create(&Json::from(definition.clone())).unwrap()
}

fn schema(definitions: &[Value]) -> Schema {
    let mut schema = Schema::default();
    for definition in definitions {
        schema.put(Arc::new(class(definition)));
    }
    schema
}

fn name(text: &str) -> ClassName {
    text.parse().unwrap()
}

/// The findings of changing `Thing`, with these instances of these classes.
fn lint(before: &Schema, after: &Schema, instances: &[(&str, &str, Value)]) -> Vec<Finding> {
    let mut lint = ChangeLint::between(before, after, &name("Thing"));
    let counted: Vec<ClassName> = lint.counted_classes().cloned().collect();
    for (class, id, data) in instances {
        let properties: Properties = Json::from(data.clone()).read().unwrap();
        let id: InstanceId = id.parse().unwrap();
        if counted.contains(&name(class)) {
            lint.check_instance(&name(class), &id, &properties);
        }
    }
    lint.finish()
}

fn thing(properties: &Value, relationships: &Value) -> Value {
    json!({"id": "Thing", "label": "Thing", "properties": properties, "relationships": relationships})
}

/// `code field severity affected/total` of each finding.
fn lines(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|it| {
            assert!(it.message.len() > 10, "{it:?}");
            let Finding {
                code,
                field,
                affected,
                total,
                ..
            } = it;
            format!("{code} {field} {:?} {affected}/{total}", it.severity)
        })
        .collect()
}

#[test]
fn each_risky_change_is_found_and_counted() {
    let before = thing(
        &json!([
            {"name": "key", "type": "string", "primaryKey": true},
            {"name": "gone", "type": "string", "label": "Left"},
            {"name": "typed", "type": "string"},
            {"name": "needed", "type": "string"},
            {"name": "narrow", "type": "integer", "label": "Small"},
            {"name": "single", "type": "string"},
        ]),
        &json!([
            {"predicate": "links", "target": "Thing", "cardinality": "n:m"},
            {"predicate": "moved", "target": "Thing", "cardinality": "n:1", "inverse_predicate": "back"},
            {"predicate": "dropped", "target": "Thing", "cardinality": "n:1"},
        ]),
    );
    let mut after = thing(
        &json!([
            {"name": "key", "type": "string"},
            {"name": "typed", "type": "integer", "primaryKey": true},
            {"name": "needed", "type": "string", "required": true},
            {"name": "narrow", "type": "integer", "constraints": {"max": 5}},
            {"name": "single", "type": "string", "constraints": {"unique": true}},
        ]),
        &json!([
            {"predicate": "links", "target": "Thing", "cardinality": "n:1"},
            {"predicate": "moved", "target": "Other", "cardinality": "n:1"},
        ]),
    );
    after["abstract"] = json!(true);
    let instances = [
        (
            "Thing",
            "a",
            json!({"key": "a", "gone": "x", "typed": "5", "narrow": 9, "links": ["Thing/b"]}),
        ),
        (
            "Thing",
            "b",
            json!({"key": "b", "needed": "x", "narrow": 3, "moved": "Thing/a", "dropped": "Thing/a"}),
        ),
    ];
    let found = lint(&schema(&[before]), &schema(&[after]), &instances);
    let expected = [
        "abstract_set abstract Breaking 2/2",
        "cardinality_changed links Breaking 1/1",
        "constraint_changed narrow Breaking 1/2",
        "key_changed typed Breaking 2/2",
        "property_removed gone Breaking 1/2",
        "relationship_removed dropped Breaking 1/2",
        "required_added needed Breaking 1/2",
        "target_changed moved Breaking 1/1",
        "type_changed typed Breaking 1/1",
        "unique_added single Breaking 2/2",
        "inverse_removed moved Warning 0/0",
        "label_removed narrow Warning 0/0",
    ];
    assert_eq!(lines(&found), expected);
    let removed = found
        .iter()
        .find(|it| it.code == "property_removed")
        .unwrap();
    assert_eq!(removed.sample_instance_ids, ["Thing/a"]);
    assert!(
        removed.message.contains("1 of 2 instances have a value"),
        "{}",
        removed.message
    );
}

#[test]
fn a_parent_is_linted_with_its_subclasses() {
    let parent = thing(
        &json!([{"name": "a", "type": "string"}, {"name": "b", "type": "string"}]),
        &json!([]),
    );
    let child = json!({"id": "Child", "label": "Child", "parent_class": "Thing", "properties": [{"name": "b", "type": "string"}]});
    let before = schema(&[parent.clone(), child.clone()]);
    let after = schema(&[thing(&json!([]), &json!([])), child.clone()]);
    let instances = [
        ("Thing", "1", json!({"a": "x", "b": "x"})),
        ("Child", "1", json!({"a": "x", "b": "x"})),
    ];
    let found = lint(&before, &after, &instances);
    let expected = [
        "property_removed a Breaking 2/2",
        "property_removed b Breaking 1/1",
    ];
    assert_eq!(lines(&found), expected, "the child declares b itself");
    assert_eq!(found[0].sample_instance_ids, ["Child/1", "Thing/1"]);
    let orphan = {
        let mut schema = before.clone();
        schema.remove(&name("Thing"));
        schema
    };
    let expected = [
        "class_deleted  Breaking 1/1",
        "property_removed a Breaking 1/1",
    ];
    assert_eq!(lines(&lint(&before, &orphan, &instances)), expected);
    let mut other = parent.clone();
    other["parent_class"] = json!("Base");
    let base =
        json!({"id": "Base", "label": "Base", "properties": [{"name": "c", "type": "string"}]});
    let after = schema(&[other, base.clone(), child]);
    let found = lint(&schema(&[parent, base]), &after, &[]);
    assert_eq!(lines(&found), ["parent_changed parent_class Info 0/0"]);
    assert!(
        found[0].message.contains("c is gained, nothing is lost"),
        "{}",
        found[0].message
    );
}

#[test]
fn a_definition_is_linted_without_instances() {
    let customer = json!({"id": "Customer", "label": {"en": "Customer", "ko": "고객"},
        "properties": [{"name": "city_name", "type": "string", "label": {"en": "City"}}, {"name": "cityName", "type": "string"},
            {"name": "line1", "type": "string"}, {"name": "line2", "type": "string"}],
        "relationships": [
            {"predicate": "orders", "target": "Order", "cardinality": "1:n", "inverse_predicate": "customer"},
            {"predicate": "ghosts", "target": "Ghost"}]});
    let order = json!({"id": "Order", "label": "Order",
        "relationships": [{"predicate": "customer", "target": "Customer", "cardinality": "n:m", "inverse_predicate": "orders"}]});
    let schema = schema(&[customer, order, json!({"id": "Custommer", "label": "x"})]);
    let of = |class: &str| -> Vec<(String, String)> {
        let found = check_structure(&schema, &name(class));
        assert!(found.iter().all(|it| it.severity == Severity::Warning));
        found
            .into_iter()
            .map(|it| (it.code.to_owned(), it.field))
            .collect()
    };
    let pair = |code: &str, field: &str| (code.to_owned(), field.to_owned());
    let expected = [
        pair("name_close", "id"),
        pair("name_close", "cityName"),
        pair("label_language_missing", "city_name"),
        pair("inverse_mismatch", "orders"),
        pair("target_missing", "ghosts"),
    ];
    assert_eq!(of("Customer"), expected);
    assert_eq!(of("Order"), [pair("inverse_mismatch", "customer")]);
}

/// A property of the pool: its name, and its type, constraints and whether it is required.
fn property() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "string", "constraints": {"maxLength": 1}})),
        Just(json!({"type": "integer"})),
        Just(json!({"type": "integer", "constraints": {"min": 5}})),
        Just(json!({"type": "boolean"})),
    ];
    (0..4_u8, kind, any::<bool>()).prop_map(|(index, mut kind, required)| {
        kind["name"] = json!(format!("p{index}"));
        kind["required"] = json!(required);
        kind
    })
}

fn definition() -> impl Strategy<Value = Value> {
    prop::collection::vec(property(), 0..5).prop_map(|properties| {
        let known: BTreeMap<String, Value> = properties
            .into_iter()
            .map(|it| (it["name"].to_string(), it))
            .collect();
        thing(&known.into_values().collect(), &json!([]))
    })
}

fn instance() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        Just(json!("x")),
        Just(json!("long")),
        Just(json!(3)),
        Just(json!(7)),
        Just(json!(true))
    ];
    prop::collection::btree_map((0..4_u8).prop_map(|it| format!("p{it}")), value, 0..4)
        .prop_map(|data| Value::Object(data.into_iter().collect::<Map<_, _>>()))
}

/// Whether a property takes a value, told by a class that has nothing else.
fn accepts(property: &Value, value: &Value) -> bool {
    let alone = class(&thing(&json!([property]), &json!([])));
    let key = property["name"].as_str().unwrap().to_owned();
    let data = [(key, Json::from(value.clone()))].into_iter().collect();
    alone
        .new_instance(Some(&id("x")), &data, command(), 0)
        .is_ok()
}

fn find<'a>(definition: &'a Value, name: &str) -> Option<&'a Value> {
    let properties = definition["properties"].as_array().unwrap();
    properties.iter().find(|it| it["name"] == name)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn without_a_change_there_are_no_findings(definition in definition()) {
        let schema = schema(&[definition]);
        prop_assert_eq!(lint(&schema, &schema, &[]), []);
    }

    #[test]
    fn counts_match_a_naive_recount(
        before in definition(), after in definition(), instances in prop::collection::vec(instance(), 0..12),
    ) {
        let shown: Vec<(&str, &str, Value)> =
            instances.iter().map(|data| ("Thing", "i", data.clone())).collect();
        let found = lint(&schema(std::slice::from_ref(&before)), &schema(std::slice::from_ref(&after)), &shown);
        let count = |test: &dyn Fn(&Value) -> bool| instances.iter().filter(|it| test(it)).count() as u64;
        let mut expected = BTreeMap::new();
        for index in 0..4 {
            let name = format!("p{index}");
            let (old, new) = (find(&before, &name), find(&after, &name));
            let required = |it: Option<&Value>| it.is_some_and(|it| it["required"] == true);
            let mut tell = |code: &str, affected: u64| expected.insert((code.to_owned(), name.clone()), affected);
            let breaks = |data: &Value| match (old, new, data.get(&name)) {
                (Some(old), Some(new), Some(value)) => accepts(old, value) && !accepts(new, value),
                _ => false,
            };
            match (old, new) {
                (Some(_), None) => { tell("property_removed", count(&|data| data.get(&name).is_some())); }
                (Some(old), Some(new)) if old["type"] != new["type"] => { tell("type_changed", count(&breaks)); }
                (Some(old), Some(new)) if old["constraints"] != new["constraints"] => { tell("constraint_changed", count(&breaks)); }
                _ => {}
            }
            if required(new) && !required(old) {
                tell("required_added", count(&|data| data.get(&name).is_none()));
            }
        }
        let reported: BTreeMap<(String, String), u64> = found.iter()
            .map(|it| ((it.code.to_owned(), it.field.clone()), it.affected))
            .collect();
        prop_assert_eq!(reported.len(), found.len());
        prop_assert_eq!(reported, expected);
        for finding in &found {
            prop_assert_eq!(finding.severity == Severity::Breaking, finding.affected > 0);
            prop_assert!(finding.sample_instance_ids.len() as u64 == finding.affected.min(5));
        }
    }
}
