//! The bodies of the earlier system's merges (contract §12).

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use spice_core::{
    command::{Choice, Resolution, Strategy},
    json::Json,
};

use super::{ResolutionBody, SideWord, given, resolution, wrong};
use crate::http::{bodies::objects, call::Call, failure::Failure, shapes::Anything};

/// `{source_branch, target_branch, strategy?, resolutions?, message?, author?, dry_run?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OlderMergeBody {
    /// The branch whose changes are taken.
    pub(crate) source_branch: String,
    /// The branch merged into.
    pub(crate) target_branch: String,
    #[serde(default)]
    pub(crate) strategy: Option<OlderStrategyWord>,
    #[serde(default, deserialize_with = "objects")]
    pub(crate) resolutions: Vec<OlderResolutionBody>,
    /// What the history of the branch says of the merge.
    #[serde(default)]
    pub(crate) message: Option<String>,
    /// Whom the client names; kept beside the message.
    #[serde(default)]
    pub(crate) author: Option<String>,
    /// Only tells what would happen. A simulation always does.
    #[serde(default)]
    pub(crate) dry_run: Option<bool>,
}

impl OlderMergeBody {
    /// What the client says besides, as the log keeps it.
    pub(crate) fn client(&self) -> Result<Option<Json>, Failure> {
        let said = [("message", &self.message), ("author", &self.author)];
        let said: serde_json::Map<String, Value> = said
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into())))
            .collect();
        let said = (!said.is_empty()).then_some(said);
        Ok(said.map(|said| Json::of(&said)).transpose()?)
    }
}

/// What decides where both changed the same.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OlderStrategyWord {
    /// The earlier name of `fail`.
    Merge,
    /// Refuse, and name every conflict.
    Fail,
    /// Keep what the branch merged into has.
    Ours,
    /// Take what the source has.
    Theirs,
}

/// The one earlier kind of resolution.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResolutionType {
    /// The value that is given holds.
    UseValue,
}

/// `{path, resolution_type, resolved_value}`, or as the newer calls have it:
/// `{aggregate_id, property?, take}` or `{aggregate_id, property, value}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OlderResolutionBody {
    /// The conflict, as its `path` names it: `aggregate_id/property`.
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    resolution_type: Option<ResolutionType>,
    /// The value that holds; `null` for none.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Anything")]
    resolved_value: Option<Json>,
    /// What a client keeps for itself; not read.
    #[serde(default)]
    #[allow(dead_code, reason = "the earlier clients send it")]
    #[schemars(with = "Option<Anything>")]
    metadata: Option<Json>,
    /// The aggregate on the branch merged into, in place of `path`.
    #[serde(default)]
    aggregate_id: Option<String>,
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

pub(crate) fn older_strategy(word: Option<OlderStrategyWord>) -> Strategy {
    match word {
        None | Some(OlderStrategyWord::Merge | OlderStrategyWord::Fail) => Strategy::Fail,
        Some(OlderStrategyWord::Ours) => Strategy::Ours,
        Some(OlderStrategyWord::Theirs) => Strategy::Theirs,
    }
}

/// Resolutions of either kind, each saying one thing.
pub(crate) fn older_resolutions(
    call: &Call,
    bodies: Vec<OlderResolutionBody>,
) -> Result<Vec<Resolution>, Failure> {
    let bodies = bodies.into_iter().enumerate();
    bodies
        .map(|(index, body)| older_resolution(call, index, body))
        .collect()
}

fn older_resolution(
    call: &Call,
    index: usize,
    body: OlderResolutionBody,
) -> Result<Resolution, Failure> {
    let wrong = |field: &str, rule: &str, value: Value, message: &str| {
        Err(wrong(call, index, (field, rule), value, message))
    };
    let Some(path) = body.path else {
        if body.resolution_type.is_some() || body.resolved_value.is_some() {
            let message = "is missing: it names the conflict as `aggregate_id/property`";
            return wrong("path", "required", Value::Null, message);
        }
        let Some(aggregate_id) = body.aggregate_id else {
            let message = "is missing: a resolution names a conflict by `path` or `aggregate_id`";
            return wrong("aggregate_id", "required", Value::Null, message);
        };
        let body = ResolutionBody {
            aggregate_id,
            property: body.property,
            take: body.take,
            value: body.value,
        };
        return resolution(call, index, body);
    };
    for (field, is_there) in [
        ("aggregate_id", body.aggregate_id.is_some()),
        ("property", body.property.is_some()),
        ("take", body.take.is_some()),
        ("value", body.value.is_some()),
    ] {
        if is_there {
            return wrong(
                field,
                "exclusive",
                Value::Null,
                "does not go together with `path`",
            );
        }
    }
    let Some((aggregate_id, property)) = path.rsplit_once('/') else {
        let message = "must name a conflict as `aggregate_id/property`";
        return wrong("path", "path", path.into(), message);
    };
    let Some(value) = body.resolved_value else {
        let message = "is missing: the value that holds";
        return wrong("resolved_value", "required", Value::Null, message);
    };
    Ok(Resolution {
        aggregate_id: aggregate_id.to_owned(),
        property: Some(property.to_owned()),
        choice: Choice::Value(value),
    })
}
