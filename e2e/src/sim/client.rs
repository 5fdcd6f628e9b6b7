//! A client: sends commands with ids of its own, and repeats them until there is an answer.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::bail;
use serde_json::{Value, json};
use spice_core::{
    command::{
        Action, Adopt, ChangePolicy, Command, Declaration, Declared, InstanceChange, OnError,
        Origin, RawData, Strategy,
    },
    decide::Receipt,
    error::{ErrorCode, Refusal},
    id::{CommandId, LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName, DatabaseName, InstanceId},
    owner::Owner,
};
use uuid::Uuid;

use super::{faults::Role, world::World};

/// The last answer to a client.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Its name in the scenario.
    pub label: String,
    /// The command.
    pub id: CommandId,
    /// The receipt, or the refusal.
    pub answer: Result<Receipt, Refusal>,
}

/// All answers to clients.
pub type Answers = Arc<Mutex<Vec<Answered>>>;

/// A client of one database.
#[derive(Clone)]
pub struct Client {
    world: Arc<World>,
    database: DatabaseName,
    api: u8,
    /// The number of requests sent.
    sent: Arc<AtomicUsize>,
    answers: Answers,
}

impl Client {
    /// Creates a client that talks to the api of this number about this database.
    pub fn new(
        world: &Arc<World>,
        api: u8,
        database: &str,
        answers: &Answers,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            world: Arc::clone(world),
            database: database.parse()?,
            api,
            sent: Arc::default(),
            answers: Arc::clone(answers),
        })
    }

    /// Sends a command until it is answered.
    pub async fn send(
        &self,
        label: &str,
        action: Action,
    ) -> anyhow::Result<Result<Receipt, Refusal>> {
        let id = self.command_id(label);
        let answer = self.send_as(id, action).await?;
        let answered = Answered {
            label: format!("{}/{label}", self.database),
            id,
            answer: answer.clone(),
        };
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(answered);
        Ok(answer)
    }

    /// Returns the id of this client's command with this label.
    pub fn command_id(&self, label: &str) -> CommandId {
        let name = format!("sim:{}:{label}", self.database);
        CommandId(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }

    /// Returns the api for the next request.
    fn next_api(&self) -> u8 {
        if !self.world.setup.apis_take_turns {
            return self.api;
        }
        let nodes = self.world.setup.nodes.iter();
        let apis: Vec<u8> = nodes
            .filter(|node| node.role == Role::Api)
            .map(|node| node.number)
            .collect();
        let sent = self.sent.fetch_add(1, Ordering::Relaxed);
        apis[sent % apis.len()]
    }

    fn command(&self, id: CommandId, action: Action) -> Command {
        Command {
            id,
            database: self.database.clone(),
            action,
            origin: Origin {
                actor: None,
                service: "sim".to_owned(),
                correlation_id: id.0,
                traceparent: None,
                client: None,
            },
        }
    }

    /// Sends a command once, whatever the result.
    pub async fn send_once(
        &self,
        id: CommandId,
        action: Action,
    ) -> anyhow::Result<Result<Receipt, Refusal>> {
        let api = self.world.api(self.api).await?;
        Ok(api.writer.submit(self.command(id, action)).await)
    }

    /// Sends a command with an id until it is answered; does not record the answer.
    pub async fn send_as(
        &self,
        id: CommandId,
        action: Action,
    ) -> anyhow::Result<Result<Receipt, Refusal>> {
        let command = self.command(id, action);
        for _ in 0..10_000 {
            let api = self.world.api(self.next_api()).await?;
            let answer = tokio::select! {
                answer = api.writer.submit(command.clone()) => Some(answer),
                () = api.gate.wait_dead() => None,
            };
            match answer {
                Some(Err(refusal)) if refusal.code.is_transient() => {}
                Some(answer) => {
                    self.world.faults.note_answer();
                    return Ok(answer);
                }
                None => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("{} has no answer to {id}", self.database)
    }

    /// Sends a command that must be accepted.
    pub async fn send_accepted(&self, label: &str, action: Action) -> anyhow::Result<Receipt> {
        match self.send(label, action).await? {
            Ok(receipt) => Ok(receipt),
            Err(refusal) => bail!(
                "{}/{label} is refused: {} {refusal}",
                self.database,
                refusal.code
            ),
        }
    }

    /// Sends a command that must be refused in this way.
    pub async fn send_refused(
        &self,
        label: &str,
        action: Action,
        code: ErrorCode,
    ) -> anyhow::Result<Refusal> {
        match self.send(label, action).await? {
            Err(refusal) if refusal.code == code => Ok(refusal),
            other => bail!(
                "{}/{label} is answered {other:?}, not {code}",
                self.database
            ),
        }
    }
}

fn raw(data: Value) -> RawData {
    match data {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, Json::from(value)))
            .collect(),
        _ => RawData::new(),
    }
}

/// Creates the database.
pub fn create_database() -> Action {
    Action::CreateDatabase {
        description: "simulated".to_owned(),
        options: None,
    }
}

/// Seals the database.
pub fn delete_database(expected: Sequence) -> Action {
    Action::DeleteDatabase {
        expected_seq: expected,
    }
}

/// Creates a class.
pub fn create_class(branch: &str, definition: Value) -> anyhow::Result<Action> {
    Ok(Action::CreateClass {
        branch: branch.parse()?,
        definition: definition.into(),
    })
}

