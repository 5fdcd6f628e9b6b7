//! Classes as people write them: what is accepted, kept, derived, refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use spice_core::{
    error::{ErrorCode, Refusal},
    json::Json,
    name::ClassName,
    ontology::{Cardinality, Class, PropertyType, Schema},
};
use support::{class, class_of, json, name};

const SHOP: &str = r#"{"label":{"ko":"상품","en":"shop product","de":"Ware"},
    "description":{"en":"What we sell"},"parent_class":"Thing","abstract":false,
    "properties":[
        {"name":"product_id","type":"xsd:string","primaryKey":true,"required":true,"label":{"en":"Code","ko":"코드"}},
        {"name":"price","type":"decimal","constraints":{"min":0.10,"max":1208925819614629174706176},"default":1.10},
        {"name":"tags","type":"array","items":{"type":"string","constraints":{"maxLength":5}}},
        {"name":"maker","type":"link","linkTarget":"Company","cardinality":"n:1","integrity":"strict"},
        {"name":"parts","type":"array","items":{"type":"link","linkTarget":"Part"}},
        {"name":"similar","type":"string","isRelationship":true,"target":"ShopProduct","cardinality":"n:n"}],
    "relationships":[
        {"predicate":"sold_by","target":"Shop","label":"sold by","inverse_predicate":"sells","inverse_label":{"en":"sells"}}],
    "metadata":{"anything":{"at":["all",null]},"additional_properties":null}}"#;

fn refusal(definition: &Value) -> Refusal {
    match Class::create(&Json::from(definition.clone())) {
        Ok(class) => panic!("accepted: {class:?}"),
        Err(refusal) => refusal,
    }
}

#[test]
fn a_definition_is_kept_as_written_with_its_id_in_front() {
    let shop = class(SHOP);
    assert_eq!(shop.id.as_str(), "ShopProduct");
    let written = json(SHOP);
    let rest = written.as_str().strip_prefix('{').unwrap();
    assert_eq!(
        shop.definition.as_str(),
        format!("{{\"id\":\"ShopProduct\",{rest}")
    );
    let again = Class::create(&shop.definition).unwrap();
    assert_eq!(again.definition, shop.definition);
    let stored = Class::stored(shop.id.clone(), &shop.definition).unwrap();
    assert_eq!(stored.definition, shop.definition);
    assert_eq!(stored.properties().len(), 3);
}

#[test]
fn what_a_class_says_is_understood() {
    let shop = class(SHOP);
    let properties: Vec<_> = shop
        .properties()
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(properties, ["product_id", "price", "tags"]);
    let id = &shop.properties()[0];
    assert_eq!(
        (id.type_name.as_str(), id.property_type),
        ("xsd:string", PropertyType::String)
    );
    assert!(id.required && id.primary_key && !id.unique);
    assert_eq!(id.label.get(Some("de, en;q=0.5")), "Code");
    assert_eq!(shop.properties()[1].default, Some(json("1.10")));
    let relationships: Vec<_> = shop
        .relationships()
        .iter()
        .map(|it| {
            (
                it.predicate.as_str(),
                it.target.as_str(),
                it.cardinality,
                it.strict,
            )
        })
        .collect();
    assert_eq!(
        relationships,
        [
            ("maker", "Company", Cardinality::ManyToOne, true),
            ("parts", "Part", Cardinality::OneToMany, false),
            ("similar", "ShopProduct", Cardinality::ManyToMany, false),
            ("sold_by", "Shop", Cardinality::OneToMany, false),
        ]
    );
    let sold_by = &shop.relationships()[3];
    assert_eq!(
        sold_by.inverse_predicate.as_ref().unwrap().as_str(),
        "sells"
    );
    assert_eq!(sold_by.inverse_label.as_ref().unwrap().get(None), "sells");
    assert_eq!(shop.property_type(&name("maker")), Some(PropertyType::Link));
    assert_eq!(
        shop.property_type(&name("price")),
        Some(PropertyType::Decimal)
    );
    assert_eq!(
        shop.property_type(&name("Code")),
        None,
        "a label is no property id"
    );
    assert_eq!(
        shop.relationship_target(&name("maker")).unwrap().as_str(),
        "Company"
    );
    assert_eq!(shop.relationship_target(&name("price")), None);
    let targets: Vec<_> = shop.targets().iter().map(|it| it.as_str()).collect();
    assert_eq!(targets, ["Company", "Part", "Shop", "ShopProduct"]);
    let texts: Vec<_> = shop.text_properties().map(|it| it.as_str()).collect();
    assert_eq!(texts, ["product_id", "tags"]);
    let keys: Vec<_> = shop.primary_key().map(|it| it.name.as_str()).collect();
    assert_eq!(keys, ["product_id"]);
    assert_eq!(shop.parent().unwrap().as_str(), "Thing");
    assert_eq!(shop.description().unwrap().get(None), "What we sell");
    assert!(!shop.is_abstract() && !shop.allows_additional_properties());
    assert_eq!(shop.resolve("코드").unwrap().as_str(), "product_id");
    assert_eq!(shop.resolve("sold by").unwrap().as_str(), "sold_by");
    assert_eq!(shop.resolve("CODE"), None);
}

