//! Scripts: exchanges in order.
//!
//! ```text
//! # a word on what comes
//! > POST /databases            the request; `oms:/…` goes to oms, `//x` is not below /api/v1
//! + Prefer: wait=30            a header of it
//! {"name": "demo"}             its body
//! < 201                        the status of the answer
//! ~ preference-applied: wait   a header of it
//! {"data": {…}}                what it says, as `pattern.rs` reads it
//! ```
//! `demo` stands for the test's own database, `${name}` in a request for a stored value.

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::{
    pattern::{Kept, check},
    service::Service,
};

/// One exchange.
#[derive(Default)]
struct Exchange {
    line: usize,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
    answer_headers: Vec<(String, String)>,
    answer: String,
}

/// Plays a script to its end, or to the first answer that does not match.
pub(crate) async fn play(service: &Service, text: &str) -> anyhow::Result<()> {
    let mut kept = Kept::new();
    for exchange in read(text)? {
        exchange.play(service, &mut kept).await.with_context(|| {
            let Exchange {
                line, method, path, ..
            } = &exchange;
            format!("line {line}: {method} {path}")
        })?;
    }
    Ok(())
}

fn read(text: &str) -> anyhow::Result<Vec<Exchange>> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut answered = true;
    for (number, line) in text.lines().enumerate() {
        if let Some(request) = line.strip_prefix("> ") {
            ensure!(
                answered,
                "line {}: the request before has no answer",
                number + 1
            );
            let (method, path) = request.trim().split_once(' ').context("METHOD path")?;
            exchanges.push(Exchange {
                line: number + 1,
                method: method.to_owned(),
                path: path.to_owned(),
                ..Exchange::default()
            });
            answered = false;
            continue;
        }
        let Some(exchange) = exchanges.last_mut() else {
            continue;
        };
        let header = |text: &str| {
            let (name, value) = text.split_once(": ")?;
            Some((name.to_owned(), value.to_owned()))
        };
        if let Some(status) = line.strip_prefix("< ") {
            exchange.status = status.trim().parse()?;
            answered = true;
        } else if let Some(text) = line.strip_prefix("+ ") {
            exchange.headers.extend(header(text));
        } else if let Some(text) = line.strip_prefix("~ ") {
            exchange.answer_headers.extend(header(text));
        } else if line.starts_with('#') {
        } else if answered {
            exchange.answer.push_str(line);
            exchange.answer.push('\n');
        } else {
            exchange.body.push_str(line);
            exchange.body.push('\n');
        }
    }
    Ok(exchanges)
}

impl Exchange {
    async fn play(&self, service: &Service, kept: &mut Kept) -> anyhow::Result<()> {
        let mut request = service.request(&self.method, &fill_in(&self.path, kept)?);
        for (name, value) in &self.headers {
            request = request.header(name, fill_in(value, kept)?);
        }
        if !self.body.trim().is_empty() {
            request = request
                .header("content-type", "application/json")
                .body(fill_in(&service.replace_database(self.body.trim()), kept)?);
        }
        let answer = service.send(request).await;
        ensure!(
            answer.status == self.status,
            "{}: {}",
            answer.status,
            answer.text
        );
        ensure!(!answer.header("x-request-id").is_empty(), "no X-Request-Id");
        for (name, value) in &self.answer_headers {
            let actual = answer.header(name);
            ensure!(
                actual.contains(value.as_str()),
                "{name}: {actual:?}, not {value:?}"
            );
        }
        if self.answer.trim().is_empty() {
            return Ok(());
        }
        let pattern: Value = serde_json::from_str(&service.replace_database(self.answer.trim()))
            .context("the script's own answer is no JSON")?;
        check(&pattern, &answer.body, kept).with_context(|| answer.text.clone())
    }
}

/// A text with stored values in place of `${name}`.
fn fill_in(text: &str, kept: &Kept) -> anyhow::Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else {
            bail!("${{ without an end");
        };
        filled.push_str(before);
        match kept.get(name) {
            Some(Value::String(text)) => filled.push_str(text),
            Some(value) => filled.push_str(&value.to_string()),
            None => bail!("nothing is kept as {name}"),
        }
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}