/// Changes a class.
pub fn update_class(
    branch: &str,
    class: &str,
    patch: Value,
    expected: Sequence,
) -> anyhow::Result<Action> {
    Ok(Action::UpdateClass {
        branch: branch.parse()?,
        class: class.parse::<ClassName>()?,
        patch: patch.into(),
        expected_seq: expected,
    })
}

/// Returns a change that creates an instance.
pub fn creation(class: &str, data: Value) -> InstanceChange {
    InstanceChange::CreateInstance {
        class: class.to_owned(),
        id: None,
        data: raw(data),
    }
}

/// Returns a change that patches an instance.
pub fn patch(
    class: &str,
    id: &str,
    data: Value,
    expected: Sequence,
) -> anyhow::Result<InstanceChange> {
    Ok(InstanceChange::UpdateInstance {
        class: class.to_owned(),
        id: id.parse::<InstanceId>()?,
        data: raw(data),
        expected_seq: expected,
    })
}

/// Returns a change that deletes an instance.
pub fn deletion(class: &str, id: &str, expected: Sequence) -> anyhow::Result<InstanceChange> {
    Ok(InstanceChange::DeleteInstance {
        class: class.to_owned(),
        id: id.parse::<InstanceId>()?,
        expected_seq: expected,
    })
}

/// One change of one instance.
pub fn change(branch: &str, change: InstanceChange) -> anyhow::Result<Action> {
    Ok(Action::ChangeInstance {
        branch: branch.parse()?,
        change,
    })
}

/// Many changes, all or none.
pub fn transaction(branch: &str, commands: Vec<InstanceChange>) -> anyhow::Result<Action> {
    Ok(Action::Transaction {
        branch: branch.parse()?,
        commands: commands.into_iter().map(Into::into).collect(),
    })
}

/// Declares classes of `main` for an owner.
pub fn declare(name: &str, generation: u64, definitions: Vec<Value>) -> Action {
    Action::Declare(Box::new(Declaration {
        owner: Some(Owner {
            cluster: "sim".into(),
            kind: "Ontology".into(),
            namespace: "team".into(),
            name: name.to_owned(),
            uid: format!("{name}-1"),
        }),
        generation,
        adopt: Adopt::IfEqual,
        takes_over: false,
        recreate: false,
        policy: ChangePolicy::Safe,
        approve: None,
        declared: Declared::Classes {
            branch: BranchName::main(),
            definitions: definitions.into_iter().map(Json::from).collect(),
        },
    }))
}

/// Many instances of one class.
pub fn bulk(branch: &str, class: &str, rows: Vec<Value>) -> anyhow::Result<Action> {
    Ok(Action::BulkCreate {
        branch: branch.parse()?,
        class: class.to_owned(),
        instances: rows.into_iter().map(raw).collect(),
        ids: Vec::new(),
        without_defaults: false,
        on_error: OnError::Abort,
    })
}

/// Creates a branch.
pub fn create_branch(branch: &str, from: &str) -> anyhow::Result<Action> {
    Ok(Action::CreateBranch {
        branch: branch.parse()?,
        from_branch: from.parse::<BranchName>()?,
        from_position: None,
    })
}

/// Creates a branch at a past position.
pub fn create_branch_at(branch: &str, from: &str, position: LogPosition) -> anyhow::Result<Action> {
    Ok(Action::CreateBranch {
        branch: branch.parse()?,
        from_branch: from.parse::<BranchName>()?,
        from_position: Some(position),
    })
}

/// Deletes a branch.
pub fn delete_branch(branch: &str) -> anyhow::Result<Action> {
    Ok(Action::DeleteBranch {
        branch: branch.parse()?,
        force: false,
    })
}

/// Merges a branch into another.
pub fn merge(source: &str, into: &str, strategy: Strategy) -> anyhow::Result<Action> {
    Ok(Action::MergeBranch {
        branch: into.parse()?,
        source: source.parse()?,
        strategy,
        resolutions: Vec::new(),
    })
}

/// Rebases a branch onto the last position of another.
pub fn rebase(branch: &str, onto: &str, strategy: Strategy) -> anyhow::Result<Action> {
    Ok(Action::RebaseBranch {
        branch: branch.parse()?,
        onto: onto.parse()?,
        strategy,
        resolutions: Vec::new(),
    })
}

/// Rolls a branch back to a position.
pub fn roll_back(branch: &str, to_position: LogPosition) -> anyhow::Result<Action> {
    Ok(Action::RollbackBranch {
        branch: branch.parse()?,
        to_position,
    })
}

/// The class of most scenarios: an id, a name and a price.
pub fn product_class() -> Value {
    json!({
        "id": "Product", "label": "Product",
        "properties": [
            {"name": "sku", "type": "string", "primaryKey": true},
            {"name": "name", "type": "string"},
            {"name": "price", "type": "integer", "constraints": {"min": 0}},
            {"name": "code", "type": "string", "constraints": {"unique": true}}
        ],
        "relationships": [
            {"predicate": "supplier", "target": "Supplier", "cardinality": "n:1"}
        ]
    })
}

/// The class that products refer to.
pub fn supplier_class() -> Value {
    json!({
        "id": "Supplier", "label": "Supplier",
        "properties": [
            {"name": "supplier_id", "type": "string", "primaryKey": true},
            {"name": "name", "type": "string"}
        ]
    })
}
