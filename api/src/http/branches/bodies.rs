//! The bodies of merge, rebase and rollback (contract §3), and the older ones.

mod older;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use spice_core::{
    command::{Choice, Resolution, Side, Strategy},
    id::LogPosition,
    json::Json,
};

pub(crate) use self::older::{OlderMergeBody, older_resolutions, older_strategy};
use crate::http::{bodies::objects, call::Call, failure::Failure, shapes::Anything};

/// `{into, strategy?, resolutions?, dry_run?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeBody {
    /// The branch merged into.
    pub(crate) into: String,
    #[serde(default)]
    pub(crate) strategy: Option<StrategyWord>,
    #[serde(default, deserialize_with = "objects")]
    pub(crate) resolutions: Vec<ResolutionBody>,
    /// Only tells what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// `{onto?, strategy?, resolutions?, dry_run?}`
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebaseBody {
    /// The branch to stand on; `main` when left out.
    #[serde(default)]
    pub(crate) onto: Option<String>,
    #[serde(default)]
    pub(crate) strategy: Option<StrategyWord>,
    #[serde(default, deserialize_with = "objects")]
    pub(crate) resolutions: Vec<ResolutionBody>,
    /// Only tells what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// `{to_position, dry_run?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackBody {
    /// The position whose state comes back.
    #[schemars(with = "u64")]
    pub(crate) to_position: LogPosition,
    /// Only tells what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// [`RollbackBody`] with the branch, for oms.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionRollbackBody {
    /// The branch; `main` when left out.
    #[serde(default)]
    pub(crate) branch: Option<String>,
    /// The position whose state comes back.
    #[schemars(with = "u64")]
    pub(crate) to_position: LogPosition,
    /// Only tells what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// What decides where both changed the same.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StrategyWord {
    /// Refuse, and name every conflict.
    Fail,
    /// Keep what the branch merged into has.
    Ours,
    /// Take what the source has.
    Theirs,
}

/// One side of a merge.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SideWord {
    /// The branch merged into.
    Ours,
    /// The source.
    Theirs,
}

/// `{aggregate_id, property?, take}` or `{aggregate_id, property, value}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolutionBody {
    /// The aggregate on the branch merged into, as the conflict names it.
    aggregate_id: String,
    /// The property; the whole aggregate when left out.
    #[serde(default)]
    property: Option<String>,
    /// The side that holds.
    #[serde(default)]
    take: Option<SideWord>,
    /// The value that holds; `null` for none. In place of `take`.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Anything")]
    value: Option<Json>,
}

/// A value that is there, be it `null`.
pub(crate) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

pub(super) fn strategy(word: Option<StrategyWord>) -> Strategy {
    match word {
        None | Some(StrategyWord::Fail) => Strategy::Fail,
        Some(StrategyWord::Ours) => Strategy::Ours,
        Some(StrategyWord::Theirs) => Strategy::Theirs,
    }
}

/// Resolutions, each saying one thing.
pub(super) fn resolutions(
    call: &Call,
    bodies: Vec<ResolutionBody>,
) -> Result<Vec<Resolution>, Failure> {
    let bodies = bodies.into_iter().enumerate();
    bodies
        .map(|(index, body)| resolution(call, index, body))
        .collect()
}

/// What is wrong with a field of a resolution.
fn wrong(
    call: &Call,
    index: usize,
    (field, rule): (&str, &str),
    value: Value,
    message: &str,
) -> Failure {
    let field = format!("resolutions[{index}].{field}");
    let message = format!("{field} {message}");
    call.shape_of(&field, rule, value, message)
}

fn resolution(call: &Call, index: usize, body: ResolutionBody) -> Result<Resolution, Failure> {
    let wrong = |field: &str, rule: &str, value: Value, message: &str| {
        Err(wrong(call, index, (field, rule), value, message))
    };
    let choice = match (body.take, body.value) {
        (None, None) => {
            let message = "is missing: a resolution says with `take` or with `value` what holds";
            return wrong("take", "required", Value::Null, message);
        }
        (Some(_), Some(value)) => {
            let message = "does not go together with `take`";
            return wrong("value", "exclusive", value.to_shown(), message);
        }
        (None, Some(_)) if body.property.is_none() => {
            let message = "is missing: a value is that of a property";
            return wrong("property", "required", Value::Null, message);
        }
        (Some(SideWord::Ours), None) => Choice::Take(Side::Ours),
        (Some(SideWord::Theirs), None) => Choice::Take(Side::Theirs),
        (None, Some(value)) => Choice::Value(value),
    };
    Ok(Resolution {
        aggregate_id: body.aggregate_id,
        property: body.property,
        choice,
    })
}
