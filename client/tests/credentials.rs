//! A token is sent with every request, and read again when its file changes.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use spice_client::{Client, Credentials, Error};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time,
};

/// A server that lets one token in, and the tokens that it saw.
#[derive(Clone)]
struct Server {
    url: String,
    right: Arc<Mutex<&'static str>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(right: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            right: Arc::new(Mutex::new(right)),
            seen: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                let text = String::from_utf8_lossy(&request[..read]).into_owned();
                stream
                    .write_all(serving.answer(&text).as_bytes())
                    .await
                    .unwrap();
            }
        });
        server
    }

    fn answer(&self, request: &str) -> String {
        let mut lines = request.lines();
        let token = lines.find_map(|line| line.strip_prefix("authorization: "));
        let token = token.unwrap_or_default().to_owned();
        let is_right = token == format!("Bearer {}", self.right.lock().unwrap());
        self.seen.lock().unwrap().push(token);
        let (status, body) = if is_right {
            ("200 OK", r#"{"data":{"databases":[],"count":0}}"#)
        } else {
            (
                "401 Unauthorized",
                r#"{"message":"no","detail":{"error":"unauthenticated"}}"#,
            )
        };
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn client(&self, token_file: PathBuf) -> Result<Client, Error> {
        let credentials = Credentials {
            token_file: Some(token_file),
            ca_file: None,
        };
        Client::with_credentials(&self.url, credentials)
    }
}

#[tokio::test]
async fn a_token_is_sent_and_replaced_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let server = Server::start("one").await;
    fs::write(&path, "one\n").unwrap();
    let client = server.client(path.clone()).unwrap();
    client.databases().await.unwrap();
    assert_eq!(server.seen(), ["Bearer one"]);

    // The server takes the next token only: a refused one is looked up at once.
    fs::write(&path, "two").unwrap();
    *server.right.lock().unwrap() = "two";
    client.databases().await.unwrap();
    assert_eq!(server.seen(), ["Bearer one", "Bearer two"]);

    // The server takes both: the file is read again after a while.
    fs::write(&path, "three").unwrap();
    *server.right.lock().unwrap() = "three";
    time::sleep(Duration::from_millis(1_100)).await;
    client.databases().await.unwrap();
    assert_eq!(server.seen(), ["Bearer three"]);

    // A file that is gone or empty changes nothing.
    fs::write(&path, "").unwrap();
    time::sleep(Duration::from_millis(1_100)).await;
    client.databases().await.unwrap();
    fs::remove_file(&path).unwrap();
    time::sleep(Duration::from_millis(1_100)).await;
    client.databases().await.unwrap();
    assert_eq!(server.seen(), ["Bearer three", "Bearer three"]);

    *server.right.lock().unwrap() = "four";
    let error = client.databases().await.unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert_eq!(
        server.seen(),
        ["Bearer three"],
        "the same token is not sent twice"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("one").await;
    let missing = server.client(folder.path().join("missing")).unwrap_err();
    assert!(missing.to_string().contains("missing"), "{missing}");
    for (index, wrong) in ["", " \n", "secret secret", "secret\nsecret", "sécret"]
        .iter()
        .enumerate()
    {
        let path = folder.path().join(index.to_string());
        fs::write(&path, wrong).unwrap();
        let error = server.client(path.clone()).unwrap_err();
        assert!(
            matches!(error, Error::InvalidFile { .. }),
            "{wrong:?}: {error}"
        );
        assert!(!error.to_string().contains("cret"), "{error}");
        let credentials = Credentials {
            token_file: None,
            ca_file: Some(path),
        };
        let error = Client::with_credentials("https://127.0.0.1:1", credentials).unwrap_err();
        assert!(
            matches!(error, Error::InvalidFile { .. }),
            "{wrong:?}: {error}"
        );
    }
    let path = folder.path().join("token");
    fs::write(&path, "secret").unwrap();
    let client = server.client(path).unwrap();
    assert!(!format!("{client:?}").contains("secret"), "{client:?}");
    assert_eq!(server.seen(), [""; 0]);
}
