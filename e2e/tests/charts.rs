//! The charts without a node: what Helm makes of them, and what a real API server says to that.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "charts/gitops.rs"]
mod gitops;
#[path = "charts/release.rs"]
mod release;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use spice_core::access::TokenDigest;
use spice_e2e::{
    binaries::{Binaries, run},
    workspace,
};

const CHART: &str = "charts/spice-harvester";
const DEFINITIONS: &str = "charts/spice-harvester-crds";
/// The version of Kubernetes that is rendered for: a `helm` built from its module knows none.
const KUBERNETES: &str = "--kube-version=1.35";
/// Everything that can be switched on.
const ALL: [&str; 3] = [
    "monitoring.serviceMonitor.enabled=true",
    "monitoring.rules.enabled=true",
    "monitoring.dashboard.enabled=true",
];

async fn helm(binaries: &Binaries, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = tokio::process::Command::new(binaries.path("helm"));
    command.args(arguments).current_dir(workspace());
    run(command).await
}

/// The objects of the chart with these values.
async fn render(binaries: &Binaries, values: &[&str]) -> anyhow::Result<Vec<Value>> {
    let mut arguments = vec!["template", "spice", CHART, "--namespace=data", KUBERNETES];
    arguments.extend(values.iter().flat_map(|value| ["--set", value]));
    let printed = helm(binaries, &arguments).await?;
    let documents = serde_yaml_ng::Deserializer::from_str(&printed);
    let objects = documents.map(|document| {
        <Value as serde::Deserialize>::deserialize(document).map_err(anyhow::Error::from)
    });
    let objects: Result<Vec<Value>, _> = objects.collect();
    Ok(objects?.into_iter().filter(|it| !it.is_null()).collect())
}

/// The specs of the pods that the objects make, with their names.
fn pods(objects: &[Value]) -> Vec<(String, &Value)> {
    let pod = |object: &'_ Value| match object["kind"].as_str().unwrap() {
        "Pod" => Some("/spec"),
        "StatefulSet" | "Deployment" => Some("/spec/template/spec"),
        _ => None,
    };
    let found = objects.iter().filter_map(|object| {
        let spec = object.pointer(pod(object)?).unwrap();
        Some((
            object["metadata"]["name"].as_str().unwrap().to_owned(),
            spec,
        ))
    });
    found.collect()
}

#[tokio::test]
async fn the_charts_pass_the_linter() {
    let name = "the_charts_pass_the_linter";
    let Some(binaries) = Binaries::find_or_skip(name).await.unwrap() else {
        return;
    };
    let lint = ["lint", "--strict", CHART, DEFINITIONS];
    helm(&binaries, &lint).await.unwrap();
    render(&binaries, &ALL).await.unwrap();
}

#[tokio::test]
async fn wrong_values_are_refused_by_name() {
    let name = "wrong_values_are_refused_by_name";
    let Some(binaries) = Binaries::find_or_skip(name).await.unwrap() else {
        return;
    };
    for (value, named) in [
        ("mode=cluster", "mode"),
        ("typo=1", "typo"),
        ("server.replicas=2", "replicas"),
        ("image.digest=sha256:12", "digest"),
        ("server.persistence.size=much", "size"),
        ("operator.replicas=0", "replicas"),
        ("watchNamespaces={Bad_Name}", "watchNamespaces"),
        ("access.principals[0].name=ci", "principals"),
    ] {
        let refusal = render(&binaries, &[value]).await.unwrap_err().to_string();
        assert!(refusal.contains(named), "{value}: {refusal}");
    }
}

#[tokio::test]
async fn pods_are_restricted_and_only_the_operator_has_a_token() {
    let name = "pods_are_restricted_and_only_the_operator_has_a_token";
    let Some(binaries) = Binaries::find_or_skip(name).await.unwrap() else {
        return;
    };
    let objects = render(&binaries, &ALL).await.unwrap();
    let pods = pods(&objects);
    let names: Vec<&str> = pods.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for (name, pod) in pods {
        let is_operator = name == "spice-operator";
        assert_eq!(pod["automountServiceAccountToken"], is_operator, "{name}");
        // Variables of Services would be settings of the process.
        assert_eq!(pod["enableServiceLinks"], false, "{name}");
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{name}");
        assert_eq!(security["fsGroup"], 65532, "{name}");
        assert_eq!(
            security["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        for container in pod["containers"].as_array().unwrap() {
            let expected = json!({"allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
            assert_eq!(container["securityContext"], expected, "{name}");
            assert!(
                container["resources"]["limits"]["memory"].is_string(),
                "{name}"
            );
        }
    }
    let server = objects
        .iter()
        .find(|it| it["kind"] == "StatefulSet")
        .unwrap();
    let container = &server["spec"]["template"]["spec"]["containers"][0];
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], "metrics", "{probe}");
    }
    let retained = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
    assert_eq!(
        server["spec"]["persistentVolumeClaimRetentionPolicy"],
        retained
    );
}

