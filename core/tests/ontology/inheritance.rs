//! What a class has from its parents, whatever the order in which classes are put in.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};
use spice_core::{
    json::Json,
    name::{ClassName, PropertyName},
    ontology::{Class, Schema},
};

use crate::support::{class, create, create_instance, id, name, patch, violations};

const PARTY: &str = r#"{"id":"Party","label":"Party","abstract":true,"properties":[
    {"name":"party_id","type":"string","primaryKey":true,"required":true},
    {"name":"name","type":"string","required":true,"label":{"en":"Name","ko":"이름"},"constraints":{"maxLength":8}},
    {"name":"country","type":"string","default":"KR"}],
    "relationships":[{"predicate":"knows","target":"Party","cardinality":"n:m"}]}"#;
const PERSON: &str = r#"{"id":"Person","label":"Person","parent_class":"Party","properties":[
    {"name":"name","type":"xsd:string","constraints":{"minLength":2}},
    {"name":"email","type":"email","constraints":{"unique":true}}]}"#;
const EMPLOYEE: &str = r#"{"id":"Employee","label":"Employee","parent_class":"Person","relationships":[
    {"predicate":"boss","target":"Employee","cardinality":"n:1"},
    {"predicate":"knows","target":"Person","cardinality":"n:m"}]}"#;

fn schema(definitions: &[&str]) -> Schema {
    let mut schema = Schema::default();
    for definition in definitions {
        schema.put(Arc::new(class(definition)));
    }
    schema
}

fn get<'a>(schema: &'a Schema, id: &str) -> &'a Class {
    schema.get(&id.parse().unwrap()).unwrap()
}

