//! The embedded mode on a real node, as its users have it: the pages of `docs/kubernetes` word for
//! word, then what they must rely on.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "node/failures.rs"]
mod failures;
#[path = "documents/page.rs"]
mod page;
#[path = "node/pages.rs"]
mod pages;
#[path = "node/releases.rs"]
mod releases;
#[path = "node/replay.rs"]
mod replay;

use std::time::Duration;

use anyhow::ensure;
use spice_e2e::{binaries::run, node::Node};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_mins(1);
/// The answer must be the same after everything that happens.
const QUESTION: &str =
    "query State --where code=CO --hop ^in_state:Airport --hop ^arrives_at:Route";

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_mode_runs_on_a_node() {
    let name = "the_embedded_mode_runs_on_a_node";
    let Some(node) = Node::start_or_skip(name).await.unwrap() else {
        return;
    };
    if let Err(error) = use_it(&node).await {
        let pods = node.run("kubectl -n spice describe pods").await;
        panic!("{error:#}\n{}", pods.unwrap_or_default());
    }
}

async fn use_it(node: &Node) -> anyhow::Result<()> {
    releases::an_upgrade_keeps_everything(node).await?;

    pages::follow(node, "install.md").await?;
    let answer = ask(node, QUESTION).await?;
    ensure!(answer.contains("Route"), "{answer}");
    node.run("helm test spice -n spice --timeout 1m").await?;

    failures::a_killed_pod_gives_the_same_answers(node, &answer).await?;
    failures::a_second_pod_on_the_volume_is_refused(node).await?;
    failures::another_operator_takes_over(node).await?;
    failures::a_restart_of_the_api_server_loses_nothing(node).await?;

    replay::a_replay_job_survives_the_pod(node, &answer).await?;
    releases::uninstalling_keeps_definitions_and_data(node, &answer).await?;
    pages::follow(node, "backup-and-restore.md").await?;
    expect(node, &answer).await?;
    releases::the_api_speaks_tls(node).await
}

/// Asks until the projections have caught up.
async fn expect(node: &Node, answer: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while ask(node, QUESTION).await? != answer {
        ensure!(Instant::now() < deadline, "the answer changed");
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Changes the description of the database in the cluster, and waits until the operator has applied
/// it.
async fn describe(node: &Node, description: &str) -> anyhow::Result<()> {
    node.run(&format!(
        r#"kubectl -n spice patch database flights --type=merge \
            -p '{{"spec":{{"description":"{description}"}}}}'
        generation=$(kubectl -n spice get database flights -o 'jsonpath={{.metadata.generation}}')
        kubectl -n spice wait "--for=jsonpath={{.status.observedGeneration}}=$generation" \
            --timeout=90s database/flights
        kubectl -n spice wait --for=condition=Synced --timeout=90s database/flights"#
    ))
    .await?;
    Ok(())
}

/// What a command of `spice` prints as the administrator, once it works.
async fn ask(node: &Node, command: &str) -> anyhow::Result<String> {
    let token = "kubectl -n spice get secret spice-access -o 'jsonpath={.data.admin\\.token}'";
    let token = node.run(&format!("{token} | base64 -d")).await?;
    let token = node.file("admin.token", &token)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = async {
            let forward = node.forward("spice", "spice").await?;
            let mut shell = node.shell();
            shell
                .args(["-c", &format!("spice {command}")])
                .env("SPICE_SERVER", &forward.url)
                .env("SPICE_TOKEN_FILE", &token)
                .env("SPICE_DATABASE", "flights");
            run(shell).await
        };
        match answer.await {
            Ok(answer) => return Ok(answer),
            // The forward can meet a pod that is just ending.
            Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(200)).await,
            Err(error) => return Err(error),
        }
    }
}
