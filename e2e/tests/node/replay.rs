//! A `ReplayJob` under a continuous reader, with the pod of the server gone in each of its phases.

use anyhow::ensure;
use spice_e2e::node::Node;

use crate::{QUESTION, ask, expect, failures::wait_ready};

const JOB: &str = "
apiVersion: spiceharvester.dev/v1alpha1
kind: ReplayJob
metadata: {name: rebuild, namespace: spice}
spec: {databaseRef: {name: flights}, targets: [Graph, Documents], approval: Manual}
";

pub(crate) async fn a_replay_job_survives_the_pod(node: &Node, answer: &str) -> anyhow::Result<()> {
    let reads = tokio::select! {
        reads = read(node, answer) => reads,
        run = run_the_job(node) => run,
    };
    reads?;
    expect(node, answer).await?;
    node.run("kubectl -n spice delete replayjob rebuild --timeout=60s")
        .await?;
    Ok(())
}

/// Reads until it is dropped; every answer must be the same.
async fn read(node: &Node, answer: &str) -> anyhow::Result<()> {
    loop {
        let read = ask(node, QUESTION).await?;
        ensure!(read == answer, "a reader saw something else: {read}");
    }
}

async fn run_the_job(node: &Node) -> anyhow::Result<()> {
    let job = node.file("rebuild.yaml", JOB)?;
    node.run(&format!("kubectl apply -f {job}")).await?;
    end_the_pod(node).await?;
    let waits = r#"kubectl -n spice wait replayjob/rebuild --timeout=90s \
        '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=AwaitingApproval'"#;
    node.run(waits).await?;
    end_the_pod(node).await?;
    node.run(waits).await?;
    node.run(
        "id=$(kubectl -n spice get replayjob rebuild -o 'jsonpath={.status.externalId}')
        kubectl -n spice annotate replayjob rebuild spiceharvester.dev/approve=$id",
    )
    .await?;
    end_the_pod(node).await?;
    node.run("kubectl -n spice wait replayjob/rebuild --for=condition=Complete --timeout=90s")
        .await?;
    let matches = "kubectl -n spice get replayjob rebuild -o 'jsonpath={.status.digestsMatch}'";
    let matches = node.run(matches).await?;
    ensure!(matches == "true", "{matches}");
    Ok(())
}

async fn end_the_pod(node: &Node) -> anyhow::Result<()> {
    node.run("kubectl -n spice delete pod spice-0 --grace-period=0 --force")
        .await?;
    wait_ready(node).await
}
