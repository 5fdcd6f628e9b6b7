//! A server with TLS, and commands that trust the authority of its certificate.

use std::{fs, path::Path, process::Stdio, time::Duration};

use reqwest::tls;
use spice_e2e::{
    certificates::Authority,
    embedded::{Embedded, Options, spice},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    net::TcpStream,
    process::{ChildStdout, Command},
    time::{Instant, sleep, timeout},
};

use crate::shell::{CommandResult, SHOP};

const LIMIT: Duration = Duration::from_secs(30);
const HOSTS: [&str; 1] = ["127.0.0.1"];

/// A folder with the files of a server and of its clients.
struct Files<'a>(&'a Path);

impl Files<'_> {
    /// Writes a new certificate for these hosts, by a new authority.
    fn certify(&self, hosts: &[&str]) {
        let authority = Authority::new().unwrap();
        let made = authority.issue("spice", None, hosts).unwrap();
        fs::write(self.0.join("ca.crt"), authority.certificate()).unwrap();
        fs::write(self.0.join("tls.crt"), made.certificate).unwrap();
        fs::write(self.0.join("tls.key"), made.key).unwrap();
    }

    fn flag(&self, name: &str, file: &str) -> String {
        format!("--{name}={}", self.0.join(file).display())
    }

    async fn serve(&self, more: &[String]) -> Embedded {
        let tls = [
            self.flag("tls-cert", "tls.crt"),
            self.flag("tls-key", "tls.key"),
        ];
        Embedded::start(Options {
            data_dir: Some(self.0.join("data")),
            arguments: tls.iter().chain(more).cloned().collect(),
            ..Options::default()
        })
        .await
        .unwrap()
    }

    async fn command(&self, line: &str) -> Command {
        let mut command = Command::new(spice().await.unwrap());
        command
            .args(line.split(' '))
            .current_dir(self.0)
            .env_clear()
            .env("XDG_CONFIG_HOME", self.0)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, line: &str) -> CommandResult {
        CommandResult::of(&self.command(line).await.output().await.unwrap())
    }
}

async fn wait_for(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, waiting).await.expect(what);
}

