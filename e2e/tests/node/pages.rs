//! The pages of `docs/kubernetes`, followed by their reader on a cluster.

use std::{fmt::Write as _, net::TcpListener, os::unix::fs::symlink, path::Path};

use anyhow::{Context, ensure};
use spice_e2e::{binaries::run, node::Node, workspace};

use crate::page::{self, Step};

/// Runs the commands of a page as its reader does, in a folder like the checkout, compares their
/// output, and prints the time of each.
pub(crate) async fn follow(node: &Node, name: &str) -> anyhow::Result<()> {
    let path = workspace().join("docs/kubernetes").join(name);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let steps = page::read(&text);
    let (outputs, checkout) = (tempfile::tempdir()?, tempfile::tempdir()?);
    for part in ["charts", "manifests"] {
        symlink(workspace().join(part), checkout.path().join(part))?;
    }
    // One shell for the whole page, so that what it starts in the background ends with it.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut shell = node.shell();
    let script = script(node, &steps, outputs.path(), port);
    shell
        .arg(node.file("page.sh", &script)?)
        .current_dir(checkout.path())
        .env("SPICE_SERVER", format!("http://127.0.0.1:{port}"));
    let printed = run(shell).await.with_context(|| name.to_owned())?;
    println!("{name}\n{printed}");
    for (index, step) in steps.iter().enumerate() {
        let Some(expected) = &step.output else {
            continue;
        };
        let printed = std::fs::read_to_string(outputs.path().join(index.to_string()))?;
        ensure!(
            page::matches(expected, &printed),
            "{name}, line {}: printed\n{printed}\nand not\n{expected}",
            step.line
        );
    }
    Ok(())
}

/// The commands with the images of this cluster and a free port of this machine; the output of each
/// step goes to a file.
fn script(node: &Node, steps: &[Step], outputs: &Path, port: u16) -> String {
    let (repository, tag) = node.image();
    let replaced = [
        (
            "image.repository=localhost/spice",
            format!("image.repository={repository}"),
        ),
        ("image.tag=dev", format!("image.tag={tag}")),
        (
            "image: localhost/spice:dev",
            format!("image: {repository}:{tag}"),
        ),
        ("image: busybox", format!("image: {}", node.tools())),
        ("service/spice 8002", format!("service/spice {port}:8002")),
    ];
    let mut script =
        "set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n".to_owned();
    for (index, step) in steps.iter().enumerate() {
        let mut commands = step.commands.clone();
        for (usual, here) in &replaced {
            commands = commands.replace(usual, here);
        }
        let (output, line) = (outputs.join(index.to_string()), step.line);
        let _ = write!(
            script,
            "began=${{EPOCHREALTIME/[.,]/}}\n{{\n{commands}\n}} > {}\n\
             echo line {line}: $(((${{EPOCHREALTIME/[.,]/}} - began) / 1000)) ms\n",
            output.display()
        );
    }
    script
}
