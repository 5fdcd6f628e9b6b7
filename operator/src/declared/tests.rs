//! Tests which texts are declarations, and the problems of the others.

mod wrong;

use std::{fs, path::PathBuf};

use spice_crds::{Exact, Ontology};

use super::*;

const DEMO: &str = r"# the demo
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {name: demo-db}
spec: {description: A demo}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: order-line, namespace: team}
spec:
  databaseRef: {name: demo-db}
  classes:
  - name: OrderLine
    label: {ko: 주문, en: Order line}
    properties:
    - {name: id, type: string, primaryKey: true, constraints: {}}
    relationships: []
  driftPolicy: Correct
";

fn text(name: &str, text: impl AsRef<[u8]>) -> Source {
    Source::Text {
        name: name.to_owned(),
        bytes: text.as_ref().to_vec(),
    }
}

fn declared(yaml: &str) -> Vec<Declared> {
    read(&[text("f.yaml", yaml)]).unwrap().declared
}

fn flaws(yaml: &str) -> Vec<String> {
    let error = read(&[text("f.yaml", yaml)]).unwrap_err();
    error.flaws.iter().map(Flaw::to_string).collect()
}

/// The one problem of a text.
fn flaw(yaml: &str) -> String {
    let all = flaws(yaml);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

fn ontology(declared: &Declared) -> &Ontology {
    let AnyResource::Ontology(ontology) = &declared.resource else {
        panic!("{declared:?}")
    };
    ontology
}

#[test]
fn each_document_gets_its_own_identity() {
    let all = declared(DEMO);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].source, "f.yaml, document 1");
    assert_eq!(
        all[1].resource.identity(),
        ("Ontology", "team".into(), "order-line".into())
    );
    let AnyResource::Database(database) = &all[0].resource else {
        panic!()
    };
    assert_eq!(database.database_name(), "demo_db");
    assert_eq!(database.metadata.namespace.as_deref(), Some("default"));
    assert_eq!(all[0].resource, declared(DEMO)[0].resource);
    let changed = declared(&DEMO.replace("A demo", "Another"));
    let AnyResource::Database(changed) = &changed[0].resource else {
        panic!()
    };
    assert_eq!(changed.metadata.uid, database.metadata.uid);
    assert_ne!(changed.metadata.generation, database.metadata.generation);
    assert!(database.metadata.generation.unwrap() >= 0);
}

#[test]
fn declarations_that_kubectl_accepts_are_accepted() {
    let exported = DEMO.replace(
        "metadata: {name: demo-db}",
        "metadata:\n  name: demo-db\n  namespace: default\n  labels: {a: b}\n  annotations: {c: 'd'}\n  uid: u\n  resourceVersion: '7'\n  generation: 3\n  creationTimestamp: 2026-01-01T00:00:00Z\n  deletionTimestamp: 2026-01-01T00:00:00Z\n  finalizers: [x]\n  ownerReferences: [{apiVersion: v1, kind: K, name: owner, uid: u, controller: yes}]\n  managedFields: [{manager: kubectl, fieldsV1: {'f:spec': {}}}]\nstatus: {conditions: [{type: Ready, status: 'True', reason: A, message: '', lastTransitionTime: 2026-01-31T12:00:00Z}], observedGeneration: 3}",
    );
    let all = declared(&exported);
    let AnyResource::Database(database) = &all[0].resource else {
        panic!()
    };
    assert_eq!(
        database.status, None,
        "what the server wrote is not declared"
    );
    assert_eq!(database.metadata.deletion_timestamp, None);
    assert_eq!(database.metadata.finalizers, None);
    let plain = declared(DEMO);
    assert_eq!(all[0].resource.identity(), plain[0].resource.identity());
    let null =
        declared(&DEMO.replace("relationships: []", "relationships:\n    description: null"));
    assert_eq!(ontology(&null[1]).spec, ontology(&plain[1]).spec);
    for same in [
        format!("\u{feff}{DEMO}"),
        DEMO.replace('\n', "\r\n"),
        format!("---\n---\n# nothing\n{DEMO}---\n"),
    ] {
        let all: Vec<_> = declared(&same).into_iter().map(|it| it.resource).collect();
        let plain: Vec<_> = plain.iter().map(|it| it.resource.clone()).collect();
        assert_eq!(all, plain);
    }
    let yes = declared(&DEMO.replace("driftPolicy: Correct", "suspend: yes"));
    assert_eq!(ontology(&yes[1]).spec.suspend, Some(true));
    let merged = declared(
        &DEMO.replace("{name: id, type: string, primaryKey: true,", "&id\n      name: id\n      <<: {name: other, type: string, primaryKey: true}\n      #").replace("# constraints: {}}", "")
    );
    let property = &ontology(&merged[1]).spec.classes[0].properties[0];
    assert_eq!(
        (property.name.as_str(), property.primary_key),
        ("id", Some(true))
    );
}

