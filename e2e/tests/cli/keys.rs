//! Ids that are e-mail addresses, URLs and names, as arguments of commands.

use serde_json::{Value, json};
use spice_client::{Read, Write};

use crate::shell::{CommandResult, Shell};

const IDS: [&str; 8] = [
    "kim@example.com",
    "https://example.com/a?b=c&d=%20#e",
    "a b",
    "a=ours",
    "서울",
    "..",
    "-x",
    "list",
];

/// Runs a command with the given arguments.
async fn run(shell: &Shell, words: &[&str]) -> CommandResult {
    let mut command = shell.command("").await;
    CommandResult::of(&command.args(words).output().await.unwrap())
}

async fn rename(shell: &Shell, branch: &str, id: &str, name: &str) {
    let write = Write::on(branch).wait(std::time::Duration::from_secs(30));
    let client = shell.client();
    let read = Read::on(branch);
    let known = client.instance("shop", "Client", id, &read).await.unwrap();
    let (data, sequence) = (json!({"name": name}), known.event_sequence);
    client
        .update_instance("shop", "Client", id, &data, sequence, &write)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_id_is_an_argument() {
    let shell = Shell::with_shop().await;
    let write = Write::default().wait(std::time::Duration::from_secs(30));
    for id in IDS {
        let data = json!({"client_id": id, "name": "first"});
        let client = shell.client();
        client
            .create_instance("shop", "Client", &data, &write)
            .await
            .unwrap();
    }
    shell.run("branch create side").await.ok();
    for id in IDS {
        rename(&shell, "side", id, "side").await;
        rename(&shell, "main", id, "main").await;
        let name = format!("Client/{id}");
        let output = run(&shell, &["get", "instance", &name, "-o", "json"]).await;
        assert_eq!(output.json()["instance_id"], id);
        let output = run(&shell, &["describe", "instance", &name]).await.ok();
        assert!(output.contains(&name), "{output}");
        let output = run(&shell, &["history", &name, "-o", "json"]).await.json();
        assert_eq!(output.as_array().unwrap().len(), 2, "{id}");
        let filter = format!("client_id={id}");
        let output = run(
            &shell,
            &["query", "Client", "--where", &filter, "-o", "json"],
        )
        .await;
        assert_eq!(output.json()["nodes"][0]["id"], name, "{id}");
    }
    // A decision names the conflict as the table of conflicts shows it.
    let refused = shell.run("merge side --dry-run -o json").await;
    let refused: Value = serde_json::from_str(&refused.out).unwrap();
    let conflicts = refused["conflicts"].as_array().unwrap();
    assert_eq!(conflicts.len(), IDS.len());
    let mut words = vec!["merge".to_owned(), "side".to_owned()];
    for (index, conflict) in conflicts.iter().enumerate() {
        let aggregate = conflict["aggregate_id"].as_str().unwrap();
        let decision = match index % 3 {
            0 => format!("{aggregate}=theirs"),
            1 => format!("{aggregate}.name=theirs"),
            _ => format!("{aggregate}.name=\"side\""),
        };
        words.extend(["--resolve".to_owned(), decision]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run(&shell, &words).await.ok();
    for id in IDS {
        let read = Read::default();
        let client = shell.client();
        let output = client.instance("shop", "Client", id, &read).await.unwrap();
        let data: Value = serde_json::from_str(output.data.get()).unwrap();
        assert_eq!(data["name"], "side", "{id}");
    }
}
