//! The action of a request to the gateway.

use spice_core::{
    command::Action,
    id::{LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName, DatabaseName},
    ontology::Class,
};
use spice_operator::{
    ApiError,
    client::{Command, Verb},
};

use super::refusal::{invalid_name_error, refusal};

/// The database and the action of a command.
pub(super) fn of(command: &Command) -> Result<(DatabaseName, Action), ApiError> {
    let part = |index: usize| command.path.get(index).map(String::as_str);
    let action = match (part(1), part(2), part(3), command.verb) {
        (None, ..) => {
            let description = text(command, "description").unwrap_or_default();
            let action = Action::CreateDatabase {
                description: description.to_owned(),
                options: None,
            };
            return Ok((database(text(command, "name"))?, action));
        }
        (_, Some("branches"), None, Verb::Create) => Action::CreateBranch {
            branch: branch(text(command, "name"))?,
            from_branch: branch(text(command, "from_branch"))?,
            from_position: number(command, "from_position").map(LogPosition),
        },
        (_, Some("ontology"), None, Verb::Create) => {
            let definition = body(command)?;
            Class::create(&definition).map_err(|it| refusal(&it))?;
            Action::CreateClass {
                branch: branch(query(command, "branch"))?,
                definition,
            }
        }
        (_, Some("ontology"), Some(class), Verb::Update) => Action::UpdateClass {
            branch: branch(query(command, "branch"))?,
            class: class.parse::<ClassName>().map_err(invalid_name_error)?,
            patch: body(command)?,
            expected_seq: Sequence(
                query(command, "expected_seq")
                    .and_then(|text| text.parse().ok())
                    .unwrap_or_default(),
            ),
        },
        _ => {
            let path = command.path.join("/");
            let message = format!(
                "a dry run does not support {} {path}",
                command.verb.as_str()
            );
            return Err(ApiError::Rejected {
                reason: "not_rehearsed".to_owned(),
                message,
            });
        }
    };
    Ok((database(part(1))?, action))
}

fn database(name: Option<&str>) -> Result<DatabaseName, ApiError> {
    name.unwrap_or_default().parse().map_err(invalid_name_error)
}

fn branch(name: Option<&str>) -> Result<BranchName, ApiError> {
    name.unwrap_or("main").parse().map_err(invalid_name_error)
}

fn text<'a>(command: &'a Command, key: &str) -> Option<&'a str> {
    command.body.as_ref()?.get(key)?.as_str()
}

fn number(command: &Command, key: &str) -> Option<u64> {
    command.body.as_ref()?.get(key)?.as_u64()
}

fn query<'a>(command: &'a Command, key: &str) -> Option<&'a str> {
    let mut query = command.query.iter();
    let (_, value) = query.find(|(name, _)| *name == key)?;
    Some(value)
}

fn body(command: &Command) -> Result<Json, ApiError> {
    Json::of(&command.body).map_err(|error| ApiError::Invalid {
        reason: "invalid_request".to_owned(),
        message: error.to_string(),
    })
}