#[test]
fn the_id_comes_from_the_label() {
    let fifty = "A".repeat(50);
    let sixty = "a".repeat(60);
    for (label, id) in [
        (json!("Product"), "Product"),
        (json!("product"), "Product"),
        (json!("order item"), "OrderItem"),
        (json!("orderItem"), "OrderItem"),
        (json!("order-item_line (new)"), "OrderItemLineNew"),
        (json!("3PL order"), "Class3PLOrder"),
        (json!("  a  "), "A"),
        (json!("C# lang"), "CLang"),
        (json!("상품 Product 2"), "Product2"),
        (json!({"ko": "물건", "en": "thing"}), "Thing"),
        (json!({"ko": "mul geon", "fr": "chose"}), "MulGeon"),
        (json!({"fr": "chose", "de": "Ding"}), "Chose"),
        (json!({"en": "물건", "ko": "thing"}), "Thing"),
        (json!(fifty), fifty.as_str()),
        (json!(sixty), &format!("A{}", "a".repeat(49))),
        (
            json!(format!("9{sixty}")),
            &format!("Class9{}", "a".repeat(44)),
        ),
    ] {
        let class = Class::create(&json!({"label": label, "id": null}).into()).unwrap();
        assert_eq!(class.id.as_str(), id);
        assert!(
            class
                .definition
                .as_str()
                .starts_with(&format!("{{\"id\":\"{id}\","))
        );
        assert_eq!(class.definition.as_str().matches("\"id\"").count(), 1);
    }
    let refusal = refusal(&json!({"label": "상품"}));
    assert_eq!(
        (refusal.code, &refusal.detail["field"]),
        (ErrorCode::InvalidRequest, &json!("id"))
    );
}

