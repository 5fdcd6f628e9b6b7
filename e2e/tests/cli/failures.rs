//! Failures: one exit code per class, and a hint.

use spice_client::Write;

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_class_of_failure_has_its_exit_code_and_a_hint() {
    let shell = Shell::with_shop().await;
    // 2: invalid input.
    assert_eq!(shell.run("get nonsense").await.code, 2);
    let error = shell
        .run("get instances Product --filter price")
        .await
        .fails(2);
    assert!(error.contains("price>=10"), "{error}");
    let error = shell
        .run("get instances Product --filter nmae=x")
        .await
        .fails(2);
    assert!(error.contains("did you mean name"), "{error}");
    let unnamed = shell
        .command("get branches")
        .await
        .env_remove("SPICE_DATABASE")
        .output()
        .await
        .unwrap();
    let output = String::from_utf8(unnamed.stderr).unwrap();
    assert_eq!(unnamed.status.code(), Some(2));
    assert!(
        output.contains("--database") && output.contains("databases: shop"),
        "{output}"
    );
    // 3: not found, with suggestions.
    let error = shell.run("get instances Prodcut").await.fails(3);
    assert!(
        error.contains("hint: did you mean Product? classes: Client, Product"),
        "{error}"
    );
    let error = shell.run("describe db sohp").await.fails(3);
    assert!(error.contains("did you mean shop?"), "{error}");
    let error = shell.run("get classes -b mian").await.fails(3);
    assert!(error.contains("did you mean main?"), "{error}");
    let error = shell.run("dead-letters show shop nobody 3").await.fails(3);
    assert!(error.contains("spice dead-letters list"), "{error}");
    // 4: conflict.
    shell
        .client()
        .create_database("other", "", &Write::default())
        .await
        .unwrap();
    shell.run("branch create twice").await.ok();
    shell.run("branch create twice").await.fails(4);
    // 5: not allowed.
    shell.run("branch create production").await.ok();
    shell.run("branch delete production").await.fails(5);
    shell.run("branch delete production --force").await.ok();
    // 6: temporary.
    let error = shell
        .run("get databases --server http://127.0.0.1:9")
        .await
        .fails(6);
    assert!(
        error.contains("cannot reach") && error.contains("; is it running?"),
        "{error}"
    );
    assert!(
        error.contains("hint: start a server with `spice dev`"),
        "{error}"
    );
    let error = shell.run("get databases --server nonsense").await.fails(2);
    assert!(error.contains("is not the URL of an api"), "{error}");
}