#[tokio::test]
async fn the_server_gets_digests_and_each_client_its_own_token() {
    let name = "the_server_gets_digests_and_each_client_its_own_token";
    let Some(binaries) = Binaries::find_or_skip(name).await.unwrap() else {
        return;
    };
    let digest = TokenDigest::of("spice_ci").to_string();
    let more = [
        "access.principals[0].name=ci".to_owned(),
        "access.principals[0].role=viewer".to_owned(),
        "access.principals[0].databases={*}".to_owned(),
        format!("access.principals[0].sha256={{{digest}}}"),
    ];
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let objects = render(&binaries, &more).await.unwrap();
    let secret = objects.iter().find(|it| it["kind"] == "Secret").unwrap();
    let data = &secret["stringData"];
    let tokens: Value = serde_yaml_ng::from_str(data["tokens.yaml"].as_str().unwrap()).unwrap();
    let of = |name: &str| {
        let mut principals = tokens["principals"].as_array().unwrap().iter();
        principals.find(|it| it["name"] == name).unwrap().clone()
    };
    for name in ["operator", "admin"] {
        let token = data[format!("{name}.token")].as_str().unwrap();
        assert_eq!(token.len(), "spice_".len() + 64);
        assert_eq!(of(name)["sha256"][0], TokenDigest::of(token).to_string());
    }
    assert_eq!(of("ci")["sha256"][0], digest);
    let mut mounted = Vec::new();
    for (name, pod) in pods(&objects) {
        let volumes = pod["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|it| it["name"] == "access").unwrap();
        let items = volume["secret"]["items"].as_array().unwrap();
        assert_eq!(items.len(), 1);
        mounted.push((name, items[0]["key"].as_str().unwrap().to_owned()));
    }
    mounted.sort();
    let expected = [
        ("spice", "tokens.yaml"),
        ("spice-operator", "operator.token"),
        ("spice-test", "admin.token"),
    ];
    assert_eq!(mounted, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));

    let own = ["access.existingSecret=mine"];
    let objects = render(&binaries, &own).await.unwrap();
    assert!(objects.iter().all(|it| it["kind"] != "Secret"));
}

/// The paths where the first container of a pod mounts a Secret, with its keys.
fn secrets(pod: &Value) -> BTreeSet<(String, String)> {
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let volumes = pod["volumes"].as_array().into_iter().flatten();
    let of = |volume: &Value| {
        let mount = mounts.iter().find(|it| it["name"] == volume["name"]);
        let path = mount.unwrap()["mountPath"].as_str().unwrap().to_owned();
        let items = volume["secret"]["items"].as_array().into_iter().flatten();
        let keys: Vec<&str> = items.map(|it| it["key"].as_str().unwrap()).collect();
        keys.into_iter()
            .map(move |key| (path.clone(), key.to_owned()))
            .collect::<Vec<_>>()
    };
    volumes.flat_map(of).collect()
}

