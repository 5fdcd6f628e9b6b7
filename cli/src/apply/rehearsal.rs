//! An api that is asked and never told: what it is sent is remembered here, and shows in what is
//! read afterwards.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value};
use spice_operator::{
    Api, ApiClient, ApiError,
    client::{Accepted, Command, Progress, Stored, Verb},
};

/// Reads through to the api, and keeps writes.
pub(super) struct Rehearsal {
    api: ApiClient,
    /// What was sent, by the path of the thing and its branch.
    sent: Mutex<HashMap<Vec<String>, Map<String, Value>>>,
}

impl Rehearsal {
    pub(super) fn new(api: ApiClient) -> Self {
        let sent = Mutex::default();
        Self { api, sent }
    }

    /// What is there, with what was sent over it.
    fn seen(&self, place: &[&str], found: Option<Stored>) -> Option<Stored> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let place: Vec<String> = place.iter().map(|&part| part.to_owned()).collect();
        let Some(fields) = sent.get(&place) else {
            return found;
        };
        let mut stored = found.unwrap_or(Stored {
            sequence: Some(0),
            position: Some(0),
            projected: Some(1),
            definition: Map::new(),
        });
        stored.definition.extend(fields.clone());
        Some(stored)
    }
}

/// Where a command's effect is read again: database; database, branch; database, branch, class.
fn place(command: &Command) -> Vec<String> {
    let named = |key: &str| {
        let body = command.body.as_ref();
        body.and_then(|body| body.get(key)?.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let branch = || {
        let mut query = command.query.iter();
        let branch = query.find(|(name, _)| *name == "branch");
        branch.map_or_else(|| "main".to_owned(), |(_, branch)| branch.clone())
    };
    let part = |index: usize| command.path.get(index).cloned().unwrap_or_default();
    match command.path.get(2).map(String::as_str) {
        None => match command.path.get(1) {
            None => vec![named("name")],
            Some(database) => vec![database.clone()],
        },
        Some("branches") => match command.path.get(3) {
            None => vec![part(1), named("name")],
            Some(name) => vec![part(1), name.clone()],
        },
        Some(_) => match command.path.get(3) {
            None => vec![part(1), branch(), named("id")],
            Some(class) => vec![part(1), branch(), class.clone()],
        },
    }
}

impl Api for Rehearsal {
    async fn database(&self, database: &str) -> Result<Option<Stored>, ApiError> {
        let found = self.api.database(database).await?;
        Ok(self.seen(&[database], found))
    }

    async fn branch(&self, database: &str, branch: &str) -> Result<Option<Stored>, ApiError> {
        let found = self.api.branch(database, branch).await?;
        Ok(self.seen(&[database, branch], found))
    }

    async fn class(
        &self,
        database: &str,
        branch: &str,
        class: &str,
    ) -> Result<Option<Stored>, ApiError> {
        let found = self.api.class(database, branch, class).await?;
        Ok(self.seen(&[database, branch, class], found))
    }

    async fn command(&self, _: &str) -> Result<Option<Progress>, ApiError> {
        Ok(Some(Progress::Completed))
    }

    async fn send(&self, command: &Command) -> Result<Accepted, ApiError> {
        let fields = match (&command.body, command.verb) {
            (Some(Value::Object(fields)), Verb::Create | Verb::Update) => fields.clone(),
            _ => Map::new(),
        };
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.entry(place(command)).or_default().extend(fields);
        Ok(Accepted {
            command: None,
            progress: Progress::Completed,
        })
    }
}
