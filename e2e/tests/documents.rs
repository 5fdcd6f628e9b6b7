//! Runs the tutorial and the how-tos word for word. Blocks marked `sh` are run in order by one
//! shell in an empty folder, with `spice` on its path. A block marked `text` or `json` after one is
//! its expected output, where `…` stands for anything. A block marked `sh server` runs in the
//! background. Only the ports differ from the text.

#[path = "documents/page.rs"]
mod page;
#[path = "documents/session.rs"]
mod session;

use std::path::PathBuf;

use anyhow::Context;
use spice_e2e::control_plane::{ControlPlane, Options};

use self::{page::read, session::Session};

#[tokio::test]
async fn the_tutorial_works() -> anyhow::Result<()> {
    run(&spice_e2e::workspace().join("docs/tutorial.md")).await
}

#[tokio::test]
async fn every_how_to_works() -> anyhow::Result<()> {
    let folder = spice_e2e::workspace().join("docs/how-to");
    let mut pages: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    pages.sort();
    for page in pages {
        run(&page).await?;
    }
    Ok(())
}

/// The README's commands need the files next to it, and no compiler.
#[tokio::test]
async fn the_readme_commands_work() -> anyhow::Result<()> {
    let page = std::fs::read_to_string(spice_e2e::workspace().join("README.md"))?;
    let mut steps = read(&page);
    steps.retain(|step| step.commands.starts_with("spice apply"));
    anyhow::ensure!(steps.len() == 1, "the README shows how it is used, once");
    let mut session = Session::start().await?;
    session
        .copy_folder(&spice_e2e::workspace().join("manifests"))
        .await?;
    let server = "```sh server\nspice dev --data-dir ./data\n```";
    for step in read(server).iter().chain(&steps) {
        session.run(step).await.context("README.md")?;
    }
    Ok(())
}

/// The tutorial of schema changes, on a real API server with the operator as a process.
#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_of_schema_changes_works() -> anyhow::Result<()> {
    let name = "the_tutorial_of_schema_changes_works";
    let options = Options {
        controller_manager: true,
    };
    let Some(plane) = ControlPlane::start_or_skip(name, options).await? else {
        return Ok(());
    };
    let definitions = spice_e2e::workspace().join("manifests/crds");
    let definitions = definitions.display().to_string();
    let apply = ["apply", "--server-side", "-f", &definitions];
    plane.kubectl(&apply).await?;
    let established = "--for=condition=Established";
    plane
        .kubectl(&["wait", established, "crd", "--all"])
        .await?;
    let mut session = Session::start().await?;
    let kubectl = plane.program("kubectl");
    session.reach_cluster(&kubectl, &plane.kubeconfig()).await?;
    let server = "```sh server\nspice dev --data-dir ./data\n```";
    for step in read(server) {
        session.run(&step).await?;
    }
    session.run_beside("spice operator --resync-seconds 2")?;
    let page = spice_e2e::workspace().join("docs/kubernetes/safe-schema-changes.md");
    follow(&mut session, &page).await
}

/// The page about the operator names the tests of what it says.
#[tokio::test]
async fn the_tests_that_a_page_names_exist() -> anyhow::Result<()> {
    let root = spice_e2e::workspace();
    let page = std::fs::read_to_string(root.join("docs/kubernetes/what-to-expect.md"))?;
    let mut folders = vec![
        root.join("operator"),
        root.join("crds"),
        root.join("e2e/tests"),
    ];
    let mut code = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                code.push_str(&std::fs::read_to_string(&path)?);
            }
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let columns = rows.filter_map(|row| row.trim_end_matches('|').rsplit_once('|'));
    let names: Vec<&str> = columns
        .flat_map(|(_, tests)| tests.split('`').skip(1).step_by(2))
        .collect();
    anyhow::ensure!(names.len() > 30, "{names:?}");
    for name in names {
        let is_there = code.contains(&format!("fn {name}("));
        anyhow::ensure!(is_there, "there is no test {name}");
    }
    Ok(())
}

async fn run(path: &std::path::Path) -> anyhow::Result<()> {
    follow(&mut Session::start().await?, path).await
}

async fn follow(session: &mut Session, path: &std::path::Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    for step in read(&text) {
        session
            .run(&step)
            .await
            .with_context(|| format!("{}, line {}", path.display(), step.line))?;
    }
    Ok(())
}
