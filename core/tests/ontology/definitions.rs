//! Classes as people write them: what is kept, understood, derived, patched, read again.

use proptest::prelude::*;
use serde_json::{Value, json};
use spice_core::{
    error::ErrorCode,
    json::Json,
    name::ClassName,
    ontology::{Cardinality, Class, PropertyType},
};

use crate::support::{class, json, name, refusal};

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
    let stored = Class::parse_stored(shop.id.clone(), &shop.definition).unwrap();
    assert_eq!(stored.definition, shop.definition);
    assert_eq!(stored.properties().len(), 3);
}

#[test]
fn a_class_definition_is_parsed() {
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
fn a_patch_replaces_given_fields_and_keeps_the_rest() {
    let shop = class(SHOP);
    let patched = shop
        .patch(&json(
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
    let same = shop.patch(&json("{}")).unwrap();
    assert_eq!(same.definition, shop.definition);
    let same = shop.patch(&json(r#"{"id":"ShopProduct"}"#)).unwrap();
    assert_eq!(same.definition, shop.definition);
    let without = shop
        .patch(&json(r#"{"parent_class":null,"id":null}"#))
        .unwrap();
    assert!(without.parent().is_none() && !without.definition.as_str().contains("parent_class"));
    assert_eq!(without.id, shop.id);
    let relabelled = shop.patch(&json(r#"{"label":"Other"}"#)).unwrap();
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
        let refusal = shop.patch(&json(patch)).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidRequest);
        assert_eq!(refusal.detail["field"], field, "{refusal}");
    }
}

#[test]
fn stored_definitions_are_read_even_if_refused_today() {
    let id: ClassName = "Old".parse().unwrap();
    let old = r#"{"id":"Old","label":"Old","gone":1,"abstract":true,"properties":[
        {"name":"a","type":"integer","colour":1,"required":true},
        {"name":"b","type":"hologram","primaryKey":true},{"name":"c d","type":"string"},5,
        {"name":"e","type":"string","constraints":{"maxLength":2}}],
        "relationships":[{"predicate":"p","target":"T"},{"predicate":"q"}]}"#;
    assert!(Class::create(&json(old)).is_err());
    let class = Class::parse_stored(id.clone(), &json(old)).unwrap();
    assert_eq!(class.definition, json(old));
    assert_eq!(class.property_type(&name("a")), Some(PropertyType::Integer));
    assert_eq!(class.property_type(&name("b")), Some(PropertyType::Json));
    assert_eq!(class.properties().len(), 3);
    assert!(class.properties()[0].required && class.properties()[1].primary_key);
    assert_eq!(class.relationships().len(), 1);
    assert!(class.is_abstract());
    assert_eq!(
        Class::parse_stored(id.clone(), &json("{}"))
            .unwrap()
            .label(None),
        "Old"
    );
    assert_eq!(
        Class::parse_stored(id, &json("5")).unwrap_err().code,
        ErrorCode::Internal
    );
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
            prop_assert_eq!(&Class::create(&class.definition).unwrap().id, &class.id);
            let same = class.patch(&json("{}"));
            prop_assert!(same.is_ok());
        }
        let _ = Class::parse_stored("T".parse().unwrap(), &definition);
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
        let patched = class.patch(&json(r#"{"description":"d"}"#)).unwrap();
        let expected = format!("{},\"description\":\"d\"}}", text.strip_suffix('}').unwrap());
        prop_assert_eq!(patched.definition.as_str(), expected);
    }
}