/// The next event that `spice watch` prints.
async fn next_line(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = timeout(LIMIT, lines.next_line()).await;
    line.expect("an event").unwrap().expect("a line")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_call_a_server_whose_authority_they_trust() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files(folder.path());
    files.certify(&HOSTS);
    fs::write(folder.path().join("shop.yaml"), SHOP).unwrap();
    fs::write(
        folder.path().join("clients.csv"),
        "client_id,name\nc1,Kim\nc2,Bo\n",
    )
    .unwrap();
    let mut server = files
        .serve(&[
            files.flag("apply", "shop.yaml"),
            files.flag("ca-file", "ca.crt"),
            "--metrics-listen=127.0.0.1:0".to_owned(),
        ])
        .await;
    for service in ["gateway", "oms", "funnel", "metrics"] {
        let url = server.url(service).unwrap();
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    }
    let url = server.url("gateway").unwrap();
    let trusting = format!("--server {url} --ca-file ca.crt");
    let spice = async |line: &str| files.run(&format!("{line} {trusting}")).await;
    wait_for("--apply works over TLS", async || {
        let classes = spice("get classes -d shop").await;
        classes.code == 0 && classes.rows().len() == 2
    })
    .await;
    spice("apply -f shop.yaml").await.ok();
    spice("import clients.csv -d shop --class Client")
        .await
        .ok();
    let exported = spice("export -d shop").await.ok();
    assert_eq!(exported.lines().count(), 2, "{exported}");
    let mut watch = files
        .command(&format!("watch -d shop --from 0 {trusting}"))
        .await;
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    next_line(&mut lines).await;

    // Another name, and another authority.
    let by_name = url.replace("127.0.0.1", "localhost");
    let by_name = format!("get databases --server {by_name} --ca-file ca.crt");
    let error = files.run(&by_name).await.fails(6);
    assert!(error.contains("is not for this name"), "{error}");
    let other = Authority::new().unwrap().certificate();
    fs::write(folder.path().join("other.crt"), other).unwrap();
    let error = files
        .run(&format!("get databases --server {url} --ca-file other.crt"))
        .await;
    let error = error.fails(6);
    assert!(
        error.contains("not of an authority") && error.contains("--ca-file"),
        "{error}"
    );

    // A client that speaks plain HTTP learns why it is not understood.
    let plain = url.replace("https", "http");
    let error = files
        .run(&format!("get databases --server {plain}"))
        .await
        .fails(2);
    assert!(error.contains("this address uses TLS"), "{error}");

    // A new certificate by a new authority, without a restart. The stream that is open goes on.
    files.certify(&HOSTS);
    wait_for("the new certificate is in force", async || {
        spice("get databases").await.code == 0
    })
    .await;
    spice("branch create what-if -d shop").await.ok();
    while !next_line(&mut lines)
        .await
        .to_uppercase()
        .contains("BRANCH")
    {}
    watch.kill().await.unwrap();

    // A client that says nothing does not hold up the end.
    let address = url.strip_prefix("https://").unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let started = Instant::now();
    server.terminate(LIMIT).await.unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(silent.read(&mut [0]).await.unwrap_or_default(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_certificate_changes_nothing_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files(folder.path());
    files.certify(&HOSTS);
    let plain = ["--metrics-listen=127.0.0.1:0", "--metrics-plain"].map(str::to_owned);
    let server = files.serve(&plain).await;
    let metrics = server.url("metrics").unwrap();
    assert!(metrics.starts_with("http://"), "{metrics}");
    let http = spice_client::http_builder().build().unwrap();
    let reports = async |line: &str| {
        let request = http.get(format!("{metrics}/metrics"));
        let scraped = request.send().await.unwrap();
        scraped.text().await.unwrap().lines().any(|it| it == line)
    };
    let [valid, wrong] =
        [1, 0].map(|it| format!("spice_file_valid{{file=\"certificate\"}} {it}.0"));
    assert!(reports(&valid).await);
    fs::write(folder.path().join("tls.key"), "").unwrap();
    wait_for("the metric says so", async || reports(&wrong).await).await;
    let log = server.errors();
    assert!(
        log.contains("tls.crt") && log.contains("tls.key") && log.contains("no private key in PEM"),
        "{log}"
    );
    let url = server.url("gateway").unwrap();
    let line = format!("get databases --server {url} --ca-file ca.crt");
    files.run(&line).await.ok();
    files.certify(&HOSTS);
    wait_for("it is right again", async || reports(&valid).await).await;
    files.run(&line).await.ok();

    // Both versions of TLS are spoken.
    let authority = fs::read(folder.path().join("ca.crt")).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    for version in [tls::Version::TLS_1_2, tls::Version::TLS_1_3] {
        let builder = spice_client::http_builder().tls_certs_only([authority.clone()]);
        let client = builder.tls_version_min(version).tls_version_max(version);
        let health = client.build().unwrap().get(format!("{url}/health"));
        assert_eq!(health.send().await.unwrap().status(), 200);
    }

    // To a server without TLS.
    let secure = metrics.replace("http", "https");
    let line = format!("get databases --server {secure}");
    let error = files.run(&line).await.fails(6);
    assert!(error.contains("does not use TLS"), "{error}");
}

#[tokio::test]
async fn a_server_does_not_start_with_a_certificate_that_it_cannot_use() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files(folder.path());
    files.certify(&HOSTS);
    let key = fs::read_to_string(folder.path().join("tls.key")).unwrap();
    fs::write(
        folder.path().join("encrypted.key"),
        key.replace("PRIVATE", "ENCRYPTED PRIVATE"),
    )
    .unwrap();
    let other = Authority::new()
        .unwrap()
        .issue("other", None, &HOSTS)
        .unwrap();
    fs::write(folder.path().join("other.key"), other.key).unwrap();
    for (certificate, key, rule) in [
        ("missing.crt", "tls.key", "cannot read missing.crt"),
        ("tls.key", "tls.key", "no certificate in PEM"),
        ("tls.crt", "tls.crt", "no private key in PEM"),
        ("tls.crt", "encrypted.key", "the key is encrypted"),
        (
            "tls.crt",
            "other.key",
            "the key is not that of the certificate",
        ),
    ] {
        let line = format!("dev --data-dir data --tls-cert {certificate} --tls-key {key}");
        let error = files.run(&line).await.fails(1);
        for part in [certificate, key, rule] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    for (given, needed) in [("cert", "key"), ("key", "cert")] {
        let line = format!("dev --data-dir data --tls-{given} tls.crt");
        let error = files.run(&line).await.fails(2);
        assert!(error.contains(&format!("--tls-{needed}")), "{error}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was opened");
}

#[tokio::test]
async fn tokens_in_clear_text_beyond_this_machine_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files(folder.path());
    files.certify(&HOSTS);
    fs::write(folder.path().join("tokens.yaml"), "principals: []").unwrap();
    let tls = "--tls-cert tls.crt --tls-key tls.key";
    for (host, more, is_warned) in [
        ("0.0.0.0", "--tokens tokens.yaml".to_owned(), true),
        ("127.0.0.1", "--tokens tokens.yaml".to_owned(), false),
        ("0.0.0.0", "--allow-anonymous".to_owned(), false),
        ("0.0.0.0", format!("--tokens tokens.yaml {tls}"), false),
    ] {
        let line = format!(
            "dev --data-dir data --gateway-listen {host}:0 --oms-listen 127.0.0.1:0 \
             --funnel-listen 127.0.0.1:0 {more}"
        );
        let mut command = files.command(&line).await;
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while next_line(&mut lines).await != "ready" {}
        child.kill().await.unwrap();
        let mut log = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .await
            .unwrap();
        assert_eq!(log.contains("in clear text"), is_warned, "{line}: {log}");
    }
}
