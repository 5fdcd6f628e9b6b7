//! A client of server-sent events: reads them one by one.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use super::Server;

/// Nothing takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// One event, as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// A stream of events.
pub(crate) struct Events {
    response: Response,
    text: String,
    pub(crate) retry: Option<String>,
}

impl Events {
    /// Connects; `last` is the last event that the client has seen.
    pub(crate) async fn open(server: &Server, path: &str, last: Option<&str>) -> Self {
        let mut request = server.request("GET", path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Self::of(request.send().await.unwrap())
    }

    /// Reads an answer.
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status().as_u16(), 200, "{}", response.url());
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
            retry: None,
        }
    }

    /// Waits for the opening of the stream; returns where it begins.
    pub(crate) async fn opening(&mut self) -> Option<String> {
        while !self.text.contains("\n\n") {
            let chunk = timeout(PATIENCE, self.response.chunk()).await.unwrap();
            let chunk = chunk.unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        let opening = self.text.split("\n\n").next().unwrap();
        assert!(!opening.contains("data:"), "{opening}");
        let mut lines = opening.lines();
        lines.find_map(|line| Some(line.strip_prefix("id:")?.trim_start().to_owned()))
    }

    /// Returns the next event; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let mut lines = block.lines();
                    lines.find_map(|line| Some(line.strip_prefix(name)?.trim_start().to_owned()))
                };
                self.retry = field("retry:").or_else(|| self.retry.take());
                if let Some(data) = field("data:") {
                    return Some(Event {
                        id: field("id:").unwrap_or_default(),
                        name: field("event:").unwrap_or_default(),
                        data: serde_json::from_str(&data).unwrap(),
                    });
                }
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.unwrap();
            match chunk {
                Ok(Some(chunk)) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Returns everything up to the end of the stream.
    pub(crate) async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}