#[tokio::test]
async fn with_a_certificate_the_api_and_its_clients_use_tls() {
    let name = "with_a_certificate_the_api_and_its_clients_use_tls";
    let Some(binaries) = Binaries::find_or_skip(name).await.unwrap() else {
        return;
    };
    let ca = "--ca-file=/etc/spice-ca/ca.crt";
    for (values, authority) in [
        (vec!["tls.secretName=cert"], true),
        (vec!["tls.secretName=cert", "tls.caKey="], false),
    ] {
        let objects = render(&binaries, &values).await.unwrap();
        for (name, pod) in pods(&objects) {
            let arguments = pod["containers"][0]["args"].as_array().unwrap();
            let has = |argument: &str| arguments.iter().any(|it| it == argument);
            let mounted = secrets(pod);
            let mounts = |path: &str, key: &str| mounted.contains(&(path.into(), key.into()));
            if name == "spice" {
                assert!(has("--tls-cert=/etc/spice-tls/tls.crt"));
                assert!(has("--tls-key=/etc/spice-tls/tls.key"));
                assert!(has("--metrics-plain"), "the probes use no TLS");
                assert!(mounts("/etc/spice-tls", "tls.crt") && mounts("/etc/spice-tls", "tls.key"));
            } else {
                assert!(has("--server=https://spice.data.svc:8002"), "{name}");
                assert_eq!(has(ca), authority, "{name}");
                assert_eq!(mounts("/etc/spice-ca", "ca.crt"), authority, "{name}");
                assert!(!mounted.iter().any(|(_, key)| key == "tls.key"), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn everything_is_denied_that_no_policy_allows() {
    let name = "everything_is_denied_that_no_policy_allows";
    let Some(binaries) = Binaries::find_or_skip(name).await.unwrap() else {
        return;
    };
    let objects = render(&binaries, &[]).await.unwrap();
    let policies = objects.iter().filter(|it| it["kind"] == "NetworkPolicy");
    let policies: Vec<&Value> = policies.collect();
    let deny = policies
        .iter()
        .find(|it| it["metadata"]["name"] == "spice-deny");
    let expected = json!({
        "podSelector": {"matchLabels": {
            "app.kubernetes.io/name": "spice", "app.kubernetes.io/instance": "spice"}},
        "policyTypes": ["Ingress", "Egress"],
    });
    assert_eq!(deny.unwrap()["spec"], expected);
    let server = policies
        .iter()
        .find(|it| it["metadata"]["name"] == "spice-server");
    let server = &server.unwrap()["spec"];
    assert!(server.get("egress").is_none(), "the server calls nobody");
    let ports: Vec<&str> = server["ingress"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|rule| rule["ports"].as_array().unwrap())
        .map(|port| port["port"].as_str().unwrap())
        .collect();
    assert_eq!(ports, ["gateway", "oms", "funnel"], "no metrics");
    let operator = policies
        .iter()
        .find(|it| it["metadata"]["name"] == "spice-operator");
    let operator = &operator.unwrap()["spec"];
    assert!(
        operator.get("ingress").is_none(),
        "nobody calls the operator"
    );
    let scrapers = "networkPolicy.scrapers[0].podSelector.matchLabels.app=prometheus";
    let objects = render(&binaries, &[scrapers]).await.unwrap();
    for name in ["spice-server", "spice-operator"] {
        let policy = objects
            .iter()
            .find(|it| it["kind"] == "NetworkPolicy" && it["metadata"]["name"] == name);
        let ingress = policy.unwrap()["spec"]["ingress"].as_array().unwrap();
        let last = &ingress[ingress.len() - 1];
        assert_eq!(last["ports"], json!([{"port": "metrics"}]), "{name}");
    }
}

#[tokio::test]
async fn a_release_for_some_namespaces_has_no_objects_outside_them() {
    let name = "a_release_for_some_namespaces_has_no_objects_outside_them";
    let Some(binaries) = Binaries::find_or_skip(name).await.unwrap() else {
        return;
    };
    let values = ["watchNamespaces={team-a,team-b}"];
    let objects = render(&binaries, &values).await.unwrap();
    let kinds: BTreeSet<&str> = objects
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert!(!kinds.contains("ClusterRole") && !kinds.contains("ClusterRoleBinding"));
    let namespaces: BTreeSet<&str> = objects
        .iter()
        .filter_map(|it| it["metadata"]["namespace"].as_str())
        .collect();
    assert_eq!(namespaces, BTreeSet::from(["team-a", "team-b"]));
    let operators: Vec<String> = pods(&objects)
        .into_iter()
        .filter_map(|(_, pod)| {
            let arguments = pod["containers"][0]["args"].as_array()?.iter();
            let given = arguments.filter_map(|it| it.as_str()?.strip_prefix("--namespace="));
            given.map(str::to_owned).next()
        })
        .collect();
    assert_eq!(operators, ["team-a", "team-b"]);
}