#[test]
fn a_wrong_shape_is_refused_by_field_and_rule() {
    let property = |property: Value| json!({"label": "T", "properties": [property]});
    let relationship = |it: Value| json!({"label": "T", "relationships": [it]});
    let of = |constraints: Value| {
        property(json!({"name": "a", "type": "string", "constraints": constraints}))
    };
    for (definition, field, rule) in [
        (json!([]), "", "type"),
        (json!("x"), "", "type"),
        (json!({}), "label", "required"),
        (json!({"label": null}), "label", "required"),
        (json!({"label": ""}), "label", "required"),
        (json!({"label": " "}), "label", "required"),
        (json!({"label": {}}), "label", "required"),
        (json!({"label": 5}), "label", "type"),
        (json!({"label": {"en": 5}}), "label", "type"),
        (json!({"label": "x".repeat(201)}), "label", "maxLength"),
        (json!({"label": "T", "id": 5}), "id", "type"),
        (
            json!({"label": "T", "description": 5}),
            "description",
            "type",
        ),
        (json!({"label": "T", "abstract": "yes"}), "abstract", "type"),
        (
            json!({"label": "T", "parent_class": "T"}),
            "parent_class",
            "parent_class",
        ),
        (json!({"label": "T", "colour": 1}), "colour", "unknown"),
        (json!({"label": "T", "metadata": []}), "metadata", "type"),
        (
            json!({"label": "T", "metadata": {"additional_properties": 1}}),
            "metadata.additional_properties",
            "type",
        ),
        (
            json!({"label": "T", "properties": {}}),
            "properties",
            "type",
        ),
        (
            json!({"label": "T", "properties": [5]}),
            "properties[0]",
            "type",
        ),
        (
            property(json!({"type": "string"})),
            "properties[0].name",
            "required",
        ),
        (
            property(json!({"name": "a"})),
            "properties[0].type",
            "required",
        ),
        (
            property(json!({"name": "a", "type": 5})),
            "properties[0].type",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "strin"})),
            "properties[0].type",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "xsd:xsd:string"})),
            "properties[0].type",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "string", "requried": true})),
            "properties[0].requried",
            "unknown",
        ),
        (
            property(json!({"name": "a", "type": "string", "required": 1})),
            "properties[0].required",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "string", "label": ""})),
            "properties[0].label",
            "required",
        ),
        (
            property(json!({"name": "a", "type": "string", "cardinality": "1:n"})),
            "properties[0].cardinality",
            "constraint",
        ),
        (
            property(json!({"name": "a", "type": "string", "items": "string"})),
            "properties[0].items",
            "constraint",
        ),
        (
            property(json!({"name": "a", "type": "array", "items": {"type": "x"}})),
            "properties[0].items.type",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "array", "items": "link"})),
            "properties[0].items",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "array", "items": {"type": "link"}})),
            "properties[0].items.linkTarget",
            "required",
        ),
        (
            property(json!({"name": "a", "type": "enum"})),
            "properties[0].type",
            "enum",
        ),
        (
            property(json!({"name": "a", "type": "boolean", "primaryKey": true})),
            "properties[0].primaryKey",
            "primary_key",
        ),
        (
            property(json!({"name": "a", "type": "link", "linkTarget": "B", "primary_key": true})),
            "properties[0].primary_key",
            "primary_key",
        ),
        (
            property(
                json!({"name": "a", "type": "string", "primaryKey": true, "primary_key": false}),
            ),
            "properties[0].primary_key",
            "duplicate",
        ),
        (
            property(json!({"name": "a", "type": "link"})),
            "properties[0].linkTarget",
            "required",
        ),
        (
            property(json!({"name": "a", "type": "link", "target": "B", "linkTarget": "C"})),
            "properties[0].target",
            "duplicate",
        ),
        (
            property(json!({"name": "a", "type": "link", "target": "B", "cardinality": "2:n"})),
            "properties[0].cardinality",
            "cardinality",
        ),
        (
            property(json!({"name": "a", "type": "link", "target": "B", "integrity": "loose"})),
            "properties[0].integrity",
            "integrity",
        ),
        (
            property(
                json!({"name": "a", "type": "link", "target": "B", "cardinality": "n:1", "constraints": {"minItems": 1}}),
            ),
            "properties[0].constraints.minItems",
            "unknown",
        ),
        (
            property(
                json!({"name": "a", "type": "link", "target": "B", "constraints": {"min": 1}}),
            ),
            "properties[0].constraints.min",
            "constraint",
        ),
        (
            property(json!({"name": "a", "type": "integer", "default": "5"})),
            "properties[0].default",
            "default",
        ),
        (
            property(
                json!({"name": "a", "type": "integer", "default": 5, "constraints": {"max": 4}}),
            ),
            "properties[0].default",
            "default",
        ),
        (
            property(json!({"name": "a", "type": "link", "target": "B", "default": ["C/1"]})),
            "properties[0].default",
            "default",
        ),
        (
            relationship(json!({"target": "B"})),
            "relationships[0].predicate",
            "required",
        ),
        (
            relationship(json!({"predicate": "b"})),
            "relationships[0].target",
            "required",
        ),
        (
            relationship(json!({"predicate": "b", "target": "B", "type": "x"})),
            "relationships[0].type",
            "unknown",
        ),
        (of(json!([])), "properties[0].constraints", "type"),
        (
            of(json!({"minimum": 1})),
            "properties[0].constraints.minimum",
            "unknown",
        ),
        (
            of(json!({"min": 1})),
            "properties[0].constraints.min",
            "constraint",
        ),
        (
            of(json!({"minItems": 1})),
            "properties[0].constraints.minItems",
            "constraint",
        ),
        (
            of(json!({"minLength": -1})),
            "properties[0].constraints.minLength",
            "type",
        ),
        (
            of(json!({"minLength": 1.5})),
            "properties[0].constraints.minLength",
            "type",
        ),
        (
            of(json!({"minLength": 2, "maxLength": 1})),
            "properties[0].constraints.minLength",
            "constraint",
        ),
        (
            of(json!({"pattern": "("})),
            "properties[0].constraints.pattern",
            "pattern",
        ),
        (
            of(json!({"pattern": "(?=a)"})),
            "properties[0].constraints.pattern",
            "pattern",
        ),
        (
            of(json!({"pattern": "(a{1000}){1000}"})),
            "properties[0].constraints.pattern",
            "pattern",
        ),
        (
            of(json!({"pattern": 5})),
            "properties[0].constraints.pattern",
            "type",
        ),
        (
            of(json!({"format": "colour"})),
            "properties[0].constraints.format",
            "format",
        ),
        (
            of(json!({"enum": []})),
            "properties[0].constraints.enum",
            "required",
        ),
        (
            of(json!({"enum": "a"})),
            "properties[0].constraints.enum",
            "type",
        ),
        (
            of(json!({"enum": ["a", 5]})),
            "properties[0].constraints.enum[1]",
            "type",
        ),
        (
            of(json!({"unique": "yes"})),
            "properties[0].constraints.unique",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "integer", "constraints": {"min": 5, "max": 4}})),
            "properties[0].constraints.min",
            "constraint",
        ),
        (
            property(json!({"name": "a", "type": "decimal", "constraints": {"min": "5"}})),
            "properties[0].constraints.min",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "date", "constraints": {"min": "2026"}})),
            "properties[0].constraints.min",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "integer", "constraints": {"pattern": "a"}})),
            "properties[0].constraints.pattern",
            "constraint",
        ),
        (
            property(
                json!({"name": "a", "type": "array", "constraints": {"minItems": 3, "maxItems": 2}}),
            ),
            "properties[0].constraints.minItems",
            "constraint",
        ),
    ] {
        let refusal = refusal(&definition);
        assert_eq!(
            refusal.code,
            ErrorCode::InvalidRequest,
            "{definition}: {refusal}"
        );
        assert_eq!(refusal.detail["field"], field, "{definition}: {refusal}");
        assert_eq!(refusal.detail["rule"], rule, "{definition}: {refusal}");
        assert!(refusal.message.starts_with(field), "{refusal}");
    }
}

