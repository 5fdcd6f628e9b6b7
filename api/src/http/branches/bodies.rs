//! The bodies of merge, rebase and rollback (contract §3), and of their older names (§12).

mod resolution;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use spice_core::{command::Strategy, id::LogPosition, json::Json, name::BranchName};

use self::resolution::ResolutionBody;
pub(super) use self::resolution::resolutions;
use crate::{http::failure::Failure, objects::objects};

/// `{into, strategy?, resolutions?, dry_run?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeBody {
    /// The target branch.
    pub(crate) into: String,
    #[serde(default)]
    pub(crate) strategy: Option<StrategyWord>,
    #[serde(default, deserialize_with = "objects")]
    pub(crate) resolutions: Vec<ResolutionBody>,
    /// Only report what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// `{onto?, strategy?, resolutions?, dry_run?}`
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebaseBody {
    /// The new parent; default `main`.
    #[serde(default)]
    pub(crate) onto: Option<String>,
    #[serde(default)]
    pub(crate) strategy: Option<StrategyWord>,
    #[serde(default, deserialize_with = "objects")]
    pub(crate) resolutions: Vec<ResolutionBody>,
    /// Only report what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// `{to_position, dry_run?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackBody {
    /// The position to restore.
    pub(crate) to_position: LogPosition,
    /// Only report what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// [`RollbackBody`] with the branch, for oms.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionRollbackBody {
    /// The branch; default `main`.
    #[serde(default)]
    pub(crate) branch: Option<String>,
    /// The position to restore.
    pub(crate) to_position: LogPosition,
    /// Only report what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// `{source_branch, target_branch, strategy?, resolutions?, message?, author?, dry_run?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OlderMergeBody {
    /// The source branch.
    pub(crate) source_branch: String,
    /// The target branch.
    pub(crate) target_branch: String,
    #[serde(default)]
    pub(crate) strategy: Option<StrategyWord>,
    #[serde(default, deserialize_with = "objects")]
    pub(crate) resolutions: Vec<ResolutionBody>,
    /// The message of the merge in the history of the branch.
    #[serde(default)]
    pub(crate) message: Option<String>,
    /// The author according to the client; kept with the message.
    #[serde(default)]
    pub(crate) author: Option<String>,
    /// Only report what would happen. A simulation always does.
    #[serde(default)]
    pub(crate) dry_run: Option<bool>,
}

impl OlderMergeBody {
    /// Message and author, as the log keeps them.
    pub(crate) fn client(&self) -> Result<Option<Json>, Failure> {
        let said = [("message", &self.message), ("author", &self.author)].into_iter();
        let said: IndexMap<_, _> = said.filter(|(_, text)| text.is_some()).collect();
        let client = (!said.is_empty()).then(|| Json::of(&said));
        Ok(client.transpose()?)
    }
}

/// The name of a branch; by default `main`.
pub(super) fn or_main(name: Option<String>) -> Result<BranchName, Failure> {
    Ok(name.map_or_else(|| Ok(BranchName::main()), |name| name.parse())?)
}

/// How to decide conflicts.
#[derive(Default, Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StrategyWord {
    /// Refuse, and list every conflict.
    #[default]
    Fail,
    /// The earlier name of `fail`.
    Merge,
    /// Keep the target's state.
    Ours,
    /// Take the source's state.
    Theirs,
}

impl From<StrategyWord> for Strategy {
    fn from(word: StrategyWord) -> Self {
        match word {
            StrategyWord::Fail | StrategyWord::Merge => Self::Fail,
            StrategyWord::Ours => Self::Ours,
            StrategyWord::Theirs => Self::Theirs,
        }
    }
}
