//! Writes of instances: create, update, delete, bulk, transactions.

use axum::http::StatusCode;
use spice_core::{
    command::{Action, InstanceChange},
    id::Sequence,
    name::InstanceId,
};

use crate::http::{
    answer::Answer,
    bodies::{BulkBody, InstanceBody, ROWS, TransactionBody, TransactionCommand, TransactionVerb},
    call::Call,
    failure::Failure,
    parameters::{known, path},
};

pub(crate) async fn create(mut call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let class = call.get(&path::CLASS)?;
    let body: InstanceBody = call.json().await?;
    let change = InstanceChange::CreateInstance {
        class,
        id: None,
        data: body.data.0,
    };
    let action = Action::ChangeInstance { branch, change };
    let submitted = call.submit(database, action, body.metadata).await?;
    submitted.command_result(StatusCode::CREATED, "instance creation accepted")
}

pub(crate) async fn update(mut call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let class = call.get(&path::CLASS)?;
    let id = call.get(&path::INSTANCE)?;
    let expected_seq = call.get(&known::EXPECTED_SEQ)?;
    let body: InstanceBody = call.json().await?;
    let change = InstanceChange::UpdateInstance {
        class,
        id,
        data: body.data.0,
        expected_seq,
    };
    let action = Action::ChangeInstance { branch, change };
    let submitted = call.submit(database, action, body.metadata).await?;
    submitted.command_result(StatusCode::OK, "instance update accepted")
}

pub(crate) async fn delete(call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let class = call.get(&path::CLASS)?;
    let id = call.get(&path::INSTANCE)?;
    let expected_seq = call.get(&known::EXPECTED_SEQ)?;
    let change = InstanceChange::DeleteInstance {
        class,
        id,
        expected_seq,
    };
    let action = Action::ChangeInstance { branch, change };
    let submitted = call.submit(database, action, None).await?;
    submitted.command_result(StatusCode::OK, "instance deletion accepted")
}

pub(crate) async fn bulk_create(mut call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let class = call.get(&path::CLASS)?;
    let on_error = call.get(&known::ON_ERROR)?;
    let body: BulkBody = call.json().await?;
    check_count(&call, "instances", body.instances.len())?;
    let instances = body.instances.into_iter().map(|row| row.0).collect();
    let action = Action::BulkCreate {
        branch,
        class,
        instances,
        ids: body.ids,
        without_defaults: body.without_defaults,
        on_error,
    };
    let submitted = call.submit(database, action, body.metadata).await?;
    submitted.command_result(StatusCode::CREATED, "bulk creation accepted")
}

pub(crate) async fn transaction(mut call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let body: TransactionBody = call.json().await?;
    check_count(&call, "commands", body.commands.len())?;
    let mut commands = Vec::with_capacity(body.commands.len());
    for (index, command) in body.commands.into_iter().enumerate() {
        commands.push(change(&call, index, command)?);
    }
    let action = Action::Transaction { branch, commands };
    let submitted = call.submit(database, action, body.metadata).await?;
    submitted.command_result(StatusCode::OK, "transaction accepted")
}

fn check_count(call: &Call, field: &str, count: usize) -> Result<(), Failure> {
    if (1..=ROWS).contains(&count) {
        return Ok(());
    }
    Err(call.given.shape_of(
        field,
        "range",
        count.into(),
        format!("{field} must have 1 to {ROWS} entries, not {count}"),
    ))
}

fn change(
    call: &Call,
    index: usize,
    command: TransactionCommand,
) -> Result<InstanceChange, Failure> {
    let refuse = &|field: &str, rule: &str| {
        let path = format!("commands[{index}].{field}");
        let message = match rule {
            "required" => format!("{path} is missing"),
            _ => format!("{path} is not a field of a command of this type"),
        };
        call.given.shape(&path, rule, message)
    };
    let missing = |field| move || refuse(field, "required");
    let id = command.id.as_deref().map(str::parse::<InstanceId>);
    let id = id
        .transpose()
        .map_err(|invalid| Failure::from(invalid).with("field", format!("commands[{index}].id")))?;
    let (class, data) = (command.class, command.data.map(|data| data.0));
    let expected_seq = command.expected_seq.map(Sequence);
    match command.kind {
        TransactionVerb::CreateInstance if expected_seq.is_some() => {
            Err(refuse("expected_seq", "unknown"))
        }
        TransactionVerb::DeleteInstance if data.is_some() => Err(refuse("data", "unknown")),
        TransactionVerb::CreateInstance => Ok(InstanceChange::CreateInstance {
            class,
            id,
            data: data.ok_or_else(missing("data"))?,
        }),
        TransactionVerb::UpdateInstance => Ok(InstanceChange::UpdateInstance {
            class,
            data: data.ok_or_else(missing("data"))?,
            expected_seq: expected_seq.ok_or_else(missing("expected_seq"))?,
            id: id.ok_or_else(missing("id"))?,
        }),
        TransactionVerb::DeleteInstance => Ok(InstanceChange::DeleteInstance {
            class,
            expected_seq: expected_seq.ok_or_else(missing("expected_seq"))?,
            id: id.ok_or_else(missing("id"))?,
        }),
    }
}
