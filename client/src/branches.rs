//! Branches.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Accepted, Client, Error, Write, calls, commands::Enveloped};

/// `GET /databases/{db}/branches`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BranchList {
    /// The branches, by name.
    pub branches: Vec<Branch>,
    /// The number of branches.
    pub count: u64,
}

/// A branch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// The parent branch; none for `main`.
    #[serde(default)]
    pub from_branch: Option<String>,
    /// The last visible position of the parent.
    #[serde(default)]
    pub from_position: Option<u64>,
    /// The position of its creation or last rebase.
    #[serde(default)]
    pub generation: Option<u64>,
    /// The number of commands about the branch itself.
    #[serde(default)]
    pub sequence: Option<u64>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Whether deleting it needs force.
    #[serde(default)]
    pub protected: bool,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A branch to create.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewBranch {
    /// Its name.
    pub name: String,
    /// The parent; `main` if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_branch: Option<String>,
    /// The position where it starts; the end of the log if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_position: Option<u64>,
}

impl Client {
    /// The branches of a database.
    pub async fn branches(&self, database: &str) -> Result<BranchList, Error> {
        self.call(&calls::LIST_BRANCHES, &[database]).fetch().await
    }

    /// A branch.
    pub async fn branch(&self, database: &str, name: &str) -> Result<Branch, Error> {
        let request = self.call(&calls::GET_BRANCH, &[database, name]);
        let answer: Enveloped<Branch> = request.fetch().await?;
        Ok(answer.data)
    }

    /// Creates a branch.
    pub async fn create_branch(
        &self,
        database: &str,
        branch: &NewBranch,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::CREATE_BRANCH, &[database])
            .json(branch)
            .write(&write.off_branch())
            .fetch()
            .await
    }

    /// Deletes a branch; a protected one only with `force`.
    pub async fn delete_branch(
        &self,
        database: &str,
        name: &str,
        force: bool,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::DELETE_BRANCH, &[database, name])
            .maybe_query("force", force.then_some("true"))
            .write(&write.off_branch())
            .fetch()
            .await
    }
}
