//! Releases that change on a node: upgraded from the charts of an earlier version
//! (`node/previous`), uninstalled, and with TLS.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use serde_json::Value;
use spice_e2e::node::Node;

use crate::{ask, describe, expect};

pub(crate) async fn an_upgrade_keeps_everything(node: &Node) -> anyhow::Result<()> {
    let (repository, tag) = node.image();
    node.run(&format!(
        "helm install spice-crds e2e/tests/node/previous/spice-harvester-crds-*.tgz
        helm install spice e2e/tests/node/previous/spice-harvester-0*.tgz -n spice --create-namespace \
            --set image.repository={repository},image.tag={tag} --wait --timeout 1m
        kubectl -n spice apply -f manifests/demo
        kubectl -n spice wait --for=condition=Ready spice --all --timeout=60s"
    ))
    .await?;
    ask(
        node,
        "import manifests/demo/data/countries.csv --class Country",
    )
    .await?;
    let answer = ask(node, "query Country").await?;
    ensure!(answer.contains("USA"), "{answer}");
    let before = State::read(node).await?;

    node.run("helm upgrade spice-crds charts/spice-harvester-crds")
        .await?;
    let upgrade =
        "helm upgrade spice charts/spice-harvester --namespace spice --reset-then-reuse-values";
    node.run(&format!("{upgrade} --wait --timeout 1m")).await?;
    node.run("kubectl -n spice wait --for=condition=Ready spice --all --timeout=60s")
        .await?;
    let after = State::read(node).await?;
    ensure!(
        before.uids == after.uids,
        "{:?}\n{:?}",
        before.uids,
        after.uids
    );
    let lost: Vec<_> = before.fields.difference(&after.fields).collect();
    ensure!(lost.is_empty(), "{lost:?}");
    ensure!(
        ask(node, "query Country").await? == answer,
        "the data changed"
    );
    // A pod whose template is the same is not replaced.
    for (name, (template, uids)) in &before.pods {
        let (now, uids_now) = &after.pods[name];
        let is_same = template == now;
        println!(
            "upgraded: {name} {}",
            if is_same { "stays" } else { "is replaced" }
        );
        ensure!(!is_same || uids == uids_now, "{name}");
    }
    node.run(
        "helm uninstall spice -n spice --wait
        helm uninstall spice-crds
        kubectl delete namespace spice --timeout=60s
        kubectl get crds -o name | grep spiceharvester | xargs kubectl delete",
    )
    .await?;
    Ok(())
}

pub(crate) async fn uninstalling_keeps_definitions_and_data(
    node: &Node,
    answer: &str,
) -> anyhow::Result<()> {
    let values = node
        .run("helm get values spice -n spice --output yaml")
        .await?;
    let values = node.file("values.yaml", &values)?;
    node.run(
        "helm uninstall spice -n spice --wait
        helm uninstall spice-crds
        kubectl -n spice get database/flights pvc/data-spice-0",
    )
    .await?;
    node.run(&format!(
        "helm install spice-crds charts/spice-harvester-crds
        helm install spice charts/spice-harvester -n spice -f {values} --wait --timeout 1m"
    ))
    .await?;
    expect(node, answer).await
}

/// A certificate for the name of the Service, from an authority of the Secret.
const CERTIFICATE: &str = r"
folder=$(mktemp -d)
trap 'rm -r $folder' EXIT
cd $folder
key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
openssl req -x509 $key -keyout ca.key -out ca.crt -subj /CN=authority -days 2
openssl req $key -keyout tls.key -out tls.csr -subj /CN=spice -addext subjectAltName=DNS:spice.spice.svc
openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out tls.crt
kubectl -n spice create secret generic spice-tls --from-file=tls.crt --from-file=tls.key --from-file=ca.crt
";

pub(crate) async fn the_api_speaks_tls(node: &Node) -> anyhow::Result<()> {
    node.run(CERTIFICATE).await?;
    let upgrade =
        "helm upgrade spice charts/spice-harvester --namespace spice --reset-then-reuse-values";
    node.run(&format!(
        "{upgrade} --set tls.secretName=spice-tls --wait --timeout 1m"
    ))
    .await?;
    describe(node, "over TLS").await?;
    node.run("helm test spice -n spice --timeout 1m").await?;
    Ok(())
}

/// What an upgrade must not change.
struct State {
    /// Every object that stays.
    uids: String,
    /// The paths of the fields of the kinds.
    fields: BTreeSet<String>,
    /// By workload: the template and the pods.
    pods: BTreeMap<&'static str, (String, String)>,
}

impl State {
    async fn read(node: &Node) -> anyhow::Result<Self> {
        let uids = "'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid}\n{end}'";
        let uids = node
            .run(&format!(
                "kubectl -n spice get databases,ontologies,pvc -o {uids}
                kubectl -n spice get secret/spice-access service/spice -o {uids}"
            ))
            .await?;
        let kinds = node.run("kubectl get crds -o json").await?;
        let mut fields = BTreeSet::new();
        for kind in serde_json::from_str::<Value>(&kinds)?["items"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let name = kind["metadata"]["name"].as_str().unwrap_or_default();
            for version in kind["spec"]["versions"].as_array().into_iter().flatten() {
                collect(&version["schema"]["openAPIV3Schema"], name, &mut fields);
            }
        }
        let mut pods = BTreeMap::new();
        for (workload, component) in [
            ("statefulset/spice", "server"),
            ("deployment/spice-operator", "operator"),
        ] {
            let template =
                format!("kubectl -n spice get {workload} -o 'jsonpath={{.spec.template.spec}}'");
            let uids = format!(
                "kubectl -n spice get pods -l app.kubernetes.io/component={component} \
                    -o 'jsonpath={{.items[*].metadata.uid}}'"
            );
            pods.insert(
                workload,
                (node.run(&template).await?, node.run(&uids).await?),
            );
        }
        Ok(Self { uids, fields, pods })
    }
}

/// The paths of the fields of a schema.
fn collect(schema: &Value, path: &str, fields: &mut BTreeSet<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        collect(field, &path, fields);
        fields.insert(path);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            collect(&schema[inner], path, fields);
        }
    }
}
