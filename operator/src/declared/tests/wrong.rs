//! Invalid declarations.

use super::*;

/// Changes of [`DEMO`] and the problems that they cause.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "kind: Ontology",
        "kind: Service",
        "document 2, line 9: unknown kind \"Service\"; the kinds are Branch, Database, Ontology",
    ),
    (
        "kind: Ontology",
        "kind: ontology",
        "document 2, line 9: unknown kind \"ontology\"; the kinds are Branch, Database, Ontology; did you mean Ontology?",
    ),
    (
        "kind: Ontology",
        "kind: ReplayJob",
        "document 2, line 9: a ReplayJob is an action, which needs the operator of a Kubernetes cluster; without one, send POST /api/v1/databases/{db}/replays",
    ),
    (
        "kind: Database",
        "kind: [Database]",
        "document 1, line 4: kind must be a string",
    ),
    (
        "kind: Database\n",
        "",
        "document 1, line 3: kind is missing",
    ),
    (
        "apiVersion: spiceharvester.dev/v1alpha1\nkind: Ontology",
        "kind: Ontology",
        "document 2, line 8: apiVersion is missing",
    ),
    (
        "v1alpha1\nkind: Ontology",
        "v1\nkind: Ontology",
        "document 2, line 8: unknown apiVersion \"spiceharvester.dev/v1\"; the supported version is spiceharvester.dev/v1alpha1",
    ),
    (
        "spec: {description",
        "specs: {description",
        "document 1, line 3: spec is missing",
    ),
    (
        "primaryKey",
        "primarykey",
        "document 2, line 17: unknown field spec.classes[0].properties[0].primarykey; did you mean primaryKey?",
    ),
    (
        "description: A demo",
        "descripton: A demo",
        "document 1, line 6: unknown field spec.descripton; did you mean description?",
    ),
    (
        "metadata: {name: demo-db}",
        "metadata: {name: demo-db, lables: {a: b}}",
        "document 1, line 5: unknown field metadata.lables; did you mean labels?",
    ),
    (
        "metadata: {name: demo-db}",
        "metadata: {}",
        "document 1, line 5: metadata.name is missing",
    ),
    (
        "metadata: {name: demo-db}",
        "metadata: {generateName: demo-}",
        "document 1, line 5: metadata.name is missing",
    ),
    (
        "metadata: {name: demo-db}",
        "metadata: {name: Demo}",
        "document 1, line 5: metadata.name \"Demo\" is not a Kubernetes name",
    ),
    (
        "metadata: {name: demo-db}",
        "metadata: {name: 12}",
        "document 1, line 5: metadata.name must be a string; it is the number 12. Write it in quotes: \"12\"",
    ),
    (
        "metadata: {name: demo-db}",
        "metadata: {name: no}",
        "document 1, line 5: metadata.name must be a string; it is no, which is a boolean in YAML 1.1. Write it in quotes: \"no\"",
    ),
    (
        "metadata: {name: demo-db}",
        "metadata: {name: demo-db, labels: {version: 1.10}}",
        "document 1, line 5: metadata.labels.version must be a string; it is the number 1.10. Write it in quotes: \"1.10\"",
    ),
    (
        "name: demo-db}\nspec: {description",
        "name: x}\nspec: {description",
        "document 1, line 6: \"x\" is not a database name",
    ),
    (
        "databaseRef: {name: demo-db}",
        "branch: a",
        "document 2, line 12: spec.databaseRef is missing",
    ),
    (
        "databaseRef: {name: demo-db}",
        "databaseRef: demo-db",
        "document 2, line 12: spec.databaseRef must be an object; it is the text \"demo-db\"",
    ),
    (
        "relationships: []",
        "relationships: {}",
        "document 2, line 18: spec.classes[0].relationships must be an array; it is an object",
    ),
    (
        "driftPolicy: Correct",
        "suspend: 'yes'",
        "document 2, line 19: spec.suspend must be a boolean; it is the text \"yes\"",
    ),
    (
        "driftPolicy: Correct",
        "deletionPolicy: Keep",
        "document 2, line 19: spec.deletionPolicy cannot be \"Keep\"; it must be one of Retain, Delete",
    ),
    (
        "relationships: []",
        "metadata: {on_sale: no}",
        "document 2, line 18: spec.classes[0].metadata.on_sale: no is a boolean in YAML 1.1 (kubectl) and a text in YAML 1.2; write false to mean the boolean, \"no\" to mean the text",
    ),
    (
        "constraints: {}",
        "constraints: {enum: ['SE', NO]}",
        "document 2, line 17: spec.classes[0].properties[0].constraints.enum[1]: NO is a boolean",
    ),
    (
        "relationships: []",
        "label: again",
        "document 2, line 18: duplicate key \"label\", first in line 15",
    ),
    (
        "relationships: []",
        "'label': again",
        "document 2, line 18: duplicate key \"label\", first in line 15",
    ),
];

#[test]
fn invalid_declarations_are_reported_with_their_place() {
    for (from, to, message) in WRONG {
        let changed = DEMO.replacen(from, to, 1);
        assert_ne!(changed, DEMO, "{from}");
        let all = flaws(&changed);
        let expected = format!("f.yaml, {message}");
        assert!(
            all.iter().any(|it| it.starts_with(&expected)),
            "{expected}\n{all:#?}"
        );
    }
    assert!(flaws(&DEMO.replace("spec: {d", "specs: {d")).contains(
        &"f.yaml, document 1, line 6: unknown field specs; did you mean spec?".to_owned()
    ));
    assert!(flaw("just text").contains("a declaration must be an object"));
    assert!(flaw("a: [").starts_with("f.yaml, document 1, line 1: invalid YAML"));
    assert!(flaw("apiVersion: v1\nkind: ConfigMap").contains(
        "unknown apiVersion \"v1\"; the supported resources are spiceharvester.dev/v1alpha1"
    ));
}
