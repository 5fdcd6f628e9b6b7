//! Which YAML is a declaration, and what is said of the rest.

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
  label: {ko: 주문, en: Order line}
  properties:
    - {name: id, type: string, primaryKey: true, constraints: {}}
  relationships: []
";

fn problem(text: &str) -> String {
    parse_documents("f.yaml", text).unwrap_err().to_string()
}

#[test]
fn documents_are_read_with_an_identity_of_their_own() {
    let all = parse_documents("demo.yaml", DEMO).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].source, "demo.yaml, document 1");
    assert_eq!(
        all[1].resource.identity(),
        ("Ontology", "team".into(), "order-line".into())
    );
    let AnyResource::Database(database) = &all[0].resource else {
        panic!()
    };
    assert_eq!(database.database_name(), "demo_db");
    assert_eq!(database.metadata.namespace.as_deref(), Some("default"));
    let again = parse_documents("elsewhere.yaml", DEMO).unwrap();
    assert_eq!(all[0].resource, again[0].resource);
    let changed = parse_documents("demo.yaml", &DEMO.replace("A demo", "Another")).unwrap();
    let AnyResource::Database(changed) = &changed[0].resource else {
        panic!()
    };
    assert_eq!(changed.metadata.uid, database.metadata.uid);
    assert_ne!(changed.metadata.generation, database.metadata.generation);
    assert!(database.metadata.generation.unwrap() >= 0);
}

#[test]
fn what_is_not_a_declaration_is_named_with_its_place() {
    assert!(problem("kind: Database").starts_with("f.yaml, document 1: apiVersion \"\""));
    let told = problem(&DEMO.replace("kind: Ontology", "kind: Service"));
    assert_eq!(
        told,
        "f.yaml, document 2: kind \"Service\" is not Database, Ontology or Branch"
    );
    assert!(problem("a: [").starts_with("f.yaml, document 1"));
    let told = problem(&DEMO.replace("primaryKey", "primarykey"));
    assert_eq!(
        told,
        "f.yaml, document 2: unknown field spec.properties[0].primarykey"
    );
    let told = problem(&DEMO.replace("description: A demo", "descripton: A demo"));
    assert_eq!(told, "f.yaml, document 1: unknown field spec.descripton");
    assert!(
        problem(&DEMO.replace("metadata: {name: demo-db}", "metadata: {}"))
            .contains("metadata.name")
    );
    assert!(
        problem(&DEMO.replace("name: demo-db}", "name: x}"))
            .contains("\"x\" is not a database name")
    );
    assert!(
        problem(&DEMO.replace("databaseRef: {name: demo-db}", "branch: a")).contains("databaseRef")
    );
}

#[test]
fn directories_are_read_in_order_and_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("b.yml", DEMO);
    write(
        "a.yaml",
        &DEMO
            .replace("demo-db", "other-db")
            .replace("order-line", "line"),
    );
    write("data.csv", "not yaml: [");
    let paths = [directory.path().to_owned()];
    let all = read_paths(&paths).unwrap();
    let names: Vec<String> = all.iter().map(|d| d.resource.identity().2).collect();
    assert_eq!(names, ["other-db", "line", "demo-db", "order-line"]);
    write("c.yaml", DEMO);
    let told = read_paths(&paths).unwrap_err().to_string();
    assert!(
        told.contains("c.yaml, document 1: Database demo-db is declared already in"),
        "{told}"
    );
    assert!(read_paths(&[directory.path().join("none.yaml")]).is_err());
}