#[test]
fn lists_are_split_into_objects() {
    let item = "{apiVersion: spiceharvester.dev/v1alpha1, kind: Database, metadata: {name: one-db}, spec: {}}";
    let other = item.replace("one-db", "two-db");
    let bare = "{metadata: {name: three-db}, spec: {}}";
    let list = format!(
        "apiVersion: v1\nkind: List\nmetadata: {{resourceVersion: ''}}\nitems:\n- {item}\n- apiVersion: v1\n  kind: List\n  items: [{other}]\n- apiVersion: spiceharvester.dev/v1alpha1\n  kind: DatabaseList\n  items: [{bare}]\n"
    );
    let all = declared(&list);
    let names: Vec<String> = all.iter().map(|it| it.resource.identity().2).collect();
    assert_eq!(names, ["one-db", "two-db", "three-db"]);
    assert_eq!(all[1].source, "f.yaml, document 1, item 2, item 1");
    assert_eq!(declared("apiVersion: v1\nkind: List\nitems: []").len(), 0);
    assert!(flaw("apiVersion: v1\nkind: List").contains("items is missing"));
    assert!(
        flaw("apiVersion: v1\nkind: List\nitems: []\nitms: []")
            .contains("line 4: unknown field itms of a list; did you mean items?")
    );
    assert!(flaw("apiVersion: v1\nkind: List\nitems: {}").contains("items must be an array"));
    let wrong = list.replace("one-db}, spec: {}", "one-db}, spec: {nam: x}");
    assert!(flaw(&wrong).starts_with("f.yaml, document 1, line 5: unknown field spec.nam"));
    assert!(flaw(&list.replace("two-db", "one-db")).contains(
        "item 2, item 1: Database one-db is already declared in f.yaml, document 1, item 1"
    ));
}

#[test]
fn digits_are_kept() {
    let numbers = [
        "0.12345678901234567890",
        "1234567890123456789.25",
        "12345678901234567890123",
        "1.10",
        "-0.5e-30",
    ];
    for number in numbers {
        let yaml = DEMO.replace(
            "constraints: {}",
            &format!(
                "default: {number}, constraints: {{max: {number}}}, items: {{default: [{number}]}}"
            ),
        );
        let all = declared(&yaml);
        let property = &ontology(&all[1]).spec.classes[0].properties[0];
        let written = |value: &Exact| value.to_json().unwrap();
        assert_eq!(written(property.default.as_ref().unwrap()), number);
        assert_eq!(written(&property.constraints["max"]), number);
        assert_eq!(
            written(property.items.as_ref().unwrap()),
            format!("{{\"default\":[{number}]}}")
        );
        let other = declared(&yaml.replace(number, &format!("{number}1")));
        assert_ne!(
            ontology(&other[1]).metadata.generation,
            ontology(&all[1]).metadata.generation,
            "{number}"
        );
    }
}

#[test]
fn all_problems_are_reported_and_nothing_is_returned() {
    let wrong = DEMO
        .replace("description: A demo", "descripton: A demo, nam: x")
        .replace("primaryKey: true", "primaryKey: 1, primarykey: 2");
    let all = read(&[
        text("one.yaml", &wrong),
        text("two.yaml", "a: ["),
        Source::Path("nowhere.yaml".into()),
        text("three.yaml", b"a: b\nc: \xff\n"),
        text("four.yaml", b"\xff\xfea\0"),
        text("five.yaml", DEMO),
    ])
    .unwrap_err();
    let places: Vec<&str> = all.flaws.iter().map(|flaw| flaw.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "one.yaml, document 1, line 6",
            "one.yaml, document 1, line 6",
            "one.yaml, document 2, line 17",
            "one.yaml, document 2, line 17",
            "two.yaml, document 1, line 1",
            "nowhere.yaml",
            "three.yaml, line 2",
            "four.yaml",
        ],
        "{all}"
    );
    let many: Vec<String> = (0..80).map(|n| format!("k{n}: 1")).collect();
    let many = many.join("\n");
    let message = read(&[text(
        "f",
        format!("apiVersion: v1\nkind: List\nitems: []\n{many}"),
    )])
    .unwrap_err();
    assert_eq!(message.flaws.len(), 80);
    assert!(message.to_string().ends_with("\nand 30 more"), "{message}");
}

#[test]
fn duplicate_declarations_are_refused() {
    let twice = |more: &str| {
        let sources = [text("f.yaml", DEMO), text("standard input", more)];
        read(&sources).unwrap_err().to_string()
    };
    assert_eq!(
        twice(&DEMO.replace("order-line", "other")),
        "standard input, document 1: Database demo-db is already declared in f.yaml, document 1\n\
         standard input, document 2: class OrderLine of database demo_db, branch main is already \
         declared by Ontology order-line in f.yaml, document 2"
    );
    assert_eq!(
        twice(
            "apiVersion: spiceharvester.dev/v1alpha1\nkind: Database\nmetadata: {name: other-db, namespace: far}\nspec: {name: demo_db}\n"
        ),
        "standard input, document 1: database demo_db is already declared by Database demo-db in f.yaml, document 1"
    );
    let class = "apiVersion: spiceharvester.dev/v1alpha1\nkind: Ontology\nmetadata: {name: other}\nspec: {databaseRef: {name: demo-db}, classes: [{name: OrderLine, label: Other}]}\n";
    assert_eq!(
        twice(class),
        "standard input, document 1: class OrderLine of database demo_db, branch main is already declared by Ontology order-line in f.yaml, document 2"
    );
    let elsewhere = class.replace("classes:", "branch: b, classes:");
    assert!(read(&[text("f.yaml", DEMO), text("g.yaml", elsewhere)]).is_ok());
}

