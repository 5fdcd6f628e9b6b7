//! Settings and their sources; every command has help.

use std::fs;

use serde_json::Value;

use crate::shell::Shell;

fn setting<'a>(output: &'a Value, name: &str) -> (&'a str, &'a str) {
    let mut settings = output["settings"].as_array().unwrap().iter();
    let found = settings.find(|setting| setting["name"] == name).unwrap();
    (
        found["value"].as_str().unwrap_or_default(),
        found["source"].as_str().unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_take_precedence_over_environment_file_and_default() {
    let shell = Shell::with_shop().await;
    let before = shell.run("config -o json").await.json();
    assert_eq!(setting(&before, "branch"), ("main", "default"));
    assert_eq!(setting(&before, "database"), ("shop", "environment"));
    assert_eq!(before["file_exists"], false);
    fs::create_dir(shell.path("spice")).unwrap();
    let file = shell.path("spice/config.toml");
    fs::write(
        &file,
        "database = 'elsewhere'\nbranch = 'draft'\noutput = 'json'\n[worker]\nmax_retries = 9\n",
    )
    .unwrap();
    let output = shell.run("config --max-retries 3").await.json();
    assert_eq!(setting(&output, "branch"), ("draft", "file"));
    assert_eq!(setting(&output, "database"), ("shop", "environment"));
    assert_eq!(setting(&output, "output"), ("json", "file"));
    assert_eq!(setting(&output, "max-retries"), ("3", "flag"));
    assert_eq!(setting(&output, "namespace"), ("", "not set"));
    assert_eq!(output["file"], file.display().to_string());

    // The other commands use it too.
    assert!(shell.run("get databases").await.json().is_array());
    let error = shell.run("get classes").await.fails(3);
    assert!(error.contains("draft"), "{error}");
    shell.run("get classes -b main").await.ok();
    let table = shell.run("config --output table").await;
    assert!(table.ok().contains("max-retries"));

    fs::write(&file, "databse = 'x'\n").unwrap();
    let error = shell.run("get databases").await.fails(2);
    assert!(error.contains("did you mean database?"), "{error}");
    fs::write(&file, "output = 'nonsense'\n").unwrap();
    let wrong = shell.run("get databases").await;
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("json"), "{}", wrong.err);
    let error = shell.run("get databases --config nowhere.toml").await;
    assert_ne!(error.code, 0);
    assert!(error.err.contains("nowhere.toml"), "{}", error.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_has_help_with_an_example_and_completion() {
    let shell = Shell::start().await;
    for line in [
        "apply",
        "get",
        "describe",
        "query",
        "branch create",
        "branch delete",
        "diff",
        "merge",
        "rebase",
        "rollback",
        "history",
        "watch",
        "export",
        "config",
        "completion",
    ] {
        let help = shell.run(&format!("{line} --help")).await.ok();
        let example = help.split_once("Examples:").map(|(_, rest)| rest);
        assert!(
            example.is_some_and(|text| text.contains("spice ")),
            "{line}: {help}"
        );
    }
    for name in ["bash", "zsh", "fish"] {
        let script = shell.run(&format!("completion {name}")).await.ok();
        assert!(
            script.contains("describe") && script.contains("order-by"),
            "{name}"
        );
    }
}
