//! A client that writes, and remembers the answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use spice_e2e::embedded::{Answer, Client};
use tokio::sync::watch;

use super::random::Random;
use crate::{CLASS, DATABASE};

/// The state of an acknowledged instance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    pub(crate) sequence: u64,
    pub(crate) value: u64,
    pub(crate) deleted: bool,
}

/// A request with its key, for repeating it.
#[derive(Debug, Clone)]
struct Intent {
    key: String,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Create {
        id: String,
        value: u64,
    },
    Update {
        id: String,
        value: u64,
        expected: u64,
    },
    Delete {
        id: String,
        expected: u64,
    },
    Bulk {
        ids: Vec<String>,
        value: u64,
    },
}

pub(crate) struct Writer {
    index: usize,
    random: Random,
    serial: u64,
    unsure: Option<Intent>,
    /// The acknowledged answers, by `Idempotency-Key`.
    answers: BTreeMap<String, Value>,
    pub(crate) known: BTreeMap<String, Known>,
}

impl Writer {
    pub(crate) fn new(index: usize, seed: u64) -> Self {
        let random = Random::new(seed.wrapping_add(1 + index as u64));
        let (answers, known) = (BTreeMap::new(), BTreeMap::new());
        Self {
            index,
            random,
            serial: 0,
            unsure: None,
            answers,
            known,
        }
    }

    /// Whether a request was sent and not answered.
    pub(crate) fn is_unsure(&self) -> bool {
        self.unsure.is_some()
    }

    /// The command ids of all acknowledged requests.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &str> {
        self.answers
            .values()
            .filter_map(|body| body["command_id"].as_str())
    }

    /// Writes one request after the other until one is not answered, or it is told to stop.
    pub(crate) async fn write(mut self, client: Client, ended: watch::Receiver<bool>) -> Self {
        while !*ended.borrow() {
            let wish = self.choose_next();
            self.unsure = Some(wish.clone());
            let Ok(answer) = send(&client, &wish).await else {
                break;
            };
            self.note_answer(&wish, answer);
            self.unsure = None;
        }
        self
    }

    /// Repeats unanswered requests, twice: the second time is certainly a repetition.
    pub(crate) async fn settle(&mut self, client: &Client) {
        let last = self.answers.keys().next_back().cloned();
        if let Some(wish) = self.unsure.take() {
            let first = send(client, &wish).await.unwrap();
            let second = send(client, &wish).await.unwrap();
            assert_eq!(
                first, second,
                "a repeated request gets the first answer: {wish:?}"
            );
            self.note_answer(&wish, first);
        }
        if let Some(key) = last {
            self.check_remembered(client, &key).await;
        }
    }

    /// A request that was acknowledged before the kill gets the same answer again.
    async fn check_remembered(&self, client: &Client, key: &str) {
        let answer = &self.answers[key];
        let id = answer["command_id"].as_str().unwrap();
        let limit = std::time::Duration::from_mins(1);
        let status = client.wait_command(id, limit).await.unwrap();
        assert_eq!(status["command_id"], answer["command_id"]);
    }

    fn note_answer(&mut self, wish: &Intent, answer: Answer) {
        assert_eq!(answer.status, 202, "{wish:?}: {}", answer.body);
        let result = &answer.body["result"];
        match &wish.change {
            Change::Create { id, value } => {
                assert_eq!(result["instance_id"], **id);
                self.put(id, result, 1, *value, false);
            }
            Change::Update {
                id,
                value,
                expected,
            } => {
                self.put(id, result, expected + 1, *value, false);
            }
            Change::Delete { id, expected } => {
                let value = self.known[id].value;
                self.put(id, result, expected + 1, value, true);
            }
            Change::Bulk { ids, value } => {
                assert_eq!(result["instance_count"], ids.len(), "{result}");
                for id in ids {
                    let known = Known {
                        sequence: 1,
                        value: *value,
                        deleted: false,
                    };
                    assert!(self.known.insert(id.clone(), known).is_none());
                }
            }
        }
        self.answers.insert(wish.key.clone(), answer.body);
    }

    fn put(&mut self, id: &str, result: &Value, sequence: u64, value: u64, deleted: bool) {
        assert_eq!(result["sequence"], sequence, "{id}: {result}");
        self.known.insert(
            id.to_owned(),
            Known {
                sequence,
                value,
                deleted,
            },
        );
    }

    fn choose_next(&mut self) -> Intent {
        self.serial += 1;
        let key = format!("{}-{:06}", self.index, self.serial);
        let value = self.random.next() % 1_000_000;
        let change = match self.random.below(20) {
            0..=1 => {
                let count = self.random.between(20, 400);
                let ids = (0..count).map(|row| format!("{key}-{row}")).collect();
                Change::Bulk { ids, value }
            }
            2..=9 => self.update_or_delete(value),
            _ => Change::Create {
                id: key.clone(),
                value,
            },
        };
        Intent { key, change }
    }

    fn update_or_delete(&mut self, value: u64) -> Change {
        let live: Vec<_> = self
            .known
            .iter()
            .filter(|(_, known)| !known.deleted)
            .collect();
        let Some((id, known)) = live.get(self.random.below(live.len().max(1))) else {
            let id = format!("{}-{:06}", self.index, self.serial);
            return Change::Create { id, value };
        };
        let (id, expected) = ((*id).clone(), known.sequence);
        if value.is_multiple_of(8) {
            return Change::Delete { id, expected };
        }
        Change::Update {
            id,
            value,
            expected,
        }
    }
}

async fn send(client: &Client, wish: &Intent) -> reqwest::Result<Answer> {
    let base = format!("/api/v1/databases/{DATABASE}/instances/{CLASS}");
    let headers = [("Idempotency-Key", wish.key.as_str())];
    let (post, put) = (reqwest::Method::POST, reqwest::Method::PUT);
    match &wish.change {
        Change::Create { id, value } => {
            let body = json!({"data": data(id, *value)});
            client
                .send(post, &format!("{base}/create"), &headers, Some(&body))
                .await
        }
        Change::Update {
            id,
            value,
            expected,
        } => {
            let body = json!({"data": {"value": value}});
            let path = format!("{base}/{id}/update?expected_seq={expected}");
            client.send(put, &path, &headers, Some(&body)).await
        }
        Change::Delete { id, expected } => {
            let path = format!("{base}/{id}/delete?expected_seq={expected}");
            client
                .send::<Value>(reqwest::Method::DELETE, &path, &headers, None)
                .await
        }
        Change::Bulk { ids, value } => {
            let instances: Vec<Value> = ids.iter().map(|id| data(id, *value)).collect();
            let body = json!({"instances": instances});
            client
                .send(post, &format!("{base}/bulk-create"), &headers, Some(&body))
                .await
        }
    }
}

fn data(id: &str, value: u64) -> Value {
    json!({"item": id, "value": value, "pad": "x".repeat(200)})
}
