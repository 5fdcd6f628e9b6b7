//! An operator that calls the api over TLS.

use std::{fs, path::Path, time::Duration};

use spice_client::{Client, Credentials};
use spice_crds::Database;
use spice_e2e::{
    certificates::Authority,
    control_plane::{ControlPlane, Options},
    embedded,
};

use crate::cluster::{Cluster, wait_until};

/// Writes a certificate by a new authority.
fn certify(folder: &Path) {
    let authority = Authority::new().unwrap();
    let made = authority.issue("spice", None, &["127.0.0.1"]).unwrap();
    fs::write(folder.join("ca.crt"), authority.certificate()).unwrap();
    fs::write(folder.join("tls.crt"), made.certificate).unwrap();
    fs::write(folder.join("tls.key"), made.key).unwrap();
}

fn database(name: &str) -> String {
    format!(
        "apiVersion: spiceharvester.dev/v1alpha1\nkind: Database\nmetadata: {{name: {name}}}\n\
         spec: {{}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_trusts_the_authority_that_it_is_given() {
    let name = "the_operator_trusts_the_authority_that_it_is_given";
    let plane = ControlPlane::start_or_skip(name, Options::default()).await;
    let Some(plane) = plane.unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let flag = |name: &str, file: &str| format!("--{name}={}", folder.path().join(file).display());
    let options = embedded::Options {
        arguments: vec![
            flag("tls-cert", "tls.crt"),
            flag("tls-key", "tls.key"),
            // A connection that is open keeps its certificate: the operator must open another one.
            "--keep-alive-seconds=1".to_owned(),
        ],
        ..embedded::Options::default()
    };
    let trusting = vec![flag("ca-file", "ca.crt")];
    let cluster = Cluster::start_with(plane, options, trusting).await.unwrap();
    cluster.install_definitions().await.unwrap();
    cluster.apply(&database("before")).await.unwrap();
    let _: Database = cluster.wait_ready("before").await.unwrap();

    // A new certificate by a new authority, without a restart of either.
    certify(folder.path());
    wait_until("the new certificate is in force", async || {
        let credentials = Credentials {
            ca_file: Some(folder.path().join("ca.crt")),
            ..Credentials::default()
        };
        let client = Client::with_credentials(cluster.gateway.base(), credentials)?;
        client.databases().await?;
        Ok(())
    })
    .await;
    // Longer than a connection without a request stays open, and than two resyncs.
    tokio::time::sleep(Duration::from_secs(5)).await;
    cluster.apply(&database("after")).await.unwrap();
    let _: Database = cluster.wait_ready("after").await.unwrap();
}
