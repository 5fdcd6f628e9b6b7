//! What ends on a node, and what must not change with it.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use spice_e2e::node::Node;
use tokio::time::Instant;

use crate::{ask, describe, expect};

/// The databases that are applied while the API server ends.
const MANY: usize = 40;

pub(crate) async fn a_killed_pod_gives_the_same_answers(
    node: &Node,
    answer: &str,
) -> anyhow::Result<()> {
    let started = Instant::now();
    node.run("kubectl -n spice delete pod spice-0 --grace-period=0 --force")
        .await?;
    wait_ready(node).await?;
    println!("a killed pod: ready after {:?}", started.elapsed());
    expect(node, answer).await
}

pub(crate) async fn a_second_pod_on_the_volume_is_refused(node: &Node) -> anyhow::Result<()> {
    let (repository, tag) = node.image();
    let pod = node.file("second.yaml", &second_pod(repository, tag))?;
    node.run(&format!("kubectl apply -f {pod}")).await?;
    node.run("kubectl -n spice wait '--for=jsonpath={.status.phase}=Failed' pod/second")
        .await?;
    let log = node.run("kubectl -n spice logs second").await?;
    ensure!(
        log.contains("has this directory open; stop it or choose another directory"),
        "{log}"
    );
    node.run("kubectl -n spice delete pod second").await?;
    wait_ready(node).await
}

fn second_pod(repository: &str, tag: &str) -> String {
    format!(
        r"
apiVersion: v1
kind: Pod
metadata: {{name: second, namespace: spice}}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    fsGroup: 65532
    seccompProfile: {{type: RuntimeDefault}}
  containers:
    - name: spice
      image: {repository}:{tag}
      args: [dev, --data-dir=/var/lib/spice]
      securityContext:
        allowPrivilegeEscalation: false
        capabilities: {{drop: [ALL]}}
      volumeMounts: [{{name: data, mountPath: /var/lib/spice}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: data-spice-0}}}}]
"
    )
}

pub(crate) async fn wait_ready(node: &Node) -> anyhow::Result<()> {
    let wait = "kubectl -n spice rollout status statefulset/spice --timeout=60s";
    node.run(wait).await?;
    Ok(())
}

/// The leader is killed without a chance to give its lease up.
pub(crate) async fn another_operator_takes_over(node: &Node) -> anyhow::Result<()> {
    let leader = leader(node).await?.context("no operator reconciles")?;
    let started = Instant::now();
    node.kill("spice", &leader).await?;
    describe(node, "taken over").await?;
    let databases = ask(node, "get databases").await?;
    ensure!(databases.contains("taken over"), "{databases}");
    println!("a killed leader: applied after {:?}", started.elapsed());
    Ok(())
}

/// The pod of the operator that has the lease.
async fn leader(node: &Node) -> anyhow::Result<Option<String>> {
    let pods = "kubectl -n spice get pods -l app.kubernetes.io/component=operator -o name";
    for pod in node.run(pods).await?.lines() {
        let log = node.run(&format!("kubectl -n spice logs {pod}")).await?;
        if log.contains("this process reconciles") {
            return Ok(Some(pod.to_owned()));
        }
    }
    Ok(None)
}

pub(crate) async fn a_restart_of_the_api_server_loses_nothing(node: &Node) -> anyhow::Result<()> {
    let mut many = String::new();
    for number in 0..MANY {
        write!(
            many,
            r"
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {{name: many-{number}, namespace: spice}}
spec:
  databaseRef: {{name: many-{number}}}
  classes: [{{name: Thing, properties: [{{name: code, type: string, required: true, primaryKey: true}}]}}]
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {{name: many-{number}, namespace: spice}}
spec: {{description: one of many, deletionPolicy: Delete}}
"
        )?;
    }
    let many = node.file("many.yaml", &many)?;
    let apply = format!("kubectl apply -f {many}");
    let started = Instant::now();
    let (applied, restarted) = tokio::join!(node.run(&apply), async {
        let begun = "timeout 60 bash -c 'until kubectl -n spice get ontology many-0 > /dev/null 2>&1; do sleep 0.05; done'";
        node.run(begun).await?;
        node.restart_api_server().await
    });
    if !restarted? {
        println!("the API server of another cluster stays as it is");
    }
    // What was cut off is applied again, as anybody would.
    if applied.is_err() {
        let until = format!("until {apply}; do sleep 0.5; done");
        node.run(&format!("timeout 60 bash -c '{until}'")).await?;
    }
    node.run("kubectl -n spice wait --for=condition=Ready spice --all --timeout=90s")
        .await?;
    println!(
        "{} resources over a restart of the API server ({}): ready after {:?}",
        2 * MANY,
        if applied.is_ok() {
            "not cut off"
        } else {
            "cut off"
        },
        started.elapsed()
    );
    let databases = ask(node, "get databases").await?;
    let created = databases.matches("one of many").count();
    ensure!(created == MANY, "{created} databases: {databases}");
    node.run(&format!("kubectl delete -f {many} --timeout=60s"))
        .await?;
    let databases = ask(node, "get databases").await?;
    ensure!(!databases.contains("one of many"), "{databases}");
    Ok(())
}
