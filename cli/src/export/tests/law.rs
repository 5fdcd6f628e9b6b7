//! The law: an import of an export gives the same instances, including ids.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};
use spice_core::{
    command::RawData,
    id::CommandId,
    json::{Json, Properties},
    name::{InstanceId, PropertyName},
    ontology::{Class, Schema},
};
use uuid::Uuid;

use super::{
    imported::{Sent, send_csv, send_lines},
    values::{Kind, documents, kinds},
};
use crate::export::table::Table;

/// The state of an instance: its values by property.
type State = BTreeMap<PropertyName, Json>;

/// Classes, of which the last is exported, and its instances.
#[derive(Debug, Clone)]
struct Case {
    classes: Vec<Value>,
    instances: Vec<(String, Vec<(String, String)>)>,
}

fn schema(classes: &[Value]) -> (Schema, Arc<Class>) {
    let mut schema = Schema::default();
    let mut last = String::new();
    for definition in classes {
        let class = Class::create(&Json::from(definition.clone())).unwrap();
        last = class.id.to_string();
        schema.put(Arc::new(class));
    }
    let class = Arc::clone(schema.resolve(&last).unwrap());
    (schema, class)
}

/// The instance that a class makes from values, as it is stored.
fn store(
    class: &Class,
    id: Option<&str>,
    data: &RawData,
    is_whole: bool,
) -> (InstanceId, Properties) {
    let (id, command) = (id.map(|id| id.parse().unwrap()), CommandId(Uuid::nil()));
    let made = if is_whole {
        class.new_whole_instance(id.as_ref(), data, command, 0)
    } else {
        class.new_instance(id.as_ref(), data, command, 0)
    };
    let made = made.unwrap_or_else(|refusal| panic!("{refusal}: {data:?}"));
    (made.id, made.properties)
}

/// Lines as the api shows instances.
fn lines(class: &Class, instances: &[(InstanceId, Properties)]) -> String {
    let line = |(id, properties): &(InstanceId, Properties)| {
        let data = serde_json::to_string(properties).unwrap();
        let class = class.id.as_str();
        format!(
            "{{\"instance_id\":{},\"class_id\":\"{class}\",\"data\":{data},\"event_sequence\":1}}\n",
            json!(id)
        )
    };
    instances.iter().map(line).collect()
}

/// Values with unescaped strings: JSON has several forms for one string.
fn state(properties: &Properties) -> State {
    let plain = |value: &Json| match value.as_string() {
        Some(text) => Json::from(json!(text)),
        None => value.clone(),
    };
    properties
        .iter()
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect()
}

fn table(schema: &Schema, class: &Class, lines: &str) -> String {
    let table = Table::survey(schema, class, lines.as_bytes()).unwrap();
    let mut csv = Vec::new();
    table.write(lines.as_bytes(), &mut csv).unwrap();
    String::from_utf8(csv).unwrap()
}

fn assert_same(class: &Class, instances: &[(InstanceId, Properties)], sent: &[Sent], text: &str) {
    let back: BTreeMap<InstanceId, State> = sent
        .iter()
        .map(|row| store(class, row.id.as_deref(), &row.data, row.is_whole))
        .map(|(id, properties)| (id, state(&properties)))
        .collect();
    let whole = instances
        .iter()
        .map(|(id, properties)| (id.clone(), state(properties)))
        .collect();
    assert_eq!(back, whole, "{text}");
    assert_eq!(sent.len(), instances.len(), "{text}");
}

/// Exports, imports into another database, and compares.
fn check(case: &Case) {
    let (schema, class) = schema(&case.classes);
    let mut instances: Vec<(InstanceId, Properties)> = Vec::new();
    for (id, values) in &case.instances {
        let data: RawData = values
            .iter()
            .map(|(name, text)| (name.clone(), Json::parse(text).unwrap()))
            .collect();
        let id = class.primary_key().next().is_none().then_some(id.as_str());
        let made = store(&class, id, &data, true);
        if !instances.iter().any(|(known, _)| *known == made.0) {
            instances.push(made);
        }
    }
    let lines = lines(&class, &instances);
    let csv = table(&schema, &class, &lines);
    let sent = send_csv(&schema, &class, csv.as_bytes());
    assert_same(&class, &instances, &sent, &csv);
    let sent = send_lines(&schema, lines.as_bytes());
    assert_same(&class, &instances, &sent, &lines);
}

/// Ids of any kind, without the `:` that joins the parts of a key.
fn ids() -> impl Strategy<Value = String> {
    let odd = [
        "a b",
        "한글",
        "a+b@example.org",
        "x/y?z=1,2;3",
        "\"q\"",
        "=1+1",
        "+5",
        "007",
        "%3A",
        "NULL",
        "-",
        "{}",
        "'",
    ];
    let odd = prop::sample::select(odd.to_vec()).prop_map(str::to_owned);
    prop_oneof!["[A-Za-z0-9_-]{1,20}", odd]
}

/// The keys of the class.
fn keys() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::select(vec![
        vec![],
        vec!["code"],
        vec!["serial", "code"],
        vec!["code", "rank"],
    ])
}

