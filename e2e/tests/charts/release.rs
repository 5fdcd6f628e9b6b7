//! Releases on a real API server, without a node: objects are accepted, rights are exactly these,
//! upgrades keep tokens, and uninstalling keeps the definitions and what is declared.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use spice_e2e::control_plane::{ControlPlane, Options};
use tokio::time::{Instant, sleep};

use crate::{CHART, DEFINITIONS};

/// What the operator of all namespaces may do, besides what every service account may.
const OPERATOR: [&str; 7] = [
    "/namespaces: get",
    "coordination.k8s.io/leases [spice-operator]: get update",
    "coordination.k8s.io/leases: create",
    "events.k8s.io/events: create patch",
    "spiceharvester.dev/branches databases ontologies replayjobs: get list patch watch",
    "spiceharvester.dev/branches/status databases/status ontologies/status replayjobs/status: patch",
    "spiceharvester.dev/replayjobs: delete",
];

/// What the operator of one namespace may do there.
const OPERATOR_OF_TEAM: [&str; 5] = [
    "/namespaces [team]: get",
    "events.k8s.io/events: create patch",
    "spiceharvester.dev/branches databases ontologies replayjobs: get list patch watch",
    "spiceharvester.dev/branches/status databases/status ontologies/status replayjobs/status: patch",
    "spiceharvester.dev/replayjobs: delete",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_release_has_the_least_rights_and_leaves_what_is_declared() {
    let name = "a_release_has_the_least_rights_and_leaves_what_is_declared";
    let options = Options {
        controller_manager: true,
    };
    let plane = ControlPlane::start_or_skip(name, options).await.unwrap();
    let Some(plane) = plane else {
        return;
    };
    let root = spice_e2e::workspace();
    let chart = root.join(CHART).display().to_string();
    let definitions = root.join(DEFINITIONS).display().to_string();
    plane
        .helm(&["install", "crds", &definitions])
        .await
        .unwrap();
    let established = [
        "wait",
        "--for=condition=Established",
        "crd",
        "--all",
        "--timeout=60s",
    ];
    plane.kubectl(&established).await.unwrap();

    let install = [
        "install",
        "spice",
        &chart,
        "-n",
        "data",
        "--create-namespace",
    ];
    let notes = plane.helm(&install).await.unwrap();
    assert!(
        notes.contains("admin.token") && !notes.contains("kinds are missing"),
        "{notes}"
    );
    rights_are_the_golden_ones(&plane).await;
    an_upgrade_keeps_the_tokens(&plane, &chart).await;
    an_administrator_of_namespaces_can_install_for_them(&plane, &chart).await;

    let database = json!({"apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Database",
        "metadata": {"name": "kept"}, "spec": {}});
    create(&plane, &database, &[]).await;
    plane
        .helm(&["uninstall", "spice", "-n", "data"])
        .await
        .unwrap();
    plane.helm(&["uninstall", "crds"]).await.unwrap();
    let kept = plane
        .kubectl(&["get", "databases", "kept", "-o", "name"])
        .await;
    assert_eq!(kept.unwrap().trim(), "database.spiceharvester.dev/kept");
    // What was kept belongs to a new release.
    plane
        .helm(&["install", "crds", &definitions])
        .await
        .unwrap();
}

async fn rights_are_the_golden_ones(plane: &ControlPlane) {
    let operator = rights(plane, "data", "data", "spice-operator").await;
    assert_eq!(operator, OPERATOR.map(str::to_owned).into());
    let elsewhere = rights(plane, "default", "data", "spice-operator").await;
    assert!(
        elsewhere.iter().all(|rule| !rule.contains("leases")),
        "{elsewhere:?}"
    );
    let server = rights(plane, "data", "data", "spice").await;
    assert_eq!(server, BTreeSet::new());
}

async fn an_upgrade_keeps_the_tokens(plane: &ControlPlane, chart: &str) {
    let get = [
        "-n",
        "data",
        "get",
        "secret",
        "spice-access",
        "-o",
        "jsonpath={.data}",
    ];
    let before = plane.kubectl(&get).await.unwrap();
    plane
        .helm(&["upgrade", "spice", chart, "-n", "data"])
        .await
        .unwrap();
    assert_eq!(plane.kubectl(&get).await.unwrap(), before);
}

/// The controller manager puts the role `admin` together from others, some time after the start.
async fn wait_until_admin(plane: &ControlPlane, namespace: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    for action in [["get", "secrets"], ["create", "roles"]] {
        let ask = ["-n", namespace, "auth", "can-i", "--as", "alice"];
        // It fails if the answer is no.
        while let Err(answer) = plane.kubectl(&[ask.as_slice(), &action].concat()).await {
            assert!(Instant::now() < deadline, "{action:?}: {answer:#}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Helm acts as a user with the cluster's role `admin` in two namespaces, and nothing else.
async fn an_administrator_of_namespaces_can_install_for_them(plane: &ControlPlane, chart: &str) {
    for namespace in ["own", "team"] {
        plane
            .kubectl(&["create", "namespace", namespace])
            .await
            .unwrap();
        let bind = ["-n", namespace, "create", "rolebinding", "alice"];
        let to = ["--clusterrole=admin", "--user=alice"];
        plane
            .kubectl(&[bind.as_slice(), &to].concat())
            .await
            .unwrap();
        wait_until_admin(plane, namespace).await;
    }
    let install = [
        "install",
        "spice",
        chart,
        "-n",
        "own",
        "--kube-as-user",
        "alice",
    ];
    let values = ["--set", "watchNamespaces={team}"];
    plane
        .helm(&[install.as_slice(), &values].concat())
        .await
        .unwrap();
    let rights = rights(plane, "team", "own", "spice-operator").await;
    assert_eq!(rights, OPERATOR_OF_TEAM.map(str::to_owned).into());
}

/// The rights of a service account in a namespace, without those that every one has.
async fn rights(
    plane: &ControlPlane,
    in_namespace: &str,
    of_namespace: &str,
    account: &str,
) -> BTreeSet<String> {
    let mut found = rules(plane, in_namespace, of_namespace, account).await;
    let common = rules(plane, in_namespace, of_namespace, "nobody").await;
    found.retain(|rule| !common.contains(rule));
    found
}

async fn rules(
    plane: &ControlPlane,
    in_namespace: &str,
    of_namespace: &str,
    account: &str,
) -> BTreeSet<String> {
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": in_namespace}});
    let user = format!("--as=system:serviceaccount:{of_namespace}:{account}");
    let answer = create(plane, &review, &[&user]).await;
    assert_eq!(answer["status"]["incomplete"], false, "{answer}");
    let rules = answer["status"]["resourceRules"].as_array().unwrap();
    rules.iter().map(line).collect()
}

/// A rule in one line, with everything in order.
fn line(rule: &Value) -> String {
    let sorted = |field: &str| {
        let values = rule[field].as_array().into_iter().flatten();
        let mut values: Vec<&str> = values.filter_map(Value::as_str).collect();
        values.sort_unstable();
        values.join(" ")
    };
    let names = match sorted("resourceNames") {
        names if names.is_empty() => names,
        names => format!(" [{names}]"),
    };
    let (groups, resources) = (sorted("apiGroups"), sorted("resources"));
    format!("{groups}/{resources}{names}: {}", sorted("verbs"))
}

/// Creates an object, and returns what the API server made of it.
async fn create(plane: &ControlPlane, object: &Value, arguments: &[&str]) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), object.to_string()).unwrap();
    let path = file.path().display().to_string();
    // Somebody without rights cannot read the schemas that kubectl would check it against.
    let create = ["create", "--validate=false", "-o", "json", "-f", &path];
    let printed = plane.kubectl(&[&create, arguments].concat()).await.unwrap();
    serde_json::from_str(&printed).unwrap()
}
