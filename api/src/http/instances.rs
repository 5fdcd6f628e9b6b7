//! Writes of instances: create, update, delete, bulk, transactions.

use axum::http::StatusCode;
use spice_core::{
    command::{Action, Change, ClassChange, InstanceChange},
    id::Sequence,
    json::Json,
    name::{InstanceId, InvalidName},
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

/// A command with the fields of its type, and no others.
fn change(call: &Call, index: usize, command: TransactionCommand) -> Result<Change, Failure> {
    let refuse = |field: &str, rule: &str| {
        let path = format!("commands[{index}].{field}");
        let message = match rule {
            "required" => format!("{path} is missing"),
            _ => format!("{path} is not a field of a command of this type"),
        };
        call.given.shape(&path, rule, message)
    };
    let located =
        |failure: Failure, field: &str| failure.with("field", format!("commands[{index}].{field}"));
    let kind = command.kind;
    let given = [
        ("class", command.class.is_some()),
        ("id", command.id.is_some()),
        ("data", command.data.is_some()),
        ("definition", command.definition.is_some()),
        ("expected_seq", command.expected_seq.is_some()),
    ];
    let (needed, optional) = kind.fields();
    for (field, is_given) in given {
        match is_given {
            false if needed.contains(&field) => return Err(refuse(field, "required")),
            true if !needed.contains(&field) && !optional.contains(&field) => {
                return Err(refuse(field, "unknown"));
            }
            _ => {}
        }
    }
    let id = command.id.as_deref().map(str::parse::<InstanceId>);
    let id = id
        .transpose()
        .map_err(|invalid| located(invalid.into(), "id"))?;
    let named = command.class.unwrap_or_default();
    let class = || {
        named
            .parse()
            .map_err(|invalid: InvalidName| located(invalid.into(), "class"))
    };
    let missing = |field: &'static str| move || refuse(field, "required");
    let data = command.data.map(|data| data.0).unwrap_or_default();
    let definition = command.definition.unwrap_or_else(Json::null);
    let expected_seq = Sequence(command.expected_seq.unwrap_or_default());
    Ok(match kind {
        TransactionVerb::CreateInstance => InstanceChange::CreateInstance {
            class: named,
            id,
            data,
        }
        .into(),
        TransactionVerb::UpdateInstance => InstanceChange::UpdateInstance {
            class: named,
            id: id.ok_or_else(missing("id"))?,
            data,
            expected_seq,
        }
        .into(),
        TransactionVerb::DeleteInstance => InstanceChange::DeleteInstance {
            class: named,
            id: id.ok_or_else(missing("id"))?,
            expected_seq,
        }
        .into(),
        TransactionVerb::CreateOntologyClass => {
            ClassChange::CreateOntologyClass { definition }.into()
        }
        TransactionVerb::UpdateOntologyClass => ClassChange::UpdateOntologyClass {
            class: class()?,
            definition,
            expected_seq,
        }
        .into(),
        TransactionVerb::DeleteOntologyClass => ClassChange::DeleteOntologyClass {
            class: class()?,
            expected_seq,
        }
        .into(),
    })
}
