//! `spice apply`.

use std::fs;

use serde_json::json;

use crate::shell::{SHOP, Shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declarations_are_created_once_and_configured_when_they_change() {
    let shell = Shell::start().await;
    let rehearsed = shell.feed("apply -f - --dry-run", SHOP).await.ok();
    assert_eq!(
        rehearsed,
        "database/shop created (dry run)\nontology/client created (dry run)\nontology/product created (dry run)\n"
    );
    assert!(
        shell
            .client()
            .databases()
            .await
            .unwrap()
            .databases
            .is_empty(),
        "a rehearsal writes nothing"
    );
    let created = shell.feed("apply -f -", SHOP).await.ok();
    assert_eq!(created, rehearsed.replace(" (dry run)", ""));
    let again = shell.feed("apply -f - -o json", SHOP).await.json();
    let outcomes: Vec<_> = again
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["outcome"])
        .collect();
    assert_eq!(outcomes, [&json!("unchanged"); 3]);

    let wider = SHOP.replace("{name: name, type: string}", "{name: name, type: text}");
    fs::create_dir(shell.path("declared")).unwrap();
    fs::write(shell.path("declared/shop.yaml"), wider).unwrap();
    let output = shell.run("apply -f declared --dry-run").await.ok();
    assert!(
        output.contains("ontology/product configured (dry run)"),
        "{output}"
    );
    let output = shell.run("apply -f declared").await.ok();
    assert!(output.contains("database/shop unchanged\n"), "{output}");
    assert!(output.contains("ontology/product configured\n"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_declarations_are_reported_by_their_place() {
    let shell = Shell::start().await;
    let error = shell.feed("apply -f -", "kind: Nonsense").await.fails(2);
    assert!(error.contains("standard input"), "{error}");
    let error = shell.run("apply -f nowhere.yaml").await.fails(2);
    assert!(error.contains("nowhere.yaml"), "{error}");
    let (_, classes) = SHOP.split_once("---\n").unwrap();
    let waits = shell.feed("apply -f -", classes).await;
    assert_eq!(waits.code, 6, "{}{}", waits.out, waits.err);
    assert!(
        waits.out.contains("ontology/client waits for "),
        "{}",
        waits.out
    );
    // `--wait` alone waits, as with `kubectl`; a number sets the seconds.
    let waits = shell.feed("apply -f - --wait 0", classes).await;
    assert_eq!(waits.code, 6, "{}{}", waits.out, waits.err);
    let done = shell.feed("apply --wait -f -", SHOP).await.ok();
    assert!(done.contains("database/shop created\n"), "{done}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_different_immutable_field_is_refused() {
    let shell = Shell::start().await;
    let branch = |from: &str| {
        format!(
            "{SHOP}---\napiVersion: spiceharvester.dev/v1alpha1\nkind: Branch\nmetadata: {{name: trial}}\nspec: {{databaseRef: {{name: shop}}{from}}}\n"
        )
    };
    shell
        .feed(
            "apply --wait -f -",
            &branch(", from: {branch: main, position: 1}"),
        )
        .await
        .ok();
    let same = shell.feed("apply -f -", &branch("")).await.ok();
    assert!(same.contains("branch/trial unchanged"), "{same}");
    for dry in ["", " --dry-run"] {
        let other = branch(", from: {branch: main, position: 0}");
        let refused = shell.feed(&format!("apply -f -{dry}"), &other).await;
        assert_eq!(refused.code, 2, "{}{}", refused.out, refused.err);
        assert!(
            refused
                .out
                .contains("starts from main at position 1, not from main at position 0"),
            "{}",
            refused.out
        );
    }
    let described = "apiVersion: spiceharvester.dev/v1alpha1\nkind: Database\nmetadata: {name: shop}\nspec: {description: other}\n";
    let changed = shell.feed("apply -f -", described).await.ok();
    assert_eq!(changed, "database/shop configured\n");
}

const SHIPS: &str = "\
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: tanker}
spec:
  databaseRef: {name: yard}
  classes:
    - name: Tanker
      parentClass: Ship
      properties:
        - {name: load, type: decimal, default: 0.12345678901234567890, constraints: {max: 1234567890123456789.25}}
        - {name: hull, type: integer, constraints: {max: 12345678901234567890123}}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: ship}
spec:
  databaseRef: {name: yard}
  classes:
    - name: Ship
      properties: [{name: id, type: string, primaryKey: true}]
      relationships: [{predicate: tows, target: Tanker, integrity: strict}]
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: trial}
spec: {databaseRef: {name: yard}, branch: what/if, classes: [{name: Trial, parentClass: Tanker}]}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Branch
metadata: {name: what-if}
spec: {databaseRef: {name: yard}, name: what/if}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {name: yard}
spec: {}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_decides_like_the_real_run_in_dependency_order() {
    let shell = Shell::start().await;
    let rehearsed = shell.feed("apply -f - --dry-run", SHIPS).await.ok();
    let lines = "database/yard created\nontology/ship created\nontology/tanker created\nbranch/what-if created\nontology/trial created\n";
    assert_eq!(rehearsed.replace(" (dry run)", ""), lines);
    assert_eq!(shell.feed("apply -f -", SHIPS).await.ok(), lines);
    let again = shell.feed("apply -f - --dry-run", SHIPS).await.ok();
    // Nothing waits for a parent: the order is that of the file.
    let sorted = |text: &str| -> Vec<String> {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let expected = lines.replace("created", "unchanged (dry run)");
    assert_eq!(sorted(&again), sorted(&expected));

    // Each changes one thing: the dry run predicts what happens.
    for (from, to) in [
        ("name: Tanker\n", "name: Tanker\n      label: Oiler\n"),
        ("type: decimal, default", "type: nonsense, default"),
        ("parentClass: Ship\n", "parentClass: Trial\n"),
        (
            "{name: hull, type: integer, c",
            "{name: id, type: integer, c",
        ),
        (
            "type: string, primaryKey: true",
            "type: money, primaryKey: true",
        ),
        (
            "{name: Trial, ",
            "{name: Trial, properties: [{name: load, type: text}], ",
        ),
        (
            "name: what/if}\n",
            "name: other, from: {branch: main, position: 9999}}\n",
        ),
        ("target: Tanker, i", "target: Tanker, cardinality: '5', i"),
    ] {
        let changed = SHIPS.replace(from, to);
        assert_ne!(changed, SHIPS, "{from}");
        let rehearsed = shell.feed("apply -f - --dry-run -o json", &changed).await;
        let done = shell.feed("apply -f - -o json", &changed).await;
        assert_eq!(
            rehearsed.code, done.code,
            "{to}: {} {}",
            rehearsed.out, done.out
        );
        let as_real = rehearsed
            .out
            .replace("\"dry_run\": true", "\"dry_run\": false");
        assert_eq!(as_real, done.out, "{to}");
        let back = shell.feed("apply -f -", SHIPS).await;
        assert_eq!(back.code, 0, "{}{}", back.out, back.err);
    }
    // A deleted class is created again, also in a dry run.
    let client = shell.client();
    let read = spice_client::Read::on("what/if");
    let trial = client.class("yard", "Trial", &read).await.unwrap();
    let sequence = trial["event_sequence"].as_u64().unwrap();
    let write = spice_client::Write::on("what/if");
    client
        .delete_class("yard", "Trial", sequence, false, &write)
        .await
        .unwrap();
    let rehearsed = shell.feed("apply -f - --dry-run", SHIPS).await.ok();
    let done = shell.feed("apply -f -", SHIPS).await.ok();
    assert_eq!(rehearsed.replace(" (dry run)", ""), done);
    assert!(done.contains("ontology/trial created\n"), "{done}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_are_applied_and_shown_as_written() {
    let shell = Shell::start().await;
    shell.feed("apply -f -", SHIPS).await.ok();
    let digits = [
        "0.12345678901234567890",
        "1234567890123456789.25",
        "12345678901234567890123",
    ];
    for line in [
        "get class Tanker -d yard -o yaml",
        "get classes -d yard -o json",
        "describe class Tanker -d yard",
        "describe class Tanker -d yard -o yaml",
    ] {
        let output = shell.run(line).await.ok();
        for number in digits {
            assert!(output.contains(number), "{line}: {output}");
        }
    }
    for number in digits {
        let other = SHIPS.replace(number, &format!("{}1", &number[..number.len() - 1]));
        let output = shell.feed("apply -f -", &other).await.ok();
        assert!(
            output.contains("ontology/tanker configured\n"),
            "{number}: {output}"
        );
        let output = shell.feed("apply -f -", &other).await.ok();
        assert!(
            output.contains("ontology/tanker unchanged\n"),
            "{number}: {output}"
        );
        shell.feed("apply -f -", SHIPS).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_problem_nothing_is_applied() {
    let shell = Shell::start().await;
    fs::create_dir(shell.path("declared")).unwrap();
    fs::write(shell.path("declared/a.yaml"), SHOP).unwrap();
    fs::write(shell.path("declared/notes.txt"), "not for us").unwrap();
    let class = |property: &str| {
        format!(
            "apiVersion: spiceharvester.dev/v1alpha1\nkind: Ontology\nmetadata: {{name: thing}}\nspec: {{databaseRef: {{name: shop}}, classes: [{{name: Thing,\n  properties: [\n  {{name: a, {property}}}]}}]}}"
        )
    };
    for (extra, output) in [
        (
            "a: 1\na: 2",
            "standard input, document 1, line 2: duplicate key \"a\", first in line 1",
        ),
        (
            SHOP,
            "standard input, document 1: Database shop is already declared in ",
        ),
        (
            "apiVersion: spiceharvester.dev/v1alpha1\nkind: Database\nmetadata: {name: other, lables: {}}\nspec: {}",
            "standard input, document 1, line 3: unknown field metadata.lables; did you mean labels?",
        ),
        (
            &class("type: string, constraints: {\n    maxlength: 4}"),
            "standard input, document 1, line 7: properties[0].constraints.maxlength ",
        ),
        (
            &class("type: string,\n    constraints: {maxLength: 1.5}"),
            "standard input, document 1, line 7: properties[0].constraints.maxLength ",
        ),
        (
            &class("label: 12, type: string"),
            "standard input, document 1, line 6: properties[0].label ",
        ),
        (
            &class("type: nonsense"),
            "standard input, document 1, line 6: spec.classes[0].properties[0].type cannot be \"nonsense\"; it must be one of ",
        ),
    ] {
        let error = shell.feed("apply -f declared -f -", extra).await.fails(2);
        assert!(error.contains(output), "{error}");
        assert!(error.contains("nothing was applied"), "{error}");
    }
    let databases = shell.client().databases().await.unwrap();
    assert!(databases.databases.is_empty());
    let done = shell.run("apply -f declared").await;
    assert!(
        done.err
            .contains("left out 1 file that is not .yaml or .yml (notes.txt)"),
        "{}",
        done.err
    );
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
}
