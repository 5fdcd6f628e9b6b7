//! `kubectl spice`: the binary as a plugin of the real `kubectl`, beside the real operator.

use std::{os::unix::fs::symlink, process::Output};

use kube::api::ListParams;
use serde_json::{Value, json};
use spice_crds::{Branch, Database, Ontology};
use spice_e2e::{
    control_plane::{ControlPlane, Options},
    embedded,
};
use tempfile::TempDir;
use tokio::process::Command;

use crate::cluster::{Cluster, wait_until};

const SHOP: &str = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {name: shop}
spec: {}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: product}
spec:
  databaseRef: {name: shop}
  classes:
    - name: Product
      properties:
        - {name: id, type: string, primaryKey: true}
        - {name: colour, type: string}
        - {name: pieces, type: integer}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Branch
metadata: {name: what-if}
spec:
  databaseRef: {name: shop}
  name: what/if
";

/// The plugin in the PATH of `kubectl`.
struct Plugin<'a> {
    cluster: &'a Cluster,
    folder: TempDir,
}

impl<'a> Plugin<'a> {
    async fn install(cluster: &'a Cluster) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spice = embedded::spice().await.unwrap();
        symlink(spice, folder.path().join("kubectl-spice")).unwrap();
        Self { cluster, folder }
    }

    /// `kubectl spice …`
    async fn run(&self, arguments: &[&str]) -> Output {
        let plane = &self.cluster.plane;
        let usual = embedded::setting("PATH").unwrap_or_default();
        Command::new(plane.program("kubectl"))
            .arg("spice")
            .args(arguments)
            .env("PATH", format!("{}:{usual}", self.folder.path().display()))
            .env("KUBECONFIG", plane.kubeconfig())
            .env("SPICE_SERVER", self.cluster.gateway.base())
            .output()
            .await
            .unwrap()
    }

    /// What a run with this exit code printed, of both streams.
    async fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let printed = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        let printed = printed.concat();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
        printed
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments).await;
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_does_what_kubectl_cannot() {
    let name = "the_plugin_does_what_kubectl_cannot";
    let options = Options {
        controller_manager: true,
    };
    let Some(plane) = ControlPlane::start_or_skip(name, options).await.unwrap() else {
        return;
    };
    let mut cluster = Cluster::start(plane).await.unwrap();
    let plugin = Plugin::install(&cluster).await;
    let missing = plugin.expect(1, &["status"]).await;
    assert_has(
        &missing,
        &["does not have the kinds", "helm install spice-crds"],
    );
    cluster.install_definitions().await.unwrap();
    assert_has(
        &plugin.expect(0, &["status"]).await,
        &["no resources found in namespace default"],
    );

    plans_before_anything_exists(&plugin).await;
    // The branch shows the classes of its parent at the moment when it starts.
    let (before, _) = SHOP.rsplit_once("---").unwrap();
    for declared in [before, SHOP] {
        cluster.apply(declared).await.unwrap();
        cluster.wait_all_ready().await.unwrap();
    }
    shows_the_state(&plugin).await;
    plans_and_approves_a_change(&plugin).await;
    merges_a_branch(&plugin).await;
    adopts_what_exists(&plugin).await;
    drop(plugin);
    drains_before_the_operator_goes(&mut cluster).await;
}

async fn plans_before_anything_exists(plugin: &Plugin<'_>) {
    let file = plugin.cluster.file(SHOP).unwrap();
    let planned = plugin.expect(0, &["plan", "-f", &file]).await;
    assert_has(
        &planned,
        &[
            "database/shop created (dry run)",
            "ontology/product created (dry run)",
            "branch/what-if created (dry run)",
        ],
    );
    let wrong = SHOP.replace("name: what/if", "name: main");
    let file = plugin.cluster.file(&wrong).unwrap();
    let refused = plugin.expect(2, &["plan", "-f", &file]).await;
    assert_has(&refused, &["main exists from the creation"]);
    let databases = plugin.cluster.api::<Database>();
    let left = databases.list(&ListParams::default()).await.unwrap();
    assert!(left.items.is_empty(), "{left:?}");
}

