//! The embedded mode on a real node, as its users have it: the pages of `docs/kubernetes` word for
//! word, then what they must rely on.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "documents/page.rs"]
mod page;
#[path = "node/pages.rs"]
mod pages;

use std::time::Duration;

use anyhow::ensure;
use spice_e2e::{binaries::run, embedded::spice, node::Node};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

const NAMESPACE: &str = "spice";
const PATIENCE: Duration = Duration::from_mins(1);
/// The answer must be the same after everything that happens.
const QUESTION: [&str; 10] = [
    "query",
    "State",
    "--where",
    "code=CO",
    "--hop",
    "^in_state:Airport",
    "--hop",
    "^arrives_at:Route",
    "-d",
    "flights",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_mode_runs_on_a_node() {
    let name = "the_embedded_mode_runs_on_a_node";
    let Some(node) = Node::start_or_skip(name).await.unwrap() else {
        return;
    };
    if let Err(error) = use_it(&node).await {
        let pods = node.kubectl(&["-n", NAMESPACE, "describe", "pods"]).await;
        panic!("{error:#}\n{}", pods.unwrap_or_default());
    }
}

async fn use_it(node: &Node) -> anyhow::Result<()> {
    pages::follow(node, "install.md").await?;
    let answer = ask(node).await?;
    ensure!(answer.contains("Route"), "{answer}");

    node.helm(&["test", "spice", "-n", NAMESPACE, "--timeout", "1m"])
        .await?;
    a_killed_pod_gives_the_same_answers(node, &answer).await?;
    a_second_pod_on_the_volume_is_refused(node).await?;
    uninstalling_keeps_definitions_and_data(node, &answer).await?;

    pages::follow(node, "backup-and-restore.md").await?;
    expect(node, &answer).await
}

async fn a_killed_pod_gives_the_same_answers(node: &Node, answer: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    let kill = [
        "-n",
        NAMESPACE,
        "delete",
        "pod",
        "spice-0",
        "--grace-period=0",
        "--force",
    ];
    node.kubectl(&kill).await?;
    wait_ready(node).await?;
    println!("killed to ready: {:?}", started.elapsed());
    expect(node, answer).await
}

async fn a_second_pod_on_the_volume_is_refused(node: &Node) -> anyhow::Result<()> {
    let (repository, tag) = node.image();
    node.apply(&second_pod(repository, tag)).await?;
    let failed = [
        "-n",
        NAMESPACE,
        "wait",
        "--for=jsonpath={.status.phase}=Failed",
    ];
    let pod = ["pod/second", "--timeout=60s"];
    node.kubectl(&[failed.as_slice(), &pod].concat()).await?;
    let log = node.kubectl(&["-n", NAMESPACE, "logs", "second"]).await?;
    ensure!(
        log.contains("has this directory open; stop it or choose another directory"),
        "{log}"
    );
    node.kubectl(&["-n", NAMESPACE, "delete", "pod", "second"])
        .await?;
    wait_ready(node).await
}

fn second_pod(repository: &str, tag: &str) -> String {
    format!(
        r"
apiVersion: v1
kind: Pod
metadata: {{name: second, namespace: {NAMESPACE}}}
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

async fn uninstalling_keeps_definitions_and_data(node: &Node, answer: &str) -> anyhow::Result<()> {
    let values = node
        .helm(&["get", "values", "spice", "-n", NAMESPACE, "-o", "yaml"])
        .await?;
    let values = node.file("values.yaml", &values)?;
    node.helm(&["uninstall", "spice", "-n", NAMESPACE, "--wait"])
        .await?;
    node.helm(&["uninstall", "spice-crds"]).await?;
    let declared = node.kubectl(&["-n", NAMESPACE, "get", "database", "flights", "-o", "name"]);
    ensure!(
        declared.await?.contains("flights"),
        "the declaration is gone"
    );
    node.get(NAMESPACE, "pvc/data-spice-0").await?;

    node.helm(&["install", "spice-crds", "charts/spice-harvester-crds"])
        .await?;
    let install = [
        "install",
        "spice",
        "charts/spice-harvester",
        "-n",
        NAMESPACE,
    ];
    let with = ["-f", &values, "--wait", "--timeout", "2m"];
    node.helm(&[install.as_slice(), &with].concat()).await?;
    expect(node, answer).await
}

async fn wait_ready(node: &Node) -> anyhow::Result<()> {
    let wait = [
        "-n",
        NAMESPACE,
        "rollout",
        "status",
        "statefulset/spice",
        "--timeout=60s",
    ];
    node.kubectl(&wait).await?;
    Ok(())
}

/// Asks until the projections have caught up.
async fn expect(node: &Node, answer: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while ask(node).await? != answer {
        ensure!(Instant::now() < deadline, "the answer changed");
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// The answer of the api to the question, once it has one.
async fn ask(node: &Node) -> anyhow::Result<String> {
    let token = ["-n", NAMESPACE, "get", "secret", "spice-access"];
    let as_text = [
        "-o",
        r"go-template={{index .data `admin.token` | base64decode}}",
    ];
    let token = node.kubectl(&[token.as_slice(), &as_text].concat()).await?;
    let token = node.file("admin.token", &token)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = async {
            let forward = node.forward(NAMESPACE, "spice").await?;
            let mut command = Command::new(spice().await?);
            command.args(QUESTION);
            command.args(["--server", &forward.url, "--token-file", &token]);
            run(command).await
        };
        match answer.await {
            Ok(answer) => return Ok(answer),
            // The forward can meet a pod that is just ending.
            Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(200)).await,
            Err(error) => return Err(error),
        }
    }
}