fn cases() -> impl Strategy<Value = Case> {
    let kinds = kinds();
    let count = kinds.len();
    let kinds = prop::sample::subsequence(kinds, 0..=count);
    (kinds, keys(), any::<bool>(), any::<prop::sample::Index>()).prop_flat_map(
        |(kinds, keys, is_open, split)| {
            let split = split.index(kinds.len() + 1);
            let classes = classes(&kinds, &keys, is_open, split);
            let instances = prop::collection::vec(instance(&kinds, &keys, is_open), 0..5);
            instances.prop_map(move |instances| Case {
                classes: classes.clone(),
                instances,
            })
        },
    )
}

/// A class that inherits some of its properties.
fn classes(kinds: &[Kind], keys: &[&str], is_open: bool, split: usize) -> Vec<Value> {
    let key = |name: &str| match name {
        "serial" => json!({"name": name, "type": "integer", "primaryKey": true}),
        "rank" => {
            json!({"name": name, "type": "enum", "constraints": {"enum": ["5", 5, "a"]}, "primaryKey": true})
        }
        _ => json!({"name": name, "type": "string", "primaryKey": true}),
    };
    let properties =
        |kinds: &[Kind]| -> Vec<Value> { kinds.iter().map(|it| it.property.clone()).collect() };
    let mut above = keys.iter().map(|name| key(name)).collect::<Vec<_>>();
    above.extend(properties(&kinds[..split]));
    vec![
        json!({"id": "Person", "label": "Person"}),
        json!({"id": "Base", "label": "Base", "properties": above}),
        json!({"id": "Kid", "label": {"en": "Kid", "ko": "아이"}, "parent_class": "Base",
            "properties": properties(&kinds[split..]), "metadata": {"additional_properties": is_open}}),
    ]
}

/// An id, and values for some of the properties.
fn instance(
    kinds: &[Kind],
    keys: &[&'static str],
    is_open: bool,
) -> impl Strategy<Value = (String, Vec<(String, String)>)> + use<> {
    let values: Vec<BoxedStrategy<Option<(String, String)>>> = kinds
        .iter()
        .map(|kind| {
            let name = kind.property["name"].as_str().unwrap().to_owned();
            let value = kind
                .values
                .clone()
                .prop_map(move |text| (name.clone(), text));
            prop::option::of(value).boxed()
        })
        .collect();
    let keys: Vec<BoxedStrategy<(String, String)>> = keys
        .iter()
        .map(|&name| {
            let value = match name {
                "serial" => "-?(0|[1-9][0-9]{0,20})".boxed(),
                "rank" => prop::sample::select(vec!["\"5\"", "\"a\"", "5"])
                    .prop_map(str::to_owned)
                    .boxed(),
                _ => ids().prop_map(|id| json!(id).to_string()).boxed(),
            };
            value.prop_map(move |text| (name.to_owned(), text)).boxed()
        })
        .collect();
    let others = if is_open { 0..4 } else { 0..1 };
    let others = prop::collection::btree_map("x[a-zA-Z0-9_]{0,3}", documents(), others);
    (ids(), keys, values, others).prop_map(|(id, keys, values, others)| {
        let values = keys.into_iter().chain(values.into_iter().flatten());
        (id, values.chain(others).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn an_import_of_an_export_gives_the_same_instances(case in cases()) {
        check(&case);
    }
}

#[test]
fn a_table_has_inherited_columns_and_extra_columns_only_when_needed() {
    let base = json!({"id": "Base", "label": "Base", "properties": [
        {"name": "code", "type": "string", "primaryKey": true}, {"name": "zip", "type": "string"}]});
    let kid = json!({"id": "Kid", "label": "Kid", "parent_class": "Base", "properties": [
        {"name": "size", "type": "integer"}, {"name": "raw", "type": "json"}]});
    let note = json!({"id": "Note", "label": "Note", "metadata": {"additional_properties": true}});
    let csv = |classes: &[Value], lines: &str| {
        let (schema, class) = schema(classes);
        table(&schema, &class, lines)
    };
    let kid = [base, kid];
    assert_eq!(csv(&kid, ""), "code,zip,size,raw\n");
    let plain = r#"{"instance_id":"a","data":{"code":"a","zip":"01","raw":"5"}}"#;
    assert_eq!(csv(&kid, plain), "code,zip,size,raw\na,01,,\"\"\"5\"\"\"\n");
    let empty = r#"{"instance_id":"a","data":{"code":"a","zip":"","size":5}}"#;
    assert_eq!(
        csv(&kid, empty),
        "code,zip,size,raw,_exact\na,,5,,\"{\"\"zip\"\":\"\"\"\"}\"\n"
    );
    let other = r#"{"instance_id":"b","data":{"code":"a"}}"#;
    assert_eq!(csv(&kid, other), "_id,code,zip,size,raw\nb,a,,,\n");
    assert_eq!(csv(std::slice::from_ref(&note), ""), "_id\n");
    let more = "{\"instance_id\":\"n1\",\"data\":{\"y\":\"1\"}}\n{\"instance_id\":\"n2\",\"data\":{\"x\":1}}";
    assert_eq!(
        csv(&[note], more),
        "_id,x,y,_exact\nn1,,1,\nn2,1,,\"{\"\"x\"\":1}\"\n"
    );
}