async fn shows_the_state(plugin: &Plugin<'_>) {
    let shown = plugin.expect(0, &["status", "-A"]).await;
    assert_has(
        &shown,
        &["NAMESPACE", "database/shop", "branch/what-if", "Available"],
    );
    let states = plugin.json(&["status", "onto/product", "-o", "json"]).await;
    assert_eq!(states[0]["kind"], "Ontology");
    assert_eq!(states[0]["ready"], "True");
    let wrong = plugin.expect(2, &["status", "ontologi/product"]).await;
    assert_has(&wrong, &["unknown kind", "did you mean ontology?"]);
    let wrong = plugin.expect(2, &["status", "ontology/none"]).await;
    assert_has(&wrong, &["there is no ontology/none in namespace default"]);
}

/// A change that loses data: planned with its count, refused, approved by its hash.
async fn plans_and_approves_a_change(plugin: &Plugin<'_>) {
    let cluster = plugin.cluster;
    let create = "/api/v1/databases/shop/instances/Product/create?branch=main";
    for id in ["p1", "p2"] {
        let data = json!({"data": {"id": id, "colour": "red"}});
        cluster.gateway.post_ok(create, &data).await.unwrap();
    }
    let unchanged = cluster.file(SHOP).unwrap();
    let planned = plugin.expect(0, &["plan", "-f", &unchanged]).await;
    assert_has(&planned, &["ontology/product unchanged (dry run)"]);

    let without = SHOP.replace("        - {name: colour, type: string}\n", "");
    let file = cluster.file(&without).unwrap();
    let planned = plugin.expect(2, &["plan", "-f", &file]).await;
    assert_has(
        &planned,
        &[
            "property_removed",
            "Product.colour",
            "spiceharvester.dev/approve",
        ],
    );
    let planned = plugin.json(&["plan", "-f", &file, "-o", "json"]).await;
    let planned = planned
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["kind"] == "Ontology");
    let plan = planned.unwrap()["plan"].clone();
    assert_eq!(plan["findings"][0]["affected"], 2);
    let product: Ontology = cluster.get("product").await.unwrap();
    assert_eq!(
        product.metadata.generation,
        Some(1),
        "a plan changes nothing"
    );
    let none = plugin.expect(2, &["approve", "ontology/product"]).await;
    assert_has(&none, &["has no change that waits"]);

    cluster.apply(&without).await.unwrap();
    let refused = cluster
        .condition::<Ontology>("product", "Stalled", "True")
        .await;
    assert_eq!(refused.unwrap().reason, "UnsafeChange");
    let hash = plan["hash"].as_str().unwrap();
    let shown = plugin.expect(0, &["status"]).await;
    assert_has(&shown, &["waits for an approval", "property_removed", hash]);
    let shown = plugin.expect(1, &["approve", "ontology/product"]).await;
    assert_has(&shown, &["property_removed", "nothing was changed", hash]);
    let other = plugin
        .expect(2, &["approve", "ontology/product", &"0".repeat(32)])
        .await;
    assert_has(&other, &["another change", hash]);
    let product: Ontology = cluster.get("product").await.unwrap();
    let annotations = product.metadata.annotations.unwrap_or_default();
    assert!(!annotations.contains_key("spiceharvester.dev/approve"));
    let approved = plugin
        .expect(0, &["approve", "ontology/product", hash])
        .await;
    assert_has(&approved, &["ontology/product approved"]);
    let _: Ontology = cluster.wait_ready("product").await.unwrap();
}

async fn merges_a_branch(plugin: &Plugin<'_>) {
    let create = "/api/v1/databases/shop/instances/Product/create?branch=what%2Fif";
    let data = json!({"data": {"id": "p3", "pieces": 3}});
    plugin.cluster.gateway.post_ok(create, &data).await.unwrap();
    let _: Branch = plugin.cluster.wait_ready("what-if").await.unwrap();
    let tried = plugin.expect(0, &["merge", "what-if", "--dry-run"]).await;
    assert_has(&tried, &["p3"]);
    plugin.expect(0, &["merge", "branch/what-if"]).await;
    let path = "/api/v1/databases/shop/class/Product/instance/p3?branch=main";
    plugin.cluster.gateway.get(path).await.unwrap();
    let none = plugin.expect(2, &["merge", "none"]).await;
    assert_has(&none, &["there is no branch/none"]);
}

