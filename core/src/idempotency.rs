//! `Idempotency-Key`: maps keys to commands.

use uuid::Uuid;

use crate::{
    id::{CommandId, StreamId},
    name::DatabaseName,
};

/// A key of a client's request. Within one generation of one database, the same key of the same
/// principal is the same command.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    principal: String,
    key: String,
    part: Option<String>,
}

impl IdempotencyKey {
    /// A key of a principal.
    pub fn new(principal: &str, key: &str) -> Self {
        Self {
            principal: principal.to_owned(),
            key: key.to_owned(),
            part: None,
        }
    }

    /// The key of one of several commands of a request.
    #[must_use]
    pub fn part(self, part: &str) -> Self {
        Self {
            part: Some(part.to_owned()),
            ..self
        }
    }

    /// The command id in one generation of a database.
    pub fn command_in(&self, stream: &StreamId) -> CommandId {
        self.command_within(&stream.to_string())
    }

    /// The id that earlier builds gave the command in every generation of a database, which is the
    /// id of the first generation. Logs of later generations that they wrote contain such ids.
    pub fn command_in_any(&self, database: &DatabaseName) -> CommandId {
        self.command_within(database.as_str())
    }

    /// A database name has no dot, so the name of a log cannot equal the name of another database.
    fn command_within(&self, scope: &str) -> CommandId {
        let Self {
            principal,
            key,
            part,
        } = self;
        let length = principal.len();
        let name = format!("spice:idempotency:{length}:{principal}:{scope}:{key}");
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes());
        CommandId(match part {
            None => id,
            Some(part) => Uuid::new_v5(&id, part.as_bytes()),
        })
    }
}