#[test]
fn an_unknown_type_names_the_ones_there_are() {
    let refusal = class_of(&json!({"type": "varchar"})).unwrap_err();
    assert!(
        refusal.detail["allowed"]
            .as_array()
            .unwrap()
            .contains(&json!("string"))
    );
    assert!(refusal.message.contains("geopoint"), "{refusal}");
    assert_eq!(refusal.detail["value"], "varchar");
}

#[test]
fn a_bad_name_is_an_invalid_name_wherever_it_stands() {
    for (definition, field) in [
        (json!({"label": "T", "id": "1x"}), "id"),
        (json!({"label": "T", "id": "a b"}), "id"),
        (json!({"label": "T", "parent_class": "a b"}), "parent_class"),
        (
            json!({"label": "T", "properties": [{"name": "a b", "type": "string"}]}),
            "properties[0].name",
        ),
        (
            json!({"label": "T", "properties": [{"name": "a", "type": "link", "target": "1"}]}),
            "properties[0].target",
        ),
        (
            json!({"label": "T", "relationships": [{"predicate": "_", "target": "B"}]}),
            "relationships[0].predicate",
        ),
        (
            json!({"label": "T", "relationships": [{"predicate": "b", "target": "B", "inverse_predicate": ""}]}),
            "relationships[0].inverse_predicate",
        ),
    ] {
        let refusal = refusal(&definition);
        assert_eq!(refusal.code, ErrorCode::InvalidName, "{definition}");
        assert_eq!(refusal.detail["field"], field);
    }
}