/// What exists without a declaration gets one, which is in force without a change.
async fn adopts_what_exists(plugin: &Plugin<'_>) {
    let (cluster, gateway) = (plugin.cluster, &plugin.cluster.gateway);
    gateway.create_database("old_stock").await.unwrap();
    for class in [
        json!({"id": "Thing", "label": {"ko": "물건", "en": "Thing"}, "properties": [
            {"name": "id", "type": "string", "primaryKey": true},
            {"name": "weight", "type": "decimal", "default": 1, "metadata": {"deprecated": true}}]}),
        json!({"id": "Crate", "label": "Crate", "parent_class": "Thing", "relationships": [
            {"predicate": "holds", "target": "Thing", "cardinality": "1:n",
                "inverse_predicate": "is_in"}]}),
    ] {
        gateway.create_class("old_stock", &class).await.unwrap();
    }
    gateway.create_branch("old_stock", "try/it").await.unwrap();
    let changed = json!({"id": "Extra", "label": "Extra", "properties": []});
    let path = "/api/v1/databases/old_stock/ontology?branch=try%2Fit";
    gateway.post_ok(path, &changed).await.unwrap();
    let class = "/api/v1/databases/old_stock/ontology/Thing?branch=main";
    let before = gateway.get(class).await.unwrap();

    let printed = plugin.run(&["adopt", "old_stock"]).await;
    let yaml = String::from_utf8(printed.stdout).unwrap();
    assert_has(
        &yaml,
        &[
            "kind: Database",
            "kind: Ontology",
            "kind: Branch",
            "name: Extra",
        ],
    );
    let file = cluster.file(&yaml).unwrap();
    let planned = plugin.expect(0, &["plan", "-f", &file]).await;
    assert_has(&planned, &["ontology/old-stock "]);
    assert!(!planned.contains("refused"), "{planned}");
    cluster.apply(&yaml).await.unwrap();
    cluster.wait_all_ready().await.unwrap();
    let after = gateway.get(class).await.unwrap();
    assert_eq!(
        after["data"]["event_sequence"],
        before["data"]["event_sequence"]
    );
    let wrong = plugin.expect(3, &["adopt", "old_stok"]).await;
    assert_has(&wrong, &["did you mean old_stock?"]);
}

/// With the operator gone, nothing would take the finalizer of an object off.
async fn drains_before_the_operator_goes(cluster: &mut Cluster) {
    let kept = "apiVersion: spiceharvester.dev/v1alpha1\nkind: Database\nmetadata: {name: kept}\n\
                spec: {deletionPolicy: Delete}\n";
    cluster.apply(kept).await.unwrap();
    let _: Database = cluster.wait_ready("kept").await.unwrap();
    let now = jiff::Timestamp::now();
    let lease = format!(
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {{name: op}}\nspec: \
         {{holderIdentity: spice-operator-1, leaseDurationSeconds: 600, renewTime: \"{now:.6}\"}}\n"
    );
    cluster.apply(&lease).await.unwrap();
    {
        let plugin = Plugin::install(cluster).await;
        let refused = plugin.expect(2, &["drain", "-A"]).await;
        assert_has(
            &refused,
            &["an operator runs (lease default/op)", "scale deployment op"],
        );
    }
    cluster.delete(&lease).await.unwrap();
    cluster.kill_operator();
    let plugin = Plugin::install(cluster).await;
    let tried = plugin.expect(0, &["drain", "--dry-run"]).await;
    assert_has(&tried, &["database/kept in default released (dry run)"]);
    let database: Database = cluster.get("kept").await.unwrap();
    assert!(
        database
            .metadata
            .finalizers
            .is_some_and(|it| !it.is_empty())
    );
    plugin.expect(0, &["drain", "-A"]).await;
    let again = plugin.expect(0, &["drain", "-A"]).await;
    assert_has(&again, &["no object has a finalizer of the operator"]);
    cluster.delete(kept).await.unwrap();
    wait_until("the database stays", async || {
        cluster
            .gateway
            .get("/api/v1/databases/kept")
            .await
            .map(drop)
    })
    .await;
}
