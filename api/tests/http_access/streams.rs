//! Web sockets and streams of events: who may open one, and when one ends.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use spice_core::access::Role;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::{
    FOREIGN, Guarded, OWN, assert_silent, credential, credentials,
    http_support::{documented::documented, events::Events},
};

const PATIENCE: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects a web socket of a service, at `/ws` below its URL, with a token; the status of a refusal.
async fn connect(service: &str, command: &str, token: &str) -> Result<Socket, (u16, String)> {
    let url = format!(
        "{}/ws/commands/{command}",
        service.replacen("http", "ws", 1)
    );
    let mut request = url.into_client_request().unwrap();
    let value = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", value);
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            Err((response.status().as_u16(), String::from_utf8(body).unwrap()))
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_command_of_a_foreign_database_is_like_none() {
    let mut guarded = Guarded::start().await;
    let unknown = "11111111-2222-4333-8444-555555555555";
    let foreign = guarded.foreign_command.clone();
    for path in [
        "/commands/{}/status",
        "/commands/{}/events",
        "oms:/commands/{}/status",
        "oms:/commands/{}/events",
    ] {
        if path.ends_with("status") {
            let own = path.replace("{}", &foreign);
            guarded.get_as("root", &own).await.expect(200);
        }
        for role in Role::ALL {
            let path_of = |command: &str| path.replace("{}", command);
            let hidden = guarded
                .get_as(role.as_str(), &path_of(&foreign))
                .await
                .expect(404);
            let none = guarded
                .get_as(role.as_str(), &path_of(unknown))
                .await
                .expect(404);
            assert_eq!(hidden.text.replace(&foreign, unknown), none.text);
        }
    }
    for service in [&guarded.server.gateway, &guarded.server.oms] {
        for role in Role::ALL {
            let mut refusals = Vec::new();
            for command in [foreign.as_str(), unknown] {
                let refused = connect(service, command, role.as_str()).await.unwrap_err();
                refusals.push((refused.0, refused.1.replace(&foreign, unknown)));
            }
            assert_eq!(refusals[0].0, 404);
            assert_eq!(refusals[0], refusals[1]);
        }
        let refused = connect(service, &foreign, "wrong").await.unwrap_err();
        assert_eq!(refused.0, 401);
        assert!(connect(service, &foreign, "root").await.is_ok());
    }
}

/// When funnel gets a stream or a call about a database, the tests above must go over it.
#[tokio::test]
async fn funnel_shows_nothing_of_a_database() {
    let mut guarded = Guarded::start().await;
    for call in documented(&guarded.server).await {
        let is_stream = call.operation["responses"]["200"]["content"]["text/event-stream"]
            .is_object()
            || call.operation["responses"]["101"].is_object();
        if call.service == "funnel:" {
            assert!(
                !is_stream && !call.template.contains('{'),
                "{}",
                call.template
            );
        }
    }
    let foreign = guarded.foreign_command.clone();
    for role in Role::ALL {
        for path in [
            format!("funnel:/databases/{FOREIGN}"),
            format!("funnel:/databases/{FOREIGN}/events"),
            format!("funnel:/commands/{foreign}/status"),
            format!("funnel:/commands/{foreign}/events"),
        ] {
            let unknown = guarded.get_as(role.as_str(), &path).await.expect(404);
            assert_silent(&unknown, &path);
        }
        let refused = connect(&guarded.server.funnel, &foreign, role.as_str()).await;
        assert_eq!(refused.unwrap_err().0, 404);
    }
}

#[tokio::test]
async fn a_principal_that_is_removed_loses_its_streams_at_once() {
    let mut guarded = Guarded::start().await;
    guarded.server.token = Some("editor".to_owned());
    let customer = json!({"data": {"customer_id": "c1"}});
    let path = format!("/databases/{OWN}/instances/Customer/create");
    let created = guarded.server.post(&path, customer).await.expect(202).body;
    let command = created["command_id"].as_str().unwrap().to_owned();
    for role in Role::ALL {
        for url in [&guarded.server.gateway, &guarded.server.oms] {
            assert!(
                connect(url, &command, role.as_str()).await.is_ok(),
                "{role}"
            );
        }
    }
    for (service, how) in [
        ("", "removed"),
        ("", "other databases"),
        ("oms:", "removed"),
        ("oms:", "other databases"),
    ] {
        let watch = format!("{service}/databases/{OWN}/events?from=0");
        let follow = format!("{service}/commands/{command}/events");
        guarded.access.replace(credentials());
        let mut feed = Events::open(&guarded.server, &watch, None).await;
        feed.next().await.unwrap();
        let mut statuses = Events::open(&guarded.server, &follow, None).await;
        statuses.next().await.unwrap();
        let url = match service {
            "" => &guarded.server.gateway,
            _ => &guarded.server.oms,
        };
        let mut socket = connect(url, &command, "editor").await.unwrap();
        timeout(PATIENCE, socket.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        guarded.server.token = Some("root".to_owned());
        let mut kept = Events::open(&guarded.server, &watch, None).await;
        guarded.server.token = Some("editor".to_owned());

        let mut left = credentials();
        left.retain(|it| it.principal.name.as_str() != "editor");
        if how != "removed" {
            left.push(credential("editor", Role::Editor, &["elsewhere"]));
        }
        guarded.access.replace(left);
        // A stream that goes on sends a comment every 15 s, so each has a limit as a whole.
        let ended = timeout(PATIENCE, statuses.rest()).await;
        let rest = ended.expect("the stream of statuses ends");
        assert_eq!(rest, [], "{service} {how}");
        let ended = timeout(PATIENCE, feed.rest()).await;
        ended.expect("the stream of events ends");
        let closed = timeout(PATIENCE, async {
            loop {
                if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
                    break frame.unwrap();
                }
            }
        });
        let goodbye = closed.await.expect("the web socket closes");
        assert_eq!(u16::from(goodbye.code), 1008, "{service} {how}");
        kept.next().await.unwrap();
        let status = guarded.server.get(&watch).await.status;
        assert_eq!(status, if how == "removed" { 401 } else { 403 });
    }
}
