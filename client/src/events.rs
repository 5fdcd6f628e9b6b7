//! Server-sent events.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use serde::de::DeserializeOwned;

use crate::{Client, CommandStatus, Error, Request, calls};

/// The maximum size of an event.
const LONGEST: usize = 16 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its id, from which a broken stream resumes.
    pub id: Option<String>,
    /// Its name; `message` if none.
    pub name: Option<String>,
    /// Its data: JSON.
    pub data: String,
}

impl Event {
    /// Parses its data.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.data).ok()
    }

    /// The command status in its data.
    pub fn command(&self) -> Option<CommandStatus> {
        self.read()
    }
}

/// A stream of events. A broken stream is reopened after the last received event. If the server
/// ends it, `next` returns none, and the following call reopens it.
#[derive(Debug)]
pub struct Events<'c> {
    request: Request<'c>,
    response: Option<reqwest::Response>,
    lines: Lines,
    broken: u32,
    /// Whether the stream was open before.
    again: bool,
    /// The wait before it is reopened.
    pause: Duration,
}

impl Client {
    /// The status changes of a command, starting with the current status, until it is final.
    pub fn command_events(&self, id: &str) -> Events<'_> {
        Events::new(self.call(&calls::COMMAND_EVENTS, &[id]))
    }

    /// The domain events of a database: of a branch or of all, from a position or from now on.
    pub fn database_events(
        &self,
        database: &str,
        branch: Option<&str>,
        from: Option<u64>,
    ) -> Events<'_> {
        let request = self
            .call(&calls::DATABASE_EVENTS, &[database])
            .maybe_query("branch", branch)
            .maybe_query("from", from.map(|position| position.to_string()));
        Events::new(request)
    }
}

/// The default wait before a stream is reopened, and the longest that the server may set.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The maximum number of breaks in a row without an event.
const BREAKS: u32 = 5;

impl<'c> Events<'c> {
    pub(crate) fn new(request: Request<'c>) -> Self {
        Self {
            request: request.header("accept", "text/event-stream"),
            response: None,
            lines: Lines::default(),
            broken: 0,
            again: false,
            pause: PAUSE,
        }
    }

    /// The next event; none if the server has ended the stream.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.lines.take_event() {
                self.broken = 0;
                return Ok(Some(event));
            }
            if self.lines.rest() > LONGEST {
                return Err(self.request.unreadable_error("an event without an end"));
            }
            self.open().await?;
            let Some(response) = &mut self.response else {
                continue;
            };
            let coming = async {
                response
                    .chunk()
                    .await
                    .map_err(|it| self.request.transport_error(it))
            };
            match self.request.next_chunk(coming).await {
                Ok(Some(bytes)) => self.lines.put(&bytes),
                Ok(None) => {
                    self.close();
                    return Ok(None);
                }
                Err(error) => {
                    self.broken += 1;
                    if self.broken > BREAKS {
                        return Err(error);
                    }
                    self.close();
                }
            }
        }
    }

    /// Opens the stream, unless it is open.
    async fn open(&mut self) -> Result<(), Error> {
        if self.response.is_some() {
            return Ok(());
        }
        if self.again {
            tokio::time::sleep(self.pause).await;
        }
        self.again = true;
        let last = self.lines.last.as_deref().unwrap_or_default();
        self.request.set_header("last-event-id", last);
        self.response = Some(self.request.open().await?);
        Ok(())
    }

    /// An incomplete event is dropped; the id of the last complete one stays.
    fn close(&mut self) {
        if let Some(server_pause) = self.lines.retry {
            self.pause = server_pause.min(LONGEST_PAUSE);
        }
        self.response = None;
        self.lines = Lines {
            last: self.lines.last.take(),
            ..Lines::default()
        };
    }
}

/// Collects the lines of a stream into events (HTML, section 9.2.6).
#[derive(Debug, Default)]
struct Lines {
    text: BytesMut,
    searched: usize,
    event: Event,
    has_data: bool,
    /// The last received id, with or without an event: a stream resumes from there.
    last: Option<String>,
    retry: Option<Duration>,
}

impl Lines {
    fn put(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    fn rest(&self) -> usize {
        self.text.len() + self.event.data.len()
    }

    fn take_event(&mut self) -> Option<Event> {
        while let Some(line) = self.take_line() {
            if !line.is_empty() {
                self.field(&String::from_utf8_lossy(&line));
                continue;
            }
            let event = std::mem::take(&mut self.event);
            if event.id.is_some() {
                self.last.clone_from(&event.id);
            }
            if std::mem::take(&mut self.has_data) {
                return Some(event);
            }
        }
        None
    }

    /// A complete line without its end, which is `
    /// `, `\r
    /// ` or `\r`.
    fn take_line(&mut self) -> Option<Bytes> {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let Some(found) = self.text[self.searched..].iter().position(is_end) else {
            self.searched = self.text.len();
            return None;
        };
        let end = self.searched + found;
        let ends_wide = match (self.text[end], self.text.get(end + 1)) {
            // It is unknown yet whether `
            // ` follows.
            (b'\r', None) => {
                self.searched = end;
                return None;
            }
            (b'\r', Some(b'\n')) => true,
            _ => false,
        };
        let line = self.text.split_to(end).freeze();
        self.text.advance(if ends_wide { 2 } else { 1 });
        self.searched = 0;
        Some(line)
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "event" => self.event.name = Some(value.to_owned()),
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis),
            // A comment or an unknown field.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    //! The events of a stream do not depend on how it is split.
    use super::*;

    #[test]
    fn a_stream_reads_the_same_however_it_is_split() {
        let text = ": hello\n\nid: 1\nevent: status\ndata: {\"a\":\ndata: 1}\n\nretry: 5\n\n\
                    data:é\r\ndata\r\n\r\nid: 3\rdata: x\r\r";
        let expected = [
            Event {
                id: Some("1".into()),
                name: Some("status".into()),
                data: "{\"a\":\n1}".into(),
            },
            Event {
                data: "é\n".into(),
                ..Event::default()
            },
        ];
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                lines.put(chunk);
                found.extend(std::iter::from_fn(|| lines.take_event()));
            }
            // The last `\r` may be half of a line end; the next byte decides.
            lines.put(b"\n");
            found.extend(std::iter::from_fn(|| lines.take_event()));
            assert_eq!(found[..2], expected, "{size}");
            assert_eq!(found[2].data, "x", "{size}");
            assert_eq!(found.len(), 3, "{size}");
        }
    }

    #[test]
    fn the_last_id_is_that_of_the_last_complete_block() {
        let mut lines = Lines::default();
        for (text, event, last) in [
            (": open\nid: 7\n\n", None, Some("7")),
            ("data: 1\n\n", Some("1"), Some("7")),
            ("id: 8\nevent: x\n", None, Some("7")),
            ("\n", None, Some("8")),
            ("id: a\0b\n\n", None, Some("8")),
            ("id\ndata: 2\n\n", Some("2"), Some("")),
        ] {
            lines.put(text.as_bytes());
            let found = lines.take_event();
            assert_eq!(found.as_ref().map(|it| it.data.as_str()), event, "{text:?}");
            assert_eq!(lines.last.as_deref(), last, "{text:?}");
        }
    }
}