#[test]
fn cycles_of_parent_classes_are_refused() {
    let class = |name: &str, parent: &str| {
        format!(
            "---\napiVersion: spiceharvester.dev/v1alpha1\nkind: Ontology\nmetadata: {{name: {}}}\nspec: {{databaseRef: {{name: demo-db}}, classes: [{{name: {name}, parentClass: {parent}}}]}}\n",
            name.to_lowercase()
        )
    };
    let message = flaw(
        &[
            class("B", "C"),
            class("D", "A"),
            class("C", "A"),
            class("A", "B"),
        ]
        .concat(),
    );
    assert_eq!(
        message,
        "f.yaml, document 4: class A of database demo_db, branch main would be its own ancestor: A → B → C → A"
    );
    assert!(flaw(&class("A", "A")).ends_with("class A: a class cannot be its own parent"));
    assert_eq!(
        declared(&[class("B", "C"), class("C", "D")].concat()).len(),
        2
    );
}

#[test]
fn folders_are_read_in_order_and_skipped_files_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("b.yml", DEMO);
    let other = DEMO
        .replace("demo-db", "other-db")
        .replace("order-line", "line");
    write("a.yaml", &other);
    write("data.csv", "not yaml: [");
    write("NOTICE", "");
    fs::create_dir(directory.path().join("more")).unwrap();
    let source = [Source::Path(directory.path().to_owned())];
    let reading = read(&source).unwrap();
    let names = reading.declared.iter().map(|it| it.resource.identity().2);
    let names: Vec<String> = names.collect();
    assert_eq!(names, ["other-db", "line", "demo-db", "order-line"]);
    assert_eq!(
        reading.skipped,
        [format!(
            "{}: left out 2 files that are not .yaml or .yml (NOTICE, data.csv) and 1 folder (more)",
            directory.path().display()
        )]
    );
    write("c.yaml", DEMO);
    let message = read(&source).unwrap_err().to_string();
    assert!(
        message.contains("c.yaml, document 1: Database demo-db is already declared in"),
        "{message}"
    );
}

#[test]
fn the_examples_of_the_project_are_read() {
    let manifests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../manifests/demo");
    let sources = [
        Source::Path(manifests.clone()),
        Source::Path(manifests.join("what-if")),
    ];
    assert_eq!(read(&sources).unwrap().declared.len(), 3);
}

#[test]
fn patterns_and_members_of_the_schema_are_checked() {
    let ontology = |fields: &str, class: &str| {
        format!(
            "apiVersion: spiceharvester.dev/v1alpha1\nkind: Ontology\nmetadata: {{name: line}}\n\
             spec: {{databaseRef: {{name: demo-db}}{fields}, classes: [{{name: Line{class}}}]}}\n"
        )
    };
    let link = |cardinality: &str| {
        let fields = format!(
            ", relationships: [{{predicate: to, target: Order, cardinality: \"{cardinality}\"}}]"
        );
        ontology("", &fields)
    };
    for text in [
        ontology("", "").replace("name: Line", "name: ns:Line-1"),
        ontology(", branch: what-if/a_1", ""),
        ontology("", ", properties: [{name: a_1, type: xsd:string}]"),
    ] {
        assert_eq!(declared(&text).len(), 1, "{text}");
    }
    for cardinality in ["1:1", "1:n", "n:1", "n:m", "n:n"] {
        assert_eq!(declared(&link(cardinality)).len(), 1, "{cardinality}");
    }
    for (text, path) in [
        (
            link("2:3"),
            "spec.classes[0].relationships[0].cardinality cannot be \"2:3\"; it must be one of",
        ),
        (
            link("1:n "),
            "spec.classes[0].relationships[0].cardinality cannot be",
        ),
        (
            ontology("", "").replace("name: Line", "name: 1x"),
            "spec.classes[0].name cannot be \"1x\"",
        ),
        (
            ontology(", branch: a//b", ""),
            "spec.branch cannot be \"a//b\"",
        ),
        (
            ontology("", ", properties: [{name: a-b, type: string}]"),
            "spec.classes[0].properties[0].name cannot be",
        ),
        (
            ontology("", ", properties: [{name: a, type: strng}]"),
            "spec.classes[0].properties[0].type cannot be \"strng\"; it must be one of string, text,",
        ),
        (
            ontology("", ", parentClass: \"a b\""),
            "spec.classes[0].parentClass cannot be",
        ),
        (
            ontology(", deletionPolicy: Perhaps", ""),
            "spec.deletionPolicy cannot be \"Perhaps\"; it must be one of",
        ),
    ] {
        let message = flaw(&text);
        assert!(message.contains(path), "{message}");
    }
}
