//! The action of a declaration.

use spice_core::{
    command::{Action, Adopt, ChangePolicy, Declaration, Declared},
    id::LogPosition,
    json::Json,
    name::BranchName,
    ontology::Class,
};
use spice_crds::Exact;
use spice_operator::{
    ApiError,
    client::{self, Subject},
};

use super::refusal::{damage_error, invalid_name_error, refusal};

/// The action of a declaration by a person. What it loses is not counted: the api does that.
pub(super) fn action(declaration: &client::Declaration) -> Result<Action, ApiError> {
    let declared = match &declaration.subject {
        Subject::Database { description, .. } => Declared::Database {
            description: description.clone(),
            after_generation: None,
        },
        Subject::Branch {
            name,
            from_branch,
            from_position,
        } => Declared::Branch {
            name: branch(name)?,
            from_branch: branch(from_branch)?,
            from_position: from_position.map(LogPosition),
        },
        Subject::Classes {
            branch: name,
            definitions,
        } => Declared::Classes {
            branch: branch(name)?,
            definitions: definitions.iter().map(class).collect::<Result<_, _>>()?,
        },
    };
    Ok(Action::Declare(Box::new(Declaration {
        owner: None,
        generation: 0,
        adopt: Adopt::Always,
        takes_over: false,
        recreate: false,
        policy: ChangePolicy::Unsafe,
        approve: None,
        declared,
    })))
}

fn branch(name: &str) -> Result<BranchName, ApiError> {
    name.parse().map_err(invalid_name_error)
}

/// A definition with a right shape.
fn class(definition: &Exact) -> Result<Json, ApiError> {
    let definition = Json::of(definition).map_err(|error| damage_error(&error))?;
    Class::create(&definition).map_err(|it| refusal(&it))?;
    Ok(definition)
}
