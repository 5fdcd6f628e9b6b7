//! Declarations: things are brought to the declared state, or an owner gives them up.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spice_core::{
    access::Role,
    command::{Action, Adopt, Command, Declaration, Declared},
    decide::{DeclarationPlan, Safety, Tallies, receipt},
    error::ErrorCode,
    id::{CommandId, LogPosition, StreamId},
    json::Json,
    merge::ChangeKind,
    name::{BranchName, DatabaseName},
    ontology::{Class, ClassFinding},
};

use crate::http::{
    answer::{self, Answer},
    bodies::declare::{CLASSES, DeclareBody, UndeclareBody},
    call::Call,
    failure::Failure,
    submit::Submitted,
};

/// What a declaration did, or would do.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeclareAnswer {
    database: DatabaseName,
    /// Whether anything changed, including who holds what. If not, nothing was written.
    changed: bool,
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<CommandId>,
    /// Whether the projections have it. Missing if nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["processing", "completed"]))]
    status: Option<&'static str>,
    /// Missing if nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<LogPosition>,
    changes: Vec<DeclaredChange>,
    /// What the change loses or invalidates, worst first; at most 20.
    findings: Vec<ClassFinding>,
    findings_total: usize,
    safe: bool,
    /// The hash of an unsafe plan, for `approve`.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

/// One thing that changed.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct DeclaredChange {
    /// `database`, `branch` or `class`.
    kind: String,
    name: String,
    change: ChangeKind,
}

/// The part of a receipt that lists changes.
#[derive(Deserialize)]
struct Changes {
    #[serde(default)]
    changes: Vec<DeclaredChange>,
}

pub(crate) async fn declare(mut call: Call) -> Answer {
    let database = call.database()?;
    let mut body: DeclareBody = call.json().await?;
    let is_decision = body.owner.is_some() || body.takes_over || body.database.is_some();
    if is_decision {
        call.require_role(Role::Admin)?;
    }
    let declared = read_declared(&call, &mut body)?;
    if body.owner.is_some() != body.generation.is_some() {
        let message = "give both `owner` and `generation`, or neither";
        return Err(call.given.shape("generation", "required", message));
    }
    let declaration = Declaration {
        owner: body.owner,
        generation: body.generation.unwrap_or_default(),
        adopt: body.adopt,
        takes_over: body.takes_over,
        recreate: body.recreate,
        policy: body.change_policy,
        approve: body.approve,
        declared,
    };
    carry_out(&call, database, declaration, body.dry_run).await
}

pub(crate) async fn undeclare(mut call: Call) -> Answer {
    let database = call.database()?;
    let body: UndeclareBody = call.json().await?;
    let declared = match body.to {
        Some(_) if body.delete => {
            let message = "give either `delete` or `to`, not both";
            return Err(call.given.shape("to", "exclusive", message));
        }
        Some(to) => Declared::HandOver {
            to,
            only: body.only,
        },
        None if body.only.is_some() => {
            return Err(call.given.shape("only", "required", "`only` needs `to`"));
        }
        None if body.delete => Declared::Delete,
        None => Declared::Release,
    };
    let declaration = Declaration {
        owner: Some(body.owner),
        generation: body.generation,
        adopt: Adopt::Never,
        takes_over: body.takes_over,
        recreate: false,
        policy: body.change_policy,
        approve: body.approve,
        declared,
    };
    carry_out(&call, database, declaration, body.dry_run).await
}

/// The one thing that a body declares.
fn read_declared(call: &Call, body: &mut DeclareBody) -> Result<Declared, Failure> {
    let given = (
        body.database.take(),
        body.branch.take(),
        body.classes.take(),
    );
    match given {
        (Some(database), None, None) => Ok(Declared::Database {
            description: database.description,
            after_generation: database.after_generation,
        }),
        (None, Some(branch), None) => Ok(Declared::Branch {
            name: branch.name.parse()?,
            from_branch: or_main(branch.from_branch)?,
            from_position: branch.from_position,
        }),
        (None, None, Some(classes)) => {
            check_definitions(call, &classes.definitions)?;
            Ok(Declared::Classes {
                branch: or_main(classes.branch)?,
                definitions: classes.definitions,
            })
        }
        _ => {
            let message = "a declaration has exactly one of `database`, `branch` and `classes`";
            Err(call.given.shape("body", "one_of", message))
        }
    }
}

fn or_main(branch: Option<String>) -> Result<BranchName, Failure> {
    Ok(match branch {
        Some(branch) => branch.parse()?,
        None => BranchName::main(),
    })
}

