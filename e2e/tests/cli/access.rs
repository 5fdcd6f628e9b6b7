//! Principals, from `spice token new` to the commands that send a token.

use std::{fs, path::Path, process::Stdio, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use spice_e2e::embedded::{Answer, Embedded, Options, spice};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time,
};

use crate::shell::{CommandResult, SHOP};

const LIMIT: Duration = Duration::from_secs(30);

async fn run(folder: &Path, arguments: &[&str]) -> CommandResult {
    let mut command = Command::new(spice().await.unwrap());
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    for name in [
        "SPICE_TOKENS",
        "SPICE_TOKEN_FILE",
        "SPICE_CA_FILE",
        "SPICE_ALLOW_ANONYMOUS",
    ] {
        command.env_remove(name);
    }
    CommandResult::of(&command.output().await.unwrap())
}

/// Makes a token and its file; returns the token and the principal.
async fn make(folder: &Path, name: &str, role: &str, database: &str) -> (String, Value) {
    let arguments = [
        "token",
        "new",
        name,
        "--role",
        role,
        "--database",
        database,
        "-o",
        "json",
    ];
    let made = run(folder, &arguments).await.json();
    let token = made["token"].as_str().unwrap().to_owned();
    fs::write(folder.join(format!("{name}.token")), &token).unwrap();
    (token, made["principal"].clone())
}

fn declare(folder: &Path, principals: &[&Value]) {
    let text = json!({"principals": principals}).to_string();
    fs::write(folder.join("tokens.json"), text).unwrap();
}

async fn get(server: &Embedded, token: &str, path: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    let gateway = server.gateway().unwrap();
    let answer = gateway
        .send::<Value>(Method::GET, path, &headers, None)
        .await;
    answer.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn principals_call_with_their_tokens_and_lose_them_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (ops_token, ops) = make(folder, "ops", "admin", "*").await;
    let (reader_token, reader) = make(folder, "reader", "viewer", "shop").await;
    assert!(ops_token.starts_with("spice_") && ops_token.len() > 60 && ops_token != reader_token);
    declare(folder, &[&ops, &reader]);
    fs::write(folder.join("shop.yaml"), SHOP).unwrap();
    let path_of = |name: &str| folder.join(name).display().to_string();
    let mut server = Embedded::start(Options {
        data_dir: Some(folder.join("data")),
        arguments: [
            format!("--tokens={}", path_of("tokens.json")),
            format!("--apply={}", path_of("shop.yaml")),
            format!("--token-file={}", path_of("ops.token")),
        ]
        .into(),
        environment: vec![("SPICE_LOG_LEVEL".to_owned(), "trace".to_owned())],
        ..Options::default()
    })
    .await
    .unwrap();
    let url = server.url("gateway").unwrap();
    let as_ops = ["--server", &url, "--token-file", "ops.token"];
    let as_reader = ["--server", &url, "--token-file", "reader.token"];
    let spice = async |line: &str, access: &[&str]| {
        let arguments: Vec<&str> = line.split(' ').chain(access.iter().copied()).collect();
        run(folder, &arguments).await
    };
    let applied = time::timeout(LIMIT, async {
        loop {
            let listed = spice("get classes -d shop", &as_reader).await;
            if listed.code == 0 && listed.rows().len() == 2 {
                break;
            }
            time::sleep(Duration::from_millis(100)).await;
        }
    });
    applied.await.unwrap();

    let refused = spice("get databases", &as_ops[..2]).await.fails(5);
    assert!(refused.contains("--token-file"), "{refused}");
    let refused = spice("branch create what-if -d shop", &as_reader)
        .await
        .fails(5);
    assert!(refused.contains("editor"), "{refused}");
    spice("branch create what-if -d shop", &as_ops).await.ok();
    spice("dead-letters list", &as_reader).await.ok();
    let history = get(&server, &reader_token, "/api/v1/databases/shop/versions").await;
    let history = history.ok().unwrap().to_string();
    assert!(history.contains(r#""actor":"ops""#), "{history}");

    // A wrong file changes nothing; a right one is in force without a restart.
    fs::write(folder.join("tokens.json"), "{\"principals\": [").unwrap();
    let noticed = time::timeout(LIMIT, async {
        while !server
            .errors()
            .contains("its former content stays in force")
        {
            time::sleep(Duration::from_millis(100)).await;
        }
    });
    noticed.await.unwrap();
    spice("get databases", &as_reader).await.ok();
    let metrics = get(&server, &ops_token, "/metrics").await;
    assert_eq!(metrics.status, 200);
    declare(folder, &[&ops]);
    let removed = time::timeout(LIMIT, async {
        while get(&server, &reader_token, "/api/v1/databases")
            .await
            .status
            != 401
        {
            time::sleep(Duration::from_millis(100)).await;
        }
    });
    removed.await.unwrap();
    spice("get databases", &as_ops).await.ok();

    server.terminate(LIMIT).await.unwrap();
    let log = server.errors();
    for token in [&ops_token, &reader_token] {
        assert!(!log.contains(token.as_str()), "a token is in the log");
    }
}

#[tokio::test]
async fn a_listener_beyond_this_machine_needs_principals() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for command in ["dev", "demo"] {
        for listener in ["--gateway-listen", "--oms-listen", "--funnel-listen"] {
            let mut arguments = vec![command, "--data-dir", "data"];
            for other in ["--gateway-listen", "--oms-listen", "--funnel-listen"] {
                let address = if other == listener {
                    "0.0.0.0:0"
                } else {
                    "127.0.0.1:0"
                };
                arguments.extend([other, address]);
            }
            let refused = run(folder, &arguments).await.fails(1);
            assert!(refused.contains("--allow-anonymous"), "{refused}");
        }
    }
    let both = [
        "dev",
        "--data-dir",
        "data",
        "--tokens",
        "t",
        "--allow-anonymous",
    ];
    run(folder, &both).await.fails(2);
    let missing = ["dev", "--data-dir", "data", "--tokens", "missing.yaml"];
    let refused = run(folder, &missing).await.fails(1);
    assert!(refused.contains("missing.yaml"), "{refused}");
    assert!(!folder.join("data").exists(), "nothing was opened");
    let mut command = Command::new(spice().await.unwrap());
    command.args(["dev", "--data-dir", "data", "--allow-anonymous"]);
    for listener in ["--gateway-listen", "--oms-listen", "--funnel-listen"] {
        command.args([listener, "0.0.0.0:0"]);
    }
    command
        .current_dir(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = time::timeout(LIMIT, async {
        while lines.next_line().await.unwrap().unwrap() != "ready" {}
    });
    ready.await.unwrap();
}

#[tokio::test]
async fn a_token_is_not_shown_by_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (token, principal) = make(folder, "ops", "admin", "*").await;
    declare(folder, &[&principal]);
    let arguments = [
        "config",
        "--token-file",
        "ops.token",
        "--tokens",
        "tokens.json",
    ];
    let shown = run(folder, &arguments).await.ok();
    assert!(
        shown.contains("ops.token") && shown.contains("tokens.json"),
        "{shown}"
    );
    assert!(!shown.contains(&token), "{shown}");
    for wrong in [
        [
            "token",
            "new",
            "anonymous",
            "--role",
            "admin",
            "--database",
            "*",
        ],
        ["token", "new", "ops", "--role", "owner", "--database", "*"],
        [
            "token",
            "new",
            "ops",
            "--role",
            "admin",
            "--database",
            "Shop",
        ],
    ] {
        run(folder, &wrong).await.fails(2);
    }
}