#[test]
fn a_name_or_label_stands_for_one_property_only() {
    let string = |name: &str, label: Value| json!({"name": name, "type": "string", "label": label});
    let link = |predicate: &str, label: Value| json!({"predicate": predicate, "target": "B", "label": label});
    for (properties, relationships) in [
        (
            json!([string("a", json!("x")), string("a", json!("y"))]),
            json!([]),
        ),
        (
            json!([string("a", json!("x")), string("b", json!("x"))]),
            json!([]),
        ),
        (
            json!([
                string("a", json!({"en": "x", "ko": "y"})),
                string("b", json!({"de": "y"}))
            ]),
            json!([]),
        ),
        (
            json!([string("a", json!("b")), string("b", json!("y"))]),
            json!([]),
        ),
        (
            json!([string("a", json!("y")), string("b", json!("a"))]),
            json!([]),
        ),
        (
            json!([string("a", json!("x"))]),
            json!([link("a", json!("y"))]),
        ),
        (
            json!([string("a", json!("x"))]),
            json!([link("b", json!("x"))]),
        ),
        (
            json!([]),
            json!([link("b", json!("x")), link("b", json!("z"))]),
        ),
    ] {
        let refusal = refusal(
            &json!({"label": "T", "properties": properties, "relationships": relationships}),
        );
        assert_eq!(refusal.detail["rule"], "duplicate", "{refusal}");
    }
    class(
        r#"{"label":"T","properties":[{"name":"a","type":"string","label":{"en":"a","ko":"a","de":"A"}}]}"#,
    );
    let twice = Class::create(&json(r#"{"label":"T","label":"U"}"#)).unwrap_err();
    assert_eq!(
        (&twice.detail["field"], &twice.detail["rule"]),
        (&json!("label"), &json!("duplicate"))
    );
}

#[test]
fn a_definition_that_no_reader_could_read_is_refused() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for metadata in [deep.as_str(), "1e999", r#""\ud800""#] {
        let definition = json(&format!(r#"{{"label":"T","metadata":{{"x":{metadata}}}}}"#));
        assert_eq!(
            Class::create(&definition).unwrap_err().detail["rule"],
            "limit"
        );
    }
}

#[test]
fn a_patch_replaces_what_it_gives_and_keeps_the_rest() {
    let shop = class(SHOP);
    let patched = shop
        .patched(&json(
            r#"{"description":"New","properties":[{"name":"x","type":"integer"}]}"#,
        ))
        .unwrap();
    assert_eq!(patched.id, shop.id);
    assert_eq!(
        patched.properties().len(),
        1,
        "a list is replaced as a whole"
    );
    assert_eq!(patched.relationships().len(), 1, "what is not given stays");
    assert_eq!(patched.label(Some("de")), "Ware");
    let order = |class: &Class| {
        let tree: serde_json::Map<String, Value> = class.definition.read().unwrap();
        tree.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(order(&patched), order(&shop), "the order written stays");
    let same = shop.patched(&json("{}")).unwrap();
    assert_eq!(same.definition, shop.definition);
    let same = shop.patched(&json(r#"{"id":"ShopProduct"}"#)).unwrap();
    assert_eq!(same.definition, shop.definition);
    let without = shop
        .patched(&json(r#"{"parent_class":null,"id":null}"#))
        .unwrap();
    assert!(without.parent().is_none() && !without.definition.as_str().contains("parent_class"));
    assert_eq!(without.id, shop.id);
    let relabelled = shop.patched(&json(r#"{"label":"Other"}"#)).unwrap();
    assert_eq!(
        relabelled.id.as_str(),
        "ShopProduct",
        "the id does not follow the label"
    );
    for (patch, field) in [
        (r#"{"id":"Other"}"#, "id"),
        (r#"{"colour":1}"#, "colour"),
        (r#"{"label":null}"#, "label"),
        (
            r#"{"properties":[{"name":"sold_by","type":"string"}]}"#,
            "relationships[0]",
        ),
        (r#"{"properties":[{"name":"x"}]}"#, "properties[0].type"),
        ("[]", ""),
    ] {
        let refusal = shop.patched(&json(patch)).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidRequest);
        assert_eq!(refusal.detail["field"], field, "{refusal}");
    }
}

#[test]
fn what_the_log_kept_is_read_even_when_todays_rules_refuse_it() {
    let id: ClassName = "Old".parse().unwrap();
    let old = r#"{"id":"Old","label":"Old","gone":1,"abstract":true,"properties":[
        {"name":"a","type":"integer","colour":1,"required":true},
        {"name":"b","type":"hologram","primaryKey":true},{"name":"c d","type":"string"},5,
        {"name":"e","type":"string","constraints":{"maxLength":2}}],
        "relationships":[{"predicate":"p","target":"T"},{"predicate":"q"}]}"#;
    assert!(Class::create(&json(old)).is_err());
    let class = Class::stored(id.clone(), &json(old)).unwrap();
    assert_eq!(class.definition, json(old));
    assert_eq!(class.property_type(&name("a")), Some(PropertyType::Integer));
    assert_eq!(class.property_type(&name("b")), Some(PropertyType::Json));
    assert_eq!(class.properties().len(), 3);
    assert!(class.properties()[0].required && class.properties()[1].primary_key);
    assert_eq!(class.relationships().len(), 1);
    assert!(class.is_abstract());
    assert_eq!(
        Class::stored(id.clone(), &json("{}")).unwrap().label(None),
        "Old"
    );
    assert_eq!(
        Class::stored(id, &json("5")).unwrap_err().code,
        ErrorCode::Internal
    );
}

#[test]
fn a_label_is_looked_up_by_accept_language_then_ko_en_and_the_first() {
    let all =
        class(r#"{"id":"T","label":{"de":"Ware","en":"Product","ko":"상품","pt-BR":"Produto"}}"#);
    for (accept, label) in [
        (None, "상품"),
        (Some(""), "상품"),
        (Some("en"), "Product"),
        (Some("EN-us"), "Product"),
        (Some("pt"), "Produto"),
        (Some("pt-PT"), "Produto"),
        (Some("fr, de;q=0.3, en;q=0.7"), "Product"),
        (Some("de;q=0.8,en;q=0.7"), "Ware"),
        (Some("en;q=0, de;q=0.1"), "Ware"),
        (Some("*"), "상품"),
        (Some("fr"), "상품"),
        (Some("de;q=x,en"), "Product"),
        (Some(";;,,q=1;"), "상품"),
    ] {
        assert_eq!(all.label(accept), label, "{accept:?}");
    }
    assert_eq!(
        class(r#"{"id":"T","label":{"de":"Ware","en":"Product"}}"#).label(None),
        "Product"
    );
    assert_eq!(
        class(r#"{"id":"T","label":{"de":"Ware","fr":"Chose"}}"#).label(Some("it")),
        "Ware"
    );
    assert_eq!(
        class(r#"{"id":"T","label":"Thing"}"#).label(Some("ko")),
        "Thing"
    );
}

#[test]
fn a_class_is_found_by_id_then_by_any_label() {
    let mut schema = Schema::default();
    for definition in [
        r#"{"id":"A","label":{"en":"B","ko":"가"}}"#,
        r#"{"id":"B","label":"Bee"}"#,
        r#"{"id":"C","label":"order item"}"#,
    ] {
        schema.put(Arc::new(class(definition)));
    }
    let found = |text: &str| {
        schema
            .resolve(text)
            .map(|class| class.id.as_str().to_owned())
    };
    assert_eq!(found("A").as_deref(), Some("A"));
    assert_eq!(
        found("B").as_deref(),
        Some("B"),
        "an id comes before a label"
    );
    assert_eq!(found("가").as_deref(), Some("A"));
    assert_eq!(found("order item").as_deref(), Some("C"));
    assert_eq!(found("a"), None);
    assert_eq!(found(""), None);
    assert_eq!(schema.iter().count(), 3);
    let mut without = schema.clone();
    without.remove(&"C".parse().unwrap());
    assert!(without.get(&"C".parse().unwrap()).is_none() && schema.resolve("C").is_some());
}

#[test]
fn every_type_has_a_name_with_and_without_xsd() {
    for name in PropertyType::names() {
        let kind = PropertyType::parse(name).unwrap();
        assert_eq!(PropertyType::parse(&format!("xsd:{name}")), Some(kind));
        assert_eq!(PropertyType::parse(kind.as_str()), Some(kind));
    }
    for name in [
        "string",
        "text",
        "integer",
        "decimal",
        "number",
        "float",
        "double",
        "boolean",
        "date",
        "dateTime",
        "anyURI",
        "url",
        "email",
        "phone",
        "money",
        "enum",
        "uuid",
        "ip",
        "json",
        "object",
        "array",
        "coordinate",
        "geopoint",
        "address",
        "image",
        "file",
        "link",
    ] {
        assert!(PropertyType::parse(name).is_some(), "{name}");
    }
    assert_eq!(PropertyType::parse("String"), None);
    assert_eq!(PropertyType::parse(""), None);
}

proptest! {
    #[test]
    fn no_definition_panics(text in "\\PC{0,40}", key in 0..8_usize, depth in 0..3_usize) {
        let keys = ["id", "label", "description", "parent_class", "abstract", "properties", "relationships", "metadata"];
        let value = match depth {
            0 => json!(text),
            1 => json!([text]),
            _ => json!([{"name": text, "type": "string", "predicate": text, "target": text, "constraints": {"pattern": text}}]),
        };
        let mut definition = json!({"label": "T"});
        definition[keys[key]] = value;
        let definition = Json::from(definition);
        if let Ok(class) = Class::create(&definition) {
            prop_assert_eq!(Class::create(&class.definition).unwrap().id, class.id.clone());
            let same = class.patched(&json("{}"));
            prop_assert!(same.is_ok());
        }
        let _ = Class::stored("T".parse().unwrap(), &definition);
    }

    #[test]
    fn a_derived_id_is_a_class_name_of_at_most_50(label in "\\PC{1,80}") {
        if let Ok(class) = Class::create(&json!({"label": label}).into()) {
            prop_assert!(class.id.as_str().len() <= 50);
            prop_assert!(class.id.as_str().chars().all(|c| c.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn a_definition_keeps_its_digits_and_its_order(number in "[1-9][0-9]{0,40}\\.[0-9]{1,20}", first in any::<bool>()) {
        let metadata = if first { format!("\"z\":{number},\"a\":1") } else { format!("\"a\":1,\"z\":{number}") };
        let text = format!("{{\"id\":\"T\",\"metadata\":{{{metadata}}},\"label\":\"T\"}}");
        let class = Class::create(&json(&text)).unwrap();
        prop_assert_eq!(class.definition.as_str(), text.as_str());
        let patched = class.patched(&json(r#"{"description":"d"}"#)).unwrap();
        let expected = format!("{},\"description\":\"d\"}}", text.strip_suffix('}').unwrap());
        prop_assert_eq!(patched.definition.as_str(), expected);
    }
}
