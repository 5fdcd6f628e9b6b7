//! An HTTP/1.1 load over keep-alive connections that uses little CPU, because it shares the cores
//! with what it measures.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

/// The results of a load.
pub struct Outcome {
    /// Answers with the wanted status.
    pub good: u64,
    /// All other answers.
    pub bad: u64,
    /// The first bad answer.
    pub first_bad: Option<String>,
    /// The time of each request.
    pub latencies: Vec<Duration>,
    /// The total time.
    pub elapsed: Duration,
}

/// Sends requests over `connections` until `total` are answered. `body` returns the n-th request's
/// body; `wanted` is the expected status.
pub async fn run(
    address: &str,
    path: &str,
    connections: usize,
    total: u64,
    wanted: u16,
    body: impl Fn(u64) -> String + Send + Sync + 'static,
) -> anyhow::Result<Outcome> {
    let (next, body) = (Arc::new(AtomicU64::new(0)), Arc::new(body));
    let started = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (address, path) = (address.to_owned(), path.to_owned());
        let (next, body) = (next.clone(), body.clone());
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut outcome = Outcome::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return anyhow::Ok(outcome);
                }
                let sent = Instant::now();
                let (status, text) = connection.post(&path, &body(number)).await?;
                outcome.latencies.push(sent.elapsed());
                if status == wanted {
                    outcome.good += 1;
                } else {
                    outcome.bad += 1;
                    outcome
                        .first_bad
                        .get_or_insert_with(|| format!("{status}: {text}"));
                }
            }
        }));
    }
    let mut all = Outcome::new();
    for task in tasks {
        let one = task.await??;
        all.good += one.good;
        all.bad += one.bad;
        all.first_bad = all.first_bad.or(one.first_bad);
        all.latencies.extend(one.latencies);
    }
    all.elapsed = started.elapsed();
    Ok(all)
}

impl Outcome {
    fn new() -> Self {
        Self {
            good: 0,
            bad: 0,
            first_bad: None,
            latencies: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// Fails if any answer had another status.
    pub fn require_success(self) -> anyhow::Result<Self> {
        match &self.first_bad {
            None => Ok(self),
            Some(first) => bail!(
                "{} answers were not as wanted; the first: {first}",
                self.bad
            ),
        }
    }
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    address: String,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            address: address.to_owned(),
            buffer: Vec::new(),
        })
    }

    /// Posts a JSON body; the answer's status and body.
    pub async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        let head_end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).context("no status line")?.parse()?;
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .context("no content-length")?
            .trim()
            .parse()?;
        while self.buffer.len() < head_end + length {
            self.fill().await?;
        }
        let body = String::from_utf8_lossy(&self.buffer[head_end..head_end + length]).into_owned();
        Ok((status, body))
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