#[test]
fn a_resolved_definition_is_complete_and_equivalent() {
    let schema = schema(&[EMPLOYEE, PERSON, PARTY]);
    let of = |class: &str| schema.resolved_definition(&class.parse().unwrap()).unwrap();
    let resolved = of("Employee").unwrap();
    assert!(resolved.as_str().contains(r#""parent_class":"Person""#));
    let alone = resolved.as_str().replace(r#""parent_class":"Person","#, "");
    let alone = class(&alone);
    let employee = get(&schema, "Employee");
    let members =
        |class: &Class| -> Vec<String> { class.names().map(ToString::to_string).collect() };
    assert_eq!(members(&alone), members(employee));
    for data in [
        r#"{"party_id":"e1","이름":"Kim","boss":"Employee/e2"}"#,
        r#"{"party_id":"e","name":"K"}"#,
        r#"{"party_id":"e","name":"Kim Yuna Kim"}"#,
        r#"{"party_id":"e","name":"Kim","knows":["Person/p"],"email":"x"}"#,
        r#"{"name":"Kim"}"#,
    ] {
        let reported = |class: &Class| match create(class, data) {
            Ok(made) => Ok((made.id, made.properties)),
            Err(refusal) => Err(refusal.detail),
        };
        assert_eq!(reported(&alone), reported(employee), "{data}");
    }
    assert_eq!(of("Party").unwrap(), class(PARTY).definition, "as written");
    assert!(of("Nothing").is_none());
}

#[test]
fn a_class_inherits_the_members_of_its_parents() {
    let schema = schema(&[EMPLOYEE, PERSON, PARTY]);
    let employee = get(&schema, "Employee");
    let names: Vec<&str> = employee.names().map(PropertyName::as_str).collect();
    let expected = ["party_id", "name", "country", "email", "knows", "boss"];
    assert_eq!(names, expected);
    assert_eq!(
        employee.definition,
        class(EMPLOYEE).definition,
        "as written"
    );
    let made = create_instance(
        employee,
        r#"{"party_id":"e1","이름":"Kim","boss":"Employee/e2"}"#,
    );
    assert_eq!(made.id, id("e1"), "the key is inherited");
    assert_eq!(made.properties[&name("country")].as_str(), "\"KR\"");
    assert_eq!(made.properties[&name("name")].as_str(), "\"Kim\"");
    let rules = |text: &str| violations(create(employee, text));
    let of = |field: &str, rule: &str| vec![(field.to_owned(), rule.to_owned())];
    assert_eq!(rules(r#"{"party_id":"e"}"#), of("name", "required"));
    assert_eq!(
        rules(r#"{"party_id":"e","name":"K"}"#),
        of("name", "minLength")
    );
    let long = r#"{"party_id":"e","name":"Kim Yuna Kim"}"#;
    assert_eq!(
        rules(long),
        of("name", "maxLength"),
        "the grandparent's rule holds, too"
    );
    assert_eq!(
        violations(patch(employee, &made, r#"{"name":"K"}"#)),
        of("name", "minLength")
    );
    assert_eq!(made.unique, []);
    let mailed = patch(employee, &made, r#"{"email":"a@b.kr"}"#).unwrap();
    assert_eq!(mailed.unique.len(), 1, "unique is inherited");
    let party = violations(create(
        get(&schema, "Party"),
        r#"{"party_id":"p","name":"P"}"#,
    ));
    assert_eq!(party, of("Party", "abstract"));
}

#[test]
fn a_reference_to_a_class_may_point_to_a_subclass() {
    let mut schema = schema(&[PARTY, PERSON, EMPLOYEE]);
    let knows = |schema: &Schema, from: &str, to: &str| {
        let text = format!(r#"{{"party_id":"x","name":"Kim","knows":["{to}/1"]}}"#);
        create(get(schema, from), &text).is_ok()
    };
    assert!(knows(&schema, "Person", "Party"));
    assert!(knows(&schema, "Person", "Employee"));
    assert!(!knows(&schema, "Employee", "Party"), "narrowed to persons");
    assert!(knows(&schema, "Employee", "Employee"));
    assert!(!knows(&schema, "Person", "Robot"));
    schema.put(Arc::new(class(
        r#"{"id":"Robot","label":"Robot","parent_class":"Party"}"#,
    )));
    assert!(knows(&schema, "Person", "Robot"), "a class that came later");
    schema.remove(&"Person".parse().unwrap());
    let lone = get(&schema, "Employee");
    assert!(
        lone.resolve("name").is_none(),
        "nothing above a class that went"
    );
}

#[test]
fn contradictions_are_reported() {
    let of = |definitions: &[&str], class: &str| -> Vec<(String, String)> {
        let schema = schema(definitions);
        let found = schema.contradictions(&class.parse().unwrap());
        found.into_iter().map(|it| (it.field, it.rule)).collect()
    };
    let child = |members: &str| {
        format!(r#"{{"id":"Child","label":"Child","parent_class":"Person",{members}}}"#)
    };
    let reported = |members: &str| of(&[PARTY, PERSON, EMPLOYEE, &child(members)], "Child");
    let pair = |field: &str, rule: &str| vec![(field.to_owned(), rule.to_owned())];
    assert_eq!(
        reported(r#""properties":[{"name":"name","type":"string","required":true}]"#),
        []
    );
    let another_type = r#""properties":[{"name":"name","type":"text"}]"#;
    assert_eq!(reported(another_type), pair("name", "inherited"));
    let property = r#""properties":[{"name":"knows","type":"string"}]"#;
    assert_eq!(reported(property), pair("knows", "inherited"));
    let single = r#""relationships":[{"predicate":"knows","target":"Party","cardinality":"n:1"}]"#;
    assert_eq!(reported(single), pair("knows", "inherited"));
    let elsewhere =
        r#""relationships":[{"predicate":"knows","target":"Thing","cardinality":"n:m"}]"#;
    assert_eq!(reported(elsewhere), pair("knows", "inherited"));
    let relationship = r#""relationships":[{"predicate":"email","target":"Party"}]"#;
    assert_eq!(reported(relationship), pair("email", "inherited"));
    let label = r#""properties":[{"name":"nick","type":"string","label":"이름"}]"#;
    assert_eq!(reported(label), pair("nick", "duplicate"));
    let default =
        r#""properties":[{"name":"country","type":"string","constraints":{"minLength":3}}]"#;
    assert_eq!(reported(default), pair("country", "default"));
    assert_eq!(of(&[PERSON], "Person"), pair("parent_class", "parent"));
    let cycle = PARTY.replace(r#""abstract":true"#, r#""parent_class":"Employee""#);
    let all = [&*cycle, PERSON, EMPLOYEE];
    assert_eq!(of(&all, "Person"), pair("parent_class", "cycle"));
    let found = schema(&all).contradictions(&"Person".parse().unwrap());
    let way = "Person → Party → Employee → Person";
    assert!(found[0].message.contains(way), "{}", found[0].message);
}

/// Of a class of a random forest: its parent, and what it declares.
type Own = (Option<usize>, Vec<(usize, bool)>);

/// A random forest.
type Declared = BTreeMap<usize, Own>;

/// Of an effective class: its name, its properties and whether they are required, and which
/// classes its link leads to.
type Shown = (ClassName, Vec<(String, bool)>, Vec<bool>);

fn definition(index: usize, parent: Option<usize>, members: &[(usize, bool)]) -> Class {
    let properties: Vec<Value> = members
        .iter()
        .map(|(member, required)| {
            json!({"name": format!("p{member}"), "type": "string", "required": required})
        })
        .collect();
    let mut whole = json!({"id": format!("C{index}"), "label": format!("C{index}"), "properties": properties,
        "relationships": [{"predicate": "link", "target": "C0", "cardinality": "n:1"}]});
    if let Some(parent) = parent {
        whole["parent_class"] = json!(format!("C{parent}"));
    }
    Class::create(&Json::from(whole)).unwrap()
}

/// What a class has, by the plainest reading of the rule: its parent's, then its own.
fn naive_members(declared: &Declared, index: usize, met: &mut Vec<usize>) -> BTreeMap<usize, bool> {
    let Some((parent, members)) = declared.get(&index).filter(|_| !met.contains(&index)) else {
        return BTreeMap::new();
    };
    met.push(index);
    let mut all = parent.map_or_else(BTreeMap::new, |parent| naive_members(declared, parent, met));
    for (member, required) in members {
        *all.entry(*member).or_default() |= required;
    }
    all
}

fn is_below(declared: &Declared, class: usize, above: usize) -> bool {
    let mut current = Some(class);
    for _ in 0..=declared.len() {
        match current {
            Some(at) if at == above => return true,
            Some(at) => current = declared.get(&at).and_then(|(parent, _)| *parent),
            None => return false,
        }
    }
    false
}

fn shape(schema: &Schema) -> Vec<Shown> {
    let link = name("link");
    let mut all = Vec::new();
    for class in schema.iter() {
        let own = class.properties().iter();
        let properties = own.map(|it| (it.name.to_string(), it.required)).collect();
        let links = class.relationships().iter().find(|it| it.predicate == link);
        let leads = |index| {
            links
                .unwrap()
                .leads_to(&format!("C{index}").parse().unwrap())
        };
        all.push((class.id.clone(), properties, (0..8).map(leads).collect()));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Puts and removals in any order, read in between or not, make what a schema of the classes
    /// that are left makes, and that is what the naive reading says; cycles end somewhere.
    #[test]
    fn an_effective_class_depends_only_on_declarations(
        steps in prop::collection::vec(
            (0..8_usize, prop::option::weighted(0.7, 0..8_usize), prop::collection::btree_map(0..5_usize, any::<bool>(), 0..4), 0..10_u8),
            1..24,
        ),
    ) {
        let mut declared = Declared::new();
        let mut lived = Schema::default();
        for (index, parent, members, kind) in steps {
            let members: Vec<(usize, bool)> = members.into_iter().collect();
            if kind == 0 {
                declared.remove(&index);
                lived.remove(&format!("C{index}").parse().unwrap());
            } else {
                let parent = parent.filter(|parent| *parent != index);
                lived.put(Arc::new(definition(index, parent, &members)));
                declared.insert(index, (parent, members));
            }
            if kind % 2 == 1 {
                let _ = lived.iter().count();
            }
        }
        let put = |order: &mut dyn Iterator<Item = (&usize, &Own)>| {
            let mut schema = Schema::default();
            for (index, (parent, members)) in order {
                schema.put(Arc::new(definition(*index, *parent, members)));
            }
            schema
        };
        let fresh = put(&mut declared.iter());
        prop_assert_eq!(shape(&lived), shape(&fresh));
        prop_assert_eq!(shape(&put(&mut declared.iter().rev())), shape(&fresh));
        for index in declared.keys() {
            let class = get(&fresh, &format!("C{index}"));
            let cyclic = declared[index].0.is_some_and(|parent| is_below(&declared, parent, *index));
            let expected: BTreeMap<String, bool> = naive_members(&declared, *index, &mut Vec::new())
                .into_iter()
                .map(|(member, required)| (format!("p{member}"), required))
                .collect();
            let own: BTreeMap<String, bool> = (class.properties().iter())
                .map(|it| (it.name.to_string(), it.required))
                .collect();
            prop_assert_eq!(own, expected);
            let link = class.relationships().iter().find(|it| it.predicate == name("link")).unwrap();
            for other in declared.keys() {
                let leads = link.leads_to(&format!("C{other}").parse().unwrap());
                prop_assert_eq!(leads, is_below(&declared, *other, 0));
            }
            let reported = fresh.contradictions(&class.id).iter().any(|it| it.rule == "cycle");
            let reaches = |above| is_below(&declared, *index, above) && declared.get(&above)
                .and_then(|(parent, _)| *parent).is_some_and(|parent| is_below(&declared, parent, above));
            prop_assert_eq!(reported, cyclic || declared.keys().any(|above| reaches(*above)));
        }
    }
}

#[test]
fn a_resolved_member_has_one_spelling_of_its_flags() {
    let of = |id: &str, parent: &str, flag: &str| {
        format!(
            r#"{{"id":"{id}","label":"{id}"{parent},"properties":[{{"name":"code","type":"string"{flag}}}]}}"#
        )
    };
    let flags = [
        "",
        r#","primaryKey":true"#,
        r#","primary_key":true"#,
        r#","primaryKey":false"#,
        r#","primary_key":false"#,
        r#","primaryKey":false,"primary_key":false"#,
        r#","primary_key":true,"primaryKey":true"#,
    ];
    for (above, own) in flags.iter().flat_map(|above| flags.map(|own| (above, own))) {
        let parent = of("Base", "", above);
        let child = of("Kid", r#","parent_class":"Base""#, own);
        let schema = schema(&[&child, &parent]);
        let resolved = schema.resolved_definition(&"Kid".parse().unwrap());
        let resolved = resolved.unwrap().unwrap();
        let alone = class(&resolved.as_str().replace(r#""parent_class":"Base","#, ""));
        let is_key = |class: &Class| class.primary_key().count() == 1;
        assert_eq!(is_key(&alone), is_key(get(&schema, "Kid")), "{above} {own}");
    }
}