/// Refuses definitions with a wrong shape, with the path of the field.
fn check_definitions(call: &Call, definitions: &[Json]) -> Result<(), Failure> {
    if definitions.len() > CLASSES {
        let count = definitions.len();
        let message = format!("definitions must have at most {CLASSES} entries, not {count}");
        let field = "classes.definitions";
        return Err(call.given.shape_of(field, "range", count.into(), message));
    }
    for (index, definition) in definitions.iter().enumerate() {
        if let Err(mut refusal) = Class::create(definition) {
            let path = format!("classes.definitions[{index}]");
            let own = refusal.detail.get("field").and_then(|field| field.as_str());
            let field = match own {
                Some(own) if !own.is_empty() => format!("{path}.{own}"),
                _ => path.clone(),
            };
            refusal = refusal.with("field", field);
            refusal.message = format!("{path}: {}", refusal.message);
            return Err(Failure::of_refusal(call.surface, refusal));
        }
    }
    Ok(())
}

async fn carry_out(
    call: &Call,
    database: DatabaseName,
    declaration: Declaration,
    dry_run: bool,
) -> Answer {
    let command = call.command(database, Action::Declare(Box::new(declaration)), None);
    let is_repeated = !dry_run && call.receipt_before(&command.database).await?.is_some();
    let planned = if is_repeated {
        None
    } else {
        plan(call, &command).await?
    };
    let (safety, tallies) = match planned {
        Some((plan, tallies)) => {
            if dry_run || (plan.safety.safe && !plan.is_changed()) {
                return answer_plan(&command, &plan, dry_run);
            }
            (plan.safety, tallies)
        }
        None if dry_run => return answer_missing(command.database),
        None => (Safety::default(), Tallies::default()),
    };
    let submitted = call.submit_counted(command, tallies).await?;
    answer_written(&submitted, safety)
}

/// The plan; none for a database that does not exist yet.
async fn plan(
    call: &Call,
    command: &Command,
) -> Result<Option<(DeclarationPlan, Tallies)>, Failure> {
    let planned = call.api.engine.writer.plan_declaration(command).await;
    match planned {
        Ok(planned) => Ok(Some(planned)),
        Err(refusal)
            if refusal.code == ErrorCode::NotFound && command.action.creates_database() =>
        {
            Ok(None)
        }
        Err(refusal) => Err(Failure::of_refusal(call.surface, refusal)),
    }
}

fn answer_plan(command: &Command, plan: &DeclarationPlan, dry_run: bool) -> Answer {
    let stream = StreamId::first(command.database.clone());
    let result = receipt(&stream, &plan.envelopes).ok().map(|it| it.result);
    let changes = match result {
        Some(result) => result.read::<Changes>()?.changes,
        None => Vec::new(),
    };
    let data = DeclareAnswer {
        changed: plan.is_changed(),
        dry_run,
        changes,
        ..DeclareAnswer::new(command.database.clone(), plan.safety.clone())
    };
    let message = match (dry_run, data.changed) {
        (true, _) => "this would happen",
        (false, _) => "nothing to change",
    };
    answer::success(message, data)
}

fn answer_missing(database: DatabaseName) -> Answer {
    let change = DeclaredChange {
        kind: "database".to_owned(),
        name: database.to_string(),
        change: ChangeKind::Added,
    };
    let data = DeclareAnswer {
        changed: true,
        dry_run: true,
        changes: vec![change],
        ..DeclareAnswer::new(database, Safety::default())
    };
    answer::success("this would happen", data)
}

fn answer_written(submitted: &Submitted, safety: Safety) -> Answer {
    let receipt = &submitted.receipt;
    let (progress, status) = if submitted.is_completed() {
        ("completed", "success")
    } else {
        ("processing", "accepted")
    };
    let data = DeclareAnswer {
        changed: true,
        command_id: Some(receipt.command_id),
        status: Some(progress),
        position: Some(receipt.last),
        changes: receipt.result.read::<Changes>()?.changes,
        ..DeclareAnswer::new(receipt.stream.database.clone(), safety)
    };
    let code = submitted.code(StatusCode::OK);
    let answer = answer::api(code, status, "declaration accepted", data)?;
    Ok(submitted.finish(answer))
}

impl DeclareAnswer {
    fn new(database: DatabaseName, safety: Safety) -> Self {
        let Safety {
            findings,
            findings_total,
            safe,
            hash,
        } = safety;
        Self {
            database,
            changed: false,
            dry_run: false,
            command_id: None,
            status: None,
            position: None,
            changes: Vec::new(),
            findings,
            findings_total,
            safe,
            hash,
        }
    }
}
