//! The parameters of paths.

use serde_json::{Value, json};
use spice_core::{
    error::ErrorCode,
    handler,
    id::{CommandId, LogPosition},
    name::{BranchName, DatabaseName, InstanceId, InvalidName},
    replay::ReplayId,
};
use uuid::Uuid;

use super::{
    given::{Given, LARGEST, decode, no_such_path, position},
    number::bounds,
    parameter::{Described, Kind, Parameter, Place, parameters},
    text::{BRANCH_PATTERN, DATABASE_PATTERN, schema},
};
use crate::http::failure::Failure;

parameters! {
    DATABASE: Database, "db", "The database.", "demo";
    CLASS: Segment, "class", "A class, by id or label.", "Product";
    INSTANCE: Instance, "id",
        "The id of an instance, percent-encoded: 1 to 255 bytes of UTF-8.", "chair-1";
    INSTANCE_ID: InstanceInQuery, "instance_id",
        "The id of the instance, with `-` in its place in the path: for the ids `.` and `..`, \
         which most clients remove from a path even when they are percent-encoded.";
    COMMAND: Command, "id", "The id of a command.", "01928374-1111-7222-8333-444455556666";
    BRANCH: Branch, "name", "The name of a branch, which may contain `/`.", "main";
    HANDLER: Segment, "handler", "A sink's handler.", handler::INSTANCES;
    POSITION: Position, "position", "A position of the log.", "5";
    TASK: Task, "task_id", "The id of a replay.", "01928374-1111-7222-8333-444455556666";
}

/// The parameters of paths; `{id}` after `commands` is [`COMMAND`].
const ALL: [&dyn Described; 7] = [
    &DATABASE, &CLASS, &INSTANCE, &BRANCH, &HANDLER, &POSITION, &TASK,
];

/// The pattern of an instance's id, whose length counts in bytes: no blank at either end, no
/// control character.
const INSTANCE_PATTERN: &str = r"^[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])?$";

/// Last parts of a path that are not part of a name, unless the `/` before them is written `%2F`.
const VERBS: [&str; 4] = ["diff", "merge", "rebase", "rollback"];

/// The parameters in a path template.
pub(crate) fn of(template: &str) -> impl Iterator<Item = &'static dyn Described> {
    let parts = template.split('/');
    parts
        .clone()
        .zip(parts.skip(1))
        .filter_map(|(before, part)| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            let name = name.strip_prefix('*').unwrap_or(name);
            if before == "commands" {
                return Some(&COMMAND as &dyn Described);
            }
            ALL.into_iter().find(|known| known.name() == name)
        })
}

/// The database in a path, before the request is split. Every path that names one has `{db}`.
pub(crate) fn database(template: &str, path: &str) -> Result<DatabaseName, Failure> {
    let mut parts = template.split('/').zip(path.split('/'));
    let part = parts.find_map(|(place, part)| (place == "{db}").then_some(part));
    let part = part.ok_or_else(|| {
        let message = format!("the path {template} names no database");
        Failure::new(ErrorCode::Internal, message)
    })?;
    Ok(decode(part)?.parse()?)
}

/// The name of a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Database;

impl Kind for Database {
    const PLACE: Place = Place::Path;
    type Value<'a> = DatabaseName;

    fn read(&self, name: &str, given: &Given) -> Result<DatabaseName, Failure> {
        Ok(given.segment(name)?.parse()?)
    }

    fn schema(&self) -> Value {
        schema(DATABASE_PATTERN, 3, 50)
    }
}

/// A text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment;

impl Kind for Segment {
    const PLACE: Place = Place::Path;
    type Value<'a> = String;

    fn read(&self, name: &str, given: &Given) -> Result<String, Failure> {
        given.segment(name)
    }

    fn schema(&self) -> Value {
        json!({"type": "string", "minLength": 1, "maxLength": 100})
    }
}

/// The id of an instance; or `?instance_id=` instead, with a `-` in the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instance;

impl Kind for Instance {
    const PLACE: Place = Place::Path;
    type Value<'a> = InstanceId;

    fn read(&self, name: &str, given: &Given) -> Result<InstanceId, Failure> {
        let field = INSTANCE_ID.name;
        let mut id = given.segment(name)?;
        if let Some(written) = INSTANCE_ID.read(given)? {
            if id != "-" && id != written {
                let message =
                    format!("{field} is {written:?}, but the path has {id:?}; put - in the path");
                return Err(Failure::new(ErrorCode::InvalidRequest, message).with("field", field));
            }
            written.clone_into(&mut id);
        }
        id.parse()
            .map_err(|invalid: InvalidName| Failure::from(invalid).with("field", field))
    }

    fn schema(&self) -> Value {
        schema(INSTANCE_PATTERN, 1, 255)
    }
}

/// The id of an instance in a query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InstanceInQuery;

impl Kind for InstanceInQuery {
    type Value<'a> = Option<&'a str>;

    fn read<'a>(&self, name: &str, given: &'a Given) -> Result<Option<&'a str>, Failure> {
        Ok(given.query(name))
    }

    fn schema(&self) -> Value {
        Instance.schema()
    }
}

/// The id of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Command;

impl Kind for Command {
    const PLACE: Place = Place::Path;
    type Value<'a> = CommandId;

    fn read(&self, name: &str, given: &Given) -> Result<CommandId, Failure> {
        read_uuid(name, given, ("command", "command_id")).map(CommandId)
    }

    fn schema(&self) -> Value {
        json!({"type": "string", "format": "uuid"})
    }
}

fn read_uuid(name: &str, given: &Given, (what, field): (&str, &str)) -> Result<Uuid, Failure> {
    let text = given.segment(name)?;
    text.parse().map_err(|_| {
        let message = format!("{text:?} is not a {what} id; it must be a UUID");
        Failure::new(ErrorCode::InvalidRequest, message).with("field", field)
    })
}

/// The id of a replay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task;

impl Kind for Task {
    const PLACE: Place = Place::Path;
    type Value<'a> = ReplayId;

    fn read(&self, name: &str, given: &Given) -> Result<ReplayId, Failure> {
        read_uuid(name, given, ("task", "task_id")).map(ReplayId)
    }

    fn schema(&self) -> Value {
        json!({"type": "string", "format": "uuid"})
    }
}

/// The name of a branch. A plain `/` and `%2F` mean the same in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch;

impl Kind for Branch {
    const PLACE: Place = Place::Path;
    type Value<'a> = BranchName;

    fn read(&self, name: &str, given: &Given) -> Result<BranchName, Failure> {
        let parts = given.rest(name)?;
        if parts.len() > 1 && parts.last().is_some_and(|last| VERBS.contains(last)) {
            return Err(no_such_path());
        }
        Ok(decode(&parts.join("/"))?.parse()?)
    }

    fn schema(&self) -> Value {
        schema(BRANCH_PATTERN, 1, 100)
    }
}

/// A position of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position;

impl Kind for Position {
    const PLACE: Place = Place::Path;
    type Value<'a> = LogPosition;

    fn read(&self, name: &str, given: &Given) -> Result<LogPosition, Failure> {
        let text = given.segment(name)?;
        position(&text).ok_or_else(|| {
            let message = format!("a position must be a whole number from 0 up, not {text:?}");
            Failure::token(name, "position", &text, message)
        })
    }

    fn schema(&self) -> Value {
        bounds(0, LARGEST)
    }
}
